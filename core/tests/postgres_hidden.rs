//! Hidden columns: the server is asked for all others, and who names one is told that it may not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::*;
use velum_core::policy::RuleId;
use velum_core::policy::guard::Guard;

/// The social security number is hidden, the name is masked.
fn hiding() -> Harness<Dashed> {
    let guard = Guard {
        hidden: [RuleId(0)].into(),
        ..Guard::default()
    };
    Harness::ready(masking_policy().guarded(guard), Dashed)
}

/// What the server gets to read in the place of a query.
fn sent(text: &str) -> String {
    let mut harness = hiding();
    harness.client(&query(text));
    let frames = frames(&harness.take_server());
    let (_, body) = frames.iter().find(|(tag, _)| *tag == b'Q').unwrap();
    String::from_utf8_lossy(&body[..body.len() - 1]).into_owned()
}

#[test]
fn a_star_is_written_out_without_them() {
    let (id, name, born) = (
        r#""patients"."id""#,
        r#""patients"."name""#,
        r#""patients"."born""#,
    );
    let all = format!("{id}, {name}, {born}");
    for (text, expected) in [
        (
            "SELECT * FROM patients",
            format!("SELECT {all} FROM patients"),
        ),
        (
            "select 1, /* é */ patients . * from patients; select * from people",
            format!("select 1, /* é */ {all} from patients; select * from people"),
        ),
        (
            "SELECT * FROM patients AS \"P q\"(a, b, c)",
            r#"SELECT "P q"."a", "P q"."c", "P q"."born" FROM patients AS "P q"(a, b, c)"#
                .to_owned(),
        ),
        (
            "SELECT * FROM (SELECT * FROM patients) x",
            format!(
                "SELECT \"x\".\"id\", \"x\".\"name\", \"x\".\"born\" \
                 FROM (SELECT {all} FROM patients) x"
            ),
        ),
        (
            "SELECT * FROM patients p JOIN people ON p.name = label",
            "SELECT \"p\".\"id\", \"p\".\"name\", \"p\".\"born\", \"people\".\"label\" \
             FROM patients p JOIN people ON p.name = label"
                .to_owned(),
        ),
        (
            "DELETE FROM patients RETURNING *",
            format!("DELETE FROM patients RETURNING {all}"),
        ),
        (
            "WITH x AS (SELECT * FROM patients) SELECT count(*) FROM x",
            format!("WITH x AS (SELECT {all} FROM patients) SELECT count(*) FROM x"),
        ),
    ] {
        assert_eq!(sent(text), expected);
    }
}

#[test]
fn what_cannot_be_written_out_stays() {
    for text in [
        "SELECT id, name FROM patients",
        "SELECT * FROM people",
        "TABLE patients",
        // Places count.
        "SELECT * FROM patients UNION ALL SELECT * FROM patients",
        "INSERT INTO patients SELECT * FROM patients",
        "SELECT q.a FROM (SELECT * FROM patients) q(a, b)",
        "WITH q(a, b, c) AS (SELECT * FROM patients) SELECT c FROM q",
        "SELECT * FROM ((SELECT * FROM patients) x CROSS JOIN people) y(a, b, c)",
        "SELECT * FROM patients ORDER BY 1",
        "CREATE VIEW v AS SELECT * FROM patients",
    ] {
        assert_eq!(sent(text), text);
    }
}

#[test]
fn who_names_one_is_refused() {
    for text in [
        "SELECT ssn FROM patients",
        "SELECT upper(p.ssn) FROM patients p",
        "SELECT id FROM patients WHERE ssn = 'x'",
        "SELECT x.ssn FROM (SELECT * FROM patients) x",
        "SELECT 1 FROM patients a JOIN patients b USING (ssn)",
        "COPY patients (ssn) TO STDOUT",
    ] {
        let mut harness = hiding();
        harness.client(&query(text));
        let failed = error(&[(b'S', "ERROR"), (b'C', "42601"), (b'M', "syntax error")]);
        harness.server(&concat(&[failed, ready(b'I')]));
        let told = String::from_utf8_lossy(&harness.take_client()).into_owned();
        assert!(
            told.contains("public.patients.ssn is hidden"),
            "{text}: {told}"
        );
    }
}

#[test]
fn a_parse_keeps_its_name_and_types_and_rows_are_judged_by_what_was_sent() {
    let mut harness = hiding();
    let parse = message(
        b'P',
        b"s\0SELECT * FROM patients WHERE id = $1\0\0\x01\0\0\0\x17",
    );
    harness.client(&concat(&[
        parse,
        bind("", "s", b"7", &[]),
        describe(b'P', ""),
        execute(""),
        sync(),
    ]));
    let got = frames(&harness.take_server());
    let (tag, body) = &got[0];
    assert_eq!(*tag, b'P');
    assert!(body.starts_with(b"s\0SELECT \"patients\".\"id\", "));
    assert!(body.ends_with(b" WHERE id = $1\0\0\x01\0\0\0\x17"));
    harness.server(&concat(&[
        message(b'1', b""),
        message(b'2', b""),
        row_description(&[ID, ("name", PATIENTS, 3, 25, 0)]),
        data_row(&[Some(b"7"), Some(b"Miller")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    let client = harness.take_client();
    assert!(contains(&client, b"<withheld>") && !contains(&client, b"Miller"));
    // The record has the client's own words.
    assert!(harness.has_intent_of("SELECT *"));
}

/// A hidden column that comes in spite of it all is masked as its rule says.
#[test]
fn what_comes_all_the_same_is_masked() {
    let mut harness = hiding();
    harness.client(&query("TABLE patients"));
    harness.server(&row_description(&[ID, SSN]));
    harness.server(&data_row(&[Some(b"7"), Some(b"078-05-1120")]));
    let client = harness.take_client();
    assert_eq!(tags(&client), "TD");
    assert!(!contains(&client, b"078"));
}

/// Two of the columns are granted; one of them is masked.
fn granted() -> Harness<Dashed> {
    let columns = [["public", "patients", "id"], ["public", "patients", "name"]];
    Harness::ready(masking_policy().with_columns(columns), Dashed)
}

#[test]
fn columns_that_are_not_granted_are_not_there() {
    for (text, expected) in [
        (
            "SELECT * FROM patients",
            r#"SELECT "patients"."id", "patients"."name" FROM patients"#,
        ),
        (
            "SELECT count(*) FROM patients",
            "SELECT count(*) FROM patients",
        ),
        ("SELECT * FROM people", "SELECT * FROM people"),
    ] {
        let mut harness = granted();
        harness.client(&query(text));
        let frames = frames(&harness.take_server());
        let (_, body) = frames.iter().find(|(tag, _)| *tag == b'Q').unwrap();
        assert_eq!(String::from_utf8_lossy(&body[..body.len() - 1]), expected);
    }
    for (text, name) in [
        ("SELECT born FROM patients", "born"),
        ("SELECT id FROM patients WHERE ssn = 'x'", "ssn"),
        ("SELECT id FROM patients ORDER BY born", "born"),
        ("COPY patients (id, ssn) TO STDOUT", "ssn"),
    ] {
        let mut harness = granted();
        harness.client(&query(text));
        let failed = error(&[(b'S', "ERROR"), (b'C', "42601"), (b'M', "syntax error")]);
        harness.server(&concat(&[failed, ready(b'I')]));
        let told = String::from_utf8_lossy(&harness.take_client()).into_owned();
        let expected = format!("public.patients.{name} is hidden");
        assert!(told.contains(&expected), "{text}: {told}");
    }
}

#[test]
fn what_shows_them_all_the_same_has_none_and_rules_hold_for_the_rest() {
    let name = ("name", PATIENTS, 3, 25, 0);
    let described = [ID, SSN, name];
    let mut harness = granted();
    harness.client(&query("TABLE patients"));
    let row = data_row(&[Some(b"1"), Some(b"536-22-8145"), Some(b"Ann")]);
    let answer = [
        row_description(&described),
        row,
        complete("SELECT 1"),
        ready(b'I'),
    ];
    harness.server(&concat(&answer));
    let told = harness.take_client();
    let shown = |text: &[u8]| contains(&told, text);
    assert!(!shown(b"536-22-8145") && !shown(b"Ann"));
    assert!(shown(b"<withheld>"), "as its own rule has it");
    // A NULL in the place of the number.
    assert!(shown(b"\0\0\0\x011\xff\xff\xff\xff"), "{told:?}");
}
