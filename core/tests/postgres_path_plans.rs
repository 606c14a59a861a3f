//! Statements that are prepared, bound or declared by one search path and run by another.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::paths::*;
use support::*;
use velum_core::policy::guard::Guard;

/// Parse, Bind and Execute of an unnamed statement, without Sync.
fn extended(text: &str) -> Vec<u8> {
    concat(&[parse("", text), bind("", "", b"x", &[]), execute("")])
}

/// Sets the path in a transaction.
fn turn_to(harness: &mut Harness<Dashed>, path: &str) {
    let set = format!("SET search_path = {path}");
    run_in(harness, "", &set, "SET", b'T');
}

#[test]
fn messages_of_one_pipeline_are_judged_by_what_those_before_them_may_do() {
    for (first, shown) in [
        ("SET search_path = closed", false),
        ("SET LOCAL search_path = open", true),
        ("SELECT set_config('search_path', 'closed', false)", false),
        ("DISCARD ALL", false),
    ] {
        let mut harness = session();
        harness.client(&concat(&[query("BEGIN")]));
        assert!(answer(&mut harness, "open"));
        harness.server(&concat(&[complete("BEGIN"), ready(b'T')]));
        harness.client(&concat(&[extended(first), extended(READ), sync()]));
        let done = [
            message(b'1', b""),
            message(b'2', b""),
            message(b'n', b""),
            complete("SET"),
        ];
        let rows = [
            message(b'1', b""),
            message(b'2', b""),
            row_description(&[COMPUTED]),
            data_row(&[Some(VALUE)]),
        ];
        harness.server(&concat(&[concat(&done), concat(&rows)]));
        assert!(!harness.is_finished(), "{first}");
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{first}");
    }
}

#[test]
fn a_parameter_of_a_users_own_type_may_be_cast_by_a_function() {
    for (type_oid, shown) in [(25u32, true), (40_000, false)] {
        let mut harness = session();
        run_in(&mut harness, "open", "BEGIN", "BEGIN", b'T');
        let types = [
            b"\0SELECT $1 + 1\0\0\x01".as_slice(),
            &type_oid.to_be_bytes(),
        ]
        .concat();
        harness.client(&concat(&[
            message(b'P', &types),
            bind("", "", b"x", &[]),
            execute(""),
            sync(),
        ]));
        let done = [
            message(b'1', b""),
            message(b'2', b""),
            message(b'n', b""),
            complete("SELECT 1"),
            ready(b'T'),
        ];
        harness.server(&concat(&done));
        harness.take_client();
        assert_eq!(shows_in(&mut harness, "", READ, b'T'), shown, "{type_oid}");
    }
}

#[test]
fn a_prepared_statement_is_judged_by_the_path_at_which_it_is_bound() {
    let mut harness = session();
    harness.client(&concat(&[parse("s", READ), sync()]));
    assert!(answer(&mut harness, "open"));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    let run = [bind("", "s", b"x", &[]), execute(""), sync()];
    let rows = [
        message(b'2', b""),
        row_description(&[COMPUTED]),
        data_row(&[Some(VALUE)]),
        complete("SELECT 1"),
        ready(b'I'),
    ];
    for (change, path, shown) in [
        ("", "open", true),
        ("SET search_path = closed", "closed", false),
        ("SET search_path = open", "open", true),
        ("RESET ALL", "closed", false),
    ] {
        if !change.is_empty() {
            run_in(&mut harness, path, change, "SET", b'I');
        }
        harness.to_server.clear();
        harness.client(&concat(&run));
        assert_eq!(answer(&mut harness, path), !change.is_empty());
        assert_eq!(tags(&harness.to_server), "BDES");
        harness.server(&concat(&rows));
        assert!(!harness.is_finished(), "{change}");
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{change}");
    }
}

#[test]
fn an_aggregate_is_guarded_by_the_path_at_which_it_was_parsed_or_refused_by_another() {
    let guard = Guard {
        small_cells: Some(11),
        ..Guard::default()
    };
    let mut harness = session_under(policy().guarded(guard));
    harness.client(&concat(&[
        parse("s", "SELECT count(*) FROM people"),
        sync(),
    ]));
    assert!(answer(&mut harness, "open"));
    assert!(!contains(&harness.to_server, b"CASE"), "nobody's rows");
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    for (path, is_refused) in [("closed", true), ("open", false)] {
        let set = format!("SET search_path = {path}");
        run_in(&mut harness, path, &set, "SET", b'I');
        harness.client(&concat(&[bind("", "s", b"x", &[]), execute(""), sync()]));
        assert!(answer(&mut harness, path));
        // What fails in the place of what is refused is a Parse of another text.
        let fails = tags(&harness.to_server).starts_with('P');
        assert_eq!(fails, is_refused, "{}", tags(&harness.to_server));
        let answer = match is_refused {
            true => message(b'E', b"SERROR\0C42501\0Mno\0\0"),
            false => concat(&[message(b'2', b""), complete("SELECT 0")]),
        };
        harness.server(&concat(&[answer, ready(b'I')]));
        harness.to_server.clear();
    }
}

#[test]
fn a_portal_keeps_the_path_at_which_it_was_bound() {
    for (bound, then, shown) in [("closed", "open", false), ("open", "closed", true)] {
        let mut harness = session();
        run_in(&mut harness, bound, "BEGIN", "BEGIN", b'T');
        harness.client(&concat(&[
            parse("", READ),
            bind("p", "", b"x", &[]),
            sync(),
        ]));
        harness.server(&concat(&[
            message(b'1', b""),
            message(b'2', b""),
            ready(b'T'),
        ]));
        turn_to(&mut harness, then);
        harness.client(&concat(&[execute("p"), sync()]));
        harness.server(&concat(&[
            row_description(&[COMPUTED]),
            data_row(&[Some(VALUE)]),
        ]));
        assert!(!harness.is_finished());
        assert_eq!(
            contains(&harness.take_client(), VALUE),
            shown,
            "{bound}, then {then}"
        );
    }
}

#[test]
fn a_cursor_keeps_the_path_at_which_it_was_declared() {
    for (declared, then, shown) in [("closed", "open", false), ("open", "closed", true)] {
        let mut harness = session();
        run_in(&mut harness, declared, "BEGIN", "BEGIN", b'T');
        let declare = format!("DECLARE c CURSOR FOR {READ}");
        run_in(&mut harness, "", &declare, "DECLARE CURSOR", b'T');
        turn_to(&mut harness, then);
        let is_shown = shows_in(&mut harness, "", "FETCH c", b'T');
        assert_eq!(is_shown, shown, "{declared}, then {then}");
    }
}

#[test]
fn what_was_prepared_in_sql_may_run_by_any_path() {
    let mut harness = session();
    run_in(&mut harness, "open", "BEGIN", "BEGIN", b'T');
    run_in(
        &mut harness,
        "",
        &format!("PREPARE p AS {READ}"),
        "PREPARE",
        b'T',
    );
    assert!(!shows_in(&mut harness, "", "EXECUTE p", b'T'));
}

#[test]
fn a_statement_is_judged_anew_where_it_is_bound_by_another_path() {
    const GUESS: &str = "SELECT 1 FROM people WHERE note LIKE 'M%'";
    let mut harness = session_under(policy().guarded(Guard::default()));
    harness.client(&concat(&[parse("s", GUESS), sync()]));
    assert!(answer(&mut harness, "open"));
    assert_eq!(tags(&harness.to_server), "PS");
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    run_in(&mut harness, "", "SET search_path = closed", "SET", b'I');
    // Neither by the protocol nor in SQL.
    harness.client(&concat(&[bind("", "s", b"x", &[]), execute(""), sync()]));
    assert!(answer(&mut harness, "closed"));
    // The first fails for certain, and the server skips the others.
    assert_eq!(tags(&harness.to_server), "PDES");
    let fields = [
        (b'S', "ERROR"),
        (b'V', "ERROR"),
        (b'C', "42601"),
        (b'M', "refused"),
    ];
    harness.server(&concat(&[error(&fields), ready(b'I')]));
    for text in ["EXECUTE s", "EXPLAIN ANALYZE EXECUTE s"] {
        harness.to_server.clear();
        harness.client(&query(text));
        assert!(!contains(&harness.to_server, b"EXECUTE"), "{text}");
        harness.server(&concat(&[error(&fields), ready(b'I')]));
    }
    assert!(!harness.is_finished());
}
