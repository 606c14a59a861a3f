//! The keys that sign a log's checkpoints.
//!
//! One key signs. While it is exchanged the one before signs beside it, and the first checkpoint
//! that both have signed over the record of the exchange is kept: it leads who trusts the old key
//! to the new one.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use velum_core::audit::record::Body;
use velum_core::audit::tree::key::KeyKind;
use velum_core::audit::tree::{Checkpoint, Hash, NoteSigner, VerifierKey};
use zeroize::Zeroizing;

use super::{key, store};
use crate::config::Config;

/// File in the data directory: 64 hexadecimal digits.
const FILE: &str = "audit-signing.key";
/// The key before, while keys are exchanged.
const PREVIOUS: &str = "audit-signing.previous.key";

/// Why there is no key to sign with.
#[derive(Debug)]
pub struct SigningError {
    /// Which key or file.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// See the module's text.
pub struct Signers {
    /// Signs.
    pub current: NoteSigner,
    /// Signs beside it, while keys are exchanged.
    pub previous: Option<NoteSigner>,
}

impl Signers {
    /// The log that they sign for.
    pub fn origin(&self) -> &str {
        self.current.verifier().name()
    }

    /// The keys that others verify by, the current first.
    pub fn keys(&self) -> Vec<VerifierKey> {
        let signers = std::iter::once(&self.current).chain(&self.previous);
        signers.map(|signer| signer.verifier().clone()).collect()
    }

    /// The record of them.
    pub fn record(&self) -> Body {
        let previous = self.previous.as_ref();
        Body::SigningKey {
            key: self.current.verifier().to_string(),
            previous: previous.map(|signer| signer.verifier().to_string()),
        }
    }

    /// The signed checkpoint of so many records.
    ///
    /// # Errors
    /// If the origin is not a line.
    pub fn sign(&self, size: u64, root: Hash) -> io::Result<String> {
        let checkpoint = Checkpoint {
            origin: self.origin().to_owned(),
            size,
            root,
        };
        let mut note = checkpoint.to_note().map_err(io::Error::other)?;
        note.sign(&self.current);
        if let Some(previous) = &self.previous {
            note.sign(previous);
        }
        Ok(note.to_string())
    }
}

/// The secret key of 64 hexadecimal digits.
pub fn seed(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.trim_ascii_end();
    let mut seed = Zeroizing::new([0; 32]);
    if digits.len() != 2 * seed.len() {
        return None;
    }
    for (byte, pair) in seed.iter_mut().zip(digits.chunks(2)) {
        for digit in pair {
            let digit = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | digit as u8;
        }
    }
    Some(seed)
}

/// The keys of a configuration; the first start makes one.
///
/// # Errors
/// If one cannot be read or made, or is none.
pub fn load(config: &Config) -> Result<Signers, SigningError> {
    let directory = &config.gateway.data_directory;
    if config.audit.signing_key.is_none() {
        let made = key::made_once(directory, FILE, fresh);
        made.map_err(|error| failed(&directory.join(FILE), error))?;
    }
    let file = directory.join(FILE);
    let gone = || failed(&file, io::ErrorKind::NotFound.into());
    existing(config)?.ok_or_else(gone)
}

/// The keys of a configuration, if there are any yet.
///
/// # Errors
/// If one cannot be read, or is none.
pub fn existing(config: &Config) -> Result<Option<Signers>, SigningError> {
    let audit = &config.audit;
    let directory = &config.gateway.data_directory;
    // A configured key has nothing to do with one that was made before.
    let pair = match &audit.signing_key {
        Some(secret) => {
            let parse = |secret: &crate::config::Secret| {
                let path = Path::new(secret.origin());
                seed(secret.expose()).ok_or_else(|| no_key(path))
            };
            let previous = audit.previous_signing_key.as_ref();
            Some((parse(secret)?, previous.map(parse).transpose()?))
        }
        None => match read_seed(&directory.join(FILE))? {
            Some(current) => Some((current, read_seed(&directory.join(PREVIOUS))?)),
            None => None,
        },
    };
    let Some((current, previous)) = pair else {
        return Ok(None);
    };
    let origin = origin(config, &current)?;
    let signer = |seed: &Zeroizing<[u8; 32]>| {
        NoteSigner::new(&origin, KeyKind::Ed25519, seed)
            .map_err(|error| failed(&audit.directory, io::Error::other(error)))
    };
    Ok(Some(Signers {
        current: signer(&current)?,
        previous: previous.as_ref().map(signer).transpose()?,
    }))
}

fn read_seed(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, SigningError> {
    let bytes = key::read(path).map_err(|error| failed(path, error))?;
    let parse = |bytes: Zeroizing<Vec<u8>>| seed(&bytes).ok_or_else(|| no_key(path));
    bytes.map(parse).transpose()
}

/// What the log is called: as configured, as its last checkpoint says, or after its first key.
/// A checkpoint that somebody else wrote is found out by its signature.
fn origin(config: &Config, seed: &[u8; 32]) -> Result<String, SigningError> {
    let audit = &config.audit;
    if let Some(origin) = &audit.origin {
        return Ok(origin.clone());
    }
    let checkpoint = store::read_checkpoint(&audit.directory);
    let checkpoint = checkpoint.map_err(|error| failed(&audit.directory, error))?;
    let line = checkpoint
        .as_deref()
        .and_then(|bytes| bytes.split(|byte| *byte == b'\n').next());
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    if let Some(line) = line.filter(|line| velum_core::audit::tree::key::is_name(line)) {
        return Ok(line.to_owned());
    }
    let unnamed = NoteSigner::new("velum", KeyKind::Ed25519, seed);
    let unnamed = unnamed.map_err(|error| failed(&audit.directory, io::Error::other(error)))?;
    let digest = Sha256::digest(unnamed.verifier().public());
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("velum/{hex}"))
}

/// A new secret key, as its file has it.
pub(super) fn fresh() -> io::Result<Zeroizing<Vec<u8>>> {
    let seed = key::random()?;
    let mut text = Zeroizing::new(Vec::with_capacity(65));
    for byte in seed.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.push(b"0123456789abcdef"[usize::from(digit)]);
        }
    }
    text.push(b'\n');
    Ok(text)
}

fn failed(path: &Path, error: io::Error) -> SigningError {
    SigningError {
        path: path.to_owned(),
        error,
    }
}

fn no_key(path: &Path) -> SigningError {
    let what = "not a signing key, which is 64 hexadecimal digits (`openssl rand -hex 32`)";
    failed(path, io::Error::new(io::ErrorKind::InvalidData, what))
}
