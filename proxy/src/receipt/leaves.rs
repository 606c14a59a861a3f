//! The file beside the log that has the marks of a session's masked values, sealed: who opens it
//! can say of a value whether it was among them.
//!
//! ```text
//!  file  = sealed (purpose "receipts", context "velum receipt leaves" | session u128)
//!  plain = "VELRCPT1" | secret (32 bytes) | columns u32 | column*
//!  column = name length u32 | name | marks u64 | mark (16 bytes)*
//! ```
//!
//! Numbers are big-endian, marks are sorted. Deleting the file ends what can be shown.

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use velum_core::audit::receipt::Leaves;
use velum_core::audit::receipt::values::{Mark, Secret};
use velum_core::audit::record::SessionId;
use velum_core::bytes::Reader;
use zeroize::Zeroizing;

use crate::audit::medium::sync_directory;
use crate::config::Config;
use crate::recording;
use crate::seal::{SealError, Sealer, SealingKeys};

const PURPOSE: &str = "receipts";
const MAGIC: &[u8] = b"VELRCPT1";
const EXTENSION: &str = "velumreceipt";
/// The most marks that a configuration allows, and names.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Why leaves cannot be read.
#[derive(Debug)]
pub enum LeavesError {
    /// The file cannot be read.
    Io(PathBuf, io::Error),
    /// It is not the one that the record names.
    Other,
    /// The gateway's key does not open it.
    Seal(SealError),
    /// It opens, and is none.
    Malformed,
}

impl fmt::Display for LeavesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeavesError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            LeavesError::Other => f.write_str("the file of leaves is not the one of the receipt"),
            LeavesError::Seal(error) => write!(f, "the file of leaves: {error}"),
            LeavesError::Malformed => f.write_str("the file of leaves is none"),
        }
    }
}

impl std::error::Error for LeavesError {}
impl crate::observe::Cause for LeavesError {}

impl From<SealError> for LeavesError {
    fn from(error: SealError) -> Self {
        LeavesError::Seal(error)
    }
}

/// The marks of a session.
pub struct Marks {
    /// What they are made by.
    pub secret: Secret,
    /// By column, sorted.
    pub columns: Vec<(String, Vec<Mark>)>,
}

/// What seals and opens leaves.
///
/// # Errors
/// If the gateway's key cannot be had.
pub fn sealer(config: &Config) -> Result<Sealer, SealError> {
    SealingKeys::load(&config.sealing, &config.gateway.data_directory)?.sealer(PURPOSE)
}

fn context(session: SessionId) -> Vec<u8> {
    [b"velum receipt leaves", &session.0.to_be_bytes()[..]].concat()
}

/// Writes the file of a session into `directory`. It is on disk when this returns.
///
/// # Errors
/// [`LeavesError::Io`], [`LeavesError::Seal`]
pub fn write(
    directory: &Path,
    sealer: &Sealer,
    session: SessionId,
    marks: &Marks,
) -> Result<Leaves, LeavesError> {
    let sealed = sealer.seal(&context(session), &plain(marks))?;
    let file = format!("{}.{EXTENSION}", recording::name(session));
    let path = directory.join(&file);
    let io = |error| LeavesError::Io(path.clone(), error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(io)?;
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(io)?;
    let written = out.write_all(&sealed).and_then(|()| out.sync_all());
    written
        .and_then(|()| sync_directory(directory))
        .map_err(io)?;
    Ok(Leaves {
        file,
        sha256: Sha256::digest(&sealed).into(),
    })
}

fn plain(marks: &Marks) -> Zeroizing<Vec<u8>> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let bytes: usize = marks
        .columns
        .iter()
        .map(|(name, it)| 12 + name.len() + 16 * it.len())
        .sum();
    let mut out = Zeroizing::new(Vec::with_capacity(bytes + 64));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(marks.secret.expose());
    out.extend_from_slice(&count(marks.columns.len()));
    for (name, marks) in &marks.columns {
        out.extend_from_slice(&count(name.len()));
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(marks.len() as u64).to_be_bytes());
        out.extend_from_slice(marks.as_flattened());
    }
    out
}

/// Reads the file that a receipt names.
///
/// # Errors
/// See [`LeavesError`].
pub fn read(
    directory: &Path,
    sealer: &Sealer,
    session: SessionId,
    leaves: &Leaves,
) -> Result<Marks, LeavesError> {
    // The record's own words do not lead out of the folder.
    let path = directory.join(format!("{}.{EXTENSION}", recording::name(session)));
    let mut sealed = Vec::new();
    let file = std::fs::File::open(&path);
    let read = file.and_then(|file| file.take(FILE_BYTES).read_to_end(&mut sealed));
    read.map_err(|error| LeavesError::Io(path, error))?;
    if <[u8; 32]>::from(Sha256::digest(&sealed)) != leaves.sha256 {
        return Err(LeavesError::Other);
    }
    let plain = sealer.open(&context(session), &sealed)?;
    parse(&plain).ok_or(LeavesError::Malformed)
}

fn parse(plain: &[u8]) -> Option<Marks> {
    let mut from = Reader::new(plain.strip_prefix(MAGIC)?);
    let secret = Secret::new(from.take(32).ok()?.try_into().ok()?);
    let count = from.u32().ok()?;
    let mut columns = Vec::new();
    for _ in 0..count {
        let length = from.u32().ok()? as usize;
        let name = std::str::from_utf8(from.take(length).ok()?)
            .ok()?
            .to_owned();
        let marks = u64::from_be_bytes(from.take(8).ok()?.try_into().ok()?);
        let bytes = usize::try_from(marks).ok()?.checked_mul(16)?;
        let (marks, _) = from.take(bytes).ok()?.as_chunks::<16>();
        columns.push((name, marks.to_vec()));
    }
    from.is_empty().then_some(Marks { secret, columns })
}
