//! Grants: each decision, and each grant as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use velum_core::audit::record::{Body, Record};
use velum_core::grant::{EventKind, GrantId};
use velum_core::time::Timestamp;

use super::{Join, name};
use crate::audit::export::row::{Kind, Row, Value};

/// What in a grant's own words says that it is to be reviewed when it is over.
const BREAK_GLASS: &str = "break-glass";

/// Every step but use: that is a session's.
pub(super) struct Approvals;

impl Join for Approvals {
    fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Row)) {
        let Body::Grant {
            grant,
            event,
            sequence: event_sequence,
            actor,
            why,
            what,
            alarm,
        } = &record.body
        else {
            return;
        };
        if *event == EventKind::Used {
            return;
        }
        let values = vec![
            Value::Number(sequence),
            Value::Time(record.time),
            Value::Text(grant.to_string()),
            Value::text(event.as_str()),
            Value::text(&*record.identity),
            Value::text(&*record.resource),
            Value::text(actor.as_str()),
            Value::text(why.as_str()),
            Value::text(what.as_str()),
            Value::Flag(*alarm),
            Value::Number(*event_sequence),
        ];
        out(Row {
            kind: Kind::Approvals,
            begin: record.time,
            end: record.time,
            identity: Arc::clone(&record.identity),
            resource: Arc::clone(&record.resource),
            values,
        });
    }

    fn end(&mut self, _out: &mut dyn FnMut(Row)) {}
}

/// Grants that are not over.
#[derive(Default)]
pub(super) struct Grants(HashMap<GrantId, Grant>);

/// What is known of one.
struct Grant {
    first: u64,
    last: u64,
    begin: Timestamp,
    end: Timestamp,
    identity: Arc<str>,
    resource: Arc<str>,
    state: &'static str,
    what: String,
    requested: Option<(Timestamp, String, String)>,
    approvals: Vec<String>,
    activated: Option<Timestamp>,
    uses: u64,
    sessions: Option<(String, String)>,
    over: Option<(Timestamp, String, String)>,
    alarm: bool,
}

impl Join for Grants {
    fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Row)) {
        let Body::Grant { grant, .. } = &record.body else {
            return;
        };
        let known = self.0.entry(*grant);
        let known = known.or_insert_with(|| Grant::new(sequence, record));
        known.tell(sequence, record);
        if known.is_settled()
            && let Some(known) = self.0.remove(grant)
        {
            out(known.row(*grant));
        }
    }

    fn end(&mut self, out: &mut dyn FnMut(Row)) {
        let mut left: Vec<_> = self.0.drain().collect();
        left.sort_by_key(|(_, grant)| grant.first);
        for (id, grant) in left {
            out(grant.row(id));
        }
    }
}

impl Grant {
    fn new(sequence: u64, record: &Record) -> Self {
        Self {
            first: sequence,
            last: sequence,
            begin: record.time,
            end: record.time,
            identity: Arc::clone(&record.identity),
            resource: Arc::clone(&record.resource),
            state: "",
            what: String::new(),
            requested: None,
            approvals: Vec::new(),
            activated: None,
            uses: 0,
            sessions: None,
            over: None,
            alarm: false,
        }
    }

    fn tell(&mut self, sequence: u64, record: &Record) {
        let Body::Grant {
            event,
            actor,
            why,
            what,
            alarm,
            ..
        } = &record.body
        else {
            return;
        };
        (self.last, self.end) = (sequence, record.time);
        self.alarm |= *alarm;
        if !what.is_empty() {
            self.what.clone_from(what);
        }
        let step = || (record.time, actor.clone(), why.clone());
        match event {
            EventKind::Requested => self.requested = Some(step()),
            EventKind::Approved => self.approvals.push(format!("{actor}: {why}")),
            EventKind::Activated => self.activated = Some(record.time),
            EventKind::Used => {
                self.uses += 1;
                let session = name(record.session);
                let (_, last) = self
                    .sessions
                    .get_or_insert((session.clone(), String::new()));
                *last = session;
                return;
            }
            EventKind::Denied | EventKind::Withdrawn | EventKind::Revoked | EventKind::Expired => {
                self.over = Some(step());
            }
            EventKind::Overdue => {}
            EventKind::Reviewed => {
                self.approvals.push(format!("reviewed by {actor}: {why}"));
                if self.over.is_some() {
                    self.state = "reviewed";
                }
                return;
            }
        }
        self.state = event.as_str();
    }

    /// Nothing more is to come.
    fn is_settled(&self) -> bool {
        self.over.is_some() && (self.state == "reviewed" || !self.what.contains(BREAK_GLASS))
    }

    fn row(self, id: GrantId) -> Row {
        let (requested, by, reason) = parts(self.requested);
        let (over, ended_by, ended_why) = parts(self.over);
        let (first, last) = self.sessions.unwrap_or_default();
        let values = vec![
            Value::Number(self.first),
            Value::Number(self.last),
            Value::Text(id.to_string()),
            Value::text(&*self.identity),
            Value::text(&*self.resource),
            Value::text(self.state),
            Value::text(self.what),
            requested,
            by,
            reason,
            Value::List(self.approvals),
            self.activated.map_or(Value::Nothing, Value::Time),
            Value::Number(self.uses),
            Value::text(first),
            Value::text(last),
            over,
            ended_by,
            ended_why,
            Value::Flag(self.alarm),
        ];
        Row {
            kind: Kind::Grants,
            begin: self.begin,
            end: self.end,
            identity: self.identity,
            resource: self.resource,
            values,
        }
    }
}

fn parts(step: Option<(Timestamp, String, String)>) -> (Value, Value, Value) {
    match step {
        Some((time, who, why)) => (Value::Time(time), Value::text(who), Value::text(why)),
        None => (Value::Nothing, Value::Nothing, Value::Nothing),
    }
}
