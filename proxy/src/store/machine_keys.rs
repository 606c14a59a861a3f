//! Keys by which machines log in at databases: for whom, and a verifier. The key itself is shown
//! once and never stored; what is stored can check a proof, and not make one.

use velum_core::time::Timestamp;

use super::value::{Row, values};
use super::{StoreError, Topic, Tx, moment, nanos};

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineKeyRow {
    /// Its name, which is no secret.
    pub id: String,
    /// Counts its changes, from 1.
    pub version: u64,
    /// Who logs in by it.
    pub identity: String,
    /// PostgreSQL's spelling of a SCRAM verifier.
    pub verifier: String,
    /// What it is for, in somebody's words.
    pub note: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, version, identity, verifier, note, created_by, created_ns, expires_ns, \
                       revoked_ns, last_used_ns";

impl Tx<'_> {
    /// Adds a key.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn insert_machine_key(&self, key: &MachineKeyRow) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO machine_keys
                 (id, version, identity, verifier, note, created_by, created_ns, expires_ns)
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7)",
            values![
                key.id,
                key.identity,
                key.verifier,
                key.note,
                key.created_by,
                nanos(key.created_at),
                nanos(key.expires_at)
            ],
        )?;
        self.touch(Topic::Keys);
        Ok(())
    }

    /// The key of this name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn machine_key(&self, id: &str) -> Result<Option<MachineKeyRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM machine_keys WHERE id = $1");
        self.first(&sql, values![id])?.as_ref().map(key).transpose()
    }

    /// All keys, the newest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn machine_keys(&self) -> Result<Vec<MachineKeyRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM machine_keys ORDER BY created_ns DESC, id");
        self.rows(&sql, values![])?.iter().map(key).collect()
    }

    /// The keys that are in force, the newest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn machine_keys_in_force(&self, now: Timestamp) -> Result<Vec<MachineKeyRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM machine_keys WHERE revoked_ns IS NULL AND expires_ns > $1
             ORDER BY created_ns DESC, id"
        );
        let rows = self.rows(&sql, values![nanos(now)])?;
        rows.iter().map(key).collect()
    }

    /// A verifier of an identity's keys, of any that there ever was: all have a salt in common.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn machine_key_verifier(&self, identity: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT verifier FROM machine_keys WHERE identity = $1
                   ORDER BY created_ns, id LIMIT 1";
        let found = self.first(sql, values![identity])?;
        found.map(|row| row.get(0)).transpose()
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not as it was in `version`.
    pub fn revoke_machine_key(
        &self,
        id: &str,
        version: u64,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let changed = self.execute(
            "UPDATE machine_keys SET version = version + 1, revoked_ns = $1
             WHERE id = $2 AND version = $3 AND revoked_ns IS NULL",
            values![nanos(at), id, i64::try_from(version).unwrap_or(i64::MAX)],
        )?;
        self.touch(Topic::Keys);
        match changed {
            1 => Ok(()),
            _ => Err(StoreError::Conflict),
        }
    }

    /// Notes that a key was used.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn note_machine_key_use(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE machine_keys SET last_used_ns = $1 WHERE id = $2";
        self.execute(sql, values![nanos(at), id])?;
        Ok(())
    }
}

fn key(row: &Row) -> Result<MachineKeyRow, StoreError> {
    Ok(MachineKeyRow {
        id: row.get(0)?,
        version: row.get(1)?,
        identity: row.get(2)?,
        verifier: row.get(3)?,
        note: row.get(4)?,
        created_by: row.get(5)?,
        created_at: moment(row.get(6)?),
        expires_at: moment(row.get(7)?),
        revoked_at: row.get::<Option<i64>>(8)?.map(moment),
        last_used_at: row.get::<Option<i64>>(9)?.map(moment),
    })
}
