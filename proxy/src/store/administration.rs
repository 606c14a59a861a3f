//! What administrators did in the store itself: an outbox to the audit log, which only a running
//! gateway can write.

use velum_core::time::Timestamp;

use super::value::values;
use super::{StoreError, Topic, Tx, moment, nanos};

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
        self.execute(
            "INSERT INTO administration (sequence, at_ns, actor, event, subject, audited)
             SELECT coalesce(max(sequence), 0) + 1, $1, $2, $3, $4, 0 FROM administration",
            values![nanos(at), actor, event, subject],
        )?;
        self.touch(Topic::Administration);
        Ok(())
    }

    /// What is not in the audit log yet, as far as is known.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn administration_not_audited(&self) -> Result<Vec<Done>, StoreError> {
        let rows = self.rows(
            "SELECT sequence, at_ns, actor, event, subject FROM administration
             WHERE audited = 0 AND origin IN ('', $1) ORDER BY sequence",
            values![self.origin()],
        )?;
        let done = rows.iter().map(|row| {
            Ok(Done {
                sequence: row.get(0)?,
                at: moment(row.get(1)?),
                actor: row.get(2)?,
                event: row.get(3)?,
                subject: row.get(4)?,
            })
        });
        done.collect()
    }

    /// Takes it upon this gateway to audit these; gives those that it now has to. Others were
    /// quicker about the rest.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn take_administration(&self, done: Vec<Done>) -> Result<Vec<Done>, StoreError> {
        let mut taken = Vec::new();
        for done in done {
            let sequence = i64::try_from(done.sequence).unwrap_or(i64::MAX);
            let changed = self.execute(
                "UPDATE administration SET origin = $1
                 WHERE sequence = $2 AND audited = 0 AND origin IN ('', $3)",
                values![self.origin(), sequence, self.origin()],
            )?;
            taken.extend((changed == 1).then_some(done));
        }
        Ok(taken)
    }

    /// Numbers of what another gateway has taken to audit and has not yet.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn administration_left_by_others(&self) -> Result<Vec<u64>, StoreError> {
        let rows = self.rows(
            "SELECT sequence FROM administration WHERE audited = 0 AND origin NOT IN ('', $1)
             ORDER BY sequence",
            values![self.origin()],
        )?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Has any gateway audit these, unless one has.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn give_back_administration(&self, sequences: &[u64]) -> Result<(), StoreError> {
        for sequence in sequences {
            let sql = "UPDATE administration SET origin = '' WHERE sequence = $1 AND audited = 0";
            self.execute(sql, values![*sequence as i64])?;
        }
        Ok(())
    }

    /// The number of the last thing that was done; 0 if there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_administration(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(sequence), 0) FROM administration";
        self.only(sql, values![])?.get(0)
    }

    /// It is in the audit log.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn mark_administration(&self, done: &[Done]) -> Result<(), StoreError> {
        for done in done {
            let sql = "UPDATE administration SET audited = 1 WHERE sequence = $1";
            let sequence = i64::try_from(done.sequence).unwrap_or(i64::MAX);
            self.execute(sql, values![sequence])?;
        }
        Ok(())
    }
}
