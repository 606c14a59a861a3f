//! Health-plan beneficiary numbers: Medicare's by shape, all others behind a label.

use super::Detector;
use super::token::Rule;
use crate::context::Cues;
use crate::scan::{Candidate, Scan, Shape};

/// The Medicare Beneficiary Identifier (CMS, "Understanding the MBI"): eleven characters, no
/// S, L, O, I, B or Z, with or without the hyphens of the card.
pub(crate) const SHAPES: &[Shape] = &[Shape {
    pattern: r"[1-9][AC-HJKMNP-RT-Yac-hjkmnp-rt-y][AC-HJKMNP-RT-Yac-hjkmnp-rt-y0-9][0-9]-?[AC-HJKMNP-RT-Yac-hjkmnp-rt-y][AC-HJKMNP-RT-Yac-hjkmnp-rt-y0-9][0-9]-?[AC-HJKMNP-RT-Yac-hjkmnp-rt-y]{2}[0-9]{2}",
    judge: mbi,
}];

/// `Member ID: XYZ123456789`, `policy # 4455667`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::HealthPlan,
    cue: Cues::HEALTH_PLAN,
    digits: 5..=24,
};

fn mbi(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    if scan.is_word(at.start, at.end) {
        scan.report(Detector::HealthPlan, at.start, at.end);
    }
}
