//! The driver matrix: each driver runs the same program past the gateway and through it.
//!
//! A program prints one line a value: case, row, column, value. Clean columns must print the
//! same; no canary may be printed through the gateway, and many must be printed past it.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/mod.rs"]
mod support;

mod rust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

use support::bed::{Bed, Body, matrix};
use support::clinic;
use support::gateway::Driver;

/// Where a program connects.
pub struct Target {
    port: u16,
    user: &'static str,
    password: &'static str,
    authority: Option<PathBuf>,
}

fn main() -> ExitCode {
    let bed = Bed::shared();
    let programs: &[(&str, Body)] = &[
        ("psql", |bed, driver, tls| check(bed, driver, tls, psql)),
        ("psycopg3", |bed, driver, tls| {
            check(bed, driver, tls, psycopg3)
        }),
        ("asyncpg", |bed, driver, tls| {
            check(bed, driver, tls, asyncpg)
        }),
        ("node_postgres", |bed, driver, tls| {
            check(bed, driver, tls, node_postgres)
        }),
        ("pgjdbc", |bed, driver, tls| check(bed, driver, tls, pgjdbc)),
        ("tokio_postgres", |bed, driver, tls| {
            check(bed, driver, tls, rust::tokio_postgres)
        }),
        ("sqlx", |bed, driver, tls| {
            check(bed, driver, tls, rust::sqlx)
        }),
    ];
    let mut trials = Vec::new();
    for (name, body) in programs {
        trials.extend(matrix(&bed, name, *body));
    }
    support::run(trials)
}

/// Runs the program twice and compares what it printed.
fn check(bed: &Bed, driver: Driver, tls: bool, program: fn(&Target) -> String) {
    let gateway = bed.gateway(driver);
    let direct = Target {
        port: bed.cluster.port(),
        user: clinic::ROLE,
        password: clinic::ROLE_PASSWORD,
        authority: None,
    };
    let through = Target {
        port: gateway.port(),
        user: clinic::MASKED,
        password: clinic::CLIENT_PASSWORD,
        authority: tls.then(|| gateway.authority_file()),
    };
    let (direct, through) = (program(&direct), program(&through));
    let shown = clinic::leaks(direct.as_bytes());
    assert!(
        shown.len() > 10,
        "the program shows only {} canaries",
        shown.len()
    );
    let leaks = clinic::leaks(through.as_bytes());
    assert!(leaks.is_empty(), "leaked {leaks:?}");
    let (direct, through) = (values(&direct), values(&through));
    let mut compared = 0;
    for (place, value) in &direct {
        let seen = through.get(place);
        assert!(seen.is_some(), "{place:?} is missing through the gateway");
        if clinic::CLEAN.contains(&place.2.as_str()) {
            assert_eq!(seen, Some(value), "{place:?} differs");
            compared += 1;
        }
    }
    assert_eq!(
        direct.len(),
        through.len(),
        "as many values as past the gateway"
    );
    assert!(compared > 20, "only {compared} clean values were compared");
}

/// Values by case, row and column.
fn values(text: &str) -> BTreeMap<(String, String, String), String> {
    let mut values = BTreeMap::new();
    for line in text.lines() {
        let mut parts = line.splitn(4, '\t').map(str::to_owned);
        if let (Some(case), Some(row), Some(column), Some(value)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        {
            values.insert((case, row, column), value);
        }
    }
    values
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("proxy has a parent")
}

/// The folder of the drivers that are not the system's; installs them if need be.
fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let output = Command::new(top().join(".ci/tools"))
            .arg("drivers")
            .output();
        let output = output.expect(".ci/tools runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "installing the drivers: {text}");
        top().join(".cache/drivers")
    })
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/drivers/programs")
        .join(name)
}

/// Runs a command in libpq's environment for `target`; its standard output.
fn run(mut command: Command, target: &Target) -> String {
    command
        .env("PGHOST", "localhost")
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", target.port.to_string())
        .env("PGUSER", target.user)
        .env("PGPASSWORD", target.password)
        .env("PGDATABASE", clinic::DATABASE)
        .env("PGCONNECT_TIMEOUT", "20")
        .env("TZ", "UTC")
        .env("PGTZ", "UTC");
    match &target.authority {
        None => command.env("PGSSLMODE", "disable"),
        Some(file) => command
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", file),
    };
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{text}\n{errors}",
        output.status
    );
    text
}

fn psql(target: &Target) -> String {
    installed();
    run(Command::new(program("psql.sh")), target)
}

fn python(name: &str, target: &Target) -> String {
    let mut command = Command::new(installed().join("venv/bin/python"));
    command.arg(program(name));
    run(command, target)
}

fn psycopg3(target: &Target) -> String {
    python("psycopg3.py", target)
}

fn asyncpg(target: &Target) -> String {
    python("asyncpg_driver.py", target)
}

fn node_postgres(target: &Target) -> String {
    let mut command = Command::new("node");
    command
        .arg(program("node_postgres.js"))
        .env("NODE_FOLDER", installed());
    run(command, target)
}

fn pgjdbc(target: &Target) -> String {
    installed();
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-Duser.timezone=UTC"]);
    command
        .args(["-cp", "/usr/share/java/postgresql.jar"])
        .arg(program("Jdbc.java"));
    run(command, target)
}
