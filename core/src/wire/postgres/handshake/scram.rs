//! What both sides of SCRAM-SHA-256 share: key derivation, proofs, message attributes.
//!
//! ```text
//! SaltedPassword = PBKDF2(SASLprep(password), salt, i)
//! ClientKey      = HMAC(SaltedPassword, "Client Key")      StoredKey = H(ClientKey)
//! ServerKey      = HMAC(SaltedPassword, "Server Key")
//! AuthMessage    = client-first-bare "," server-first "," client-final-without-proof
//! ClientProof    = ClientKey XOR HMAC(StoredKey, AuthMessage)
//! ServerSignature = HMAC(ServerKey, AuthMessage)
//! ```
//! RFC 5802 section 3, RFC 7677.

use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::stack;

/// The mechanism without channel binding.
pub(super) const PLAIN: &str = "SCRAM-SHA-256";
/// The mechanism with channel binding.
pub(super) const PLUS: &str = "SCRAM-SHA-256-PLUS";
/// The GS2 flag of a client that binds to the server's certificate, RFC 5929 section 4.
pub(super) const BOUND_FLAG: &[u8] = b"p=tls-server-end-point";
/// The whole GS2 header of a client that binds.
pub(super) const BOUND_HEADER: &str = "p=tls-server-end-point,,";
/// Longest SCRAM message; PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH.
pub(super) const MESSAGE_BYTES: usize = 1_024;
/// Longest nonce of one side, in characters; PostgreSQL and its drivers use 24.
pub(super) const NONCE_BYTES: usize = 256;

/// A SHA-256 value: a key, a proof or a signature.
pub(super) type Key = [u8; 32];

/// The two keys that a password gives with one salt.
#[derive(Clone)]
pub(super) struct DerivedKeys {
    pub(super) client_key: Zeroizing<Key>,
    pub(super) server_key: Zeroizing<Key>,
}

/// The keys of an earlier login, so that PBKDF2 is not paid for every connection.
///
/// They fit one password, salt and iteration count; with others they are not used, so a stale
/// value costs time and nothing else. As good as the password: wiped on drop, no `Debug`.
#[derive(Clone)]
pub struct ScramKeys {
    /// SHA-256 of the password that they were derived from.
    password: Zeroizing<Key>,
    salt: Vec<u8>,
    iterations: u32,
    keys: DerivedKeys,
}

impl ScramKeys {
    /// Derives keys: slow on purpose.
    pub(super) fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        Self {
            password: Zeroizing::new(sha256(password)),
            salt: salt.to_vec(),
            iterations,
            keys: derive(password, salt, iterations),
        }
    }

    /// True if they are what `derive` would give.
    pub(super) fn fit(&self, password: &[u8], salt: &[u8], iterations: u32) -> bool {
        self.iterations == iterations
            && self.salt == salt
            && equal(&self.password, &sha256(password))
    }

    pub(super) fn keys(&self) -> &DerivedKeys {
        &self.keys
    }
}

/// SHA-256 of a text.
pub(super) fn sha256(bytes: &[u8]) -> Key {
    Sha256::digest(bytes).into()
}

/// HMAC-SHA-256 over the parts, one after the other.
pub(super) fn hmac(key: &Key, parts: &[&[u8]]) -> Key {
    // RFC 2104: a key shorter than the block is padded with zeros.
    let mut block = Zeroizing::new([0u8; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// ClientKey and ServerKey of a password. `iterations` is at least 1.
pub(super) fn derive(password: &[u8], salt: &[u8], iterations: u32) -> DerivedKeys {
    let password = prepare(password);
    let mut salted = Zeroizing::new([0u8; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(&password, salt, iterations.max(1), &mut *salted);
    let derived = DerivedKeys {
        client_key: Zeroizing::new(hmac(&salted, &[b"Client Key"])),
        server_key: Zeroizing::new(hmac(&salted, &[b"Server Key"])),
    };
    // HMAC has had the password in a block of its own.
    stack::wipe();
    derived
}

/// SASLprep, RFC 4013. What is not UTF-8 or holds prohibited characters is used as it stands,
/// as PostgreSQL and libpq do.
fn prepare(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = std::str::from_utf8(password)
        .ok()
        .and_then(|text| stringprep::saslprep(text).ok())
        .map(|text| text.into_owned().into_bytes());
    Zeroizing::new(prepared.unwrap_or_else(|| password.to_vec()))
}

/// `key XOR signature`: a proof from a key, or the key back from a proof.
pub(super) fn xor(key: &Key, signature: &Key) -> Key {
    let mut out = *key;
    for (to, from) in out.iter_mut().zip(signature) {
        *to ^= from;
    }
    out
}

/// Compares in constant time.
pub(super) fn equal(left: &Key, right: &Key) -> bool {
    left.ct_eq(right).into()
}

/// 32 bytes of base64.
pub(super) fn decode_key(text: &[u8]) -> Option<Zeroizing<Key>> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// A positive decimal number without sign or leading zero.
pub(super) fn parse_iterations(text: &[u8]) -> Option<u32> {
    let well_formed = text.iter().all(u8::is_ascii_digit) && text.first() != Some(&b'0');
    if !well_formed {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// RFC 5802 section 5.1: printable ASCII without comma.
pub(super) fn is_nonce(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|&byte| byte.is_ascii_graphic() && byte != b',')
}

/// Walks over the `name=value` attributes of a message.
pub(super) struct Attributes<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Attributes<'a> {
    /// Starts at the first attribute of `message`.
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self {
            rest: Some(message),
        }
    }

    /// The value of the next attribute, which must be called `name`.
    pub(super) fn expect(&mut self, name: u8) -> Option<&'a [u8]> {
        match self.next()? {
            Some((found, value)) if found == name => Some(value),
            _ => None,
        }
    }

    /// The next attribute; `Some(None)` at the end, `None` if it is malformed.
    #[expect(
        clippy::option_option,
        reason = "malformed and ended are different answers"
    )]
    pub(super) fn next(&mut self) -> Option<Option<(u8, &'a [u8])>> {
        let Some(rest) = self.rest else {
            return Some(None);
        };
        let attribute = match memchr::memchr(b',', rest) {
            Some(comma) => {
                self.rest = rest.get(comma + 1..);
                rest.get(..comma)?
            }
            None => {
                self.rest = None;
                rest
            }
        };
        match attribute {
            [name, b'=', value @ ..] if name.is_ascii_alphabetic() => Some(Some((*name, value))),
            _ => None,
        }
    }
}
