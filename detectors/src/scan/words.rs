//! Keywords of the catalog, found by a few of their letters in a row.
//!
//! Letters that keywords share are of one kind; three bitmaps hold a kind's number for each
//! byte. Few words of other texts have the same kinds in a row.

use crate::catalog::KEYWORDS;

use super::Scan;
use super::classes::Classes;

/// Kinds from 1 on: what months begin with; their second letters; and letters of the others.
const KINDS: [&[u8]; 7] = [b"JFMASOND", b"aueopc", b"n", b"iI", b"d", b"rw", b"t"];
const CAPITAL: usize = 0;
const SECOND: usize = 1;
const N: usize = 2;
const I: usize = 3;
const D: usize = 4;
const R_OR_W: usize = 5;
const T: usize = 6;

/// The bytes of each of the three bitmaps.
pub(super) fn planes() -> [Vec<u8>; 3] {
    [0, 1, 2].map(|bit| {
        let kinds = (1..).zip(KINDS);
        let set = kinds.filter(|(kind, _)| *kind >> bit & 1 == 1);
        set.flat_map(|(_, letters)| letters.iter().copied())
            .collect()
    })
}

/// Places where letters of keywords stand in a row, from block to block.
#[derive(Default)]
pub(super) struct Words {
    /// Kinds of the last two bytes before the block: the high bits.
    before: [u64; KINDS.len()],
    /// One past the last keyword: keywords that overlap it do not count.
    done: usize,
}

impl Words {
    /// Letters of the block with which a keyword's first letters may be complete.
    #[inline]
    pub(super) fn hits(&mut self, classes: &Classes) -> u64 {
        let [low, middle, high] = classes.letters;
        let mut kinds = [0; KINDS.len()];
        for (kind, number) in kinds.iter_mut().zip(1..) {
            let bit = |plane: u64, bit: u32| {
                if number >> bit & 1 == 1 {
                    plane
                } else {
                    !plane
                }
            };
            *kind = bit(low, 0) & bit(middle, 1) & bit(high, 2);
        }
        let back = |kind: usize, by: u32| kinds[kind] << by | self.before[kind] >> (64 - by);
        let capital = back(CAPITAL, 1) & (kinds[SECOND] | kinds[I] | kinds[CAPITAL]);
        let nin = back(N, 2) & back(I, 1) & kinds[N];
        let ndr = back(N, 2) & back(D, 1) & kinds[R_OR_W];
        let dot = back(D, 2) & back(SECOND, 1) & kinds[T];
        let www = back(R_OR_W, 2) & back(R_OR_W, 1) & kinds[R_OR_W];
        self.before = kinds;
        capital | nin | ndr | dot | www
    }

    /// Judges the keyword whose letters are complete at `at`, if there is one.
    pub(super) fn judge(&mut self, scan: &mut Scan<'_>, at: usize) {
        let Some(last) = at.checked_sub(1) else {
            return;
        };
        let Some(key) = scan.slice(last, at + 1).first_chunk::<2>() else {
            return;
        };
        let mut with = WITH[usize::from(key[1])];
        while with != 0 {
            let index = with.trailing_zeros() as usize;
            with &= with - 1;
            let ((word, judge), (other, from)) = (KEYWORDS[index], KEYS[index]);
            let Some(start) = at.checked_sub(from).filter(|_| other == *key) else {
                continue;
            };
            let end = start + word.len();
            if start >= self.done && scan.slice(start, end) == word.as_bytes() {
                self.done = end;
                judge(scan, start);
                return;
            }
        }
    }
}

/// For each keyword, the last two of its letters that are looked for, and the offset of the last.
const KEYS: [([u8; 2], usize); KEYWORDS.len()] = {
    let mut keys = [([0; 2], 0); KEYWORDS.len()];
    let mut at = 0;
    while at < KEYWORDS.len() {
        let word = KEYWORDS[at].0.as_bytes();
        let last = match word {
            // `ndr`
            [b'h', ..] => 4,
            [b' ', b'D', ..] | [b'n' | b'w', ..] => 2,
            [b' ' | b'[' | b'(', ..] => 3,
            _ => 1,
        };
        keys[at] = ([word[last - 1], word[last]], last);
        at += 1;
    }
    keys
};

/// For each byte, one bit a keyword of which it is the last letter that is looked for.
const WITH: [u32; 256] = {
    let mut with = [0; 256];
    let mut at = 0;
    while at < KEYWORDS.len() {
        with[KEYS[at].0[1] as usize] |= 1 << at;
        at += 1;
    }
    with
};

const _: () = assert!(KEYWORDS.len() <= u32::BITS as usize);

#[cfg(test)]
mod tests {
    use super::super::classes;
    use super::super::simd::Kernel;
    use super::*;

    #[test]
    fn every_keyword_is_hit_at_every_place() {
        for (word, (_, last)) in KEYWORDS.iter().map(|(word, _)| word).zip(KEYS) {
            for shift in 0..130 {
                let text = format!("{}{word}", ".".repeat(shift));
                let mut words = Words::default();
                let mut hits = Vec::new();
                classes::each(text.as_bytes(), Kernel::best(), |base, classes| {
                    super::super::each_bit(words.hits(classes), |bit| hits.push(base + bit));
                });
                assert!(hits.contains(&(shift + last)), "{word} at {shift}");
            }
        }
    }

    #[test]
    fn a_letter_is_of_one_kind() {
        let mut all: Vec<u8> = KINDS.concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
