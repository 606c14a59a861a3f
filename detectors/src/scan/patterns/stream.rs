//! Matches in a text that arrives in pieces.
//!
//! The carry is the class bitmaps of the last 64 bytes, not the bytes: a bit program goes on
//! where it stopped, and decides about each position once, as soon as everything that a match
//! there could need has arrived. Only sets with walks keep text, as far as a walk may read.
//!
//! ```text
//!   reported        decided          held back: a match may still begin or end here
//! ├────────────────┼────────────────┼──────────────────────┤
//! 0            released         received - hold          received
//! ```

use super::find::{Spans, is_wider, sort};
use super::walk::Field;
use super::{Match, Patterns, Scratch, Trigger};
use crate::scan::bits::sweep::Sweep;
use crate::scan::simd::{GROUP_PLANES, Isa, Job, LINE_BYTES, WORD_BYTES};

/// What a search carries from one piece of a text to the next.
#[derive(Clone, Default)]
pub struct Carry {
    scratch: Scratch,
    /// For each plane, and last for the content, the bits of the last 64 bytes.
    prior: Vec<u64>,
    /// Bytes that have arrived.
    received: usize,
    /// Starts before this offset are decided.
    decided: usize,
    /// The last bytes, if there are walks; the first of them has the offset `kept_from`.
    kept: Vec<u8>,
    kept_from: usize,
    /// Triggers whose walks need bytes that have not arrived.
    waiting: Vec<Trigger>,
    /// Matches that begin behind what may be released.
    ready: Vec<Match>,
    /// End of the widest match so far, by pattern.
    ends: Vec<usize>,
    released: usize,
}

impl Carry {
    /// Bytes that may be released: every match that touches one of them has been reported.
    /// Counts from the start of the stream.
    pub fn released(&self) -> usize {
        self.released
    }

    /// Bytes that have arrived.
    pub fn received(&self) -> usize {
        self.received
    }
}

impl Patterns {
    /// Most bytes that a stream holds back: those behind [`Carry::released`].
    pub fn hold_back_bytes(&self) -> usize {
        let before = self.walks.iter().map(|walk| walk.before_bytes).max();
        let after = self.walks.iter().map(|walk| walk.after_bytes + 1).max();
        before.unwrap_or(0) + after.unwrap_or(0).max(self.fixed_hold())
    }

    /// Takes the next piece of a stream and appends the matches that begin before the new
    /// [`Carry::released`]. Offsets count from the start of the stream; a match may end behind
    /// what is released. However a text is cut, the matches are those of [`Patterns::find`].
    ///
    /// `last` ends the stream: everything is released, and the carry begins the next one. A
    /// carry belongs to one set of patterns.
    pub fn find_in(&self, carry: &mut Carry, piece: &[u8], last: bool, out: &mut Vec<Match>) {
        let planes = self.program.groups.len() * GROUP_PLANES;
        carry.prior.resize(planes + 1, 0);
        carry.ends.resize(self.patterns, 0);
        self.sweep(carry, piece, last);
        carry.received += piece.len();
        if !self.walks.is_empty() {
            carry.kept.extend_from_slice(piece);
            self.walk_waiting(carry, last);
            self.forget(carry);
        }
        self.release(carry, last, out);
        if last {
            let mut scratch = std::mem::take(&mut carry.scratch);
            scratch.memos.clear();
            *carry = Carry {
                scratch,
                ..Carry::default()
            };
        } else {
            self.kernel.run(Remember {
                patterns: self,
                piece,
                prior: &mut carry.prior,
            });
        }
    }

    /// Bytes behind a start that its bits may depend on.
    fn fixed_hold(&self) -> usize {
        let longest = self
            .lengths
            .first()
            .map_or(0, |(bytes, _)| usize::from(*bytes));
        longest.max(if self.walks.is_empty() {
            0
        } else {
            TRIGGER_HOLD
        }) + 1
    }

    fn sweep(&self, carry: &mut Carry, piece: &[u8], last: bool) {
        let received = carry.received + piece.len();
        let to = if last {
            received
        } else {
            received
                .saturating_sub(self.fixed_hold())
                .max(carry.decided)
        };
        // The sweep sees one line of prior bytes before the piece.
        let shift = carry.received.wrapping_sub(LINE_BYTES);
        self.kernel.run(Sweep {
            program: &self.program,
            more: &[],
            text: piece,
            content: None,
            prior: Some(&carry.prior),
            slots: carry.scratch.slots.of(&self.program),
            sink: Spans {
                patterns: self,
                from: carry.decided.wrapping_sub(shift),
                to: to.wrapping_sub(shift),
                shift,
                out: &mut carry.ready,
                triggers: &mut carry.waiting,
            },
        });
        carry.decided = to;
    }

    /// Takes the walks whose bytes have all arrived.
    fn walk_waiting(&self, carry: &mut Carry, last: bool) {
        let memos = &mut carry.scratch.memos;
        memos.resize(self.walks.len(), Default::default());
        let (received, kept_from) = (carry.received, carry.kept_from);
        let (kept, ready) = (&carry.kept, &mut carry.ready);
        carry.waiting.retain(|trigger| {
            let index = trigger.walk as usize;
            let (Some(walk), Some(memo)) = (self.walks.get(index), memos.get_mut(index)) else {
                return false;
            };
            let to = trigger.at + walk.after_bytes + 1;
            if to > received && !last {
                return true;
            }
            let from = trigger
                .at
                .saturating_sub(walk.before_bytes + 1)
                .max(kept_from);
            let field = Field {
                bytes: kept
                    .get(from - kept_from..to.min(received) - kept_from)
                    .unwrap_or_default(),
                origin: from,
            };
            if let Some((start, end)) = walk.resolve(&field, trigger.at - from, memo) {
                ready.push(Match {
                    start: from + start,
                    end: from + end,
                    pattern: walk.pattern,
                });
            }
            false
        });
    }

    /// Drops kept bytes that no walk can read, once they are the larger part.
    fn forget(&self, carry: &mut Carry) {
        let before = self.walks.iter().map(|walk| walk.before_bytes + 1);
        let waiting = carry.waiting.iter().map(|trigger| trigger.at);
        let needed = waiting.min().unwrap_or(carry.decided).min(carry.decided);
        let from = needed.saturating_sub(before.max().unwrap_or(0));
        let gone = from.saturating_sub(carry.kept_from);
        if gone > carry.kept.len() / 2 {
            carry.kept.drain(..gone);
            carry.kept_from += gone;
        }
    }

    fn release(&self, carry: &mut Carry, last: bool, out: &mut Vec<Match>) {
        let before = |trigger: &Trigger| {
            let walk = self.walks.get(trigger.walk as usize);
            trigger
                .at
                .saturating_sub(walk.map_or(0, |walk| walk.before_bytes))
        };
        let ahead = self.walks.iter().map(|walk| walk.before_bytes).max();
        let undecided = carry.decided.saturating_sub(ahead.unwrap_or(0));
        let waiting = carry.waiting.iter().map(before).min();
        let released = waiting.unwrap_or(undecided).min(undecided);
        carry.released = if last {
            carry.received
        } else {
            released.max(carry.released)
        };
        sort(&mut carry.ready);
        let (released, ends) = (carry.released, &mut carry.ends);
        let done = carry.ready.partition_point(|found| found.start < released);
        let found = carry.ready.drain(..done);
        out.extend(found.filter(|found| is_wider(ends, found)));
    }
}

/// Bytes that the terms of a trigger look ahead, at most: it is thinned out by few terms.
const TRIGGER_HOLD: usize = 40;

/// Moves the bitmaps of a piece's last bytes into the prior.
struct Remember<'a> {
    patterns: &'a Patterns,
    piece: &'a [u8],
    prior: &'a mut [u64],
}

impl Job for Remember<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let from = self.piece.len().saturating_sub(WORD_BYTES);
        let tail = self.piece.get(from..).unwrap_or_default();
        if tail.is_empty() {
            return;
        }
        // The bytes end where the word does.
        let mut block = [0; WORD_BYTES];
        for (to, byte) in block.iter_mut().skip(WORD_BYTES - tail.len()).zip(tail) {
            *to = *byte;
        }
        let fresh = u64::MAX << (WORD_BYTES - tail.len());
        let groups = &self.patterns.program.groups;
        let (priors, _) = self.prior.as_chunks_mut::<GROUP_PLANES>();
        for (group, prior) in groups.iter().zip(priors) {
            let words = isa.classify_block(group, &block);
            for (prior, word) in prior.iter_mut().zip(words) {
                *prior = moved(*prior, tail.len()) | (word & fresh);
            }
        }
        if let Some(content) = self.prior.last_mut() {
            *content = moved(*content, tail.len()) | fresh;
        }
    }
}

/// The word `by` bytes later, 1 to 64.
fn moved(word: u64, by: usize) -> u64 {
    word.checked_shr(by as u32).unwrap_or(0)
}
