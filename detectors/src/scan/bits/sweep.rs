//! Runs a program over a text, a tile of lines at a time, and hands each tile to a sink.
//!
//! The words of a tile lie across its lines, so that the word behind another one is the same
//! word of the next line and is reached without moving anything between lanes:
//!
//! ```text
//!            word 0   word 1   …   word 7
//! line 0     text 0   text N       text 7N        N lines, at most 16
//! line 1     text 1   text N+1     text 7N+1      text k: one bit for each of bytes 64k..64k+64
//!   ⋮
//! line N-1   text N-1              text 8N-1
//! line N     text N   text 2N      text 8N        what is ahead of the tile
//! ```
//!
//! A condition looks at most 63 bytes ahead, so that one word behind the tile is enough.
//!
//! A step of the program goes through all lines of its slots before the next one begins: what it
//! costs to tell steps apart is paid once a tile.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers have a constant length and are unrolled"
)]

use super::program::{Program, Step};
use crate::scan::simd::{GROUP_PLANES, Isa, Job, LINE_BYTES, LINE_WORDS, Line, WORD_BYTES};

/// Lines of the largest tile, without the one ahead. Larger ones would not leave the slots of
/// a dozen patterns in the first-level cache.
pub(crate) const LINES_MAX: usize = 16;
/// Words of the largest tile.
pub(crate) const TILE_WORDS: usize = LINES_MAX * LINE_WORDS;
const _: () = assert!(TILE_WORDS == u128::BITS as usize);
/// Bitmaps that are needed one byte later.
pub(crate) const BEFORES_MAX: usize = 8;
const LAST_WORD: usize = LINE_WORDS - 1;
const NO_BYTES: [u8; WORD_BYTES] = [0; WORD_BYTES];

/// The lines of one slot, and the one ahead.
pub(crate) type Slot = [Line; LINES_MAX + 1];

/// Memory that a sweep works in; grows to what the largest program needs and stays so.
#[derive(Clone, Default)]
pub(crate) struct Slots(Vec<Slot>);

impl Slots {
    /// The memory for a program.
    pub(crate) fn of(&mut self, program: &Program) -> &mut [Slot] {
        if self.0.len() < program.slots {
            self.0.resize(program.slots, [Line::ZERO; LINES_MAX + 1]);
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
    /// Steps that run after the program's own.
    pub(crate) more: &'a [Step],
    pub(crate) text: &'a [u8],
    /// One bit a byte: bytes of fields that are scanned.
    pub(crate) content: Option<&'a [u64]>,
    /// With it, the positions of the sink begin [`LINE_BYTES`] before the text.
    pub(crate) prior: Option<&'a Prior>,
    pub(crate) slots: &'a mut [Slot],
    pub(crate) sink: S,
}

/// Gets the tiles of a sweep, in order.
pub(crate) trait Sink {
    /// `origin` is the position of the first byte of the tile. Has to be `#[inline(always)]`.
    fn tile<I: Isa>(&mut self, isa: I, origin: usize, tile: Tile<'_>);
}

/// The slots of a tile.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'t> {
    slots: &'t [Slot],
    lines: usize,
}

impl<'t> Tile<'t> {
    /// Number of lines.
    #[inline(always)]
    pub(crate) fn lines(self) -> usize {
        self.lines
    }

    #[inline(always)]
    pub(crate) fn line(self, slot: u16, line: usize) -> &'t Line {
        &self.slots[usize::from(slot)][line]
    }

    /// One bit for each word of the slot that has a bit set, in the order of the text.
    #[inline(always)]
    pub(crate) fn nonzero<I: Isa>(self, isa: I, slot: u16) -> u128 {
        let mut any = isa.zero();
        for line in 0..self.lines {
            any = isa.or(any, isa.load(self.line(slot, line)));
        }
        if isa.nonzero(any) == 0 {
            return 0;
        }
        let lanes = |line: usize| isa.nonzero(isa.load(self.line(slot, line)));
        if self.lines == LINES_MAX {
            // By line and lane, then by lane and line: without a branch for each word.
            let mut halves = [[0; LINE_WORDS]; 2];
            for line in 0..LINES_MAX {
                halves[line / LINE_WORDS][line % LINE_WORDS] = lanes(line);
            }
            let [low, high] = halves.map(|lines| transposed(u64::from_le_bytes(lines)));
            let mut words = [0; LINES_MAX];
            for (to, lane) in words.chunks_exact_mut(2).zip(0..) {
                to[0] = low[lane];
                to[1] = high[lane];
            }
            return u128::from_le_bytes(words);
        }
        let mut words = 0;
        for line in 0..self.lines {
            let mut lanes = lanes(line);
            while lanes != 0 {
                words |= 1u128 << (lanes.trailing_zeros() as usize * self.lines + line);
                lanes &= lanes - 1;
            }
        }
        words
    }

    /// Line and word of the tile's word `index`, in the order of the text.
    #[inline(always)]
    pub(crate) fn place_of(self, index: usize) -> (usize, usize) {
        match self.lines {
            // The usual ones, without a division.
            LINES_MAX => (index % LINES_MAX, (index / LINES_MAX) & LAST_WORD),
            1 => (0, index & LAST_WORD),
            lines => (index % lines, (index / lines) & LAST_WORD),
        }
    }
}

/// Eight bytes of eight bits, turned over: bit `b` of byte `a` is bit `a` of byte `b`.
#[inline(always)]
fn transposed(bits: u64) -> [u8; LINE_WORDS] {
    let swapped = |bits: u64, by: u32, mask: u64| {
        let differ = (bits ^ bits >> by) & mask;
        bits ^ differ ^ differ << by
    };
    let bits = swapped(bits, 7, 0x00aa_00aa_00aa_00aa);
    let bits = swapped(bits, 14, 0x0000_cccc_0000_cccc);
    swapped(bits, 28, 0x0000_0000_f0f0_f0f0).to_le_bytes()
}

impl<S: Sink> Job for Sweep<'_, S> {
    type Output = S;

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) -> S {
        let slots = std::mem::take(&mut self.slots);
        // The last word before the tile, of each bitmap that is moved by a byte.
        let mut carries = [0; BEFORES_MAX];
        let mut origin = 0;
        if let Some(prior) = self.prior {
            self.prior_planes(slots, prior);
            self.planes_ahead(isa, slots, 1, 0);
            self.compute(isa, slots, 1, &mut carries, origin);
            origin += LINE_BYTES;
        }
        let mut at = 0;
        while at < self.text.len() {
            let lines = (self.text.len() - at).div_ceil(LINE_BYTES).min(LINES_MAX);
            self.planes(isa, slots, lines, at);
            self.planes_ahead(isa, slots, lines, at + lines * LINE_BYTES);
            self.compute(isa, slots, lines, &mut carries, origin);
            at += lines * LINE_BYTES;
            origin += lines * LINE_BYTES;
        }
        self.sink
    }
}

impl<S: Sink> Sweep<'_, S> {
    /// Runs the program on planes that are filled in.
    #[inline(always)]
    fn compute<I: Isa>(
        &mut self,
        isa: I,
        slots: &mut [Slot],
        lines: usize,
        carries: &mut [u64; BEFORES_MAX],
        origin: usize,
    ) {
        for ((from, to), carry) in self.program.befores.iter().zip(carries) {
            let places = (usize::from(*from), usize::from(*to));
            move_on(isa, slots, lines, places, carry);
        }
        for step in self.program.steps.iter().chain(self.more) {
            run_step(isa, slots, lines, step);
        }
        self.sink.tile(isa, origin, Tile { slots, lines });
    }

    /// Fills the planes of a tile from its text, which begins at `at`.
    #[inline(always)]
    fn planes<I: Isa>(&self, isa: I, slots: &mut [Slot], lines: usize, at: usize) {
        let text = self.text.get(at..).unwrap_or_default();
        let whole = text.len() >= lines * LINE_BYTES;
        let first = at / WORD_BYTES;
        let fields = self
            .content
            .filter(|_| whole)
            .and_then(|content| content.get(first..first + lines * LINE_WORDS));
        let whole = whole && self.content.is_none();
        let (blocks, rest) = text.as_chunks::<WORD_BYTES>();
        let mut last = NO_BYTES;
        last[..rest.len()].copy_from_slice(rest);
        for line in 0..lines.min(LINES_MAX) {
            let block = |word: usize| {
                let index = word * lines + line;
                match blocks.get(index) {
                    Some(block) => block,
                    None if index == blocks.len() => &last,
                    None => &NO_BYTES,
                }
            };
            let blocks = [0, 1, 2, 3, 4, 5, 6, 7].map(block);
            let mut content = Line([u64::MAX; LINE_WORDS]);
            match fields {
                Some(fields) => {
                    for word in 0..LINE_WORDS {
                        content.0[word] = fields[word * lines + line];
                    }
                }
                None if whole => {}
                None => {
                    for word in 0..LINE_WORDS {
                        content.0[word] = self.content_word(at / WORD_BYTES + word * lines + line);
                    }
                }
            }
            let (groups, _) = slots.as_chunks_mut::<GROUP_PLANES>();
            for (group, out) in self.program.groups.iter().zip(groups) {
                let mut planes = [Line::ZERO; GROUP_PLANES];
                isa.classify(group, blocks, &content, &mut planes);
                for plane in 0..GROUP_PLANES {
                    out[plane][line] = planes[plane];
                }
            }
            if let Some(slot) = self.program.content {
                slots[usize::from(slot)][line] = content;
            }
        }
    }

    /// Fills the line ahead of every plane from the 64 bytes at `at`.
    #[inline(always)]
    fn planes_ahead<I: Isa>(&self, isa: I, slots: &mut [Slot], lines: usize, at: usize) {
        let rest = self.text.get(at..).unwrap_or_default();
        let content = self.content_word(at / WORD_BYTES);
        let mut padded = NO_BYTES;
        let block = match rest.first_chunk::<WORD_BYTES>() {
            Some(block) => block,
            None => {
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        for (index, group) in self.program.groups.iter().enumerate() {
            let words = if content == 0 {
                [0; GROUP_PLANES]
            } else {
                isa.classify_block(group, block)
            };
            for (plane, word) in words.into_iter().enumerate() {
                let slot = &mut slots[index * GROUP_PLANES + plane];
                set_ahead(isa, slot, lines, word & content);
            }
        }
        if let Some(slot) = self.program.content {
            set_ahead(isa, &mut slots[usize::from(slot)], lines, content);
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

    fn prior_planes(&self, slots: &mut [Slot], prior: &Prior) {
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

/// A program over a text of at most [`SHORT_BYTES`]: every bitmap is one word, and there is
/// nothing behind it.
pub(crate) struct Short<'a> {
    pub(crate) program: &'a Program,
    /// Steps that run after the program's own.
    pub(crate) more: &'a [Step],
    pub(crate) text: &'a [u8],
    pub(crate) words: &'a mut ShortSlots,
}

/// Longest text that leaves a bit for what follows its last byte.
pub(crate) const SHORT_BYTES: usize = WORD_BYTES - 1;

/// A word for each slot; grows as [`Slots`] do.
#[derive(Clone, Default)]
pub(crate) struct ShortSlots(Vec<u64>);

impl ShortSlots {
    #[inline(always)]
    pub(crate) fn word(&self, slot: u16) -> u64 {
        self.0[usize::from(slot)]
    }
}

impl Job for Short<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let words = &mut self.words.0;
        if words.len() < self.program.slots {
            words.resize(self.program.slots, 0);
        }
        let ones = usize::from(self.program.ones);
        (words[ones], words[ones + 1]) = (u64::MAX, 0);
        let mut block = NO_BYTES;
        for (to, byte) in block.iter_mut().zip(self.text) {
            *to = *byte;
        }
        let content = (1 << self.text.len().min(SHORT_BYTES)) - 1;
        let (planes, _) = words.as_chunks_mut::<GROUP_PLANES>();
        for (group, planes) in self.program.groups.iter().zip(planes) {
            *planes = isa.classify_block(group, &block).map(|word| word & content);
        }
        if let Some(slot) = self.program.content {
            words[usize::from(slot)] = content;
        }
        for (from, to) in &self.program.befores {
            words[usize::from(*to)] = words[usize::from(*from)] << 1;
        }
        for step in self.program.steps.iter().chain(self.more) {
            words[usize::from(step.to)] = short_step(words, step);
        }
    }
}

/// The result of a step where all words are the last ones.
#[inline(always)]
fn short_step(words: &[u64], step: &Step) -> u64 {
    let plain = step.plain.map(|slot| words[usize::from(slot)]);
    match step.shape {
        Step::ANY_TWO => plain[0] | plain[1],
        Step::ANY_THREE => plain[0] | plain[1] | plain[2],
        Step::DIFFER => plain[0] ^ plain[1],
        _ => {
            let moved = step
                .moved
                .map(|(slot, by)| words[usize::from(slot)] >> (by & 63));
            let all = plain[0] & plain[1] & plain[2] & moved[0] & moved[1];
            all & !words[usize::from(step.not)]
        }
    }
}

/// Fills the line ahead of a slot: what is behind its first line, and then `word`.
#[inline(always)]
fn set_ahead<I: Isa>(isa: I, slot: &mut Slot, lines: usize, word: u64) {
    let line = isa.then(isa.load(&slot[0]), word);
    isa.store(line, &mut slot[lines.min(LINES_MAX)]);
}

/// Each bit of `to` is the bit of `from` one byte before.
#[inline(always)]
fn move_on<I: Isa>(
    isa: I,
    slots: &mut [Slot],
    lines: usize,
    (from, to): (usize, usize),
    carry: &mut u64,
) {
    let lines = lines.min(LINES_MAX);
    let mut prev = isa.after(*carry, isa.load(&slots[from][lines - 1]));
    for line in 0..lines {
        let bits = isa.load(&slots[from][line]);
        isa.store(isa.behind(prev, bits, 1), &mut slots[to][line]);
        prev = bits;
    }
    *carry = slots[from][lines - 1].0[LAST_WORD];
    let word = (slots[from][lines].0[LAST_WORD] << 1) | (*carry >> 63);
    set_ahead(isa, &mut slots[to], lines, word);
}

/// One arm for each [shape](Step::shape).
#[inline(always)]
fn run_step<I: Isa>(isa: I, slots: &mut [Slot], lines: usize, step: &Step) {
    match step.shape {
        0 => all::<I, 0, 0, 0>(isa, slots, lines, step),
        1 => all::<I, 0, 0, 1>(isa, slots, lines, step),
        2 => all::<I, 0, 0, 2>(isa, slots, lines, step),
        3 => all::<I, 0, 1, 0>(isa, slots, lines, step),
        4 => all::<I, 0, 1, 1>(isa, slots, lines, step),
        5 => all::<I, 0, 1, 2>(isa, slots, lines, step),
        6 => all::<I, 1, 0, 0>(isa, slots, lines, step),
        7 => all::<I, 1, 0, 1>(isa, slots, lines, step),
        8 => all::<I, 1, 0, 2>(isa, slots, lines, step),
        9 => all::<I, 1, 1, 0>(isa, slots, lines, step),
        10 => all::<I, 1, 1, 1>(isa, slots, lines, step),
        11 => all::<I, 1, 1, 2>(isa, slots, lines, step),
        12 => all::<I, 2, 0, 0>(isa, slots, lines, step),
        13 => all::<I, 2, 0, 1>(isa, slots, lines, step),
        14 => all::<I, 2, 0, 2>(isa, slots, lines, step),
        15 => all::<I, 2, 1, 0>(isa, slots, lines, step),
        16 => all::<I, 2, 1, 1>(isa, slots, lines, step),
        17 => all::<I, 2, 1, 2>(isa, slots, lines, step),
        18 => all::<I, 3, 0, 0>(isa, slots, lines, step),
        19 => all::<I, 3, 0, 1>(isa, slots, lines, step),
        20 => all::<I, 3, 0, 2>(isa, slots, lines, step),
        21 => all::<I, 3, 1, 0>(isa, slots, lines, step),
        22 => all::<I, 3, 1, 1>(isa, slots, lines, step),
        23 => all::<I, 3, 1, 2>(isa, slots, lines, step),
        Step::ANY_TWO => any::<I, 2>(isa, slots, lines, step),
        Step::ANY_THREE => any::<I, 3>(isa, slots, lines, step),
        _ => differ(isa, slots, lines, step),
    }
}

/// The conjunction of `P` bitmaps as they are, the complement of `N` others, and `S` bitmaps
/// from further on.
#[inline(always)]
fn all<I: Isa, const P: usize, const N: usize, const S: usize>(
    isa: I,
    slots: &mut [Slot],
    lines: usize,
    step: &Step,
) {
    let to = usize::from(step.to);
    let not = usize::from(step.not);
    let plain = step.plain.map(usize::from);
    let moved = step.moved.map(|(slot, _)| usize::from(slot));
    let by = step.moved.map(|(_, by)| u32::from(by) & 63);
    let highest = plain[..P]
        .iter()
        .chain(&moved[..S])
        .fold(to, |a, b| a.max(*b));
    let highest = highest.max(if N > 0 { not } else { 0 });
    assert!(highest < slots.len(), "a slot of the program");
    let lines = lines.min(LINES_MAX);
    let mut now = [isa.zero(); S];
    for s in 0..S {
        now[s] = isa.load(&slots[moved[s]][0]);
    }
    for line in 0..lines {
        let mut sum = isa.not(isa.zero());
        for s in 0..S {
            let bits = isa.load(&slots[moved[s]][line + 1]);
            sum = isa.and(sum, isa.ahead(now[s], bits, by[s]));
            now[s] = bits;
        }
        for p in 0..P {
            sum = isa.and(sum, isa.load(&slots[plain[p]][line]));
        }
        if N > 0 {
            sum = isa.and_not(sum, isa.load(&slots[not][line]));
        }
        isa.store(sum, &mut slots[to][line]);
    }
    // The line ahead is followed by nothing but its own words.
    let mut sum = isa.not(isa.zero());
    for s in 0..S {
        sum = isa.and(sum, isa.ahead(now[s], isa.then(now[s], 0), by[s]));
    }
    for p in 0..P {
        sum = isa.and(sum, isa.load(&slots[plain[p]][lines]));
    }
    if N > 0 {
        sum = isa.and_not(sum, isa.load(&slots[not][lines]));
    }
    isa.store(sum, &mut slots[to][lines]);
}

/// The disjunction of `P` bitmaps.
#[inline(always)]
fn any<I: Isa, const P: usize>(isa: I, slots: &mut [Slot], lines: usize, step: &Step) {
    let plain = step.plain.map(usize::from);
    for line in 0..=lines.min(LINES_MAX) {
        let mut sum = isa.load(&slots[plain[0]][line]);
        for p in 1..P {
            sum = isa.or(sum, isa.load(&slots[plain[p]][line]));
        }
        isa.store(sum, &mut slots[usize::from(step.to)][line]);
    }
}

/// What exactly one of two bitmaps holds.
#[inline(always)]
fn differ<I: Isa>(isa: I, slots: &mut [Slot], lines: usize, step: &Step) {
    let [a, b, _] = step.plain.map(usize::from);
    for line in 0..=lines.min(LINES_MAX) {
        let bits = isa.xor(isa.load(&slots[a][line]), isa.load(&slots[b][line]));
        isa.store(bits, &mut slots[usize::from(step.to)][line]);
    }
}
