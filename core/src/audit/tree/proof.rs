//! Inclusion and consistency proofs (RFC 6962, 2.1.1 and 2.1.2), and their verification as RFC
//! 9162, 2.1.3.2 and 2.1.4.2, describes it.
//!
//! Proofs are made of perfect subtrees, which the caller looks up: the subtree of height `h`
//! and index `i` has the leaves from `i * 2^h` to `(i + 1) * 2^h`.

use super::hash::{Hash, node_hash};

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The leaf or the older tree lies beyond the tree.
    OutOfRange,
    /// It has too few or too many hashes.
    Length,
    /// It leads to another root than the one that is signed.
    Root,
    /// It does not begin at the older tree.
    OldRoot,
}

impl std::fmt::Display for ProofError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ProofError::OutOfRange => "the proof is about something beyond the tree",
            ProofError::Length => "the proof has too few or too many hashes",
            ProofError::Root => "the proof leads to another root than the checkpoint's",
            ProofError::OldRoot => "the proof does not begin at the older root",
        })
    }
}

impl std::error::Error for ProofError {}

/// The proof that leaf `index` is in the tree of `size` leaves; its siblings from the bottom up.
///
/// # Errors
/// What `subtree` fails with.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    mut subtree: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end.saturating_sub(start) > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range(&mut subtree, middle, end)?);
            end = middle;
        } else {
            path.push(range(&mut subtree, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is the beginning of that of `size` leaves; empty if
/// they are the same, or the older is empty.
///
/// # Errors
/// What `subtree` fails with.
pub fn consistency<E>(
    old: u64,
    size: u64,
    mut subtree: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    if old == 0 || old >= size {
        return Ok(path);
    }
    let (mut start, mut end) = (0, size);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range(&mut subtree, middle, end)?);
            end = middle;
        } else {
            path.push(range(&mut subtree, start, middle)?);
            start = middle;
        }
    }
    // The older tree's own root is what the verifier has already.
    if start > 0 {
        path.push(range(&mut subtree, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// The root of the first `size` leaves.
///
/// # Errors
/// What `subtree` fails with.
pub fn root<E>(size: u64, mut subtree: impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    match size {
        0 => Ok(Hash::of_nothing()),
        _ => range(&mut subtree, 0, size),
    }
}

/// The leaf with this hash is at `index` in the tree of `size` leaves with this root.
///
/// # Errors
/// If the proof does not show it.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    root: Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange);
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(*sibling, hash);
            climb_past_left_edge(&mut at, &mut last);
        } else {
            hash = node_hash(hash, *sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match (last, hash == root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// The tree of `size` leaves with `root` begins with that of `old` leaves with `old_root`.
///
/// # Errors
/// If the proof does not show it.
pub fn verify_consistency(
    (old, old_root): (u64, Hash),
    (size, root): (u64, Hash),
    path: &[Hash],
) -> Result<(), ProofError> {
    if old > size {
        return Err(ProofError::OutOfRange);
    }
    if old == 0 || old == size {
        return match path.is_empty() {
            false => Err(ProofError::Length),
            true if old == size && old_root != root => Err(ProofError::Root),
            true if old == 0 && old_root != Hash::of_nothing() => Err(ProofError::OldRoot),
            true => Ok(()),
        };
    }
    let (mut at, mut last) = (old - 1, size - 1);
    let whole = at.trailing_ones();
    (at, last) = (at >> whole, last >> whole);
    // A perfect older tree is a node of the newer one, so the proof leaves it out.
    let (first, rest) = match old.is_power_of_two() {
        true => (old_root, path),
        false => match path.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return Err(ProofError::Length),
        },
    };
    let (mut old_hash, mut hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(*sibling, old_hash);
            hash = node_hash(*sibling, hash);
            climb_past_left_edge(&mut at, &mut last);
        } else {
            hash = node_hash(hash, *sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match (last, old_hash == old_root, hash == root) {
        (0, true, true) => Ok(()),
        (0, false, _) => Err(ProofError::OldRoot),
        (0, true, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// At the right edge of a ragged tree a node has no sibling for some levels.
fn climb_past_left_edge(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        (*at, *last) = (*at >> 1, *last >> 1);
    }
}

/// The largest power of two below `leaves`, which are two at least.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root of the leaves from `start` to `end`: one perfect subtree, or split as RFC 6962 does.
fn range<E>(
    subtree: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
    start: u64,
    end: u64,
) -> Result<Hash, E> {
    let leaves = end - start;
    if leaves.is_power_of_two() {
        return subtree(leaves.trailing_zeros(), start / leaves);
    }
    let middle = start + split(leaves);
    let left = range(subtree, start, middle)?;
    Ok(node_hash(left, range(subtree, middle, end)?))
}
