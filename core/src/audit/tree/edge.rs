//! The growing right edge of a tree in tiles: takes leaves, gives finished tiles.

use super::frontier::Frontier;
use super::hash::Hash;
use super::tile::{self, HEIGHT, Tile, WIDTH};

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    frontier: Frontier,
    /// By level: the hashes of the tile that is not full yet.
    rows: Vec<Vec<Hash>>,
    finished: Vec<(Tile, Vec<u8>)>,
}

impl Edge {
    /// The edge of the first `size` leaves, from their tiles: `hashes` gives those of a partial
    /// tile, which may come from a larger one.
    ///
    /// # Errors
    /// What `hashes` fails with. `None` if it gave too few.
    pub fn restore<E>(
        size: u64,
        mut hashes: impl FnMut(Tile) -> Result<Vec<Hash>, E>,
    ) -> Result<Option<Self>, E> {
        let mut rows = Vec::new();
        let mut rest = size;
        for level in 0u8.. {
            if rest == 0 {
                break;
            }
            let width = (rest % WIDTH) as u16;
            let index = rest / WIDTH;
            let mut row = match width {
                0 => Vec::new(),
                _ => hashes(Tile {
                    level,
                    index,
                    width,
                })?,
            };
            if row.len() < usize::from(width) {
                return Ok(None);
            }
            row.truncate(usize::from(width));
            rows.push(row);
            rest >>= HEIGHT;
        }
        let mut peaks = Vec::new();
        for row in rows.iter().rev() {
            let mut part = Frontier::default();
            for hash in row {
                part.push(*hash);
            }
            peaks.extend_from_slice(part.peaks());
        }
        let frontier = Frontier::from_peaks(size, peaks);
        Ok(frontier.map(|frontier| Self {
            frontier,
            rows,
            finished: Vec::new(),
        }))
    }

    /// Leaves.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        // The index of the tile at each level follows from the size before.
        let mut before = self.frontier.size();
        self.frontier.push(leaf);
        let mut hash = leaf;
        for level in 0u8.. {
            if self.rows.len() <= usize::from(level) {
                self.rows.push(Vec::with_capacity(WIDTH as usize));
            }
            let Some(row) = self.rows.get_mut(usize::from(level)) else {
                return;
            };
            row.push(hash);
            if (row.len() as u64) < WIDTH {
                return;
            }
            let index = before / WIDTH;
            self.finished
                .push((Tile::full(level, index), tile::bytes(row)));
            hash = tile::root(row);
            row.clear();
            before = index;
        }
    }

    /// The full tiles since the last call, in the order in which they were finished.
    pub fn take_finished(&mut self) -> Vec<(Tile, Vec<u8>)> {
        std::mem::take(&mut self.finished)
    }

    /// The partial tiles of this size.
    pub fn partials(&self) -> Vec<(Tile, Vec<u8>)> {
        let bytes = |tile: Tile| {
            self.rows
                .get(usize::from(tile.level))
                .map(|row| tile::bytes(row))
        };
        let tiles = Tile::partials(self.size());
        tiles
            .filter_map(|tile| Some((tile, bytes(tile)?)))
            .collect()
    }
}
