//! Sessions: opened and closed, or refused.

use std::collections::HashMap;
use std::sync::Arc;

use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::grant::EventKind;
use velum_core::time::Timestamp;

use super::{Join, code, hex, is_start, name};
use crate::audit::export::row::{Kind, Row, Value};

/// Sessions that were let in by a grant and have not opened yet; more are not waited for.
const ADMITTED: usize = 65_536;

/// Sessions that are open.
#[derive(Default)]
pub(super) struct Sessions {
    open: HashMap<SessionId, (u64, Record)>,
    /// Grants that were used, by session.
    grants: HashMap<SessionId, Vec<String>>,
    last: Timestamp,
}

/// How a session is over.
struct End<'r> {
    outcome: &'static str,
    sequence: Option<u64>,
    time: Option<Timestamp>,
    closed: Option<&'r Body>,
}

impl Join for Sessions {
    fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Row)) {
        match &record.body {
            Body::SessionOpened { .. } => {
                self.open.insert(record.session, (sequence, record.clone()));
            }
            Body::SessionClosed { .. } => {
                let opened = self.open.remove(&record.session);
                let end = End {
                    outcome: "closed",
                    sequence: Some(sequence),
                    time: Some(record.time),
                    closed: Some(&record.body),
                };
                out(self.row(opened.as_ref(), record, &end));
            }
            Body::ConnectionRefused { .. } => out(refused(sequence, record)),
            Body::Grant { grant, event, .. }
                if *event == EventKind::Used && record.session.0 != 0 =>
            {
                if self.grants.len() >= ADMITTED {
                    self.grants.clear();
                }
                let grants = self.grants.entry(record.session).or_default();
                grants.push(grant.to_string());
            }
            Body::Gateway { .. } if is_start(record) => {
                self.leave("unknown", out);
                self.grants.clear();
            }
            _ => {}
        }
        self.last = record.time;
    }

    fn end(&mut self, out: &mut dyn FnMut(Row)) {
        self.leave("open", out);
    }
}

impl Sessions {
    /// Gives all that are open, with this outcome.
    fn leave(&mut self, outcome: &'static str, out: &mut dyn FnMut(Row)) {
        let mut open: Vec<_> = self.open.drain().map(|(_, opened)| opened).collect();
        open.sort_by_key(|(sequence, _)| *sequence);
        for opened in open {
            let end = End {
                outcome,
                sequence: None,
                time: None,
                closed: None,
            };
            out(self.row(Some(&opened), &opened.1, &end));
        }
    }

    fn row(&mut self, opened: Option<&(u64, Record)>, named: &Record, end: &End<'_>) -> Row {
        let number = |sequence: Option<u64>| sequence.map_or(Value::Nothing, Value::Number);
        let time = |time: Option<Timestamp>| time.map_or(Value::Nothing, Value::Time);
        let begun = opened.map(|(_, record)| record.time);
        let mut values = vec![
            number(opened.map(|(sequence, _)| *sequence)),
            number(end.sequence),
            Value::Text(name(named.session)),
            Value::text(&*named.identity),
            Value::text(&*named.resource),
            Value::text(end.outcome),
            time(begun),
            time(end.time),
        ];
        let (reason, statements, bytes) = match end.closed {
            Some(Body::SessionClosed {
                reason,
                statements,
                bytes,
            }) => (
                Value::text(reason.as_str()),
                Value::Number(*statements),
                Value::Number(*bytes),
            ),
            _ => (Value::Nothing, Value::Nothing, Value::Nothing),
        };
        values.extend([reason, Value::Nothing]);
        values.extend(facts(opened.map(|(_, record)| &record.body)));
        let grants = self.grants.remove(&named.session).unwrap_or_default();
        values.extend([Value::List(grants), statements, bytes]);
        Row {
            kind: Kind::Sessions,
            begin: begun.unwrap_or(named.time),
            // One that nobody has seen end was there until the last that was seen at all.
            end: end.time.unwrap_or(self.last).max(named.time),
            identity: Arc::clone(&named.identity),
            resource: Arc::clone(&named.resource),
            values,
        }
    }
}

/// What is known of a session from its beginning: method to chain.
fn facts(opened: Option<&Body>) -> [Value; 10] {
    let Some(Body::SessionOpened {
        method,
        client_address,
        client_tls,
        server_tls,
        role,
        database,
        policy,
        assertion,
    }) = opened
    else {
        return [const { Value::Nothing }; 10];
    };
    let (issuer, subject, chain) = match assertion {
        Some(it) => (&*it.issuer, &*it.subject, it.chain.clone()),
        None => ("", "", Vec::new()),
    };
    [
        Value::text(method.as_str()),
        Value::text(client_address.as_str()),
        Value::Flag(*client_tls),
        Value::Flag(*server_tls),
        Value::text(role.as_str()),
        Value::text(database.as_str()),
        Value::Text(hex(policy)),
        Value::text(issuer),
        Value::text(subject),
        Value::List(chain),
    ]
}

fn refused(sequence: u64, record: &Record) -> Row {
    let Body::ConnectionRefused {
        client_address,
        sqlstate,
        reason,
    } = &record.body
    else {
        return blank(record);
    };
    let mut values = vec![
        Value::Number(sequence),
        Value::Number(sequence),
        Value::text(name(record.session)),
        Value::text(&*record.identity),
        Value::text(&*record.resource),
        Value::text("refused"),
        Value::Time(record.time),
        Value::Time(record.time),
        Value::text(reason.as_str()),
        Value::Text(code(sqlstate)),
        Value::Nothing,
        Value::text(client_address.as_str()),
    ];
    values.extend([const { Value::Nothing }; 11]);
    Row {
        values,
        ..blank(record)
    }
}

fn blank(record: &Record) -> Row {
    Row {
        kind: Kind::Sessions,
        begin: record.time,
        end: record.time,
        identity: Arc::clone(&record.identity),
        resource: Arc::clone(&record.resource),
        values: Vec::new(),
    }
}
