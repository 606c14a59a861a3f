//! Keys of the API: who they speak for, and a hash of the secret. The secret itself is shown once
//! and never stored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use velum_core::time::Timestamp;

use super::value::{Row, values};
use super::{StoreError, Tx, moment, nanos};

/// A use is noted at most this often: it is a write.
const NOTED_EVERY_MS: u64 = 60_000;

/// What somebody may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask for grants for the identities that the key names, and withdraw what was asked.
    Requester,
    /// Decide about requests, revoke, review.
    Approver,
    /// Read everything.
    Auditor,
    /// Manage keys, read everything, revoke in an emergency. Not: approve.
    Admin,
}

/// Whom a key speaks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bearer {
    /// The person or machine.
    pub owner: String,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Groups that count for who may approve.
    pub groups: BTreeSet<String>,
    /// Identities that they may ask for; `None`: any.
    pub identities: Option<BTreeSet<String>>,
    /// On whose behalf they act.
    pub chain: Vec<String>,
    /// Who made the key.
    pub created_by: String,
    /// It was made at the machine itself, for the first start.
    pub is_bootstrap: bool,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name, which is no secret.
    pub id: String,
    /// SHA-256 of the secret, which has 256 bits of chance.
    pub secret_sha256: [u8; 32],
    /// Whom it speaks for.
    pub bearer: Bearer,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Counts its changes, from 1.
    pub version: u64,
}

const COLUMNS: &str = "id, version, secret_sha256, document, created_ns, expires_ns, revoked_ns, \
                       last_used_ns";

impl Tx<'_> {
    /// Adds a key.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn insert_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO api_keys
                 (id, version, secret_sha256, owner, document, created_ns, expires_ns)
             VALUES ($1, 1, $2, $3, $4, $5, $6)",
            values![
                key.id,
                key.secret_sha256,
                key.bearer.owner,
                serde_json::to_string(&key.bearer)?,
                nanos(key.created_at),
                nanos(key.expires_at)
            ],
        )?;
        Ok(())
    }

    /// The key of this name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE id = $1");
        let found = self.first(&sql, values![id])?;
        found.as_ref().map(whole).transpose()
    }

    /// All keys, the newest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM api_keys ORDER BY created_ns DESC, id");
        self.rows(&sql, values![])?.iter().map(whole).collect()
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not as it was in `version`.
    pub fn revoke_key(&self, id: &str, version: u64, at: Timestamp) -> Result<(), StoreError> {
        let changed = self.execute(
            "UPDATE api_keys SET version = version + 1, revoked_ns = $1
             WHERE id = $2 AND version = $3 AND revoked_ns IS NULL",
            values![nanos(at), id, version as i64],
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(StoreError::Conflict),
        }
    }

    /// Notes that a key was used, to the minute.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn note_use(&self, key: &ApiKey, at: Timestamp) -> Result<(), StoreError> {
        let is_noted = |last: Timestamp| at < last.after_ms(NOTED_EVERY_MS);
        if key.last_used_at.is_some_and(is_noted) {
            return Ok(());
        }
        let sql = "UPDATE api_keys SET last_used_ns = $1 WHERE id = $2";
        self.execute(sql, values![nanos(at), key.id])?;
        Ok(())
    }
}

fn whole(row: &Row) -> Result<ApiKey, StoreError> {
    let hash: Vec<u8> = row.get(2)?;
    let corrupt = |_| StoreError::Corrupt("an API key".to_owned());
    Ok(ApiKey {
        id: row.get(0)?,
        secret_sha256: hash.try_into().map_err(corrupt)?,
        bearer: serde_json::from_str::<Bearer>(&row.get::<String>(3)?)?,
        created_at: moment(row.get(4)?),
        expires_at: moment(row.get(5)?),
        revoked_at: row.get::<Option<i64>>(6)?.map(moment),
        last_used_at: row.get::<Option<i64>>(7)?.map(moment),
        version: row.get(1)?,
    })
}
