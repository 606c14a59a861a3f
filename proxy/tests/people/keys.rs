//! The key of an administrator that is made beside the gateway, and the alarm about it.

use std::process::{Command, Output};

use serde_json::Value;

use super::support::gateway::free_port;
use super::world::World;

fn bootstrap(world: &World) -> Output {
    let config = world.gateway.config_file().display().to_string();
    Command::new(env!("CARGO_BIN_EXE_velum"))
        .args(["keys", "bootstrap", "--config", &config])
        .output()
        .expect("velum runs")
}

/// While one is in force there is no other; when none is, there is, and it is on record before it
/// is used.
pub fn recovered() {
    let mut world = World::new(free_port(), "");
    let home = tempfile::tempdir().expect("a folder");
    let again = bootstrap(&world);
    assert_eq!(again.status.code(), Some(1), "one is in force");
    let id = world.key.split('_').nth(1).expect("its name").to_owned();
    let arguments = ["keys", "revoke", &id, "--rationale", "it was seen"];
    let revoked = world.velum(home.path(), Some(&world.key), &arguments);
    assert!(
        revoked.status.success(),
        "{}",
        String::from_utf8_lossy(&revoked.stderr)
    );
    let made = bootstrap(&world);
    let told = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() && told.contains("alarm"), "{told}");
    let key = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let list = world.velum(home.path(), Some(&key), &["keys", "list", "--json"]);
    assert!(
        list.status.success(),
        "{}",
        String::from_utf8_lossy(&list.stderr)
    );
    assert!(
        world
            .gateway
            .log()
            .contains("changed-beside-the-gateway what=admin_key_recovered")
    );
    assert!(world.gateway.stop(), "it drains");
    let log = world.gateway.audit(&["show", "--json"]);
    let records = log.lines().filter(|line| line.starts_with('{'));
    let records = records.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let events = records.map(|it| it["event"].as_str().unwrap_or_default().to_owned());
    let events: Vec<_> = events.filter(|it| it.contains("key_")).collect();
    let expected = [
        "bootstrap_key_created",
        "bootstrap_key_used",
        "key_revoked",
        "admin_key_recovered",
        "bootstrap_key_used",
    ];
    assert_eq!(events, expected);
}
