//! Payment card numbers (ISO/IEC 7812): a network's prefix, its lengths and the Luhn check.

use super::Detector;
use crate::scan::{Candidate, Scan, Shape};
use crate::validate::{checksum, ranges};

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        pattern: r"[0-9]{13,19}",
        judge: bare,
    },
    Shape {
        pattern: r"[0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{1,4}(?:[ .-][0-9]{3})?",
        judge: grouped,
    },
    Shape {
        pattern: r"[0-9]{4}[ .-][0-9]{6}[ .-][0-9]{4,5}",
        judge: grouped,
    },
];

fn bare(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    // Fractions, hashes and identifiers that merely hold such a run are no card numbers.
    if scan.is_word(at.start, at.end) && !scan.digit_before(at.start, b'.') {
        judge(scan, at, scan.slice(at.start, at.end));
    }
}

fn grouped(scan: &mut Scan<'_>, at: &Candidate<'_>) {
    let mut digits = [0; 19];
    let mut count = 0;
    for byte in scan
        .slice(at.start, at.end)
        .iter()
        .filter(|byte| byte.is_ascii_digit())
    {
        let Some(to) = digits.get_mut(count) else {
            return;
        };
        *to = *byte;
        count += 1;
    }
    judge(scan, at, digits.get(..count).unwrap_or_default());
}

fn judge(scan: &mut Scan<'_>, at: &Candidate<'_>, digits: &[u8]) {
    if ranges::card_network(digits) && checksum::luhn(digits) {
        scan.report(Detector::CreditCard, at.start, at.end);
    }
}
