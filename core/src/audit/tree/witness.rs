//! What a witness signs, and what it refuses (C2SP tlog-witness). The caller keeps what was
//! signed last, and has it on disk before it answers.

use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::hash::Hash;
use super::key::VerifierKey;
use super::note::{Note, NoteError};
use super::proof::{self, ProofError};
use super::proof_text::ConsistencyProof;

/// Why a witness does not sign; the comments give the status of the HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 400: not a request, or its old size is larger than its new one.
    Malformed(String),
    /// 403: not signed by a key that is trusted for this log.
    Signature(CheckpointError),
    /// 404: a log that this witness does not watch.
    UnknownLog(String),
    /// 409: the request begins at another size than what was signed last.
    Conflict {
        /// What it begins at.
        old: u64,
        /// What was signed last.
        size: u64,
    },
    /// 422: not the same log any more: it was rewritten, or forked.
    Inconsistent {
        /// What was signed last.
        size: u64,
        /// Its root.
        root: Hash,
        /// What the proof lacks.
        cause: ProofError,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Malformed(what) => f.write_str(what),
            Refused::Signature(error) => error.fmt(f),
            Refused::UnknownLog(origin) => write!(f, "{origin} is not watched here"),
            Refused::Conflict { old, size } => write!(
                f,
                "the proof begins at {old} records, the last that was cosigned has {size}"
            ),
            Refused::Inconsistent { size, root, cause } => write!(
                f,
                "not what was cosigned before, {size} records with root {root}: {cause}"
            ),
        }
    }
}

impl std::error::Error for Refused {}

/// Judges a request, given what was signed last for each log: `None` is nothing yet.
///
/// # Errors
/// See [`Refused`]. Nothing may be signed then.
pub fn judge(
    request: &ConsistencyProof,
    keys: &[VerifierKey],
    last: impl FnOnce(&str) -> Option<(u64, Hash)>,
) -> Result<SignedCheckpoint, Refused> {
    let bytes = request.checkpoint.as_bytes();
    let origin = origin(bytes)?;
    if !keys.iter().any(|key| key.name() == origin) {
        return Err(Refused::UnknownLog(origin));
    }
    let signed = SignedCheckpoint::open(bytes, keys).map_err(Refused::Signature)?;
    let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
    if request.old > size {
        let what = format!("from {} records to {size}: logs only grow", request.old);
        return Err(Refused::Malformed(what));
    }
    let (last_size, last_root) = last(&origin).unwrap_or((0, Hash::of_nothing()));
    if request.old != last_size {
        return Err(Refused::Conflict {
            old: request.old,
            size: last_size,
        });
    }
    let consistent = proof::verify_consistency((last_size, last_root), (size, root), &request.path);
    match consistent {
        Ok(()) => Ok(signed),
        Err(cause) => Err(Refused::Inconsistent {
            size: last_size,
            root: last_root,
            cause,
        }),
    }
}

/// Which log a checkpoint says that it is of.
fn origin(bytes: &[u8]) -> Result<String, Refused> {
    let malformed = |error: CheckpointError| Refused::Malformed(error.to_string());
    let note: Result<Note, NoteError> = Note::parse(bytes);
    let note = note.map_err(|error| malformed(error.into()))?;
    Ok(Checkpoint::parse(note.text()).map_err(malformed)?.origin)
}
