//! Dates with a day or a month, as people and systems write them; a year alone passes
//! (45 CFR 164.514(b)(2)(i)(C)).
//!
//! * Running text: every date, whatever stands before it. What looks like one but is a fraction,
//!   a score, a version or an order number needs evidence, see `short` and [`Cues::ORDER`].
//! * A cell that is a point in time and nothing else, in a column whose name says when a system
//!   did something (`created_at`, `last_vacuum`): no. In any other column: yes.

use super::Detector;
use crate::context::{self, Cues};
use crate::scan::{Candidate, Number, Scan, Shape};
use crate::text::{ends_word, run_end, starts_word};
use crate::validate::calendar;

mod months;
mod short;

pub(crate) use months::keyword;

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"[0-9]{1,2} ?[-/.] ?[0-9]{1,2} ?[-/.] ?(?:[0-9]{4}|[0-9]{2})",
        judge: parts,
    },
    Shape {
        pattern: r"[0-9]{1,2} [0-9]{1,2} [0-9]{4}",
        judge: spaced,
    },
    Shape {
        pattern: r"[0-9]{4} ?[-/.] ?[0-9]{1,2} ?[-/.] ?[0-9]{1,2}",
        judge: parts,
    },
    Shape {
        pattern: r"[0-9]{4} [0-9]{2} [0-9]{2}",
        judge: spaced,
    },
    Shape {
        pattern: r"[0-9]{1,2} ?/ ?[0-9]{4}|[0-9]{4}[-/][0-9]{2}",
        judge: month_and_year,
    },
    Shape {
        pattern: r"[0-9]{8}",
        judge: eight,
    },
    Shape {
        pattern: r"[0-9]{12}(?:[0-9]{2})?",
        judge: stamp,
    },
    Shape {
        pattern: r"[0-9]{6}",
        judge: six,
    },
];

/// What no fixed shape covers: a month by name before or after the number, and `3/4`.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if !scan.wants(Detector::Date) || number.len() > 4 {
        return;
    }
    months::number(scan, number);
    short::number(scan, number);
}

/// Reports a date, unless it is all of a cell that says when a system did something.
fn report(scan: &mut Scan<'_>, start: usize, end: usize) {
    let operational = || scan.column().has(Cues::OPERATIONAL) && !scan.column().has(Cues::BIRTH);
    if !(is_time_alone(scan) && operational()) {
        scan.report(Detector::Date, start, end);
    }
}

/// Whether the text is a point in time and nothing else.
fn is_time_alone(scan: &Scan<'_>) -> bool {
    /// `Sunday, 24 November 2024 at 04:45:12.123456 +00:00` and shorter.
    const TIME_BYTES: usize = 56;
    let text = scan.text;
    let letters = |word: &[u8]| {
        const WORDS: [&[u8]; 11] = [
            b"t", b"z", b"am", b"pm", b"utc", b"gmt", b"at", b"bc", b"cet", b"est", b"pst",
        ];
        word.is_empty()
            || WORDS.iter().any(|other| other.eq_ignore_ascii_case(word))
            || calendar::month_of_name(word).is_some()
            || context::weekday(word)
    };
    scan.around.at_start
        && scan.around.at_end
        && text.len() <= TIME_BYTES
        && text.is_ascii()
        && text.split(|byte| !byte.is_ascii_alphabetic()).all(letters)
}

/// The numbers of a candidate and their digits.
fn split(text: &[u8]) -> ([u32; 3], [usize; 3]) {
    let mut values = [0; 3];
    let mut lengths = [0; 3];
    let groups = text
        .split(|byte| !byte.is_ascii_digit())
        .filter(|group| !group.is_empty());
    for ((value, length), group) in values.iter_mut().zip(&mut lengths).zip(groups) {
        *value = calendar::number(group);
        *length = group.len();
    }
    (values, lengths)
}

fn has_birth_cue(scan: &Scan<'_>, at: &Candidate<'_>) -> bool {
    at.number.cues(scan).has(Cues::BIRTH) || context::named_behind(scan.text, at.end, Cues::BIRTH)
}

/// `01/31/1985`, `31-01-85`, `1985.01.31`.
fn parts(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let text = scan.slice(at.start, at.end);
    let (values, lengths) = split(text);
    let year = lengths.contains(&4);
    let slashes = text.iter().filter(|byte| **byte == b'/').count();
    if !calendar::date_of_parts(values, lengths) || chained(scan, at, year || slashes == 2) {
        return;
    }
    let padded = lengths == [2, 2, 2] && !text.contains(&b' ');
    // `1-2-30` counts something, `1.12.24` is a version; `on 3-22-24` is said to be a date.
    let announced =
        || has_birth_cue(scan, at) || at.number.label(scan).cues.has(Cues::DATE) && lengths[2] == 2;
    if !(year || slashes == 2 || padded || announced()) {
        return;
    }
    if text.contains(&b'.') && at.number.label(scan).cues.has(Cues::VERSION) {
        return;
    }
    report(scan, at.start, time_end(scan, at.end));
}

/// Whether the candidate is a part of a longer chain: an object identifier, a drug code. A hyphen
/// behind an evident date begins the second one of a range.
fn chained(scan: &Scan<'_>, at: &Candidate<'_>, evident: bool) -> bool {
    let joint = |byte: u8| scan.digit_before(at.start, byte) || scan.digit_then(at.end, byte);
    joint(b'.') || joint(b'/') || (joint(b'-') && !evident)
}

/// One past the time that is glued to a date: `T04:45:12.123Z`.
fn time_end(scan: &Scan<'_>, end: usize) -> usize {
    if scan.byte(end) != Some(b'T') {
        return end;
    }
    let time = run_end(scan.text, end + 1, 15, |byte| {
        byte.is_ascii_digit() || matches!(byte, b':' | b'.')
    });
    if time < end + 3 {
        return end;
    }
    let time = time - usize::from(matches!(scan.byte_before(time, 1), Some(b':' | b'.')));
    match scan.byte(time) {
        Some(b'Z') => time + 1,
        Some(b'+' | b'-') => run_end(scan.text, time + 1, 5, |byte| {
            byte.is_ascii_digit() || byte == b':'
        }),
        _ => time,
    }
}

/// `1 31 1985`: without separators only where a date is announced.
fn spaced(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let (values, lengths) = split(scan.slice(at.start, at.end));
    let announced = has_birth_cue(scan, at) || at.number.label(scan).cues.has(Cues::DATE);
    if calendar::date_of_parts(values, lengths) && announced {
        report(scan, at.start, at.end);
    }
}

/// `03/2024`, `2024-03`.
fn month_and_year(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let (values, lengths) = split(scan.slice(at.start, at.end));
    let possible = match (values, lengths) {
        ([year, month, _], [4, 2, _]) => calendar::year(year) && calendar::month(month),
        ([month, year, _], _) => calendar::month(month) && calendar::year(year),
    };
    let joint = |byte: Option<u8>| matches!(byte, Some(b'-' | b'/' | b'.' | b'_'));
    let after = joint(scan.byte(at.end))
        && scan
            .byte(at.end + 1)
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let part = joint(scan.byte_before(at.start, 1)) || after;
    if possible
        && !part
        && scan.is_word(at.start, at.end)
        && !at
            .number
            .label(scan)
            .cues
            .has(Cues::ORDER.and(Cues::VERSION))
    {
        report(scan, at.start, at.end);
    }
}

/// `19850131` anywhere, `01311985` where a date is announced.
fn eight(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let digits = scan.slice(at.start, at.end);
    let announced =
        || has_birth_cue(scan, at) || at.number.label(scan).cues.has(Cues::DATE) || in_column(scan);
    let iso = calendar::iso_digits(digits);
    if !(iso || calendar::local_digits(digits)) || !stands_alone(scan, at) {
        return;
    }
    if announced() || (iso && !numbering(scan, at)) {
        report(scan, at.start, time_end(scan, at.end));
    }
}

/// `013185`: only behind a birth cue.
fn six(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let digits = scan.slice(at.start, at.end);
    let pair = |from: usize| digits.get(from..from + 2).map_or(0, calendar::number);
    let possible = calendar::day_and_month(pair(0), pair(2))
        || (calendar::month(pair(2)) && calendar::day(pair(4)));
    if possible && stands_alone(scan, at) && at.number.cues(scan).has(Cues::BIRTH) {
        report(scan, at.start, at.end);
    }
}

fn in_column(scan: &Scan<'_>) -> bool {
    scan.column().has(Cues::BIRTH)
}

/// `20240301081500-0500`.
fn stamp(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let digits = scan.slice(at.start, at.end);
    if !calendar::stamp_digits(digits) || !scan.is_word(at.start, at.end) || numbering(scan, at) {
        return;
    }
    let announced = || at.number.cues(scan).has(Cues::DATE.and(Cues::BIRTH));
    if digits.len() < 14 && !announced() {
        return;
    }
    let fraction = if scan.digit_then(at.end, b'.') {
        run_end(scan.text, at.end + 1, 6, |byte| byte.is_ascii_digit())
    } else {
        at.end
    };
    let zone = run_end(scan.text, fraction + 1, 4, |byte| byte.is_ascii_digit());
    let has_zone = matches!(scan.byte(fraction), Some(b'+' | b'-')) && zone == fraction + 5;
    report(scan, at.start, if has_zone { zone } else { fraction });
}

/// Whether eight digits are a number of their own: not `20241124-000123`, not `20241124.1`.
fn stands_alone(scan: &Scan<'_>, at: &Candidate<'_>) -> bool {
    let joined = |byte: Option<u8>| matches!(byte, Some(b'.' | b'-' | b'_' | b'/' | b'$'));
    let continues = joined(scan.byte(at.end))
        && scan
            .byte(at.end + 1)
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts_word(scan.text, at.start)
        && (ends_word(scan.text, at.end) || scan.digit_then(at.end, b'T'))
        && !joined(scan.byte_before(at.start, 1))
        && !continues
}

/// Whether a label says that the digits count or name something else.
fn numbering(scan: &Scan<'_>, at: &Candidate<'_>) -> bool {
    let label = at.number.label(scan);
    let against = Cues::ORDER
        .and(Cues::VERSION)
        .and(Cues::MRN)
        .and(Cues::QUANTITY);
    label.cues.has(against) || scan.column().has(Cues::QUANTITY)
}
