//! Looking into a value of any type: its text is inspected where it stands, everything else in
//! the form that a detector can read.

use super::{ColumnPlan, Encoding, Masker, SharedWatch, Tally, Verdict};
use crate::catalog::Catalog;
use crate::inspect::{Finding, Inspect, Surroundings};
use crate::limits::NESTING_DEPTH;
use crate::mask::json::KeyMasker;
use crate::mask::transform::Around;
use crate::mask::types::{self, Scalar, Shape};
use crate::mask::{Malformed, Outcome, Strategy, Visit, Whole, bytea, decode, parts, range, span};
use crate::policy::Policy;

/// One scan of one cell.
pub(super) struct Scanner<'a, I> {
    pub(super) policy: &'a Policy,
    pub(super) catalog: &'a Catalog,
    pub(super) inspector: &'a I,
    /// Where the cell stands.
    pub(super) around: Surroundings<'a>,
    /// Learns from the cell, or from its first part.
    pub(super) watch: Option<&'a SharedWatch>,
    /// What transforms go by.
    pub(super) place: Around<'a>,
    /// The policy's transforms hold for what is found.
    pub(super) may_transform: bool,
    pub(super) findings: &'a mut Vec<Finding>,
    pub(super) text: &'a mut Vec<u8>,
    /// Who masked something first; a cell counts once.
    pub(super) masker: Option<Masker>,
    /// The cell's column.
    pub(super) column: &'a ColumnPlan,
    /// Keeps what is found.
    pub(super) tally: &'a mut Tally,
}

/// What a text's punctuation means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Nothing; if it looks like JSON, its keys are heeded.
    Free,
    /// It is JSON and stays JSON.
    Json,
    /// It is XML and stays XML.
    Xml,
    /// It is bytes.
    Bytes,
    /// It holds parts that may be numbers, dates or text.
    Parts,
}

impl Grammar {
    /// Of the types whose value is scanned as it stands on the wire.
    pub(super) fn of(scalar: Scalar, encoding: Encoding) -> Option<Self> {
        match (scalar, encoding) {
            (Scalar::Text | Scalar::Char, _) => Some(Grammar::Free),
            (Scalar::Xml, _) => Some(Grammar::Xml),
            (Scalar::Json, _) | (Scalar::Jsonb, Encoding::Text) => Some(Grammar::Json),
            (Scalar::Bytea, Encoding::Binary) => Some(Grammar::Bytes),
            _ => None,
        }
    }
}

impl<I: Inspect> Scanner<'_, I> {
    /// Scans a whole cell. `Ok` is final; `Err` says that `out` is to be put in its place.
    pub(super) fn top(
        &mut self,
        shape: Shape,
        encoding: Encoding,
        value: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Verdict, Outcome> {
        if let Shape::Scalar(scalar) = shape
            && let Some(grammar) = Grammar::of(scalar, encoding)
        {
            return Ok(self.in_place(grammar, value, out));
        }
        if let (Shape::Scalar(Scalar::Jsonb), [1, json @ ..]) = (shape, &mut *value) {
            out.push(1);
            return Ok(self.in_place(Grammar::Json, json, out));
        }
        Err(self.rewrite(shape, encoding, value, 0, out))
    }

    /// Scans a text and masks it in place if its length stays; appends it to `out` if not.
    fn in_place(&mut self, grammar: Grammar, text: &mut [u8], out: &mut Vec<u8>) -> Verdict {
        self.inspect(text);
        let keys_hit = self.mask_json(grammar, text);
        if self.findings.is_empty() {
            return if keys_hit {
                Verdict::InPlace
            } else {
                Verdict::Unchanged
            };
        }
        self.note_finding();
        match (
            grammar,
            self.policy.content.as_ref().unwrap_or(&Strategy::Redact),
        ) {
            (_, Strategy::Null | Strategy::Uniform) => return Verdict::Null,
            (Grammar::Json, _) => {}
            (_, Strategy::Constant(constant)) => {
                span::constant(text, self.findings, constant, out);
                return Verdict::Replaced;
            }
            (Grammar::Xml, _) => span::redact_xml(text, self.findings),
            (Grammar::Parts, _) => span::redact_parts(text, self.findings),
            (
                _,
                Strategy::Partial {
                    keep_first,
                    keep_last,
                },
            ) => {
                span::partial(text, self.findings, *keep_first, *keep_last);
            }
            (Grammar::Free, Strategy::Redact) if self.may_transform => self.shape(text),
            (_, Strategy::Redact | Strategy::Transform(_)) => span::redact(text, self.findings),
        }
        Verdict::InPlace
    }

    /// Masks values under ruled keys; in true JSON the findings, too. True if a key was hit.
    fn mask_json(&mut self, grammar: Grammar, text: &mut [u8]) -> bool {
        let keys = self.policy.json_keys();
        let heeds_keys = !keys.is_empty()
            && match grammar {
                Grammar::Json => true,
                Grammar::Free => looks_like_json(text),
                Grammar::Xml | Grammar::Bytes | Grammar::Parts => false,
            };
        let found_in_json = grammar == Grammar::Json && !self.findings.is_empty();
        if !heeds_keys && !found_in_json {
            return false;
        }
        let findings: &[Finding] = if found_in_json { self.findings } else { &[] };
        let mut machine = KeyMasker::default();
        machine.run(keys, text, span::Covered::new(findings));
        self.masker = self.masker.or(machine.hit());
        if machine.hit().is_some() {
            // Which values it masked the machine does not say.
            self.tally.missed(Some(self.column));
        }
        machine.hit().is_some()
    }

    /// Scans a value of any type and appends what takes its place.
    fn rewrite(
        &mut self,
        shape: Shape,
        encoding: Encoding,
        value: &[u8],
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Outcome {
        if depth > NESTING_DEPTH {
            return self.withhold();
        }
        match (shape, encoding) {
            (Shape::Scalar(scalar), _) => self.scalar(scalar, encoding, value, out),
            (Shape::Array { element }, Encoding::Text)
                if types::shape(self.catalog, element) == Shape::Opaque =>
            {
                // Its elements may be delimited by something else than commas.
                self.opaque(Shape::Opaque, encoding, value, out)
            }
            (Shape::Range { subtype } | Shape::Multirange { subtype }, Encoding::Text)
                if self.finds_in_bounds(subtype, value, depth, out) =>
            {
                range::mask_as(shape, encoding, out)
            }
            (Shape::Opaque, _)
            | (Shape::Range { .. } | Shape::Multirange { .. }, Encoding::Text) => {
                self.opaque(shape, encoding, value, out)
            }
            _ => {
                let outcome = parts(self.catalog, shape, encoding, value, depth, self, out);
                if outcome == Outcome::Null {
                    self.withhold()
                } else {
                    outcome
                }
            }
        }
    }

    fn scalar(
        &mut self,
        scalar: Scalar,
        encoding: Encoding,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Outcome {
        let mark = out.len();
        let (head, grammar) = match (scalar, encoding, value) {
            (Scalar::Bytea, Encoding::Text, _) => return self.bytea_text(value, out),
            (Scalar::Jsonb, Encoding::Binary, [1, ..]) => (1, Some(Grammar::Json)),
            (Scalar::Jsonb, Encoding::Binary, _) => return self.withhold(),
            _ => (0, Grammar::of(scalar, encoding)),
        };
        let Some(grammar) = grammar else {
            return self.fixed(scalar, encoding, value, out);
        };
        out.extend_from_slice(value);
        let mut longer = Vec::new();
        let text = out.get_mut(mark + head..).unwrap_or_default();
        match self.in_place(grammar, text, &mut longer) {
            Verdict::Unchanged => Outcome::Kept,
            Verdict::InPlace => Outcome::Masked,
            Verdict::Null => Outcome::Null,
            Verdict::Replaced => {
                out.truncate(mark + head);
                out.extend_from_slice(&longer);
                Outcome::Masked
            }
        }
    }

    /// A type that is masked whole if anything is found in its text.
    fn fixed(
        &mut self,
        scalar: Scalar,
        encoding: Encoding,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Outcome {
        if encoding == Encoding::Text {
            self.inspect(value);
        } else {
            let mut text = std::mem::take(self.text);
            text.clear();
            let decoded = decode::text(scalar, value, &mut text);
            match decoded {
                Ok(true) => self.inspect(&text),
                Ok(false) if scalar != Scalar::Bool => self.inspect(value),
                Ok(false) => self.findings.clear(),
                Err(Malformed) => {}
            }
            *self.text = text;
            if decoded == Err(Malformed) {
                return self.withhold();
            }
        }
        self.mask_if_found(Shape::Scalar(scalar), encoding, value, out)
    }

    fn mask_if_found(
        &mut self,
        shape: Shape,
        encoding: Encoding,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Outcome {
        if self.findings.is_empty() {
            out.extend_from_slice(value);
            return Outcome::Kept;
        }
        self.note_finding();
        let strategy = self.policy.content.as_ref().unwrap_or(&Strategy::Redact);
        let strategy = self.transform().unwrap_or(strategy);
        Whole::new(self.catalog, strategy)
            .at(self.place)
            .mask(shape, encoding, value, 0, out)
    }

    /// Masks the findings in a text by what the policy says of their detectors.
    fn shape(&self, text: &mut [u8]) {
        let today = self.place.today;
        span::shaped(text, self.findings, |finding, found, out| {
            match self.policy.transform_of(finding.detector) {
                Some(Strategy::Transform(transform)) => transform.in_text(today, found, out),
                _ => Err(Malformed),
            }
        });
    }

    /// The transform for a value in which all findings are of one kind.
    fn transform(&self) -> Option<&Strategy> {
        let first = self.findings.first().filter(|_| self.may_transform)?;
        let mut findings = self.findings.iter();
        let is_one = findings.all(|finding| finding.detector == first.detector);
        self.policy.transform_of(first.detector).filter(|_| is_one)
    }

    /// Is anything found in a bound of the range, or of the ranges, by itself?
    fn finds_in_bounds(
        &mut self,
        subtype: u32,
        value: &[u8],
        depth: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let (mark, shape) = (out.len(), types::shape(self.catalog, subtype));
        range::bounds_in_text(value).iter().any(|bound| {
            let outcome = self.rewrite(shape, Encoding::Text, bound, depth + 1, out);
            out.truncate(mark);
            outcome != Outcome::Kept
        })
    }

    /// A value of unknown structure: NULL if anything is found or a ruled key is in it.
    fn opaque(
        &mut self,
        shape: Shape,
        encoding: Encoding,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Outcome {
        self.inspect(value);
        let mark = out.len();
        let outcome = self.mask_if_found(shape, encoding, value, out);
        if outcome == Outcome::Kept
            && let Some(copy) = out.get_mut(mark..)
            && self.mask_json(Grammar::Free, copy)
        {
            return Outcome::Null;
        }
        outcome
    }

    fn bytea_text(&mut self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        let mark = out.len();
        let mut bytes = std::mem::take(self.text);
        bytes.clear();
        let decoded = match bytea::hex_digits(value) {
            Some(digits) => bytea::decode_hex(digits, &mut bytes),
            None => bytea::decode_escape(value, &mut bytes),
        };
        let outcome = if decoded == Err(Malformed) {
            self.withhold()
        } else {
            let mut longer = Vec::new();
            match self.in_place(Grammar::Bytes, &mut bytes, &mut longer) {
                Verdict::Unchanged => {
                    out.extend_from_slice(value);
                    Outcome::Kept
                }
                Verdict::Null => Outcome::Null,
                Verdict::InPlace => {
                    bytea::encode_hex(&bytes, out);
                    Outcome::Masked
                }
                Verdict::Replaced => {
                    bytea::encode_hex(&longer, out);
                    Outcome::Masked
                }
            }
        };
        *self.text = bytes;
        if outcome == Outcome::Null {
            out.truncate(mark);
        }
        outcome
    }

    /// Inspects a text that is whole; without content detection there is nothing to find.
    fn inspect(&mut self, text: &[u8]) {
        self.findings.clear();
        if self.policy.content.is_some() {
            self.inspector.inspect(text, self.around, self.findings);
            for finding in self.findings.iter() {
                let found = text.get(finding.start..finding.end);
                self.tally.found(self.column, found.unwrap_or_default());
            }
            if let Some(watch) = self.watch.take() {
                watch.see(text, self.findings);
            }
        }
    }

    fn note_finding(&mut self) {
        let found = self
            .findings
            .first()
            .map(|finding| Masker::Detector(finding.detector));
        self.masker = self.masker.or(found);
    }

    /// What cannot be judged does not pass.
    fn withhold(&mut self) -> Outcome {
        self.masker.get_or_insert(Masker::Default);
        self.tally.missed(Some(self.column));
        Outcome::Null
    }
}

impl<I: Inspect> Visit for Scanner<'_, I> {
    fn value(
        &mut self,
        type_oid: u32,
        encoding: Encoding,
        value: &[u8],
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let shape = types::shape(self.catalog, type_oid);
        let mark = out.len();
        let outcome = self.rewrite(shape, encoding, value, depth, out);
        if outcome == Outcome::Null {
            out.truncate(mark);
        }
        outcome
    }
}

/// A text that begins like a JSON object or array.
pub(super) fn looks_like_json(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
}
