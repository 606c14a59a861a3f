//! What the gateway does for its log beside writing it: takes up notes.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::notes;
use super::writer::Command;
use crate::observe::{self, Field};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// Runs until the log is closed.
pub async fn run(directory: PathBuf, commands: mpsc::Sender<Command>) {
    let mut has_failed = false;
    loop {
        match take_up(&directory, &commands).await {
            Ok(true) => has_failed = false,
            Ok(false) => return,
            Err(error) => {
                if !has_failed {
                    observe::event("notes-unreadable", &[("cause", Field::Cause(&error))]);
                }
                has_failed = true;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Records what was noted; false once the log is closed.
async fn take_up(
    directory: &std::path::Path,
    commands: &mpsc::Sender<Command>,
) -> std::io::Result<bool> {
    let noted = notes::pending(directory)?;
    if noted.is_empty() {
        return Ok(true);
    }
    let (paths, records): (Vec<_>, Vec<_>) = noted.into_iter().unzip();
    let now = observe::now();
    let records = records.into_iter().map(|mut record| {
        record.time = now;
        record
    });
    let (done, is_done) = oneshot::channel();
    let append = Command::Append(records.collect(), done);
    if commands.send(append).await.is_err() || is_done.await.is_err() {
        return Ok(false);
    }
    for path in paths {
        notes::done(&path)?;
    }
    Ok(true)
}
