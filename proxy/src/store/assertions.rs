//! Assertions that have let somebody in, until they would be refused for their age anyway: none of
//! them does so twice, over a restart neither.

use rusqlite::params;
use velum_core::time::Timestamp;

use super::{StoreError, Tx, nanos};

impl Tx<'_> {
    /// Notes that an assertion was used; false if it was before.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn spend_assertion(
        &self,
        issuer: &str,
        id: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM assertions WHERE until_ns < $1";
        self.0.execute(sql, params![nanos(now)])?;
        let known: i64 = self.0.query_row(
            "SELECT count(*) FROM assertions WHERE issuer = $1 AND id = $2",
            params![issuer, id],
            |row| row.get(0),
        )?;
        if known > 0 {
            return Ok(false);
        }
        self.0.execute(
            "INSERT INTO assertions (issuer, id, until_ns) VALUES ($1, $2, $3)",
            params![issuer, id, nanos(until)],
        )?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn an_assertion_is_used_once_until_it_is_too_old() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let mut spend = |issuer: &str, id: &str, now| {
            let spent: Result<bool, StoreError> =
                store.transact(|tx| tx.spend_assertion(issuer, id, Timestamp(100), Timestamp(now)));
            spent.unwrap()
        };
        assert!(spend("one", "a", 1) && spend("one", "b", 1) && spend("two", "a", 1));
        assert!(!spend("one", "a", 100));
        let mut again = Store::open(folder.path()).unwrap();
        let spent: Result<bool, StoreError> =
            again.transact(|tx| tx.spend_assertion("one", "a", Timestamp(100), Timestamp(2)));
        assert!(!spent.unwrap(), "over a restart neither");
        let spent: Result<bool, StoreError> =
            again.transact(|tx| tx.spend_assertion("one", "a", Timestamp(200), Timestamp(101)));
        assert!(spent.unwrap(), "it is too old to be taken by then");
    }
}
