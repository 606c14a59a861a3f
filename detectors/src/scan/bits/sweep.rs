//! Runs a program over a text, a tile of lines at a time, and hands each tile to a sink.
//!
//! The words of a tile lie across its lines, so that the word behind another one is the same
//! word of the next line and is reached without moving anything between lanes:
//!
//! ```text
//!            word 0   word 1   …   word 7
//! line 0     text 0   text N       text 7N        N lines: 8, or 4, or 1
//! line 1     text 1   text N+1     text 7N+1      text k: one bit for each of bytes 64k..64k+64
//!   ⋮
//! line N-1   text N-1              text 8N-1
//! line N     text 8N                              what is ahead of the tile
//! ```
//!
//! A condition looks at most 63 bytes ahead, so that one word behind the tile is enough. A text
//! of up to 512 bytes is one tile of one line.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers have a constant length and are unrolled"
)]

use super::program::{Chain, Op, Program, Step};
use crate::scan::simd::{GROUP_PLANES, Isa, Job, LINE_BYTES, LINE_WORDS, Line, WORD_BYTES};

/// Lines of a slot in the largest tile, with the one ahead.
const LINES_MAX: usize = 9;
/// The same for units with few registers, and for short texts.
const LINES_FEW: usize = 5;
/// Bitmaps that are needed one byte later.
pub(crate) const BEFORES_MAX: usize = 8;

/// Memory that a sweep works in; grows to what the largest program needs and stays so.
#[derive(Clone, Default)]
pub(crate) struct Slots(Vec<Line>);

impl Slots {
    /// The memory for a program.
    pub(crate) fn of(&mut self, program: &Program) -> &mut [Line] {
        let lines = program.slots * LINES_MAX;
        if self.0.len() < lines {
            self.0.resize(lines, Line::ZERO);
        }
        &mut self.0
    }
}

/// What was before the text: for each plane, and last for the content, the bits of the 64 bytes
/// before it; bit 63 is the byte just before.
pub(crate) type Prior = [u64];

/// A program over a text.
pub(crate) struct Sweep<'a, S> {
    pub(crate) program: &'a Program,
    /// Chains that run after the program's own.
    pub(crate) more: &'a [Chain],
    pub(crate) text: &'a [u8],
    /// One bit a byte: bytes of fields that are scanned.
    pub(crate) content: Option<&'a [u64]>,
    /// With it, the positions of the sink begin [`LINE_BYTES`] before the text.
    pub(crate) prior: Option<&'a Prior>,
    pub(crate) slots: &'a mut [Line],
    pub(crate) sink: S,
}

/// Gets the tiles of a sweep, in order.
pub(crate) trait Sink {
    /// `origin` is the position of the first byte of the tile. Of each slot the first `M - 1`
    /// lines count; see [`place_of`]. Has to be `#[inline(always)]`.
    fn tile<I: Isa, const M: usize>(&mut self, isa: I, origin: usize, slots: &[[Line; M]]);
}

/// Line and word of the tile's word `index`, in the order of the text.
#[inline(always)]
pub(crate) fn place_of<const M: usize>(index: usize) -> (usize, usize) {
    (index % (M - 1), (index / (M - 1)) & (LINE_WORDS - 1))
}

/// One bit for each word of a tile that has a bit set, in the order of the text.
#[inline(always)]
pub(crate) fn nonzero<I: Isa, const M: usize>(isa: I, slot: &[Line; M]) -> u64 {
    let mut words = 0;
    for line in 0..M - 1 {
        let mut lanes = isa.nonzero(isa.load(&slot[line]));
        while lanes != 0 {
            words |= 1 << (lanes.trailing_zeros() as usize * (M - 1) + line);
            lanes &= lanes - 1;
        }
    }
    words
}

impl<S: Sink> Job for Sweep<'_, S> {
    type Output = S;

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) -> S {
        let memory = std::mem::take(&mut self.slots);
        // The last word before the tile, of each bitmap that is moved by a byte.
        let mut carries = [0; BEFORES_MAX];
        let mut origin = 0;
        if let Some(prior) = self.prior {
            let (slots, _) = memory.as_chunks_mut::<2>();
            self.prior_planes(slots, prior);
            self.planes_ahead(isa, slots, 0);
            self.compute(isa, slots, &mut carries, origin);
            origin += LINE_BYTES;
        }
        let mut at = 0;
        while at < self.text.len() {
            let rest = self.text.len() - at;
            let size = if I::WIDE && rest >= (LINES_MAX - 1) * LINE_BYTES {
                self.tile::<I, LINES_MAX>(isa, memory, &mut carries, at, origin)
            } else if rest > LINE_BYTES {
                self.tile::<I, LINES_FEW>(isa, memory, &mut carries, at, origin)
            } else {
                self.tile::<I, 2>(isa, memory, &mut carries, at, origin)
            };
            at += size;
            origin += size;
        }
        self.sink
    }
}

impl<S: Sink> Sweep<'_, S> {
    /// The tile at `at`; returns its size.
    #[inline(always)]
    fn tile<I: Isa, const M: usize>(
        &mut self,
        isa: I,
        memory: &mut [Line],
        carries: &mut [u64; BEFORES_MAX],
        at: usize,
        origin: usize,
    ) -> usize {
        let size = (M - 1) * LINE_BYTES;
        let (slots, _) = memory.as_chunks_mut::<M>();
        let rest = self.text.get(at..).unwrap_or_default();
        match rest.get(..size) {
            Some(text) => self.planes(isa, slots, text, at),
            None => {
                let mut padded = [0; (LINES_MAX - 1) * LINE_BYTES];
                let (text, _) = padded.split_at_mut(size);
                if let Some(to) = text.get_mut(..rest.len()) {
                    to.copy_from_slice(rest);
                }
                self.planes(isa, slots, text, at);
            }
        }
        self.planes_ahead(isa, slots, at + size);
        self.compute(isa, slots, carries, origin);
        size
    }

    /// Runs the program on planes that are filled in.
    #[inline(always)]
    fn compute<I: Isa, const M: usize>(
        &mut self,
        isa: I,
        slots: &mut [[Line; M]],
        carries: &mut [u64; BEFORES_MAX],
        origin: usize,
    ) {
        for ((from, to), carry) in self.program.befores.iter().zip(carries) {
            move_on(isa, slots, usize::from(*from), usize::from(*to), carry);
        }
        for chain in self.program.chains.iter().chain(self.more) {
            let steps = self.program.steps.get(chain.steps.clone());
            run_chain(isa, slots, steps.unwrap_or_default(), usize::from(chain.to));
        }
        self.sink.tile(isa, origin, slots);
    }

    /// Fills the planes of a tile from its text, which begins at `at`.
    #[inline(always)]
    fn planes<I: Isa, const M: usize>(
        &self,
        isa: I,
        slots: &mut [[Line; M]],
        text: &[u8],
        at: usize,
    ) {
        let (blocks, _) = text.as_chunks::<WORD_BYTES>();
        let whole = self.content.is_none() && at + text.len() <= self.text.len();
        let mut content = [Line([u64::MAX; LINE_WORDS]); M];
        if !whole {
            for index in 0..(M - 1) * LINE_WORDS {
                let (line, word) = place_of::<M>(index);
                content[line].0[word] = self.content_word(at / WORD_BYTES + index);
            }
        }
        for line in 0..M - 1 {
            let blocks: [&[u8; WORD_BYTES]; LINE_WORDS] = [
                &blocks[line],
                &blocks[line + (M - 1)],
                &blocks[line + 2 * (M - 1)],
                &blocks[line + 3 * (M - 1)],
                &blocks[line + 4 * (M - 1)],
                &blocks[line + 5 * (M - 1)],
                &blocks[line + 6 * (M - 1)],
                &blocks[line + 7 * (M - 1)],
            ];
            let content = isa.load(&content[line]);
            let (groups, _) = slots.as_chunks_mut::<GROUP_PLANES>();
            for (group, to) in self.program.groups.iter().zip(groups) {
                let [a, b, c, d, e, f, g, h] = to;
                let out = [
                    &mut a[line],
                    &mut b[line],
                    &mut c[line],
                    &mut d[line],
                    &mut e[line],
                    &mut f[line],
                    &mut g[line],
                    &mut h[line],
                ];
                isa.classify(group, blocks, content, out);
            }
            if let Some(slot) = self.program.content {
                isa.store(content, &mut slots[usize::from(slot)][line]);
            }
        }
    }

    /// Fills the word ahead of every plane from the 64 bytes at `at`.
    #[inline(always)]
    fn planes_ahead<I: Isa, const M: usize>(&self, isa: I, slots: &mut [[Line; M]], at: usize) {
        let rest = self.text.get(at..).unwrap_or_default();
        let content = self.content_word(at / WORD_BYTES);
        let mut padded = [0; WORD_BYTES];
        let block = match rest.first_chunk::<WORD_BYTES>() {
            Some(block) => block,
            None => {
                for (to, from) in padded.iter_mut().zip(rest) {
                    *to = *from;
                }
                &padded
            }
        };
        let (groups, _) = slots.as_chunks_mut::<GROUP_PLANES>();
        for (group, to) in self.program.groups.iter().zip(groups) {
            let words = if content == 0 {
                [0; GROUP_PLANES]
            } else {
                isa.classify_block(group, block)
            };
            for (slot, word) in to.iter_mut().zip(words) {
                slot[M - 1].0[0] = word & content;
            }
        }
        if let Some(slot) = self.program.content {
            slots[usize::from(slot)][M - 1].0[0] = content;
        }
    }

    /// Which of the 64 bytes of a word belong to the text, and to a field that is scanned.
    #[inline(always)]
    fn content_word(&self, index: usize) -> u64 {
        let there = match self.text.len().saturating_sub(index * WORD_BYTES) {
            0 => 0,
            bytes if bytes < WORD_BYTES => (1 << bytes) - 1,
            _ => u64::MAX,
        };
        match self.content {
            Some(content) => there & content.get(index).copied().unwrap_or(0),
            None => there,
        }
    }

    fn prior_planes(&self, slots: &mut [[Line; 2]], prior: &Prior) {
        let last = |word: &u64| Line([0, 0, 0, 0, 0, 0, 0, *word]);
        let planes = self.program.groups.len() * GROUP_PLANES;
        for (slot, word) in slots.iter_mut().take(planes).zip(prior) {
            slot[0] = last(word);
        }
        if let (Some(slot), Some(word)) = (self.program.content, prior.last()) {
            slots[usize::from(slot)][0] = last(word);
        }
    }
}

/// Each bit of `to` is the bit of `from` one byte before.
#[inline(always)]
fn move_on<I: Isa, const M: usize>(
    isa: I,
    slots: &mut [[Line; M]],
    from: usize,
    to: usize,
    carry: &mut u64,
) {
    let mut prev = isa.after(*carry, isa.load(&slots[from][M - 2]));
    for line in 0..M - 1 {
        let bits = isa.load(&slots[from][line]);
        isa.store(isa.behind(prev, bits, 1), &mut slots[to][line]);
        prev = bits;
    }
    *carry = slots[from][M - 2].0[LINE_WORDS - 1];
    let ahead = slots[from][M - 1].0[0];
    slots[to][M - 1].0[0] = (ahead << 1) | (*carry >> 63);
}

/// The lines of one slot in registers, and the word ahead of them.
struct Sum<V, const M: usize> {
    lines: [V; M],
    ahead: u64,
}

#[inline(always)]
fn run_chain<I: Isa, const M: usize>(isa: I, slots: &mut [[Line; M]], steps: &[Step], to: usize) {
    let mut sum = Sum {
        lines: [isa.zero(); M],
        ahead: 0,
    };
    for step in steps {
        let slot = &slots[usize::from(step.slot)];
        let by = u32::from(step.ahead);
        match (step.op, by) {
            (Op::Load, 0) => add::<I, M, LOAD>(isa, &mut sum, slot),
            (Op::LoadNot, 0) => add::<I, M, LOAD_NOT>(isa, &mut sum, slot),
            (Op::And, 0) => add::<I, M, AND>(isa, &mut sum, slot),
            (Op::AndNot, 0) => add::<I, M, AND_NOT>(isa, &mut sum, slot),
            (Op::Or, 0) => add::<I, M, OR>(isa, &mut sum, slot),
            (Op::OrNot, 0) => add::<I, M, OR_NOT>(isa, &mut sum, slot),
            (Op::Xor, 0) => add::<I, M, XOR>(isa, &mut sum, slot),
            (Op::Load, by) => add_ahead::<I, M, LOAD>(isa, &mut sum, slot, by),
            (Op::LoadNot, by) => add_ahead::<I, M, LOAD_NOT>(isa, &mut sum, slot, by),
            (Op::And, by) => add_ahead::<I, M, AND>(isa, &mut sum, slot, by),
            (Op::AndNot, by) => add_ahead::<I, M, AND_NOT>(isa, &mut sum, slot, by),
            (Op::Or, by) => add_ahead::<I, M, OR>(isa, &mut sum, slot, by),
            (Op::OrNot, by) => add_ahead::<I, M, OR_NOT>(isa, &mut sum, slot, by),
            (Op::Xor, by) => add_ahead::<I, M, XOR>(isa, &mut sum, slot, by),
        }
    }
    let slot = &mut slots[to];
    for line in 0..M - 1 {
        isa.store(sum.lines[line], &mut slot[line]);
    }
    slot[M - 1].0[0] = sum.ahead;
}

const LOAD: u8 = 0;
const LOAD_NOT: u8 = 1;
const AND: u8 = 2;
const AND_NOT: u8 = 3;
const OR: u8 = 4;
const OR_NOT: u8 = 5;
const XOR: u8 = 6;

/// The slot's bits as they are.
#[inline(always)]
fn add<I: Isa, const M: usize, const OP: u8>(isa: I, sum: &mut Sum<I::V, M>, slot: &[Line; M]) {
    for line in 0..M - 1 {
        sum.lines[line] = join::<I, OP>(isa, sum.lines[line], isa.load(&slot[line]));
    }
    sum.ahead = join_word::<OP>(sum.ahead, slot[M - 1].0[0]);
}

/// The slot's bits from `by` bytes further on.
#[inline(always)]
fn add_ahead<I: Isa, const M: usize, const OP: u8>(
    isa: I,
    sum: &mut Sum<I::V, M>,
    slot: &[Line; M],
    by: u32,
) {
    let ahead = slot[M - 1].0[0];
    let first = isa.load(&slot[0]);
    let mut bits = first;
    for line in 0..M - 1 {
        let next = if line + 2 == M {
            isa.then(first, ahead)
        } else {
            isa.load(&slot[line + 1])
        };
        let moved = isa.ahead(bits, next, by);
        sum.lines[line] = join::<I, OP>(isa, sum.lines[line], moved);
        bits = next;
    }
    sum.ahead = join_word::<OP>(sum.ahead, ahead >> (by & 63));
}

#[inline(always)]
fn join<I: Isa, const OP: u8>(isa: I, sum: I::V, bits: I::V) -> I::V {
    match OP {
        LOAD => bits,
        LOAD_NOT => isa.not(bits),
        AND => isa.and(sum, bits),
        AND_NOT => isa.and_not(sum, bits),
        OR => isa.or(sum, bits),
        OR_NOT => isa.or(sum, isa.not(bits)),
        _ => isa.xor(sum, bits),
    }
}

#[inline(always)]
fn join_word<const OP: u8>(sum: u64, bits: u64) -> u64 {
    match OP {
        LOAD => bits,
        LOAD_NOT => !bits,
        AND => sum & bits,
        AND_NOT => sum & !bits,
        OR => sum | bits,
        OR_NOT => sum | !bits,
        _ => sum ^ bits,
    }
}
