//! Columns that the server names no table of are masked by what the statement's text says flows
//! into them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use support::*;
use velum_core::sql::lineage::Flow;

/// A column without a table, and its only value.
const COMPUTED: (&str, u32, i16, u32, u16) = ("x", 0, 0, 25, 0);
const VALUE: &[u8] = b"Miller";

fn described() -> Vec<u8> {
    row_description(&[COMPUTED])
}

/// The rows of a statement that was parsed, bound and executed.
fn executed(parsed: bool) -> Vec<u8> {
    let parsed = if parsed {
        message(b'1', b"")
    } else {
        Vec::new()
    };
    concat(&[parsed, message(b'2', b""), described(), rows(), ready(b'T')])
}

fn rows() -> Vec<u8> {
    concat(&[data_row(&[Some(VALUE)]), complete("SELECT 1")])
}

fn result() -> Vec<u8> {
    concat(&[described(), rows()])
}

/// Is the value of the only column of such a query shown?
fn shows(harness: &mut Harness<Dashed>, text: &str) -> bool {
    harness.client(&query(text));
    harness.server(&concat(&[result(), ready(b'I')]));
    assert!(!harness.is_finished(), "{text}");
    contains(&harness.take_client(), VALUE)
}

/// Runs what returns no rows.
fn run(harness: &mut Harness<Dashed>, text: &str, tag: &str) {
    harness.client(&query(text));
    harness.server(&concat(&[complete(tag), ready(b'T')]));
    assert!(!harness.is_finished(), "{text}");
    harness.take_client();
}

#[test]
fn what_derives_from_a_ruled_column_is_masked_and_nothing_else() {
    for (text, shown) in [
        ("SELECT reverse(ssn) FROM patients", false),
        (
            "SELECT substr(p.ssn, 1, 3) || '' FROM public.patients p",
            false,
        ),
        ("SELECT row_to_json(p) FROM patients p", false),
        ("SELECT (SELECT max(ssn) FROM patients)", false),
        (
            "WITH a AS (SELECT ssn s FROM patients) SELECT lower(s) FROM a",
            false,
        ),
        ("SELECT 'a' UNION ALL SELECT ssn FROM patients", false),
        ("SELECT my_function(id) FROM patients", false),
        ("SELECT count(ssn)::text FROM patients", true),
        ("SELECT to_char(id, '999') FROM patients", true),
        ("SELECT lower('Miller')", true),
        ("SELECT lower(label) FROM people", false),
        (
            "SELECT x FROM patients, unnest(array[ssn]) WITH ORDINALITY u (x, o)",
            false,
        ),
        (
            "SELECT x FROM patients, ROWS FROM (unnest(array[ssn]), now()) u (x, y)",
            false,
        ),
        (
            "SELECT x FROM (patients p CROSS JOIN LATERAL unnest(array[ssn]) u \
             CROSS JOIN (SELECT 1) t) j (a, b, c, d, x)",
            false,
        ),
        (
            "SELECT x FROM (my_function() f CROSS JOIN (SELECT 1) t) j (x)",
            false,
        ),
        (
            "SELECT CASE WHEN ssn LIKE '5%' THEN 'a' END FROM patients",
            false,
        ),
        ("SELECT ssn = 'x' FROM patients", false),
        ("EXPLAIN VERBOSE SELECT lower(ssn) FROM patients", true),
        ("EXPLAIN VERBOSE SELECT my_function(1)", false),
    ] {
        assert_eq!(shows(&mut rules_alone(), text), shown, "{text}");
    }
}

#[test]
fn a_text_that_is_not_understood_shows_nothing_computed() {
    let long = format!("SELECT 'a' /* {} */", "-".repeat(70_000));
    for text in [
        "SELEKT 'a'",
        "SELECT 'a', 'b'",
        r"SELECT '\' || lower('a')",
        &long,
    ] {
        assert!(!shows(&mut rules_alone(), text), "{:.40}", text);
    }
}

#[test]
fn each_statement_of_a_text_has_its_own_result() {
    let mut harness = rules_alone();
    harness.client(&query(
        "SELECT lower(ssn) FROM patients;; SELECT 'a'; UPDATE t SET a = 1; \
         SELECT ssn || '' FROM patients",
    ));
    for (answer, shown) in [
        (result(), false),
        (result(), true),
        (complete("UPDATE 1"), false),
        (result(), false),
    ] {
        harness.server(&answer);
        assert_eq!(contains(&harness.take_client(), VALUE), shown);
    }
    harness.server(&ready(b'I'));
    assert!(shows(&mut harness, "SELECT 'a'"), "the count begins anew");
}

#[test]
fn a_portal_is_judged_by_its_statement() {
    for (text, shown) in [
        ("SELECT md5(ssn) FROM patients", false),
        ("SELECT 'a'", true),
    ] {
        let mut harness = rules_alone();
        harness.client(&concat(&[
            parse("s", text),
            bind("", "s", b"1", &[0]),
            describe(b'P', ""),
            execute(""),
            sync(),
        ]));
        harness.server(&executed(true));
        assert!(!harness.is_finished());
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{text}");
    }
}

#[test]
fn a_copy_is_judged_by_its_query() {
    for (text, shown) in [
        ("COPY (SELECT md5(ssn) FROM patients) TO STDOUT", false),
        ("COPY (SELECT 'a') TO STDOUT", true),
        ("SELECT; COPY (SELECT 'a') TO STDOUT", false),
    ] {
        let mut harness = rules_alone();
        harness.client(&query(text));
        if text.starts_with("COPY") {
            harness.server(&copy_described(&[COMPUTED]));
        } else {
            harness.server(&complete("SELECT 0"));
        }
        harness.server(&concat(&[copied_out(0, b"Miller\n"), ready(b'I')]));
        assert!(!harness.is_finished(), "{text}");
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{text}");
    }
}

const FETCH: &str = "FETCH ALL FROM c";

#[test]
fn the_rows_of_a_cursor_are_those_of_its_query() {
    for (query, shown) in [
        ("lower(ssn) FROM patients", false),
        ("'a' FROM patients", true),
    ] {
        let mut harness = rules_alone();
        run(&mut harness, "BEGIN", "BEGIN");
        let declare = format!("DECLARE c CURSOR FOR SELECT {query}");
        run(&mut harness, &declare, "DECLARE CURSOR");
        for _ in 0..2 {
            assert_eq!(shows(&mut harness, FETCH), shown, "{query}");
        }
        assert!(
            !shows(&mut harness, "FETCH ALL FROM d"),
            "nobody declared it"
        );
        assert!(!shows(&mut harness, FETCH), "whose rows came is not known");
    }
}

#[test]
fn a_cursor_that_may_have_been_declared_anew_shows_nothing() {
    for (text, tag) in [
        ("DO $$ BEGIN END $$", "DO"),
        ("SELECT my_function()", "SELECT 1"),
        ("SELECT label FROM people", "SELECT 1"),
        ("SELECT a FROM unheard_of", "SELECT 1"),
        ("UPDATE patients SET id = 1", "UPDATE 1"),
        ("EXECUTE p", "SELECT 1"),
        ("COMMIT", "COMMIT"),
        ("CREATE TABLE t (a int)", "CREATE TABLE"),
        ("SELEKT", "SELECT 0"),
    ] {
        let mut harness = rules_alone();
        run(
            &mut harness,
            "DECLARE c CURSOR FOR SELECT 'a'",
            "DECLARE CURSOR",
        );
        run(&mut harness, "SELECT lower(name) FROM patients", "SELECT 0");
        assert!(shows(&mut harness, FETCH));
        run(&mut harness, text, tag);
        assert!(!shows(&mut harness, FETCH), "{text}");
    }
}

/// Names that the protocol gives are those of SQL, and planning or failing runs functions, too.
#[test]
fn a_name_that_the_protocol_may_have_given_anew_shows_nothing() {
    let parsed = |text| [parse("", text), bind("", "", b"", &[0]), sync()].concat();
    let complete = |tags: &str| {
        let tags = tags.bytes().map(|tag| message(tag, b""));
        tags.chain([ready(b'T')]).collect::<Vec<_>>().concat()
    };
    let failed = [
        error(&[(b'S', "ERROR"), (b'C', "XX000"), (b'M', "no")]),
        ready(b'T'),
    ]
    .concat();
    let called = [message(b'V', &[0xff; 4]), ready(b'T')].concat();
    let call = message(b'F', &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (said, answer, shown) in [
        (parsed("SELECT id FROM patients"), complete("12"), true),
        (parsed("SELECT my_function(1)"), complete("12"), false),
        (
            [parse("p", "SELECT 1"), sync()].concat(),
            complete("1"),
            false,
        ),
        (
            [parse("q", "SELECT 1"), sync()].concat(),
            complete("1"),
            true,
        ),
        (query("SELECT 1 / 0"), failed, false),
        (call, called, false),
    ] {
        let mut harness = rules_alone();
        run(&mut harness, "PREPARE p AS SELECT 'a'", "PREPARE");
        assert!(shows(&mut harness, "EXECUTE p"));
        harness.client(&said);
        harness.server(&answer);
        assert!(!harness.is_finished());
        harness.take_client();
        assert_eq!(shows(&mut harness, "EXECUTE p"), shown);
    }
}

/// SQL gives the name of a statement of the protocol to another one.
#[test]
fn a_statement_of_the_protocol_whose_name_sql_may_have_given_anew_shows_nothing() {
    for (name, text, tag, shown) in [
        (
            "a",
            "DEALLOCATE a; PREPARE a AS SELECT lower(ssn) FROM patients",
            "PREPARE",
            false,
        ),
        ("a", "DO $$ BEGIN END $$", "DO", false),
        ("a", "SELECT 1", "SELECT 1", true),
        (
            "a",
            "PREPARE b AS SELECT lower(ssn) FROM patients",
            "PREPARE",
            true,
        ),
        ("", "PREPARE a AS SELECT 'a'", "PREPARE", true),
    ] {
        let mut harness = rules_alone();
        harness.client(&concat(&[parse(name, "SELECT 'a'"), sync()]));
        harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
        if !name.is_empty() {
            run(&mut harness, text, tag);
        }
        harness.client(&concat(&[bind("", name, b"", &[0]), execute(""), sync()]));
        harness.server(&executed(false));
        assert!(!harness.is_finished());
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{text}");
    }
}

/// A driver names each statement, one that prepares another in SQL as well.
#[test]
fn what_was_prepared_in_sql_is_followed_by_statements_that_the_protocol_names() {
    for (query, shown) in [("'a'", true), ("ssn || '' FROM patients", false)] {
        let mut harness = rules_alone();
        let prepare = format!("PREPARE p AS SELECT {query}");
        harness.client(&concat(&[
            parse("s1", &prepare),
            bind("", "s1", b"", &[0]),
            execute(""),
            sync(),
        ]));
        let done = concat(&[message(b'1', b""), message(b'2', b""), message(b'n', b"")]);
        harness.server(&concat(&[done, complete("PREPARE"), ready(b'I')]));
        harness.client(&concat(&[
            parse("s2", "EXECUTE p"),
            bind("", "s2", b"", &[0]),
            execute(""),
            sync(),
        ]));
        harness.server(&executed(true));
        assert!(!harness.is_finished());
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{query}");
    }
}

/// A FETCH returns the rows of whatever its cursor is each time.
#[test]
fn a_prepared_fetch_follows_its_cursor() {
    let mut harness = rules_alone();
    for (query, shown) in [
        ("'a'", true),
        ("ssn || '' FROM patients", false),
        ("'b'", true),
    ] {
        let declare = format!("DECLARE c CURSOR FOR SELECT {query}");
        run(&mut harness, &declare, "DECLARE CURSOR");
        harness.client(&concat(&[
            parse("", FETCH),
            bind("", "", b"", &[0]),
            execute(""),
            sync(),
        ]));
        harness.server(&executed(true));
        assert!(!harness.is_finished());
        assert_eq!(contains(&harness.take_client(), VALUE), shown, "{query}");
        run(&mut harness, "CLOSE c", "CLOSE CURSOR");
    }
}

#[test]
fn what_was_prepared_in_sql_is_followed() {
    for (query, shown) in [("'a'", true), ("ssn || '' FROM patients", false)] {
        let mut harness = rules_alone();
        run(
            &mut harness,
            &format!("PREPARE p AS SELECT {query}"),
            "PREPARE",
        );
        assert_eq!(shows(&mut harness, "EXECUTE p"), shown);
        run(&mut harness, "DEALLOCATE p", "DEALLOCATE");
        let both = format!("PREPARE p AS SELECT {query}; EXECUTE p");
        harness.client(&support::query(&both));
        harness.server(&concat(&[complete("PREPARE"), result(), ready(b'I')]));
        assert_eq!(contains(&harness.take_client(), VALUE), shown);
    }
    assert!(!shows(&mut rules_alone(), "EXECUTE p"));
    let mut harness = rules_alone();
    run(&mut harness, "PREPARE p (text) AS SELECT $1", "PREPARE");
    assert!(shows(&mut harness, "EXECUTE p('a')"));
    assert!(!shows(
        &mut harness,
        "EXECUTE p(query_to_xml('table patients', true, true, ''))"
    ));
    assert!(!shows(&mut harness, "EXPLAIN VERBOSE EXECUTE p('a')"));
}

/// A name may stand for either of two tables, and what neither has as a column is a function.
#[test]
fn a_function_in_the_notation_of_a_column_is_one_for_any_of_its_tables() {
    let mut harness = rules_alone();
    let mut newer = catalog();
    newer.epoch = 2;
    for (oid, schema, column) in [(30_000, "public", "what"), (30_001, "other", "when")] {
        let mut visits = newer.relations[&VIEW].clone();
        visits.schema = schema.into();
        visits.name = "visits".into();
        visits.is_view = false;
        visits.columns[0].name = column.into();
        visits.columns[0].origins.clear();
        newer.relations.insert(oid, visits);
    }
    let mut others = newer.relations[&PATIENTS].clone();
    others.schema = "other".into();
    others.columns.pop();
    newer.relations.insert(30_002, others);
    harness.catalog = Arc::new(newer);
    harness.session.renew(Arc::clone(&harness.catalog));
    // By a path that nobody knows, as there are temporary tables.
    harness.client(&query("SELECT 1 FROM visits"));
    harness.server(&paths::told("", "app", "1"));
    harness.server(&concat(&[result(), ready(b'I')]));
    harness.take_client();
    assert!(shows(&mut harness, "SELECT v.what || '' FROM visits v"));
    for text in [
        "SELECT v.zed FROM visits v",
        "SELECT v.zed || '' FROM visits v",
        "SELECT x || '' FROM (visits v NATURAL JOIN (SELECT 1 AS z) o CROSS JOIN patients) \
             q (a, b, c, x)",
        "SELECT x || '' FROM (visits v NATURAL JOIN patients) q (x)",
        "SELECT x || '' FROM (patients NATURAL JOIN (SELECT '1' AS name) z) q (n, i, x)",
    ] {
        assert!(!shows(&mut harness, text), "{text}");
    }
}

/// A view that computes, and one that computes from that.
#[test]
fn what_views_compute_is_followed_through_the_catalog() {
    let mut harness = rules_alone();
    assert!(!shows(&mut harness, "SELECT label || '' FROM people"));
    let mut newer = catalog();
    newer.epoch = 2;
    newer.relations.get_mut(&VIEW).unwrap().columns[0]
        .origins
        .clear();
    harness.catalog = Arc::new(newer.clone());
    harness.session.renew(Arc::clone(&harness.catalog));
    let text = "SELECT label || '' FROM people";
    assert!(shows(&mut harness, text), "nothing flows into it any more");
    newer.epoch = 3;
    newer
        .computed
        .insert((VIEW, 1), Flow::derived([(PATIENTS, 2)]));
    harness.catalog = Arc::new(newer);
    harness.session.renew(Arc::clone(&harness.catalog));
    assert!(!shows(&mut harness, text));
    harness.client(&query("SELECT label FROM people"));
    harness.server(&concat(&[
        row_description(&[("label", VIEW, 1, 25, 0)]),
        rows(),
        ready(b'I'),
    ]));
    assert!(!contains(&harness.take_client(), VALUE));
}

/// A table that is newer than the catalog is looked up before its rows are judged.
#[test]
fn what_the_text_names_and_the_catalog_has_not_is_looked_up() {
    let mut harness = rules_alone();
    assert!(!shows(&mut harness, "SELECT lower(body) FROM notes"));
    let mut newer = catalog();
    newer.epoch = 2;
    let mut notes = newer.relations[&PATIENTS].clone();
    notes.name = "notes".into();
    notes.columns[2].name = "body".into();
    newer.relations.insert(30_000, notes);
    harness.catalog = Arc::new(newer);
    assert!(shows(&mut harness, "SELECT upper(body) FROM notes"));
}
