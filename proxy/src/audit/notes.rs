//! Notes to the gateway that writes a log: what somebody does with the log is recorded in it, and
//! only the gateway can write there.
//!
//! A note is a record in a file of its own, in `notes/` beside the segments. It is on disk before
//! what it tells of is done. A gateway that runs takes it up within a second, one that does not at
//! its next start; it removes the file once the record is on disk. After a crash in between the
//! record is there twice, with the same name of the note.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use velum_core::audit::custody::{Act, Custody};
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::limits::RECORD_BYTES;

use super::key::open_lock;
use super::store::replace;
use crate::observe;

/// The folder beside the segments.
pub const NOTES: &str = "notes";
const EXTENSION: &str = "note";
const REQUEST: &str = "expire";
/// Notes that are taken up at a time.
pub(super) const AT_ONCE: usize = 64;
/// Held by who places a hold, and by the gateway while it finds and deletes what is due.
const HOLDS: &str = "holds.lock";

/// Leaves a note about the log in `directory`; returns its name once it is on disk.
///
/// # Errors
/// If it cannot be written.
pub fn leave(directory: &Path, act: Act) -> io::Result<String> {
    let _others_wait = match act {
        Act::Held { .. } => Some(lock_holds(directory)?),
        _ => None,
    };
    let mut chance = [0; 8];
    getrandom::fill(&mut chance).map_err(io::Error::other)?;
    let now = observe::now();
    let note = format!("{:020}-{:016x}", now.0, u64::from_be_bytes(chance));
    let custody = Custody {
        note: note.clone(),
        actor: format!("uid:{}", rustix::process::getuid().as_raw()),
        act,
    };
    let record = Record {
        time: now,
        session: SessionId(0),
        identity: "".into(),
        resource: "".into(),
        body: Body::Custody(custody),
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    if bytes.len() > RECORD_BYTES {
        let what = "the note is longer than a record can be";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let folder = directory.join(NOTES);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    replace(&folder.join(format!("{note}.{EXTENSION}")), &bytes, true)?;
    Ok(note)
}

/// Waits until nobody places a hold or deletes what is due, and keeps it so until the file is
/// dropped: a hold is there before it is looked for, or after what it is about was there no more.
///
/// # Errors
/// The system's.
pub fn lock_holds(directory: &Path) -> io::Result<fs::File> {
    let folder = directory.join(NOTES);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let file = open_lock(&folder.join(HOLDS))?;
    file.lock()?;
    Ok(file)
}

/// The notes that nobody has taken up, oldest first.
///
/// # Errors
/// The system's. A file that holds no note is left out.
pub fn pending(directory: &Path) -> io::Result<Vec<(PathBuf, Record)>> {
    let paths = named(directory, EXTENSION)?;
    let notes = paths.into_iter().filter_map(|path| {
        let record = read(&path)?;
        Some((path, record))
    });
    Ok(notes.collect())
}

/// A note; nothing that is not one, and no expiry: that the gateway says by itself.
fn read(path: &Path) -> Option<Record> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(RECORD_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    let record = Record::decode(&bytes).ok()?;
    let is_note = match &record.body {
        Body::Custody(custody) => !matches!(custody.act, Act::Expired { .. }),
        _ => false,
    };
    is_note.then_some(record)
}

/// Asks the gateway to delete what is due; returns the file that is there until it has answered,
/// and the name of the note.
///
/// # Errors
/// If it cannot be written.
pub fn ask(directory: &Path) -> io::Result<(PathBuf, String)> {
    let mut chance = [0; 8];
    getrandom::fill(&mut chance).map_err(io::Error::other)?;
    let note = format!(
        "{:020}-{:016x}",
        observe::now().0,
        u64::from_be_bytes(chance)
    );
    let folder = directory.join(NOTES);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let path = folder.join(format!("{note}.{REQUEST}"));
    replace(&path, &[], true)?;
    Ok((path, note))
}

/// The oldest request to delete what is due: its file, and the name of the note.
///
/// # Errors
/// The system's.
pub fn request(directory: &Path) -> io::Result<Option<(PathBuf, String)>> {
    let mut paths = named(directory, REQUEST)?;
    paths.reverse();
    let path = paths.pop();
    Ok(path.and_then(|path| {
        let note = path.file_stem()?.to_str()?.to_owned();
        Some((path, note))
    }))
}

/// Who has asked, as the operating system says.
pub fn owner(directory: &Path, note: &str) -> u32 {
    let path = directory.join(NOTES).join(format!("{note}.{REQUEST}"));
    path.metadata().map_or(u32::MAX, |it| it.uid())
}

/// The files of a kind, oldest first.
fn named(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory.join(NOTES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The note is in the log.
///
/// # Errors
/// The system's.
pub fn done(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}
