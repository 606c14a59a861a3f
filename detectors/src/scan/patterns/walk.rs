//! Patterns that are no bit program: bits say where a rare part of them stands, and automata
//! read from there to both sides.
//!
//! ```text
//!         head ◀── trigger ──▶ tail          [a-z.]{1,64} @ [a-z.]{1,255}\.[a-z]{2,10}
//! ```
//!
//! A match is the longest head and the longest tail of one trigger: together, the matches of all
//! triggers cover what all matches of the pattern cover. Every way is bounded: by
//! [`WALK_BYTES`](super::WALK_BYTES), or by the next trigger, which a way cannot pass.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Hir, HirKind};

use super::{AUTOMATON_BYTES, Refusal};
use crate::scan::bits::planes::ByteSet;
use crate::scan::bits::shape::set_of;

/// Both sides of a trigger.
#[derive(Clone)]
pub(super) struct Walk {
    pub(super) pattern: u32,
    head: Head,
    tail: Tail,
    /// Bytes before the trigger at which its bit is set.
    pub(super) lead: usize,
    /// Bytes that a match may begin before its trigger.
    pub(super) before_bytes: usize,
    /// Bytes that a match may reach from the start of its trigger on.
    pub(super) after_bytes: usize,
}

#[derive(Clone)]
enum Head {
    /// The match begins at the trigger.
    Nothing,
    Run(Run),
    Automaton(Box<Steps>),
}

#[derive(Clone)]
enum Tail {
    /// Behind a trigger of so many bytes.
    Run(usize, Run),
    /// From the trigger on.
    Automaton(Box<Steps>),
}

/// An automaton, and where it starts: most walks are a few bytes long, and would spend more on
/// the preparation of a search than on the bytes.
#[derive(Clone)]
struct Steps {
    automaton: dense::DFA<Vec<u32>>,
    /// By the byte that stands before the first one; last, for none.
    starts: Vec<StateID>,
}

/// Members of one class in a row.
#[derive(Clone)]
struct Run {
    members: Box<[bool; 256]>,
    min: usize,
    max: usize,
}

/// What the last walk learnt about the run behind its trigger, in offsets into the whole text:
/// no byte is read twice.
#[derive(Clone, Copy, Default)]
pub(super) struct Memo {
    from: usize,
    end: usize,
}

/// The bytes that a walk may read.
pub(super) struct Field<'t> {
    /// Reaches further to both sides of the trigger than the walk can, or ends where its field
    /// does.
    pub(super) bytes: &'t [u8],
    /// Offset of the first of them in the whole text.
    pub(super) origin: usize,
}

impl Walk {
    /// A walk from a trigger of `trigger_bytes` that the parts `head`, `trigger` and `tail`
    /// describe.
    pub(super) fn new(
        pattern: u32,
        head: &[Hir],
        trigger: &[Hir],
        tail: &[Hir],
    ) -> Result<Self, Refusal> {
        let bytes = |parts: &[Hir]| parts.iter().map(longest).sum::<usize>();
        let trigger_bytes = bytes(trigger);
        let forward = || automaton(Hir::concat([trigger, tail].concat()), false);
        Ok(Self {
            pattern,
            head: match head {
                [] => Head::Nothing,
                [part] => match Run::of(part) {
                    Some(run) => Head::Run(run),
                    None => Head::Automaton(automaton(part.clone(), true)?),
                },
                parts => Head::Automaton(automaton(Hir::concat(parts.to_vec()), true)?),
            },
            tail: match tail {
                [part] => match Run::of(part) {
                    Some(run) => Tail::Run(trigger_bytes, run),
                    None => Tail::Automaton(forward()?),
                },
                _ => Tail::Automaton(forward()?),
            },
            lead: 0,
            before_bytes: bytes(head),
            after_bytes: trigger_bytes + bytes(tail),
        })
    }

    /// The same walk, whose bit is set `lead` bytes before the trigger.
    pub(super) fn led_by(self, lead: usize) -> Self {
        Self { lead, ..self }
    }

    /// Whether the bytes behind the trigger are read once, however many triggers there are.
    pub(super) fn has_run_behind(tail: &[Hir]) -> bool {
        matches!(tail, [part] if Run::of(part).is_some())
    }

    /// The longest match of the trigger at `at`, an offset into the field; so are the results.
    pub(super) fn resolve(
        &self,
        field: &Field<'_>,
        at: usize,
        memo: &mut Memo,
    ) -> Option<(usize, usize)> {
        let end = match &self.tail {
            Tail::Run(skip, run) => run.after(field, at + skip, memo)?,
            Tail::Automaton(steps) => {
                let (before, rest) = field.bytes.split_at_checked(at)?;
                at + steps.longest(before.last(), rest.iter())?
            }
        };
        let start = match &self.head {
            Head::Nothing => at,
            Head::Run(run) => run.before(field.bytes, at)?,
            Head::Automaton(steps) => {
                let (before, rest) = field.bytes.split_at_checked(at)?;
                at - steps.longest(rest.first(), before.iter().rev())?
            }
        };
        Some((start, end))
    }
}

impl Steps {
    fn new(automaton: dense::DFA<Vec<u32>>) -> Option<Self> {
        let bytes = (0..=u8::MAX).map(Some).chain([None]);
        let starts = bytes.map(|byte| {
            let config = start::Config::new().anchored(Anchored::Yes);
            automaton.start_state(&config.look_behind(byte)).ok()
        });
        Some(Self {
            starts: starts.collect::<Option<_>>()?,
            automaton,
        })
    }

    /// Bytes of the longest match of the first of these bytes on, behind `before`.
    #[inline]
    fn longest<'b>(
        &self,
        before: Option<&u8>,
        bytes: impl Iterator<Item = &'b u8>,
    ) -> Option<usize> {
        let before = before.map_or(usize::from(u8::MAX) + 1, |byte| usize::from(*byte));
        let mut state = *self.starts.get(before)?;
        let (mut longest, mut count) = (None, 0);
        for byte in bytes {
            state = self.automaton.next_state(state, *byte);
            if self.automaton.is_special_state(state) {
                // A match is seen one byte behind its end.
                if self.automaton.is_match_state(state) {
                    longest = Some(count);
                } else {
                    return longest;
                }
            }
            count += 1;
        }
        state = self.automaton.next_eoi_state(state);
        if self.automaton.is_match_state(state) {
            longest = Some(count);
        }
        longest
    }
}

impl Run {
    fn of(hir: &Hir) -> Option<Self> {
        let HirKind::Repetition(repetition) = hir.kind() else {
            return None;
        };
        let HirKind::Class(class) = repetition.sub.kind() else {
            return None;
        };
        let set = set_of(class)?;
        let mut members = Box::new([false; 256]);
        for byte in set.bytes() {
            members[usize::from(byte)] = true;
        }
        Some(Self {
            members,
            min: repetition.min as usize,
            max: repetition.max? as usize,
        })
    }

    fn holds(&self, byte: u8) -> bool {
        self.members[usize::from(byte)]
    }

    fn before(&self, field: &[u8], at: usize) -> Option<usize> {
        let before = field.get(..at)?.iter().rev().take(self.max);
        let count = before.take_while(|byte| self.holds(**byte)).count();
        (count >= self.min).then_some(at - count)
    }

    fn after(&self, field: &Field<'_>, from: usize, memo: &mut Memo) -> Option<usize> {
        let absolute = field.origin + from;
        if absolute < memo.from || memo.end < absolute {
            *memo = Memo {
                from: absolute,
                end: absolute,
            };
        }
        let known = memo.end.saturating_sub(field.origin);
        let limit = field.bytes.len().min(from + self.max);
        let rest = field.bytes.get(known..limit).unwrap_or_default();
        memo.end += rest.iter().take_while(|byte| self.holds(**byte)).count();
        let end = (memo.end - field.origin).min(from + self.max);
        (end >= from + self.min).then_some(end)
    }
}

/// Most bytes that a bounded expression matches.
pub(super) fn longest(hir: &Hir) -> usize {
    hir.properties().maximum_len().unwrap_or(usize::MAX)
}

/// Every byte that may stand in a match.
pub(super) fn alphabet(hir: &Hir) -> ByteSet {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => ByteSet::default(),
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter();
            bytes.fold(ByteSet::default(), |set, byte| set.or(ByteSet::one(*byte)))
        }
        HirKind::Class(class) => set_of(class).unwrap_or(ByteSet::range(0, u8::MAX)),
        HirKind::Repetition(repetition) => alphabet(&repetition.sub),
        HirKind::Capture(capture) => alphabet(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            let parts = parts.iter().map(alphabet);
            parts.fold(ByteSet::default(), ByteSet::or)
        }
    }
}

fn automaton(hir: Hir, reverse: bool) -> Result<Box<Steps>, Refusal> {
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .reverse(reverse)
                .which_captures(thompson::WhichCaptures::None)
                .nfa_size_limit(Some(AUTOMATON_BYTES)),
        )
        .build_from_hir(&hir)
        .map_err(|_| Refusal::Large)?;
    let automaton = dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(StartKind::Anchored)
                .accelerate(false)
                .dfa_size_limit(Some(AUTOMATON_BYTES))
                .determinize_size_limit(Some(4 * AUTOMATON_BYTES)),
        )
        .build_from_nfa(&nfa)
        .map_err(|_| Refusal::Large)?;
    Steps::new(automaton).map(Box::new).ok_or(Refusal::Large)
}
