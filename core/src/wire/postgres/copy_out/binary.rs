//! PostgreSQL's binary COPY format.
//!
//! ```text
//!  file   "PGCOPY\n\xff\r\n\0" · flags u32 · extension length u32 · tuples · −1 i16
//!  tuple  fields i16 · (length i32 · value)*      length −1: NULL
//! ```

use super::edits::Edits;
use super::{Columns, MALFORMED, OTHER_COLUMNS, UNFINISHED, Work, violation};
use crate::bytes::{Reader, Truncated};
use crate::cell::{Encoding, Judge, KnownRow, Verdict};
use crate::error::Violation;
use crate::inspect::Inspect;

/// The signature; no flag is in use and no extension is defined.
const HEAD: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Bytes of [`HEAD`].
pub(super) const HEAD_BYTES: usize = HEAD.len();

/// How far the format is read.
pub(super) struct Binary {
    pub(super) state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing was read.
    Head,
    /// Tuples follow.
    Tuples,
    /// The trailer was read.
    Ended,
}

/// What a tuple's first two bytes say.
pub(super) enum Tuple {
    Fields(usize),
    Trailer,
}

impl Binary {
    pub(super) fn new() -> Self {
        Self { state: State::Head }
    }

    /// Checks the bytes in front of the tuples. Flags and extensions that are not known are
    /// bytes that cannot be judged.
    pub(super) fn head(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        if bytes != HEAD {
            return Err(violation("unknown header of a binary COPY"));
        }
        self.state = State::Tuples;
        Ok(())
    }

    /// Reads the number of fields.
    pub(super) fn tuple(&mut self, count: i16, columns: &Columns) -> Result<Tuple, Violation> {
        if self.state == State::Ended {
            return Err(violation("data after the trailer of a binary COPY"));
        }
        if count == -1 {
            self.state = State::Ended;
            return Ok(Tuple::Trailer);
        }
        let count = usize::try_from(count).map_err(|_| MALFORMED)?;
        if columns.are(count) {
            Ok(Tuple::Fields(count))
        } else {
            Err(OTHER_COLUMNS)
        }
    }

    /// Judges every field of `body`, which holds whole tuples, and returns their number.
    pub(super) fn judge<I: Inspect>(
        &mut self,
        columns: &Columns,
        work: &mut Work,
        judge: &mut Judge<'_, I>,
        body: &mut [u8],
    ) -> Result<u64, Violation> {
        let mut at = 0;
        if self.state == State::Head {
            self.head(body.get(..HEAD_BYTES).ok_or(UNFINISHED)?)?;
            at = HEAD_BYTES;
        }
        let mut rows = 0;
        while at < body.len() {
            let count = Reader::new(body.get(at..).unwrap_or_default()).i16();
            at += 2;
            let fields = match self.tuple(count.map_err(unfinished)?, columns)? {
                Tuple::Fields(fields) => fields,
                Tuple::Trailer if at == body.len() => break,
                Tuple::Trailer => return Err(violation("data after the trailer of a binary COPY")),
            };
            work.known.clear();
            if columns.joins {
                note_known(judge.inspector, at, fields, columns, &mut work.known, body)?;
            }
            let mut slots = None;
            let mut judge = judge.knowing(&work.known, &mut slots);
            for column in 0..fields {
                at = field(at, column, columns, &mut work.edits, &mut judge, body)?;
            }
            rows += 1;
        }
        Ok(rows)
    }
}

/// Bytes of a field's value; `None` for NULL.
pub(super) fn field_bytes(length: i32) -> Result<Option<usize>, Violation> {
    match length {
        -1 => Ok(None),
        _ => usize::try_from(length).map(Some).map_err(|_| MALFORMED),
    }
}

/// Remembers the identifying values of the tuple whose first field is at `at`, before any of
/// them is masked.
fn note_known(
    inspector: &impl Inspect,
    mut at: usize,
    fields: usize,
    columns: &Columns,
    known: &mut KnownRow,
    body: &[u8],
) -> Result<(), Violation> {
    for column in 0..fields {
        let start = at + 4;
        at = match field_end(at, body)? {
            None => start,
            Some(end) => {
                let plan = columns.get(column).ok_or(OTHER_COLUMNS)?;
                let value = body.get(start..end).ok_or(UNFINISHED)?;
                known.note(inspector, plan, Encoding::Binary, value);
                end
            }
        };
    }
    Ok(())
}

/// One past the field at `at`; `None` if it is NULL.
fn field_end(at: usize, body: &[u8]) -> Result<Option<usize>, Violation> {
    let length = Reader::new(body.get(at..).unwrap_or_default()).i32();
    let bytes = field_bytes(length.map_err(unfinished)?)?;
    let end = |bytes| (at + 4).checked_add(bytes).ok_or(MALFORMED);
    bytes.map(end).transpose()
}

/// Judges the field at `at` and returns where the next one begins.
fn field<I: Inspect>(
    at: usize,
    column: usize,
    columns: &Columns,
    edits: &mut Edits,
    judge: &mut Judge<'_, I>,
    body: &mut [u8],
) -> Result<usize, Violation> {
    let start = at + 4;
    let Some(end) = field_end(at, body)? else {
        return Ok(start);
    };
    let value = body.get_mut(start..end).ok_or(UNFINISHED)?;
    let plan = columns.get(column).ok_or(OTHER_COLUMNS)?;
    match judge.cell(plan, Encoding::Binary, value) {
        Verdict::Unchanged | Verdict::InPlace => {}
        Verdict::Null => {
            edits.put(body, at..end, |out| {
                out.extend_from_slice(&(-1_i32).to_be_bytes())
            });
        }
        Verdict::Replaced => {
            let value = judge.replacement();
            // A value that the frame could not hold is caught when the frame's length is.
            let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
            edits.put(body, at..end, |out| {
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(value);
            });
        }
    }
    Ok(end)
}

fn unfinished(_: Truncated) -> Violation {
    UNFINISHED
}
