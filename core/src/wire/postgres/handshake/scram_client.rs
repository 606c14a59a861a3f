//! The client's side of SCRAM-SHA-256(-PLUS): Velum proves that it knows the database's
//! password, and has the database prove the same.

use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::Zeroizing;

use super::scram::{self, Attributes, BOUND_HEADER, Key, MESSAGE_BYTES, NONCE_BYTES, ScramKeys};
use super::verifier::SALT_BYTES;
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::limits;

/// One exchange.
pub(super) struct ScramClient {
    /// Our part of the nonce.
    nonce: String,
    /// The GS2 header: `n,,`, `y,,` or the bound one.
    header: &'static str,
    /// The header and, if bound, the hash of the server's certificate.
    binding: Vec<u8>,
    stage: Stage,
}

enum Stage {
    /// server-first-message is awaited.
    First,
    /// server-final-message is awaited, and must hold this signature.
    Final { signature: Zeroizing<Key> },
    /// Proven, or failed.
    Over,
}

/// What is known of the channel.
pub(super) enum Channel {
    /// No TLS, or TLS whose certificate has no hash: nothing to bind to.
    Unbound,
    /// We could bind, but the server does not offer PLUS. Saying so unmasks a downgrade.
    Refused,
    /// PLUS, with the hash of the server's certificate.
    Bound(Vec<u8>),
}

impl ScramClient {
    pub(super) fn new(nonce: &[u8; 18], channel: Channel) -> Self {
        let (header, hash) = match channel {
            Channel::Unbound => ("n,,", Vec::new()),
            Channel::Refused => ("y,,", Vec::new()),
            Channel::Bound(hash) => (BOUND_HEADER, hash),
        };
        let binding = [header.as_bytes(), hash.as_slice()].concat();
        Self {
            nonce: BASE64_STANDARD.encode(nonce),
            header,
            binding,
            stage: Stage::First,
        }
    }

    /// client-first-message. The user name is left empty, as libpq does: the StartupMessage's
    /// counts.
    pub(super) fn first(&self) -> String {
        format!("{}{}", self.header, self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Takes server-first-message and gives client-final-message, and the keys for the next
    /// login. `cached` spares PBKDF2 if it fits.
    pub(super) fn last(
        &mut self,
        message: &[u8],
        password: &[u8],
        cached: Option<ScramKeys>,
    ) -> Result<(String, ScramKeys), Fault> {
        let Stage::First = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(malformed());
        };
        let offer = ServerFirst::parse(message, &self.nonce)?;
        let keys = match cached {
            Some(keys) if keys.fit(password, &offer.salt, offer.iterations) => keys,
            _ => ScramKeys::derive(password, &offer.salt, offer.iterations),
        };
        let bare = self.first_bare();
        let unproven = format!(
            "c={},r={}",
            BASE64_STANDARD.encode(&self.binding),
            offer.nonce
        );
        let said: [&[u8]; 5] = [bare.as_bytes(), b",", message, b",", unproven.as_bytes()];
        let stored_key = Zeroizing::new(scram::sha256(&*keys.keys().client_key));
        let proof = scram::xor(&keys.keys().client_key, &scram::hmac(&stored_key, &said));
        let signature = Zeroizing::new(scram::hmac(&keys.keys().server_key, &said));
        self.stage = Stage::Final { signature };
        Ok((
            format!("{unproven},p={}", BASE64_STANDARD.encode(proof)),
            keys,
        ))
    }

    /// Takes server-final-message: only a server that knows the password can write it.
    pub(super) fn verify(&mut self, message: &[u8]) -> Result<(), Fault> {
        let Stage::Final { signature } = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(malformed());
        };
        let mut attributes = Attributes::new(message);
        match attributes.next().ok_or_else(malformed)? {
            Some((b'v', said)) => {
                let said = scram::decode_key(said).ok_or_else(malformed)?;
                if !scram::equal(&said, &signature) {
                    return Err(violation("incorrect SCRAM server signature"));
                }
            }
            Some((b'e', _)) => {
                return Err(Refusal::new(
                    SqlState::CONNECTION_FAILURE,
                    "the database refused the gateway's SCRAM proof",
                )
                .with_hint("Check the password of this resource in the gateway's configuration.")
                .into());
            }
            _ => return Err(malformed()),
        }
        Ok(())
    }
}

/// server-first-message: `r=<nonce>,s=<salt>,i=<iterations>`.
struct ServerFirst<'a> {
    /// Both parts.
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> ServerFirst<'a> {
    fn parse(message: &'a [u8], our_nonce: &str) -> Result<Self, Fault> {
        if message.len() > MESSAGE_BYTES + NONCE_BYTES + SALT_BYTES * 2 || message.contains(&0) {
            return Err(malformed());
        }
        let mut attributes = Attributes::new(message);
        let nonce = attributes.expect(b'r').ok_or_else(malformed)?;
        let salt = attributes.expect(b's').ok_or_else(malformed)?;
        let iterations = attributes.expect(b'i').ok_or_else(malformed)?;
        while attributes.next().ok_or_else(malformed)?.is_some() {} // Optional extensions.
        let added = nonce.strip_prefix(our_nonce.as_bytes());
        if !added.is_some_and(|added| scram::is_nonce(added) && added.len() <= NONCE_BYTES) {
            return Err(violation("invalid SCRAM nonce"));
        }
        let nonce = std::str::from_utf8(nonce).map_err(|_| malformed())?;
        let salt = BASE64_STANDARD.decode(salt).map_err(|_| malformed())?;
        if salt.is_empty() || salt.len() > SALT_BYTES {
            return Err(malformed());
        }
        let iterations = scram::parse_iterations(iterations).ok_or_else(malformed)?;
        if iterations > limits::SCRAM_ITERATIONS {
            return Err(Refusal::new(
                SqlState::CONNECTION_FAILURE,
                "the database asks for too many SCRAM iterations",
            )
            .with_hint(format!(
                "Store the role's password anew with scram_iterations of at most {}.",
                limits::SCRAM_ITERATIONS
            ))
            .into());
        }
        Ok(Self {
            nonce,
            salt,
            iterations,
        })
    }
}

fn malformed() -> Fault {
    violation("malformed SCRAM message")
}

fn violation(what: &'static str) -> Fault {
    Violation {
        peer: Peer::Server,
        what,
    }
    .into()
}
