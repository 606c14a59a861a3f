//! What happened, in order, and the decisions among it.
//!
//! Events are an outbox: each is written in the transaction that brought it about, and stays
//! marked until it is in the audit log, so that a crash between the two loses none.

use velum_core::grant::{Event, EventKind, GrantId};

use super::value::{Value, values};
use super::{StoreError, Topic, Tx, nanos};

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
            self.execute(
                "INSERT INTO events (sequence, grant_id, at_ns, document, audited, origin)
                 VALUES ($1, $2, $3, $4, 0, $5)",
                values![
                    sequence as i64,
                    grant,
                    nanos(event.at),
                    serde_json::to_string(&event)?,
                    self.origin()
                ],
            )?;
            if is_decision(event.kind) {
                self.execute(
                    "INSERT INTO decisions (sequence, grant_id, verdict, by_id, rationale, at_ns)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    values![
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
            self.touch(Topic::Events);
        }
        Ok(numbered)
    }

    /// The number of the last event; 0 if there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_event(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(sequence), 0) FROM events";
        self.only(sql, values![])?.get(0)
    }

    /// At most `most` events after this number, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn events_after(&self, sequence: u64, most: u32) -> Result<Vec<Numbered>, StoreError> {
        self.events(
            "SELECT sequence, document FROM events WHERE sequence > $1 ORDER BY sequence LIMIT $2",
            values![i64::try_from(sequence).unwrap_or(i64::MAX), most],
        )
    }

    /// All events of a grant, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn events_of(&self, grant: GrantId) -> Result<Vec<Numbered>, StoreError> {
        self.events(
            "SELECT sequence, document FROM events WHERE grant_id = $1 ORDER BY sequence",
            values![grant.to_string()],
        )
    }

    /// Events that this gateway has to audit and has not yet, as far as is known.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn events_not_audited(&self) -> Result<Vec<Numbered>, StoreError> {
        self.events(
            "SELECT sequence, document FROM events WHERE audited = 0 AND origin = $1
             ORDER BY sequence",
            values![self.origin()],
        )
    }

    /// Numbers of events that another gateway has to audit and has not yet.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn events_left_by_others(&self) -> Result<Vec<u64>, StoreError> {
        let rows = self.rows(
            "SELECT sequence FROM events WHERE audited = 0 AND origin <> $1 ORDER BY sequence",
            values![self.origin()],
        )?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Has this gateway audit these from now on, unless somebody has.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn take_events(&self, sequences: &[u64]) -> Result<(), StoreError> {
        for sequence in sequences {
            let sql = "UPDATE events SET origin = $1 WHERE sequence = $2 AND audited = 0";
            self.execute(sql, values![self.origin(), *sequence as i64])?;
        }
        Ok(())
    }

    /// These events are in the audit log.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn mark_audited(&self, sequences: &[u64]) -> Result<(), StoreError> {
        for sequence in sequences {
            let sql = "UPDATE events SET audited = 1 WHERE sequence = $1";
            self.execute(sql, values![*sequence as i64])?;
        }
        Ok(())
    }

    /// Who decided what about a grant, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn decisions(&self, grant: GrantId) -> Result<Vec<Decision>, StoreError> {
        let rows = self.rows(
            "SELECT verdict, by_id, rationale FROM decisions WHERE grant_id = $1
             ORDER BY sequence",
            values![grant.to_string()],
        )?;
        let decisions = rows.iter().map(|row| {
            Ok(Decision {
                verdict: row.get(0)?,
                by: row.get(1)?,
                rationale: row.get(2)?,
            })
        });
        decisions.collect()
    }

    fn events(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Numbered>, StoreError> {
        let rows = self.rows(sql, values)?;
        let numbered = rows.iter().map(|row| {
            Ok(Numbered {
                sequence: row.get(0)?,
                event: serde_json::from_str(&row.get::<String>(1)?)?,
            })
        });
        numbered.collect()
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
