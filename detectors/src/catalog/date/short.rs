//! `3/4`: a month and a day without a year, and everything else that is written so.
//!
//! It is a date if something says so: a word before it (`on`, `seen`, `Monday`), a second date,
//! a padded number, a day that no score or fraction has. Fractions (`1/2`), strengths (`5/5`),
//! pain (`4/10`), Glasgow (`11/15`) and `24/7` are none.

use super::report;
use crate::context::{self, Cues};
use crate::lookup::WordSet;
use crate::scan::{Number, Scan};
use crate::text::{ends_escape, run_end, run_start};
use crate::validate::calendar;

/// A month and a day, in either order.
struct Pair {
    start: usize,
    slash: usize,
    end: usize,
    first: u32,
    second: u32,
}

/// Judges the number as the first of a pair.
pub(super) fn number(scan: &mut Scan<'_>, number: &Number) {
    if number.len() > 2 || scan.byte(number.end) != Some(b'/') {
        return;
    }
    let Some(pair) = pair_at(scan, number.start) else {
        return;
    };
    // One digit, a slash or a dot more, and it is something else.
    let before = scan.byte_before(pair.start, 1);
    if matches!(before, Some(b'/' | b'.' | b'$' | b'=' | b'+' | b'>' | b'<')) {
        return;
    }
    if is_against(scan, number, &pair) {
        return;
    }
    if is_evident(scan, number, &pair) {
        report(scan, pair.start, pair.end);
    }
}

fn pair_at(scan: &Scan<'_>, start: usize) -> Option<Pair> {
    let digits = |from| run_end(scan.text, from, 3, |byte| byte.is_ascii_digit());
    let slash = digits(start);
    let end = digits(slash + 1);
    let shape = (1..=2).contains(&(slash - start))
        && scan.byte(slash) == Some(b'/')
        && (slash + 2..=slash + 3).contains(&end);
    let first = calendar::number(scan.slice(start, slash));
    let second = calendar::number(scan.slice(slash + 1, end));
    let continues = matches!(scan.byte(end), Some(b'/' | b'%' | b'+'))
        || scan.digit_then(end, b'.')
        || scan
            .byte(end)
            .is_some_and(|byte| byte.is_ascii_alphabetic());
    (shape && !continues && calendar::day_and_month(first, second)).then_some(Pair {
        start,
        slash,
        end,
        first,
        second,
    })
}

fn is_evident(scan: &Scan<'_>, number: &Number, pair: &Pair) -> bool {
    let padded = scan.byte(pair.start) == Some(b'0') || scan.byte(pair.slash + 1) == Some(b'0');
    let announced =
        || number.label(scan).cues.has(Cues::DATE.and(Cues::BIRTH)) || weekday(scan, pair);
    let no_score = pair.second > 12 && !matches!(pair.second, 15 | 16 | 20 | 24 | 30);
    let fraction = matches!(pair.second, 2..=6 | 8 | 10);
    let swapped = pair.first > 12 && pair.second <= 12;
    padded
        || no_score
        || announced()
        || in_range(scan, pair)
        || heads_entry(scan, pair)
        || (heads_line(scan, pair) && (!fraction || pair.first > pair.second))
        || (swapped && !fraction)
}

/// Whether words around the pair make it a rating, a ratio or a part of something.
fn is_against(scan: &Scan<'_>, number: &Number, pair: &Pair) -> bool {
    static BEHIND: WordSet = WordSet::of(&[
        b"pain",
        b"murmur",
        b"strength",
        b"sem",
        b"systolic",
        b"severity",
        b"of",
        b"cup",
        b"cups",
        b"tab",
        b"tablet",
        b"tsp",
        b"inch",
        b"in",
        b"mile",
        b"full",
        b"dose",
        b"pack",
        b"strip",
        b"ns",
        b"mg",
        b"hours",
        b"apgar",
        b"power",
        b"bilaterally",
        b"throughout",
        b"intensity",
        b"motor",
        b"positive",
        b"bottles",
        b"criteria",
        b"ppd",
        b"scale",
        b"ths",
    ]);
    if (pair.first, pair.second) == (24, 7) {
        return true;
    }
    let blank = run_end(scan.text, pair.end, 1, |byte| matches!(byte, b' ' | b'-'));
    let word_end = run_end(scan.text, blank, 12, |byte| byte.is_ascii_alphabetic());
    let word = scan.slice(blank, word_end);
    let behind = BEHIND.has(word);
    // `in 3/4` days later is rare, `3/4 in the morning` is a date: a unit ends its phrase.
    let unit = behind && !(word.eq_ignore_ascii_case(b"in") && scan.byte(word_end) == Some(b' '));
    let cues = number.label(scan).cues;
    unit || (cues.has(Cues::SCORE) && !cues.has(Cues::DATE))
}

fn weekday(scan: &Scan<'_>, pair: &Pair) -> bool {
    let end = run_start(scan.text, pair.start, 2, |byte| {
        matches!(byte, b' ' | b',' | b'.')
    });
    let start = run_start(scan.text, end, 9, |byte| byte.is_ascii_alphabetic());
    end < pair.start && context::weekday(scan.slice(start, end))
}

/// `3/4-3/9`, `3/4 to 3/9`: the months are the same or follow each other.
fn in_range(scan: &Scan<'_>, pair: &Pair) -> bool {
    let near = |a: &Pair, b: &Pair| {
        a.first == b.first && a.second != b.second || a.first + 1 == b.first && a.second > 6
    };
    let behind = [
        b"-".as_slice(),
        b" - ",
        b" to ",
        b" and ",
        b" through ",
        b", ",
    ]
    .iter()
    .find(|joint| scan.slice(pair.end, pair.end + joint.len()) == **joint)
    .and_then(|joint| pair_at(scan, pair.end + joint.len()));
    if behind.is_some_and(|other| near(pair, &other)) {
        return true;
    }
    let joint = run_start(scan.text, pair.start, 9, |byte| {
        byte.is_ascii_lowercase() || matches!(byte, b' ' | b'-' | b',')
    });
    let start = run_start(scan.text, joint, 5, |byte| {
        byte.is_ascii_digit() || byte == b'/'
    });
    joint < pair.start && pair_at(scan, start).is_some_and(|other| near(&other, pair))
}

/// `3/4: stable`, `3/5 - extubated`: an entry of a diary, at the start of a line or a sentence.
fn heads_entry(scan: &Scan<'_>, pair: &Pair) -> bool {
    let behind = scan.slice(pair.end, pair.end + 3);
    let sign = matches!(behind, [b':', b' ', _] | [b' ', b'-', b' ']);
    let blank = scan.byte_before(pair.start, 1) == Some(b' ');
    let starts = match scan.byte_before(pair.start, 1 + usize::from(blank)) {
        None => scan.around.at_start,
        Some(b'\n' | b'\r' | b'\t' | b';') => true,
        Some(b'.') => blank,
        Some(_) => ends_escape(scan.text, pair.start),
    };
    sign && starts
}

/// `3/4: stable` at the start of a line, `(3/4)`.
fn heads_line(scan: &Scan<'_>, pair: &Pair) -> bool {
    let starts = match scan.byte_before(pair.start, 1) {
        None => scan.around.at_start && scan.byte(pair.end).is_some(),
        Some(b'\n' | b'\r' | b'\t') => true,
        Some(b'(') => return scan.byte(pair.end) == Some(b')'),
        Some(_) => ends_escape(scan.text, pair.start),
    };
    let colon = scan.byte(pair.end) == Some(b':');
    let word = scan.byte(pair.end) == Some(b' ')
        && scan
            .byte(pair.end + 1)
            .is_some_and(|byte| byte.is_ascii_alphabetic());
    starts && (colon || word)
}
