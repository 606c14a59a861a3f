//! The key of the tokens that stand for literals and bind values.

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
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let path = directory.join(FILE);
    let mut key = Zeroizing::new([0; 32]);
    match std::fs::File::open(&path) {
        Ok(mut file) => {
            file.read_exact(&mut *key)?;
            if file.read(&mut [0])? != 0 {
                let what = "the key of the tokens is longer than 32 bytes";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            getrandom::fill(&mut *key).map_err(io::Error::other)?;
            // Under another name first, so that a crash leaves no half key behind.
            let mut file = tempfile::Builder::new()
                .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .tempfile_in(directory)?;
            file.write_all(&*key)?;
            file.as_file().sync_all()?;
            file.persist_noclobber(&path).map_err(|error| error.error)?;
            sync_directory(directory)?;
        }
        Err(error) => return Err(error),
    }
    Ok(TokenKey::new(&key))
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
