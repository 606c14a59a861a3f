//! Cells of the text format and of CSV, part by part.
//!
//! A value is decoded into a buffer, judged there as a streamed value, and what was changed is
//! written back over the bytes that stand for it: a byte of mask for every byte of the frame, so
//! that a masked escape becomes two bytes of mask.

use super::super::dialect::{Dialect, Symbol};
use super::super::{Columns, MALFORMED, OTHER_COLUMNS, UNFINISHED};
use super::{Advance, Progress};
use crate::bytes::Window;
use crate::cell::{ColumnPlan, Encoding, Judge, StreamedCell};
use crate::error::{Fault, Refusal, SqlState};
use crate::inspect::Inspect;
use crate::limits::STREAM_BLOCK_BYTES;

/// What stands for NULL is recognised up to this length; a longer one is judged as a value.
const NULL_BYTES_MAX: usize = 1024;

/// The cell at hand; `None` between two.
#[derive(Default)]
pub(super) struct Line {
    open: Option<Open>,
}

/// A cell that has begun.
struct Open {
    quoted: bool,
    judging: Judging,
    /// Bytes of the value that were read and not released, as they were last judged.
    decoded: Vec<u8>,
    /// Bytes of the window that stand for them.
    raw_bytes: usize,
    /// Set when the end of the value was seen.
    end: Option<End>,
}

#[derive(Clone, Copy)]
struct End {
    /// Quote and separator.
    raw_bytes: usize,
    is_last: bool,
}

enum Judging {
    /// The column passes, or the line is the header.
    Pass,
    /// The value is read until its end or a block is there.
    Gathering,
    /// The value is longer than a block, or judged as far as it was gathered.
    Streaming { cell: StreamedCell, end_known: bool },
}

impl Line {
    /// True between two cells.
    pub(super) fn is_between(&self) -> bool {
        self.open.is_none()
    }

    pub(super) fn step<I: Inspect>(
        &mut self,
        progress: &mut Progress,
        dialect: &mut Dialect,
        columns: &Columns,
        judge: &mut Judge<'_, I>,
        window: &mut Window,
    ) -> Result<Advance, Fault> {
        let plan = columns.get(progress.column).ok_or(OTHER_COLUMNS)?;
        let Some(open) = &mut self.open else {
            return self.open_cell(progress, dialect, plan, columns, window);
        };
        open.read(progress, dialect, window)?;
        if let Some(needs) = open.judge(progress, dialect, plan, judge, window)? {
            return Ok(needs);
        }
        let finished = open.decoded.is_empty() && open.is_judged();
        if let (Some(end), true) = (open.end, finished) {
            progress.release(window, end.raw_bytes);
            self.open = None;
            progress.end_cell(end.is_last, dialect, columns)?;
        }
        Ok(Advance::Made)
    }

    fn open_cell(
        &mut self,
        progress: &mut Progress,
        dialect: &mut Dialect,
        plan: &ColumnPlan,
        columns: &Columns,
        window: &mut Window,
    ) -> Result<Advance, Fault> {
        let there = window.unjudged().len().min(progress.left_bytes);
        let null_bytes = dialect.null().len();
        let null_bytes = if null_bytes > NULL_BYTES_MAX {
            0
        } else {
            null_bytes
        };
        let needed = (null_bytes + 1).min(progress.left_bytes);
        if there < needed {
            return Ok(Advance::Needs(needed));
        }
        let raw = window.unjudged().get(..there).unwrap_or_default();
        if let Some(is_last) = dialect.is_null(raw) {
            progress.release(window, dialect.null().len() + 1);
            progress.end_cell(is_last, dialect, columns)?;
            return Ok(Advance::Made);
        }
        let quoted = raw.first().is_some_and(|&byte| dialect.opens_quotes(byte));
        progress.release(window, usize::from(quoted));
        let pass = dialect.header || plan.is_pass();
        self.open = Some(Open {
            quoted,
            judging: if pass {
                Judging::Pass
            } else {
                Judging::Gathering
            },
            decoded: Vec::new(),
            raw_bytes: 0,
            end: None,
        });
        Ok(Advance::Made)
    }
}

impl Progress {
    fn end_cell(
        &mut self,
        is_last: bool,
        dialect: &mut Dialect,
        columns: &Columns,
    ) -> Result<(), Fault> {
        self.column += 1;
        if is_last {
            if !columns.are(self.column) {
                return Err(OTHER_COLUMNS.into());
            }
            self.column = 0;
            self.rows += u64::from(!dialect.header);
            dialect.header = false;
        }
        Ok(())
    }
}

impl Open {
    /// True if nothing more will be judged.
    fn is_judged(&self) -> bool {
        match &self.judging {
            Judging::Pass => true,
            Judging::Gathering => false,
            Judging::Streaming { cell, .. } => cell.is_done(),
        }
    }

    /// Bytes of the value that have to be decoded before it can go on.
    fn wants(&self) -> usize {
        match &self.judging {
            Judging::Pass | Judging::Gathering => STREAM_BLOCK_BYTES,
            Judging::Streaming { cell, .. } => cell.wants(),
        }
    }

    /// Decodes what is there, as far as it is wanted.
    fn read(
        &mut self,
        progress: &Progress,
        dialect: &Dialect,
        window: &Window,
    ) -> Result<(), Fault> {
        let wants = self.wants();
        let there = window.unjudged().len().min(progress.left_bytes);
        let mut rest = window
            .unjudged()
            .get(self.raw_bytes..there)
            .unwrap_or_default();
        while self.end.is_none() && self.decoded.len() < wants {
            match dialect.symbol(rest, self.quoted)? {
                Symbol::Byte { value, raw_bytes } => {
                    self.decoded.push(value);
                    self.raw_bytes += raw_bytes;
                    rest = rest.get(raw_bytes..).unwrap_or_default();
                }
                Symbol::End { raw_bytes, is_last } => self.end = Some(End { raw_bytes, is_last }),
                Symbol::Incomplete => break,
            }
        }
        Ok(())
    }

    /// Judges and releases what was decoded; says what is needed if nothing can be.
    fn judge<I: Inspect>(
        &mut self,
        progress: &mut Progress,
        dialect: &Dialect,
        plan: &ColumnPlan,
        judge: &mut Judge<'_, I>,
        window: &mut Window,
    ) -> Result<Option<Advance>, Fault> {
        let wants = self.wants();
        if self.end.is_none() && self.decoded.len() < wants {
            let starved = !matches!(self.judging, Judging::Pass) || self.decoded.is_empty();
            if starved {
                return self.needs(wants, progress, window).map(Some);
            }
        }
        match &mut self.judging {
            Judging::Pass => {
                progress.release(window, self.raw_bytes);
                self.raw_bytes = 0;
                self.decoded.clear();
            }
            Judging::Gathering => {
                let known = self.end.map(|_| self.decoded.len());
                let bytes = known.unwrap_or(usize::MAX);
                self.judging = if bytes == 0 {
                    Judging::Pass
                } else {
                    let cell = StreamedCell::begin(judge.policy, plan, Encoding::Text, bytes)?;
                    Judging::Streaming {
                        cell,
                        end_known: known.is_some(),
                    }
                };
            }
            Judging::Streaming { cell, end_known } => {
                if self.end.is_some() && !*end_known {
                    cell.ends_in(self.decoded.len());
                    *end_known = true;
                }
                if !cell.is_done() {
                    let block = self.decoded.get_mut(..cell.wants()).ok_or(UNFINISHED)?;
                    let judged = cell.feed(judge, plan, block)?;
                    self.release(judged, progress, dialect, window)?;
                }
            }
        }
        Ok(None)
    }

    /// How many bytes of window it takes to decode `wants` bytes of value, at the least.
    fn needs(&self, wants: usize, progress: &Progress, window: &Window) -> Result<Advance, Fault> {
        let there = window.unjudged().len().min(progress.left_bytes);
        if there == progress.left_bytes {
            return Err(UNFINISHED.into());
        }
        let least = self.raw_bytes + (wants - self.decoded.len());
        Ok(Advance::Needs(
            least.max(there + 1).min(progress.left_bytes),
        ))
    }

    /// Writes the first `judged` bytes of the value back and releases them.
    fn release(
        &mut self,
        judged: usize,
        progress: &mut Progress,
        dialect: &Dialect,
        window: &mut Window,
    ) -> Result<(), Fault> {
        let mut raw = window.unjudged_mut();
        let mut released = 0;
        for value in self.decoded.drain(..judged) {
            let Symbol::Byte {
                value: before,
                raw_bytes,
            } = dialect.symbol(raw, self.quoted)?
            else {
                return Err(MALFORMED.into());
            };
            let (place, rest) = raw.split_at_mut_checked(raw_bytes).ok_or(MALFORMED)?;
            if value != before {
                if dialect.is_special(value, self.quoted) {
                    return Err(unmaskable().into());
                }
                place.fill(value);
            }
            released += raw_bytes;
            raw = rest;
        }
        self.raw_bytes -= released;
        progress.release(window, released);
        Ok(())
    }
}

/// A mask needs a byte that this COPY uses for something else.
fn unmaskable() -> Refusal {
    Refusal::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        "a value of this COPY is too large to be masked in its format",
    )
    .with_hint("Choose a delimiter, quote and escape that are neither letters nor digits.")
}
