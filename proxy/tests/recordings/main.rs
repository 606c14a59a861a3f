//! Recordings: what psql printed is what the sandbox serves, no canary is in any file, and what is
//! cut, full, destroyed or changed is seen. On both data planes.

mod exported;
mod originals;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use support::bed::{Bed, upstream};
use support::client::{Client, Frame, Login, error_code, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, free_port};

const PATIENCE: Duration = Duration::from_secs(30);
/// A literal that must not be read by who may see results only.
const LITERAL: &str = "zebra-literal-4711";

type Body = fn(&Bed, &mut Gateway);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let cases: &[(&str, &str, Body)] = &[
        (
            "what_psql_printed_is_what_the_sandbox_serves",
            "",
            same_as_psql,
        ),
        ("values_in_binary_form_come_back", "", binary),
        ("no_canary_is_in_any_file", SEALED, canaries),
        ("a_kill_leaves_what_was_whole", "", killed),
        ("a_large_result_is_recorded_whole", NARROW, large),
        ("a_full_disk_ends_the_session", "", full),
        ("a_destroyed_recording_is_noise", "", shredded),
        ("an_export_proves_itself", "", exported::exported),
        ("who_is_not_recorded_has_no_file", "", unrecorded),
        ("who_looks_at_a_recording_is_on_record", "", looked_at),
        (
            "two_auditors_open_what_a_client_sent",
            "",
            originals::opened,
        ),
    ];
    let endless: (&str, &str, Body) = ("gibibytes_are_recorded_whole", NARROW, gibibytes);
    let more = std::env::var_os("VELUM_RECORD_GIB").map(|_| endless);
    let cases: Vec<_> = cases.iter().copied().chain(more).collect();
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for (name, keys, body) in &cases {
            let (bed, driver, keys, body) = (Arc::clone(&bed), *driver, *keys, *body);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                body(&bed, &mut gateway(&bed, driver, keys));
                Ok(())
            }));
        }
    }
    support::run(trials)
}

const SEALED: &str = "statements = \"sealed\"";
/// As little as there may be, so that sessions have to wait.
const NARROW: &str = "queue_bytes = 1_048_576";

fn gateway(bed: &Bed, driver: Driver, keys: &str) -> Gateway {
    let mut rules = clinic::rules();
    for (identity, policy) in [(clinic::MASKED, "masked"), (clinic::EXEMPT, "exempt")] {
        let plain = format!("{{ {} = \"{policy}\" }}", clinic::DATABASE);
        let recorded = format!(
            "{{ {} = {{ policy = \"{policy}\", record = \"all\" }} }}",
            clinic::DATABASE
        );
        assert!(rules.contains(&plain), "{identity}");
        rules = rules.replace(&plain, &recorded);
    }
    let recordings = format!("[recordings]\ndirectory = \"recordings\"\n{keys}\n\n");
    Gateway::start(&Setup::new(
        driver,
        upstream(&bed.cluster),
        recordings + &rules,
    ))
}

// -- what is there -------------------------------------------------------------------------

fn folder(gateway: &Gateway) -> PathBuf {
    let config = gateway.config_file();
    config.parent().expect("a folder").to_owned()
}

/// `velum sessions` with these arguments, in the gateway's folder.
fn sessions(gateway: &Gateway, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .arg("sessions")
        .args(arguments)
        .current_dir(folder(gateway));
    command.output().expect("velum runs")
}

fn text(output: &Output) -> String {
    let parts = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&parts).into_owned()
}

fn list(gateway: &Gateway) -> Vec<Value> {
    let output = sessions(gateway, &["list", "--json"]);
    assert!(output.status.success(), "{}", text(&output));
    let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    list.as_array().expect("a list").clone()
}

/// The one recording that there is, once it is in this state.
fn wait_for(gateway: &Gateway, state: &str) -> String {
    let began = Instant::now();
    loop {
        let all = list(gateway);
        let found = all.iter().filter(|line| line["state"] == state);
        let names: Vec<_> = found.filter_map(|line| line["session"].as_str()).collect();
        if let [name] = names[..] {
            return name.to_owned();
        }
        assert!(
            began.elapsed() < PATIENCE,
            "no recording is {state}: {all:?}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// A recording that is served.
struct Served(Child, u16);

impl Served {
    fn start(gateway: &Gateway, id: &str) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
        command.args(["sessions", "serve", id, "--listen", &listen]);
        command.current_dir(folder(gateway)).stdout(Stdio::null());
        let child = command.spawn().expect("velum runs");
        let served = Self(child, port);
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "it does not serve");
            thread::sleep(Duration::from_millis(20));
        }
        served
    }

    fn connect(&self) -> Client {
        let login = Login::plain(self.1, "anybody", "");
        Client::connect(&login, "whatever").expect("the sandbox lets in")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn psql(port: u16, user: &str, statements: &[&str]) -> String {
    let mut command = psql_command(port, user);
    for statement in statements {
        command.args(["-c", statement]);
    }
    text(&command.output().expect("psql runs"))
}

fn psql_command(port: u16, user: &str) -> Command {
    let place = format!(
        "host=127.0.0.1 port={port} user={user} dbname={} sslmode=disable",
        clinic::DATABASE
    );
    let mut command = Command::new("psql");
    command
        .args(["-X", "-d", &place])
        .env("PGPASSWORD", clinic::CLIENT_PASSWORD);
    command
}

/// The frames without those that say nothing of a result.
fn results(frames: &[Frame]) -> Vec<(u8, Vec<u8>)> {
    let told = frames.iter().filter(|frame| !b"SKN".contains(&frame.tag));
    told.map(|frame| (frame.tag, frame.body.clone())).collect()
}

// -- cases ---------------------------------------------------------------------------------

fn same_as_psql(_: &Bed, gateway: &mut Gateway) {
    let statements = [
        "SELECT * FROM clinic.patients ORDER BY id",
        "SELECT count(*), min(city) FROM clinic.patients WHERE city <> 'nowhere'",
        "SELECT 1/0",
        "COPY (SELECT id, ssn FROM clinic.patients ORDER BY id) TO STDOUT",
        "SELECT id FROM clinic.patients ORDER BY id LIMIT 1; SELECT 2 AS two",
        "SELECT clinic.tell(1)",
        "SELECT count(*), min(city) FROM clinic.patients WHERE city <> 'nowhere'",
    ];
    let printed = psql(gateway.port(), clinic::MASKED, &statements);
    assert!(printed.contains("division by zero"), "{printed}");
    let id = wait_for(gateway, "whole");
    let served = Served::start(gateway, &id);
    assert_eq!(psql(served.1, "anybody", &statements), printed);
    // In another order, and again.
    let again = psql(served.1, "anybody", &statements[1..2]);
    assert!(
        !again.is_empty() && printed.contains(again.trim()),
        "{again}"
    );
    let other = psql(served.1, "anybody", &["SELECT 4"]);
    assert!(other.contains("is not in the recording"), "{other}");
    // Another literal is another statement.
    let other = psql(
        served.1,
        "anybody",
        &[&statements[1].replace("nowhere", "somewhere")],
    );
    assert!(other.contains("is not in the recording"), "{other}");

    let replayed = text(&sessions(gateway, &["replay", &id[..8]]));
    for told in [
        "division by zero",
        "(1 row)",
        "COPY 6",
        "closed: client terminated",
    ] {
        assert!(replayed.contains(told), "{told}: {replayed}");
    }
    let key = gateway.audit_key();
    assert!(gateway.stop(), "{}", gateway.log());
    gateway.audit(&["verify", "--key", &key]);
}

fn binary(_: &Bed, gateway: &mut Gateway) {
    let sql = "SELECT id, ssn, amount, seen FROM clinic.patients ORDER BY id";
    let run = |mut client: Client| {
        let described = client.prepare("one", sql).expect("prepared");
        let executed = client.execute("one", 1).expect("executed");
        let again = client.execute("one", 1).expect("executed");
        [results(&described), results(&executed), results(&again)]
    };
    let seen = run(gateway.connect(clinic::MASKED, false));
    assert!(!seen[1].is_empty());
    let id = wait_for(gateway, "whole");
    let served = Served::start(gateway, &id);
    assert_eq!(run(served.connect()), seen);
    let mut client = served.connect();
    client.prepare("one", sql).expect("prepared");
    let frames = client.execute("one", 0).expect("executed");
    assert_eq!(
        error_code(&frames).as_deref(),
        Some("P0002"),
        "the other form"
    );
    let replayed = text(&sessions(gateway, &["replay", &id]));
    assert!(
        replayed.contains("id") && replayed.contains("SELECT 6"),
        "{replayed}"
    );
    assert!(
        replayed
            .lines()
            .any(|line| line.trim_start().starts_with("1 ")),
        "{replayed}"
    );
}

fn canaries(_: &Bed, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    let sql = format!("SELECT * FROM clinic.patients WHERE city <> '{LITERAL}' ORDER BY id");
    let frames = client.simple(&sql).expect("rows");
    assert!(rows(&frames).len() >= clinic::PATIENTS);
    client.simple("SELECT clinic.tell(1)").expect("a notice");
    client.simple("SELECT clinic.quote(1)").expect("an error");
    drop(client);
    let id = wait_for(gateway, "whole");
    wait_until_signed(gateway, &id);
    for arguments in [
        &["export", &id, "--out", "shown"][..],
        &["export", &id, "--out", "shown.pcapng", "--format", "pcapng"],
        &[
            "export",
            &id,
            "--out",
            "all.pcapng",
            "--format",
            "pcapng",
            "--statements",
        ],
    ] {
        let output = sessions(gateway, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
    let replayed = text(&sessions(gateway, &["replay", &id])).into_bytes();
    let shown = text(&sessions(gateway, &["replay", "shown"])).into_bytes();
    assert_eq!(replayed, shown);
    let mut files = vec![("replay".into(), replayed)];
    collect(&folder(gateway), &mut files);
    for (name, bytes) in &files {
        let leaks = clinic::leaks(bytes);
        assert!(leaks.is_empty(), "{}: {leaks:?}", name.display());
        let has_literal = clinic::contains(bytes, LITERAL.as_bytes());
        assert_eq!(
            has_literal,
            name.ends_with("all.pcapng"),
            "{}",
            name.display()
        );
    }
    packets(gateway);
}

/// Wireshark's own view, where it is installed.
fn packets(gateway: &Gateway) {
    let run = |arguments: &[&str]| {
        let mut command = Command::new("tshark");
        command
            .args(arguments)
            .current_dir(folder(gateway))
            .output()
    };
    let check = [
        "-r",
        "all.pcapng",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ];
    let Ok(output) = run(&[
        &check[..],
        &["-Y", "pgsql", "-T", "fields", "-e", "pgsql.type"],
    ]
    .concat()) else {
        eprintln!("tshark is not installed: packets are not looked at");
        return;
    };
    let types = text(&output);
    for told in [
        "Startup message",
        "Simple query",
        "Row description",
        "Data row",
        "Error",
    ] {
        assert!(types.contains(told), "{told}: {types}");
    }
    let bad = "tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.flags || \
               _ws.malformed";
    let output = run(&[&check[..], &["-Y", bad]].concat()).expect("tshark runs");
    assert!(output.stdout.is_empty(), "{}", text(&output));
}

fn killed(_: &Bed, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    let frames = client.simple("SELECT id, city FROM clinic.patients ORDER BY id");
    let city = rows(&frames.expect("rows"))[0][1].clone().expect("a city");
    // More than a piece waits for, at most.
    thread::sleep(Duration::from_millis(600));
    gateway.kill();
    let open = wait_for(gateway, "open");
    let output = sessions(gateway, &["replay", &open]);
    assert_eq!(output.status.code(), Some(1));
    let replayed = text(&output);
    assert!(replayed.contains("the recording is cut"), "{replayed}");
    assert!(
        replayed.contains(&String::from_utf8_lossy(&city).into_owned()),
        "{replayed}"
    );
    gateway.restart();
    assert_eq!(wait_for(gateway, "cut"), open);
    let again = text(&sessions(gateway, &["replay", &open]));
    assert_eq!(again, replayed);
    let key = gateway.audit_key();
    assert!(gateway.stop(), "{}", gateway.log());
    gateway.audit(&["verify", "--key", &key]);
    let output = sessions(gateway, &["export", &open, "--out", "cut"]);
    assert!(output.status.success(), "{}", text(&output));
    let verified = text(&sessions(gateway, &["verify", "cut", "--key", &key]));
    assert!(
        verified.starts_with("verified: cut recording"),
        "{verified}"
    );
}

/// The most memory that the gateway has taken.
fn peak_kib(gateway: &Gateway) -> u64 {
    let memory = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("a status");
    let mut lines = memory.lines();
    let most = lines.find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.expect("a peak").trim().trim_end_matches(" kB");
    most.trim().parse().expect("a number")
}

/// `VELUM_RECORD_GIB` of them in one result: memory stays what it was, and all of it is there.
fn gibibytes(_: &Bed, gateway: &mut Gateway) {
    let gib = std::env::var("VELUM_RECORD_GIB").expect("set");
    let gib: u64 = gib.parse().expect("a number in VELUM_RECORD_GIB");
    // A line of 1,024 bytes with its end.
    let rows = gib << 20;
    let sql = format!(
        "COPY (SELECT lpad(g::text, 31, '0') || repeat(md5(g::text), 31) \
         FROM generate_series(1, {rows}) AS g) TO STDOUT"
    );
    let began = Instant::now();
    let mut command = psql_command(gateway.port(), clinic::EXEMPT);
    let mut psql = command
        .args(["-c", &sql])
        .stdout(Stdio::piped())
        .spawn()
        .expect("psql runs");
    let (mut out, mut buffer) = (psql.stdout.take().expect("a pipe"), vec![0; 1 << 20]);
    let mut bytes = 0;
    loop {
        match out.read(&mut buffer).expect("what psql prints") {
            0 => break,
            read => bytes += read as u64,
        }
    }
    assert!(psql.wait().expect("psql ends").success());
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(bytes, gib << 30);
    let most_kib = peak_kib(gateway);
    let id = wait_for(gateway, "whole");
    let file = folder(gateway)
        .join("recordings")
        .join(format!("{id}.velumrec"));
    let kept = fs::metadata(&file).map_or(0, |file| file.len());
    eprintln!(
        "{gib} GiB in {seconds:.0} s, recorded in {} MiB, peak memory {} MiB",
        kept >> 20,
        most_kib >> 10
    );
    assert!(most_kib < 300 * 1024, "the gateway took {most_kib} KiB");
    wait_until_signed(gateway, &id);
    let key = gateway.audit_key();
    let output = sessions(gateway, &["export", &id, "--out", "whole"]);
    assert!(output.status.success(), "{}", text(&output));
    let verified = text(&sessions(gateway, &["verify", "whole", "--key", &key]));
    assert!(
        verified.starts_with("verified: whole recording"),
        "{verified}"
    );
}

/// More than the queue holds, by far: the session waits, and all of it is there.
fn large(_: &Bed, gateway: &mut Gateway) {
    let sql = "SELECT g, md5(g::text) || repeat(md5((g + 1)::text), 31) \
               FROM generate_series(1, 65536) AS g";
    let take = |mut client: Client| {
        let before = client.received().len();
        client.simple(sql).expect("a large result");
        client.received()[before..].to_vec()
    };
    let seen = take(gateway.connect(clinic::EXEMPT, false));
    assert!(seen.len() > 64 << 20, "{} bytes", seen.len());
    let most_kib = peak_kib(gateway);
    assert!(most_kib < 300 * 1024, "the gateway took {most_kib} KiB");
    let id = wait_for(gateway, "whole");
    let served = Served::start(gateway, &id);
    let shown = take(served.connect());
    assert!(
        shown == seen,
        "{} bytes of {} come back",
        shown.len(),
        seen.len()
    );
}

fn full(_: &Bed, gateway: &mut Gateway) {
    // Segments that fit the limit that recordings do not.
    let config = fs::read_to_string(gateway.config_file()).expect("a configuration");
    let config = config.replace(
        "directory = \"audit\"",
        "directory = \"audit\"\nsegment_bytes = 1_048_576",
    );
    gateway.put("velum.toml", &config);
    gateway.restart();
    let pid = i32::try_from(gateway.pid()).ok().and_then(Pid::from_raw);
    let limit = Rlimit {
        current: Some(2 << 20),
        maximum: Some(2 << 20),
    };
    prlimit(pid, Resource::Fsize, limit).expect("a limit");
    let mut client = gateway.connect(clinic::EXEMPT, false);
    let sql =
        "SELECT gen_random_uuid() || ' ' || gen_random_uuid() FROM generate_series(1, 400000)";
    let frames = client.simple(sql);
    if let Ok(frames) = frames {
        assert_eq!(
            error_code(&frames).as_deref(),
            Some("58030"),
            "the session went on"
        );
    }
    let got = client.received().len();
    assert!(got < 20 << 20, "{got} bytes went out unrecorded");
    let id = wait_for(gateway, "failed");
    assert!(
        gateway.log().contains(" recording-failed "),
        "{}",
        gateway.log()
    );
    // The file gets its name a moment after its record.
    let began = Instant::now();
    while !text(&sessions(gateway, &["replay", &id])).contains("the recording is cut") {
        assert!(began.elapsed() < PATIENCE, "its end is missing");
        thread::sleep(Duration::from_millis(50));
    }
    // Others are let in, as long as there is room for them.
    let mut other = gateway.connect(clinic::RULES, false);
    assert_eq!(rows(&other.simple("SELECT 1").expect("a row")).len(), 1);
}

fn shredded(_: &Bed, gateway: &mut Gateway) {
    gateway
        .connect(clinic::MASKED, false)
        .simple("SELECT 1")
        .expect("a row");
    let id = wait_for(gateway, "whole");
    assert_eq!(
        sessions(gateway, &["shred", &id[..8]]).status.code(),
        Some(2)
    );
    let output = sessions(gateway, &["shred", &id]);
    assert!(output.status.success(), "{}", text(&output));
    let replayed = sessions(gateway, &["replay", &id]);
    assert_eq!(replayed.status.code(), Some(1));
    assert!(
        text(&replayed).contains("was destroyed"),
        "{}",
        text(&replayed)
    );
    assert_eq!(wait_for(gateway, "shredded"), id);
    let began = Instant::now();
    loop {
        let log = gateway.audit(&["show", "--json"]);
        let told = |line: &&str| line.contains("recording_shredded") && line.contains(&id);
        if log.lines().filter(told).count() == 1 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the log does not say so");
        thread::sleep(Duration::from_millis(100));
    }
    assert!(gateway.stop(), "{}", gateway.log());
    let log = gateway.audit(&["show", "--json"]);
    assert_eq!(log.matches("recording_shredded").count(), 1);
}

fn unrecorded(_: &Bed, gateway: &mut Gateway) {
    gateway
        .connect(clinic::RULES, false)
        .simple("SELECT 1")
        .expect("a row");
    gateway
        .connect(clinic::MASKED, true)
        .simple("SELECT 1")
        .expect("a row");
    let id = wait_for(gateway, "whole");
    assert_eq!(list(gateway).len(), 1);
    // The other one, whose client spoke TLS.
    let replayed = text(&sessions(gateway, &["replay", &id]));
    assert!(replayed.contains("(1 row)\nSELECT 1\n"), "{replayed}");
}

fn wait_until_signed(gateway: &Gateway, id: &str) {
    let began = Instant::now();
    loop {
        let output = sessions(gateway, &["export", id, "--out", "early"]);
        if output.status.success() {
            fs::remove_file(folder(gateway).join("early")).expect("a file");
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{}", text(&output));
        thread::sleep(Duration::from_millis(100));
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, found),
            path => found.push((path.clone(), fs::read(path).unwrap_or_default())),
        }
    }
}

fn looked_at(_: &Bed, gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    client.simple("SELECT 1").expect("an answer");
    drop(client);
    let session = wait_for(gateway, "whole");
    let replay = |more: &[&str]| {
        let arguments = [&["replay", &session, "--plain"], more].concat();
        sessions(gateway, &arguments)
    };
    // No copy is believed where a gateway writes, while it does and after.
    let refused = replay(&["--copy"]);
    assert!(!refused.status.success() && text(&refused).contains("is no copy"));
    let shown = replay(&[]);
    assert!(shown.status.success(), "{}", text(&shown));
    let exported = folder(gateway).join("session.velumexport");
    let path = exported.to_str().expect("UTF-8");
    // That it has ended has to be signed first.
    let began = Instant::now();
    loop {
        let export = sessions(gateway, &["export", &session, "--out", path]);
        if export.status.success() {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{}", text(&export));
        let _unfinished = fs::remove_file(&exported);
        thread::sleep(Duration::from_millis(100));
    }
    let again = sessions(gateway, &["replay", path, "--plain"]);
    assert!(again.status.success(), "{}", text(&again));
    assert!(gateway.stop());
    assert!(
        !sessions(gateway, &["replay", &session, "--plain", "--copy"])
            .status
            .success()
    );
    gateway.restart();
    for command in ["sessions replay", "sessions export"] {
        on_record(gateway, command, &session);
    }
    let replays = gateway
        .audit(&["show"])
        .matches("sessions replay by uid:")
        .count();
    assert_eq!(replays, 1, "neither what was refused nor what was exported");
}

/// Waits until the log says that somebody has read the session by this command.
fn on_record(gateway: &Gateway, command: &str, session: &str) {
    let told = format!("{command} by uid:");
    let began = Instant::now();
    loop {
        let log = gateway.audit(&["show"]);
        let mut lines = log.lines();
        if lines.any(|line| line.contains(&told) && line.contains(session)) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{told} {log}");
        thread::sleep(Duration::from_millis(100));
    }
}
