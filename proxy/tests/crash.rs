//! kill -9 of the gateway at random moments under load: whatever result byte a client has read,
//! and whatever write the database has executed, its INTENT is in the log.

mod support;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use postgres_protocol::message::frontend;
use support::bed::{Bed, upstream};
use support::client::{Client, Login};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup};

/// Kills of one driver, if `VELUM_KILLS` does not say how many of all: 26 on both.
const ROUNDS: u64 = 13;
const CLIENTS: u64 = 6;
/// The load before a kill, with what the clients need to log in.
const LOAD_MS: std::ops::Range<u64> = 60..560;
/// The log is verified after so many kills, and at the end.
const VERIFIED: u64 = 50;

fn main() -> ExitCode {
    let bed = Bed::shared();
    let drivers = Driver::under_test();
    let kills = std::env::var("VELUM_KILLS").map(|kills| kills.parse::<u64>());
    let rounds = match kills {
        Ok(kills) => kills
            .expect("a number in VELUM_KILLS")
            .div_ceil(drivers.len() as u64),
        Err(_) => ROUNDS,
    };
    let trial = |driver: &Driver| {
        let (bed, driver) = (Arc::clone(&bed), *driver);
        Trial::test(
            format!("{driver}::no_result_and_no_write_without_its_intent"),
            move || {
                killed_again_and_again(&bed, driver, rounds);
                Ok(())
            },
        )
    };
    support::run(drivers.iter().map(trial).collect())
}

fn killed_again_and_again(bed: &Bed, driver: Driver, rounds: u64) {
    let table = format!("marks_{driver}");
    let create = format!(
        "SET ROLE {}; CREATE TABLE clinic.{table} (mark text)",
        clinic::ROLE
    );
    bed.cluster
        .psql_in(clinic::DATABASE, &create)
        .expect("a table");
    let mut gateway = Gateway::start(&Setup::clinic(driver, upstream(&bed.cluster)));
    let mut random = Random::new();
    eprintln!("{driver}: seed {}", random.0);
    let mut answered = BTreeSet::new();
    for round in 0..rounds {
        let after_ms = LOAD_MS.start + random.below(LOAD_MS.end - LOAD_MS.start);
        answered.extend(one_round(&mut gateway, &table, round, after_ms));
        if (round + 1) % VERIFIED == 0 {
            eprintln!("{driver}: {} kills, {} answers", round + 1, answered.len());
            verified(&gateway, &["--allow-unsigned"]);
        }
    }
    // What the database had received when its client was lost may still be running.
    thread::sleep(Duration::from_millis(500));
    let marks = format!("SELECT mark FROM clinic.{table}");
    let marks = bed
        .cluster
        .psql_in(clinic::DATABASE, &marks)
        .expect("marks");
    let written: BTreeSet<String> = marks.lines().map(str::to_owned).collect();
    assert!(
        answered.len() > 50,
        "only {} answers: the load was no load",
        answered.len()
    );
    assert!(
        written.len() > 20,
        "only {} writes: the load was no load",
        written.len()
    );

    gateway.restart();
    assert!(gateway.stop(), "a clean stop\n{}", gateway.log());
    verified(&gateway, &[]);
    let log = gateway.audit(&["show", "--json"]);
    let records = records(&log);
    let intents: BTreeSet<&str> = records
        .iter()
        .flat_map(|record| record.mark.as_deref())
        .collect();
    for mark in &answered {
        assert!(
            intents.contains(mark.as_str()),
            "{mark} was answered without an INTENT"
        );
    }
    for mark in &written {
        assert!(
            intents.contains(mark.as_str()),
            "{mark} was written without an INTENT"
        );
    }
    every_intent_has_an_end(&records);
    eprintln!(
        "{driver}: {rounds} kills, {} records, {} statements, {} answers, {} writes",
        records.len(),
        intents.len(),
        answered.len(),
        written.len()
    );
}

fn verified(gateway: &Gateway, more: &[&str]) {
    let key = gateway.audit_key();
    let verify = [&["verify", "--key", &key], more].concat();
    let verified = gateway.audit(&verify);
    assert!(verified.starts_with("verified: "), "{verified}");
}

/// Starts the gateway again, lets clients work, and kills it after `after_ms`. Returns the marks
/// of the statements of whose results at least one byte was read.
fn one_round(gateway: &mut Gateway, table: &str, round: u64, after_ms: u64) -> Vec<String> {
    gateway.restart();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let login = gateway.login(clinic::EXEMPT, number % 2 == 1);
            let (stop, table) = (Arc::clone(&stop), table.to_owned());
            thread::spawn(move || load(&login, &stop, &table, round, number))
        })
        .collect();
    thread::sleep(Duration::from_millis(after_ms));
    gateway.kill();
    stop.store(true, Ordering::Relaxed);
    clients
        .into_iter()
        .flat_map(|client| client.join().expect("a client"))
        .collect()
}

/// Reads and writes in turn, each with a mark of its own, until the connection is lost.
fn load(login: &Login, stop: &AtomicBool, table: &str, round: u64, number: u64) -> Vec<String> {
    let mut answered = Vec::new();
    let Ok(mut client) = Client::connect(login, clinic::DATABASE) else {
        return answered;
    };
    // Records keep numbers of up to four digits.
    for turn in 0u64..10_000 {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mark = format!("m_{round}_{number}_{turn}");
        let before = client.received().len();
        let extended = turn % 3 == 2;
        // Records keep these numbers, but no name that is not the catalog's.
        let marked = format!(
            "WITH a AS (SELECT 1 LIMIT {round}), b AS (SELECT 1 LIMIT {number}), \
             c AS (SELECT 1 OFFSET {turn})"
        );
        let sql = match turn % 3 {
            1 => format!("{marked} INSERT INTO clinic.{table} VALUES ('{mark}')"),
            _ => format!("{marked} SELECT 1"),
        };
        let over = match extended {
            false => client.simple(&sql).is_err(),
            true => execute(&mut client, &sql).is_err(),
        };
        // ParseComplete and BindComplete are no result: five bytes each.
        let floor = if extended { 10 } else { 0 };
        if client.received().len() > before + floor {
            answered.push(mark);
        }
        if over {
            break;
        }
    }
    answered
}

fn execute(client: &mut Client, sql: &str) -> std::io::Result<()> {
    client.write(|out| {
        frontend::parse("", sql, [], out)?;
        let none = |_: &str, _: &mut bytes::BytesMut| Ok(postgres_protocol::IsNull::Yes);
        let bound = frontend::bind("", "", [], [] as [&str; 0], none, [0], out);
        bound.map_err(|_| std::io::Error::other("bind"))?;
        frontend::execute("", 0, out)?;
        frontend::sync(out);
        Ok(())
    })?;
    client.until_ready().map(drop)
}

/// What the test needs of a record.
struct Seen {
    event: String,
    /// Session and statement.
    statement: (String, u64),
    /// Of an INTENT.
    mark: Option<String>,
}

/// The mark in a statement of [`load`], as its record has it.
fn mark(text: &str) -> Option<String> {
    let words: Vec<_> = text.split([' ', ')', ',']).collect();
    let counts = words
        .windows(2)
        .filter(|pair| matches!(pair[0], "LIMIT" | "OFFSET"));
    match counts.map(|pair| pair[1]).collect::<Vec<_>>()[..] {
        [round, number, turn] => Some(format!("m_{round}_{number}_{turn}")),
        _ => None,
    }
}

fn records(log: &str) -> Vec<Seen> {
    let parse = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let mark = mark(&text("text"));
        let statement = (text("session"), value["statement"].as_u64().unwrap_or(0));
        Seen {
            event: text("event"),
            statement,
            mark,
        }
    };
    log.lines()
        .filter(|line| line.starts_with('{'))
        .map(parse)
        .collect()
}

/// After a crash, an INTENT without an OUTCOME has become an explicit "outcome unknown".
fn every_intent_has_an_end(records: &[Seen]) {
    let of = |event: &str| -> BTreeSet<&(String, u64)> {
        let found = records.iter().filter(|record| record.event == event);
        found.map(|record| &record.statement).collect()
    };
    let (intents, outcomes, unknown) = (of("intent"), of("outcome"), of("outcome_unknown"));
    assert!(
        !unknown.is_empty(),
        "no kill under load left a statement open"
    );
    for statement in intents {
        let ended = outcomes.contains(statement) || unknown.contains(statement);
        assert!(
            ended,
            "statement {} of session {} has no end",
            statement.1, statement.0
        );
    }
}

/// xorshift64: the moments differ from run to run, and the seed is printed.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(now.expect("a clock after 1970").subsec_nanos() as u64 | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
