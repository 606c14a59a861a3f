//! ZIP codes: ZIP+4 anywhere, five digits behind a state or a label.

use super::Detector;
use crate::context::Cues;
use crate::scan::{Candidate, Scan, Shape};
use crate::text::starts_word;
use crate::validate::ranges;

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"[0-9]{5}-[0-9]{4}",
        judge: plus_four,
    },
    Shape {
        pattern: r"[0-9]{5}",
        judge: five,
    },
];

/// Postal abbreviations of states, territories and military mail (USPS Publication 28).
const STATES: &[u8] = b"ALAKAZARCACOCTDEDCFLGAHIIDILINIAKSKYLAMEMDMAMIMNMSMOMTNENVNHNJNMNYNCND\
OHOKORPARISCSDTNTXUTVTVAWAWVWIWYASGUMPPRVIAAAEAP";

fn plus_four(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    // A third group is a drug code or another numbering.
    let chained = scan.digit_then(at.end, b'-') || scan.digit_before(at.start, b'-');
    if !chained && ranges::zip(scan.slice(at.start, at.start + 5)) && scan.is_word(at.start, at.end)
    {
        scan.report(Detector::Zip, at.start, at.end);
    }
}

fn five(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if !ranges::zip(scan.slice(at.start, at.end)) || !scan.is_word(at.start, at.end) {
        return;
    }
    let in_column = || scan.column().has(Cues::ZIP) && scan.is_whole(at.start, at.end);
    if state_before(scan, at.start) || at.number.label(scan).cues.has(Cues::ZIP) || in_column() {
        scan.report(Detector::Zip, at.start, at.end);
    }
}

/// Whether a state's abbreviation in capitals and one or two blanks stand before `at`.
pub(crate) fn state_before(scan: &Scan<'_>, at: usize) -> bool {
    let back = match (scan.byte_before(at, 1), scan.byte_before(at, 2)) {
        (Some(b' '), Some(b' ')) => 2,
        (Some(b' '), _) => 1,
        _ => return false,
    };
    let Some(start) = at.checked_sub(back + 2) else {
        return false;
    };
    is_state(scan.slice(start, start + 2)) && starts_word(scan.text, start)
}

/// Whether two capital letters are a state.
pub(crate) fn is_state(letters: &[u8]) -> bool {
    STATES
        .as_chunks::<2>()
        .0
        .iter()
        .any(|state| state == letters)
}
