//! What was done to the store beside the gateway, until the gateway has put it into the audit log,
//! which has one writer.

use rusqlite::params;
use velum_core::time::Timestamp;

use super::{StoreError, Tx, moment, nanos};

/// Something that has to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: String,
    /// To what.
    pub subject: String,
}

impl Tx<'_> {
    /// Leaves a notice.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn leave_notice(
        &self,
        event: &str,
        subject: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.execute(
            "INSERT INTO notices (sequence, at_ns, event, subject)
             SELECT coalesce(max(sequence), 0) + 1, $1, $2, $3 FROM notices",
            params![nanos(at), event, subject],
        )?;
        Ok(())
    }

    /// All notices, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn notices(&self) -> Result<Vec<Notice>, StoreError> {
        let sql = "SELECT sequence, at_ns, event, subject FROM notices ORDER BY sequence";
        let mut statement = self.0.prepare(sql)?;
        let notice = |row: &rusqlite::Row<'_>| {
            Ok(Notice {
                sequence: row.get(0)?,
                at: moment(row.get(1)?),
                event: row.get(2)?,
                subject: row.get(3)?,
            })
        };
        let rows = statement.query_map([], notice)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// These are in the audit log.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn take_notices(&self, notices: &[Notice]) -> Result<(), StoreError> {
        for notice in notices {
            let sql = "DELETE FROM notices WHERE sequence = $1";
            self.0.execute(sql, params![notice.sequence])?;
        }
        Ok(())
    }
}
