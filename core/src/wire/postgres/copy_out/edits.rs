//! Replacements of another length inside of one frame.

use std::ops::Range;

use super::super::frame::HEADER_BYTES;
use super::MALFORMED;
use crate::bytes::Window;
use crate::error::{Fault, Refusal, SqlState};

/// Replacements of a frame's body in order; without any, the frame is released as it stands.
#[derive(Default)]
pub(super) struct Edits {
    /// Which bytes of the body, and how many bytes of `patches` take their place.
    edits: Vec<(Range<usize>, usize)>,
    patches: Vec<u8>,
}

impl Edits {
    pub(super) fn clear(&mut self) {
        self.edits.clear();
        self.patches.clear();
    }

    pub(super) fn shrink_to(&mut self, bytes: usize) {
        self.clear();
        self.edits
            .shrink_to(bytes / size_of::<(Range<usize>, usize)>());
        self.patches.shrink_to(bytes);
    }

    /// Puts what `write` appends in the place of `body[range]`; in place, if it has its length.
    /// Ranges come in order.
    pub(super) fn put(
        &mut self,
        body: &mut [u8],
        range: Range<usize>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mark = self.patches.len();
        write(&mut self.patches);
        let written = self.patches.get(mark..).unwrap_or_default();
        match body.get_mut(range.clone()) {
            Some(place) if place.len() == written.len() => {
                place.copy_from_slice(written);
                self.patches.truncate(mark);
            }
            _ => self.edits.push((range, written.len())),
        }
    }

    /// Releases the frame at the head of the window with the replacements.
    pub(super) fn release(&self, window: &mut Window, frame_bytes: usize) -> Result<(), Fault> {
        if self.edits.is_empty() {
            window.pass(frame_bytes);
            return Ok(());
        }
        let removed: usize = self.edits.iter().map(|(range, _)| range.len()).sum();
        let length = (frame_bytes - 1 - removed).saturating_add(self.patches.len());
        let length = i32::try_from(length).map_err(|_| {
            Refusal::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "a masked row is too large",
            )
        })?;
        let header = window
            .unjudged_mut()
            .get_mut(1..HEADER_BYTES)
            .ok_or(MALFORMED)?;
        header.copy_from_slice(&length.to_be_bytes());
        let (mut at, mut patches) = (0, &*self.patches);
        for (range, bytes) in &self.edits {
            let (patch, rest) = patches.split_at_checked(*bytes).ok_or(MALFORMED)?;
            window.pass(HEADER_BYTES + range.start - at);
            window.replace(range.len(), patch);
            at = HEADER_BYTES + range.end;
            patches = rest;
        }
        window.pass(frame_bytes - at);
        Ok(())
    }
}
