//! The messages without a tag, which only a client sends and only at the beginning.
//!
//! ```text
//!  ┌────────────┬──────────┬──────┐
//!  │ length u32 │ code u32 │ body │   length counts itself
//!  └────────────┴──────────┴──────┘
//!   code: 80877102 CancelRequest · 80877103 SSLRequest · 80877104 GSSENCRequest
//!         otherwise a protocol version: major u16, minor u16
//! ```

use crate::bytes::Reader;
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::limits;

/// CancelRequest: 1234 << 16 | 5678
pub(super) const CANCEL_CODE: u32 = 80_877_102;
/// SSLRequest: 1234 << 16 | 5679
pub(super) const TLS_CODE: u32 = 80_877_103;
/// GSSENCRequest: 1234 << 16 | 5680
pub(super) const GSS_CODE: u32 = 80_877_104;
/// The one major version that is spoken.
pub(super) const MAJOR: u16 = 3;
/// The newest minor version.
pub(super) const NEWEST_MINOR: u16 = 2;
/// Longest cancel key, protocol 3.2.
pub(super) const CANCEL_KEY_BYTES: usize = 256;
/// Bytes of the length field.
const LENGTH_BYTES: usize = 4;

/// A message without a tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Untagged<'a> {
    /// CancelRequest
    Cancel { pid: u32, key: &'a [u8] },
    /// SSLRequest
    Tls,
    /// GSSENCRequest
    Gss,
    /// StartupMessage of another version: everything that is not 3.x.
    Version {
        major: u16,
        minor: u16,
        body: &'a [u8],
    },
}

/// Bytes of the message at the head of `bytes`, its length field included; `None` if they have
/// not all arrived. A length is refused as soon as its four bytes are there.
pub(super) fn message_bytes(bytes: &[u8]) -> Result<Option<usize>, Violation> {
    let Some((length, _)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    // PostgreSQL's bound does not count the length field.
    if !(2 * LENGTH_BYTES..=limits::STARTUP_MESSAGE_BYTES + LENGTH_BYTES).contains(&length) {
        return Err(violation("invalid length of startup packet"));
    }
    Ok((bytes.len() >= length).then_some(length))
}

/// Reads a whole message, as measured by [`message_bytes`].
pub(super) fn decode(message: &[u8]) -> Result<Untagged<'_>, Violation> {
    let mut reader = Reader::new(message);
    let short = |_| violation("invalid length of startup packet");
    reader.u32().map_err(short)?;
    let code = reader.u32().map_err(short)?;
    match code {
        CANCEL_CODE => {
            let length = |_| violation("invalid length of cancel request packet");
            let pid = reader.u32().map_err(length)?;
            let key = reader.rest();
            if key.is_empty() || key.len() > CANCEL_KEY_BYTES {
                return Err(violation("invalid length of cancel key"));
            }
            Ok(Untagged::Cancel { pid, key })
        }
        TLS_CODE if reader.is_empty() => Ok(Untagged::Tls),
        GSS_CODE if reader.is_empty() => Ok(Untagged::Gss),
        TLS_CODE | GSS_CODE => Err(violation("invalid length of an encryption request")),
        version => {
            let (major, minor) = split_version(version);
            Ok(Untagged::Version {
                major,
                minor,
                body: reader.rest(),
            })
        }
    }
}

/// Major and minor part of a version.
pub(super) fn split_version(version: u32) -> (u16, u16) {
    let [a, b, c, d] = version.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

/// A version from its parts.
pub(super) fn join_version(major: u16, minor: u16) -> u32 {
    u32::from(major) << 16 | u32::from(minor)
}

/// What a StartupMessage 3.x says.
#[derive(Default)]
pub(super) struct Startup {
    pub(super) user: String,
    /// The user if the client names none.
    pub(super) database: String,
    /// Neither user, database, replication nor protocol options; each name once, the last value.
    pub(super) parameters: Vec<(String, String)>,
    /// Names of `_pq_.` options; none is known here, so all are negotiated away.
    pub(super) protocol_options: Vec<String>,
}

/// Reads the body of a StartupMessage 3.x by PostgreSQL's rules.
pub(super) fn decode_startup(body: &[u8]) -> Result<Startup, Fault> {
    let mut startup = Startup::default();
    let mut reader = Reader::new(body);
    loop {
        let name = text(&mut reader)?;
        if name.is_empty() {
            break;
        }
        let value = text(&mut reader)?;
        match name {
            "user" => startup.user = value.to_owned(),
            "database" => startup.database = value.to_owned(),
            "replication" => refuse_replication(value)?,
            _ if name.starts_with("_pq_.") => startup.protocol_options.push(name.to_owned()),
            _ => {
                startup.parameters.retain(|(known, _)| known != name);
                startup.parameters.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    if !reader.is_empty() {
        return Err(layout().into());
    }
    if startup.user.is_empty() {
        return Err(Refusal::new(
            SqlState::INVALID_AUTHORIZATION,
            "no PostgreSQL user name specified in startup packet",
        )
        .into());
    }
    if startup.database.is_empty() {
        startup.database.clone_from(&startup.user);
    }
    Ok(startup)
}

fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Fault> {
    let bytes = reader.cstr().map_err(|_| layout())?;
    std::str::from_utf8(bytes).map_err(|_| {
        Refusal::new(
            SqlState(*b"22021"),
            "the startup packet is not encoded in UTF-8",
        )
        .into()
    })
}

/// Replication would carry the write-ahead log past every mask. What PostgreSQL reads as false
/// asks for nothing and is left out.
fn refuse_replication(value: &str) -> Result<(), Refusal> {
    if is_false(value) {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "replication connections are not supported",
    )
    .with_hint("A replication stream cannot be masked. Connect without \"replication\"."))
}

/// PostgreSQL's parse_bool: unique prefixes of the words, in any case.
fn is_false(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    match value.as_str() {
        "" | "o" => false,
        "0" => true,
        value => ["false", "no", "off"]
            .iter()
            .any(|word| word.starts_with(value)),
    }
}

/// Appends a message without a tag; the length is filled in.
pub(super) fn write(out: &mut Vec<u8>, code: u32, body: &[u8]) {
    let length = u32::try_from(body.len() + 2 * LENGTH_BYTES).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(body);
}

fn layout() -> Violation {
    violation("invalid startup packet layout: expected terminator as last byte")
}

fn violation(what: &'static str) -> Violation {
    Violation {
        peer: Peer::Client,
        what,
    }
}
