//! Destroying recordings: the key goes at once, and the audit log is told.
//!
//! ```text
//!  velum sessions shred ─▶ notice in shred/ ─▶ key destroyed
//!                             └─▶ gateway (within a second, or at its next start):
//!                                   key destroyed, if it was not ─▶ audit record ─▶ notice removed
//! ```
//!
//! The notice comes first, so that no key goes without one. A notice of the command line is the
//! word of whoever may write to the data directory: who could do that could delete keys as well.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use velum_core::audit::record::{Body, Record, SessionId};

use super::keys;
use crate::audit::medium::sync_directory;
use crate::observe;

/// Folder of the notices, in that of the keys.
const FOLDER: &str = "shred";
/// What the record says.
pub const EVENT: &str = "recording_shredded";
/// No notice is longer.
const NOTICE_BYTES: u64 = 4_096;

/// Who has asked for it.
#[derive(Serialize, Deserialize)]
struct Notice {
    actor: String,
}

/// A recording whose key is gone, and that the log is to be told of.
pub(super) struct Shredded {
    /// What to write.
    pub(super) record: Record,
    /// To be removed when that is on disk.
    pub(super) notice: PathBuf,
}

/// Destroys the key of a session, kept in `directory`; false if there was none.
///
/// # Errors
/// If it may still be there, or nobody will tell the log.
pub fn shred(directory: &Path, session: SessionId, actor: &str) -> io::Result<bool> {
    // Nothing was destroyed, and nothing is to be told.
    if !keys::exists(directory, session)? {
        return Ok(false);
    }
    let folder = directory.join(FOLDER);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let notice = Notice {
        actor: actor.to_owned(),
    };
    let notice = serde_json::to_vec(&notice).map_err(io::Error::other)?;
    let mut file = tempfile::Builder::new()
        .permissions(PermissionsExt::from_mode(0o600))
        .tempfile_in(&folder)?;
    file.write_all(&notice)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(super::name(session)))
        .map_err(|error| error.error)?;
    sync_directory(&folder)?;
    keys::destroy(directory, session)
}

/// Goes through the notices: destroys keys that are still there, and gives what the log is to be
/// told.
pub(super) fn notices(directory: &Path) -> Vec<Shredded> {
    let Ok(entries) = std::fs::read_dir(directory.join(FOLDER)) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter_map(|path| follow(directory, path)).collect()
}

fn follow(directory: &Path, notice: PathBuf) -> Option<Shredded> {
    let session = super::session(notice.file_name()?.to_str()?)?;
    if let Err(error) = keys::destroy(directory, session) {
        let fields = [("cause", observe::Field::Cause(&error))];
        observe::event("recording-not-shredded", &fields);
        return None;
    }
    let actor = read(&notice).map_or_else(|_| "unknown".to_owned(), |notice| notice.actor);
    let record = Record {
        time: observe::now(),
        session: SessionId(0),
        identity: "".into(),
        resource: "".into(),
        body: Body::Administration {
            actor,
            event: EVENT.to_owned(),
            subject: super::name(session),
        },
    };
    Some(Shredded { record, notice })
}

fn read(path: &Path) -> io::Result<Notice> {
    use io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(path)?
        .take(NOTICE_BYTES)
        .read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}
