//! Logins by tokens, on both data planes: at a real OpenID provider that rotates its keys and goes
//! down, and with everything that a forger would try.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../../src/identity/tests/forge.rs"]
mod forge;
mod forged;
mod provider;
#[path = "../support/mod.rs"]
mod support;
mod ways;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use support::bed::upstream;
use support::client::{Client, Login};
use support::gateway::{Driver, Gateway, Setup};
use support::{clinic, memory};
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

/// What a client is told, whatever is wrong.
const TOLD: &str = "28P01: password authentication failed for user";
/// Something that happens soon happens within this.
const SOON: Duration = Duration::from_secs(30);

type Database = Arc<LazyLock<Cluster>>;
type Body = fn(&Cluster, Driver);

fn main() -> ExitCode {
    let database: Database = Arc::new(LazyLock::new(|| {
        let cluster = Cluster::start(ClusterOptions::default()).expect("a private PostgreSQL");
        clinic::create(&cluster);
        cluster
    }));
    let cases: &[(&str, Body)] = &[
        ("forged_tokens_are_refused", forged::refused),
        ("psql_logs_in_at_a_real_provider", provider::logs_in),
        ("keys_rotate", provider::keys_rotate),
        ("an_outage_within_and_beyond_the_bound", provider::outage),
        ("a_session_ends_with_its_token", provider::session_ends),
        ("a_kept_connection_outlives_a_token", ways::kept),
        ("oauthbearer", ways::oauthbearer),
        ("oauthbearer_of_libpq_18", ways::libpq18),
        ("tokens_in_clear_only_where_allowed", ways::in_clear),
        ("strangers_are_asked_like_accounts", ways::strangers),
        ("chains_of_delegation_are_on_record", ways::chains),
    ];
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for (name, body) in cases {
            let (database, driver, body) = (Arc::clone(&database), *driver, *body);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                body(&database, driver);
                Ok(())
            }));
        }
    }
    support::run(trials)
}

/// A gateway with these sections beside the clinic's.
fn gateway(cluster: &Cluster, driver: Driver, sections: &str) -> Gateway {
    gateway_with(cluster, driver, sections, "")
}

/// The same with more lines for its listener.
fn gateway_with(cluster: &Cluster, driver: Driver, sections: &str, listener: &str) -> Gateway {
    let mut setup = Setup::clinic(driver, upstream(cluster));
    setup.rules.push_str(sections);
    setup.listener = listener.to_owned();
    Gateway::start(&setup)
}

/// An identity that proves itself by a token and sees everything.
fn identity(name: &str, keys: &str) -> String {
    format!(
        "\n[[identity]]\nname = \"{name}\"\nauth = \"oidc\"\n{keys}\n\
         access = {{ {} = \"exempt\" }}\n",
        clinic::DATABASE
    )
}

/// Logs in over TLS, or says why not.
fn log_in(gateway: &Gateway, user: &str, token: &str) -> Result<Client, String> {
    let mut login: Login = gateway.login(user, true);
    token.clone_into(&mut login.password);
    Client::connect(&login, clinic::DATABASE).map_err(|error| error.to_string())
}

/// Logs in; if that fails, the records say why.
fn let_in(gateway: &Gateway, user: &str, token: &str) -> Client {
    log_in(gateway, user, token).unwrap_or_else(|told| {
        let records = records(gateway, "connection_refused", 1);
        panic!("{told}: {records:#?}")
    })
}

fn refused(gateway: &Gateway, user: &str, token: &str) {
    let told = log_in(gateway, user, token).err().expect("it was let in");
    assert_eq!(told, format!("{TOLD} \"{user}\""));
}

/// The records of this event, as soon as there are `count`.
fn records(gateway: &Gateway, event: &str, count: usize) -> VecDeque<Value> {
    let began = Instant::now();
    loop {
        let log = gateway.audit(&["show", "--json"]);
        let records = log
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        let found: VecDeque<Value> = records.filter(|it: &Value| it["event"] == event).collect();
        if found.len() >= count {
            return found;
        }
        assert!(
            began.elapsed() < SOON,
            "{} of {count} records:\n{log}",
            found.len()
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// The reason of the last connection that was refused, when there are `count` of them.
fn last_reason(gateway: &Gateway, count: usize) -> String {
    let last = records(gateway, "connection_refused", count).pop_back();
    let reason = last.expect("a record")["reason"]
        .as_str()
        .map(str::to_owned);
    reason.unwrap_or_default()
}

/// A gateway that has nothing to do has no signature of the token in memory.
fn forgot(gateway: &Gateway, token: &str) {
    let signature = token.rsplit('.').next().expect("a signature");
    let piece = &signature[..32.min(signature.len())];
    assert_eq!(memory::holds(gateway, piece), Vec::<String>::new());
}

/// No file of the gateway holds a part of the token.
fn left_nothing(gateway: &Gateway, token: &str) {
    for part in token.split('.').filter(|part| part.len() > 12) {
        for (path, bytes) in gateway.files() {
            let holds = clinic::contains(&bytes, part.as_bytes());
            assert!(!holds, "{} holds a part of the token", path.display());
        }
    }
}
