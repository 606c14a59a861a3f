//! What happens around sessions: a reload, a drain, a quick restart, a database that goes away.
//! On both data planes.

mod support;

use std::fs;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::Signal;
use support::bed::{Bed, upstream};
use support::client::{Client, error_code, frame_bytes, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup};

const PATIENCE: Duration = Duration::from_secs(15);
const BULK: &[u8] = b"SELECT repeat('x', 1000) FROM generate_series(1, 2000000)\0";

type Body = fn(&Bed, &mut Gateway);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let cases: &[(&str, Body)] = &[
        ("a_reload_changes_the_rules_and_a_bad_file_nothing", reload),
        ("a_drain_lets_work_end", drain),
        ("a_restart_listens_at_once", restart),
        ("a_backend_that_is_lost_in_a_result", backend_lost),
        (
            "a_client_that_reads_nothing_holds_back_the_database",
            back_pressure,
        ),
        ("the_process_id_is_the_backends_own", process_id),
        ("a_half_closed_client_reads_its_answer", half_close),
        (
            "a_half_close_in_a_transaction_is_no_error",
            half_close_in_transaction,
        ),
        ("a_client_that_says_goodbye_reads_its_answer", terminate),
        ("a_value_of_any_size_is_masked", large_value),
        ("the_doctor_finds_a_rule_without_a_column", doctor),
    ];
    let unreadable = |driver: &Driver| {
        let (bed, driver) = (Arc::clone(&bed), *driver);
        Trial::test(
            format!("{driver}::a_catalog_that_cannot_be_read_shows_less"),
            move || {
                catalog_unreadable(&bed, driver);
                Ok(())
            },
        )
    };
    let mut trials: Vec<Trial> = Driver::under_test().iter().map(unreadable).collect();
    for driver in Driver::under_test() {
        for (name, body) in cases {
            let (bed, driver, body) = (Arc::clone(&bed), *driver, *body);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                let setup = Setup::clinic(driver, upstream(&bed.cluster));
                body(&bed, &mut Gateway::start(&setup));
                Ok(())
            }));
        }
    }
    support::run(trials)
}

fn cities(client: &mut Client) -> Vec<u8> {
    let frames = client
        .simple("SELECT city FROM clinic.patients WHERE id = 1")
        .expect("a row");
    rows(&frames)[0][0].clone().expect("a value")
}

fn reload(_: &Bed, gateway: &mut Gateway) {
    let mut open = gateway.connect(clinic::MASKED, false);
    assert_eq!(cities(&mut open), b"Town 1");
    let good = fs::read_to_string(gateway.config_file()).expect("a configuration");
    let rule = "\n[[policy.rule]]\nname = \"cities\"\ncolumn = \"clinic.patients.city\"\n\
                strategy = \"constant\"\nvalue = \"elsewhere\"\n";
    fs::write(
        gateway.config_file(),
        format!("{good}\n{rule}\nnonsense = ["),
    )
    .expect("written");
    gateway.signal(Signal::HUP);
    thread::sleep(Duration::from_millis(500));
    assert!(
        gateway.is_running(),
        "a bad file ended it\n{}",
        gateway.log()
    );
    assert_eq!(
        cities(&mut gateway.connect(clinic::MASKED, false)),
        b"Town 1"
    );
    assert_eq!(cities(&mut open), b"Town 1");

    let mut busy = gateway.connect(clinic::MASKED, false);
    busy.simple("BEGIN").expect("a transaction");
    let mut other = gateway.connect(clinic::EXEMPT, false);
    fs::write(gateway.config_file(), format!("{good}\n{rule}")).expect("written");
    gateway.signal(Signal::HUP);
    let began = Instant::now();
    // Who connects while the file is read may be asked to come again.
    let seen = || {
        let mut client = Client::connect(&gateway.login(clinic::MASKED, false), clinic::DATABASE)?;
        let frames = client.simple("SELECT city FROM clinic.patients WHERE id = 1")?;
        std::io::Result::Ok(rows(&frames))
    };
    let elsewhere = vec![vec![Some(b"elsewhere".to_vec())]];
    while !seen().is_ok_and(|seen| seen == elsewhere) {
        assert!(
            began.elapsed() < PATIENCE,
            "the rule is not in force\n{}",
            gateway.log()
        );
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(
        cities(&mut other),
        b"Town 1",
        "another policy has not changed"
    );
    superseded(&mut open);
    assert_eq!(cities(&mut busy), b"Town 1", "a transaction goes on");
    busy.send(&frame_bytes(b'Q', b"COMMIT\0")).expect("sent");
    superseded(&mut busy);
}

/// Reads until the gateway says that the session's policy has changed, and closes.
fn superseded(client: &mut Client) {
    let told = client.until_closed(PATIENCE).expect("closed");
    assert_eq!(error_code(&told).as_deref(), Some("57P01"));
}

/// Whoever may not read the catalog cannot tell which column a rule is about: all are masked.
fn catalog_unreadable(bed: &Bed, driver: Driver) {
    let mut setup = Setup::clinic(driver, upstream(&bed.cluster));
    setup.upstream_tls.push_str("\ncatalog_user = \"nobody\"");
    let gateway = Gateway::start(&setup);
    for user in [clinic::MASKED, clinic::RULES] {
        let mut client = gateway.connect(user, false);
        for question in [
            "SELECT nick AS x, secret AS y FROM clinic.patients ORDER BY id",
            "SELECT p FROM clinic.patients p",
            "SELECT array_agg(p) FROM clinic.patients p",
            "COPY (SELECT nick AS x FROM clinic.patients) TO STDOUT",
        ] {
            client.simple(question).expect("an answer");
            let leaks = clinic::leaks(client.received());
            assert!(leaks.is_empty(), "{question}: leaked {leaks:?}");
        }
        let computed = rows(&client.simple("SELECT 42").expect("a row"));
        assert_eq!(computed[0][0].as_deref(), Some(&b"42"[..]));
    }
    assert!(gateway.log().contains("catalog-unreadable"));
}

fn drain(_: &Bed, gateway: &mut Gateway) {
    let mut busy = gateway.connect(clinic::MASKED, true);
    let mut idle = gateway.connect(clinic::MASKED, false);
    busy.send(&frame_bytes(b'Q', b"SELECT pg_sleep(1), 42\0"))
        .expect("sent");
    thread::sleep(Duration::from_millis(200));
    let worker = thread::spawn(move || busy.until_ready());
    assert!(gateway.stop(), "a clean stop\n{}", gateway.log());
    let answer = worker
        .join()
        .expect("a thread")
        .expect("the answer of what was running");
    assert_eq!(rows(&answer).len(), 1, "the running statement got its row");
    let told = idle.until_closed(PATIENCE).expect("closed");
    assert_eq!(
        error_code(&told).as_deref(),
        Some("57P01"),
        "an idle session is told"
    );
}

fn restart(_: &Bed, gateway: &mut Gateway) {
    // They close last, so that it is the gateway's side that is left in TIME_WAIT.
    let clients: Vec<_> = (0..5)
        .map(|_| gateway.connect(clinic::MASKED, false))
        .collect();
    assert!(gateway.stop(), "a clean stop\n{}", gateway.log());
    let began = Instant::now();
    gateway.restart();
    let mut client = gateway.connect(clinic::MASKED, false);
    assert_eq!(cities(&mut client), b"Town 1");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "took {:?}",
        began.elapsed()
    );
    drop(clients);
}

/// The client is told, unless it has got a part of a frame: rows that nobody judges pass in
/// parts, and nothing can be said in the middle of one.
fn backend_lost(bed: &Bed, gateway: &mut Gateway) {
    for user in [clinic::MASKED, clinic::EXEMPT] {
        let mut client = gateway.connect(user, false);
        client.send(&frame_bytes(b'Q', BULK)).expect("sent");
        client.frame().expect("the beginning");
        let kill = format!("SELECT pg_terminate_backend({})", client.cancel_key.0);
        bed.cluster.psql(&kill).expect("terminated");
        let frames = client.until_closed(PATIENCE).expect("closed");
        let code = error_code(&frames);
        let told = matches!(code.as_deref(), Some("57P01" | "08006"));
        let in_a_frame = user == clinic::EXEMPT && code.is_none() && client.left_over() > 0;
        assert!(told || in_a_frame, "{user} was told {code:?}");
    }
    let mut other = gateway.connect(clinic::MASKED, false);
    assert_eq!(cities(&mut other), b"Town 1", "others go on");
}

/// Two GB wait in the database, not in the gateway.
fn back_pressure(_: &Bed, gateway: &mut Gateway) {
    gateway
        .connect(clinic::EXEMPT, false)
        .simple("SELECT 1")
        .expect("warm");
    let before = resident_kib(gateway.pid());
    let mut stalled: Vec<_> = (0..4)
        .map(|_| gateway.connect(clinic::EXEMPT, false))
        .collect();
    for client in &mut stalled {
        client.send(&frame_bytes(b'Q', BULK)).expect("sent");
    }
    thread::sleep(Duration::from_secs(2));
    let grown = resident_kib(gateway.pid()).saturating_sub(before);
    assert!(grown < 4 * 4096, "{grown} KiB for four stalled clients");
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running gateway");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    line.trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .expect("a number")
}

fn process_id(_: &Bed, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    let told = client.cancel_key.0.to_string();
    let frames = client.simple("SELECT pg_backend_pid()").expect("a row");
    assert_eq!(rows(&frames)[0][0].as_deref(), Some(told.as_bytes()));
}

fn half_close(_: &Bed, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    client
        .send(&frame_bytes(b'Q', b"SELECT pg_sleep(0.3), 7\0"))
        .expect("sent");
    client.shut_writing().expect("half-closed");
    let frames = client.until_closed(PATIENCE).expect("closed");
    assert_eq!(rows(&frames).len(), 1, "the answer arrives before the end");
}

fn half_close_in_transaction(_: &Bed, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    client.simple("BEGIN").expect("begun");
    client.shut_writing().expect("half-closed");
    let frames = client.until_closed(PATIENCE).expect("closed");
    assert!(frames.is_empty(), "PostgreSQL says nothing either");
}

fn terminate(_: &Bed, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    let question = frame_bytes(
        b'Q',
        b"SELECT count(*) FROM clinic.patients, pg_sleep(0.3)\0",
    );
    let goodbye = frame_bytes(b'X', b"");
    client
        .send(&[question, goodbye].concat())
        .expect("sent at once");
    let frames = client.until_closed(PATIENCE).expect("closed");
    assert_eq!(rows(&frames).len(), 1, "answered before the end");
    assert_eq!(frames.last().map(|frame| frame.tag), Some(b'Z'));
}

/// `velum doctor` holds the rules against the database's own names.
fn doctor(_: &Bed, gateway: &mut Gateway) {
    let examine = |gateway: &Gateway| {
        let output = Command::new(env!("CARGO_BIN_EXE_velum"))
            .args(["doctor", "--config"])
            .arg(gateway.config_file())
            .output()
            .expect("velum runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let good = examine(gateway);
    assert!(good.contains("each matches"), "{good}");
    let text = fs::read_to_string(gateway.config_file()).expect("a configuration");
    let slip = text.replacen("clinic.patients.", "clinic.patient.", 1);
    assert_ne!(text, slip, "there is a rule about the patients");
    fs::write(gateway.config_file(), slip).expect("written");
    let found = examine(gateway);
    assert!(
        found.contains("no column is called `clinic.patient."),
        "{found}"
    );
    assert!(found.contains("did you mean `clinic.patients."), "{found}");
}

/// A value that is larger than any buffer: its canaries are found wherever they lie, and the
/// gateway's memory does not follow its size.
fn large_value(bed: &Bed, gateway: &mut Gateway) {
    let before = resident_kib(gateway.pid());
    for size in [1_000, 100_000, 300_000, 40_000_000] {
        let question = format!(
            "SELECT repeat('stable since morning ', {size} / 40) || 'SSN {0} ' \
                || repeat('stable since morning ', {size} / 40) || ' SSN {0}', 1",
            clinic::ssn(1)
        );
        let direct = bed.direct().simple(&question).expect("a row");
        let mut client = gateway.connect(clinic::CONTENT, true);
        let through = client.simple(&question).expect("a row");
        let lengths = |frames: &[_]| -> Vec<Option<usize>> {
            rows(frames)[0]
                .iter()
                .map(|cell| cell.as_ref().map(Vec::len))
                .collect()
        };
        assert_eq!(
            lengths(&direct),
            lengths(&through),
            "redaction keeps the length"
        );
        let leaks = clinic::leaks(client.received());
        assert!(leaks.is_empty(), "{size} bytes: leaked {leaks:?}");
    }
    let grown = resident_kib(gateway.pid()).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB for a value of 40 MB");
}
