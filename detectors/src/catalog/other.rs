//! Any other unique identifying number, behind a label (45 CFR 164.514(b)(2)(i)(R)).

use super::Detector;
use super::token::Rule;
use crate::context::Cues;

/// `Passport No. 533380006`, `employee id 44821`, `Rx # 7712345`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Other,
    cue: Cues::OTHER,
    digits: 4..=24,
};
