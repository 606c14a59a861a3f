//! What a session does about values that no rule can be looked up for: texts that need not look
//! like PHI, columns that are newer than the catalog, a catalog that cannot be read. And what
//! it keeps about statements, which is bounded.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use support::*;
use velum_core::audit::record::{Body, Status};
use velum_core::catalog::Catalog;
use velum_core::policy::Messages;

#[test]
fn texts_are_veiled_without_content_detection_too() {
    for messages in [Messages::Strict, Messages::Scan] {
        texts_are_veiled(rules_with(messages));
    }
}

fn texts_are_veiled(mut harness: Harness<Dashed>) {
    harness.client(&query("LISTEN gossip"));
    harness.server(&concat(&[complete("LISTEN"), ready(b'I')]));
    harness.take_client();
    harness.client(&query("SELECT tell(), 'Miller' AS miller -- Miller"));
    harness.server(&notice_like(
        b'N',
        &[
            (b'S', "NOTICE"),
            (b'C', "00000"),
            (b'F', "pl_exec.c"),
            (b'M', "found Miller 531-77-0294, miller"),
        ],
    ));
    harness.server(&message(
        b'A',
        b"\0\0\0\x01gossip\0patients: Miller 531-77-0294\0",
    ));
    harness.server(&message(b'A', b"\0\0\0\x01miller\0miller\0"));
    harness.server(&message(b'S', b"application_name\0Miller\0"));
    harness.server(&message(b'S', b"search_path\0Miller, patients\0"));
    harness.server(&message(b'S', b"TimeZone\0<MILLER>0\0"));
    for canary in ["Miller", "miller", "MILLER", "531", "0294"] {
        assert!(!contains(&harness.to_client, canary.as_bytes()), "{canary}");
    }
    assert!(contains(&harness.to_client, b"gossip\0patients: XXXXXX"));
    assert!(contains(
        &harness.to_client,
        b"search_path\0XXXXXX, patients\0"
    ));
    assert_eq!(tags(&harness.to_client), "NAASSS");
}

#[test]
fn what_the_client_said_itself_comes_back() {
    let mut harness = masked();
    harness.client(&query("LISTEN gossip; NOTIFY gossip, 'said by itself'"));
    harness.server(&concat(&[complete("LISTEN"), complete("NOTIFY")]));
    harness.server(&message(b'A', b"\0\0\0\x01gossip\0said by itself\0"));
    harness.server(&ready(b'I'));
    harness.client(&query("SET application_name = 'weekly'"));
    harness.server(&complete("SET"));
    harness.server(&message(b'S', b"application_name\0weekly\0"));
    harness.server(&message(b'S', b"TimeZone\0Europe/Berlin\0"));
    for text in ["gossip", "said by itself", "weekly", "Europe/Berlin"] {
        assert!(contains(&harness.to_client, text.as_bytes()), "{text}");
    }
}

/// What an error shows of the client's own words, by its source, position and context.
fn shown(sql: &str, fields: &[(u8, &str)]) -> String {
    let mut harness = masked();
    harness.client(&query(sql));
    let common = [(b'S', "ERROR"), (b'C', "42703")];
    harness.server(&concat(&[error(&[&common, fields].concat()), ready(b'I')]));
    String::from_utf8_lossy(&harness.take_client()).into_owned()
}

#[test]
fn names_of_the_statement_show_only_in_what_is_said_of_its_text() {
    let file = (b'F', "parse_relation.c");
    let text = (b'M', "column \"wilhelmina\" does not exist");
    let sql = "SELECT wilhelmina FROM patients";
    assert!(shown(sql, &[file, (b'P', "8"), text]).contains("wilhelmina"));
    let within = (b'W', "PL/pgSQL function f() line 1 at EXECUTE");
    for fields in [
        &[file, text][..],
        &[file, (b'P', "8"), text, within],
        &[(b'F', "pl_exec.c"), (b'P', "8"), text],
    ] {
        assert!(!shown(sql, fields).contains("wilhelmina"));
    }
    assert!(shown("DROP TABLE wilhelmina", &[file, text]).contains("wilhelmina"));
    for sql in [
        "SELECT 1 -- wilhelmina",
        "SELECT 'wilhelmina'",
        "DO $$wilhelmina$$",
    ] {
        assert!(!shown(sql, &[file, (b'P', "8"), text]).contains("wilhelmina"));
    }
}

/// A list of guesses in the statement confirms none of them.
#[test]
fn a_value_that_is_quoted_at_run_time_is_veiled_whoever_named_it() {
    let sql = "SELECT name::int, 1 AS wilhelmina, 2 AS \"Quillfeather\" FROM patients";
    let told = shown(
        sql,
        &[
            (b'F', "numutils.c"),
            (
                b'M',
                "invalid input syntax for type integer: \"wilhelmina Quillfeather\"",
            ),
        ],
    );
    assert!(
        told.contains("integer: \"XXXXXXXXXX XXXXXXXXXXXX\""),
        "{told}"
    );
}

/// The names of a result that has these columns.
fn named(harness: &mut Harness<Dashed>, sql: &str, columns: &[Column]) -> String {
    harness.client(&query(sql));
    harness.server(&concat(&[
        row_description(columns),
        complete("SELECT 0"),
        ready(b'I'),
    ]));
    assert!(!harness.is_finished());
    String::from_utf8_lossy(&harness.take_client()).into_owned()
}

type Column = (&'static str, u32, i16, u32, u16);

#[test]
fn a_column_keeps_a_name_that_the_catalog_or_the_client_gave_it() {
    let mut harness = masked();
    let columns = [
        ("born", PATIENTS, 4, 1082, 0),
        ("Total Cost", 0, 0, 25, 0),
        ("count", 0, 0, 20, 0),
        ("?column?", 0, 0, 25, 0),
    ];
    let told = named(&mut harness, "SELECT *, 1 AS \"Total Cost\"", &columns);
    for (name, ..) in columns {
        assert!(told.contains(name), "{name}");
    }
    harness.client(&query("DECLARE c CURSOR FOR SELECT 1 AS total"));
    harness.server(&concat(&[complete("DECLARE CURSOR"), ready(b'T')]));
    harness.take_client();
    let told = named(&mut harness, "FETCH c", &[("total", 0, 0, 25, 0)]);
    assert!(told.contains("total"));
    let told = named(&mut harness, "SHOW timezone", &[("TimeZone", 0, 0, 25, 0)]);
    assert!(told.contains("TimeZone"));
}

#[test]
fn a_column_loses_a_name_that_was_made_of_a_value() {
    let mut harness = masked();
    let columns = [("Wilhelmina Quillfeather", 0, 0, 23, 0)];
    for sql in ["SELECT * FROM v", "TABLE v -- \"Wilhelmina Quillfeather\""] {
        let told = named(&mut harness, sql, &columns);
        assert!(told.contains("XXXXXXXXXX XXXXXXXXXXXX"), "{sql}");
    }
    let mut catalog = catalog();
    let relation = catalog.relations.get_mut(&PATIENTS).unwrap();
    relation.schema = "pg_temp_3".into();
    harness.catalog = Arc::new(catalog);
    let policy = Arc::clone(&harness.policy);
    harness
        .session
        .refresh(policy, Arc::clone(&harness.catalog));
    let told = named(&mut harness, "TABLE t", &[("born", PATIENTS, 4, 1082, 0)]);
    assert!(!told.contains("born"), "a temporary table's");
}

/// A column of `table` under another name, with one value.
fn ask(harness: &mut Harness<Dashed>, table: u32, attnum: i16, type_oid: u32) -> Vec<u8> {
    harness.client(&query("SELECT 'c' AS x"));
    harness.server(&concat(&[
        row_description(&[("x", table, attnum, type_oid, 0)]),
        data_row(&[Some(b"Miller")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    assert!(!harness.is_finished());
    harness.take_client()
}

#[test]
fn a_column_that_is_newer_than_the_catalog_is_looked_up() {
    let mut harness = rules_alone();
    let mut newer = catalog();
    let patients = newer.relations.get_mut(&PATIENTS).unwrap();
    let mut maiden = patients.columns[2].clone();
    maiden.attnum = 9;
    patients.columns.push(maiden);
    harness.catalog = Arc::new(newer);
    let masked = ask(&mut harness, PATIENTS, 9, 25);
    assert!(contains(&masked, b"<withheld>") && !contains(&masked, b"Miller"));
}

#[test]
fn a_catalog_that_cannot_be_read_hides_what_it_does_not_know() {
    let mut unreadable = catalog();
    unreadable.unreadable = true;
    let unreadable = Arc::new(unreadable);
    for (table, attnum, type_oid, hidden) in [
        (30_000, 1, 25, true),
        (PATIENTS, 9, 25, true),
        (30_000, 0, 2249, true),
        // A row type that nobody knows.
        (0, 0, 30_001, true),
        // The system column of a known table, and what is computed, are as ever.
        (PATIENTS, -1, 25, false),
        (0, 0, 25, false),
    ] {
        let mut harness = rules_alone();
        let seen = ask(&mut harness, table, attnum, type_oid);
        assert!(
            contains(&seen, b"Miller"),
            "{table}.{attnum} is no question"
        );
        harness.catalog = Arc::clone(&unreadable);
        harness
            .session
            .refresh(Arc::clone(&harness.policy), Arc::clone(&unreadable));
        let seen = ask(&mut harness, table, attnum, type_oid);
        assert_eq!(!contains(&seen, b"Miller"), hidden, "{table}.{attnum}");
    }
}

#[test]
fn a_statement_may_be_described_again_and_again() {
    let mut harness = rules_alone();
    let name = "c".repeat(60);
    let wide: Vec<_> = (0..1_600).map(|_| (name.as_str(), 0, 0, 23, 0)).collect();
    let described = concat(&[message(b't', &[0, 0]), row_description(&wide), ready(b'I')]);
    harness.client(&concat(&[parse("s", "SELECT 1"), sync()]));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    for _ in 0..400 {
        harness.client(&concat(&[describe(b'S', "s"), sync()]));
        harness.server(&described);
        harness.take_client();
    }
    harness.client(&concat(&[parse("t", "SELECT 1"), sync()]));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    assert!(
        !harness.is_finished(),
        "{:?}",
        String::from_utf8_lossy(&harness.to_client)
    );
}

/// What is kept of portals counts as well: a session that asks for more than its memory ends.
#[test]
fn descriptions_of_many_portals_are_bounded() {
    let mut harness = rules_alone();
    let name = "c".repeat(60);
    let wide: Vec<_> = (0..1_600).map(|_| (name.as_str(), 0, 0, 23, 0)).collect();
    let answer = concat(&[message(b'2', b""), row_description(&wide)]);
    harness.client(&parse("s", "SELECT 1"));
    harness.server(&message(b'1', b""));
    let mut portals = 0;
    while !harness.is_finished() && portals < 1_000 {
        let portal = format!("p{portals}");
        harness.client(&concat(&[
            bind(&portal, "s", b"1", &[0]),
            describe(b'P', &portal),
        ]));
        harness.server(&answer);
        portals += 1;
    }
    assert!(
        (50..500).contains(&portals),
        "ended after {portals} portals"
    );
    assert!(contains(&harness.to_client, b"C54000"));
}

/// Bind and Execute of the statement `c`, which copies.
fn copy_once(harness: &mut Harness<Dashed>) {
    harness.client(&concat(&[bind("", "c", b"1", &[]), execute(""), sync()]));
    assert_eq!(
        tags(&harness.take_server()),
        "BPDCDES",
        "asked before the Execute"
    );
}

/// Another session may change a table between the Parse and the Execute of a COPY.
#[test]
fn a_prepared_copy_is_looked_up_at_each_execution() {
    let mut harness = rules_alone();
    harness.client(&parse("c", "COPY patients TO STDOUT"));
    harness.server(&message(b'1', b""));
    assert_eq!(tags(&harness.take_server()), "P");
    for (attnum, type_oid, line, hidden) in [
        (1, 23, &b"7\n"[..], false),
        (3, 25, b"Miller\n", true),
        (1, 23, b"8\n", false),
    ] {
        copy_once(&mut harness);
        harness.take_client();
        harness.server(&concat(&[
            message(b'2', b""),
            message(b'1', b""),
            message(b't', &[0, 0]),
            row_description(&[("x", PATIENTS, attnum, type_oid, 0)]),
            message(b'3', b""),
            message(b'n', b""),
            message(b'H', &[0, 0, 1, 0, 0]),
            message(b'd', line),
            message(b'c', b""),
            complete("COPY 1"),
            ready(b'I'),
        ]));
        let seen = harness.take_client();
        assert_eq!(tags(&seen), "2HdcCZ");
        assert_eq!(!contains(&seen, line), hidden);
    }
}

/// The error of the gateway's question is that of the statement, in its record as well.
#[test]
fn a_copy_whose_question_fails_has_failed() {
    let mut harness = rules_alone();
    harness.client(&parse("c", "COPY gone TO STDOUT"));
    harness.server(&message(b'1', b""));
    harness.take_server();
    copy_once(&mut harness);
    harness.take_client();
    let gone = error(&[
        (b'S', "ERROR"),
        (b'C', "42P01"),
        (b'F', "parse_relation.c"),
        (b'M', "relation \"gone\" does not exist"),
    ]);
    harness.server(&concat(&[message(b'2', b""), gone, ready(b'I')]));
    assert_eq!(tags(&harness.to_client), "2EZ");
    let outcomes = harness.outcomes();
    let [
        Body::Outcome {
            status, sqlstate, ..
        },
    ] = outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!((*status, *sqlstate), (Status::Failed, Some(*b"42P01")));
}

/// A text may hold more COPYs than anybody asks for: then none is asked about, and all is masked.
#[test]
fn copies_without_number_are_masked_whole() {
    let mut harness = rules_alone();
    harness.client(&query(&"COPY patients TO STDOUT;".repeat(65)));
    assert_eq!(tags(&harness.take_server()), "Q");
    harness.server(&concat(&[
        message(b'H', &[0, 0, 1, 0, 0]),
        message(b'd', b"Miller\n"),
        message(b'c', b""),
        complete("COPY 1"),
    ]));
    assert!(contains(&harness.to_client, b"XXXXXX\n"));
}

/// A view that showed the column `attnum` of the patients is made to show another.
fn view_of(attnum: i16, epoch: u64) -> Arc<Catalog> {
    let mut catalog = catalog();
    catalog.epoch = epoch;
    let view = catalog.relations.get_mut(&VIEW).unwrap();
    view.columns[0].origins = vec![(PATIENTS, attnum)];
    Arc::new(catalog)
}

fn rows_of_view() -> Vec<u8> {
    concat(&[
        row_description(&[("x", VIEW, 1, 25, 0)]),
        data_row(&[Some(b"Miller")]),
        complete("SELECT 1"),
    ])
}

/// A session whose catalog says that the view shows no column that a rule is about.
fn harmless_view() -> Harness<Dashed> {
    let mut harness = rules_alone();
    harness.catalog = view_of(1, 1);
    harness.session.renew(Arc::clone(&harness.catalog));
    assert!(contains(&ask(&mut harness, VIEW, 1, 25), b"Miller"));
    harness
}

#[test]
fn a_replaced_view_is_masked_as_soon_as_a_catalog_says_so() {
    let mut harness = harmless_view();
    harness.session.renew(view_of(3, 2));
    assert!(!contains(&ask(&mut harness, VIEW, 1, 25), b"Miller"));
    // In the middle of a result, and of one that was described long ago.
    harness.session.renew(view_of(1, 3));
    harness.client(&query("SELECT x FROM people"));
    harness.server(&row_description(&[("x", VIEW, 1, 25, 0)]));
    harness.server(&data_row(&[Some(b"Miller")]));
    assert!(contains(&harness.take_client(), b"Miller"));
    harness.session.renew(view_of(3, 4));
    harness.server(&data_row(&[Some(b"Miller")]));
    assert!(!contains(&harness.take_client(), b"Miller"));
}

#[test]
fn what_the_session_changed_is_read_before_the_next_row() {
    let mut harness = harmless_view();
    harness.catalog = view_of(3, 2);
    harness.client(&query(
        "CREATE OR REPLACE VIEW people AS SELECT name AS label",
    ));
    harness.server(&concat(&[complete("CREATE VIEW"), ready(b'I')]));
    assert!(!contains(&ask(&mut harness, VIEW, 1, 25), b"Miller"));
    assert!(contains(&ask(&mut harness, PATIENTS, 1, 25), b"Miller"));
    // Made harmless again.
    harness.catalog = view_of(1, 3);
    harness.client(&query("DO $$ $$"));
    harness.server(&concat(&[complete("DO"), ready(b'I')]));
    assert!(contains(&ask(&mut harness, VIEW, 1, 25), b"Miller"));
}

#[test]
fn views_show_nothing_until_a_change_is_committed_and_read() {
    let mut harness = harmless_view();
    harness.client(&query(
        "BEGIN; CREATE OR REPLACE VIEW people AS SELECT 1; SELECT; SELECT; \
         SELECT 1; SELECT 1; SELECT 'x'; SELECT lower('x')",
    ));
    harness.server(&concat(&[complete("BEGIN"), complete("CREATE VIEW")]));
    for _ in 0..2 {
        harness.server(&rows_of_view());
        assert!(!contains(&harness.take_client(), b"Miller"));
        // A load meanwhile has not seen it.
        harness.session.renew(view_of(1, 2));
    }
    // Tables show what they did; a view that nobody knows shows nothing.
    for (table, attnum, shown) in [
        (PATIENTS, 1, true),
        (30_000, 1, false),
        (0, 0, true),
        // Any function may be another now.
        (0, 0, false),
    ] {
        harness.server(&concat(&[
            row_description(&[("x", table, attnum, 25, 0)]),
            data_row(&[Some(b"Miller")]),
            complete("SELECT 1"),
        ]));
        let seen = contains(&harness.take_client(), b"Miller");
        assert_eq!(seen, shown, "{table}");
    }
    harness.catalog = view_of(1, 3);
    harness.server(&concat(&[complete("COMMIT"), rows_of_view(), ready(b'I')]));
    assert!(contains(&harness.take_client(), b"Miller"));
}

#[test]
fn a_change_that_cannot_be_read_keeps_views_masked() {
    let mut harness = harmless_view();
    let mut unreadable = Catalog::clone(&view_of(1, 1));
    unreadable.unreadable = true;
    harness.catalog = Arc::new(unreadable);
    harness.client(&query("ALTER VIEW people RENAME TO persons"));
    harness.server(&concat(&[complete("ALTER VIEW"), ready(b'I')]));
    for _ in 0..2 {
        assert!(!contains(&ask(&mut harness, VIEW, 1, 25), b"Miller"));
    }
    harness.session.renew(view_of(1, 2));
    assert!(contains(&ask(&mut harness, VIEW, 1, 25), b"Miller"));
}

#[test]
fn what_was_asked_in_a_transaction_is_asked_again_after_it() {
    let mut harness = rules_alone();
    harness.client(&query("BEGIN; SELECT 'x' AS x INTO t; SELECT x FROM t"));
    harness.server(&concat(&[
        complete("BEGIN"),
        complete("SELECT 1"),
        row_description(&[("x", 30_000, 3, 25, 0)]),
        data_row(&[Some(b"Miller")]),
        complete("SELECT 1"),
        ready(b'T'),
    ]));
    assert!(contains(&harness.take_client(), b"Miller"));
    harness.client(&query("COMMIT"));
    harness.server(&concat(&[complete("COMMIT"), ready(b'I')]));
    let mut newer = catalog();
    let patients = newer.relations[&PATIENTS].clone();
    newer.relations.insert(30_000, patients);
    harness.catalog = Arc::new(newer);
    assert!(!contains(&ask(&mut harness, 30_000, 3, 25), b"Miller"));
}

#[test]
fn a_statement_that_may_quote_others_shows_no_computed_text() {
    for (text, table, type_oid, shown) in [
        ("SELECT pg_stat_get_backend_activity(1) AS x", 0, 25, false),
        ("SELECT to_jsonb(a) FROM Pg_Stat_Activity a", 0, 3802, false),
        (
            "SELECT query AS x FROM pg_stat_statements",
            30_000,
            25,
            false,
        ),
        // What the server's own relations show is known, and numbers quote nothing.
        ("SELECT state AS x FROM pg_stat_activity", 12_000, 25, true),
        ("SELECT count(*) AS x FROM pg_stat_activity", 0, 20, true),
        ("SELECT 'a' AS x", 0, 25, true),
    ] {
        let mut harness = rules_alone();
        harness.client(&query(text));
        harness.server(&concat(&[
            row_description(&[("x", table, 1, type_oid, 0)]),
            data_row(&[Some(b"12345")]),
        ]));
        let seen = contains(&harness.take_client(), b"12345");
        assert_eq!(seen, shown, "{text}");
        // The same in the extended protocol, described by Velum itself.
        let mut harness = rules_alone();
        harness.client(&concat(&[
            parse("", text),
            bind("", "", b"1", &[]),
            execute(""),
            sync(),
        ]));
        harness.server(&concat(&[
            message(b'1', b""),
            message(b'2', b""),
            row_description(&[("x", table, 1, type_oid, 0)]),
            data_row(&[Some(b"12345")]),
        ]));
        assert!(!harness.is_finished());
        let seen = contains(&harness.take_client(), b"12345");
        assert_eq!(seen, shown, "{text}");
    }
}
