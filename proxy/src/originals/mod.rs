//! What clients sent, literals and bind values and all, for auditors of whom it takes two.
//!
//! ```text
//!  key of the client's stream (random, a session)
//!     for each pair of auditors:  pad (random) ─ HPKE ─▶ the first
//!                                 key ⊕ pad    ─ HPKE ─▶ the second
//! ```
//!
//! The stream itself is in the session's recording. The gateway has its key while it writes, and
//! keeps it nowhere: a share alone is as good as random, and opens nothing.
//!
//! HPKE (RFC 9180) is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.

mod auditor;
mod shares;
#[cfg(test)]
mod tests;

pub use auditor::{Auditor, AuditorSecret, keygen};
pub use shares::{Share, Written, combine, destroy, open_share, path, sha256_of, write};

use std::fmt;
use std::io;

/// Auditors of a configuration.
pub const AUDITORS_MOST: usize = 8;

/// Why there are no originals.
#[derive(Debug)]
pub enum OriginalsError {
    /// The system says no.
    Io(io::Error),
    /// A file is of another form.
    Malformed(&'static str),
    /// Nothing in the file is sealed to this key.
    NotFor(String),
    /// Something was changed, or is not for this key and session.
    Forged,
    /// Both shares are of one auditor.
    OnePerson,
    /// The shares are not of one session.
    OtherSession,
    /// The library refused.
    Failed,
}

impl fmt::Display for OriginalsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OriginalsError::Io(error) => error.fmt(f),
            OriginalsError::Malformed(what) => write!(f, "this is no {what}"),
            OriginalsError::NotFor(name) => {
                write!(f, "nothing here is sealed to the key of `{name}`")
            }
            OriginalsError::Forged => {
                f.write_str("a share does not open: it was changed, or is of another session")
            }
            OriginalsError::OnePerson => {
                f.write_str("both shares are of one auditor: it takes two persons")
            }
            OriginalsError::OtherSession => f.write_str("the shares are not of one session"),
            OriginalsError::Failed => f.write_str("the cryptographic library refused"),
        }
    }
}

impl std::error::Error for OriginalsError {}

impl From<io::Error> for OriginalsError {
    fn from(error: io::Error) -> Self {
        OriginalsError::Io(error)
    }
}
