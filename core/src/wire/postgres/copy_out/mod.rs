//! COPY TO STDOUT: the rows inside of CopyData frames, judged cell by cell.
//!
//! ```text
//!  ┌─────┬────────────┬──────────────────────────────────────────────┐
//!  │ 'd' │ length u32 │ whole rows: text, CSV or PostgreSQL's binary │
//!  └─────┴────────────┴──────────────────────────────────────────────┘
//! ```
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "File Formats". PostgreSQL ends a
//! row where a frame ends; a server that does not breaks the protocol as far as Velum goes.
//!
//! * [`CopyOut::frame`] judges a frame that is whole in memory ([`lines`], [`binary`]). A value
//!   with escapes is decoded, judged and encoded again, so that no detector has to know them.
//! * [`CopyOut::stream_feed`] judges a larger one in parts ([`stream`]), with masks of the same
//!   length, as its length is with the client already.
//! * If the format or the columns are not known for certain, everything is masked.
#![deny(clippy::indexing_slicing)]

mod binary;
mod dialect;
mod edits;
mod lines;
mod readings;
mod stream;

use super::frame::HEADER_BYTES;
use crate::bytes::Window;
use crate::cell::{ColumnPlan, Encoding, Judge, KnownRow, Masker, StreamedCell};
use crate::error::{Fault, Peer, Violation};
use crate::inspect::Inspect;
use crate::policy::Policy;
use crate::sql::{CopyFormat, CopyOptions};
use binary::Binary;
use dialect::Dialect;
use edits::Edits;
use stream::Stream;

/// Buffers that a large row has grown are cut back to this.
const SCRATCH_BYTES: usize = 16 * 1024;

/// One COPY TO STDOUT.
pub struct CopyOut {
    format: Format,
    columns: Columns,
    work: Work,
    stream: Stream,
}

/// Buffers that are kept from frame to frame.
#[derive(Default)]
struct Work {
    edits: Edits,
    /// A value without its escapes.
    decoded: Vec<u8>,
    /// Where the cells of a row end.
    ends: Vec<usize>,
    known: KnownRow,
}

/// How rows are written, and how far they are read.
enum Format {
    Lines(Dialect),
    Binary(Binary),
    /// Lines of some kind: no byte of a value is to survive.
    Unknown,
}

/// Plans of the columns.
struct Columns {
    /// Empty if they are not known.
    plans: Vec<ColumnPlan>,
    by_default: ColumnPlan,
    /// Values of some columns are to be found again in others.
    joins: bool,
    /// No value is judged.
    all_pass: bool,
}

impl Columns {
    /// The plan of a column; `None` if there is no such column.
    fn get(&self, column: usize) -> Option<&ColumnPlan> {
        if self.plans.is_empty() {
            Some(&self.by_default)
        } else {
            self.plans.get(column)
        }
    }

    /// Is `count` a possible number of columns?
    fn are(&self, count: usize) -> bool {
        self.plans.is_empty() || self.plans.len() == count
    }
}

/// What feeding a part came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStep {
    /// So many unjudged bytes have to be in the window before it can go on.
    NeedBytes(usize),
    /// The frame is complete.
    Done {
        /// Rows in it.
        rows: u64,
    },
}

impl CopyOut {
    /// A COPY of these columns. `options` are those of its statement, `None` if they are not
    /// known: then every value is redacted. `binary` is what CopyOutResponse says, and wins.
    /// Without `columns` every value is masked by default.
    pub fn new(options: Option<CopyOptions>, binary: bool, columns: Vec<ColumnPlan>) -> Self {
        let format = match options {
            _ if binary => Format::Binary(Binary::new()),
            Some(options) if options.format != CopyFormat::Binary => {
                Format::Lines(Dialect::new(options, columns.len()))
            }
            _ => Format::Unknown,
        };
        Self {
            format,
            columns: Columns {
                joins: KnownRow::joins(&columns),
                all_pass: !columns.is_empty() && columns.iter().all(ColumnPlan::is_pass),
                plans: columns,
                by_default: ColumnPlan::whole_by_default(&b""[..], 0),
            },
            work: Work::default(),
            stream: Stream::default(),
        }
    }

    /// Judges the frame of `frame_bytes` (tag, length, rows) at the head of the window and
    /// releases it, with another length if a mask needs it. Returns its rows.
    ///
    /// # Errors
    /// A violation by the server if the rows are malformed, are not those of the columns, or do
    /// not end where the frame ends. Nothing of the frame is released then.
    pub fn frame<I: Inspect>(
        &mut self,
        judge: &mut Judge<'_, I>,
        window: &mut Window,
        frame_bytes: usize,
    ) -> Result<u64, Fault> {
        self.frame_if(judge, window, frame_bytes, |_, _| true)
    }

    /// The same, if `admit` says so of its rows and of what was noted of them; else nothing of
    /// it is released.
    pub(crate) fn frame_if<I: Inspect>(
        &mut self,
        judge: &mut Judge<'_, I>,
        window: &mut Window,
        frame_bytes: usize,
        admit: impl FnOnce(u64, &mut KnownRow) -> bool,
    ) -> Result<u64, Fault> {
        let frame = window.unjudged_mut().get_mut(..frame_bytes);
        let body = frame
            .and_then(|frame| frame.get_mut(HEADER_BYTES..))
            .ok_or(MALFORMED)?;
        let work = &mut self.work;
        work.edits.clear();
        let rows = match &mut self.format {
            Format::Lines(dialect) => lines::judge(dialect, &self.columns, work, judge, body)?,
            Format::Binary(binary) => binary.judge(&self.columns, work, judge, body)?,
            Format::Unknown => {
                if redact(body) {
                    judge.tally.add(Masker::Default, None);
                }
                1
            }
        };
        if !admit(rows, &mut work.known) {
            return Ok(0);
        }
        work.edits.release(window, frame_bytes)?;
        work.edits.shrink_to(SCRATCH_BYTES);
        work.decoded.clear();
        work.decoded.shrink_to(SCRATCH_BYTES);
        Ok(rows)
    }

    /// Can a row have something in it that is judged whole or not at all?
    pub fn may_need_whole(&self, policy: &Policy) -> bool {
        let encoding = match &self.format {
            // Where other encodings would cut it elsewhere, a line is masked whole.
            Format::Lines(dialect) if dialect.may_differ => return !self.columns.all_pass,
            Format::Lines(_) => Encoding::Text,
            Format::Binary(_) => Encoding::Binary,
            Format::Unknown => return false,
        };
        let mut judged = self.columns.plans.iter().filter(|plan| !plan.is_pass());
        judged.any(|plan| StreamedCell::may_need_whole(policy, plan, encoding))
    }

    /// Begins a frame that is too large to be held. Its tag and length are released already;
    /// `body_bytes` follow.
    pub fn stream_begin(&mut self, body_bytes: usize) {
        self.stream = Stream::new(body_bytes);
    }

    /// Judges and releases what can be of the bytes in the window, up to the end of the frame.
    ///
    /// # Errors
    /// As [`CopyOut::frame`]; and a refusal if a value cannot be masked at its own length.
    pub fn stream_feed<I: Inspect>(
        &mut self,
        judge: &mut Judge<'_, I>,
        window: &mut Window,
    ) -> Result<StreamStep, Fault> {
        self.stream
            .feed(&mut self.format, &self.columns, judge, window)
    }
}

/// Overwrites every byte that can be part of a value; what separates values stays, whatever it
/// is. True if anything was overwritten.
fn redact(bytes: &mut [u8]) -> bool {
    let mut changed = false;
    for byte in bytes
        .iter_mut()
        .filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80)
    {
        *byte = b'X';
        changed = true;
    }
    changed
}

const fn violation(what: &'static str) -> Violation {
    Violation {
        peer: Peer::Server,
        what,
    }
}

const MALFORMED: Violation = violation("malformed CopyData");
const OTHER_COLUMNS: Violation = violation("COPY row with other columns");
const UNFINISHED: Violation = violation("CopyData does not end where a row ends");

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;
