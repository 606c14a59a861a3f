//! Secrets that are sealed in the store.

use std::path::Path;

use rustix::process::Signal;

use super::support::gateway::{Driver, Gateway};
use super::support::{clinic, memory};
use super::{Database, administered, done, let_in, log_in, role, setup, until, user, velum};

/// Looked for wherever a secret could be left.
const CANARY: &str = "sealed-canary-7d1e0b5c-f3a9";

/// With the next dial, while a session stays.
pub fn exchanged(database: &Database, driver: Driver) {
    let upstream = role(database, "exchanged", driver, "the first one");
    let name = upstream.user.clone();
    let setup = setup(driver, upstream, "{ sealed = \"ehr\" }");
    let mut gateway = Gateway::start_after(&setup, |config| {
        let unset = velum(config, &["serve"], "");
        assert_eq!(unset.status.code(), Some(1));
        let told = String::from_utf8_lossy(&unset.stderr).into_owned();
        assert!(told.contains("velum secrets set ehr"), "{told}");
        done(config, &["secrets", "set", "ehr"], "the first one\n");
    });
    let config = gateway.config_file();
    let mut stays = let_in(&gateway);
    assert_eq!(user(&mut stays), name);

    let alter = format!("ALTER ROLE {name} PASSWORD 'the second one'");
    database.psql(&alter).expect("another password");
    let told = log_in(&gateway).err().expect("the old one is wrong");
    assert!(told.contains("refused the gateway's login"), "{told}");
    done(&config, &["secrets", "set", "ehr"], "the second one");
    until("it is taken without a signal", || log_in(&gateway).is_ok());
    assert_eq!(user(&mut stays), name, "the session stays");

    let needed = velum(&config, &["secrets", "remove", "ehr"], "");
    assert_eq!(needed.status.code(), Some(1));
    done(&config, &["secrets", "remove", "ehr", "--force"], "");
    until("without it nobody is let in", || {
        let told = log_in(&gateway).err();
        told.is_some_and(|told| told.contains("no credential for the database"))
    });
    gateway.signal(Signal::HUP);
    until("a reload says what is missing", || {
        let log = gateway.log();
        log.contains("reload-refused") && log.contains("velum secrets set ehr")
    });
    done(&config, &["secrets", "set", "ehr"], "the second one");
    until("it is back", || log_in(&gateway).is_ok());
    assert_eq!(user(&mut stays), name);
    let listed = done(&config, &["secrets", "list", "--json"], "");
    assert!(
        listed.contains("\"clinic\"") && !listed.contains("second"),
        "{listed}"
    );
    for arguments in [["secrets", "set", "../x"], ["secrets", "set", "empty"]] {
        assert_eq!(velum(&config, &arguments, "").status.code(), Some(2));
    }

    assert!(gateway.stop(), "it drains");
    let events = administered(&gateway);
    let names: Vec<&str> = events.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(
        names,
        ["secret_set", "secret_set", "secret_removed", "secret_set"]
    );
    assert_eq!(events[1].1, "ehr, version 2 (change 2)");
}

/// Neither in memory, nor on disk, nor in what is said.
pub fn nowhere(database: &Database, driver: Driver) {
    let upstream = role(database, "nowhere", driver, CANARY);
    let setup = setup(driver, upstream, "{ sealed = \"ehr\" }");
    let gateway = Gateway::start_after(&setup, |config| {
        done(config, &["secrets", "set", "ehr"], CANARY);
    });
    let config = gateway.config_file();
    for _ in 0..5 {
        let mut client = let_in(&gateway);
        user(&mut client);
    }
    // The catalog's own sessions log in again and again meanwhile.
    std::thread::sleep(std::time::Duration::from_secs(2));
    for (path, bytes) in gateway.files() {
        let holds = clinic::contains(&bytes, CANARY.as_bytes());
        assert!(!holds, "{} holds it", path.display());
    }
    let process = Path::new("/proc").join(gateway.pid().to_string());
    for name in ["cmdline", "environ"] {
        // Nobody else may read either of a process that leaves no core.
        let bytes = std::fs::read(process.join(name)).unwrap_or_default();
        assert!(
            !clinic::contains(&bytes, CANARY.as_bytes()),
            "{name} holds it"
        );
    }
    let limits = std::fs::read_to_string(process.join("limits")).unwrap_or_default();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap_or_default().split_whitespace().collect();
    assert!(core.is_empty() || core[4..6] == ["0", "0"], "{core:?}");
    assert_eq!(memory::holds(&gateway, CANARY), Vec::<String>::new());
    for arguments in [&["secrets", "list"][..], &["secrets", "list", "--json"]] {
        assert!(!done(&config, arguments, "").contains(CANARY));
    }
}

/// The key is exchanged as the documentation has it: the one before opens until all is sealed anew.
pub fn key_exchanged(database: &Database, driver: Driver) {
    let upstream = role(database, "key_exchanged", driver, "a password");
    let mut setup = setup(driver, upstream, "{ sealed = \"ehr\" }");
    setup
        .rules
        .push_str("\n[sealing]\nkey = { file = \"sealing.old\" }\n");
    let put = |config: &Path, name: &str, letter: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = config.with_file_name(name);
        std::fs::write(&path, letter.repeat(64)).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("600");
    };
    let gateway = Gateway::start_after(&setup, |config| {
        put(config, "sealing.old", "a");
        put(config, "sealing.new", "b");
        done(config, &["secrets", "set", "ehr"], "a password");
    });
    let config = gateway.config_file();
    let text = std::fs::read_to_string(&config).expect("its configuration");
    let before = "key = { file = \"sealing.old\" }";
    let reload = |sealing: &str, event: &str| {
        let seen = gateway.log().matches(event).count();
        std::fs::write(&config, text.replace(before, sealing)).expect("written");
        gateway.signal(Signal::HUP);
        until(event, || gateway.log().matches(event).count() > seen);
    };
    let new = "key = { file = \"sealing.new\" }";
    reload(new, "reload-refused");
    assert!(gateway.log().contains("give it as `previous_key`"));
    assert!(log_in(&gateway).is_ok(), "nothing has changed");
    let both = format!("{new}\nprevious_key = {{ file = \"sealing.old\" }}");
    reload(&both, " reloaded");
    assert!(log_in(&gateway).is_ok());
    assert_eq!(
        done(&config, &["secrets", "rotate"], ""),
        "1 secrets are sealed by the current key\n"
    );
    reload(new, " reloaded");
    assert!(log_in(&gateway).is_ok());
}
