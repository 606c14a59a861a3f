//! SQL text as records carry it: no literal survives.
#![deny(clippy::indexing_slicing)]

use std::borrow::Cow;

use super::identifiers::identifier;
use super::keywords::is_builtin;
use super::lex::{Kind, Lexeme, Lexer};
use crate::audit::token::TokenKey;

/// Stands for what was cut off.
const CUT: &str = " …";
/// Stands for the rest of a text that cannot be read.
const UNCLEAR: &str = "<unreadable>";
/// Digits in a row that a quoted identifier may have, and that an unquoted one may have: a
/// partition's name carries a date, but no name carries a longer number.
const QUOTED_DIGITS_MAX: usize = 3;
const WORD_DIGITS_MAX: usize = 8;
/// `$65535`
const PARAMETER_BYTES_MAX: usize = 6;
/// PostgreSQL's NAMEDATALEN, without the NUL.
const NAME_BYTES_MAX: usize = 63;

/// `sql` without its literals: each is replaced by `$<token>`, where the token is that of the
/// literal's value, so that it can be found again among bind values.
///
/// So is every word that could be a value: what is neither SQL's own (keywords, built-in types
/// and functions) nor a name that `is_known` (as the server stores it), nor an alias like `t` or
/// `t1`. A client writes values where the server expects names, in double or typographic quotes
/// or in none.
///
/// Comments are dropped and spaces folded. Operators and parameters are kept; a quoted
/// identifier only if it looks like one as well. Of numbers only those up to 9999 after
/// LIMIT, OFFSET and FETCH are kept. What cannot be read is left out. The result has at most
/// `limit_bytes` bytes and ends with ` …` if something was cut.
pub fn tokenise(
    sql: &[u8],
    key: &TokenKey,
    limit_bytes: usize,
    is_known: impl Fn(&[u8]) -> bool,
) -> String {
    let mut writer = Writer {
        out: String::new(),
        limit_bytes,
        cut_at: 0,
    };
    let mut count = Counting::default();
    let mut gap = false;
    for lexeme in Lexer::new(sql) {
        if !lexeme.is_significant() {
            gap = true;
            continue;
        }
        if gap && !writer.out.is_empty() && !writer.push(" ") {
            break;
        }
        gap = false;
        let keeps_number = count.keeps(lexeme, sql);
        let may_show = match lexeme.kind {
            Kind::Number => keeps_number,
            Kind::Word | Kind::Quoted => is_name(lexeme, sql, &is_known),
            _ => true,
        };
        if !writer.push(&written(lexeme, sql, key, may_show)) {
            break;
        }
    }
    writer.out
}

/// How a lexeme is written down.
fn written<'a>(lexeme: Lexeme, sql: &'a [u8], key: &TokenKey, may_show: bool) -> Cow<'a, str> {
    let text = std::str::from_utf8(lexeme.bytes(sql))
        .ok()
        .filter(|_| may_show);
    let kept = match lexeme.kind {
        Kind::Operator | Kind::Punctuation | Kind::Number => text,
        Kind::Parameter => text.filter(|text| text.len() <= PARAMETER_BYTES_MAX),
        Kind::Word => text.filter(|text| digits_in_a_row(text) <= WORD_DIGITS_MAX),
        Kind::Quoted => text.filter(|text| is_plain_identifier(text)),
        Kind::Unclear => Some(UNCLEAR),
        _ => None,
    };
    match kept {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(format!("$<{}>", key.token(&value(lexeme, sql)).to_hex())),
    }
}

/// Is the word or quoted identifier `lexeme` a name that tells nothing?
fn is_name(lexeme: Lexeme, sql: &[u8], is_known: impl Fn(&[u8]) -> bool) -> bool {
    identifier(lexeme, sql).is_some_and(|name| {
        let is_alias = matches!(&name[..], [letter] | [letter, b'0'..=b'9']
            if letter.is_ascii_lowercase());
        is_alias || is_builtin(&name) || is_known(&name)
    })
}

fn digits_in_a_row(text: &str) -> usize {
    let runs = text.split(|character: char| !character.is_numeric());
    runs.map(|run| run.chars().count()).max().unwrap_or(0)
}

/// Letters, few digits, underscores; no spaces, as `"John Doe"` is a mistaken literal more
/// often than it is a column.
fn is_plain_identifier(quoted: &str) -> bool {
    let inside = quoted.trim_matches('"');
    inside.len() <= NAME_BYTES_MAX
        && inside
            .chars()
            .all(|character| character.is_alphanumeric() || character == '_')
        && digits_in_a_row(inside) <= QUOTED_DIGITS_MAX
}

/// Follows `LIMIT n`, `OFFSET n`, `FETCH [FORWARD | NEXT | …] n`.
#[derive(Default)]
struct Counting {
    fetch: bool,
    counts: bool,
}

impl Counting {
    /// May the number `lexeme` be kept? To be asked of every significant lexeme.
    fn keeps(&mut self, lexeme: Lexeme, sql: &[u8]) -> bool {
        let keeps = self.counts && lexeme.kind == Kind::Number && {
            let digits = lexeme.bytes(sql);
            digits.len() <= 4 && digits.iter().all(u8::is_ascii_digit)
        };
        let any = |words: &[&str]| words.iter().any(|word| lexeme.is_word(sql, word));
        let direction = [
            "forward", "backward", "absolute", "relative", "first", "next",
        ];
        let fetch = any(&["fetch", "move"]);
        self.counts = fetch || any(&["limit", "offset"]) || self.fetch && any(&direction);
        self.fetch = fetch;
        keeps
    }
}

/// A string that grows up to a limit.
struct Writer {
    out: String,
    limit_bytes: usize,
    /// Where it is cut if the limit is met: the last end of a piece with room for [`CUT`].
    cut_at: usize,
}

impl Writer {
    /// Appends `piece`; false if it did not fit and the text was cut.
    fn push(&mut self, piece: &str) -> bool {
        if self.out.len() + piece.len() > self.limit_bytes {
            self.out.truncate(self.cut_at);
            let trimmed = self.out.trim_end().len();
            self.out.truncate(trimmed);
            if self.out.len() + CUT.len() <= self.limit_bytes {
                self.out.push_str(CUT);
            }
            return false;
        }
        self.out.push_str(piece);
        if self.out.len() + CUT.len() <= self.limit_bytes {
            self.cut_at = self.out.len();
        }
        true
    }
}

/// The value of a literal: its text without quotes and escapes.
pub(super) fn value<'a>(lexeme: Lexeme, sql: &'a [u8]) -> Cow<'a, [u8]> {
    let text = lexeme.bytes(sql);
    match lexeme.kind {
        Kind::Dollar => {
            let tag = text
                .iter()
                .skip(1)
                .position(|&byte| byte == b'$')
                .map_or(0, |at| at + 2);
            Cow::Borrowed(
                text.get(tag..text.len().saturating_sub(tag))
                    .unwrap_or_default(),
            )
        }
        Kind::Standard | Kind::Unicode | Kind::Bits => Cow::Owned(unquote(text, false)),
        Kind::Escape => Cow::Owned(unquote(text, true)),
        _ => Cow::Borrowed(text),
    }
}

/// The bodies of a literal and of those that continue it.
fn unquote(text: &[u8], escapes: bool) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied().peekable();
    let mut inside = false;
    let mut comment = false;
    while let Some(byte) = rest.next() {
        match byte {
            // A quote in the comment between two parts opens nothing.
            _ if comment => comment = !matches!(byte, b'\n' | b'\r'),
            b'-' if !inside => comment = true,
            b'\'' if inside && rest.next_if_eq(&b'\'').is_some() => value.push(b'\''),
            b'\'' => inside = !inside,
            b'\\' if inside && escapes => unescape(&mut rest, &mut value),
            _ if inside => value.push(byte),
            _ => {}
        }
    }
    value
}

/// What stands after the backslash of an `E'…'` literal.
fn unescape(rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>, value: &mut Vec<u8>) {
    let Some(byte) = rest.next() else { return };
    match byte {
        b'b' => value.push(0x08),
        b'f' => value.push(0x0c),
        b'n' => value.push(b'\n'),
        b'r' => value.push(b'\r'),
        b't' => value.push(b'\t'),
        b'0'..=b'7' => {
            let more = number(rest, 8, 2, u32::from(byte - b'0'));
            value.push(more.to_be_bytes()[3]);
        }
        b'x' if rest.peek().is_some_and(u8::is_ascii_hexdigit) => {
            value.push(number(rest, 16, 2, 0).to_be_bytes()[3]);
        }
        b'u' | b'U' => {
            let code = number(rest, 16, if byte == b'u' { 4 } else { 8 }, 0);
            let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => value.push(byte),
    }
}

/// Up to `most` digits.
fn number(
    rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>,
    radix: u32,
    most: usize,
    first: u32,
) -> u32 {
    let mut number = first;
    for _ in 0..most {
        let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
        let Some(digit) = rest.next_if(is_digit) else {
            break;
        };
        number = number.wrapping_mul(radix) + char::from(digit).to_digit(radix).unwrap_or(0);
    }
    number
}
