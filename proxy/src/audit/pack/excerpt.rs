//! A part of a log as a log of its own: its segments, the tiles that it begins after, the
//! checkpoint, and the proof that the checkpoint's log has grown from it.

use std::fs;
use std::io;
use std::path::Path;

use velum_core::audit::tree::proof;
use velum_core::audit::tree::proof_text::{ConsistencyProof, InclusionProof};
use velum_core::audit::tree::{Checkpoint, Edge, leaf_hash, tile};

use super::survey::Survey;
use super::{EARLIER, PackError, found, io_at};
use crate::audit::read;
use crate::audit::segment::{self, HEADER_BYTES, Place};
use crate::audit::store::{CHECKPOINT, Tiles};
use crate::audit::verify::excerpt::GROWTH;

/// Writes the excerpt of the log in `from` to the folder `to`. `text` is the log's checkpoint,
/// which says `checkpoint`.
///
/// # Errors
/// If a file cannot be read or written, or the log is damaged.
pub fn write(
    from: &Path,
    to: &Path,
    survey: &Survey,
    text: &str,
    checkpoint: &Checkpoint,
) -> Result<(), PackError> {
    fs::create_dir_all(to.join(EARLIER)).map_err(io_at(to.display()))?;
    segments(from, to, survey)?;
    put(to, CHECKPOINT, text.as_bytes())?;
    let mut tiles = Tiles::new(from);
    let damaged = |error: io::Error| found(format!("{error}: `velum audit verify` says more"));
    let mut needed = Vec::new();
    let edge = Edge::restore(survey.first - 1, |tile| {
        let hashes = tiles.hashes(tile)?;
        needed.push((tile, tile::bytes(&hashes)));
        Ok(hashes)
    });
    edge.map_err(damaged)?;
    for (tile, bytes) in needed {
        put(to, &tile.path(), &bytes)?;
    }
    let size = checkpoint.size;
    let mut subtree = |height, index| tiles.subtree(height, index, size);
    if survey.last < size {
        let path = proof::consistency(survey.last, size, &mut subtree).map_err(damaged)?;
        let growth = ConsistencyProof {
            old: survey.last,
            path,
            checkpoint: text.to_owned(),
        };
        put(to, GROWTH, growth.to_string().as_bytes())?;
    }
    for (sequence, record) in &survey.earlier {
        let mut entry = Vec::new();
        record.encode(&mut entry);
        let index = sequence - 1;
        let path = proof::inclusion(index, size, &mut subtree).map_err(damaged)?;
        proof::verify_inclusion(leaf_hash(&entry), index, size, checkpoint.root, &path)
            .map_err(|error| found(format!("record {sequence}: {error}")))?;
        let proof = InclusionProof {
            entry,
            index,
            path,
            checkpoint: text.to_owned(),
        };
        put(to, &earlier_path(*sequence), proof.to_string().as_bytes())?;
    }
    Ok(())
}

/// Where the proof of an earlier record is, below the excerpt.
pub(super) fn earlier_path(sequence: u64) -> String {
    format!("{EARLIER}/{sequence:020}.tlog-proof")
}

fn put(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), PackError> {
    let path = folder.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io_at(parent.display()))?;
    }
    fs::write(&path, bytes).map_err(io_at(path.display()))
}

/// Segments that ended are linked; of the last, what is wanted is copied.
fn segments(from: &Path, to: &Path, survey: &Survey) -> Result<(), PackError> {
    let segments = read::segments(from)?;
    for (index, (first, path)) in segments.iter().enumerate() {
        if *first < survey.first || *first > survey.last {
            continue;
        }
        let target = to.join(segment::file_name(*first));
        let next = segments.get(index + 1).map(|(next, _)| *next);
        if next.is_some_and(|next| next <= survey.last + 1) {
            let linked = fs::hard_link(path, &target);
            if linked.is_err() {
                fs::copy(path, &target).map_err(io_at(path.display()))?;
            }
            continue;
        }
        let bytes = fs::read(path).map_err(io_at(path.display()))?;
        let mut at = HEADER_BYTES;
        while let Place::Frame(frame) = segment::place(&bytes, at) {
            if frame.sequence > survey.last {
                break;
            }
            at = frame.end;
        }
        let used = bytes.get(..at).unwrap_or(&bytes);
        fs::write(&target, used).map_err(io_at(target.display()))?;
    }
    Ok(())
}
