//! What happened, in order, and the decisions among it.
//!
//! Events are an outbox: each is written in the transaction that brought it about, and stays
//! marked until it is in the audit log, so that a crash between the two loses none.

use rusqlite::{Row, params};
use velum_core::grant::{Event, EventKind, GrantId};

use super::{StoreError, Tx, nanos};

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Its number, from 1, without gaps.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}

/// Somebody's decision as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// `approved`, `denied`, `withdrawn`, `revoked` or `reviewed`.
    pub verdict: String,
    /// Who.
    pub by: String,
    /// Why.
    pub rationale: String,
}

impl Tx<'_> {
    /// Appends events, and the decisions that they tell of.
    ///
    /// # Errors
    /// Those of the disk; also when somebody would have approved the same twice.
    pub fn append_events(&self, events: Vec<Event>) -> Result<Vec<Numbered>, StoreError> {
        let mut sequence = self.last_event()?;
        let mut numbered = Vec::new();
        for event in events {
            sequence += 1;
            let grant = event.grant.to_string();
            self.0.execute(
                "INSERT INTO events (sequence, grant_id, at_ns, document, audited)
                 VALUES ($1, $2, $3, $4, 0)",
                params![
                    sequence as i64,
                    grant,
                    nanos(event.at),
                    serde_json::to_string(&event)?
                ],
            )?;
            if is_decision(event.kind) {
                self.0.execute(
                    "INSERT INTO decisions (sequence, grant_id, verdict, by_id, rationale, at_ns)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    params![
                        sequence as i64,
                        grant,
                        event.kind.as_str(),
                        event.who,
                        event.why,
                        nanos(event.at)
                    ],
                )?;
            }
            numbered.push(Numbered { sequence, event });
        }
        Ok(numbered)
    }

    /// The number of the last event; 0 if there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_event(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(sequence), 0) FROM events";
        let last: i64 = self.0.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(last).unwrap_or(0))
    }

    /// At most `most` events after this number, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn events_after(&self, sequence: u64, most: u32) -> Result<Vec<Numbered>, StoreError> {
        self.events(
            "SELECT sequence, document FROM events WHERE sequence > $1 ORDER BY sequence LIMIT $2",
            params![i64::try_from(sequence).unwrap_or(i64::MAX), most],
        )
    }

    /// All events of a grant, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn events_of(&self, grant: GrantId) -> Result<Vec<Numbered>, StoreError> {
        self.events(
            "SELECT sequence, document FROM events WHERE grant_id = $1 ORDER BY sequence",
            params![grant.to_string()],
        )
    }

    /// Events that are not in the audit log yet, as far as is known.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn events_not_audited(&self) -> Result<Vec<Numbered>, StoreError> {
        self.events(
            "SELECT sequence, document FROM events WHERE audited = 0 ORDER BY sequence",
            params![],
        )
    }

    /// These events are in the audit log.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn mark_audited(&self, sequences: &[u64]) -> Result<(), StoreError> {
        for sequence in sequences {
            let sql = "UPDATE events SET audited = 1 WHERE sequence = $1";
            self.0.execute(sql, params![*sequence as i64])?;
        }
        Ok(())
    }

    /// Who decided what about a grant, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn decisions(&self, grant: GrantId) -> Result<Vec<Decision>, StoreError> {
        let mut statement = self.0.prepare(
            "SELECT verdict, by_id, rationale FROM decisions WHERE grant_id = $1
             ORDER BY sequence",
        )?;
        let decision = |row: &Row<'_>| {
            Ok(Decision {
                verdict: row.get(0)?,
                by: row.get(1)?,
                rationale: row.get(2)?,
            })
        };
        let rows = statement.query_map([grant.to_string()], decision)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn events(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<Numbered>, StoreError> {
        let mut statement = self.0.prepare(sql)?;
        let raw = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let rows = statement.query_map(params, raw)?;
        rows.map(|row| {
            let (sequence, document) = row?;
            Ok(Numbered {
                sequence: u64::try_from(sequence)
                    .map_err(|_| StoreError::Corrupt("an event's number".to_owned()))?,
                event: serde_json::from_str(&document)?,
            })
        })
        .collect()
    }
}

fn is_decision(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Approved
            | EventKind::Denied
            | EventKind::Withdrawn
            | EventKind::Revoked
            | EventKind::Reviewed
    )
}
