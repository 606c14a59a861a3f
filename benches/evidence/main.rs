//! The audit log beside plain appends, SQLite and PostgreSQL: durable records a second and what 32
//! clients wait for them; and how fast a log of a million records is verified on one core.
//!
//! Rounds are interleaved; medians and spreads are printed and written to `benches/record/`. Every
//! record that was acknowledged is read back and compared. `VELUM_BENCH_SHORT=1` is the short form,
//! `VELUM_BENCH_ONLY=verify` or `durable` one half.

#![allow(clippy::print_stdout, unreachable_pub, reason = "a program of its own")]

mod gateway;
mod plain;
mod postgres;
mod records;
mod sqlite;
mod verify;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use velum_benches::record;

/// Clients, each of which waits for its statement's INTENT before the next one.
pub const CLIENTS: usize = 32;

/// A place for records.
pub trait Store {
    /// For the report.
    fn name(&self) -> &'static str;

    /// Lets [`CLIENTS`] append statements, two records each, until `until`. Returns how long each
    /// wait for the disk took.
    ///
    /// # Errors
    /// If anything fails.
    fn load(&mut self, until: Instant) -> Result<Vec<Duration>, String>;

    /// Reads all records back: how many there are.
    ///
    /// # Errors
    /// If one is missing or another than was written.
    fn check(&mut self) -> Result<u64, String>;
}

/// One round of one store.
struct Round {
    name: &'static str,
    records_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn main() -> ExitCode {
    let is_short = std::env::var_os("VELUM_BENCH_SHORT").is_some();
    let only = std::env::var("VELUM_BENCH_ONLY").unwrap_or_default();
    let measured = [
        ("verify", verify as fn(bool) -> Result<String, String>),
        ("durable", durable),
    ];
    let mut text = String::new();
    for (name, measure) in measured {
        if !only.is_empty() && only != name {
            continue;
        }
        match measure(is_short) {
            Ok(table) => text += &table,
            Err(wrong) => {
                eprintln!("{name}: {wrong}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{text}");
    if !is_short {
        record::write("evidence-speed-", &text);
    }
    ExitCode::SUCCESS
}

fn verify(is_short: bool) -> Result<String, String> {
    let records = if is_short { 100_000 } else { 1_000_000 };
    verify::measure(records, if is_short { 1 } else { 5 })
}

/// All stores in turn, again and again.
fn durable(is_short: bool) -> Result<String, String> {
    let (rounds, length) = if is_short { (1, 1) } else { (5, 4) };
    let failed = |error: std::io::Error| error.to_string();
    let folder = tempfile::TempDir::with_prefix("velum-evidence-").map_err(failed)?;
    let path = |name: &str| -> Result<_, String> {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).map_err(failed)?;
        Ok(path)
    };
    let mut stores: Vec<Box<dyn Store>> = vec![
        Box::new(gateway::Gateway::open(&path("velum")?)?),
        Box::new(plain::Plain::open(&path("plain")?)?),
        Box::new(sqlite::Sqlite::open(&path("sqlite")?)?),
        Box::new(postgres::Postgres::open()?),
    ];
    let mut done = Vec::new();
    let mut written = vec![0u64; stores.len()];
    for round in 0..rounds {
        eprintln!("durable: round {} of {rounds}", round + 1);
        for (store, written) in stores.iter_mut().zip(&mut written) {
            let began = Instant::now();
            let mut waits = store.load(began + Duration::from_secs(length))?;
            let seconds = began.elapsed().as_secs_f64();
            let records = 2 * waits.len() as u64;
            *written += records;
            waits.sort_unstable();
            let at = |share: f64| {
                let index =
                    ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
                waits
                    .get(index)
                    .map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e3)
            };
            done.push(Round {
                name: store.name(),
                records_per_s: records as f64 / seconds,
                p50_ms: at(0.5),
                p99_ms: at(0.99),
            });
        }
    }
    let mut table = format!(
        "\n## Durable records, {CLIENTS} clients\n\n{rounds} rounds of {length} s each, \
         interleaved; median (lowest to highest). A client appends the OUTCOME of its last \
         statement and the INTENT of the next, and waits until both are on disk. All records \
         were read back.\n\n\
         | | records a second | p50 of a wait, ms | p99 of a wait, ms | records |\n\
         |---|---|---|---|---|\n"
    );
    for (store, written) in stores.iter_mut().zip(written) {
        let found = store.check()?;
        let name = store.name();
        if found != written {
            return Err(format!(
                "{name}: {written} records were acknowledged, {found} are there"
            ));
        }
        table += &row(name, found, &done);
    }
    Ok(table)
}

fn row(name: &str, records: u64, done: &[Round]) -> String {
    let of = |figure: fn(&Round) -> f64| {
        let rounds = done.iter().filter(|round| round.name == name);
        record::median(rounds.map(figure).collect())
    };
    let (low, middle, high) = of(|round| round.records_per_s);
    let show =
        |(low, middle, high): (f64, f64, f64)| format!("{middle:.2} ({low:.2} to {high:.2})");
    format!(
        "| {name} | {middle:.0} ({low:.0} to {high:.0}) | {} | {} | {records} |\n",
        show(of(|round| round.p50_ms)),
        show(of(|round| round.p99_ms)),
    )
}
