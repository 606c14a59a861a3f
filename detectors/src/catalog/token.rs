//! Labelled tokens: identifiers that have no shape of their own, only a label and digits.

use std::ops::{Range, RangeInclusive};

use super::{Detector, account, device, health_plan, license, mrn, other, vin};
use crate::context::{self, Cues, Label, PREFIX_BYTES};
use crate::scan::{Number, Scan};
use crate::text::{behind_escape, digits, ends_word, run_end, run_start};
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

/// Digits that any token has.
const LEAST_DIGITS: usize = 3;
/// Bytes that a token may have from its first digit on.
const SUFFIX_BYTES: usize = 40;

/// Bytes between a label and a token of groups, and digits of a group.
const GROUP_GAP_BYTES: usize = 16;
const GROUP_DIGITS: usize = 4;

/// Tokens of a list whose first one has the label: `MRNs 1234567, 7654321 and 9988776`.
const LISTED: usize = 4;

/// Whether a label may be found that does not stand before the number: behind it, or before the
/// first number of a list.
#[inline]
pub(crate) fn may_be_labelled_elsewhere(before: [u8; 2], after: [u8; 2]) -> bool {
    let named = after[0] == b'(' || after[0] == b' ' && after[1] == b'(';
    // `, ` `/ ` `; ` `& ` `and ` `or `
    let listed = before[1] == b' ' && matches!(before[0], b',' | b'/' | b';' | b'&' | b'd' | b'r');
    named || listed || before[1] == b'/' || before[1].is_ascii_uppercase()
}

/// Applies the rules to the token whose first digit is the number's.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    let end = end_of(scan.text, number.start);
    let count = digits(scan.slice(number.start, end));
    let label = number.label(scan);
    let start = start_of(scan.text, number.start).max(label.end);
    let start = start + usize::from(scan.byte(start) == Some(b'-'));
    if !label.cues.has(CUES) {
        labelled_elsewhere(scan, number, start..end, count);
    }
    let (Range { start, end }, count) = grouped(scan, &label, start..end, count);
    if count < LEAST_DIGITS {
        return;
    }
    let column = if scan.is_whole(start, end) {
        scan.column()
    } else {
        Cues::NONE
    };
    let cues = label.cues | column;
    let token = scan.slice(start, end);
    let between = scan.slice(label.end, start);
    if is_year(token) && has_word(between) || is_clock(token) && between.ends_with(b"the ") {
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

/// Applies the rules with the label that stands behind the token, or before the list it is in.
fn labelled_elsewhere(scan: &mut Scan<'_>, number: &Number, token: Range<usize>, count: usize) {
    /// Fewer digits are a count or a measure.
    const DIGITS: usize = 5;
    let before = scan.byte_before(number.start, 1);
    let begins = token.start == number.start || before.is_some_and(|b| b.is_ascii_uppercase());
    if count < DIGITS || !begins {
        return;
    }
    let listed = listed(scan, token.start, count);
    for rule in RULES {
        let named =
            token.end == number.end && context::named_behind(scan.text, token.end, rule.cue);
        if (named || listed.has(rule.cue))
            && rule.digits.contains(&count)
            && rule.detector != Detector::Vin
        {
            scan.report(rule.detector, token.start, token.end);
        }
    }
}

/// What the label says before the first of a list of numbers, all with as many digits as this one.
fn listed(scan: &Scan<'_>, start: usize, count: usize) -> Cues {
    const TOKEN_BYTES: usize = 24;
    const JOINTS: [&[u8]; 9] = [
        b", and ", b" and ", b", ", b" / ", b"/", b"; ", b" & ", b" or ", b", or ",
    ];
    let mut start = start;
    for _ in 0..LISTED {
        let before = scan.slice(start.saturating_sub(6), start);
        let Some(joint) = JOINTS.iter().find(|joint| before.ends_with(joint)) else {
            return Cues::NONE;
        };
        let end = start - joint.len();
        let token = run_start(scan.text, end, TOKEN_BYTES, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'-'
        });
        let text = scan.slice(token, end);
        let first = text.iter().position(u8::is_ascii_digit);
        let Some(first) = first.filter(|_| digits(text) == count) else {
            return Cues::NONE;
        };
        let label = context::before(scan.text, token + first);
        if label.cues.has(CUES) {
            return label.cues;
        }
        start = token;
    }
    Cues::NONE
}

/// The token with what blanks set off: a letter before it (`License: D 1234567`), groups of as many
/// digits each behind it (`MRN: 123 456 789`). Only straight behind a label.
fn grouped(
    scan: &Scan<'_>,
    label: &Label,
    token: Range<usize>,
    count: usize,
) -> (Range<usize>, usize) {
    let between = scan.slice(label.end, token.start);
    if !label.cues.has(CUES) || label.end == 0 || between.len() > GROUP_GAP_BYTES {
        return (token, count);
    }
    // `License (IL): `
    let remark = between.iter().rposition(|byte| *byte == b')');
    let between = between
        .get(remark.map_or(0, |end| end + 1)..)
        .unwrap_or_default();
    let letters = between.iter().filter(|byte| byte.is_ascii_alphabetic());
    let start = match (letters.count(), between) {
        (0, _) => token.start,
        (1, [.., b' ' | b':' | b'#', letter, b' ']) if letter.is_ascii_uppercase() => {
            token.start - 2
        }
        _ => return (token, count),
    };
    let digit = |byte: u8| byte.is_ascii_digit();
    let first = token.end - run_start(scan.text, token.end, GROUP_DIGITS + 1, digit);
    let (mut end, mut count) = (token.end, count);
    let mut group = None;
    while (2..=GROUP_DIGITS).contains(&first) && scan.byte(end) == Some(b' ') {
        let next = run_end(scan.text, end + 1, GROUP_DIGITS + 1, digit);
        let digits = next - end - 1;
        let part = matches!(scan.byte(next), Some(b'/' | b':' | b'%' | b'-'))
            || scan.digit_then(next, b'.');
        // A group of another length is another number, but for a longer one behind the first.
        let same = digits == group.unwrap_or(first) || group.is_none() && digits > first.max(2);
        if !same || digits > GROUP_DIGITS || part || !ends_word(scan.text, next) {
            break;
        }
        group = Some(digits);
        end = next;
        count += digits;
    }
    (start..end, count)
}

/// `certificate of 2019` names no certificate.
fn is_year(token: &[u8]) -> bool {
    token.len() == 4 && (1900..=2099).contains(&calendar::number(token))
}

/// `chart the 0800 vitals` tells the time.
fn is_clock(token: &[u8]) -> bool {
    let part = |from| token.get(from..from + 2).map_or(99, calendar::number);
    token.len() == 4 && part(0) < 24 && part(2) < 60
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
    behind_escape(text, start, first_digit + 1)
}
