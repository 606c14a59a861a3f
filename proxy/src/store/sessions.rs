//! Sessions of people at the gateway's own interfaces: who they are, and hashes of the cookies that
//! open them. A cookie itself is never stored.

use serde::{Deserialize, Serialize};
use velum_core::time::Timestamp;

use super::value::{Row, values};
use super::{StoreError, Tx, moment, nanos};
use crate::identity::code::Proof;

/// A session that is over is listed for so long.
const KEPT_MS: u64 = 30 * 24 * 3_600_000;

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// OpenID Connect.
    Oidc,
    /// SAML 2.0.
    Saml,
}

impl Way {
    /// The name in interfaces and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Oidc => "oidc",
            Way::Saml => "saml",
        }
    }
}

/// Whose session it is, as it was said at the log-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// How they came in.
    pub way: Way,
    /// The issuer's name in the configuration.
    pub issuer: String,
    /// What the issuer calls itself.
    pub issuer_id: String,
    /// What it calls them.
    pub subject: String,
    /// Groups that they are in.
    pub groups: Vec<String>,
    /// How and when they showed who they are.
    pub proof: Proof,
}

/// Hashes of the values that a session's cookie has had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// Of the one that the browser has.
    pub current: [u8; 32],
    /// Of one that was sent to the browser, which has not come back with it yet, and when.
    pub next: Option<([u8; 32], Timestamp)>,
    /// Of one that was sent before that, with which nobody has come back.
    pub lost: Option<[u8; 32]>,
    /// Of the one before, and until when a late request may still bring it.
    pub last: Option<([u8; 32], Timestamp)>,
    /// When the current one was first used.
    pub since: Timestamp,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name, which is no secret.
    pub id: String,
    /// Counts its changes, from 1.
    pub version: u64,
    /// What opens it.
    pub values: Values,
    /// Whose it is.
    pub holder: Holder,
    /// When they logged in.
    pub created_at: Timestamp,
    /// When it is over in any case.
    pub expires_at: Timestamp,
    /// When it was used last, to the minute.
    pub used_at: Timestamp,
    /// When it ended, and why.
    pub ended: Option<(Timestamp, String)>,
}

const COLUMNS: &str = "id, version, cookies, holder, created_ns, expires_ns, used_ns, ended_ns, \
                       ended_why";

impl Tx<'_> {
    /// Adds a session, and forgets those that have been over for a month.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn insert_session(&self, session: &Session) -> Result<(), StoreError> {
        let kept_since = session.created_at.0.saturating_sub(KEPT_MS * 1_000_000);
        let sql = "DELETE FROM sessions WHERE expires_ns < $1";
        self.execute(sql, values![nanos(Timestamp(kept_since))])?;
        self.execute(
            "INSERT INTO sessions
                 (id, version, cookies, holder, subject, created_ns, expires_ns, used_ns)
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7)",
            values![
                session.id,
                serde_json::to_string(&session.values)?,
                serde_json::to_string(&session.holder)?,
                session.holder.subject,
                nanos(session.created_at),
                nanos(session.expires_at),
                nanos(session.used_at)
            ],
        )?;
        Ok(())
    }

    /// The session of this name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn session(&self, id: &str) -> Result<Option<Session>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = $1");
        let found = self.first(&sql, values![id])?;
        found.as_ref().map(whole).transpose()
    }

    /// All sessions, the newest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions ORDER BY created_ns DESC, id");
        self.rows(&sql, values![])?.iter().map(whole).collect()
    }

    /// Notes when a session was used, and what opens it from now on.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not as it was, or is over.
    pub fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        let changed = self.execute(
            "UPDATE sessions SET version = version + 1, cookies = $1, used_ns = $2
             WHERE id = $3 AND version = $4 AND ended_ns IS NULL",
            values![
                serde_json::to_string(&session.values)?,
                nanos(session.used_at),
                session.id,
                session.version as i64
            ],
        )?;
        once(changed)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is over already.
    pub fn end_session(&self, id: &str, why: &str, at: Timestamp) -> Result<(), StoreError> {
        let changed = self.execute(
            "UPDATE sessions SET version = version + 1, ended_ns = $1, ended_why = $2
             WHERE id = $3 AND ended_ns IS NULL",
            values![nanos(at), why, id],
        )?;
        once(changed)
    }
}

fn once(changed: u64) -> Result<(), StoreError> {
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Conflict),
    }
}

fn whole(row: &Row) -> Result<Session, StoreError> {
    let ended: Option<i64> = row.get(7)?;
    let why: Option<String> = row.get(8)?;
    Ok(Session {
        id: row.get(0)?,
        version: row.get(1)?,
        values: serde_json::from_str(&row.get::<String>(2)?)?,
        holder: serde_json::from_str(&row.get::<String>(3)?)?,
        created_at: moment(row.get(4)?),
        expires_at: moment(row.get(5)?),
        used_at: moment(row.get(6)?),
        ended: ended.map(|at| (moment(at), why.unwrap_or_default())),
    })
}
