//! Notifications: an outbox. Each is written in the transaction that calls for it, and stays until
//! it has been delivered, or given up.

use serde::{Deserialize, Serialize};
use velum_core::time::Timestamp;

use super::value::{Row, values};
use super::{StoreError, Tx, moment, nanos};

/// How it stands with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// It is to be delivered, for the first time or again.
    Waiting,
    /// It was.
    Sent,
    /// It was given up.
    Dead,
}

impl Delivery {
    /// The name in the store and in interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let all = [Self::Waiting, Self::Sent, Self::Dead];
        all.into_iter().find(|it| it.as_str() == text)
    }
}

/// A notification as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its name, the same at each attempt: who receives it twice knows it by that.
    pub id: String,
    /// Name of its `[[notify]]`.
    pub target: String,
    /// What it tells of.
    pub occasion: String,
    /// What it tells, as JSON.
    pub document: String,
    /// When that happened.
    pub created_at: Timestamp,
    /// Not before.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// How it stands.
    pub state: Delivery,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// A gateway that has taken one has delivered it by then, or has failed; or it is no more.
const CLAIM_MS: u64 = 120_000;

/// Those that the gateway `$2` may take at `$1`, where claims from before `$3` have lapsed.
const DUE: &str = "state = 'waiting' AND due_ns <= $1 AND (claimed_by IN ('', $2) \
                   OR claimed_ns < $3)";

fn lapsed(now: Timestamp) -> i64 {
    nanos(Timestamp(now.0.saturating_sub(CLAIM_MS * 1_000_000)))
}

const COLUMNS: &str = "id, target, occasion, document, created_ns, due_ns, attempts, state, \
                       last_error";

impl Tx<'_> {
    /// Adds one; one of the same name is there already.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn enqueue(&self, it: &Notification) -> Result<(), StoreError> {
        let sql = "SELECT count(*) FROM notifications WHERE id = $1";
        if self.only(sql, values![it.id])?.get::<i64>(0)? > 0 {
            return Ok(());
        }
        self.execute(
            "INSERT INTO notifications
                 (id, target, occasion, document, created_ns, due_ns, attempts, state)
             VALUES ($1, $2, $3, $4, $5, $6, 0, 'waiting')",
            values![
                it.id,
                it.target,
                it.occasion,
                it.document,
                nanos(it.created_at),
                nanos(it.due_at)
            ],
        )?;
        Ok(())
    }

    /// Takes it upon this gateway to deliver at most `most` that are due, the longest waiting
    /// first. Nobody else does as long as it may be at it; its own from before a restart are due at
    /// once.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn take_notifications(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications WHERE {DUE} ORDER BY due_ns, id LIMIT $4{}",
            self.skipping_locked()
        );
        let rows = self.rows(&sql, values![nanos(now), self.origin(), lapsed(now), most])?;
        let due: Vec<_> = rows.iter().map(notification).collect::<Result<_, _>>()?;
        for it in &due {
            let sql = "UPDATE notifications SET claimed_by = $1, claimed_ns = $2 WHERE id = $3";
            self.execute(sql, values![self.origin(), nanos(now), it.id])?;
        }
        Ok(due)
    }

    /// Is one due here, and when is the next?
    ///
    /// # Errors
    /// Those of the disk.
    pub fn due_notifications(
        &self,
        now: Timestamp,
    ) -> Result<(bool, Option<Timestamp>), StoreError> {
        let sql = format!("SELECT count(*) FROM notifications WHERE {DUE}");
        let due = self.only(&sql, values![nanos(now), self.origin(), lapsed(now)])?;
        let sql = "SELECT min(due_ns) FROM notifications WHERE state = 'waiting' AND due_ns > $1";
        let next = self.only(sql, values![nanos(now)])?;
        Ok((
            due.get::<i64>(0)? > 0,
            next.get::<Option<i64>>(0)?.map(moment),
        ))
    }

    /// It has been delivered.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn notification_sent(&self, id: &str) -> Result<(), StoreError> {
        let sql = "UPDATE notifications
                   SET state = 'sent', attempts = attempts + 1, last_error = NULL, claimed_by = ''
                   WHERE id = $1";
        self.execute(sql, values![id])?;
        Ok(())
    }

    /// An attempt has failed: the next is at `due`, or there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn notification_failed(
        &self,
        id: &str,
        error: &str,
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let state = if due.is_some() {
            Delivery::Waiting
        } else {
            Delivery::Dead
        };
        self.execute(
            "UPDATE notifications SET attempts = attempts + 1, last_error = $1, state = $2,
                 due_ns = coalesce($3, due_ns), claimed_by = ''
             WHERE id = $4",
            values![error, state.as_str(), due.map(nanos), id],
        )?;
        Ok(())
    }

    /// The newest `most` in this state, or in any.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn notifications(
        &self,
        state: Option<Delivery>,
        most: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications WHERE $1 IS NULL OR state = $1
             ORDER BY created_ns DESC, id LIMIT $2"
        );
        let rows = self.rows(&sql, values![state.map(Delivery::as_str), most])?;
        rows.iter().map(notification).collect()
    }

    /// Has one that was given up tried again, as if for the first time; false if there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn retry_notification(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self.execute(
            "UPDATE notifications SET state = 'waiting', attempts = 0, due_ns = $1
             WHERE id = $2 AND state = 'dead'",
            values![nanos(now), id],
        )?;
        Ok(changed > 0)
    }

    /// Forgets those that were delivered, of before this moment.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn forget_notifications(&self, before: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM notifications WHERE state = 'sent' AND created_ns < $1";
        self.execute(sql, values![nanos(before)])?;
        Ok(())
    }
}

fn notification(row: &Row) -> Result<Notification, StoreError> {
    let state: String = row.get(7)?;
    Ok(Notification {
        id: row.get(0)?,
        target: row.get(1)?,
        occasion: row.get(2)?,
        document: row.get(3)?,
        created_at: moment(row.get(4)?),
        due_at: moment(row.get(5)?),
        attempts: row.get(6)?,
        // The table lets nothing else in.
        state: Delivery::read(&state).unwrap_or(Delivery::Dead),
        last_error: row.get(8)?,
    })
}
