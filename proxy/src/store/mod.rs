//! What people decide, on disk: requests, decisions, grants, their events, and the keys and
//! sessions of the API.
//!
//! SQLite in WAL mode with `synchronous = FULL`: what a transaction has committed outlives a
//! power cut. Documents are JSON; what is looked for has columns of its own. Whoever changes a row
//! names the version that they saw, so that two decisions at once cannot hide each other.
//!
//! The SQL keeps to what PostgreSQL understands as well (`$1`, BIGINT, no upserts of one dialect).
//!
//! * `schema`: tables, their versions, and what is refused.
//! * [`grants`], [`events`], [`keys`], [`sessions`], [`assertions`],
//!   [`idempotency`], [`secrets`], [`machine_keys`], [`notifications`], [`administration`]: one
//!   room a table, all as methods of [`Tx`].
//! * [`thread`]: the store behind a thread of its own, since a commit waits for the disk.
//! * [`backup`]: a copy of a store in use.

pub mod administration;
pub mod assertions;
pub mod backup;
pub mod events;
pub mod grants;
pub mod idempotency;
pub mod keys;
pub mod machine_keys;
pub mod notifications;
mod schema;
pub mod secrets;
pub mod sessions;
#[cfg(test)]
mod tests;
pub mod thread;

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use velum_core::time::Timestamp;

pub use thread::StoreHandle;

/// File in the data directory.
pub const FILE: &str = "velum.db";
/// A backup or another command of this machine may hold the store for a moment.
const BUSY: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(10);

/// Why the store does not do what it is asked to.
#[derive(Debug)]
pub enum StoreError {
    /// The file or its directory cannot be made or opened.
    Unusable(PathBuf, io::Error),
    /// A later version of Velum wrote it.
    Newer {
        /// The version of its tables.
        found: i64,
    },
    /// The file belongs to another program.
    Foreign(PathBuf),
    /// Somebody else has changed it since it was read.
    Conflict,
    /// An idempotency key that was used for another request.
    OtherRequest,
    /// A row that this program would not have written.
    Corrupt(String),
    /// SQLite's own reason.
    Database(rusqlite::Error),
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
            Self::Foreign(path) => write!(f, "{} is no store of Velum", path.display()),
            Self::Conflict => f.write_str("it has been changed since it was read"),
            Self::OtherRequest => f.write_str("the idempotency key belongs to another request"),
            Self::Corrupt(what) => write!(f, "the store is damaged: {what}"),
            Self::Database(error) => write!(f, "the store failed: {error}"),
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

/// The open store.
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the store in `directory`, made and brought up to date if need be.
    ///
    /// # Errors
    /// See [`StoreError`]; a newer or foreign file is not touched.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let unusable = |error| StoreError::Unusable(path.clone(), error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(unusable)?;
        // SQLite gives its other files the rights of this one.
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        // Not all of what follows waits by itself for another program that does the same.
        let began = Instant::now();
        loop {
            match connect(&path) {
                Err(StoreError::Database(error)) if is_busy(&error) && began.elapsed() < BUSY => {
                    std::thread::sleep(RETRY);
                }
                connected => return connected.map(|connection| Self { connection }),
            }
        }
    }

    /// Runs `act` in a transaction: all of it is on disk when this returns, or nothing of it
    /// ever is.
    ///
    /// # Errors
    /// Those of `act`, after which nothing has changed; and those of the disk.
    pub fn transact<T, E: From<StoreError>>(
        &mut self,
        act: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = Tx(begun.map_err(StoreError::from)?);
        let done = act(&tx)?;
        tx.0.commit().map_err(StoreError::from)?;
        Ok(done)
    }

    /// Runs `look` on one state of the store.
    ///
    /// # Errors
    /// Those of `look`.
    pub fn look<T, E: From<StoreError>>(
        &mut self,
        look: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred);
        look(&Tx(begun.map_err(StoreError::from)?))
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    schema::check(&mut connection, path)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// A transaction that is open. See the modules of this folder for what can be done in one.
pub struct Tx<'s>(Transaction<'s>);

impl Tx<'_> {
    /// The moment that decisions count as made at: `now`, or the latest that the store has seen
    /// if the clock has stepped back since, so that nothing which was over begins anew. The
    /// store remembers it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn clock(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let latest = self.latest(now)?;
        self.0
            .execute("UPDATE clock SET latest_ns = $1", params![nanos(latest)])?;
        Ok(latest)
    }

    /// The same without remembering it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn latest(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let sql = "SELECT latest_ns FROM clock";
        let known: i64 = self.0.query_row(sql, [], |row| row.get(0))?;
        Ok(now.max(moment(known)))
    }
}

/// A moment as its column has it; those after the year 2262 are all the same.
fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn moment(nanos: i64) -> Timestamp {
    Timestamp(u64::try_from(nanos).unwrap_or(0))
}
