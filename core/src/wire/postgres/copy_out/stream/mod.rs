//! A frame that is too large to be held: judged in parts, in bounded memory.
//!
//! The frame's length is with the client before its last byte has arrived, so every mask has
//! the length of what it covers, and a value that cannot be masked so is refused.

mod binary;
mod lines;

use super::dialect::Dialect;
use super::readings::Readings;
use super::{Columns, Format, StreamStep, UNFINISHED, redact};
use crate::bytes::Window;
use crate::cell::{Judge, Masker};
use crate::error::{Fault, Refusal, SqlState};
use crate::inspect::Inspect;

/// How far a frame is read.
#[derive(Default)]
pub(super) struct Stream {
    progress: Progress,
    line: lines::Line,
    field: binary::Field,
}

#[derive(Default)]
struct Progress {
    /// Bytes of the frame that are not released.
    left_bytes: usize,
    rows: u64,
    /// The column that is read, or read next.
    column: usize,
    readings: Readings,
    /// Bytes at the head of the window that the readings have seen.
    read_bytes: usize,
}

impl Progress {
    fn release(&mut self, window: &mut Window, bytes: usize) {
        window.pass(bytes);
        self.left_bytes -= bytes;
        self.read_bytes = self.read_bytes.saturating_sub(bytes);
    }

    /// Refuses lines that could be cut elsewhere: a part of the frame is with the client already.
    fn check_readings(&mut self, dialect: &Dialect, window: &Window) -> Result<(), Fault> {
        let there = window.unjudged().len().min(self.left_bytes);
        let new = window.unjudged().get(self.read_bytes..there);
        let differ = self
            .readings
            .differ(new.unwrap_or_default(), |byte| dialect.cuts(byte));
        self.read_bytes = there.max(self.read_bytes);
        if differ {
            let text = "a row of a COPY could be read in two ways";
            return Err(Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, text)
                .with_hint("Use the binary format, or CSV with a comma.")
                .into());
        }
        Ok(())
    }
}

/// What became of a step.
enum Advance {
    /// It was made.
    Made,
    /// It takes so many bytes; more than there are.
    Needs(usize),
}

impl Stream {
    pub(super) fn new(body_bytes: usize) -> Self {
        let progress = Progress {
            left_bytes: body_bytes,
            ..Progress::default()
        };
        Self {
            progress,
            ..Self::default()
        }
    }

    /// Judges and releases what is there of the frame.
    pub(super) fn feed<I: Inspect>(
        &mut self,
        format: &mut Format,
        columns: &Columns,
        judge: &mut Judge<'_, I>,
        window: &mut Window,
    ) -> Result<StreamStep, Fault> {
        while self.progress.left_bytes > 0 {
            let advance = match format {
                Format::Lines(dialect) => {
                    if !columns.all_pass {
                        self.progress.check_readings(dialect, window)?;
                    }
                    self.line
                        .step(&mut self.progress, dialect, columns, judge, window)?
                }
                Format::Binary(binary) => {
                    self.field
                        .step(&mut self.progress, binary, columns, judge, window)?
                }
                Format::Unknown => self.progress.redact(judge, window),
            };
            match advance {
                Advance::Made => {}
                Advance::Needs(bytes) if bytes > self.progress.left_bytes => {
                    return Err(UNFINISHED.into());
                }
                Advance::Needs(bytes) => return Ok(StreamStep::NeedBytes(bytes)),
            }
        }
        if self.progress.column > 0 || !self.line.is_between() || !self.field.is_between() {
            return Err(UNFINISHED.into());
        }
        let rows = self.progress.rows;
        *self = Self::default();
        Ok(StreamStep::Done { rows })
    }
}

impl Progress {
    /// A frame of unknown format counts as one row.
    fn redact<I: Inspect>(&mut self, judge: &mut Judge<'_, I>, window: &mut Window) -> Advance {
        let bytes = window.unjudged().len().min(self.left_bytes);
        let part = window.unjudged_mut().get_mut(..bytes).unwrap_or_default();
        if part.is_empty() {
            return Advance::Needs(1);
        }
        // Counted once, whatever the chunks.
        if redact(part) && self.column == 0 {
            judge.tally.add(Masker::Default, None);
            self.column = 1;
        }
        self.release(window, bytes);
        if self.left_bytes == 0 {
            self.column = 0;
            self.rows = 1;
        }
        Advance::Made
    }
}
