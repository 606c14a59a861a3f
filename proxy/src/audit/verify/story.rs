//! What records say of each other: statements begin and end, time goes on.

use std::collections::HashMap;

use velum_core::audit::custody::Act;
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::audit::skim::{Head, Skimmed};
use velum_core::time::Timestamp;

use super::Report;
use super::finding::{Finding, Place, Problem};
use crate::audit::expired::Gone;
use crate::audit::recover::STARTED;

/// Threads hand their records over in batches, so that they come a little out of order. What is
/// more than this is the clock's doing.
const JITTER_NS: u64 = 1_000_000_000;

/// The event of the record that a run ends with.
const STOPPED: &str = "stopped";

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionReport {
    /// Its name, 32 hexadecimal digits.
    pub session: String,
    /// Whose.
    pub identity: String,
    /// To which resource.
    pub resource: String,
    /// Records.
    pub records: u64,
    /// Statements that were begun.
    pub statements: u64,
    /// Sequence of its first record.
    pub first: u64,
    /// Sequence of its last.
    pub last: u64,
}

/// A statement: its session and number.
type Key = (SessionId, u64);

/// A key that the log names.
pub(super) struct NamedKey {
    pub(super) sequence: u64,
    pub(super) key: String,
    pub(super) previous: Option<String>,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Story {
    open: HashMap<Key, Place>,
    records: u64,
    statements: u64,
    times: Option<(Timestamp, Timestamp)>,
    clock_steps: u64,
    largest_step: Option<(u64, u64)>,
    /// The last record says that the gateway has stopped.
    pub(super) has_stopped: bool,
    pub(super) keys: Vec<NamedKey>,
    overruled: Vec<(u64, String)>,
    /// Expiries: record, time and what is gone after it.
    pub(super) expired: Vec<(u64, Timestamp, Gone)>,
    wanted: Option<String>,
    session: Option<SessionReport>,
    /// Until the first start: statements may have begun before the first record.
    begins_late: bool,
}

impl Story {
    pub(super) fn new(wanted: Option<String>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// There are records before the first that it is told.
    pub(super) fn begin_late(&mut self) {
        self.begins_late = true;
    }

    /// Takes the next record.
    pub(super) fn tell(
        &mut self,
        sequence: u64,
        record: &Record,
        place: impl Fn() -> Place,
    ) -> Result<(), Box<Finding>> {
        let head = Head {
            time: record.time,
            session: record.session,
            identity: &record.identity,
            resource: &record.resource,
        };
        let is_intent = matches!(record.body, Body::Intent { .. });
        self.head(sequence, &head, is_intent);
        match &record.body {
            Body::Intent { statement, .. } => self.begins((record.session, *statement), place)?,
            Body::Outcome { statement, .. } | Body::OutcomeUnknown { statement } => {
                self.ends((record.session, *statement), place)?;
            }
            Body::Gateway { event } if event == STARTED => {
                self.begins_late = false;
                let oldest = self.open.iter().min_by_key(|(_, place)| place.sequence);
                if let Some(((_, statement), place)) = oldest {
                    return Err(Finding::at(place.clone(), Problem::NeverEnded(*statement)));
                }
            }
            Body::Gateway { event } => self.has_stopped = event == STOPPED,
            Body::SigningKey { key, previous } => {
                // Each start names the key again.
                let known = self.keys.iter().any(|named| named.key == *key);
                if !known || previous.is_some() {
                    self.keys.push(NamedKey {
                        sequence,
                        key: key.clone(),
                        previous: previous.clone(),
                    });
                }
            }
            Body::Custody(custody) => {
                if let Act::Expired { gone, .. } = &custody.act {
                    let gone = Gone {
                        record: sequence,
                        runs: gone.clone(),
                    };
                    self.expired.push((sequence, record.time, gone));
                }
            }
            Body::CheckpointOverruled { cause } => self.overruled.push((sequence, cause.clone())),
            _ => {}
        }
        Ok(())
    }

    /// Takes the next record, which begins or ends a statement.
    pub(super) fn skimmed(
        &mut self,
        sequence: u64,
        skimmed: &Skimmed<'_>,
        place: impl Fn() -> Place,
    ) -> Result<(), Box<Finding>> {
        self.head(sequence, &skimmed.head, skimmed.is_intent);
        let key = (skimmed.head.session, skimmed.statement);
        match skimmed.is_intent {
            true => self.begins(key, place),
            false => self.ends(key, place),
        }
    }

    /// What every record has.
    fn head(&mut self, sequence: u64, head: &Head<'_>, is_intent: bool) {
        self.records += 1;
        self.has_stopped = false;
        self.clock(sequence, head.time);
        self.of_session(sequence, head, is_intent);
    }

    fn begins(&mut self, key: Key, place: impl Fn() -> Place) -> Result<(), Box<Finding>> {
        self.statements += 1;
        match self.open.insert(key, place()) {
            None => Ok(()),
            Some(_) => Err(Finding::at(place(), Problem::IntentTwice(key.1))),
        }
    }

    fn ends(&mut self, key: Key, place: impl Fn() -> Place) -> Result<(), Box<Finding>> {
        let began = self.open.remove(&key).is_some();
        match began || self.begins_late {
            true => Ok(()),
            false => Err(Finding::at(place(), Problem::OutcomeWithoutIntent(key.1))),
        }
    }

    fn clock(&mut self, sequence: u64, time: Timestamp) {
        let (first, before) = self.times.unwrap_or((time, time));
        let step_ns = before.0.saturating_sub(time.0);
        if step_ns > JITTER_NS {
            self.clock_steps += 1;
            if self
                .largest_step
                .is_none_or(|(largest, _)| largest < step_ns)
            {
                self.largest_step = Some((step_ns, sequence));
            }
        }
        self.times = Some((first, time));
    }

    fn of_session(&mut self, sequence: u64, head: &Head<'_>, is_intent: bool) {
        let Some(wanted) = &self.wanted else {
            return;
        };
        let name = format!("{:032x}", head.session.0);
        if !name.starts_with(wanted) {
            return;
        }
        let report = self.session.get_or_insert_with(|| SessionReport {
            session: name.clone(),
            first: sequence,
            ..SessionReport::default()
        });
        // The beginning of a name that several have stands for the first.
        if report.session != name {
            return;
        }
        report.records += 1;
        report.last = sequence;
        report.statements += u64::from(is_intent);
        for (known, said) in [
            (&mut report.identity, head.identity),
            (&mut report.resource, head.resource),
        ] {
            if known.is_empty() {
                said.clone_into(known);
            }
        }
    }

    /// What was seen.
    pub(super) fn report(&self) -> Report {
        let (first_time, last_time) = self.times.unwrap_or_default();
        let mut remarks = Vec::new();
        for (sequence, cause) in &self.overruled {
            remarks.push(format!(
                "record {sequence}: the log did not fit its checkpoint, and was accepted: {cause}"
            ));
        }
        if let Some((step_ns, sequence)) = self.largest_step {
            let ms = step_ns / 1_000_000;
            remarks.push(format!(
                "the clock went back {} times, at most by {ms} ms, at record {sequence}",
                self.clock_steps
            ));
        }
        let open_statements = self.open.len() as u64;
        if open_statements > 0 {
            remarks.push(format!(
                "the last run has {open_statements} statements whose end is not recorded yet"
            ));
        }
        Report {
            records: self.records,
            first_time,
            last_time,
            statements: self.statements,
            open_statements,
            clock_steps: self.clock_steps,
            largest_step: self.largest_step,
            remarks,
            session: self.session.clone(),
            ..Report::default()
        }
    }
}
