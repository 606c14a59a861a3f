//! One dense automaton for all numeric shapes, walked only from the start of a digit run.
//!
//! The walk is anchored and reports every shape and every end, so that no shape hides another;
//! it dies with the first byte that fits no shape. Shapes are bounded, and so is the walk.

use std::sync::LazyLock;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

use crate::catalog;

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
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(Shapes::build);

pub(super) fn warm_up() {
    LazyLock::force(&SHAPES);
}

/// Judges every shape that begins at the number.
pub(super) fn shapes_at(scan: &mut Scan<'_>, number: &Number) {
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
        Self {
            automaton,
            start,
            judges: shapes.iter().map(|shape| shape.judge).collect(),
        }
    }

    fn walk(&self, scan: &mut Scan<'_>, number: &Number) {
        let mut state = self.start;
        let text = scan.text;
        for (at, byte) in text.iter().enumerate().skip(number.start) {
            state = self.automaton.next_state(state, *byte);
            if self.automaton.is_special_state(state) {
                if self.automaton.is_match_state(state) {
                    self.judge(scan, number, state, at);
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

#[cfg(test)]
mod tests {
    use super::*;

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
