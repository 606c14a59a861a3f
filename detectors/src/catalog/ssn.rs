//! Social Security numbers: 3-2-4 with separators anywhere, nine bare digits with evidence.

use super::Detector;
use crate::context::{self, Cues};
use crate::scan::{Candidate, Scan, Shape};
use crate::text::ends_word;
use crate::validate::ranges;

/// Separators: hyphen, dot, blank, no-break blank, the Unicode hyphens and dashes, with a blank
/// on either side of a hyphen.
pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"[0-9]{3}(?: ?- ?|[ .]|\xC2\xA0|\xE2\x80[\x90-\x94])[0-9]{2}(?: ?- ?|[ .]|\xC2\xA0|\xE2\x80[\x90-\x94])[0-9]{4}",
        judge: separated,
    },
    Shape {
        pattern: r"[0-9]{9}",
        judge: bare,
    },
];

fn separated(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let digits = ranges::exactly::<9>(scan.slice(at.start, at.end));
    let possible = digits.is_some_and(|digits| ranges::ssn(&digits));
    // A labelled number is one however it is mistyped.
    if !possible && !at.number.cues(scan).has(Cues::SSN) {
        return;
    }
    if !scan.in_dotted_chain(at.start, at.end) {
        scan.report(Detector::Ssn, at.start, at.end);
    }
}

fn bare(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if at.number.cues(scan).has(Cues::SSN) || named_behind(scan, at.end) {
        scan.report(Detector::Ssn, at.start, at.end);
        return;
    }
    let possible = ranges::exactly::<9>(scan.slice(at.start, at.end))
        .is_some_and(|digits| ranges::ssn(&digits));
    let is_quantity = || scan.column().has(Cues::QUANTITY);
    if possible && scan.is_whole(at.start, at.end) && !is_quantity() {
        scan.report(Detector::Ssn, at.start, at.end);
    }
}

/// Whether the number is followed by its name in parentheses: `531770294 (SSN)`.
fn named_behind(scan: &Scan<'_>, end: usize) -> bool {
    const NAME_BYTES: usize = 20;
    let rest = scan.slice(end, scan.text.len().min(end + NAME_BYTES));
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(b"(") else {
        return false;
    };
    let words = rest
        .iter()
        .position(|byte| *byte == b')')
        .map(|close| &rest[..close]);
    words.is_some_and(|words| {
        ends_word(words, words.len()) && context::of_column(words).has(Cues::SSN)
    })
}
