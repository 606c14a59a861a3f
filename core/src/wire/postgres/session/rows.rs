//! DataRow: each value is judged in place; a value of another length becomes a patch.

use crate::bytes::Window;
use crate::cell::{Judge, KnownRow, Verdict};
use crate::error::{Peer, Violation};
use crate::inspect::Inspect;

use super::super::frame::HEADER_BYTES;
use super::results::ResultPlan;

const MALFORMED: Violation = Violation {
    peer: Peer::Server,
    what: "malformed DataRow",
};
/// Tag, length and number of columns.
const ROW_HEAD_BYTES: usize = HEADER_BYTES + 2;

/// A value that gives way to one of another length.
struct Edit {
    /// Where the value stands in the frame.
    start: usize,
    end: usize,
    /// One past its replacement in [`RowEdits::bytes`].
    bytes_end: usize,
}

/// Scratch space of a row, kept from row to row.
#[derive(Default)]
pub(super) struct RowEdits {
    edits: Vec<Edit>,
    bytes: Vec<u8>,
    known: KnownRow,
}

impl RowEdits {
    /// What is known of the last row.
    pub(super) fn known(&mut self) -> &mut KnownRow {
        &mut self.known
    }
}

/// Remembers the identifying values of the whole DataRow at the head of the window.
///
/// # Errors
/// A row that is not well formed.
pub(super) fn note_row(
    inspector: &impl Inspect,
    plan: &ResultPlan,
    scratch: &mut RowEdits,
    window: &Window,
    frame_bytes: usize,
) -> Result<(), Violation> {
    scratch.known.clear();
    if !plan.joins {
        return Ok(());
    }
    let frame = window.unjudged().get(..frame_bytes).ok_or(MALFORMED)?;
    note_known(inspector, plan, &mut scratch.known, frame)
}

/// Judges the whole DataRow of `frame_bytes` at the head of the window, which was noted, and
/// releases it.
///
/// # Errors
/// A row that is not well formed, or does not have the columns that were described. Nothing of
/// it is released.
pub(super) fn judge_row<I: Inspect>(
    judge: &mut Judge<'_, I>,
    plan: &ResultPlan,
    scratch: &mut RowEdits,
    window: &mut Window,
    frame_bytes: usize,
) -> Result<(), Violation> {
    scratch.edits.clear();
    scratch.bytes.clear();
    let frame = window
        .unjudged_mut()
        .get_mut(..frame_bytes)
        .ok_or(MALFORMED)?;
    judge_values(judge, plan, scratch, frame)?;
    if scratch.edits.is_empty() {
        window.pass(frame_bytes);
    } else {
        release_edited(scratch, window, frame_bytes)?;
    }
    Ok(())
}

fn judge_values<I: Inspect>(
    judge: &mut Judge<'_, I>,
    plan: &ResultPlan,
    scratch: &mut RowEdits,
    frame: &mut [u8],
) -> Result<(), Violation> {
    let count = frame.get(HEADER_BYTES..ROW_HEAD_BYTES).ok_or(MALFORMED)?;
    if count != (plan.columns.len() as u16).to_be_bytes() {
        return Err(Violation {
            peer: Peer::Server,
            what: "DataRow with other columns",
        });
    }
    let mut slots = None;
    let RowEdits {
        edits,
        bytes,
        known,
    } = scratch;
    let mut judge = judge.knowing(known, &mut slots);
    let mut at = ROW_HEAD_BYTES;
    for (index, column) in plan.columns.iter().enumerate() {
        let start = at + 4;
        let Some(end) = value_end(frame, at)? else {
            at = start;
            continue;
        };
        if !column.is_pass() {
            let encoding = plan.formats.get(index).ok_or(MALFORMED)?;
            let value = frame.get_mut(start..end).ok_or(MALFORMED)?;
            let new_length = match judge.cell(column, encoding, value) {
                Verdict::Unchanged | Verdict::InPlace => None,
                Verdict::Replaced => {
                    bytes.extend_from_slice(judge.replacement());
                    Some(judge.replacement().len() as u32)
                }
                Verdict::Null => Some(u32::MAX),
            };
            if let Some(new_length) = new_length {
                edits.push(Edit {
                    start,
                    end,
                    bytes_end: bytes.len(),
                });
                let field = frame.get_mut(at..start).ok_or(MALFORMED)?;
                field.copy_from_slice(&new_length.to_be_bytes());
            }
        }
        at = end;
    }
    if at == frame.len() {
        Ok(())
    } else {
        Err(MALFORMED)
    }
}

/// Remembers the row's identifying values, before any of them is masked.
fn note_known(
    inspector: &impl Inspect,
    plan: &ResultPlan,
    known: &mut KnownRow,
    frame: &[u8],
) -> Result<(), Violation> {
    let mut at = ROW_HEAD_BYTES;
    for (index, column) in plan.columns.iter().enumerate() {
        let start = at + 4;
        at = match value_end(frame, at)? {
            None => start,
            Some(end) => {
                let encoding = plan.formats.get(index).ok_or(MALFORMED)?;
                let value = frame.get(start..end).ok_or(MALFORMED)?;
                known.note(inspector, column, encoding, value);
                end
            }
        };
    }
    Ok(())
}

/// One past the value whose length stands at `at`; `None` if it is NULL.
fn value_end(frame: &[u8], at: usize) -> Result<Option<usize>, Violation> {
    let start = at + 4;
    let length = frame.get(at..start).ok_or(MALFORMED)?;
    let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| MALFORMED)?;
    let end = start.checked_add(length).filter(|&end| end <= frame.len());
    end.map(Some).ok_or(MALFORMED)
}

/// Releases the frame with its edits: the length is rewritten in place, the values are patches.
fn release_edited(
    scratch: &RowEdits,
    window: &mut Window,
    frame_bytes: usize,
) -> Result<(), Violation> {
    let removed: usize = scratch.edits.iter().map(|edit| edit.end - edit.start).sum();
    let length = frame_bytes - removed + scratch.bytes.len() - 1;
    let length = u32::try_from(length).map_err(|_| MALFORMED)?;
    let field = window
        .unjudged_mut()
        .get_mut(1..HEADER_BYTES)
        .ok_or(MALFORMED)?;
    field.copy_from_slice(&length.to_be_bytes());
    let (mut at, mut bytes_at) = (0, 0);
    for edit in &scratch.edits {
        window.pass(edit.start - at);
        window.replace(
            edit.end - edit.start,
            &scratch.bytes[bytes_at..edit.bytes_end],
        );
        (at, bytes_at) = (edit.end, edit.bytes_end);
    }
    window.pass(frame_bytes - at);
    Ok(())
}
