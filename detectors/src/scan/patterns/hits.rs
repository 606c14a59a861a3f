//! Where in a tile anything begins, found without a look at the words where nothing does.

use crate::scan::bits::sweep::{TILE_WORDS, Tile};
use crate::scan::simd::Isa;

/// Bitmaps that are told apart; of more, some in a row count as one.
const GROUPS: usize = u64::BITS as usize;

/// Which bitmaps have a bit set in which word of a tile.
pub(super) struct Hits {
    /// One bit a word of the text.
    words: u128,
    /// For each word one bit a group of bitmaps.
    with: [u64; TILE_WORDS],
    /// Bitmaps of a group.
    each: usize,
}

impl Hits {
    #[inline(always)]
    pub(super) fn of<I: Isa>(isa: I, tile: Tile<'_>, slots: &[u16]) -> Self {
        let mut hits = Self {
            words: 0,
            with: [0; TILE_WORDS],
            each: slots.len().div_ceil(GROUPS).max(1),
        };
        for (group, slots) in slots.chunks(hits.each).enumerate() {
            let mut words = 0;
            for slot in slots {
                words |= tile.nonzero(isa, *slot);
            }
            hits.words |= words;
            while words != 0 {
                hits.with[words.trailing_zeros() as usize % TILE_WORDS] |= 1 << (group % GROUPS);
                words &= words - 1;
            }
        }
        hits
    }

    /// The next word of the text, and the bitmaps that may have a bit in it, in the order of the
    /// slots.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<(usize, Bitmaps)> {
        if self.words == 0 {
            return None;
        }
        let word = self.words.trailing_zeros() as usize;
        self.words &= self.words - 1;
        let bitmaps = Bitmaps {
            groups: self.with[word % TILE_WORDS],
            each: self.each,
            left: 0,
        };
        Some((word, bitmaps))
    }
}

/// Places of bitmaps in a list of slots.
pub(super) struct Bitmaps {
    groups: u64,
    each: usize,
    /// Of the first group.
    left: usize,
}

impl Iterator for Bitmaps {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.groups == 0 {
            return None;
        }
        let place = self.groups.trailing_zeros() as usize * self.each + self.left;
        self.left += 1;
        if self.left == self.each {
            self.left = 0;
            self.groups &= self.groups - 1;
        }
        Some(place)
    }
}
