//! Values of the row's identifying columns, found again in the row's texts however they are
//! written: names in any order and by initials, numbers in any punctuation, dates in all
//! renderings.
//!
//! The row becomes a small dictionary on the stack, of those values alone that the text can hold.
//! Only texts that are whole are read: which row they stand in has to be known.

use velum_core::inspect::{DetectorId, Finding};

use crate::catalog::Detector;
use crate::scan::Scan;

mod dictionary;
mod numbers;
mod outline;
mod words;

use dictionary::{Digits, Words};
pub(crate) use outline::of_value as outline;

/// Finds the known values of the row.
pub(crate) fn find(scan: &mut Scan<'_>) {
    let whole = scan.around.at_start && scan.around.at_end;
    if !whole || scan.around.known.is_empty() {
        return;
    }
    let text = outline::of_text(scan.text);
    if !scan
        .around
        .known
        .iter()
        .any(|known| known.outline.meets(text))
    {
        return;
    }
    let words = Words::of(scan, text);
    if !words.is_empty() {
        words::find(scan, &words);
    }
    let digits = Digits::of(scan, text);
    if !digits.is_empty() {
        numbers::find(scan, &digits);
    }
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
        let has_digits = || crate::text::digits(text) >= 4;
        let is_letter = |byte: &&u8| byte.is_ascii_alphabetic();
        let has_letters = || text.iter().filter(is_letter).nth(4).is_some();
        if is(Detector::Name) {
            Self::Name
        } else if is(Detector::Date) {
            Self::Date
        } else if is(Detector::Address) || has_letters() || !has_digits() {
            Self::Phrase
        } else {
            Self::Number
        }
    }
}
