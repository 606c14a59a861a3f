//! Claims about one value and one column: it is among those that were masked, or it is not.
//!
//! A claim does not have the value; who checks it knows it, or is told.

use std::cmp::Ordering;
use std::fmt;

use super::leaf::{self, HEAD_PARTS, Leaves, PARTS, Salt};
use super::values::{ColumnKey, Mark, Secret, key_hash};
use super::{Receipt, ReceiptColumn};
use crate::audit::tree::Hash;
use crate::audit::tree::proof::{self, ProofError};
use crate::limits::PROOF_HASHES;

/// A part of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is shown.
    Open {
        /// Its salt.
        salt: Salt,
        /// What it is.
        part: Vec<u8>,
    },
    /// It stays hidden.
    Hidden([u8; 32]),
}

/// A leaf, as far as it is shown, and that it is in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownLeaf {
    /// Its place, from 0.
    pub index: u64,
    /// As many as leaves have; those that are open stand before those that are not.
    pub parts: Vec<Part>,
    /// Siblings from the bottom up.
    pub path: Vec<Hash>,
}

/// What shows whether a value is among those of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The column.
    pub column: String,
    /// Its key.
    pub key: [u8; 32],
    /// The value's own leaf; or those before and behind its place, as far as there are such.
    pub leaves: Vec<ShownLeaf>,
}

/// What a claim shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The value was masked in this column in this session.
    Masked,
    /// It was not.
    NotMasked,
    /// It is not among the values that were kept; so many masked cells were not.
    NotKept(u64),
}

/// Why a claim shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// The receipt has no commitment to values of that column.
    NoCommitment,
    /// The key is not the column's.
    Key,
    /// A leaf is none.
    Leaf(&'static str),
    /// A leaf is not in the column's tree.
    Proof(ProofError),
    /// The leaves do not show where the value would stand: it may be another value that was asked
    /// for.
    Place,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClaimError::NoCommitment => {
                f.write_str("the receipt has no commitment to values of this column")
            }
            ClaimError::Key => f.write_str("the key is not that of this column and session"),
            ClaimError::Leaf(what) => write!(f, "a leaf of the claim is none: {what}"),
            ClaimError::Proof(error) => {
                write!(
                    f,
                    "a leaf is not in the tree that the receipt commits to: {error}"
                )
            }
            ClaimError::Place => f.write_str(
                "the claim is not about this value: its leaves do not show where it would stand",
            ),
        }
    }
}

impl std::error::Error for ClaimError {}

/// Makes the claim about a value. `marks` are those of the column, sorted.
pub fn claim(secret: &Secret, column: &str, marks: &[Mark], value: &[u8]) -> Claim {
    let key = secret.column(column);
    let mark = key.mark(value);
    let leaves = Leaves::new(secret, column);
    let hashes: Vec<Hash> = marks.iter().map(|mark| leaves.hash(mark)).collect();
    let show = |index: usize, open: usize| {
        let mark = marks.get(index)?;
        Some(ShownLeaf {
            index: index as u64,
            parts: shown(&leaves, mark, open),
            path: path(&hashes, index as u64),
        })
    };
    let found = match marks.binary_search(&mark) {
        Ok(at) => vec![show(at, PARTS)],
        Err(at) => {
            let before = at.checked_sub(1);
            let near = [before, Some(at)].into_iter().flatten();
            let open = |index: usize| marks.get(index).map_or(0, |near| differ(near, &mark) + 1);
            near.map(|index| show(index, open(index))).collect()
        }
    };
    Claim {
        column: column.to_owned(),
        key: *key.expose(),
        leaves: found.into_iter().flatten().collect(),
    }
}

/// How many parts are the same before the first that differs.
fn differ(one: &Mark, other: &Mark) -> usize {
    let (one, other) = (leaf::parts(one), leaf::parts(other));
    one.iter().zip(&other).take_while(|(a, b)| a == b).count()
}

fn shown(leaves: &Leaves, mark: &Mark, open: usize) -> Vec<Part> {
    let (salts, hidden) = (leaves.salts(mark), leaves.hidden(mark));
    let parts = leaf::parts(mark).into_iter().zip(salts).zip(hidden);
    let part = |(index, ((part, salt), hidden))| match index < open {
        true => Part::Open { salt, part },
        false => Part::Hidden(hidden),
    };
    parts.enumerate().map(part).collect()
}

fn path(hashes: &[Hash], index: u64) -> Vec<Hash> {
    let size = hashes.len() as u64;
    let subtree = |height: u32, at: u64| -> Result<Hash, std::convert::Infallible> {
        let width = 1usize << height;
        let start = usize::try_from(at)
            .unwrap_or(usize::MAX)
            .saturating_mul(width);
        let leaves = hashes
            .get(start..start.saturating_add(width))
            .unwrap_or_default();
        let mut tree = crate::audit::tree::frontier::Frontier::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        Ok(tree.root())
    };
    match proof::inclusion(index, size, subtree) {
        Ok(path) => path,
        Err(never) => match never {},
    }
}

impl Claim {
    /// What the claim shows about `value`, by the receipt, which is believed.
    ///
    /// # Errors
    /// If it shows nothing about it.
    pub fn check(&self, receipt: &Receipt, value: &[u8]) -> Result<Shown, ClaimError> {
        let column = receipt
            .column(&self.column)
            .ok_or(ClaimError::NoCommitment)?;
        let commitment = column.commitment.ok_or(ClaimError::NoCommitment)?;
        let key = ColumnKey::new(self.key);
        if key_hash(&key) != commitment.key {
            return Err(ClaimError::Key);
        }
        let mark = key.mark(value);
        let (size, root) = (commitment.values, Hash(commitment.root));
        let mut places = Vec::new();
        for leaf in &self.leaves {
            let place = leaf.check(size, root, &mark)?;
            places.push((leaf.index, place));
        }
        let absent = absent(column);
        match places.as_slice() {
            [(_, Ordering::Equal)] => Ok(Shown::Masked),
            [] if size == 0 && root == Hash::of_nothing() => Ok(absent),
            [(0, Ordering::Greater)] => Ok(absent),
            [(index, Ordering::Less)] if index.checked_add(1) == Some(size) => Ok(absent),
            [(one, Ordering::Less), (other, Ordering::Greater)]
                if one.checked_add(1) == Some(*other) =>
            {
                Ok(absent)
            }
            _ => Err(ClaimError::Place),
        }
    }
}

fn absent(column: &ReceiptColumn) -> Shown {
    match column.missed {
        0 => Shown::NotMasked,
        missed => Shown::NotKept(missed),
    }
}

impl ShownLeaf {
    /// How the leaf's mark compares to `mark`, by the parts that are shown.
    fn check(&self, size: u64, root: Hash, mark: &Mark) -> Result<Ordering, ClaimError> {
        let mut said = [[0; 32]; PARTS];
        if self.parts.len() != PARTS {
            return Err(ClaimError::Leaf("it has another number of parts"));
        }
        if self.path.len() > PROOF_HASHES {
            return Err(ClaimError::Leaf("its path is too long"));
        }
        let wanted = leaf::parts(mark);
        let (mut order, mut is_open) = (Ordering::Equal, true);
        for (index, (part, wanted)) in self.parts.iter().zip(&wanted).enumerate() {
            let hidden = match part {
                Part::Open { salt, part } => {
                    let is_half = part.as_slice() < &[16][..] && part.len() == 1;
                    if !is_open || part.len() != wanted.len() || (index < HEAD_PARTS && !is_half) {
                        return Err(ClaimError::Leaf("a part is of another form"));
                    }
                    order = order.then(part.cmp(wanted));
                    leaf::hidden(salt, part)
                }
                Part::Hidden(hidden) => {
                    is_open = false;
                    *hidden
                }
            };
            if let Some(place) = said.get_mut(index) {
                *place = hidden;
            }
        }
        if order == Ordering::Equal && !is_open {
            return Err(ClaimError::Place);
        }
        let hash = leaf::hash_of(&said);
        proof::verify_inclusion(hash, self.index, size, root, &self.path)
            .map_err(ClaimError::Proof)?;
        Ok(order)
    }
}
