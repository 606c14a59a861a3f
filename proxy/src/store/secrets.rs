//! Secrets that are sealed: a name, and bytes that only the sealing key opens.

use velum_core::time::Timestamp;

use super::value::{Row, values};
use super::{StoreError, Tx, moment, nanos};

/// Longest name.
const NAME_BYTES: usize = 64;

/// A secret as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its name, which is no secret.
    pub name: String,
    /// Counts what was set under this name, from 1.
    pub version: u64,
    /// See [`crate::seal`].
    pub sealed: Vec<u8>,
    /// When it was set.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: String,
}

/// Is it a name: letters, digits, `-`, `_` and `.`, the first a letter or a digit?
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins = name
        .bytes()
        .next()
        .is_some_and(|it| it.is_ascii_alphanumeric());
    match begins && name.len() <= NAME_BYTES && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(format!(
            "a name has 1 to {NAME_BYTES} letters, digits, `-`, `_` and `.`"
        )),
    }
}

const COLUMNS: &str = "name, version, sealed, set_ns, set_by";

impl Tx<'_> {
    /// The secret of this name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn secret(&self, name: &str) -> Result<Option<SealedSecret>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM secrets WHERE name = $1");
        let found = self.first(&sql, values![name])?;
        found.as_ref().map(secret).transpose()
    }

    /// All secrets, by name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn secrets(&self) -> Result<Vec<SealedSecret>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM secrets ORDER BY name");
        self.rows(&sql, values![])?.iter().map(secret).collect()
    }

    /// Sets a secret, which has another version after; gives that.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn set_secret(
        &self,
        name: &str,
        sealed: &[u8],
        at: Timestamp,
        by: &str,
    ) -> Result<u64, StoreError> {
        let version = self.secret(name)?.map_or(0, |known| known.version) + 1;
        let values = values![version as i64, sealed, nanos(at), by, name];
        let sql = match version {
            1 => {
                "INSERT INTO secrets (version, sealed, set_ns, set_by, name)
                 VALUES ($1, $2, $3, $4, $5)"
            }
            _ => {
                "UPDATE secrets SET version = $1, sealed = $2, set_ns = $3, set_by = $4
                 WHERE name = $5"
            }
        };
        self.execute(sql, values)?;
        Ok(version)
    }

    /// Seals the same secret otherwise: it is no other version.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn reseal_secret(&self, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
        let sql = "UPDATE secrets SET sealed = $1 WHERE name = $2";
        self.execute(sql, values![sealed, name])?;
        Ok(())
    }

    /// Removes a secret; false if there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_secret(&self, name: &str) -> Result<bool, StoreError> {
        let removed = self.execute("DELETE FROM secrets WHERE name = $1", values![name])?;
        Ok(removed > 0)
    }
}

fn secret(row: &Row) -> Result<SealedSecret, StoreError> {
    Ok(SealedSecret {
        name: row.get(0)?,
        version: row.get(1)?,
        sealed: row.get(2)?,
        set_at: moment(row.get(3)?),
        set_by: row.get(4)?,
    })
}
