//! Medical record numbers: a label and a token with digits, in whatever format a site uses.

use super::Detector;
use super::token::Rule;
use crate::context::Cues;

/// `MRN: 00123456`, `MRN-A1234567`, `"patient_mrn":"12-34-56"`, `Chart # 123456`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Mrn,
    cue: Cues::MRN,
    digits: 4..=16,
};
