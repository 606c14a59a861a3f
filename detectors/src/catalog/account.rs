//! Account numbers behind a label.

use super::Detector;
use super::token::Rule;
use crate::context::Cues;

/// `Acct #: 0012345678`, `account 4455667788`, `IBAN DE02…`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Account,
    cue: Cues::ACCOUNT,
    digits: 5..=34,
};
