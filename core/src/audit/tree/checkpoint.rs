//! Size and root of a log, as a signed note (C2SP tlog-checkpoint).

use std::fmt;

use super::decimal;
use super::hash::Hash;
use super::key::{KeyKind, VerifierKey};
use super::note::{Note, NoteError, Signed};

/// A statement about a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records, below 2^63.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// The note is not.
    Note(NoteError),
    /// The text is not a checkpoint.
    Malformed(&'static str),
    /// No key of the log has signed it.
    NotByItsLog {
        /// The log that the text names.
        origin: String,
    },
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckpointError::Note(error) => error.fmt(f),
            CheckpointError::Malformed(what) => write!(f, "not a checkpoint: {what}"),
            CheckpointError::NotByItsLog { origin } => {
                write!(f, "no known key of {origin} has signed it")
            }
        }
    }
}

impl std::error::Error for CheckpointError {}

impl From<NoteError> for CheckpointError {
    fn from(error: NoteError) -> Self {
        CheckpointError::Note(error)
    }
}

impl Checkpoint {
    /// Reads the text of a note. Extension lines are refused: Velum's logs write none, and
    /// nobody could say what they mean.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`]
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let lines = text.strip_suffix('\n').ok_or(malformed("no line end"))?;
        let mut lines = lines.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(malformed("it has no origin"))?.to_owned();
        let size = lines.next().and_then(decimal);
        let size = size.ok_or(malformed("its size is no number"))?;
        let root = lines.next().and_then(Hash::from_base64);
        let root = root.ok_or(malformed("its root is no hash"))?;
        if lines.next().is_some() {
            return Err(malformed("it has more than three lines"));
        }
        if size == 0 && root != Hash::of_nothing() {
            return Err(malformed("its root is not that of an empty log"));
        }
        Ok(Self { origin, size, root })
    }

    /// Its note, without signatures yet.
    ///
    /// # Errors
    /// If the origin is more than a line.
    pub fn to_note(&self) -> Result<Note, NoteError> {
        if self.origin.is_empty() || self.origin.contains('\n') {
            return Err(NoteError::Malformed("the origin is not a line"));
        }
        Note::new(&self.to_string())
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root } = self;
        writeln!(f, "{origin}\n{size}\n{root}")
    }
}

/// A checkpoint that its log has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The whole note.
    pub note: Note,
    /// The log's keys that have signed it, one at least.
    pub by_log: Vec<VerifierKey>,
    /// The known witnesses that have cosigned it, with their times.
    pub by_witnesses: Vec<Signed>,
}

impl SignedCheckpoint {
    /// Reads and verifies a checkpoint. Of the keys, those count for the log that have its
    /// origin for a name, and those of witnesses.
    ///
    /// # Errors
    /// If it is none, a known key's signature is wrong, or no key of the log has signed it.
    pub fn open(bytes: &[u8], keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let signed = note.verify(keys)?;
        let (logs, by_witnesses): (Vec<_>, Vec<_>) = signed
            .into_iter()
            .partition(|signed| signed.key.kind() == KeyKind::Ed25519);
        let keys = logs.into_iter().map(|signed| signed.key);
        let by_log: Vec<_> = keys.filter(|key| key.name() == checkpoint.origin).collect();
        if by_log.is_empty() {
            let origin = checkpoint.origin;
            return Err(CheckpointError::NotByItsLog { origin });
        }
        Ok(Self {
            checkpoint,
            note,
            by_log,
            by_witnesses,
        })
    }
}
