//! Evidence out of a log: rows for people and for other systems, from the records alone.
//!
//! ```text
//!  segments ─ records ─▶ join ─ Row ─▶ filter ─▶ JSON lines | CSV | OCSF
//! ```
//!
//! A row is written as soon as its last record is read: what is held in memory is a segment, and
//! what has begun and not ended.
//!
//! * [`row`]: a row and its columns. [`join`]: which records make one.
//! * [`filter`]: which rows are wanted. [`write`]: their bytes; `ocsf`: as OCSF events.

pub mod filter;
pub mod join;
mod ocsf;
pub mod row;
pub mod write;

use std::io;
use std::path::Path;

pub use filter::Filter;
pub use row::{Kind, Row, Value};
pub use write::{Format, Writer};

use super::read::{self, ReadError};

/// Why an export ended early.
#[derive(Debug)]
pub enum ExportError {
    /// The log cannot be read on.
    Read(ReadError),
    /// What was exported cannot be written.
    Write(io::Error),
}

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExportError::Read(error) => error.fmt(f),
            ExportError::Write(error) => write!(f, "the export cannot be written: {error}"),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        ExportError::Read(error)
    }
}

/// Writes what `filter` wants of the log in `directory`; tells `progress` how many bytes of it
/// are read. Returns how many rows were written.
///
/// # Errors
/// See [`ExportError`]. Rows up to there are written.
pub fn export<W: io::Write>(
    directory: &Path,
    kind: Kind,
    filter: &Filter,
    writer: &mut Writer<W>,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ExportError> {
    let mut join = join::of(kind);
    let (mut rows, mut failed) = (0, None);
    let mut take = |row: Row| {
        if failed.is_none() && filter.wants(&row) {
            rows += 1;
            failed = writer.write(&row).err();
        }
        failed.is_none()
    };
    read::scan(directory, 0, progress, |sequence, record| {
        let mut goes_on = true;
        join.tell(sequence, &record, &mut |row| goes_on &= take(row));
        goes_on
    })?;
    join.end(&mut |row| {
        take(row);
    });
    match failed {
        Some(error) => Err(ExportError::Write(error)),
        None => writer.finish().map(|()| rows).map_err(ExportError::Write),
    }
}
