//! Every write, sync and new name of the log and its tree goes through here: the one place where
//! tests make a disk fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

#[cfg(test)]
pub(super) mod fault;

#[cfg(test)]
use fault::{Step, fails};

/// As [`FileExt::write_at`].
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    #[cfg(test)]
    if let Some(result) = fault::write(file, bytes, at) {
        return result;
    }
    file.write_at(bytes, at)
}

/// As [`FileExt::write_all_at`].
pub(super) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    #[cfg(test)]
    if let Some(result) = fault::write(file, bytes, at) {
        return match result? {
            written if written == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        };
    }
    file.write_all_at(bytes, at)
}

/// As [`File::sync_data`].
pub(super) fn sync_data(file: &File) -> io::Result<()> {
    #[cfg(test)]
    fails(Step::Sync)?;
    file.sync_data()
}

/// As [`File::sync_all`].
pub(super) fn sync_all(file: &File) -> io::Result<()> {
    #[cfg(test)]
    fails(Step::Sync)?;
    file.sync_all()
}

/// As [`File::set_len`].
pub(super) fn set_len(file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(test)]
    fails(Step::Other)?;
    file.set_len(bytes)
}

/// Before a file is made, gets its space or another name.
pub(super) fn name() -> io::Result<()> {
    #[cfg(test)]
    fails(Step::Other)?;
    Ok(())
}

/// Puts the names of a directory on disk.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    let directory = File::open(directory)?;
    sync_all(&directory)
}
