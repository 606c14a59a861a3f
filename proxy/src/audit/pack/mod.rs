//! The auditor's pack: all that is needed to judge a period, in one archive.
//!
//! ```text
//!  log ─ survey ─▶ excerpt: segments, proofs ─┬─ derive ─▶ artefacts, report ─┐
//!                                             └───────────────────────────────┴─▶ archive
//! ```
//!
//! The records are in it with what ties them to a signed checkpoint, so that nobody has to believe
//! the artefacts: who verifies a pack derives them again from the records, and compares.
//!
//! * [`archive`]: a tar in zstd, of one form only.
//! * [`manifest`]: what is in it, signed by the log's key.
//! * [`survey`]: which records a period needs. [`excerpt`]: these as a log of their own.
//! * [`derive`]: the artefacts. [`totals`], [`report`], [`plot`]: the same for people.
//! * [`citations`]: which artefact answers which paragraph of HIPAA's rules.
//! * [`build`] and [`verify`]; `expected`: which files a pack has.

pub mod archive;
pub mod build;
pub mod citations;
pub mod derive;
pub mod excerpt;
mod expected;
pub mod manifest;
pub mod plot;
pub mod report;
pub mod survey;
pub mod totals;
pub mod verify;

use std::io;

use super::export::ExportError;
use super::read::ReadError;
use super::verify::Failure;

/// Folder of the excerpt.
pub const LOG: &str = "log";
/// Folder of the proofs of records before the excerpt, below [`LOG`].
pub const EARLIER: &str = "earlier";
/// Folder of the artefacts.
pub const ARTEFACTS: &str = "artefacts";
/// The summary for people.
pub const REPORT: &str = "report.html";

/// Why there is no pack, or it is not verified.
#[derive(Debug)]
pub enum PackError {
    /// It was asked for what there is not.
    Misuse(String),
    /// A file cannot be read or written.
    Io(String, io::Error),
    /// Something is wrong with the pack or the log: the first thing.
    Found(String),
}

impl std::fmt::Display for PackError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PackError::Misuse(what) | PackError::Found(what) => f.write_str(what),
            PackError::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for PackError {}

impl From<ReadError> for PackError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io { path, error } => PackError::Io(path.display().to_string(), error),
            damaged @ ReadError::Damaged { .. } => PackError::Found(damaged.to_string()),
        }
    }
}

impl From<ExportError> for PackError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Read(error) => error.into(),
            ExportError::Write(error) => PackError::Io("an artefact".to_owned(), error),
        }
    }
}

impl From<Failure> for PackError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreadable { path, error } if error.kind() != io::ErrorKind::InvalidData => {
                PackError::Io(path.display().to_string(), error)
            }
            other => PackError::Found(other.to_string()),
        }
    }
}

/// An error of the system about something that has a name.
fn io_at(what: impl ToString) -> impl FnOnce(io::Error) -> PackError {
    let what = what.to_string();
    move |error| PackError::Io(what, error)
}

fn found(what: impl Into<String>) -> PackError {
    PackError::Found(what.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
