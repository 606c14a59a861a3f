//! Where capitalised words may begin: one bit a byte, for 64 bytes at a time.

/// Bytes of one block.
const BLOCK_BYTES: usize = 64;

/// Positions, in order, at which a capital or a byte beyond ASCII stands where a word can begin.
pub(super) struct Starts<'t> {
    text: &'t [u8],
    block: usize,
    hits: u64,
    /// The last byte of the block before is part of an ASCII word.
    word_carry: u64,
    /// The last two bytes of it: backslashes.
    escape_carry: u64,
    high_carry: u64,
}

impl<'t> Starts<'t> {
    pub(super) fn of(text: &'t [u8]) -> Self {
        let mut starts = Self {
            text,
            block: 0,
            hits: 0,
            word_carry: 0,
            escape_carry: 0,
            high_carry: 0,
        };
        starts.load();
        starts
    }

    fn load(&mut self) {
        let from = self.block * BLOCK_BYTES;
        let bytes = self.text.get(from..).unwrap_or_default();
        let classes = Classes::of(bytes.get(..BLOCK_BYTES).unwrap_or(bytes));
        let behind_word = classes.word << 1 | self.word_carry;
        let behind_escape = classes.escape << 2 | self.escape_carry;
        let behind_high = classes.high << 1 | self.high_carry;
        self.hits = classes.upper & (!behind_word | behind_escape)
            | classes.high & !behind_high & (!behind_word | behind_escape)
            | classes.high & classes.lead;
        self.word_carry = classes.word >> 63;
        self.escape_carry = classes.escape >> 62;
        self.high_carry = classes.high >> 63;
    }
}

impl Iterator for Starts<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.hits == 0 {
            self.block += 1;
            if self.block * BLOCK_BYTES >= self.text.len() {
                return None;
            }
            self.load();
        }
        let bit = self.hits.trailing_zeros() as usize;
        self.hits &= self.hits - 1;
        Some(self.block * BLOCK_BYTES + bit)
    }
}

#[derive(Default)]
struct Classes {
    upper: u64,
    /// ASCII letters, digits and `_`.
    word: u64,
    high: u64,
    /// First bytes of characters of three and four bytes behind others beyond ASCII: a letter
    /// may follow a quotation mark.
    lead: u64,
    escape: u64,
}

impl Classes {
    fn of(block: &[u8]) -> Self {
        let mut classes = Self::default();
        let mut shift = 0;
        let (words, rest) = block.as_chunks::<8>();
        for word in words {
            classes.add(u64::from_le_bytes(*word), shift);
            shift += 8;
        }
        if !rest.is_empty() && shift < 64 {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(rest) {
                *to = *from;
            }
            classes.add(u64::from_le_bytes(word), shift);
        }
        classes
    }

    fn add(&mut self, word: u64, shift: u32) {
        let folded = word | spread(0x20);
        let letters = between(folded, b'a', b'z') & !(word & HIGH_BITS);
        let small = word & spread(0x20);
        let upper = letters & !(small << 2);
        let digits = between(word, b'0', b'9') | equal(word, b'_');
        self.upper |= gather(upper) << shift;
        self.word |= gather(letters | digits) << shift;
        let high = word & HIGH_BITS;
        self.high |= gather(high) << shift;
        if high != 0 {
            // 0b11xx_xxxx
            self.lead |= gather(high & (word << 1)) << shift;
        }
        self.escape |= gather(equal(word, b'\\')) << shift;
    }
}

const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

const fn spread(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// High bit of each ASCII byte from `first` to `last`. No carry crosses a byte.
fn between(word: u64, first: u8, last: u8) -> u64 {
    let low = word & LOW_BITS;
    let from_first = low + spread(0x80 - first);
    let above_last = low + spread(0x80 - last - 1);
    from_first & !above_last & !word & HIGH_BITS
}

/// High bit of each byte that equals `byte`. No carry crosses a byte.
fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ spread(byte);
    !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS)
}

/// The eight high bits, packed: bit n is byte n.
fn gather(high: u64) -> u64 {
    (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::letters::{self, Kind};
    use crate::names::word;
    use proptest::prelude::*;

    proptest! {
        /// Every word that begins with a capital or a letter without case is stopped at.
        #[test]
        fn no_capitalised_word_is_passed_over(
            text in "([A-Za-z0-9_' \n.-]|é|É|“|”|田|–|\u{200b}|Ｊ|\\\\n|’){0,150}",
        ) {
            let starts: Vec<usize> = Starts::of(text.as_bytes()).collect();
            prop_assert!(starts.is_sorted());
            for (at, _) in text.char_indices() {
                let letter = letters::at(text.as_bytes(), at);
                if matches!(letter.kind, Kind::Upper | Kind::Uncased)
                    && word::begins(text.as_bytes(), at)
                {
                    prop_assert!(starts.contains(&at), "{at} in {text:?}");
                }
            }
        }
    }
}
