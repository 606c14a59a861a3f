//! What records say of results: masked cells by column and type, and columns under rules that were
//! shown in any form. Never what the client calls a column.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::*;
use velum_core::audit::masking::{How, Masking};
use velum_core::audit::record::Body;

/// What the client calls columns: it may be anything.
const ALIAS: &str = "Miller 531-77-0294";

fn masking(harness: &Harness<Dashed>, statement: usize) -> Option<&Masking> {
    match harness.outcomes()[statement] {
        Body::Outcome { masking, .. } => masking.as_deref(),
        _ => None,
    }
}

fn cells(masking: &Masking) -> Vec<(&str, &str, &str, u64)> {
    let cells = masking.cells.iter();
    let cells = cells.map(|it| (&*it.column, &*it.kind, &*it.masker, it.cells));
    cells.collect()
}

fn outputs(masking: &Masking) -> Vec<(u32, How, Vec<&str>)> {
    let outputs = masking.outputs.iter();
    outputs
        .map(|it| {
            let columns = it.columns.iter().map(String::as_str).collect();
            (it.output, it.how, columns)
        })
        .collect()
}

fn says_no_alias(harness: &Harness<Dashed>) {
    for record in &harness.records {
        if !matches!(record.body, Body::Intent { .. }) {
            assert!(!record.to_json().contains("Miller"), "{record:?}");
        }
    }
}

#[test]
fn cells_are_counted_by_the_column_of_the_catalog() {
    let mut harness = masked();
    let text = format!("SELECT ssn AS \"{ALIAS}\", id::text AS note FROM patients");
    harness.client(&query(&text));
    harness.server(&concat(&[
        row_description(&[(ALIAS, PATIENTS, 2, 25, 0), ("note", 0, 0, 25, 0)]),
        data_row(&[Some(b"no pattern"), Some(b"see 531-77-0294")]),
        data_row(&[Some(b"no pattern"), Some(b"nothing")]),
        data_row(&[None, Some(b"531-77-0294")]),
        complete("SELECT 3"),
        ready(b'I'),
    ]));
    let masking = masking(&harness, 0).unwrap();
    assert_eq!(
        cells(masking),
        [
            // The alias in the description itself.
            ("", "dashed", "detector:dashed", 1),
            ("public.patients.ssn", "", "rule:ssn", 2),
            ("#2", "dashed", "detector:dashed", 2),
        ]
    );
    assert_eq!(
        outputs(masking),
        [(1, How::Itself, vec!["public.patients.ssn"])]
    );
    assert!(!masking.is_cut);
    says_no_alias(&harness);
}

#[test]
fn what_is_computed_is_traced_to_the_columns_below() {
    let mut harness = masked();
    let text = format!(
        "SELECT reverse(ssn) || name AS \"{ALIAS}\", count(ssn) AS n, label AS l \
         FROM patients, people"
    );
    harness.client(&query(&text));
    let columns = [
        (ALIAS, 0, 0, 25, 0),
        ("n", 0, 0, 20, 0),
        ("l", VIEW, 1, 25, 0),
    ];
    harness.server(&concat(&[
        row_description(&columns),
        data_row(&[Some(b"4920-77-135Miller"), Some(b"1"), Some(b"Miller")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    let masking = masking(&harness, 0).unwrap();
    assert_eq!(
        outputs(masking),
        [
            (
                1,
                How::Derived,
                vec!["public.patients.name", "public.patients.ssn"]
            ),
            (2, How::Counted, vec!["public.patients.ssn"]),
            (3, How::Itself, vec!["public.patients.name"]),
        ]
    );
    let columns: Vec<_> = masking.cells.iter().map(|it| &*it.column).collect();
    assert_eq!(columns, ["", "#1", "public.people.label"]);
    says_no_alias(&harness);
}

#[test]
fn each_statement_has_its_own() {
    let mut harness = masked();
    let rows = |name: &str, attnum| {
        concat(&[
            row_description(&[(name, PATIENTS, attnum, 25, 0)]),
            data_row(&[Some(b"Miller")]),
            complete("SELECT 1"),
            ready(b'I'),
        ])
    };
    for (name, attnum) in [("ssn", 2), ("id", 1), ("name", 3)] {
        harness.client(&query(&format!("SELECT {name} FROM patients")));
        harness.server(&rows(name, attnum));
    }
    let columns = |statement| masking(&harness, statement).map(|it| it.cells[0].column.clone());
    assert_eq!(columns(0).as_deref(), Some("public.patients.ssn"));
    assert_eq!(columns(1), None);
    assert_eq!(columns(2).as_deref(), Some("public.patients.name"));
}

#[test]
fn a_copy_that_nobody_described_is_counted_without_names() {
    let mut harness = rules_alone();
    harness.client(&query(&"COPY patients TO STDOUT;".repeat(65)));
    harness.server(&concat(&[
        message(b'H', &[0, 0, 1, 0, 0]),
        message(b'd', b"Miller\n"),
        message(b'c', b""),
        complete("COPY 1"),
        ready(b'I'),
    ]));
    let masking = masking(&harness, 0).unwrap();
    assert_eq!(cells(masking), [("", "", "default", 1)]);
    assert_eq!(outputs(masking), []);
}
