//! Statements that the policy does not let run never reach the server, and the session goes on.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use support::*;
use velum_core::audit::record::{Body, Status};
use velum_core::policy::guard::{Guard, Predicates, ProbeBudget};

const REFUSED: &str = "SELECT id FROM patients WHERE ssn LIKE '078%'";

fn guarded() -> Harness<Dashed> {
    Harness::ready(masking_policy().guarded(Guard::default()), Dashed)
}

fn syntax_error() -> Vec<u8> {
    let fields = [
        (b'S', "ERROR"),
        (b'V', "ERROR"),
        (b'C', "42601"),
        (b'M', "syntax error at or near \"refused\""),
    ];
    error(&fields)
}

/// The fields of the only ErrorResponse in what the client got.
fn told(bytes: &[u8]) -> String {
    let errors: Vec<_> = frames(bytes)
        .into_iter()
        .filter(|(tag, _)| *tag == b'E')
        .collect();
    assert_eq!(errors.len(), 1);
    String::from_utf8_lossy(&errors[0].1).into_owned()
}

fn is_denial(bytes: &[u8]) {
    let text = told(bytes);
    for words in ["SERROR", "C42501", "rule \"ssn\"", "public.patients.ssn"] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("syntax"), "{text}");
}

#[test]
fn a_refused_query_fails_in_the_servers_own_way() {
    let mut harness = guarded();
    harness.client(&query(REFUSED));
    assert!(!contains(&harness.to_server, b"078"));
    assert_eq!(tags(&harness.to_server), "Q");
    harness.server(&concat(&[syntax_error(), ready(b'E')]));
    let client = harness.take_client();
    assert_eq!(tags(&client), "EZ");
    is_denial(&client);
    assert_eq!(client.last(), Some(&b'E'));
    // The next one is answered as usual.
    harness.client(&query("ROLLBACK"));
    harness.server(&concat(&[complete("ROLLBACK"), ready(b'I')]));
    assert_eq!(tags(&harness.take_client()), "CZ");
    assert!(!harness.is_finished());
}

#[test]
fn the_records_say_what_was_denied_by_which_rule() {
    let mut harness = guarded();
    harness.client(&query(REFUSED));
    harness.server(&concat(&[syntax_error(), ready(b'I')]));
    let mut denied = 0;
    for record in &harness.records {
        match &record.body {
            Body::Intent { decision, text, .. } => {
                assert!(decision.starts_with("deny: ") && decision.contains("\"ssn\""));
                assert!(!text.contains("078") && !decision.contains("078"));
                denied += 1;
            }
            Body::Outcome {
                status, sqlstate, ..
            } => {
                assert_eq!((*status, *sqlstate), (Status::Failed, Some(*b"42501")));
                denied += 1;
            }
            _ => {}
        }
    }
    assert_eq!(denied, 2);
}

#[test]
fn a_refused_parse_takes_the_place_of_what_follows_up_to_sync() {
    let mut harness = guarded();
    harness.client(&concat(&[
        parse("s", REFUSED),
        bind("", "s", b"x", &[]),
        execute(""),
        sync(),
        query("SELECT 1"),
    ]));
    assert!(!contains(&harness.to_server, b"078"));
    harness.server(&concat(&[
        syntax_error(),
        ready(b'I'),
        complete("SELECT 0"),
        ready(b'I'),
    ]));
    let client = harness.take_client();
    assert_eq!(tags(&client), "EZCZ");
    is_denial(&client);
    assert!(!harness.is_finished());
}

#[test]
fn an_error_before_a_refused_message_is_the_servers_own() {
    let mut harness = guarded();
    harness.client(&concat(&[
        parse("", "SELECT 1"),
        parse("", REFUSED),
        sync(),
    ]));
    let other = error(&[
        (b'S', "ERROR"),
        (b'V', "ERROR"),
        (b'C', "57014"),
        (b'M', "no"),
    ]);
    harness.server(&concat(&[other, ready(b'I')]));
    let client = harness.take_client();
    assert_eq!(tags(&client), "EZ");
    assert!(told(&client).contains("57014"));
}

#[test]
fn what_was_parsed_is_judged_anew_when_the_policy_has_changed() {
    let mut harness = Harness::ready(masking_policy().guarded(Guard::open()), Dashed);
    harness.client(&concat(&[parse("s", REFUSED), sync()]));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    harness.take_client();
    harness.to_server.clear();
    let mut policy = masking_policy().guarded(Guard::default());
    policy.sha256 = [8; 32];
    harness.policy = Arc::new(policy);
    let catalog = Arc::clone(&harness.catalog);
    harness
        .session
        .refresh(Arc::clone(&harness.policy), catalog);
    harness.client(&concat(&[bind("", "s", b"x", &[]), execute(""), sync()]));
    assert_eq!(tags(&harness.to_server), "BPS");
    harness.server(&concat(&[message(b'2', b""), syntax_error(), ready(b'I')]));
    let client = harness.take_client();
    assert_eq!(tags(&client), "2EZ");
    is_denial(&client);
}

#[test]
fn an_answer_that_is_no_error_ends_the_session() {
    for answer in [complete("SELECT 1"), ready(b'I'), message(b'I', b"")] {
        let mut harness = guarded();
        harness.client(&query(REFUSED));
        harness.server(&answer);
        assert!(harness.is_finished());
        assert!(!tags(&harness.take_client()).contains('Z'));
    }
}

#[test]
fn function_calls_by_number_are_refused() {
    let mut harness = guarded();
    let call = [&[0, 0, 0, 99][..], &[0; 6]].concat();
    harness.client(&message(b'F', &call));
    assert_eq!(tags(&harness.to_server), "Q");
    harness.server(&concat(&[syntax_error(), ready(b'I')]));
    let client = harness.take_client();
    assert_eq!(tags(&client), "EZ");
    assert!(told(&client).contains("by its number"));
}

#[test]
fn what_cannot_be_read_or_is_too_long_is_refused_and_others_run() {
    let mut harness = guarded();
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    for text in ["SELECT FROM FROM", &long] {
        harness.client(&query(text));
        assert!(!contains(&harness.to_server, b"FROM FROM"));
        assert!(!contains(&harness.to_server, b"xxxxxxxx"));
        harness.server(&concat(&[syntax_error(), ready(b'I')]));
        assert_eq!(tags(&harness.take_client()), "EZ");
    }
    harness.to_server.clear();
    for text in ["", "-- nothing", "SELECT count(*) FROM patients"] {
        harness.client(&query(text));
        assert!(contains(&harness.to_server, text.as_bytes()));
        harness.server(&concat(&[complete("SELECT 0"), ready(b'I')]));
        assert_eq!(tags(&harness.take_client()), "CZ");
    }
}

#[test]
fn a_change_of_names_on_its_way_is_waited_for() {
    let mut harness = guarded();
    harness.client(&query("ALTER TABLE visits RENAME TO others"));
    harness.to_server.clear();
    harness.client(&query("SELECT id FROM others WHERE label = 'a'"));
    assert!(harness.to_server.is_empty());
    harness.server(&concat(&[complete("ALTER TABLE"), ready(b'I')]));
    assert!(!harness.to_server.is_empty());
    // In an open transaction nobody else sees what it has renamed.
    let mut harness = guarded();
    harness.client(&query("BEGIN; ALTER TABLE visits RENAME TO others"));
    let answered = [complete("BEGIN"), complete("ALTER TABLE"), ready(b'T')];
    harness.server(&concat(&answered));
    harness.to_server.clear();
    harness.client(&query("SELECT id FROM people WHERE label LIKE 'a%'"));
    assert!(contains(&harness.to_server, b"refused by the gateway"));
}

#[test]
fn a_policy_without_a_guard_lets_everything_run() {
    let mut harness = masked();
    harness.client(&query(REFUSED));
    assert!(contains(&harness.to_server, REFUSED.as_bytes()));
    let allowing = Guard {
        predicates: Predicates::Allow,
        ..Guard::default()
    };
    let mut harness = Harness::ready(masking_policy().guarded(allowing), Dashed);
    harness.client(&query(REFUSED));
    assert!(contains(&harness.to_server, REFUSED.as_bytes()));
}

#[test]
fn a_statement_waits_until_the_catalog_it_asked_for_is_there() {
    let mut harness = guarded();
    harness.answers_catalog = false;
    harness.client(&query("SELECT label FROM newer WHERE label = 'a'"));
    // Whatever happens meanwhile, it is not judged by the catalog of before.
    harness.run();
    assert!(harness.to_server.is_empty());
    harness.answers_catalog = true;
    harness.run();
    assert!(!harness.to_server.is_empty());
}

#[test]
fn what_is_compared_is_drawn_from_a_budget_by_each_run() {
    let probes = ProbeBudget {
        limit: 3,
        window_s: 1_000_000,
    };
    let guard = Guard {
        probes,
        ..Guard::default()
    };
    let mut harness = Harness::ready(masking_policy().guarded(guard), Dashed);
    let runs = |harness: &mut Harness<Dashed>, bytes: &[u8]| {
        harness.to_server.clear();
        harness.client(bytes);
        let runs = !contains(&harness.to_server, b"refused by the gateway");
        let is_query = tags(&harness.to_server) == "Q";
        let answer = match (runs, is_query) {
            (true, true) => concat(&[complete("SELECT 0"), ready(b'I')]),
            (true, false) => concat(&[message(b'2', b""), complete("SELECT 0"), ready(b'I')]),
            (false, true) => concat(&[syntax_error(), ready(b'I')]),
            (false, false) => concat(&[message(b'2', b""), syntax_error(), ready(b'I')]),
        };
        harness.server(&answer);
        assert!(!harness.is_finished());
        runs
    };
    harness.client(&concat(&[
        parse("s", "SELECT id FROM patients WHERE ssn = $1"),
        sync(),
    ]));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    let run = concat(&[bind("", "s", b"x", &[]), execute(""), sync()]);
    assert!(runs(
        &mut harness,
        &query("PREPARE p AS SELECT 1 FROM patients WHERE ssn = $1")
    ));
    assert!(runs(
        &mut harness,
        &query("SELECT id FROM patients WHERE ssn = 'a'")
    ));
    assert!(runs(&mut harness, &query("EXECUTE p('a')")));
    assert!(!runs(
        &mut harness,
        &query("SELECT id FROM patients WHERE ssn IN ('a', 'b')")
    ));
    assert!(runs(
        &mut harness,
        &query("SELECT id FROM patients WHERE id = 7")
    ));
    assert!(!runs(&mut harness, &run));
}

/// A list that comes as one parameter counts by its elements.
#[test]
fn elements_of_an_array_are_drawn_from_the_budget() {
    let probes = ProbeBudget {
        limit: 5,
        window_s: 1_000_000,
    };
    let guard = Guard {
        probes,
        ..Guard::default()
    };
    let mut harness = Harness::ready(masking_policy().guarded(guard), Dashed);
    harness.client(&concat(&[
        parse("s", "SELECT id FROM patients WHERE ssn = ANY($1)"),
        sync(),
    ]));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    for (list, runs) in [
        (&b"{a,b,c}"[..], true),
        (b"{a,b,c}", false),
        (b"{a}", true),
        (b"{}", true),
        (b"{a}", false),
    ] {
        harness.to_server.clear();
        harness.client(&concat(&[bind("", "s", list, &[]), execute(""), sync()]));
        let refused = contains(&harness.to_server, b"refused by the gateway");
        assert_eq!(!refused, runs, "{}", String::from_utf8_lossy(list));
        let answer = match refused {
            true => syntax_error(),
            false => [message(b'n', b""), complete("SELECT 0")].concat(),
        };
        harness.server(&concat(&[message(b'2', b""), answer, ready(b'I')]));
        assert!(!harness.is_finished());
    }
}

#[test]
fn a_refused_parse_of_the_unnamed_statement_leaves_none() {
    let mut harness = guarded();
    harness.client(&concat(&[parse("", "SELECT 1"), sync()]));
    harness.server(&concat(&[message(b'1', b""), ready(b'I')]));
    harness.to_server.clear();
    harness.client(&concat(&[parse("", REFUSED), sync()]));
    let (tag, body) = frames(&harness.to_server).remove(0);
    assert_eq!((tag, body.first()), (b'P', Some(&0)));
    harness.to_server.clear();
    harness.client(&concat(&[parse("named", REFUSED), sync()]));
    let (tag, body) = frames(&harness.to_server).remove(0);
    assert!(tag == b'P' && body.starts_with(b"velum "));
}

/// One text may run, and what belongs to the session: nothing else, by no way of the protocol.
#[test]
fn of_granted_statements_only_the_exact_text_runs() {
    const GRANTED: &str = "SELECT id FROM patients";
    let hash: [u8; 32] = Sha256::digest(GRANTED).into();
    let guard = Guard {
        statements: Some([hash].into()),
        ..Guard::default()
    };
    let policy = || masking_policy().guarded(guard.clone());
    let mut harness = Harness::ready(policy(), Dashed);
    harness.client(&query("BEGIN"));
    harness.server(&concat(&[complete("BEGIN"), ready(b'T')]));
    assert_eq!(tags(&harness.take_client()), "CZ");
    harness.client(&query(GRANTED));
    assert!(contains(&harness.to_server, GRANTED.as_bytes()));
    for other in [
        "SELECT id FROM patients ",
        "select id from patients",
        "SELECT id FROM patients; SELECT 1",
        "PREPARE p AS SELECT id FROM patients",
        "SELECT 1",
        "no SQL at all",
    ] {
        let mut harness = Harness::ready(policy(), Dashed);
        harness.client(&query(other));
        assert!(
            contains(&harness.to_server, b"refused by the gateway"),
            "{other}"
        );
        harness.server(&concat(&[syntax_error(), ready(b'I')]));
        let text = told(&harness.take_client());
        assert!(
            text.contains("C42501") && text.contains("not granted"),
            "{other}: {text}"
        );
    }
}
