//! Sealing: AES-256-GCM over what is on disk and nobody else may read.
//!
//! ```text
//!  secret ─ HKDF-SHA-256 (purpose) ─▶ key and its id
//!  sealed = version u8 = 1 | key id (8 bytes) | nonce (12 bytes) | ciphertext | tag (16 bytes)
//! ```
//!
//! Each purpose has a key of its own. The context of what is sealed, such as its name, is
//! authenticated with it, so that nothing opens in another's place.

use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, MAX_TAG_LEN, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{self, HKDF_SHA256, KeyType};
use zeroize::Zeroizing;

use crate::audit::key::{made_once, random};
use crate::config::model::Sealing;

/// Shortest secret that keys are derived from.
pub const SECRET_BYTES: usize = 32;
/// File in the data directory.
const FILE: &str = "sealing.key";
/// Names the derivation; another version of it gives other keys.
const SALT: &[u8] = b"velum sealing keys 1";
const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const KEY_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + ID_BYTES + NONCE_LEN;

/// Why something does not open, or there is no key.
#[derive(Debug)]
pub enum SealError {
    /// It is not of a form that is sealed here.
    Malformed,
    /// It was sealed by a key that is not configured.
    OtherKey,
    /// It was changed, or belongs elsewhere.
    Forged,
    /// The key in the data directory cannot be read or made.
    NoKey(std::io::Error),
    /// The library refused.
    Failed,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::Malformed => f.write_str("this was not sealed by Velum, or was cut"),
            SealError::OtherKey => {
                f.write_str("this was sealed by another key: give it as `previous_key`")
            }
            SealError::Forged => f.write_str("this was changed since it was sealed"),
            SealError::NoKey(error) => write!(f, "there is no sealing key: {error}"),
            SealError::Failed => f.write_str("the cryptographic library refused"),
        }
    }
}

impl std::error::Error for SealError {}

/// The keys that are configured: one that seals and opens, and while keys are exchanged the one
/// before, which opens. Wiped when dropped, never shown.
pub struct SealingKeys {
    current: Zeroizing<Vec<u8>>,
    previous: Option<Zeroizing<Vec<u8>>>,
}

impl SealingKeys {
    /// The configured keys, or the one in the data directory, which is made at the first use and
    /// readable by its owner only.
    ///
    /// # Errors
    /// [`SealError::NoKey`]
    pub fn load(config: &Sealing, data_directory: &Path) -> Result<Self, SealError> {
        let current = match &config.key {
            Some(key) => key.expose_owned(),
            None => made_once(data_directory, FILE, || {
                Ok(Zeroizing::new(random()?.to_vec()))
            })
            .map_err(SealError::NoKey)?,
        };
        let previous = config.previous_key.as_ref().map(|key| key.expose_owned());
        Ok(Self { current, previous })
    }

    /// What seals and opens for one purpose, such as `recordings`.
    ///
    /// # Errors
    /// [`SealError::Failed`]
    pub fn sealer(&self, purpose: &str) -> Result<Sealer, SealError> {
        let previous = self.previous.as_ref();
        Ok(Sealer {
            current: Key::derive(&self.current, purpose)?,
            previous: previous.map(|key| Key::derive(key, purpose)).transpose()?,
        })
    }
}

/// Seals and opens for one purpose.
pub struct Sealer {
    current: Key,
    previous: Option<Key>,
}

impl Sealer {
    /// A sealer by a key of its own that is used nowhere else, such as that of one session.
    ///
    /// # Errors
    /// [`SealError::Failed`]
    pub fn of_key(key: &[u8; KEY_BYTES]) -> Result<Self, SealError> {
        let current = Key::derive(key, "one key")?;
        Ok(Self {
            current,
            previous: None,
        })
    }

    /// Seals `plain` as what `context` names.
    ///
    /// # Errors
    /// [`SealError::Failed`]
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut body = Vec::with_capacity(plain.len() + MAX_TAG_LEN);
        body.extend_from_slice(plain);
        let key = &self.current;
        let sealed = key
            .key
            .seal_in_place_append_tag(Aad::from(context), &mut body);
        let nonce = sealed.map_err(|_| SealError::Failed)?;
        let mut out = Vec::with_capacity(HEAD_BYTES + body.len());
        out.push(VERSION);
        out.extend_from_slice(&key.id);
        out.extend_from_slice(nonce.as_ref());
        out.append(&mut body);
        Ok(out)
    }

    /// Opens what was sealed as what `context` names.
    ///
    /// # Errors
    /// [`SealError::Malformed`], [`SealError::OtherKey`], [`SealError::Forged`]
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (head, body) = sealed
            .split_at_checked(HEAD_BYTES)
            .ok_or(SealError::Malformed)?;
        let (version, head) = head.split_first().ok_or(SealError::Malformed)?;
        let (id, nonce) = head
            .split_at_checked(ID_BYTES)
            .ok_or(SealError::Malformed)?;
        if *version != VERSION {
            return Err(SealError::Malformed);
        }
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.find(|key| key.id == *id).ok_or(SealError::OtherKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let opened = key.key.open_in_place(nonce, Aad::from(context), &mut plain);
        let length = opened.map_err(|_| SealError::Forged)?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

struct Key {
    id: [u8; ID_BYTES],
    key: RandomizedNonceKey,
}

/// Bytes that HKDF is asked for.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Key {
    fn derive(secret: &[u8], purpose: &str) -> Result<Self, SealError> {
        let extracted = hkdf::Salt::new(HKDF_SHA256, SALT).extract(secret);
        let mut bytes = Zeroizing::new([0; KEY_BYTES + ID_BYTES]);
        let info = [purpose.as_bytes()];
        let filled = extracted
            .expand(&info, Length(KEY_BYTES + ID_BYTES))
            .and_then(|expanded| expanded.fill(&mut *bytes));
        filled.map_err(|_| SealError::Failed)?;
        let (key, id) = bytes.split_at(KEY_BYTES);
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Failed)?;
        let id = id.try_into().map_err(|_| SealError::Failed)?;
        Ok(Self { id, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: &[u8], previous: Option<&[u8]>) -> SealingKeys {
        SealingKeys {
            current: Zeroizing::new(current.to_vec()),
            previous: previous.map(|key| Zeroizing::new(key.to_vec())),
        }
    }

    fn sealer(current: u8, previous: Option<u8>, purpose: &str) -> Sealer {
        let previous = previous.map(|byte| [byte; SECRET_BYTES]);
        let keys = keys(
            &[current; SECRET_BYTES],
            previous.as_ref().map(|key| key.as_slice()),
        );
        keys.sealer(purpose)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn sealed(sealer: &Sealer, plain: &[u8]) -> Vec<u8> {
        let sealed = sealer.seal(b"name", plain);
        sealed.unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_is_sealed_opens_as_what_it_is_alone() {
        let one = sealer(1, None, "one");
        let text = sealed(&one, b"a secret of somebody");
        assert!(!text.windows(6).any(|window| window == b"secret"));
        let opened = one.open(b"name", &text).map(|plain| plain.to_vec());
        assert!(matches!(opened, Ok(plain) if plain == b"a secret of somebody"));
        assert!(matches!(one.open(b"other", &text), Err(SealError::Forged)));
        let two = sealer(1, None, "two");
        assert!(matches!(two.open(b"name", &text), Err(SealError::OtherKey)));
    }

    #[test]
    fn every_bit_counts() {
        let sealer = sealer(1, None, "one");
        let text = sealed(&sealer, b"short");
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(b"name", &changed).is_err(), "bit {bit}");
        }
        for length in 0..text.len() {
            assert!(sealer.open(b"name", &text[..length]).is_err());
        }
    }

    #[test]
    fn the_key_before_opens_and_seals_no_more() {
        let old = sealed(&sealer(1, None, "one"), b"x");
        let exchanged = sealer(2, Some(1), "one");
        assert!(exchanged.open(b"name", &old).is_ok());
        let new = sealed(&exchanged, b"x");
        let (before, after) = (sealer(1, None, "one"), sealer(2, None, "one"));
        assert!(matches!(
            before.open(b"name", &new),
            Err(SealError::OtherKey)
        ));
        assert!(after.open(b"name", &new).is_ok());
    }
}
