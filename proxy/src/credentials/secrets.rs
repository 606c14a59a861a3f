//! Secrets in the store, each sealed as what its name says: bytes that are moved to another name
//! open no more.

use std::fmt;
use std::path::Path;

use velum_core::time::Timestamp;
use zeroize::Zeroizing;

use crate::config::model::Sealing;
use crate::seal::{SealError, Sealer, SealingKeys};
use crate::store::secrets::SealedSecret;
use crate::store::{StoreError, Tx};

/// Of the keys that are derived for secrets.
const PURPOSE: &str = "credentials";

/// Why there is no such secret to be had.
#[derive(Debug)]
pub enum SecretError {
    /// Nobody has set one of this name.
    Unset(String),
    /// It cannot be opened or sealed.
    Seal(String, SealError),
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(name) => write!(
                f,
                "there is no secret `{name}` in the store: velum secrets set {name}"
            ),
            Self::Seal(name, error) => write!(f, "secret `{name}`: {error}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SecretError {}
impl crate::observe::Cause for SecretError {}

impl From<StoreError> for SecretError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What seals secrets and opens them.
///
/// # Errors
/// Without a key.
pub fn sealer(config: &Sealing, data_directory: &Path) -> Result<Sealer, SealError> {
    SealingKeys::load(config, data_directory)?.sealer(PURPOSE)
}

/// Opens a secret.
///
/// # Errors
/// See [`SecretError`].
pub fn open(sealer: &Sealer, secret: &SealedSecret) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let opened = sealer.open(&context(&secret.name), &secret.sealed);
    opened.map_err(|error| SecretError::Seal(secret.name.clone(), error))
}

/// The secret of this name, open.
///
/// # Errors
/// See [`SecretError`].
pub fn get(tx: &Tx<'_>, sealer: &Sealer, name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let secret = tx.secret(name)?;
    let secret = secret.ok_or_else(|| SecretError::Unset(name.to_owned()))?;
    open(sealer, &secret)
}

/// Sets a secret, and has it audited; gives its version.
///
/// # Errors
/// See [`SecretError`].
pub fn set(
    tx: &Tx<'_>,
    sealer: &Sealer,
    name: &str,
    value: &[u8],
    (by, at): (&str, Timestamp),
) -> Result<u64, SecretError> {
    let sealed = sealed(sealer, name, value)?;
    let version = tx.set_secret(name, &sealed, at, by)?;
    tx.note_administration(at, by, "secret_set", &format!("{name}, version {version}"))?;
    Ok(version)
}

/// Removes a secret, and has it audited; false if there is none.
///
/// # Errors
/// Those of the store.
pub fn remove(tx: &Tx<'_>, name: &str, (by, at): (&str, Timestamp)) -> Result<bool, SecretError> {
    let was_there = tx.remove_secret(name)?;
    if was_there {
        tx.note_administration(at, by, "secret_removed", name)?;
    }
    Ok(was_there)
}

/// Seals all secrets by the current key, and has it audited; how many.
///
/// # Errors
/// See [`SecretError`]: if one cannot be opened, none changes.
pub fn rotate(
    tx: &Tx<'_>,
    sealer: &Sealer,
    (by, at): (&str, Timestamp),
) -> Result<usize, SecretError> {
    let secrets = tx.secrets()?;
    for secret in &secrets {
        let value = open(sealer, secret)?;
        tx.reseal_secret(&secret.name, &sealed(sealer, &secret.name, &value)?)?;
    }
    tx.note_administration(at, by, "secrets_resealed", &secrets.len().to_string())?;
    Ok(secrets.len())
}

fn sealed(sealer: &Sealer, name: &str, value: &[u8]) -> Result<Vec<u8>, SecretError> {
    let sealed = sealer.seal(&context(name), value);
    sealed.map_err(|error| SecretError::Seal(name.to_owned(), error))
}

fn context(name: &str) -> Vec<u8> {
    format!("secret {name}").into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use crate::config::Secret;
    use crate::store::Store;

    const BY: (&str, Timestamp) = ("ann", Timestamp(7));

    fn key(letter: &str) -> Option<Secret> {
        Some(Secret::new(letter.repeat(64).into_bytes(), "a test"))
    }

    fn keys(current: &str, previous: Option<&str>, folder: &Path) -> Sealer {
        let config = Sealing {
            key: key(current),
            previous_key: previous.and_then(key),
        };
        sealer(&config, folder).unwrap()
    }

    #[test]
    fn what_was_set_comes_back_and_nothing_of_it_is_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let sealer = keys("a", None, folder.path());
        for version in 1..=2 {
            let set = store.transact(|tx| set(tx, &sealer, "ehr", b"correct horse", BY));
            assert_eq!(set.unwrap(), version);
        }
        let opened = store.look(|tx| get(tx, &sealer, "ehr")).unwrap();
        assert_eq!(opened.as_slice(), b"correct horse");
        let unset = store.look(|tx| get(tx, &sealer, "other")).unwrap_err();
        assert!(unset.to_string().contains("velum secrets set other"));
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(5).any(|window| window == b"horse"));
        }
        assert!(store.transact(|tx| remove(tx, "ehr", BY)).unwrap());
        assert!(!store.transact(|tx| remove(tx, "ehr", BY)).unwrap());
        let done = store.look(|tx| tx.administration_not_audited()).unwrap();
        let events: Vec<_> = done.iter().map(|done| done.event.as_str()).collect();
        assert_eq!(events, ["secret_set", "secret_set", "secret_removed"]);
        store.transact(|tx| tx.mark_administration(&done)).unwrap();
        assert!(
            store
                .look(|tx| tx.administration_not_audited())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_sealed_secret_opens_under_its_own_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let sealer = keys("a", None, folder.path());
        let moved = store.transact(|tx| {
            set(tx, &sealer, "one", b"secret", BY)?;
            let one = tx.secret("one")?.unwrap();
            tx.set_secret("two", &one.sealed, BY.1, BY.0)?;
            get(tx, &sealer, "two")
        });
        let refused = moved.map(|_| ()).unwrap_err();
        assert!(matches!(refused, SecretError::Seal(_, SealError::Forged)));
    }

    #[test]
    fn rotation_leaves_nothing_under_the_key_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let old = keys("a", None, folder.path());
        for name in ["one", "two"] {
            store
                .transact(|tx| set(tx, &old, name, b"secret", BY))
                .unwrap();
        }
        let new = keys("b", None, folder.path());
        assert!(store.transact(|tx| rotate(tx, &new, BY)).is_err());
        assert!(
            store.look(|tx| get(tx, &old, "one")).is_ok(),
            "none has changed"
        );
        let both = keys("b", Some("a"), folder.path());
        assert_eq!(store.transact(|tx| rotate(tx, &both, BY)).unwrap(), 2);
        assert!(store.look(|tx| get(tx, &new, "two")).is_ok());
        assert!(store.look(|tx| get(tx, &old, "two")).is_err());
    }
}
