//! Reads a log back: segments in order, frames in order.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use velum_core::audit::record::Record;

use super::expired;
use super::segment::{self, Place};

/// Why a log cannot be read on.
#[derive(Debug)]
pub enum ReadError {
    /// The system says no.
    Io {
        /// To what.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The log is damaged.
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Offset in bytes.
        offset: usize,
        /// What was expected there.
        what: &'static str,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { path, error } => write!(f, "{}: {error}", path.display()),
            ReadError::Damaged { path, offset, what } => {
                write!(
                    f,
                    "{} is damaged at offset {offset}: {what}",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// Segments of a directory in order, with the sequence that each name promises.
///
/// # Errors
/// When the directory cannot be read.
pub fn segments(directory: &Path) -> Result<Vec<(u64, PathBuf)>, ReadError> {
    let io = |error| ReadError::Io {
        path: directory.to_owned(),
        error,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(sequence) = name.and_then(segment::sequence_of) {
            found.push((sequence, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The bytes of a segment, in a buffer that was used before.
pub(super) fn segment_into(path: &Path, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
    bytes.clear();
    let read = std::fs::File::open(path).and_then(|mut file| file.read_to_end(bytes));
    read.map(drop).map_err(|error| ReadError::Io {
        path: path.to_owned(),
        error,
    })
}

/// The bytes of a segment.
pub(super) fn segment_bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    std::fs::read(path).map_err(|error| ReadError::Io {
        path: path.to_owned(),
        error,
    })
}

/// Gives every record of a log to `each`, with its sequence; stops early when it says false.
/// The tail that a running gateway may be writing is left out.
///
/// # Errors
/// At the first damage: a bad frame with more behind it, a gap in the sequence, or a record
/// that cannot be decoded.
pub fn for_each(
    directory: &Path,
    from: u64,
    each: impl FnMut(u64, Record) -> bool,
) -> Result<(), ReadError> {
    scan(directory, from, &mut |_| {}, each)
}

/// As [`for_each`]; tells `progress` how many bytes are read.
///
/// # Errors
/// Likewise.
pub fn scan(
    directory: &Path,
    from: u64,
    progress: &mut dyn FnMut(u64),
    mut each: impl FnMut(u64, Record) -> bool,
) -> Result<(), ReadError> {
    let mut read = 0;
    let segments = segments(directory)?;
    // The last segment that begins at or before `from`.
    let start = segments
        .partition_point(|(first, _)| *first <= from)
        .saturating_sub(1);
    let mut expected = None;
    for (index, (first, path)) in segments.iter().enumerate().skip(start) {
        let damaged = |offset, what| ReadError::Damaged {
            path: path.clone(),
            offset,
            what,
        };
        let bytes = segment_bytes(path)?;
        let last = index + 1 == segments.len();
        if segment::first_sequence(&bytes) != Some(*first) {
            if last && segment::is_zero(&bytes) {
                break;
            }
            return Err(damaged(0, "a header"));
        }
        // Records that were deleted when due are passed over.
        let is_gone =
            |expected: u64| expired::load(directory).covers(expected, first.saturating_sub(1));
        if expected.is_some_and(|expected| expected != *first && !is_gone(expected)) {
            return Err(damaged(0, "the sequence to go on"));
        }
        let mut sequence = *first;
        let mut at = segment::HEADER_BYTES;
        loop {
            match segment::place(&bytes, at) {
                Place::End => break,
                Place::Bad if last && segment::next_frame_after(&bytes, at, sequence).is_none() => {
                    break;
                }
                Place::Bad => return Err(damaged(at, "a whole frame")),
                Place::Frame(frame) if frame.sequence != sequence => {
                    return Err(damaged(at, "the sequence to go on"));
                }
                Place::Frame(frame) => {
                    let record = Record::decode(frame.payload)
                        .map_err(|_| damaged(at, "a record that this version can read"))?;
                    if frame.sequence >= from && !each(frame.sequence, record) {
                        return Ok(());
                    }
                    at = frame.end;
                    sequence += 1;
                    if sequence.is_multiple_of(0x1_0000) {
                        progress(read + at as u64);
                    }
                }
            }
        }
        expected = Some(sequence);
        read += bytes.len() as u64;
        progress(read);
    }
    Ok(())
}
