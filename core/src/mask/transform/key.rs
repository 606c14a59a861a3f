//! Keys of transforms: one for each purpose, derived from a secret.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Shortest secret that keys are derived from.
const SECRET_BYTES: usize = 32;
/// Names the derivation; another version of it gives other keys.
const SALT: &[u8] = b"velum transform keys 1";

/// A secret that keys of transforms are derived from. Wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<Vec<u8>>);

/// The secret is too short to derive keys from: it has fewer than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeakSecret;

impl fmt::Display for WeakSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key needs {SECRET_BYTES} bytes and more")
    }
}

impl std::error::Error for WeakSecret {}

/// What a key is for. Two purposes that differ in anything have keys that nobody can relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose<'a> {
    /// Name of the resource.
    pub resource: &'a str,
    /// Name of the identity; `None`: all identities have the key in common, so that they can join
    /// what they were given.
    pub identity: Option<&'a str>,
    /// Name of the transform.
    pub transform: &'a str,
    /// What the values are, such as `mrn`: columns of the same type can be joined.
    pub value_type: &'a str,
}

impl MasterKey {
    /// Takes a secret: at least 32 bytes that nobody can guess.
    ///
    /// # Errors
    /// If it has fewer.
    pub fn new(secret: &[u8]) -> Result<Self, WeakSecret> {
        match secret.len() {
            SECRET_BYTES.. => Ok(Self(Zeroizing::new(secret.to_vec()))),
            _ => Err(WeakSecret),
        }
    }

    /// The key for a purpose: HKDF-SHA-256 (RFC 5869).
    pub fn derive(&self, purpose: &Purpose<'_>) -> TransformKey {
        let mut info = Vec::new();
        let parts = [
            purpose.resource,
            purpose.identity.unwrap_or_default(),
            purpose.transform,
            purpose.value_type,
        ];
        for part in parts {
            // Lengths keep the parts apart.
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part.as_bytes());
        }
        info.push(u8::from(purpose.identity.is_some()));
        let (extracted, _) = Hkdf::<Sha256>::extract(Some(SALT), &self.0);
        // One block of the expansion, which is all that 32 bytes need and cannot fail.
        let mut mac = keyed(&extracted.into());
        mac.update(&info);
        mac.update(&[1]);
        TransformKey(Zeroizing::new(mac.finalize().into_bytes().into()))
    }
}

/// The key of one transform. Wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct TransformKey(Zeroizing<[u8; 32]>);

impl PartialEq for TransformKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for TransformKey {}

impl TransformKey {
    /// HMAC-SHA-256 of the parts, of which only the last may have any length.
    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = keyed(&self.0);
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The key itself.
    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104: a key shorter than the block is padded with zeros.
    let mut block = Zeroizing::new([0; 64]);
    if let Some(start) = block.first_chunk_mut() {
        *start = *key;
    }
    Hmac::new((&*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Purpose<'static> = Purpose {
        resource: "ehr",
        identity: None,
        transform: "hmac",
        value_type: "mrn",
    };

    #[test]
    fn keys_differ_by_every_part_of_their_purpose() {
        let master = MasterKey::new(&[7; 32]).unwrap();
        let purposes = [
            PURPOSE,
            Purpose {
                resource: "lab",
                ..PURPOSE
            },
            Purpose {
                identity: Some(""),
                ..PURPOSE
            },
            Purpose {
                identity: Some("agent"),
                ..PURPOSE
            },
            Purpose {
                transform: "ff1",
                ..PURPOSE
            },
            Purpose {
                value_type: "ssn",
                ..PURPOSE
            },
            Purpose {
                transform: "hmacm",
                value_type: "rn",
                ..PURPOSE
            },
        ];
        for (index, one) in purposes.iter().enumerate() {
            for (other_index, other) in purposes.iter().enumerate() {
                let is_same = master.derive(one) == master.derive(other);
                assert_eq!(is_same, index == other_index, "{one:?} {other:?}");
            }
        }
        let other = MasterKey::new(&[8; 32]).unwrap();
        assert!(master.derive(&PURPOSE) != other.derive(&PURPOSE));
    }

    #[test]
    fn the_derivation_is_that_of_hkdf() {
        let master = MasterKey::new(&[7; 40]).unwrap();
        let mut info = Vec::new();
        for part in ["ehr", "", "hmac", "mrn"] {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part.as_bytes());
        }
        info.push(0);
        let mut wanted = [0; 32];
        let hkdf = Hkdf::<Sha256>::new(Some(SALT), &[7; 40]);
        hkdf.expand(&info, &mut wanted).unwrap();
        assert_eq!(master.derive(&PURPOSE).expose(), &wanted);
    }

    #[test]
    fn short_secrets_are_refused() {
        assert_eq!(MasterKey::new(&[7; 31]).err(), Some(WeakSecret));
    }
}
