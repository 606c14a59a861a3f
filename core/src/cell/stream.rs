//! A value too large to be held: judged block by block, with masks of the same length only.

use super::block::{BlockScan, Hex};
use super::fill::Fill;
use super::scan::Grammar;
use super::{ColumnPlan, Decision, Encoding, Judge, Masker, Verdict};
use crate::audit::receipt::values::ValueStream;
use crate::error::{Refusal, SqlState};
use crate::inspect::Inspect;
use crate::limits::{FINDING_SPAN_BYTES, ROW_WHOLE_BYTES, STREAM_BLOCK_BYTES};
use crate::mask::types::{Scalar, Shape};
use crate::policy::Policy;

// The most that is ever held back: two horizons of hex digits, and an odd one.
const _: () = assert!(STREAM_BLOCK_BYTES + 4 * FINDING_SPAN_BYTES < ROW_WHOLE_BYTES);

/// The state of one such value.
pub struct StreamedCell {
    mode: Mode,
    value_bytes: usize,
    /// Bytes not released yet.
    rest_bytes: usize,
    /// Bytes seen and not released.
    held_bytes: usize,
    counted: bool,
    /// The value so far, where it is masked whole and kept.
    kept: Option<Box<ValueStream>>,
}

enum Mode {
    Pass,
    /// So small that it comes at once, and is judged like a value of any other row; if it
    /// cannot keep its length, like a large one.
    Whole(Encoding, Option<Box<Mode>>),
    /// Overwritten whole.
    Fill(Fill, Masker),
    /// Overwritten with `X` from here on, because it turned out to be malformed.
    Withheld,
    /// Inspected as it stands.
    Scan(Box<BlockScan>),
    /// bytea's text: the bytes are inspected that its digits stand for.
    Hex(Hex),
}

/// What became of a block.
pub(super) enum Judged {
    /// This many bytes were judged; some may have been masked.
    Bytes(usize, Option<Masker>),
    /// The value is not one of its type.
    Malformed,
}

impl StreamedCell {
    /// Begins a value of `value_bytes`; `usize::MAX` if its end is not known yet.
    ///
    /// Constants and NULL have another length: they redact instead. A value that fits into one
    /// block is otherwise judged as in any other row; in a larger one partial masks redact, too.
    ///
    /// # Errors
    /// [`SqlState::PROGRAM_LIMIT_EXCEEDED`] if the value is longer than a block and its type
    /// cannot be judged in parts: most types with parts in their binary form, and those with
    /// parts in which a rule's JSON keys would have to be found.
    pub fn begin(
        policy: &Policy,
        column: &ColumnPlan,
        encoding: Encoding,
        value_bytes: usize,
    ) -> Result<Self, Refusal> {
        let shape = column.shape.unwrap_or(Shape::Opaque);
        let fill = |masker| Fill::of(shape, encoding, value_bytes).map(|f| Mode::Fill(f, masker));
        let mode = match column.decision_now() {
            Decision::Pass => Some(Mode::Pass),
            Decision::Scan => scan_mode(policy, shape, encoding),
            Decision::Mask(rule) => fill(Masker::Rule(rule)),
            Decision::MaskAs(detector) => fill(Masker::Detector(detector)),
            Decision::MaskByDefault => fill(Masker::Default),
        };
        let mode = match mode {
            Some(Mode::Pass) => Some(Mode::Pass),
            mode if value_bytes <= STREAM_BLOCK_BYTES => {
                Some(Mode::Whole(encoding, mode.map(Box::new)))
            }
            mode => mode,
        };
        // Its length was announced, and would tell of the value.
        let mode = mode.filter(|_| !column.is_uniform());
        let mode = mode.ok_or_else(too_large)?;
        Ok(Self {
            mode,
            value_bytes,
            rest_bytes: value_bytes,
            held_bytes: 0,
            counted: false,
            kept: None,
        })
    }

    /// Can a value of the column have no way through but whole? One with parts or of bits: what
    /// else does not stream is never long.
    pub(crate) fn may_need_whole(policy: &Policy, column: &ColumnPlan, encoding: Encoding) -> bool {
        let shape = column.shape.unwrap_or(Shape::Opaque);
        let is_long = !matches!(shape, Shape::Scalar(_)) || shape == Shape::Scalar(Scalar::Bit);
        (is_long || column.is_uniform())
            && Self::begin(policy, column, encoding, usize::MAX).is_err()
    }

    /// Says that the value ends after `bytes` more, those that were held back included. To be
    /// called once for a value that was begun without a length, when fewer than
    /// [`StreamedCell::wants`] bytes are left.
    pub fn ends_in(&mut self, bytes: usize) {
        self.value_bytes = (self.value_bytes - self.rest_bytes).saturating_add(bytes);
        self.rest_bytes = bytes;
    }

    /// How many bytes must be there for the next [`StreamedCell::feed`]: those that were held
    /// back and new ones. Less than [`ROW_WHOLE_BYTES`].
    pub fn wants(&self) -> usize {
        self.rest_bytes.min(STREAM_BLOCK_BYTES + self.held_bytes)
    }

    /// Judges exactly [`StreamedCell::wants`] bytes and returns how many of them, from the
    /// first, may be released. The others come again at the head of the next call.
    ///
    /// # Errors
    /// [`SqlState::PROGRAM_LIMIT_EXCEEDED`] if a small value has no mask of its own length.
    pub fn feed<I: Inspect>(
        &mut self,
        judge: &mut Judge<'_, I>,
        column: &ColumnPlan,
        bytes: &mut [u8],
    ) -> Result<usize, Refusal> {
        let given = bytes.len().min(self.wants());
        let bytes = bytes.get_mut(..given).unwrap_or_default();
        let is_last = given == self.rest_bytes;
        if let Mode::Whole(encoding, instead) = &mut self.mode {
            if !is_last {
                return Err(too_large());
            }
            self.counted = true;
            let (encoding, instead) = (*encoding, instead.take());
            match judge.cell(&column.keeping_length(), encoding, bytes) {
                Verdict::Unchanged | Verdict::InPlace => self.mode = Mode::Pass,
                Verdict::Replaced | Verdict::Null => {
                    self.mode = other_mode(judge, column, encoding, bytes, instead)?;
                }
            }
        }
        let judged = match &mut self.mode {
            Mode::Pass => Judged::Bytes(given, None),
            Mode::Fill(fill, masker) => {
                // Until the end is known, the last byte may be where the suffix belongs.
                let judged = given - usize::from(!is_last && given > 0);
                let offset = self.value_bytes - self.rest_bytes;
                if !self.counted {
                    self.kept = judge.tally.start(column).map(Box::new);
                }
                if let Some(kept) = &mut self.kept {
                    kept.update(bytes.get(..judged).unwrap_or_default());
                }
                fill.write(
                    offset,
                    self.value_bytes,
                    bytes.get_mut(..judged).unwrap_or_default(),
                );
                Judged::Bytes(judged, Some(*masker))
            }
            Mode::Whole(..) | Mode::Withheld => Judged::Malformed,
            Mode::Scan(scan) => scan.feed(judge, column, bytes, is_last),
            Mode::Hex(hex) => hex.feed(judge, column, bytes, is_last),
        };
        let (judged, masker) = match judged {
            Judged::Bytes(judged, masker) => (judged, masker),
            Judged::Malformed => {
                self.mode = Mode::Withheld;
                judge.tally.missed(Some(column));
                bytes.fill(b'X');
                (given, Some(Masker::Default))
            }
        };
        if let Some(masker) = masker
            && !self.counted
        {
            self.counted = true;
            judge.tally.add(masker, Some(column));
        }
        self.rest_bytes -= judged;
        if self.rest_bytes == 0
            && let Some(kept) = self.kept.take()
        {
            judge.tally.finish(column, *kept);
        }
        self.held_bytes = given - judged;
        Ok(judged)
    }

    /// True if every byte was released.
    pub fn is_done(&self) -> bool {
        self.rest_bytes == 0
    }
}

/// What to do with a small value whose masked form has another length: a scan masks the
/// findings alone; else the value is redacted, in its type's usual form if that has the length.
fn other_mode<I: Inspect>(
    judge: &mut Judge<'_, I>,
    column: &ColumnPlan,
    encoding: Encoding,
    bytes: &mut [u8],
    instead: Option<Box<Mode>>,
) -> Result<Mode, Refusal> {
    match instead {
        Some(mode) if column.decision_now() == Decision::Scan => Ok(*mode),
        _ if judge.redact(column, encoding, bytes) => Ok(Mode::Pass),
        Some(mode) => Ok(*mode),
        None => {
            let message = "a row is too large to give one of its values another length";
            Err(Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
                .with_hint("Select the large values and the small ones apart."))
        }
    }
}

fn scan_mode(policy: &Policy, shape: Shape, encoding: Encoding) -> Option<Mode> {
    let keys = policy.json_keys();
    let scan = |grammar, head_bytes| {
        let scan = BlockScan::new(grammar, head_bytes, !keys.is_empty());
        Some(Mode::Scan(Box::new(scan)))
    };
    match (shape, encoding) {
        (Shape::Scalar(Scalar::Bytea), Encoding::Text) => Some(Mode::Hex(Hex::default())),
        (Shape::Scalar(Scalar::Jsonb), Encoding::Binary) => scan(Grammar::Json, 1),
        (Shape::Scalar(scalar), _) => match (Grammar::of(scalar, encoding), encoding) {
            (Some(grammar), _) => scan(grammar, 0),
            (None, Encoding::Text) => scan(Grammar::Parts, 0),
            (None, Encoding::Binary) => None,
        },
        (_, Encoding::Text) if keys.is_empty() || !shape.may_hold_json() => scan(Grammar::Parts, 0),
        _ => None,
    }
}

/// How large it is would tell of a value that the statement made as long as it liked.
fn too_large() -> Refusal {
    let text = "a value is too large to be masked";
    Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, text)
        .with_hint("Values of this type are masked whole. Select a part of it, or its text.")
}
