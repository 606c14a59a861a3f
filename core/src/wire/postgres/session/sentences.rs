//! Which words of a text may be values: of a sentence of the server's own, of a DETAIL, of code.

use std::ops::Range;

use memchr::memmem;

use super::known::{Known, is_context_word, is_lower_context_word, is_message_word, is_type_word};

/// Veils one field, see
/// <https://www.postgresql.org/docs/current/protocol-error-fields.html>.
pub(super) fn veil_field(tag: u8, text: &mut [u8], from_code: bool, known: &Known<'_>) {
    let is_known = |word: &[u8]| known.is_name(word) || is_lower_context_word(word);
    let is_sentence = !from_code && text.is_ascii();
    match tag {
        // Severity, SQLSTATE, positions and source: never a value.
        b'S' | b'V' | b'C' | b'P' | b'p' | b'F' | b'L' | b'R' => {}
        b'M' | b'H' if is_sentence => veil_sentence(text, known),
        b'D' if is_sentence => {
            let values = listed_values(text);
            veil_words(&mut text[values], |_| false);
            veil_sentence(text, known);
        }
        b'W' => {
            let quoted = quoted(text);
            veil_words(&mut text[quoted], is_known);
            veil_words(text, |word| known.is_name(word) || is_context_word(word));
        }
        _ => veil_words(text, is_known),
    }
}

/// Veils a sentence of the server's own: it keeps the words of the server's catalogue, but not
/// what it quotes, with marks or without, nor numbers.
fn veil_sentence(text: &mut [u8], known: &Known<'_>) {
    let quoted = quoted(text);
    let mut call = false;
    let mut at = 0;
    while at < text.len() {
        let end = at
            + text[at..]
                .iter()
                .take_while(|&&byte| is_word_byte(byte))
                .count();
        if end == at {
            call &= text[at] != b')';
            at += 1;
            continue;
        }
        let shape = Shape::of(text, at..end);
        let word = &text[at..end];
        let shows = known.is_name(word)
            || if quoted.contains(&at) {
                is_lower_context_word(word)
            } else if call {
                is_type_word(word)
            } else {
                !shape.is_joined && is_message_word(word, shape.begins)
            };
        if !shows {
            text[at..end].fill(b'X');
        }
        call |= shape.is_called;
        at = end;
    }
}

/// How a word stands in its sentence.
struct Shape {
    /// It is part of a dotted name or the name of a call.
    is_joined: bool,
    /// A parenthesis follows at once.
    is_called: bool,
    /// It begins a sentence.
    begins: bool,
}

impl Shape {
    fn of(text: &[u8], word: Range<usize>) -> Self {
        let byte = |at: Option<usize>| at.and_then(|at| text.get(at)).copied();
        let is_part = |at| byte(at).is_some_and(is_word_byte);
        let (before, after) = (word.start.checked_sub(1), Some(word.end));
        let dotted = byte(before) == Some(b'.') && is_part(word.start.checked_sub(2))
            || byte(after) == Some(b'.') && is_part(Some(word.end + 1));
        let is_called = byte(after) == Some(b'(');
        Self {
            is_joined: dotted || is_called,
            is_called,
            begins: word.start == 0 || text[..word.start].ends_with(b". "),
        }
    }
}

/// From the first quotation mark to the last: quoted values may themselves hold marks.
fn quoted(text: &[u8]) -> Range<usize> {
    let Some(first) = memchr::memchr(b'"', text) else {
        return 0..0;
    };
    match memchr::memrchr(b'"', text) {
        Some(last) if last > first => first..last,
        _ => first..text.len(),
    }
}

/// The values in `Key (ssn)=(…)` and `Failing row contains (…)`.
fn listed_values(text: &[u8]) -> Range<usize> {
    let keys = memmem::find(text, b")=(").map(|at| at + 2);
    let row = memmem::find(text, b"contains (").map(|at| at + 9);
    let Some(start) = keys.or(row) else {
        return 0..0;
    };
    let end = memchr::memrchr(b')', text).filter(|&end| end > start);
    start..end.unwrap_or(text.len())
}

/// Replaces every word that is not known by as many `X`.
pub(super) fn veil_words(text: &mut [u8], known: impl Fn(&[u8]) -> bool) {
    for word in text.split_mut(|byte| !is_word_byte(*byte)) {
        if !word.is_empty() && !word.iter().all(|&byte| byte == b'X') && !known(word) {
            word.fill(b'X');
        }
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn veiled(tag: u8, text: &str, from_code: bool) -> String {
        let mut text = text.as_bytes().to_vec();
        let catalog = Catalog {
            words: ["patients", "ssn"].map(String::from).into(),
            ..Catalog::default()
        };
        let known = Known {
            catalog: &catalog,
            own: None,
        };
        veil_field(tag, &mut text, from_code, &known);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn details_keep_their_form_and_lose_their_values() {
        assert_eq!(
            veiled(b'D', "Key (ssn)=(Miller) already exists.", false),
            "Key (ssn)=(XXXXXX) already exists."
        );
        assert_eq!(
            veiled(b'D', "Failing row contains (1, key, O'Neil (x), 5).", false),
            "Failing row contains (X, XXX, X'XXXX (X), X)."
        );
    }

    #[test]
    fn messages_lose_what_they_quote_unless_it_is_known() {
        assert_eq!(
            veiled(
                b'M',
                "invalid input syntax for type integer: \"Miller\"",
                false
            ),
            "invalid input syntax for type integer: \"XXXXXX\""
        );
        assert_eq!(
            veiled(b'M', "relation \"patients\" does not exist", false),
            "relation \"patients\" does not exist"
        );
        assert_eq!(
            veiled(b'M', "bad json: \"{\"a\": \"Miller\", b}\"", false),
            "bad json: \"{\"a\": \"XXXXXX\", X}\""
        );
    }

    #[test]
    fn numbers_need_no_marks_to_be_values() {
        assert_eq!(
            veiled(b'M', "large object 531770294 does not exist", false),
            "large object XXXXXXXXX does not exist"
        );
        assert_eq!(
            veiled(b'M', "parameter 5.3177e+08 is out of range [-1,1]", false),
            "parameter X.XXXXX+XX is out of range [-X,X]"
        );
    }

    #[test]
    fn sentences_keep_the_words_of_the_servers_catalogue_alone() {
        for (text, shown) in [
            (
                "improper qualified name (too many dotted names): wilhelmina.quillfeather.a.b",
                "improper qualified name (too many dotted names): XXXXXXXXXX.XXXXXXXXXXXX.X.X",
            ),
            (
                "function wilhelmina_quillfeather(integer, the may) does not exist",
                "function XXXXXXXXXXXXXXXXXXXXXXX(integer, XXX XXX) does not exist",
            ),
            (
                "schema of Rose does not exist",
                "schema of XXXX does not exist",
            ),
            (
                "No function matches the given name and argument types. You might need to add \
                 explicit type casts.",
                "No function matches the given name and argument types. You might need to add \
                 explicit type casts.",
            ),
            (
                "cached plan must not change result type",
                "cached plan must not change result type",
            ),
            ("may(will) page.index", "XXX(XXXX) XXXX.index"),
        ] {
            assert_eq!(veiled(b'M', text, false), shown);
        }
    }

    #[test]
    fn texts_of_code_are_veiled_word_by_word() {
        assert_eq!(
            veiled(b'M', "no row of Miller, 12", true),
            "no row of XXXXXX, XX"
        );
        assert_eq!(
            veiled(b'W', "COPY patients, line 3, column ssn: \"abc\"", false),
            "COPY patients, line X, column ssn: \"XXX\""
        );
        assert_eq!(
            veiled(b'W', "PL/pgSQL function f(x) line 3: \"Case key\"", false),
            "PL/pgSQL function X(X) line X: \"XXXX key\""
        );
        assert_eq!(veiled(b'q', "SELECT 'Case'", false), "XXXXXX 'XXXX'");
        assert_eq!(veiled(b'D', "found Case", true), "found XXXX");
    }
}
