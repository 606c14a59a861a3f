//! The keys of sessions: drawn at random, kept in the data directory, sealed by the gateway's key.
//!
//! ```text
//!  session key (random) ─ HMAC-SHA-256 ─┬─▶ key of what the client saw
//!                                       └─▶ key of what the client sent
//! ```
//!
//! The second is not needed to read the first, so that a recording can be shown to somebody who is
//! not to read the client's literals.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use velum_core::audit::record::SessionId;
use zeroize::Zeroizing;

use crate::audit::key::{made_once, random};
use crate::audit::medium::sync_directory;
use crate::config::Config;
use crate::seal::{SealError, Sealer, SealingKeys};

/// Folder in the data directory.
pub const FOLDER: &str = "recording-keys";
/// Names what the keys are sealed for.
const PURPOSE: &str = "recordings";
const KEY_BYTES: usize = 32;
/// Stands behind a session key of which no client's key is derived.
const CLIENT_IS_ELSEWHERE: u8 = 1;
/// No sealed key is longer.
const SEALED_BYTES_MAX: u64 = 4_096;

/// Why there is no key.
#[derive(Debug)]
pub enum KeyError {
    /// It was destroyed, or never was.
    None,
    /// The file cannot be read or written.
    Io(PathBuf, io::Error),
    /// The gateway's key does not open it.
    Seal(SealError),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::None => f.write_str("its key is gone: the recording was destroyed"),
            KeyError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            KeyError::Seal(error) => write!(f, "its key does not open: {error}"),
        }
    }
}

impl std::error::Error for KeyError {}
impl crate::observe::Cause for KeyError {}

impl From<SealError> for KeyError {
    fn from(error: SealError) -> Self {
        KeyError::Seal(error)
    }
}

/// The key of what the client saw, or of what it sent. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct StreamKey(Zeroizing<[u8; KEY_BYTES]>);

impl StreamKey {
    /// A key from its bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for who is to read the stream.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What seals and opens by it.
    ///
    /// # Errors
    /// [`SealError::Failed`]
    pub fn sealer(&self) -> Result<Sealer, SealError> {
        Sealer::of_key(&self.0)
    }
}

/// The keys of a recording's streams.
#[derive(Clone)]
pub struct Keys {
    /// Of what the client saw.
    pub server: StreamKey,
    /// Of what it sent; `None` for who is not to read that.
    pub client: Option<StreamKey>,
}

impl Keys {
    /// Those of a session key; behind it stands a mark if the client's is elsewhere.
    fn of(session_key: &[u8]) -> Self {
        let (session_key, mark) = session_key
            .split_at_checked(KEY_BYTES)
            .unwrap_or((session_key, &[]));
        let key = hmac::Key::new(hmac::HMAC_SHA256, session_key);
        let derive = |name: &str| {
            let tag = hmac::sign(&key, format!("velum recording: {name}").as_bytes());
            let mut bytes = [0; KEY_BYTES];
            for (place, byte) in bytes.iter_mut().zip(tag.as_ref()) {
                *place = *byte;
            }
            StreamKey::new(bytes)
        };
        Self {
            server: derive("server"),
            client: mark.is_empty().then(|| derive("client")),
        }
    }
}

/// Where the keys of sessions are kept.
pub struct Cabinet {
    directory: PathBuf,
    sealer: Sealer,
}

impl Cabinet {
    /// The cabinet of a gateway.
    ///
    /// # Errors
    /// If the gateway's key cannot be had.
    pub fn open(config: &Config) -> Result<Self, KeyError> {
        let data = &config.gateway.data_directory;
        let keys = SealingKeys::load(&config.sealing, data)?;
        Ok(Self {
            directory: data.join(FOLDER),
            sealer: keys.sealer(PURPOSE)?,
        })
    }

    /// One in this folder, for tests.
    #[cfg(test)]
    pub(super) fn in_folder(directory: &Path, key: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        Ok(Self {
            directory: directory.to_owned(),
            sealer: Sealer::of_key(key)?,
        })
    }

    /// Draws the keys of a session. They are on disk when it returns.
    ///
    /// # Errors
    /// [`KeyError::Io`], [`KeyError::Seal`]
    pub fn draw(&self, session: SessionId) -> Result<Keys, KeyError> {
        self.drawn(session, &[])
    }

    fn drawn(&self, session: SessionId, mark: &[u8]) -> Result<Keys, KeyError> {
        let io = |error| KeyError::Io(self.directory.clone(), error);
        let key = random().map_err(io)?;
        let marked = Zeroizing::new([&key[..], mark].concat());
        let sealed = self.sealer.seal(&context(session), &marked)?;
        let name = self.file_name(session);
        let kept = made_once(&self.directory, &name, || {
            Ok(Zeroizing::new(sealed.clone()))
        });
        // Names of sessions are random: one that is there already is somebody's mistake.
        if *kept.map_err(io)? != sealed {
            return Err(io(io::ErrorKind::AlreadyExists.into()));
        }
        Ok(Keys::of(&marked))
    }

    /// The same, but for the key of what the client sends: that one is the caller's, and is not
    /// kept here.
    ///
    /// # Errors
    /// [`KeyError::Io`], [`KeyError::Seal`]
    pub fn draw_without_client(&self, session: SessionId) -> Result<Keys, KeyError> {
        self.drawn(session, &[CLIENT_IS_ELSEWHERE])
    }

    /// The keys of a session.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn take(&self, session: SessionId) -> Result<Keys, KeyError> {
        let path = self.path(session);
        let sealed = match read_short(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyError::None),
            Err(error) => return Err(KeyError::Io(path, error)),
        };
        let key = self.sealer.open(&context(session), &sealed)?;
        Ok(Keys::of(&key))
    }

    /// Destroys the keys of a session; false if there were none.
    ///
    /// # Errors
    /// If they may still be there.
    pub fn destroy(&self, session: SessionId) -> io::Result<bool> {
        destroy(&self.directory, session)
    }

    fn file_name(&self, session: SessionId) -> String {
        format!("{}.key", super::name(session))
    }

    fn path(&self, session: SessionId) -> PathBuf {
        self.directory.join(self.file_name(session))
    }
}

/// Are the keys of a session in this folder?
///
/// # Errors
/// The system's.
pub fn exists(directory: &Path, session: SessionId) -> io::Result<bool> {
    let path = directory.join(format!("{}.key", super::name(session)));
    path.try_exists()
}

/// Overwrites and removes the keys of a session in this folder; false if there were none.
///
/// # Errors
/// If they may still be there.
pub fn destroy(directory: &Path, session: SessionId) -> io::Result<bool> {
    let path = directory.join(format!("{}.key", super::name(session)));
    let mut file = match std::fs::OpenOptions::new().write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    std::fs::remove_file(&path)?;
    sync_directory(directory)?;
    Ok(true)
}

fn context(session: SessionId) -> Vec<u8> {
    [b"velum recording key", &session.0.to_be_bytes()[..]].concat()
}

fn read_short(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(SEALED_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
