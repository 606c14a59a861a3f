//! A gateway in this process, without a database behind it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use velum_core::audit::record::Body;

use super::run::Ended;
use super::start::{Gateway, StartError};
use crate::audit::read;
use crate::config::{self, Config, Environment};
use crate::planes::State;

const CONFIG: &str = r#"
[gateway]
driver = "DRIVER"
threads = 1
catalog_refresh_ms = 100

[[listener]]
address = "127.0.0.1:0"

[audit]
directory = "audit"

[[identity]]
name = "agent"
auth = "trust"
access = { ehr = "masked" }

[[resource]]
name = "ehr"
kind = "postgres"
address = "/nonexistent"
database = "ehr"
user = "velum"
tls_mode = "disable"

[[policy]]
name = "masked"
[[policy.rule]]
name = "ssn"
column_name = "ssn"
strategy = "redact"
"#;

fn config(folder: &Path, text: &str) -> Config {
    let environment = Environment {
        directory: folder.to_owned(),
        variable: &|_| None,
    };
    let parsed = config::parse(&folder.join("velum.toml"), text, &environment);
    parsed.unwrap_or_else(|problems| panic!("{}", problems.to_text()))
}

fn events(audit: &Path) -> Vec<String> {
    let mut events = Vec::new();
    read::for_each(audit, 0, |_, record| {
        match record.body {
            Body::Gateway { event } => events.push(event),
            Body::ConfigurationLoaded { .. } => events.push("configuration".to_owned()),
            Body::SigningKey { .. } => events.push("key".to_owned()),
            Body::CheckpointOverruled { .. } => events.push("overruled".to_owned()),
            _ => {}
        }
        true
    })
    .unwrap();
    events
}

#[test]
fn it_starts_reloads_all_or_nothing_and_drains() {
    for driver in ["auto", "epoll"] {
        let folder = tempfile::tempdir().unwrap();
        let text = CONFIG.replace("DRIVER", driver);
        let gateway = Gateway::start(config(folder.path(), &text)).unwrap();
        let [address] = gateway.addresses() else {
            panic!("one listener")
        };
        TcpStream::connect(address).unwrap();
        let snapshot = || gateway.shared().snapshot.load_full();
        assert_eq!(snapshot().epoch, 1);

        for (from, to, what) in [
            ("threads = 1", "threads = 2", "gateway.threads"),
            ("127.0.0.1:0", "127.0.0.1:1", "the listeners'"),
            ("\"audit\"", "\"elsewhere\"", "audit.directory"),
        ] {
            let other = config(folder.path(), &text.replace(from, to));
            let refused = gateway.reload(other).unwrap_err();
            assert!(refused.starts_with(what), "{refused}");
        }
        assert_eq!(snapshot().epoch, 1, "what is refused changes nothing");

        let slot = snapshot().resources["ehr"].catalogs.slot("ehr");
        let other = config(folder.path(), &text.replace("\"agent\"", "\"robot\""));
        gateway.reload(other).unwrap();
        let after = snapshot();
        assert_eq!(after.epoch, 2);
        assert!(after.accounts.contains_key("robot") && !after.accounts.contains_key("agent"));
        let kept = after.resources["ehr"].catalogs.slot("ehr");
        assert!(
            std::sync::Arc::ptr_eq(&slot, &kept),
            "what was loaded is kept"
        );

        gateway.drain();
        assert_eq!(gateway.join(), Ended::Drained);
        let expected = [
            "started",
            "configuration",
            "key",
            "configuration",
            "draining",
            "stopped",
        ];
        assert_eq!(events(&folder.path().join("audit")), expected);
    }
}

#[test]
fn a_log_that_cannot_be_written_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = CONFIG.replace("DRIVER", "epoll");
    let first = Gateway::start(config(folder.path(), &text)).unwrap();
    let second = Gateway::start(config(folder.path(), &text));
    assert!(
        matches!(second, Err(StartError::Log(_))),
        "two gateways on one log"
    );
    drop(first);
    // A directory where the next segment belongs.
    let audit = folder.path().join("audit");
    let last = events(&audit).len() as u64;
    std::fs::create_dir(audit.join("blocked")).unwrap();
    let segment = crate::audit::segment::file_name(last + 1);
    std::fs::rename(audit.join("blocked"), audit.join(segment)).unwrap();
    assert!(Gateway::start(config(folder.path(), &text)).is_err());
}

/// A database that does not answer is asked again and again, and every load that began ends.
#[test]
fn loads_that_fail_end_too() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(config(folder.path(), &CONFIG.replace("DRIVER", "auto"))).unwrap();
    let slot = gateway.shared().snapshot.load().resources["ehr"]
        .catalogs
        .slot("ehr");
    let (ended, _) = slot.ask();
    let began = std::time::Instant::now();
    while slot.ended() < ended + 2 {
        assert!(began.elapsed().as_secs() < 10, "no load ends");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(slot.load().epoch, 0);
    assert_eq!(gateway.shared().state(), State::Running);
}

#[test]
fn the_examples_policies_are_built() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/velum.example.toml");
    let config = config::load(&path).unwrap();
    let keys = super::snapshot::Keys {
        tokens: std::sync::Arc::new(velum_core::audit::token::TokenKey::new(&[0; 32])),
        mock_secret: zeroize::Zeroizing::new([0; 32]),
        vault: std::sync::Arc::new(super::vault::Vault::in_memory(1)),
    };
    let snapshot = super::snapshot::build(&config, &keys, None).unwrap();
    let resource = snapshot.resource("ehr").unwrap();
    assert!(resource.policies["analyst"].has_rules());
    assert!(resource.policies["migrations"].judges_nothing());
    let again = super::snapshot::build(&config, &keys, Some(&snapshot)).unwrap();
    let digest = |snapshot: &crate::planes::Snapshot| {
        snapshot.resource("ehr").unwrap().policies["analyst"].sha256
    };
    assert_eq!(digest(&snapshot), digest(&again));
}
