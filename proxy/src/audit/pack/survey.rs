//! Which records a period needs: the segments that have one of its moments, and of what lies
//! before them whatever had not ended.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use velum_core::audit::custody::Act;
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::grant::{EventKind, GrantId};

use super::PackError;
use crate::audit::export::Filter;
use crate::audit::read::{self, ReadError};
use crate::audit::recover::STARTED;

/// What a pack is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// First record of the excerpt, which a segment begins with.
    pub first: u64,
    /// Its last.
    pub last: u64,
    /// Records before the excerpt that are needed to understand it, in order.
    pub earlier: Vec<(u64, Record)>,
}

/// Surveys the log in `directory`, of which so many records are signed.
///
/// # Errors
/// If the log cannot be read, or has nothing signed from the period.
pub fn survey(
    directory: &Path,
    period: &Filter,
    signed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Survey, PackError> {
    let (first, last) = range(directory, period, signed, progress)?;
    let earlier = earlier(directory, first)?;
    Ok(Survey {
        first,
        last,
        earlier,
    })
}

/// First and last record of the segments that have a record of the period.
fn range(
    directory: &Path,
    period: &Filter,
    signed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(u64, u64), PackError> {
    let segments = read::segments(directory)?;
    let mut wanted: Option<(usize, usize)> = None;
    let mut index = 0;
    let (mut before, mut gaps) = (None, Vec::new());
    let starts: Vec<u64> = segments.iter().map(|(first, _)| *first).collect();
    read::scan(directory, 0, progress, |sequence, record| {
        while starts.get(index + 1).is_some_and(|next| *next <= sequence) {
            index += 1;
        }
        if let Some(before) = before.filter(|before| before + 1 != sequence) {
            gaps.push((before + 1, sequence - 1));
        }
        before = Some(sequence);
        if sequence <= signed && record.time >= period.from && record.time < period.to {
            let (_, last) = wanted.get_or_insert((index, index));
            *last = index;
        }
        sequence < signed
    })?;
    let none = || PackError::Misuse("no signed record is from this period".to_owned());
    let (first, last) = wanted.ok_or_else(none)?;
    let first = starts.get(first).copied().ok_or_else(none)?;
    let end = starts.get(last + 1).map_or(signed, |next| next - 1);
    let last = end.min(signed);
    if let Some((from, to)) = gaps
        .into_iter()
        .find(|(from, to)| first < *from && *to < last)
    {
        return Err(PackError::Misuse(format!(
            "records {from} to {to} of this period were deleted when due: make a pack of what \
             lies before, and one of what follows"
        )));
    }
    Ok((first, last))
}

/// What has begun and not ended.
#[derive(Default)]
pub(in crate::audit) struct Open {
    sessions: HashMap<SessionId, Vec<u64>>,
    statements: HashMap<(SessionId, u64), u64>,
    grants: HashMap<GrantId, Vec<u64>>,
    holds: HashMap<String, u64>,
    configuration: Option<u64>,
}

impl Open {
    pub(in crate::audit) fn tell(&mut self, sequence: u64, record: &Record) {
        let session = record.session;
        match &record.body {
            Body::SessionOpened { .. } => {
                self.sessions.entry(session).or_default().push(sequence);
            }
            Body::SessionClosed { .. } => drop(self.sessions.remove(&session)),
            Body::Intent { statement, .. } => {
                self.statements.insert((session, *statement), sequence);
            }
            Body::Outcome { statement, .. } | Body::OutcomeUnknown { statement } => {
                self.statements.remove(&(session, *statement));
            }
            Body::Gateway { event } if event == STARTED => {
                self.sessions.clear();
                self.statements.clear();
            }
            Body::ConfigurationLoaded { .. } => self.configuration = Some(sequence),
            Body::Grant { grant, event, .. } => match event {
                EventKind::Used => {}
                EventKind::Denied
                | EventKind::Withdrawn
                | EventKind::Revoked
                | EventKind::Expired => drop(self.grants.remove(grant)),
                _ => self.grants.entry(*grant).or_default().push(sequence),
            },
            Body::Custody(custody) => match &custody.act {
                Act::Held { hold, .. } => drop(self.holds.insert(hold.clone(), sequence)),
                Act::Released { hold, .. } => drop(self.holds.remove(hold)),
                _ => {}
            },
            _ => {}
        }
    }

    pub(in crate::audit) fn sequences(self) -> BTreeSet<u64> {
        let lists = self.sessions.into_values().chain(self.grants.into_values());
        let single = self
            .statements
            .into_values()
            .chain(self.holds.into_values());
        let mut sequences: BTreeSet<u64> = lists.flatten().chain(single).collect();
        sequences.extend(self.configuration);
        sequences
    }
}

fn earlier(directory: &Path, first: u64) -> Result<Vec<(u64, Record)>, ReadError> {
    let mut open = Open::default();
    read::for_each(directory, 0, |sequence, record| {
        let is_before = sequence < first;
        if is_before {
            open.tell(sequence, &record);
        }
        is_before
    })?;
    let wanted = open.sequences();
    let Some(start) = wanted.first().copied() else {
        return Ok(Vec::new());
    };
    let mut records = Vec::new();
    read::for_each(directory, start, |sequence, record| {
        if wanted.contains(&sequence) {
            records.push((sequence, record));
        }
        sequence < first && records.len() < wanted.len()
    })?;
    Ok(records)
}
