//! What administrators did in the store itself: an outbox to the audit log, which only a running
//! gateway can write.

use rusqlite::params;
use velum_core::time::Timestamp;

use super::{StoreError, Tx, moment, nanos};

/// Something that an administrator did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Counts them, from 1. A record names it: one that comes twice after a crash is known by it.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub event: String,
    /// To what.
    pub subject: String,
}

impl Tx<'_> {
    /// Notes it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn note_administration(
        &self,
        at: Timestamp,
        actor: &str,
        event: &str,
        subject: &str,
    ) -> Result<(), StoreError> {
        self.0.execute(
            "INSERT INTO administration (sequence, at_ns, actor, event, subject, audited)
             SELECT coalesce(max(sequence), 0) + 1, $1, $2, $3, $4, 0 FROM administration",
            params![nanos(at), actor, event, subject],
        )?;
        Ok(())
    }

    /// What is not in the audit log yet, as far as is known.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn administration_not_audited(&self) -> Result<Vec<Done>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT sequence, at_ns, actor, event, subject FROM administration
             WHERE audited = 0 ORDER BY sequence",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Done {
                sequence: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                at: moment(row.get(1)?),
                actor: row.get(2)?,
                event: row.get(3)?,
                subject: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// It is in the audit log.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn mark_administration(&self, done: &[Done]) -> Result<(), StoreError> {
        for done in done {
            let sql = "UPDATE administration SET audited = 1 WHERE sequence = $1";
            let sequence = i64::try_from(done.sequence).unwrap_or(i64::MAX);
            self.0.execute(sql, params![sequence])?;
        }
        Ok(())
    }
}
