//! What may be wrong with a log, each with words of its own.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use velum_core::audit::record::DecodeError;
use velum_core::audit::tree::{CheckpointError, Hash};

use crate::audit::read::ReadError;

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File name of the segment.
    pub segment: Arc<str>,
    /// Offset of the frame in it, in bytes.
    pub offset: usize,
    /// Sequence of the record that is there, or should be.
    pub sequence: u64,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where; unknown if it is the log as a whole.
    pub place: Option<Place>,
    /// What.
    pub problem: Problem,
}

impl Finding {
    pub(super) fn somewhere(problem: Problem) -> Box<Self> {
        let place = None;
        Box::new(Self { place, problem })
    }

    pub(super) fn at(place: Place, problem: Problem) -> Box<Self> {
        let place = Some(place);
        Box::new(Self { place, problem })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place {
            segment,
            offset,
            sequence,
        }) = &self.place
        {
            write!(f, "record {sequence} ({segment}, offset {offset}): ")?;
        }
        self.problem.fmt(f)
    }
}

/// Why a log is not verified.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong with it.
    Found(Box<Finding>),
    /// There is no log.
    NoLog(PathBuf),
    /// A file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Found(finding) => finding.fmt(f),
            Failure::NoLog(path) => write!(f, "there is no audit log in {}", path.display()),
            Failure::Unreadable { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Box<Finding>> for Failure {
    fn from(finding: Box<Finding>) -> Self {
        Failure::Found(finding)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io { path, error } => Failure::Unreadable { path, error },
            ReadError::Damaged { path, what, .. } => Failure::Unreadable {
                path,
                error: io::Error::new(io::ErrorKind::InvalidData, what),
            },
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A segment without the header that its name promises.
    Header,
    /// A segment that does not begin where the one before ends.
    SegmentOrder {
        /// The record that should follow.
        expected: u64,
    },
    /// Bytes that are no frame.
    Frame(&'static str),
    /// The same at the end of the log, where a crash may have left them.
    Torn(&'static str),
    /// Bytes behind the last frame of a segment.
    Behind {
        /// How many.
        bytes: usize,
    },
    /// A frame that bears another sequence.
    Sequence {
        /// The one that it bears.
        found: u64,
    },
    /// A frame that no group commit wrote so.
    Durable {
        /// The sequence that it says was on disk.
        found: u64,
    },
    /// A payload that is no record.
    Record(DecodeError),
    /// A record in another encoding than the one that it has.
    NotCanonical,
    /// An end of a statement that never began.
    OutcomeWithoutIntent(u64),
    /// A statement that began twice.
    IntentTwice(u64),
    /// A statement whose end was not recorded, though the gateway was started again.
    NeverEnded(u64),
    /// No checkpoint beside the segments.
    NoCheckpoint,
    /// The checkpoint is not believed.
    Checkpoint(CheckpointError),
    /// Fewer records than were signed.
    Shorter {
        /// Records that are there.
        records: u64,
        /// Records that were signed.
        signed: u64,
    },
    /// A record is not the one that was signed.
    Changed,
    /// The records are not those that were signed.
    Root {
        /// How many.
        size: u64,
        /// Their root.
        found: Hash,
        /// The root that was signed.
        signed: Hash,
    },
    /// Records behind the last checkpoint.
    Unsigned {
        /// How many.
        records: u64,
    },
    /// A tile that is not there, or has another size than its name says.
    TileMissing(String),
    /// A tile with other hashes than the records have.
    TileDiffers(String),
    /// A checkpoint that leads from one key to the next fits no state of this log.
    Handover {
        /// Its file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// A checkpoint that was held elsewhere is not believed.
    Anchor {
        /// Which.
        name: String,
        /// Why.
        error: CheckpointError,
    },
    /// A checkpoint that was held elsewhere is of another log.
    OtherLog {
        /// Which.
        name: String,
        /// The log that it is of.
        origin: String,
    },
    /// The log was longer once.
    RolledBack {
        /// The checkpoint that says so.
        name: String,
        /// What the log has.
        records: u64,
        /// What it had.
        size: u64,
    },
    /// The log has gone another way than the one that was seen elsewhere.
    Forked {
        /// The checkpoint that says so.
        name: String,
        /// Its size.
        size: u64,
        /// The root of so many records of this log.
        found: Hash,
        /// The root that it says.
        signed: Hash,
    },
    /// A witness has cosigned nothing of what was looked at.
    NotCosigned(String),
    /// Fewer witnesses have cosigned than have to.
    FewCosigned {
        /// Those that have.
        signed: usize,
        /// Those that have to.
        needed: usize,
    },
    /// The session that was asked for.
    NoSuchSession(String),
    /// The tree before the first record of an excerpt is not there.
    Before {
        /// The record that it begins with.
        first: u64,
    },
    /// An excerpt is not a part of the log that was signed.
    Excerpt(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Header => {
                f.write_str("the segment has no header, or another one than its name promises")
            }
            Problem::SegmentOrder { expected } => write!(
                f,
                "the segment should begin with record {expected}: segments are missing or were \
                 exchanged"
            ),
            Problem::Frame(what) => f.write_str(what),
            Problem::Torn(what) => write!(
                f,
                "{what} (a gateway that was killed leaves a torn tail, which its next start cuts)"
            ),
            Problem::Behind { bytes } => write!(f, "{bytes} bytes follow the last record"),
            Problem::Sequence { found } => write!(
                f,
                "the frame here is of record {found}: records are missing, doubled or moved"
            ),
            Problem::Durable { found } => {
                write!(
                    f,
                    "it says that record {found} was on disk before it, which no write did"
                )
            }
            Problem::Record(error) => write!(f, "not a record: {error}"),
            Problem::NotCanonical => f.write_str("the record is not in its canonical encoding"),
            Problem::OutcomeWithoutIntent(statement) => {
                write!(
                    f,
                    "the end of statement {statement}, of which there is no INTENT"
                )
            }
            Problem::IntentTwice(statement) => {
                write!(f, "a second INTENT of statement {statement}")
            }
            Problem::NeverEnded(statement) => write!(
                f,
                "the end of statement {statement} is not recorded, and the next start did not \
                 say so"
            ),
            _ => self.of_tree(f),
        }
    }
}

impl Problem {
    /// Those about the log as a whole.
    fn of_tree(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoCheckpoint => f.write_str("there is no signed checkpoint"),
            Problem::Checkpoint(error) => write!(f, "the checkpoint: {error}"),
            Problem::Shorter { records, signed } => write!(
                f,
                "the log has {records} records, but {signed} were signed: its end was cut off"
            ),
            Problem::Changed => f.write_str("not the record that was signed: it was changed"),
            Problem::Root {
                size,
                found,
                signed,
            } => write!(
                f,
                "the first {size} records have root {found}, but {signed} was signed: records \
                 were changed, and so were the tiles that would say which"
            ),
            Problem::Unsigned { records } => {
                write!(f, "from here on {records} records are not signed")
            }
            Problem::TileMissing(path) => write!(f, "{path} is missing or has not its size"),
            Problem::TileDiffers(path) => {
                write!(
                    f,
                    "{path} has other hashes than the records, which are as signed"
                )
            }
            Problem::Handover { path, size } => write!(
                f,
                "{}: signed for {size} records, which this log never had",
                path.display()
            ),
            _ => self.of_anchor(f),
        }
    }

    /// Those against what is known from elsewhere.
    fn of_anchor(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Anchor { name, error } => write!(f, "{name}: {error}"),
            Problem::OtherLog { name, origin } => {
                write!(f, "{name} is a checkpoint of another log, {origin}")
            }
            Problem::RolledBack {
                name,
                records,
                size,
            } => write!(
                f,
                "the log was rolled back: it has {records} records, but {size} at the \
                 time of {name}"
            ),
            Problem::Forked {
                name,
                size,
                found,
                signed,
            } => write!(
                f,
                "the log was rewritten or forked: its first {size} records have root {found}, \
                 but {signed} in {name}"
            ),
            Problem::NotCosigned(name) => {
                write!(f, "the witness {name} has cosigned none of the checkpoints")
            }
            Problem::FewCosigned { signed, needed } => write!(
                f,
                "{signed} of the witnesses have cosigned a checkpoint, but {needed} have to"
            ),
            Problem::NoSuchSession(session) => {
                write!(f, "the log has no session whose name begins with {session}")
            }
            Problem::Before { first } => {
                write!(f, "the tiles of the tree before record {first} are missing")
            }
            Problem::Excerpt(what) => write!(f, "the excerpt: {what}"),
            _ => Ok(()),
        }
    }
}
