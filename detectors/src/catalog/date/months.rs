//! Dates with the month by its English name: `the 4th of March`, `Jan. 31st, 1985`, `May 2024`.

use super::report;
use crate::lookup::WordSet;
use crate::scan::{Number, Scan};
use crate::text::{
    behind_escape, ends_escape, ends_word, is_one_of, may_hold_escape, run_end, run_start,
    starts_word,
};
use crate::validate::calendar;

/// Longest name of a month.
const NAME_BYTES: usize = 9;
/// Blanks, dots, commas and hyphens between the parts, a line's end among them.
const JOINT_BYTES: usize = 4;

/// Judges the number as the day or the year of a date whose month has a name.
pub(super) fn number(scan: &mut Scan<'_>, number: &Number) {
    let value = calendar::number(scan.slice(number.start, number.end));
    match number.len() {
        1 | 2 if calendar::day(value) => {
            day_first(scan, number);
            month_first(scan, number);
        }
        4 if calendar::year(value) => {
            month_and_year(scan, number);
            year_first(scan, number);
        }
        _ => {}
    }
    if number.len() == 2 && scan.byte_before(number.start, 1) == Some(b'\'') {
        month_and_year(scan, number);
    }
}

/// `31 January 1985`, `31-Jan-85`, `31st of Jan, 1985`, `4 March`, `01JAN2020`.
fn day_first(scan: &mut Scan<'_>, number: &Number) {
    // Most numbers end with the sentence, or before a sign.
    let joins = |byte: u8| byte.is_ascii_alphabetic() || is_joint(byte);
    if !scan.byte(number.end).is_some_and(joins) {
        return;
    }
    let day_end = ordinal_end(scan, number.end);
    let ordinal = day_end > number.end;
    let mut from = run_end(scan.text, day_end, JOINT_BYTES, is_joint);
    if !scan
        .byte(from)
        .is_some_and(|byte| byte.is_ascii_alphabetic())
    {
        return;
    }
    let of = scan.slice(from, from + 3).eq_ignore_ascii_case(b"of ");
    if of {
        from += 3;
        if scan.slice(from, from + 4).eq_ignore_ascii_case(b"the ") {
            return;
        }
    }
    let Some(name_end) = month_at(scan, from) else {
        return;
    };
    let dot = usize::from(scan.byte(name_end) == Some(b'.'));
    let year = year_end(scan, name_end + dot);
    // `Score 4. May return` and a new line are two sentences.
    let joint = scan.slice(day_end, from);
    let apart = joint.starts_with(b". ") || joint.contains(&b'\n');
    let sure = ordinal || of || year.is_some() || is_capital(scan, from) && !apart;
    let counted = from > day_end && scan.byte_before(number.start, 1) == Some(b'.');
    // `5 Mar` in a chain such as `2.5 Mar` or `x5 MAR` is a dose or a value.
    if sure && !counted && starts_word(scan.text, number.start) && is_month(scan, from, name_end) {
        report(scan, number.start, year.unwrap_or(name_end));
    }
}

/// `January 31, 1985`, `Jan 31st`, `Jan-31-85`, `June 3-5`: the month stands before the number.
fn month_first(scan: &mut Scan<'_>, number: &Number) {
    let Some((start, joint)) = month_before(scan, number.start) else {
        return;
    };
    let day_end = ordinal_end(scan, number.end);
    let ordinal = day_end > number.end;
    if !ends_word(scan.text, day_end) || measures(scan, day_end) {
        return;
    }
    let year = year_end(scan, day_end);
    let sure = ordinal || year.is_some() || is_capital(scan, start);
    let glued = joint == number.start;
    if sure && !glued && is_month(scan, start, joint) {
        let end = year.unwrap_or_else(|| range_end(scan, day_end));
        report(scan, start, end);
    }
}

/// `March 2024`, `Mar-2024`, `March of 2024`, `Mar '24`: no day.
fn month_and_year(scan: &mut Scan<'_>, number: &Number) {
    let quote = usize::from(scan.byte_before(number.start, 1) == Some(b'\''));
    let mut before = number.start - quote;
    if scan
        .slice(before.saturating_sub(4), before)
        .eq_ignore_ascii_case(b" of ")
    {
        before -= 3;
    }
    let Some((start, joint)) = month_before(scan, before) else {
        return;
    };
    let sure = is_capital(scan, start) || scan.slice(start, joint).len() > 5;
    if sure && ends_word(scan.text, number.end) && !scan.digit_then(number.end, b'.') {
        report(scan, start, number.end);
    }
}

/// `1985-Jan-31`, `2024 March 4`, `2024 March`.
fn year_first(scan: &mut Scan<'_>, number: &Number) {
    let from = run_end(scan.text, number.end, 2, |byte| {
        matches!(byte, b' ' | b'-' | b'/')
    });
    let Some(name_end) = month_at(scan, from) else {
        return;
    };
    if !is_capital(scan, from) || !is_month(scan, from, name_end) {
        return;
    }
    let day = joint_end(scan.text, name_end);
    let day_end = run_end(scan.text, day, 2, |byte| byte.is_ascii_digit());
    let value = calendar::number(scan.slice(day, day_end));
    if day_end > day && calendar::day(value) && ends_word(scan.text, day_end) {
        report(scan, number.start, day_end);
    } else if scan.byte(number.end) == Some(b'-') {
        report(scan, number.start, name_end);
    }
}

/// Judges the name of a month that stands at `at`: one without any digit, behind a word that
/// makes it one (`in March`, `since early May`) or beside a day in words (`March fourth`).
pub(crate) fn keyword(scan: &mut Scan<'_>, at: usize) {
    static BEFORE: WordSet = WordSet::of(&[
        b"in", b"since", b"until", b"till", b"early", b"late", b"mid", b"last", b"next", b"this",
        b"during", b"by", b"through", b"from", b"of", b"around", b"before", b"after",
    ]);
    let Some(end) = month_at(scan, at) else {
        return;
    };
    if !starts_word(scan.text, at) || !is_capital(scan, at) {
        return;
    }
    let blank = run_start(scan.text, at, 1, |byte| matches!(byte, b' ' | b'-' | b'\n'));
    let word = word_before(scan.text, blank);
    let before = scan.slice(word, blank);
    let announced = blank < at && BEFORE.has(before);
    // A person can be called April, May or June: `seen by May Smith`.
    let name = run_end(scan.text, end + 1, 1, |byte| byte.is_ascii_uppercase()) > end + 1
        && scan.byte(end) == Some(b' ');
    let of_day = before.eq_ignore_ascii_case(b"of");
    let day_start = word_before(scan.text, word.saturating_sub(1));
    let day = scan.slice(day_start, word.saturating_sub(1));
    if of_day && is_day_word(day) {
        let tens = word_before(scan.text, day_start.saturating_sub(1));
        let joined = scan.slice(tens, day_start.saturating_sub(1));
        let start = if is_tens(joined) { tens } else { day_start };
        report(scan, start, end);
    } else if let Some(day_end) = day_word_end(scan, end) {
        report(scan, at, day_end);
    } else if announced && !name {
        report(scan, at, end);
    }
}

/// One past `twenty-first` or `fourth` behind a month.
fn day_word_end(scan: &Scan<'_>, month_end: usize) -> Option<usize> {
    let from = run_end(scan.text, month_end, 1, |byte| byte == b' ');
    let from = if scan.slice(from, from + 4).eq_ignore_ascii_case(b"the ") {
        from + 4
    } else {
        from
    };
    let letters = |at| run_end(scan.text, at, 11, |byte| byte.is_ascii_alphabetic());
    let first = letters(from);
    if from == month_end {
        return None;
    }
    if is_tens(scan.slice(from, first)) {
        let second = letters(first + 1);
        return is_day_word(scan.slice(first + 1, second)).then_some(second);
    }
    is_day_word(scan.slice(from, first)).then_some(first)
}

fn is_tens(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"twenty") || word.eq_ignore_ascii_case(b"thirty")
}

fn is_day_word(word: &[u8]) -> bool {
    static DAYS: WordSet = WordSet::of(&[
        b"first",
        b"second",
        b"third",
        b"fourth",
        b"fifth",
        b"sixth",
        b"seventh",
        b"eighth",
        b"ninth",
        b"tenth",
        b"eleventh",
        b"twelfth",
        b"thirteenth",
        b"fourteenth",
        b"fifteenth",
        b"sixteenth",
        b"seventeenth",
        b"eighteenth",
        b"nineteenth",
        b"twentieth",
        b"thirtieth",
    ]);
    DAYS.has(word)
}

/// What joins a day and the month behind it.
fn is_joint(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'-' | b'/' | b'\n' | b'\r')
}

fn word_before(text: &[u8], end: usize) -> usize {
    let start = run_start(text, end, 12, |byte| byte.is_ascii_alphabetic());
    behind_escape(text, start, end)
}

fn joint_end(text: &[u8], from: usize) -> usize {
    run_end(text, from, JOINT_BYTES, |byte| {
        matches!(byte, b' ' | b'.' | b',' | b'-' | b'/' | b'\n' | b'\r')
    })
}

/// One past the month's name that begins at `at`.
fn month_at(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let end = run_end(scan.text, at, NAME_BYTES, |byte| byte.is_ascii_alphabetic());
    let ends = !scan
        .byte(end)
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte >= 0x80);
    (ends && calendar::month_of_name(scan.slice(at, end)).is_some()).then_some(end)
}

/// The month before the number at `at`: where its name begins and ends.
fn month_before(scan: &Scan<'_>, at: usize) -> Option<(usize, usize)> {
    let end = run_start(scan.text, at, JOINT_BYTES, |byte| {
        matches!(byte, b' ' | b'.' | b',' | b'-' | b'/' | b'\n' | b'\r')
    });
    let start = run_start(scan.text, end, NAME_BYTES, |byte| {
        byte.is_ascii_alphabetic()
    });
    if start == end {
        return None;
    }
    let escape = || (start..end).find(|from| ends_escape(scan.text, *from));
    let escape = may_hold_escape(scan.text, start, end).then(escape);
    let start = escape.flatten().unwrap_or(start);
    // The name of a month ends with a letter; digits before it are a day.
    let clean = starts_word(scan.text, start)
        || scan
            .byte_before(start, 1)
            .is_some_and(|byte| byte.is_ascii_digit());
    (clean && calendar::month_of_name(scan.slice(start, end)).is_some()).then_some((start, end))
}

/// Whether the name is meant as a month: `may` and `mar` are also words.
fn is_month(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let name = scan.slice(start, end);
    name != b"may" && name != b"march" && name != b"mar" && name != b"sat"
        || ordinal_around(scan, start, end)
}

/// Whether a lower-case month has an ordinal or `of` beside it.
fn ordinal_around(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let before = scan.slice(start.saturating_sub(3), start);
    let ordinal = |pair: &[u8]| is_one_of(pair, &[b"st", b"nd", b"rd", b"th", b"of"]);
    let day = joint_end(scan.text, end);
    let day_end = run_end(scan.text, day, 2, |byte| byte.is_ascii_digit());
    let year = run_end(scan.text, day, 4, |byte| byte.is_ascii_digit()) == day + 4;
    before.get(..2).is_some_and(ordinal)
        || ordinal(scan.slice(day_end, day_end + 2))
        || year
        || year_end(scan, day_end).is_some()
}

fn is_capital(scan: &Scan<'_>, at: usize) -> bool {
    scan.byte(at).is_some_and(|byte| byte.is_ascii_uppercase())
}

/// One past `st`, `nd`, `rd` or `th`.
fn ordinal_end(scan: &Scan<'_>, end: usize) -> usize {
    if !scan
        .byte(end)
        .is_some_and(|byte| byte.is_ascii_alphabetic())
    {
        return end;
    }
    let pair = scan.slice(end, end + 2);
    let is = is_one_of(pair, &[b"st", b"nd", b"rd", b"th"]);
    if is && ends_word(scan.text, end + 2) {
        end + 2
    } else {
        end
    }
}

/// One past the year behind a day or month: `, 1985`, `-85`, ` '85`, `1985`.
fn year_end(scan: &Scan<'_>, from: usize) -> Option<usize> {
    let of = scan.slice(from, from + 4).eq_ignore_ascii_case(b" of ");
    let from = if of { from + 3 } else { from };
    let at = joint_end(scan.text, from);
    let quote = usize::from(scan.byte(at) == Some(b'\''));
    let start = at + quote;
    let end = run_end(scan.text, start, 5, |byte| byte.is_ascii_digit());
    let value = calendar::number(scan.slice(start, end));
    // Two digits need a comma-free joint or a quote: `May 4, 20 mg`.
    let joint = scan.slice(from, at);
    let short = quote == 1 || matches!(joint, b"-" | b"/" | b"." | b"" | b" ");
    let good = match end - start {
        4 => calendar::year(value),
        2 => short && (quote == 1 || !measures(scan, end)),
        _ => false,
    };
    (good && ends_word(scan.text, end) && !scan.digit_then(end, b':')).then_some(end)
}

/// One past the second day of a range: `June 3-5`.
fn range_end(scan: &Scan<'_>, end: usize) -> usize {
    let day = end + 1;
    let day_end = run_end(scan.text, day, 2, |byte| byte.is_ascii_digit());
    let value = calendar::number(scan.slice(day, day_end));
    let range = scan.byte(end) == Some(b'-') && day_end > day && calendar::day(value);
    if range && ends_word(scan.text, day_end) {
        day_end
    } else {
        end
    }
}

/// Whether a unit follows: `May 2 mg`, `Mar 98 %`, `Dec 5.5`.
fn measures(scan: &Scan<'_>, end: usize) -> bool {
    static UNITS: WordSet = WordSet::of(&[
        b"mg", b"ml", b"mcg", b"kg", b"cm", b"mm", b"units", b"tablets", b"tabs", b"times",
        b"percent", b"g", b"doses", b"mmhg", b"hours", b"weeks",
    ]);
    if scan.byte(end) == Some(b'%') || scan.digit_then(end, b'.') {
        return true;
    }
    let from = run_end(scan.text, end, 1, |byte| byte == b' ');
    let word = run_end(scan.text, from, 8, |byte| byte.is_ascii_alphabetic());
    let unit = scan.slice(from, word);
    scan.byte(from) == Some(b'%') || UNITS.has(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Detector, Set};
    use velum_core::inspect::Surroundings;

    #[test]
    fn days_in_words() {
        let spoken = b"since March twenty-first";
        let mut out = Vec::new();
        let mut scan = Scan::new(
            spoken,
            Surroundings::WHOLE,
            Set::of(&[Detector::Date]),
            &mut out,
        );
        keyword(&mut scan, 6);
        assert_eq!((out[0].start, out[0].end), (6, spoken.len()));
    }
}
