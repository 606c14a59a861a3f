//! Statements and their results in a recording.
//!
//! A recording has the session's INTENT before what came of it. A simple query is answered up to
//! ReadyForQuery, an Execute up to its CommandComplete; both in order. What a statement came to,
//! its OUTCOME says, which may come late: it is read before.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use velum_core::audit::record::{Body, Channel, Record, Status};
use velum_core::audit::token::Token;
use velum_core::recording::event::description;
use velum_core::recording::{Event, Kind};

use super::frames::{Frame, Frames};

/// A statement that was run.
#[derive(Clone)]
pub struct Statement {
    /// As the session's records count.
    pub ordinal: u64,
    /// How it came in.
    pub channel: Channel,
    /// As the audit log has it.
    pub text: Arc<str>,
    /// Of its original text.
    pub token: Token,
    /// Of its bind values.
    pub binds: Vec<Option<Token>>,
    /// Since the recording began.
    pub micros: u64,
    /// Body of the RowDescription that its rows are by, where that is known.
    pub description: Option<Vec<u8>>,
}

/// What has to be known before the first statement is read.
#[derive(Default)]
pub struct Outcomes {
    skipped: HashSet<u64>,
    failed: HashSet<u64>,
}

impl Outcomes {
    /// Takes the next event.
    pub fn note(&mut self, event: &Event<'_>) {
        if event.kind == Kind::Record
            && let Ok(record) = Record::decode(event.bytes)
            && let Body::Outcome {
                statement, status, ..
            } = record.body
        {
            match status {
                Status::Skipped => drop(self.skipped.insert(statement)),
                Status::Failed => drop(self.failed.insert(statement)),
                Status::Completed | Status::Suspended | Status::Unknown => {}
            }
        }
    }
}

/// What is heard of a recording.
pub enum Heard<'a> {
    /// An audit record of the session.
    Record(&'a Record),
    /// A message that belongs to a statement's result.
    Result(&'a Statement, &'a Frame<'a>),
    /// That was its last.
    Ended(&'a Statement),
    /// A message that belongs to none.
    Aside(&'a Frame<'a>),
    /// So many bytes of events are missing here.
    Gap(u64),
}

/// See the module's text.
#[derive(Default)]
pub struct Script {
    outcomes: Outcomes,
    frames: Frames,
    waiting: VecDeque<Statement>,
    /// A description that came before its statement.
    loose: Option<Vec<u8>>,
    /// The parts of a message that began before a gap are lost.
    has_gap: bool,
}

impl Script {
    /// Of a recording with these outcomes.
    pub fn new(outcomes: Outcomes) -> Self {
        Self {
            outcomes,
            ..Self::default()
        }
    }

    /// Takes the next event, and tells what is heard of it.
    pub fn take(&mut self, event: &Event<'_>, mut hear: impl FnMut(Heard<'_>)) {
        match event.kind {
            Kind::Record => self.record(event, &mut hear),
            Kind::Description => self.describe(event.bytes),
            Kind::Server => self.bytes(event.bytes, &mut hear),
            Kind::Gap => {
                let bytes = event.bytes.try_into().map_or(0, u64::from_be_bytes);
                // Where a message begins behind it is not known.
                self.has_gap = true;
                hear(Heard::Gap(bytes));
            }
            Kind::Client => {}
        }
    }

    fn record(&mut self, event: &Event<'_>, hear: &mut impl FnMut(Heard<'_>)) {
        let Ok(record) = Record::decode(event.bytes) else {
            return;
        };
        if let Body::Intent {
            statement,
            channel,
            text,
            token,
            binds,
            ..
        } = &record.body
            && !self.outcomes.skipped.contains(statement)
        {
            self.waiting.push_back(Statement {
                ordinal: *statement,
                channel: *channel,
                text: Arc::clone(text),
                token: *token,
                binds: binds.clone(),
                micros: event.micros,
                description: None,
            });
        }
        hear(Heard::Record(&record));
    }

    fn describe(&mut self, bytes: &[u8]) {
        let Some((ordinal, body)) = description(bytes) else {
            return;
        };
        let mut waiting = self.waiting.iter_mut();
        if let Some(statement) = waiting.find(|it| it.ordinal == ordinal) {
            statement.description = Some(body.to_vec());
        }
    }

    fn bytes(&mut self, bytes: &[u8], hear: &mut impl FnMut(Heard<'_>)) {
        if self.has_gap {
            self.frames.skip(bytes.len() as u64);
            return;
        }
        let Self {
            outcomes,
            frames,
            waiting,
            loose,
            ..
        } = self;
        let fed = frames.feed(bytes, |frame| place(outcomes, waiting, loose, frame, hear));
        // Only the gateway writes here: what is no message can but follow on one that is missing.
        self.has_gap |= fed.is_err();
    }
}

/// Finds out to which statement a message belongs.
fn place(
    outcomes: &Outcomes,
    waiting: &mut VecDeque<Statement>,
    loose: &mut Option<Vec<u8>>,
    frame: &Frame<'_>,
    hear: &mut impl FnMut(Heard<'_>),
) {
    let Some(front) = waiting.front_mut() else {
        if frame.tag == b'T' {
            *loose = Some(frame.body.to_vec());
        }
        return hear(Heard::Aside(frame));
    };
    let is_extended = front.channel == Channel::Extended;
    let (belongs, ends) = match frame.tag {
        // What comes at any time, and answers to other messages than Execute.
        b'S' | b'A' | b'K' | b'R' => (false, false),
        b'N' => (true, false),
        b'1' | b'2' | b'3' | b't' | b'n' => (false, false),
        b'Z' => (!is_extended, !is_extended),
        b'T' => (true, false),
        b'E' if is_extended && !outcomes.failed.contains(&front.ordinal) => (false, false),
        b'E' | b'C' | b'I' | b's' => (true, is_extended),
        _ => (true, false),
    };
    if !belongs {
        return hear(Heard::Aside(frame));
    }
    if frame.tag == b'T' {
        front.description = Some(frame.body.to_vec());
    } else if frame.tag == b'D' && front.description.is_none() {
        front.description = loose
            .clone()
            .filter(|it| columns(it) == columns(frame.body));
    }
    hear(Heard::Result(front, frame));
    if ends && let Some(ended) = waiting.pop_front() {
        hear(Heard::Ended(&ended));
    }
}

/// The count that a RowDescription or a DataRow begins with.
fn columns(body: &[u8]) -> Option<&[u8; 2]> {
    body.first_chunk()
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// OID of its type.
    pub type_oid: u32,
    /// Its values are in binary form.
    pub is_binary: bool,
}

/// The columns of a RowDescription; those that can be read.
pub fn read_columns(description: &[u8]) -> Vec<Column> {
    let mut reader = velum_core::bytes::Reader::new(description);
    let count = reader.u16().unwrap_or(0);
    let mut read = || {
        let name = reader.cstr().ok()?;
        reader.take(6).ok()?;
        let type_oid = reader.u32().ok()?;
        reader.take(6).ok()?;
        let is_binary = reader.i16().ok()? == 1;
        Some(Column {
            name: String::from_utf8_lossy(name).into_owned(),
            type_oid,
            is_binary,
        })
    };
    (0..count).map_while(|_| read()).collect()
}

/// The values of a DataRow; `None` for NULL. The last may be cut.
pub fn read_row(body: &[u8]) -> Vec<Option<&[u8]>> {
    let mut reader = velum_core::bytes::Reader::new(body);
    let count = reader.u16().unwrap_or(0);
    let mut read = || {
        let length = reader.i32().ok()?;
        let Ok(length) = usize::try_from(length) else {
            return Some(None);
        };
        let length = length.min(reader.rest().len());
        reader.take(length).ok().map(Some)
    };
    (0..count).map_while(|_| read()).collect()
}
