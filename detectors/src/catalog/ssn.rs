//! Social Security numbers: 3-2-4 with separators anywhere, nine bare digits with evidence.

use super::Detector;
use crate::context::{self, Cues};
use crate::scan::{Candidate, Number, Scan, Shape};
use crate::text::{ends_word, run_start};
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
    if at.number.cues(scan).has(Cues::SSN) || context::named_behind(scan.text, at.end, Cues::SSN) {
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

/// The last four digits: behind the masked others (`XXX-XX-6789`), or behind a label
/// (`last 4 SSN 6789`).
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if number.len() != 4 || !scan.wants(Detector::Ssn) || !ends_word(scan.text, number.end) {
        return;
    }
    let start = run_start(scan.text, number.start, MASK_BYTES, |byte| {
        matches!(byte, b'X' | b'x' | b'*' | b'#' | b'-' | b' ')
    });
    let mask = scan.slice(start, number.start);
    let masked = mask.len() == MASK_BYTES && mask[3] == mask[6] && mask[3] != mask[0];
    let labelled = || {
        let label = number.label(scan);
        label.nearest.has(Cues::SSN) && !scan.digit_then(number.end, b'-')
    };
    if masked || labelled() {
        scan.report(Detector::Ssn, number.start, number.end);
    }
}

/// `XXX-XX-`.
const MASK_BYTES: usize = 7;
