//! Matches as a mask: the bits of starts are smeared over the bytes of their matches.
//!
//! Lengths are taken from the longest to the shortest: what begins with a longer one has been
//! smeared over the difference before the shorter ones join, and the shortest length is smeared
//! over all together, in doubling steps. Nothing here depends on how many matches there are.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers have a constant length and are unrolled"
)]

use super::hits::Hits;
use super::rows::fill;
use super::{Patterns, Rows, Scratch, Trigger};
use crate::scan::bits::sweep::{LINES_MAX, Sink, Sweep, Tile};
use crate::scan::simd::{Isa, Job, LINE_WORDS, Line, WORD_BYTES};

impl Patterns {
    /// Replaces every byte of every match in `text` by `with`, and returns how many there are.
    pub fn mask(&self, scratch: &mut Scratch, text: &mut [u8], with: u8) -> usize {
        self.mask_content(scratch, text, None, with)
    }

    /// The same for the fields that are scanned, and for all bytes of the fields that are masked
    /// whole; see [`Patterns::find_rows`].
    pub fn mask_rows(
        &self,
        scratch: &mut Scratch,
        text: &mut [u8],
        rows: &Rows,
        with: u8,
    ) -> usize {
        let len = text.len().min(rows.len());
        let text = text.get_mut(..len).unwrap_or_default();
        self.mask_content(scratch, text, Some(rows), with)
    }

    fn mask_content(
        &self,
        scratch: &mut Scratch,
        text: &mut [u8],
        rows: Option<&Rows>,
        with: u8,
    ) -> usize {
        let content = rows.map(Rows::scanned);
        scratch.triggers.clear();
        scratch.cover.clear();
        scratch.cover.resize(text.len().div_ceil(WORD_BYTES), 0);
        self.kernel.run(Sweep {
            program: &self.program,
            more: &self.cover_steps,
            text,
            content,
            prior: None,
            slots: scratch.slots.of(&self.program),
            sink: Cover {
                patterns: self,
                before: [0; 64],
                out: &mut scratch.cover,
                triggers: &mut scratch.triggers,
            },
        });
        self.walk(scratch, text, content);
        for found in &scratch.walked {
            fill(&mut scratch.cover, found.start, found.end);
        }
        if let Some(rows) = rows {
            for (word, whole) in scratch.cover.iter_mut().zip(rows.whole()) {
                *word |= *whole;
            }
        }
        self.kernel.run(Blend {
            text,
            cover: &scratch.cover,
            with,
        })
    }
}

/// Writes the bits of the covered bytes, and collects triggers.
struct Cover<'a> {
    patterns: &'a Patterns,
    /// For each length the last word of its starts before the tile.
    before: [u64; 64],
    out: &'a mut [u64],
    triggers: &'a mut Vec<Trigger>,
}

/// A tile's bits, and the word before them.
struct Smear<V> {
    lines: [V; LINES_MAX],
    count: usize,
    before: u64,
}

impl Sink for Cover<'_> {
    #[inline(always)]
    fn tile<I: Isa>(&mut self, isa: I, origin: usize, tile: Tile<'_>) {
        let count = tile.lines().min(LINES_MAX);
        let mut smear = Smear {
            lines: [isa.zero(); LINES_MAX],
            count,
            before: 0,
        };
        let mut longer = 1;
        for ((bytes, slot), before) in self.patterns.lengths.iter().zip(&mut self.before) {
            smear.over::<I>(isa, longer.max(*bytes) - bytes);
            longer = *bytes;
            for line in 0..count {
                let starts = isa.load(tile.line(*slot, line));
                smear.lines[line] = isa.or(smear.lines[line], starts);
            }
            smear.before |= *before;
            *before = tile.line(*slot, count - 1).0[LINE_WORDS - 1];
        }
        smear.over::<I>(isa, longer - 1);
        let mut lines = [Line::ZERO; LINES_MAX];
        for line in 0..count {
            isa.store(smear.lines[line], &mut lines[line]);
        }
        let words = self.out.iter_mut().skip(origin / WORD_BYTES);
        let from = (0..LINE_WORDS).flat_map(|word| {
            let lines = lines.iter().take(count);
            lines.map(move |line| line.0[word])
        });
        for (to, from) in words.zip(from) {
            *to = from;
        }
        if !self.patterns.walks.is_empty() {
            self.collect(isa, origin, tile);
        }
    }
}

impl<V: Copy> Smear<V> {
    /// Sets the `by` bits behind each set bit as well.
    #[inline(always)]
    fn over<I: Isa<V = V>>(&mut self, isa: I, by: u8) {
        let mut rest = u32::from(by);
        let mut known = 1;
        while rest > 0 {
            let step = known.min(rest).min(32);
            let mut prev = isa.after(self.before, self.lines[self.count - 1]);
            for line in 0..self.count {
                let bits = self.lines[line];
                self.lines[line] = isa.or(bits, isa.behind(prev, bits, step));
                prev = bits;
            }
            self.before |= self.before << step;
            rest -= step;
            known += step;
        }
    }
}

impl Cover<'_> {
    #[inline(always)]
    fn collect<I: Isa>(&mut self, isa: I, origin: usize, tile: Tile<'_>) {
        let slots = self.patterns.triggers();
        let mut hits = Hits::of(isa, tile, slots);
        while let Some((index, walks)) = hits.next() {
            let (line, word) = tile.place_of(index);
            let at = origin + index * WORD_BYTES;
            for walk in walks {
                let Some(slot) = slots.get(walk) else { break };
                let bits = tile.line(*slot, line).0[word];
                self.patterns.trigger(walk, at, bits, self.triggers);
            }
        }
    }
}

/// The masked store.
struct Blend<'a> {
    text: &'a mut [u8],
    cover: &'a [u64],
    with: u8,
}

impl Job for Blend<'_> {
    /// Bytes that were replaced.
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> usize {
        let mut count = 0;
        let (blocks, rest) = self.text.as_chunks_mut::<WORD_BYTES>();
        let mut words = self.cover.iter().copied();
        for (block, bits) in blocks.iter_mut().zip(&mut words) {
            if bits != 0 {
                isa.blend(block, bits, self.with);
                count += bits.count_ones() as usize;
            }
        }
        let bits = words.next().unwrap_or(0);
        if bits != 0 {
            for (place, byte) in rest.iter_mut().enumerate() {
                if bits >> (place & 63) & 1 == 1 {
                    *byte = self.with;
                    count += 1;
                }
            }
        }
        count
    }
}
