//! Why the store does not do what it is asked to.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::schema;

/// See the module's text. No text of it holds a value of a row, or a secret.
#[derive(Debug)]
pub enum StoreError {
    /// The file or its directory cannot be made or opened.
    Unusable(PathBuf, io::Error),
    /// A later version of Velum wrote it.
    Newer {
        /// The version of its tables.
        found: i64,
    },
    /// The place belongs to another program.
    Foreign(String),
    /// Somebody else has changed it since it was read.
    Conflict,
    /// An idempotency key that was used for another request.
    OtherRequest,
    /// A row that this program would not have written.
    Corrupt(String),
    /// SQLite's own reason.
    Database(rusqlite::Error),
    /// PostgreSQL's: its SQLSTATE, and its text where that holds no values.
    Server(String),
    /// PostgreSQL cannot be reached, or does not come to it in time. Nothing has changed.
    Away(String),
    /// PostgreSQL was lost while it committed, and cannot be asked whether it has.
    InDoubt,
    /// It is not a file that could be copied.
    NotAFile,
}

impl StoreError {
    /// May the same work in a moment?
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Away(_) | Self::InDoubt)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Newer { found } => write!(
                f,
                "the store has version {found}, this program knows {}: run the newer one, or bring \
                 back the backup from before",
                schema::VERSION
            ),
            Self::Foreign(place) => write!(f, "{place} is no store of Velum"),
            Self::Conflict => f.write_str("it has been changed since it was read"),
            Self::OtherRequest => f.write_str("the idempotency key belongs to another request"),
            Self::Corrupt(what) => write!(f, "the store is damaged: {what}"),
            Self::Database(error) => write!(f, "the store failed: {error}"),
            Self::Server(answer) => write!(f, "the store failed: PostgreSQL answers {answer}"),
            Self::Away(reason) => write!(f, "the store cannot be reached: {reason}"),
            Self::InDoubt => f.write_str(
                "the store was lost while it committed; whether it has is not known until it is \
                 back",
            ),
            Self::NotAFile => f.write_str(
                "the store is in PostgreSQL: copy it by `pg_dump --schema=velum`, or by what backs \
                 up that server",
            ),
        }
    }
}

impl std::error::Error for StoreError {}
impl crate::observe::Cause for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        // Where it is, not what: a document may be anything.
        Self::Corrupt(format!("a document, at character {}", error.column()))
    }
}
