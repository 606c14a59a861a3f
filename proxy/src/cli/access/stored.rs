//! The token of `velum login`, in a file that nobody else on the machine can read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// The file, and what is locked while it is exchanged, beside the key of `--key-file`.
const FILE: &str = "login";
const LOCK: &str = "login.lock";

/// What `velum login` has got, and for whom. Never shown: there is no `Debug`.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    /// The API that it is shown to, and to no other.
    pub(super) api: String,
    /// What the issuer calls itself.
    pub(super) issuer: String,
    /// What this program is to the issuer.
    pub(super) client_id: String,
    /// Authorities that the issuer's certificate may come from.
    pub(super) issuer_ca: Option<PathBuf>,
    /// The ID token.
    pub(super) token: String,
    /// When it ends, in seconds since the Unix epoch.
    pub(super) expires_s: u64,
    /// What gives another one.
    pub(super) refresh_token: Option<String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.token.zeroize();
        self.refresh_token.zeroize();
    }
}

/// The folder of this user's `velum`; `None` where they have no home.
pub(super) fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
    Some(folder?.join("velum"))
}

/// The file in such a folder while nobody else exchanges it.
pub(super) struct Locked {
    folder: PathBuf,
    _lock: File,
}

impl Locked {
    /// Waits for others.
    ///
    /// # Errors
    /// A folder that cannot be made or written.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut lock = OpenOptions::new();
        lock.write(true).create(true).truncate(false).mode(0o600);
        let lock = lock.open(folder.join(LOCK))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// What is there.
    ///
    /// # Errors
    /// A file that others can read, or that this program would not have written.
    pub(super) fn read(&self) -> Result<Option<Stored>, String> {
        let path = self.folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = crate::config::secret::read_file(&path)?;
        let stored = serde_json::from_slice(&bytes);
        stored
            .map(Some)
            .map_err(|_| format!("{} is damaged; log in again: velum login", path.display()))
    }

    /// Puts it there; who reads meanwhile has the one before.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn write(&self, stored: &Stored) -> io::Result<()> {
        // Made for its owner alone, from the first byte on.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        let mut bytes = serde_json::to_vec(stored)?;
        let written = file
            .write_all(&bytes)
            .and_then(|()| file.as_file().sync_all());
        bytes.zeroize();
        written?;
        file.persist(self.folder.join(FILE))?;
        Ok(())
    }

    /// Takes it away; false if there was none.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn remove(&self) -> io::Result<bool> {
        match fs::remove_file(self.folder.join(FILE)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_reads_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("velum");
        let locked = Locked::new(&folder).unwrap();
        assert!(locked.read().unwrap().is_none());
        let stored = Stored {
            api: "https://velum.example".to_owned(),
            issuer: "https://issuer.example".to_owned(),
            client_id: "cli".to_owned(),
            issuer_ca: None,
            token: "token".to_owned(),
            expires_s: 7,
            refresh_token: Some("again".to_owned()),
        };
        locked.write(&stored).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        let read = locked.read().unwrap().unwrap();
        assert_eq!((read.token.as_str(), read.expires_s), ("token", 7));
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.join(FILE), open).unwrap();
        assert!(locked.read().is_err(), "others can read it");
        assert!(locked.remove().unwrap() && !locked.remove().unwrap());
    }
}
