//! How far a destination is, in a file of its own in the data directory.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audit::store::replace;
use crate::observe::{self, rfc3339};

/// The folder in the data directory.
const FOLDER: &str = "ship";

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last record that was taken; 0: none.
    pub sequence: u64,
    /// When.
    pub taken: Option<String>,
    /// Why the one after it was not.
    pub error: Option<String>,
}

impl Cursor {
    /// This record was taken now.
    pub fn taken(sequence: u64) -> Self {
        Self {
            sequence,
            taken: Some(rfc3339(observe::now())),
            error: None,
        }
    }
}

/// The file of a destination.
pub fn path(data_directory: &Path, name: &str) -> PathBuf {
    data_directory.join(FOLDER).join(format!("{name}.json"))
}

/// What the file says; the beginning, if there is none: then all is sent again.
pub fn load(path: &Path) -> Cursor {
    let bytes = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Writes it; returns when it is on disk.
///
/// # Errors
/// The system's.
pub fn store(path: &Path, cursor: &Cursor) -> io::Result<()> {
    replace(path, &serde_json::to_vec(cursor)?, true)
}
