//! Answers that were given under an idempotency key, so that who asks again gets the same.

use velum_core::time::Timestamp;

use super::value::values;
use super::{StoreError, Tx, nanos};

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// HTTP status.
    pub status: u16,
    /// Version of what it shows, for its ETag.
    pub version: Option<u64>,
    /// Body, a JSON document without secrets.
    pub body: String,
}

/// A key as a caller gave it, with what it was given for.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Who.
    pub caller: String,
    /// The key.
    pub key: String,
    /// Of method, path and body.
    pub request_sha256: [u8; 32],
}

impl Tx<'_> {
    /// The answer that an earlier attempt got.
    ///
    /// # Errors
    /// [`StoreError::OtherRequest`] if the key was used for something else.
    pub fn kept(&self, attempt: &Attempt) -> Result<Option<Kept>, StoreError> {
        let found = self.first(
            "SELECT request_sha256, status, version, body FROM idempotency
             WHERE caller = $1 AND key = $2",
            values![attempt.caller, attempt.key],
        )?;
        let Some(row) = found else {
            return Ok(None);
        };
        if row.get::<Vec<u8>>(0)? != attempt.request_sha256 {
            return Err(StoreError::OtherRequest);
        }
        Ok(Some(Kept {
            status: row.get(1)?,
            version: row.get(2)?,
            body: row.get(3)?,
        }))
    }

    /// Keeps an answer, in the transaction that brought it about.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn keep(&self, attempt: &Attempt, kept: &Kept, at: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO idempotency (caller, key, request_sha256, status, version, body, at_ns)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                attempt.caller,
                attempt.key,
                attempt.request_sha256,
                kept.status,
                kept.version.map(|it| it as i64),
                kept.body,
                nanos(at)
            ],
        )?;
        Ok(())
    }

    /// Forgets answers from before a moment.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn forget_before(&self, at: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency WHERE at_ns < $1";
        self.execute(sql, values![nanos(at)])?;
        Ok(())
    }
}
