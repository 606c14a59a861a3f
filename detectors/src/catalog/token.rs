//! Labelled tokens: identifiers that have no shape of their own, only a label and digits.

use std::ops::RangeInclusive;

use super::{Detector, account, device, health_plan, license, mrn, other, vin};
use crate::context::{Cues, PREFIX_BYTES};
use crate::scan::{Number, Scan};
use crate::text::{digits, ends_escape, run_end, run_start};
use crate::validate::calendar;

/// What makes a token an identifier of a family.
pub(crate) struct Rule {
    pub(crate) detector: Detector,
    /// The label before the token, or in the name of its column if the token is the whole value.
    pub(crate) cue: Cues,
    /// Digits that the token must hold.
    pub(crate) digits: RangeInclusive<usize>,
}

const RULES: [&Rule; 7] = [
    &mrn::RULE,
    &account::RULE,
    &health_plan::RULE,
    &vin::RULE,
    &license::RULE,
    &device::RULE,
    &other::RULE,
];

/// All that a label or a column can say for a token.
pub(crate) const CUES: Cues = {
    let mut cues = Cues::NONE;
    let mut at = 0;
    while at < RULES.len() {
        cues = cues.and(RULES[at].cue);
        at += 1;
    }
    cues
};

/// Bytes that a token may have from its first digit on.
const SUFFIX_BYTES: usize = 40;

/// Applies the rules to the token whose first digit is the number's.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    let end = end_of(scan.text, number.start);
    let count = digits(scan.slice(number.start, end));
    if count < 3 {
        return;
    }
    let label = number.label(scan);
    let start = start_of(scan.text, number.start).max(label.end);
    let start = start + usize::from(scan.byte(start) == Some(b'-'));
    let column = if scan.is_whole(start, end) {
        scan.column()
    } else {
        Cues::NONE
    };
    let cues = label.cues | column;
    if is_year(scan.slice(start, end)) && has_word(scan.slice(label.end, start)) {
        return;
    }
    for rule in RULES {
        if !cues.has(rule.cue) || !rule.digits.contains(&count) {
            continue;
        }
        if rule.detector == Detector::Vin && !vin::is_shape(scan.slice(start, end)) {
            continue;
        }
        scan.report(rule.detector, start, end);
    }
}

/// `certificate of 2019` names no certificate.
fn is_year(token: &[u8]) -> bool {
    token.len() == 4 && (1900..=2099).contains(&calendar::number(token))
}

fn has_word(between: &[u8]) -> bool {
    between.iter().any(u8::is_ascii_alphabetic)
}

/// One past the token: letters and digits, joined by single hyphens, or blanks between groups
/// of digits as in an IBAN.
fn end_of(text: &[u8], from: usize) -> usize {
    let limit = from + SUFFIX_BYTES;
    let mut end = from;
    while end < limit {
        let word = run_end(text, end, limit - end, |byte| byte.is_ascii_alphanumeric());
        if word == end {
            // A joint without a word behind it belongs to the sentence.
            return end - usize::from(end > from);
        }
        end = word;
        let joined = match (text.get(end), text.get(end + 1)) {
            (Some(b'-' | b'/' | b'.'), Some(next)) if next.is_ascii_digit() => true,
            // `445566-C`, but not `445566-stable`.
            (Some(b'-'), Some(next)) => next.is_ascii_uppercase(),
            _ => false,
        };
        if !joined {
            return end;
        }
        end += 1;
    }
    end
}

fn start_of(text: &[u8], first_digit: usize) -> usize {
    let start = run_start(text, first_digit, PREFIX_BYTES, |byte| {
        byte.is_ascii_alphabetic() || byte == b'-'
    });
    // The letter of an escape stays where it is: masking it would break the escape.
    (start..=first_digit)
        .rev()
        .find(|at| ends_escape(text, *at))
        .unwrap_or(start)
}
