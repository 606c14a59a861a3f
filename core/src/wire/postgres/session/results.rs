//! Results: rows one by one, whole where they fit and in parts where they do not.

use std::rc::Rc;

use crate::bytes::Window;
use crate::cell::{ColumnPlan, KnownRow};
use crate::inspect::Inspect;
use crate::limits;

use super::super::frame::Header;
use super::pipeline::Awaited;
use super::rows;
use super::server::{Flow, violation};
use super::shape::{Formats, RowShape};
use super::stream::RowStream;
use super::volume::Owner;
use super::{Halt, SERVER, Session};

/// How the columns of the result at hand are judged.
pub(super) struct ResultPlan {
    /// Epoch of the rules that it was made by.
    pub(super) epoch: u64,
    pub(super) shape: Rc<RowShape>,
    pub(super) columns: Rc<[ColumnPlan]>,
    pub(super) formats: Formats,
    /// Values of some columns are to be found again in others.
    pub(super) joins: bool,
}

impl<I: Inspect> Session<I> {
    pub(super) fn data_row(&mut self, header: Header, window: &mut Window) -> Result<(), Halt> {
        self.expect_rows()?;
        let bytes = header.frame_bytes;
        if self.rules.judges_nothing() {
            self.spend(1, bytes)?;
            self.journal.count(1, bytes);
            return self.begin_passing(header, window);
        }
        if bytes > limits::ROW_WHOLE_BYTES && self.may_stream(bytes, window)? {
            self.spend(1, bytes)?;
            self.spend_unseen(1)?;
            self.answering.flow = Flow::Row(RowStream::new(header));
            return Ok(());
        }
        if window.unjudged().len() < bytes {
            return Err(self.need_whole(SERVER, bytes));
        }
        self.spend(1, bytes)?;
        self.note_row(window, bytes)?;
        self.spend_subjects()?;
        let plan = self
            .answering
            .result
            .as_ref()
            .ok_or(violation("DataRow out of place"))?;
        let mut judge = self.rules.judge();
        rows::judge_row(&mut judge, plan, &mut self.answering.edits, window, bytes)?;
        self.journal.count(1, bytes);
        Ok(())
    }

    /// Remembers what the row tells of its own values, before any of them is masked.
    fn note_row(&mut self, window: &mut Window, bytes: usize) -> Result<(), Halt> {
        let out_of_place = violation("DataRow out of place");
        let plan = self.answering.result.as_ref().ok_or(out_of_place)?;
        let inspector = self.rules.inspector();
        rows::note_row(inspector, plan, &mut self.answering.edits, window, bytes)?;
        Ok(())
    }

    /// Can the large row at the head of the window be judged in parts? If not, it is to be held.
    fn may_stream(&mut self, bytes: usize, window: &Window) -> Result<bool, Halt> {
        let out_of_place = violation("DataRow out of place");
        let plan = self.answering.result.as_ref().ok_or(out_of_place)?;
        let policy = self.rules.policy();
        if !plan.may_need_whole(policy) {
            return Ok(true);
        }
        if bytes <= limits::ROW_HELD_BYTES {
            return Ok(false);
        }
        let Some(head) = window.unjudged().get(..limits::ROW_HELD_BYTES) else {
            return Err(self.need_whole(SERVER, limits::ROW_HELD_BYTES));
        };
        plan.refuse_unstreamable(policy, head)?;
        Ok(true)
    }

    /// Makes sure that rows are due now, and that it is known how to judge them.
    pub(super) fn expect_rows(&mut self) -> Result<(), Halt> {
        if self.answering.result.is_none() {
            self.pipeline.drop_doubtful();
        }
        self.expect_catalog()?;
        if let Some(result) = &self.answering.result
            && result.epoch == self.rules.epoch()
        {
            return Ok(());
        }
        let (shape, formats) = match (self.answering.result.take(), self.pipeline.front()) {
            (Some(old), _) => (old.shape, old.formats),
            (
                None,
                Some(Awaited::Execute {
                    portal,
                    is_doubtful,
                    ..
                }),
            ) => match portal.shape() {
                Some((shape, formats)) if *is_doubtful => (Rc::new(shape.doubted()), formats),
                Some(described) => described,
                None if self.rules.judges_nothing() => (RowShape::unseen(), Formats::TEXT),
                None => return Err(violation("rows without a description").into()),
            },
            _ => return Err(violation("DataRow out of place").into()),
        };
        self.begin_result(shape, formats);
        Ok(())
    }

    pub(super) fn begin_result(&mut self, shape: Rc<RowShape>, formats: Formats) {
        let columns = shape.plans(&self.rules);
        self.rules.show(&columns, self.journal.rows());
        let epoch = self.rules.epoch();
        let joins = KnownRow::joins(&columns);
        self.answering.owner = Owner::of(&columns);
        self.answering.result = Some(ResultPlan {
            epoch,
            joins,
            shape,
            columns,
            formats,
        });
    }

    pub(super) fn begin_passing(
        &mut self,
        header: Header,
        window: &mut Window,
    ) -> Result<(), Halt> {
        let part = header.frame_bytes.min(window.unjudged().len());
        window.pass(part);
        if part < header.frame_bytes {
            self.answering.flow = Flow::Passing(header.frame_bytes - part);
        }
        Ok(())
    }

    pub(super) fn pass_server_part(&mut self, window: &mut Window) {
        let Flow::Passing(left) = &mut self.answering.flow else {
            return;
        };
        let part = (*left).min(window.unjudged().len());
        *left -= part;
        if *left == 0 {
            self.answering.flow = Flow::Frames;
        }
        window.pass(part);
    }

    pub(super) fn stream_row(&mut self, window: &mut Window) -> Result<(), Halt> {
        let Flow::Row(row) = &mut self.answering.flow else {
            return Ok(());
        };
        let plan = self
            .answering
            .result
            .as_ref()
            .ok_or(violation("DataRow out of place"))?;
        let released = window.released_bytes();
        let needs = row.feed(&mut self.rules, plan, window)?;
        self.journal.count(0, window.released_bytes() - released);
        match needs {
            Some(bytes) => Err(self.need_part(bytes)),
            None => {
                self.answering.flow = Flow::Frames;
                self.journal.count(1, 0);
                Ok(())
            }
        }
    }
}
