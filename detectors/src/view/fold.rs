//! One character of a text, whatever its spelling, as one byte of ASCII.

use crate::text::run_end;

/// A character as it was written and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// Bytes that it takes in the text.
    pub(crate) bytes: usize,
    /// What it stands for; `None` if it cannot be seen.
    pub(crate) ascii: Option<u8>,
    /// Whether it hides a digit, a separator or a letter from whoever reads bytes.
    pub(crate) is_odd: bool,
}

/// Stands for a character that has no place in ASCII: a letter to all who ask.
pub(crate) const FOREIGN: u8 = 0xff;

/// The character at `at`, which lies in the text.
pub(crate) fn fold(text: &[u8], at: usize) -> Folded {
    let rest = text.get(at..).unwrap_or_default();
    match rest {
        [b'\\', ..] => backslash(rest),
        [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => percent(rest),
        [b'&', ..] => entity(rest),
        [byte, ..] if byte.is_ascii() => plain(*byte, 1, false),
        _ => match decode(rest) {
            Some((character, bytes)) => of_character(character, bytes, false),
            None => plain(FOREIGN, 1, false),
        },
    }
}

fn plain(byte: u8, bytes: usize, is_odd: bool) -> Folded {
    Folded {
        bytes,
        ascii: Some(byte),
        is_odd,
    }
}

/// Escapes of JSON (RFC 8259 section 7), C and HL7 (2.5.1 section 2.7).
fn backslash(rest: &[u8]) -> Folded {
    let hex = |from: usize, to: usize| rest.get(from..to).and_then(hex_value);
    match rest {
        [_, b'u', ..] => match hex(2, 6) {
            Some(value) => of_character(value, 6, true),
            None => plain(b'\\', 1, false),
        },
        // A document inside of another's text.
        [_, b'\\', b'u', ..] => match hex(3, 7) {
            Some(value) => of_character(value, 7, true),
            None => plain(b'\\', 2, false),
        },
        [_, b'X', _, _, b'\\', ..] => match hex(2, 4) {
            Some(value) => of_character(value, 5, true),
            None => plain(b'\\', 1, false),
        },
        [_, b'x', ..] => match hex(2, 4) {
            Some(value) => of_character(value, 4, true),
            None => plain(b'\\', 1, false),
        },
        [_, b'.', b'b', b'r', b'\\', ..] => plain(b'\n', 5, false),
        [_, b'S', b'\\', ..] => plain(b'^', 3, false),
        [_, b'T', b'\\', ..] => plain(b'&', 3, false),
        [_, b'F', b'\\', ..] => plain(b'|', 3, false),
        [_, b'R', b'\\', ..] => plain(b'~', 3, false),
        [_, b'E', b'\\', ..] => plain(b'\\', 3, false),
        [_, b'n' | b'r' | b't' | b'f' | b'b' | b'v', ..] => plain(b'\n', 2, false),
        [_, b'/', ..] => plain(b'/', 2, true),
        [_, byte @ (b'"' | b'\\'), ..] => plain(*byte, 2, false),
        _ => plain(b'\\', 1, false),
    }
}

/// Percent-encoding (RFC 3986 section 2.1), of UTF-8 where it is no ASCII.
fn percent(rest: &[u8]) -> Folded {
    let mut bytes = [0; 4];
    let mut count = 0;
    let mut triples = rest.chunks_exact(3);
    for (to, triple) in bytes.iter_mut().zip(&mut triples) {
        let [b'%', digits @ ..] = triple else { break };
        let Some(value) = hex_value(digits).and_then(|value| u8::try_from(value).ok()) else {
            break;
        };
        *to = value;
        count += 1;
    }
    match decode(bytes.get(..count).unwrap_or_default()) {
        Some((character, taken)) => of_character(character, 3 * taken, true),
        None => plain(FOREIGN, 3, false),
    }
}

/// Character references of XML and HTML.
fn entity(rest: &[u8]) -> Folded {
    const NAMED: [(&[u8], u32); 12] = [
        (b"&nbsp;", 0xa0),
        (b"&ndash;", 0x2013),
        (b"&mdash;", 0x2014),
        (b"&shy;", 0xad),
        (b"&hyphen;", 0x2010),
        (b"&dash;", 0x2010),
        (b"&minus;", 0x2212),
        (b"&commat;", 0x40),
        (b"&period;", 0x2e),
        (b"&zwnj;", 0x200c),
        (b"&zwj;", 0x200d),
        (b"&colon;", 0x3a),
    ];
    if let [b'&', b'#', ..] = rest {
        let is_hex = matches!(rest.get(2), Some(b'x' | b'X'));
        let from = 2 + usize::from(is_hex);
        let end = run_end(rest, from, 7, |byte| byte.is_ascii_hexdigit());
        let digits = rest.get(from..end).unwrap_or_default();
        let value = if is_hex {
            hex_value(digits)
        } else {
            decimal_value(digits)
        };
        return match (value, rest.get(end)) {
            (Some(value), Some(b';')) => of_character(value, end + 1, true),
            _ => plain(b'&', 1, false),
        };
    }
    let named = NAMED.iter().find(|(name, _)| rest.starts_with(name));
    named.map_or(plain(b'&', 1, false), |(name, value)| {
        of_character(*value, name.len(), true)
    })
}

fn hex_value(digits: &[u8]) -> Option<u32> {
    let text = str::from_utf8(digits).ok()?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(text, 16).ok().filter(|_| is_hex)
}

fn decimal_value(digits: &[u8]) -> Option<u32> {
    let is_decimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits)
        .ok()?
        .parse()
        .ok()
        .filter(|_| is_decimal)
}

/// The first character of UTF-8 and its length.
fn decode(bytes: &[u8]) -> Option<(u32, usize)> {
    let len = match bytes.first()? {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let text = str::from_utf8(bytes.get(..len)?).ok()?;
    text.chars()
        .next()
        .map(|character| (u32::from(character), len))
}

/// What a character stands for. `escaped`: it was written as something else than itself.
fn of_character(character: u32, bytes: usize, escaped: bool) -> Folded {
    let shown = |ascii| plain(ascii, bytes, true);
    match character {
        0x20..0x7f => plain(character as u8, bytes, escaped),
        0xc0..=0x17f => plain(letter(character).unwrap_or(FOREIGN), bytes, false),
        0..0x20 => plain(b'\n', bytes, false),
        _ if is_invisible(character) => Folded {
            bytes,
            ascii: None,
            is_odd: true,
        },
        // Marks over letters: accents of a decomposed text.
        0x300..=0x36f => Folded {
            bytes,
            ascii: None,
            is_odd: false,
        },
        _ if is_space(character) => shown(b' '),
        _ if is_dash(character) => shown(b'-'),
        0xff01..=0xff5e => shown((character - 0xfee0) as u8),
        0xb7 | 0x2022 | 0x2024 | 0x2219 | 0x22c5 | 0x3002 | 0xfe52 | 0xff61 => shown(b'.'),
        0x2044 | 0x2215 | 0x29f8 => shown(b'/'),
        0x2236 | 0xa789 | 0xfe55 => shown(b':'),
        0x207d | 0xfe59 => shown(b'('),
        0x207e | 0xfe5a => shown(b')'),
        0xfe62 => shown(b'+'),
        0xfe6b => shown(b'@'),
        _ => match digit(character) {
            Some(value) => shown(b'0' + value),
            None => plain(FOREIGN, bytes, false),
        },
    }
}

/// Zero-width and formatting characters, the soft hyphen, selectors of variants, keycaps.
fn is_invisible(character: u32) -> bool {
    matches!(
        character,
        0xad | 0x34f
            | 0x61c
            | 0x115f
            | 0x1160
            | 0x17b4
            | 0x17b5
            | 0x180b..=0x180e
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0x20e3
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xe0000..=0xe01ef
    )
}

fn is_space(character: u32) -> bool {
    matches!(
        character,
        0x85 | 0xa0 | 0x1680 | 0x2000
            ..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x2800 | 0x3000
    )
}

fn is_dash(character: u32) -> bool {
    matches!(
        character,
        0x2d7 | 0x58a | 0x5be | 0x1400 | 0x1806 | 0x2010
            ..=0x2015
                | 0x2043
                | 0x207b
                | 0x208b
                | 0x2212
                | 0x23af
                | 0x2500
                | 0x2501
                | 0x2796
                | 0x2e17
                | 0x2e1a
                | 0x2e3a
                | 0x2e3b
                | 0x301c
                | 0x3030
                | 0x30a0
                | 0x30fc
                | 0xfe31
                | 0xfe32
                | 0xfe58
                | 0xfe63
    )
}

/// The value of a decimal digit of any script (Unicode's Nd), or of a number in a circle.
/// Raised and lowered digits are powers and indices.
fn digit(character: u32) -> Option<u8> {
    /// Zeros of the scripts; nine digits follow each.
    const ZEROS: [u32; 59] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
        0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
        0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
        0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650,
        0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16b50, 0x1e140,
        0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0,
    ];
    let value = match character {
        // Five styles of mathematical digits.
        0x1d7ce..=0x1d7ff => (character - 0x1d7ce) % 10,
        // Circled, in parentheses, with a full stop, negative circled, sans-serif.
        0x2460..=0x2468 => character - 0x2460 + 1,
        0x2474..=0x247c => character - 0x2474 + 1,
        0x2488..=0x2490 => character - 0x2488 + 1,
        0x24f5..=0x24fd => character - 0x24f5 + 1,
        0x2776..=0x277e => character - 0x2776 + 1,
        0x2780..=0x2788 => character - 0x2780 + 1,
        0x278a..=0x2792 => character - 0x278a + 1,
        0x24ea | 0x24ff | 0x1f10b | 0x1f10c => 0,
        0x3007 => 0,
        _ => {
            let behind = ZEROS.partition_point(|zero| *zero <= character);
            let zero = behind.checked_sub(1).and_then(|at| ZEROS.get(at))?;
            if character - zero > 9 {
                return None;
            }
            character - zero
        }
    };
    u8::try_from(value).ok()
}

/// The letter below the accents of Latin-1 and Latin Extended-A.
fn letter(character: u32) -> Option<u8> {
    const LATIN_1: &[u8; 64] = b"AAAAAAACEEEEIIIIDNOOOOO*OUUUUYTsaaaaaaaceeeeiiiidnooooo*ouuuuyty";
    const EXTENDED_A: &[u8; 128] =
        b"AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlL\
lLlLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
    let letters: &[u8] = match character {
        0xc0..=0xff => LATIN_1,
        0x100..=0x17f => EXTENDED_A,
        _ => return None,
    };
    let first = if character < 0x100 { 0xc0 } else { 0x100 };
    let letter = letters.get(usize::try_from(character - first).ok()?)?;
    letter.is_ascii_alphabetic().then_some(*letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> (String, bool) {
        let mut at = 0;
        let mut out = String::new();
        let mut odd = false;
        while at < text.len() {
            let one = fold(text.as_bytes(), at);
            out.extend(one.ascii.map(|byte| {
                if byte == FOREIGN {
                    '?'
                } else {
                    char::from(byte)
                }
            }));
            odd |= one.is_odd;
            at += one.bytes;
        }
        (out, odd)
    }

    #[test]
    fn spellings_of_one_number() {
        for text in [
            "５３１－７７－０２９４",
            "531\u{200b}-77-0294",
            "531–77—0294",
            "٥٣١-٧٧-٠٢٩٤",
            "5\u{ad}31-77-0294",
            "\\u0035\\u00331\\u002d77-0294",
            "\\\\u0035\\\\u00331\\\\u002d77-0294",
            "531%2D77%2d0294",
            "531&#45;77&#x2d;0294",
            "531\\X2D\\77-0294",
            "𝟓𝟑𝟏-77-0294",
            "①③①",
        ] {
            let (ascii, odd) = folded(text);
            assert!(odd, "{text}");
            assert!(ascii == "531-77-0294" || ascii == "131", "{text}: {ascii}");
        }
    }

    #[test]
    fn digits_of_all_scripts() {
        for (zero, script) in [('٠', "Arabic"), ('۰', "Persian"), ('०', "Devanagari")] {
            for value in 0..10u8 {
                let character = u32::from(zero) + u32::from(value);
                assert_eq!(digit(character), Some(value), "{script}");
            }
        }
        assert_eq!(digit(0x1fbf9), Some(9));
        assert_eq!(digit(0x66a), None);
        assert_eq!(digit(0x41), None);
    }

    #[test]
    fn letters_and_what_is_no_sequence() {
        assert_eq!(
            folded("José Ñandú Łódź"),
            ("Jose Nandu Lodz".to_owned(), false)
        );
        assert_eq!(
            folded("100% of \\d & %zz &x; 日"),
            ("100% of \\d & %zz &x; ?".to_owned(), false)
        );
        assert!(!folded("10⁹ m²").1);
    }

    #[test]
    fn every_character_of_the_extended_table_has_its_place() {
        assert_eq!(letter(0x17f), Some(b's'));
        assert_eq!(letter(0x17e), Some(b'z'));
        assert_eq!(letter(0x141), Some(b'L'));
        assert_eq!(letter(0x178), Some(b'Y'));
        assert_eq!(letter(0xd7), None);
    }
}
