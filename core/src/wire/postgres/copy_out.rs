//! COPY TO STDOUT under a policy that judges: refused until its rows can be judged.

use crate::bytes::Window;
use crate::cell::{ColumnPlan, Judge};
use crate::error::{Fault, Refusal, SqlState};
use crate::inspect::Inspect;
use crate::sql::CopyOptions;

/// One COPY TO STDOUT.
pub struct CopyOut;

/// What feeding a part came to.
pub enum StreamStep {
    /// So many bytes have to be there before it can go on.
    NeedBytes(usize),
    /// The frame is complete.
    Done {
        /// Rows in it.
        rows: u64,
    },
}

impl CopyOut {
    /// A COPY of these columns.
    pub fn new(_: Option<CopyOptions>, _: bool, _: Vec<ColumnPlan>) -> Self {
        Self
    }

    /// Judges a whole frame.
    ///
    /// # Errors
    /// Always.
    pub fn frame<I: Inspect>(
        &mut self,
        _: &mut Judge<'_, I>,
        _: &mut Window,
        _: usize,
    ) -> Result<u64, Fault> {
        Err(refusal())
    }

    /// Begins a frame that is judged in parts.
    pub fn stream_begin(&mut self, _: usize) {}

    /// Judges a part.
    ///
    /// # Errors
    /// Always.
    pub fn stream_feed<I: Inspect>(
        &mut self,
        _: &mut Judge<'_, I>,
        _: &mut Window,
    ) -> Result<StreamStep, Fault> {
        Err(refusal())
    }
}

fn refusal() -> Fault {
    Refusal::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "COPY TO STDOUT is not available",
    )
    .into()
}
