//! One dense automaton for all numeric shapes, walked only from the start of a digit run.
//!
//! The walk is anchored and reports every shape and every end, so that no shape hides another;
//! it dies with the first byte that fits no shape. Shapes are bounded, and so is the walk.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

use crate::catalog;

use super::bits::planes::ByteSet;
use super::{Candidate, Number, Scan};

/// A numeric shape and what decides about its matches.
pub(crate) struct Shape {
    /// A bounded expression over ASCII bytes that begins with a digit and ends with one or with
    /// a letter. No look-around: borders are checked by the walk (digits) and by `judge`.
    pub(crate) pattern: &'static str,
    /// Reports the candidate if it holds. The bytes on both sides of it are no digits, unless
    /// they belong to an escape.
    pub(crate) judge: fn(&mut Scan<'_>, &Candidate<'_>),
}

struct Shapes {
    automaton: dense::DFA<Vec<u32>>,
    start: StateID,
    judges: Vec<fn(&mut Scan<'_>, &Candidate<'_>)>,
    /// For each length of a digit run, the bytes behind it with which a shape can go on or end.
    worth: [ByteSet; RUN_DIGITS],
    /// The same, where the text ends; one bit a length.
    worth_at_end: u32,
}

/// Shapes are shorter than that many digits in a row.
const RUN_DIGITS: usize = 32;

static SHAPES: LazyLock<Shapes> = LazyLock::new(Shapes::build);

pub(super) fn warm_up() {
    LazyLock::force(&SHAPES);
}

/// Judges every shape that begins at the number.
pub(super) fn shapes_at(scan: &mut Scan<'_>, number: &Number) {
    if SHAPES.is_worth(number.len(), scan.byte(number.end)) {
        SHAPES.walk(scan, number);
    }
}

/// The same without asking whether it is worth it.
#[cfg(test)]
pub(super) fn shapes_slowly(scan: &mut Scan<'_>, number: &Number) {
    SHAPES.walk(scan, number);
}

impl Shapes {
    fn build() -> Self {
        let shapes: Vec<&Shape> = catalog::SHAPES.iter().flat_map(|family| *family).collect();
        let patterns: Vec<&str> = shapes.iter().map(|shape| shape.pattern).collect();
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Anchored)
                    .accelerate(false),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&patterns)
            .expect("the shapes are constants and build in every test");
        let start = automaton
            .universal_start_state(Anchored::Yes)
            .expect("shapes have no look-around, so that all starts are one");
        let (worth, worth_at_end) = worth(&automaton, start);
        Self {
            automaton,
            start,
            judges: shapes.iter().map(|shape| shape.judge).collect(),
            worth,
            worth_at_end,
        }
    }

    /// Whether a shape can begin with a run of that many digits before that byte.
    #[inline]
    fn is_worth(&self, digits: usize, next: Option<u8>) -> bool {
        match next {
            Some(byte) => self.worth.get(digits).is_some_and(|set| set.contains(byte)),
            None => digits < RUN_DIGITS && self.worth_at_end >> digits & 1 == 1,
        }
    }

    fn walk(&self, scan: &mut Scan<'_>, number: &Number) {
        let mut state = self.start;
        let text = scan.text;
        for (at, byte) in text.iter().enumerate().skip(number.start) {
            state = self.automaton.next_state(state, *byte);
            if self.automaton.is_special_state(state) {
                if self.automaton.is_match_state(state) {
                    // A match within the run is none.
                    if at >= number.end {
                        self.judge(scan, number, state, at);
                    }
                } else if self.automaton.is_dead_state(state) {
                    return;
                }
            }
        }
        state = self.automaton.next_eoi_state(state);
        if self.automaton.is_match_state(state) {
            self.judge(scan, number, state, text.len());
        }
    }

    fn judge(&self, scan: &mut Scan<'_>, number: &Number, state: StateID, end: usize) {
        if scan.byte(end).is_some_and(|byte| byte.is_ascii_digit()) {
            return;
        }
        for index in 0..self.automaton.match_len(state) {
            let pattern = self.automaton.match_pattern(state, index);
            if let Some(judge) = self.judges.get(pattern.as_usize()) {
                judge(
                    scan,
                    &Candidate {
                        start: number.start,
                        end,
                        number,
                    },
                );
            }
        }
    }
}

/// Follows all runs of digits at once, and asks what keeps the automaton alive behind them.
fn worth(automaton: &dense::DFA<Vec<u32>>, start: StateID) -> ([ByteSet; RUN_DIGITS], u32) {
    let mut worth = [ByteSet::default(); RUN_DIGITS];
    let mut at_end = 0;
    let mut states = BTreeSet::from([start]);
    for (digits, set) in worth.iter_mut().enumerate() {
        for state in &states {
            for byte in 0..=u8::MAX {
                if !automaton.is_dead_state(automaton.next_state(*state, byte)) {
                    set.insert(byte);
                }
            }
            let end = automaton.next_eoi_state(*state);
            at_end |= u32::from(!automaton.is_dead_state(end)) << digits;
        }
        let next = |state: &StateID| {
            let states = (b'0'..=b'9').map(|digit| automaton.next_state(*state, digit));
            states.collect::<Vec<_>>()
        };
        states = states.iter().flat_map(next).collect();
        states.retain(|state| !automaton.is_dead_state(*state));
    }
    assert!(states.is_empty(), "a shape with more digits in a row");
    (worth, at_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Runs of digits that are not worth a walk match no shape.
        #[test]
        fn what_is_not_worth_a_walk_matches_nothing(
            text in "[0-9]{1,40}([ ./)(a-]|\u{2010}|\u{a0})?",
        ) {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let next = text.as_bytes().get(digits).copied();
            let mut state = SHAPES.start;
            let mut matches = false;
            for (at, byte) in text.bytes().enumerate() {
                state = SHAPES.automaton.next_state(state, byte);
                matches |= at >= digits && SHAPES.automaton.is_match_state(state);
            }
            matches |= SHAPES.automaton.is_match_state(SHAPES.automaton.next_eoi_state(state));
            prop_assert!(SHAPES.is_worth(digits, next) || !matches);
        }
    }

    #[test]
    fn the_automaton_stays_small() {
        // It has to live in a core's second-level cache beside everything else.
        assert!(
            SHAPES.automaton.memory_usage() < 256 * 1024,
            "{}",
            SHAPES.automaton.memory_usage()
        );
    }
}
