//! What is found in running text: masks of the same length.

use super::super::types::Scalar;
use super::super::{Malformed, span};
use super::value::Form;
use super::{Around, Transform, dates, generalise};
use crate::cell::Encoding;

impl Transform {
    /// Appends what takes the place of a finding, byte for byte.
    ///
    /// # Errors
    /// If it is to be hidden; what was appended does not count.
    pub(crate) fn in_text(
        &self,
        today: Option<i64>,
        found: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let mark = out.len();
        let form = Form {
            scalar: Scalar::Text,
            encoding: Encoding::Text,
        };
        let around = Around {
            today,
            ..Around::default()
        };
        let mut kept = Vec::new();
        match self {
            Transform::EmailDomain => generalise::email_domain(form, found, out)?,
            Transform::LastFour => generalise::last_four(form, found, out)?,
            Transform::Age90 => {
                generalise::age90(&around, form, found, out)?;
                // Of an age of three digits two are left.
                let digits = |text: &[u8]| text.iter().filter(|it| it.is_ascii_digit()).count();
                let lost = found.len().saturating_sub(out.len() - mark);
                if lost == 1 && digits(found) == 3 {
                    let at = out.iter().rposition(u8::is_ascii_digit).ok_or(Malformed)?;
                    out.insert(at + 1, b'+');
                }
            }
            Transform::Zip3 => {
                generalise::zip3(form, found, &mut kept)?;
                keep(found, 0, &kept, out);
            }
            Transform::Year => {
                dates::year(&around, form, found, &mut kept)?;
                let mut places = found.windows(kept.len()).enumerate();
                let place = places.find(|(_, part)| *part == kept).ok_or(Malformed)?;
                keep(found, place.0, &kept, out);
            }
            // What can be written elsewhere in the text would name the key's tokens.
            _ => return Err(Malformed),
        }
        match out.len() - mark == found.len() {
            true => Ok(()),
            false => Err(Malformed),
        }
    }
}

/// Appends the finding, masked but for what stands at `place`.
fn keep(found: &[u8], place: usize, kept: &[u8], out: &mut Vec<u8>) {
    out.extend(found.iter().enumerate().map(|(index, &byte)| {
        let shown = index.checked_sub(place).and_then(|index| kept.get(index));
        match shown {
            Some(&shown) => shown,
            None if span::is_masked(byte) => b'X',
            None => byte,
        }
    }));
}
