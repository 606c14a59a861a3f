//! National Provider Identifiers: ten digits, first 1 or 2, Luhn over `80840` and the number.

use super::Detector;
use crate::context::Cues;
use crate::scan::{Candidate, Scan, Shape};
use crate::validate::checksum;

/// Behind a label, in a column of that name, or as all of a cell that is no count or key: 2 %
/// of all ten-digit numbers pass the check.
pub(crate) const SHAPES: &[Shape] = &[Shape {
    pattern: r"[12][0-9]{9}",
    judge: bare,
}];

fn bare(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if !checksum::npi(scan.slice(at.start, at.end)) {
        return;
    }
    let cell = || scan.is_whole(at.start, at.end) && !scan.column().has(Cues::QUANTITY);
    if at.number.cues(scan).has(Cues::NPI) || (scan.around.column.is_some() && cell()) {
        scan.report(Detector::Npi, at.start, at.end);
    }
}
