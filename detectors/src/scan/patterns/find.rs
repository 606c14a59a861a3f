//! Matches as spans.

use super::hits::Hits;
use super::walk::Field;
use super::{Match, Patterns, Rows, Scratch, Trigger};
use crate::scan::bits::sweep::{SHORT_BYTES, Short, Sink, Sweep, Tile};
use crate::scan::simd::{Isa, LINE_WORDS, WORD_BYTES};

impl Patterns {
    /// Appends the matches in `text`, sorted by start, then the longest first, then by pattern.
    pub fn find(&self, scratch: &mut Scratch, text: &[u8], out: &mut Vec<Match>) {
        self.find_content(scratch, text, None, out);
    }

    /// Appends the matches in the fields of `text` that are scanned. No match reaches over the
    /// border of a field, and words end there. Fields that are masked whole have no matches.
    pub fn find_rows(&self, scratch: &mut Scratch, text: &[u8], rows: &Rows, out: &mut Vec<Match>) {
        let text = text.get(..rows.len()).unwrap_or(text);
        self.find_content(scratch, text, Some(rows.scanned()), out);
    }

    fn find_content(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        content: Option<&[u64]>,
        out: &mut Vec<Match>,
    ) {
        let first = out.len();
        scratch.triggers.clear();
        if content.is_none() && text.len() <= SHORT_BYTES {
            if text.len() >= self.shortest {
                self.find_short(scratch, text, out);
            }
        } else {
            self.find_long(scratch, text, content, out);
        }
        if !scratch.triggers.is_empty() {
            self.walk(scratch, text, content);
            merge(out, first, &scratch.walked);
        }
        if out.len() > first + 1 {
            self.keep_widest(&mut scratch.ends, out, first);
        }
    }

    /// The matches of fixed length, and the triggers, of a text of one word.
    fn find_short(&self, scratch: &mut Scratch, text: &[u8], out: &mut Vec<Match>) {
        let words = &mut scratch.words;
        self.kernel.run(Short {
            program: &self.program,
            more: &[],
            text,
            words,
        });
        let mut spans = self.spans(out, &mut scratch.triggers);
        spans.word(0..self.starts.len(), |slot| words.word(slot), 0);
    }

    fn spans<'a>(&'a self, out: &'a mut Vec<Match>, triggers: &'a mut Vec<Trigger>) -> Spans<'a> {
        Spans {
            patterns: self,
            from: 0,
            to: usize::MAX,
            shift: 0,
            out,
            triggers,
        }
    }

    fn find_long(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        content: Option<&[u64]>,
        out: &mut Vec<Match>,
    ) {
        self.kernel.run(Sweep {
            program: &self.program,
            more: &[],
            text,
            content,
            prior: None,
            slots: scratch.slots.of(&self.program),
            sink: self.spans(out, &mut scratch.triggers),
        });
    }

    /// Takes the walks of all triggers and sorts what they find into `scratch.walked`.
    pub(super) fn walk(&self, scratch: &mut Scratch, text: &[u8], content: Option<&[u64]>) {
        scratch.walked.clear();
        scratch.memos.clear();
        scratch.memos.resize(self.walks.len(), Default::default());
        for trigger in &scratch.triggers {
            let index = trigger.walk as usize;
            let (Some(walk), Some(memo)) = (self.walks.get(index), scratch.memos.get_mut(index))
            else {
                continue;
            };
            // One byte more on each side shows what the borders of the match look like.
            let mut from = trigger.at.saturating_sub(walk.before_bytes + 1);
            let mut to = text.len().min(trigger.at + walk.after_bytes + 1);
            if let Some(content) = content {
                from = run_start(content, trigger.at, from);
                to = run_end(content, trigger.at, to);
            }
            let field = Field {
                bytes: text.get(from..to).unwrap_or_default(),
                origin: from,
            };
            if let Some((start, end)) = walk.resolve(&field, trigger.at - from, memo) {
                scratch.walked.push(Match {
                    start: from + start,
                    end: from + end,
                    pattern: walk.pattern,
                });
            }
        }
        sort(&mut scratch.walked);
    }

    /// Drops matches from `first` on that lie in another one of the same pattern.
    pub(super) fn keep_widest(&self, ends: &mut Vec<usize>, out: &mut Vec<Match>, first: usize) {
        ends.clear();
        ends.resize(self.patterns, 0);
        let mut kept = first;
        for next in first..out.len() {
            let Some(found) = out.get(next).copied() else {
                break;
            };
            if is_wider(ends, &found) {
                if let Some(to) = out.get_mut(kept) {
                    *to = found;
                }
                kept += 1;
            }
        }
        out.truncate(kept);
    }
}

/// Whether the match reaches further than all earlier ones of its pattern; remembers it.
pub(super) fn is_wider(ends: &mut [usize], found: &Match) -> bool {
    match ends.get_mut(found.pattern as usize) {
        Some(end) if *end < found.end => {
            *end = found.end;
            true
        }
        _ => false,
    }
}

fn key(found: &Match) -> (usize, std::cmp::Reverse<usize>, u32) {
    (found.start, std::cmp::Reverse(found.end), found.pattern)
}

/// The order of matches in every output.
pub(super) fn sort(found: &mut [Match]) {
    if !found.is_sorted_by_key(key) {
        found.sort_unstable_by_key(key);
    }
}

/// Merges sorted matches into the sorted ones from `first` on.
fn merge(out: &mut Vec<Match>, first: usize, more: &[Match]) {
    let mut left = out.len() - first;
    let mut right = more.len();
    out.extend_from_slice(more);
    let Some(all) = out.get_mut(first..) else {
        return;
    };
    // From the end: what is written lies behind what is still to be read.
    while right > 0 {
        let take_left = left > 0 && key(&all[left - 1]) > key(&more[right - 1]);
        let found = if take_left {
            left -= 1;
            all[left]
        } else {
            right -= 1;
            more[right]
        };
        all[left + right] = found;
    }
}

/// The first position of the run of set bits that `at` is in, not before `limit`.
fn run_start(bits: &[u64], at: usize, limit: usize) -> usize {
    let mut start = at;
    while start > limit {
        let word = bits.get((start - 1) / WORD_BYTES).copied().unwrap_or(0);
        let place = (start - 1) % WORD_BYTES;
        let ones = (word << (WORD_BYTES - 1 - place)).leading_ones() as usize;
        start -= ones.min(place + 1);
        if ones <= place {
            break;
        }
    }
    start.max(limit)
}

/// One past the run of set bits that `at` is in, not behind `limit`.
fn run_end(bits: &[u64], at: usize, limit: usize) -> usize {
    let mut end = at;
    while end < limit {
        let word = bits.get(end / WORD_BYTES).copied().unwrap_or(0);
        let place = end % WORD_BYTES;
        let ones = (word >> place).trailing_ones() as usize;
        end += ones.min(WORD_BYTES - place);
        if ones < WORD_BYTES - place {
            break;
        }
    }
    end.min(limit)
}

/// Turns the bits of starts into matches, and collects triggers.
pub(super) struct Spans<'a> {
    pub(super) patterns: &'a Patterns,
    /// Starts before this position have been reported.
    pub(super) from: usize,
    /// Starts from this position on are not decided yet.
    pub(super) to: usize,
    /// What turns a position of the sweep into an offset of the output, wrapping.
    pub(super) shift: usize,
    pub(super) out: &'a mut Vec<Match>,
    pub(super) triggers: &'a mut Vec<Trigger>,
}

impl Sink for Spans<'_> {
    #[inline(always)]
    fn tile<I: Isa>(&mut self, isa: I, origin: usize, tile: Tile<'_>) {
        let mut hits = Hits::of(isa, tile, &self.patterns.starts);
        while let Some((index, bitmaps)) = hits.next() {
            let (line, word) = tile.place_of(index);
            let at = origin + index * WORD_BYTES;
            let valid = self.valid(at);
            let bits_of = |slot: u16| tile.line(slot, line).0[word & (LINE_WORDS - 1)] & valid;
            self.word(bitmaps, bits_of, at);
        }
    }
}

impl Spans<'_> {
    /// The positions of a word that are to be reported.
    #[inline(always)]
    fn valid(&self, at: usize) -> u64 {
        let from = u64::MAX.checked_shl(self.from.saturating_sub(at).min(64) as u32);
        let to = self.to.saturating_sub(at);
        let to = if to < WORD_BYTES {
            (1 << to) - 1
        } else {
            u64::MAX
        };
        from.unwrap_or(0) & to
    }

    /// The starts of one word in these of the bitmaps, in their order.
    #[inline(always)]
    fn word(
        &mut self,
        bitmaps: impl Iterator<Item = usize>,
        bits_of: impl Fn(u16) -> u64,
        at: usize,
    ) {
        let first = self.out.len();
        let mut pattern = u32::MAX;
        let mut longer = 0;
        let at = at.wrapping_add(self.shift);
        for place in bitmaps {
            let Some(slot) = self.patterns.starts.get(place) else {
                break;
            };
            let bits = bits_of(*slot);
            let Some(fixed) = self.patterns.fixed.get(place) else {
                let walk = place - self.patterns.fixed.len();
                self.patterns.trigger(walk, at, bits, self.triggers);
                continue;
            };
            if fixed.pattern != pattern {
                pattern = fixed.pattern;
                longer = 0;
            }
            let mut fresh = bits & !longer;
            longer |= bits;
            while fresh != 0 {
                let start = at.wrapping_add(fresh.trailing_zeros() as usize);
                fresh &= fresh - 1;
                self.out.push(Match {
                    start,
                    end: start + usize::from(fixed.bytes),
                    pattern,
                });
            }
        }
        if self.out.len() > first + 1 {
            sort_few(self.out.get_mut(first..).unwrap_or_default());
        }
    }
}

impl Patterns {
    /// Slots of the walks' triggers.
    pub(super) fn triggers(&self) -> &[u16] {
        self.starts.get(self.fixed.len()..).unwrap_or_default()
    }

    /// Collects the places from which a walk has to be taken: the bits of a word at `at`.
    #[inline(always)]
    pub(super) fn trigger(&self, walk: usize, at: usize, bits: u64, out: &mut Vec<Trigger>) {
        let lead = self.walks.get(walk).map_or(0, |walk| walk.lead);
        let mut bits = bits;
        while bits != 0 {
            let at = at.wrapping_add(bits.trailing_zeros() as usize);
            bits &= bits - 1;
            out.push(Trigger {
                walk: walk as u32,
                at: at.wrapping_add(lead),
            });
        }
    }
}

/// Insertion: the matches of one word are few and nearly sorted.
fn sort_few(found: &mut [Match]) {
    for next in 1..found.len() {
        let mut at = next;
        while at > 0 && key(&found[at - 1]) > key(&found[at]) {
            found.swap(at - 1, at);
            at -= 1;
        }
    }
}
