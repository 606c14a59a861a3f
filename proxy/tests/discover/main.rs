//! `velum discover` on a real PostgreSQL: what it finds, what it leaves alone, what it never says,
//! and whether the policy that it drafts masks.

mod hospital;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Output};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use support::clinic::{DATABASE, contains};
use support::gateway::{Driver, Gateway, Setup};
use tempfile::TempDir;
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

type Case = (&'static str, fn(&Bed));
type Shared = Arc<LazyLock<Bed>>;

fn main() -> ExitCode {
    let bed: Shared = Arc::new(LazyLock::new(Bed::start));
    let cases: [Case; 8] = [
        ("columns_with_phi_are_found", columns_with_phi_are_found),
        (
            "harmless_columns_are_left_alone",
            harmless_columns_are_left_alone,
        ),
        ("no_sampled_value_is_told", no_sampled_value_is_told),
        (
            "what_was_not_looked_at_is_told",
            what_was_not_looked_at_is_told,
        ),
        (
            "a_big_table_is_not_read_whole",
            a_big_table_is_not_read_whole,
        ),
        ("the_draft_masks", the_draft_masks),
        ("drift_is_found", drift_is_found),
        ("misuse_is_told", misuse_is_told),
    ];
    let trial = |(name, body): Case| {
        let bed = Arc::clone(&bed);
        Trial::test(name, move || {
            body(&bed);
            Ok(())
        })
    };
    support::run(cases.into_iter().map(trial).collect())
}

/// A hospital's database, and a configuration that names it.
struct Bed {
    folder: TempDir,
    cluster: Cluster,
}

impl Bed {
    fn start() -> Self {
        let cluster = Cluster::start(ClusterOptions::default()).expect("a private PostgreSQL");
        hospital::create(&cluster);
        let bed = Self {
            folder: TempDir::with_prefix("velum-discover-").expect("a folder"),
            cluster,
        };
        let upstream = support::bed::upstream(&bed.cluster);
        let config = format!(
            r#"
[[listener]]
address = "127.0.0.1:6432"
[audit]
directory = "audit"
[[identity]]
name = "nobody"
auth = "trust"
access = {{ {DATABASE} = "old" }}
[[resource]]
name = "{DATABASE}"
kind = "postgres"
address = "127.0.0.1:{}"
database = "{}"
user = "{}"
password = {{ env = "VELUM_TEST_PASSWORD" }}
tls_mode = "disable"
[[policy]]
name = "old"
content = {{ detectors = "standard", strategy = "redact" }}
"#,
            upstream.port, upstream.database, upstream.user
        );
        fs::write(bed.path("velum.toml"), config).expect("written");
        bed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn velum(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_velum"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("VELUM_TEST_PASSWORD", support::clinic::ROLE_PASSWORD)
            .output()
            .expect("velum runs")
    }

    fn discover(&self, arguments: &[&str]) -> Output {
        let mut all = vec!["discover", "--resource", DATABASE];
        all.extend(arguments);
        self.velum(&all)
    }

    /// What was found, by table and column.
    fn columns(&self) -> BTreeMap<String, Value> {
        let document = json(&self.discover(&["--json", "--all"]));
        let columns = document["columns"].as_array().expect("columns").clone();
        let name = |it: &Value| {
            let part = |key: &str| it[key].as_str().expect("a name").to_owned();
            format!("{}.{}", part("table"), part("column"))
        };
        columns.into_iter().map(|it| (name(&it), it)).collect()
    }

    fn run(&self, sql: &str) -> String {
        let answer = self.cluster.psql_in(DATABASE, sql);
        answer.unwrap_or_else(|error| panic!("{error}: {sql}"))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn columns_with_phi_are_found(bed: &Bed) {
    let columns = bed.columns();
    let mut wrong = Vec::new();
    for (name, class) in hospital::PHI {
        let found = columns.get(*name).unwrap_or(&Value::Null);
        let grade = found["confidence"].as_str().unwrap_or_default();
        if found["class"] != *class || !matches!(grade, "certain" | "likely") {
            wrong.push(format!("{name}, {class}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in [
        "people.ssn",
        "people.c1",
        "people.x_ref",
        "visits.subject",
        "roster.a",
    ] {
        assert_eq!(columns[name]["confidence"], "certain", "{name}");
    }
    let evidence = columns["people.ssn"]["evidence"].to_string();
    assert!(evidence.contains("by name"), "{evidence}");
    assert!(
        evidence.contains("120 of 120 sampled values look like it"),
        "{evidence}"
    );
    let evidence = columns["results.of"]["evidence"].to_string();
    assert!(evidence.contains("refers to ehr.people.mrn"), "{evidence}");
    // Partitions are their parent's.
    assert!(!columns.contains_key("claims_2023.holder"));
}

fn harmless_columns_are_left_alone(bed: &Bed) {
    let columns = bed.columns();
    let mut wrong = Vec::new();
    for name in hospital::HARMLESS {
        let found = columns.get(*name).unwrap_or(&Value::Null);
        let grade = found["confidence"].as_str().unwrap_or_default();
        if !matches!(grade, "clean" | "look at it") {
            wrong.push(format!("{name}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let looked = hospital::HARMLESS
        .iter()
        .filter(|it| columns[**it]["confidence"] != "clean");
    let looked: Vec<_> = looked.map(|it| columns[*it].to_string()).collect();
    assert!(looked.len() <= 8, "{}", looked.join("\n"));
}

fn no_sampled_value_is_told(bed: &Bed) {
    let values = hospital::values(&bed.cluster);
    assert!(values.len() > 8 * hospital::PEOPLE, "{}", values.len());
    let draft = bed.path("told.toml");
    let table = bed.discover(&["--all", "--out", "told.toml"]);
    assert_eq!(table.status.code(), Some(0), "{}", text(&table.stderr));
    let document = bed.discover(&[
        "--all",
        "--json",
        "--against",
        "told.toml",
        "--policy",
        "discovered",
    ]);
    let mut told = fs::read(&draft).expect("a draft");
    for output in [table, document] {
        told.extend(output.stdout);
        told.extend(output.stderr);
    }
    assert!(contains(&told, b"ehr.people.ssn"));
    for value in values {
        assert!(
            !contains(&told, value.as_bytes()),
            "a value of {} bytes",
            value.len()
        );
    }
}

fn what_was_not_looked_at_is_told(bed: &Bed) {
    let document = json(&bed.discover(&["--json"]));
    let unseen = document["not_looked_at"].to_string();
    for words in [
        "ehr.locked",
        "may not read it",
        "ehr.people.photo",
        "by name alone",
    ] {
        assert!(unseen.contains(words), "{unseen}");
    }
    // Not one row: everything by names, types and comments, and it says so.
    let document = json(&bed.discover(&["--json", "--budget-rows", "0"]));
    assert_eq!(document["looked_at"]["rows"], 0);
    let unseen = document["not_looked_at"].to_string();
    assert!(unseen.contains("the budget of rows is used up"), "{unseen}");
    let late = json(&bed.discover(&["--json", "--budget-ms", "0"]));
    assert_eq!(late["looked_at"]["rows"], 0);
    let unseen = late["not_looked_at"].to_string();
    assert!(unseen.contains("the budget of time is used up"), "{unseen}");
    let columns = document["columns"].to_string();
    assert!(columns.contains("\"intake\"") && columns.contains("no values to look at"));
}

fn a_big_table_is_not_read_whole(bed: &Bed) {
    let read = || -> u64 {
        let rows = bed.run("SELECT pg_stat_get_tuples_returned('ehr.big'::regclass)");
        rows.trim().parse().expect("a number")
    };
    let before = read();
    let document = json(&bed.discover(&["--json", "--sample-rows", "200"]));
    let looked = document["looked_at"]["rows"].as_u64().expect("rows");
    let tables = document["looked_at"]["tables"].as_u64().expect("tables");
    assert!(
        looked >= 200 && looked <= tables * 200,
        "{looked} rows of {tables} tables"
    );
    let began = Instant::now();
    while read() == before && began.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(100));
    }
    let read = read() - before;
    assert!(read >= 100, "only {read} rows: the statistics do not tell");
    assert!(read < hospital::BIG / 20, "{read} rows were read");
}

/// The draft, and an identity that has it.
fn rules(draft: &str) -> String {
    format!(
        "[[identity]]\nname = \"robot\"\nauth = \"scram\"\n\
         password = {{ file = \"client.password\" }}\n\
         access = {{ {DATABASE} = \"discovered\" }}\n\n\
         {draft}"
    )
}

fn the_draft_masks(bed: &Bed) {
    let output = bed.discover(&["--out", "draft.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let draft = fs::read_to_string(bed.path("draft.toml")).expect("a draft");
    for words in [
        "\"ehr.people.x_ref\",",
        "# certain: ",
        "120 of 120 sampled values",
    ] {
        assert!(draft.contains(words), "{draft}");
    }
    // Written once, never over what somebody has mended.
    assert_eq!(
        bed.discover(&["--out", "draft.toml"]).status.code(),
        Some(2)
    );
    let Some(driver) = Driver::under_test().first().copied() else {
        return;
    };
    let setup = Setup::new(driver, support::bed::upstream(&bed.cluster), rules(&draft));
    let gateway = Gateway::start(&setup);
    let checked = bed.velum(&[
        "check-config",
        "--config",
        gateway.config_file().to_str().expect("UTF-8"),
    ]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let questions = [
        "SELECT * FROM ehr.people",
        "SELECT * FROM ehr.claims",
        "SELECT subject FROM ehr.visits",
        "SELECT * FROM ehr.roster",
        "SELECT * FROM ehr.snapshot",
    ];
    let mut client = gateway.connect("robot", false);
    for sql in questions {
        let frames = client.simple(sql).expect("an answer");
        assert!(support::client::rows(&frames).len() >= 80, "{sql}");
    }
    let mut direct = support::client::Client::connect(
        &support::client::Login::plain(
            bed.cluster.port(),
            support::clinic::ROLE,
            support::clinic::ROLE_PASSWORD,
        ),
        DATABASE,
    )
    .expect("a direct connection");
    for sql in questions {
        direct.simple(sql).expect("an answer");
    }
    let mut leaks = 0;
    for value in hospital::values(&bed.cluster) {
        leaks += usize::from(contains(direct.received(), value.as_bytes()));
        let is_told = contains(client.received(), value.as_bytes());
        assert!(!is_told, "a value of {} bytes passes", value.len());
    }
    assert!(leaks > 8 * hospital::PEOPLE, "direct: {leaks}");
}

fn drift_is_found(bed: &Bed) {
    bed.run(
        "CREATE SCHEMA ward; CREATE TABLE ward.patients (mrn text, ssn text, tel text, gone text);
         INSERT INTO ward.patients SELECT mrn, ssn, c2, c1 FROM ehr.people;
         GRANT USAGE ON SCHEMA ward TO PUBLIC; GRANT SELECT ON ward.patients TO PUBLIC",
    );
    assert_eq!(bed.discover(&["--out", "used.toml"]).status.code(), Some(0));
    let against = ["--json", "--against", "used.toml", "--policy", "discovered"];
    let output = bed.discover(&against);
    assert_eq!(output.status.code(), Some(0), "{}", json(&output)["drift"]);
    bed.run(
        "ALTER TABLE ward.patients ADD COLUMN work_mail text; ALTER TABLE ward.patients
            RENAME COLUMN gone TO gonne;
         UPDATE ward.patients SET work_mail = gonne, gonne = NULL, tel = ssn",
    );
    let output = bed.discover(&against);
    assert_eq!(output.status.code(), Some(1));
    let drift = &json(&output)["drift"];
    let without = drift["without_rule"].to_string();
    assert!(without.contains("ward.patients.work_mail"), "{drift:#}");
    let idle = &drift["rules_without_column"][0];
    assert_eq!(idle["pattern"], "ward.patients.gone", "{drift:#}");
    assert_eq!(idle["meant"], "ward.patients.gonne");
    assert!(
        idle["place"]
            .as_str()
            .is_some_and(|it| it.starts_with("used.toml:"))
    );
    let changed = &drift["changed"][0];
    assert_eq!(changed["column"], "ward.patients.tel", "{drift:#}");
    assert_eq!(
        (&changed["was"], &changed["is"]),
        (&"phone".into(), &"ssn".into())
    );
    let told = text(&bed.discover(&against[1..]).stdout);
    assert!(
        told.contains("drift: ward.patients.work_mail: email (certain)"),
        "{told}"
    );
    bed.run("DROP SCHEMA ward CASCADE");
}

fn misuse_is_told(bed: &Bed) {
    let told = |arguments: &[&str]| {
        let output = bed.velum(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text(&output.stderr)
    };
    let unknown = told(&["discover", "--resource", "nothing"]);
    assert!(unknown.contains("known: clinic"), "{unknown}");
    let other = told(&["discover", "--resource", DATABASE, "--database", "postgres"]);
    assert!(other.contains("alone"), "{other}");
    let held = [
        "discover",
        "--resource",
        DATABASE,
        "--against",
        "velum.toml",
        "--policy",
        "x",
    ];
    assert!(told(&held).contains("has no policy `x`"));
}
