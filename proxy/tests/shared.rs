//! Two gateways on one store in PostgreSQL: what is decided at one holds at both, whatever of the
//! three is killed, restarted or away in between.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use support::bed::{Bed, upstream};
use support::client::{Client, error_code};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, free_port};
use velum_proxy::demo::cluster::{Cluster, ClusterOptions, StopMode};

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(40);
const AGENT: &str = "patient_agent";
/// The password of the store's role: it must not get anywhere.
const CANARY: &str = "canary-kq7v-store-password";
const ROLE: &str = "keeper";

type Body = fn(&Bed);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let all: [(&str, Body); 6] = [
        ("a_decision_holds_at_both", a_decision_holds_at_both),
        (
            "decisions_at_once_are_counted_right",
            decisions_at_once_are_counted_right,
        ),
        (
            "one_that_is_killed_loses_and_doubles_nothing",
            one_that_is_killed,
        ),
        ("a_store_that_is_away_lets_nobody_in", a_store_that_is_away),
        ("each_is_told_once", each_is_told_once),
        (
            "the_stores_password_gets_nowhere",
            the_password_gets_nowhere,
        ),
    ];
    let trials = all.into_iter().map(|(name, body)| {
        let bed = Arc::clone(&bed);
        Trial::test(name, move || {
            if !Driver::under_test().is_empty() {
                body(&bed);
            }
            Ok(())
        })
    });
    support::run(trials.collect())
}

/// One of the gateways.
struct Side {
    gateway: Gateway,
    api: String,
}

/// Two gateways, their store, and people.
struct House {
    sides: [Side; 2],
    store: Cluster,
    asks: String,
    ann: String,
    bob: String,
    cem: String,
}

impl House {
    fn new(bed: &Bed, grants: &str, more: &str) -> Self {
        let store = Cluster::start(ClusterOptions::default()).expect("a store");
        let made = store.psql(&format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{CANARY}'"));
        made.expect("a role");
        store
            .psql(&format!("CREATE DATABASE velum OWNER {ROLE}"))
            .expect("a database");
        let drivers = Driver::under_test();
        let side = |driver: Driver| {
            let port = free_port();
            let rules = rules(port, store.port(), grants, more);
            let setup = Setup::new(driver, upstream(&bed.cluster), rules);
            let gateway = Gateway::start_after(&setup, |config| {
                secret(config, "store.password", CANARY);
                secret(config, "webhook.secret", "a secret of a webhook");
            });
            Side {
                gateway,
                api: format!("http://127.0.0.1:{port}"),
            }
        };
        let sides = [side(drivers[0]), side(drivers[drivers.len() - 1])];
        let config = sides[0].gateway.config_file().display().to_string();
        let first = velum(
            &sides[1].api,
            "",
            &["keys", "bootstrap", "--config", &config],
        );
        assert!(first.status.success(), "{}", text(&first.stderr));
        let admin = text(&first.stdout).trim().to_owned();
        // Made at one or the other.
        let key = |side: usize, arguments: &[&str]| {
            let made = json(
                &sides[side].api,
                &admin,
                &[&["keys", "create"], arguments].concat(),
            );
            made["key"].as_str().expect("a key").to_owned()
        };
        let asks = key(
            0,
            &["--owner", "dora", "--role", "requester", "--identity", "*"],
        );
        let approver = |side, name: &str| key(side, &["--owner", name, "--role", "approver"]);
        let [ann, bob, cem] = [(1, "ann"), (0, "bob"), (1, "cem")].map(|(s, n)| approver(s, n));
        Self {
            sides,
            store,
            asks,
            ann,
            bob,
            cem,
        }
    }

    fn request(&self, side: usize) -> String {
        let arguments = [
            "--identity",
            AGENT,
            "--resource",
            clinic::DATABASE,
            "--for",
            "1h",
        ];
        let ask = [&["grants", "request", "--reason", "report"], &arguments[..]].concat();
        let made = json(&self.sides[side].api, &self.asks, &ask);
        made["id"].as_str().expect("its name").to_owned()
    }

    fn approve(&self, side: usize, key: &str, id: &str, more: &[&str]) -> Output {
        let approve = ["grants", "approve", id, "--rationale", "seen"];
        velum(&self.sides[side].api, key, &[&approve, more].concat())
    }

    fn show(&self, side: usize, id: &str) -> Value {
        json(&self.sides[side].api, &self.ann, &["grants", "show", id])
    }

    /// The one request that waits, as this side knows it.
    fn waiting(&self, side: usize) -> String {
        let list = [
            "grants",
            "list",
            "--state",
            "requested",
            "--identity",
            AGENT,
        ];
        eventually(|| {
            let page = json(&self.sides[side].api, &self.ann, &list);
            let one = page["items"]
                .as_array()
                .and_then(|items| items.first().cloned());
            one.map(|one| one["id"].as_str().expect("its name").to_owned())
        })
    }

    fn psql(&self, bed: &Bed, side: usize, statement: &str) -> Child {
        let mut psql = Command::new(bed.cluster.installation().program("psql"));
        let port = self.sides[side].gateway.port().to_string();
        psql.args([
            "-X",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            AGENT,
        ]);
        psql.args(["-d", clinic::DATABASE, "-c", statement]);
        psql.env("PGPASSWORD", clinic::CLIENT_PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        psql.spawn().expect("psql runs")
    }

    /// What the store holds.
    fn count(&self, sql: &str) -> u64 {
        let found = self.store.psql_in("velum", sql).expect("a count");
        found.trim().parse().expect("a number")
    }

    /// Every event of the store is in one log, once; of a gateway that was killed it may be there
    /// again, by the same number. Stops the gateways.
    fn check_logs(&mut self, was_killed: bool) {
        eventually(|| {
            let left = self.count("SELECT count(*) FROM velum.events WHERE audited = 0");
            (left == 0).then_some(())
        });
        let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
        for side in &mut self.sides {
            assert!(side.gateway.stop(), "a clean stop\n{}", side.gateway.log());
            let log = side.gateway.audit(&["show", "--json"]);
            let records = log.lines().filter(|line| line.starts_with('{'));
            let mut own: Vec<u64> = records
                .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
                .filter(|it| it["grant"].is_string())
                .filter_map(|it| it["event_sequence"].as_u64().filter(|number| *number > 0))
                .collect();
            own.sort_unstable();
            if was_killed {
                own.dedup();
            }
            for number in own {
                *seen.entry(number).or_default() += 1;
            }
        }
        let last = self.count("SELECT coalesce(max(sequence), 0) FROM velum.events");
        let expected: BTreeMap<u64, usize> = (1..=last).map(|number| (number, 1)).collect();
        assert_eq!(seen, expected, "each in one log");
    }
}

fn rules(port: u16, store: u16, grants: &str, more: &str) -> String {
    format!(
        "[store]\nurl = \"postgres://{ROLE}@127.0.0.1:{store}/velum?sslmode=disable\"\n\
         password = {{ file = \"store.password\" }}\n\n\
         [api]\nlisten = \"127.0.0.1:{port}\"\nrequests_per_minute = 60_000\n\n\
         [grants]\nlongest_s = 36_000\n{grants}\n\n{more}\n\
         [[identity]]\nname = \"{AGENT}\"\nauth = \"scram\"\n\
         password = {{ file = \"client.password\" }}\n\
         access = {{ {} = {{ policy = \"masked\", grant = \"required\", on_missing = \"wait\", \
         wait_ms = 60_000 }} }}\n\n{}",
        clinic::DATABASE,
        clinic::rules()
    )
}

fn secret(config: &Path, name: &str, text: &str) {
    let path = config.with_file_name(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its rights");
}

fn velum(api: &str, key: &str, arguments: &[&str]) -> Output {
    let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
    velum.args(arguments);
    velum.env("VELUM_API", api).env("VELUM_KEY", key);
    velum.output().expect("velum runs")
}

/// The answer of a command that has to work.
fn json(api: &str, key: &str, arguments: &[&str]) -> Value {
    let output = velum(api, key, &[arguments, &["--json"]].concat());
    let error = text(&output.stderr);
    assert!(output.status.success(), "velum {arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it does not happen");
        thread::sleep(Duration::from_millis(50));
    }
}

fn a_decision_holds_at_both(bed: &Bed) {
    let mut house = House::new(bed, "approvals = 1", "");
    let waits = house.psql(bed, 1, "SELECT 'let in', pg_sleep(300)");
    let id = house.waiting(0);
    let approved = house.approve(0, &house.ann, &id, &[]);
    assert!(approved.status.success(), "{}", text(&approved.stderr));
    let working = "SELECT count(*) FROM pg_stat_activity
                   WHERE query LIKE '%let in%' AND pid <> pg_backend_pid()";
    let works = |expected: &str| {
        let found = bed.cluster.psql(working).expect("a count");
        (found.trim() == expected).then_some(())
    };
    eventually(|| works("1"));
    assert_eq!(house.show(1, &id)["state"], "active");
    let revoke = ["grants", "revoke", &id, "--rationale", "enough"];
    let began = Instant::now();
    json(&house.sides[0].api, &house.ann, &revoke);
    let output = waits.wait_with_output().expect("psql ends");
    eprintln!("revoked at one, ended at the other: {:?}", began.elapsed());
    assert!(
        text(&output.stderr).contains("in force no longer"),
        "{}",
        text(&output.stderr)
    );
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    eventually(|| works("0"));
    // A grant of three seconds: it ends at both, and that is one event.
    let waits = house.psql(bed, 0, "SELECT 'let in', pg_sleep(300)");
    let id = house.waiting(1);
    let approved = house.approve(1, &house.bob, &id, &["--for", "3s"]);
    assert!(approved.status.success(), "{}", text(&approved.stderr));
    let output = waits.wait_with_output().expect("psql ends");
    assert!(
        text(&output.stderr).contains("expired"),
        "{}",
        text(&output.stderr)
    );
    eventually(|| (house.show(0, &id)["state"] == "expired").then_some(()));
    // Both have looked again by then.
    thread::sleep(Duration::from_millis(500));
    let expired = format!(
        "SELECT count(*) FROM velum.events WHERE grant_id = '{id}'
         AND document LIKE '%\"expired\"%'"
    );
    assert_eq!(house.count(&expired), 1);
    house.check_logs(false);
}

/// Two of three have to agree, and all three do at once, at both gateways.
fn decisions_at_once_are_counted_right(bed: &Bed) {
    let mut house = House::new(bed, "approvals = 2", "");
    for round in 0..6 {
        let id = house.request(round % 2);
        let agreed = thread::scope(|scope| {
            let deciders = [(&house.ann, 0), (&house.bob, 1), (&house.cem, round % 2)];
            let asked = deciders.map(|(key, side)| {
                let (house, id) = (&house, &id);
                scope.spawn(move || house.approve(side, key, id, &[]))
            });
            let answers = asked.map(|it| it.join().expect("an answer"));
            answers.iter().filter(|it| it.status.success()).count()
        });
        assert_eq!(agreed, 2, "{id}: the third comes too late");
        for side in 0..2 {
            let shown = house.show(side, &id);
            assert_eq!(shown["state"], "active");
            assert_eq!(
                shown["approvals"].as_array().map(Vec::len),
                Some(2),
                "{shown}"
            );
        }
    }
    let twice = "SELECT count(*) FROM (SELECT 1 FROM velum.decisions
                 GROUP BY grant_id, by_id HAVING count(*) > 1) AS twice";
    assert_eq!(house.count(twice), 0);
    house.check_logs(false);
}

/// People decide at both as one of them is killed again and again.
fn one_that_is_killed(bed: &Bed) {
    let mut house = House::new(bed, "approvals = 1", "");
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..4 {
        let ids: Vec<String> = (0..4).map(|_| house.request(1)).collect();
        let (asks, ann) = (house.ann.clone(), house.bob.clone());
        let apis = [house.sides[0].api.clone(), house.sides[1].api.clone()];
        let deciding: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(place, id)| {
                let (id, api) = (id.clone(), apis[place % 2].clone());
                let key = if place % 2 == 0 {
                    ann.clone()
                } else {
                    asks.clone()
                };
                thread::spawn(move || {
                    let approve = ["grants", "approve", &id, "--rationale", "seen"];
                    let answer = velum(&api, &key, &approve);
                    answer.status.success().then_some(id)
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(10 + 15 * round));
        house.sides[0].gateway.kill();
        for decided in deciding {
            acknowledged.extend(decided.join().expect("an answer"));
        }
        // At the other everything goes on, the requests that were hit among it.
        for id in &ids {
            if house.show(1, id)["state"] == "requested" {
                let approved = house.approve(1, &house.cem, id, &[]);
                assert!(approved.status.success(), "{}", text(&approved.stderr));
                acknowledged.push(id.clone());
            }
        }
        house.sides[0].gateway.restart();
    }
    assert!(
        acknowledged.len() >= 8,
        "the gateway that lives decides: {acknowledged:?}"
    );
    for id in &acknowledged {
        let sql = format!("SELECT count(*) FROM velum.decisions WHERE grant_id = '{id}'");
        assert_eq!(house.count(&sql), 1, "{id}: acknowledged once");
        assert_eq!(house.show(0, id)["state"], "active");
    }
    house.check_logs(true);
}

fn a_store_that_is_away(bed: &Bed) {
    let mut house = House::new(bed, "approvals = 1", "");
    let id = house.request(0);
    let approved = house.approve(0, &house.ann, &id, &[]);
    assert!(approved.status.success(), "{}", text(&approved.stderr));
    let mut session = house.sides[1].gateway.connect(AGENT, false);
    house.store.stop(StopMode::Fast).expect("it stops");
    let frames = session.simple("SELECT 1").expect("an answer");
    assert_eq!(error_code(&frames), None, "who is in goes on");
    let login = house.sides[1].gateway.login(AGENT, false);
    let refused = Client::connect(&login, clinic::DATABASE);
    assert!(refused.is_err(), "nobody is let in meanwhile");
    let revoke = ["grants", "revoke", &id, "--rationale", "enough"];
    let failed = velum(&house.sides[0].api, &house.ann, &revoke);
    assert!(!failed.status.success());
    assert!(
        text(&failed.stderr).contains("store-away"),
        "{}",
        text(&failed.stderr)
    );
    let ready = velum_http(&house.sides[0].api, "/readyz");
    assert!(
        ready.contains(" 503 ") && ready.contains("the store does not answer"),
        "{ready}"
    );
    house.store.resume().expect("it starts");
    eventually(|| {
        let answer = velum(&house.sides[0].api, &house.ann, &revoke);
        answer.status.success().then_some(())
    });
    let ended = session
        .until_closed(PATIENCE)
        .expect("its session ends at the other");
    assert_eq!(error_code(&ended).as_deref(), Some("57P01"));
    // Who waits for a person goes on waiting while the store is away.
    let waits = house.psql(bed, 1, "SELECT 'at last'");
    let id = house.waiting(0);
    house.store.stop(StopMode::Immediate).expect("it stops");
    thread::sleep(Duration::from_secs(2));
    house.store.resume().expect("it starts");
    eventually(|| {
        house
            .approve(0, &house.bob, &id, &[])
            .status
            .success()
            .then_some(())
    });
    let output = waits.wait_with_output().expect("psql ends");
    assert_eq!(
        text(&output.stdout).trim(),
        "at last",
        "{}",
        text(&output.stderr)
    );
    house.check_logs(false);
}

/// The answer to a GET, with its head.
fn velum_http(api: &str, path: &str) -> String {
    let address = api.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).expect("the API");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Takes whatever is delivered, and notes its name. Who is told late may tell twice.
fn receiver(seen: &Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it").port();
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                let mut length = 0;
                while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                    let lower = line.to_ascii_lowercase();
                    if let Some(id) = lower.strip_prefix("webhook-id: ") {
                        seen.lock().expect("unharmed").push(id.trim().to_owned());
                    }
                    if let Some(value) = lower.strip_prefix("content-length: ") {
                        length = value.trim().parse().expect("a length");
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                thread::sleep(Duration::from_millis(100));
                let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                let _gone = reader.get_mut().write_all(answer);
            });
        }
    });
    port
}

fn each_is_told_once(bed: &Bed) {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let port = receiver(&seen);
    let notify = format!(
        "[[notify]]\nname = \"oncall\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/\"\n\
         secret = {{ file = \"webhook.secret\" }}\nevents = [\"requested\"]\n"
    );
    let mut house = House::new(bed, "approvals = 1", &notify);
    for turn in 0..12 {
        house.request(turn % 2);
        if turn == 6 {
            house.store.restart().expect("it restarts");
            eventually(|| {
                let ready = velum_http(&house.sides[0].api, "/readyz");
                let other = velum_http(&house.sides[1].api, "/readyz");
                (ready.contains(" 200 ") && other.contains(" 200 ")).then_some(())
            });
        }
    }
    eventually(|| {
        let sent = house.count("SELECT count(*) FROM velum.notifications WHERE state = 'sent'");
        (sent == 12).then_some(())
    });
    let mut seen = seen.lock().expect("unharmed").clone();
    seen.sort();
    let once: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(seen.len(), once.len(), "{seen:?}");
    assert_eq!(once.len(), 12);
    house.check_logs(false);
}

fn the_password_gets_nowhere(bed: &Bed) {
    let mut house = House::new(bed, "approvals = 1", "");
    let config = house.sides[0].gateway.config_file().display().to_string();
    let mut said = Vec::new();
    for arguments in [
        &["check-config", "--config", &config][..],
        &["doctor", "--config", &config],
        &["secrets", "list", "--config", &config],
        &["store", "backup", "copy.db", "--config", &config],
    ] {
        let output = velum(&house.sides[0].api, "", arguments);
        said.extend([output.stdout, output.stderr].concat());
    }
    assert!(
        text(&said).contains("pg_dump --schema=velum"),
        "{}",
        text(&said)
    );
    assert!(text(&said).contains("✓ store"), "{}", text(&said));
    house.store.stop(StopMode::Fast).expect("it stops");
    for arguments in [
        &["doctor", "--config", &config][..],
        &["secrets", "list", "--config", &config],
    ] {
        let output = velum(&house.sides[0].api, "", arguments);
        assert!(!output.status.success());
        said.extend([output.stdout, output.stderr].concat());
    }
    let failed = velum(&house.sides[0].api, &house.ann, &["grants", "list"]);
    said.extend([failed.stdout, failed.stderr].concat());
    house.store.resume().expect("it starts");
    eventually(|| {
        let ready = velum_http(&house.sides[0].api, "/readyz");
        ready.contains(" 200 ").then_some(())
    });
    for side in &house.sides {
        for file in ["cmdline", "environ"] {
            let path = format!("/proc/{}/{file}", side.gateway.pid());
            said.extend(fs::read(path).expect("its process"));
        }
        for (_, bytes) in side.gateway.files() {
            said.extend(bytes);
        }
    }
    assert!(!text(&said).contains(CANARY));
    // In the file itself it is a mistake, which is not shown.
    let path = house.sides[0].gateway.config_file();
    let before = fs::read_to_string(&path).expect("the configuration");
    let with = before.replace(&format!("{ROLE}@"), &format!("{ROLE}:{CANARY}@"));
    fs::write(&path, with).expect("another");
    let output = velum(
        &house.sides[0].api,
        "",
        &["check-config", "--config", &config],
    );
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&[output.stdout, output.stderr].concat());
    assert!(
        shown.contains("holds a password in the file itself"),
        "{shown}"
    );
    assert!(!shown.contains(CANARY), "{shown}");
    fs::write(&path, before).expect("as it was");
    house.check_logs(false);
}
