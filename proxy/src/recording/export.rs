//! A recording in one file, for who has neither the gateway's keys nor its log.
//!
//! ```text
//!  file    = "VELUMEXP" | version u32 = 1 | 0 u32 | section*
//!  section = tag u8 | length u64 | bytes
//! ```
//!
//! It holds the key of what the client saw: who has the file can read it. The key of what the
//! client sent goes with it only if that is asked for.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use velum_core::audit::record::{Body, Record, RecordingEnd, SessionId};
use velum_core::audit::tree::VerifierKey;
use velum_core::audit::tree::proof_text::InclusionProof;
use velum_core::recording::Kind;

use super::keys::{Keys, StreamKey};
use super::read::{ReadError, Reader};
use super::source::{Source, walk};
use crate::audit::prove::{self, ProveError};

const MAGIC: &[u8; 8] = b"VELUMEXP";
const VERSION: u32 = 1;
const SERVER_KEY: u8 = 1;
const CLIENT_KEY: u8 = 2;
/// A C2SP tlog-proof of one audit record.
const PROOF: u8 = 3;
/// The recording as it is on disk; the last.
const RECORDING: u8 = 4;
/// No other section is longer.
const SECTION_BYTES: u64 = 16 * 1024 * 1024;

/// Why a file is no export, or not to be believed.
#[derive(Debug)]
pub enum ExportError {
    /// It is none.
    Malformed(&'static str),
    /// The system says no.
    Io(io::Error),
    /// The recording in it cannot be read.
    Read(ReadError),
    /// It does not fit the log.
    Wrong(String),
    /// The log proves nothing.
    Prove(ProveError),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Malformed(what) => write!(f, "this is no exported recording: {what}"),
            ExportError::Io(error) => error.fmt(f),
            ExportError::Read(error) => error.fmt(f),
            ExportError::Wrong(what) => f.write_str(what),
            ExportError::Prove(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        ExportError::Io(error)
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        ExportError::Read(error)
    }
}

impl From<ProveError> for ExportError {
    fn from(error: ProveError) -> Self {
        ExportError::Prove(error)
    }
}

/// Writes a recording with its proofs from the log in `audit`.
///
/// # Errors
/// Where the log does not prove the recording, or something cannot be read or written.
pub fn write(
    source: &Source,
    audit: &Path,
    shows_client: bool,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let session = source.root()?.header().session;
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_be_bytes())?;
    out.write_all(&[0; 4])?;
    section(out, SERVER_KEY, source.keys.server.expose())?;
    if let Some(key) = source.keys.client.as_ref().filter(|_| shows_client) {
        section(out, CLIENT_KEY, key.expose())?;
    }
    let mut is_proved = false;
    prove::session(audit, session, |proof| {
        let record = Record::decode(&proof.entry).ok();
        is_proved |= record.is_some_and(|it| matches!(it.body, Body::Recording { .. }));
        section(out, PROOF, proof.to_string().as_bytes())
    })?;
    if !is_proved {
        let what = "no signed record of the log says how this recording ended: it is going on, or \
                    ended a moment ago";
        return Err(ExportError::Wrong(what.to_owned()));
    }
    let mut recording = source.bytes()?;
    let bytes = source.root()?.bytes();
    out.write_all(&[RECORDING])?;
    out.write_all(&bytes.to_be_bytes())?;
    io::copy(&mut recording.by_ref().take(bytes), out)?;
    Ok(out.flush()?)
}

fn section(out: &mut impl Write, tag: u8, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&[tag])?;
    out.write_all(&(bytes.len() as u64).to_be_bytes())?;
    out.write_all(bytes)
}

/// What is in a file, not verified.
pub struct Opened {
    /// Where the recording begins.
    pub offset: u64,
    /// Its keys.
    pub keys: Keys,
    /// Its session, as it says itself.
    pub session: Option<SessionId>,
    /// Proofs of the session's audit records, as texts.
    pub proofs: Vec<Vec<u8>>,
}

/// Opens an exported file.
///
/// # Errors
/// If it is none.
pub fn open(path: &Path) -> Result<Opened, ExportError> {
    let mut from = BufReader::new(File::open(path)?);
    let cut = |_| ExportError::Malformed("it is cut");
    let mut head = [0; 16];
    from.read_exact(&mut head).map_err(cut)?;
    let expected = [&MAGIC[..], &VERSION.to_be_bytes(), &[0; 4]].concat();
    if head[..] != expected {
        return Err(ExportError::Malformed("it begins otherwise"));
    }
    let (mut server, mut client, mut proofs) = (None, None, Vec::new());
    loop {
        let mut head = [0; 9];
        from.read_exact(&mut head).map_err(cut)?;
        let [tag, length @ ..] = head;
        let length = u64::from_be_bytes(length);
        if tag == RECORDING {
            let left = from.get_ref().metadata()?.len() - from.stream_position()?;
            if length != left {
                return Err(ExportError::Malformed("its recording is of another length"));
            }
            break;
        }
        if length > SECTION_BYTES {
            return Err(ExportError::Malformed("a section is too long"));
        }
        let mut bytes = Vec::new();
        let read = from.by_ref().take(length).read_to_end(&mut bytes)?;
        if read as u64 != length {
            return Err(ExportError::Malformed("it is cut"));
        }
        match tag {
            SERVER_KEY if server.is_none() => server = Some(key(&bytes)?),
            CLIENT_KEY if client.is_none() => client = Some(key(&bytes)?),
            PROOF => proofs.push(bytes),
            SERVER_KEY | CLIENT_KEY => return Err(ExportError::Malformed("a key comes twice")),
            _ => return Err(ExportError::Malformed("a section of an unknown kind")),
        }
    }
    let offset = from.stream_position()?;
    let session = walk(&mut from).ok().map(|walk| walk.header().session);
    Ok(Opened {
        offset,
        keys: Keys {
            server: server.ok_or(ExportError::Malformed("it has no key"))?,
            client,
        },
        session,
        proofs,
    })
}

fn key(bytes: &[u8]) -> Result<StreamKey, ExportError> {
    let bytes = bytes.try_into();
    let bytes = bytes.map_err(|_| ExportError::Malformed("a key of another length"))?;
    Ok(StreamKey::new(bytes))
}

/// What an exported file proves.
#[derive(Debug)]
pub struct Report {
    /// Whose recording it is.
    pub opened: Record,
    /// The record of its end.
    pub recording: Record,
    /// Audit records of the session that are proved.
    pub records: u64,
    /// Bytes that the client saw.
    pub server_bytes: u64,
    /// Name of the log.
    pub log: String,
}

/// Verifies an exported file by the log's keys: that the recording is the one that the log names,
/// and that its audit records are the log's.
///
/// # Errors
/// What is not so.
pub fn verify(path: &Path, keys: &[VerifierKey]) -> Result<Report, ExportError> {
    let opened = open(path)?;
    let proved = proved(&opened.proofs, keys, opened.session)?;
    let source = Source {
        path: path.to_owned(),
        offset: opened.offset,
        keys: opened.keys,
        session: opened.session,
    };
    let (walk, recording) = (source.root()?, proved.recording);
    let Body::Recording {
        bytes,
        chunks,
        root,
        end,
        ..
    } = &recording.body
    else {
        return Err(wrong("no record of the log says how the recording ended"));
    };
    if recording.session != walk.header().session {
        return Err(wrong("the log's record is of another session"));
    }
    if (*bytes, *chunks, *root) != (walk.bytes(), walk.chunks(), walk.root()) {
        return Err(wrong("the recording is not the one that the log names"));
    }
    let file = source.bytes()?.into_inner().metadata()?.len();
    if file != opened.offset + walk.bytes() {
        return Err(wrong("something follows the recording"));
    }
    let mut reader = Reader::open(source.bytes()?, &source.keys)?;
    let (mut stranger, mut found) = (false, 0);
    let read = reader.events(|event| {
        if event.kind == Kind::Record {
            stranger |= !proved.hashes.contains(&hash(event.bytes));
            found += u64::from(Record::decode(event.bytes).is_ok_and(|it| is_own(&it.body)));
        }
        true
    });
    match (read, end) {
        (Ok(()), _) | (Err(ReadError::Cut), RecordingEnd::Cut | RecordingEnd::Failed) => {}
        (Err(error), _) => return Err(error.into()),
    }
    if stranger {
        return Err(wrong(
            "the recording has an audit record that the log has not",
        ));
    }
    if *end == RecordingEnd::Whole && found != proved.own {
        return Err(wrong(
            "the log has audit records of the session that the recording has not",
        ));
    }
    Ok(Report {
        opened: proved.opened,
        records: proved.hashes.len() as u64,
        server_bytes: reader.counted().server_bytes,
        log: proved.log,
        recording,
    })
}

struct Proved {
    hashes: HashSet<[u8; 32]>,
    /// Records of kinds that are in recordings.
    own: u64,
    opened: Record,
    recording: Record,
    log: String,
}

/// What the proofs prove, all of it of one session.
fn proved(
    proofs: &[Vec<u8>],
    keys: &[VerifierKey],
    session: Option<SessionId>,
) -> Result<Proved, ExportError> {
    let (mut hashes, mut own) = (HashSet::new(), 0);
    let (mut opened, mut recording, mut log) = (None, None, None);
    for text in proofs {
        let proof = InclusionProof::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let signed = proof
            .verify(keys)
            .map_err(|error| wrong(&error.to_string()))?;
        let origin = signed.checkpoint.origin;
        if log.get_or_insert_with(|| origin.clone()) != &origin {
            return Err(wrong("its proofs are of several logs"));
        }
        let record = Record::decode(&proof.entry).map_err(|error| wrong(&error.to_string()))?;
        if Some(record.session) != session {
            return Err(wrong("a record of the log is of another session"));
        }
        if !hashes.insert(hash(&proof.entry)) {
            continue;
        }
        let is_second = match &record.body {
            Body::SessionOpened { .. } => opened.is_some(),
            Body::Recording { .. } => recording.is_some(),
            _ => false,
        };
        if is_second {
            return Err(wrong("two records of the log say whose recording this is"));
        }
        own += u64::from(is_own(&record.body));
        match &record.body {
            Body::SessionOpened { .. } => opened = Some(record),
            Body::Recording { .. } => recording = Some(record),
            _ => {}
        }
    }
    let missing = || wrong("no record of the log says whose recording this is");
    Ok(Proved {
        hashes,
        own,
        opened: opened.ok_or_else(missing)?,
        recording: recording.ok_or_else(missing)?,
        log: log.ok_or_else(missing)?,
    })
}

/// Is it of a kind that is in every recording? A receipt is, or comes after the recording's end.
fn is_own(body: &Body) -> bool {
    use Body::{Intent, Outcome, SessionClosed, SessionOpened};
    matches!(
        body,
        SessionOpened { .. } | SessionClosed { .. } | Intent { .. } | Outcome { .. }
    )
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn wrong(what: &str) -> ExportError {
    ExportError::Wrong(what.to_owned())
}
