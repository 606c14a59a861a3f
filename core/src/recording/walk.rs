//! Header and chunks in order. Writer and reader take the same steps, so that they agree on each
//! chunk's number, on what it is sealed as, and on the hash of all so far.

use sha2::{Digest, Sha256};

use super::{Malformed, SEALED_BYTES_MAX};
use crate::audit::record::SessionId;
use crate::bytes::Reader;
use crate::time::Timestamp;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 40;
/// Bytes of a chunk's head.
pub const HEAD_BYTES: usize = 13;

const MAGIC: &[u8; 8] = b"VELUMREC";
const VERSION: u32 = 1;
/// Begins what a chunk is sealed as.
const CONTEXT: &[u8] = b"velum recording 1";

/// How a file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose recording it is.
    pub session: SessionId,
    /// What the events' times count from.
    pub began: Timestamp,
}

impl Header {
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields: [&[u8]; 5] = [
            MAGIC,
            &VERSION.to_be_bytes(),
            &[0; 4],
            &self.session.0.to_be_bytes(),
            &self.began.0.to_be_bytes(),
        ];
        for (place, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Malformed::Header`], [`Malformed::Version`]
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let cut = |_| Malformed::Header;
        if reader.take(MAGIC.len()).map_err(cut)? != MAGIC {
            return Err(Malformed::Header);
        }
        let version = reader.u32().map_err(cut)?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        if reader.u32().map_err(cut)? != 0 {
            return Err(Malformed::Header);
        }
        let (session, began) = reader.rest().split_first_chunk().ok_or(Malformed::Header)?;
        let began = began.try_into().map_err(|_| Malformed::Header)?;
        Ok(Self {
            session: SessionId(u128::from_be_bytes(*session)),
            began: Timestamp(u64::from_be_bytes(began)),
        })
    }
}

/// What a chunk is of; each has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What the client saw, and the session's audit records.
    Server,
    /// What the client sent.
    Client,
    /// The end; by the key of the server's stream.
    End,
}

impl Stream {
    fn code(self) -> u8 {
        match self {
            Stream::Server => 1,
            Stream::Client => 2,
            Stream::End => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Stream::Server, Stream::Client, Stream::End]
            .into_iter()
            .find(|stream| stream.code() == code)
    }
}

/// What stands before a chunk's sealed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is of.
    pub stream: Stream,
    /// So many sealed bytes follow.
    pub length: usize,
    /// Counts from 1 in its file.
    pub number: u64,
}

impl Head {
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        let fields: [&[u8]; 3] = [
            &[self.stream.code()],
            &length.to_be_bytes(),
            &self.number.to_be_bytes(),
        ];
        for (place, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }
}

/// A place in a recording. See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    header: Header,
    chunks: u64,
    bytes: u64,
    root: [u8; 32],
    has_ended: bool,
}

impl Walk {
    /// Behind the header.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            chunks: 0,
            bytes: HEADER_BYTES as u64,
            root: Sha256::digest(header.to_bytes()).into(),
            has_ended: false,
        }
    }

    /// The file's header.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Chunks so far.
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Bytes of the file so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash of all so far: of the header, then of the hash before and each chunk.
    pub fn root(&self) -> [u8; 32] {
        self.root
    }

    /// The end has been passed.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The head of the next chunk, of so many sealed bytes.
    pub fn next(&self, stream: Stream, length: usize) -> Head {
        Head {
            stream,
            length,
            number: self.chunks + 1,
        }
    }

    /// Reads the head of the next chunk.
    ///
    /// # Errors
    /// [`Malformed::Head`], [`Malformed::Order`], [`Malformed::Trailing`]
    pub fn head(&self, bytes: &[u8; HEAD_BYTES]) -> Result<Head, Malformed> {
        if self.has_ended {
            return Err(Malformed::Trailing);
        }
        let &[code, a, b, c, d, ref number @ ..] = bytes;
        let stream = Stream::from_code(code).ok_or(Malformed::Head)?;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length == 0 || length > SEALED_BYTES_MAX {
            return Err(Malformed::Head);
        }
        let number = u64::from_be_bytes(*number);
        if number != self.chunks + 1 {
            return Err(Malformed::Order);
        }
        Ok(Head {
            stream,
            length,
            number,
        })
    }

    /// What the next chunk is sealed as: its place, the session, and all that stands before it.
    pub fn context(&self, stream: Stream) -> Vec<u8> {
        let session = self.header.session.0.to_be_bytes();
        let number = (self.chunks + 1).to_be_bytes();
        [CONTEXT, &session, &[stream.code()], &number, &self.root].concat()
    }

    /// Steps over a chunk.
    pub fn step(&mut self, head: Head, sealed: &[u8]) {
        let mut hash = Sha256::new();
        hash.update(self.root);
        hash.update(head.to_bytes());
        hash.update(sealed);
        self.root = hash.finalize().into();
        self.chunks = head.number;
        self.bytes += (HEAD_BYTES + sealed.len()) as u64;
        self.has_ended = head.stream == Stream::End;
    }
}
