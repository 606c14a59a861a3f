//! Assertions that have let somebody in, until they would be refused for their age anyway: none of
//! them does so twice, over a restart neither.

use velum_core::time::Timestamp;

use super::value::values;
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
        self.execute(sql, values![nanos(now)])?;
        let known = self.only(
            "SELECT count(*) FROM assertions WHERE issuer = $1 AND id = $2",
            values![issuer, id],
        )?;
        if known.get::<i64>(0)? > 0 {
            return Ok(false);
        }
        self.execute(
            "INSERT INTO assertions (issuer, id, until_ns) VALUES ($1, $2, $3)",
            values![issuer, id, nanos(until)],
        )?;
        Ok(true)
    }
}
