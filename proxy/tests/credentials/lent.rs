//! What a Vault lends.

use rustix::process::Signal;

use super::support::gateway::{Driver, Gateway};
use super::vault::{TOKEN, Vault};
use super::{Database, let_in, log_in, role, setup, until, user};

/// Its user is made for the gateway, renewed while that goes, exchanged after, and gone at the end.
pub fn users(database: &Database, driver: Driver) {
    let vault = Vault::start(database, driver);
    let upstream = role(database, "users", driver, "never used");
    let setup = setup(
        driver,
        upstream,
        &vault.credential("path = \"database/creds/reader\""),
    );
    let mut gateway = start(&setup);
    let mut stays = let_in(&gateway);
    let first = user(&mut stays);
    assert_eq!(first, format!("v-token-reader-{driver}-{}-1", vault.port));
    until("it is renewed", || {
        vault.state.lock().expect("no panic").renewed > 0
    });
    assert_eq!(
        user(&mut let_in(&gateway)),
        first,
        "a renewed lease is the same user's"
    );
    until("no lease is for ever", || {
        user(&mut let_in(&gateway)) != first
    });
    assert_eq!(user(&mut stays), first, "the session stays");
    drop(stays);
    let made = vault.state.lock().expect("no panic").made;
    assert!(gateway.stop(), "it drains\n{}", gateway.log());
    let state = vault.state.lock().expect("no panic");
    assert!(
        state.leases.is_empty() && state.revoked.len() >= made,
        "{:?}",
        state.leases
    );
    for password in ["made-1", TOKEN] {
        for (path, bytes) in gateway.files() {
            let holds = super::clinic::contains(&bytes, password.as_bytes());
            assert!(!holds, "{} holds {password}", path.display());
        }
    }
}

/// Now and then, and at a reload.
pub fn values(database: &Database, driver: Driver) {
    let vault = Vault::start(database, driver);
    let upstream = role(database, "values", driver, "one");
    let name = upstream.user.clone();
    vault.state.lock().expect("no panic").value = "one".to_owned();
    let path = "path = \"secret/data/ehr\", field = \"password\", refresh_ms = 1_000";
    let setup = setup(driver, upstream, &vault.credential(path));
    let gateway = start(&setup);
    let mut stays = let_in(&gateway);
    let exchange = |password: &str| {
        let alter = format!("ALTER ROLE {name} PASSWORD '{password}'");
        database.psql(&alter).expect("another password");
        assert!(log_in(&gateway).is_err());
        vault.state.lock().expect("no panic").value = password.to_owned();
    };
    exchange("two");
    until("it is read again", || log_in(&gateway).is_ok());
    // A Vault that is down takes nothing away.
    vault.state.lock().expect("no panic").is_sealed = true;
    until("it is noticed", || {
        gateway.log().contains("vault-unreachable")
    });
    assert!(log_in(&gateway).is_ok());
    vault.state.lock().expect("no panic").is_sealed = false;
    exchange("three");
    gateway.signal(Signal::HUP);
    until("a reload reads it", || log_in(&gateway).is_ok());
    assert_eq!(user(&mut stays), name);
}

/// Nobody is let in without, and the gateway is up all the same.
pub fn late(database: &Database, driver: Driver) {
    let vault = Vault::start(database, driver);
    vault.state.lock().expect("no panic").is_sealed = true;
    let upstream = role(database, "late", driver, "never used");
    let setup = setup(
        driver,
        upstream,
        &vault.credential("path = \"database/creds/reader\""),
    );
    let gateway = start(&setup);
    let told = log_in(&gateway)
        .err()
        .expect("there is nothing to log in with");
    assert!(told.contains("no credential for the database"), "{told}");
    assert!(gateway.log().contains("answered 503"), "{}", gateway.log());
    vault.state.lock().expect("no panic").is_sealed = false;
    until("it is asked again", || log_in(&gateway).is_ok());
    // A token that is not right is no answer either, and is told from a Vault that is down.
    gateway.put("vault.token", "wrong");
    until("the token is read each time", || {
        gateway.log().contains("answered 403")
    });
    gateway.put("vault.token", TOKEN);
}

fn start(setup: &super::support::gateway::Setup) -> Gateway {
    Gateway::start_after(setup, |config| {
        use std::os::unix::fs::PermissionsExt;
        let path = config.with_file_name("vault.token");
        std::fs::write(&path, TOKEN).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("600");
    })
}
