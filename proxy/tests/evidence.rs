//! Exports, packs, holds and expiry from end to end, beside a gateway that runs.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::house::{CONFIG, House, lived_in};
use tempfile::TempDir;
use velum_core::audit::record::{Body, Channel, Effect, Record, SessionId, Status};
use velum_core::audit::token::TokenKey;
use velum_core::audit::tree::NoteSigner;
use velum_core::audit::tree::key::KeyKind;
use velum_core::time::Timestamp;
use velum_proxy::audit::log::Log;
use velum_proxy::audit::medium::PlainDisk;
use velum_proxy::audit::publisher::Publisher;
use velum_proxy::audit::rebuild::Trust;
use velum_proxy::audit::recover::recover;
use velum_proxy::audit::signing::Signers;
use velum_proxy::demo::cluster::Authority;

const PATIENCE: Duration = Duration::from_secs(30);
const SEED: [u8; 32] = [0x5e; 32];
/// 2018-01-01: long past due.
const OLD: Timestamp = Timestamp(1_514_764_800 * 1_000_000_000);
const VALUE: &[u8] = b"MRN-00417";

fn record(time: Timestamp, session: u128, body: Body) -> Record {
    Record {
        time,
        session: SessionId(session),
        identity: "agent".into(),
        resource: "ehr".into(),
        body,
    }
}

/// A statement of an old session that names [`VALUE`] by a bind, and its end.
fn statement(statement: u64, tokens: &TokenKey) -> [Record; 2] {
    let intent = Body::Intent {
        statement,
        effect: Effect::Read,
        channel: Channel::Extended,
        text: "select name from ehr.patients where mrn = $1".into(),
        token: tokens.token(b"select"),
        binds: vec![statement.is_multiple_of(10).then(|| tokens.token(VALUE))],
        decision: "allow: policy masked".into(),
    };
    let outcome = Body::Outcome {
        statement,
        status: Status::Completed,
        command: "SELECT".to_owned(),
        sqlstate: None,
        rows: 2,
        bytes: 100,
        masked: vec![("rule:ssn".to_owned(), 2)],
        masking: None,
        duration_us: 900,
    };
    [record(OLD, 7, intent), record(OLD, 7, outcome)]
}

/// A house with a log of old records, in segments of 4 KiB, by the key that its gateway has.
fn with_old_records() -> House {
    let house = House::new();
    let audit = house.path("audit");
    fs::create_dir_all(house.path("data")).expect("a folder");
    fs::write(house.path("data/audit-signing.key"), "5e".repeat(32)).expect("a key");
    fs::write(house.path("data/audit-token.key"), [3; 32]).expect("a key");
    let tokens = TokenKey::new(&[3; 32]);
    let signer = NoteSigner::new("log.example/velum-1", KeyKind::Ed25519, &SEED);
    let signers = Signers {
        current: signer.expect("a key"),
        previous: None,
    };
    let trust = Trust {
        keys: signers.keys(),
        accepts_mismatch: false,
    };
    let state = recover(&audit, OLD, &trust).expect("an empty log");
    let edge = state.tree.edge.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut log = Log::new(PlainDisk::new(&audit), 4_096, state.next_sequence);
        let mut publisher = Publisher::start(audit.clone(), signers, edge).expect("a thread");
        for number in 1..=200 {
            for record in statement(number, &tokens) {
                let mut bytes = Vec::new();
                record.encode(&mut bytes);
                log.stage(&bytes).expect("staged");
                publisher.stage(&bytes);
            }
            log.commit().await.expect("on disk");
            publisher.committed();
        }
        log.close().await.expect("on disk");
        publisher.close().await.expect("signed");
    });
    house
}

/// Waits until the log says this.
fn wait_for(house: &House, what: &str) {
    let began = Instant::now();
    while !house.run(&["audit", "show", "audit"]).1.contains(what) {
        assert!(began.elapsed() < PATIENCE, "nobody records: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn segments(audit: &Path) -> usize {
    let entries = fs::read_dir(audit).expect("the log");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .filter(|name| name.to_string_lossy().ends_with(".velumlog"))
        .count()
}

#[test]
fn what_is_exported_is_recorded_by_the_gateway_that_runs() {
    let house = with_old_records();
    let served = house.serve_while(&[], || {
        let export = ["audit", "export", "--kind", "statements", "--format"];
        let (status, out, error) = house.run(&[&export[..], &["json"]].concat());
        assert_eq!((status, out.lines().count()), (0, 200), "{error}");
        wait_for(&house, "export by uid:");
        let (status, out, _) = house.run(&[&export[..], &["csv", "--to", "2017-01-01"]].concat());
        assert_eq!((status, out.lines().count()), (0, 1), "the header");
        let file = ["ocsf", "--output", "out.jsonl"];
        assert_eq!(house.run(&[&export[..], &file].concat()).0, 0);
        assert_eq!(
            house.run(&[&export[..], &file].concat()).0,
            2,
            "it is there already"
        );
    });
    assert!(served, "{}", house.log());
    let text = fs::read_to_string(house.path("out.jsonl")).expect("a file");
    assert!(text.lines().all(|line| line.contains("\"class_uid\":6005")));
    // One that does not run records it when it starts.
    assert_eq!(
        house.run(&["audit", "exposure", "--identity", "agent"]).0,
        0
    );
    assert!(house.serve_while(&[], || wait_for(&house, "exposure by uid:")));
    let (status, _, error) = house.run(&["audit", "verify", "audit"]);
    assert_eq!(status, 0, "{error}");
}

#[test]
fn a_value_is_found_by_its_token() {
    let house = with_old_records();
    let value = ["audit", "disclosures", "--value", "-"];
    let (status, out, error) = house.run_with(&value, "MRN-00417\n");
    assert_eq!((status, out.lines().count()), (0, 20), "{error}");
    let token = TokenKey::new(&[3; 32]).token(VALUE).to_hex();
    let subject = ["audit", "disclosures", "--subject", &token, "--csv"];
    assert_eq!(house.run(&subject).1.lines().count(), 21);
    assert_eq!(house.run_with(&value, "MRN-00418\n").1.lines().count(), 0);
    assert_eq!(house.run(&["audit", "disclosures", "--subject", "x"]).0, 2);
    let exposure = ["audit", "exposure", "--identity", "agent", "--json"];
    let (status, out, error) = house.run(&exposure);
    assert_eq!(status, 0, "{error}");
    let sum: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (&sum["rows"], &sum["values_named"]),
        (&400.into(), &1.into())
    );
    assert_eq!(sum["masked"]["rule:ssn"], 400);
    // No value is in what was noted.
    let notes = fs::read_dir(house.path("audit/notes")).expect("notes");
    for note in notes {
        let bytes = fs::read(note.expect("an entry").path()).expect("a note");
        assert!(!bytes.windows(VALUE.len()).any(|part| part == VALUE));
    }
}

#[test]
fn a_pack_is_made_and_verified_elsewhere() {
    let (house, key) = lived_in();
    let period = ["--from", "2020-01-01", "--to", "2200-01-01", "--output"];
    let pack = [&["audit", "pack"][..], &period, &["pack"]].concat();
    let (status, _, error) = house.run(&pack);
    assert_eq!(status, 0, "{error}");
    assert_eq!(house.run(&pack).0, 2, "it is there already");
    let elsewhere = TempDir::new().expect("a folder");
    let copy = elsewhere.path().join("p");
    fs::copy(house.path("pack"), &copy).expect("a copy");
    let copy = copy.to_str().expect("a path");
    let verify = ["audit", "verify", copy, "--key", &key];
    let (status, out, error) = house.run(&verify);
    assert_eq!(status, 0, "{error}");
    assert!(
        out.contains("verified: a pack of log.example/velum-1"),
        "{out}"
    );
    assert!(
        out.contains("report and artefacts say what the records say"),
        "{out}"
    );
    let mut bytes = fs::read(copy).expect("the pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(copy, bytes).expect("a pack");
    let (status, _, error) = house.run(&verify);
    assert_eq!(status, 1);
    assert!(error.contains("its digest does not fit"), "{error}");
    let none = [
        &["audit", "pack"][..],
        &["--from", "1999-01-01", "--to", "2000-01-01"],
    ]
    .concat();
    let (status, _, error) = house.run(&[&none[..], &["--output", "none"]].concat());
    assert_eq!(status, 2);
    assert!(
        error.contains("no signed record is from this period"),
        "{error}"
    );
    // The text of the configuration is in it, by its hash.
    let kept = fs::read_dir(house.path("data/configurations")).expect("configurations");
    assert_eq!(kept.count(), 1);
}

#[test]
fn what_is_due_is_deleted_by_the_gateway_and_no_hold_is_passed_over() {
    let house = with_old_records();
    let audit = house.path("audit");
    let before = segments(&audit);
    let expire = |how: &str| house.run(&["audit", "expire", how]);
    let (status, out, error) = expire("--dry-run");
    assert_eq!(status, 0, "{error}");
    assert!(out.contains("due:  records 1 to "), "{out}");
    assert_eq!(expire("--yes").0, 2, "no gateway runs");
    let hold = ["audit", "hold"];
    let add = [&hold[..], &["add", "case-1", "--why", "litigation"]].concat();
    assert_eq!(house.run(&add).0, 0);
    assert_eq!(house.run(&add).0, 2, "there is one of this name");
    assert!(
        house
            .run(&[&hold[..], &["list"]].concat())
            .1
            .contains("case-1")
    );
    let served = house.serve_while(&[], || {
        wait_for(&house, "hold case-1 placed");
        let (status, out, error) = expire("--yes");
        assert_eq!(status, 0, "{error}");
        assert!(out.contains("held by case-1"), "{out}");
        assert_eq!(segments(&audit), before + 1, "nothing is deleted");
        let remove = [&hold[..], &["remove", "case-1", "--why", "settled"]].concat();
        assert_eq!(house.run(&remove).0, 0);
        wait_for(&house, "hold case-1 released");
        let (status, out, error) = expire("--yes");
        assert_eq!(status, 0, "{error}");
        assert!(out.contains("are deleted, by record"), "{out}");
    });
    assert!(served, "{}", house.log());
    assert!(segments(&audit) < before / 2);
    let (_, key, _) = house.run(&["audit", "key"]);
    let (status, out, error) = house.run(&["audit", "verify", "audit", "--key", key.trim()]);
    assert_eq!(status, 0, "{error}");
    assert!(out.contains("were deleted when due"), "{out}");
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    let export = ["audit", "export", "--kind", "admin"];
    assert!(house.run(&export).1.contains("records_expired"));
}

/// A receiver in Python that fails now and then; ended when it is dropped.
struct Receiver {
    child: Child,
    port: u16,
}

impl Receiver {
    fn start(house: &House, kind: &str, file: &str, more: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/receiver.py");
        let mut command = Command::new("python3");
        command
            .arg("-B")
            .arg(script)
            .arg(kind)
            .arg(house.path(file));
        let mut child = command
            .arg("7")
            .args(more)
            .current_dir(house.path(""))
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let mut line = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("its port");
        let port = line.trim().parse().expect("a port");
        Self { child, port }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The sequences that a receiver has taken, each where it was taken first.
fn taken(house: &House, file: &str) -> Vec<u64> {
    let text = fs::read_to_string(house.path(file)).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let lines = text.lines().map(|line| line.parse().expect("a sequence"));
    lines.filter(|sequence| seen.insert(*sequence)).collect()
}

/// Whatever receivers do, every record arrives, and in order.
#[test]
fn receivers_that_fail_lose_nothing() {
    let house = with_old_records();
    let authority = Authority::new().expect("an authority");
    let server = authority.server().expect("a certificate");
    fs::write(house.path("server.crt"), &server.certificate_pem).expect("a certificate");
    fs::write(house.path("server.key"), &server.key_pem).expect("a key");
    fs::write(house.path("ca.crt"), authority.certificate_pem()).expect("a certificate");
    let tls = ["server.crt", "server.key"];
    let receivers = [
        Receiver::start(&house, "syslog", "plain", &[]),
        Receiver::start(&house, "syslog", "secured", &tls),
        Receiver::start(&house, "http", "otlp", &[]),
        Receiver::start(&house, "http", "posted", &tls),
    ];
    fs::write(house.path("token"), "receiver-token\n").expect("a token");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(house.path("token"), mode).expect("a mode");
    let [plain, secured, otlp, posted] = receivers.each_ref().map(|receiver| receiver.port);
    let token = "token = { file = \"token\" }\nbatch = 30";
    let ship = format!(
        "[[ship]]\nname = \"plain\"\nkind = \"syslog\"\nurl = \"tcp://127.0.0.1:{plain}\"\n\
         batch = 40\n\
         [[ship]]\nname = \"secured\"\nkind = \"syslog\"\nurl = \"tls://localhost:{secured}\"\n\
         ca = \"ca.crt\"\nbatch = 60\n\
         [[ship]]\nname = \"otlp\"\nkind = \"otlp\"\nurl = \"http://127.0.0.1:{otlp}\"\n{token}\n\
         [[ship]]\nname = \"posted\"\nkind = \"https\"\nurl = \"https://localhost:{posted}/in\"\n\
         ca = \"ca.crt\"\n{token}\n"
    );
    fs::write(house.path("velum.toml"), format!("{CONFIG}\n{ship}")).expect("a configuration");
    let files = ["plain", "secured", "otlp", "posted"];
    let everything: Vec<u64> = (1..=402).collect();
    // Twice: a gateway that is started again goes on where it was.
    for _ in 0..2 {
        let served = house.serve_while(&[], || {
            let began = Instant::now();
            let all = || files.iter().all(|file| taken(&house, file).len() >= 402);
            while !all() && began.elapsed() < 3 * PATIENCE {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        assert!(served, "{}", house.log());
    }
    for file in files {
        let taken = taken(&house, file);
        assert_eq!(
            taken[..402.min(taken.len())],
            everything,
            "{file}: {}",
            house.log()
        );
    }
    let (_, out, error) = house.run(&["audit", "ship", "--json"]);
    let states: serde_json::Value = serde_json::from_str(&out).expect(&error);
    assert_eq!(states.as_array().map(Vec::len), Some(4));
    assert!(states[0]["sequence"].as_u64() >= Some(402), "{out}");
    drop(receivers);
}

/// What asks the storage past the gateway: `check` prints the objects' names and whether each is
/// the file of that name, locked.
const STORAGE: &str = r#"
import os, sys, boto3
storage = boto3.client("s3", endpoint_url=sys.argv[2], region_name="us-east-1",
                       aws_access_key_id="key", aws_secret_access_key="secret")
if sys.argv[1] == "make":
    storage.create_bucket(Bucket="audit", ObjectLockEnabledForBucket=True)
elif sys.argv[1] == "spoil":
    storage.put_object(Bucket="audit", Key="velum/" + sys.argv[3], Body=b"another")
else:
    for found in storage.list_objects_v2(Bucket="audit")["Contents"]:
        name = found["Key"].removeprefix("velum/")
        object = storage.get_object(Bucket="audit", Key=found["Key"])
        body = object["Body"].read()
        if name.endswith(".velumlog"):
            assert body == open(os.path.join("audit", name), "rb").read(), name
        print(name, object.get("ObjectLockMode"), object.get("ObjectLockRetainUntilDate"))
"#;

/// Storage that speaks S3, in Python.
struct Storage {
    child: Child,
    url: String,
}

impl Storage {
    fn start(house: &House) -> Self {
        let port = support::gateway::free_port();
        let child = Command::new(python())
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto runs");
        let url = format!("http://127.0.0.1:{port}");
        let storage = Self { child, url };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "moto does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        storage.ask(house, &["make", &storage.url]);
        storage
    }

    fn ask(&self, house: &House, arguments: &[&str]) -> String {
        let mut command = Command::new(python());
        command
            .args(["-c", STORAGE])
            .args(arguments)
            .current_dir(house.path(""));
        let output = command.output().expect("Python runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The Python that `.ci/tools drivers` has made, with moto and boto3.
fn python() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/drivers/venv/bin/python")
}

#[test]
fn segments_that_ended_are_stored_and_locked() {
    let house = with_old_records();
    let storage = Storage::start(&house);
    let last = "00000000000000000001.velumlog";
    let archive = format!(
        "[[archive]]\nname = \"worm\"\nendpoint = \"{}\"\nbucket = \"audit\"\nprefix = \"velum/\"\n\
         access_key = {{ file = \"access\" }}\nsecret_key = {{ file = \"secret\" }}\n\
         lock_days = 30\n",
        storage.url
    );
    let mode: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    for (name, text) in [("access", "key\n"), ("secret", "secret\n")] {
        fs::write(house.path(name), text).expect("a credential");
        fs::set_permissions(house.path(name), mode.clone()).expect("a mode");
    }
    fs::write(house.path("velum.toml"), format!("{CONFIG}\n{archive}")).expect("a configuration");
    // An object of that name that is another one is no success.
    storage.ask(&house, &["spoil", &storage.url, last]);
    let state = || {
        let (_, out, error) = house.run(&["audit", "ship", "--json"]);
        let states: serde_json::Value = serde_json::from_str(&out).expect(&error);
        states[0].clone()
    };
    let wait = |what: &str, holds: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !holds() {
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: {} {}",
                state(),
                house.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let served = house.serve_while(&[], || {
        wait("the other object is found", &|| {
            state()["error"]
                .as_str()
                .is_some_and(|it| it.contains("is another object"))
        });
    });
    assert!(served, "{}", house.log());
    assert_eq!(house.run(&["audit", "ship"]).0, 1);
    drop(storage);
    let storage = Storage::start(&house);
    let again = archive
        .lines()
        .map(|line| match line.starts_with("endpoint") {
            true => format!("endpoint = \"{}\"\n", storage.url),
            false => format!("{line}\n"),
        });
    let again: String = again.collect();
    fs::write(house.path("velum.toml"), format!("{CONFIG}\n{again}")).expect("a configuration");
    let served = house.serve_while(&[], || {
        wait("all are stored", &|| {
            state()["sequence"].as_u64() >= Some(400)
        });
    });
    assert!(served, "{}", house.log());
    let there = storage.ask(&house, &["check", &storage.url]);
    let stored = there
        .lines()
        .filter(|line| line.contains(".velumlog COMPLIANCE 20"));
    assert!(stored.count() > 10, "{there}");
    assert!(there.contains("checkpoints/"), "{there}");
}
