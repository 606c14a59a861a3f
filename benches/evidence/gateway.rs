//! The gateway's own log: the queue of a data thread, the writer on the control thread's ring,
//! tree, checkpoints and tiles.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use velum_core::audit::token::TokenKey;
use velum_core::audit::tree::Edge;
use velum_proxy::audit::log::Log;
use velum_proxy::audit::medium::RingDisk;
use velum_proxy::audit::publisher::Publisher;
use velum_proxy::audit::verify::{Options, verify};
use velum_proxy::audit::writer::{Command, Writer};
use velum_proxy::config::model::AuditMode;
use velum_proxy::planes::{Batch, Limits, Receivers, Shared, Snapshot};

use crate::records::pair;
use crate::verify::signers;
use crate::{CLIENTS, Store};

const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// See the module's text.
pub struct Gateway {
    directory: PathBuf,
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    writer: Option<JoinHandle<Result<(), String>>>,
    /// Statements of each client.
    turn: u64,
    /// Records that were handed over.
    sequence: u64,
}

impl Gateway {
    /// Starts the writer.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let shared = Shared::new(nothing(), 1);
        let (shared, receivers) = shared.map_err(|error| error.to_string())?;
        let (commands, obeyed) = mpsc::channel(1);
        let (kept, theirs) = (directory.to_owned(), Arc::clone(&shared));
        let writer =
            std::thread::spawn(move || tokio_uring::start(write(&kept, theirs, receivers, obeyed)));
        Ok(Self {
            directory: directory.to_owned(),
            shared,
            commands,
            writer: Some(writer),
            turn: 0,
            sequence: 0,
        })
    }

    /// Returns when the disk has all that was handed over.
    fn wait(&self) -> Result<(), String> {
        let thread = self.shared.threads.first().ok_or("no thread")?;
        while thread.durable.get() < self.sequence {
            if self.writer.as_ref().is_none_or(JoinHandle::is_finished) {
                return Err("the writer has ended".to_owned());
            }
            let mut watched = [rustix::event::PollFd::new(
                &thread.wake,
                rustix::event::PollFlags::IN,
            )];
            let second = rustix::event::Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            };
            let polled = rustix::event::poll(&mut watched, Some(&second));
            polled.map_err(|error| error.to_string())?;
            thread.wake.clear();
        }
        Ok(())
    }
}

impl Store for Gateway {
    fn name(&self) -> &'static str {
        "Velum's log"
    }

    fn load(&mut self, until: Instant) -> Result<Vec<Duration>, String> {
        let mut waits = Vec::new();
        while Instant::now() < until {
            self.turn += 1;
            let mut bytes = Vec::new();
            for client in 1..=CLIENTS as u128 {
                for record in pair(client, self.turn) {
                    bytes.extend_from_slice(&(record.len() as u32).to_be_bytes());
                    bytes.extend_from_slice(&record);
                    self.sequence += 1;
                }
            }
            let began = Instant::now();
            let sent = self.shared.batches.blocking_send(Batch {
                thread: 0,
                last_sequence: self.sequence,
                is_awaited: true,
                bytes,
            });
            sent.map_err(|error| error.to_string())?;
            self.wait()?;
            waits.extend([began.elapsed(); CLIENTS]);
        }
        Ok(waits)
    }

    fn check(&mut self) -> Result<u64, String> {
        let closed = self.commands.blocking_send(Command::Close);
        closed.map_err(|error| error.to_string())?;
        if let Some(writer) = self.writer.take() {
            writer.join().map_err(|_| "the writer has panicked")??;
        }
        let options = Options {
            keys: signers()?.keys(),
            ..Options::default()
        };
        let report = verify(&self.directory, &options, &mut |_| {});
        let report = report.map_err(|failure| failure.to_string())?;
        Ok(report.verified)
    }
}

async fn write(
    directory: &Path,
    shared: Arc<Shared>,
    receivers: Receivers,
    commands: mpsc::Receiver<Command>,
) -> Result<(), String> {
    let publisher = Publisher::start(directory.to_owned(), signers()?, Edge::default());
    let publisher = publisher.map_err(|error| error.to_string())?;
    let log = Log::new(RingDisk::new(directory), SEGMENT_BYTES, 1);
    let writer = Writer::new(log, publisher, AuditMode::Durable, shared);
    let written = writer.run(receivers.batches, commands).await;
    written.map_err(|failed| failed.to_string())
}

/// A configuration of nothing.
fn nothing() -> Snapshot {
    Snapshot {
        epoch: 1,
        listeners: Vec::new(),
        accounts: Default::default(),
        issuers: Arc::default(),
        exchanges: Vec::new(),
        resources: Default::default(),
        limits: Limits::default(),
        tokens: Arc::new(TokenKey::new(&[0; 32])),
        mock_secret: Default::default(),
    }
}
