//! Whole rows of the text format and of CSV.

use super::dialect::{Cell, Dialect};
use super::edits::Edits;
use super::readings::Readings;
use super::{Columns, OTHER_COLUMNS, Work, redact};
use crate::cell::{ColumnPlan, Encoding, Judge, Masker, Verdict};
use crate::error::Violation;
use crate::inspect::Inspect;

/// Judges every cell of `body`, which holds whole rows, and returns their number.
pub(super) fn judge<I: Inspect>(
    dialect: &mut Dialect,
    columns: &Columns,
    work: &mut Work,
    judge: &mut Judge<'_, I>,
    body: &mut [u8],
) -> Result<u64, Violation> {
    if !columns.all_pass && Readings::default().differ(body, |byte| dialect.cuts(byte)) {
        // Where its cells are is not known for sure: nothing of it is shown.
        if redact(body) {
            judge.tally.add(Masker::Default, None);
        }
        let rows = u64::from(!dialect.header);
        dialect.header = false;
        return Ok(rows);
    }
    if let Some(ends) = plain_cells(dialect, columns, &mut work.ends, body) {
        let mut row = Row {
            dialect,
            edits: &mut work.edits,
            decoded: &mut work.decoded,
        };
        row.judge_plain(columns, judge, body, ends)?;
        return Ok(1);
    }
    let (mut at, mut rows) = (0, 0);
    while at < body.len() {
        work.known.clear();
        if columns.joins && !dialect.header {
            note_known(judge.inspector, dialect, columns, work, body, at)?;
        }
        let mut slots = None;
        let mut judge = judge.knowing(&work.known, &mut slots);
        let mut row = Row {
            dialect,
            edits: &mut work.edits,
            decoded: &mut work.decoded,
        };
        at = row.judge(columns, &mut judge, body, at)?;
        rows += u64::from(!dialect.header);
        dialect.header = false;
    }
    Ok(rows)
}

/// Where the cells of `body` end, if it is one row of the text format without any escape and no
/// value of it tells about another: nearly every row, and read in one pass.
fn plain_cells<'e>(
    dialect: &Dialect,
    columns: &Columns,
    ends: &'e mut Vec<usize>,
    body: &[u8],
) -> Option<&'e [usize]> {
    if !dialect.may_be_plain() || columns.plans.is_empty() || columns.joins {
        return None;
    }
    ends.clear();
    let delimiter = dialect.delimiter();
    for end in memchr::memchr3_iter(delimiter, b'\n', b'\\', body) {
        ends.push(end);
        match body.get(end) {
            Some(b'\n') => break,
            Some(&byte) if byte == delimiter => {}
            _ => return None,
        }
    }
    let is_one_row = ends.last().is_some_and(|&end| end + 1 == body.len());
    is_one_row.then_some(ends)
}

/// Remembers the identifying values of the row at `at`, before any of them is masked.
fn note_known(
    inspector: &impl Inspect,
    dialect: &Dialect,
    columns: &Columns,
    work: &mut Work,
    body: &[u8],
    mut at: usize,
) -> Result<(), Violation> {
    for column in 0.. {
        let cell = dialect.cell(body, at)?;
        at = cell.outer.end + 1;
        let plan = columns.get(column).ok_or(OTHER_COLUMNS)?;
        if plan.is_noted() && !cell.is_null {
            let raw = body.get(cell.inner.clone()).unwrap_or_default();
            work.decoded.clear();
            dialect.decode(raw, cell.is_quoted(), &mut work.decoded)?;
            work.known
                .note(inspector, plan, Encoding::Text, &work.decoded);
        }
        if cell.is_last {
            break;
        }
    }
    Ok(())
}

struct Row<'a> {
    dialect: &'a Dialect,
    edits: &'a mut Edits,
    decoded: &'a mut Vec<u8>,
}

impl Row<'_> {
    /// Judges a row without escapes whose cells end at `ends`.
    fn judge_plain<I: Inspect>(
        &mut self,
        columns: &Columns,
        judge: &mut Judge<'_, I>,
        body: &mut [u8],
        ends: &[usize],
    ) -> Result<(), Violation> {
        if !columns.are(ends.len()) {
            return Err(OTHER_COLUMNS);
        }
        let mut start = 0;
        for (plan, &end) in columns.plans.iter().zip(ends) {
            let range = start..end;
            start = end + 1;
            if plan.is_pass() || body.get(range.clone()) == Some(self.dialect.null()) {
                continue;
            }
            let cell = Cell {
                outer: range.clone(),
                inner: range,
                is_null: false,
                escaped: false,
                is_last: end + 1 == body.len(),
            };
            self.cell(judge, plan, body, &cell)?;
        }
        Ok(())
    }

    /// Judges the row at `at` and returns where the next one begins.
    fn judge<I: Inspect>(
        &mut self,
        columns: &Columns,
        judge: &mut Judge<'_, I>,
        body: &mut [u8],
        mut at: usize,
    ) -> Result<usize, Violation> {
        for column in 0.. {
            let cell = self.dialect.cell(body, at)?;
            at = cell.outer.end + 1;
            let plan = columns.get(column).ok_or(OTHER_COLUMNS)?;
            // The row of a table without columns looks like one empty cell.
            let is_nothing = cell.is_null || (columns.plans.is_empty() && cell.inner.is_empty());
            if !self.dialect.header && !plan.is_pass() && !is_nothing {
                self.cell(judge, plan, body, &cell)?;
            }
            if cell.is_last {
                if !columns.are(column + 1) {
                    return Err(OTHER_COLUMNS);
                }
                break;
            }
        }
        Ok(at)
    }

    fn cell<I: Inspect>(
        &mut self,
        judge: &mut Judge<'_, I>,
        plan: &ColumnPlan,
        body: &mut [u8],
        cell: &Cell,
    ) -> Result<(), Violation> {
        let quoted = cell.is_quoted();
        let raw = body.get_mut(cell.inner.clone()).unwrap_or_default();
        self.decoded.clear();
        let verdict = if cell.escaped {
            self.dialect.decode(raw, quoted, self.decoded)?;
            judge.cell(plan, Encoding::Text, self.decoded)
        } else {
            judge.cell(plan, Encoding::Text, raw)
        };
        let value = match verdict {
            Verdict::Unchanged => return Ok(()),
            Verdict::Null => {
                let null = self.dialect.null();
                self.edits
                    .put(body, cell.outer.clone(), |out| out.extend_from_slice(null));
                return Ok(());
            }
            Verdict::InPlace if cell.escaped => &*self.decoded,
            Verdict::InPlace if self.dialect.is_plain(raw, quoted) => return Ok(()),
            Verdict::InPlace => {
                self.decoded.extend_from_slice(raw);
                &*self.decoded
            }
            Verdict::Replaced => judge.replacement(),
        };
        let dialect = self.dialect;
        self.edits.put(body, cell.outer.clone(), |out| {
            dialect.encode(value, quoted, out)
        });
        Ok(())
    }
}
