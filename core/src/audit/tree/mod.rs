//! The log as a Merkle tree that anybody verifies: maths and texts, no files.
//!
//! ```text
//!  records ─ leaf hashes ─▶ Edge ─▶ tiles, root ─▶ Checkpoint ─ sign ─▶ Note
//!                                     │                                  │
//!                                     └── inclusion, consistency ────────┘ proofs
//! ```
//!
//! * [`hash`]: RFC 6962's leaf and node hashes.
//! * [`frontier`]: what has to be kept of a tree to append to it, and its root.
//! * [`proof`]: inclusion and consistency proofs, and their verification (RFC 9162, 2.1).
//! * [`tile`], [`edge`]: the tree cut into tiles (C2SP tlog-tiles), and their growing edge.
//! * [`key`], [`note`]: keys and texts signed by them (C2SP signed-note, tlog-cosignature).
//! * [`checkpoint`]: size and root of a log as such a text (C2SP tlog-checkpoint).
//! * [`proof_text`]: proofs that carry their checkpoint (C2SP tlog-proof, tlog-witness).
//! * [`witness`]: what a witness signs, and what it refuses.

pub mod checkpoint;
pub mod edge;
pub mod frontier;
pub mod hash;
pub mod key;
pub mod note;
pub mod proof;
pub mod proof_text;
#[cfg(test)]
mod tests;
pub mod tile;
pub mod witness;

pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use edge::Edge;
pub use frontier::Frontier;
pub use hash::{Hash, leaf_hash, node_hash};
pub use key::{KeyError, NoteSigner, VerifierKey};
pub use note::{Note, NoteError};
pub use tile::Tile;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[cfg(any(test, fuzzing))]
/// Body of the fuzz target: texts that can be read are what is written of what was read.
pub fn fuzz_texts(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
            assert_eq!(checkpoint.to_string(), note.text());
        }
    }
    if let Ok(proof) = proof_text::InclusionProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes);
        assert!(proof.verify(&[]).is_err());
    }
    if let Ok(proof) = proof_text::ConsistencyProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes);
        assert!(proof.verify(Hash::of_nothing(), &[]).is_err());
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(key) = VerifierKey::parse(text)
    {
        assert_eq!(key.to_string(), text);
    }
}

/// Standard Base64 (RFC 4648, section 4) with padding.
fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of standard Base64; of each value exactly one text is taken.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A number in ASCII decimal without leading zeros, below 2^63.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|number| *number < 1 << 63);
    (canonical && digits).then_some(number).flatten()
}
