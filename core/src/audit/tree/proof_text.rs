//! Proofs as texts that carry their checkpoint: of inclusion (C2SP tlog-proof), and of
//! consistency (the request of C2SP tlog-witness).

use std::fmt;

use super::checkpoint::{CheckpointError, SignedCheckpoint};
use super::hash::{Hash, leaf_hash};
use super::key::VerifierKey;
use super::proof::{self, ProofError};
use super::{decimal, from_base64, to_base64};
use crate::limits::{NOTE_BYTES, PROOF_HASHES, RECORD_BYTES};

const INCLUSION: &str = "c2sp.org/tlog-proof@v1";
const EXTRA: &str = "extra ";
const INDEX: &str = "index ";
const OLD: &str = "old ";

/// Why a text proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofTextError {
    /// It is not such a text.
    Malformed(&'static str),
    /// Its checkpoint is not believed.
    Checkpoint(CheckpointError),
    /// Its hashes do not show it.
    Proof(ProofError),
}

impl fmt::Display for ProofTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofTextError::Malformed(what) => write!(f, "not a proof: {what}"),
            ProofTextError::Checkpoint(error) => write!(f, "the proof's checkpoint: {error}"),
            ProofTextError::Proof(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProofTextError {}

impl From<CheckpointError> for ProofTextError {
    fn from(error: CheckpointError) -> Self {
        ProofTextError::Checkpoint(error)
    }
}

impl From<ProofError> for ProofTextError {
    fn from(error: ProofError) -> Self {
        ProofTextError::Proof(error)
    }
}

/// That a record is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Canonical bytes of the record, the text's `extra` data. Nothing but the proof makes
    /// them true.
    pub entry: Vec<u8>,
    /// Its place, from 0.
    pub index: u64,
    /// Siblings from the bottom up.
    pub path: Vec<Hash>,
    /// The signed checkpoint, as it was written.
    pub checkpoint: String,
}

impl InclusionProof {
    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// [`ProofTextError::Malformed`]
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofTextError> {
        let malformed = ProofTextError::Malformed;
        let text = checked(bytes)?;
        let mut rest = text;
        if line(&mut rest) != Some(INCLUSION) {
            return Err(malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let entry = line(&mut rest).and_then(|line| line.strip_prefix(EXTRA));
        let entry = entry.and_then(from_base64);
        let entry = entry.ok_or(malformed("it has no `extra` line with the record"))?;
        let index = line(&mut rest).and_then(|line| line.strip_prefix(INDEX));
        let index = index.and_then(decimal);
        let index = index.ok_or(malformed("it has no `index` line"))?;
        let path = path(&mut rest)?;
        Ok(Self {
            entry,
            index,
            path,
            checkpoint: rest.to_owned(),
        })
    }

    /// Verifies it by the log's keys; returns the checkpoint that the record is in.
    ///
    /// # Errors
    /// If it does not show that the record is in the log.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<SignedCheckpoint, ProofTextError> {
        let signed = SignedCheckpoint::open(self.checkpoint.as_bytes(), keys)?;
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        proof::verify_inclusion(leaf_hash(&self.entry), self.index, size, root, &self.path)?;
        Ok(signed)
    }
}

impl fmt::Display for InclusionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = to_base64(&self.entry);
        writeln!(f, "{INCLUSION}\n{EXTRA}{entry}\n{INDEX}{}", self.index)?;
        write_path(f, &self.path)?;
        f.write_str(&self.checkpoint)
    }
}

/// That a log has grown from an older state, which its reader knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Records of the older state.
    pub old: u64,
    /// See [`proof::consistency`].
    pub path: Vec<Hash>,
    /// The newer signed checkpoint, as it was written.
    pub checkpoint: String,
}

impl ConsistencyProof {
    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// [`ProofTextError::Malformed`]
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofTextError> {
        let mut rest = checked(bytes)?;
        let old = line(&mut rest).and_then(|line| line.strip_prefix(OLD));
        let old = old.and_then(decimal);
        let old = old.ok_or(ProofTextError::Malformed("it has no `old` line"))?;
        let path = path(&mut rest)?;
        Ok(Self {
            old,
            path,
            checkpoint: rest.to_owned(),
        })
    }

    /// Verifies it by the log's keys and the older root; returns the newer checkpoint.
    ///
    /// # Errors
    /// If it does not show that the log has only grown.
    pub fn verify(
        &self,
        old_root: Hash,
        keys: &[VerifierKey],
    ) -> Result<SignedCheckpoint, ProofTextError> {
        let signed = SignedCheckpoint::open(self.checkpoint.as_bytes(), keys)?;
        let newer = (signed.checkpoint.size, signed.checkpoint.root);
        proof::verify_consistency((self.old, old_root), newer, &self.path)?;
        Ok(signed)
    }
}

impl fmt::Display for ConsistencyProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{OLD}{}", self.old)?;
        write_path(f, &self.path)?;
        f.write_str(&self.checkpoint)
    }
}

/// An entry in Base64, all hashes, and the checkpoint.
const TEXT_BYTES: usize = RECORD_BYTES / 3 * 4 + NOTE_BYTES + 64 * 1024;

fn checked(bytes: &[u8]) -> Result<&str, ProofTextError> {
    let malformed = ProofTextError::Malformed;
    if bytes.len() > TEXT_BYTES {
        return Err(malformed("it is too long"));
    }
    std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))
}

/// Cuts the first line off.
fn line<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let (line, behind) = rest.split_once('\n')?;
    *rest = behind;
    Some(line)
}

/// Hashes up to the empty line, which is cut off as well.
fn path(rest: &mut &str) -> Result<Vec<Hash>, ProofTextError> {
    let malformed = ProofTextError::Malformed;
    let mut path = Vec::new();
    loop {
        match line(rest) {
            None => return Err(malformed("no empty line before its checkpoint")),
            Some("") => return Ok(path),
            Some(_) if path.len() == PROOF_HASHES => return Err(malformed("too many hashes")),
            Some(line) => path.push(Hash::from_base64(line).ok_or(malformed("a line is no hash"))?),
        }
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, path: &[Hash]) -> fmt::Result {
    path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
    f.write_str("\n")
}
