//! Record numbers beside the name that heads a note: `DOE, JANE Q  00412345`.

use crate::catalog::Detector;
use crate::scan::Scan;
use crate::text::{ends_word, run_end, run_start};

/// Blanks and signs between a name and its number.
const GAP_BYTES: usize = 24;
/// A label before the name: `Patient Name: `.
const LABEL_BYTES: usize = 24;
/// Letters before the digits.
const LETTERS: usize = 2;
/// Digits and hyphens of a number, and how many digits it has at least.
const NUMBER_BYTES: usize = 12;
const LEAST_DIGITS: usize = 6;

/// Reports the number behind a name with which a line begins, or behind a label on it.
pub(super) fn beside(scan: &mut Scan<'_>, start: usize, end: usize) {
    let label = run_start(scan.text, start, LABEL_BYTES, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b' ' | b':' | b'#' | b'*' | b'-')
    });
    let labelled = label == start || scan.slice(label, start).contains(&b':');
    let begins = match scan.byte_before(label, 1) {
        None => scan.around.at_start && labelled,
        Some(byte) => matches!(byte, b'\n' | b'\r') && labelled,
    };
    if !begins || !scan.wants(Detector::Mrn) {
        return;
    }
    let joint = |byte: u8| {
        matches!(
            byte,
            b' ' | b'\t' | b',' | b'.' | b';' | b'|' | b'(' | b'#' | b'-' | b'/'
        )
    };
    let mut from = run_end(scan.text, end, GAP_BYTES, joint);
    // An initial that was not taken for part of the name.
    if let [b'A'..=b'Z', b' ' | b'.' | b',', ..] = scan.slice(from, from + 2) {
        from = run_end(scan.text, from + 1, GAP_BYTES, joint);
    }
    let digits = run_end(scan.text, from, LETTERS, |byte| byte.is_ascii_uppercase());
    let to = run_end(scan.text, digits, NUMBER_BYTES, |byte| {
        byte.is_ascii_digit() || byte == b'-'
    });
    let count = scan
        .slice(digits, to)
        .iter()
        .filter(|byte| **byte != b'-')
        .count();
    let part = matches!(scan.byte(to), Some(b'/' | b':' | b'@' | b'%'));
    let first = scan.byte(digits).is_some_and(|byte| byte.is_ascii_digit());
    let last = scan
        .byte_before(to, 1)
        .is_some_and(|byte| byte.is_ascii_digit());
    if from > end && count >= LEAST_DIGITS && first && last && !part && ends_word(scan.text, to) {
        scan.report(Detector::Mrn, from, to);
    }
}
