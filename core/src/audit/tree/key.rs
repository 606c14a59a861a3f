//! Keys of signed notes: verifier keys as texts, and signers (C2SP signed-note).
//!
//! `<name>+<key id in hexadecimal>+<Base64 of type ‖ public key>`

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::{from_base64, to_base64};

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The text of a note: a log's key.
    Ed25519,
    /// A checkpoint with a time: a witness' key.
    Cosignature,
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            KeyKind::Ed25519 => 0x01,
            KeyKind::Cosignature => 0x04,
        }
    }
}

/// The first four bytes of SHA-256(name ‖ LF ‖ type ‖ public key): tells keys of a name apart,
/// and proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It has not the three parts.
    Form,
    /// The name is empty, or has a space, a plus or a control character.
    Name,
    /// The key id is not that of this name and key.
    Id,
    /// A type of key that Velum does not know, such as ML-DSA-44.
    Kind(u8),
    /// Not a point of the curve, or one of small order.
    Point,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Form => f.write_str("a verifier key is <name>+<8 hex digits>+<Base64>"),
            KeyError::Name => {
                f.write_str("the name of a key is not empty and has no space, plus or control")
            }
            KeyError::Id => f.write_str("the key id is not that of this name and public key"),
            KeyError::Kind(kind) => write!(
                f,
                "a key of type {kind:#04x}; known are 0x01 (Ed25519) and 0x04 (cosignatures)"
            ),
            KeyError::Point => f.write_str("the public key is no Ed25519 key"),
        }
    }
}

impl std::error::Error for KeyError {}

/// A public key with the name that signs by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    kind: KeyKind,
    key: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, kind: KeyKind, public: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let key = VerifyingKey::from_bytes(public).map_err(|_| KeyError::Point)?;
        if key.is_weak() {
            return Err(KeyError::Point);
        }
        Ok(Self {
            name: name.to_owned(),
            id: key_id(name, kind, public),
            kind,
            key,
        })
    }

    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let data = from_base64(data).ok_or(KeyError::Form)?;
        let (kind, public) = data.split_first().ok_or(KeyError::Form)?;
        let kind = match kind {
            0x01 => KeyKind::Ed25519,
            0x04 => KeyKind::Cosignature,
            other => return Err(KeyError::Kind(*other)),
        };
        let public = public.try_into().map_err(|_| KeyError::Point)?;
        let key = Self::new(name, kind, public)?;
        match key.id.to_string() == id {
            true => Ok(key),
            false => Err(KeyError::Id),
        }
    }

    /// Whose key it is; a log's key has the name of its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The bytes of the public key.
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Verifies a signature; such keys and signatures as several verifiers might judge
    /// differently are refused.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        self.key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut data = vec![self.kind.byte()];
        data.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, to_base64(&data))
    }
}

/// A secret key with the name that signs by it. Wiped when it is dropped.
pub struct NoteSigner {
    verifier: VerifierKey,
    secret: SigningKey,
}

impl NoteSigner {
    /// A signer from 32 secret bytes (RFC 8032's private key).
    ///
    /// # Errors
    /// If the name is none.
    pub fn new(name: &str, kind: KeyKind, secret: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = SigningKey::from_bytes(secret);
        let verifier = VerifierKey::new(name, kind, secret.verifying_key().as_bytes())?;
        Ok(Self { verifier, secret })
    }

    /// The key that others verify by.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

/// Not empty, without Unicode spaces, plus signs and control characters.
pub fn is_name(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !text.is_empty() && !text.contains(bad)
}

fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> KeyId {
    let hasher = Sha256::new_with_prefix(name).chain_update(b"\n");
    let digest = hasher
        .chain_update([kind.byte()])
        .chain_update(public)
        .finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
    KeyId([a, b, c, d])
}
