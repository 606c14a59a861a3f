//! A witness' key and memory on disk.
//!
//! ```text
//! DIR/witness.key                  name, and the secret key in 64 hexadecimal digits
//! DIR/<SHA-256 of origin>/checkpoint   what was cosigned last, with log's and witness' signature
//! ```
//!
//! [`serve`] is the same over HTTP; [`ask`] is a gateway's side of that.
//!
//! One process at a time judges, writes down and answers, so that no older state can follow a
//! newer one.

pub mod ask;
pub mod serve;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use velum_core::audit::tree::checkpoint::Checkpoint;
use velum_core::audit::tree::key::KeyKind;
use velum_core::audit::tree::proof_text::ConsistencyProof;
use velum_core::audit::tree::witness::{Refused, judge};
use velum_core::audit::tree::{Hash, Note, NoteSigner, VerifierKey};
use zeroize::Zeroizing;

use super::key::{self, open_lock};
use super::{signing, store};

const FILE: &str = "witness.key";
const LOCK: &str = "lock";

/// Why nothing was cosigned.
#[derive(Debug)]
pub enum WitnessError {
    /// The request is refused.
    Refused(Refused),
    /// A file cannot be read or written.
    Io(PathBuf, io::Error),
    /// Nothing is kept of this log, and nobody has said that it is new: a witness that has lost
    /// what it kept must not begin anew by itself.
    Unseen(String),
    /// What the witness has kept is not what it wrote.
    State(PathBuf, String),
}

impl fmt::Display for WitnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WitnessError::Refused(refused) => write!(f, "not cosigned: {refused}"),
            WitnessError::Unseen(origin) => write!(
                f,
                "not cosigned: nothing is kept here of {origin}. If this witness has never seen \
                 that log, say so by --first; if it has, its state was lost: restore it"
            ),
            WitnessError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            WitnessError::State(path, what) => write!(f, "{}: {what}", path.display()),
        }
    }
}

impl std::error::Error for WitnessError {}

/// See the module's text.
pub struct Witness {
    directory: PathBuf,
    signer: NoteSigner,
    /// Logs of which nothing is kept are new.
    begins: bool,
    /// Held as long as it is open.
    _lock: File,
}

impl Witness {
    /// Opens a witness' directory; makes it, and a key for `name`, if there is none.
    ///
    /// # Errors
    /// If it cannot be read or made, or is another witness'.
    pub fn open(directory: &Path, name: Option<&str>) -> Result<Self, WitnessError> {
        let path = directory.join(FILE);
        let io = |error| WitnessError::Io(path.clone(), error);
        let text = key::made_once(directory, FILE, || fresh(name)).map_err(io)?;
        let state = |what: &str| WitnessError::State(path.clone(), what.to_owned());
        let (kept, seed) = parse(&text).ok_or_else(|| state("not a witness' key"))?;
        if name.is_some_and(|name| name != kept) {
            return Err(state(&format!("the key is {kept}'s")));
        }
        let signer = NoteSigner::new(kept, KeyKind::Cosignature, &seed);
        let signer = signer.map_err(|error| state(&error.to_string()))?;
        let lock = open_lock(&directory.join(LOCK)).map_err(io)?;
        let exclusive = rustix::fs::FlockOperation::LockExclusive;
        rustix::fs::flock(&lock, exclusive).map_err(|error| io(error.into()))?;
        Ok(Self {
            directory: directory.to_owned(),
            signer,
            begins: false,
            _lock: lock,
        })
    }

    /// Logs of which nothing is kept have never been seen here, and are cosigned from now on.
    pub fn begin(&mut self) {
        self.begins = true;
    }

    /// The key that others verify by.
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// Judges a request about a log with one of these keys. What is cosigned is on disk before
    /// the signature line is returned.
    ///
    /// # Errors
    /// See [`WitnessError`].
    pub fn cosign(
        &mut self,
        request: &ConsistencyProof,
        logs: &[VerifierKey],
        time_s: u64,
    ) -> Result<String, WitnessError> {
        let mut damaged = None;
        let signed = judge(request, logs, |origin| match self.last(origin) {
            Ok(None) if !self.begins => {
                damaged = Some(WitnessError::Unseen(origin.to_owned()));
                None
            }
            Ok(last) => last,
            Err(error) => {
                damaged = Some(error);
                None
            }
        });
        if let Some(error) = damaged {
            return Err(error);
        }
        let signed = signed.map_err(WitnessError::Refused)?;
        let mut note = signed.note;
        // Whatever else stands there could be anything, and would be kept for ever.
        note.keep_only(&signed.by_log);
        let line = note.cosign(&self.signer, time_s);
        let path = self.file(&signed.checkpoint.origin);
        let kept = store::replace(&path, note.to_string().as_bytes(), true);
        kept.map_err(|error| WitnessError::Io(path, error))?;
        Ok(line)
    }

    fn file(&self, origin: &str) -> PathBuf {
        let digest = Sha256::digest(origin);
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(name).join(store::CHECKPOINT)
    }

    /// What was cosigned last of a log; its own signature says that nobody changed it since.
    fn last(&self, origin: &str) -> Result<Option<(u64, Hash)>, WitnessError> {
        let path = self.file(origin);
        let bytes = match store::read_note(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| WitnessError::Io(path.clone(), error))?,
        };
        let damaged = |what: String| WitnessError::State(path.clone(), what);
        let note = Note::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
        let own = std::slice::from_ref(self.signer.verifier());
        note.verify(own)
            .map_err(|error| damaged(error.to_string()))?;
        let checkpoint = Checkpoint::parse(note.text());
        let checkpoint = checkpoint.map_err(|error| damaged(error.to_string()))?;
        match checkpoint.origin == origin {
            true => Ok(Some((checkpoint.size, checkpoint.root))),
            false => Err(damaged(format!("of another log, {}", checkpoint.origin))),
        }
    }
}

fn parse(text: &[u8]) -> Option<(&str, Zeroizing<[u8; 32]>)> {
    let at = text.iter().position(|byte| *byte == b'\n')?;
    let (name, seed) = text.split_at(at);
    Some((
        std::str::from_utf8(name).ok()?,
        signing::seed(seed.get(1..)?)?,
    ))
}

fn fresh(name: Option<&str>) -> io::Result<Zeroizing<Vec<u8>>> {
    let missing = || io::Error::other("there is no key yet: give it a name by --name");
    let name = name.ok_or_else(missing)?;
    if !velum_core::audit::tree::key::is_name(name) {
        return Err(io::Error::other(
            "a name is not empty and has no space, plus or control",
        ));
    }
    let mut text = Zeroizing::new(format!("{name}\n").into_bytes());
    text.append(&mut *signing::fresh()?);
    Ok(text)
}
