//! `velum policy`: what it says of a statement is what the gateway does with it.

mod support;

use std::fs;
use std::process::{Command, ExitCode, Output};
use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::Value;
use support::bed::Bed;
use support::clinic;
use support::gateway::{Driver, Gateway};

type Case = (&'static str, fn(&Gateway));

fn main() -> ExitCode {
    let bed = Bed::shared();
    let cases: [Case; 6] = [
        ("check_finds_what_lets_too_much_through", check),
        ("check_holds_policies_against_the_catalog", check_catalog),
        ("explain_says_what_the_gateway_does", explain),
        (
            "explain_tells_strategies_lines_and_lineage",
            explain_details,
        ),
        ("explain_names_what_is_wrong_with_the_question", misuse),
        (
            "test_holds_statements_against_expectations",
            cases_of_a_file,
        ),
    ];
    let trial = |(name, body): Case| {
        let bed = Arc::clone(&bed);
        Trial::test(name, move || {
            let driver = Driver::under_test().first().copied().ok_or("no driver")?;
            body(bed.gateway(driver));
            Ok(())
        })
    };
    support::run(cases.into_iter().map(trial).collect())
}

fn velum(gateway: &Gateway, command: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_velum"))
        .args(["policy", command, "--config"])
        .arg(gateway.config_file())
        .args(arguments)
        .output()
        .expect("velum runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn explained(gateway: &Gateway, identity: &str, sql: &str) -> Value {
    let output = velum(gateway, "explain", &["--json", "--identity", identity, sql]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn check(gateway: &Gateway) {
    let output = velum(gateway, "check", &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let remarks = document["remarks"].to_string();
    for words in ["may be copied", "found out by comparing"] {
        assert!(remarks.contains(words), "{remarks}");
    }
    assert!(remarks.contains("velum.toml:"), "{remarks}");
}

fn explain(gateway: &Gateway) {
    let sql = "SELECT id, nick AS city, upper(ssn) AS x, count(*) OVER () AS n, note \
               FROM clinic.patients WHERE ssn = '531-71-0291'";
    let document = explained(gateway, clinic::GUARDED, sql);
    assert_eq!(document["allowed"], true, "{document:#}");
    assert_eq!(document["probes"], 1);
    let column = |index: usize| &document["columns"][index];
    let shown: Vec<bool> = (0..5).map(|at| column(at)["shown"] == true).collect();
    assert_eq!(shown, [true, false, false, true, true], "{document:#}");
    assert_eq!(column(1)["rule"], "constant");
    assert_eq!(column(2)["sources"][0], "clinic.patients.ssn");
    assert_eq!(column(2)["functions"][0], "upper");
    // The gateway does the same.
    let mut client = gateway.connect(clinic::GUARDED, false);
    let frames = client.simple(sql).expect("an answer");
    assert_eq!(support::client::rows(&frames).len(), 1);
    let refused = "SELECT id FROM clinic.patients WHERE ssn LIKE '531%'";
    let document = explained(gateway, clinic::GUARDED, refused);
    assert_eq!(document["allowed"], false);
    let frames = client.simple(refused).expect("an answer");
    let told = frames.iter().find_map(support::client::Frame::error);
    let (code, message) = told.expect("an error");
    assert_eq!(document["refusal"]["sqlstate"], code.as_str());
    assert_eq!(document["refusal"]["message"], message.as_str());
    let output = velum(
        gateway,
        "explain",
        &["--identity", clinic::GUARDED, refused],
    );
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    for words in [
        "velum.toml:",
        "refused by policy \"guarded\"",
        "reads clinic.patients",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
}

fn check_catalog(gateway: &Gateway) {
    let output = velum(
        gateway,
        "check",
        &["--json", "--resource", clinic::DATABASE],
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let coverage = document["coverage"].as_array().expect("coverage");
    let of = |policy: &str| {
        let mut found = coverage.iter().filter(|it| it["policy"] == policy);
        found
            .next()
            .unwrap_or_else(|| panic!("{policy}: {document:#}"))
    };
    let ssn = &of("guarded")["identifiers"][6];
    assert!(
        ssn["by_rule"].as_u64().is_some_and(|count| count >= 3),
        "{ssn}"
    );
    // Of the policy that masks nothing, the columns themselves are named.
    let open = of("exempt")["identifiers"][6]["open"].to_string();
    assert!(open.contains("clinic.patients.ssn"), "{open}");
    // Names with a slip of the pen.
    let config = fs::read_to_string(gateway.config_file()).expect("a configuration");
    let slips = config
        .replace(
            "column = \"clinic.patients.nick\"",
            "column = \"clinic.patients.nikc\"",
        )
        .replace(
            "\"clinic.patients\", \"clinic.seen\"",
            "\"clinic.patient\", \"clinic.seen\"",
        )
        .replace("scope.functions = []", "scope.functions = [\"tel\"]");
    let file = gateway.config_file().with_file_name("slips.toml");
    fs::write(&file, slips).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_velum"))
        .args([
            "policy",
            "check",
            "--resource",
            clinic::DATABASE,
            "--config",
        ])
        .arg(&file)
        .output()
        .expect("velum runs");
    fs::remove_file(&file).expect("removed");
    let told = text(&output.stdout);
    for words in [
        "no column is called `clinic.patients.nikc`; did you mean `clinic.patients.nick`?",
        "`tables` grants `clinic.patient`, and there is no such table; did you mean",
        "`functions` allows `tel`, and there is no such function; did you mean `tell`?",
        "clinic, policy guarded:",
    ] {
        assert!(told.contains(words), "{told}");
    }
}

fn explain_details(gateway: &Gateway) {
    let sql = "SELECT s, phone FROM seen JOIN patients USING (id)";
    let told = |arguments: &[&str]| {
        let mut all = vec!["--identity", clinic::GUARDED];
        all.extend(arguments);
        let output = velum(gateway, "explain", &all);
        (text(&output.stdout), output.status.code())
    };
    // Without a path the server does not know the names; the columns have none then.
    let (shown, _) = told(&[sql]);
    assert!(shown.contains("no name is known"), "{shown}");
    let (shown, _) = told(&["--search-path", "clinic", sql]);
    let line = |begin: &str| {
        let mut lines = shown
            .lines()
            .filter(|line| line.trim_start().starts_with(begin));
        lines
            .next()
            .unwrap_or_else(|| panic!("{begin}: {shown}"))
            .to_owned()
    };
    let phone = line("2 phone: masked (partial, keep_last 2) by rule \"partial\" (");
    let (_, place) = phone.rsplit_once(':').expect("a line");
    let place: usize = place.trim_end_matches(')').parse().expect("a number");
    let config = fs::read_to_string(gateway.config_file()).expect("a configuration");
    let lines: Vec<&str> = config.lines().collect();
    assert_eq!(
        (lines[place - 1], lines[place]),
        ("[[policy.rule]]", "name = \"partial\"")
    );
    // The view's column, and below it the table's.
    assert!(
        line("└ clinic.seen.s, under rule").contains(", as it is from"),
        "{shown}"
    );
    assert!(
        line("└ clinic.patients.ssn, under rule").starts_with("        "),
        "{shown}"
    );
    let refused = "SELECT id, upper(ssn) AS big FROM patients ORDER BY ssn";
    let (shown, status) = told(&["--search-path", "clinic", refused]);
    assert_eq!(status, Some(1));
    for words in [
        "rule \"names\" (",
        "  1 id: shown",
        "  2 big: masked (one value of its type for all) by rule \"names\"",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    let (_, status) = told(&["--search-path", "nowhere", sql]);
    assert_eq!(status, Some(2));
}

fn misuse(gateway: &Gateway) {
    let output = velum(gateway, "explain", &["--identity", "nobody", "SELECT 1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("known:"));
    let unread = explained(gateway, clinic::GUARDED, "SELECT FROM FROM");
    assert_eq!(unread["allowed"], false);
    assert_eq!(unread["refusal"]["sqlstate"], "42601");
}

fn cases_of_a_file(gateway: &Gateway) {
    let file = gateway.config_file().with_file_name("cases.toml");
    let good = r#"
[[case]]
identity = "guest"
sql = "SELECT id, ssn FROM clinic.patients"
expect = "allow"
masked = ["ssn"]
shown = ["id"]

[[case]]
name = "no guessing"
identity = "guest"
sql = "SELECT id FROM clinic.patients ORDER BY ssn"
expect = "deny"
because = "order rows"
"#;
    fs::write(&file, good).expect("written");
    let path = file.to_str().expect("UTF-8");
    let output = velum(gateway, "test", &[path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("2 cases, 0 failed"));
    fs::write(
        &file,
        good.replace("\"deny\"", "\"allow\"")
            .replace("[\"id\"]", "[\"ssn\"]"),
    )
    .expect("written");
    let output = velum(gateway, "test", &[path]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(told.contains("2 cases, 2 failed"), "{told}");
    assert!(
        told.contains("cases.toml:9, policy \"guarded\" ("),
        "{told}"
    );
    fs::write(&file, "[[case]]\nidentity = 1\n").expect("written");
    let output = velum(gateway, "test", &[path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cases.toml"));
    fs::remove_file(&file).expect("removed");
}
