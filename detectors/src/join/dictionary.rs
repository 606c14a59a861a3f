//! The row's values, in a form that a walk over a text can compare at once.

use velum_core::inspect::{DetectorId, KnownValue, Outline};

use super::Manner;
use crate::scan::Scan;
use crate::text::run_end;
use crate::validate::calendar;
use crate::view::fold;

/// Words of names that are kept; a row has a dozen.
const NAMES: usize = 48;
/// Values of each other kind; a row has at most as many.
const VALUES: usize = 16;

/// A word of a name.
#[derive(Clone, Copy)]
pub(super) struct Name<'k> {
    pub(super) word: &'k [u8],
    pub(super) hash: u64,
    /// Its first letter in lower case.
    pub(super) initial: u8,
    pub(super) letters: usize,
    pub(super) detector: DetectorId,
}

/// A value that is found word by word.
#[derive(Clone, Copy)]
pub(super) struct Phrase<'k> {
    pub(super) first: u64,
    pub(super) text: &'k [u8],
    pub(super) detector: DetectorId,
}

/// A value of which the digits count.
#[derive(Clone, Copy)]
pub(super) struct Number<'k> {
    pub(super) text: &'k [u8],
    pub(super) detector: DetectorId,
}

/// A day.
#[derive(Clone, Copy)]
pub(super) struct Day {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) detector: DetectorId,
}

/// Up to `N` of a kind, on the stack. What does not fit any more is left out.
struct Few<T, const N: usize> {
    slots: [Option<T>; N],
    len: usize,
}

impl<T: Copy, const N: usize> Few<T, N> {
    const fn new() -> Self {
        Self {
            slots: [None; N],
            len: 0,
        }
    }

    fn put(&mut self, value: T) {
        if let Some(slot) = self.slots.get_mut(self.len) {
            *slot = Some(value);
            self.len += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().take(self.len).flatten()
    }
}

/// Values that are found word by word.
pub(super) struct Words<'k> {
    names: Few<Name<'k>, NAMES>,
    phrases: Few<Phrase<'k>, VALUES>,
}

/// Values that are found by their digits.
pub(super) struct Digits<'k> {
    numbers: Few<Number<'k>, VALUES>,
    days: Few<Day, VALUES>,
}

impl<'k> Words<'k> {
    /// The words that `scan` looks for.
    pub(super) fn of(scan: &Scan<'k>, outline: Outline) -> Self {
        let mut words = Self {
            names: Few::new(),
            phrases: Few::new(),
        };
        for (known, text) in wanted(scan, outline) {
            match Manner::of(known.detector, text) {
                Manner::Name => words.add_name(known.detector, text),
                Manner::Phrase => words.add_phrase(known.detector, text),
                Manner::Date | Manner::Number => {}
            }
        }
        words
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.len + self.phrases.len == 0
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Name<'k>> {
        self.names.iter()
    }

    pub(super) fn phrases(&self) -> impl Iterator<Item = &Phrase<'k>> {
        self.phrases.iter()
    }

    fn add_name(&mut self, detector: DetectorId, text: &'k [u8]) {
        let mut at = 0;
        while let Some(word) = Word::next(text, at) {
            at = word.end;
            let letters = word.of(text);
            let is_title = letters.len() <= 4 && crate::text::is_one_of(letters, &TITLES);
            if word.letters >= 2 && !is_title {
                self.names.put(Name {
                    word: letters,
                    hash: word.hash,
                    initial: word.initial,
                    letters: word.letters,
                    detector,
                });
            }
        }
    }

    fn add_phrase(&mut self, detector: DetectorId, text: &'k [u8]) {
        if let Some(word) = Word::next(text, 0)
            && text.len() >= 4
        {
            self.phrases.put(Phrase {
                first: word.hash,
                text,
                detector,
            });
        }
    }
}

impl<'k> Digits<'k> {
    /// The numbers and days that `scan` looks for.
    pub(super) fn of(scan: &Scan<'k>, outline: Outline) -> Self {
        let mut digits = Self {
            numbers: Few::new(),
            days: Few::new(),
        };
        for (known, text) in wanted(scan, outline) {
            match Manner::of(known.detector, text) {
                Manner::Date => digits.add_day(known.detector, text),
                Manner::Number => digits.add_number(known.detector, text),
                Manner::Name | Manner::Phrase => {}
            }
        }
        digits
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.len + self.days.len == 0
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = &Number<'k>> {
        self.numbers.iter()
    }

    pub(super) fn days(&self) -> impl Iterator<Item = &Day> {
        self.days.iter()
    }

    fn add_number(&mut self, detector: DetectorId, text: &'k [u8]) {
        self.numbers.put(Number { text, detector });
    }

    fn add_day(&mut self, detector: DetectorId, text: &[u8]) {
        if let Some([year, month, day]) = parse(text) {
            self.days.put(Day {
                year,
                month,
                day,
                detector,
            });
        }
    }
}

/// The known values whose detectors are on and that a text of this outline can hold.
fn wanted<'k>(
    scan: &Scan<'k>,
    outline: Outline,
) -> impl Iterator<Item = (&'k KnownValue<'k>, &'k [u8])> {
    let values = scan.around.known.iter();
    let values = values.filter(move |known| known.outline.meets(outline));
    let values = values.filter(|known| scan.wants_id(known.detector));
    let values = values.map(|known| (known, known.text.trim_ascii()));
    values.filter(|(_, text)| !text.is_empty())
}

impl Name<'_> {
    /// Whether it is also a word of the language, such as `will` or `may`.
    pub(super) fn is_common(&self) -> bool {
        crate::text::is_one_of(self.word, &COMMON)
    }
}

impl Number<'_> {
    /// Its digits without the zeros before them, if it is long enough without: `00123456` is
    /// also `MRN123456`.
    pub(super) fn digits(&self) -> impl Iterator<Item = u8> {
        const SIGNIFICANT_DIGITS: usize = 4;
        let digits = self.text.iter().copied().filter(u8::is_ascii_digit);
        let zeros = digits.clone().take_while(|digit| *digit == b'0').count();
        let is_padding = digits.clone().nth(zeros + SIGNIFICANT_DIGITS - 1).is_some();
        digits.skip(if is_padding { zeros } else { 0 })
    }
}

/// Year, month and day of a value that is a date: ISO, or `M/D/Y` where it can be one.
pub(super) fn parse(text: &[u8]) -> Option<[u32; 3]> {
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
            if let Some(byte) = text.get(at).filter(|byte| byte.is_ascii()) {
                word.read(*byte);
                at += 1;
                continue;
            }
            let one = fold::fold(text, at);
            at += one.bytes.max(1);
            let Some(byte) = one.ascii else { continue };
            // A character that does not fold is told apart by its bytes.
            if byte == fold::FOREIGN {
                let raw = text.get(at - one.bytes.max(1)..at).unwrap_or_default();
                word.begin(byte);
                word.hash = raw.iter().fold(word.hash, |hash, byte| mix(hash, *byte));
            } else {
                word.read(byte);
            }
        }
        Some(word)
    }

    /// Takes in a letter or digit.
    fn read(&mut self, byte: u8) {
        self.begin(byte);
        self.hash = mix(self.hash, byte.to_ascii_lowercase());
    }

    /// Counts a character; the first one tells how the word begins.
    fn begin(&mut self, byte: u8) {
        if self.letters == 0 {
            self.initial = byte.to_ascii_lowercase();
            self.is_capital = byte.is_ascii_uppercase() || byte == fold::FOREIGN;
        }
        self.letters += 1;
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
