//! Portals whose rows are another's: the server fetches them all when a FETCH or an EXECUTE runs
//! first, and describes by whatever has the name later.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::*;

/// A row of a column under a rule, or of one under none.
const RULED: (&str, u32, i16, u32, u16) = ("x", PATIENTS, 3, 25, 0);
const CLEAN: (&str, u32, i16, u32, u16) = ("x", PATIENTS, 1, 25, 0);
const VALUE: &[u8] = b"Miller";

/// A row, and there are more.
fn suspended() -> Vec<u8> {
    concat(&[data_row(&[Some(VALUE)]), message(b's', b""), ready(b'T')])
}

/// A portal of `FETCH` that has given a row of a column which was described so.
fn begun(column: (&str, u32, i16, u32, u16)) -> Harness<Dashed> {
    let mut harness = rules_alone();
    let said = [
        parse("", "FETCH ALL FROM c"),
        bind("po", "", b"", &[0]),
        execute("po"),
        sync(),
    ];
    harness.client(&concat(&said));
    let questions = harness
        .to_server
        .iter()
        .filter(|byte| **byte == b'D')
        .count();
    assert!(questions > 0, "Velum asks behind the Bind");
    harness.server(&concat(&[
        message(b'1', b""),
        message(b'2', b""),
        row_description(&[column]),
        suspended(),
    ]));
    assert!(!harness.is_finished());
    harness
}

/// The server is told nothing but this.
fn sends(harness: &mut Harness<Dashed>, said: &[Vec<u8>]) {
    harness.take_server();
    harness.client(&concat(said));
    assert_eq!(harness.take_server(), said.concat(), "no question between");
}

#[test]
fn rows_that_are_left_over_are_judged_like_the_first() {
    for (column, shown) in [(RULED, false), (CLEAN, true)] {
        let mut harness = begun(column);
        assert_eq!(contains(&harness.take_client(), VALUE), shown);
        for _ in 0..2 {
            sends(&mut harness, &[execute("po"), sync()]);
            harness.server(&suspended());
            assert!(!harness.is_finished());
            assert_eq!(contains(&harness.take_client(), VALUE), shown);
        }
    }
}

#[test]
fn after_anything_else_ran_they_show_nothing_and_nobody_asks() {
    let mut harness = begun(RULED);
    harness.client(&query("CLOSE c"));
    harness.server(&concat(&[complete("CLOSE CURSOR"), ready(b'T')]));
    harness.take_client();
    for _ in 0..2 {
        sends(&mut harness, &[execute("po"), sync()]);
        harness.server(&suspended());
        assert!(!harness.is_finished());
        assert!(!contains(&harness.take_client(), VALUE));
    }
}

#[test]
fn a_description_of_what_has_the_name_now_is_not_believed() {
    let mut harness = begun(RULED);
    harness.client(&query(
        "CLOSE c; DECLARE c CURSOR FOR SELECT id AS x FROM patients",
    ));
    harness.server(&concat(&[
        complete("CLOSE CURSOR"),
        complete("DECLARE CURSOR"),
        ready(b'T'),
    ]));
    harness.take_client();
    sends(&mut harness, &[describe(b'P', "po"), execute("po"), sync()]);
    harness.server(&concat(&[row_description(&[CLEAN]), suspended()]));
    assert!(!harness.is_finished());
    assert!(!contains(&harness.take_client(), VALUE));
}

/// A function opened it, so that no text says what it is.
#[test]
fn a_cursor_out_of_sight_is_held_to_its_first_description() {
    let mut harness = rules_alone();
    for (column, shown) in [(CLEAN, true), (CLEAN, true), (RULED, false), (CLEAN, true)] {
        harness.client(&concat(&[execute("hidden"), sync()]));
        harness.server(&concat(&[row_description(&[column]), suspended()]));
        assert!(!harness.is_finished());
        assert_eq!(contains(&harness.take_client(), VALUE), shown);
    }
    let mut harness = rules_alone();
    for column in [RULED, CLEAN] {
        harness.client(&concat(&[execute("hidden"), sync()]));
        harness.server(&concat(&[row_description(&[column]), suspended()]));
        assert!(!contains(&harness.take_client(), VALUE));
    }
}
