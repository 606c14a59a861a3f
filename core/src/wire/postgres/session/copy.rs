//! COPY in both directions: who may copy now, and by which plans its rows are judged.

use std::rc::Rc;

use crate::bytes::Window;
use crate::cell::{ColumnPlan, Encoding, KnownRow};
use crate::error::Violation;
use crate::inspect::Inspect;
use crate::limits;

use super::super::copy_out::{CopyOut, StreamStep};
use super::super::frame::{HEADER_BYTES, Header};
use super::pipeline::Awaited;
use super::server::{Flow, violation};
use super::shape::{self, RowShape};
use super::shown::place;
use super::statements::Statement;
use super::volume::Owner;
use super::{Halt, SERVER, Session};

impl<I: Inspect> Session<I> {
    pub(super) fn copy_data(&mut self, header: Header, window: &mut Window) -> Result<(), Halt> {
        let out_of_place = violation("CopyData out of place");
        let copy = self.answering.copy_out.as_ref().ok_or(out_of_place)?;
        let bytes = header.frame_bytes;
        if self.rules.judges_nothing() {
            self.spend(1, bytes)?;
            self.journal.count(1, bytes);
            return self.begin_passing(header, window);
        }
        let is_held = bytes <= limits::ROW_HELD_BYTES && copy.may_need_whole(self.rules.policy());
        let is_streamed = bytes > limits::ROW_WHOLE_BYTES && !is_held;
        if !is_streamed && window.unjudged().len() < bytes {
            return Err(self.need_whole(SERVER, bytes));
        }
        self.spend(0, bytes)?;
        let copy = self.answering.copy_out.as_mut().ok_or(out_of_place)?;
        if is_streamed {
            window.pass(HEADER_BYTES);
            copy.stream_begin(header.body_bytes());
            self.answering.flow = Flow::Copy;
            return Ok(());
        }
        let (meter, owner) = (self.meter.as_ref(), self.answering.owner);
        let mut broken = None;
        let admit = |rows: u64, known: &mut KnownRow| {
            let spent = meter.map(|meter| {
                meter.spend(rows, 0)?;
                owner.spend(meter, rows, known)
            });
            broken = spent.and_then(Result::err);
            broken.is_none()
        };
        let rows = copy.frame_if(&mut self.rules.judge(), window, bytes, admit)?;
        if let Some(exhausted) = broken {
            return Err(self.cut(exhausted));
        }
        self.journal.count(rows, bytes);
        Ok(())
    }

    pub(super) fn stream_copy(&mut self, window: &mut Window) -> Result<(), Halt> {
        let Some(copy) = &mut self.answering.copy_out else {
            return Ok(());
        };
        let released = window.released_bytes();
        let step = copy.stream_feed(&mut self.rules.judge(), window)?;
        self.journal.count(0, window.released_bytes() - released);
        match step {
            StreamStep::NeedBytes(bytes) => Err(self.need_part(bytes)),
            StreamStep::Done { rows } => {
                self.answering.flow = Flow::Frames;
                self.journal.count(rows, 0);
                self.spend(rows, 0)?;
                self.spend_unseen(rows)
            }
        }
    }

    pub(super) fn begin_copy_out(&mut self, body: &[u8]) -> Result<(), Halt> {
        let (binary, columns) = copy_response(body)?;
        let index = self.answering.copies;
        let judged = !self.rules.judges_nothing();
        let Some(statement) = self.copying_statement() else {
            return Err(violation("CopyOutResponse out of place").into());
        };
        self.answering.copies = index + 1;
        let options = statement
            .text
            .copies
            .get(index)
            .map(|copy| copy.to.options.clone());
        let plans = match statement.copy_shape(index) {
            Some(shape) if judged => self.copy_plans(&shape, columns),
            _ => None,
        };
        let unknown = || {
            let mut plans = vec![ColumnPlan::whole_by_default(&b""[..], 0); columns];
            place(&mut plans);
            plans
        };
        let options = if plans.is_some() {
            options
        } else {
            options.filter(|_| !judged)
        };
        let plans = plans.unwrap_or_else(unknown);
        self.answering.owner = Owner::of(&plans);
        self.rules.show(&plans, self.journal.rows());
        self.answering.copy_out = Some(CopyOut::new(options, binary, plans));
        Ok(())
    }

    /// Plans of a COPY's columns, if the probe's columns are those that the server announced.
    pub(super) fn copy_plans(&self, shape: &RowShape, columns: usize) -> Option<Vec<ColumnPlan>> {
        let facts = shape.facts();
        let plans = shape.plans(&self.rules);
        if facts.len() == columns {
            return Some(plans.to_vec());
        }
        // COPY leaves generated columns out, the probe's `*` does not.
        let catalog = self.rules.catalog();
        let is_generated = |table, attnum| {
            catalog
                .column(table, attnum)
                .is_some_and(|(_, column)| column.generated)
        };
        let kept = facts.iter().zip(plans.iter());
        let kept = kept.filter(|(facts, _)| !is_generated(facts.table_oid, facts.attnum));
        let kept: Vec<_> = kept.map(|(_, plan)| plan.clone()).collect();
        (kept.len() == columns).then_some(kept)
    }

    /// The statement that may be copying now.
    pub(super) fn copying_statement(&mut self) -> Option<Rc<Statement>> {
        self.pipeline.drop_doubtful();
        match self.pipeline.front() {
            Some(Awaited::Query { statement, .. }) => Some(Rc::clone(statement)),
            Some(Awaited::Execute { portal, .. }) => Some(Rc::clone(&portal.statement)),
            _ => None,
        }
    }

    pub(super) fn begin_copy_in(
        &mut self,
        header: Header,
        window: &mut Window,
    ) -> Result<(), Halt> {
        copy_response(&window.unjudged()[HEADER_BYTES..header.frame_bytes])?;
        if self.copying_statement().is_none() || self.answering.is_mid_result() {
            return Err(violation("CopyInResponse out of place").into());
        }
        self.pipeline.begin_copy_in();
        self.answering.copy_in = true;
        window.pass(header.frame_bytes);
        Ok(())
    }

    pub(super) fn copy_done(&mut self, header: Header, window: &mut Window) -> Result<(), Halt> {
        if header.body_bytes() != 0 || self.answering.copy_out.take().is_none() {
            return Err(violation("CopyDone out of place").into());
        }
        window.pass(header.frame_bytes);
        Ok(())
    }
}

/// CopyInResponse and CopyOutResponse: overall format, number of columns, their formats.
fn copy_response(body: &[u8]) -> Result<(bool, usize), Violation> {
    let malformed = violation("malformed CopyOutResponse or CopyInResponse");
    let Some((&[format, high, low], formats)) = body.split_first_chunk::<3>() else {
        return Err(malformed);
    };
    let columns = usize::from(u16::from_be_bytes([high, low]));
    let overall = shape::encoding(i16::from(format)).ok_or(malformed)?;
    if columns > limits::COLUMNS || formats.len() != columns * 2 {
        return Err(malformed);
    }
    Ok((overall == Encoding::Binary, columns))
}
