//! Tuples of the binary format, part by part.

use super::super::binary::{Binary, HEAD_BYTES, State, Tuple, field_bytes};
use super::super::{Columns, MALFORMED, OTHER_COLUMNS, UNFINISHED};
use super::{Advance, Progress};
use crate::bytes::Window;
use crate::cell::{Encoding, Judge, StreamedCell};
use crate::error::Fault;
use crate::inspect::Inspect;

/// The field at hand.
#[derive(Default)]
pub(super) struct Field {
    place: Place,
    /// Fields of the tuple.
    fields: usize,
}

/// What comes next.
#[derive(Default)]
enum Place {
    /// A tuple, or the trailer.
    #[default]
    Tuple,
    /// The length of a field.
    Length,
    /// So many bytes that need no judging.
    Passing(usize),
    /// A value that is judged.
    Judging(StreamedCell),
}

impl Field {
    /// True between two tuples.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.place, Place::Tuple)
    }

    pub(super) fn step<I: Inspect>(
        &mut self,
        progress: &mut Progress,
        binary: &mut Binary,
        columns: &Columns,
        judge: &mut Judge<'_, I>,
        window: &mut Window,
    ) -> Result<Advance, Fault> {
        let needed = match &self.place {
            Place::Tuple if binary.state == State::Head => HEAD_BYTES,
            Place::Tuple => 2,
            Place::Length => 4,
            Place::Passing(_) => 1,
            Place::Judging(cell) => cell.wants(),
        };
        let there = window.unjudged().len().min(progress.left_bytes);
        if there < needed {
            return Ok(Advance::Needs(needed));
        }
        let bytes = window.unjudged_mut().get_mut(..needed).ok_or(MALFORMED)?;
        let judged = match &mut self.place {
            Place::Tuple if binary.state == State::Head => {
                binary.head(bytes)?;
                needed
            }
            Place::Tuple => {
                let count = i16::from_be_bytes(*bytes.first_chunk().ok_or(MALFORMED)?);
                if let Tuple::Fields(fields) = binary.tuple(count, columns)? {
                    self.fields = fields;
                    self.next(progress, 0);
                }
                needed
            }
            Place::Length => {
                let length = i32::from_be_bytes(*bytes.first_chunk().ok_or(MALFORMED)?);
                self.begin(length, progress, columns, judge)?;
                needed
            }
            Place::Passing(left) => {
                let part = (*left).min(there);
                *left -= part;
                if *left == 0 {
                    self.next(progress, progress.column + 1);
                }
                part
            }
            Place::Judging(cell) => {
                let plan = columns.get(progress.column).ok_or(OTHER_COLUMNS)?;
                let judged = cell.feed(judge, plan, bytes)?;
                if cell.is_done() {
                    self.next(progress, progress.column + 1);
                }
                judged
            }
        };
        progress.release(window, judged);
        Ok(Advance::Made)
    }

    fn begin<I: Inspect>(
        &mut self,
        length: i32,
        progress: &mut Progress,
        columns: &Columns,
        judge: &Judge<'_, I>,
    ) -> Result<(), Fault> {
        let plan = columns.get(progress.column).ok_or(OTHER_COLUMNS)?;
        match field_bytes(length)? {
            None | Some(0) => self.next(progress, progress.column + 1),
            Some(bytes) if bytes > progress.left_bytes - 4 => return Err(UNFINISHED.into()),
            Some(bytes) if plan.is_pass() => self.place = Place::Passing(bytes),
            Some(bytes) => {
                let cell = StreamedCell::begin(judge.policy, plan, Encoding::Binary, bytes)?;
                self.place = Place::Judging(cell);
            }
        }
        Ok(())
    }

    /// Goes on with field `column`, or with the next tuple.
    fn next(&mut self, progress: &mut Progress, column: usize) {
        if column < self.fields {
            progress.column = column;
            self.place = Place::Length;
        } else {
            progress.column = 0;
            progress.rows += 1;
            self.place = Place::Tuple;
        }
    }
}
