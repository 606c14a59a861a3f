//! Makes tokens: good ones, and whatever a forger would write. Shared with the end-to-end tests.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each of its users needs a part, and what fails here fails a test"
)]

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use rcgen::{KeyPair, PublicKeyData, RsaKeySize, SigningKey};
use serde_json::{Value, json};

/// A key pair with a name.
pub struct Signer {
    pub id: String,
    pub algorithm: &'static str,
    pair: KeyPair,
}

impl Signer {
    pub fn rsa(id: &str) -> Self {
        let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
        Self::new(id, "RS256", pair.unwrap())
    }

    pub fn p256(id: &str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
        Self::new(id, "ES256", pair.unwrap())
    }

    pub fn p384(id: &str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384);
        Self::new(id, "ES384", pair.unwrap())
    }

    pub fn ed25519(id: &str) -> Self {
        Self::new(
            id,
            "EdDSA",
            KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
        )
    }

    fn new(id: &str, algorithm: &'static str, pair: KeyPair) -> Self {
        let id = id.to_owned();
        Self {
            id,
            algorithm,
            pair,
        }
    }

    /// The public key in PEM, which is what a confused verifier takes for a shared secret.
    pub fn public_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    /// The public key in a key set.
    pub fn jwk(&self) -> Value {
        let raw = self.pair.der_bytes();
        let mut jwk = match self.algorithm {
            "RS256" => {
                let (sequence, _) = der(raw);
                let (modulus, rest) = der(sequence);
                let (exponent, _) = der(rest);
                json!({ "kty": "RSA", "n": encode(unsigned(modulus)), "e": encode(exponent) })
            }
            "EdDSA" => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(raw) }),
            _ => {
                let (x, y) = raw[1..].split_at(raw.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
            }
        };
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The header that its tokens have.
    pub fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "typ": "JWT", "kid": self.id })
    }

    /// A signature as a token has it, of any bytes.
    pub fn sign(&self, signed: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(signed).unwrap();
        let size = match self.algorithm {
            "ES256" => 32,
            "ES384" => 48,
            _ => return signature,
        };
        let (sequence, _) = der(&signature);
        let (r, rest) = der(sequence);
        let (s, _) = der(rest);
        let mut raw = Vec::new();
        for number in [unsigned(r), unsigned(s)] {
            raw.resize(raw.len() + size - number.len(), 0);
            raw.extend_from_slice(number);
        }
        raw
    }

    /// A signed token of these texts, whatever they are.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encode(&signature))
    }

    /// A signed token.
    pub fn token(&self, claims: &Value) -> String {
        self.token_of(&self.header().to_string(), &claims.to_string())
    }
}

/// The JSON of a key set.
pub fn key_set(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// base64url without padding.
pub fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The value with members put in or, for null, taken out.
pub fn with(value: &Value, changes: &Value) -> Value {
    let mut value = value.clone();
    for (name, change) in changes.as_object().unwrap() {
        let members = value.as_object_mut().unwrap();
        match change.is_null() {
            true => drop(members.remove(name)),
            false => drop(members.insert(name.clone(), change.clone())),
        }
    }
    value
}

/// Content of the first DER element, and what follows it.
fn der(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match bytes[1] {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 0x7f);
            let digits = bytes[2..2 + count].iter();
            let length = digits.fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, 2 + count)
        }
    };
    (&bytes[start..start + length], &bytes[start + length..])
}

/// A DER integer without the zero of its sign.
fn unsigned(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        bytes => bytes,
    }
}
