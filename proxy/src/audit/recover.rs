//! What is done to a log before it is appended to: its end is found, it is held against its last
//! signed checkpoint, a torn tail is cut off, and statements whose end nobody recorded are named.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::audit::skim::{Skimmed, skim};
use velum_core::time::Timestamp;

use super::expired::{self, Gone};
use super::key::open_lock;
use super::medium::sync_directory;
use super::read::{self, ReadError};
use super::rebuild::{self, Known, Tree, Trust};
use super::segment::{self, HEADER_BYTES, Place};

/// So much of the newest part of a log is verified at start, and never less than the last run.
const VERIFIED_BYTES: usize = 1024 * 1024 * 1024;

/// File in the directory that only one gateway at a time may hold.
const LOCK: &str = "lock";

/// Who verifies a log holds its lock for a moment, to see whether a gateway does.
const LOCK_TRIES: usize = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The event of the record that a run begins with.
pub const STARTED: &str = "started";
/// What the last record of a run that ended in good order says.
pub const STOPPED: &str = "stopped";

/// A log that can be appended to.
#[derive(Debug)]
pub struct Recovered {
    /// Sequence of the next record.
    pub next_sequence: u64,
    /// Records before this one were not read, if they are more than a GiB of segments away: of them
    /// the tiles were held against the signed checkpoint.
    pub read_from: u64,
    /// Records to write first: one for each INTENT of the last run without an end.
    pub unknown: Vec<Record>,
    /// What was cut off.
    pub torn: Option<Torn>,
    /// The tree of all records.
    pub tree: Tree,
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
    /// It is not what its last checkpoint says.
    Mismatch(String),
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecoverError::Read(error) => error.fmt(f),
            RecoverError::Locked(path) => {
                write!(f, "{} is in use by another gateway", path.display())
            }
            RecoverError::Mismatch(cause) => write!(
                f,
                "{cause}. Nothing was changed. Find out who did this, or accept the log as it is \
                 by --accept-log-mismatch, which is recorded in it"
            ),
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
    /// A run has recorded its signing key in this segment.
    signed: bool,
}

impl Story {
    /// A statement's beginning or end.
    fn skimmed(&mut self, sequence: u64, skimmed: &Skimmed<'_>) {
        let head = &skimmed.head;
        let key = (head.session, skimmed.statement);
        if skimmed.is_intent {
            let (identity, resource) = (head.identity.into(), head.resource.into());
            let intent = Intent {
                sequence,
                identity,
                resource,
            };
            self.open.insert(key, intent);
        } else {
            self.ends(key);
        }
    }

    fn ends(&mut self, key: Key) {
        if self.open.remove(&key).is_none() && !self.started {
            self.ended.push(key);
        }
    }

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
                self.ends(key(*statement));
            }
            Body::Gateway { event } if event == STARTED => {
                self.open.clear();
                self.started = true;
            }
            Body::SigningKey { .. } => self.signed = true,
            _ => {}
        }
    }
}

/// Makes the log in `directory` ready to be appended to.
///
/// # Errors
/// When the directory cannot be made or read, another gateway holds it, anything but the
/// unacknowledged tail of the last segment is damaged, or the log is not what its last checkpoint
/// says. The log is as it was then.
pub fn recover(directory: &Path, now: Timestamp, trust: &Trust) -> Result<Recovered, RecoverError> {
    let lock = lock(directory)?;
    let mut segments = read::segments(directory)?;
    drop_unborn(&mut segments, directory)?;
    let gone = expired::confirmed(directory)?;
    let Replayed {
        next_sequence,
        open,
        tail,
        verified_from,
        is_signed,
    } = replay(&segments, &gone)?;
    let known = Known {
        directory,
        segments: &segments,
        size: next_sequence - 1,
        verified_from,
        is_signed,
        gone: &gone,
    };
    let tree = rebuild::build(&known, trust)?;
    let torn = match tail {
        Some(tail) => cut(&tail, directory)?,
        None => None,
    };
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
    let read_from = segments.get(verified_from).map_or(1, |(first, _)| *first);
    Ok(Recovered {
        next_sequence,
        read_from,
        unknown: unknown.collect(),
        torn,
        tree,
        lock,
    })
}

/// Makes the directory if there is none, and keeps others from it.
fn lock(directory: &Path) -> Result<File, RecoverError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(io(directory))?;
    let path = directory.join(LOCK);
    let lock = open_lock(&path).map_err(io(&path))?;
    let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    for _ in 0..LOCK_TRIES {
        if rustix::fs::flock(&lock, exclusive).is_ok() {
            return Ok(lock);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Err(RecoverError::Locked(directory.to_owned()))
}

/// Is a gateway writing to this log?
pub fn is_in_use(directory: &Path) -> bool {
    let Ok(lock) = File::open(directory.join(LOCK)) else {
        return false;
    };
    let shared = rustix::fs::FlockOperation::NonBlockingLockShared;
    rustix::fs::flock(&lock, shared).is_err()
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> ReadError {
    let path = path.to_owned();
    move |error| ReadError::Io {
        path: path.clone(),
        error,
    }
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
        std::fs::remove_file(path).map_err(io(path))?;
        sync_directory(directory).map_err(io(path))?;
        segments.pop();
    }
    Ok(())
}

struct Replayed {
    next_sequence: u64,
    open: HashMap<Key, Intent>,
    /// Of the last segment.
    tail: Option<Tail>,
    /// Index of the first segment that was verified.
    verified_from: usize,
    is_signed: bool,
}

/// What follows the good part of the last segment.
struct Tail {
    path: PathBuf,
    /// Where the good part ends.
    end: usize,
    length: usize,
    /// Nothing but zeros follows.
    is_clean: bool,
    /// The segment has no record.
    is_empty: bool,
}

/// Verifies segments from the newest back, until the last run and enough bytes are seen; then
/// tells their stories in order.
fn replay(segments: &[(u64, PathBuf)], gone: &Gone) -> Result<Replayed, ReadError> {
    let mut stories = Vec::new();
    let mut next_sequence = segments.first().map_or(1, |(first, _)| *first);
    let mut tail = None;
    let mut following = None;
    let mut seen_bytes = 0;
    let mut verified_from = 0;
    for (index, (first, path)) in segments.iter().enumerate().rev() {
        let last = index + 1 == segments.len();
        let bytes = read::segment_bytes(path)?;
        seen_bytes += bytes.len();
        let mut story = Story::default();
        let (end, next) = verify(path, &bytes, *first, last, &mut story)?;
        if last {
            next_sequence = next;
            tail = Some(Tail {
                path: path.clone(),
                end,
                length: bytes.len(),
                is_clean: segment::is_zero(bytes.get(end..).unwrap_or_default()),
                is_empty: next == *first,
            });
        }
        let goes_on =
            |following: u64| following == next || gone.covers(next, following.saturating_sub(1));
        if following.is_some_and(|following| !goes_on(following)) {
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
        verified_from = index;
        if started && seen_bytes >= VERIFIED_BYTES {
            break;
        }
    }
    let mut open = HashMap::new();
    let is_signed = stories.iter().any(|story| story.signed);
    for story in stories.into_iter().rev() {
        for key in &story.ended {
            open.remove(key);
        }
        if story.started {
            open.clear();
        }
        open.extend(story.open);
    }
    Ok(Replayed {
        next_sequence,
        open,
        tail,
        verified_from,
        is_signed,
    })
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
                match skim(frame.payload) {
                    Some(skimmed) => story.skimmed(sequence, &skimmed),
                    None => {
                        let record = Record::decode(frame.payload)
                            .map_err(|_| damaged(at, "a record that this version can read"))?;
                        story.tell(sequence, record);
                    }
                }
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
fn cut(tail: &Tail, directory: &Path) -> Result<Option<Torn>, ReadError> {
    let path = &tail.path;
    let torn = (!tail.is_clean).then(|| Torn {
        path: path.clone(),
        offset: tail.end,
    });
    if tail.is_empty {
        std::fs::remove_file(path).map_err(io(path))?;
        sync_directory(directory).map_err(io(path))?;
        return Ok(torn);
    }
    if tail.end == tail.length {
        return Ok(None);
    }
    let file = std::fs::OpenOptions::new().write(true).open(path);
    let file = file.map_err(io(path))?;
    file.set_len(tail.end as u64).map_err(io(path))?;
    file.sync_all().map_err(io(path))?;
    if torn.is_some() {
        sync_directory(directory).map_err(io(directory))?;
    }
    Ok(torn)
}
