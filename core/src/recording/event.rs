//! What is in a chunk: pieces of what went over the wire, and what belongs to them.

use super::Malformed;
use crate::bytes::Reader;

/// Bytes before an event's own.
pub const EVENT_HEAD_BYTES: usize = 21;

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes that were released to the client, after masking. A message may lie in several.
    Server,
    /// Bytes that the client sent.
    Client,
    /// An audit record of the session, as the log has it.
    Record,
    /// What the rows of a statement look like, where the client was not told: the statement's
    /// number (u64), then the body of a RowDescription.
    Description,
    /// Events of so many bytes (u64) were dropped here.
    Gap,
}

impl Kind {
    const ALL: [Kind; 5] = [
        Kind::Server,
        Kind::Client,
        Kind::Record,
        Kind::Description,
        Kind::Gap,
    ];

    fn code(self) -> u8 {
        match self {
            Kind::Server => 1,
            Kind::Client => 2,
            Kind::Record => 3,
            Kind::Description => 4,
            Kind::Gap => 5,
        }
    }
}

/// One event.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// What it is.
    pub kind: Kind,
    /// Counts up over all streams of a recording, so that they can be merged again.
    pub order: u64,
    /// Since the recording began.
    pub micros: u64,
    /// Its own bytes.
    pub bytes: &'a [u8],
}

impl Event<'_> {
    /// Appends the event.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        out.push(self.kind.code());
        out.extend_from_slice(&self.order.to_be_bytes());
        out.extend_from_slice(&self.micros.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(self.bytes);
    }
}

/// The events of a chunk, in order.
pub struct Events<'a> {
    rest: Reader<'a>,
    /// The order of the last event.
    last: u64,
}

impl<'a> Events<'a> {
    /// Those of a chunk that follows one whose last event had this order; 0 for the first.
    pub fn after(last: u64, chunk: &'a [u8]) -> Self {
        Self {
            rest: Reader::new(chunk),
            last,
        }
    }

    fn read(&mut self) -> Result<Event<'a>, Malformed> {
        let cut = |_| Malformed::Event;
        let code = self.rest.u8().map_err(cut)?;
        let mut number = || -> Result<u64, Malformed> {
            let bytes = self.rest.take(8).map_err(cut)?;
            let bytes = bytes.try_into().map_err(|_| Malformed::Event)?;
            Ok(u64::from_be_bytes(bytes))
        };
        let (order, micros) = (number()?, number()?);
        let length = self.rest.u32().map_err(cut)? as usize;
        let bytes = self.rest.take(length).map_err(cut)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.code() == code);
        let is_later = order > self.last;
        self.last = order;
        Ok(Event {
            kind: kind.filter(|_| is_later).ok_or(Malformed::Event)?,
            order,
            micros,
            bytes,
        })
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, Malformed>;

    /// The next event. After an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(read)
    }
}

/// The statement that a description is of, and the body of its RowDescription.
pub fn description(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (ordinal, body) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*ordinal), body))
}
