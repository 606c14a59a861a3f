//! The file of random tokens: a head, and an entry of 72 bytes for each value.
//!
//! It holds no value: a fingerprint cannot be computed or turned around without the policy's key.
//! Whoever has both can try values, so that it is as secret as the key.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use velum_core::mask::transform::Fingerprint;

use super::Entry;
use crate::audit::medium::sync_directory;
use crate::observe::{self, Field};

/// What the file begins with: its kind and its version.
const HEAD: &[u8; 8] = b"velumrt1";
/// Fingerprint, token, and the beginning of the SHA-256 of both.
const ENTRY_BYTES: usize = 32 + 32 + 8;

/// An open file that no other gateway may open. Let go of by name, as a process that is just being
/// started has a copy of it for a moment.
pub(super) struct Held(pub(super) File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing it lets go as well, only later.
        let _later = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Opens the file, made if there is none, for one gateway at a time, with what it holds. An end
/// that was never whole is cut off: nobody can have seen more than its last moment's tokens.
///
/// # Errors
/// Another gateway has it, an entry before the end is damaged, or the system refuses.
pub(super) fn open(path: &Path) -> io::Result<(Held, Vec<Entry>)> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let what = "another gateway has it; each needs a `data_directory` of its own";
        return Err(io::Error::new(ErrorKind::WouldBlock, what));
    }
    let mut held = Held(file);
    let file = &mut held.0;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    if HEAD.starts_with(&bytes) {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(HEAD)?;
        file.sync_all()?;
        sync_directory(directory)?;
        return Ok((held, Vec::new()));
    }
    let Some(entries) = bytes.strip_prefix(HEAD) else {
        let what = "this is no file of random tokens, or one of another version";
        return Err(io::Error::new(ErrorKind::InvalidData, what));
    };
    let entries = decode(entries)?;
    let end = (HEAD.len() + entries.len() * ENTRY_BYTES) as u64;
    if end < bytes.len() as u64 {
        let fields = [("path", Field::Path(path)), ("offset", Field::Number(end))];
        observe::event("token-vault-tail-cut", &fields);
        file.set_len(end)?;
        file.sync_all()?;
    }
    file.seek(SeekFrom::Start(end))?;
    Ok((held, entries))
}

/// Appends an entry's bytes.
pub(super) fn encode(entry: &Entry, out: &mut Vec<u8>) {
    out.extend(entry.fingerprint.0);
    out.extend(entry.token);
    out.extend(check(&entry.fingerprint.0, &entry.token));
}

/// All whole entries up to the first that is not, behind which there must be none.
fn decode(bytes: &[u8]) -> io::Result<Vec<Entry>> {
    let mut found = bytes.chunks_exact(ENTRY_BYTES).map(entry);
    let entries: Vec<_> = found.by_ref().map_while(|entry| entry).collect();
    if found.any(|entry| entry.is_some()) {
        let offset = HEAD.len() + entries.len() * ENTRY_BYTES;
        let what = format!(
            "the entry at byte {offset} is damaged; bring the file back from a backup, or move it \
             away to begin with new tokens"
        );
        return Err(io::Error::new(ErrorKind::InvalidData, what));
    }
    Ok(entries)
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let (fingerprint, rest) = bytes.split_first_chunk()?;
    let (token, sum) = rest.split_first_chunk()?;
    (sum == check(fingerprint, token)).then_some(Entry {
        fingerprint: Fingerprint(*fingerprint),
        token: *token,
    })
}

fn check(fingerprint: &[u8; 32], token: &[u8; 32]) -> [u8; 8] {
    let digest = Sha256::new().chain_update(fingerprint).chain_update(token);
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest.finalize()[..8]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(path: &Path, count: u8) {
        let (held, entries) = open(path).unwrap();
        let mut file = &held.0;
        assert!(entries.is_empty());
        let mut bytes = Vec::new();
        for number in 0..count {
            let fingerprint = Fingerprint([number; 32]);
            let token = [255 - number; 32];
            encode(&Entry { fingerprint, token }, &mut bytes);
        }
        file.write_all(&bytes).unwrap();
    }

    fn count(path: &Path) -> io::Result<usize> {
        open(path).map(|(_, entries)| entries.len())
    }

    proptest! {
        /// Wherever a write was cut short, the whole entries before are there and it can go on.
        #[test]
        fn a_torn_end_is_cut(at in 0..(HEAD.len() + 3 * ENTRY_BYTES), zeros in 0..200usize) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("tokens");
            made(&path, 3);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.truncate(at);
            if at >= HEAD.len() {
                bytes.resize(at + zeros, 0);
            }
            std::fs::write(&path, &bytes).unwrap();
            let whole = at.saturating_sub(HEAD.len()) / ENTRY_BYTES;
            prop_assert_eq!(count(&path).unwrap(), whole);
            prop_assert_eq!(std::fs::read(&path).unwrap().len(), HEAD.len() + whole * ENTRY_BYTES);
        }

        /// A damaged entry before others is not passed over, and nothing is lost.
        #[test]
        fn damage_is_named(at in 0..(2 * ENTRY_BYTES), bit in 0..8u32) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("tokens");
            made(&path, 3);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[HEAD.len() + at] ^= 1 << bit;
            std::fs::write(&path, &bytes).unwrap();
            let error = count(&path).unwrap_err().to_string();
            let offset = HEAD.len() + at / ENTRY_BYTES * ENTRY_BYTES;
            prop_assert!(error.contains(&format!("at byte {offset} ")), "{}", error);
            prop_assert!(std::fs::read(&path).unwrap() == bytes);
        }
    }

    #[test]
    fn another_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "notes of somebody").unwrap();
        assert!(count(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"notes of somebody");
    }
}
