//! The hashes of RFC 6962, section 2.1, with SHA-256.

use std::fmt;

use sha2::{Digest, Sha256};

/// Prefix of what is hashed for a leaf, so that no leaf passes for a node.
const LEAF: &[u8] = &[0];
/// Prefix of what is hashed for a node.
const NODE: &[u8] = &[1];

/// Hash of a leaf, a node or a whole tree. Shown in Base64, as all C2SP texts have it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root of a tree without leaves: the hash of nothing.
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Reads what `Display` writes.
    pub fn from_base64(text: &str) -> Option<Self> {
        super::from_base64(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::to_base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256(0x00 ‖ entry)
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let hasher = Sha256::new_with_prefix(LEAF).chain_update(entry);
    Hash(hasher.finalize().into())
}

/// SHA-256(0x01 ‖ left ‖ right)
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    let hasher = Sha256::new_with_prefix(NODE).chain_update(left.0);
    Hash(hasher.chain_update(right.0).finalize().into())
}
