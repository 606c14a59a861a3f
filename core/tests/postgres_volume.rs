//! Budgets of rows, bytes and subjects: no frame beyond them is released, and the error names them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use support::*;
use velum_core::policy::Glob;
use velum_core::policy::guard::{Guard, VolumeBudget};

fn budget() -> VolumeBudget {
    let glob = |text| Glob::new(text).unwrap();
    VolumeBudget {
        rows: None,
        bytes: None,
        subjects: None,
        subject_columns: vec![(glob("public"), glob("patients"), glob("id"))],
        window_s: 3_600,
    }
}

fn limited(volume: VolumeBudget) -> Harness<Dashed> {
    let guard = Guard {
        volume: Some(Arc::new(volume)),
        ..Guard::default()
    };
    Harness::ready(masking_policy().guarded(guard), Dashed)
}

fn two_subjects() -> Harness<Dashed> {
    limited(VolumeBudget {
        subjects: Some(2),
        ..budget()
    })
}

/// A result of ids and social security numbers, up to its end.
fn result(columns: &[(&str, u32, i16, u32, u16)], ids: &[&str]) -> Vec<u8> {
    let row = |id: &&str| match columns.len() {
        1 => data_row(&[Some(b"078-05-1120")]),
        _ => data_row(&[Some(id.as_bytes()), Some(b"078-05-1120")]),
    };
    let rows = ids.iter().flat_map(row).collect();
    concat(&[
        row_description(columns),
        rows,
        complete("SELECT 9"),
        ready(b'I'),
    ])
}

/// Rows that the client got before the session ended, and the words of the error.
fn cut(harness: &mut Harness<Dashed>) -> (usize, String) {
    let got = frames(&harness.take_client());
    let rows = got.iter().filter(|(tag, _)| *tag == b'D').count();
    let (tag, body) = got.last().unwrap();
    assert!(
        harness.is_finished() && *tag == b'E',
        "{}",
        char::from(*tag)
    );
    (rows, String::from_utf8_lossy(body).into_owned())
}

#[test]
fn rows_end_at_the_limit() {
    let mut harness = limited(VolumeBudget {
        rows: Some(3),
        ..budget()
    });
    harness.client(&query("SELECT id, ssn FROM patients"));
    harness.server(&result(&[ID, SSN], &["1", "2", "3", "4", "5"]));
    let (rows, words) = cut(&mut harness);
    assert_eq!(rows, 3);
    for part in [
        "FATAL",
        "53400",
        "policy \"masked\"",
        "3 rows in 3600 s",
        "`rows`",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn bytes_end_at_the_limit() {
    let row = data_row(&[Some(b"1"), Some(b"078-05-1120")]).len() as u64;
    let mut harness = limited(VolumeBudget {
        bytes: Some(2 * row + 1),
        ..budget()
    });
    harness.client(&query("SELECT id, ssn FROM patients"));
    harness.server(&result(&[ID, SSN], &["1", "2", "3"]));
    let (rows, words) = cut(&mut harness);
    assert_eq!(rows, 2);
    assert!(words.contains("bytes in"), "{words}");
}

#[test]
fn a_subject_counts_once_in_either_encoding() {
    let mut harness = two_subjects();
    harness.client(&query("SELECT id, ssn FROM patients"));
    harness.server(&result(&[ID, SSN], &["1", "2", "1", "2", "2"]));
    assert_eq!(tags(&harness.take_client()), "TDDDDDCZ");
    // The same in binary, and one more.
    harness.client(&concat(&[
        parse("", "SELECT id FROM patients"),
        bind("", "", b"x", &[1]),
        describe(b'P', ""),
        execute(""),
        sync(),
    ]));
    let id = (ID.0, ID.1, ID.2, ID.3, 1);
    harness.server(&concat(&[
        message(b'1', b""),
        message(b'2', b""),
        row_description(&[id]),
    ]));
    for number in [1u32, 2, 1] {
        harness.server(&data_row(&[Some(&number.to_be_bytes())]));
    }
    assert!(!harness.is_finished());
    harness.server(&data_row(&[Some(&3u32.to_be_bytes())]));
    harness.server(&data_row(&[Some(&4u32.to_be_bytes())]));
    let (rows, words) = cut(&mut harness);
    assert!(rows == 3 && words.contains("2 subjects"), "{rows} {words}");
}

#[test]
fn masked_rows_without_a_subject_column_are_somebody_each() {
    let mut harness = two_subjects();
    harness.client(&query("SELECT ssn FROM patients"));
    harness.server(&result(&[SSN], &["1", "1", "1"]));
    assert_eq!(cut(&mut harness).0, 2);
}

/// A subject that is not in the row as it is stored may be anybody.
#[test]
fn subjects_are_not_met_by_other_ways() {
    let computed = ("x", 0, 0, 25, 0);
    for (sql, columns, rows) in [
        ("SELECT id::text AS x FROM patients", vec![computed], 2),
        (
            "SELECT max(name) AS x FROM patients GROUP BY id",
            vec![computed],
            2,
        ),
        (
            "SELECT string_agg(id::text, ',') AS x FROM patients",
            vec![computed],
            0,
        ),
        (
            "SELECT ARRAY(SELECT id FROM patients) AS x",
            vec![computed],
            0,
        ),
        (
            "SELECT a.id, b.ssn FROM patients a, patients b WHERE a.id = 1",
            vec![ID, SSN],
            0,
        ),
    ] {
        let mut harness = two_subjects();
        harness.client(&query(sql));
        harness.server(&result(&columns, &["1", "1", "1"]));
        assert_eq!(cut(&mut harness).0, rows, "{sql}");
    }
    for sql in ["SELECT count(*) AS x FROM patients", "SELECT 'x' AS x"] {
        let mut harness = two_subjects();
        harness.client(&query(sql));
        harness.server(&result(&[computed], &["1", "1", "1"]));
        assert_eq!(tags(&harness.take_client()), "TDDDCZ", "{sql}");
    }
}

/// Without its subject a row is somebody's all the same.
#[test]
fn a_row_without_its_subject_counts() {
    let mut harness = two_subjects();
    harness.client(&query("SELECT id, ssn FROM patients"));
    harness.server(&row_description(&[ID, SSN]));
    for _ in 0..3 {
        harness.server(&data_row(&[None, Some(b"078-05-1120")]));
    }
    assert_eq!(cut(&mut harness).0, 2);
}

#[test]
fn copies_are_counted() {
    for (columns, rows, passes) in [
        ("id", "7\n8\n7\n", true),
        ("id", "7\n8\n9\n", false),
        ("ssn", "a\na\na\n", false),
    ] {
        let mut harness = two_subjects();
        harness.client(&query(&format!("COPY patients ({columns}) TO STDOUT")));
        let column = if columns == "id" { ID } else { SSN };
        harness.server(&copy_described(&[column]));
        harness.server(&message(b'H', &[0, 0, 1, 0, 0]));
        for row in rows.split_inclusive('\n') {
            harness.server(&message(b'd', row.as_bytes()));
        }
        assert_eq!(harness.is_finished(), !passes, "{columns} {rows}");
    }
}

#[test]
fn when_it_is_spent_statements_are_refused_and_the_session_stays() {
    let mut harness = limited(VolumeBudget {
        rows: Some(2),
        ..budget()
    });
    harness.client(&query("SELECT id, ssn FROM patients"));
    harness.server(&result(&[ID, SSN], &["1", "2"]));
    assert_eq!(tags(&harness.take_client()), "TDDCZ");
    harness.take_server();
    harness.client(&query("SELECT 1"));
    assert!(contains(&harness.take_server(), b"refused by the gateway"));
    let failed = error(&[(b'S', "ERROR"), (b'C', "42601"), (b'M', "syntax error")]);
    harness.server(&concat(&[failed, ready(b'I')]));
    let told = harness.take_client();
    assert!(contains(&told, b"the budget of 2 rows in 3600 s is spent"));
    harness.client(&query("BEGIN"));
    assert!(contains(&harness.take_server(), b"BEGIN"));
    assert!(!harness.is_finished());
}
