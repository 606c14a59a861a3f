//! What happened to a grant: stored, audited and told by whoever called.

use serde::{Deserialize, Serialize};

use super::request::GrantId;
use crate::time::Timestamp;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Of which grant.
    pub grant: GrantId,
    /// When, by the grant's own clock, which never steps back.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Who did it; empty: nobody, time passed.
    pub who: String,
    /// Their reason or rationale; empty if none is needed.
    pub why: String,
    /// The identity that the grant is for.
    pub identity: String,
    /// What it is to reach.
    pub resource: String,
    /// What was decided, in words: scope, window, how many agreed.
    pub what: String,
    /// Somebody has to hear of it at once.
    pub alarm: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody asked.
    Requested,
    /// Somebody agreed.
    Approved,
    /// It holds from now on.
    Activated,
    /// Somebody said no.
    Denied,
    /// Who asked does not need it any more.
    Withdrawn,
    /// Somebody ended it.
    Revoked,
    /// It was over, or nobody decided in time.
    Expired,
    /// A session was let in by it.
    Used,
    /// A standing grant was not reviewed in time: it holds no more until it is.
    Overdue,
    /// Somebody looked at it.
    Reviewed,
}

impl EventKind {
    /// All, in the order of their codes.
    pub const ALL: [Self; 10] = [
        Self::Requested,
        Self::Approved,
        Self::Activated,
        Self::Denied,
        Self::Withdrawn,
        Self::Revoked,
        Self::Expired,
        Self::Used,
        Self::Overdue,
        Self::Reviewed,
    ];

    /// The name in interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Activated => "activated",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Overdue => "overdue",
            Self::Reviewed => "reviewed",
        }
    }

    /// The number in records: its place in [`EventKind::ALL`].
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind of this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}
