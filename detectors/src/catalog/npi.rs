//! National Provider Identifiers: ten digits, first 1 or 2, Luhn over `80840` and the number.

use super::Detector;
use crate::context::Cues;
use crate::scan::{Candidate, Scan, Shape};
use crate::validate::checksum;

/// A label or the column's name is needed: 2 % of all ten-digit numbers pass the check.
pub(crate) const SHAPES: &[Shape] = &[Shape {
    pattern: r"[12][0-9]{9}",
    judge: bare,
}];

fn bare(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if checksum::npi(scan.slice(at.start, at.end)) && at.number.cues(scan).has(Cues::NPI) {
        scan.report(Detector::Npi, at.start, at.end);
    }
}
