//! Letters of every script: where a character begins and ends, its kind, and its folded form.

/// What a character is to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Lower,
    Upper,
    /// A letter of a script without capitals.
    Uncased,
    Digit,
    /// A sign that belongs to the letter before it, such as an accent of its own.
    Mark,
    /// No part of a word.
    Other,
}

/// A character of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub(super) kind: Kind,
    /// Lower case, without its accent; 0 for a mark.
    pub(super) folded: u32,
    pub(super) bytes: usize,
}

const NOTHING: Letter = Letter {
    kind: Kind::Other,
    folded: 0,
    bytes: 1,
};

/// The character at `at`; a byte that begins none is one of no kind.
#[inline]
pub(super) fn at(text: &[u8], at: usize) -> Letter {
    match text.get(at) {
        None => NOTHING,
        Some(byte) if byte.is_ascii() => ascii(*byte),
        Some(byte) => encoded(text, at, *byte),
    }
}

/// The character of several bytes at `at`, the first of which is given.
#[inline(never)]
fn encoded(text: &[u8], at: usize, first: u8) -> Letter {
    let bytes = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return NOTHING,
    };
    let encoded = text.get(at..at + bytes).unwrap_or_default();
    match std::str::from_utf8(encoded) {
        Ok(one) => one.chars().next().map_or(NOTHING, beyond_ascii),
        Err(_) => NOTHING,
    }
}

/// The character that ends before `end`.
#[inline]
pub(super) fn before(text: &[u8], end: usize) -> Letter {
    match end.checked_sub(1).and_then(|last| text.get(last)) {
        Some(byte) if byte.is_ascii() => ascii(*byte),
        _ => encoded_before(text, end),
    }
}

#[inline(never)]
fn encoded_before(text: &[u8], end: usize) -> Letter {
    for bytes in 1..=4 {
        let Some(start) = end.checked_sub(bytes) else {
            return NOTHING;
        };
        match text.get(start) {
            Some(byte) if byte & 0xc0 == 0x80 => {}
            Some(_) => {
                let letter = at(text, start);
                return if letter.bytes == bytes {
                    letter
                } else {
                    NOTHING
                };
            }
            None => return NOTHING,
        }
    }
    NOTHING
}

#[inline]
fn ascii(byte: u8) -> Letter {
    Letter {
        kind: KINDS[usize::from(byte & 0x7f)],
        folded: u32::from(byte.to_ascii_lowercase()),
        bytes: 1,
    }
}

/// The kinds of ASCII's characters.
const KINDS: [Kind; 128] = {
    let mut kinds = [Kind::Other; 128];
    let mut byte = 0;
    while byte < 128 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' => Kind::Lower,
            b'A'..=b'Z' => Kind::Upper,
            b'0'..=b'9' | b'_' => Kind::Digit,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
};

fn beyond_ascii(character: char) -> Letter {
    let kind = match u32::from(character) {
        0x300..=0x36f => Kind::Mark,
        // Soft hyphens, joiners, marks of direction, variation selectors: nothing is seen of them.
        0xad | 0x200b..=0x200f | 0x2060..=0x2064 | 0xfe00..=0xfe0f | 0xfeff => Kind::Mark,
        // Scripts of India, Sinhala, Thai, Lao, Tibetan, Burmese: vowels are signs. Georgian: what
        // Unicode calls its capitals begins no word.
        0x900..=0x10ff if !character.is_ascii_punctuation() => Kind::Uncased,
        _ if character.is_uppercase() => Kind::Upper,
        _ if character.is_lowercase() => Kind::Lower,
        _ if character.is_alphabetic() => Kind::Uncased,
        _ if character.is_numeric() => Kind::Digit,
        _ => Kind::Other,
    };
    Letter {
        kind,
        folded: if kind == Kind::Mark {
            0
        } else {
            fold(character)
        },
        bytes: character.len_utf8(),
    }
}

/// Letters without their accents: U+00C0 to U+017F, and U+1E00 to U+1EFF for Vietnamese.
const LATIN: &[u8; 192] = b"aaaaaaaceeeeiiiidnooooo?ouuuuytsaaaaaaaceeeeiiiidnooooo?ouuuuyty\
aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooorrrrrrsssssssst\
tttttuuuuuuuuuuuuwwyyyzzzzzzs";
const ADDITIONAL: &[u8; 256] = b"aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmm\
mmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy??????aaaa\
aaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy??????";

fn fold(character: char) -> u32 {
    let code = u32::from(character);
    let table = |letters: &[u8], first: u32| {
        let letter = letters.get((code - first) as usize).copied();
        letter.filter(|letter| *letter != b'?').map(u32::from)
    };
    let latin = match code {
        0xc0..=0x17f => table(LATIN, 0xc0),
        0x1a0 | 0x1a1 => Some(u32::from(b'o')),
        0x1af | 0x1b0 => Some(u32::from(b'u')),
        0x218 | 0x219 => Some(u32::from(b's')),
        0x21a | 0x21b => Some(u32::from(b't')),
        0x1e00..=0x1eff => table(ADDITIONAL, 0x1e00),
        // Full-width forms, and the bold, italic and script ones of mathematics.
        0xff21..=0xff3a => Some(code - 0xff21 + u32::from(b'a')),
        0xff41..=0xff5a => Some(code - 0xff41 + u32::from(b'a')),
        0x1d400..=0x1d6a3 => Some((code - 0x1d400) % 26 + u32::from(b'a')),
        _ => None,
    };
    latin.unwrap_or_else(|| character.to_lowercase().next().map_or(code, u32::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        let mut from = 0;
        while from < text.len() {
            let letter = at(text.as_bytes(), from);
            out.extend(char::from_u32(letter.folded).filter(|c| *c != '\0'));
            from += letter.bytes;
        }
        out
    }

    #[test]
    fn accents_and_case_are_folded() {
        assert_eq!(
            folded("JOSÉ Müller Nguyễn ŁUKASZ Șerban"),
            "jose muller nguyen lukasz serban"
        );
        assert_eq!(folded("e\u{301}"), "e");
        assert_eq!(folded("Иван"), "иван");
        assert_eq!(folded("Ｊｏｈｎ 𝐒𝐦𝐢𝐭𝐡"), "john smith");
        assert_eq!(folded("J\u{200b}o\u{ad}hn\u{feff}"), "john");
    }

    #[test]
    fn kinds_of_letters() {
        let kind = |text: &str| at(text.as_bytes(), 0).kind;
        assert_eq!(kind("É"), Kind::Upper);
        assert_eq!(kind("é"), Kind::Lower);
        assert_eq!(kind("田"), Kind::Uncased);
        assert_eq!(kind("\u{a0}"), Kind::Other);
        assert_eq!(kind("’"), Kind::Other);
        assert_eq!(at(b"\xc3", 0).kind, Kind::Other);
        assert_eq!(before("né".as_bytes(), 3).folded, u32::from(b'e'));
        assert_eq!(before(b"n\xa9", 2).kind, Kind::Other);
    }
}
