//! What is done with the log itself: evidence is taken out of it, records are held, records that
//! are due are deleted.

use crate::time::Timestamp;

/// Somebody did something with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custody {
    /// The name of the note by which the gateway was told; one that was recorded twice, after a
    /// crash, is known by it.
    pub note: String,
    /// Who, as the operating system says.
    pub actor: String,
    /// What.
    pub act: Act,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Records were read out, before the first of them was written.
    Taken {
        /// The command: `export`, `pack`, `disclosures`, `exposure`.
        what: String,
        /// What was asked for, in words. Values are not in it, their tokens are.
        scope: String,
    },
    /// Records must not be deleted.
    Held {
        /// The hold's name.
        hold: String,
        /// Of this identity; empty: of all.
        identity: String,
        /// About this resource; empty: all.
        resource: String,
        /// From this moment.
        from: Timestamp,
        /// To this moment.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// A hold is over.
    Released {
        /// Its name.
        hold: String,
        /// Why.
        why: String,
    },
    /// Records that were due are deleted. Their leaves stay in the tree.
    Expired {
        /// All that is gone then, in order: first and last sequence of each run of records.
        gone: Vec<(u64, u64)>,
        /// What this expiry takes.
        segments: Vec<Expired>,
        /// How long each kind of record is kept, and which holds there were.
        terms: String,
    },
}

/// A segment that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Sequence of its first record.
    pub first: u64,
    /// Sequence of its last.
    pub last: u64,
    /// The latest moment that any of its records had to be kept to.
    pub due: Timestamp,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

impl Act {
    /// The name in exports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "evidence_taken",
            Self::Held { .. } => "hold_placed",
            Self::Released { .. } => "hold_released",
            Self::Expired { .. } => "records_expired",
        }
    }
}
