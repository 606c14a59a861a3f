//! The audit commands from end to end: a gateway writes a log, an auditor verifies it with the
//! public key, a witness cosigns it, and what somebody did to it stops both.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::house::{CONFIG, House, lived_in};

/// The last segment, with a byte of its last record changed.
fn damage(audit: &Path) {
    let entries = fs::read_dir(audit).expect("the log");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<_> = paths
        .filter(|path| path.to_string_lossy().ends_with("log"))
        .collect();
    segments.sort();
    let last = segments.last().expect("a segment");
    let mut bytes = fs::read(last).expect("a segment");
    let at = bytes.len() - 2;
    bytes[at] ^= 1;
    fs::write(last, bytes).expect("a segment");
}

#[test]
fn a_log_is_written_and_verified() {
    let house = House::new();
    assert_eq!(house.run(&["audit", "key"]).0, 1, "there is no key yet");
    let verify = ["audit", "verify", "audit"];
    assert_eq!(house.run(&verify).0, 2, "there is no log yet");
    let (house, key) = lived_in();
    assert!(key.starts_with("log.example/velum-1+"), "{key}");
    let keys = format!("# of the hospital's log\n{key}\n");
    fs::write(house.path("keys"), keys).expect("a file");
    let verify = [&verify[..], &["--key", "keys"]].concat();
    let (status, out, error) = house.run(&verify);
    assert_eq!(status, 0, "{error}");
    assert!(out.contains("verified: 5 records in 1 segments"), "{out}");
    let signed = "signed:   5 records of log.example/velum-1, root ";
    assert!(out.contains(signed), "{out}");
    let (_, json, _) = house.run(&[&verify[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["verified"], true);
    assert_eq!(json["signed"], 5);
}

#[test]
fn a_record_and_the_growth_of_a_log_are_proved() {
    let (house, key) = lived_in();
    fs::copy(house.path("audit/checkpoint"), house.path("kept")).expect("a copy");
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    let (_, growth, _) = house.run(&["audit", "prove", "audit", "--from", "kept"]);
    let check = ["audit", "verify-proof", "-", "--key", key.as_str()];
    let from_kept = [&check[..], &["--from", "kept"]].concat();
    assert_eq!(house.run_with(&from_kept, &growth).0, 0);
    assert_eq!(house.run_with(&check, &growth).0, 2, "from what?");
    let (_, proof, _) = house.run(&["audit", "prove", "audit", "2"]);
    let (status, out, error) = house.run_with(&check, &proof);
    assert_eq!(status, 0, "{error}");
    let proved = "proved: in 10 records of log.example/velum-1";
    assert!(out.contains(proved), "{out}");
    assert!(out.contains("configuration "), "{out}");
    let forged = proof.replace("index 1\n", "index 2\n");
    let (status, _, error) = house.run_with(&check, &forged);
    assert_eq!(status, 1, "{error}");
}

/// The witness has seen the first run, and sees the second.
#[test]
fn a_witness_cosigns_what_has_grown() {
    let (house, key) = lived_in();
    fs::copy(house.path("audit/checkpoint"), house.path("kept")).expect("a copy");
    let witness = ["witness", "--state", "w", "--log", key.as_str()];
    let (_, first, _) = house.run(&["audit", "prove", "audit", "--from", "0"]);
    assert_eq!(house.run_with(&witness, &first).0, 2, "its key has no name");
    let name = ["witness", "--state", "w", "--name", "witness.example/w1"];
    let (_, witness_key, _) = house.run(&[&name[..], &["--key"]].concat());
    let (status, _, error) = house.run_with(&witness, &first);
    assert_eq!(status, 1, "it has not been told that the log is new");
    assert!(error.contains("--first"), "{error}");
    let begin = [&witness[..], &["--first"]].concat();
    let (status, line, error) = house.run_with(&begin, &first);
    assert_eq!(status, 0, "{error}");
    assert!(line.starts_with("— witness.example/w1 "), "{line}");
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    assert_eq!(house.run_with(&witness, &first).0, 1, "it has seen that");
    let (_, growth, _) = house.run(&["audit", "prove", "audit", "--from", "kept"]);
    let (status, line, error) = house.run_with(&witness, &growth);
    assert_eq!(status, 0, "{error}");
    let newest = fs::read_to_string(house.path("audit/checkpoint")).expect("a checkpoint");
    fs::write(house.path("cosigned"), newest + &line).expect("a file");
    let verify = ["audit", "verify", "audit", "--key", key.as_str()];
    let cosigned = ["--checkpoint", "cosigned", "--key", witness_key.trim()];
    let (status, out, error) = house.run(&[&verify[..], &cosigned].concat());
    assert_eq!(status, 0, "{error}");
    assert!(out.contains("cosigned: witness.example/w1"), "{out}");
}

#[test]
fn what_was_done_to_a_log_stops_the_auditor_and_the_gateway() {
    let (house, key) = lived_in();
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    damage(&house.path("audit"));
    let verify = ["audit", "verify", "audit", "--key", key.as_str()];
    let (status, _, error) = house.run(&verify);
    assert_eq!(status, 1);
    assert!(
        error.starts_with("record 10 (00000000000000000006.velumlog, offset "),
        "{error}"
    );
    let (_, json, _) = house.run(&[&verify[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json["verified"], &json["place"]["sequence"]),
        (&false.into(), &10.into())
    );

    assert!(!house.serve_and_stop(&[]), "it must not start");
    let log = house.log();
    assert!(
        log.contains("the log has 9 records, but its last checkpoint 10 with root"),
        "{log}"
    );
    assert!(log.contains("--accept-log-mismatch"), "{log}");
    assert!(
        house.serve_and_stop(&["--accept-log-mismatch"]),
        "{}",
        house.log()
    );
    let (status, out, error) = house.run(&verify);
    assert_eq!(status, 0, "{error}");
    assert!(
        out.contains("the log did not fit its checkpoint, and was accepted"),
        "{out}"
    );
    assert!(house.serve_and_stop(&[]), "{}", house.log());
}

/// Who knows the first key verifies by it what two later ones have signed.
#[test]
fn keys_are_exchanged_without_a_gap() {
    let (house, first) = lived_in();
    // Of the data directory: the old key is renamed, and the next start makes a new one.
    let (made, before) = ("data/audit-signing.key", "data/audit-signing.previous.key");
    fs::rename(house.path(made), house.path(before)).expect("a key");
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    fs::remove_file(house.path(before)).expect("a key");
    assert!(house.serve_and_stop(&[]), "{}", house.log());

    // To a configured one: without the one before, the log is somebody else's.
    let configure = |more: &str| {
        let audit = format!("directory = \"audit\"\n{more}");
        let config = CONFIG.replace("directory = \"audit\"", &audit);
        fs::write(house.path("velum.toml"), config).expect("a configuration");
    };
    fs::write(house.path("key"), "5e".repeat(32)).expect("a key");
    fs::set_permissions(house.path("key"), fs::Permissions::from_mode(0o600)).expect("a mode");
    configure("signing_key = { file = \"key\" }");
    assert!(!house.serve_and_stop(&[]), "it must not start");
    assert!(
        house.log().contains("signed by no known key"),
        "{}",
        house.log()
    );
    configure(&format!(
        "signing_key = {{ file = \"key\" }}\nprevious_signing_key = {{ file = \"{made}\" }}"
    ));
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    configure("signing_key = { file = \"key\" }");
    assert!(house.serve_and_stop(&[]), "{}", house.log());

    let verify = ["audit", "verify", "audit", "--key", first.as_str()];
    let (status, out, error) = house.run(&verify);
    assert_eq!(status, 0, "{error}");
    assert_eq!(out.matches(" was handed over to ").count(), 2, "{out}");
    let (_, last, _) = house.run(&["audit", "key"]);
    assert!(out.contains(&format!("by:       {last}")), "{out}");
    fs::remove_dir_all(house.path("audit/handovers")).expect("handovers");
    assert_eq!(house.run(&verify).0, 1, "nothing leads from key to key");
    let verify = ["audit", "verify", "audit", "--key", last.trim()];
    assert_eq!(house.run(&verify).0, 0);
}

#[test]
fn what_is_no_key_and_no_proof_is_misuse() {
    let house = House::new();
    for arguments in [
        &["audit", "verify", "audit", "--key", "nothing"][..],
        &["audit", "verify", "audit", "--session", "x"],
        &["audit", "prove", "audit", "1"],
        &["audit", "prove", "audit"],
        &["audit", "verify-proof", "velum.toml", "--key", "nothing"],
        &["witness", "--state", "w"],
    ] {
        let (status, _, error) = house.run(arguments);
        assert_eq!(status, 2, "{arguments:?}: {error}");
        assert!(!error.is_empty(), "{arguments:?} says nothing");
    }
}
