//! Record numbers beside the name that heads a note: `DOE, JANE Q  00412345`.

use crate::catalog::Detector;
use crate::scan::Scan;
use crate::text::{self, ends_word, run_end, run_start};

/// Blanks and signs between a name and its number.
const GAP_BYTES: usize = 24;
/// A label before the name: `Patient Name: `.
const LABEL_BYTES: usize = 24;
/// Letters before the digits.
const LETTERS: usize = 2;
/// Digits and hyphens of a number, and how many digits it has at least.
const NUMBER_BYTES: usize = 12;
const LEAST_DIGITS: usize = 6;

/// Reports the number behind a name of several words, or behind any with which a line begins or
/// that has a label on it.
pub(super) fn beside(scan: &mut Scan<'_>, start: usize, end: usize) {
    if !scan.wants(Detector::Mrn) {
        return;
    }
    let whole = scan
        .slice(start, end)
        .iter()
        .any(|byte| matches!(byte, b' ' | b','));
    let heads = begins_line(scan, start);
    if !(whole || heads) {
        return;
    }
    let joint = |byte: u8| match byte {
        b' ' | b'\t' | b',' | b'|' | b'(' | b'#' | b'-' | b'/' => true,
        // In a sentence these end what is said of the name.
        b'.' | b';' => heads,
        _ => false,
    };
    let mut from = run_end(scan.text, end, GAP_BYTES, joint);
    // An initial that was not taken for part of the name.
    if let [b'A'..=b'Z', b' ' | b'.' | b',', ..] = scan.slice(from, from + 2) {
        from = run_end(scan.text, from + 1, GAP_BYTES, joint);
    }
    if from > end {
        number(scan, from);
    }
    // `Doe, Jane: 1/31/1985, 00412345`
    if let Some(birth) = birth_end(scan.text, end, from) {
        let behind = run_end(scan.text, birth, GAP_BYTES, joint);
        if behind > birth {
            number(scan, behind);
        }
    }
}

/// Reports the number at `from`, if it is long enough and no part of anything else.
fn number(scan: &mut Scan<'_>, from: usize) {
    let digits = run_end(scan.text, from, LETTERS, |byte| byte.is_ascii_alphabetic());
    let to = run_end(scan.text, digits, NUMBER_BYTES, |byte| {
        byte.is_ascii_digit() || byte == b'-'
    });
    let count = text::digits(scan.slice(digits, to));
    let part = matches!(scan.byte(to), Some(b'/' | b':' | b'@' | b'%'));
    let first = scan.byte(digits).is_some_and(|byte| byte.is_ascii_digit());
    let last = scan
        .byte_before(to, 1)
        .is_some_and(|byte| byte.is_ascii_digit());
    if count >= LEAST_DIGITS && first && last && !part && ends_word(scan.text, to) {
        scan.report(Detector::Mrn, from, to);
    }
}

/// One past a date of birth behind a name: `: Jan 31, 1985`, ` DOB 1/31/85`.
fn birth_end(text: &[u8], name: usize, from: usize) -> Option<usize> {
    const PARTS: usize = 3;
    const PART_BYTES: usize = 9;
    let colon = run_end(text, name, 2, |byte| matches!(byte, b':' | b' '));
    let mut at = from.max(colon);
    if text
        .get(at..at + 3)
        .is_some_and(|label| label.eq_ignore_ascii_case(b"dob"))
    {
        at = run_end(text, at + 3, 3, |byte| matches!(byte, b':' | b' '));
    }
    let mut digits = 0;
    for part in 0..PARTS {
        let end = run_end(text, at, PART_BYTES, |byte| byte.is_ascii_alphanumeric());
        let word = text.get(at..end).unwrap_or_default();
        let number = word.len() <= 4 && word.iter().all(u8::is_ascii_digit);
        let month = word.len() >= 3 && word.iter().all(u8::is_ascii_alphabetic);
        if word.is_empty() || !(number || month) {
            return None;
        }
        digits += usize::from(number);
        at = end;
        if part + 1 < PARTS {
            at = run_end(text, end, 2, |byte| {
                matches!(byte, b'/' | b'-' | b' ' | b',' | b'.')
            });
            if at == end {
                return None;
            }
        }
    }
    (digits >= 2).then_some(at)
}

/// Whether a line begins with the name, or with a label of it.
fn begins_line(scan: &Scan<'_>, start: usize) -> bool {
    let label = run_start(scan.text, start, LABEL_BYTES, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b' ' | b':' | b'#' | b'*' | b'-')
    });
    let labelled = label == start || scan.slice(label, start).contains(&b':');
    match scan.byte_before(label, 1) {
        None => scan.around.at_start && labelled,
        Some(byte) => matches!(byte, b'\n' | b'\r') && labelled,
    }
}
