//! Account numbers: IBANs by their check, all others behind a label.

use super::Detector;
use super::token::Rule;
use crate::context::Cues;
use crate::scan::{Number, Scan};
use crate::text::{ends_word, starts_word};
use crate::validate::checksum;

/// `Acct #: 0012345678`, `account 4455667788`, `IBAN DE02…`.
pub(crate) const RULE: Rule = Rule {
    detector: Detector::Account,
    cue: Cues::ACCOUNT,
    digits: 5..=34,
};

/// Shortest and longest IBAN (ISO 13616; the registry's shortest is Norway's).
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;

/// Judges the number as the check digits of an IBAN: `DE02 1203 0000 0000 2020 51`.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    let Some(start) = number.start.checked_sub(2) else {
        return;
    };
    let country = scan.slice(start, number.start);
    if !scan.wants(Detector::Account)
        || !country.iter().all(u8::is_ascii_uppercase)
        || number.len() < 2
        || !starts_word(scan.text, start)
    {
        return;
    }
    let mut code = [0; 34];
    let mut len = 0;
    let mut longest = None;
    for (at, byte) in scan.text.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' => {
                let Some(to) = code.get_mut(len) else { break };
                *to = *byte;
                len += 1;
            }
            b' ' | b'-' if len % 4 == 0 => continue,
            _ => break,
        }
        let whole = code.get(..len).unwrap_or_default();
        if IBAN.contains(&len) && ends_word(scan.text, at + 1) && checksum::iban(whole) {
            longest = Some(at + 1);
        }
    }
    if let Some(end) = longest {
        scan.report(Detector::Account, start, end);
    }
}
