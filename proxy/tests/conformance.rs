//! PostgreSQL's own regression suite and psycopg2's, direct and through Velum on both data
//! planes. `make conformance` runs it: it takes minutes, so `cargo test` does not.
//!
//! The environment names what `.ci/conformance` prepared: `REGRESS`, the built suite, and
//! `PSYCOPG2_TESTS`, the folder that holds psycopg2's `tests` package.

#![allow(clippy::print_stdout, reason = "its report is its output")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use support::gateway::{Driver, Gateway, Setup, UpstreamRole};
use tempfile::TempDir;
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

/// The suite through Velum may take this much longer than direct, in the median of the rounds.
const WALL_RATIO: f64 = 1.5;
/// Direct and each driver in turn, so that a machine that is busy for a while slows all of them.
const ROUNDS: usize = 3;

/// What one run of the regression suite came to.
struct Regression {
    passed: usize,
    total: usize,
    wall: Duration,
    diffs: String,
}

fn main() -> ExitCode {
    let suite = PathBuf::from(std::env::var("REGRESS").expect("REGRESS: run `make conformance`"));
    let cluster = start();
    let uid = fs::metadata(cluster.data_dir())
        .expect("a data directory")
        .uid();
    let mut failures = Vec::new();

    let gateways = Driver::under_test().iter();
    let gateways: Vec<_> = gateways
        .map(|driver| (*driver, gateway(*driver, &cluster)))
        .collect();
    let mut ratios = vec![Vec::new(); gateways.len()];
    for _ in 0..ROUNDS {
        let direct = regression(&suite, &cluster, uid, cluster.port());
        report("direct", &direct, None);
        if direct.passed != direct.total {
            failures.push(format!("the suite fails without Velum:\n{}", direct.diffs));
        }
        for ((driver, gateway), ratios) in gateways.iter().zip(&mut ratios) {
            let through = regression(&suite, &cluster, uid, gateway.port());
            let ratio = through.wall.as_secs_f64() / direct.wall.as_secs_f64();
            report(&driver.to_string(), &through, Some(ratio));
            ratios.push(ratio);
            if through.passed != through.total || through.total != direct.total {
                failures.push(format!("{driver}:\n{}\n{}", through.diffs, gateway.log()));
            }
        }
    }
    for ((driver, _), ratios) in gateways.iter().zip(&mut ratios) {
        failures.extend(too_slow(*driver, ratios));
    }
    drop(gateways);
    if let Ok(tests) = std::env::var("PSYCOPG2_TESTS") {
        failures.extend(psycopg2(Path::new(&tests), &cluster));
    }
    for failure in &failures {
        println!("{failure}");
    }
    match failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// A server that trusts whoever connects: the suite logs in as roles without passwords.
fn start() -> Cluster {
    let options = ClusterOptions {
        hba: vec!["host all all 127.0.0.1/32 trust".to_owned()],
        ..ClusterOptions::default()
    };
    Cluster::start(options).expect("a private PostgreSQL")
}

/// A gateway that lets anybody in as whom they say, anywhere, and masks nothing.
fn gateway(driver: Driver, cluster: &Cluster) -> Gateway {
    let upstream = UpstreamRole {
        port: cluster.port(),
        database: "*".to_owned(),
        user: "*".to_owned(),
        password: String::new(),
    };
    let rules = "[[identity]]\nname = \"*\"\nauth = \"trust\"\naccess = { clinic = \"exempt\" }\n\
                 [[policy]]\nname = \"exempt\"\nexempt = true\n";
    Gateway::start(&Setup::new(driver, upstream, rules.to_owned()))
}

fn report(name: &str, run: &Regression, ratio: Option<f64>) {
    let ratio = ratio.map_or(String::new(), |ratio| format!(", {ratio:.2} times direct"));
    println!(
        "regression suite, {name:<8} {} of {} in {:.1} s{ratio}",
        run.passed,
        run.total,
        run.wall.as_secs_f64()
    );
}

/// Reports the median and the spread of a driver's wall time; says so if it is too much.
fn too_slow(driver: Driver, ratios: &mut [f64]) -> Option<String> {
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!(
        "regression suite, {driver:<8} {median:.2} times direct in the median, {:.2} to {:.2}",
        ratios[0],
        ratios[ratios.len() - 1],
    );
    (median > WALL_RATIO).then(|| format!("{driver}: {median:.2} times the wall time of direct"))
}

/// Runs the parallel schedule against `port`, in a copy of the suite that the server's own
/// account can write to: some tests read and write files on the server.
fn regression(suite: &Path, cluster: &Cluster, uid: u32, port: u16) -> Regression {
    let folder = TempDir::with_prefix("velum-regress-").expect("a folder");
    copy(suite, folder.path(), uid);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    let psql = cluster.installation().program("psql");
    let mut command = Command::new(folder.path().join("pg_regress"));
    command
        .args([
            "--inputdir=.",
            "--outputdir=.",
            "--dlpath=.",
            "--max-concurrent-tests=20",
        ])
        .arg("--schedule=parallel_schedule")
        .arg(format!(
            "--bindir={}",
            psql.parent().expect("a folder").display()
        ))
        .args(["--host=127.0.0.1", "--user=postgres"])
        .arg(format!("--port={port}"))
        .current_dir(folder.path())
        .env("LC_ALL", "C")
        .env_remove("PGPASSWORD");
    if uid != rustix::process::geteuid().as_raw() {
        command.uid(uid);
    }
    let began = Instant::now();
    let output = command.output().expect("pg_regress runs");
    let wall = began.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = text
        .lines()
        .filter(|line| verdict(line) == Some(true))
        .count();
    let failed = text
        .lines()
        .filter(|line| verdict(line) == Some(false))
        .count();
    let mut diffs = fs::read_to_string(folder.path().join("regression.diffs")).unwrap_or_default();
    diffs.truncate(
        diffs
            .char_indices()
            .nth(20_000)
            .map_or(diffs.len(), |(at, _)| at),
    );
    if passed == 0 {
        diffs = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Regression {
        passed,
        total: passed + failed,
        wall,
        diffs,
    }
}

/// The verdict of a line such as `test boolean   ... ok   12 ms` or `  FAILED   12 ms`.
fn verdict(line: &str) -> Option<bool> {
    let line = line.trim_end().strip_suffix("ms")?.trim_end();
    let line = line.trim_end_matches(|c: char| c.is_ascii_digit());
    match line.split_whitespace().next_back()? {
        "ok" => Some(true),
        "FAILED" => Some(false),
        _ => None,
    }
}

fn copy(from: &Path, to: &Path, uid: u32) {
    let give = |path: &Path| {
        if uid != rustix::process::geteuid().as_raw() {
            chown(path, Some(uid), None).expect("given away");
        }
    };
    give(to);
    for entry in fs::read_dir(from).expect("the suite").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            fs::create_dir(&target).expect("a folder");
            copy(&entry.path(), &target, uid);
        } else {
            fs::copy(entry.path(), &target).expect("a copy");
            give(&target);
        }
    }
}

/// Runs psycopg2's suite direct and through each gateway: as many tests must run, and what
/// fails through Velum must fail direct as well.
fn psycopg2(tests: &Path, cluster: &Cluster) -> Vec<String> {
    cluster
        .psql("CREATE DATABASE psycopg2_test")
        .expect("a database");
    let (direct, expected, text) = failing(tests, cluster.port());
    println!("psycopg2's suite, direct   {}", text.trim());
    let mut failures = Vec::new();
    if expected == 0 {
        failures.push(format!("psycopg2's suite does not run: {text}"));
    }
    for driver in Driver::under_test() {
        let gateway = gateway(*driver, cluster);
        let (through, ran, text) = failing(tests, gateway.port());
        println!("psycopg2's suite, {driver:<8} {}", text.trim());
        if ran != expected {
            failures.push(format!(
                "psycopg2 on {driver} ran {ran} of {expected} tests"
            ));
        }
        let more: Vec<_> = through.difference(&direct).cloned().collect();
        if !more.is_empty() {
            failures.push(format!("psycopg2 on {driver} fails: {}", more.join(" ")));
        }
    }
    failures
}

/// The tests that fail against `port`, how many ran, and the closing lines.
fn failing(tests: &Path, port: u16) -> (BTreeSet<String>, usize, String) {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/drivers/venv/bin/python");
    let code = "import tests, unittest; unittest.main(module=tests, defaultTest='test_suite')";
    let output = Command::new(python)
        .args(["-c", code])
        .current_dir(tests)
        .env("PSYCOPG2_TESTDB", "psycopg2_test")
        .env("PSYCOPG2_TESTDB_HOST", "127.0.0.1")
        .env("PSYCOPG2_TESTDB_PORT", port.to_string())
        .env("PSYCOPG2_TESTDB_USER", "postgres")
        .output()
        .expect("python runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let heads = text.lines().filter_map(|line| {
        line.strip_prefix("FAIL: ")
            .or_else(|| line.strip_prefix("ERROR: "))
            .map(str::to_owned)
    });
    let failing = heads.collect();
    let ran = text.lines().find_map(|line| {
        let count = line.strip_prefix("Ran ")?.split(' ').next()?;
        count.parse().ok()
    });
    let mut closing: Vec<_> = text
        .lines()
        .rev()
        .filter(|line| !line.is_empty())
        .take(2)
        .collect();
    closing.reverse();
    (failing, ran.unwrap_or(0), closing.join("; "))
}
