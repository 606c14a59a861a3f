//! From a regular expression to the conditions of each length that it matches.
//!
//! The expression is read from its end to its beginning. What has been read is kept by length:
//! for each number of bytes the condition that these bytes match the rest. Alternatives that
//! come to the same length are one condition, so that four octets of one to three digits are
//! some thirty conditions, not eighty-one shapes.

use std::collections::BTreeMap;

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use super::graph::{AHEAD_BYTES, All, Graph, Term};
use super::planes::ByteSet;

/// Longest match of a bit program.
pub(crate) const FIXED_BYTES: usize = AHEAD_BYTES - 1;
/// Terms that one pattern may add to a program. One term costs about 0.003 cycles a byte with
/// 512-bit vectors; a pattern beyond this is cheaper behind a trigger.
pub(crate) const FIXED_TERMS: usize = 64;

/// For each length the condition that a match of it begins here.
pub(crate) type Lengths = BTreeMap<usize, All>;

/// Why a pattern is no bit program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoShape {
    /// It matches more than [`FIXED_BYTES`], or without a bound.
    Long,
    /// It would cost more than the budget.
    Dear,
    /// It asks for something that has no bitmap, such as a border of lines with `\r`.
    Look,
}

/// The lengths of the expression. `end` holds behind each match; `budget` is the number of terms
/// that may be added, about.
pub(crate) fn lengths(
    graph: &mut Graph,
    hir: &Hir,
    end: &[Term],
    budget: usize,
) -> Result<Lengths, NoShape> {
    let mut shape = Shape {
        limit: graph.terms() + budget,
        graph,
    };
    shape.before(hir, Lengths::from([(0, end.to_vec())]))
}

/// The class as a set of bytes; `None` if it has characters of several bytes.
pub(crate) fn set_of(class: &Class) -> Option<ByteSet> {
    let bytes = match class {
        Class::Bytes(bytes) => bytes.clone(),
        Class::Unicode(characters) => characters.to_byte_class()?,
    };
    let ranges = bytes.iter();
    Some(ranges.fold(ByteSet::default(), |set, range| {
        set.or(ByteSet::range(range.start(), range.end()))
    }))
}

struct Shape<'g> {
    graph: &'g mut Graph,
    limit: usize,
}

impl Shape<'_> {
    /// What `hir` and then `rest` match.
    fn before(&mut self, hir: &Hir, rest: Lengths) -> Result<Lengths, NoShape> {
        if self.graph.terms() > self.limit {
            return Err(NoShape::Dear);
        }
        match hir.kind() {
            HirKind::Empty => Ok(rest),
            HirKind::Literal(literal) => literal.0.iter().rev().try_fold(rest, |rest, byte| {
                self.member(ByteSet::one(*byte), 1, &rest)
            }),
            HirKind::Class(class) => {
                let set = set_of(class).ok_or(NoShape::Look)?;
                self.member(set, 1, &rest)
            }
            HirKind::Look(look) => self.look(*look, rest),
            HirKind::Repetition(repetition) => self.repeated(repetition, rest),
            HirKind::Capture(capture) => self.before(&capture.sub, rest),
            HirKind::Concat(parts) => parts
                .iter()
                .rev()
                .try_fold(rest, |rest, part| self.before(part, rest)),
            HirKind::Alternation(choices) => {
                let rest = self.shared(rest);
                let mut all = Lengths::new();
                for choice in choices {
                    let lengths = self.before(choice, rest.clone())?;
                    self.unite(&mut all, lengths);
                }
                Ok(all)
            }
        }
    }

    /// `count` members of the set, then the rest.
    fn member(&mut self, set: ByteSet, count: usize, rest: &Lengths) -> Result<Lengths, NoShape> {
        let mut lengths = Lengths::new();
        if set.is_empty() {
            return Ok(lengths);
        }
        for (length, terms) in rest {
            let length = length + count;
            if length > FIXED_BYTES {
                return Err(NoShape::Long);
            }
            let mut all = vec![Term::at(self.graph.run(set, count), 0)];
            for term in terms {
                all.push(term.seen_from(count).ok_or(NoShape::Long)?);
            }
            lengths.insert(length, all);
        }
        Ok(lengths)
    }

    fn repeated(&mut self, repetition: &Repetition, rest: Lengths) -> Result<Lengths, NoShape> {
        let min = repetition.min as usize;
        let max = repetition.max.ok_or(NoShape::Long)? as usize;
        if min > FIXED_BYTES || max > FIXED_BYTES {
            return Err(NoShape::Long);
        }
        let rest = if max > min { self.shared(rest) } else { rest };
        let mut all = if min == 0 {
            rest.clone()
        } else {
            Lengths::new()
        };
        if let HirKind::Class(class) = repetition.sub.kind() {
            let set = set_of(class).ok_or(NoShape::Look)?;
            for count in min.max(1)..=max {
                let lengths = self.member(set, count, &rest)?;
                self.unite(&mut all, lengths);
            }
            return Ok(all);
        }
        let mut rest = rest;
        for count in 1..=max {
            rest = self.before(&repetition.sub, rest)?;
            if count >= min {
                rest = self.shared(rest);
                self.unite(&mut all, rest.clone());
            }
        }
        Ok(all)
    }

    fn look(&mut self, look: Look, mut rest: Lengths) -> Result<Lengths, NoShape> {
        let words = self.graph.set(ByteSet::words());
        let term = match look {
            Look::WordAscii => vec![Term::at(self.graph.word_border(), 0)],
            Look::WordAsciiNegate => vec![Term::at(self.graph.word_border(), 0).not()],
            Look::WordStartAscii => {
                let before = self.graph.before(words);
                vec![Term::at(words, 0), Term::at(before, 0).not()]
            }
            Look::WordEndAscii => {
                let before = self.graph.before(words);
                vec![Term::at(before, 0), Term::at(words, 0).not()]
            }
            Look::WordStartHalfAscii => vec![Term::at(self.graph.before(words), 0).not()],
            Look::WordEndHalfAscii => vec![Term::at(words, 0).not()],
            Look::Start | Look::StartLF => {
                let content = self.graph.content();
                let edge = Term::at(self.graph.before(content), 0).not();
                let line = self.graph.set(ByteSet::one(b'\n'));
                let line = Term::at(self.graph.before(line), 0);
                vec![self.edge_or(look == Look::StartLF, edge, line)]
            }
            Look::End | Look::EndLF => {
                let edge = Term::at(self.graph.content(), 0).not();
                let line = Term::at(self.graph.set(ByteSet::one(b'\n')), 0);
                vec![self.edge_or(look == Look::EndLF, edge, line)]
            }
            _ => return Err(NoShape::Look),
        };
        for terms in rest.values_mut() {
            terms.extend_from_slice(&term);
        }
        Ok(rest)
    }

    fn edge_or(&mut self, lines: bool, edge: Term, line: Term) -> Term {
        if lines {
            self.graph.any(&[edge, line])
        } else {
            edge
        }
    }

    /// The same conditions, each as one term: they are going to be used more than once.
    fn shared(&mut self, rest: Lengths) -> Lengths {
        let mut shared = rest;
        for terms in shared.values_mut().filter(|terms| terms.len() > 1) {
            *terms = vec![self.graph.all(terms)];
        }
        shared
    }

    fn unite(&mut self, all: &mut Lengths, more: Lengths) {
        for (length, terms) in more {
            match all.get_mut(&length) {
                None => {
                    all.insert(length, terms);
                }
                Some(known) if known.is_empty() || *known == terms => {}
                Some(known) if terms.is_empty() => known.clear(),
                Some(known) => {
                    let both = [self.graph.all(known), self.graph.all(&terms)];
                    *known = vec![self.graph.any(&both)];
                }
            }
        }
    }
}
