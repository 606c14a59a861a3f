//! Stages frames and commits them in groups.

use std::fmt;
use std::io;

use super::medium::Medium;
use super::segment::{self, HEADER_BYTES, PAYLOAD_BYTES};

/// The log can no longer be written. Nothing that was staged but not committed is promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFailed {
    /// What was being done.
    pub doing: &'static str,
    /// The system's reason.
    pub reason: String,
}

impl fmt::Display for LogFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the audit log failed while {}: {}",
            self.doing, self.reason
        )
    }
}

impl std::error::Error for LogFailed {}

struct Open<F> {
    file: F,
    /// Where the next group goes.
    end: u64,
}

/// An append-only log.
pub struct Log<M: Medium> {
    medium: M,
    segment_bytes: u64,
    open: Option<Open<M::File>>,
    staged: Vec<u8>,
    /// Sequence of the last frame that is on disk.
    durable: u64,
    /// Sequence of the next frame.
    next: u64,
    /// A segment has ended since somebody asked.
    segment_ended: bool,
    failed: Option<LogFailed>,
}

impl<M: Medium> Log<M> {
    /// A log that goes on with sequence `next`, in a new segment.
    pub fn new(medium: M, segment_bytes: u64, next: u64) -> Self {
        let durable = next.saturating_sub(1);
        let staged = Vec::new();
        Self {
            medium,
            segment_bytes,
            open: None,
            staged,
            durable,
            next,
            segment_ended: false,
            failed: None,
        }
    }

    /// Takes a record's bytes for the next group; returns its sequence.
    ///
    /// # Errors
    /// When the log has failed before, or the record is empty or longer than [`PAYLOAD_BYTES`]:
    /// what cannot be recorded must not happen, so this fails the log too.
    pub fn stage(&mut self, payload: &[u8]) -> Result<u64, LogFailed> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if payload.is_empty() || payload.len() > PAYLOAD_BYTES {
            let reason = format!("a record of {} bytes", payload.len());
            return Err(self.fail("staging", reason));
        }
        let sequence = self.next;
        segment::push_frame(&mut self.staged, sequence, self.durable, payload);
        self.next += 1;
        Ok(sequence)
    }

    /// Bytes that wait for [`Log::commit`].
    pub fn staged_bytes(&self) -> usize {
        self.staged.len()
    }

    /// Has a segment ended since the last call?
    pub fn take_segment_ended(&mut self) -> bool {
        std::mem::take(&mut self.segment_ended)
    }

    /// Puts all that is staged on disk, in one write and one sync.
    ///
    /// # Errors
    /// When any operation fails, or the write was short. The log stays failed.
    pub async fn commit(&mut self) -> Result<(), LogFailed> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if self.staged.is_empty() {
            return Ok(());
        }
        let result = self.write_group().await;
        match result {
            Ok(()) => {
                self.durable = self.next - 1;
                self.staged.clear();
                Ok(())
            }
            Err((doing, error)) => Err(self.fail(doing, error.to_string())),
        }
    }

    /// Ends the log in good order: the segment is cut to what was used.
    ///
    /// # Errors
    /// As [`Log::commit`].
    pub async fn close(mut self) -> Result<(), LogFailed> {
        self.commit().await?;
        self.end_segment()
            .await
            .map_err(|(doing, error)| self.fail(doing, error.to_string()))
    }

    async fn write_group(&mut self) -> Result<(), (&'static str, io::Error)> {
        self.make_room().await?;
        let Some(open) = &mut self.open else {
            return Err(("opening a segment", io::ErrorKind::NotFound.into()));
        };
        let wanted = self.staged.len();
        let bytes = std::mem::take(&mut self.staged);
        let (written, bytes) = self.medium.write_at(&open.file, bytes, open.end).await;
        self.staged = bytes;
        if written.map_err(|error| ("writing", error))? != wanted {
            let short = io::Error::new(io::ErrorKind::WriteZero, "the write was short");
            return Err(("writing", short));
        }
        self.medium
            .sync(&open.file)
            .await
            .map_err(|error| ("syncing", error))?;
        open.end += wanted as u64;
        Ok(())
    }

    /// Begins a new segment where the group does not fit in the one that is open. A group that
    /// fits in none gets a larger one.
    async fn make_room(&mut self) -> Result<(), (&'static str, io::Error)> {
        let group = self.staged.len() as u64;
        let fits = self
            .open
            .as_ref()
            .is_some_and(|open| open.end + group <= self.segment_bytes);
        if fits {
            return Ok(());
        }
        self.end_segment().await?;
        let first = self.durable + 1;
        let bytes = self.segment_bytes.max(HEADER_BYTES as u64 + group);
        let file = self.medium.create(first, bytes).await;
        let file = file.map_err(|error| ("making a segment", error))?;
        self.open = Some(Open {
            file,
            end: HEADER_BYTES as u64,
        });
        Ok(())
    }

    async fn end_segment(&mut self) -> Result<(), (&'static str, io::Error)> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        self.segment_ended = true;
        let finished = self.medium.finish(open.file, open.end).await;
        finished.map_err(|error| ("ending a segment", error))
    }

    fn fail(&mut self, doing: &'static str, reason: String) -> LogFailed {
        let failed = LogFailed { doing, reason };
        self.failed = Some(failed.clone());
        failed
    }
}
