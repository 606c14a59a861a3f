//! Values of the row's identifying columns, found again in the row's texts however they are
//! written: names in any order and by initials, numbers in any punctuation, dates in all
//! renderings.
//!
//! The row becomes a small dictionary on the stack, and the text is walked once. Only texts that
//! are whole are read: which row they stand in has to be known.

use velum_core::inspect::{DetectorId, Finding};

use crate::catalog::Detector;
use crate::scan::Scan;

mod dictionary;
mod numbers;
mod words;

use dictionary::Dictionary;

/// Finds the known values of the row.
pub(crate) fn find(scan: &mut Scan<'_>) {
    let whole = scan.around.at_start && scan.around.at_end;
    if !whole || scan.around.known.is_empty() {
        return;
    }
    let mut dictionary = Dictionary::new();
    for known in scan.around.known {
        dictionary.add(known.detector, known.text, scan.wants_id(known.detector));
    }
    words::find(scan, &dictionary);
    numbers::find(scan, &dictionary);
}

/// Reports what a known value says the span is.
fn report(scan: &mut Scan<'_>, detector: DetectorId, start: usize, end: usize) {
    if start < end && end <= scan.text.len() {
        scan.found_mut().push(Finding {
            start,
            end,
            detector,
        });
    }
}

/// How a known value of this kind is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Word by word: each is one by itself.
    Name,
    /// Day, month and year in any order.
    Date,
    /// All words in their order.
    Phrase,
    /// Its digits, whatever stands between them.
    Number,
}

impl Manner {
    fn of(detector: DetectorId, text: &[u8]) -> Self {
        let is = |other: Detector| detector.0 == other as u16;
        let digits = crate::text::digits(text);
        let letters = text
            .iter()
            .filter(|byte| byte.is_ascii_alphabetic())
            .count();
        if is(Detector::Name) {
            Self::Name
        } else if is(Detector::Date) {
            Self::Date
        } else if digits >= 4 && letters <= 4 && !is(Detector::Address) {
            Self::Number
        } else {
            Self::Phrase
        }
    }
}
