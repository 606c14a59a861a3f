//! One move in one transaction: load, move, save, note what happened.

use std::fmt;

use velum_core::grant::{Event, Grant, GrantId, Kind, Narrowing, Person, Refused, Request, Terms};
use velum_core::time::Timestamp;

use crate::store::events::Numbered;
use crate::store::grants::Stored;
use crate::store::{StoreError, Tx};

/// Why a move did not happen.
#[derive(Debug)]
pub enum Failure {
    /// It is not allowed.
    Refused(Refused),
    /// There is no grant of this name.
    Unknown,
    /// The grant has changed since whoever decides has seen it.
    Stale {
        /// Its version now.
        version: u64,
    },
    /// The store's reason.
    Store(StoreError),
    /// The gateway cannot write its audit log, or is going down.
    Closed,
}

impl Failure {
    /// May the same work in a moment?
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_passing())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Unknown => f.write_str("there is no grant of this name"),
            Self::Stale { version } => write!(f, "it has changed; its version is now {version}"),
            Self::Store(error) => error.fmt(f),
            Self::Closed => f.write_str("the gateway is going down"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// What is done to a grant, by whom, and why.
#[derive(Clone, Debug)]
pub enum Act {
    /// Agree, to all of it or to less.
    Approve(Person, String, Narrowing),
    /// Say no.
    Deny(Person, String),
    /// Take the request back.
    Withdraw(Person, String),
    /// End it.
    Revoke(Person, String),
    /// Confirm a standing grant, or settle an emergency.
    Review(Person, String),
}

/// What became of a grant.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The grant.
    pub stored: Stored,
    /// What happened, in order.
    pub events: Vec<Numbered>,
}

/// Makes a request. `chance` tells requests of one millisecond apart.
///
/// # Errors
/// See [`Failure`].
pub fn request(
    tx: &Tx<'_>,
    request: Request,
    terms: Terms,
    chance: u32,
    now: Timestamp,
) -> Result<Changed, Failure> {
    let unreviewed = tx.unreviewed(&request.requester.identity)?;
    let id = GrantId::new(now, chance);
    let (grant, events) = Grant::request(id, request, terms, unreviewed, now)?;
    let stored = tx.insert_grant(&grant)?;
    Ok(Changed {
        stored,
        events: tx.append_events(events)?,
    })
}

/// Does something to a grant that is in `version`, or in whatever version it is.
///
/// # Errors
/// See [`Failure`]; nothing has changed then.
pub fn act(
    tx: &Tx<'_>,
    id: GrantId,
    version: Option<u64>,
    act: Act,
    now: Timestamp,
) -> Result<Changed, Failure> {
    let mut stored = tx.grant(id)?.ok_or(Failure::Unknown)?;
    if version.is_some_and(|version| version != stored.version) {
        return Err(Failure::Stale {
            version: stored.version,
        });
    }
    let grant = &mut stored.grant;
    if let (Act::Approve(..), Kind::BreakGlass) = (&act, grant.request.kind)
        && let Some(other) = tx.unreviewed(&grant.request.requester.identity)?
    {
        return Err(Refused::Unreviewed(other).into());
    }
    let events = match act {
        Act::Approve(by, why, narrowing) => grant.approve(&by, &why, narrowing, now),
        Act::Deny(by, why) => grant.deny(&by, &why, now),
        Act::Withdraw(by, why) => grant.withdraw(&by, &why, now),
        Act::Revoke(by, why) => grant.revoke(&by, &why, now),
        Act::Review(by, why) => grant.review(&by, &why, now),
    }?;
    save(tx, stored, events)
}

/// Saves a grant that has moved.
///
/// # Errors
/// Those of the store.
pub fn save(tx: &Tx<'_>, mut stored: Stored, events: Vec<Event>) -> Result<Changed, Failure> {
    stored.version = tx.update_grant(&stored.grant, stored.version)?;
    Ok(Changed {
        stored,
        events: tx.append_events(events)?,
    })
}

/// Lets time pass for all grants that it still matters to.
///
/// # Errors
/// Those of the store.
pub fn tick(tx: &Tx<'_>, now: Timestamp) -> Result<Vec<Numbered>, Failure> {
    let mut happened = Vec::new();
    for mut stored in tx.open_grants()? {
        let events = stored.grant.tick(now);
        if !events.is_empty() {
            happened.extend(save(tx, stored, events)?.events);
        }
    }
    Ok(happened)
}
