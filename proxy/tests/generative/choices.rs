//! Where a generator's decisions come from: a seed, or the decisions of an earlier run.
//!
//! A statement is a function of the list of its decisions, so that a failing one is made shorter
//! by making the list shorter or its numbers smaller and generating again: what comes out is
//! always a statement of the grammar. Zero is the simplest choice everywhere.

/// See the module's text.
pub(super) struct Choices {
    source: Source,
    taken: Vec<u32>,
}

enum Source {
    Seed(u64),
    Replay(std::vec::IntoIter<u32>),
}

impl Choices {
    /// Decisions that follow from `seed`; another `stream` gives others.
    pub(super) fn from_seed(seed: u64, stream: u64) -> Self {
        let mut choices = Self {
            source: Source::Seed(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93)),
            taken: Vec::new(),
        };
        choices.next();
        choices.taken.clear();
        choices
    }

    /// The decisions of an earlier run, and zeros after the last.
    pub(super) fn replay(taken: Vec<u32>) -> Self {
        Self {
            source: Source::Replay(taken.into_iter()),
            taken: Vec::new(),
        }
    }

    /// What has been decided so far.
    pub(super) fn taken(&self) -> &[u32] {
        &self.taken
    }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    fn next(&mut self) -> u32 {
        let next = match &mut self.source {
            Source::Replay(rest) => rest.next().unwrap_or(0),
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                ((z ^ (z >> 31)) >> 32) as u32
            }
        };
        self.taken.push(next);
        next
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let chosen = self.next() as usize % end.max(1);
        // What is kept is the decision itself: a smaller number is a simpler one.
        if let Some(last) = self.taken.last_mut() {
            *last = chosen as u32;
        }
        chosen
    }

    /// True `percent` times out of a hundred; simplest is no.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    /// One of `items`; simplest is the first.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Makes `failing` simpler for as long as `still_fails` says that it fails, in at most
/// `attempts_max` attempts.
pub(super) fn shrink(
    mut failing: Vec<u32>,
    attempts_max: usize,
    mut still_fails: impl FnMut(&[u32]) -> Option<Vec<u32>>,
) -> Vec<u32> {
    let mut attempts = 0;
    let mut improved = true;
    while improved {
        improved = false;
        let mut span = failing.len().next_power_of_two();
        while span > 0 {
            let mut at = 0;
            while at < failing.len() {
                for candidate in simpler(&failing, at, span) {
                    if attempts == attempts_max {
                        return failing;
                    }
                    attempts += 1;
                    if let Some(taken) = still_fails(&candidate)
                        && is_simpler(&taken, &failing)
                    {
                        failing = taken;
                        improved = true;
                        break;
                    }
                }
                at += span;
            }
            span /= 2;
        }
    }
    failing
}

/// Shorter lists come first, then those of smaller numbers.
fn is_simpler(one: &[u32], other: &[u32]) -> bool {
    (one.len(), one) < (other.len(), other)
}

/// The list without a span, with zeros in it, or with a smaller number at its place.
fn simpler(list: &[u32], at: usize, span: usize) -> Vec<Vec<u32>> {
    let end = (at + span).min(list.len());
    let mut candidates = vec![[&list[..at], &list[end..]].concat()];
    if list[at..end].iter().any(|number| *number > 0) {
        let mut zeros = list.to_vec();
        zeros[at..end].fill(0);
        candidates.push(zeros);
        if span == 1 {
            for less in [list[at] / 2, list[at] - 1] {
                let mut smaller = list.to_vec();
                smaller[at] = less;
                candidates.push(smaller);
            }
        }
    }
    candidates
}
