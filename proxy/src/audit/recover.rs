//! What is done to a log before it is appended to: its end is found, a torn tail is cut off,
//! and statements whose end nobody recorded are named.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::time::Timestamp;

use super::key::open_lock;
use super::medium::sync_directory;
use super::read::{self, ReadError};
use super::segment::{self, HEADER_BYTES, Place};

/// So much of the newest part of a log is verified at start, and never less than the last run.
const VERIFIED_BYTES: usize = 1024 * 1024 * 1024;

/// File in the directory that only one gateway at a time may hold.
const LOCK: &str = "lock";

/// The event of the record that a run begins with.
pub const STARTED: &str = "started";

/// A log that can be appended to.
#[derive(Debug)]
pub struct Recovered {
    /// Sequence of the next record.
    pub next_sequence: u64,
    /// Records to write first: one for each INTENT of the last run without an end.
    pub unknown: Vec<Record>,
    /// What was cut off.
    pub torn: Option<Torn>,
    /// Held as long as the log is open.
    pub lock: File,
}

/// A tail that was cut off: nothing in it had been acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub path: PathBuf,
    /// Its length now.
    pub offset: usize,
}

/// Why a log cannot be appended to.
#[derive(Debug)]
pub enum RecoverError {
    /// It cannot be read, or is damaged.
    Read(ReadError),
    /// Another gateway writes it.
    Locked(PathBuf),
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecoverError::Read(error) => error.fmt(f),
            RecoverError::Locked(path) => {
                write!(f, "{} is in use by another gateway", path.display())
            }
        }
    }
}

impl std::error::Error for RecoverError {}

impl From<ReadError> for RecoverError {
    fn from(error: ReadError) -> Self {
        RecoverError::Read(error)
    }
}

/// Statements by session and number.
type Key = (SessionId, u64);

struct Intent {
    sequence: u64,
    identity: Arc<str>,
    resource: Arc<str>,
}

/// One segment's part of the story of the last run.
#[derive(Default)]
struct Story {
    /// Intents without an end in this segment, after its last start.
    open: HashMap<Key, Intent>,
    /// Ends without an intent in this segment, before its first start.
    ended: Vec<Key>,
    /// A run began in this segment.
    started: bool,
}

impl Story {
    fn tell(&mut self, sequence: u64, record: Record) {
        let key = |statement: u64| (record.session, statement);
        match &record.body {
            Body::Intent { statement, .. } => {
                let key = key(*statement);
                let Record {
                    identity, resource, ..
                } = record;
                self.open.insert(
                    key,
                    Intent {
                        sequence,
                        identity,
                        resource,
                    },
                );
            }
            Body::Outcome { statement, .. } | Body::OutcomeUnknown { statement } => {
                let key = key(*statement);
                if self.open.remove(&key).is_none() && !self.started {
                    self.ended.push(key);
                }
            }
            Body::Gateway { event } if event == STARTED => {
                self.open.clear();
                self.started = true;
            }
            _ => {}
        }
    }
}

/// Makes the log in `directory` ready to be appended to.
///
/// # Errors
/// When the directory cannot be made or read, another gateway holds it, or anything but the
/// unacknowledged tail of the last segment is damaged.
pub fn recover(directory: &Path, now: Timestamp) -> Result<Recovered, RecoverError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| ReadError::Io { path, error }
    };
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(io(directory))?;
    let lock_path = directory.join(LOCK);
    let lock = open_lock(&lock_path).map_err(io(&lock_path))?;
    let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    if rustix::fs::flock(&lock, exclusive).is_err() {
        return Err(RecoverError::Locked(directory.to_owned()));
    }
    let mut segments = read::segments(directory)?;
    drop_unborn(&mut segments, directory)?;
    let (next_sequence, open, torn) = replay(&segments)?;
    if torn.is_some() {
        sync_directory(directory).map_err(io(directory))?;
    }
    let mut open: Vec<_> = open.into_iter().collect();
    open.sort_by_key(|(_, intent)| intent.sequence);
    let unknown = open
        .into_iter()
        .map(|((session, statement), intent)| Record {
            time: now,
            session,
            identity: intent.identity,
            resource: intent.resource,
            body: Body::OutcomeUnknown { statement },
        });
    Ok(Recovered {
        next_sequence,
        unknown: unknown.collect(),
        torn,
        lock,
    })
}

/// Removes a last segment that a crash left without its header: nothing was written to it yet.
fn drop_unborn(segments: &mut Vec<(u64, PathBuf)>, directory: &Path) -> Result<(), ReadError> {
    let Some((_, path)) = segments.last() else {
        return Ok(());
    };
    let bytes = read::segment_bytes(path)?;
    let headless = segment::first_sequence(&bytes).is_none();
    let behind = bytes.get(HEADER_BYTES..).unwrap_or_default();
    if headless && segment::is_zero(behind) {
        let io = |error| ReadError::Io {
            path: path.clone(),
            error,
        };
        std::fs::remove_file(path).map_err(io)?;
        sync_directory(directory).map_err(io)?;
        segments.pop();
    }
    Ok(())
}

type Replayed = (u64, HashMap<Key, Intent>, Option<Torn>);

/// Verifies segments from the newest back, until the last run and enough bytes are seen; then
/// tells their stories in order.
fn replay(segments: &[(u64, PathBuf)]) -> Result<Replayed, ReadError> {
    let mut stories = Vec::new();
    let mut next_sequence = segments.first().map_or(1, |(first, _)| *first);
    let mut torn = None;
    let mut following = None;
    let mut seen_bytes = 0;
    for (index, (first, path)) in segments.iter().enumerate().rev() {
        let last = index + 1 == segments.len();
        let bytes = read::segment_bytes(path)?;
        seen_bytes += bytes.len();
        let mut story = Story::default();
        let (end, next) = verify(path, &bytes, *first, last, &mut story)?;
        if last {
            next_sequence = next;
            torn = cut(path, &bytes, end, next == *first)?;
        }
        if following.is_some_and(|following| following != next) {
            let what = "the sequence to go on in the next segment";
            return Err(ReadError::Damaged {
                path: path.clone(),
                offset: end,
                what,
            });
        }
        following = Some(*first);
        let started = story.started;
        stories.push(story);
        if started && seen_bytes >= VERIFIED_BYTES {
            break;
        }
    }
    let mut open = HashMap::new();
    for story in stories.into_iter().rev() {
        for key in &story.ended {
            open.remove(key);
        }
        if story.started {
            open.clear();
        }
        open.extend(story.open);
    }
    Ok((next_sequence, open, torn))
}

/// Reads a segment through; returns where it ends and the sequence that follows.
fn verify(
    path: &Path,
    bytes: &[u8],
    first: u64,
    last: bool,
    story: &mut Story,
) -> Result<(usize, u64), ReadError> {
    let damaged = |offset, what| ReadError::Damaged {
        path: path.to_owned(),
        offset,
        what,
    };
    if segment::first_sequence(bytes) != Some(first) {
        return Err(damaged(0, "the header that its name promises"));
    }
    let mut at = HEADER_BYTES;
    let mut sequence = first;
    loop {
        match segment::place(bytes, at) {
            Place::End => return Ok((at, sequence)),
            Place::Frame(frame) if frame.sequence == sequence => {
                let record = Record::decode(frame.payload)
                    .map_err(|_| damaged(at, "a record that this version can read"))?;
                story.tell(sequence, record);
                at = frame.end;
                sequence += 1;
            }
            Place::Frame(_) => return Err(damaged(at, "the sequence to go on")),
            Place::Bad if !last => return Err(damaged(at, "a whole frame")),
            Place::Bad => {
                // Something behind the hole was written when the hole was already on disk:
                // then it is no hole of ours.
                let mut behind = segment::next_frame_after(bytes, at, sequence);
                while let Some(frame) = behind {
                    if frame.durable >= sequence {
                        return Err(damaged(at, "a whole frame, which had been on disk"));
                    }
                    behind = segment::next_frame_after(bytes, frame.end - 1, frame.sequence);
                }
                return Ok((at, sequence));
            }
        }
    }
}

/// Cuts the last segment to its good part; removes one that has none, since the next segment
/// will bear its name.
fn cut(path: &Path, bytes: &[u8], end: usize, empty: bool) -> Result<Option<Torn>, ReadError> {
    let io = |error| ReadError::Io {
        path: path.to_owned(),
        error,
    };
    let clean = segment::is_zero(bytes.get(end..).unwrap_or_default());
    let torn = (!clean).then(|| Torn {
        path: path.to_owned(),
        offset: end,
    });
    if empty {
        std::fs::remove_file(path).map_err(io)?;
        sync_directory(path.parent().unwrap_or(Path::new("."))).map_err(io)?;
        return Ok(torn);
    }
    if end == bytes.len() {
        return Ok(None);
    }
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(io)?;
    file.set_len(end as u64).map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok(torn)
}
