//! Chunks into a recording.

use std::fmt;
use std::io::{self, Write};

use velum_core::recording::{Ending, Event, Events, Header, Kind, Stream, Walk};
use zstd::bulk::Compressor;

use super::keys::Keys;
use crate::seal::{SealError, Sealer};

/// Rows compress well, and a data thread may wait for this.
const LEVEL: i32 = 1;

/// Why a recording cannot be written on.
#[derive(Debug)]
pub enum WriteError {
    /// The file takes no more.
    Io(io::Error),
    /// A key cannot be had or used.
    Key(super::keys::KeyError),
    /// What came was no chunk of events.
    Events,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Io(error) => error.fmt(f),
            WriteError::Key(error) => error.fmt(f),
            WriteError::Events => f.write_str("a piece of a recording is none"),
        }
    }
}

impl std::error::Error for WriteError {}
impl crate::observe::Cause for WriteError {}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        WriteError::Io(error)
    }
}

impl From<SealError> for WriteError {
    fn from(error: SealError) -> Self {
        WriteError::Key(error.into())
    }
}

/// A recording that is being written.
pub struct Writer<W> {
    out: W,
    walk: Walk,
    server: Sealer,
    client: Option<Sealer>,
    compressor: Compressor<'static>,
    /// Of the last event of the server's stream, and of the client's.
    orders: [u64; 2],
    counted: Ending,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn begin(mut out: W, header: Header, keys: &Keys) -> Result<Self, WriteError> {
        out.write_all(&header.to_bytes())?;
        Ok(Self {
            out,
            walk: Walk::new(header),
            server: keys.server.sealer()?,
            client: keys.client.as_ref().map(|key| key.sealer()).transpose()?,
            compressor: Compressor::new(LEVEL)?,
            orders: [0; 2],
            counted: Ending::default(),
        })
    }

    /// Writes a chunk of events.
    ///
    /// # Errors
    /// See [`WriteError`]. What was written of the chunk is to be cut off.
    pub fn chunk(&mut self, stream: Stream, events: &[u8]) -> Result<(), WriteError> {
        let order = &mut self.orders[usize::from(stream == Stream::Client)];
        for event in Events::after(*order, events) {
            let event = event.map_err(|_| WriteError::Events)?;
            *order = event.order;
            count(&mut self.counted, &event);
        }
        self.write(stream, events)
    }

    /// Writes the end. Gives what it says.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn end(&mut self) -> Result<Ending, WriteError> {
        let ending = self.counted.to_bytes();
        self.write(Stream::End, &ending)?;
        Ok(self.counted)
    }

    /// What is written.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// What was counted.
    pub fn counted(&self) -> Ending {
        self.counted
    }

    /// The file.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, stream: Stream, plain: &[u8]) -> Result<(), WriteError> {
        let length = u32::try_from(plain.len()).map_err(|_| WriteError::Events)?;
        let room = zstd::zstd_safe::compress_bound(plain.len());
        let mut body = Vec::with_capacity(4 + room);
        body.extend_from_slice(&length.to_be_bytes());
        body.resize(4 + room, 0);
        let written = self.compressor.compress_to_buffer(plain, &mut body[4..])?;
        body.truncate(4 + written);
        let sealer = match stream {
            Stream::Server | Stream::End => &self.server,
            Stream::Client => self.client.as_ref().ok_or(WriteError::Events)?,
        };
        let sealed = sealer.seal(&self.walk.context(stream), &body)?;
        let head = self.walk.next(stream, sealed.len());
        self.out.write_all(&head.to_bytes())?;
        self.out.write_all(&sealed)?;
        self.walk.step(head, &sealed);
        Ok(())
    }
}

/// Counts an event.
pub(super) fn count(counted: &mut Ending, event: &Event<'_>) {
    let bytes = event.bytes.len() as u64;
    match event.kind {
        Kind::Server => counted.server_bytes += bytes,
        Kind::Client => counted.client_bytes += bytes,
        Kind::Record => counted.records += 1,
        Kind::Gap => {
            let dropped = event.bytes.try_into().map_or(0, u64::from_be_bytes);
            counted.dropped_bytes = counted.dropped_bytes.saturating_add(dropped);
        }
        Kind::Description => {}
    }
}
