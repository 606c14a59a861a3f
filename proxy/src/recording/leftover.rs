//! What a gateway that was killed has left: recordings without an end. What is whole of them stays,
//! and the audit log gets to know that they are cut, and where.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use velum_core::audit::record::{Body, Record, RecordingEnd};
use velum_core::recording::walk::{HEAD_BYTES, HEADER_BYTES};
use velum_core::recording::{Ending, Header, Kind, Walk};

use super::keys::{Cabinet, Keys};
use super::read::Reader;
use super::scribe::{Finished, record};
use crate::observe;

/// The recordings in `directory` that nobody is writing any more, each cut to its last whole
/// chunk. To be renamed when their records are on disk.
///
/// # Errors
/// When the directory or a file cannot be read or cut.
pub(super) fn all(directory: &Path, cabinet: &Cabinet) -> io::Result<Vec<(Record, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let is_open = path.to_string_lossy().ends_with(super::OPEN_EXTENSION);
        if is_open && let Some(record) = one(&path, cabinet)? {
            found.push((record, path));
        }
    }
    Ok(found)
}

/// `None`: not even its header is there, so that nothing was shown.
fn one(path: &Path, cabinet: &Cabinet) -> io::Result<Option<Record>> {
    let Some(walk) = whole_part(path)? else {
        std::fs::remove_file(path)?;
        return Ok(None);
    };
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.set_len(walk.bytes())?;
    file.sync_all()?;
    let opened = cabinet.take(walk.header().session).ok();
    let (identity, resource, ending) = opened
        .and_then(|keys| look(path, &keys))
        .unwrap_or_else(|| ("".into(), "".into(), None));
    let end = match ending {
        Some(Ending {
            dropped_bytes: 0, ..
        }) => RecordingEnd::Whole,
        Some(_) => RecordingEnd::Dropped,
        None => RecordingEnd::Cut,
    };
    let finished = Finished {
        walk,
        end,
        dropped_bytes: ending.map_or(0, |ending| ending.dropped_bytes),
    };
    Ok(Some(record(&finished, identity, resource)))
}

/// The walk over all whole chunks at the beginning of a file.
fn whole_part(path: &Path) -> io::Result<Option<Walk>> {
    let mut from = BufReader::new(File::open(path)?);
    let mut header = [0; HEADER_BYTES];
    if from.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let Ok(header) = Header::parse(&header) else {
        return Ok(None);
    };
    let mut walk = Walk::new(header);
    let mut head = [0; HEAD_BYTES];
    while from.read_exact(&mut head).is_ok()
        && let Ok(head) = walk.head(&head)
    {
        let mut sealed = vec![0; head.length];
        if from.read_exact(&mut sealed).is_err() {
            break;
        }
        walk.step(head, &sealed);
    }
    Ok(Some(walk))
}

type Look = (Arc<str>, Arc<str>, Option<Ending>);

/// Whose recording it is, and what its end says, if it was killed between that and its record.
fn look(path: &Path, keys: &Keys) -> Option<Look> {
    let mut reader = Reader::open(BufReader::new(File::open(path).ok()?), keys).ok()?;
    let mut whose = None;
    let read = reader.events(|event| {
        if whose.is_none() && event.kind == Kind::Record {
            let record = Record::decode(event.bytes).ok();
            whose = record.map(|record| (record.identity, record.resource));
        }
        true
    });
    if let Err(error) = &read
        && !matches!(error, super::read::ReadError::Cut)
    {
        observe::event("recording-damaged", &[("file", observe::Field::Path(path))]);
    }
    let (identity, resource) = whose?;
    Some((identity, resource, reader.ending()))
}

/// Only records of sessions have a file.
pub(super) fn file_of(record: &Record) -> Option<&str> {
    match &record.body {
        Body::Recording { file, .. } => Some(file),
        _ => None,
    }
}
