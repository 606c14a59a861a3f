//! Rows too large for the usual window whose values cannot be judged in parts: they are held
//! whole up to a bound, and refused before their first byte beyond it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use proptest::prelude::*;
use support::*;
use velum_core::audit::record::Body;
use velum_core::limits::{ROW_HELD_BYTES, ROW_WHOLE_BYTES};

const TEXT_ARRAY: u32 = 1009;
const TSVECTOR: u32 = 3614;

/// A one-dimensional `text[]` in its binary form.
fn text_array(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for head in [1, 0, 25, elements.len() as u32, 1] {
        out.extend_from_slice(&head.to_be_bytes());
    }
    for element in elements {
        out.extend_from_slice(&(element.len() as u32).to_be_bytes());
        out.extend_from_slice(element);
    }
    out
}

/// An array of about `bytes`, with an SSN in the element at the head, and in the last.
fn array_with_ssns(bytes: usize, ssn: &[u8]) -> Vec<u8> {
    let mut elements = vec![b"harmless".to_vec(); bytes / 12];
    elements[0] = ssn.to_vec();
    *elements.last_mut().unwrap() = [b"said ", ssn].concat();
    text_array(&elements)
}

fn answer(value: &[u8], type_oid: u32) -> Vec<u8> {
    concat(&[
        row_description(&[("id", 0, 0, 25, 0), ("v", 0, 0, type_oid, 1)]),
        data_row(&[Some(b"first"), None]),
        data_row(&[Some(b"second"), Some(value)]),
        complete("SELECT 2"),
        ready(b'I'),
    ])
}

/// What the client gets of an answer that comes in such chunks, and the session after it.
fn got(answer: &[u8], sizes: &[usize]) -> (Vec<u8>, Harness<Dashed>) {
    let mut harness = Harness::ready(masking_policy(), Dashed);
    harness.client(&query("SELECT 'a', 'b'"));
    let (mut rest, mut sizes) = (answer, sizes.iter().cycle());
    while !rest.is_empty() && !harness.is_finished() {
        let (head, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        harness.server(head);
        rest = tail;
    }
    (harness.take_client(), harness)
}

#[test]
fn an_array_of_any_bearable_size_is_masked_as_a_small_one() {
    for bytes in [1_000, ROW_WHOLE_BYTES + 1, 3_000_000, 15_000_000] {
        let value = array_with_ssns(bytes, b"531-77-0294");
        let (seen, harness) = got(&answer(&value, TEXT_ARRAY), &[65_536]);
        assert!(!harness.is_finished(), "{bytes}");
        assert_eq!(tags(&seen), "TDDCZ", "{bytes}");
        assert!(
            !contains(&seen, b"531-77") && contains(&seen, b"said "),
            "{bytes}"
        );
        let count = |bytes: &[u8]| memchr::memmem::find_iter(bytes, b"harmless").count();
        assert_eq!(count(&seen), count(&value), "{bytes}");
    }
}

/// A COPY of one column: the question about it, then a row.
fn copied(statement: &str, type_oid: u32, format: u8, row: &[u8]) -> (Vec<u8>, Harness<Dashed>) {
    let mut harness = Harness::ready(masking_policy(), Dashed);
    harness.client(&query(statement));
    harness.server(&copy_described(&[("v", 0, 0, type_oid, 0)]));
    for part in copied_out(format, row).chunks(65_536) {
        harness.server(part);
    }
    harness.server(&ready(b'I'));
    (harness.take_client(), harness)
}

#[test]
fn a_copy_with_a_large_array_is_masked_as_a_small_one() {
    let value = array_with_ssns(300_000, b"531-77-0294");
    let row = [
        b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".as_slice(),
        &1u16.to_be_bytes(),
        &(value.len() as u32).to_be_bytes(),
        &value,
    ]
    .concat();
    let copy = "COPY (SELECT 'a') TO STDOUT (FORMAT binary)";
    let (seen, harness) = copied(copy, TEXT_ARRAY, 1, &row);
    assert!(!harness.is_finished());
    assert_eq!(tags(&seen), "HdcCZ");
    assert!(!contains(&seen, b"531-77") && contains(&seen, b"said "));
}

/// Some encodings would take the backslash for the second half of a character.
#[test]
fn a_large_line_that_could_be_cut_elsewhere_is_masked_whole() {
    let note = "he said \u{201c}no\u{201d}\\n".repeat(20_000);
    let row = [note.as_bytes(), b"\n"].concat();
    let (seen, harness) = copied("COPY (SELECT 'a') TO STDOUT", 25, 0, &row);
    assert!(!harness.is_finished());
    assert_eq!(tags(&seen), "HdcCZ");
    assert!(!contains(&seen, b"said"));
}

#[test]
fn what_cannot_be_taken_apart_does_not_end_the_session() {
    let value = vec![b'x'; 200_000];
    let (seen, harness) = got(&answer(&value, TSVECTOR), &[65_536]);
    assert!(!harness.is_finished());
    assert_eq!(tags(&seen), "TDDCZ");
}

#[test]
fn what_is_larger_is_refused_before_its_first_byte() {
    let value = array_with_ssns(ROW_HELD_BYTES * 2, b"531-77-0294");
    let (seen, harness) = got(&answer(&value, TEXT_ARRAY), &[65_536]);
    assert!(harness.is_finished());
    assert_eq!(tags(&seen), "TDE", "the row before came whole");
    assert!(contains(&seen, b"C54000\0") && !contains(&seen, b"second"));
    let failed = |body: &&Body| match body {
        Body::Outcome { sqlstate, .. } => sqlstate.as_ref() == Some(b"54000"),
        _ => false,
    };
    assert_eq!(harness.outcomes().into_iter().filter(failed).count(), 1);
}

#[test]
fn a_small_array_beside_a_huge_text_streams() {
    let huge = vec![b'.'; ROW_HELD_BYTES + 1_000];
    let small = array_with_ssns(60, b"531-77-0294");
    let answer = concat(&[
        row_description(&[("v", 0, 0, TEXT_ARRAY, 1), ("t", 0, 0, 25, 0)]),
        data_row(&[Some(&small), Some(&huge)]),
        complete("SELECT 1"),
        ready(b'I'),
    ]);
    let (seen, harness) = got(&answer, &[65_536]);
    assert!(!harness.is_finished());
    assert_eq!(seen.len(), answer.len());
    assert!(!contains(&seen, b"531-77"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn chunks_do_not_change_what_becomes_of_an_array(
        sizes in prop::collection::vec(1usize..90_000, 1..20),
        bytes in 100_000usize..300_000,
    ) {
        let value = array_with_ssns(bytes, b"531-77-0294");
        let answer = answer(&value, TEXT_ARRAY);
        let (expected, _) = got(&answer, &[answer.len()]);
        prop_assert!(!contains(&expected, b"531-77"));
        prop_assert!(got(&answer, &sizes).0 == expected);
    }
}
