//! Statements: an INTENT, and the record of its end.

use std::collections::HashMap;
use std::sync::Arc;

use velum_core::audit::masking::{self, MaskedCells};
use velum_core::audit::record::{Body, Channel, Effect, Record, SessionId, Status};
use velum_core::time::Timestamp;

use super::{Join, code, is_start, name};
use crate::audit::export::row::{Kind, Row, Value};

/// A statement.
pub struct Statement {
    /// Sequence of its INTENT.
    pub sequence: u64,
    /// Its INTENT.
    pub intent: Record,
    /// Sequence of the record of its end, and that record; `None` while it runs.
    pub end: Option<(u64, Record)>,
    /// Where its session came from; empty if the log does not say.
    pub client_address: Arc<str>,
}

impl Statement {
    /// When it was last heard of.
    pub fn ended(&self) -> Timestamp {
        self.end
            .as_ref()
            .map_or(self.intent.time, |(_, end)| end.time)
    }

    /// Cells that were masked, by rule or detector.
    pub fn masked(&self) -> &[(String, u64)] {
        match self.end.as_ref().map(|(_, end)| &end.body) {
            Some(Body::Outcome { masked, .. }) => masked,
            _ => &[],
        }
    }

    /// The same by column and type, and which columns under rules were shown; `None` if the log
    /// does not say.
    pub fn columns(&self) -> Option<&masking::Masking> {
        match self.end.as_ref().map(|(_, end)| &end.body) {
            Some(Body::Outcome { masking, .. }) => masking.as_deref(),
            _ => None,
        }
    }

    /// Rows and bytes that were released; as far as is known.
    pub fn released(&self) -> (u64, u64) {
        match self.end.as_ref().map(|(_, end)| &end.body) {
            Some(Body::Outcome { rows, bytes, .. }) => (*rows, *bytes),
            _ => (0, 0),
        }
    }

    /// `completed`, …, `unknown`; `running` while it does.
    pub fn status(&self) -> &'static str {
        match self.end.as_ref().map(|(_, end)| &end.body) {
            None => "running",
            Some(Body::Outcome { status, .. }) => match status {
                Status::Completed => "completed",
                Status::Suspended => "suspended",
                Status::Failed => "failed",
                Status::Skipped => "skipped",
                Status::Unknown => "unknown",
            },
            Some(_) => "unknown",
        }
    }

    fn row(&self, kind: Kind, values: Vec<Value>) -> Row {
        Row {
            kind,
            begin: self.intent.time,
            end: self.ended(),
            identity: Arc::clone(&self.intent.identity),
            resource: Arc::clone(&self.intent.resource),
            values,
        }
    }

    /// What every row about a statement begins with.
    fn head(&self, statement: u64) -> Vec<Value> {
        let end = self.end.as_ref();
        vec![
            Value::Number(self.sequence),
            end.map_or(Value::Nothing, |(sequence, _)| Value::Number(*sequence)),
            Value::Text(name(self.intent.session)),
            Value::Number(statement),
            Value::text(&*self.intent.identity),
            Value::text(&*self.intent.resource),
        ]
    }

    /// Its row.
    pub fn to_row(&self) -> Row {
        let Body::Intent {
            statement,
            effect,
            channel,
            text,
            token,
            binds,
            decision,
        } = &self.intent.body
        else {
            return self.row(Kind::Statements, Vec::new());
        };
        let mut values = self.head(*statement);
        values.push(Value::text(&*self.client_address));
        values.push(Value::Time(self.intent.time));
        let ended = self.end.as_ref().map(|(_, end)| Value::Time(end.time));
        values.push(ended.unwrap_or(Value::Nothing));
        values.push(Value::text(self.status()));
        values.push(Value::text(match effect {
            Effect::Read => "read",
            Effect::MayWrite => "may_write",
        }));
        values.push(Value::text(match channel {
            Channel::Simple => "simple",
            Channel::Extended => "extended",
            Channel::FunctionCall => "function_call",
        }));
        values.push(Value::text(&**decision));
        values.extend(self.outcome());
        values.push(Value::text(&**text));
        values.push(Value::Text(token.to_hex()));
        let binds = binds.iter();
        let binds = binds.map(|bind| bind.map_or("null".to_owned(), |token| token.to_hex()));
        values.push(Value::List(binds.collect()));
        self.row(Kind::Statements, values)
    }

    fn outcome(&self) -> [Value; 7] {
        match self.end.as_ref().map(|(_, end)| &end.body) {
            Some(Body::Outcome {
                command,
                sqlstate,
                rows,
                bytes,
                masked,
                masking,
                duration_us,
                ..
            }) => [
                Value::text(command.as_str()),
                Value::text(sqlstate.as_ref().map_or(String::new(), code)),
                Value::Number(*rows),
                Value::Number(*bytes),
                Value::List(
                    masked
                        .iter()
                        .map(|(masker, cells)| format!("{masker}={cells}"))
                        .collect(),
                ),
                Value::List(masking.as_deref().map(lineage).unwrap_or_default()),
                Value::Number(*duration_us),
            ],
            _ => [const { Value::Nothing }; 7],
        }
    }

    /// A row for each that masked.
    pub fn masking_rows(&self) -> Vec<Row> {
        let Body::Intent {
            statement,
            decision,
            ..
        } = &self.intent.body
        else {
            return Vec::new();
        };
        let command = match self.end.as_ref().map(|(_, end)| &end.body) {
            Some(Body::Outcome { command, .. }) => command.as_str(),
            _ => "",
        };
        let row = |masker: &str, column: &str, kind: &str, cells: u64| {
            let (by, name) = masker.split_once(':').unwrap_or((masker, ""));
            let (table, column) = column.rsplit_once('.').unwrap_or(("", column));
            let mut values = self.head(*statement);
            values.extend([
                Value::Time(self.ended()),
                Value::text(by),
                Value::text(name),
                Value::text(table),
                Value::text(column),
                Value::text(kind),
                Value::Number(cells),
                Value::Number(self.released().0),
                Value::text(&**decision),
                Value::text(command),
            ]);
            self.row(Kind::Masking, values)
        };
        match self.columns().filter(|it| !it.cells.is_empty()) {
            Some(masking) => {
                let cells = masking.cells.iter();
                let row = |it: &MaskedCells| row(&it.masker, &it.column, &it.kind, it.cells);
                cells.map(row).collect()
            }
            None => {
                let masked = self.masked().iter();
                masked
                    .map(|(masker, cells)| row(masker, "", "", *cells))
                    .collect()
            }
        }
    }
}

/// What was shown of columns under rules, in words; the last says if there is more.
fn lineage(masking: &masking::Masking) -> Vec<String> {
    let outputs = masking.outputs.iter().map(|it| {
        let (how, columns) = (it.how.as_str(), it.columns.join(" "));
        format!("#{} {how} {columns}", it.output)
            .trim_end()
            .to_owned()
    });
    outputs
        .chain(masking.is_cut.then(|| "…".to_owned()))
        .collect()
}

/// Statements that have begun.
#[derive(Default)]
pub struct Statements {
    open: HashMap<(SessionId, u64), (u64, Record)>,
    addresses: HashMap<SessionId, Arc<str>>,
}

impl Statements {
    /// Takes the next record; gives the statement that it ends, and those that a start finds.
    pub fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Statement)) {
        match &record.body {
            Body::SessionOpened { client_address, .. } => {
                let address = Arc::from(client_address.as_str());
                self.addresses.insert(record.session, address);
            }
            Body::SessionClosed { .. } => {
                self.addresses.remove(&record.session);
            }
            Body::Intent { statement, .. } => {
                let key = (record.session, *statement);
                self.open.insert(key, (sequence, record.clone()));
            }
            Body::Outcome { statement, .. } | Body::OutcomeUnknown { statement } => {
                let key = (record.session, *statement);
                if let Some(intent) = self.open.remove(&key) {
                    out(self.statement(intent, Some((sequence, record.clone()))));
                }
            }
            Body::Gateway { .. } if is_start(record) => {
                self.end(out);
                self.addresses.clear();
            }
            _ => {}
        }
    }

    /// Gives those that run.
    pub fn end(&mut self, out: &mut dyn FnMut(Statement)) {
        let mut open: Vec<_> = self.open.drain().map(|(_, intent)| intent).collect();
        open.sort_by_key(|(sequence, _)| *sequence);
        for intent in open {
            out(self.statement(intent, None));
        }
    }

    fn statement(&self, intent: (u64, Record), end: Option<(u64, Record)>) -> Statement {
        let (sequence, intent) = intent;
        let address = self.addresses.get(&intent.session);
        Statement {
            sequence,
            client_address: address.cloned().unwrap_or_default(),
            intent,
            end,
        }
    }
}

/// Statements as rows.
#[derive(Default)]
pub(super) struct AsRows(Statements);

impl Join for AsRows {
    fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Row)) {
        self.0
            .tell(sequence, record, &mut |statement| out(statement.to_row()));
    }

    fn end(&mut self, out: &mut dyn FnMut(Row)) {
        self.0.end(&mut |statement| out(statement.to_row()));
    }
}

/// What of statements was masked.
#[derive(Default)]
pub(super) struct Masking(Statements);

impl Join for Masking {
    fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Row)) {
        self.0.tell(sequence, record, &mut |statement| {
            statement.masking_rows().into_iter().for_each(&mut *out);
        });
    }

    /// What runs has not said yet what was masked.
    fn end(&mut self, _out: &mut dyn FnMut(Row)) {}
}
