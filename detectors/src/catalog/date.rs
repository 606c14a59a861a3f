//! Dates of birth: a date behind a birth cue or in a column of that name.
//!
//! Dates without a cue stay: masking them all would break every time series.

use super::Detector;
use crate::context::{self, Cues};
use crate::scan::{Candidate, Scan, Shape};
use crate::text::{run_start, starts_word};
use crate::validate::calendar;

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"[0-9]{1,2} ?[-/.] ?[0-9]{1,2} ?[-/.] ?(?:[0-9]{4}|[0-9]{2})",
        judge: parts,
    },
    Shape {
        pattern: r"[0-9]{1,2} [0-9]{1,2} [0-9]{4}",
        judge: parts,
    },
    Shape {
        pattern: r"[0-9]{4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}",
        judge: parts,
    },
    Shape {
        pattern: r"[0-9]{8}",
        judge: bare,
    },
    Shape {
        pattern: r"[0-9]{1,2}(?:[sS][tT]|[nN][dD]|[rR][dD]|[tT][hH])?(?: of)?[ .-]?[A-Za-z]{3,9}[., -]{0,2}(?:[0-9]{4}|'?[0-9]{2})",
        judge: day_first,
    },
    Shape {
        pattern: r"[0-9]{1,2}(?:[sS][tT]|[nN][dD]|[rR][dD]|[tT][hH])?[, -]{1,2}'?(?:[0-9]{4}|[0-9]{2})",
        judge: month_first,
    },
];

fn has_cue(scan: &Scan<'_>, at: &Candidate<'_>) -> bool {
    at.number.cues(scan).has(Cues::BIRTH) || context::named_behind(scan.text, at.end, Cues::BIRTH)
}

fn parts(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let mut values = [0; 3];
    let mut lengths = [0; 3];
    let groups = scan
        .slice(at.start, at.end)
        .split(|byte| !byte.is_ascii_digit())
        .filter(|group| !group.is_empty());
    for ((value, length), group) in values.iter_mut().zip(&mut lengths).zip(groups) {
        *value = calendar::number(group);
        *length = group.len();
    }
    if calendar::date_of_parts(values, lengths) && has_cue(scan, at) {
        scan.report(Detector::Date, at.start, at.end);
    }
}

fn bare(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if calendar::date_of_digits(scan.slice(at.start, at.end)) && has_cue(scan, at) {
        scan.report(Detector::Date, at.start, at.end);
    }
}

/// `31 January 1985`, `31-Jan-85`, `31st of Jan, 1985`.
fn day_first(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let text = scan.slice(at.start, at.end);
    let mut words = text
        .split(|byte| !byte.is_ascii_alphabetic())
        .filter(|word| calendar::month_of_name(word));
    if words.next().is_some() && has_cue(scan, at) {
        scan.report(Detector::Date, at.start, at.end);
    }
}

/// `January 31, 1985`, `Jan 31 85`: the name of the month stands before the number.
fn month_first(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    const NAME_BYTES: usize = 9;
    let blanks = run_start(scan.text, at.start, 2, |byte| {
        matches!(byte, b' ' | b'.' | b'-')
    });
    let start = run_start(scan.text, blanks, NAME_BYTES, |byte| {
        byte.is_ascii_alphabetic()
    });
    if calendar::month_of_name(scan.slice(start, blanks))
        && starts_word(scan.text, start)
        && has_cue(scan, at)
    {
        scan.report(Detector::Date, start, at.end);
    }
}
