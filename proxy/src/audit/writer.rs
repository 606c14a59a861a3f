//! The loop between the data threads' queue and the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use velum_core::audit::record::Record;

use super::log::{Log, LogFailed};
use super::medium::Medium;
use super::publisher::Publisher;
use crate::config::model::AuditMode;
use crate::planes::{Batch, Shared};

/// How long a record that no session waits for may wait for company, and how many bytes of them:
/// with what its data thread holds it back (20 ms) half of what is promised for an OUTCOME (200 ms,
/// 1 MiB), so that the disk has the other half.
pub(super) const COMPANY: Bound = Bound {
    within: Duration::from_millis(80),
    bytes: 512 * 1024,
};

/// A group is committed when it holds this much, whatever still waits.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// What the control thread itself asks of the writer.
pub enum Command {
    /// Write records of its own; answered when they are on disk.
    Append(Vec<Record>, oneshot::Sender<()>),
    /// Write what is queued, end the log in good order and return.
    Close,
}

/// See the module's text.
pub struct Writer<M: Medium> {
    log: Log<M>,
    publisher: Publisher,
    mode: AuditMode,
    shared: Arc<Shared>,
    /// By thread: the newest sequence that is staged, and whether it was acknowledged.
    marks: Vec<Mark>,
    appended: Vec<oneshot::Sender<()>>,
    /// When the oldest record that is not on disk was staged.
    oldest: Option<Instant>,
    /// A session waits for what is staged.
    is_awaited: bool,
    scratch: Vec<u8>,
    closing: bool,
}

/// What may be staged before it is written.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) within: Duration,
    bytes: u64,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    staged: u64,
    acknowledged: u64,
}

impl<M: Medium> Writer<M> {
    /// A writer that acknowledges to the threads of `shared`.
    pub fn new(log: Log<M>, publisher: Publisher, mode: AuditMode, shared: Arc<Shared>) -> Self {
        let marks = vec![Mark::default(); shared.threads.len()];
        let scratch = Vec::new();
        Self {
            log,
            publisher,
            mode,
            shared,
            marks,
            appended: vec![],
            oldest: None,
            is_awaited: false,
            scratch,
            closing: false,
        }
    }

    /// Runs until [`Command::Close`], or until the queue of commands is closed.
    ///
    /// # Errors
    /// When the log fails, or a checkpoint cannot be written. Nothing more was acknowledged
    /// since, and nothing will be.
    pub async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        mut commands: mpsc::Receiver<Command>,
    ) -> Result<(), LogFailed> {
        while !self.closing {
            let deadline = self.deadline();
            tokio::select! {
                Some(batch) = batches.recv() => self.take(batch)?,
                command = commands.recv() => self.obey(command.unwrap_or(Command::Close))?,
                published = self.publisher.done() => published?,
                () = until(deadline) => {}
            }
            while let Ok(batch) = batches.try_recv() {
                self.take(batch)?;
                if self.log.staged_bytes() >= GROUP_BYTES {
                    break;
                }
            }
            self.settle().await?;
            self.publisher.publish_if_due();
        }
        while let Ok(batch) = batches.try_recv() {
            self.take(batch)?;
        }
        self.commit().await?;
        self.log.close().await?;
        self.publisher.close().await
    }

    /// Stages the records of a batch.
    fn take(&mut self, batch: Batch) -> Result<(), LogFailed> {
        let mut rest = batch.bytes.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            // A length that reaches beyond the batch is staged as nothing, which fails the log.
            let (record, behind) = behind.split_at_checked(length).unwrap_or((&[], &[]));
            self.log.stage(record)?;
            self.publisher.stage(record);
            rest = behind;
        }
        if let Some(mark) = self.marks.get_mut(batch.thread) {
            mark.staged = mark.staged.max(batch.last_sequence);
        }
        self.is_awaited |= batch.is_awaited;
        self.oldest.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn obey(&mut self, command: Command) -> Result<(), LogFailed> {
        match command {
            Command::Close => self.closing = true,
            Command::Append(records, done) => {
                for record in records {
                    self.scratch.clear();
                    record.encode(&mut self.scratch);
                    self.log.stage(&self.scratch)?;
                    self.publisher.stage(&self.scratch);
                }
                self.appended.push(done);
            }
        }
        Ok(())
    }

    /// Commits what is due, and what somebody waits for.
    async fn settle(&mut self) -> Result<(), LogFailed> {
        let bound = self.bound();
        let age = self
            .oldest
            .map_or(Duration::ZERO, |oldest| oldest.elapsed());
        let is_due = age >= bound.within || self.log.staged_bytes() as u64 >= bound.bytes;
        if is_due || self.is_awaited || !self.appended.is_empty() {
            return self.commit().await;
        }
        Ok(())
    }

    /// At half of what is promised, so that it holds while the disk works.
    fn bound(&self) -> Bound {
        match self.mode {
            AuditMode::Durable => COMPANY,
            AuditMode::Bounded { within, bytes } => Bound {
                within: within / 2,
                bytes: bytes / 2,
            },
        }
    }

    async fn commit(&mut self) -> Result<(), LogFailed> {
        self.log.commit().await?;
        self.oldest = None;
        self.is_awaited = false;
        for done in self.appended.drain(..) {
            // Nobody waits any more: that changes nothing about the log.
            let _nobody_waits = done.send(());
        }
        self.acknowledge();
        // After those who wait: the tree takes some hashes a record.
        self.publisher.committed();
        if self.log.take_segment_ended() {
            self.publisher.hurry();
        }
        Ok(())
    }

    fn acknowledge(&mut self) {
        for (mark, thread) in self.marks.iter_mut().zip(&self.shared.threads) {
            if mark.staged > mark.acknowledged {
                mark.acknowledged = mark.staged;
                thread.durable.advance(mark.staged);
                thread.wake.signal();
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let commit = self.oldest.map(|oldest| oldest + self.bound().within);
        [commit, self.publisher.due()].into_iter().flatten().min()
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
