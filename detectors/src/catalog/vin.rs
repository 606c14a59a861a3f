//! Vehicle identification numbers behind a label (49 CFR 565.13: 17 characters, no I, O or Q).

use super::Detector;
use super::token::Rule;
use crate::context::Cues;

/// `VIN 1HGCM82633A004352`. Without a label 17 characters are too many other things.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Vin,
    cue: Cues::VIN,
    digits: 3..=17,
};

/// Whether the token has the shape of a VIN.
pub(crate) fn is_shape(token: &[u8]) -> bool {
    token.len() == 17
        && token.iter().all(|byte| {
            let upper = byte.to_ascii_uppercase();
            byte.is_ascii_alphanumeric() && !matches!(upper, b'I' | b'O' | b'Q')
        })
}
