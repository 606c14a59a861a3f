//! Recordings: what clients saw and when, sealed, and proved by the audit log.
//!
//! ```text
//!  data thread: Tape ─ pieces (bounded) ─▶ recorder thread: compress, seal, append ─▶ file
//!                                                  └─ at the end: root hash ─▶ audit log
//! ```
//!
//! The format is `core/recording`. A session has a key of its own, which is kept apart from the
//! recording, sealed by the gateway's: without it the recording is noise, and deleting it is how a
//! recording is destroyed.
//!
//! * [`keys`]: the keys of sessions, and where they are kept; [`shred`]: how they are destroyed.
//! * [`write`]: chunks into a file; [`read`]: chunks and events out of one.
//! * [`recorder`]: the way to the thread that writes; `scribe`: that thread; `leftover`: what a
//!   gateway that was killed has left.
//! * [`script`]: statements and their results in a recording, out of its [`frames`]; [`index`]:
//!   where they are; [`table`]: rows for people; [`sandbox`]: a server that answers as the
//!   recording says.
//! * [`export`], [`pcap`]: recordings for others; [`source`]: where a command gets one from.

pub mod export;
pub mod frames;
pub mod index;
pub mod keys;
mod leftover;
pub mod pcap;
pub mod read;
pub mod recorder;
pub mod sandbox;
mod scribe;
pub mod script;
pub mod shred;
pub mod source;
pub mod table;
#[cfg(test)]
mod tests;
pub mod write;

use std::path::{Path, PathBuf};

pub use scribe::start;

use velum_core::audit::record::SessionId;

/// Ends the names of recordings.
pub const EXTENSION: &str = "velumrec";
/// Ends the names of those that are being written.
pub const OPEN_EXTENSION: &str = "velumrec.part";

/// A session's name, as records have it.
pub fn name(session: SessionId) -> String {
    format!("{:032x}", session.0)
}

/// Reads one.
pub fn session(name: &str) -> Option<SessionId> {
    let is_hex = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(name, 16).ok().filter(|_| is_hex)?;
    Some(SessionId(number))
}

/// Where the recording of a session is, and where it is while it is being written.
pub fn paths(directory: &Path, session: SessionId) -> (PathBuf, PathBuf) {
    let name = name(session);
    (
        directory.join(format!("{name}.{EXTENSION}")),
        directory.join(format!("{name}.{OPEN_EXTENSION}")),
    )
}
