//! Vehicles: identification numbers (49 CFR 565: 17 characters, no I, O or Q, a check digit) and
//! licence plates behind a label.

use super::Detector;
use super::token::Rule;
use crate::context::Cues;
use crate::scan::{Number, Scan};
use crate::text::{ends_word, run_end, run_start, starts_word};
use crate::validate::checksum;

/// `VIN 1HGCM82633A004352`: behind a label whatever the check digit.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Vin,
    cue: Cues::VIN,
    digits: 3..=17,
};

const VIN_BYTES: usize = 17;
/// Shortest plate that is told from a count.
pub(crate) const PLATE_BYTES: usize = 4;

/// Whether the token has the shape of a VIN.
pub(crate) fn is_shape(token: &[u8]) -> bool {
    token.len() == VIN_BYTES
        && token.iter().all(|byte| {
            let upper = byte.to_ascii_uppercase();
            byte.is_ascii_alphanumeric() && !matches!(upper, b'I' | b'O' | b'Q')
        })
}

/// Judges the number as the first digits of a VIN or a plate.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if scan.wants(Detector::Vin) {
        unlabelled(scan, number);
        plate(scan, number);
    }
}

/// A VIN by its check digit: one of eleven words of this shape passes, so it takes capitals,
/// letters and the six digits that end it, too.
fn unlabelled(scan: &mut Scan<'_>, number: &Number) {
    let start = run_start(scan.text, number.start, VIN_BYTES, |byte| {
        byte.is_ascii_uppercase()
    });
    let token = scan.slice(start, start + VIN_BYTES);
    // Most tokens end this here.
    if !is_shape(token) {
        return;
    }
    let tail = token.get(VIN_BYTES - 4..).unwrap_or_default();
    let letters = token
        .iter()
        .filter(|byte| byte.is_ascii_uppercase())
        .count();
    let is = tail.iter().all(u8::is_ascii_digit)
        && letters >= 3
        && !token.iter().any(u8::is_ascii_lowercase)
        && checksum::vin(token);
    if is && scan.is_word(start, start + VIN_BYTES) {
        scan.report(Detector::Vin, start, start + VIN_BYTES);
    }
}

/// `Plate: ABC 1234`, `license plate 7XYZ123`: at most eight letters and digits in two groups.
fn plate(scan: &mut Scan<'_>, number: &Number) {
    if number.len() > 6 {
        return;
    }
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let word = run_start(scan.text, number.start, 4, is_part);
    let joint = run_start(scan.text, word, 1, |byte| matches!(byte, b' ' | b'-'));
    let group = run_start(scan.text, joint, 4, |byte| byte.is_ascii_uppercase());
    let far = joint < word && group < joint && starts_word(scan.text, group);
    let mut end = run_end(scan.text, number.end, 7, is_part);
    let second = run_end(scan.text, end + 1, 5, is_part);
    let joined = matches!(scan.byte(end), Some(b' ' | b'-')) && second > end + 2;
    if joined && second - word <= 9 && ends_word(scan.text, second) {
        end = second;
    }
    let longest = end - if far { group } else { word };
    if longest < PLATE_BYTES || !number.label(scan).cues.has(Cues::PLATE) {
        return;
    }
    let start = if far && group >= number.label(scan).end {
        group
    } else {
        word
    };
    if end - start >= PLATE_BYTES && scan.is_word(start, end) {
        scan.report(Detector::Vin, start, end);
    }
}
