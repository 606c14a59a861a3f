//! JSON Web Key Sets, RFC 7517: what of them can verify a signature.
//!
//! A set may hold keys for other uses and of kinds that are unknown here; such are left out. A
//! document that is malformed itself is refused whole.

use std::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::DecodingKey;
use velum_core::identity::Rejection;
use velum_core::identity::claims::{Claim, Claims};
use velum_core::identity::token::{Algorithm, Family, Token};

/// Keys that a set may hold.
const KEYS: usize = 64;
/// Bytes of an RSA modulus: 2,048 to 8,192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;
/// Bytes of an RSA exponent: the larger, the slower.
const EXPONENT_BYTES: usize = 4;

/// The keys of an issuer, in its order.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// One public key.
#[derive(Clone)]
struct Key {
    id: Option<String>,
    family: Family,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// Why a document is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKeySet(&'static str);

impl fmt::Display for NoKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NoKeySet {}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet({} keys)", self.keys.len())
    }
}

impl KeySet {
    /// Reads the JSON of a set.
    ///
    /// # Errors
    /// What is not `{"keys": [{…}, …]}`, has two meanings, or has more than 64 keys.
    pub fn read(json: &[u8]) -> Result<Self, NoKeySet> {
        let document = Claims::read(json, Rejection::ClaimsNotJson);
        let document = document.map_err(|_| NoKeySet("not a JSON object with one meaning"))?;
        let Some(Claim::List(items)) = document.get("keys") else {
            return Err(NoKeySet("it has no list of keys"));
        };
        if items.len() > KEYS {
            return Err(NoKeySet("it has more than 64 keys"));
        }
        let mut keys = Vec::new();
        for item in items {
            let Claim::Object(jwk) = item else {
                return Err(NoKeySet("a key of it is no JSON object"));
            };
            keys.extend(Key::read(jwk));
        }
        Ok(Self { keys })
    }

    /// True if nothing can be verified by it.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Is the signature of the token by one of the keys that it may be by?
    ///
    /// # Errors
    /// [`Rejection::KeyUnknown`], [`Rejection::KeyIdMissing`], [`Rejection::KeyMismatch`],
    /// [`Rejection::SignatureWrong`].
    pub fn verify(&self, token: &Token<'_>) -> Result<(), Rejection> {
        let mut fitting = self.candidates(token)?.into_iter();
        match fitting.any(|key| key.verifies(token)) {
            true => Ok(()),
            false => Err(Rejection::SignatureWrong),
        }
    }

    /// An id is compared and nothing else, so that it does not matter what is in it.
    fn candidates(&self, token: &Token<'_>) -> Result<Vec<&Key>, Rejection> {
        let named: Vec<&Key> = match &token.key_id {
            Some(id) => self
                .keys
                .iter()
                .filter(|key| key.id.as_ref() == Some(id))
                .collect(),
            None => self.keys.iter().collect(),
        };
        if named.is_empty() {
            return Err(Rejection::KeyUnknown);
        }
        let fitting: Vec<&Key> = named
            .into_iter()
            .filter(|key| key.is_for(token.algorithm))
            .collect();
        match (fitting.len(), &token.key_id) {
            (0, _) => Err(Rejection::KeyMismatch),
            (2.., None) => Err(Rejection::KeyIdMissing),
            _ => Ok(fitting),
        }
    }
}

impl Key {
    /// `None`: it is for something else, or unusable.
    fn read(jwk: &Claims) -> Option<Self> {
        // A private part that everybody can read makes signatures worthless.
        if jwk.get("d").is_some() {
            return None;
        }
        match jwk.get("use") {
            None => {}
            Some(Claim::Text(usage)) if usage == "sig" => {}
            Some(_) => return None,
        }
        if let Some(operations) = jwk.get("key_ops") {
            let Claim::List(operations) = operations else {
                return None;
            };
            let verifies = |it: &Claim| matches!(it, Claim::Text(text) if text == "verify");
            if !operations.iter().any(verifies) {
                return None;
            }
        }
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(Claim::Text(name)) => {
                let known = Algorithm::ALL.iter().find(|(known, _)| known == name);
                Some(known.map(|(_, algorithm)| *algorithm)?)
            }
            Some(_) => return None,
        };
        let id = match jwk.get("kid") {
            None => None,
            Some(Claim::Text(id)) => Some(id.clone()),
            Some(_) => return None,
        };
        let (family, key) = public_key(jwk)?;
        Some(Self {
            id,
            family,
            algorithm,
            key,
        })
    }

    /// The kind of the key decides, and not what a token claims about it.
    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.family == algorithm.family() && self.algorithm.is_none_or(|own| own == algorithm)
    }

    fn verifies(&self, token: &Token<'_>) -> bool {
        let algorithm = match token.algorithm {
            Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
            Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
            Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
            Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
            Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
            Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
            Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        };
        let verified =
            jsonwebtoken::crypto::verify(token.signature, token.signed, &self.key, algorithm);
        verified.unwrap_or(false)
    }
}

/// RFC 7518 section 6 and RFC 8037 section 2.
fn public_key(jwk: &Claims) -> Option<(Family, DecodingKey)> {
    let (kind, curve) = (text(jwk, "kty")?, text(jwk, "crv"));
    let (family, key) = match (kind, curve) {
        ("RSA", None) => {
            let modulus = bytes(jwk, "n")?;
            let exponent = bytes(jwk, "e")?;
            let is_usable = MODULUS_BYTES.contains(&modulus.len())
                && modulus.first() != Some(&0)
                && (1..=EXPONENT_BYTES).contains(&exponent.len())
                && exponent != [1]
                && exponent.last().is_some_and(|last| last % 2 == 1);
            if !is_usable {
                return None;
            }
            let key = DecodingKey::from_rsa_components(text(jwk, "n")?, text(jwk, "e")?);
            (Family::Rsa, key)
        }
        ("EC", Some(curve @ ("P-256" | "P-384"))) => {
            let (family, size) = match curve {
                "P-256" => (Family::P256, 32),
                _ => (Family::P384, 48),
            };
            if bytes(jwk, "x")?.len() != size || bytes(jwk, "y")?.len() != size {
                return None;
            }
            let key = DecodingKey::from_ec_components(text(jwk, "x")?, text(jwk, "y")?);
            (family, key)
        }
        ("OKP", Some("Ed25519")) => {
            if bytes(jwk, "x")?.len() != 32 {
                return None;
            }
            (
                Family::Ed25519,
                DecodingKey::from_ed_components(text(jwk, "x")?),
            )
        }
        _ => return None,
    };
    Some((family, key.ok()?))
}

fn text<'j>(jwk: &'j Claims, name: &str) -> Option<&'j str> {
    match jwk.get(name) {
        Some(Claim::Text(text)) => Some(text),
        _ => None,
    }
}

fn bytes(jwk: &Claims, name: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text(jwk, name)?).ok()
}
