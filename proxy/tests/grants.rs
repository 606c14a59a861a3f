//! Access that somebody has to agree to, from a client's first attempt to the evidence: a real
//! PostgreSQL, psql, and the command line of whoever decides.

mod support;

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use support::bed::{Bed, upstream};
use support::client::{Client, error_code, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, free_port};

/// Long enough for a loaded machine, far shorter than what would happen without a grant's end.
const PATIENCE: Duration = Duration::from_secs(30);
const WAITING: &str = "patient_agent";
const ASKING: &str = "asking_agent";

type Body = fn(&Bed, Driver);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        let all: [(&str, Body); 5] = [
            (
                "it_waits_is_approved_and_expires",
                it_waits_is_approved_and_expires,
            ),
            (
                "it_is_refused_narrowed_and_revoked",
                it_is_refused_narrowed_and_revoked,
            ),
            ("some_columns_and_no_others", some_columns_and_no_others),
            ("one_session_uses_it_up", one_session_uses_it_up),
            ("who_hangs_up_is_not_let_in", who_hangs_up_is_not_let_in),
        ];
        for (name, body) in all {
            let (bed, driver) = (Arc::clone(&bed), *driver);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                body(&bed, driver);
                Ok(())
            }));
        }
    }
    support::run(trials)
}

/// Where an API is, and whose certificates it has.
struct Api {
    url: String,
    authority: Option<PathBuf>,
}

/// A gateway with its people.
struct House {
    gateway: Gateway,
    api: Api,
    /// Who asks, who decides, who looks.
    asks: String,
    ann: String,
    eve: String,
}

impl House {
    fn new(bed: &Bed, driver: Driver) -> Self {
        let port = free_port();
        // On one of the drivers with TLS.
        let tls = driver == Driver::Epoll;
        let setup = Setup::new(driver, upstream(&bed.cluster), rules(port, tls));
        let gateway = Gateway::start(&setup);
        let scheme = if tls { "https" } else { "http" };
        let api = Api {
            url: format!("{scheme}://localhost:{port}"),
            authority: tls.then(|| gateway.authority_file()),
        };
        let config = gateway.config_file().display().to_string();
        let bootstrap = ["keys", "bootstrap", "--config", &config];
        let first = velum(&api, "", &bootstrap);
        assert!(first.status.success(), "{}", text(&first.stderr));
        let admin = text(&first.stdout).trim().to_owned();
        let again = velum(&api, "", &bootstrap);
        assert_eq!(again.status.code(), Some(1), "one first key");
        let key = |arguments: &[&str]| {
            let made = json(&api, &admin, &[&["keys", "create"], arguments].concat());
            made["key"].as_str().expect("a key").to_owned()
        };
        let asks = key(&["--owner", "dora", "--role", "requester", "--identity", "*"]);
        let ann = key(&["--owner", "ann", "--role", "approver"]);
        let eve = key(&["--owner", "eve", "--role", "auditor"]);
        Self {
            gateway,
            api,
            asks,
            ann,
            eve,
        }
    }

    /// The one request of an identity that waits for a decision.
    fn waiting(&self, identity: &str) -> String {
        let began = Instant::now();
        loop {
            let arguments = [
                "grants",
                "list",
                "--state",
                "requested",
                "--identity",
                identity,
            ];
            let page = json(&self.api, &self.ann, &arguments);
            match page["items"].as_array().map(Vec::as_slice) {
                Some([one]) => return one["id"].as_str().expect("its name").to_owned(),
                _ => assert!(began.elapsed() < PATIENCE, "nobody asked: {page}"),
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn show(&self, id: &str) -> Value {
        json(&self.api, &self.eve, &["grants", "show", id])
    }

    /// Records of the audit log, all of them written.
    fn records(&mut self) -> Vec<Value> {
        assert!(self.gateway.stop(), "a clean stop\n{}", self.gateway.log());
        let log = self.gateway.audit(&["show", "--json"]);
        let lines = log.lines().filter(|line| line.starts_with('{'));
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn psql(&self, bed: &Bed, user: &str, commands: &[&str]) -> Child {
        let mut psql = Command::new(bed.cluster.installation().program("psql"));
        psql.args([
            "-X",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-U",
            user,
            "-d",
            clinic::DATABASE,
        ]);
        psql.args(["-p", &self.gateway.port().to_string()]);
        for command in commands {
            psql.args(["-c", command]);
        }
        psql.env("PGPASSWORD", clinic::CLIENT_PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        psql.spawn().expect("psql runs")
    }
}

fn rules(port: u16, tls: bool) -> String {
    let identity = |name: &str, on_missing: &str| {
        format!(
            "[[identity]]\nname = \"{name}\"\nauth = \"scram\"\n\
             password = {{ file = \"client.password\" }}\n\
             access = {{ {} = {{ policy = \"masked\", grant = \"required\", {on_missing} }} }}\n\n",
            clinic::DATABASE
        )
    };
    let people = [
        identity(WAITING, "on_missing = \"wait\", wait_ms = 30_000"),
        identity(ASKING, "on_missing = \"request\""),
    ];
    let tls = match tls {
        true => "tls = { certificate = \"server.pem\", key = \"server.key\" }",
        false => "",
    };
    format!(
        "[api]\nlisten = \"127.0.0.1:{port}\"\n{tls}\n\n[grants]\nlongest_s = 3_600\n\n{}\n{}",
        people.concat(),
        clinic::rules()
    )
}

fn velum(api: &Api, key: &str, arguments: &[&str]) -> Output {
    let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
    velum.args(arguments);
    if let Some(authority) = &api.authority {
        velum.arg("--api-ca").arg(authority);
    }
    velum.env("VELUM_API", &api.url).env("VELUM_KEY", key);
    velum.output().expect("velum runs")
}

/// The answer of a command that has to work.
fn json(api: &Api, key: &str, arguments: &[&str]) -> Value {
    let output = velum(api, key, &[arguments, &["--json"]].concat());
    let error = text(&output.stderr);
    assert!(output.status.success(), "velum {arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn it_waits_is_approved_and_expires(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver);
    let ask = "SELECT id, ssn FROM clinic.patients ORDER BY id LIMIT 1";
    let stay = "SELECT 'still here', pg_sleep(120)";
    let mut waits = house.psql(bed, WAITING, &[ask, stay]);
    let id = house.waiting(WAITING);
    assert!(
        matches!(waits.try_wait(), Ok(None)),
        "it waits for a decision"
    );
    let own = velum(
        &house.api,
        &house.asks,
        &["grants", "approve", &id, "--rationale", "x"],
    );
    assert_eq!(own.status.code(), Some(1));
    assert!(
        text(&own.stderr).contains("role approver"),
        "{}",
        text(&own.stderr)
    );
    let rationale = "seen in the ward of patient SSN 536-22-8145";
    let approve = [
        "grants",
        "approve",
        &id,
        "--rationale",
        rationale,
        "--for",
        "3s",
    ];
    assert_eq!(json(&house.api, &house.ann, &approve)["state"], "active");
    let output = waits.wait_with_output().expect("psql ends");
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(
        error.contains("has expired") && error.contains(&id),
        "{error}"
    );
    let first = out.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("1|") && !first.contains(&clinic::ssn(1)),
        "masked: {out}"
    );
    let sleepers = "SELECT count(*) FROM pg_stat_activity \
                    WHERE state = 'active' AND query LIKE '%still here%' \
                    AND pid <> pg_backend_pid()";
    let began = Instant::now();
    while bed.cluster.psql(sleepers).expect("a count").trim() != "0" {
        assert!(
            began.elapsed() < PATIENCE,
            "the database still works for nobody"
        );
        thread::sleep(Duration::from_millis(50));
    }
    // The session has ended by a clock of its own; the store hears of it at the next look.
    while house.show(&id)["state"] != "expired" {
        assert!(began.elapsed() < PATIENCE, "it does not expire");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(house.show(&id)["seconds"], 3, "as narrow as it was decided");
    evidence(&house.records(), &id);
}

/// Who asked, who decided and why, what ran under it, when and why it ended.
fn evidence(records: &[Value], id: &str) {
    let of_grant = |record: &&Value| record["grant"] == id;
    let story: Vec<(&str, &str)> = records
        .iter()
        .filter(of_grant)
        .map(|it| {
            (
                it["event"].as_str().unwrap_or(""),
                it["actor"].as_str().unwrap_or(""),
            )
        })
        .collect();
    let expected = [
        ("grant_requested", WAITING),
        ("grant_approved", "ann"),
        ("grant_activated", ""),
        ("grant_used", WAITING),
        ("grant_expired", ""),
    ];
    assert_eq!(story, expected);
    let find = |event: &str| {
        records
            .iter()
            .find(|it| it["event"] == event)
            .expect("a record")
    };
    let why = find("grant_approved")["why"].as_str().expect("a rationale");
    assert_eq!(why, "seen in the ward of patient SSN XXX-XX-XXXX");
    let used = records
        .iter()
        .filter(of_grant)
        .find(|it| it["event"] == "grant_used");
    let session = &used.expect("its use")["session"];
    let of_session: Vec<&str> = records
        .iter()
        .filter(|it| it["session"] == *session)
        .filter_map(|it| it["event"].as_str())
        .collect();
    assert_eq!(
        of_session.first(),
        Some(&"grant_used"),
        "before the session: {of_session:?}"
    );
    assert!(of_session.contains(&"session_opened") && of_session.contains(&"intent"));
    assert!(of_session.ends_with(&["session_closed", "receipt"]));
    assert!(records.iter().any(|it| it["event"] == "bootstrap_key_used"));
    assert_eq!(
        records
            .iter()
            .filter(|it| it["event"] == "key_created")
            .count(),
        3
    );
}

fn it_is_refused_narrowed_and_revoked(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver);
    let refused = house.psql(bed, ASKING, &["SELECT 1"]);
    let error = text(&refused.wait_with_output().expect("psql ends").stderr);
    let id = house.waiting(ASKING);
    for part in [
        "needs a grant",
        &id,
        "velum grants approve",
        "/api/v1/grants/",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let narrow = [
        "grants",
        "approve",
        &id,
        "--rationale",
        "patients only",
        "--table",
        "clinic.patients",
        "--command",
        "select",
    ];
    assert_eq!(
        json(&house.api, &house.ann, &narrow)["tables"][0],
        "clinic.patients"
    );
    let mut client = house.gateway.connect(ASKING, true);
    let within = client.simple("SELECT id FROM clinic.patients WHERE id = 1");
    assert_eq!(rows(&within.expect("an answer")).len(), 1);
    for beyond in [
        "SELECT * FROM clinic.numbers",
        "UPDATE clinic.patients SET city = ''",
    ] {
        let frames = client.simple(beyond).expect("an answer");
        assert_eq!(error_code(&frames).as_deref(), Some("42501"), "{beyond}");
    }
    // It outlives the gateway.
    house.gateway.restart();
    let mut client = house.gateway.connect(ASKING, true);
    revoked_in_the_middle(&house, &mut client, &id);
    let again = Client::connect(&house.gateway.login(ASKING, true), clinic::DATABASE);
    assert!(again.is_err(), "it is over");
    let next = house.waiting(ASKING);
    assert_ne!(next, id, "who comes again asks again");
    let withdraw = ["grants", "withdraw", &next, "--rationale", "x"];
    let own = text(&velum(&house.api, &house.asks, &withdraw).stderr);
    assert!(own.contains("not-the-requester"), "{own}");
}

/// Granted are the number of a patient and a column that is masked. Whatever a client tries,
/// nothing of the others comes.
fn some_columns_and_no_others(bed: &Bed, driver: Driver) {
    let house = House::new(bed, driver);
    drop(house.psql(bed, ASKING, &["SELECT 1"]).wait_with_output());
    let id = house.waiting(ASKING);
    let approve = |columns: &[&str]| {
        let mut arguments = vec!["grants", "approve", &id, "--rationale", "numbers only"];
        arguments.extend(columns.iter().flat_map(|name| ["--column", name]));
        velum(&house.api, &house.ann, &arguments)
    };
    let wrong = approve(&["clinic.patients"]);
    let told = text(&wrong.stderr);
    assert!(told.contains("schema.table.column"), "{told}");
    let granted = ["clinic.patients.id", "clinic.patients.ssn"];
    assert!(approve(&granted).status.success());
    let mut everything = house.gateway.connect(clinic::EXEMPT, true);
    let city = everything.simple("SELECT city FROM clinic.patients WHERE id = 1");
    let city = rows(&city.expect("an answer")).remove(0).remove(0);
    let city = city.expect("a city");
    let mut client = house.gateway.connect(ASKING, true);
    let star = "SELECT * FROM clinic.patients WHERE id = 1";
    let row = rows(&client.simple(star).expect("an answer")).remove(0);
    assert_eq!(row.len(), 2, "{row:?}");
    assert_eq!(row[0].as_deref(), Some(&b"1"[..]));
    assert_ne!(row[1].as_deref(), Some(clinic::ssn(1).as_bytes()), "masked");
    for refused in [
        "SELECT city FROM clinic.patients",
        "SELECT id FROM clinic.patients WHERE city = 'Salem'",
        "SELECT id FROM clinic.patients ORDER BY city",
        "SELECT max(city) FROM clinic.patients",
        "COPY clinic.patients (id, city) TO STDOUT",
        "SELECT * FROM clinic.numbers",
        "UPDATE clinic.patients SET ssn = ''",
        "INSERT INTO clinic.patients (id) VALUES (0)",
    ] {
        let frames = client.simple(refused).expect("an answer");
        assert_eq!(error_code(&frames).as_deref(), Some("42501"), "{refused}");
    }
    for through in [
        "TABLE clinic.patients",
        "SELECT p FROM clinic.patients p",
        "SELECT to_json(p) FROM clinic.patients p",
        "SELECT p::text FROM clinic.patients p WHERE p.id = 1",
        "COPY clinic.patients TO STDOUT",
        "SELECT q FROM (SELECT * FROM clinic.patients) q",
        "SELECT * FROM clinic.patients a NATURAL JOIN clinic.patients b",
        "SELECT * FROM clinic.seen",
    ] {
        let _answered_or_refused = client.simple(through).expect("an answer");
    }
    let holds = clinic::contains(client.received(), &city);
    assert!(!holds, "a city came through");
}

/// Of a result that nobody has read to its end.
fn revoked_in_the_middle(house: &House, client: &mut Client, id: &str) {
    let endless = "SELECT id, city FROM clinic.patients, generate_series(1, 100000000)";
    client
        .write(|out| postgres_protocol::message::frontend::query(endless, out))
        .expect("a query");
    for _ in 0..100 {
        client.frame().expect("a row");
    }
    let revoke = ["grants", "revoke", id, "--rationale", "enough"];
    assert_eq!(json(&house.api, &house.ann, &revoke)["state"], "revoked");
    let began = Instant::now();
    let last = client.until_closed(PATIENCE).expect("it ends");
    assert!(began.elapsed() < PATIENCE, "it ended by itself");
    let code = error_code(&last);
    assert!(
        code.is_none() || code.as_deref() == Some("57P01"),
        "{code:?}"
    );
}

fn one_session_uses_it_up(bed: &Bed, driver: Driver) {
    let house = House::new(bed, driver);
    let ask = [
        "grants",
        "request",
        "--identity",
        ASKING,
        "--resource",
        clinic::DATABASE,
        "--reason",
        "one look",
        "--kind",
        "one-time",
        "--for",
        "10m",
    ];
    let asked = json(&house.api, &house.asks, &ask);
    let id = asked["id"].as_str().expect("a name");
    json(
        &house.api,
        &house.ann,
        &["grants", "approve", id, "--rationale", "one look"],
    );
    let login = house.gateway.login(ASKING, false);
    let mut first = Client::connect(&login, clinic::DATABASE).expect("the first");
    assert!(
        Client::connect(&login, clinic::DATABASE).is_err(),
        "the second"
    );
    let frames = first.simple("SELECT 1").expect("the first goes on");
    assert_eq!(error_code(&frames), None);
    assert!(house.show(id)["used_by"].is_string());
    let table = velum(&house.api, &house.eve, &["grants", "list"]);
    let table = text(&table.stdout);
    assert!(
        table.contains(id) && table.contains("one-time") && table.contains("one look"),
        "{table}"
    );
    let nowhere = Api {
        url: "http://127.0.0.1:1".to_owned(),
        authority: None,
    };
    let nobody = velum(&nowhere, &house.eve, &["grants", "list"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(
        text(&nobody.stderr).contains("is the gateway running"),
        "{}",
        text(&nobody.stderr)
    );
    let copy: PathBuf = house.gateway.config_file().with_file_name("copy.db");
    let mut backup = Command::new(env!("CARGO_BIN_EXE_velum"));
    backup.args(["store", "backup"]).arg(&copy).arg("--config");
    let backup = backup.arg(house.gateway.config_file()).output();
    let backup = backup.expect("velum runs");
    assert!(
        backup.status.success() && copy.exists(),
        "{}",
        text(&backup.stderr)
    );
}

fn who_hangs_up_is_not_let_in(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver);
    let mut waits = house.psql(bed, WAITING, &["SELECT 1"]);
    let id = house.waiting(WAITING);
    waits.kill().expect("a kill");
    waits.wait().expect("its end");
    // Until the gateway has seen it.
    thread::sleep(Duration::from_secs(1));
    json(
        &house.api,
        &house.ann,
        &["grants", "approve", &id, "--rationale", "too late"],
    );
    thread::sleep(Duration::from_millis(500));
    let records = house.records();
    assert!(records.iter().any(|it| it["event"] == "grant_activated"));
    for event in ["grant_used", "session_opened"] {
        assert!(!records.iter().any(|it| it["event"] == event), "{event}");
    }
}
