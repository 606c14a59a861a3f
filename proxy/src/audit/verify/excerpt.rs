//! A part of a log, as an auditor's pack has it: it begins after leaves of which only the tree is
//! known, and the checkpoint's log has grown from where it ends.

use std::path::Path;

use velum_core::audit::tree::proof_text::ConsistencyProof;
use velum_core::audit::tree::{Edge, SignedCheckpoint, VerifierKey};

use super::finding::{Failure, Finding, Problem};
use super::walk::Walk;
use crate::audit::store::{self, Tiles};

/// The proof that the checkpoint's log has grown from the excerpt's end; not there, if that is the
/// checkpoint's.
pub const GROWTH: &str = "growth";

/// The tree before the first record. Nothing says that it is right but the root in the end.
pub(super) fn before(directory: &Path, first: u64) -> Result<Edge, Failure> {
    let mut tiles = Tiles::new(directory);
    let missing = || Failure::from(Finding::somewhere(Problem::Before { first }));
    let size = first.checked_sub(1).ok_or_else(missing)?;
    let edge = Edge::restore(size, |tile| tiles.hashes(tile));
    edge.ok().flatten().ok_or_else(missing)
}

/// Holds the excerpt, which ends with the record `last`, against the checkpoint.
pub(super) fn compare(
    directory: &Path,
    walk: &Walk,
    last: u64,
    checkpoint: &[u8],
    signed: &SignedCheckpoint,
    keys: &[VerifierKey],
) -> Result<(), Failure> {
    let wrong = |what: String| Failure::from(Finding::somewhere(Problem::Excerpt(what)));
    if walk.size() != last {
        let what = format!("it ends with record {}, not with {last}", walk.size());
        return Err(wrong(what));
    }
    let root = walk.root_at(last);
    let root = root.ok_or_else(|| wrong("it has no record".to_owned()))?;
    let (size, signed_root) = (signed.checkpoint.size, signed.checkpoint.root);
    if last == size {
        return match root == signed_root {
            true => Ok(()),
            false => Err(Finding::somewhere(Problem::Root {
                size,
                found: root,
                signed: signed_root,
            })
            .into()),
        };
    }
    let path = directory.join(GROWTH);
    let bytes = store::read_note(&path).map_err(|error| wrong(format!("{GROWTH}: {error}")))?;
    let proof = ConsistencyProof::parse(&bytes);
    let proof = proof.map_err(|error| wrong(format!("{GROWTH}: {error}")))?;
    if proof.old != last || proof.checkpoint.as_bytes() != checkpoint {
        return Err(wrong(format!("{GROWTH} is a proof of something else")));
    }
    let grown = proof.verify(root, keys);
    grown.map_err(|error| {
        wrong(format!(
            "the records are not those that were signed: {error}"
        ))
    })?;
    Ok(())
}
