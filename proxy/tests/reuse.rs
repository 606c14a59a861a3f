//! Connections to the database that outlive their clients: who gets one, in which state, and who
//! does not. On both data planes.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::Signal;
use support::bed::upstream;
use support::client::{Client, Login, error_code, frame_bytes, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup};
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

const PATIENCE: Duration = Duration::from_secs(15);
const IDLE_MS: u64 = 2_000;
const ROOM: usize = 4;

type Body = fn(&Cluster, &mut Gateway);

fn main() -> ExitCode {
    // Started when a trial first uses it, stopped when the last trial is gone.
    let plain: Arc<LazyLock<Cluster>> = Arc::new(LazyLock::new(|| cluster(false)));
    let encrypted: Arc<LazyLock<Cluster>> = Arc::new(LazyLock::new(|| cluster(true)));
    let cases: &[(&str, Body)] = &[
        ("the_next_session_of_an_identity_gets_it_clean", clean),
        ("one_policy_holds_for_each_of_its_sessions", masked),
        ("results_come_whole_however_often", whole),
        ("others_get_one_of_their_own", others),
        ("an_open_transaction_is_not_left_behind", transaction),
        ("who_leaves_without_a_word_leaves_nothing", unsaid),
        ("a_backend_that_is_gone_is_not_given", gone),
        ("nobody_waits_for_ever", idle),
        ("none_is_kept_beyond_its_lifetime", lifetime),
        ("a_reload_ends_what_waits", reload),
        ("a_drain_ends_what_waits", drain),
        ("a_cancel_reaches_the_session_of_its_key", cancel),
        ("many_short_sessions_need_few_backends", storm),
        ("no_more_connections_than_there_is_room_for", room),
        ("the_database_reads_who_it_is", stamped),
    ];
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for (tls, transport, cluster) in [(false, "plain", &plain), (true, "tls", &encrypted)] {
            for (name, body) in cases {
                let (cluster, driver, body) = (Arc::clone(cluster), *driver, *body);
                let name = format!("{driver}::{transport}::{name}");
                trials.push(Trial::test(name, move || {
                    body(&cluster, &mut gateway(&cluster, driver, tls));
                    Ok(())
                }));
            }
        }
    }
    drop((plain, encrypted));
    support::run(trials)
}

fn cluster(tls: bool) -> Cluster {
    let options = ClusterOptions {
        tls,
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).expect("a private PostgreSQL");
    clinic::create(&cluster);
    cluster
}

fn gateway(cluster: &Cluster, driver: Driver, tls: bool) -> Gateway {
    let mut setup = Setup::clinic(driver, upstream(cluster));
    let mode = if tls { "require" } else { "disable" };
    setup.upstream_tls = format!(
        "tls_mode = \"{mode}\"\nreuse = \"session\"\nreuse_idle_ms = {IDLE_MS}\n\
             connections_most = {ROOM}\nstamp_identity = true"
    );
    setup.threads = 1;
    Gateway::start(&setup)
}

/// Says goodbye, and waits until that has come to its end.
fn leave(mut client: Client) {
    client.send(&frame_bytes(b'X', b"")).expect("sent");
    let rest = client.until_closed(PATIENCE).expect("closed");
    assert!(rest.is_empty(), "nothing is said to who leaves");
}

fn value(client: &mut Client, sql: &str) -> String {
    let frames = client.simple(sql).expect("an answer");
    let rows = rows(&frames);
    let cell = rows.first().and_then(|row| row.first().cloned().flatten());
    let cell = cell.unwrap_or_else(|| panic!("{sql}: {:?}", error_code(&frames)));
    String::from_utf8(cell).expect("text")
}

/// A new session of `user` once the one before has been cleared; its backend's process id.
fn again(gateway: &Gateway, user: &str, before: i32) -> (Client, bool) {
    // Clearing takes the database a moment, and a session that comes before has its own.
    let since = Instant::now();
    loop {
        let client = gateway.connect(user, false);
        if client.cancel_key.0 == before || since.elapsed() > Duration::from_millis(IDLE_MS / 2) {
            let is_same = client.cancel_key.0 == before;
            return (client, is_same);
        }
        // Not said goodbye: it must not be the one that is found next.
        drop(client);
        thread::sleep(Duration::from_millis(20));
    }
}

/// The backend of a connection that waits for the next session of `user`.
fn waiting(gateway: &Gateway, user: &str) -> i32 {
    let client = gateway.connect(user, false);
    let backend = client.cancel_key.0;
    leave(client);
    let (client, is_same) = again(gateway, user, backend);
    assert!(is_same, "it waits");
    leave(client);
    backend
}

fn direct(cluster: &Cluster) -> Client {
    let login = Login::plain(cluster.port(), clinic::ROLE, clinic::ROLE_PASSWORD);
    Client::connect(&login, clinic::DATABASE).expect("a direct connection")
}

/// Does `backend` run?
fn lives(cluster: &Cluster, backend: i32) -> bool {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}");
    value(&mut direct(cluster), &sql) == "1"
}

fn wait_until_dead(cluster: &Cluster, backend: i32, within: Duration) {
    let since = Instant::now();
    while lives(cluster, backend) {
        assert!(since.elapsed() < within, "backend {backend} lives on");
        thread::sleep(Duration::from_millis(50));
    }
}

fn clean(_: &Cluster, gateway: &mut Gateway) {
    let mut first = gateway.connect(clinic::EXEMPT, true);
    let zone = value(&mut first, "SHOW timezone");
    let soil = [
        "SET timezone = 'Asia/Tokyo'",
        "SET statement_timeout = 12345",
        "CREATE TEMP TABLE left_behind AS SELECT 'canary-7f' AS what",
        "PREPARE left_plan AS SELECT 1",
        "DECLARE left_cursor CURSOR WITH HOLD FOR SELECT 1",
        "LISTEN left_channel",
        "SELECT pg_advisory_lock(4711)",
        "SELECT set_config('velum.left', 'canary-8a', false)",
        "SET ROLE clinic_student",
    ];
    for sql in soil {
        let frames = first.simple(sql).expect("an answer");
        assert_eq!(error_code(&frames), None, "{sql}");
    }
    first
        .prepare("left_statement", "SELECT 2")
        .expect("prepared");
    let backend = first.cancel_key.clone();
    leave(first);
    let (mut second, is_same) = again(gateway, clinic::EXEMPT, backend.0);
    assert!(is_same, "the same backend serves again");
    assert_ne!(second.cancel_key.1, backend.1, "under a key of its own");
    let clean = [
        ("SHOW timezone", zone.as_str()),
        ("SHOW statement_timeout", "0"),
        ("SELECT to_regclass('pg_temp.left_behind') IS NULL", "t"),
        ("SELECT count(*) FROM pg_prepared_statements", "0"),
        ("SELECT count(*) FROM pg_cursors", "0"),
        ("SELECT count(*) FROM pg_listening_channels()", "0"),
        (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
            "0",
        ),
        (
            "SELECT coalesce(current_setting('velum.left', true), '')",
            "",
        ),
        ("SELECT current_user", clinic::ROLE),
    ];
    for (sql, expected) in clean {
        assert_eq!(value(&mut second, sql), expected, "{sql}");
    }
    let frames = second.execute("left_statement", 0).expect("an answer");
    assert_eq!(error_code(&frames).as_deref(), Some("26000"));
    assert!(!clinic::contains(second.received(), b"canary"));
}

fn masked(_: &Cluster, gateway: &mut Gateway) {
    let mut backend = None;
    for _ in 0..3 {
        let mut client = match backend {
            None => gateway.connect(clinic::MASKED, true),
            Some(before) => {
                let (client, is_same) = again(gateway, clinic::MASKED, before);
                assert!(is_same, "the same backend serves again");
                client
            }
        };
        let frames = client
            .simple("SELECT * FROM clinic.patients")
            .expect("rows");
        assert!(rows(&frames).len() >= clinic::PATIENTS, "all patients");
        client
            .prepare("p", "SELECT ssn FROM clinic.patients")
            .expect("prepared");
        client.execute("p", 1).expect("rows");
        assert_eq!(clinic::leaks(client.received()), Vec::<String>::new());
        backend = Some(client.cancel_key.0);
        leave(client);
    }
    assert!(gateway.stop(), "its records are on disk");
    let log = gateway.audit(&["show", "--json"]);
    assert_eq!(
        log.matches("\"session_opened\"").count(),
        log.matches("\"session_closed\"").count()
    );
}

/// Results of many receives, each through a connection that waited with a receive under way.
fn whole(cluster: &Cluster, gateway: &mut Gateway) {
    let sql = "SELECT i, translate(lpad(i::text, 21, '0'), '0123456789', 'abcdefghij') AS word \
               FROM generate_series(1, 2000) i";
    let expected = rows(&direct(cluster).simple(sql).expect("rows"));
    let mut backends = BTreeSet::new();
    for _ in 0..60 {
        let mut client = gateway.connect(clinic::MASKED, false);
        // Both at once: the answer may come while what the database said first is being sent.
        let mut questions = frame_bytes(b'Q', b"SELECT 7\0");
        questions.extend(frame_bytes(b'Q', format!("{sql}\0").as_bytes()));
        client.send(&questions).expect("sent");
        client.until_ready().expect("an answer");
        let found = rows(&client.until_ready().expect("rows"));
        assert!(
            found == expected,
            "{} rows of {}",
            found.len(),
            expected.len()
        );
        backends.insert(client.cancel_key.0);
        leave(client);
    }
    assert!(
        backends.len() < 30,
        "{} backends for 60 sessions",
        backends.len()
    );
}

fn others(_: &Cluster, gateway: &mut Gateway) {
    let first = gateway.connect(clinic::EXEMPT, false);
    let backend = first.cancel_key.0;
    leave(first);
    let (other, is_same) = again(gateway, clinic::CONTENT, backend);
    assert!(!is_same, "another identity");
    drop(other);
    let parameters = [("application_name", "another")];
    let login = gateway.login(clinic::EXEMPT, false);
    let other = Client::connect_with(&login, clinic::DATABASE, &parameters).expect("let in");
    assert_ne!(other.cancel_key.0, backend, "other parameters");
    drop(other);
    let (_, is_same) = again(gateway, clinic::EXEMPT, backend);
    assert!(is_same, "and its own gets it still");
}

fn transaction(cluster: &Cluster, gateway: &mut Gateway) {
    for sql in ["BEGIN", "BEGIN; SELECT 1/0"] {
        let mut client = gateway.connect(clinic::EXEMPT, false);
        client.simple(sql).expect("an answer");
        let backend = client.cancel_key.0;
        leave(client);
        wait_until_dead(cluster, backend, PATIENCE);
    }
    // What is not synced is a transaction too.
    let mut client = gateway.connect(clinic::EXEMPT, false);
    client
        .send(&frame_bytes(b'P', b"\0SELECT 1\0\0\0"))
        .expect("sent");
    let backend = client.cancel_key.0;
    leave(client);
    wait_until_dead(cluster, backend, PATIENCE);
}

fn unsaid(cluster: &Cluster, gateway: &mut Gateway) {
    let client = gateway.connect(clinic::EXEMPT, false);
    let backend = client.cancel_key.0;
    drop(client);
    wait_until_dead(cluster, backend, PATIENCE);
}

fn gone(cluster: &Cluster, gateway: &mut Gateway) {
    let backend = waiting(gateway, clinic::EXEMPT);
    let kill = format!("SELECT pg_terminate_backend({backend})");
    assert_eq!(value(&mut direct(cluster), &kill), "t");
    wait_until_dead(cluster, backend, PATIENCE);
    let mut next = gateway.connect(clinic::EXEMPT, false);
    assert_eq!(value(&mut next, "SELECT 7"), "7");
}

fn idle(cluster: &Cluster, gateway: &mut Gateway) {
    let backend = waiting(gateway, clinic::EXEMPT);
    wait_until_dead(cluster, backend, PATIENCE);
}

/// However long it may wait, it is not kept beyond its lifetime.
fn lifetime(cluster: &Cluster, gateway: &mut Gateway) {
    let file = gateway.config_file();
    let text = fs::read_to_string(&file).expect("a configuration");
    let idle = format!("reuse_idle_ms = {IDLE_MS}");
    let short = text.replace(&idle, "reuse_idle_ms = 3600000\nreuse_lifetime_ms = 1500");
    assert_ne!(short, text);
    fs::write(&file, short).expect("written");
    gateway.restart();
    let backend = waiting(gateway, clinic::EXEMPT);
    wait_until_dead(cluster, backend, PATIENCE);
    let old = gateway.connect(clinic::EXEMPT, false);
    thread::sleep(Duration::from_millis(1_700));
    let backend = old.cancel_key.0;
    leave(old);
    wait_until_dead(cluster, backend, PATIENCE);
}

fn reload(cluster: &Cluster, gateway: &mut Gateway) {
    let backend = waiting(gateway, clinic::MASKED);
    let file = gateway.config_file();
    let text = fs::read_to_string(&file).expect("a configuration");
    let longer = text.replace("reuse_idle_ms = 2000", "reuse_idle_ms = 3600000");
    fs::write(&file, longer).expect("written");
    gateway.signal(Signal::HUP);
    wait_until_dead(cluster, backend, PATIENCE);
}

fn drain(cluster: &Cluster, gateway: &mut Gateway) {
    let backend = waiting(gateway, clinic::EXEMPT);
    gateway.stop();
    wait_until_dead(cluster, backend, PATIENCE);
}

fn cancel(_: &Cluster, gateway: &mut Gateway) {
    let first = gateway.connect(clinic::EXEMPT, false);
    let (backend, old_key) = first.cancel_key.clone();
    leave(first);
    let (mut second, is_same) = again(gateway, clinic::EXEMPT, backend);
    assert!(is_same, "the same backend serves again");
    let key = second.cancel_key.1.clone();
    second
        .send(&frame_bytes(b'Q', b"SELECT pg_sleep(60)\0"))
        .expect("sent");
    thread::sleep(Duration::from_millis(300));
    gateway.cancel(backend, &old_key);
    thread::sleep(Duration::from_millis(300));
    gateway.cancel(backend, &key);
    let since = Instant::now();
    let frames = second.until_ready().expect("an answer");
    assert_eq!(error_code(&frames).as_deref(), Some("57014"));
    assert!(since.elapsed() < PATIENCE);
    // The key of who has left reaches nobody.
    gateway.cancel(backend, &old_key);
    assert_eq!(value(&mut second, "SELECT 7 FROM pg_sleep(0.3)"), "7");
}

fn storm(_: &Cluster, gateway: &mut Gateway) {
    let mut backends = BTreeSet::new();
    for _ in 0..60 {
        let mut client = gateway.connect(clinic::RULES, false);
        assert_eq!(
            value(
                &mut client,
                "SELECT count(*) FROM clinic.patients WHERE id < 2"
            ),
            "1"
        );
        backends.insert(client.cancel_key.0);
        leave(client);
    }
    assert!(
        backends.len() <= 10,
        "{} backends for 60 sessions",
        backends.len()
    );
}

/// Ten clients at once, each with a statement that takes a moment, over four connections; those
/// that are kept for another identity make room.
fn room(cluster: &Cluster, gateway: &mut Gateway) {
    for _ in 0..ROOM {
        leave(gateway.connect(clinic::CONTENT, false));
    }
    let login = gateway.login(clinic::EXEMPT, false);
    // Other gateways have sessions of the same identity here.
    let own = format!("room-{}", gateway.port());
    let alike = format!(
        "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.2) \
         WHERE application_name = 'velum:auditor {own}'"
    );
    let ask = || {
        let parameters = [("application_name", own.as_str())];
        let client = Client::connect_with(&login, clinic::DATABASE, &parameters);
        let mut client = client.expect("let in");
        let count: usize = value(&mut client, &alike).parse().expect("a number");
        leave(client);
        count
    };
    let counts: Vec<usize> = thread::scope(|scope| {
        let clients: Vec<_> = (0..10).map(|_| scope.spawn(ask)).collect();
        let counts = clients.into_iter().map(|client| client.join());
        counts.map(|count| count.expect("an answer")).collect()
    });
    // The database may still be ending one or two whose place was given away.
    assert!(counts.iter().all(|count| *count <= ROOM + 2), "{counts:?}");
    let held: Vec<Client> = (0..ROOM)
        .map(|_| gateway.connect(clinic::RULES, false))
        .collect();
    let refused = Client::connect(&login, clinic::DATABASE);
    let refusal = refused.err().map(|error| error.to_string());
    assert!(
        refusal
            .as_deref()
            .is_some_and(|text| text.starts_with("53300")),
        "{refusal:?}"
    );
    drop(held);
    assert_eq!(value(&mut direct(cluster), "SELECT 7"), "7");
    assert!(ask() <= ROOM + 2);
}

fn stamped(_: &Cluster, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::EXEMPT, false);
    assert_eq!(value(&mut client, "SHOW application_name"), "velum:auditor");
    let login = gateway.login(clinic::EXEMPT, false);
    let parameters = [("Application_Name", "etl")];
    let mut client = Client::connect_with(&login, clinic::DATABASE, &parameters).expect("let in");
    assert_eq!(
        value(&mut client, "SHOW application_name"),
        "velum:auditor etl"
    );
}
