//! A row of an export: named values in a fixed order.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use velum_core::time::Timestamp;

use crate::observe::rfc3339;

const APPROVALS: &[&str] = &[
    "sequence",
    "time",
    "grant",
    "event",
    "identity",
    "resource",
    "actor",
    "why",
    "what",
    "alarm",
    "event_sequence",
];
const SESSIONS: &[&str] = &[
    "sequence",
    "end_sequence",
    "session",
    "identity",
    "resource",
    "outcome",
    "opened",
    "closed",
    "reason",
    "sqlstate",
    "method",
    "client_address",
    "client_tls",
    "server_tls",
    "role",
    "database",
    "policy",
    "issuer",
    "subject",
    "chain",
    "grants",
    "statements",
    "bytes",
];
const STATEMENTS: &[&str] = &[
    "sequence",
    "end_sequence",
    "session",
    "statement",
    "identity",
    "resource",
    "client_address",
    "begun",
    "ended",
    "status",
    "effect",
    "channel",
    "decision",
    "command",
    "sqlstate",
    "rows",
    "bytes",
    "masked",
    "lineage",
    "duration_us",
    "text",
    "token",
    "binds",
];
const MASKING: &[&str] = &[
    "sequence",
    "end_sequence",
    "session",
    "statement",
    "identity",
    "resource",
    "time",
    "by",
    "name",
    "table",
    "column",
    "type",
    "cells",
    "rows",
    "decision",
    "command",
];
const GRANTS: &[&str] = &[
    "sequence",
    "end_sequence",
    "grant",
    "identity",
    "resource",
    "state",
    "what",
    "requested",
    "requested_by",
    "reason",
    "approvals",
    "activated",
    "uses",
    "first_session",
    "last_session",
    "over",
    "ended_by",
    "ended_why",
    "alarm",
];
const ADMIN: &[&str] = &["sequence", "time", "event", "actor", "subject", "detail"];

/// What an export is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Who asked for access, who decided and why: a row a decision.
    Approvals,
    /// Sessions: opened, closed, refused.
    Sessions,
    /// Statements with their ends.
    Statements,
    /// Masked cells, a row for each statement, each column, and each rule or detector that masked.
    Masking,
    /// Grants from request to end, a row each.
    Grants,
    /// Keys, configurations, starts and stops, and what was done with the log itself.
    Admin,
}

impl Kind {
    /// All, in the order of an auditor's pack.
    pub const ALL: [Self; 6] = [
        Self::Approvals,
        Self::Sessions,
        Self::Masking,
        Self::Grants,
        Self::Statements,
        Self::Admin,
    ];

    /// The name in commands and file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approvals => "approvals",
            Self::Sessions => "sessions",
            Self::Statements => "statements",
            Self::Masking => "masking",
            Self::Grants => "grants",
            Self::Admin => "admin",
        }
    }

    /// The names of a row's values.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Approvals => APPROVALS,
            Self::Sessions => SESSIONS,
            Self::Statements => STATEMENTS,
            Self::Masking => MASKING,
            Self::Grants => GRANTS,
            Self::Admin => ADMIN,
        }
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none.
    Nothing,
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A moment.
    Time(Timestamp),
    /// Texts.
    List(Vec<String>),
}

impl Value {
    /// A text; nothing, if it is empty.
    pub fn text(text: impl Into<String>) -> Self {
        match text.into() {
            text if text.is_empty() => Self::Nothing,
            text => Self::Text(text),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => to.serialize_none(),
            Self::Text(text) => to.serialize_str(text),
            Self::Number(number) => to.serialize_u64(*number),
            Self::Flag(flag) => to.serialize_bool(*flag),
            Self::Time(time) => to.serialize_str(&rfc3339(*time)),
            Self::List(texts) => texts.serialize(to),
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Of which kind.
    pub kind: Kind,
    /// When it began.
    pub begin: Timestamp,
    /// When it ended, or when it was last heard of.
    pub end: Timestamp,
    /// Whose.
    pub identity: Arc<str>,
    /// At which resource.
    pub resource: Arc<str>,
    /// As many as its kind has columns.
    pub values: Vec<Value>,
}

impl Row {
    /// The value of a column; nothing, if its kind has none of that name.
    pub fn get(&self, column: &str) -> &Value {
        let place = self.kind.columns().iter().position(|name| *name == column);
        let value = place.and_then(|place| self.values.get(place));
        value.unwrap_or(&Value::Nothing)
    }

    /// The text of a column; empty, if it is none.
    pub fn text(&self, column: &str) -> &str {
        match self.get(column) {
            Value::Text(text) => text,
            _ => "",
        }
    }

    /// The number of a column; 0, if it is none.
    pub fn number(&self, column: &str) -> u64 {
        match self.get(column) {
            Value::Number(number) => *number,
            _ => 0,
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.values.len()))?;
        for (name, value) in self.kind.columns().iter().zip(&self.values) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
