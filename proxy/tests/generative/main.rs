//! Random schemas, views and statements over canaries, on a real PostgreSQL, past the gateway and
//! through it: no canary comes through in any form, and what touches nothing under a rule comes as
//! it is.
//!
//! `VELUM_GENERATED` is the number of statements (2,000), `VELUM_SEED` a number or `fresh`. A
//! failing statement is made as short as it gets and printed; it belongs into `regressions.sql`,
//! which is run first.
//!
//! * [`choices`]: where decisions come from, and how a statement is made shorter.
//! * [`types`], [`schema`]: tables, views and functions with canaries in some of the columns.
//! * [`templates`], [`expression`], [`from`], [`query`], [`statement`]: the grammar.
//! * [`run`], [`check`], [`world`]: what is sent, what must hold, and between whom.
//! * [`report`], [`regressions`]: what failed.
#![allow(clippy::print_stderr, reason = "its report is its output")]

mod check;
mod choices;
mod expression;
mod from;
mod query;
mod regressions;
mod report;
mod run;
mod schema;
mod statement;
#[path = "../support/mod.rs"]
mod support;
mod templates;
mod types;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use choices::Choices;
use indicatif::{ProgressBar, ProgressStyle};
use libtest_mimic::{Arguments, Trial};
use schema::Schema;
use support::clinic;
use support::gateway::Driver;
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};
use world::{Verdict, World};

/// Statements over one schema.
const A_WORLD: usize = 500;
/// A run that finds as many stops.
const FAILURES_MAX: usize = 12;
/// Of a hundred statements, those that run without the gateway, at the least.
const VALID_PERCENT: usize = 60;
/// And those that show a canary without it.
const SHOWN_PERCENT: usize = 25;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let cluster: Arc<LazyLock<Cluster>> = Arc::new(LazyLock::new(cluster));
    let mut trials = Vec::new();
    if let Some(driver) = Driver::under_test().first() {
        let (shared, driver) = (Arc::clone(&cluster), *driver);
        trials.push(Trial::test("what_failed_once", move || {
            report(&regressions::run(&shared, driver));
            Ok(())
        }));
        trials.push(Trial::test("generated_statements", move || {
            generated(&cluster);
            Ok(())
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn cluster() -> Cluster {
    // Plans are to stay what they are from one run of a statement to the next.
    let settings = [("autovacuum", "off"), ("fsync", "off"), ("jit", "off")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let cluster = Cluster::start(ClusterOptions {
        settings: settings.to_vec(),
        ..ClusterOptions::default()
    });
    let cluster = cluster.expect("a private PostgreSQL");
    let (role, password) = (clinic::ROLE, clinic::ROLE_PASSWORD);
    let sql = format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'");
    cluster.psql_in("postgres", &sql).expect("a role");
    cluster
}

/// Counts of a run.
#[derive(Default)]
struct Totals {
    statements: AtomicUsize,
    valid: AtomicUsize,
    clean: AtomicUsize,
    shown: AtomicUsize,
    /// Of the valid ones that show a canary: by the open policy, and by the guarded one.
    shown_and_run: [AtomicUsize; 2],
    failures: Mutex<Vec<String>>,
}

impl Totals {
    fn add(&self, verdict: Verdict, schema: &Schema) {
        let count = |counter: &AtomicUsize, yes: bool| {
            counter.fetch_add(usize::from(yes), Ordering::Relaxed);
        };
        count(&self.statements, true);
        count(&self.valid, verdict.is_valid);
        count(&self.clean, verdict.is_clean);
        count(&self.shown, verdict.shows);
        for (counter, runs) in self.shown_and_run.iter().zip(verdict.runs) {
            count(counter, verdict.shows && verdict.is_valid && runs);
        }
        if let Some(failure) = verdict.failure {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push(failure.text(schema));
        }
    }

    fn has_enough(&self) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.len() >= FAILURES_MAX
    }
}

fn generated(cluster: &Cluster) {
    let count: usize = setting("VELUM_GENERATED", 2_000);
    let seed = seed();
    let bar = bar(count);
    let totals = Totals::default();
    let worlds = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = worlds.fetch_add(1, Ordering::Relaxed);
                    if number * A_WORLD >= count || totals.has_enough() {
                        return;
                    }
                    world(cluster, number, seed, count, &totals, &bar);
                }
            });
        }
    });
    bar.finish_and_clear();
    judge(&totals, seed);
}

/// The statements of one world.
fn world(
    cluster: &Cluster,
    number: usize,
    seed: u64,
    count: usize,
    totals: &Totals,
    bar: &ProgressBar,
) {
    let drivers = Driver::under_test();
    let driver = drivers[number % drivers.len()];
    let stream = |statement: usize| Choices::from_seed(seed, (number << 32 | statement) as u64);
    let mut choices = stream(0);
    let mut world = World::start(cluster, &format!("gen{number}"), driver, |run| {
        Schema::create(&mut choices, run)
    });
    for statement in 1..=A_WORLD.min(count - number * A_WORLD) {
        let verdict = world.trial(stream(statement));
        totals.add(verdict, &world.schema);
        bar.inc(1);
        if totals.has_enough() {
            return;
        }
    }
}

/// Prints what a run found, and fails where it has to.
fn judge(totals: &Totals, seed: u64) {
    let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let statements = read(&totals.statements).max(1);
    let percent = |of: &AtomicUsize| read(of) * 100 / statements;
    let [open, guarded] = [0, 1].map(|it| read(&totals.shown_and_run[it]) * 100);
    let shown = read(&totals.shown).max(1);
    eprintln!(
        "seed {seed}: {statements} statements; without the gateway {} % run and {} % show a \
         canary; {} % touch none and have to come as they are; of those that show one {} % run \
         masked where every statement may, {} % where a policy says nothing",
        percent(&totals.valid),
        percent(&totals.shown),
        percent(&totals.clean),
        open / shown,
        guarded / shown,
    );
    let failures = totals
        .failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    report(&failures);
    assert!(percent(&totals.valid) >= VALID_PERCENT, "too few are valid");
    assert!(
        percent(&totals.shown) >= SHOWN_PERCENT,
        "too few show canaries"
    );
}

#[track_caller]
fn report(failures: &[String]) {
    for failure in failures {
        eprintln!("---\n{failure}");
    }
    assert!(failures.is_empty(), "{} statements failed", failures.len());
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| {
        let number = text.parse().ok();
        number.unwrap_or_else(|| panic!("{name}={text}: not a number"))
    })
}

/// `VELUM_SEED`, or always the same.
fn seed() -> u64 {
    if std::env::var("VELUM_SEED").as_deref() != Ok("fresh") {
        return setting("VELUM_SEED", 4);
    }
    let seed = getrandom::u64().expect("the system's randomness");
    eprintln!("VELUM_SEED={seed}");
    seed
}

fn bar(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    let template = "statements {bar:32.cyan/dim} {pos}/{len} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
