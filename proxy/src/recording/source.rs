//! Where a command gets a recording from: the gateway's directories, or an exported file.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use velum_core::audit::record::SessionId;

use super::export::{self, ExportError};
use super::keys::{Cabinet, KeyError, Keys};
use super::read::{ReadError, Reader};
use crate::config::Config;

/// Why there is no recording.
#[derive(Debug)]
pub enum SourceError {
    /// The configuration has none.
    NoRecordings,
    /// Nothing of this name.
    Unknown(String),
    /// The name fits several.
    Ambiguous(String, usize),
    /// The key is not to be had.
    Key(KeyError),
    /// The file is no export.
    Export(ExportError),
    /// The system says no.
    Io(PathBuf, io::Error),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::NoRecordings => f.write_str("the configuration has no `[recordings]`"),
            SourceError::Unknown(name) => write!(
                f,
                "there is no recording `{name}`; `velum sessions list` shows those that there are"
            ),
            SourceError::Ambiguous(name, count) => {
                write!(
                    f,
                    "`{name}` begins the names of {count} recordings: write more of it"
                )
            }
            SourceError::Key(error) => error.fmt(f),
            SourceError::Export(error) => error.fmt(f),
            SourceError::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SourceError {}

/// A recording that can be read.
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Where in it the recording begins.
    pub offset: u64,
    /// Its keys.
    pub keys: Keys,
    /// Its session, as its name says.
    pub session: Option<SessionId>,
}

impl Source {
    /// The recording of this session, of which the first letters are enough, or the exported file
    /// of this name.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn find(name: &str, config: impl FnOnce() -> Option<Config>) -> Result<Self, SourceError> {
        let path = Path::new(name);
        if path.is_file() {
            return Self::exported(path);
        }
        let config = config().ok_or(SourceError::NoRecordings)?;
        Self::kept(name, &config)
    }

    fn exported(path: &Path) -> Result<Self, SourceError> {
        let opened = export::open(path).map_err(SourceError::Export)?;
        Ok(Self {
            path: path.to_owned(),
            offset: opened.offset,
            keys: opened.keys,
            session: opened.session,
        })
    }

    /// The recording of this session.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn kept(name: &str, config: &Config) -> Result<Self, SourceError> {
        let recordings = config.recordings.as_ref();
        let directory = &recordings.ok_or(SourceError::NoRecordings)?.directory;
        let mut found = all(directory)?;
        found.retain(|(session, _)| super::name(*session).starts_with(name));
        match found.as_slice() {
            [(session, path)] => {
                let cabinet = Cabinet::open(config).map_err(SourceError::Key)?;
                Ok(Self {
                    path: path.clone(),
                    offset: 0,
                    keys: cabinet.take(*session).map_err(SourceError::Key)?,
                    session: Some(*session),
                })
            }
            [] => Err(SourceError::Unknown(name.to_owned())),
            several => Err(SourceError::Ambiguous(name.to_owned(), several.len())),
        }
    }

    /// Reads it from its beginning.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn reader(&self) -> Result<Reader<BufReader<File>>, ReadError> {
        self.reader_with(&self.keys)
    }

    /// The same with other keys.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn reader_with(&self, keys: &Keys) -> Result<Reader<BufReader<File>>, ReadError> {
        Reader::open(self.bytes()?, keys)
    }

    /// The bytes of the recording.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bytes(&self) -> io::Result<BufReader<File>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(BufReader::with_capacity(256 * 1024, file))
    }

    /// The hash of the whole file as it is, without a key.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn root(&self) -> Result<velum_core::recording::Walk, ReadError> {
        walk(&mut self.bytes()?)
    }
}

/// Walks over a recording without a key, to its last whole chunk.
///
/// # Errors
/// If it is none.
pub fn walk(from: &mut impl Read) -> Result<velum_core::recording::Walk, ReadError> {
    use velum_core::recording::walk::{HEAD_BYTES, HEADER_BYTES};
    use velum_core::recording::{Header, Malformed, Walk};
    let mut header = [0; HEADER_BYTES];
    from.read_exact(&mut header)
        .map_err(|_| Malformed::Header)?;
    let mut walk = Walk::new(Header::parse(&header)?);
    let mut head = [0; HEAD_BYTES];
    while from.read_exact(&mut head).is_ok() {
        let head = walk.head(&head)?;
        let mut sealed = vec![0; head.length];
        if from.read_exact(&mut sealed).is_err() {
            break;
        }
        walk.step(head, &sealed);
    }
    Ok(walk)
}

/// The recordings in a directory, those that are being written too.
///
/// # Errors
/// When it cannot be read.
pub fn all(directory: &Path) -> Result<Vec<(SessionId, PathBuf)>, SourceError> {
    let io = |error| SourceError::Io(directory.to_owned(), error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let parts = name.and_then(|name| name.split_once('.'));
        if let Some((name, super::EXTENSION | super::OPEN_EXTENSION)) = parts
            && let Some(session) = super::session(name)
        {
            found.push((session, path));
        }
    }
    found.sort_by_key(|(session, _)| session.0);
    Ok(found)
}
