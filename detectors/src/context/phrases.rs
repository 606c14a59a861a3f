//! Phrases of a vocabulary, found in normalised text by their last words.

use std::ops::Range;

/// Words of one meaning each, in several spellings.
pub(crate) struct Phrases<T> {
    /// Hashes of all last words: few others are in it.
    endings: Endings,
    /// By the hash of the last word; of the same word in the order of the vocabulary.
    spellings: Vec<(u32, &'static str, T)>,
    /// Where those begin whose hash has these high bits, and where the last end.
    firsts: Vec<usize>,
}

/// High bits of a hash that are an index: few spellings have the same.
const INDEX_BITS: u32 = 10;

/// A set of words by their hashes.
pub(crate) struct Endings([u64; Self::BITS as usize / 64]);

impl<T: Copy> Phrases<T> {
    /// The vocabulary: spellings joined by a comma and a blank, and what they mean.
    pub(crate) fn new(entries: impl Iterator<Item = (&'static str, T)>) -> Self {
        let mut endings = Endings::new();
        let mut spellings = Vec::new();
        for (list, meaning) in entries {
            for spelling in list.split(", ") {
                let hash = hash_of_last(spelling);
                endings.insert(hash);
                spellings.push((hash, spelling, meaning));
            }
        }
        spellings.sort_by_key(|(hash, ..)| *hash);
        let first = |index: u32| spellings.partition_point(|(hash, ..)| place(*hash) < index);
        let firsts = (0..=1 << INDEX_BITS).map(first).collect();
        Self {
            endings,
            spellings,
            firsts,
        }
    }

    /// Visits all phrases of a normalised text, the last words first: what each means, and where
    /// it stands with the blanks before and behind it.
    pub(crate) fn find(&self, normal: &[u8], mut visit: impl FnMut(&T, Range<usize>)) {
        let mut hash = 0;
        // The blank behind the word.
        let mut end = normal.len();
        for (at, byte) in normal.iter().enumerate().rev() {
            if *byte != b' ' {
                hash = mix(hash, *byte);
                continue;
            }
            if self.endings.may_hold(hash) && end < normal.len() {
                self.ending(normal, hash, end, &mut visit);
            }
            (hash, end) = (0, at);
        }
    }

    #[inline(never)]
    fn ending(
        &self,
        normal: &[u8],
        hash: u32,
        end: usize,
        visit: &mut impl FnMut(&T, Range<usize>),
    ) {
        let index = place(hash) as usize;
        let near = match self.firsts.get(index..index + 2) {
            Some([first, end]) => self.spellings.get(*first..*end),
            _ => None,
        };
        let near = near.unwrap_or_default().iter();
        for (_, spelling, meaning) in near.filter(|(other, ..)| *other == hash) {
            let Some(start) = end.checked_sub(spelling.len() + 1) else {
                continue;
            };
            let text = normal.get(start..end).unwrap_or_default();
            if text.strip_prefix(b" ") == Some(spelling.as_bytes()) {
                visit(meaning, start..end + 1);
            }
        }
    }
}

impl Endings {
    /// One in twenty is set.
    const BITS: u32 = 8192;

    pub(super) const fn new() -> Self {
        Self([0; Self::BITS as usize / 64])
    }

    pub(super) fn insert(&mut self, hash: u32) {
        if let Some(bits) = self.0.get_mut(Self::place(hash)) {
            *bits |= 1 << (hash & 63);
        }
    }

    #[inline]
    pub(super) fn may_hold(&self, hash: u32) -> bool {
        let bits = self.0.get(Self::place(hash)).copied().unwrap_or(0);
        bits >> (hash & 63) & 1 == 1
    }

    #[inline]
    const fn place(hash: u32) -> usize {
        (hash >> 6 & (Self::BITS / 64 - 1)) as usize
    }
}

/// The index of a hash.
const fn place(hash: u32) -> u32 {
    hash >> (u32::BITS - INDEX_BITS)
}

/// The hash of the last word of a spelling, from its last byte to the first.
pub(super) fn hash_of_last(spelling: &str) -> u32 {
    let word = spelling.rsplit(' ').next().unwrap_or_default();
    word.bytes().rev().fold(0, mix)
}

/// The hash of a word with one more byte before it.
#[inline]
pub(super) fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte))
        .wrapping_mul(0x9e37_79b1)
        .rotate_right(15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENTRIES: [(&str, u8); 3] = [("a, a b, b", 1), ("b a, a a, b b a", 2), ("a, ab, #", 3)];

    proptest! {
        /// All phrases between blanks, and no other.
        #[test]
        fn as_word_by_word(normal in "[ ab#]{0,16}") {
            let phrases = Phrases::new(ENTRIES.into_iter());
            let mut found = Vec::new();
            phrases.find(normal.as_bytes(), |meaning, range| {
                found.push((range.start, range.end, *meaning));
            });
            let mut expected = Vec::new();
            for (list, meaning) in ENTRIES {
                for spelling in list.split(", ") {
                    let padded = format!(" {spelling} ");
                    for start in 0..normal.len() {
                        if normal[start..].starts_with(&padded) {
                            expected.push((start, start + padded.len(), meaning));
                        }
                    }
                }
            }
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
