//! A name without a schema means what the search path can make of it, and everything of that name
//! where the path is not known.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use support::paths::*;
use support::*;
use velum_core::catalog::Catalog;
use velum_core::policy::guard::Guard;

#[test]
fn the_path_that_a_session_begins_with_is_asked_for_once() {
    for (path, shown) in [
        (BEGINNING, true),
        ("open", true),
        ("\"open\", pg_catalog, nowhere", true),
        ("closed", false),
        ("open, closed", false),
        ("closed, open", false),
        ("\"$user\", open, app", true),
        ("caf\u{e9}, open", false),
    ] {
        let mut harness = session();
        assert_eq!(shows_in(&mut harness, path, READ, b'I'), shown, "{path}");
        harness.client(&query(READ));
        assert_eq!(tags(&harness.to_server), "QQ", "{path}: asked again");
    }
}

#[test]
fn the_user_is_a_schema_where_the_path_says_so() {
    for (user, shown) in [("closed", false), ("open", true)] {
        let mut harness = session();
        harness.client(&query(READ));
        harness.to_server.clear();
        harness.server(&told("\"$user\"", user, "0"));
        let rows = [row_description(&[COMPUTED]), data_row(&[Some(VALUE)])];
        harness.server(&concat(&rows));
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{user}");
    }
}

#[test]
fn temporary_tables_are_found_first_so_that_no_path_is_known_beside_them() {
    let mut harness = session();
    harness.client(&query(READ));
    harness.server(&told("open", "app", "16500"));
    let result = [row_description(&[COMPUTED]), data_row(&[Some(VALUE)])];
    harness.server(&concat(&[
        concat(&result),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    assert!(!contains(&harness.take_client(), VALUE));
    // Nor is it asked again.
    harness.to_server.clear();
    harness.client(&query(READ));
    assert_eq!(tags(&harness.to_server), "Q");
}

#[test]
fn a_question_that_fails_is_no_matter_to_the_client() {
    let mut harness = session();
    harness.client(&query(READ));
    harness.take_client();
    let fields = [
        (b'S', "ERROR"),
        (b'V', "ERROR"),
        (b'C', "57014"),
        (b'M', "canceled"),
    ];
    harness.server(&concat(&[message(b'1', b""), error(&fields), ready(b'I')]));
    assert_eq!(tags(&harness.take_client()), "");
    harness.server(&concat(&[
        row_description(&[COMPUTED]),
        data_row(&[Some(VALUE)]),
    ]));
    assert!(!contains(&harness.take_client(), VALUE) && !harness.is_finished());
}

#[test]
fn names_that_only_one_relation_has_are_not_asked_about() {
    let mut harness = session();
    for text in [
        "SELECT upper(note) FROM visits",
        "SELECT upper(note) FROM open.people",
    ] {
        harness.client(&query(text));
        assert_eq!(tags(&harness.take_server()), "Q", "{text}");
        harness.server(&concat(&[complete("SELECT 0"), ready(b'I')]));
    }
}

#[test]
fn whatever_may_have_changed_the_path_makes_it_unknown_until_it_is_asked_for() {
    for (text, tag) in [
        ("SET search_path = closed", "SET"),
        ("SET SESSION search_path TO closed", "SET"),
        ("SET LOCAL search_path = closed", "SET"),
        ("SET SCHEMA 'closed'", "SET"),
        ("RESET search_path", "RESET"),
        ("SET search_path TO DEFAULT", "SET"),
        ("RESET ALL", "RESET"),
        ("DISCARD ALL", "DISCARD ALL"),
        ("SET ROLE other", "SET"),
        ("SET SESSION AUTHORIZATION other", "SET"),
        ("RESET ROLE", "RESET"),
        (
            "SELECT set_config('search_path', 'closed', false)",
            "SELECT 1",
        ),
        (
            "SELECT set_config(name, 'closed', false) FROM pg_settings",
            "SELECT 1",
        ),
        (
            "SELECT set_config('Search_' || 'path', 'closed', false)",
            "SELECT 1",
        ),
        (
            "UPDATE pg_settings SET setting = 'closed' WHERE name = 'search_path'",
            "UPDATE 1",
        ),
        ("SELECT act()", "SELECT 1"),
        ("SELECT 1 FROM visits WHERE act()", "SELECT 1"),
        ("SELECT visits.act FROM visits", "SELECT 1"),
        ("SELECT (visits).act FROM visits", "SELECT 1"),
        ("EXECUTE p", "SELECT 1"),
        ("EXPLAIN ANALYZE EXECUTE p", "EXPLAIN"),
        ("FETCH c", "FETCH 1"),
        ("SELECT 1 \\", "SELECT 1"),
        ("SELECT 1; SET search_path = closed; SELECT 2", "SELECT 1"),
    ] {
        let mut harness = session();
        assert!(shows_in(&mut harness, BEGINNING, READ, b'I'));
        run_in(&mut harness, BEGINNING, text, tag, b'I');
        assert!(!shows_in(&mut harness, "closed", READ, b'I'), "{text}");
    }
    // What is proven to leave it alone does not.
    for text in [
        "BEGIN",
        "SAVEPOINT s",
        "SET work_mem = '1MB'",
        "SET TRANSACTION READ ONLY",
        "SHOW search_path",
        "SELECT set_config('app.tenant', 'closed', true)",
        "SELECT count(*) FROM visits WHERE note LIKE 'a%' ORDER BY 1",
        "INSERT INTO visits VALUES ('a')",
        "PREPARE p AS SELECT upper(note) FROM visits",
        "LISTEN here",
        "SELECT nextval('s'), pg_advisory_lock(1)",
    ] {
        let mut harness = session();
        assert!(shows_in(&mut harness, BEGINNING, READ, b'I'));
        run_in(&mut harness, BEGINNING, text, "SET", b'T');
        assert!(shows_in(&mut harness, "no question", READ, b'T'), "{text}");
    }
}

#[test]
fn code_that_is_attached_to_a_table_runs_unseen() {
    for prepare in [
        (|catalog| {
            catalog.loud.insert(VISITS);
        }) as fn(&mut Catalog),
        |catalog| {
            catalog.own_operators.insert("=".into());
        },
        |catalog| {
            catalog.own_operators.insert("~~".into());
        },
        |catalog| catalog.relations.get_mut(&VISITS).unwrap().is_view = true,
    ] {
        let mut harness = session();
        let mut catalog = two_schemas();
        catalog.epoch = 3;
        prepare(&mut catalog);
        harness.catalog = Arc::new(catalog);
        let catalog = Arc::clone(&harness.catalog);
        harness
            .session
            .refresh(Arc::clone(&harness.policy), catalog);
        run_in(&mut harness, "open", "BEGIN", "BEGIN", b'T');
        assert!(shows_in(
            &mut harness,
            "no question",
            "SELECT upper(note) FROM open.people",
            b'T'
        ));
        let quiet = "SELECT 1 FROM visits WHERE note LIKE 'a'";
        run_in(&mut harness, "no question", quiet, "SELECT 1", b'T');
        assert!(!shows_in(&mut harness, "no question", READ, b'T'));
    }
}

#[test]
fn in_a_transaction_literal_paths_are_followed() {
    let mut harness = session();
    let harness = &mut harness;
    run_in(harness, "closed", "BEGIN", "BEGIN", b'T');
    assert!(!shows_in(harness, "", READ, b'T'));
    run_in(harness, "", "SET LOCAL search_path = open", "SET", b'T');
    assert!(shows_in(harness, "", READ, b'T'));
    run_in(harness, "", "SAVEPOINT s", "SAVEPOINT", b'T');
    run_in(
        harness,
        "",
        "SET search_path TO 'Closed', closed",
        "SET",
        b'T',
    );
    assert!(!shows_in(harness, "", READ, b'T'));
    run_in(harness, "", "SET search_path TO open", "SET", b'T');
    assert!(shows_in(harness, "", READ, b'T'));
    // Back to any of them.
    run_in(harness, "", "ROLLBACK TO s", "ROLLBACK", b'T');
    assert!(!shows_in(harness, "", READ, b'T'));
    run_in(harness, "", "SET LOCAL search_path = open", "SET", b'T');
    assert!(shows_in(harness, "", READ, b'T'));
    run_in(harness, "", "SELECT act()", "SELECT 1", b'T');
    assert!(!shows_in(harness, "", READ, b'T'));
    // A function may have made a temporary table.
    run_in(harness, "", "SET LOCAL search_path = open", "SET", b'T');
    assert!(!shows_in(harness, "", READ, b'T'));
    run_in(harness, "", "COMMIT", "COMMIT", b'I');
    assert!(shows_in(harness, "open", READ, b'I'));
}

#[test]
fn an_error_takes_back_what_was_set() {
    let mut harness = session();
    let harness = &mut harness;
    run_in(harness, "closed", "BEGIN", "BEGIN", b'T');
    run_in(harness, "", "SET search_path = open", "SET", b'T');
    harness.client(&query("SELECT 1 / 0"));
    let fields = [
        (b'S', "ERROR"),
        (b'V', "ERROR"),
        (b'C', "22012"),
        (b'M', "no"),
    ];
    harness.server(&concat(&[error(&fields), ready(b'E')]));
    harness.take_client();
    harness.to_server.clear();
    // All in one go, before the server has answered any of it.
    harness.client(&concat(&[
        query("ROLLBACK"),
        query("BEGIN"),
        query("SELECT 1"),
    ]));
    harness.client(&query(READ));
    harness.server(&concat(&[
        complete("ROLLBACK"),
        ready(b'I'),
        complete("BEGIN"),
        ready(b'T'),
    ]));
    harness.server(&concat(&[complete("SELECT 1"), ready(b'T')]));
    answer(harness, "closed");
    let rows = [row_description(&[COMPUTED]), data_row(&[Some(VALUE)])];
    harness.server(&concat(&rows));
    assert!(!harness.is_finished());
    assert!(!contains(&harness.take_client(), VALUE));
}

#[test]
fn statements_of_one_text_are_judged_by_what_those_before_them_set() {
    for (path, text, shown) in [
        (
            "closed",
            "SET search_path = open; SELECT upper(note) FROM people",
            true,
        ),
        (
            "open",
            "SET search_path = closed; SELECT upper(note) FROM people",
            false,
        ),
        (
            "open",
            "SELECT act(); SELECT upper(note) FROM people",
            false,
        ),
        (
            "open",
            "BEGIN; SET search_path = closed; SELECT upper(note) FROM people",
            false,
        ),
        (
            "closed",
            "SET search_path = open; COMMIT; SELECT upper(note) FROM people",
            false,
        ),
        (
            "open",
            "RESET search_path; SELECT upper(note) FROM people",
            false,
        ),
        (
            "open",
            "SET search_path = open, \"$user\"; SELECT upper(note) FROM people",
            false,
        ),
        (
            "open",
            "CREATE TEMP TABLE people (note text); SELECT upper(note) FROM people",
            false,
        ),
        ("open", "SELECT 1; SELECT upper(note) FROM people", true),
    ] {
        let mut harness = session();
        harness.client(&query(text));
        assert!(answer(&mut harness, path), "{text}");
        for _ in 1..text.split(';').count() {
            harness.server(&complete("SET"));
        }
        harness.server(&row_description(&[COMPUTED]));
        harness.server(&data_row(&[Some(VALUE)]));
        assert_eq!(
            contains(&harness.take_client(), VALUE),
            shown,
            "{path}: {text}"
        );
    }
}

#[test]
fn the_server_may_report_a_path_that_nobody_has_set_here() {
    for (reported, shown) in [("open", true), ("closed", false), ("\"$user\"", false)] {
        let mut harness = session();
        run_in(&mut harness, "open", "BEGIN", "BEGIN", b'T');
        let report = [b"search_path\0", reported.as_bytes(), b"\0"].concat();
        harness.server(&message(b'S', &report));
        assert_eq!(shows_in(&mut harness, "", READ, b'T'), shown, "{reported}");
    }
}

#[test]
fn what_is_compared_is_what_the_path_finds() {
    const GUESS: &str = "SELECT 1 FROM people WHERE note LIKE 'M%'";
    for (path, runs) in [("open", true), ("closed", false)] {
        let mut harness = session_under(policy().guarded(Guard::default()));
        harness.client(&query(GUESS));
        assert!(answer(&mut harness, path));
        assert_eq!(contains(&harness.to_server, b"LIKE"), runs, "{path}");
    }
}
