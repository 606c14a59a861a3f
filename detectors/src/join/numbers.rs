//! Numbers and dates of the row in a text, in any punctuation.

use super::dictionary::{Day, Digits, Number};
use super::report;
use crate::scan::Scan;
use crate::text::{ends_word, run_end, run_start};
use crate::validate::calendar;

pub(super) fn find(scan: &mut Scan<'_>, digits: &Digits<'_>) {
    let text = scan.text;
    let mut at = 0;
    while let Some(gap) = text
        .get(at..)
        .and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        let start = at + gap;
        let end = run_end(text, start, text.len() - start, |byte| {
            byte.is_ascii_digit()
        });
        for number in digits.numbers() {
            if let Some(end) = number_end(text, start, number) {
                report(scan, number.detector, start, end);
            }
        }
        for day in digits.days() {
            if let Some(end) = date_end(text, start, end, day) {
                report(scan, day.detector, start, end);
            }
            named_month(scan, day, start, end);
        }
        at = end;
    }
}

/// The digits of a text from `start` on with their places, over what may stand between them.
fn digits_from(text: &[u8], start: usize) -> impl Iterator<Item = (usize, u8)> + Clone {
    const GAP_BYTES: usize = 3;
    let rest = text.iter().enumerate().skip(start);
    let rest = rest.scan(0, |gap, (at, byte)| {
        if byte.is_ascii_digit() {
            *gap = 0;
            return Some((at, *byte));
        }
        *gap += 1;
        (is_joint(*byte) && *gap <= GAP_BYTES).then_some((at, *byte))
    });
    rest.filter(|(_, byte)| byte.is_ascii_digit())
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'_')
}

/// One past the number if it begins at `start`, where a digit run does. Padding in the text is as
/// good as in the row.
fn number_end(text: &[u8], start: usize, number: &Number<'_>) -> Option<usize> {
    let mut wanted = number.digits().peekable();
    let first = *wanted.peek()?;
    let at_start = *text.get(start)?;
    if at_start != first && at_start != b'0' {
        return None;
    }
    let found = digits_from(text, start);
    let zeros = found.clone().take_while(|(_, digit)| *digit == b'0');
    let own_zeros = number.digits().take_while(|digit| *digit == b'0');
    let padding = zeros.count().saturating_sub(own_zeros.count());
    let mut found = found.skip(padding);
    let mut last = None;
    for digit in wanted {
        let (at, _) = found.next().filter(|(_, other)| *other == digit)?;
        last = Some(at);
    }
    let end = last? + 1;
    let more = text.get(end).is_some_and(u8::is_ascii_digit);
    (!more).then_some(end)
}

/// One past the date if the day stands at the digit run: in three groups, or in one that is
/// padded, in any usual order, with and without the century.
fn date_end(text: &[u8], start: usize, end: usize, day: &Day) -> Option<usize> {
    let is_year = |value, length| match length {
        4 => value == day.year,
        2 => value == day.year % 100,
        _ => false,
    };
    let is = |value, length, wanted| length <= 2 && value == wanted;
    let fits = |[a, b, c]: [(u32, usize); 3]| {
        let ends = |(value, length), (other, other_length), (year, year_length)| {
            let in_order = is(value, length, day.month) && is(other, other_length, day.day);
            let reversed = is(value, length, day.day) && is(other, other_length, day.month);
            is_year(year, year_length) && (in_order || reversed)
        };
        let begins = is_year(a.0, a.1) && is(b.0, b.1, day.month) && is(c.0, c.1, day.day);
        begins || ends(a, b, c)
    };
    let value = |start: usize, end: usize| {
        let digits = text.get(start..end).unwrap_or_default();
        (calendar::number(digits), digits.len())
    };
    match end - start {
        6 => {
            let parts = [0, 2, 4].map(|at| value(start + at, start + at + 2));
            fits(parts).then_some(end)
        }
        8 => {
            let cut = |[a, b, c]: [usize; 3]| {
                let ends = [a, a + b, a + b + c].map(|to| start + to);
                [
                    value(start, ends[0]),
                    value(ends[0], ends[1]),
                    value(ends[1], ends[2]),
                ]
            };
            (fits(cut([4, 2, 2])) || fits(cut([2, 2, 4]))).then_some(end)
        }
        1..=4 => {
            let (second, second_end) = next_group(text, end)?;
            let (third, third_end) = next_group(text, second_end)?;
            let parts = [
                value(start, end),
                value(second, second_end),
                value(third, third_end),
            ];
            fits(parts).then_some(third_end)
        }
        _ => None,
    }
}

/// The digits behind a joint of at most three bytes at `from`.
fn next_group(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = run_end(text, from, 3, is_joint);
    let end = run_end(text, start, 5, |byte| byte.is_ascii_digit());
    (start > from && end > start).then_some((start, end))
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
