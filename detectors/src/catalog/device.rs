//! Device identifiers and serial numbers: UDI and MAC addresses by shape, the others behind a
//! label (45 CFR 164.514(b)(2)(i)(M)).

use super::Detector;
use super::token::Rule;
use crate::context::Cues;
use crate::scan::{Candidate, Number, Scan, Shape};
use crate::text::{ends_word, run_end, run_start, starts_word};
use crate::validate::checksum;

/// `S/N 12345AB`, `Device ID: 9-8876`, `IMEI 490154203237518`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Device,
    cue: Cues::DEVICE,
    digits: 3..=34,
};

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"01\)[0-9]{14}",
        judge: udi,
    },
    Shape {
        pattern: r"[0-9]{2}-?[0-9]{6}-?[0-9]{6}-?[0-9]",
        judge: imei,
    },
];

/// Longest production part of a UDI: dates, lot and serial number (GS1 General Specifications).
const UDI_BYTES: usize = 120;

/// `(01)00844588003288(17)141120(10)7654321D(21)10987654d321`.
fn udi(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if scan.byte_before(at.start, 1) != Some(b'(') {
        return;
    }
    let gtin = scan.slice(at.start + 3, at.end);
    if !checksum::gs1(gtin) && !at.number.label(scan).cues.has(Cues::DEVICE) {
        return;
    }
    let mut end = at.end;
    while end < at.end + UDI_BYTES && scan.byte(end) == Some(b'(') {
        let code = run_end(scan.text, end + 1, 4, |byte| byte.is_ascii_digit());
        let value = run_end(scan.text, code + 1, 20, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/' | b'.')
        });
        if scan.byte(code) != Some(b')') || value == code + 1 {
            break;
        }
        end = value;
    }
    scan.report(Detector::Device, at.start - 1, end);
}

/// Fifteen digits with a check digit, behind a label or in a column of that name.
fn imei(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let labelled = at.number.cues(scan).has(Cues::DEVICE);
    if labelled && checksum::luhn(scan.slice(at.start, at.end)) {
        scan.report(Detector::Device, at.start, at.end);
    }
}

/// Judges the `:` at `at` as the first of a MAC address (IEEE 802): `00:1a:2b:3c:4d:5e`.
pub(crate) fn colon(scan: &mut Scan<'_>, at: usize) {
    if let Some(start) = at.checked_sub(2) {
        mac(scan, start, b':');
    }
}

/// Judges the number as a part of a MAC address with hyphens: `00-1A-2B-3C-4D-5E`.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if !scan.wants(Detector::Device) || number.len() > 2 {
        return;
    }
    // A digit has a letter beside it, two digits have a hyphen.
    let is_beside = |byte: Option<u8>| match (byte, number.len()) {
        (Some(byte), 1) => byte.is_ascii_hexdigit() && !byte.is_ascii_digit(),
        (byte, _) => byte == Some(b'-'),
    };
    if !is_beside(scan.byte_before(number.start, 1)) && !is_beside(scan.byte(number.end)) {
        return;
    }
    // The first pair with a digit may be a later one: `AC-DE-48-…`.
    let start = run_start(scan.text, number.start, 16, |byte| {
        byte.is_ascii_hexdigit() || byte == b'-'
    });
    if scan.byte(start + 2) == Some(b'-') {
        mac(scan, start, b'-');
    }
}

fn mac(scan: &mut Scan<'_>, start: usize, joint: u8) {
    const MAC_BYTES: usize = 17;
    let text = scan.slice(start, start + MAC_BYTES);
    let joined = |at| text.get(at) == Some(&joint);
    let is_shape = text.len() == MAC_BYTES
        && joined(5)
        && text.iter().enumerate().all(|(at, byte)| match at % 3 {
            2 => *byte == joint,
            _ => byte.is_ascii_hexdigit(),
        });
    if !is_shape || !starts_word(scan.text, start) || !ends_word(scan.text, start + MAC_BYTES) {
        return;
    }
    let outside = |byte: Option<u8>| byte != Some(joint);
    let digit = text.iter().any(u8::is_ascii_digit);
    let nobody = text.iter().all(|byte| *byte == b'0' || *byte == joint)
        || text
            .iter()
            .all(|byte| matches!(byte, b'f' | b'F') || *byte == joint);
    // Hyphens alone join dates and counts, too: a letter makes it an address.
    let letters = joint == b':' || text.iter().any(u8::is_ascii_alphabetic);
    let alone = outside(scan.byte_before(start, 1)) && outside(scan.byte(start + MAC_BYTES));
    if digit && letters && alone && !nobody {
        scan.report(Detector::Device, start, start + MAC_BYTES);
    }
}
