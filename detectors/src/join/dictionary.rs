//! The row's values, in a form that a walk over a text can compare at once.

use velum_core::inspect::DetectorId;

use super::Manner;
use crate::text::run_end;
use crate::validate::calendar;
use crate::view::fold;

/// Words of names that are kept; a row has a dozen.
const NAMES: usize = 48;
/// Values that are looked for word by word in their order.
const PHRASES: usize = 16;
/// Numbers, and the renderings of dates.
const NUMBERS: usize = 96;
/// Longest number that is kept: an IBAN has 34 characters, few have more than 20 digits.
pub(super) const DIGITS: usize = 20;

/// A word of a name.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) hash: u64,
    /// Its first letter in lower case.
    pub(super) initial: u8,
    pub(super) letters: usize,
    pub(super) detector: DetectorId,
    /// It is also a word of the language, such as `will` or `may`.
    pub(super) is_common: bool,
}

/// A value that is found word by word.
#[derive(Clone, Copy)]
pub(super) struct Phrase<'k> {
    pub(super) first: u64,
    pub(super) text: &'k [u8],
    pub(super) detector: DetectorId,
}

/// Digits without their punctuation.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) digits: [u8; DIGITS],
    pub(super) len: usize,
    /// Groups that the digits have to stand in; 0 if they can stand in any.
    pub(super) groups: usize,
    pub(super) detector: DetectorId,
}

/// A day, for renderings with the month's name.
#[derive(Clone, Copy)]
pub(super) struct Day {
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) detector: DetectorId,
}

/// All that is looked for in one text.
pub(super) struct Dictionary<'k> {
    names: [Option<Name>; NAMES],
    phrases: [Option<Phrase<'k>>; PHRASES],
    numbers: [Option<Number>; NUMBERS],
    days: [Option<Day>; 8],
}

impl<'k> Dictionary<'k> {
    pub(super) fn new() -> Self {
        Self {
            names: [None; NAMES],
            phrases: [None; PHRASES],
            numbers: [None; NUMBERS],
            days: [None; 8],
        }
    }

    /// Adds a value that is `wanted`. What does not fit any more is left out.
    pub(super) fn add(&mut self, detector: DetectorId, text: &'k [u8], wanted: bool) {
        let text = text.trim_ascii();
        if !wanted || text.is_empty() {
            return;
        }
        match Manner::of(detector, text) {
            Manner::Name => self.add_name(detector, text),
            Manner::Date => self.add_date(detector, text),
            Manner::Phrase => self.add_phrase(detector, text),
            Manner::Number => self.add_number(detector, text),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().map_while(Option::as_ref)
    }

    pub(super) fn phrases(&self) -> impl Iterator<Item = &Phrase<'k>> {
        self.phrases.iter().map_while(Option::as_ref)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = &Number> {
        self.numbers.iter().map_while(Option::as_ref)
    }

    pub(super) fn days(&self) -> impl Iterator<Item = &Day> {
        self.days.iter().map_while(Option::as_ref)
    }

    fn add_name(&mut self, detector: DetectorId, text: &[u8]) {
        let mut at = 0;
        while let Some(word) = Word::next(text, at) {
            at = word.end;
            let is_title = crate::text::is_one_of(word.of(text), &TITLES);
            if word.letters >= 2 && !is_title {
                let name = Name {
                    hash: word.hash,
                    initial: word.initial,
                    letters: word.letters,
                    detector,
                    is_common: crate::text::is_one_of(word.of(text), &COMMON),
                };
                put(&mut self.names, name);
            }
        }
    }

    fn add_phrase(&mut self, detector: DetectorId, text: &'k [u8]) {
        if let Some(word) = Word::next(text, 0)
            && text.len() >= 4
        {
            put(
                &mut self.phrases,
                Phrase {
                    first: word.hash,
                    text,
                    detector,
                },
            );
        }
    }

    /// The digits, and the same without leading zeros: `00123456` is also `MRN123456`.
    fn add_number(&mut self, detector: DetectorId, text: &[u8]) {
        let mut number = Number {
            digits: [0; DIGITS],
            len: 0,
            groups: 0,
            detector,
        };
        for digit in text.iter().filter(|byte| byte.is_ascii_digit()) {
            number.push(*digit);
        }
        put(&mut self.numbers, number);
        let digits = number.digits.get(..number.len).unwrap_or_default();
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        if zeros > 0 && number.len - zeros >= 4 {
            let mut short = Number {
                digits: [0; DIGITS],
                len: 0,
                groups: 0,
                detector,
            };
            for digit in digits.iter().skip(zeros) {
                short.push(*digit);
            }
            put(&mut self.numbers, short);
        }
    }

    /// All orders of day, month and year, with and without padding and century.
    fn add_date(&mut self, detector: DetectorId, text: &[u8]) {
        let Some([year, month, day]) = parse(text) else {
            return;
        };
        put(
            &mut self.days,
            Day {
                month,
                day,
                detector,
            },
        );
        for [first, second, third] in [[0, 1, 2], [1, 2, 0], [2, 1, 0]] {
            for style in 0..8 {
                let padded = [style & 1 == 0, style & 2 == 0];
                let century = style & 4 == 0;
                let mut number = Number {
                    digits: [0; DIGITS],
                    len: 0,
                    groups: 3,
                    detector,
                };
                for part in [first, second, third] {
                    match part {
                        0 => number.write(if century { year } else { year % 100 }, 2),
                        1 => number.write(month, if padded[0] { 2 } else { 1 }),
                        _ => number.write(day, if padded[1] { 2 } else { 1 }),
                    }
                }
                let is_new = !self.numbers().any(|other| {
                    other.digits == number.digits && other.len == number.len && other.groups == 3
                });
                if is_new {
                    put(&mut self.numbers, number);
                    // Without separators only what is padded and whole.
                    if number.len >= 6 && padded == [true; 2] {
                        put(
                            &mut self.numbers,
                            Number {
                                groups: 1,
                                ..number
                            },
                        );
                    }
                }
            }
        }
    }
}

impl Number {
    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, digit: u8) {
        if let Some(slot) = self.digits.get_mut(self.len) {
            *slot = digit;
            self.len += 1;
        }
    }

    /// A number with at least `width` digits.
    fn write(&mut self, value: u32, width: usize) {
        let mut power = 1_000;
        let mut left = 4;
        while power > 0 {
            if value >= power || left <= width {
                self.push(b'0' + u8::try_from(value / power % 10).unwrap_or(0));
            }
            power /= 10;
            left -= 1;
        }
    }
}

fn put<T>(slots: &mut [Option<T>], value: T) {
    if let Some(slot) = slots.iter_mut().find(|slot| slot.is_none()) {
        *slot = Some(value);
    }
}

/// Year, month and day of a value that is a date: ISO, or `M/D/Y` where it can be one.
fn parse(text: &[u8]) -> Option<[u32; 3]> {
    let mut parts = [0; 3];
    let mut lengths = [0; 3];
    let mut count = 0;
    for group in text
        .split(|byte| !byte.is_ascii_digit())
        .filter(|group| !group.is_empty())
    {
        if let (Some(part), Some(length)) = (parts.get_mut(count), lengths.get_mut(count)) {
            *part = calendar::number(group);
            *length = group.len();
        }
        count += 1;
    }
    let [a, b, c] = parts;
    let date = match (lengths, count) {
        ([8, ..], _) => [a / 10_000, a / 100 % 100, a % 100],
        ([14, ..], _) => {
            let head = text.get(..8).map_or(0, calendar::number);
            [head / 10_000, head / 100 % 100, head % 100]
        }
        ([4, ..], 3..) => [a, b, c],
        ([.., 4], 3..) if calendar::month(a) => [c, a, b],
        ([.., 4], 3..) => [c, b, a],
        _ => return None,
    };
    let [year, month, day] = date;
    (calendar::year(year) && calendar::month(month) && calendar::day(day)).then_some(date)
}

/// Titles in a name column: they are no part of the name.
const TITLES: [&[u8]; 10] = [
    b"mr", b"mrs", b"ms", b"miss", b"dr", b"md", b"jr", b"sr", b"prof", b"rn",
];

/// Names that are words as well: only capitalised they are the known one.
const COMMON: [&[u8]; 58] = [
    b"will", b"may", b"june", b"april", b"august", b"hope", b"grace", b"faith", b"joy", b"mark",
    b"bill", b"rose", b"lily", b"art", b"gene", b"grant", b"chase", b"pat", b"sue", b"rich",
    b"rob", b"drew", b"dawn", b"summer", b"autumn", b"white", b"black", b"brown", b"green",
    b"gray", b"long", b"short", b"small", b"young", b"good", b"best", b"day", b"may", b"price",
    b"page", b"rice", b"cook", b"wells", b"bishop", b"king", b"hill", b"wood", b"stone", b"field",
    b"bell", b"ball", b"love", b"case", b"chan", b"his", b"her", b"stock", b"the",
];

/// A word of a text: letters of any script, folded.
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) hash: u64,
    pub(super) initial: u8,
    /// Letters and digits.
    pub(super) letters: usize,
    pub(super) is_capital: bool,
}

impl Word {
    /// The first word at or behind `from`. A word ends at anything but a letter, a digit or a
    /// character beyond ASCII, and after 64 bytes.
    pub(super) fn next(text: &[u8], from: usize) -> Option<Self> {
        const WORD_BYTES: usize = 64;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80;
        let gap = text
            .get(from..)?
            .iter()
            .take_while(|byte| !is_part(**byte))
            .count();
        let mut start = from + gap;
        // The letter of an escape is no part of the word behind it.
        if text.get(start.wrapping_sub(1)) == Some(&b'\\')
            && matches!(text.get(start), Some(b'n' | b'r' | b't'))
        {
            start += 1;
        }
        let end = run_end(text, start, WORD_BYTES, is_part);
        let end = crate::text::char_end(text, end);
        if end <= start {
            // A character that was cut, or an escape at the end: an empty word, and on.
            return (start < text.len()).then(|| Self::empty(start + 1));
        }
        let mut word = Self {
            end,
            ..Self::empty(start)
        };
        let mut at = start;
        while at < end {
            let one = fold::fold(text, at);
            at += one.bytes.max(1);
            let Some(byte) = one.ascii else { continue };
            if word.letters == 0 {
                word.initial = byte.to_ascii_lowercase();
                word.is_capital = byte.is_ascii_uppercase() || byte == fold::FOREIGN;
            }
            word.letters += 1;
            // A character that does not fold is told apart by its bytes.
            if byte == fold::FOREIGN {
                let raw = text.get(at - one.bytes.max(1)..at).unwrap_or_default();
                word.hash = raw.iter().fold(word.hash, |hash, byte| mix(hash, *byte));
            } else {
                word.hash = mix(word.hash, byte.to_ascii_lowercase());
            }
        }
        Some(word)
    }

    fn empty(at: usize) -> Self {
        Self {
            start: at,
            end: at,
            hash: 0xcbf2_9ce4_8422_2325,
            initial: 0,
            letters: 0,
            is_capital: false,
        }
    }

    pub(super) fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// FNV-1a, a byte at a time.
fn mix(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_columns_hold_them() {
        assert_eq!(parse(b"1985-01-31"), Some([1985, 1, 31]));
        assert_eq!(parse(b"1985-01-31 00:00:00+00"), Some([1985, 1, 31]));
        assert_eq!(parse(b"01/31/1985"), Some([1985, 1, 31]));
        assert_eq!(parse(b"31.01.1985"), Some([1985, 1, 31]));
        assert_eq!(parse(b"19850131"), Some([1985, 1, 31]));
        assert_eq!(parse(b"n/a"), None);
    }

    #[test]
    fn words_fold_case_and_accents() {
        let hash = |text: &str| Word::next(text.as_bytes(), 0).map(|word| word.hash);
        assert_eq!(hash("José"), hash("JOSE"));
        assert_ne!(hash("Josef"), hash("Jose"));
        assert_eq!(hash("  doe,"), hash("Doe"));
    }
}
