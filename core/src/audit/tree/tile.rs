//! Tiles: the tree in pieces of 256 hashes, as files (C2SP tlog-tiles).
//!
//! A tile of level 0 holds leaf hashes; one of level `l` the roots of 256 full tiles below it.
//! `tile/0/x001/x234/067` is a full one, `tile/0/x001/x234/067.p/17` holds the first 17.

use super::frontier::Frontier;
use super::hash::Hash;

/// Hashes of a full tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree in one tile.
pub const HEIGHT: u32 = 8;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Name of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// 0 for leaves; at most 7, since there are fewer than 2^63 of them.
    pub level: u8,
    /// From the left.
    pub index: u64,
    /// Hashes in it, 1 to 256.
    pub width: u16,
}

impl Tile {
    /// A tile with all its hashes.
    pub fn full(level: u8, index: u64) -> Self {
        let width = WIDTH as u16;
        Self {
            level,
            index,
            width,
        }
    }

    /// All its hashes are there.
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// Its path below the log's directory.
    pub fn path(&self) -> String {
        let mut elements = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            elements.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        elements.reverse();
        let path = format!("tile/{}/{}", self.level, elements.join("/"));
        match self.is_full() {
            true => path,
            false => format!("{path}.p/{}", self.width),
        }
    }

    /// The tiles that a tree of `size` leaves is made of, partial ones included.
    pub fn of_tree(size: u64) -> impl Iterator<Item = Tile> {
        let levels = (0u8..).map(move |level| (level, nodes_of(size, level)));
        levels
            .take_while(|(_, nodes)| *nodes > 0)
            .flat_map(|(level, nodes)| {
                let full = (0..nodes / WIDTH).map(move |index| Tile::full(level, index));
                full.chain(Tile::partial(level, nodes))
            })
    }

    /// The partial tile at the end of a level of so many hashes, if it does not end with a full.
    fn partial(level: u8, nodes: u64) -> Option<Self> {
        let (index, width) = (nodes / WIDTH, (nodes % WIDTH) as u16);
        (width > 0).then_some(Self {
            level,
            index,
            width,
        })
    }

    /// The partial tiles of a tree of `size` leaves, from the bottom up.
    pub fn partials(size: u64) -> impl Iterator<Item = Tile> {
        let levels = (0u8..).map(move |level| (level, nodes_of(size, level)));
        let levels = levels.take_while(|(_, nodes)| *nodes > 0);
        levels.filter_map(|(level, nodes)| Tile::partial(level, nodes))
    }

    /// The tile that holds what the perfect subtree of this height and index is computed from,
    /// in a tree of `size` leaves: with the range of hashes in it.
    pub fn of_subtree(height: u32, index: u64, size: u64) -> (Self, std::ops::Range<usize>) {
        let level = height / HEIGHT;
        let hashes = 1 << (height % HEIGHT);
        let first = index * hashes;
        let nodes = size >> (HEIGHT * level);
        let tile = first / WIDTH;
        let width = nodes.saturating_sub(tile * WIDTH).min(WIDTH) as u16;
        let start = (first % WIDTH) as usize;
        let tile = Self {
            level: level as u8,
            index: tile,
            width,
        };
        (tile, start..start + hashes as usize)
    }
}

/// Hashes of a level in a tree of `size` leaves.
fn nodes_of(size: u64, level: u8) -> u64 {
    size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0)
}

/// The hashes of a tile's bytes; `None` if they are not so many.
pub fn hashes(bytes: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    let fits = rest.is_empty() && hashes.len() == usize::from(width);
    fits.then(|| hashes.iter().copied().map(Hash).collect())
}

/// The bytes of a tile.
pub fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The root over some hashes of one level.
pub fn root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root()
}
