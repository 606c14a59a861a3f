//! kill -9 of a process at random moments while it writes requests and decisions, in a file and in
//! PostgreSQL: what it has acknowledged is there, exactly once, and whatever is there fits
//! together.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libtest_mimic::{Arguments, Trial};
use velum_core::grant::{
    EventKind, GrantId, Kind, Narrowing, Period, Person, Request, Requester, Scope, State, Terms,
};
use velum_proxy::config::Secret;
use velum_proxy::config::model::ResourceAddress;
use velum_proxy::config::secret::Source;
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};
use velum_proxy::grants::moves;
use velum_proxy::grants::{Act, Failure};
use velum_proxy::observe;
use velum_proxy::store::Store;
use velum_proxy::store::idempotency::{Attempt, Kept};
use velum_proxy::store::postgres::Server;

/// Names the place in which this program is to write, instead of testing: a folder, or the
/// port of a
/// server and its superuser's password.
const PLACE: &str = "VELUM_TEST_STORE_PLACE";
const ROUNDS: u64 = 12;
const WRITERS: u32 = 3;
/// Two of three have to agree.
const APPROVERS: [&str; 3] = ["ann", "bob", "cem"];

fn main() -> ExitCode {
    if let Ok(place) = std::env::var(PLACE) {
        return write_until_killed(&place);
    }
    let in_a_file = Trial::test("decisions_survive_being_killed", || {
        let folder = tempfile::tempdir().expect("a folder");
        killed_again_and_again(&folder.path().display().to_string());
        Ok(())
    });
    let in_postgres = Trial::test("postgres::decisions_survive_being_killed", || {
        let cluster = Cluster::start(ClusterOptions::default()).expect("a private PostgreSQL");
        let (port, password) = (cluster.port(), cluster.superuser_password());
        killed_again_and_again(&format!("{port} {password}"));
        Ok(())
    });
    libtest_mimic::run(&Arguments::from_args(), vec![in_a_file, in_postgres]).exit_code()
}

/// The store in this place.
fn open(place: &str) -> Store {
    let Some((port, password)) = place.split_once(' ') else {
        return Store::open(Path::new(place)).expect("a store");
    };
    let secret = Secret::new(password.as_bytes().to_vec(), "a test");
    let server = Server {
        hosts: vec![ResourceAddress::Tcp {
            host: "127.0.0.1".to_owned(),
            port: port.parse().expect("a port"),
        }],
        user: "postgres".to_owned(),
        database: "postgres".to_owned(),
        password: Some(Source::Known(secret)),
        tls: None,
    };
    Store::open_on(&Arc::new(server), "killed".to_owned()).expect("a store")
}

/// Requests and decides in several threads, and prints a line for each that was acknowledged.
fn write_until_killed(place: &str) -> ExitCode {
    // A writer that fails is no writer that was killed.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    let begun = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (place, salt) = (place.to_owned(), begun.subsec_nanos() ^ (writer << 16));
            std::thread::spawn(move || write(&place, salt))
        })
        .collect();
    for writer in writers {
        writer.join().expect("a writer");
    }
    ExitCode::FAILURE
}

fn write(place: &str, salt: u32) {
    let mut store = open(place);
    for turn in 0_u32.. {
        let key = format!("{salt}-{turn}");
        let made = store.transact(|tx| {
            let now = tx.clock(observe::now())?;
            let chance = salt.wrapping_add(turn);
            let changed = moves::request(tx, asked(), two_of_three(), chance, now)?;
            let id = changed.stored.grant.id;
            tx.keep(&attempt(&key), &kept(id), now)?;
            Ok::<_, Failure>(id)
        });
        let id = made.expect("a request");
        say(&format!("requested {id} {key}"));
        for by in APPROVERS.iter().take(2) {
            let decided = store.transact(|tx| {
                let now = tx.clock(observe::now())?;
                let person = Person {
                    id: (*by).to_owned(),
                    ..Person::default()
                };
                let act = Act::Approve(person, "because".to_owned(), Narrowing::default());
                moves::act(tx, id, None, act, now)
            });
            decided.expect("an approval");
            say(&format!("approved {id} {by}"));
        }
    }
}

fn say(line: &str) {
    // One write, so that a kill cuts no line of another thread in two.
    let _closed = std::io::stdout()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

fn asked() -> Request {
    Request {
        requester: Requester {
            identity: "agent".to_owned(),
            by: "agent".to_owned(),
            ..Requester::default()
        },
        resource: "ehr".to_owned(),
        scope: Scope::policy("masked"),
        window: Period::of_ms(60_000_000),
        kind: Kind::Timed,
        reason: "load".to_owned(),
        ticket: None,
    }
}

fn two_of_three() -> Terms {
    Terms {
        approvals: 2,
        longest_ms: 60_000_000,
        ..Terms::default()
    }
}

fn attempt(key: &str) -> Attempt {
    Attempt {
        caller: "agent".to_owned(),
        key: key.to_owned(),
        request_sha256: [7; 32],
    }
}

fn kept(id: GrantId) -> Kept {
    Kept {
        status: 201,
        version: Some(1),
        body: id.to_string(),
    }
}

fn killed_again_and_again(place: &str) {
    let mut requested = BTreeMap::new();
    let mut approved = BTreeSet::new();
    let mut random = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .subsec_nanos()
        | 1;
    eprintln!("seed {random}");
    for _ in 0..ROUNDS {
        // xorshift32
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        for line in one_round(place, Duration::from_millis(u64::from(random % 400))) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["requested", id, key] => {
                    requested.insert(id.to_owned(), key.to_owned());
                }
                ["approved", id, by] => {
                    let is_new = approved.insert((id.to_owned(), by.to_owned()));
                    assert!(is_new, "{line} was acknowledged twice");
                }
                // The last line may be cut.
                _ => {}
            }
        }
    }
    assert!(
        requested.len() > 50,
        "only {} requests: no load",
        requested.len()
    );
    assert!(
        approved.len() > 50,
        "only {} approvals: no load",
        approved.len()
    );
    let mut store = open(place);
    for (id, key) in &requested {
        check_request(&mut store, id, key);
    }
    for (id, by) in &approved {
        let id: GrantId = id.parse().expect("a name");
        let decisions = store.look(|tx| tx.decisions(id)).expect("decisions");
        let theirs = decisions.iter().filter(|it| it.by == *by).count();
        assert_eq!(
            theirs, 1,
            "{id} by {by}: acknowledged once, there {theirs} times"
        );
    }
    check_all(&mut store);
}

/// Starts a writer and kills it, at the earliest when it has said something, so that it is hit
/// while it works. Returns the lines that it said.
fn one_round(place: &str, after: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .env(PLACE, place)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a writer");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a writer that works").expect("a line");
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(after);
    child.kill().expect("a kill");
    let status = child.wait().expect("its end");
    assert_eq!(status.signal(), Some(9), "it has ended by itself: {status}");
    let mut said = reader.join().expect("the reader");
    said.insert(0, first);
    said
}

fn check_request(store: &mut Store, id: &str, key: &str) {
    let parsed: GrantId = id.parse().expect("a name");
    let (found, answer) = store
        .look(|tx| Ok::<_, Failure>((tx.grant(parsed)?, tx.kept(&attempt(key))?)))
        .expect("a look");
    assert!(found.is_some(), "{id} was acknowledged and is lost");
    let answer = answer.expect("the answer that was kept with it");
    assert_eq!(answer, kept(parsed), "who asks again gets the same");
}

/// Acknowledged or not: a grant, its decisions and its events tell the same story.
fn check_all(store: &mut Store) {
    let all = store.look(|tx| tx.open_grants()).expect("grants");
    let mut last = 0;
    for stored in &all {
        let grant = &stored.grant;
        let (decisions, events) = store
            .look(|tx| Ok::<_, Failure>((tx.decisions(grant.id)?, tx.events_of(grant.id)?)))
            .expect("a look");
        let deciders: Vec<&str> = decisions.iter().map(|it| it.by.as_str()).collect();
        let approvers: Vec<&str> = grant.approvals.iter().map(|it| it.by.id.as_str()).collect();
        assert_eq!(deciders, approvers, "{}", grant.id);
        let count = |kind| events.iter().filter(|it| it.event.kind == kind).count();
        assert_eq!(count(EventKind::Requested), 1);
        assert_eq!(count(EventKind::Approved), approvers.len());
        let is_active = usize::from(grant.state == State::Active);
        assert_eq!(count(EventKind::Activated), is_active);
        assert_eq!(is_active == 1, approvers.len() == 2);
        assert_eq!(stored.version, 1 + approvers.len() as u64);
        last = last.max(events.last().map_or(0, |it| it.sequence));
    }
    let numbered = store
        .look(|tx| tx.events_after(0, u32::MAX))
        .expect("events");
    assert_eq!(numbered.len() as u64, last, "numbers without gaps");
}
