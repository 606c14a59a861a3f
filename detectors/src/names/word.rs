//! Words of a text as the scorer sees them: borders, shape, key, and what stands between two.

use super::letters::{self, Kind};
use crate::text::ends_escape;

/// Bytes of a word that are read; a longer one is no name.
pub(super) const WORD_BYTES: usize = 48;
/// Bytes between two words beyond which they are no neighbours.
pub(super) const GAP_BYTES: usize = 12;

/// A run of letters and digits. An apostrophe between letters belongs to it, a possessive's
/// `'s` does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Hash of the folded letters.
    pub(super) key: u64,
    /// Hash of the last three folded letters, and how many there are before them.
    pub(super) suffix: u16,
    pub(super) letters: u8,
    pub(super) ending: Ending,
    pub(super) shape: Shape,
    /// An `'s` follows.
    pub(super) possessive: bool,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Shape {
    Lower,
    /// `Smith`, `García`.
    Capital,
    /// `SMITH`.
    Capitals,
    /// One capital: `J`.
    Initial,
    /// `McDonald`, `O'Brien`, `DeShawn`.
    Inner,
    /// Letters of a script without capitals.
    Uncased,
    Digits,
    /// Letters and digits, or longer than any name.
    Code,
}

/// What the last letters of an English word make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ending {
    Other,
    /// `arrives`, `goals`.
    S,
    /// `refused`.
    Ed,
    /// `improving`.
    Ing,
    /// `discussion`, `treatment`, `weakness`, `acidity`, `anemia`, `gastrostomy`, `carcinoma`.
    Noun,
    /// `daily`, `surgical`, `anemic`, `obese`, `cardiac`.
    Quality,
}

impl Ending {
    fn of(last: [u32; 3]) -> Self {
        let letters = last.map(|letter| u8::try_from(letter).unwrap_or(0));
        match &letters {
            b"ing" => Self::Ing,
            b"ion" | b"ent" | b"ess" | b"ity" | b"mia" | b"sis" | b"ism" | b"ure" | b"omy"
            | b"sty" | b"tis" | b"oma" | b"phy" | b"opy" | b"gia" | b"ogy" | b"uma" => Self::Noun,
            b"cal"
            | b"nal"
            | b"ial"
            | b"ous"
            | b"ive"
            | b"ble"
            | [_, b'i', b'c']
            | [_, b'l', b'y'] => Self::Quality,
            [_, b'e', b'd'] => Self::Ed,
            [_, _, b's'] => Self::S,
            _ => Self::Other,
        }
    }
}

/// What stands between a word and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Gap {
    /// No word follows.
    Edge,
    Nothing,
    Blank,
    Comma,
    Stop,
    Colon,
    Line,
    Hyphen,
    Slash,
    Open,
    Close,
    Quote,
    Caret,
    /// A wide blank, a tab, a bar: the border of a field.
    Field,
    /// `/es/`, `:` and a line, and whatever else.
    Other,
    Semicolon,
}

impl Word {
    /// Begins with a capital or with a letter that has no case.
    pub(super) fn is_capital(&self) -> bool {
        !matches!(self.shape, Shape::Lower | Shape::Digits | Shape::Code)
    }
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// The key of a dictionary's word: the same as [`read`] gives for it in a text.
pub(crate) fn key_of(word: &str) -> u64 {
    let mut key = SEED;
    let mut at = 0;
    while at < word.len() {
        let letter = letters::at(word.as_bytes(), at);
        if matches!(
            letter.kind,
            Kind::Lower | Kind::Upper | Kind::Uncased | Kind::Digit
        ) {
            key = stir(key, letter.folded);
        }
        at += letter.bytes;
    }
    finish(key)
}

fn stir(key: u64, letter: u32) -> u64 {
    (key ^ u64::from(letter))
        .wrapping_mul(0x0000_0100_0000_01b3)
        .rotate_left(23)
}

fn finish(key: u64) -> u64 {
    let key = (key ^ (key >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    key ^ (key >> 32)
}

/// The word that begins at `start`, if one does.
pub(super) fn read(text: &[u8], start: usize) -> Option<Word> {
    let mut reader = Reader::default();
    let mut at = start;
    while at < start + WORD_BYTES {
        let letter = letters::at(text, at);
        if letter.kind == Kind::Other {
            let Some(next) = apostrophe(text, at).filter(|_| reader.letters > 0) else {
                break;
            };
            let follows = letters::at(text, next);
            if !is_letter(follows.kind) {
                break;
            }
            let last = letters::at(text, next + follows.bytes).kind == Kind::Other;
            if matches!(text.get(next), Some(b's' | b'S')) && last {
                reader.possessive = true;
                break;
            }
            at = next;
            continue;
        }
        reader.take(letter);
        at += letter.bytes;
    }
    reader.word(start, at)
}

fn is_letter(kind: Kind) -> bool {
    matches!(kind, Kind::Lower | Kind::Upper | Kind::Uncased)
}

/// One past the apostrophe at `at`.
fn apostrophe(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at..) {
        Some([b'\'' | b'`', ..]) => Some(at + 1),
        Some([0xe2, 0x80, 0x98 | 0x99, ..]) => Some(at + 3),
        _ => None,
    }
}

#[derive(Default)]
struct Reader {
    key: u64,
    letters: u8,
    last: [u32; 3],
    upper: u8,
    lower: u8,
    uncased: u8,
    digits: u8,
    first_upper: bool,
    /// A capital behind a small letter.
    inner: bool,
    possessive: bool,
}

impl Reader {
    fn take(&mut self, letter: letters::Letter) {
        match letter.kind {
            Kind::Upper => {
                self.first_upper |= self.letters == 0;
                self.inner |= self.lower > 0;
                self.upper += 1;
            }
            Kind::Lower => self.lower += 1,
            Kind::Uncased => self.uncased += 1,
            Kind::Digit => self.digits += 1,
            Kind::Mark | Kind::Other => return,
        }
        let key = if self.letters == 0 { SEED } else { self.key };
        self.key = stir(key, letter.folded);
        self.last = [self.last[1], self.last[2], letter.folded];
        self.letters += 1;
    }

    fn word(self, start: usize, end: usize) -> Option<Word> {
        if self.letters == 0 {
            return None;
        }
        let shape = if end - start >= WORD_BYTES {
            Shape::Code
        } else if self.digits > 0 {
            if self.digits == self.letters {
                Shape::Digits
            } else {
                Shape::Code
            }
        } else if self.uncased > 0 {
            Shape::Uncased
        } else if self.upper == 0 {
            Shape::Lower
        } else if self.letters == 1 {
            Shape::Initial
        } else if self.lower == 0 {
            Shape::Capitals
        } else if self.inner || self.upper > 1 {
            Shape::Inner
        } else if self.first_upper {
            Shape::Capital
        } else {
            Shape::Code
        };
        let suffix = self.last.iter().fold(7u32, |hash, letter| {
            (hash ^ letter).wrapping_mul(0x0100_0193).rotate_left(5)
        });
        Some(Word {
            start,
            end,
            key: finish(self.key),
            suffix: (suffix ^ (suffix >> 16)) as u16,
            letters: self.letters,
            ending: Ending::of(self.last),
            shape,
            possessive: self.possessive,
        })
    }
}

/// Whether a word begins at `at`: a letter, and none before it.
pub(super) fn begins(text: &[u8], at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| text.get(before)) {
        None => true,
        Some(byte) if byte.is_ascii() => {
            !(byte.is_ascii_alphanumeric() || *byte == b'_') || ends_escape(text, at)
        }
        Some(_) => letters::before(text, at).kind == Kind::Other,
    }
}

/// The word after the one that ends at `end`, and what is between them.
pub(super) fn after(text: &[u8], end: usize, possessive: bool) -> (Gap, Option<Word>) {
    let from = if possessive {
        possessive_end(text, end)
    } else {
        end
    };
    let mut at = from;
    while at < from + GAP_BYTES {
        let letter = letters::at(text, at);
        if letter.kind != Kind::Other {
            let gap = gap(text.get(from..at).unwrap_or_default());
            return (gap, read(text, at));
        }
        if text.get(at) == Some(&b'\\') && escape(text, at) {
            at += 1;
        }
        if at >= text.len() {
            break;
        }
        at += letter.bytes;
    }
    (
        gap_to_edge(text.get(from..text.len().min(at)).unwrap_or_default()),
        None,
    )
}

fn possessive_end(text: &[u8], end: usize) -> usize {
    apostrophe(text, end).map_or(end, |s| s + 1)
}

/// Whether a backslash and a letter stand for a control character here.
fn escape(text: &[u8], at: usize) -> bool {
    matches!(text.get(at + 1), Some(b'n' | b't' | b'r'))
}

/// The word before the one that begins at `start`, and what is between them.
pub(super) fn before(text: &[u8], start: usize) -> (Gap, Option<Word>) {
    let mut end = start;
    loop {
        if start - end > GAP_BYTES || end == 0 {
            return (gap_to_edge(text.get(end..start).unwrap_or_default()), None);
        }
        if end >= 2 && ends_escape(text, end) && escape(text, end - 2) {
            end -= 2;
            continue;
        }
        let letter = letters::before(text, end);
        if letter.kind != Kind::Other {
            break;
        }
        end -= letter.bytes;
    }
    let gap_bytes = text.get(end..start).unwrap_or_default();
    let mut word = read(text, word_start(text, end));
    // A word that ends elsewhere is one with a possessive; its `s` is part of the gap. Behind two
    // of them (`a's's`) it is the second that counts.
    while let Some(owner) = word.filter(|word| word.possessive) {
        let behind = possessive_end(text, owner.end);
        if behind >= end {
            break;
        }
        word = read(text, apostrophe(text, behind).unwrap_or(behind));
    }
    (gap(gap_bytes), word)
}

/// Where the word that ends at `end` begins.
fn word_start(text: &[u8], end: usize) -> usize {
    let mut start = end;
    while end - start < WORD_BYTES {
        let letter = letters::before(text, start);
        if letter.kind != Kind::Other {
            if ends_escape(text, start) && start < end {
                break;
            }
            start -= letter.bytes;
            continue;
        }
        let Some(joint) = start.checked_sub(letter.bytes) else {
            break;
        };
        let curly = start
            .checked_sub(3)
            .filter(|at| apostrophe(text, *at) == Some(start));
        let straight = Some(joint).filter(|at| apostrophe(text, *at) == Some(start));
        let Some(joint) = curly.or(straight) else {
            break;
        };
        let apart =
            kind_before(text, joint) == Kind::Other || !is_letter(letters::at(text, start).kind);
        if start == end || apart {
            break;
        }
        start = joint;
    }
    start
}

/// The kind of what stands before `end`, behind the marks there.
fn kind_before(text: &[u8], end: usize) -> Kind {
    let mut at = end;
    while end - at < WORD_BYTES {
        let letter = letters::before(text, at);
        match letter.kind {
            _ if ends_escape(text, at) => return Kind::Other,
            Kind::Mark => at -= letter.bytes,
            kind => return kind,
        }
    }
    Kind::Other
}

fn gap_to_edge(bytes: &[u8]) -> Gap {
    match gap(bytes) {
        Gap::Line => Gap::Line,
        _ if bytes.len() >= GAP_BYTES => Gap::Field,
        _ => Gap::Edge,
    }
}

fn gap(bytes: &[u8]) -> Gap {
    let has = |byte: u8| bytes.contains(&byte);
    match bytes {
        [] => Gap::Nothing,
        [b' '] | [0xc2, 0xa0] => Gap::Blank,
        [b'-'] | [0xe2, 0x80, 0x90..=0x93] => Gap::Hyphen,
        _ if has(b'\n') || has(b'\r') || escaped_line(bytes) => Gap::Line,
        [b'^', ..] => Gap::Caret,
        [b'.' | b'!' | b'?', ..] => Gap::Stop,
        [b':', ..] | [b' ', b':', ..] | [b'#', ..] | [b'=', ..] => Gap::Colon,
        [b'"', ..] if has(b':') => Gap::Colon,
        [b',', ..] => Gap::Comma,
        [b';', ..] => Gap::Semicolon,
        [b'/'] | [b' ', b'/', ..] => Gap::Slash,
        [b' ', b'(', ..] | [b'(', ..] | [b' ', b'[', ..] | [b'[', ..] => Gap::Open,
        [b')', ..] | [b']', ..] => Gap::Close,
        [b'"', ..] | [b' ', b'"', ..] | [b' ', b'\''] | [b'\'', b' '] => Gap::Quote,
        [b'\t', ..] | [b'|', ..] | [b' ', b' ', ..] | [b' ', b'|', ..] => Gap::Field,
        _ => Gap::Other,
    }
}

fn escaped_line(bytes: &[u8]) -> bool {
    bytes
        .windows(2)
        .any(|pair| matches!(pair, [b'\\', b'n' | b'r']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<(&str, Shape)> {
        let mut out = Vec::new();
        let mut next = read(text.as_bytes(), 0);
        while let Some(word) = next {
            out.push((&text[word.start..word.end], word.shape));
            next = after(text.as_bytes(), word.end, word.possessive).1;
        }
        out
    }

    #[test]
    fn words_and_their_shapes() {
        use Shape::{Capital, Code, Digits, Initial, Inner, Lower, Uncased};
        assert_eq!(
            words("Anne-Marie O'Brien's son saw J. McDONALD, José 田中 B12 on 12"),
            [
                ("Anne", Capital),
                ("Marie", Capital),
                ("O'Brien", Inner),
                ("son", Lower),
                ("saw", Lower),
                ("J", Initial),
                ("McDONALD", Inner),
                ("José", Capital),
                ("田中", Uncased),
                ("B12", Code),
                ("on", Lower),
                ("12", Digits),
            ]
        );
    }

    #[test]
    fn the_way_back_meets_the_words_of_the_way_there() {
        let text = "pt's wife Ann D’Angelo-Ruiz, seen (Dr. Lee)\\nBob".as_bytes();
        let mut there = Vec::new();
        let mut next = read(text, 0);
        while let Some(word) = next {
            there.push((word.start, word.end, word.key));
            next = after(text, word.end, word.possessive).1;
        }
        let mut back = Vec::new();
        let mut at = there.last().expect("words").0;
        while let (_, Some(word)) = before(text, at) {
            back.push((word.start, word.end, word.key));
            at = word.start;
        }
        there.pop();
        there.reverse();
        assert_eq!(back, there);
    }

    proptest! {
        /// Reading back from a word meets the word that led to it, whatever the letters are. Texts
        /// are shorter than the longest word.
        #[test]
        fn before_undoes_after(
            text in "([A-Za-z0-9_'’`., \n:^-]|é|É|’s|'s|田|–|\\\\n|e\u{301}|\u{200b}|Ｊ|ｊ|ß){0,11}",
        ) {
            let text = text.as_bytes();
            let mut at = 0;
            while at < text.len() {
                let Some(word) = Some(at)
                    // The letter of an escape is no word.
                    .filter(|at| begins(text, *at) && !ends_escape(text, *at + 1))
                    .filter(|at| letters::at(text, *at).kind != Kind::Other)
                    .and_then(|at| read(text, at))
                else {
                    at += 1;
                    continue;
                };
                if let (_, Some(next)) = after(text, word.end, word.possessive) {
                    let (_, back) = before(text, next.start);
                    let back = back.map(|back| (back.start, back.end, back.key));
                    prop_assert_eq!(back, Some((word.start, word.end, word.key)));
                }
                // Nor is a possessive's.
                at = match word.possessive {
                    true => possessive_end(text, word.end),
                    false => word.end.max(at + 1),
                };
            }
        }
    }

    #[test]
    fn keys_do_not_depend_on_case_accents_and_apostrophes() {
        let key = |text: &str| read(text.as_bytes(), 0).expect("a word").key;
        assert_eq!(key("O'BRIEN"), key_of("obrien"));
        assert_eq!(key("García,"), key_of("garcia"));
        assert_ne!(key("Garcia"), key("Garcie"));
    }

    #[test]
    fn gaps() {
        let after = |text: &str| after(text.as_bytes(), 1, false).0;
        for (text, expected) in [
            ("a b", Gap::Blank),
            ("a, b", Gap::Comma),
            ("a. b", Gap::Stop),
            ("a: b", Gap::Colon),
            ("a\":\"b", Gap::Colon),
            ("a\nb", Gap::Line),
            ("a\\nb", Gap::Line),
            ("a-b", Gap::Hyphen),
            ("a^b", Gap::Caret),
            ("a   b", Gap::Field),
            ("a", Gap::Edge),
        ] {
            assert_eq!(after(text), expected, "{text}");
        }
    }
}
