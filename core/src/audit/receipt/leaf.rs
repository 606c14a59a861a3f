//! A leaf commits to a mark in parts: eight half bytes, and the rest. To show where a value that is
//! not there would stand, of its neighbours only so many parts are opened as it takes; who may try
//! values out against them is left with many that fit.

use hmac::Mac;
use sha2::{Digest, Sha256};

use super::values::{Mark, Secret, keyed};
use crate::audit::tree::frontier::Frontier;
use crate::audit::tree::{Hash, leaf_hash};

/// Half bytes at the head of a mark that are parts of their own.
pub const HEAD_PARTS: usize = 8;
/// All parts.
pub const PARTS: usize = HEAD_PARTS + 1;

/// Hides a part until it is shown.
pub type Salt = [u8; 16];

/// The parts of a mark: half bytes as bytes, then the rest.
pub fn parts(mark: &Mark) -> [Vec<u8>; PARTS] {
    std::array::from_fn(|part| match mark.get(part / 2) {
        Some(byte) if part < HEAD_PARTS => match part % 2 {
            0 => vec![byte >> 4],
            _ => vec![byte & 15],
        },
        _ => mark.get(HEAD_PARTS / 2..).unwrap_or_default().to_vec(),
    })
}

/// What a leaf says of a part.
pub fn hidden(salt: &Salt, part: &[u8]) -> [u8; 32] {
    let hasher = Sha256::new_with_prefix(salt);
    hasher.chain_update(part).finalize().into()
}

/// The hash of a leaf by what it says of its parts.
pub fn hash_of(hidden: &[[u8; 32]; PARTS]) -> Hash {
    leaf_hash(hidden.as_flattened())
}

/// Makes the leaves of a column.
pub struct Leaves {
    blinding: hmac::Hmac<Sha256>,
}

impl Leaves {
    /// Of the column of this name.
    pub fn new(secret: &Secret, column: &str) -> Self {
        Self {
            blinding: keyed(&secret.blinding(column)),
        }
    }

    /// The salt of each part.
    pub fn salts(&self, mark: &Mark) -> [Salt; PARTS] {
        std::array::from_fn(|part| {
            let mut mac = self.blinding.clone();
            mac.update(mark);
            mac.update(&[part as u8]);
            let digest = mac.finalize().into_bytes();
            let mut salt = [0; 16];
            salt.copy_from_slice(&digest[..16]);
            salt
        })
    }

    /// What the leaf says of each part.
    pub fn hidden(&self, mark: &Mark) -> [[u8; 32]; PARTS] {
        let (salts, parts) = (self.salts(mark), parts(mark));
        let mut said = [[0; 32]; PARTS];
        for (said, (salt, part)) in said.iter_mut().zip(salts.iter().zip(&parts)) {
            *said = hidden(salt, part);
        }
        said
    }

    /// The hash of the leaf.
    pub fn hash(&self, mark: &Mark) -> Hash {
        hash_of(&self.hidden(mark))
    }

    /// The root over these marks, in their order.
    pub fn root(&self, marks: &[Mark]) -> Hash {
        let mut tree = Frontier::default();
        for mark in marks {
            tree.push(self.hash(mark));
        }
        tree.root()
    }
}
