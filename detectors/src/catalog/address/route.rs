//! Addresses without a street's name: highways by their numbers, rural routes, military mail.

use super::words::{self, Word};
use crate::lookup::WordSet;
use crate::scan::{Number, Scan};
use crate::text::{ends_word, run_end, run_start, starts_word};

/// Words between a house's number and that of a highway.
const WORDS: usize = 5;
const ROUTE_DIGITS: usize = 4;
const BOX_DIGITS: usize = 6;

/// What is said of a road before it is called one.
static QUALIFIERS: WordSet = WordSet::of(&[
    b"us",
    b"u.s",
    b"state",
    b"county",
    b"co",
    b"old",
    b"business",
    b"farm",
    b"ranch",
    b"to",
    b"market",
    b"st",
    b"rural",
    b"township",
    b"twp",
    b"forest",
    b"national",
    b"parish",
]);
/// Roads that have numbers.
static HIGHWAYS: WordSet = WordSet::of(&[
    b"highway",
    b"hwy",
    b"hiway",
    b"route",
    b"rte",
    b"rt",
    b"interstate",
]);
/// Roads that have numbers if something was said of them.
static ROADS: WordSet = WordSet::of(&[b"road", b"rd", b"line"]);
/// Abbreviations of both, as postal services and states write them.
static SHORT: WordSet = WordSet::of(&[
    b"us", b"fm", b"rm", b"rr", b"cr", b"sr", b"sh", b"ih", b"i", b"c.r", b"s.r",
]);

/// One past `US Highway 12 East` behind a house's number that ends at `from`.
pub(super) fn highway(scan: &Scan<'_>, number: &Number, from: usize) -> Option<usize> {
    let mut at = from;
    let mut qualified = false;
    for _ in 0..WORDS {
        let word = words::next(scan, at)?;
        if let Some(end) = joined_route(scan, &word) {
            return Some(with_direction(scan, end));
        }
        let route = route_end(scan, word.dotted);
        if let Some(end) = route {
            let short = word.is_capital() && word.is_in(&SHORT) && number.len() >= 2;
            let named = word.is_in(&HIGHWAYS) || qualified && word.is_in(&ROADS);
            let end = with_direction(scan, end);
            return (named || short && super::closes(scan, end)).then_some(end);
        }
        if !(word.is_in(&QUALIFIERS) || words::is_direction(word.text)) {
            return None;
        }
        qualified |= !words::is_direction(word.text);
        at = word.dotted;
    }
    None
}

/// One past the number of a highway behind its word at `at`, or behind a suffix such as `Highway`.
pub(super) fn route_end(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let from = run_end(scan.text, at, 2, |byte| matches!(byte, b' ' | b'#' | b'-'));
    let digits = run_end(scan.text, from, ROUTE_DIGITS, |byte| byte.is_ascii_digit());
    let end = digits
        + usize::from(
            scan.byte(digits)
                .is_some_and(|byte| byte.is_ascii_uppercase()),
        );
    let part = matches!(scan.byte(end), Some(b'.' | b'/' | b'-'))
        && scan.byte(end + 1).is_some_and(|byte| byte.is_ascii_digit());
    (from > at && digits > from && ends_word(scan.text, end) && !part).then_some(end)
}

/// One past `I-35`, `US-12`, `FM-1960`.
fn joined_route(scan: &Scan<'_>, word: &Word<'_>) -> Option<usize> {
    let joint = word.text.iter().position(|byte| *byte == b'-')?;
    let (kind, number) = word.text.split_at(joint);
    let digits = number.get(1..).unwrap_or_default();
    let short = SHORT.has(kind) || HIGHWAYS.has(kind) || kind == b"M";
    let numbered = (1..=ROUTE_DIGITS).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && word.is_capital();
    (short && numbered && ends_word(scan.text, word.end)).then_some(word.end)
}

/// `NW` or `South` behind a street; in small letters where nothing follows that it could belong to.
pub(super) fn with_direction(scan: &Scan<'_>, end: usize) -> usize {
    match words::next(scan, end) {
        Some(word) if words::is_direction(word.text) => {
            if word.is_capital() || super::closes(scan, word.end) {
                word.end
            } else {
                end
            }
        }
        _ => end,
    }
}

/// The range of `RR 2 Box 45`, `HC 61, Box 7`, `PSC 1234 Box 56`, `Rural Route 3` if the number is
/// the first of it.
pub(super) fn rural(scan: &Scan<'_>, number: &Number) -> Option<(usize, usize)> {
    /// What needs a box behind it: `RR 16` is a rate of breaths.
    const BOXED: &[&[u8]] = &[
        b"rr", b"r.r", b"hc", b"h.c", b"hcr", b"psc", b"cmr", b"unit", b"route", b"rt", b"rte",
    ];
    const ALONE: &[&[u8]] = &[
        b"rural route",
        b"rural rt",
        b"rfd",
        b"r.f.d",
        b"star route",
        b"highway contract route",
    ];
    const LABEL_BYTES: usize = 24;
    let joint = |byte: u8| matches!(byte, b' ' | b'#' | b'.');
    let end = run_start(scan.text, number.start, 3, joint);
    if end == number.start || !scan.byte_before(end, 1)?.is_ascii_alphabetic() {
        return None;
    }
    let before = scan.slice(end.saturating_sub(LABEL_BYTES), end);
    let last = before.last().map(u8::to_ascii_lowercase);
    let label = |labels: &[&[u8]]| {
        let labels = labels.iter().filter(|label| label.last().copied() == last);
        let longest = labels.filter(|label| {
            let tail = before.get(before.len().saturating_sub(label.len())..);
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(label))
                && starts_word(scan.text, end - label.len().min(end))
        });
        longest.map(|label| end - label.len()).min()
    };
    let alone = label(ALONE);
    let start = alone.or_else(|| label(BOXED))?;
    match box_end(scan, number.end) {
        Some(end) => Some((start, end)),
        None => alone.map(|start| (start, number.end)),
    }
}

/// One past `, Box 45B` behind the number of a route.
fn box_end(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let at = run_end(scan.text, end, 3, |byte| matches!(byte, b' ' | b','));
    if !scan.slice(at, at + 3).eq_ignore_ascii_case(b"box") {
        return None;
    }
    let value = run_end(scan.text, at + 3, 3, |byte| {
        matches!(byte, b' ' | b'#' | b'.')
    });
    let digits = run_end(scan.text, value, BOX_DIGITS, |byte| byte.is_ascii_digit());
    let last = digits
        + usize::from(
            scan.byte(digits)
                .is_some_and(|byte| byte.is_ascii_uppercase()),
        );
    (digits > value && value > at + 3 && ends_word(scan.text, last)).then_some(last)
}
