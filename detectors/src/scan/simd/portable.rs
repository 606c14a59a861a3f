//! Plain words of 64 bits. Compilers turn the loops into whatever vectors the target has.

use super::{GROUP_PLANES, Group, Isa, LINE_WORDS, Line, WORD_BYTES};

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
    fn then(self, line: Line, word: u64) -> Line {
        let [_, b, c, d, e, f, g, h] = line.0;
        Line([b, c, d, e, f, g, h, word])
    }

    #[inline(always)]
    fn after(self, word: u64, line: Line) -> Line {
        let [a, b, c, d, e, f, g, _] = line.0;
        Line([word, a, b, c, d, e, f, g])
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
        let low = by & 63;
        let high = (64 - low) & 63;
        zip(line, next, |word, next| (word >> low) | (next << high))
    }

    #[inline(always)]
    fn behind(self, prev: Line, line: Line, by: u32) -> Line {
        let low = by & 63;
        let high = (64 - low) & 63;
        zip(line, prev, |word, prev| (word << low) | (prev >> high))
    }

    #[inline(always)]
    fn nonzero(self, a: Line) -> u8 {
        let words = a.0.iter().enumerate();
        words.fold(0, |bits, (at, word)| bits | (u8::from(*word != 0) << at))
    }

    #[inline(always)]
    fn classify(
        self,
        group: &Group,
        blocks: [&[u8; WORD_BYTES]; LINE_WORDS],
        content: &Line,
        out: &mut [Line; GROUP_PLANES],
    ) {
        for (at, block) in blocks.into_iter().enumerate() {
            let words = self.classify_block(group, block);
            for plane in 0..GROUP_PLANES {
                out[plane].0[at] = words[plane] & content.0[at];
            }
        }
    }

    #[inline(always)]
    fn classify_block(self, group: &Group, block: &[u8; WORD_BYTES]) -> [u64; GROUP_PLANES] {
        let mut planes = [0; GROUP_PLANES];
        let (eights, _) = block.as_chunks::<8>();
        for (place, eight) in eights.iter().enumerate() {
            // Byte n of the sum holds bitmap n of these eight bytes.
            let mut sum = 0u64;
            for (bit, byte) in eight.iter().enumerate() {
                sum |= group.spread[usize::from(*byte)] << bit;
            }
            for (plane, bits) in planes.iter_mut().zip(sum.to_le_bytes()) {
                *plane |= u64::from(bits) << (8 * place);
            }
        }
        planes
    }

    #[inline(always)]
    fn blend(self, text: &mut [u8; WORD_BYTES], bits: u64, fill: u8) {
        for (bit, byte) in text.iter_mut().enumerate() {
            let mask = 0u8.wrapping_sub((bits >> bit) as u8 & 1);
            *byte = (*byte & !mask) | (fill & mask);
        }
    }
}
