//! What logs in at databases, on both data planes: sealed in the store or lent by a Vault,
//! exchanged under open sessions, and nowhere to be found.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod lent;
mod sealed;
#[path = "../support/mod.rs"]
mod support;
mod vault;

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use support::client::{Client, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, UpstreamRole};
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

/// Something that happens soon happens within this.
const SOON: Duration = Duration::from_secs(30);

type Database = Arc<LazyLock<Cluster>>;
type Body = fn(&Database, Driver);

fn main() -> ExitCode {
    let database: Database = Arc::new(LazyLock::new(|| {
        let cluster = Cluster::start(ClusterOptions::default()).expect("a private PostgreSQL");
        clinic::create(&cluster);
        cluster
    }));
    let cases: &[(&str, Body)] = &[
        ("a_sealed_secret_is_exchanged", sealed::exchanged),
        ("a_sealed_secret_is_nowhere", sealed::nowhere),
        ("the_sealing_key_is_exchanged", sealed::key_exchanged),
        ("a_users_lease_is_renewed_and_revoked", lent::users),
        ("a_value_is_read_again", lent::values),
        ("a_vault_may_come_late", lent::late),
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

/// A role of its own for each trial, which may do what the gateway's may.
fn role(database: &Database, name: &str, driver: Driver, password: &str) -> UpstreamRole {
    let user = format!("{name}_{driver}");
    let sql = format!(
        "CREATE ROLE {user} LOGIN PASSWORD '{password}' IN ROLE {}",
        clinic::ROLE
    );
    database.psql(&sql).expect("a role");
    UpstreamRole {
        port: database.port(),
        database: clinic::DATABASE.to_owned(),
        user,
        password: "not used".to_owned(),
    }
}

/// A gateway whose database is logged in at with `credential`.
fn setup(driver: Driver, upstream: UpstreamRole, credential: &str) -> Setup {
    let mut setup = Setup::clinic(driver, upstream);
    credential.clone_into(&mut setup.credential);
    setup
}

/// `velum` with these arguments, and something on its standard input.
fn velum(config: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command.args(arguments).arg("--config").arg(config);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("velum starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// The same, which has to be done; its standard output.
fn done(config: &Path, arguments: &[&str], input: &str) -> String {
    let output = velum(config, arguments, input);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn log_in(gateway: &Gateway) -> Result<Client, String> {
    let login = gateway.login(clinic::EXEMPT, false);
    Client::connect(&login, clinic::DATABASE).map_err(|error| error.to_string())
}

fn let_in(gateway: &Gateway) -> Client {
    log_in(gateway).unwrap_or_else(|told| panic!("{told}\n{}", gateway.log()))
}

/// What the database calls a session.
fn user(client: &mut Client) -> String {
    let frames = client.simple("SELECT current_user").expect("an answer");
    let cell = rows(&frames).pop().and_then(|mut row| row.pop()).flatten();
    String::from_utf8(cell.expect("a user")).expect("a text")
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "it does not happen: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The records of administrators, in order: event and subject.
fn administered(gateway: &Gateway) -> Vec<(String, String)> {
    let log = gateway.audit(&["show", "--json"]);
    let records = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let texts = records.filter_map(|record| {
        let actor = record["actor"].as_str()?;
        assert!(actor.starts_with("local user "), "{record}");
        let text = |key: &str| record[key].as_str().map(str::to_owned);
        Some((text("event")?, text("subject")?))
    });
    texts.collect()
}
