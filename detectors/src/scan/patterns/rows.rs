//! Where the fields of a batch of rows lie, and what is to become of each.
//!
//! Frames are never scanned as they come: the low byte of a length is a letter or a digit for
//! many lengths, and glues to the value behind it. A row walk that knows the protocol says where
//! the values are; everything else is of no class at all, so that no match can touch it and every
//! word ends there.

use crate::scan::simd::WORD_BYTES;

/// What the plan of a result says about a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Cannot hold what is looked for: left as it is.
    Skip,
    /// Is hidden whatever it holds.
    MaskWhole,
    /// Has to be looked at.
    Scan,
}

/// The fields of a text, one bit a byte. Reused for batch after batch.
///
/// Two scanned fields must have at least one byte between them that belongs to neither, as the
/// length or the separator of every wire format does.
#[derive(Clone, Default)]
pub struct Rows {
    scanned: Vec<u64>,
    whole: Vec<u64>,
    len: usize,
}

impl Rows {
    /// Begins a batch of `len` bytes without fields.
    pub fn reset(&mut self, len: usize) {
        let words = len.div_ceil(WORD_BYTES);
        self.scanned.clear();
        self.scanned.resize(words, 0);
        self.whole.clear();
        self.whole.resize(words, 0);
        self.len = len;
    }

    /// Bytes of the batch.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the batch has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds the field of the bytes `start..end`. What lies behind the batch is cut off.
    pub fn add(&mut self, start: usize, end: usize, plan: Plan) {
        let end = end.min(self.len);
        match plan {
            Plan::Skip => {}
            Plan::MaskWhole => fill(&mut self.whole, start, end),
            Plan::Scan => fill(&mut self.scanned, start, end),
        }
    }

    /// Bytes that are scanned. Bit 0 of word 0 is the first byte of the batch. For a row walk
    /// that builds the bitmap itself; bits behind the batch are ignored.
    pub fn scanned_mut(&mut self) -> &mut [u64] {
        &mut self.scanned
    }

    pub(super) fn scanned(&self) -> &[u64] {
        &self.scanned
    }

    pub(super) fn whole(&self) -> &[u64] {
        &self.whole
    }
}

/// Sets the bits `start..end`.
#[inline]
pub(super) fn fill(words: &mut [u64], start: usize, end: usize) {
    if start >= end {
        return;
    }
    let (first, last) = (start / WORD_BYTES, (end - 1) / WORD_BYTES);
    let low = u64::MAX << (start % WORD_BYTES);
    let high = u64::MAX >> (WORD_BYTES - 1 - (end - 1) % WORD_BYTES);
    let Some(words) = words.get_mut(first..=last) else {
        return;
    };
    match words {
        [] => {}
        [one] => *one |= low & high,
        [first, middle @ .., last] => {
            *first |= low;
            middle.fill(u64::MAX);
            *last |= high;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_bits() {
        for start in 0..200 {
            for end in 0..200 {
                let mut words = [0; 4];
                fill(&mut words, start, end);
                for at in 0..256 {
                    let set = words[at / 64] >> (at % 64) & 1 == 1;
                    assert_eq!(set, (start..end).contains(&at), "{start}..{end} at {at}");
                }
            }
        }
    }
}
