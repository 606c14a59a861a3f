//! Licence and certificate numbers behind a label: driver's, medical, nursing
//! (45 CFR 164.514(b)(2)(i)(K)).

use super::Detector;
use super::token::Rule;
use crate::context::Cues;

/// `Driver's License: D1234567`, `Lic # A-55321`, `certificate no. 4455-66`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::License,
    cue: Cues::LICENSE,
    digits: 4..=20,
};
