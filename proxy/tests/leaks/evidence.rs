//! What is taken out of the log for others holds no value either.

use std::io::Read;
use std::process::Command;

use super::support::bed::Bed;
use super::support::clinic;
use super::support::gateway::Driver;

fn is_clean(what: &str, bytes: &[u8]) {
    let leaks = clinic::leaks(bytes);
    assert!(leaks.is_empty(), "{what} holds {leaks:?}");
    for secret in [clinic::ROLE_PASSWORD, clinic::CLIENT_PASSWORD] {
        assert!(
            !clinic::contains(bytes, secret.as_bytes()),
            "{what} holds a secret"
        );
    }
}

pub(super) fn no_canary_in_exports(bed: &Bed, driver: Driver) {
    let kinds = [
        "approvals",
        "sessions",
        "statements",
        "masking",
        "grants",
        "admin",
    ];
    for kind in kinds {
        for format in ["json", "csv", "ocsf"] {
            let arguments = ["export", "--kind", kind, "--format", format];
            let text = bed.gateway(driver).audit(&arguments);
            is_clean(&format!("{kind} as {format}"), text.as_bytes());
        }
    }
}

pub(super) fn no_canary_in_a_pack(bed: &Bed, driver: Driver) {
    let gateway = bed.gateway(driver);
    let folder = tempfile::tempdir().expect("a folder");
    let pack = folder.path().join("pack.tar.zst");
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .args([
            "audit",
            "pack",
            "--from",
            "2020-01-01",
            "--to",
            "2200-01-01",
            "--config",
        ])
        .arg(gateway.config_file())
        .arg("--output")
        .arg(&pack);
    let output = command.output().expect("velum runs");
    assert!(output.status.success(), "{output:?}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command.args(["audit", "verify", "--key", &gateway.audit_key()]);
    let output = command.arg(&pack).output().expect("velum runs");
    assert!(output.status.success(), "{output:?}");
    let file = std::fs::File::open(&pack).expect("the pack");
    let mut tar = Vec::new();
    let mut unpacked = zstd::stream::read::Decoder::new(file).expect("zstd");
    unpacked.read_to_end(&mut tar).expect("a tar");
    assert!(clinic::contains(&tar, b"artefacts/masking.csv"));
    is_clean("the pack", &tar);
}
