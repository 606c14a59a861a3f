//! Class bitmaps: one bit a byte, for 64 bytes at a time.
//!
//! Portable words of eight bytes; a vector kernel can take this function's place as it stands.

/// Bytes of one block; bits of one bitmap.
pub(super) const BLOCK_BYTES: usize = 64;

/// Which bytes of a block belong to which class; bit 0 is the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    /// `0` to `9`.
    pub(super) digits: u64,
    /// `@`, `:`, `=` or `|`.
    pub(super) marks: u64,
}

/// Classifies at most [`BLOCK_BYTES`] bytes; bits behind the last byte are clear.
pub(super) fn classify(block: &[u8]) -> Classes {
    let mut classes = Classes::default();
    let mut shift = 0;
    let (words, rest) = block.as_chunks::<8>();
    for word in words.iter().take(BLOCK_BYTES / 8) {
        add(&mut classes, u64::from_le_bytes(*word), shift);
        shift += 8;
    }
    if !rest.is_empty() && shift < 64 {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(rest) {
            *to = *from;
        }
        add(&mut classes, u64::from_le_bytes(word), shift);
    }
    classes
}

const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

fn add(classes: &mut Classes, word: u64, shift: u32) {
    let marks = equal(word, b'@') | equal(word, b':') | equal(word, b'=') | equal(word, b'|');
    classes.digits |= gather(digits(word)) << shift;
    classes.marks |= gather(marks) << shift;
}

const fn spread(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// High bit of each byte that is an ASCII digit. No carry crosses a byte.
fn digits(word: u64) -> u64 {
    let low = word & LOW_BITS;
    let from_zero = low + spread(0x80 - b'0');
    let above_nine = low + spread(0x80 - b'9' - 1);
    from_zero & !above_nine & !word & HIGH_BITS
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
    use proptest::prelude::*;

    fn slowly(block: &[u8]) -> Classes {
        let mut classes = Classes::default();
        for (bit, byte) in block.iter().enumerate() {
            classes.digits |= u64::from(byte.is_ascii_digit()) << bit;
            classes.marks |= u64::from(b"@:=|".contains(byte)) << bit;
        }
        classes
    }

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255 {
            for place in 0..BLOCK_BYTES {
                let mut block = [0x2f; BLOCK_BYTES];
                block[place] = byte;
                assert_eq!(classify(&block), slowly(&block), "{byte:#x} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn as_byte_by_byte(block in prop::collection::vec(any::<u8>(), 0..=BLOCK_BYTES)) {
            prop_assert_eq!(classify(&block), slowly(&block));
        }
    }
}
