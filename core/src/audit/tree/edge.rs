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
        let Self {
            frontier,
            rows,
            finished,
        } = self;
        let before = frontier.size();
        // A tile's hashes are roots of subtrees that the frontier merges anyway.
        frontier.push_each(leaf, |height, hash| {
            if height % HEIGHT != 0 {
                return;
            }
            let level = height / HEIGHT;
            if rows.len() <= level as usize {
                rows.push(Vec::with_capacity(WIDTH as usize));
            }
            let Some(row) = rows.get_mut(level as usize) else {
                return;
            };
            row.push(hash);
            if row.len() as u64 == WIDTH {
                // The index of the tile at each level follows from the size before.
                let index = before >> (HEIGHT * (level + 1)).min(u64::BITS - 1);
                finished.push((Tile::full(level as u8, index), tile::bytes(row)));
                row.clear();
            }
        });
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
