//! Sets of words that are looked up in any case of letters.

/// A list of words, looked up by their ends and their length: most words meet none of the list
/// that they have to be compared with.
pub(crate) struct WordSet {
    words: &'static [&'static [u8]],
    /// Places in `words`; those of one kind stand together.
    order: [u16; WORDS],
    /// Where each kind begins in `order`, and where the last one ends.
    starts: [u16; KINDS + 1],
}

/// Most words of a list.
const WORDS: usize = 320;
/// A power of two.
const KINDS: usize = 128;

impl WordSet {
    /// The set of these words, which are written in small letters.
    pub(crate) const fn of(words: &'static [&'static [u8]]) -> Self {
        assert!(words.len() <= WORDS, "a longer list needs more places");
        let mut starts = [0; KINDS + 1];
        let mut at = 0;
        while at < words.len() {
            starts[kind(words[at]) + 1] += 1;
            at += 1;
        }
        let mut kinds = 0;
        while kinds < KINDS {
            starts[kinds + 1] += starts[kinds];
            kinds += 1;
        }
        let mut free = starts;
        let mut order = [0; WORDS];
        at = 0;
        while at < words.len() {
            let place = &mut free[kind(words[at])];
            order[*place as usize] = at as u16;
            *place += 1;
            at += 1;
        }
        Self {
            words,
            order,
            starts,
        }
    }

    /// Whether the word is one of the list, in any case of letters.
    #[inline]
    pub(crate) fn has(&self, word: &[u8]) -> bool {
        let kind = kind(word);
        let (from, to) = (self.starts[kind], self.starts[kind + 1]);
        let places = self.order.get(usize::from(from)..usize::from(to));
        places.unwrap_or_default().iter().any(|place| {
            let listed = self.words.get(usize::from(*place));
            listed.is_some_and(|listed| listed.eq_ignore_ascii_case(word))
        })
    }
}

/// The words of a list as bytes, for [`WordSet::of`].
pub(crate) const fn bytes<const N: usize>(words: &[&'static str]) -> [&'static [u8]; N] {
    let mut all: [&[u8]; N] = [b""; N];
    let mut at = 0;
    while at < N {
        all[at] = words[at].as_bytes();
        at += 1;
    }
    all
}

/// The same for a word in small letters and in capitals.
#[inline]
const fn kind(word: &[u8]) -> usize {
    match word {
        [] => 0,
        [first, ..] => {
            let last = word[word.len() - 1];
            let ends = (*first & 0x1f) as usize + 11 * (last & 0x1f) as usize;
            (ends + 5 * word.len()) % KINDS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::is_one_of;
    use proptest::prelude::*;

    const LIST: &[&[u8]] = &[
        b"a", b"b", b"ab", b"ba", b"aab", b"abb", b"a b", b"#", b"a#", b"b-a", b"bb",
    ];
    static SET: WordSet = WordSet::of(LIST);

    proptest! {
        #[test]
        fn as_one_by_one(word in "[abAB# -]{0,4}") {
            prop_assert_eq!(SET.has(word.as_bytes()), is_one_of(word.as_bytes(), LIST));
        }
    }

    #[test]
    fn every_word_is_in_its_set() {
        assert!(LIST.iter().all(|word| SET.has(word)));
        assert!(!SET.has(b""));
    }
}
