//! Keys with values: rows of (entity, attribute, value) tables, and texts with a key a line.

use super::report_whole;
use crate::catalog::{Detector, name};
use crate::columns::{self, Kind};
use crate::scan::Scan;
use crate::text::{digits, run_end};

/// Longest value of a key column that is taken whole; a longer one is prose.
const VALUE_BYTES: usize = 512;
const KEY_BYTES: usize = 40;
/// Digits of a key, as in `address_line_2`; one with more is a value itself.
const KEY_DIGITS: usize = 2;
const LINE_VALUE_BYTES: usize = 80;

/// The text is the value of this key: all of it is what the key says.
pub(super) fn value_of(scan: &mut Scan<'_>, key: &[u8]) {
    if let Kind::Whole(detector) = columns::of_name(key, None)
        && scan.text.len() <= VALUE_BYTES
    {
        let text = scan.text;
        let start = text.len() - text.trim_ascii_start().len();
        report_whole(scan, detector, start, start + text.trim_ascii().len());
    }
}

/// Lines such as `MRN: A-1`, `Last name = Doe`, `home_phone|555 0100`.
pub(super) fn find(scan: &mut Scan<'_>) {
    let text = scan.text;
    let mut at = 0;
    while at < text.len() {
        let end = text
            .get(at..)
            .and_then(|rest| memchr::memchr2(b'\n', b'\r', rest))
            .map_or(text.len(), |len| at + len);
        line(scan, at, end);
        at = end + 1;
    }
}

fn line(scan: &mut Scan<'_>, start: usize, end: usize) {
    let from = run_end(scan.text, start, 16, |byte| {
        matches!(byte, b' ' | b'\t' | b'-' | b'*' | b'"')
    });
    let sign = run_end(scan.text, from, KEY_BYTES, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b'-' | b'\'' | b'#' | b'.')
    });
    let numbered = digits(scan.slice(from, sign)) > KEY_DIGITS;
    if sign == from
        || numbered
        || !matches!(scan.byte(sign), Some(b':' | b'=' | b'|' | b'\t' | b'"'))
    {
        return;
    }
    let value = run_end(scan.text, sign, 12, |byte| {
        matches!(byte, b':' | b'=' | b'|' | b'\t' | b' ' | b'"' | b'\'')
    });
    if value >= end || end - value > LINE_VALUE_BYTES {
        return;
    }
    let Kind::Whole(detector) = columns::of_name(scan.slice(from, sign), None) else {
        return;
    };
    let text = scan.slice(value, end);
    let double = text.windows(2).position(|pair| pair == b"  ");
    let text = text.get(..double.unwrap_or(text.len())).unwrap_or(text);
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b",").unwrap_or(text);
    let text = text.strip_suffix(b"\"").unwrap_or(text);
    if fits(detector, text) {
        report_whole(scan, detector, value, value + text.len());
    }
}

/// Whether the rest of a line can be such a value and nothing else: in a note a sentence may
/// follow the key.
fn fits(detector: Detector, text: &[u8]) -> bool {
    let count = text
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .count();
    let capitals = text.split(|byte| *byte == b' ').all(|word| {
        word.first()
            .is_none_or(|byte| byte.is_ascii_uppercase() || *byte >= 0x80)
    });
    let all = |others: &[u8]| {
        text.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80 || others.contains(byte))
    };
    let digit = text.iter().any(u8::is_ascii_digit);
    if name::is_placeholder(text) {
        return false;
    }
    match detector {
        Detector::Name | Detector::Org => !digit && count <= 5 && capitals && all(b" ,.'-"),
        Detector::Address => count <= 3 && !digit && capitals && all(b" .'-"),
        // Their families know all their shapes.
        Detector::Date | Detector::Email | Detector::Url | Detector::Ip => false,
        Detector::Phone | Detector::Fax => {
            digits(text) >= 7
                && text.iter().all(|byte| !byte.is_ascii_alphabetic())
                && all(b" ()+-./")
        }
        _ => digit && count == 1 && all(b"-./#"),
    }
}
