//! The tree beside the segments: `checkpoint`, `tile/…`, `handovers/…`.
//!
//! A checkpoint is there whole or not at all, and is on disk before it counts. Tiles are not
//! synced: they are computed from the records, and again at the next start if a crash loses them.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use velum_core::audit::tree::{Checkpoint, Hash, Note, Tile, tile};
use velum_core::limits::NOTE_BYTES;

use super::disk::{self, sync_directory};
use super::signing::Signers;

/// The newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// Checkpoints that a key and the one before it have signed, named by their sizes.
const HANDOVERS: &str = "handovers";
/// Tiles that a reader keeps.
const CACHED: usize = 64;

/// What is published of a log at a size.
pub struct Publication {
    /// Records.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// Tiles that are new since the last one.
    pub tiles: Vec<(Tile, Vec<u8>)>,
    /// To be kept, because it leads from one key to the next.
    pub is_handover: bool,
}

/// Writes tiles, then the checkpoint that needs them.
///
/// # Errors
/// The system's; the checkpoint is the one before or the new one.
pub fn publish(directory: &Path, signers: &Signers, new: &Publication) -> io::Result<()> {
    for (tile, bytes) in &new.tiles {
        let path = directory.join(tile.path());
        replace(&path, bytes, false)?;
        if tile.is_full() {
            let partials = directory.join(format!("{}.p", tile.path()));
            match fs::remove_dir_all(partials) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    let checkpoint = signers.sign(new.size, new.root)?;
    if new.is_handover {
        let path = directory.join(HANDOVERS).join(format!("{:020}", new.size));
        replace(&path, checkpoint.as_bytes(), true)?;
    }
    replace(&directory.join(CHECKPOINT), checkpoint.as_bytes(), true)
}

/// Puts a file in the place of another; `synced` means that it is on disk under its name.
pub(crate) fn replace(path: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    make(parent)?;
    // A temporary file can be read and written by its owner only.
    disk::name()?;
    let file = tempfile::NamedTempFile::new_in(parent)?;
    disk::write_all_at(file.as_file(), bytes, 0)?;
    if synced {
        disk::sync_all(file.as_file())?;
    }
    disk::name()?;
    file.persist(path).map_err(|error| error.error)?;
    match synced {
        true => sync_directory(parent),
        false => Ok(()),
    }
}

fn make(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// The newest checkpoint; `None` if there is none.
///
/// # Errors
/// The system's.
pub fn read_checkpoint(directory: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_note(&directory.join(CHECKPOINT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// The records that a checkpoint says it covers; nobody has verified it.
pub fn size_of(checkpoint: &[u8]) -> Option<u64> {
    let note = Note::parse(checkpoint).ok()?;
    let says = Checkpoint::parse(note.text()).ok()?;
    Some(says.size)
}

/// The bytes of a note's file; of one that is too long, enough to see that it is.
///
/// # Errors
/// The system's.
pub fn read_note(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path)?;
    file.take(NOTE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The checkpoints that lead from one key to the next, in order.
///
/// # Errors
/// The system's.
pub fn handovers(directory: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let entries = match fs::read_dir(directory.join(HANDOVERS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort();
    let read = |path: PathBuf| read_note(&path).map(|bytes| (path, bytes));
    paths.into_iter().map(read).collect()
}

/// Is this tile there with these bytes?
pub(super) fn has(directory: &Path, tile: &Tile, bytes: &[u8]) -> bool {
    fs::read(directory.join(tile.path())).is_ok_and(|found| found == bytes)
}

/// Reads tiles; a partial one may come from a wider one.
pub struct Tiles {
    directory: PathBuf,
    cache: HashMap<Tile, Vec<Hash>>,
}

impl Tiles {
    /// The tiles of a log's directory.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            cache: HashMap::new(),
        }
    }

    /// The hashes of a tile, as many as its width.
    ///
    /// # Errors
    /// If it is not there, or has not its width.
    pub fn hashes(&mut self, tile: Tile) -> io::Result<Vec<Hash>> {
        if let Some(hashes) = self.cache.get(&tile) {
            return Ok(hashes.clone());
        }
        let wider = self.wider(tile)?;
        let path = self.directory.join(wider.path());
        let bytes = fs::read(&path)?;
        let hashes = tile::hashes(&bytes, wider.width).ok_or_else(|| {
            let what = format!("{} has not the size of its name", path.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        let hashes: Vec<_> = hashes.into_iter().take(usize::from(tile.width)).collect();
        if self.cache.len() >= CACHED {
            self.cache.clear();
        }
        self.cache.insert(tile, hashes.clone());
        Ok(hashes)
    }

    /// Gives the leaves from `first` to the one before `end`, counted from 0.
    ///
    /// # Errors
    /// As [`Tiles::hashes`].
    pub fn leaves(
        &mut self,
        first: u64,
        end: u64,
        mut each: impl FnMut(u64, Hash),
    ) -> io::Result<()> {
        let mut at = first;
        while at < end {
            let index = at / tile::WIDTH;
            let stop = end.min((index + 1) * tile::WIDTH);
            let width = (stop - index * tile::WIDTH) as u16;
            let hashes = self.hashes(Tile {
                level: 0,
                index,
                width,
            })?;
            for hash in hashes.into_iter().skip((at % tile::WIDTH) as usize) {
                each(at, hash);
                at += 1;
            }
            if at != stop {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// The root of a perfect subtree, in a tree of `size` leaves.
    ///
    /// # Errors
    /// As [`Tiles::hashes`].
    pub fn subtree(&mut self, height: u32, index: u64, size: u64) -> io::Result<Hash> {
        let (tile, range) = Tile::of_subtree(height, index, size);
        let hashes = self.hashes(tile)?;
        let part = hashes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(tile::root(part))
    }

    /// The tile itself, the full one in its place, or the narrowest that is wide enough.
    fn wider(&self, tile: Tile) -> io::Result<Tile> {
        let full = Tile::full(tile.level, tile.index);
        for candidate in [tile, full] {
            if self.directory.join(candidate.path()).is_file() {
                return Ok(candidate);
            }
        }
        let missing = || {
            let what = format!("{} is missing", self.directory.join(tile.path()).display());
            io::Error::new(io::ErrorKind::NotFound, what)
        };
        let partials = self.directory.join(format!("{}.p", full.path()));
        let entries = fs::read_dir(partials).map_err(|_| missing())?;
        let widths =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u16>().ok());
        let width = widths
            .filter(|width| (tile.width..256).contains(width))
            .min();
        width
            .map(|width| Tile { width, ..tile })
            .ok_or_else(missing)
    }
}
