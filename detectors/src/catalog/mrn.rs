//! Medical record numbers: a label and a token with digits, in whatever format a site uses; the
//! number behind the name that heads a line (`DOE, JANE Q  00412345`).

use super::Detector;
use super::token::Rule;
use crate::context::Cues;
use crate::scan::{Number, Scan};
use crate::text::{self, behind_escape, ends_escape, ends_word, run_end, run_start};

/// `MRN: 00123456`, `MRN-A1234567`, `"patient_mrn":"12-34-56"`, `Chart # 123456`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Mrn,
    cue: Cues::MRN,
    digits: 4..=16,
};

/// Digits of a number behind a name; in a line of small letters one more, as any word can stand
/// there.
const DIGITS: usize = 6;
/// Bytes of a name with its label, and of what stands between it and the number.
const HEAD_BYTES: usize = 64;
const GAP_BYTES: usize = 16;

/// Judges the number as the one behind `Doe, Jane` at the beginning of a line.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if !(scan.wants(Detector::Mrn) || scan.wants(Detector::Name)) || !may_be_record(number.len()) {
        return;
    }
    let end = run_end(scan.text, number.end, 8, |byte| {
        byte.is_ascii_digit() || byte == b'-'
    });
    let digits = text::digits(scan.slice(number.start, end));
    if digits < DIGITS {
        return;
    }
    let start = run_start(scan.text, number.start, 2, |byte| {
        byte.is_ascii_alphabetic()
    });
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'(' | b'#' | b'|');
    let gap = run_start(scan.text, start, GAP_BYTES, blank);
    let closed = ends_word(scan.text, end) && scan.byte_before(end, 1) != Some(b'-');
    if gap == start || !closed {
        return;
    }
    let Some(name) = head(scan, gap) else { return };
    let small = scan
        .slice(name, gap)
        .iter()
        .all(|byte| !byte.is_ascii_uppercase());
    if !small || digits > DIGITS || end > number.end {
        scan.report(Detector::Name, name, gap);
        scan.report(Detector::Mrn, start, end);
    }
}

/// Whether a run of so many digits may be a record number, or the first group of one.
pub(crate) const fn may_be_record(digits: usize) -> bool {
    digits == 2 || (digits >= DIGITS && digits <= 12)
}

/// Where `Doe, Jane Q.` begins that ends at `end` and with which its line begins.
fn head(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let part = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80 || b" ,.'-".contains(&byte);
    let start = run_start(scan.text, end, HEAD_BYTES, part);
    let start = behind_escape(scan.text, start, end);
    let begins = match scan.byte_before(start, 1) {
        None => scan.around.at_start,
        Some(byte) => matches!(byte, b'\n' | b'\r') || ends_escape(scan.text, start),
    };
    let name = scan.slice(start, end);
    let comma = memchr::memchr(b',', name)?;
    let (last, first) = name.split_at(comma);
    let first = first.get(1..)?;
    let first = first.strip_prefix(b" ").unwrap_or(first);
    let words = |part: &[u8]| part.split(|byte| *byte == b' ').count();
    let letters = |part: &[u8]| part.len() >= 2 && !part.starts_with(b" ");
    let whole = begins
        && letters(last)
        && letters(first)
        && words(last) <= 2
        && words(first) <= 2
        && !first.contains(&b',');
    whole.then_some(start)
}
