//! How long records are kept, what holds them longer, and which segments are due.
//!
//! A segment is due when every record in it is: none is of a kind that has to be kept longer, none
//! is covered by a hold, and none says something that still holds. Only segments that have ended
//! and whose records are all signed are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use velum_core::audit::custody::{Act, Custody, Expired};
use velum_core::audit::record::{Body, Record};
use velum_core::time::Timestamp;

use super::expired::{self, Gone};
use super::pack::survey::Open;
use super::read::{self, ReadError};
use super::{notes, store};

const DAY_MS: u64 = 86_400_000;
/// 45 CFR 164.316(b)(2)(i): six years.
pub const SIX_YEARS_DAYS: u64 = 2_192;

/// `[retention]`: days that records of a kind are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Grants and decisions about them.
    pub approvals_days: u64,
    /// Sessions and refused connections.
    pub sessions_days: u64,
    /// Statements, with what was masked.
    pub statements_days: u64,
    /// Keys, configurations, runs, and what was done with the log.
    pub admin_days: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            approvals_days: SIX_YEARS_DAYS,
            sessions_days: SIX_YEARS_DAYS,
            statements_days: SIX_YEARS_DAYS,
            admin_days: SIX_YEARS_DAYS,
        }
    }
}

impl Retention {
    /// The moment to which a record that was written at `time` has to be kept.
    fn due(&self, record: &Record, time: Timestamp) -> Timestamp {
        let days = match &record.body {
            Body::Grant { .. } => self.approvals_days,
            Body::SessionOpened { .. }
            | Body::SessionClosed { .. }
            | Body::Receipt(_)
            | Body::Originals { .. }
            | Body::ConnectionRefused { .. } => self.sessions_days,
            Body::Intent { .. } | Body::Outcome { .. } | Body::OutcomeUnknown { .. } => {
                self.statements_days
            }
            _ => self.admin_days,
        };
        time.after_ms(days.saturating_mul(DAY_MS))
    }

    /// In words, for the record of an expiry.
    fn terms(&self, holds: &BTreeMap<String, Hold>) -> String {
        let names: Vec<_> = holds.keys().map(String::as_str).collect();
        let holds = match names.is_empty() {
            true => "no holds".to_owned(),
            false => format!("holds: {}", names.join(", ")),
        };
        format!(
            "kept: approvals {} d, sessions {} d, statements {} d, admin {} d; {holds}",
            self.approvals_days, self.sessions_days, self.statements_days, self.admin_days
        )
    }
}

/// A hold that was placed and not released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Of this identity; empty: of all.
    pub identity: String,
    /// About this resource; empty: all.
    pub resource: String,
    /// From this moment.
    pub from: Timestamp,
    /// To this moment.
    pub until: Timestamp,
    /// Why.
    pub why: String,
    /// Who placed it.
    pub actor: String,
    /// When.
    pub placed: Timestamp,
}

impl Hold {
    /// Must this record stay? What names nobody stays with what does.
    pub fn covers(&self, record: &Record) -> bool {
        let is = |wanted: &str, name: &str| wanted.is_empty() || name.is_empty() || wanted == name;
        record.time >= self.from
            && record.time < self.until
            && is(&self.identity, &record.identity)
            && is(&self.resource, &record.resource)
    }
}

/// The holds of a log, with those that are noted and not recorded yet. A release counts once it is
/// recorded.
///
/// # Errors
/// If the log or a note cannot be read.
pub fn holds(directory: &Path) -> Result<BTreeMap<String, Hold>, ReadError> {
    let mut holds = BTreeMap::new();
    read::for_each(directory, 0, |_, record| {
        if let Body::Custody(custody) = &record.body {
            note_hold(&mut holds, custody, record.time);
        }
        true
    })?;
    with_notes(directory, &mut holds)?;
    Ok(holds)
}

fn with_notes(directory: &Path, holds: &mut BTreeMap<String, Hold>) -> Result<(), ReadError> {
    let noted = notes::pending(directory).map_err(|error| ReadError::Io {
        path: directory.join(notes::NOTES),
        error,
    })?;
    for (_, record) in noted {
        if let Body::Custody(custody) = &record.body
            && matches!(custody.act, Act::Held { .. })
        {
            note_hold(holds, custody, record.time);
        }
    }
    Ok(())
}

fn note_hold(holds: &mut BTreeMap<String, Hold>, custody: &Custody, time: Timestamp) {
    match &custody.act {
        Act::Held {
            hold,
            identity,
            resource,
            from,
            until,
            why,
        } => {
            let held = Hold {
                identity: identity.clone(),
                resource: resource.clone(),
                from: *from,
                until: *until,
                why: why.clone(),
                actor: custody.actor.clone(),
                placed: time,
            };
            holds.insert(hold.clone(), held);
        }
        Act::Released { hold, .. } => drop(holds.remove(hold)),
        _ => {}
    }
}

/// Segments that are due.
#[derive(Debug, Default)]
pub struct Plan {
    /// Their records.
    pub segments: Vec<(PathBuf, Expired)>,
    /// In words, why.
    pub terms: String,
    /// Segments that have ended and stay, with the reason and the moment that they are due, where
    /// it is that.
    pub kept: Vec<(u64, u64, Reason)>,
}

/// Why a segment stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A record is not due before this moment.
    NotDue(Timestamp),
    /// A hold covers a record.
    Held(String),
    /// A record says something that still holds.
    InForce(u64),
    /// A record is not signed yet.
    NotSigned,
}

/// What is known of a segment.
struct Segment {
    path: PathBuf,
    first: u64,
    last: u64,
    due: Timestamp,
    held: Option<String>,
}

/// Finds the segments that are due at `now`. The log is read from its beginning: nothing is taken
/// on trust from an earlier look.
///
/// # Errors
/// If the log cannot be read.
pub fn plan(
    directory: &Path,
    retention: &Retention,
    now: Timestamp,
    progress: &mut dyn FnMut(u64),
) -> Result<Plan, ReadError> {
    let holds = holds(directory)?;
    let signed = signed(directory)?;
    let (segments, in_force) = looked_at(directory, retention, &holds, progress)?;
    let mut plan = Plan {
        terms: retention.terms(&holds),
        ..Plan::default()
    };
    for segment in segments {
        let Segment {
            path,
            first,
            last,
            due,
            held,
        } = segment;
        let in_force = in_force.range(first..=last).next();
        let reason = match (held, in_force) {
            _ if last > signed => Reason::NotSigned,
            (Some(hold), _) => Reason::Held(hold),
            (None, Some(sequence)) => Reason::InForce(*sequence),
            (None, None) if due > now => Reason::NotDue(due),
            (None, None) => {
                let sha256 = digest(&path)?;
                let expired = Expired {
                    first,
                    last,
                    due,
                    sha256,
                };
                plan.segments.push((path, expired));
                continue;
            }
        };
        plan.kept.push((first, last, reason));
    }
    Ok(plan)
}

fn signed(directory: &Path) -> Result<u64, ReadError> {
    let bytes = store::read_checkpoint(directory).map_err(|error| ReadError::Io {
        path: directory.join(store::CHECKPOINT),
        error,
    })?;
    let size = bytes.and_then(|bytes| store::size_of(&bytes));
    Ok(size.unwrap_or(0))
}

/// All segments that have ended, and the records that say something that holds.
fn looked_at(
    directory: &Path,
    retention: &Retention,
    holds: &BTreeMap<String, Hold>,
    progress: &mut dyn FnMut(u64),
) -> Result<(Vec<Segment>, BTreeSet<u64>), ReadError> {
    let paths = read::segments(directory)?;
    let mut segments: Vec<Segment> = Vec::new();
    let mut open = Open::default();
    let (mut exchanged, mut newest) = (BTreeSet::new(), None);
    let mut next = paths.iter().peekable();
    // No record is older than the one before it, whatever a clock that went back has said.
    let mut time = Timestamp(0);
    read::scan(directory, 0, progress, |sequence, record| {
        while let Some((first, path)) = next.next_if(|(first, _)| *first <= sequence) {
            segments.push(Segment {
                path: path.clone(),
                first: *first,
                last: *first,
                due: Timestamp(0),
                held: None,
            });
        }
        open.tell(sequence, &record);
        time = time.max(record.time);
        match &record.body {
            // Leads from one key to the next.
            Body::SigningKey { previous, .. } if previous.is_some() => {
                exchanged.insert(sequence);
            }
            Body::Custody(custody) if matches!(custody.act, Act::Expired { .. }) => {
                newest = Some(sequence);
            }
            _ => {}
        }
        if let Some(segment) = segments.last_mut() {
            segment.last = sequence;
            segment.due = segment.due.max(retention.due(&record, time));
            let covering = holds.iter().find(|(_, hold)| hold.covers(&record));
            if let (None, Some((name, _))) = (&segment.held, covering) {
                segment.held = Some(name.clone());
            }
        }
        true
    })?;
    // The last may be written to.
    segments.truncate(paths.len().saturating_sub(1));
    let mut in_force = open.sequences();
    in_force.extend(exchanged);
    in_force.extend(newest);
    Ok((segments, in_force))
}

fn digest(path: &Path) -> Result<[u8; 32], ReadError> {
    let bytes = read::segment_bytes(path)?;
    Ok(Sha256::digest(bytes).into())
}

impl Plan {
    /// The body of the record of this expiry, and what is gone after it.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn record(
        &self,
        directory: &Path,
        note: &str,
        actor: &str,
    ) -> Result<(Body, Gone), ReadError> {
        let mut gone = expired::confirmed(directory)?;
        for (_, segment) in &self.segments {
            gone.add(segment.first, segment.last);
        }
        let custody = Custody {
            note: note.to_owned(),
            actor: actor.to_owned(),
            act: Act::Expired {
                gone: gone.runs.clone(),
                segments: self.segments.iter().map(|(_, segment)| *segment).collect(),
                terms: self.terms.clone(),
            },
        };
        Ok((Body::Custody(custody), gone))
    }
}

/// Deletes segments that a record says are gone, as far as they are still there.
///
/// # Errors
/// The system's.
pub fn delete(directory: &Path, gone: &Gone) -> io::Result<usize> {
    let segments = read::segments(directory).map_err(io::Error::other)?;
    let mut deleted = 0;
    for pair in segments.windows(2) {
        let [(first, path), (next, _)] = pair else {
            continue;
        };
        if gone.covers(*first, next - 1) {
            std::fs::remove_file(path)?;
            deleted += 1;
        }
    }
    super::medium::sync_directory(directory)?;
    // What an index knows of them goes with them.
    let left = read::segments(directory).map_err(io::Error::other)?;
    super::index::forget(directory, &left);
    Ok(deleted)
}
