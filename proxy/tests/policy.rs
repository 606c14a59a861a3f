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
    let cases: [Case; 4] = [
        ("check_finds_what_lets_too_much_through", check),
        ("explain_says_what_the_gateway_does", explain),
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
    assert!(text(&output.stdout).contains("2 cases, 2 failed"));
    fs::write(&file, "[[case]]\nidentity = 1\n").expect("written");
    let output = velum(gateway, "test", &[path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cases.toml"));
    fs::remove_file(&file).expect("removed");
}
