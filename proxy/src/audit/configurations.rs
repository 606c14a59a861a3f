//! The texts of configurations that were in force, in the data directory by their hashes. A
//! record names a configuration by its hash alone; an auditor wants to read it. There are no
//! secrets in one: it refers to them.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::store::replace;

/// The folder in the data directory.
const FOLDER: &str = "configurations";

fn path(data_directory: &Path, sha256: &[u8; 32]) -> PathBuf {
    let name: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    data_directory.join(FOLDER).join(format!("{name}.toml"))
}

/// Keeps a text that comes into force.
///
/// # Errors
/// The system's.
pub fn keep(data_directory: &Path, text: &str) -> io::Result<()> {
    let sha256: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    match find(data_directory, &sha256) {
        Some(_) => Ok(()),
        None => replace(&path(data_directory, &sha256), text.as_bytes(), true),
    }
}

/// The text of this hash, if it was kept and is what it was.
pub fn find(data_directory: &Path, sha256: &[u8; 32]) -> Option<Vec<u8>> {
    let text = std::fs::read(path(data_directory, sha256)).ok()?;
    let found: [u8; 32] = Sha256::digest(&text).into();
    (found == *sha256).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_by_its_hash_until_it_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let sha256 = Sha256::digest(b"a = 1\n").into();
        assert_eq!(find(folder.path(), &sha256), None);
        keep(folder.path(), "a = 1\n").unwrap();
        keep(folder.path(), "a = 1\n").unwrap();
        assert_eq!(find(folder.path(), &sha256).unwrap(), b"a = 1\n");
        std::fs::write(path(folder.path(), &sha256), "a = 2\n").unwrap();
        assert_eq!(find(folder.path(), &sha256), None);
    }
}
