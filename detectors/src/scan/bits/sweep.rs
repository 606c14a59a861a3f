//! Runs a program over a text, a tile of lines at a time, and hands each tile to a sink.
//!
//! ```text
//!            ┌ line 0 ┬ line 1 ┬ … ┬ line M-2 ┐ word 0 of line M-1
//! slot       │  512 B │        │   │          │ what is ahead of the tile
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
    /// One bit a byte, no bit behind the text: bytes of fields that are scanned.
    pub(crate) content: Option<&'a [u64]>,
    /// With it, the positions of the sink begin [`LINE_BYTES`] before the text.
    pub(crate) prior: Option<&'a Prior>,
    pub(crate) slots: &'a mut [Line],
    pub(crate) sink: S,
}

/// Gets the tiles of a sweep, in order.
pub(crate) trait Sink {
    /// `origin` is the position of the first byte of the tile. Of each slot the first `M - 1`
    /// lines count. Has to be `#[inline(always)]`.
    fn tile<I: Isa, const M: usize>(&mut self, isa: I, origin: usize, slots: &[[Line; M]]);
}

impl<S: Sink> Job for Sweep<'_, S> {
    type Output = S;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> S {
        let lines = self.text.len().div_ceil(LINE_BYTES) + usize::from(self.prior.is_some());
        if lines <= 1 {
            self.tiles::<I, 2>(isa, lines)
        } else if lines == 2 {
            self.tiles::<I, 3>(isa, lines)
        } else if lines <= 4 || !I::WIDE {
            self.tiles::<I, 5>(isa, lines)
        } else {
            self.tiles::<I, LINES_MAX>(isa, lines)
        }
    }
}

impl<S: Sink> Sweep<'_, S> {
    #[inline(always)]
    fn tiles<I: Isa, const M: usize>(mut self, isa: I, lines: usize) -> S {
        let (slots, _) = std::mem::take(&mut self.slots).as_chunks_mut::<M>();
        let planes = self.program.groups.len() * GROUP_PLANES;
        // The last word before the tile, of each bitmap that is moved by a byte.
        let mut carries = [0u64; 8];
        self.line(isa, slots, 0, 0);
        let mut start = 0;
        while start < lines {
            for place in 1..M {
                self.line(isa, slots, start + place, place);
            }
            for ((from, to), carry) in self.program.befores.iter().zip(&mut carries) {
                move_on(isa, slots, usize::from(*from), usize::from(*to), carry);
            }
            for chain in self.program.chains.iter().chain(self.more) {
                let steps = self.program.steps.get(chain.steps.clone());
                run_chain(isa, slots, steps.unwrap_or_default(), usize::from(chain.to));
            }
            self.sink.tile(isa, start * LINE_BYTES, slots);
            for slot in slots.iter_mut().take(planes) {
                slot[0] = slot[M - 1];
            }
            if let Some(slot) = self.program.content.map(usize::from) {
                slots[slot][0] = slots[slot][M - 1];
            }
            start += M - 1;
        }
        self.sink
    }

    /// Fills line `place` of every plane with line `index` of the text.
    #[inline(always)]
    fn line<I: Isa, const M: usize>(
        &self,
        isa: I,
        slots: &mut [[Line; M]],
        index: usize,
        place: usize,
    ) {
        let index = match (self.prior, index) {
            (Some(prior), 0) => return self.prior_line(slots, prior),
            (Some(_), index) => index - 1,
            (None, index) => index,
        };
        let planes = self.program.groups.len() * GROUP_PLANES;
        let rest = self.text.get(index * LINE_BYTES..).unwrap_or_default();
        let mut padded = [0; LINE_BYTES];
        let line = match rest.first_chunk::<LINE_BYTES>() {
            Some(line) => line,
            None if rest.is_empty() => {
                for slot in slots.iter_mut().take(planes) {
                    slot[place] = Line::ZERO;
                }
                if let Some(slot) = self.program.content.map(usize::from) {
                    slots[slot][place] = Line::ZERO;
                }
                return;
            }
            None => {
                for (to, from) in padded.iter_mut().zip(rest) {
                    *to = *from;
                }
                &padded
            }
        };
        let (groups, _) = slots.as_chunks_mut::<GROUP_PLANES>();
        for (group, to) in self.program.groups.iter().zip(groups) {
            let [a, b, c, d, e, f, g, h] = to;
            let out = [
                &mut a[place],
                &mut b[place],
                &mut c[place],
                &mut d[place],
                &mut e[place],
                &mut f[place],
                &mut g[place],
                &mut h[place],
            ];
            isa.classify(group, line, out);
        }
        if self.content.is_some() || rest.len() < LINE_BYTES {
            let content = self.content_line(index, rest.len());
            let mask = isa.load(&content);
            for slot in slots.iter_mut().take(planes) {
                let bits = isa.and(isa.load(&slot[place]), mask);
                isa.store(bits, &mut slot[place]);
            }
        }
        if let Some(slot) = self.program.content.map(usize::from) {
            slots[slot][place] = self.content_line(index, rest.len());
        }
    }

    fn content_line(&self, index: usize, rest: usize) -> Line {
        let mut line = Line::ZERO;
        for (place, word) in line.0.iter_mut().enumerate() {
            *word = match rest.saturating_sub(place * WORD_BYTES) {
                0 => 0,
                bytes if bytes < WORD_BYTES => (1 << bytes) - 1,
                _ => u64::MAX,
            };
        }
        if let Some(content) = self.content {
            let words = content.get(index * LINE_WORDS..).unwrap_or_default();
            for (place, word) in line.0.iter_mut().enumerate() {
                *word &= words.get(place).copied().unwrap_or(0);
            }
        }
        line
    }

    fn prior_line<const M: usize>(&self, slots: &mut [[Line; M]], prior: &Prior) {
        let planes = self.program.groups.len() * GROUP_PLANES;
        for (slot, word) in slots.iter_mut().take(planes).zip(prior) {
            slot[0] = Line::ZERO;
            slot[0].0[LINE_WORDS - 1] = *word;
        }
        if let (Some(slot), Some(word)) = (self.program.content.map(usize::from), prior.last()) {
            slots[slot][0] = Line::ZERO;
            slots[slot][0].0[LINE_WORDS - 1] = *word;
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
    let mut prev = isa.last(*carry);
    for place in 0..M - 1 {
        let line = isa.load(&slots[from][place]);
        isa.store(isa.behind(prev, line, 1), &mut slots[to][place]);
        prev = line;
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
    for place in 0..M - 1 {
        isa.store(sum.lines[place], &mut slot[place]);
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
    for place in 0..M - 1 {
        sum.lines[place] = join::<I, OP>(isa, sum.lines[place], isa.load(&slot[place]));
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
    let mut line = isa.load(&slot[0]);
    for place in 0..M - 1 {
        let next = if place + 2 == M {
            isa.first(slot[M - 1].0[0])
        } else {
            isa.load(&slot[place + 1])
        };
        let moved = isa.ahead(line, next, by);
        sum.lines[place] = join::<I, OP>(isa, sum.lines[place], moved);
        line = next;
    }
    sum.ahead = join_word::<OP>(sum.ahead, slot[M - 1].0[0] >> (by & 63));
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
