//! The thread that writes tokens down, so that no data thread waits for a disk.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use super::Entry;
use super::file::{self, Held};
use crate::observe::{self, Field};

/// Takes entries, and has them on disk soon. Dropping it waits until all are.
pub(super) struct Keeper {
    /// `None` only while it is dropped.
    entries: Option<Sender<Entry>>,
    /// A write has failed: the file ends somewhere, and nothing more is appended to it.
    failed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts to append to a file.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(super) fn start(file: Held) -> io::Result<Self> {
        let (entries, received) = mpsc::channel();
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        let thread = std::thread::Builder::new()
            .name("velum-vault".to_owned())
            .spawn(move || {
                if let Err(error) = append(file, &received) {
                    flag.store(true, Ordering::Relaxed);
                    observe::event("token-vault-failed", &[("cause", Field::Cause(&error))]);
                }
            })?;
        Ok(Self {
            entries: Some(entries),
            failed,
            thread: Some(thread),
        })
    }

    /// Takes an entry. `false`: it cannot be kept.
    pub(super) fn keep(&self, entry: Entry) -> bool {
        let is_well = !self.failed.load(Ordering::Relaxed);
        let entries = self.entries.as_ref().filter(|_| is_well);
        entries.is_some_and(|entries| entries.send(entry).is_ok())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(thread) = self.thread.take() {
            // It has said itself if it failed.
            let _ended = thread.join();
        }
    }
}

/// Appends what comes, all that is there at once, until nobody can send any more.
fn append(mut held: Held, received: &Receiver<Entry>) -> io::Result<()> {
    let mut bytes = Vec::new();
    while let Ok(entry) = received.recv() {
        bytes.clear();
        file::encode(&entry, &mut bytes);
        for entry in received.try_iter() {
            file::encode(&entry, &mut bytes);
        }
        held.0.write_all(&bytes)?;
        held.0.sync_data()?;
    }
    Ok(())
}
