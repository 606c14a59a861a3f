//! The file of a session's shares, an auditor's share out of it, and the key out of two of them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use velum_core::audit::record::SessionId;
use zeroize::Zeroizing;

use super::auditor::{Sealed, hex, unhex};
use super::{Auditor, AuditorSecret, OriginalsError};
use crate::audit::key::random;
use crate::audit::medium::sync_directory;
use crate::recording;

const FORMAT: &str = "velum-originals/v1";
const SHARE_FORMAT: &str = "velum-originals-share/v1";
const EXTENSION: &str = "velumoriginals";

/// The file, for all pairs of auditors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    session: String,
    pairs: Vec<Pair>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    halves: [Half; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Half {
    auditor: String,
    found_by: String,
    sealed: String,
}

/// What one auditor hands to who opens the originals: worth nothing alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    format: String,
    session: String,
    auditor: String,
    halves: Vec<Opened>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    with: String,
    half: String,
}

/// A file that was written.
pub struct Written {
    /// Its name.
    pub file: String,
    /// Its hash.
    pub sha256: [u8; 32],
}

/// Where the shares of a session are.
pub fn path(directory: &Path, session: SessionId) -> PathBuf {
    directory.join(format!("{}.{EXTENSION}", recording::name(session)))
}

/// Seals a key to the auditors; the file is on disk when this returns.
///
/// # Errors
/// If it cannot be written.
pub fn write(
    directory: &Path,
    session: SessionId,
    key: &[u8; 32],
    auditors: &[Auditor],
) -> std::io::Result<Written> {
    let sealed = seal(session, key, auditors).map_err(std::io::Error::other)?;
    let text = serde_json::to_string_pretty(&sealed).map_err(std::io::Error::other)?;
    let path = path(directory, session);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_directory(directory)?;
    let name = path.file_name().unwrap_or_default();
    Ok(Written {
        file: name.to_string_lossy().into_owned(),
        sha256: Sha256::digest(text).into(),
    })
}

fn seal(session: SessionId, key: &[u8; 32], to: &[Auditor]) -> Result<File, OriginalsError> {
    let mut pairs = Vec::new();
    for (index, one) in to.iter().enumerate() {
        for other in to.iter().skip(index + 1) {
            let pad = random()?;
            let rest = xor(key, &pad);
            let half = |whose: &Auditor, with: &Auditor, half: &[u8; 32]| {
                let context = context(session, &whose.id(), &with.id());
                let (found_by, sealed) = whose.seal(&context, half)?;
                Ok::<_, OriginalsError>(Half {
                    auditor: whose.id(),
                    found_by: hex(&found_by),
                    sealed: hex(&sealed),
                })
            };
            let halves = [half(one, other, &pad)?, half(other, one, &rest)?];
            pairs.push(Pair { halves });
        }
    }
    Ok(File {
        format: FORMAT.to_owned(),
        session: recording::name(session),
        pairs,
    })
}

fn xor(one: &[u8; 32], other: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new(*one);
    for (byte, other) in out.iter_mut().zip(other) {
        *byte ^= other;
    }
    out
}

/// What a half is sealed as: of whose pair with whom, in which session.
fn context(session: SessionId, whose: &str, with: &str) -> Vec<u8> {
    let name = recording::name(session);
    format!("{name} {whose} {with}").into_bytes()
}

/// Overwrites and removes the shares of a session, if there are any.
///
/// # Errors
/// If they may still be there.
pub fn destroy(directory: &Path, session: SessionId) -> std::io::Result<()> {
    let path = path(directory, session);
    let mut file = match OpenOptions::new().write(true).open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    std::fs::remove_file(&path)?;
    sync_directory(directory)
}

/// SHA-256 of a file of shares, as the log has it.
pub fn sha256_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// An auditor's share, out of the bytes of the file.
///
/// # Errors
/// If there is none for this key.
pub fn open_share(bytes: &[u8], secret: &AuditorSecret) -> Result<Share, OriginalsError> {
    let malformed = || OriginalsError::Malformed("file of auditors' shares");
    let file: File = serde_json::from_slice(bytes).map_err(|_| malformed())?;
    let session = recording::session(&file.session).ok_or_else(malformed)?;
    if file.format != FORMAT {
        return Err(malformed());
    }
    let own = secret.auditor.id();
    let mut halves = Vec::new();
    for Pair {
        halves: [one, other],
    } in &file.pairs
    {
        let (half, with) = match (one.auditor == own, other.auditor == own) {
            (true, false) => (one, &other.auditor),
            (false, true) => (other, &one.auditor),
            _ => continue,
        };
        let sealed = unhex(&half.found_by).zip(unhex(&half.sealed));
        let sealed: Sealed = sealed.ok_or_else(malformed)?;
        let opened = secret.open(&context(session, &own, with), &sealed)?;
        halves.push(Opened {
            with: with.clone(),
            half: hex(&opened),
        });
    }
    if halves.is_empty() {
        return Err(OriginalsError::NotFor(secret.auditor.name().to_owned()));
    }
    Ok(Share {
        format: SHARE_FORMAT.to_owned(),
        session: file.session,
        auditor: own,
        halves,
    })
}

impl Share {
    /// Reads one.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, OriginalsError> {
        let read: Result<Self, _> = serde_json::from_slice(bytes);
        let share = read.ok().filter(|share| share.format == SHARE_FORMAT);
        share.ok_or(OriginalsError::Malformed("auditor's share"))
    }

    /// As a file.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(serde_json::to_string_pretty(self).unwrap_or_default() + "\n")
    }

    fn with(&self, auditor: &str) -> Option<Zeroizing<[u8; 32]>> {
        let half = self.halves.iter().find(|half| half.with == auditor)?;
        let bytes = Zeroizing::new(unhex(&half.half)?);
        bytes.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

/// The key of what the client sent in that session, from two auditors' shares.
///
/// # Errors
/// If they are not of two auditors and one session.
pub fn combine(
    session: SessionId,
    [one, other]: [&Share; 2],
) -> Result<Zeroizing<[u8; 32]>, OriginalsError> {
    let name = recording::name(session);
    if one.session != name || other.session != name {
        return Err(OriginalsError::OtherSession);
    }
    if one.auditor == other.auditor {
        return Err(OriginalsError::OnePerson);
    }
    let halves = one.with(&other.auditor).zip(other.with(&one.auditor));
    let (pad, rest) = halves.ok_or(OriginalsError::Malformed("pair of shares"))?;
    Ok(xor(&pad, &rest))
}
