//! DEA registration numbers: a registrant letter, a letter or 9, six digits and a check digit
//! (21 CFR 1301).

use super::Detector;
use crate::context::Cues;
use crate::scan::{Number, Scan};
use crate::validate::checksum;

/// Letters that registrants are given.
const REGISTRANTS: &[u8] = b"ABCDEFGHJKLMPRSTUX";

/// Looks for the letters before a run of seven digits, or of eight that begins with 9.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    let letters = match number.len() {
        7 => 2,
        8 if scan.byte(number.start) == Some(b'9') => 1,
        _ => return,
    };
    let Some(start) = number.start.checked_sub(letters) else {
        return;
    };
    let prefix = scan.slice(start, number.start);
    let [first, rest @ ..] = prefix else { return };
    if !rest.iter().all(u8::is_ascii_alphabetic) || !scan.is_word(start, number.end) {
        return;
    }
    let upper = prefix.iter().all(u8::is_ascii_uppercase);
    let registrant = REGISTRANTS.contains(&first.to_ascii_uppercase());
    let digits = scan.slice(number.end - 7, number.end);
    if !registrant || !checksum::dea(digits) {
        return;
    }
    // Lower case needs the column or a label: `ab1234563` is more often a part number.
    if upper || number.cues(scan).has(Cues::DEA) {
        scan.report(Detector::Dea, start, number.end);
    }
}
