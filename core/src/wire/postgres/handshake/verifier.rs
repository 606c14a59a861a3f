//! What is kept of a password: RFC 5803 in PostgreSQL's spelling.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::Zeroizing;

use super::scram::{self, Key};

/// Longest salt that a verifier or a server may have.
pub(super) const SALT_BYTES: usize = 1_024;

/// A SCRAM-SHA-256 verifier: enough to check a proof, not enough to make one.
///
/// Spelled `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` with base64 parts, as in
/// PostgreSQL's `pg_authid.rolpassword`. No `Debug`: it can be attacked offline.
#[derive(Clone)]
pub struct ScramVerifier {
    pub(super) iterations: u32,
    pub(super) salt: Vec<u8>,
    pub(super) stored_key: Zeroizing<Key>,
    pub(super) server_key: Zeroizing<Key>,
}

/// The text is not a verifier. Says which part is wrong, never what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidVerifier {
    /// A fixed text.
    pub what: &'static str,
}

impl fmt::Display for InvalidVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a SCRAM-SHA-256 verifier: {}", self.what)
    }
}

impl std::error::Error for InvalidVerifier {}

impl ScramVerifier {
    /// Iterations that PostgreSQL uses by default (`scram_iterations`).
    pub const DEFAULT_ITERATIONS: u32 = 4_096;

    /// Reads PostgreSQL's spelling.
    ///
    /// # Errors
    /// Another mechanism, a missing part, no iterations, an empty or overlong salt, or a key
    /// that is not 32 bytes of base64.
    pub fn parse(text: &str) -> Result<Self, InvalidVerifier> {
        let wrong = |what| InvalidVerifier { what };
        let rest = text
            .strip_prefix("SCRAM-SHA-256$")
            .ok_or(wrong("it does not begin with SCRAM-SHA-256$"))?;
        let (recipe, keys) = rest.split_once('$').ok_or(wrong("the keys are missing"))?;
        let (iterations, salt) = recipe.split_once(':').ok_or(wrong("the salt is missing"))?;
        let (stored, server) = keys
            .split_once(':')
            .ok_or(wrong("the server key is missing"))?;
        let iterations = scram::parse_iterations(iterations.as_bytes())
            .ok_or(wrong("the iterations are not a positive number"))?;
        let salt = BASE64_STANDARD
            .decode(salt)
            .map_err(|_| wrong("the salt is not base64"))?;
        if salt.is_empty() || salt.len() > SALT_BYTES {
            return Err(wrong("the salt is empty or too long"));
        }
        let stored_key = scram::decode_key(stored.as_bytes())
            .ok_or(wrong("the stored key is not 32 bytes in base64"))?;
        let server_key = scram::decode_key(server.as_bytes())
            .ok_or(wrong("the server key is not 32 bytes in base64"))?;
        Ok(Self {
            iterations,
            salt,
            stored_key,
            server_key,
        })
    }

    /// Derives the verifier of a password. The salt is an argument because this crate draws no
    /// random numbers. Costs `iterations` rounds of HMAC, and at least one.
    ///
    /// Use 16 random bytes and [`Self::DEFAULT_ITERATIONS`]: that is what a stranger is shown,
    /// so an account with other figures can be told from none.
    pub fn build(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let iterations = iterations.max(1);
        let keys = scram::derive(password, salt, iterations);
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: Zeroizing::new(scram::sha256(&*keys.client_key)),
            server_key: keys.server_key,
        }
    }

    /// The salt, for another verifier that is to have the same.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Do clients of both read the same question?
    pub(super) fn asks_as(&self, other: &Self) -> bool {
        self.iterations == other.iterations && self.salt == other.salt
    }

    /// PostgreSQL's spelling, for a secret file.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            BASE64_STANDARD.encode(&self.salt),
            BASE64_STANDARD.encode(self.stored_key.as_slice()),
            BASE64_STANDARD.encode(self.server_key.as_slice()),
        ))
    }

    /// A verifier for a user that does not exist: always the same for the same name and secret,
    /// so that asking twice tells nothing. No password is known that fits it.
    pub(super) fn mock(user: &str, secret: &Key) -> Self {
        let salt = scram::hmac(secret, &[b"salt", user.as_bytes()]);
        let (salt, _) = salt.split_at(16);
        Self {
            iterations: Self::DEFAULT_ITERATIONS,
            salt: salt.to_vec(),
            stored_key: Zeroizing::new(scram::hmac(secret, &[b"stored", user.as_bytes()])),
            server_key: Zeroizing::new(scram::hmac(secret, &[b"server", user.as_bytes()])),
        }
    }
}
