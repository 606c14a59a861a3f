//! A session in a file of its own, as an auditor gets it, and what forgers make of it.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use super::support::bed::Bed;
use super::support::clinic;
use super::support::gateway::Gateway;
use super::{Served, folder, list, psql, sessions, text, wait_for};
use serde_json::Value;

/// The other verifier knows what a recording leaves in the log.
fn second_verifier(gateway: &Gateway, key: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_audit.py");
    let mut python = Command::new("python3");
    python.arg("-B").arg(script).arg(gateway.audit_directory());
    let output = python.args(["--key", key]).output().expect("python3 runs");
    assert!(output.status.success(), "{}", text(&output));
}

/// The first section of this kind, its head included.
fn section(file: &[u8], tag: u8) -> Range<usize> {
    let mut at = 16;
    loop {
        let length = file[at + 1..at + 9].try_into().expect("eight bytes");
        let end = at + 9 + u64::from_be_bytes(length) as usize;
        if file[at] == tag {
            return at..end;
        }
        at = end;
    }
}

pub(super) fn exported(_: &Bed, gateway: &mut Gateway) {
    let statements = [
        "SELECT id, ssn FROM clinic.patients ORDER BY id",
        "SELECT 1/0",
    ];
    let printed = psql(gateway.port(), clinic::MASKED, &statements);
    let id = wait_for(gateway, "whole");
    psql(gateway.port(), clinic::MASKED, &["SELECT 'of another'"]);
    let key = gateway.audit_key();
    assert!(gateway.stop(), "{}", gateway.log());
    let is_other = |line: &Value| line["session"] != id.as_str();
    let other = list(gateway).into_iter().find(is_other).expect("two");
    let other = other["session"].as_str().expect("a name").to_owned();
    for (id, out) in [(&id, "evidence"), (&other, "other")] {
        let output = sessions(gateway, &["export", id, "--out", out]);
        assert!(output.status.success(), "{}", text(&output));
    }
    second_verifier(gateway, &key);
    // As an auditor, who has nothing but the file and the log's public key.
    let file = folder(gateway).join("evidence");
    let away = tempfile::tempdir().expect("a folder");
    fs::copy(&file, away.path().join("evidence")).expect("a copy");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
        command
            .arg("sessions")
            .args(arguments)
            .current_dir(away.path());
        command.output().expect("velum runs")
    };
    let verify = ["verify", "evidence", "--key", &key];
    let verified = run(&verify);
    assert!(verified.status.success(), "{}", text(&verified));
    assert!(text(&verified).starts_with("verified: whole recording of session "));
    let replayed = text(&run(&["replay", "evidence"]));
    assert_eq!(replayed, text(&sessions(gateway, &["replay", &id])));
    let served = Served::start(gateway, &away.path().join("evidence").to_string_lossy());
    assert_eq!(psql(served.1, "auditor", &statements), printed);
    let bytes = fs::read(&file).expect("a file");
    // A proof of another session makes it nobody else's.
    let foreign = fs::read(folder(gateway).join("other")).expect("a file");
    let proof = section(&foreign, 3);
    let recording = section(&bytes, 4).start;
    let forged = [&bytes[..recording], &foreign[proof], &bytes[recording..]].concat();
    fs::write(away.path().join("evidence"), forged).expect("a file");
    let refused = run(&verify);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused).contains("of another session"),
        "{}",
        text(&refused)
    );
    for at in [
        20,
        bytes.len() / 3,
        bytes.len() / 2,
        bytes.len() - 40,
        bytes.len() - 1,
    ] {
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        fs::write(away.path().join("evidence"), forged).expect("a file");
        assert_eq!(run(&verify).status.code(), Some(1), "byte {at}");
    }
    fs::write(away.path().join("evidence"), &bytes[..bytes.len() - 10]).expect("a file");
    assert_eq!(run(&verify).status.code(), Some(1), "cut");
    fs::write(away.path().join("evidence"), [&bytes[..], b"x"].concat()).expect("a file");
    assert_eq!(run(&verify).status.code(), Some(1), "more");
}
