//! Aggregates of few persons: the server is asked for those of many, and a client that asks
//! otherwise is told that it may not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::*;
use velum_core::policy::RuleId;
use velum_core::policy::guard::Guard;

/// No aggregate of 1 to 10 patients.
fn limiting() -> Guard {
    Guard {
        small_cells: Some(11),
        ..Guard::default()
    }
}

fn harness(guard: Guard) -> Harness<Dashed> {
    Harness::ready(masking_policy().guarded(guard), Dashed)
}

/// What the server gets to read in the place of a query.
fn sent(guard: Guard, text: &str) -> String {
    let mut harness = harness(guard);
    harness.client(&query(text));
    let frames = frames(&harness.take_server());
    let (_, body) = frames.iter().find(|(tag, _)| *tag == b'Q').unwrap();
    String::from_utf8_lossy(&body[..body.len() - 1]).into_owned()
}

const FEW: &str = "CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 \
                   AND (pg_catalog.count(DISTINCT \"patients\".\"ctid\") \
                   OPERATOR(pg_catalog.<) 11) THEN NULL ELSE ";

#[test]
fn an_aggregate_of_patients_goes_out_guarded() {
    for (text, expected) in [
        (
            "SELECT id, count(*) FROM patients GROUP BY id",
            format!("SELECT id, {FEW}count(*) END FROM patients GROUP BY id"),
        ),
        (
            // What describes its columns comes first.
            "COPY (SELECT count(*) FROM patients) TO STDOUT",
            format!("SELECT {FEW}count(*) END FROM patients"),
        ),
        (
            "BEGIN; SELECT count(*) FROM patients; COMMIT",
            format!("BEGIN; SELECT {FEW}count(*) END FROM patients; COMMIT"),
        ),
    ] {
        let mut harness = harness(limiting());
        harness.client(&query(text));
        let server = harness.take_server();
        assert!(contains(&server, expected.as_bytes()), "{text}");
    }
    for text in [
        "SELECT id, born FROM patients",
        "SELECT count(*) FROM pg_class",
        "SELECT max(ssn) FROM patients",
        "BEGIN",
    ] {
        assert_eq!(sent(limiting(), text), text);
    }
    let text = "SELECT count(*) FROM patients";
    assert_eq!(sent(Guard::default(), text), text);
}

#[test]
fn hidden_columns_and_few_persons_go_together() {
    let guard = Guard {
        hidden: [RuleId(0)].into(),
        ..limiting()
    };
    let text = "SELECT count(*), 'ssn' FROM (SELECT * FROM patients) x";
    assert_eq!(
        sent(guard, text),
        "SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 \
         AND (pg_catalog.count(*) OPERATOR(pg_catalog.<) 11) THEN NULL ELSE count(*) END, 'ssn' \
         FROM (SELECT \"patients\".\"id\", \"patients\".\"name\", \"patients\".\"born\" \
         FROM patients) x"
    );
}

#[test]
fn what_cannot_be_guarded_is_refused_with_the_reason() {
    for (text, reason) in [
        (
            "SELECT count(*) FROM people",
            "view public.people may aggregate rows of persons",
        ),
        (
            "SELECT count(*) FILTER (WHERE random() < 0.1) FROM patients",
            "may give another value each time",
        ),
        (
            "SELECT count(*) FROM (SELECT 1 FROM patients a, patients b) x",
            "does not show whose they are",
        ),
        (
            "PREPARE p AS SELECT sum((SELECT 1 FROM patients)) FROM patients",
            "it holds a subquery",
        ),
        (
            "CREATE VIEW v AS SELECT count(*) FROM patients",
            "it is part of a view",
        ),
    ] {
        let mut harness = harness(limiting());
        harness.client(&query(text));
        assert!(
            contains(&harness.take_server(), b"refused by the gateway"),
            "{text}"
        );
        let failed = error(&[(b'S', "ERROR"), (b'C', "42601"), (b'M', "syntax error")]);
        harness.server(&concat(&[failed, ready(b'I')]));
        let told = String::from_utf8_lossy(&harness.take_client()).into_owned();
        assert!(
            told.contains(reason) && told.contains("42501"),
            "{text}: {told}"
        );
    }
}

#[test]
fn a_parse_keeps_its_name_and_types_and_counts_pass() {
    let mut harness = harness(limiting());
    let parse = message(
        b'P',
        b"s\0SELECT count(*), max(name) FROM patients WHERE born = $1\0\0\x01\0\0\x04\x3a",
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
    let expected =
        format!("s\0SELECT {FEW}count(*) END, max(name) FROM patients WHERE born = $1\0");
    assert_eq!(*tag, b'P');
    assert!(body.starts_with(expected.as_bytes()) && body.ends_with(b"\0\x01\0\0\x04\x3a"));
    harness.server(&concat(&[
        message(b'1', b""),
        message(b'2', b""),
        row_description(&[("count", 0, 0, 20, 0), ("max", 0, 0, 25, 0)]),
        data_row(&[Some(b"48151"), Some(b"Miller")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    let client = harness.take_client();
    assert!(contains(&client, b"48151") && !contains(&client, b"Miller"));
    // The record has the client's own words.
    assert!(harness.has_intent_of("SELECT count(*), "));
}

/// A query that waits for a catalog is written by that one.
#[test]
fn a_table_that_was_just_made_is_counted_as_others() {
    for renewed in [false, true] {
        let mut harness = harness(limiting());
        harness.answers_catalog = false;
        harness.client(&query("SELECT count(*) FROM patients_too p"));
        assert!(!contains(&harness.take_server(), b"count"));
        let mut newer = catalog();
        let mut table = newer.relations[&PATIENTS].clone();
        table.name = "patients_too".to_owned();
        table.columns.retain(|column| column.name != "ssn");
        // The rule is about a column of this name in any table.
        newer.relations.insert(30_000, table);
        newer.relations.get_mut(&30_000).unwrap().parents = vec![PATIENTS];
        newer.epoch += 1;
        let newer = std::sync::Arc::new(newer);
        if renewed {
            harness.session.renew(std::sync::Arc::clone(&newer));
        }
        harness.catalog = newer;
        harness.answers_catalog = true;
        harness.run();
        let server = harness.take_server();
        assert!(contains(&server, b"DISTINCT \"p\".\"ctid\""), "{renewed}");
    }
}

#[test]
fn nothing_is_counted_while_a_transaction_changes_names() {
    let mut harness = harness(limiting());
    harness.client(&query("BEGIN"));
    harness.server(&concat(&[complete("BEGIN"), ready(b'T')]));
    harness.client(&query("CREATE VIEW v AS SELECT id FROM patients"));
    harness.server(&concat(&[complete("CREATE VIEW"), ready(b'T')]));
    harness.take_server();
    harness.client(&query("SELECT count(*) FROM v"));
    assert!(contains(&harness.take_server(), b"refused by the gateway"));
    let failed = error(&[(b'S', "ERROR"), (b'C', "42601"), (b'M', "syntax error")]);
    harness.server(&concat(&[failed, ready(b'E')]));
    assert!(contains(
        &harness.take_client(),
        b"has changed what names stand for"
    ));
}
