//! What clients sent, sealed to three auditors: two of them open it, nobody else does.

use super::*;

fn audit(gateway: &Gateway, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .args(["audit", "originals"])
        .args(arguments)
        .current_dir(folder(gateway));
    command.output().expect("velum runs")
}

fn must(output: Output) -> String {
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub(super) fn opened(bed: &Bed, maker: &mut Gateway) {
    // Keys are made before the gateway that seals to them starts.
    let names = ["ann", "ben", "cyd"];
    let lines = names.map(|name| {
        let line = must(audit(maker, &["keygen", "--name", name, "--output", name]));
        format!("{:?}", line.trim())
    });
    let more = format!("{SEALED}\n\n[originals]\nauditors = [{}]", lines.join(", "));
    let keys = folder(maker);
    let sealing = &mut super::gateway(bed, maker.driver(), &more);
    let mut client = sealing.connect(clinic::MASKED, false);
    let query = format!("SELECT ssn FROM clinic.patients WHERE city <> '{LITERAL}'");
    client.simple(&query).expect("an answer");
    drop(client);
    let session = wait_for(sealing, "whole");
    for (path, bytes) in sealing.files() {
        assert!(
            !clinic::contains(&bytes, LITERAL.as_bytes()),
            "{}",
            path.display()
        );
    }
    let place = format!("recordings/{session}.velumoriginals");
    let [ann, ben] = ["ann", "ben"].map(|name| {
        let key = keys.join(name);
        let key = key.to_str().expect("UTF-8");
        let share = format!("{name}.share");
        must(audit(
            sealing,
            &["share", &place, "--key", key, "--output", &share],
        ));
        share
    });
    let open = |shares: &[&str]| {
        let mut arguments = vec!["open", &session, "--config", "velum.toml"];
        shares
            .iter()
            .for_each(|share| arguments.extend(["--share", share]));
        audit(sealing, &arguments)
    };
    // One person opens nothing, with the gateway's own keys neither.
    for shares in [&[ann.as_str()][..], &[&ann, &ann]] {
        let refused = open(shares);
        assert!(!refused.status.success() && !text(&refused).contains(LITERAL));
    }
    let replayed = sessions(sealing, &["replay", &session, "--plain"]);
    assert!(replayed.status.success() && !text(&replayed).contains(LITERAL));
    let shown = must(open(&[&ann, &ben]));
    assert!(shown.contains(LITERAL), "{shown}");
    assert!(sealing.stop());
    sealing.restart();
    let log = sealing.audit(&["show"]);
    assert!(log.contains("originals sealed to two of ann "), "{log}");
    on_record(sealing, "originals open", &session);
    let key = sealing.audit_key();
    assert!(
        sealing
            .audit(&["verify", "--key", &key])
            .contains("verified")
    );
    let shredded = sessions(sealing, &["shred", &session]);
    assert!(shredded.status.success(), "{}", text(&shredded));
    assert!(!folder(sealing).join(&place).exists());
    let both = ["--share", &ann, "--share", &ben];
    let again = [&["open", &session, "--config", "velum.toml"][..], &both].concat();
    assert!(!audit(sealing, &again).status.success());
}
