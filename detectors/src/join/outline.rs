//! What a value and a text have in common at first sight, so that most values of a row need not
//! be looked for in most of its texts.

use velum_core::inspect::{DetectorId, Outline};

use super::Manner;
use super::dictionary::{Number, Word, parse};

/// Bits for how words begin; the others are about digits.
const WORD_BITS: u32 = 112;
const WORDS: u128 = (1 << WORD_BITS) - 1;
/// A date can be there.
const DAY: u128 = 1 << WORD_BITS;
/// From here on a bit for each count of digits.
const DIGIT_BITS: u32 = WORD_BITS + 1;
/// More digits than this count as this many.
const MOST_DIGITS: usize = 12;
/// Fewest digits of a date: `85-1-3`.
const DATE_DIGITS: usize = 4;
/// A longer text has all bits: looking for the values costs no more than this.
const TEXT_BYTES: usize = 256;

/// The outline of a known value: it can stand only in texts that have one of its bits.
pub(crate) fn of_value(detector: DetectorId, text: &[u8]) -> Outline {
    let text = text.trim_ascii();
    let bits = match Manner::of(detector, text) {
        Manner::Name => words(text).fold(0, |bits, word| bits | of_word(&word, text)),
        Manner::Phrase => words(text).next().map_or(0, |word| of_word(&word, text)),
        Manner::Date if parse(text).is_some() => DAY,
        Manner::Date => 0,
        Manner::Number => {
            let digits = Number { detector, text }.digits().count();
            1 << (DIGIT_BITS + digits.min(MOST_DIGITS) as u32)
        }
    };
    Outline(bits)
}

/// The outline of a text.
pub(super) fn of_text(text: &[u8]) -> Outline {
    if text.len() > TEXT_BYTES {
        return Outline::ANY;
    }
    let mut bits = words(text).fold(0, |bits, word| bits | of_word(&word, text));
    let digits = crate::text::digits(text);
    for count in 0..=digits.min(MOST_DIGITS) {
        bits |= 1 << (DIGIT_BITS + count as u32);
    }
    // Beside a month's name a single digit is a date.
    if digits >= DATE_DIGITS || (digits > 0 && text.iter().any(u8::is_ascii_alphabetic)) {
        bits |= DAY;
    }
    Outline(bits)
}

fn words(text: &[u8]) -> impl Iterator<Item = Word> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let word = Word::next(text, at)?;
        at = word.end.max(at + 1);
        Some(word)
    })
}

/// A bit for the two bytes that the word begins with. One that begins with a character beyond
/// ASCII may be written otherwise, and has all bits.
fn of_word(word: &Word, text: &[u8]) -> u128 {
    let (first, second) = match word.of(text) {
        [] => return 0,
        [first] => (*first, 0),
        [first, second, ..] => (*first, *second),
    };
    if !(first.is_ascii() && second.is_ascii()) {
        return WORDS;
    }
    let pair = u32::from(first.to_ascii_lowercase()) * 37 + u32::from(second.to_ascii_lowercase());
    1 << (pair % WORD_BITS)
}
