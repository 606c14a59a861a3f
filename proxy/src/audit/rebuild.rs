//! The tree of a log that is about to be appended to, held against its last signed checkpoint.
//!
//! What of the log is verified at a start is hashed again; of what lies before it the tiles are
//! taken, and the signed root says whether they are right.

use std::path::{Path, PathBuf};

use velum_core::audit::record::Body;
use velum_core::audit::tree::{Edge, Hash, SignedCheckpoint, Tile, VerifierKey, leaf_hash};

use super::expired::Gone;
use super::read::{self, ReadError};
use super::recover::{RecoverError, STARTED, STOPPED};
use super::segment::{self, HEADER_BYTES, Place};
use super::store::{self, Publication, Tiles};

/// Whose checkpoints are believed.
pub struct Trust {
    /// The gateway's own keys; their name is the log's origin.
    pub keys: Vec<VerifierKey>,
    /// A log that is not what its checkpoint says is accepted, and that is recorded.
    pub accepts_mismatch: bool,
}

/// The tree.
#[derive(Debug)]
pub struct Tree {
    /// Its edge.
    pub edge: Edge,
    /// Full tiles that are not on disk as they should be.
    pub missing: Vec<(Tile, Vec<u8>)>,
    /// What did not fit, and was accepted.
    pub overruled: Option<String>,
}

impl Tree {
    /// What is to be published before the first record, so that a checkpoint that is missing
    /// later was taken away. A log that was accepted against its checkpoint gets none before
    /// this is recorded.
    pub fn found(&self) -> Option<Publication> {
        if self.overruled.is_some() {
            return None;
        }
        let mut tiles = self.missing.clone();
        tiles.extend(self.edge.partials());
        Some(Publication {
            size: self.edge.size(),
            root: self.edge.root(),
            tiles,
            is_handover: false,
        })
    }
}

/// What is known of the log's segments.
pub(super) struct Known<'s> {
    pub(super) directory: &'s Path,
    pub(super) segments: &'s [(u64, PathBuf)],
    /// Records.
    pub(super) size: u64,
    /// Index of the first segment that was verified.
    pub(super) verified_from: usize,
    /// A run has recorded its signing key: then there has been a checkpoint.
    pub(super) is_signed: bool,
    /// What was deleted when due.
    pub(super) gone: &'s Gone,
}

/// Builds the tree and compares it.
///
/// # Errors
/// If the log cannot be read, or is not what its checkpoint says.
pub(super) fn build(known: &Known<'_>, trust: &Trust) -> Result<Tree, RecoverError> {
    let mut built = None;
    let cause = match judged(known, trust) {
        Err(cause) => Some(cause),
        Ok(None) => None,
        Ok(Some(checkpoint)) => {
            let (grown, cause) = compared(known, &checkpoint)?;
            built = Some(grown);
            cause.or_else(|| unexpected(known, checkpoint.checkpoint.size, trust))
        }
    };
    if let (Some(cause), false) = (&cause, trust.accepts_mismatch) {
        return Err(RecoverError::Mismatch(cause.clone()));
    }
    let grown = match built {
        Some(grown) => grown,
        None => whole(known, None)?,
    };
    Ok(Tree {
        edge: grown.edge,
        missing: grown.missing,
        overruled: cause,
    })
}

/// The last checkpoint, as far as it can be believed without the tree.
fn judged(known: &Known<'_>, trust: &Trust) -> Result<Option<SignedCheckpoint>, String> {
    let path = known.directory.join(store::CHECKPOINT);
    let path = path.display();
    let bytes = store::read_checkpoint(known.directory);
    let bytes = bytes.map_err(|error| format!("{path} cannot be read: {error}"))?;
    let Some(bytes) = bytes else {
        return match known.is_signed {
            true => Err(format!(
                "{path} is missing, but the log's {} records were signed",
                known.size
            )),
            // Written before logs were signed, or not written yet.
            false => Ok(None),
        };
    };
    let signed = SignedCheckpoint::open(&bytes, &trust.keys).map_err(|error| {
        let keys = trust.keys.iter();
        let ids: Vec<_> = keys
            .map(|key| format!("{} (key {})", key.name(), key.id()))
            .collect();
        format!(
            "{path}: {error}; this gateway signs as {}",
            ids.join(" and ")
        )
    })?;
    let checkpoint = &signed.checkpoint;
    if checkpoint.size > known.size {
        return Err(format!(
            "the log has {} records, but its last checkpoint {} with root {}: \
             records are missing at its end",
            known.size, checkpoint.size, checkpoint.root
        ));
    }
    Ok(Some(signed))
}

/// What no gateway with these keys would have left behind its last checkpoint: signing it would
/// make it true.
fn unexpected(known: &Known<'_>, size: u64, trust: &Trust) -> Option<String> {
    let own: Vec<String> = trust.keys.iter().map(VerifierKey::to_string).collect();
    let is_own = |key: &String| own.contains(key);
    let (mut cause, mut has_stopped) = (None, false);
    // What cannot be read has been found before this.
    let _read = read::for_each(known.directory, size.max(1), |sequence, record| {
        let is_signed = sequence <= size;
        let event = match &record.body {
            Body::Gateway { event } => event.as_str(),
            _ => "",
        };
        match &record.body {
            _ if is_signed => {}
            Body::SigningKey { key, previous } if !is_own(key) || !previous.iter().all(is_own) => {
                let what = "names a signing key that is not this gateway's";
                cause = Some(format!(
                    "record {sequence}, which nobody has signed, {what}"
                ));
            }
            _ if has_stopped && event != STARTED => {
                let what = "stands behind the end of a run";
                cause = Some(format!(
                    "record {sequence}, which nobody has signed, {what}"
                ));
            }
            _ => {}
        }
        has_stopped = event == STOPPED;
        cause.is_none() && sequence < known.size
    });
    cause
}

struct Grown {
    edge: Edge,
    missing: Vec<(Tile, Vec<u8>)>,
    /// The root at the size that was asked for.
    root: Option<Hash>,
}

/// Holds the tree against a checkpoint; the cause is there if it does not fit.
fn compared(
    known: &Known<'_>,
    signed: &SignedCheckpoint,
) -> Result<(Grown, Option<String>), ReadError> {
    let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
    let fits = |grown: &Grown| grown.root == Some(root);
    if let Some(grown) = from_tiles(known, size)?.filter(fits) {
        return Ok((grown, None));
    }
    let grown = whole(known, Some(size))?;
    let cause = match grown.root {
        Some(found) if found != root => Some(format!(
            "the first {size} records of the log have root {found}, but its last checkpoint says \
             {root}: they were changed"
        )),
        _ => None,
    };
    Ok((grown, cause))
}

/// The tree from the records alone.
fn whole(known: &Known<'_>, at: Option<u64>) -> Result<Grown, ReadError> {
    let is_missing = |first: u64| first != 1 && !known.gone.covers(1, first.saturating_sub(1));
    if let Some((_, path)) = known
        .segments
        .first()
        .filter(|(first, _)| is_missing(*first))
    {
        return Err(ReadError::Damaged {
            path: path.clone(),
            offset: 0,
            what: "record 1: the segments before this one are missing",
        });
    }
    grow(known, 0, Edge::default(), at)
}

/// The tree from the tiles of what was not verified, and the records behind it; `None` if there
/// is nothing before, or its tiles are not there.
fn from_tiles(known: &Known<'_>, size: u64) -> Result<Option<Grown>, ReadError> {
    // The checkpoint's own record has to be among those that are hashed, so that its root says
    // something about the tiles.
    let holding = known
        .segments
        .partition_point(|(first, _)| *first <= size.max(1));
    let from = known.verified_from.min(holding.saturating_sub(1));
    let Some((first, _)) = known.segments.get(from).filter(|_| from > 0) else {
        return Ok(None);
    };
    let mut tiles = Tiles::new(known.directory);
    let Ok(Some(edge)) = Edge::restore(first - 1, |tile| tiles.hashes(tile)) else {
        return Ok(None);
    };
    grow(known, from, edge, Some(size)).map(Some)
}

/// Appends the records of the segments from `from` on.
fn grow(
    known: &Known<'_>,
    from: usize,
    mut edge: Edge,
    at: Option<u64>,
) -> Result<Grown, ReadError> {
    let mut missing = Vec::new();
    let root_of = |edge: &Edge| (at == Some(edge.size())).then(|| edge.root());
    let mut root = root_of(&edge);
    let mut tiles = Tiles::new(known.directory);
    for (first, path) in known.segments.iter().skip(from) {
        let damaged = |offset, what| ReadError::Damaged {
            path: path.clone(),
            offset,
            what,
        };
        let before = edge.size();
        if *first != before + 1 {
            if !known.gone.covers(before + 1, first.saturating_sub(1)) {
                return Err(damaged(0, "the sequence to go on"));
            }
            let filled = tiles.leaves(before, first - 1, |_, leaf| {
                edge.push(leaf);
                root = root.or_else(|| root_of(&edge));
            });
            filled.map_err(|_| damaged(0, "tiles of the records that were deleted before it"))?;
        }
        let bytes = read::segment_bytes(path)?;
        let mut offset = HEADER_BYTES;
        while edge.size() < known.size {
            match segment::place(&bytes, offset) {
                Place::Frame(frame) if frame.sequence == edge.size() + 1 => {
                    edge.push(leaf_hash(frame.payload));
                    offset = frame.end;
                    root = root.or_else(|| root_of(&edge));
                }
                Place::End => break,
                _ => return Err(damaged(offset, "a whole frame")),
            }
        }
        let finished = edge.take_finished().into_iter();
        missing.extend(finished.filter(|(tile, bytes)| !store::has(known.directory, tile, bytes)));
    }
    Ok(Grown {
        edge,
        missing,
        root,
    })
}
