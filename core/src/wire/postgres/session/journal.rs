//! Records of a session: an INTENT before a statement runs, an OUTCOME after it has ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec;

use crate::audit::record::{Body, Channel, Effect, Record, SessionId, Status};
use crate::audit::token::Token;
use crate::time::Timestamp;

use super::shown::Masked;

/// Longest command text in a record.
const COMMAND_BYTES: usize = 256;

/// A statement whose OUTCOME is not written yet.
struct Open {
    ordinal: u64,
    began: Timestamp,
    rows: u64,
    bytes: u64,
    /// Rows when its last command ended.
    rows_before: u64,
    command: String,
    sqlstate: Option<[u8; 5]>,
}

/// What an INTENT says.
pub(super) struct Intent<'a> {
    pub(super) effect: Effect,
    pub(super) channel: Channel,
    pub(super) text: &'a Arc<str>,
    pub(super) token: Token,
    pub(super) binds: &'a [Option<Token>],
    pub(super) decision: &'a Arc<str>,
}

/// See the module's text.
pub(super) struct Journal {
    session: SessionId,
    identity: Arc<str>,
    resource: Arc<str>,
    records: Vec<Record>,
    /// Records made so far.
    made: u64,
    /// Records that are on disk, as the caller says.
    durable: u64,
    /// Count of records when the last INTENT was made: results wait for it.
    last_intent: u64,
    statements: u64,
    open: VecDeque<Open>,
    total_rows: u64,
    total_bytes: u64,
    closed: bool,
}

impl Journal {
    pub(super) fn new(session: SessionId, identity: Arc<str>, resource: Arc<str>) -> Self {
        Self {
            session,
            identity,
            resource,
            records: Vec::new(),
            made: 0,
            durable: 0,
            last_intent: 0,
            statements: 0,
            open: VecDeque::new(),
            total_rows: 0,
            total_bytes: 0,
            closed: false,
        }
    }

    /// Rows of the session so far.
    pub(super) fn rows(&self) -> u64 {
        self.total_rows
    }

    /// Statements, rows and bytes of the session so far.
    pub(super) fn totals(&self) -> [u64; 3] {
        [self.statements, self.total_rows, self.total_bytes]
    }

    /// Who the client is.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Appends a record.
    pub(super) fn push(&mut self, time: Timestamp, body: Body) {
        self.made += 1;
        self.records.push(Record {
            time,
            session: self.session,
            identity: Arc::clone(&self.identity),
            resource: Arc::clone(&self.resource),
            body,
        });
    }

    /// Records made since the last call.
    pub(super) fn take(&mut self) -> vec::Drain<'_, Record> {
        self.records.drain(..)
    }

    /// The first `count` records are on disk.
    pub(super) fn set_durable(&mut self, count: u64) {
        self.durable = self.durable.max(count);
    }

    /// True if record number `count` is on disk.
    pub(super) fn is_durable(&self, count: u64) -> bool {
        self.durable >= count
    }

    /// True if every INTENT made so far is on disk: results may be released.
    pub(super) fn may_release(&self) -> bool {
        self.durable >= self.last_intent
    }

    /// Writes an INTENT. Returns the statement's ordinal and the number of its record.
    pub(super) fn intent(&mut self, now: Timestamp, intent: &Intent<'_>) -> (u64, u64) {
        self.statements += 1;
        let ordinal = self.statements;
        self.push(
            now,
            Body::Intent {
                statement: ordinal,
                effect: intent.effect,
                channel: intent.channel,
                text: Arc::clone(intent.text),
                token: intent.token,
                binds: intent.binds.to_vec(),
                decision: Arc::clone(intent.decision),
            },
        );
        self.last_intent = self.made;
        self.open.push_back(Open {
            ordinal,
            began: now,
            rows: 0,
            bytes: 0,
            rows_before: 0,
            command: String::new(),
            sqlstate: None,
        });
        (ordinal, self.made)
    }

    /// Counts what was released of the statement that is answered now.
    pub(super) fn count(&mut self, rows: u64, bytes: usize) {
        self.total_bytes += bytes as u64;
        self.total_rows += rows;
        if let Some(open) = self.open.front_mut() {
            open.rows += rows;
            open.bytes += bytes as u64;
        }
    }

    /// Notes a command tag of the statement that is answered now: its words, and how many rows it
    /// changed where it returned none.
    pub(super) fn command(&mut self, tag: &[u8]) {
        let Some(open) = self.open.front_mut() else {
            return;
        };
        if open.rows == open.rows_before {
            open.rows = open.rows.saturating_add(rows_changed(tag));
        }
        open.rows_before = open.rows;
        if open.command.len() >= COMMAND_BYTES {
            return;
        }
        let words = tag
            .split(|&byte| byte == b' ')
            .filter(|word| !word.is_empty() && word.iter().all(u8::is_ascii_uppercase))
            .take(4);
        let separator = if open.command.is_empty() { "" } else { "; " };
        open.command.push_str(separator);
        for (index, word) in words.enumerate() {
            let space = if index == 0 { "" } else { " " };
            open.command.push_str(space);
            open.command
                .extend(word.iter().take(32).map(|&byte| char::from(byte)));
        }
    }

    /// Notes the error of the statement that is answered now.
    pub(super) fn failed(&mut self, sqlstate: [u8; 5]) {
        if let Some(open) = self.open.front_mut() {
            open.sqlstate = Some(sqlstate);
        }
    }

    /// Writes the OUTCOME of statement `ordinal`. A statement with an error has failed.
    pub(super) fn outcome(&mut self, now: Timestamp, ordinal: u64, status: Status, masked: Masked) {
        let Some(at) = self.open.iter().position(|open| open.ordinal == ordinal) else {
            return;
        };
        let Some(open) = self.open.remove(at) else {
            return;
        };
        let failed = open.sqlstate.is_some() && status == Status::Completed;
        self.push(
            now,
            Body::Outcome {
                statement: ordinal,
                status: if failed { Status::Failed } else { status },
                command: open.command,
                sqlstate: open.sqlstate,
                rows: open.rows,
                bytes: open.bytes,
                masked: masked.by,
                masking: masked.columns,
                duration_us: now.micros_since(open.began),
            },
        );
    }

    /// The session is over: of statements without an answer nobody knows. Does nothing if called
    /// again.
    pub(super) fn close(&mut self, now: Timestamp, reason: &str, mut masked: Masked) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        while let Some(ordinal) = self.open.front().map(|open| open.ordinal) {
            self.outcome(now, ordinal, Status::Unknown, std::mem::take(&mut masked));
        }
        self.push(
            now,
            Body::SessionClosed {
                reason: reason.to_owned(),
                statements: self.statements,
                bytes: self.total_bytes,
            },
        );
    }
}

/// The number at the end of the tag of a command that changes rows.
fn rows_changed(tag: &[u8]) -> u64 {
    let mut words = tag.split(|&byte| byte == b' ');
    let changes = matches!(
        words.next(),
        Some(b"INSERT" | b"UPDATE" | b"DELETE" | b"MERGE" | b"COPY")
    );
    let number = words.next_back().filter(|_| changes);
    let number = number.and_then(|number| std::str::from_utf8(number).ok());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::rows_changed;

    #[test]
    fn tags_say_how_many_rows_were_changed() {
        for (tag, rows) in [
            ("INSERT 0 5", 5),
            ("UPDATE 12", 12),
            ("COPY 7", 7),
            ("SELECT 3", 0),
            ("INSERT", 0),
            ("UPDATE x", 0),
            ("CREATE TABLE", 0),
            ("", 0),
        ] {
            assert_eq!(rows_changed(tag.as_bytes()), rows, "{tag}");
        }
    }
}
