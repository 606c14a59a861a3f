//! COPYs whose names could mean another thing when they run: nothing of them is shown.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::*;

/// What a COPY names is asked about before the whole text runs: a statement in front of it could
/// give the name another meaning, and may run code that does.
#[test]
fn a_copy_behind_other_statements_is_masked_whole() {
    for text in [
        "SET search_path = other; COPY patients TO STDOUT",
        "SELECT * FROM v; COPY patients TO STDOUT",
        "COPY (SELECT f()) TO STDOUT; COPY patients TO STDOUT",
    ] {
        let mut harness = rules_alone();
        harness.client(&query(text));
        let asked = tags(&harness.take_server());
        if text.starts_with("COPY") {
            assert_eq!(asked, "PDCS");
            harness.server(&copy_described(&[("x", PATIENTS, 1, 23, 0)]));
            harness.server(&copied_out(0, b"7\n"));
            assert!(contains(&harness.take_client(), b"7\n"));
        } else {
            assert_eq!(asked, "Q", "{text}");
        }
        harness.server(&copied_out(0, b"Miller\n"));
        harness.server(&ready(b'I'));
        assert!(contains(&harness.to_client, b"XXXXXX\n"), "{text}");
    }
    let mut harness = rules_alone();
    harness.client(&query("BEGIN; COPY patients TO STDOUT"));
    assert_eq!(tags(&harness.to_server), "PDCS");
}

/// A Sync of the gateway's own would end the transaction that the client's messages have begun.
#[test]
fn a_copy_behind_messages_without_sync_is_masked_whole() {
    let mut harness = rules_alone();
    harness.client(&parse("s", "INSERT INTO t VALUES (1)"));
    harness.server(&message(b'1', b""));
    harness.client(&query("COPY patients TO STDOUT"));
    assert_eq!(tags(&harness.take_server()), "PQ");
}

/// Nobody reads a text of megabytes to find the COPY in it.
#[test]
fn a_copy_in_a_huge_text_is_masked_whole() {
    for (padding, is_asked) in [(1_000, true), (2 << 20, false)] {
        let mut harness = rules_alone();
        let text = format!("COPY patients TO STDOUT /* {} */", "-".repeat(padding));
        harness.client(&query(&text));
        // It may write, so it waits for its record.
        harness.run();
        let asked = tags(&harness.take_server());
        assert_eq!(asked, if is_asked { "PDCS" } else { "Q" });
        if is_asked {
            continue;
        }
        harness.server(&copied_out(0, b"Miller\n"));
        assert!(contains(&harness.to_client, b"XXXXXX\n"));
    }
}
