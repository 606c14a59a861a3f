//! Proofs from a log's directory: that a record is in it, and that it has grown from an older
//! state. What comes out is held against the checkpoint before anybody sees it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use velum_core::audit::record::SessionId;
use velum_core::audit::tree::checkpoint::Checkpoint;
use velum_core::audit::tree::proof::{self, ProofError};
use velum_core::audit::tree::proof_text::{ConsistencyProof, InclusionProof};
use velum_core::audit::tree::{CheckpointError, Hash, Note, leaf_hash};

use super::read::{self, ReadError};
use super::store::{self, Tiles};

/// Why there is no proof.
#[derive(Debug)]
pub enum ProveError {
    /// The log cannot be read.
    Read(ReadError),
    /// Its checkpoint or a tile cannot be read.
    Io(PathBuf, io::Error),
    /// A tile is not there, or is none: the log is damaged.
    Tile(io::Error),
    /// There is no checkpoint, or it is none.
    Checkpoint(CheckpointError),
    /// Not in the log.
    NoSuchRecord {
        /// Which.
        sequence: u64,
        /// Records that the checkpoint covers.
        signed: u64,
    },
    /// The older checkpoint is of a larger log.
    Older {
        /// Its size.
        old: u64,
        /// Records that the log's checkpoint covers.
        signed: u64,
    },
    /// Tiles, records and checkpoint are not of one log.
    Unfit(ProofError),
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProveError::Read(error) => error.fmt(f),
            ProveError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            ProveError::Tile(error) => {
                write!(f, "{error}: `velum audit verify` says more")
            }
            ProveError::Checkpoint(error) => error.fmt(f),
            ProveError::NoSuchRecord { sequence, signed } => {
                write!(
                    f,
                    "record {sequence} is not one of the {signed} that are signed"
                )
            }
            ProveError::Older { old, signed } => write!(
                f,
                "that checkpoint is of {old} records, this log has {signed}: it was rolled back"
            ),
            ProveError::Unfit(error) => {
                write!(
                    f,
                    "{error}: the log is damaged; `velum audit verify` says where"
                )
            }
        }
    }
}

impl std::error::Error for ProveError {}

impl From<ReadError> for ProveError {
    fn from(error: ReadError) -> Self {
        ProveError::Read(error)
    }
}

impl From<ProofError> for ProveError {
    fn from(error: ProofError) -> Self {
        ProveError::Unfit(error)
    }
}

/// Proves that the record of this sequence is in the log, as its newest checkpoint says.
///
/// # Errors
/// If it is not, or the log cannot be read or is damaged.
pub fn inclusion(directory: &Path, sequence: u64) -> Result<InclusionProof, ProveError> {
    let (text, Checkpoint { size, root, .. }) = checkpoint(directory)?;
    let missing = || ProveError::NoSuchRecord {
        sequence,
        signed: size,
    };
    let index = sequence.checked_sub(1).filter(|index| *index < size);
    let index = index.ok_or_else(missing)?;
    let mut entry = None;
    read::for_each(directory, sequence, |_, record| {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        entry = Some(bytes);
        false
    })?;
    let entry = entry.ok_or_else(missing)?;
    let mut tiles = Tiles::new(directory);
    let path = proof::inclusion(index, size, |height, at| tiles.subtree(height, at, size));
    let path = path.map_err(ProveError::Tile)?;
    proof::verify_inclusion(leaf_hash(&entry), index, size, root, &path)?;
    Ok(InclusionProof {
        entry,
        index,
        path,
        checkpoint: text,
    })
}

/// Proves that the records of a session are in the log, each on its own; gives the proofs to `each`
/// in order. Those that no checkpoint covers yet are left out.
///
/// # Errors
/// As [`inclusion`], and those of `each`.
pub fn session(
    directory: &Path,
    session: SessionId,
    mut each: impl FnMut(InclusionProof) -> io::Result<()>,
) -> Result<(), ProveError> {
    let (text, Checkpoint { size, root, .. }) = checkpoint(directory)?;
    let io = |error| ProveError::Io(directory.to_owned(), error);
    let mut tiles = Tiles::new(directory);
    let mut failed = None;
    read::for_each(directory, 0, |sequence, record| {
        if sequence > size {
            return false;
        }
        if record.session != session {
            return true;
        }
        let mut entry = Vec::new();
        record.encode(&mut entry);
        let index = sequence - 1;
        let path = proof::inclusion(index, size, |height, at| tiles.subtree(height, at, size));
        let proved = path.map_err(io).and_then(|path| {
            proof::verify_inclusion(leaf_hash(&entry), index, size, root, &path)?;
            let checkpoint = text.clone();
            let proof = InclusionProof {
                entry,
                index,
                path,
                checkpoint,
            };
            each(proof).map_err(io)
        });
        failed = proved.err();
        failed.is_none()
    })?;
    failed.map_or(Ok(()), Err)
}

/// Proves that the log has grown from an older checkpoint of it, or from nothing, to its newest.
///
/// # Errors
/// If it has not, or the log cannot be read or is damaged.
pub fn consistency(directory: &Path, older: Option<&[u8]>) -> Result<ConsistencyProof, ProveError> {
    let (text, newest) = checkpoint(directory)?;
    let (old, old_root) = match older {
        Some(older) => {
            let older = parse(older)?;
            (older.size, older.root)
        }
        None => (0, Hash::of_nothing()),
    };
    if old > newest.size {
        let signed = newest.size;
        return Err(ProveError::Older { old, signed });
    }
    let mut tiles = Tiles::new(directory);
    let subtree = |height, at| tiles.subtree(height, at, newest.size);
    let path = proof::consistency(old, newest.size, subtree);
    let path = path.map_err(ProveError::Tile)?;
    proof::verify_consistency((old, old_root), (newest.size, newest.root), &path)?;
    Ok(ConsistencyProof {
        old,
        path,
        checkpoint: text,
    })
}

/// Proves that the log has grown to its newest checkpoint from its own first `old` records, of
/// which no checkpoint is at hand.
///
/// # Errors
/// As [`consistency`].
pub fn growth(directory: &Path, old: u64) -> Result<ConsistencyProof, ProveError> {
    let (text, Checkpoint { size, root, .. }) = checkpoint(directory)?;
    if old > size {
        return Err(ProveError::Older { old, signed: size });
    }
    let mut tiles = Tiles::new(directory);
    let mut subtree = |height, at| tiles.subtree(height, at, size);
    let old_root = proof::root(old, &mut subtree).map_err(ProveError::Tile)?;
    let path = proof::consistency(old, size, subtree).map_err(ProveError::Tile)?;
    proof::verify_consistency((old, old_root), (size, root), &path)?;
    Ok(ConsistencyProof {
        old,
        path,
        checkpoint: text,
    })
}

/// The newest checkpoint: its text, and what it says. Who reads the proof verifies it.
fn checkpoint(directory: &Path) -> Result<(String, Checkpoint), ProveError> {
    let path = directory.join(store::CHECKPOINT);
    let bytes = store::read_note(&path).map_err(|error| ProveError::Io(path, error))?;
    let checkpoint = parse(&bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), checkpoint))
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, ProveError> {
    let note = Note::parse(bytes).map_err(|error| ProveError::Checkpoint(error.into()))?;
    Checkpoint::parse(note.text()).map_err(ProveError::Checkpoint)
}
