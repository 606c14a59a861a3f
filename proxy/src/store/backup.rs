//! A copy of a store, also of one that a gateway is using.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::params;

use super::{Engine, Store, StoreError};

impl Store {
    /// Writes one state of the store to a new file, which is on disk when this returns. What is
    /// written beside it waits in no way.
    ///
    /// # Errors
    /// The file exists or cannot be written; [`StoreError::NotAFile`] of one in PostgreSQL, which
    /// has programs of its own for this.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let Engine::Sqlite(connection) = &self.engine else {
            return Err(StoreError::NotAFile);
        };
        let unusable = |error| StoreError::Unusable(to.to_owned(), error);
        let name = to.to_str().ok_or_else(|| {
            unusable(std::io::Error::other(
                "the name of the copy has to be UTF-8",
            ))
        })?;
        // Nobody else may read it, whatever the process' mask is; SQLite fills an empty file.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(unusable)?;
        connection.execute("VACUUM INTO $1", params![name])?;
        File::open(to)
            .and_then(|file| file.sync_all())
            .map_err(unusable)?;
        let folder = to.parent().filter(|it| *it != Path::new(""));
        crate::audit::medium::sync_directory(folder.unwrap_or(Path::new("."))).map_err(unusable)
    }
}
