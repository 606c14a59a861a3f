//! What the gateway does for its log beside writing it: takes up notes, and deletes what is due
//! when somebody asks for it.
//!
//! Whoever can write to the directory can leave a note. So an expiry is asked for, not told: the
//! gateway finds out by itself what is due, has that recorded and signed, and only then deletes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use velum_core::audit::custody::Act;
use velum_core::audit::record::{Body, Record, SessionId};

use super::expired;
use super::retention::{self, Retention};
use super::writer::Command;
use super::{notes, read, store};
use crate::observe::{self, Field};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// A checkpoint follows a record within a second; this is long enough on any machine.
const SIGNED_WITHIN: Duration = Duration::from_secs(60);

/// Runs until the log is closed.
pub async fn run(directory: PathBuf, retention: Retention, commands: mpsc::Sender<Command>) {
    let custodian = Custodian {
        directory,
        retention,
        commands,
    };
    let mut has_failed = false;
    let mut result = custodian.finish().await;
    loop {
        match result {
            Ok(true) => has_failed = false,
            Ok(false) => return,
            Err(error) => {
                if !has_failed {
                    observe::event("log-custody-failed", &[("cause", Field::Cause(&error))]);
                }
                has_failed = true;
            }
        }
        tokio::time::sleep(LOOK).await;
        result = custodian.take_up().await;
    }
}

struct Custodian {
    directory: PathBuf,
    retention: Retention,
    commands: mpsc::Sender<Command>,
}

impl Custodian {
    /// Deletes what was recorded and left by a crash.
    async fn finish(&self) -> io::Result<bool> {
        let directory = self.directory.clone();
        beside(move || {
            let gone = expired::confirmed(&directory).map_err(io::Error::other)?;
            retention::delete(&directory, &gone)
        })
        .await?;
        Ok(true)
    }

    /// Records what was noted, and does what was asked for; false once the log is closed.
    async fn take_up(&self) -> io::Result<bool> {
        let mut noted = notes::pending(&self.directory)?;
        let has_more = noted.len() > notes::AT_ONCE;
        noted.truncate(notes::AT_ONCE);
        if !noted.is_empty() {
            let (paths, records): (Vec<_>, Vec<_>) = noted.into_iter().unzip();
            if !self.append(records).await {
                return Ok(false);
            }
            for path in paths {
                notes::done(&path)?;
            }
        }
        // What was noted before a request, a hold among it, is recorded before it.
        let request = match has_more {
            true => None,
            false => notes::request(&self.directory)?,
        };
        let Some((path, note)) = request else {
            return Ok(true);
        };
        let expired = self.expire(note).await;
        // A request that failed is not tried again by itself: who asked is told by its absence.
        notes::done(&path)?;
        expired
    }

    /// Writes records, as of now; true when they are on disk.
    async fn append(&self, mut records: Vec<Record>) -> bool {
        let now = observe::now();
        for record in &mut records {
            record.time = now;
        }
        let (done, is_done) = oneshot::channel();
        let append = Command::Append(records, done);
        self.commands.send(append).await.is_ok() && is_done.await.is_ok()
    }

    async fn expire(&self, note: String) -> io::Result<bool> {
        let (directory, retention) = (self.directory.clone(), self.retention);
        let name = note.clone();
        let found = beside(move || {
            let holds = notes::lock_holds(&directory)?;
            let plan = retention::plan(&directory, &retention, observe::now(), &mut |_| {});
            let plan = plan.map_err(io::Error::other)?;
            if plan.segments.is_empty() {
                return Ok(None);
            }
            let actor = format!("uid:{}", notes::owner(&directory, &name));
            let record = plan.record(&directory, &name, &actor);
            let (body, gone) = record.map_err(io::Error::other)?;
            Ok(Some((body, gone, holds)))
        })
        .await?;
        let Some((body, mut gone, holds)) = found else {
            return Ok(true);
        };
        let before = signed(&self.directory)?;
        let record = Record {
            time: observe::now(),
            session: SessionId(0),
            identity: "".into(),
            resource: "".into(),
            body,
        };
        if !self.append(vec![record]).await {
            return Ok(false);
        }
        gone.record = self.recorded(before, note).await?;
        let directory = self.directory.clone();
        let deleted = beside(move || {
            expired::store(&directory, &gone)?;
            let deleted = retention::delete(&directory, &gone);
            drop(holds);
            deleted
        })
        .await?;
        observe::event(
            "records-expired",
            &[("segments", Field::Number(deleted as u64))],
        );
        Ok(true)
    }

    /// The sequence of the record of this note, once a checkpoint covers it.
    async fn recorded(&self, after: u64, note: String) -> io::Result<u64> {
        let directory = self.directory.clone();
        let sequence = beside(move || find(&directory, after, &note)).await?;
        let began = tokio::time::Instant::now();
        while signed(&self.directory)? < sequence {
            if began.elapsed() > SIGNED_WITHIN {
                return Err(io::Error::other("the record of an expiry was not signed"));
            }
            tokio::time::sleep(LOOK / 10).await;
        }
        Ok(sequence)
    }
}

/// Does on a thread of its own what takes long: a whole log is read, and sessions wait for nobody.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, is_done) = oneshot::channel();
    let named = std::thread::Builder::new().name("velum-custodian".to_owned());
    named.spawn(move || {
        let _nobody_waits = done.send(work());
    })?;
    let ended = || io::Error::other("the custodian's thread has ended");
    is_done.await.unwrap_or_else(|_| Err(ended()))
}

fn signed(directory: &Path) -> io::Result<u64> {
    let checkpoint = store::read_checkpoint(directory)?;
    Ok(checkpoint.and_then(|it| store::size_of(&it)).unwrap_or(0))
}

fn find(directory: &Path, after: u64, note: &str) -> io::Result<u64> {
    let mut found = None;
    let read = read::for_each(directory, after.max(1), |sequence, record| {
        if let Body::Custody(custody) = &record.body
            && custody.note == note
            && matches!(custody.act, Act::Expired { .. })
        {
            found = Some(sequence);
        }
        found.is_none()
    });
    read.map_err(io::Error::other)?;
    found.ok_or_else(|| io::Error::other("the record of an expiry is not in the log"))
}
