//! Chunks and events out of a recording. Nothing is given out before it is proved to be in its
//! place, in the recording that its key is of.

use std::fmt;
use std::io::{self, Read};

use velum_core::recording::walk::{HEAD_BYTES, HEADER_BYTES};
use velum_core::recording::{
    CHUNK_BYTES_MAX, Ending, Event, Events, Header, Malformed, Stream, Walk,
};
use zstd::bulk::Decompressor;

use super::keys::Keys;
use super::write::count;
use crate::seal::{SealError, Sealer};

/// Why a recording cannot be read on.
#[derive(Debug)]
pub enum ReadError {
    /// The system says no.
    Io(io::Error),
    /// It is no recording, or was changed.
    Malformed(Malformed),
    /// A chunk does not open: it was changed, or is of another recording.
    Seal(SealError),
    /// What was sealed does not decompress to what it says.
    Compression,
    /// It ends before its end: the gateway was killed, or somebody has cut it. All before is right.
    Cut,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => error.fmt(f),
            ReadError::Malformed(error) => error.fmt(f),
            ReadError::Seal(error) => write!(f, "a chunk does not open: {error}"),
            ReadError::Compression => f.write_str("a chunk is not compressed as it says"),
            ReadError::Cut => f.write_str("the recording is cut: its end is missing"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Io(error)
    }
}

impl From<Malformed> for ReadError {
    fn from(error: Malformed) -> Self {
        ReadError::Malformed(error)
    }
}

impl From<SealError> for ReadError {
    fn from(error: SealError) -> Self {
        ReadError::Seal(error)
    }
}

/// What a chunk holds.
pub enum Chunk {
    /// Events, as [`Events`] reads them, behind one of this order.
    Events(Stream, u64, Vec<u8>),
    /// Something that the reader has no key for.
    Closed,
    /// The end.
    End(Ending),
}

/// A place between two chunks.
#[derive(Clone)]
pub struct Mark {
    walk: Walk,
    orders: [u64; 2],
    counted: Ending,
}

impl Mark {
    /// Offset in the file.
    pub fn offset(&self) -> u64 {
        self.walk.bytes()
    }

    /// Bytes that the client saw before it.
    pub fn server_bytes(&self) -> u64 {
        self.counted.server_bytes
    }
}

/// See the module's text.
pub struct Reader<R> {
    from: R,
    walk: Walk,
    server: Sealer,
    client: Option<Sealer>,
    orders: [u64; 2],
    counted: Ending,
    /// Events of the client's that come before, or between, those of the server's next chunk.
    held: Option<(u64, Vec<u8>)>,
    ending: Option<Ending>,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn open(mut from: R, keys: &Keys) -> Result<Self, ReadError> {
        let mut header = [0; HEADER_BYTES];
        if !filled(&mut from, &mut header)? {
            return Err(Malformed::Header.into());
        }
        Ok(Self {
            from,
            walk: Walk::new(Header::parse(&header)?),
            server: keys.server.sealer()?,
            client: keys.client.as_ref().map(|key| key.sealer()).transpose()?,
            orders: [0; 2],
            counted: Ending::default(),
            held: None,
            ending: None,
        })
    }

    /// The place in the recording.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// What the end said, once it was read.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// What was read so far.
    pub fn counted(&self) -> Ending {
        self.counted
    }

    /// Goes on from a place that another reader of the same recording had come to; `from` is
    /// there already.
    ///
    /// # Errors
    /// If a key cannot be used.
    pub fn resume(from: R, keys: &Keys, mark: &Mark) -> Result<Self, ReadError> {
        Ok(Self {
            from,
            walk: mark.walk.clone(),
            server: keys.server.sealer()?,
            client: keys.client.as_ref().map(|key| key.sealer()).transpose()?,
            orders: mark.orders,
            counted: mark.counted,
            held: None,
            ending: None,
        })
    }

    /// The place, to come back to.
    pub fn mark(&self) -> Mark {
        Mark {
            walk: self.walk.clone(),
            orders: self.orders,
            counted: self.counted,
        }
    }

    /// The next chunk; `None` behind the end.
    ///
    /// # Errors
    /// See [`ReadError`]. Nothing can be read after one.
    pub fn chunk(&mut self) -> Result<Option<Chunk>, ReadError> {
        let Some((stream, plain)) = self.open_next()? else {
            return Ok(None);
        };
        let Some(plain) = plain else {
            return Ok(Some(Chunk::Closed));
        };
        if stream == Stream::End {
            let ending = Ending::parse(&plain)?;
            let mut counted = self.counted;
            if self.client.is_none() {
                counted.client_bytes = ending.client_bytes;
            }
            if ending != counted {
                return Err(Malformed::Ending.into());
            }
            self.ending = Some(ending);
            return Ok(Some(Chunk::End(ending)));
        }
        let order = &mut self.orders[usize::from(stream == Stream::Client)];
        let before = *order;
        for event in Events::after(before, &plain) {
            let event = event?;
            *order = event.order;
            count(&mut self.counted, &event);
        }
        Ok(Some(Chunk::Events(stream, before, plain)))
    }

    /// Gives all events to `each`, those of both streams in one order, until it says false. Ends
    /// well only behind the end of the recording, or where `each` has said so.
    ///
    /// # Errors
    /// See [`ReadError`]. What was given before is right.
    pub fn events(&mut self, mut each: impl FnMut(&Event<'_>) -> bool) -> Result<(), ReadError> {
        loop {
            let chunk = match self.chunk() {
                Ok(chunk) => chunk,
                Err(ReadError::Cut) => {
                    // What the server said at the same time is missing.
                    self.merged(0, &[], &mut each)?;
                    return Err(ReadError::Cut);
                }
                Err(error) => return Err(error),
            };
            let goes_on = match chunk {
                None => return Ok(()),
                Some(Chunk::Closed) => true,
                Some(Chunk::End(_)) => self.merged(0, &[], &mut each)?,
                Some(Chunk::Events(Stream::Client, after, events)) => {
                    let goes_on = self.merged(0, &[], &mut each)?;
                    self.held = Some((after, events));
                    goes_on
                }
                Some(Chunk::Events(_, after, events)) => self.merged(after, &events, &mut each)?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// A writer hands over both streams at once, the client's first: the two chunks are merged.
    fn merged(
        &mut self,
        after: u64,
        events: &[u8],
        each: &mut impl FnMut(&Event<'_>) -> bool,
    ) -> Result<bool, ReadError> {
        let (held_after, held) = self.held.take().unwrap_or_default();
        let mut client = Events::after(held_after, &held).peekable();
        let mut server = Events::after(after, events).peekable();
        loop {
            let next = match (client.peek(), server.peek()) {
                (Some(Ok(one)), Some(Ok(other))) if one.order < other.order => client.next(),
                (Some(_), None) => client.next(),
                _ => server.next(),
            };
            match next.transpose()? {
                Some(event) if !each(&event) => return Ok(false),
                Some(_) => {}
                None => return Ok(true),
            }
        }
    }

    /// What the next chunk is of and what is in it, or `None` for one of a stream without a key.
    #[allow(clippy::type_complexity, reason = "a pair of two simple things")]
    fn open_next(&mut self) -> Result<Option<(Stream, Option<Vec<u8>>)>, ReadError> {
        let mut head = [0; HEAD_BYTES];
        if !filled(&mut self.from, &mut head)? {
            return match self.walk.has_ended() {
                true => Ok(None),
                false => Err(ReadError::Cut),
            };
        }
        let head = self.walk.head(&head)?;
        let mut sealed = vec![0; head.length];
        if !filled(&mut self.from, &mut sealed)? {
            return Err(ReadError::Cut);
        }
        let sealer = match head.stream {
            Stream::Server | Stream::End => Some(&self.server),
            Stream::Client => self.client.as_ref(),
        };
        let context = self.walk.context(head.stream);
        let opened = sealer.map(|sealer| sealer.open(&context, &sealed));
        let plain = opened.transpose()?.map(|body| inflate(&body)).transpose()?;
        self.walk.step(head, &sealed);
        Ok(Some((head.stream, plain)))
    }
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, ReadError> {
    let (length, compressed) = body.split_first_chunk().ok_or(ReadError::Compression)?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > CHUNK_BYTES_MAX {
        return Err(ReadError::Compression);
    }
    let plain = Decompressor::new()?.decompress(compressed, length);
    match plain {
        Ok(plain) if plain.len() == length => Ok(plain),
        _ => Err(ReadError::Compression),
    }
}

/// Fills `into`; false if the file ends before that.
fn filled(from: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
