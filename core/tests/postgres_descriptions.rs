//! When a description of a portal is trusted, and when the gateway asks for one of its own.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use support::*;
use velum_core::policy::{Messages, Policy};

/// A column that no rule is about.
const ID_TEXT: (&str, u32, i16, u32, u16) = ("id", PATIENTS, 1, 25, 0);

/// The server plans a statement again as it sees fit, and a name may come to stand for another
/// one: what the portal at hand shows is asked each time.
#[test]
fn a_description_of_the_statement_is_not_trusted() {
    let clean = ("city", PATIENTS, 4, 25, 0);
    let mut harness = masked();
    harness.client(&concat(&[
        parse("s", "SELECT ssn FROM patients"),
        describe(b'S', "s"),
        sync(),
    ]));
    harness.server(&concat(&[
        message(b'1', b""),
        message(b't', &[0, 0]),
        row_description(&[clean]),
        ready(b'I'),
    ]));
    for _ in 0..2 {
        let said = concat(&[bind("", "s", b"1", &[1]), execute(""), sync()]);
        harness.take_server();
        harness.client(&said);
        assert_eq!(tags(&harness.to_server), "BDES");
        harness.take_client();
        harness.server(&concat(&[
            message(b'2', b""),
            row_description(&[SSN]),
            data_row(&[Some(b"no pattern")]),
            complete("SELECT 1"),
            ready(b'I'),
        ]));
        assert_eq!(
            frames(&harness.to_client)[1],
            frames(&data_row(&[Some(b"XXXXXXXXXX")]))[0]
        );
    }
}

/// A statement whose portals look alike is judged by what was made of the first: as long as they
/// do, and by the rules in force.
#[test]
fn the_same_description_under_other_rules_is_judged_anew() {
    let masking = Arc::new(masking_policy());
    let exempt = Policy::new("open".into(), vec![], None, Messages::Strict, [8; 32]);
    let mut harness = Harness::ready(exempt, Dashed);
    let (plain, masked): (&[u8], &[u8]) = (b"no pattern", b"XXXXXXXXXX");
    harness.client(&concat(&[parse("s", "SELECT ssn FROM patients"), sync()]));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    let shown = |harness: &mut Harness<Dashed>, column| {
        harness.client(&concat(&[
            bind("", "s", b"1", &[]),
            describe(b'P', ""),
            execute(""),
            sync(),
        ]));
        harness.take_client();
        harness.server(&concat(&[
            message(b'2', b""),
            row_description(&[column]),
            data_row(&[Some(plain)]),
            complete("SELECT 1"),
            ready(b'I'),
        ]));
        assert_eq!(tags(&harness.to_client), "2TDCZ");
        frames(&harness.to_client)[2] == frames(&data_row(&[Some(plain)]))[0]
    };
    assert!(shown(&mut harness, SSN) && shown(&mut harness, SSN));
    let catalog = Arc::clone(&harness.catalog);
    harness.session.refresh(masking, catalog);
    for _ in 0..2 {
        assert!(!shown(&mut harness, SSN));
        assert!(contains(&harness.to_client, masked));
    }
    assert!(shown(&mut harness, ID_TEXT) && !shown(&mut harness, SSN));
    assert!(
        !shown(&mut harness, SSN),
        "and by its own description again"
    );
}

/// A function that runs between the description of a portal and its execution could close it and
/// declare another of its name.
#[test]
fn a_portal_is_described_again_after_anything_ran() {
    let mut harness = masked();
    harness.client(&concat(&[
        parse("", "SELECT ssn FROM patients"),
        bind("p", "", b"1", &[]),
        describe(b'P', "p"),
        execute("p"),
        execute("p"),
        bind("q", "", b"1", &[]),
        execute("p"),
        sync(),
    ]));
    assert_eq!(tags(&harness.to_server), "PBDEDEBDES");
}

/// PostgreSQL cuts names to 63 bytes of its own encoding: longer ones could be told apart here and
/// be one name there.
#[test]
fn names_that_the_server_would_cut_are_refused() {
    let long = "n".repeat(64);
    for said in [
        parse(&long, "SELECT 1"),
        bind("", &long, b"1", &[]),
        bind(&long, "", b"1", &[]),
        describe(b'S', &long),
        execute(&long),
        message(b'C', format!("S{long}\0").as_bytes()),
        parse("é", "SELECT 1"),
    ] {
        let mut harness = masked();
        harness.client(&said);
        assert!(contains(&harness.to_client, b"C0A000"), "{said:?}");
        assert!(harness.to_server.is_empty());
    }
    let mut harness = masked();
    harness.client(&parse(&long[1..], "SELECT 1"));
    assert_eq!(tags(&harness.to_server), "P");
}

#[test]
fn a_portal_that_nobody_described_is_described_by_the_gateway() {
    let mut harness = masked();
    let said = concat(&[
        parse("", "SELECT ssn FROM patients"),
        bind("p", "", b"1", &[]),
        execute("p"),
        sync(),
    ]);
    harness.client(&said);
    assert_eq!(tags(&harness.to_server), "PBDES");
    harness.server(&concat(&[
        message(b'1', b""),
        message(b'2', b""),
        row_description(&[SSN]),
        data_row(&[Some(b"no pattern")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    assert_eq!(tags(&harness.to_client), "12DCZ");
    assert!(!contains(&harness.to_client, b"no pattern"));
}

#[test]
fn a_statement_is_described_anew_after_names_may_have_changed() {
    let mut harness = masked();
    harness.client(&concat(&[
        parse("s", "SELECT 1"),
        describe(b'S', "s"),
        sync(),
    ]));
    harness.server(&concat(&[
        message(b'1', b""),
        message(b't', &[0, 0]),
        row_description(&[("a", 0, 0, 25, 0)]),
        ready(b'I'),
    ]));
    harness.client(&query(
        "DEALLOCATE s; PREPARE s AS SELECT ssn FROM patients",
    ));
    harness.server(&concat(&[
        complete("DEALLOCATE"),
        complete("PREPARE"),
        ready(b'I'),
    ]));
    harness.take_server();
    harness.client(&concat(&[bind("", "s", b"1", &[]), execute(""), sync()]));
    assert_eq!(tags(&harness.to_server), "BDES");
    harness.server(&concat(&[
        message(b'2', b""),
        row_description(&[SSN]),
        data_row(&[Some(b"no pattern")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    assert!(!contains(&harness.to_client, b"no pattern"));
}

#[test]
fn a_portal_whose_name_was_given_to_a_cursor_is_described_anew() {
    let mut harness = masked();
    let id = row_description(&[ID]);
    harness.client(&concat(&[
        parse("s", "SELECT id FROM patients"),
        bind("p", "s", b"1", &[]),
        describe(b'P', "p"),
        parse("", "DECLARE p CURSOR FOR SELECT ssn FROM patients"),
        bind("", "", b"1", &[]),
        execute(""),
        describe(b'S', "s"),
    ]));
    let answered = |parts: &[Vec<u8>]| concat(parts);
    harness.server(&answered(&[
        message(b'1', b""),
        message(b'2', b""),
        id.clone(),
        message(b'1', b""),
        message(b'2', b""),
        message(b'n', b""),
        complete("DECLARE CURSOR"),
        message(b't', &[0, 0]),
        id,
    ]));
    harness.take_server();
    harness.client(&concat(&[execute("p"), sync()]));
    assert_eq!(tags(&harness.to_server), "DES");
    harness.server(&concat(&[
        row_description(&[SSN]),
        data_row(&[Some(b"no pattern")]),
    ]));
    assert!(!contains(&harness.to_client, b"no pattern"));
}
