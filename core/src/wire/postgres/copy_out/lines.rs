//! Whole rows of the text format and of CSV.

use super::dialect::{Cell, Dialect};
use super::edits::Edits;
use super::{Columns, OTHER_COLUMNS};
use crate::cell::{ColumnPlan, Encoding, Judge, Verdict};
use crate::error::Violation;
use crate::inspect::Inspect;

/// Judges every cell of `body`, which holds whole rows, and returns their number.
pub(super) fn judge<I: Inspect>(
    dialect: &mut Dialect,
    columns: &Columns,
    (edits, decoded): (&mut Edits, &mut Vec<u8>),
    judge: &mut Judge<'_, I>,
    body: &mut [u8],
) -> Result<u64, Violation> {
    let (mut at, mut column, mut rows) = (0, 0, 0);
    while at < body.len() || column > 0 {
        let cell = dialect.cell(body, at)?;
        at = cell.outer.end + 1;
        let plan = columns.get(column).ok_or(OTHER_COLUMNS)?;
        // The row of a table without columns looks like one empty cell.
        let is_nothing = cell.is_null || (columns.plans.is_empty() && cell.inner.is_empty());
        if !dialect.header && !plan.is_pass() && !is_nothing {
            let mut work = Work {
                dialect,
                edits,
                decoded,
            };
            work.cell(judge, plan, body, &cell)?;
        }
        column += 1;
        if cell.is_last {
            if !columns.are(column) {
                return Err(OTHER_COLUMNS);
            }
            column = 0;
            rows += u64::from(!dialect.header);
            dialect.header = false;
        }
    }
    Ok(rows)
}

struct Work<'a> {
    dialect: &'a Dialect,
    edits: &'a mut Edits,
    decoded: &'a mut Vec<u8>,
}

impl Work<'_> {
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
