//! Keyed tokens: the same value gives the same token, and no token gives its value away.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256, truncated to 96 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub [u8; 12]);

impl Token {
    /// 24 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The key of a log. Cloned for every value, which is cheaper than keying anew.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// A key from 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        // RFC 2104: a key shorter than the block is padded with zeros.
        let mut block = [0; 64];
        block[..32].copy_from_slice(secret);
        Self(Hmac::new(&block.into()))
    }

    /// The token of a whole value.
    pub fn token(&self, value: &[u8]) -> Token {
        let mut mac = self.0.clone();
        mac.update(value);
        finish(mac)
    }

    /// The token of a value that comes in parts.
    pub fn start(&self) -> TokenStream {
        TokenStream(self.0.clone())
    }
}

/// See [`TokenKey::start`].
pub struct TokenStream(Hmac<Sha256>);

impl TokenStream {
    /// The next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The token of all parts.
    pub fn finish(self) -> Token {
        finish(self.0)
    }
}

fn finish(mac: Hmac<Sha256>) -> Token {
    let digest = mac.finalize().into_bytes();
    let mut token = [0; 12];
    token.copy_from_slice(&digest[..12]);
    Token(token)
}
