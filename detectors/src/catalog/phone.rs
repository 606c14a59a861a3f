//! Telephone and fax numbers: the North American plan by shape, others by `+` and country code,
//! all else behind a label.
//!
//! A number that is said to be a fax's is [`Detector::Fax`] and nothing else.

use super::Detector;
use crate::context::{self, Cues};
use crate::scan::{Candidate, Number, Scan, Shape};
use crate::text::{digits, run_end};
use crate::validate::ranges;

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"(?:(?:00)?1 ?[ .-])?[0-9]{3}(?: ?- ?|[ ./]|\xC2\xA0|\xE2\x80[\x90-\x94])[0-9]{3}(?: ?- ?|[ .]|\xC2\xA0|\xE2\x80[\x90-\x94])[0-9]{4}",
        judge: separated,
    },
    // The area code in parentheses: the walk begins at its digits, the judge looks before them.
    Shape {
        pattern: r"[0-9]{3}\)(?: ?- ?|[ .]{0,2}|\xC2\xA0)[0-9]{3}(?: ?- ?|[ .]?|\xC2\xA0|\xE2\x80[\x90-\x94])[0-9]{4}",
        judge: parenthesised,
    },
    // Trunk prefixes of other countries: `(03) 5555 6473`.
    Shape {
        pattern: r"0[0-9]{1,4}\)[ -]?[0-9]{3,4}[ -]?[0-9]{3,4}",
        judge: parenthesised,
    },
    Shape {
        pattern: r"[0-9]{10}|[01][0-9]{10}",
        judge: bare,
    },
];

/// What a label can say for a number without a shape of its own.
pub(crate) const CUES: Cues = Cues::PHONE.and(Cues::FAX).and(Cues::PAGER);

/// Longest number: fifteen digits (E.164), separators between them and `+` or `(` before.
const NUMBER_BYTES: usize = 36;
const EXTENSION_DIGITS: usize = 6;

fn separated(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let number = scan.slice(at.start, at.end);
    let possible = last_ten(number).is_some_and(|digits| ranges::nanp(&digits));
    let labelled = || at.number.cues(scan).has(Cues::PHONE.and(Cues::FAX));
    if (possible || labelled()) && !scan.in_dotted_chain(at.start, at.end) {
        finish(scan, at.number, at.start, at.end);
    }
}

fn parenthesised(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if scan.byte_before(at.start, 1) != Some(b'(') {
        return;
    }
    let mut start = at.start - 1;
    // The country's 1 before the parenthesis, and a plus before that.
    let blank = usize::from(matches!(
        scan.byte_before(start, 1),
        Some(b' ' | b'-' | b'.')
    ));
    if scan.byte_before(start, 1 + blank) == Some(b'1')
        && !scan
            .byte_before(start, 2 + blank)
            .is_some_and(|byte| byte.is_ascii_digit())
    {
        start -= 1 + blank;
        start -= usize::from(scan.byte_before(start, 1) == Some(b'+'));
    }
    finish(scan, at.number, start, at.end);
}

fn bare(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if at.number.cues(scan).has(Cues::PHONE.and(Cues::FAX)) {
        finish(scan, at.number, at.start, at.end);
    }
}

/// Numbers that are no fixed shape: behind a plus, or behind a label.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if !scan.wants(Detector::Phone) && !scan.wants(Detector::Fax) {
        return;
    }
    pager(scan, number);
    let plus = scan.byte_before(number.start, 1) == Some(b'+');
    let plus_parenthesis = scan.byte_before(number.start, 1) == Some(b'(')
        && scan.byte_before(number.start, 2) == Some(b'+');
    if plus || plus_parenthesis {
        let end = end_of(scan.text, number.start);
        let count = digits(scan.slice(number.start, end));
        if (8..=15).contains(&count) && scan.byte(number.start) != Some(b'0') {
            finish(
                scan,
                number,
                number.start - 1 - usize::from(plus_parenthesis),
                end,
            );
        }
        return;
    }
    // A local number needs seven digits; most runs end this here.
    if number.len() < 7 && !scan.byte(number.end).is_some_and(is_joint) {
        return;
    }
    let end = end_of(scan.text, number.start);
    let slice = scan.slice(number.start, end);
    if digits(slice) < 7 {
        return;
    }
    let nearest = number.label(scan).nearest;
    // Seven digits without a separator are any number behind a word such as `call`.
    let sure = slice.len() > 7 || nearest.has(Cues::IN_COLUMNS);
    if nearest.has(Cues::PHONE.and(Cues::FAX)) && sure {
        let opens = scan.byte_before(number.start, 1) == Some(b'(') && slice.contains(&b')');
        finish(scan, number, number.start - usize::from(opens), end);
    }
}

/// `pager 12345`, `ext. 4567`: what reaches somebody inside the house.
fn pager(scan: &mut Scan<'_>, number: &Number) {
    let joined = matches!(scan.byte(number.end), Some(b'-' | b'/' | b'.'))
        && scan
            .byte(number.end + 1)
            .is_some_and(|byte| byte.is_ascii_digit());
    if (3..=6).contains(&number.len())
        && !joined
        && scan.is_word(number.start, number.end)
        && number.label(scan).cues.has(Cues::PAGER)
    {
        scan.report(Detector::Phone, number.start, number.end);
    }
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

/// One past the digits, joined by at most two separators; `start` if there are more than
/// fifteen of them.
fn end_of(text: &[u8], start: usize) -> usize {
    let mut end = start;
    let mut count = 0;
    let mut gap = 0;
    for (at, byte) in text.iter().enumerate().skip(start).take(NUMBER_BYTES) {
        match byte {
            b'0'..=b'9' => {
                count += 1;
                gap = 0;
                if count > 15 {
                    return start;
                }
                end = at + 1;
            }
            _ if gap < 2 && is_joint(*byte) => gap += 1,
            _ => break,
        }
    }
    end
}

fn last_ten(number: &[u8]) -> Option<[u8; 10]> {
    let mut found = [0; 10];
    let mut digits = number.iter().rev().filter(|byte| byte.is_ascii_digit());
    for to in found.iter_mut().rev() {
        *to = *digits.next()?;
    }
    Some(found)
}

/// Reports the number with its plus, its `1` and its extension, as what it is said to be.
fn finish(scan: &mut Scan<'_>, number: &Number, start: usize, end: usize) {
    let plus = scan.byte_before(start, 1) == Some(b'+');
    let end = extension_end(scan.text, end).unwrap_or(end);
    let label = number.label(scan).nearest;
    let named = label.has(Cues::FAX) && !label.has(Cues::PHONE);
    let column = scan.column().has(Cues::FAX) && !label.has(Cues::PHONE);
    let fax = named || column || context::named_behind(scan.text, end, Cues::FAX);
    let detector = if fax { Detector::Fax } else { Detector::Phone };
    scan.report(detector, start - usize::from(plus), end);
}

/// One past `x123`, `ext. 123` or ` extension 123` behind a number.
fn extension_end(text: &[u8], end: usize) -> Option<usize> {
    const MARKS: [&[u8]; 4] = [b"extension", b"ext", b"x", b"#"];
    let from = run_end(text, end, 2, |byte| matches!(byte, b' ' | b','));
    let rest = text.get(from..)?;
    let mark = MARKS.iter().find(|mark| {
        rest.get(..mark.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(mark))
    })?;
    let first = run_end(text, from + mark.len(), 2, |byte| {
        matches!(byte, b' ' | b'.' | b':')
    });
    let last = run_end(text, first, EXTENSION_DIGITS, |byte| byte.is_ascii_digit());
    let more = text.get(last).is_some_and(u8::is_ascii_digit);
    (last > first && !more).then_some(last)
}
