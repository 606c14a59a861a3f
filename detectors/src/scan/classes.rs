//! Class bitmaps: one bit a byte, for 64 bytes at a time, on the vector unit.

use std::sync::LazyLock;

use super::bits::planes::{ByteSet, Group};
use super::simd::{GROUP_PLANES, Isa, Job, Kernel, WORD_BYTES};
use super::words;

/// Bytes of one block; bits of one bitmap.
pub(crate) const BLOCK_BYTES: usize = WORD_BYTES;
/// Blocks that are classified at once.
const BATCH_BLOCKS: usize = 8;
const BATCH_BYTES: usize = BATCH_BLOCKS * BLOCK_BYTES;

/// Which bytes of a block belong to which class; bit 0 is the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    /// `0` to `9`.
    pub(crate) digits: u64,
    /// What hangs findings on itself (`@`, `:`, `=`, `|`, `,`) or has to stand in a text with a
    /// structure of its own (`"`, tab, line's end).
    pub(crate) marks: u64,
    /// Letters, digits, `+` and `/`: what encodings are made of.
    pub(crate) codes: u64,
    /// `-` and `_`, which stand for the last two in some of them.
    pub(crate) joints: u64,
    /// Bytes beyond ASCII, and what begins an escape: `\`, `%`, `&`.
    pub(crate) odd: u64,
    /// Kinds of letters in the catalog's keywords; three bits of a number.
    pub(crate) letters: [u64; 3],
}

static TABLES: LazyLock<Group> = LazyLock::new(|| {
    let of = |bytes: &[u8]| {
        let mut set = ByteSet::default();
        bytes.iter().for_each(|byte| set.insert(*byte));
        set
    };
    let letters = ByteSet::range(b'A', b'Z').or(ByteSet::range(b'a', b'z'));
    let [low, middle, high] = words::planes().map(|letters| of(&letters));
    Group::new(&[
        ByteSet::digits(),
        of(b"@:=|,\"\t\n\r"),
        letters.or(ByteSet::digits()).or(of(b"+/")),
        of(b"-_"),
        of(b"\\%&").or(ByteSet::range(0x80, 0xff)),
        low,
        middle,
        high,
    ])
});

pub(super) fn warm_up() {
    LazyLock::force(&TABLES);
}

/// Visits the blocks of a text in order, each with the offset of its first byte. Bits behind the
/// last byte are clear.
pub(super) fn each(text: &[u8], kernel: Kernel, mut visit: impl FnMut(usize, &Classes)) {
    let group = &*TABLES;
    for (batch, text) in text.chunks(BATCH_BYTES).enumerate() {
        let mut out = [[0; GROUP_PLANES]; BATCH_BLOCKS];
        let planes = &mut out;
        kernel.run(Classify {
            group,
            text,
            planes,
        });
        let blocks = text.len().div_ceil(BLOCK_BYTES);
        for (block, planes) in out.iter().take(blocks).enumerate() {
            let base = batch * BATCH_BYTES + block * BLOCK_BYTES;
            visit(base, &Classes::of(planes));
        }
    }
}

impl Classes {
    fn of(planes: &[u64; GROUP_PLANES]) -> Self {
        let [digits, marks, codes, joints, odd, letters @ ..] = *planes;
        Self {
            digits,
            marks,
            codes,
            joints,
            odd,
            letters,
        }
    }
}

/// Classifies up to [`BATCH_BLOCKS`] blocks.
struct Classify<'c, 't> {
    group: &'c Group,
    text: &'t [u8],
    planes: &'c mut [[u64; GROUP_PLANES]; BATCH_BLOCKS],
}

impl Job for Classify<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let (blocks, rest) = self.text.as_chunks::<BLOCK_BYTES>();
        let mut planes = self.planes.iter_mut();
        for (block, planes) in blocks.iter().zip(&mut planes) {
            *planes = isa.classify_block(self.group, block);
        }
        if let (false, Some(planes)) = (rest.is_empty(), planes.next()) {
            let mut block = [0; BLOCK_BYTES];
            if let Some(head) = block.get_mut(..rest.len()) {
                head.copy_from_slice(rest);
            }
            // No class holds NUL.
            *planes = isa.classify_block(self.group, &block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slowly(text: &[u8]) -> Vec<(usize, Classes)> {
        let mut blocks = Vec::new();
        for (index, block) in text.chunks(BLOCK_BYTES).enumerate() {
            let mut classes = Classes::default();
            for (bit, byte) in block.iter().enumerate() {
                let bit = |is: bool| u64::from(is) << bit;
                classes.digits |= bit(byte.is_ascii_digit());
                classes.marks |= bit(b"@:=|,\"\t\n\r".contains(byte));
                classes.codes |= bit(byte.is_ascii_alphanumeric() || b"+/".contains(byte));
                classes.joints |= bit(b"-_".contains(byte));
                classes.odd |= bit(b"\\%&".contains(byte) || *byte >= 0x80);
                for (plane, letters) in classes.letters.iter_mut().zip(words::planes()) {
                    *plane |= bit(letters.contains(byte));
                }
            }
            blocks.push((index * BLOCK_BYTES, classes));
        }
        blocks
    }

    #[test]
    fn every_byte_at_every_place() {
        for kernel in Kernel::all() {
            for byte in 0..=255 {
                for place in 0..BLOCK_BYTES {
                    let mut block = [b'.'; BLOCK_BYTES];
                    block[place] = byte;
                    let mut found = Vec::new();
                    each(&block, kernel, |base, classes| found.push((base, *classes)));
                    assert_eq!(found, slowly(&block), "{byte:#x} at {place}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn as_byte_by_byte(text in prop::collection::vec(any::<u8>(), 0..1100)) {
            for kernel in Kernel::all() {
                let mut found = Vec::new();
                each(&text, kernel, |base, classes| found.push((base, *classes)));
                prop_assert_eq!(&found, &slowly(&text), "{}", kernel.name());
            }
        }
    }
}
