//! Publishes checkpoints beside the writer, off the way that sessions wait for: the writer hands
//! over what is on disk, and a thread of its own signs it and writes the files.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use velum_core::audit::tree::{Edge, Hash, leaf_hash};

use super::log::LogFailed;
use super::signing::Signers;
use super::store::{self, Publication};

/// While records come, checkpoints follow at this distance, or after so many records.
const EVERY: Duration = Duration::from_secs(1);
const RECORDS: u64 = 64 * 1024;

/// See the module's text.
pub struct Publisher {
    /// The tree of what is on disk.
    edge: Edge,
    /// Of records that are not on disk yet.
    staged: Vec<Hash>,
    /// Size of the newest checkpoint that was ordered.
    ordered: u64,
    /// The next one is not wanted before.
    not_before: Instant,
    /// The next one leads from one key to the next.
    is_handover: bool,
    is_busy: bool,
    /// `None` once no more come.
    orders: Option<std::sync::mpsc::Sender<Publication>>,
    done: mpsc::Receiver<Result<(), String>>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Publishes in `directory`, from a tree on whose checkpoint is published already.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(directory: PathBuf, signers: Signers, edge: Edge) -> std::io::Result<Self> {
        let is_handover = signers.previous.is_some();
        Self::spawn(edge, is_handover, move |new| {
            store::publish(&directory, &signers, new)
        })
    }

    /// Publishes by `publish`, on a thread of its own.
    pub(super) fn spawn(
        edge: Edge,
        is_handover: bool,
        mut publish: impl FnMut(&Publication) -> std::io::Result<()> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (orders, ordered) = std::sync::mpsc::channel::<Publication>();
        let (finished, done) = mpsc::channel(1);
        let thread = std::thread::Builder::new()
            .name("velum-checkpoint".to_owned())
            .spawn(move || {
                for publication in ordered {
                    let result = publish(&publication).map_err(|error| error.to_string());
                    if finished.blocking_send(result).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            ordered: edge.size(),
            edge,
            staged: Vec::new(),
            not_before: Instant::now(),
            is_handover,
            is_busy: false,
            orders: Some(orders),
            done,
            thread: Some(thread),
        })
    }

    /// Takes note of a record that was staged.
    pub fn stage(&mut self, payload: &[u8]) {
        self.staged.push(leaf_hash(payload));
    }

    /// All that was staged is on disk.
    pub fn committed(&mut self) {
        for leaf in self.staged.drain(..) {
            self.edge.push(leaf);
        }
    }

    /// The next checkpoint is wanted now: a segment has ended.
    pub fn hurry(&mut self) {
        self.not_before = Instant::now();
    }

    /// When a checkpoint is due; `None` while nothing is new, or one is being written.
    pub fn due(&self) -> Option<Instant> {
        let new = self.edge.size() - self.ordered;
        match (self.is_busy, new) {
            (true, _) | (_, 0) => None,
            (false, RECORDS..) => Some(Instant::now()),
            (false, _) => Some(self.not_before),
        }
    }

    /// Orders a checkpoint, if one is due.
    pub fn publish_if_due(&mut self) {
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.publish();
        }
    }

    /// Returns when the checkpoint that is being written has been; never, if none is.
    ///
    /// # Errors
    /// If it could not be written: what nobody has signed must not go on.
    pub async fn done(&mut self) -> Result<(), LogFailed> {
        if !self.is_busy {
            std::future::pending::<()>().await;
        }
        let result = self.done.recv().await;
        self.is_busy = false;
        let ended = || Err("its thread has ended".to_owned());
        result.unwrap_or_else(ended).map_err(|reason| LogFailed {
            doing: "publishing a checkpoint",
            reason,
        })
    }

    /// Publishes the rest.
    ///
    /// # Errors
    /// As [`Publisher::done`].
    pub async fn close(mut self) -> Result<(), LogFailed> {
        if self.is_busy {
            self.done().await?;
        }
        if self.edge.size() > self.ordered {
            self.publish();
            self.done().await?;
        }
        Ok(())
    }

    fn publish(&mut self) {
        let mut tiles = self.edge.take_finished();
        tiles.extend(self.edge.partials());
        let publication = Publication {
            size: self.edge.size(),
            root: self.edge.root(),
            tiles,
            is_handover: std::mem::take(&mut self.is_handover),
        };
        self.ordered = publication.size;
        self.not_before = Instant::now() + EVERY;
        self.is_busy = true;
        if let Some(orders) = &self.orders {
            // A thread that is gone answers nothing, which `done` tells.
            let _gone = orders.send(publication);
        }
    }
}

/// Waits for what is being written: nothing older may follow what the next run publishes.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
