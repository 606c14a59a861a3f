//! Small questions about bytes: borders of words and numbers, escapes, UTF-8.

/// Whether a word of letters and digits may begin at `at`.
///
/// The letter of an escape (`\n`, `\t`, `\u00e9`) in JSON or COPY text is not part of the word
/// that follows it.
#[inline]
pub(crate) fn starts_word(text: &[u8], at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| text.get(before)) {
        Some(byte) if byte.is_ascii_alphanumeric() => ends_escape(text, at),
        _ => true,
    }
}

/// Whether a word of letters and digits may end before `at`.
#[inline]
pub(crate) fn ends_word(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether the bytes just before `at` are an escape sequence.
pub(crate) fn ends_escape(text: &[u8], at: usize) -> bool {
    let Some(before) = text.get(..at) else {
        return false;
    };
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f' | b'v'] => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].iter().all(|hex| hex.is_ascii_hexdigit()),
        _ => false,
    }
}

/// The first byte of the number whose digit run begins at `run`: behind the digits that belong
/// to a `\u` escape. `None` if the escape swallows the whole run.
pub(crate) fn number_start(text: &[u8], run: usize) -> Option<usize> {
    let before = run.checked_sub(1).and_then(|at| text.get(at));
    if !before.is_some_and(|byte| *byte == b'u' || byte.is_ascii_hexdigit()) {
        return Some(run);
    }
    // An escape begins at most five bytes before its last digit.
    if run_start(text, run, 5, |byte| byte != b'\\') == run.saturating_sub(5) {
        return Some(run);
    }
    (run + 1..=run + 4)
        .find(|at| {
            matches!(
                text.get(at.wrapping_sub(6)..at.wrapping_sub(4)),
                Some(b"\\u")
            )
        })
        .filter(|at| ends_escape(text, *at))
        .map_or(Some(run), |at| {
            text.get(at)
                .filter(|byte| byte.is_ascii_digit())
                .map(|_| at)
        })
}

/// One past the last byte from `at` on for which `is` holds, at most `limit` bytes further.
#[inline]
pub(crate) fn run_end(text: &[u8], at: usize, limit: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let rest = rest.get(..limit).unwrap_or(rest);
    at + rest
        .iter()
        .position(|byte| !is(*byte))
        .unwrap_or(rest.len())
}

/// The first of the bytes before `at` for which `is` holds without a gap, at most `limit` back.
#[inline]
pub(crate) fn run_start(text: &[u8], at: usize, limit: usize, is: impl Fn(u8) -> bool) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let window = before
        .get(before.len().saturating_sub(limit)..)
        .unwrap_or_default();
    let run = window.iter().rev().position(|byte| !is(*byte));
    at - run.unwrap_or(window.len())
}

/// Moves a start that stands inside a UTF-8 character behind it.
pub(crate) fn char_start(text: &[u8], at: usize) -> usize {
    run_end(text, at, 3, |byte| byte & 0xc0 == 0x80)
}

/// Moves an end that stands inside a UTF-8 character before it.
pub(crate) fn char_end(text: &[u8], at: usize) -> usize {
    if text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80) {
        return at;
    }
    run_start(text, at, 3, |byte| byte & 0xc0 == 0x80).saturating_sub(1)
}

/// `start`, or behind the last escape that ends between `start` and `end`: the letter of `\n`
/// belongs to no word.
pub(crate) fn behind_escape(text: &[u8], start: usize, end: usize) -> usize {
    if !may_hold_escape(text, start, end) {
        return start;
    }
    (start..end)
        .rev()
        .find(|at| ends_escape(text, *at))
        .unwrap_or(start)
}

/// Whether an escape may end between `start` and `end`; most words have no backslash near.
#[inline]
pub(crate) fn may_hold_escape(text: &[u8], start: usize, end: usize) -> bool {
    /// `\u00e9`
    const ESCAPE_BYTES: usize = 6;
    let near = text.get(start.saturating_sub(ESCAPE_BYTES)..end);
    near.is_some_and(|near| near.contains(&b'\\'))
}

/// Whether the word is one of the lower-case words, in any case of letters.
pub(crate) fn is_one_of(word: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word))
}

/// Number of ASCII digits in `bytes`.
pub(crate) fn digits(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_no_letter() {
        assert!(starts_word(b"\\nAB", 2));
        assert!(!starts_word(b"xnAB", 2));
        assert!(starts_word(b"\\u00e9AB", 6));
        assert!(starts_word(b"AB", 0));
        assert!(!ends_word(b"ABC", 2));
    }

    #[test]
    fn an_escape_gives_up_no_digit_of_the_number() {
        assert_eq!(number_start(b"x\\u0001531", 3), Some(7));
        assert_eq!(number_start(b"\\u00e9531", 2), Some(6));
        assert_eq!(number_start(b"\\u00e9531", 5), Some(6));
        assert_eq!(number_start(b"\\u0001 531", 2), None);
        assert_eq!(number_start(b"\\n531", 2), Some(2));
        assert_eq!(number_start(b"f531", 1), Some(1));
        assert_eq!(number_start(b"u531", 1), Some(1));
    }

    #[test]
    fn borders_of_characters() {
        let text = "aé€".as_bytes();
        assert_eq!(char_start(text, 2), 3);
        assert_eq!(char_end(text, 2), 1);
        assert_eq!(char_end(text, 5), 3);
        assert_eq!(char_end(text, 6), 6);
    }
}
