//! The format of a recording: what a client saw of a session, when, and what it asked for.
//!
//! ```text
//!  file   = header chunk* end           each chunk sealed on its own, chained to all before it
//!  chunk  = head | sealed (compressed (event*))
//!  event  = kind | order | micros | length | bytes
//! ```
//!
//! Here are the bytes only. Sealing, compression and files are the caller's: `docs/recordings.md`
//! describes the whole.
//!
//! * [`walk`]: header and chunks, in order, and the hash of all so far.
//! * [`event`]: what is in a chunk.
//! * [`ending`]: what the last chunk says.
#![deny(clippy::indexing_slicing)]

pub mod ending;
pub mod event;
#[cfg(any(test, fuzzing))]
mod fuzz;
#[cfg(test)]
mod tests;
pub mod walk;

use std::fmt;

pub use ending::Ending;
pub use event::{Event, Events, Kind};
#[cfg(any(test, fuzzing))]
pub use fuzz::fuzz_recording;
pub use walk::{Head, Header, Stream, Walk};

/// Bytes of events that a writer puts into one chunk at most.
pub const CHUNK_BYTES: usize = 128 * 1024;
/// Bytes of events that a reader accepts in one chunk.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Sealed bytes of a chunk that a reader accepts: what does not compress grows a little.
pub const SEALED_BYTES_MAX: usize = CHUNK_BYTES_MAX + 64 * 1024;

const _: () = assert!(CHUNK_BYTES <= CHUNK_BYTES_MAX && CHUNK_BYTES_MAX < SEALED_BYTES_MAX);

/// Why bytes are not a recording, or not this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They do not begin as one.
    Header,
    /// It was written by another version of Velum.
    Version(u32),
    /// The head of a chunk has a value that no writer writes.
    Head,
    /// A chunk has another number than the one before it calls for.
    Order,
    /// Something follows the end.
    Trailing,
    /// An event has a value that no writer writes, or is cut.
    Event,
    /// The end does not say what was there.
    Ending,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Header => f.write_str("this is no recording"),
            Malformed::Version(version) => write!(f, "unknown version {version} of a recording"),
            Malformed::Head => f.write_str("a chunk begins with what no writer writes"),
            Malformed::Order => f.write_str("a chunk is missing, or is in another's place"),
            Malformed::Trailing => f.write_str("something follows the end of the recording"),
            Malformed::Event => f.write_str("an event is not one, or is out of order"),
            Malformed::Ending => f.write_str("the end does not say what is in the recording"),
        }
    }
}

impl std::error::Error for Malformed {}
