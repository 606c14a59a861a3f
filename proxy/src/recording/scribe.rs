//! The thread that writes recordings.
//!
//! A recording that cannot be written ends its session: nobody goes on unrecorded. What is written
//! of it stays, up to its last whole chunk.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use velum_core::audit::record::{Body, Record, RecordingEnd, SessionId};
use velum_core::recording::{Header, Walk};

use super::keys::{Cabinet, FOLDER, KeyError, Keys, StreamKey};
use super::leftover;
use super::recorder::{Begin, Gate, GateState, Message, Piece, Recorder, Rules};
use super::shred;
use super::write::{WriteError, Writer};
use crate::audit::key::random;
use crate::audit::medium::sync_directory;
use crate::audit::writer::Command;
use crate::config::Config;
use crate::config::model::{Overflow, Recordings, Statements};
use crate::observe::{self, Field};
use crate::originals::{self, Auditor};
use crate::planes::Shared;

/// How often it is looked for notices of destroyed recordings.
const LOOK: Duration = Duration::from_secs(1);
/// How often for the records that a finished recording waits for.
const LOOK_FOR_RECORDS: Duration = Duration::from_millis(20);
/// Held by the gateway that writes here.
const LOCK: &str = "lock";

/// A recording that is over.
pub(super) struct Finished {
    pub(super) walk: Walk,
    pub(super) end: RecordingEnd,
    pub(super) dropped_bytes: u64,
}

/// Its audit record.
pub(super) fn record(finished: &Finished, identity: Arc<str>, resource: Arc<str>) -> Record {
    let walk = &finished.walk;
    let session = walk.header().session;
    Record {
        time: observe::now(),
        session,
        identity,
        resource,
        body: Body::Recording {
            file: format!("{}.{}", super::name(session), super::EXTENSION),
            bytes: walk.bytes(),
            chunks: walk.chunks(),
            root: walk.root(),
            end: finished.end,
            dropped_bytes: finished.dropped_bytes,
        },
    }
}

/// A recording that is being written.
struct Writing {
    /// `None`: it has failed.
    writer: Option<Writer<File>>,
    identity: Arc<str>,
    resource: Arc<str>,
    gate: Arc<Gate>,
    /// What was whole when it failed.
    kept: Option<Finished>,
}

/// What follows when a record is on disk.
struct Pending {
    is_durable: oneshot::Receiver<()>,
    then: Then,
}

enum Then {
    Nothing,
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

struct Scribe {
    directory: PathBuf,
    keys: PathBuf,
    cabinet: Cabinet,
    auditors: Vec<Auditor>,
    recorder: Arc<Recorder>,
    shared: Arc<Shared>,
    audit: mpsc::Sender<Command>,
    open: HashMap<SessionId, Writing>,
    pending: Vec<Pending>,
    _lock: File,
}

/// Starts the thread, if the configuration has recordings. Returns when those that the last run
/// has left are ready to be recorded as such.
///
/// # Errors
/// Why there can be no recordings.
pub fn start(
    config: &Config,
    shared: &Arc<Shared>,
    audit: &mpsc::Sender<Command>,
) -> Result<Option<Arc<Recorder>>, String> {
    let Some(recordings) = &config.recordings else {
        return Ok(None);
    };
    let directory = recordings.directory.clone();
    let failed = |error: io::Error| format!("recordings in {}: {error}", directory.display());
    let lock = lock(&directory).map_err(failed)?;
    let cabinet = Cabinet::open(config).map_err(|error: KeyError| error.to_string())?;
    let left = leftover::all(&directory, &cabinet).map_err(failed)?;
    let (recorder, received) = Recorder::new(rules(recordings));
    let mut scribe = Scribe {
        keys: config.gateway.data_directory.join(FOLDER),
        directory: directory.clone(),
        cabinet,
        auditors: config.originals.auditors.clone(),
        recorder: Arc::clone(&recorder),
        shared: Arc::clone(shared),
        audit: audit.clone(),
        open: HashMap::new(),
        pending: Vec::new(),
        _lock: lock,
    };
    std::thread::Builder::new()
        .name("velum-recorder".to_owned())
        .spawn(move || {
            for (record, path) in left {
                observe::event("recording-cut", &[("file", Field::Path(&path))]);
                scribe.tell_finished(record, path);
            }
            scribe.run(&received);
        })
        .map_err(failed)?;
    Ok(Some(recorder))
}

fn rules(recordings: &Recordings) -> Rules {
    Rules {
        keeps_client: recordings.statements == Statements::Sealed,
        drops: recordings.on_overflow == Overflow::Drop,
        queue_bytes: recordings.queue_bytes,
    }
}

/// Makes the directory if there is none, and keeps others from it.
fn lock(directory: &Path) -> io::Result<File> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join(LOCK))?;
    let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    rustix::fs::flock(&lock, exclusive)
        .map_err(|_| io::Error::other("another gateway writes there"))?;
    Ok(lock)
}

impl Scribe {
    fn run(mut self, received: &Receiver<Message>) {
        let mut looked = None;
        loop {
            self.follow_records();
            if looked.is_none_or(|at: Instant| at.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                self.shred();
            }
            let patience = match self.pending.is_empty() {
                true => LOOK,
                false => LOOK_FOR_RECORDS,
            };
            match received.recv_timeout(patience) {
                Ok(Message::Begin(begin)) => self.begin(begin),
                Ok(Message::Piece(piece)) => self.piece(piece),
                Ok(Message::End(session)) => self.end(session),
                Ok(Message::Close(done)) => {
                    self.close();
                    let _nobody_waits = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.close(),
            }
        }
    }

    fn begin(&mut self, begin: Begin) {
        let session = begin.session;
        let writer = self.create(&begin);
        let state = match &writer {
            Ok(_) => GateState::Open,
            Err(error) => {
                failed(session, error);
                GateState::Failed
            }
        };
        begin.gate.set(state);
        let writing = Writing {
            writer: writer.ok(),
            identity: begin.identity,
            resource: begin.resource,
            gate: begin.gate,
            kept: None,
        };
        self.open.insert(session, writing);
        self.shared.wake_all();
    }

    /// The key first: a recording without one says nothing.
    fn create(&mut self, begin: &Begin) -> Result<Writer<File>, WriteError> {
        let mut keys = match self.auditors.is_empty() {
            true => self.cabinet.draw(begin.session).map_err(WriteError::Key)?,
            false => self.for_auditors(begin)?,
        };
        if !self.recorder.rules().keeps_client {
            keys.client = None;
        }
        let (_, path) = super::paths(&self.directory, begin.session);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        sync_directory(&self.directory)?;
        let header = Header {
            session: begin.session,
            began: begin.began,
        };
        Writer::begin(file, header, &keys)
    }

    /// Keys of which that of what the client sends goes to the auditors, and nowhere else. That it
    /// does is in the log.
    fn for_auditors(&mut self, begin: &Begin) -> Result<Keys, WriteError> {
        let session = begin.session;
        let drawn = self.cabinet.draw_without_client(session);
        let mut keys = drawn.map_err(WriteError::Key)?;
        let key = random()?;
        let written = originals::write(&self.directory, session, &key, &self.auditors)?;
        keys.client = Some(StreamKey::new(*key));
        let record = Record {
            time: observe::now(),
            session,
            identity: Arc::clone(&begin.identity),
            resource: Arc::clone(&begin.resource),
            body: Body::Originals {
                file: written.file,
                sha256: written.sha256,
                auditors: self.auditors.iter().map(Auditor::label).collect(),
            },
        };
        self.tell(record, Then::Nothing);
        Ok(keys)
    }

    fn piece(&mut self, piece: Piece) {
        let Piece {
            session,
            stream,
            events,
            holds: _,
        } = piece;
        if let Some(writing) = self.open.get_mut(&session)
            && let Some(writer) = &mut writing.writer
        {
            let before = writer.walk().clone();
            if let Err(error) = writer.chunk(stream, &events) {
                failed(session, &error);
                writing.fail(before);
                self.shared.wake_all();
            }
        }
        if self.recorder.written(events) {
            self.shared.wake_all();
        }
    }

    fn end(&mut self, session: SessionId) {
        let Some(mut writing) = self.open.remove(&session) else {
            return;
        };
        let finished = match writing.writer.take() {
            Some(writer) => Some(finish(session, writer)),
            None => writing.kept.take(),
        };
        // Without a header nothing was shown either.
        let Some(finished) = finished else { return };
        let (_, path) = super::paths(&self.directory, session);
        let record = record(&finished, writing.identity, writing.resource);
        self.tell_finished(record, path);
    }

    /// Tells the log of a recording, which gets its name when that is on disk: one that a crash
    /// leaves between the two is told of again.
    fn tell_finished(&mut self, record: Record, from: PathBuf) {
        let Some(file) = leftover::file_of(&record) else {
            return;
        };
        let to = self.directory.join(file);
        self.tell(record, Then::Rename(from, to));
    }

    fn tell(&mut self, record: Record, then: Then) {
        let (done, is_durable) = oneshot::channel();
        let command = Command::Append(vec![record], done);
        // A log that takes no more has failed, which ends everything.
        if self.audit.blocking_send(command).is_ok() {
            self.pending.push(Pending { is_durable, then });
        }
    }

    fn follow_records(&mut self) {
        let mut waiting = Vec::new();
        for mut pending in std::mem::take(&mut self.pending) {
            match pending.is_durable.try_recv() {
                Ok(()) => pending.then.act(),
                Err(oneshot::error::TryRecvError::Empty) => waiting.push(pending),
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
        }
        self.pending = waiting;
    }

    fn shred(&mut self) {
        // What is on its way to the log already is not told again.
        if !self.pending.is_empty() {
            return;
        }
        for shred::Shredded { record, notice } in shred::notices(&self.keys) {
            self.tell(record, Then::Remove(notice));
        }
    }

    fn close(&mut self) {
        let sessions: Vec<SessionId> = self.open.keys().copied().collect();
        for session in sessions {
            self.end(session);
        }
        for pending in std::mem::take(&mut self.pending) {
            if pending.is_durable.blocking_recv().is_ok() {
                pending.then.act();
            }
        }
    }
}

impl Writing {
    /// Goes back to what was whole.
    fn fail(&mut self, walk: Walk) {
        self.gate.set(GateState::Failed);
        if let Some(writer) = self.writer.take() {
            self.kept = Some(keep(walk, &writer.into_inner()));
        }
    }
}

impl Then {
    fn act(self) {
        let done = match &self {
            Then::Nothing => Ok(()),
            Then::Rename(from, to) => std::fs::rename(from, to),
            Then::Remove(path) => std::fs::remove_file(path),
        };
        if let Err(error) = done {
            observe::event("recording-not-kept", &[("cause", Field::Cause(&error))]);
        }
    }
}

/// Writes the end, and waits until it is on disk.
fn finish(session: SessionId, mut writer: Writer<File>) -> Finished {
    let before = writer.walk().clone();
    let ended = writer.end();
    let walk = writer.walk().clone();
    let file = writer.into_inner();
    let synced = ended.and_then(|ending| Ok(file.sync_all().map(|()| ending)?));
    match synced {
        Ok(ending) => Finished {
            walk,
            end: match ending.dropped_bytes {
                0 => RecordingEnd::Whole,
                _ => RecordingEnd::Dropped,
            },
            dropped_bytes: ending.dropped_bytes,
        },
        Err(error) => {
            failed(session, &error);
            keep(before, &file)
        }
    }
}

/// Cuts a file to what is whole.
fn keep(walk: Walk, file: &File) -> Finished {
    let cut = file.set_len(walk.bytes()).and_then(|()| file.sync_all());
    if let Err(error) = cut {
        observe::event("recording-not-kept", &[("cause", Field::Cause(&error))]);
    }
    Finished {
        walk,
        end: RecordingEnd::Failed,
        dropped_bytes: 0,
    }
}

fn failed(session: SessionId, error: &WriteError) {
    let name = super::name(session);
    let fields = [
        ("session", Field::Name(&name)),
        ("cause", Field::Cause(error)),
    ];
    observe::event("recording-failed", &fields);
}
