//! What has to be kept of a tree to append to it: the roots of the perfect subtrees that it
//! consists of, at most one a bit of its size.

use super::hash::{Hash, node_hash};

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The largest subtree, which is the oldest, first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of `size` leaves, from the roots of their perfect subtrees, the largest
    /// first; `None` if there are not as many as the size has bits.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let fits = peaks.len() == size.count_ones() as usize;
        fits.then_some(Self { size, peaks })
    }

    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf; two hashes on average.
    pub fn push(&mut self, leaf: Hash) {
        self.push_each(leaf, |_, _| {});
    }

    /// Appends a leaf; gives the height and the root of each perfect subtree that ends with it,
    /// the leaf first.
    pub fn push_each(&mut self, leaf: Hash, mut each: impl FnMut(u32, Hash)) {
        let mut hash = leaf;
        each(0, hash);
        // One subtree merges for each trailing one of the size, as in a binary addition.
        for height in 1..=self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(left, hash);
                each(height, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return Hash::of_nothing();
        };
        peaks.fold(*last, |right, left| node_hash(*left, right))
    }
}
