//! Keys in the data directory, and the key of the tokens that stand for literals and bind values.

use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};
use velum_core::audit::token::TokenKey;
use zeroize::Zeroizing;

use super::medium::sync_directory;
use crate::config::Secret;

/// File in the data directory.
const FILE: &str = "audit-token.key";
/// No key is longer.
const KEY_BYTES: u64 = 4_096;

/// The key from a credential: any secret long enough to be one, hashed to size.
pub fn from_secret(secret: &Secret) -> TokenKey {
    let digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(secret.expose())));
    TokenKey::new(&digest)
}

/// The key in the data directory; made at the first start, readable by its owner only.
///
/// # Errors
/// When the file cannot be read or made, or holds anything but 32 bytes.
pub fn from_data_directory(directory: &Path) -> io::Result<TokenKey> {
    token_key(&made_once(directory, FILE, || {
        Ok(Zeroizing::new(random()?.to_vec()))
    })?)
}

/// The key in the data directory; `None` if there is none yet.
///
/// # Errors
/// As [`from_data_directory`].
pub fn existing(directory: &Path) -> io::Result<Option<TokenKey>> {
    let key = read(&directory.join(FILE))?;
    key.map(|key| token_key(&key)).transpose()
}

fn token_key(key: &[u8]) -> io::Result<TokenKey> {
    let key: &[u8; 32] = key.try_into().map_err(|_| {
        let what = "the key of the tokens is not of 32 bytes";
        io::Error::new(io::ErrorKind::InvalidData, what)
    })?;
    Ok(TokenKey::new(key))
}

/// 32 secret bytes.
pub(crate) fn random() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(io::Error::other)?;
    Ok(key)
}

/// The bytes of a key file; `None` if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(KEY_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The bytes of a key file, which is made if there is none; readable by its owner only.
pub(crate) fn made_once(
    directory: &Path,
    name: &str,
    fresh: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>>,
) -> io::Result<Zeroizing<Vec<u8>>> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let path = directory.join(name);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let key = fresh()?;
    // Under another name first, so that a crash leaves no half key behind.
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&path).map_err(|error| error.error)?;
    sync_directory(directory)?;
    Ok(key)
}

/// Opens the file that only one gateway at a time may hold.
pub(super) fn open_lock(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
