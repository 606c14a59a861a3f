//! The tree's tiles, held against the records.

use std::io;
use std::path::Path;

use velum_core::audit::tree::{Edge, Hash, Tile, proof, tile};

use super::finding::{Place, Problem};
use crate::audit::store::Tiles;

/// Grows the tree, and notes where its files say otherwise.
pub(super) struct TileWatch {
    edge: Edge,
    files: Tiles,
    /// Records that the checkpoint covers: tiles have to be there for these.
    signed: u64,
    /// Places of the leaves in the tile that is not full yet.
    places: Vec<Place>,
    /// The first record whose hash is another in its tile.
    pub(super) first_changed: Option<Place>,
    /// The first tile that is missing or differs.
    pub(super) first_wrong: Option<Problem>,
}

impl TileWatch {
    pub(super) fn new(directory: &Path, signed: u64) -> Self {
        Self {
            edge: Edge::default(),
            files: Tiles::new(directory),
            signed,
            places: Vec::new(),
            first_changed: None,
            first_wrong: None,
        }
    }

    /// Begins behind leaves that are not looked at; nor are tiles.
    pub(super) fn begin(&mut self, edge: Edge) {
        self.edge = edge;
        self.signed = 0;
    }

    /// The leaves of records that are not there, from the tiles: `first` is the sequence of the
    /// first, `last` that of the last.
    pub(super) fn leaves(&mut self, first: u64, last: u64) -> io::Result<Vec<Hash>> {
        let mut leaves = Vec::new();
        self.files
            .leaves(first - 1, last, |_, leaf| leaves.push(leaf))?;
        Ok(leaves)
    }

    pub(super) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(super) fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Takes the next leaf.
    pub(super) fn push(&mut self, leaf: Hash, place: impl FnOnce() -> Place) {
        self.places.push(place());
        self.edge.push(leaf);
        for (tile, bytes) in self.edge.take_finished() {
            self.compare(tile, &bytes);
            if tile.level == 0 {
                self.places.clear();
            }
        }
        if self.edge.size() == self.signed {
            for (tile, bytes) in self.edge.partials() {
                self.compare(tile, &bytes);
            }
        }
    }

    fn compare(&mut self, tile: Tile, bytes: &[u8]) {
        let end = (tile.index * tile::WIDTH + u64::from(tile.width))
            << (tile::HEIGHT * u32::from(tile.level));
        if end > self.signed {
            return;
        }
        let computed = tile::hashes(bytes, tile.width).unwrap_or_default();
        let wrong = match self.files.hashes(tile) {
            Err(_) => Problem::TileMissing(tile.path()),
            Ok(found) if found == computed => return,
            Ok(found) => {
                let mut pairs = found.iter().zip(&computed);
                let differs = pairs.position(|(found, computed)| found != computed);
                if let (0, None, Some(at)) = (tile.level, &self.first_changed, differs) {
                    self.first_changed = self.places.get(at).cloned();
                }
                Problem::TileDiffers(tile.path())
            }
        };
        self.first_wrong.get_or_insert(wrong);
    }

    /// The root that the tiles say the signed records have.
    pub(super) fn root_of_files(&mut self) -> io::Result<Hash> {
        let Self { files, signed, .. } = self;
        proof::root(*signed, |height, index| {
            files.subtree(height, index, *signed)
        })
    }
}
