//! A client that says Terminate: what it asked for before is answered, nothing after.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use support::*;
use velum_core::audit::record::{Body, Status};
use velum_core::time::Timestamp;

fn terminate() -> Vec<u8> {
    message(b'X', b"")
}

fn reason(harness: &Harness<Dashed>) -> &str {
    match &harness.records.last().unwrap().body {
        Body::SessionClosed { reason, .. } => reason,
        _ => "still open",
    }
}

#[test]
fn what_was_asked_before_terminate_is_answered() {
    let mut harness = masked();
    let asked = query("SELECT ssn FROM patients");
    harness.client(&concat(&[asked.clone(), terminate(), query("SELECT 1")]));
    assert_eq!(
        harness.to_server,
        concat(&[asked, terminate()]),
        "nothing after it"
    );
    assert!(!harness.is_finished());
    harness.server(&concat(&[
        row_description(&[SSN]),
        data_row(&[Some(b"531-77-0294")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]));
    assert!(harness.is_finished());
    assert_eq!(tags(&harness.to_client), "TDCZ");
    assert!(!contains(&harness.to_client, b"531-77-0294"));
    assert_eq!(reason(&harness), "client terminated");
    assert!(matches!(
        harness.outcomes()[..],
        [Body::Outcome {
            status: Status::Completed,
            ..
        }]
    ));
}

#[test]
fn terminate_in_an_open_transaction_ends_at_once() {
    let mut harness = masked();
    harness.client(&query("BEGIN"));
    harness.server(&concat(&[complete("BEGIN"), ready(b'T')]));
    harness.client(&terminate());
    assert!(harness.is_finished());
    assert_eq!(
        reason(&harness),
        "client terminated; a transaction was open"
    );
}

#[test]
fn a_server_that_leaves_with_the_client_is_not_an_error() {
    let mut harness = masked();
    harness.client(&concat(&[
        parse("", "SELECT 1"),
        bind("", "", b"", &[]),
        execute(""),
        terminate(),
    ]));
    harness.session.server_lost(Timestamp(9));
    harness.run();
    assert!(harness.is_finished());
    assert!(
        harness.to_client.is_empty(),
        "PostgreSQL says nothing either"
    );
}
