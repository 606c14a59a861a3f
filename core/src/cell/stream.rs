//! A value too large to be held: judged block by block, with masks of the same length only.

use super::{ColumnPlan, Encoding, Judge};
use crate::error::{Refusal, SqlState};
use crate::inspect::Inspect;
use crate::limits::STREAM_BLOCK_BYTES;
use crate::policy::Policy;

/// The state of one such value.
pub struct StreamedCell {
    rest_bytes: usize,
}

impl StreamedCell {
    /// Begins a value of `value_bytes`.
    ///
    /// # Errors
    /// [`SqlState::PROGRAM_LIMIT_EXCEEDED`] if a value of this type cannot be judged in parts.
    pub fn begin(
        _policy: &Policy,
        column: &ColumnPlan,
        _encoding: Encoding,
        value_bytes: usize,
    ) -> Result<Self, Refusal> {
        if !column.is_pass() {
            return Err(Refusal::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "a value is too large to be masked",
            ));
        }
        Ok(Self {
            rest_bytes: value_bytes,
        })
    }

    /// How many bytes must be there for the next [`StreamedCell::feed`]: those that were held
    /// back and new ones.
    pub fn wants(&self) -> usize {
        self.rest_bytes.min(STREAM_BLOCK_BYTES)
    }

    /// Judges exactly [`StreamedCell::wants`] bytes and returns how many of them, from the
    /// first, may be released. The others come again at the head of the next call.
    pub fn feed<I: Inspect>(
        &mut self,
        _judge: &mut Judge<'_, I>,
        _column: &ColumnPlan,
        bytes: &mut [u8],
    ) -> usize {
        let judged = bytes.len().min(self.rest_bytes);
        self.rest_bytes -= judged;
        judged
    }

    /// True if every byte was released.
    pub fn is_done(&self) -> bool {
        self.rest_bytes == 0
    }
}
