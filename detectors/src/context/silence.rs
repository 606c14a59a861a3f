//! Whether a number has no label, told from the last words before it alone.
//!
//! Most numbers have none. A label ends with the last word of one of its spellings; if no word
//! that is near enough is such a last word, nothing has to be normalised or looked up.

use std::sync::LazyLock;

use super::phrases::{Endings, hash_of_last, mix};
use super::{
    Cues, GAP_BYTES, PREFIX_BYTES, SHORT_GAP_BYTES, WINDOW_BYTES, ends_label, ordinal_start,
    vocabulary,
};
use crate::text::run_start;

/// Last words of labels.
struct Last {
    /// Of those whose value follows at once.
    near: Endings,
    /// Of the others.
    far: Endings,
}

static LAST: LazyLock<Last> = LazyLock::new(|| {
    let mut last = Last {
        near: Endings::new(),
        far: Endings::new(),
    };
    for entry in vocabulary::VOCABULARY {
        let words = match entry.cues.has(Cues::AT_ONCE) {
            true => &mut last.near,
            false => &mut last.far,
        };
        for spelling in entry.spellings.split(", ") {
            words.insert(hash_of_last(spelling));
        }
    }
    last
});

pub(super) fn warm_up() {
    LazyLock::force(&LAST);
}

/// Whether no label can stand before `number`. False where only a closer look tells.
pub(super) fn is_silent(text: &[u8], number: usize) -> bool {
    if number == 0 || follows_number(text, number) {
        return true;
    }
    let last = &*LAST;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let glued = number - run_start(text, number, PREFIX_BYTES, is_part);
    // As the words are normalised: one blank before the first of them and between two.
    let far = GAP_BYTES + glued + 1;
    let near = SHORT_GAP_BYTES + glued + 1;
    let is_last = |hash: u32, seen: usize| {
        last.far.may_hold(hash) || (seen <= near && last.near.may_hold(hash))
    };
    let window = text
        .get(number.saturating_sub(WINDOW_BYTES)..number)
        .unwrap_or_default();
    let mut seen = 0;
    // What was seen behind the word that is read.
    let mut behind = 0;
    let mut hash = 0;
    // The letter behind is a capital, and a word goes on there.
    let mut capital = false;
    let mut in_word = false;
    for (before, byte) in window.iter().enumerate().rev() {
        let folded = byte | 0x20;
        if folded.is_ascii_lowercase() {
            let is_lower = folded == *byte;
            if is_lower && capital {
                if is_last(hash, behind) {
                    return false;
                }
                seen += 1;
                (hash, behind) = (0, seen);
            }
            hash = mix(hash, folded);
            (in_word, capital) = (true, !is_lower);
            seen += 1;
            continue;
        }
        if matches!(byte, b'\\' | b'#') || (in_word && is_last(hash, behind)) {
            return false;
        }
        if byte.is_ascii_digit() {
            // A label may end in an ordinal, and go on before it.
            let from = number - window.len() + before + 1;
            return from == number
                || !ends_label(text, from)
                || ordinal_start(text, from).is_none();
        }
        if in_word {
            (hash, in_word, capital) = (0, false, false);
            seen += 1;
            behind = seen;
            if seen > far {
                return true;
            }
        }
    }
    !(in_word && is_last(hash, behind))
}

/// Whether another number stands right before that one, with a single sign between them that ends
/// no label.
pub(crate) fn follows_number(text: &[u8], number: usize) -> bool {
    let near = number
        .checked_sub(2)
        .and_then(|from| text.get(from..number));
    matches!(
        near,
        Some([b'0'..=b'9', b' ' | b'-' | b'/' | b',' | b';' | b'+' | b'('])
    )
}

#[cfg(test)]
mod tests {
    use super::super::look_before;
    use super::*;
    use proptest::prelude::*;

    fn spelling() -> impl Strategy<Value = String> {
        let all = vocabulary::VOCABULARY.iter();
        let all: Vec<&str> = all.flat_map(|entry| entry.spellings.split(", ")).collect();
        prop::sample::select(all).prop_map(str::to_owned)
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => spelling(),
            1 => spelling().prop_map(|word| word.to_uppercase()),
            1 => "[A-Z]?[a-z]{1,9}",
            4 => "[ :=.#_'\"(-]{1,3}",
            1 => "[0-9]{1,3}",
            1 => " {4,40}",
            1 => "\\\\[ntu]",
            1 => "é",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        /// Where it is silent, a closer look finds nothing.
        #[test]
        fn no_label_is_passed_over(pieces in prop::collection::vec(piece(), 0..9)) {
            let text = pieces.concat().into_bytes();
            if is_silent(&text, text.len()) {
                let label = look_before(&text, text.len());
                prop_assert_eq!(label.cues, Cues::NONE);
                prop_assert_eq!((label.start, label.end), (text.len(), 0));
            }
        }
    }
}
