//! Plain words of 64 bits. Compilers turn the loops into whatever vectors the target has.

use super::{GROUP_PLANES, Group, Isa, LINE_BYTES, LINE_WORDS, Line, WORD_BYTES};

/// Needs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portable;

#[inline(always)]
fn zip(a: Line, b: Line, op: impl Fn(u64, u64) -> u64) -> Line {
    let mut out = a;
    for (to, from) in out.0.iter_mut().zip(b.0) {
        *to = op(*to, from);
    }
    out
}

impl Isa for Portable {
    const WIDE: bool = false;

    type V = Line;

    #[inline(always)]
    fn zero(self) -> Line {
        Line::ZERO
    }

    #[inline(always)]
    fn load(self, line: &Line) -> Line {
        *line
    }

    #[inline(always)]
    fn store(self, value: Line, line: &mut Line) {
        *line = value;
    }

    #[inline(always)]
    fn first(self, word: u64) -> Line {
        Line([word, 0, 0, 0, 0, 0, 0, 0])
    }

    #[inline(always)]
    fn last(self, word: u64) -> Line {
        Line([0, 0, 0, 0, 0, 0, 0, word])
    }

    #[inline(always)]
    fn and(self, a: Line, b: Line) -> Line {
        zip(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn and_not(self, a: Line, b: Line) -> Line {
        zip(a, b, |a, b| a & !b)
    }

    #[inline(always)]
    fn or(self, a: Line, b: Line) -> Line {
        zip(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn xor(self, a: Line, b: Line) -> Line {
        zip(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    fn not(self, a: Line) -> Line {
        Line(a.0.map(|word| !word))
    }

    #[inline(always)]
    fn ahead(self, line: Line, next: Line, by: u32) -> Line {
        let [_, b, c, d, e, f, g, h] = line.0;
        let following = Line([b, c, d, e, f, g, h, next.0[0]]);
        let low = by & 63;
        let high = 63 - low;
        zip(line, following, |word, after| {
            (word >> low) | ((after << 1) << high)
        })
    }

    #[inline(always)]
    fn behind(self, prev: Line, line: Line, by: u32) -> Line {
        let [a, b, c, d, e, f, g, _] = line.0;
        let before = Line([prev.0[7], a, b, c, d, e, f, g]);
        let low = by & 63;
        let high = 63 - low;
        zip(line, before, |word, before| {
            (word << low) | ((before >> 1) >> high)
        })
    }

    #[inline(always)]
    fn is_zero(self, a: Line) -> bool {
        a.0.iter().fold(0, |all, word| all | word) == 0
    }

    #[inline(always)]
    fn classify(self, group: &Group, text: &[u8; LINE_BYTES], out: [&mut Line; GROUP_PLANES]) {
        let mut planes = [Line::ZERO; GROUP_PLANES];
        let (blocks, _) = text.as_chunks::<WORD_BYTES>();
        for (index, block) in blocks.iter().enumerate() {
            let (eights, _) = block.as_chunks::<8>();
            for (place, eight) in eights.iter().enumerate() {
                // Byte n of the sum holds bitmap n of these eight bytes.
                let mut sum = 0u64;
                for (bit, byte) in eight.iter().enumerate() {
                    sum |= group.spread[usize::from(*byte)] << bit;
                }
                for (plane, bits) in planes.iter_mut().zip(sum.to_le_bytes()) {
                    plane.0[index & (LINE_WORDS - 1)] |= u64::from(bits) << (8 * place);
                }
            }
        }
        for (to, plane) in out.into_iter().zip(planes) {
            *to = plane;
        }
    }

    #[inline(always)]
    fn blend(self, text: &mut [u8; WORD_BYTES], bits: u64, fill: u8) {
        for (bit, byte) in text.iter_mut().enumerate() {
            let mask = 0u8.wrapping_sub((bits >> bit) as u8 & 1);
            *byte = (*byte & !mask) | (fill & mask);
        }
    }
}
