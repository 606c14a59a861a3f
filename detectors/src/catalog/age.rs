//! Ages over 89 (45 CFR 164.514(b)(2)(i)(C)): `92 y/o`, `aged 93`, `ninety-one year old`.
//!
//! The span is the number alone: `92` of `92-year-old`.

use super::Detector;
use crate::context::Cues;
use crate::scan::{Number, Scan};
use crate::text::{ends_word, is_one_of, run_end, run_start, starts_word};
use crate::validate::calendar;

/// Ages that single a person out.
const AGES: std::ops::RangeInclusive<u32> = 90..=125;

/// What makes a number before it an age, without blanks, dots, slashes and hyphens.
const BEHIND: [&[u8]; 20] = [
    b"yo",
    b"yof",
    b"yom",
    b"yowf",
    b"yowm",
    b"yobf",
    b"yobm",
    b"yold",
    b"yrold",
    b"yrsold",
    b"yearold",
    b"yearsold",
    b"yearolds",
    b"yearsofage",
    b"yrsofage",
    b"yearofage",
    b"yoa",
    b"yearyold",
    b"yrso",
    b"yro",
];

/// Judges the number as an age.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if !scan.wants(Detector::Age) || !matches!(number.len(), 2 | 3) {
        return;
    }
    let value = calendar::number(scan.slice(number.start, number.end));
    if !AGES.contains(&value) || scan.digit_then(number.end, b'.') {
        return;
    }
    let part = matches!(
        scan.byte_before(number.start, 1),
        Some(b'.' | b'/' | b'$' | b'-')
    );
    if part || !starts_word(scan.text, number.start) {
        return;
    }
    if is_said_behind(scan, number.end) || is_said_before(scan, number) || is_set_off(scan, number)
    {
        scan.report(Detector::Age, number.start, number.end);
    }
}

/// `Ann Lee, 93, of Dover`: between commas, behind a name, before what became of the person.
fn is_set_off(scan: &Scan<'_>, number: &Number) -> bool {
    const BEHIND: [&[u8]; 10] = [
        b"of",
        b"passed",
        b"died",
        b"was",
        b"is",
        b"who",
        b"went",
        b"peacefully",
        b"beloved",
        b"a",
    ];
    let behind_comma = scan.slice(number.start.saturating_sub(2), number.start) == b", "
        && scan
            .byte_before(number.start, 3)
            .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'.');
    let word = number.end + 2;
    let word_end = run_end(scan.text, word, 12, |byte| byte.is_ascii_alphabetic());
    behind_comma
        && scan.slice(number.end, word) == b", "
        && is_one_of(scan.slice(word, word_end), &BEHIND)
}

/// `y/o`, `-year-old`, `F` glued to the number; `years` behind `is`.
fn is_said_behind(scan: &Scan<'_>, end: usize) -> bool {
    const PHRASE_BYTES: usize = 16;
    let mut folded = [0; PHRASE_BYTES];
    let mut len = 0;
    let phrase = scan.slice(end, scan.text.len().min(end + PHRASE_BYTES));
    for (at, byte) in phrase.iter().enumerate() {
        let joint = matches!(byte, b' ' | b'-' | b'.' | b'/' | b'\'' | b'\n');
        if let (Some(to), true) = (folded.get_mut(len), byte.is_ascii_alphabetic()) {
            *to = byte.to_ascii_lowercase();
            len += 1;
        } else if !joint {
            break;
        }
        let ends = ends_word(scan.text, end + at + 1);
        if ends && folded.get(..len).is_some_and(|word| BEHIND.contains(&word)) {
            return true;
        }
    }
    // `93F`, `93 yF`, but not `98 F`.
    !is_temperature(scan, end)
        && matches!(scan.byte(end), Some(b'F' | b'M' | b'f' | b'm' | b'y'))
        && ends_word(scan.text, end + 1)
        && !matches!(scan.slice(end, end + 3), [b'm', b'/', _] | [b'm', b'm', _])
        || decades(scan, end)
}

/// `T 99F`, `99F oral`.
fn is_temperature(scan: &Scan<'_>, end: usize) -> bool {
    const BEFORE: [&[u8]; 8] = [
        b"t",
        b"temp",
        b"temperature",
        b"tmax",
        b"tm",
        b"fever",
        b"febrile",
        b"to",
    ];
    const BEHIND: [&[u8]; 6] = [
        b"temp",
        b"temperature",
        b"oral",
        b"orally",
        b"tympanic",
        b"axillary",
    ];
    let digits = run_start(scan.text, end, 3, |byte| byte.is_ascii_digit());
    let blank = run_start(scan.text, digits, 2, |byte| matches!(byte, b' ' | b':'));
    let word = run_start(scan.text, blank, 12, |byte| byte.is_ascii_alphabetic());
    let next = run_end(scan.text, end + 1, 1, |byte| byte == b' ');
    let next_end = run_end(scan.text, next, 12, |byte| byte.is_ascii_alphabetic());
    is_one_of(scan.slice(word, blank), &BEFORE) || is_one_of(scan.slice(next, next_end), &BEHIND)
}

/// `in her 90s`.
fn decades(scan: &Scan<'_>, end: usize) -> bool {
    let start = end.saturating_sub(2);
    let quote = usize::from(scan.byte(end) == Some(b'\''));
    let plural = scan.byte(end + quote) == Some(b's') && ends_word(scan.text, end + quote + 1);
    plural && is_owned(scan, start)
}

/// `aged 93`, `Age: 95`, `age of 90`, `turned 91`, `is 92 years`; a column that holds ages.
fn is_said_before(scan: &Scan<'_>, number: &Number) -> bool {
    if scan.column().has(Cues::AGE) && scan.is_whole(number.start, number.end) {
        return true;
    }
    let unit = run_end(scan.text, number.end, 1, |byte| byte == b' ');
    let unit_end = run_end(scan.text, unit, 7, |byte| byte.is_ascii_alphabetic());
    let word = scan.slice(unit, unit_end);
    let years = is_one_of(word, &[b"years", b"yrs", b"y", b"yr"]);
    let other = is_one_of(
        word,
        &[
            b"days", b"months", b"hours", b"weeks", b"mg", b"percent", b"minutes",
        ],
    );
    if other || scan.byte(number.end) == Some(b'%') {
        return false;
    }
    let end = run_start(scan.text, number.start, 2, |byte| byte == b' ');
    let start = run_start(scan.text, end, 4, |byte| byte.is_ascii_alphabetic());
    let is = is_one_of(scan.slice(start, end), &[b"is", b"was"]);
    let near = number.start - number.label(scan).end <= 4;
    let labelled = number.label(scan).nearest.has(Cues::AGE) && near;
    labelled || (years && is && ends_word(scan.text, unit_end) && !is_ago(scan, unit_end))
}

fn is_ago(scan: &Scan<'_>, end: usize) -> bool {
    is_one_of(scan.slice(end, end + 4), &[b" ago"])
}

/// Judges `ninet` or `hundred` at `at` as part of an age in words.
pub(crate) fn keyword(scan: &mut Scan<'_>, at: usize) {
    const WORDS_BYTES: usize = 40;
    let is_part = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-');
    let start = first_word(scan, at);
    let rest = run_end(scan.text, at, WORDS_BYTES, is_part);
    let mut end = at;
    for word in scan
        .slice(at, rest)
        .split(|byte| !byte.is_ascii_alphabetic())
    {
        if !word.is_empty() && !is_number_word(word) {
            break;
        }
        end += word.len() + 1;
    }
    let end = end.saturating_sub(1).min(rest);
    let bare = run_start(scan.text, end, 2, |byte| matches!(byte, b' ' | b'-'));
    let decade = scan.slice(at, bare).eq_ignore_ascii_case(b"nineties");
    if starts_word(scan.text, start)
        && (is_said_behind(scan, bare) || (decade && is_owned(scan, start)))
    {
        scan.report(Detector::Age, start, bare);
    }
}

/// Whether `his`, `her` or `their` stands close before: `in her late nineties`.
fn is_owned(scan: &Scan<'_>, start: usize) -> bool {
    let from = run_start(scan.text, start, 14, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-')
    });
    scan.slice(from, start)
        .split(|byte| !byte.is_ascii_alphabetic())
        .any(|word| is_one_of(word, &[b"his", b"her", b"their"]))
}

/// `one hundred`, `a hundred`.
fn first_word(scan: &Scan<'_>, at: usize) -> usize {
    let blank = run_start(scan.text, at, 1, |byte| matches!(byte, b' ' | b'-'));
    let word = run_start(scan.text, blank, 4, |byte| byte.is_ascii_alphabetic());
    let one = scan.slice(word, blank).eq_ignore_ascii_case(b"one");
    if one && blank < at { word } else { at }
}

fn is_number_word(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 22] = [
        b"ninety",
        b"nineties",
        b"hundred",
        b"and",
        b"one",
        b"two",
        b"three",
        b"four",
        b"five",
        b"six",
        b"seven",
        b"eight",
        b"nine",
        b"ten",
        b"eleven",
        b"twelve",
        b"thirteen",
        b"fourteen",
        b"fifteen",
        b"sixteen",
        b"twenty",
        b"ninetieth",
    ];
    is_one_of(word, &WORDS)
}
