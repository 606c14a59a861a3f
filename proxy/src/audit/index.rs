//! Finds records by session, identity, resource, grant and time without reading the whole log.
//!
//! ```text
//! DIR/index/<segment>.idx = head | times | key*      one for each segment that has ended
//! head  = "VELUMIDX" | version u32 | first u64 | bytes u64 | last frame's crc32c u32 | crc32c u32
//! times = first u64 | last u64
//! key   = kind u8 | length u16 | bytes | count u32 | length u32 | distances (LEB128)
//! ```
//!
//! Numbers are big-endian; the checksum is of all that follows it. A key is followed by where its
//! records' frames begin, each as the distance from the one before. The files hold what the log
//! holds in clear, and nothing else; they are made from it whenever one is missing, is of another
//! segment or is damaged, and nothing is ever verified by them: each record that is found is read
//! from the log, with its checksum, and asked again whether it is wanted. An index that somebody
//! has forged may hide records: `velum audit index --rebuild` makes them all anew.

mod file;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::audit::skim::skim;
use velum_core::time::Timestamp;

use super::read::{self, ReadError};
use super::segment::{self, FRAME_HEADER_BYTES, HEADER_BYTES, PAYLOAD_BYTES, Place};
use file::Index;

/// The folder beside the segments.
pub const FOLDER: &str = "index";
/// So many records of a segment are read one by one.
const FEW: usize = 2_000;
/// So much of a frame is read at first: most are shorter.
const MOST_FRAMES: usize = 1_024;

/// What is looked for: all that is said has to hold.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How the session's name begins, in hexadecimal digits.
    pub session: Option<String>,
    /// The identity.
    pub identity: Option<String>,
    /// The resource.
    pub resource: Option<String>,
    /// The grant, as it is written.
    pub grant: Option<String>,
    /// First moment.
    pub from: Timestamp,
    /// The moment after the last.
    pub to: Timestamp,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            session: None,
            identity: None,
            resource: None,
            grant: None,
            from: Timestamp(0),
            to: Timestamp(u64::MAX),
        }
    }
}

impl Wanted {
    fn wants(&self, record: &Record) -> bool {
        let grant = match &record.body {
            Body::Grant { grant, .. } => grant.to_string(),
            _ => String::new(),
        };
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == name)
        };
        self.wants_head(
            record.time,
            record.session,
            &record.identity,
            &record.resource,
        ) && is(&self.grant, &grant)
    }

    fn wants_head(
        &self,
        time: Timestamp,
        session: SessionId,
        identity: &str,
        resource: &str,
    ) -> bool {
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == name)
        };
        (self.from..self.to).contains(&time)
            && is(&self.identity, identity)
            && is(&self.resource, resource)
            && self
                .session
                .as_ref()
                .is_none_or(|begin| is_named(session, begin))
    }
}

fn is_named(session: SessionId, begin: &str) -> bool {
    format!("{:032x}", session.0).starts_with(begin)
}

/// Gives each record that is wanted to `each`, in order, until it says false.
///
/// # Errors
/// If the log cannot be read, or is damaged where it is looked at.
pub fn search(
    directory: &Path,
    wanted: &Wanted,
    mut each: impl FnMut(u64, Record) -> bool,
) -> Result<(), ReadError> {
    let segments = read::segments(directory)?;
    forget(directory, &segments);
    let Some(((open, _), ended)) = segments.split_last() else {
        return Ok(());
    };
    for (first, path) in ended {
        let sought = match Index::load(directory, *first, path) {
            Some(index) => find(&index, path, wanted),
            None => Err(Stale),
        };
        // An index that is not of this segment is made again; then what is wrong is the log.
        let found = match sought {
            Ok(found) => found,
            Err(Stale) => {
                let index = make(directory, *first, path)?;
                find(&index, path, wanted).map_err(|_| ReadError::Damaged {
                    path: path.clone(),
                    offset: 0,
                    what: "the records that it had when it was read",
                })?
            }
        };
        for (sequence, record) in found {
            if !each(sequence, record) {
                return Ok(());
            }
        }
    }
    // The last one may still grow: it is read.
    read::for_each(directory, *open, |sequence, record| {
        !wanted.wants(&record) || each(sequence, record)
    })
}

/// Makes the indexes that are missing or stale, or all; tells `progress` how many bytes of
/// segments are done. Returns how many were made.
///
/// # Errors
/// If a segment cannot be read or is damaged.
pub fn build(
    directory: &Path,
    anew: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<usize, ReadError> {
    let segments = read::segments(directory)?;
    forget(directory, &segments);
    let (mut made, mut done) = (0, 0);
    let ended = segments.split_last().map_or(&[][..], |(_, ended)| ended);
    for (first, path) in ended {
        if anew || Index::load(directory, *first, path).is_none() {
            make(directory, *first, path)?;
            made += 1;
        }
        done += path.metadata().map_or(0, |metadata| metadata.len());
        progress(done);
    }
    Ok(made)
}

/// Indexes of segments that are gone go too.
pub fn forget(directory: &Path, segments: &[(u64, PathBuf)]) {
    let kept: BTreeSet<PathBuf> = segments
        .iter()
        .map(|(first, _)| file::path(directory, *first))
        .collect();
    let Ok(entries) = std::fs::read_dir(directory.join(FOLDER)) else {
        return;
    };
    for entry in entries.flatten() {
        if !kept.contains(&entry.path()) {
            // What is still there next time is tried again.
            let _still_there = std::fs::remove_file(entry.path());
        }
    }
}

/// The index is not of this segment.
struct Stale;

/// The records of a segment that are wanted, as its index says.
fn find(index: &Index, path: &Path, wanted: &Wanted) -> Result<Vec<(u64, Record)>, Stale> {
    let Some(offsets) = index.offsets(wanted) else {
        return Ok(Vec::new());
    };
    let file = File::open(path).map_err(|_| Stale)?;
    // Many are found sooner by reading all of it once.
    let whole = (offsets.len() > FEW).then(|| read::segment_bytes(path));
    let whole = whole.transpose().map_err(|_| Stale)?;
    let mut found = Vec::new();
    let mut buffer = Vec::new();
    for at in offsets {
        let place = match &whole {
            Some(bytes) => segment::place(bytes, usize::try_from(at).unwrap_or(usize::MAX)),
            None => {
                frame(&file, at, &mut buffer).map_err(|_| Stale)?;
                segment::place(&buffer, 0)
            }
        };
        let Place::Frame(frame) = place else {
            return Err(Stale);
        };
        let record = Record::decode(frame.payload).map_err(|_| Stale)?;
        if wanted.wants(&record) {
            found.push((frame.sequence, record));
        }
    }
    Ok(found)
}

/// Reads the frame at an offset.
fn frame(file: &File, at: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut read = |bytes: usize| {
        buffer.resize(bytes, 0);
        let count = file.read_at(buffer, at)?;
        buffer.truncate(count);
        Ok::<_, io::Error>(buffer.first_chunk().copied().map_or(0, u32::from_be_bytes) as usize)
    };
    let length = read(MOST_FRAMES)?;
    let needed = FRAME_HEADER_BYTES + length.min(PAYLOAD_BYTES);
    if needed > MOST_FRAMES {
        read(needed)?;
    }
    Ok(())
}

/// Reads a segment through, and keeps its index.
fn make(directory: &Path, first: u64, path: &Path) -> Result<Index, ReadError> {
    let bytes = read::segment_bytes(path)?;
    let damaged = |offset, what| ReadError::Damaged {
        path: path.to_owned(),
        offset,
        what,
    };
    if segment::first_sequence(&bytes) != Some(first) {
        return Err(damaged(0, "the header that its name promises"));
    }
    let mut index = Index::new(first, bytes.len() as u64);
    let (mut at, mut sequence) = (HEADER_BYTES, first);
    loop {
        match segment::place(&bytes, at) {
            Place::End => break,
            Place::Frame(frame) if frame.sequence == sequence => {
                if let Some(skimmed) = skim(frame.payload) {
                    let head = skimmed.head;
                    index.add(
                        at as u64,
                        head.time,
                        head.session,
                        head.identity,
                        head.resource,
                    );
                } else {
                    let record = Record::decode(frame.payload)
                        .map_err(|_| damaged(at, "a record that this version can read"))?;
                    index.add(
                        at as u64,
                        record.time,
                        record.session,
                        &record.identity,
                        &record.resource,
                    );
                    if let Body::Grant { grant, .. } = &record.body {
                        index.add_grant(at as u64, &grant.to_string());
                    }
                }
                index.last_frame(&bytes[at..frame.end]);
                (at, sequence) = (frame.end, sequence + 1);
            }
            _ => return Err(damaged(at, "a whole frame")),
        }
    }
    index.store(directory);
    Ok(index)
}
