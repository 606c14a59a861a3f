//! Receipts: what sessions have masked is summed up in the log, and of a value that somebody
//! reveals it is shown whether it was among them, by two verifiers that share no code. On both
//! data planes, with a real PostgreSQL.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use support::bed::{Bed, upstream};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup};

const PATIENCE: Duration = Duration::from_secs(30);
/// A social security number that no patient has.
const NOBODYS: &str = "531-79-0299";
const SSN: &str = "clinic.patients.ssn";
const QUERY: &str =
    "SELECT ssn AS \"Miller 531-79-0299\", born, nick FROM clinic.patients ORDER BY id";

type Body = fn(&mut Gateway);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let on = "commitments = true";
    let cases: &[(&str, &str, Body)] = &[
        ("what_was_masked_is_shown_and_what_was_not", on, shown),
        ("values_in_binary_form_are_committed_to_as_text", on, binary),
        ("counts_are_in_every_log", "", counted),
        (
            "what_has_no_room_is_said",
            "commitments = true\nvalues_most = 2",
            full,
        ),
        ("no_canary_is_on_disk", on, canaries),
    ];
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for (name, keys, body) in cases {
            let (bed, driver, keys, body) = (Arc::clone(&bed), *driver, *keys, *body);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                body(&mut gateway(&bed, driver, keys));
                Ok(())
            }));
        }
    }
    support::run(trials)
}

fn gateway(bed: &Bed, driver: Driver, keys: &str) -> Gateway {
    let rules = format!("[receipts]\n{keys}\n\n{}", clinic::rules());
    Gateway::start(&Setup::new(driver, upstream(&bed.cluster), rules))
}

fn folder(gateway: &Gateway) -> PathBuf {
    let config = gateway.config_file();
    config.parent().expect("a folder").to_owned()
}

fn said(output: &Output) -> String {
    let parts = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&parts).into_owned()
}

/// `velum audit receipt` with these arguments, in the gateway's folder.
fn receipt(gateway: &Gateway, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .args(["audit", "receipt"])
        .args(arguments)
        .current_dir(folder(gateway));
    command.output().expect("velum runs")
}

/// The one receipt in the log, once it is there and signed.
fn only(gateway: &Gateway) -> (String, Value) {
    let config = gateway.config_file();
    let config = config.to_str().expect("UTF-8");
    let began = Instant::now();
    loop {
        let output = receipt(gateway, &["show", "", "--json", "--config", config]);
        if output.status.success() {
            let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let record = document["record"].clone();
            return (
                record["session"].as_str().expect("a name").to_owned(),
                record,
            );
        }
        assert!(began.elapsed() < PATIENCE, "{}", said(&output));
        thread::sleep(Duration::from_millis(50));
    }
}

fn column<'a>(record: &'a Value, name: &str) -> &'a Value {
    let columns = record["columns"].as_array().expect("columns");
    let found = columns.iter().find(|column| column["column"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {record}"))
}

/// Runs a query, and leaves in good order.
fn run(gateway: &Gateway, sql: &str) {
    let mut client = gateway.connect(clinic::MASKED, false);
    let frames = client.simple(sql).expect("an answer");
    assert!(
        frames.iter().any(|frame| frame.tag == b'D'),
        "{sql} gave no rows"
    );
    client.send(b"X\0\0\0\x04").expect("Terminate is sent");
    client.until_closed(PATIENCE).expect("an end");
}

/// Writes the proof about a value into a file.
fn proved(gateway: &Gateway, session: &str, column: &str, value: &str) -> (PathBuf, PathBuf) {
    let folder = folder(gateway);
    let (value_file, file) = (folder.join("value"), folder.join("proof.json"));
    fs::write(&value_file, format!("{value}\n")).expect("a file");
    let _old = fs::remove_file(&file);
    let config = gateway.config_file();
    let paths = [&config, &value_file, &file].map(|path| path.to_str().expect("UTF-8").to_owned());
    let [config, from, to] = paths.each_ref().map(String::as_str);
    let arguments = [
        "prove",
        session,
        "--config",
        config,
        "--column",
        column,
        "--value-file",
        from,
        "--output",
        to,
    ];
    let output = receipt(gateway, &arguments);
    assert!(output.status.success(), "{}", said(&output));
    (file, value_file)
}

/// What both verifiers say of a proof, by their status; they have to agree.
fn verified(gateway: &Gateway, key: &str, file: &Path, value: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command.args(["audit", "receipt", "verify", "--key", key, "--value-file"]);
    let own = command.arg(value).arg(file).output().expect("velum runs");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify_audit.py");
    let mut command = Command::new("python3");
    command.args([script, "--receipt", "--key", key, "--value-file"]);
    let other = command.arg(value).arg(file).current_dir(folder(gateway));
    let other = other.output().expect("Python runs");
    let (own, other) = (
        own.status.success().then(|| said(&own)),
        (other.status.success(), said(&other)),
    );
    assert_eq!(own.is_some(), other.0, "{own:?} {other:?}");
    (
        own.is_some(),
        format!("{}\n{}", own.unwrap_or_default(), other.1),
    )
}

fn shown(gateway: &mut Gateway) {
    run(gateway, QUERY);
    let (session, record) = only(gateway);
    let of_ssn = column(&record, SSN);
    assert_eq!(of_ssn["values"], clinic::PATIENTS as u64);
    assert_eq!(of_ssn["missed"], 0);
    let key = gateway.audit_key();
    for row in 1..=clinic::PATIENTS {
        let (file, value) = proved(gateway, &session, SSN, &clinic::ssn(row));
        let (holds, text) = verified(gateway, &key, &file, &value);
        assert!(holds && text.contains("the value was masked"), "{text}");
        // Of another value it says at most that it was not, where it stands beyond the last.
        fs::write(&value, NOBODYS).expect("a file");
        let (_, text) = verified(gateway, &key, &file, &value);
        assert!(!text.contains("the value was masked"), "{text}");
        let proof = fs::read_to_string(&file).expect("a proof");
        assert!(!proof.contains(&clinic::ssn(row)));
    }
    let (file, value) = proved(gateway, &session, SSN, NOBODYS);
    let (holds, text) = verified(gateway, &key, &file, &value);
    assert!(holds && text.contains("was not masked"), "{text}");
    // Every digit of the proof counts.
    let proof = fs::read_to_string(&file).expect("a proof");
    let at = proof.find("\"key\": \"").expect("a key") + 8;
    for (place, what) in [
        (at, "key"),
        (
            proof.find("\"hidden\": \"").map_or(at, |at| at + 11),
            "leaf",
        ),
    ] {
        let mut spoilt = proof.clone().into_bytes();
        spoilt[place] = if spoilt[place] == b'0' { b'1' } else { b'0' };
        fs::write(&file, spoilt).expect("a file");
        assert!(!verified(gateway, &key, &file, &value).0, "{what}");
    }
    let log = gateway.audit(&["show"]);
    assert!(log.contains("receipt prove by uid:"), "{log}");
}

fn binary(gateway: &mut Gateway) {
    let mut client = gateway.connect(clinic::MASKED, false);
    client
        .prepare("s", "SELECT born, ssn FROM clinic.patients")
        .expect("parsed");
    client.execute("s", 1).expect("rows");
    drop(client);
    let mut client = gateway.connect(clinic::EXEMPT, false);
    let born = client
        .simple("SELECT born::text FROM clinic.patients LIMIT 1")
        .expect("a row");
    let born = support::client::rows(&born)[0][0].clone().expect("a date");
    let born = String::from_utf8(born).expect("a date");
    // That session is open still, so its receipt is not there.
    let (session, _) = only(gateway);
    let key = gateway.audit_key();
    for (name, text) in [
        ("clinic.patients.born", born.as_str()),
        (SSN, &clinic::ssn(1)),
    ] {
        let (file, value) = proved(gateway, &session, name, text);
        let (holds, said) = verified(gateway, &key, &file, &value);
        assert!(
            holds && said.contains("the value was masked"),
            "{name} {text}: {said}"
        );
    }
}

fn counted(gateway: &mut Gateway) {
    run(gateway, QUERY);
    let (session, record) = only(gateway);
    let masked = clinic::PATIENTS as u64;
    // One row has NULLs.
    let rows = masked + 1;
    for name in [SSN, "clinic.patients.born", "clinic.patients.nick"] {
        let column = column(&record, name);
        assert_eq!(column["rows"], rows, "{record}");
        let counts = column["masked"].as_object().expect("counts");
        let cells: u64 = counts.values().filter_map(Value::as_u64).sum();
        assert_eq!(cells, masked, "{name}: {record}");
        assert!(
            column.get("root").is_none(),
            "nothing is committed to unless it is asked for"
        );
    }
    assert_eq!(record["leaves_file"], Value::Null);
    let output = receipt(gateway, &["export", &session, "--config", "velum.toml"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(!folder(gateway).join("data/receipts").exists());
}

fn full(gateway: &mut Gateway) {
    run(gateway, "SELECT ssn FROM clinic.patients");
    let (session, record) = only(gateway);
    let of_ssn = column(&record, SSN);
    assert_eq!(of_ssn["values"], 2);
    assert_eq!(of_ssn["missed"], clinic::PATIENTS as u64 - 2);
    let (file, value) = proved(gateway, &session, SSN, NOBODYS);
    let (holds, text) = verified(gateway, &gateway.audit_key(), &file, &value);
    assert!(holds && text.contains("were not"), "{text}");
}

fn canaries(gateway: &mut Gateway) {
    run(gateway, QUERY);
    run(gateway, "SELECT note, address FROM clinic.patients");
    let began = Instant::now();
    let leaves = folder(gateway).join("data/receipts");
    while fs::read_dir(&leaves).map_or(0, Iterator::count) < 2 {
        assert!(began.elapsed() < PATIENCE, "no leaves");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(gateway.stop());
    for (path, bytes) in gateway.files() {
        let leaks = clinic::leaks(&bytes);
        assert!(leaks.is_empty(), "{} holds {leaks:?}", path.display());
    }
    for arguments in [&["show", "--json"][..], &["show"]] {
        let text = gateway.audit(arguments);
        let intents = |line: &&str| !line.contains("SELECT");
        let rest: String = text.lines().filter(intents).collect();
        assert!(
            !rest.contains("Miller") && !rest.contains(NOBODYS),
            "{rest}"
        );
    }
    let key = gateway.audit_key();
    let text = gateway.audit(&["verify", "--key", &key]);
    assert!(text.contains("verified"), "{text}");
}
