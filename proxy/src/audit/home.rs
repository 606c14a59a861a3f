//! Is a directory the one that a gateway writes its log to, or a copy of it?
//!
//! A gateway notes at each start which directory this is, by what a copy cannot have as well: its
//! inode and the moment that it was made. A directory that was moved stays at home, one that was
//! copied or unpacked is not.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::recover;
use super::store::replace;

/// File beside the segments.
const HOME: &str = "home";

/// Notes that a gateway writes here.
///
/// # Errors
/// The system's.
pub fn settle(directory: &Path) -> io::Result<()> {
    let mark = mark(directory)?;
    let path = directory.join(HOME);
    match fs::read(&path) {
        Ok(known) if known == mark.as_bytes() => Ok(()),
        _ => replace(&path, mark.as_bytes(), true),
    }
}

/// True if a gateway writes here: it does now, or it has at its last start.
pub fn is_written_to(directory: &Path) -> bool {
    let is_home = || {
        let known = fs::read(directory.join(HOME)).ok()?;
        Some(known == mark(directory).ok()?.as_bytes())
    };
    recover::is_in_use(directory) || is_home() == Some(true)
}

fn mark(directory: &Path) -> io::Result<String> {
    let metadata = fs::metadata(directory)?;
    // Where the file system does not tell, the inode has to do.
    let made = metadata.created().ok();
    let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| made.as_nanos());
    Ok(format!("inode {} made {made}\n", metadata.ino()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn a_copy_is_not_at_home_and_what_was_moved_is() {
        let folder = tempfile::tempdir().unwrap();
        let [log, copy, moved] = ["log", "copy", "moved"].map(|name| folder.path().join(name));
        fs::create_dir(&log).unwrap();
        assert!(!is_written_to(&log));
        settle(&log).unwrap();
        settle(&log).unwrap();
        assert!(is_written_to(&log));
        fs::create_dir(&copy).unwrap();
        fs::copy(log.join(HOME), copy.join(HOME)).unwrap();
        assert!(!is_written_to(&copy));
        fs::rename(&log, &moved).unwrap();
        assert!(is_written_to(&moved));
        settle(&copy).unwrap();
        assert!(is_written_to(&copy));
    }
}
