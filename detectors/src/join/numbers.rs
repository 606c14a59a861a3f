//! Numbers and dates of the row in a text, in any punctuation.

use super::dictionary::{DIGITS, Day, Dictionary};
use super::report;
use crate::scan::Scan;
use crate::text::{ends_word, run_end, run_start};
use crate::validate::calendar;

/// Digits of a text from the start of a run on, without what stands between them.
struct Digits {
    bytes: [u8; DIGITS],
    /// One past each of them in the text.
    ends: [usize; DIGITS],
    /// Groups up to each of them.
    groups: [u8; DIGITS],
    len: usize,
}

pub(super) fn find(scan: &mut Scan<'_>, dictionary: &Dictionary<'_>) {
    let text = scan.text;
    if dictionary.numbers().next().is_none() {
        return;
    }
    let mut at = 0;
    while let Some(gap) = text
        .get(at..)
        .and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        let start = at + gap;
        let end = run_end(text, start, text.len() - start, |byte| {
            byte.is_ascii_digit()
        });
        number(scan, dictionary, start);
        for day in dictionary.days() {
            named_month(scan, day, start, end);
        }
        at = end;
    }
}

fn number(scan: &mut Scan<'_>, dictionary: &Dictionary<'_>, start: usize) {
    let digits = Digits::of(scan.text, start);
    let zeros = digits
        .bytes()
        .iter()
        .take_while(|digit| **digit == b'0')
        .count();
    for number in dictionary.numbers() {
        // Padding in the text is as good as in the row.
        let skip = if number.groups == 0 && number.len >= 4 {
            zeros
        } else {
            0
        };
        let lead = number
            .digits()
            .iter()
            .take_while(|digit| **digit == b'0')
            .count();
        let skip = skip.saturating_sub(lead);
        let to = skip + number.len;
        if digits.bytes().get(skip..to) != Some(number.digits()) {
            continue;
        }
        let Some(last) = to.checked_sub(1) else {
            continue;
        };
        let (Some(end), Some(groups)) = (digits.ends.get(last), digits.groups.get(last)) else {
            continue;
        };
        let more = scan.byte(*end).is_some_and(|byte| byte.is_ascii_digit());
        let grouped = number.groups == 0 || number.groups == usize::from(*groups);
        if !more && grouped {
            report(scan, number.detector, start, *end);
        }
    }
}

impl Digits {
    fn of(text: &[u8], start: usize) -> Self {
        const GAP_BYTES: usize = 3;
        let mut digits = Self {
            bytes: [0; DIGITS],
            ends: [0; DIGITS],
            groups: [0; DIGITS],
            len: 0,
        };
        let mut gap = 0;
        let mut group = 1;
        for (at, byte) in text.iter().enumerate().skip(start) {
            if !byte.is_ascii_digit() {
                let joint = matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'_');
                gap += 1;
                if !joint || gap > GAP_BYTES {
                    break;
                }
                continue;
            }
            if gap > 0 {
                group += 1;
                gap = 0;
            }
            let index = digits.len;
            let (Some(slot), Some(end), Some(groups)) = (
                digits.bytes.get_mut(index),
                digits.ends.get_mut(index),
                digits.groups.get_mut(index),
            ) else {
                break;
            };
            (*slot, *end, *groups) = (*byte, at + 1, group);
            digits.len += 1;
        }
        digits
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// `January 31`, `31st of Jan`: the day beside its month's name.
fn named_month(scan: &mut Scan<'_>, day: &Day, start: usize, end: usize) {
    let text = scan.text;
    if calendar::number(scan.slice(start, end)) != day.day || end - start > 2 {
        return;
    }
    let is_joint = |byte: u8| matches!(byte, b' ' | b'-' | b'.' | b',' | b'/');
    let joint = run_start(text, start, 2, is_joint);
    let word = run_start(text, joint, 9, |byte| byte.is_ascii_alphabetic());
    if calendar::month_of_name(scan.slice(word, joint)) == Some(day.month) {
        report(scan, day.detector, word, end);
    }
    let suffix = run_end(text, end, 2, |byte| byte.is_ascii_lowercase());
    let suffix = if ends_word(text, suffix) { suffix } else { end };
    let mut from = run_end(text, suffix, 2, is_joint);
    if scan.slice(from, from + 3) == b"of " {
        from += 3;
    }
    let word = run_end(text, from, 9, |byte| byte.is_ascii_alphabetic());
    if calendar::month_of_name(scan.slice(from, word)) == Some(day.month) {
        report(scan, day.detector, start, word);
    }
}
