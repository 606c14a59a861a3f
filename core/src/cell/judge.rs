//! Judging one cell that is whole in memory.

use super::known::{KnownRow, Slots};
use super::scan::Scanner;
use super::{ColumnPlan, Decision, Encoding, Masker, Row, Tally};
use crate::catalog::Catalog;
use crate::inspect::{Finding, Inspect, KnownValue, Surroundings};
use crate::mask::types::{self, Scalar, Shape};
use crate::mask::{Outcome, Strategy, Whole, span};
use crate::policy::Policy;

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The value stays as it is.
    Unchanged,
    /// The value was overwritten; its length is the same.
    InPlace,
    /// [`Judge::replacement`] takes the value's place.
    Replaced,
    /// NULL takes the value's place.
    Null,
}

/// Buffers that are reused from cell to cell.
#[derive(Default)]
pub struct Scratch {
    pub(super) findings: Vec<Finding>,
    pub(super) replacement: Vec<u8>,
    /// A value in another form than the wire's: decoded, or with what came before it.
    pub(super) text: Vec<u8>,
}

impl Scratch {
    /// Frees the buffers if a large value has made them larger than `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.findings.clear();
        self.findings.shrink_to(bytes / size_of::<Finding>());
        self.replacement.clear();
        self.replacement.shrink_to(bytes);
        self.text.clear();
        self.text.shrink_to(bytes);
    }
}

/// Everything that a verdict depends on, borrowed for as long as it takes.
pub struct Judge<'a, I: Inspect> {
    /// Says what content detection does.
    pub policy: &'a Policy,
    /// Says what types are made of.
    pub catalog: &'a Catalog,
    /// Finds PHI.
    pub inspector: &'a I,
    /// Identifying values of the row at hand.
    pub known: &'a [KnownValue<'a>],
    /// The key of the row at hand, if it has one.
    pub key: Option<&'a [u8]>,
    /// What transforms go by.
    pub row: Row<'a>,
    /// Counts masked cells.
    pub tally: &'a mut Tally,
    /// Reused buffers.
    pub scratch: &'a mut Scratch,
}

impl<I: Inspect> Judge<'_, I> {
    /// The same judge, for a row of which this is known. `slots` lends it place.
    pub(crate) fn knowing<'b>(
        &'b mut self,
        row: &'b KnownRow,
        slots: &'b mut Slots<'b>,
    ) -> Judge<'b, I> {
        Judge {
            policy: self.policy,
            catalog: self.catalog,
            inspector: self.inspector,
            known: row.values(slots),
            key: row.key(),
            row: self.row.noted(row),
            tally: self.tally,
            scratch: self.scratch,
        }
    }

    /// Judges the value of one cell that is not NULL. A value that is malformed for its type
    /// becomes NULL, unless the column passes.
    pub fn cell(&mut self, column: &ColumnPlan, encoding: Encoding, value: &mut [u8]) -> Verdict {
        match column.decision_now() {
            Decision::Pass => Verdict::Unchanged,
            Decision::Scan => self.scan(column, encoding, value),
            Decision::Mask(rule) => self.mask(column, Masker::Rule(rule), encoding, value),
            Decision::MaskAs(kind) => self.mask(column, Masker::Detector(kind), encoding, value),
            Decision::MaskByDefault => self.mask(column, Masker::Default, encoding, value),
        }
    }

    /// What takes the place of the last cell, if the verdict was [`Verdict::Replaced`].
    pub fn replacement(&self) -> &[u8] {
        &self.scratch.replacement
    }

    /// Inspects free text (an error, a notice) and redacts findings in place. True if any was
    /// found. Does nothing if the policy has no content detection.
    pub fn text(&mut self, value: &mut [u8], column: Option<&[u8]>) -> bool {
        if self.policy.exempt || self.policy.content.is_none() {
            return false;
        }
        let findings = &mut self.scratch.findings;
        findings.clear();
        let around = match column {
            Some(name) => Surroundings::in_column(name),
            None => Surroundings::WHOLE,
        };
        self.inspector.inspect(value, around, findings);
        let Some(first) = findings.first() else {
            return false;
        };
        self.tally.add(Masker::Detector(first.detector), None);
        span::redact(value, findings);
        true
    }

    fn shape(&self, column: &ColumnPlan) -> Shape {
        column
            .shape
            .unwrap_or_else(|| types::shape(self.catalog, column.type_oid))
    }

    fn mask(
        &mut self,
        column: &ColumnPlan,
        masker: Masker,
        encoding: Encoding,
        value: &mut [u8],
    ) -> Verdict {
        self.tally.add(masker, Some(column));
        self.tally.value(column, encoding, value);
        let transform = match masker {
            Masker::Detector(kind) if column.may_transform => self.policy.transform_of(kind),
            _ => None,
        };
        let strategy = transform.unwrap_or(&column.strategy);
        let shape = self.shape(column);
        if shape == Shape::Scalar(Scalar::Text) && *strategy == Strategy::Redact {
            value.fill(b'X');
            return Verdict::InPlace;
        }
        let out = &mut self.scratch.replacement;
        out.clear();
        let whole = Whole::new(self.catalog, strategy).at(self.row.around(column));
        let outcome = whole.mask(shape, encoding, value, 0, out);
        settle(outcome, out, value)
    }

    /// Redacts a value whole, whatever its strategy, without counting it. True if that kept its
    /// length; if not, the value is as it was.
    pub(super) fn redact(
        &mut self,
        column: &ColumnPlan,
        encoding: Encoding,
        value: &mut [u8],
    ) -> bool {
        let shape = self.shape(column);
        let out = &mut self.scratch.replacement;
        out.clear();
        let whole = Whole::new(self.catalog, &Strategy::Redact);
        let outcome = whole.mask(shape, encoding, value, 0, out);
        settle(outcome, out, value) == Verdict::InPlace
    }

    fn scan(&mut self, column: &ColumnPlan, encoding: Encoding, value: &mut [u8]) -> Verdict {
        let shape = self.shape(column);
        let Scratch {
            findings,
            replacement,
            text,
        } = &mut *self.scratch;
        let mut scanner = Scanner {
            policy: self.policy,
            catalog: self.catalog,
            inspector: self.inspector,
            around: Surroundings {
                column: Some(column.hint()),
                known: self.known,
                key: self.key.filter(|_| column.has_key),
                ..Surroundings::WHOLE
            },
            watch: column.watch.as_ref(),
            place: self.row.around(column),
            may_transform: column.may_transform && self.policy.transforms_content(),
            findings,
            text,
            masker: None,
            column,
            tally: self.tally,
        };
        replacement.clear();
        let outcome = scanner.top(shape, encoding, value, replacement);
        let Some(masker) = scanner.masker else {
            return Verdict::Unchanged;
        };
        self.tally.add(masker, Some(column));
        outcome.unwrap_or_else(|outcome| settle(outcome, replacement, value))
    }
}

/// Puts what was written into the value's place if it fits exactly.
fn settle(outcome: Outcome, written: &[u8], value: &mut [u8]) -> Verdict {
    match outcome {
        Outcome::Kept => Verdict::Unchanged,
        Outcome::Null => Verdict::Null,
        Outcome::Masked if written.len() == value.len() => {
            value.copy_from_slice(written);
            Verdict::InPlace
        }
        Outcome::Masked => Verdict::Replaced,
    }
}
