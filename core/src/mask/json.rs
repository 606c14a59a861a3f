//! JSON, byte by byte: masks the values under matching keys and findings inside strings and
//! numbers, so that the output parses whenever the input did and has the same length.
//!
//! The machine holds a fixed amount of state, takes one byte and gives one byte, and so does
//! not care how the text is split. It does not check grammar: text that is not JSON passes
//! through it, and whatever in it looks like a key is taken for one.
//!
//! | value under a matching key | becomes |
//! |---|---|
//! | string | `X` for every byte between the quotes |
//! | number | `0`, padded with blanks; also if a finding covers its first digit |
//! | `true`, `false` | `null`, padded with blanks |
//! | object, array | the same, leaf by leaf; nested keys stay |

use super::span::{self, Covered};
use crate::cell::Masker;
use crate::limits::NESTING_DEPTH;
use crate::policy::{Glob, RuleId};

/// Keys longer than this never match a rule.
const KEY_BYTES: usize = 128;
/// What stands for a UTF-16 surrogate without its partner.
const LONE_SURROGATE: char = char::REPLACEMENT_CHARACTER;

// One bit a level says whether it is an object.
const _: () = assert!(NESTING_DEPTH <= u64::BITS as usize);

/// The keys whose values are masked, in the order of their rules.
#[derive(Clone, Debug, Default)]
pub struct JsonKeys {
    keys: Vec<(Glob, RuleId)>,
}

impl JsonKeys {
    pub(crate) fn new(keys: Vec<(Glob, RuleId)>) -> Self {
        Self { keys }
    }

    /// True if no key is masked.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The first rule about this key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<RuleId> {
        self.keys
            .iter()
            .find(|(glob, _)| glob.matches(key))
            .map(|&(_, rule)| rule)
    }
}

/// The machine. Feed it every byte of one value in order.
#[derive(Clone, Default)]
pub struct KeyMasker {
    place: Place,
    /// Open objects and arrays.
    depth: usize,
    /// Bit `n - 1` is set if level `n` is an object.
    objects: u64,
    /// In an object, before its next key.
    key_expected: bool,
    /// The last token was a string; a colon makes it a key.
    after_string: bool,
    /// Who masks the next value.
    next_value: Option<Masker>,
    /// Who masks everything below a level.
    masked_above: Option<(usize, Masker)>,
    key: Key,
    hit: Option<Masker>,
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Between tokens.
    #[default]
    Between,
    /// In a string.
    String { masked: bool, escape: Escape },
    /// In a number.
    Number { masked: bool, digit_seen: bool },
    /// In `true`, `false`, `null`, or in something that is no JSON.
    Word { masked: bool, literal: Literal },
}

/// Where in an escape sequence of a string the next byte stands.
#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After the first half of a surrogate pair, which was `hidden` or not: an escape that
    /// follows shares its fate.
    High { unit: u16, hidden: bool },
    /// After a backslash.
    Start { high: Option<u16>, hidden: bool },
    /// In the digits of `\uXXXX`.
    Hex {
        high: Option<u16>,
        hidden: bool,
        digits: u8,
        unit: u16,
    },
}

/// A literal as far as a word has followed it.
#[derive(Clone, Copy, Debug)]
enum Literal {
    /// `index` bytes of `word` were seen.
    Prefix { word: &'static [u8], index: usize },
    /// No literal.
    Other,
}

impl Literal {
    fn begin(byte: u8) -> Self {
        let word: &'static [u8] = match byte {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            _ => return Literal::Other,
        };
        Literal::Prefix { word, index: 0 }
    }
}

/// The decoded text of the last string.
#[derive(Clone)]
struct Key {
    bytes: [u8; KEY_BYTES],
    /// More than [`KEY_BYTES`] means that it did not fit.
    len: usize,
}

impl Default for Key {
    fn default() -> Self {
        Self {
            bytes: [0; KEY_BYTES],
            len: 0,
        }
    }
}

impl Key {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
        }
        self.len = (self.len + 1).min(KEY_BYTES + 1);
    }

    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes.iter().take(KEY_BYTES + 1) {
            self.push(byte);
        }
    }

    fn push_char(&mut self, character: char) {
        for &byte in character.encode_utf8(&mut [0; 4]).as_bytes() {
            self.push(byte);
        }
    }

    fn get(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }
}

impl KeyMasker {
    /// Takes the next byte of the text and returns what takes its place, `None` if it stays.
    pub fn step(&mut self, keys: &JsonKeys, byte: u8) -> Option<u8> {
        self.step_found(keys, byte, false)
    }

    /// The same; `found` says that the byte belongs to a finding of a detector.
    pub(crate) fn step_found(&mut self, keys: &JsonKeys, byte: u8, found: bool) -> Option<u8> {
        match self.place {
            Place::Between => self.between(keys, byte, found),
            Place::String { masked, escape } => self.in_string(byte, found, masked, escape),
            Place::Number { masked: true, .. } if !ends_token(byte) => Some(b' '),
            Place::Number { digit_seen, .. } if !ends_token(byte) => {
                self.in_number(byte, found, digit_seen)
            }
            Place::Word { masked, literal } if !ends_token(byte) => {
                self.in_word(byte, found, masked, literal)
            }
            Place::Number { .. } | Place::Word { .. } => {
                self.place = Place::Between;
                self.between(keys, byte, found)
            }
        }
    }

    /// Takes a stretch of the text and masks it in place; `covered` says what findings cover.
    pub(crate) fn run(&mut self, keys: &JsonKeys, text: &mut [u8], mut covered: Covered<'_>) {
        let mut index = 0;
        while let Some(byte) = text.get_mut(index) {
            if covered.is_past(index)
                && let Place::String {
                    masked,
                    escape: Escape::None,
                } = self.place
            {
                // Nothing happens in a string before its end or an escape.
                let rest = text.get_mut(index..).unwrap_or_default();
                let length = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                let plain = rest.get_mut(..length).unwrap_or_default();
                if masked {
                    plain.fill(b'X');
                } else {
                    self.key.extend(plain);
                }
                index += length;
                if length > 0 {
                    continue;
                }
                // The quote or the backslash.
                let Some(byte) = text.get_mut(index) else {
                    break;
                };
                *byte = self.step_found(keys, *byte, false).unwrap_or(*byte);
            } else {
                *byte = self
                    .step_found(keys, *byte, covered.contains(index))
                    .unwrap_or(*byte);
            }
            index += 1;
        }
    }

    /// Who masked the first value, if any was masked because of its key or its depth.
    pub fn hit(&self) -> Option<Masker> {
        self.hit
    }

    /// A byte that is in no token.
    fn between(&mut self, keys: &JsonKeys, byte: u8, found: bool) -> Option<u8> {
        if byte.is_ascii_whitespace() {
            return None;
        }
        let after_string = std::mem::take(&mut self.after_string);
        match byte {
            b'"' => self.open_string(keys),
            b':' if after_string => {
                let rule = self.key.get().and_then(|key| keys.find(key));
                self.next_value = rule.map(Masker::Rule);
            }
            b'{' | b'[' => self.open(byte == b'{'),
            b'}' | b']' => self.close(),
            b',' => {
                self.next_value = None;
                self.key_expected = self.in_object();
            }
            b':' => {}
            b'-' | b'0'..=b'9' => return self.open_number(keys, byte, found),
            _ => {
                let masked = self.mask_value(keys);
                return self.in_word(byte, found, masked, Literal::begin(byte));
            }
        }
        None
    }

    fn open_string(&mut self, keys: &JsonKeys) {
        let is_key = self.key_expected && !self.too_deep(keys);
        let masked = !is_key && self.mask_value(keys);
        self.key_expected = false;
        if masked {
            self.note_hit();
        }
        self.key.len = 0;
        self.place = Place::String {
            masked,
            escape: Escape::None,
        };
    }

    fn open_number(&mut self, keys: &JsonKeys, byte: u8, found: bool) -> Option<u8> {
        if !self.mask_value(keys) {
            return self.in_number(byte, found, false);
        }
        self.note_hit();
        self.place = Place::Number {
            masked: true,
            digit_seen: true,
        };
        Some(b'0')
    }

    /// A byte of a number that no key governs. JSON forbids leading zeros: where a finding
    /// covers the first digit, the rest of the number becomes blank.
    fn in_number(&mut self, byte: u8, found: bool, digit_seen: bool) -> Option<u8> {
        let is_digit = byte.is_ascii_digit();
        let masked = found && is_digit && !digit_seen;
        self.place = Place::Number {
            masked,
            digit_seen: digit_seen || is_digit,
        };
        match byte {
            _ if !found => None,
            b'0'..=b'9' => Some(b'0'),
            b'e' | b'E' => None,
            _ => span::is_masked(byte).then_some(b'X'),
        }
    }

    fn open(&mut self, object: bool) {
        if let Some(masker) = self.next_value.take() {
            self.masked_above.get_or_insert((self.depth, masker));
        }
        if let Some(bit) = u32::try_from(self.depth)
            .ok()
            .and_then(|depth| 1_u64.checked_shl(depth))
        {
            self.objects = if object {
                self.objects | bit
            } else {
                self.objects & !bit
            };
        }
        self.depth = self.depth.saturating_add(1);
        self.key_expected = object;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self
            .masked_above
            .is_some_and(|(depth, _)| self.depth <= depth)
        {
            self.masked_above = None;
        }
        self.next_value = None;
        self.key_expected = false;
    }

    fn in_object(&self) -> bool {
        let level = self
            .depth
            .checked_sub(1)
            .and_then(|level| u32::try_from(level).ok());
        level
            .and_then(|level| self.objects.checked_shr(level))
            .is_some_and(|bits| bits & 1 == 1)
    }

    fn too_deep(&self, keys: &JsonKeys) -> bool {
        self.depth > NESTING_DEPTH && !keys.is_empty()
    }

    /// Is the value that begins here masked? Remembers by whom for [`KeyMasker::note_hit`].
    fn mask_value(&mut self, keys: &JsonKeys) -> bool {
        let above = self.masked_above.map(|(_, masker)| masker);
        let deep = self.too_deep(keys).then_some(Masker::Default);
        self.next_value = self.next_value.or(above).or(deep);
        self.next_value.is_some()
    }

    fn note_hit(&mut self) {
        self.hit = self.hit.or(self.next_value);
        self.next_value = None;
    }

    fn in_string(&mut self, byte: u8, found: bool, masked: bool, escape: Escape) -> Option<u8> {
        let (next, out) = match escape {
            Escape::None | Escape::High { .. } => {
                let (high, high_hidden) = match escape {
                    Escape::High { unit, hidden } => (Some(unit), Some(hidden)),
                    _ => (None, None),
                };
                if byte == b'\\' {
                    let hidden = masked || high_hidden.unwrap_or(found);
                    (Escape::Start { high, hidden }, hidden.then_some(b'X'))
                } else {
                    if high.is_some() {
                        self.key.push_char(LONE_SURROGATE);
                    }
                    if byte == b'"' {
                        self.place = Place::Between;
                        self.after_string = !masked;
                        return None;
                    }
                    self.key.push(byte);
                    let hidden = masked || (found && span::is_masked(byte));
                    (Escape::None, hidden.then_some(b'X'))
                }
            }
            Escape::Start { high, hidden } => {
                let next = if byte == b'u' {
                    Escape::Hex {
                        high,
                        hidden,
                        digits: 0,
                        unit: 0,
                    }
                } else {
                    if high.is_some() {
                        self.key.push_char(LONE_SURROGATE);
                    }
                    self.key.push(unescape(byte));
                    Escape::None
                };
                (next, hidden.then_some(b'X'))
            }
            Escape::Hex {
                high,
                hidden,
                digits,
                unit,
            } => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0) as u16;
                let unit = (unit << 4) | digit;
                let next = if digits < 3 {
                    Escape::Hex {
                        high,
                        hidden,
                        digits: digits + 1,
                        unit,
                    }
                } else {
                    self.push_unit(high, unit, hidden)
                };
                (next, hidden.then_some(b'X'))
            }
        };
        self.place = Place::String {
            masked,
            escape: next,
        };
        out
    }

    /// A complete `\uXXXX`: completes a surrogate pair, begins one, or stands for itself.
    fn push_unit(&mut self, high: Option<u16>, unit: u16, hidden: bool) -> Escape {
        let units = high.into_iter().chain([unit]);
        if (0xd800..0xdc00).contains(&unit) {
            if high.is_some() {
                self.key.push_char(LONE_SURROGATE);
            }
            return Escape::High { unit, hidden };
        }
        for character in char::decode_utf16(units) {
            self.key.push_char(character.unwrap_or(LONE_SURROGATE));
        }
        Escape::None
    }

    fn in_word(&mut self, byte: u8, found: bool, masked: bool, literal: Literal) -> Option<u8> {
        let mut replacement = b'X';
        let mut next = Literal::Other;
        let mut is_literal = false;
        if let Literal::Prefix { word, index } = literal
            && word.get(index) == Some(&byte)
        {
            next = Literal::Prefix {
                word,
                index: index + 1,
            };
            replacement = b"null".get(index).copied().unwrap_or(b' ');
            is_literal = true;
        }
        self.place = Place::Word {
            masked,
            literal: next,
        };
        if masked {
            if replacement != byte {
                self.note_hit();
            }
            return Some(replacement);
        }
        let hidden = found && !is_literal && span::is_masked(byte);
        hidden.then_some(b'X')
    }
}

fn ends_token(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b':' | b'"' | b'{' | b'}' | b'[' | b']')
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}
