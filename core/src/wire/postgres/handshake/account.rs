//! Who may log in, and what proves it.

use std::sync::Arc;

use super::verifier::ScramVerifier;
use crate::identity::spiffe::SpiffeId;

/// What an account has to show. Holds secrets, so there is no `Debug`.
#[derive(Clone)]
pub enum Credential {
    /// A password, proven by SCRAM-SHA-256 or, over TLS, SCRAM-SHA-256-PLUS.
    Scram(ScramVerifier),
    /// A verified TLS client certificate in which one name equals `name`.
    Certificate {
        /// Compared byte by byte with the certificate's names.
        name: String,
    },
    /// A verified TLS client certificate of exactly this workload.
    Spiffe {
        /// Compared with the certificate's only URI.
        id: SpiffeId,
    },
    /// Both: the password first, so that a stranger cannot tell which accounts want a
    /// certificate.
    ScramAndCertificate {
        /// The password's verifier.
        verifier: ScramVerifier,
        /// Compared byte by byte with the certificate's names.
        name: String,
    },
    /// A signed token, which somebody else verifies.
    Token(TokenWay),
    /// One of the keys that were made for it, proven as a password is. Which there are, changes:
    /// [`Accounts::keys`] knows.
    Keys,
    /// Nothing. For tests on loopback only.
    Trust,
}

/// How a token comes in. The protocol has the server choose before the client has said anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenWay {
    /// As a password: every client can.
    Password,
    /// By SASL OAUTHBEARER, RFC 7628: clients of PostgreSQL 18.
    Bearer(Discovery),
}

/// What a client without a valid token is told: the JSON of RFC 7628 section 3.2.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery(Arc<str>);

impl Discovery {
    /// Where the issuer's configuration is, and for which scope to ask. Neither may need escapes
    /// in JSON.
    ///
    /// # Errors
    /// The one that does.
    pub fn new(configuration: &str, scope: &str) -> Result<Self, InvalidDiscovery> {
        for text in [configuration, scope] {
            let plain = |byte: u8| (0x20..0x7f).contains(&byte) && !b"\"\\".contains(&byte);
            if !text.bytes().all(plain) {
                return Err(InvalidDiscovery);
            }
        }
        let text = format!(
            "{{\"status\":\"invalid_token\",\"openid-configuration\":\"{configuration}\",\
             \"scope\":\"{scope}\"}}"
        );
        Ok(Self(text.into()))
    }

    /// The JSON.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A text that JSON would have to escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDiscovery;

/// What a stranger is led through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// SCRAM-SHA-256.
    Scram,
    /// The question for a token.
    Token(TokenWay),
}

/// One account of the gateway.
#[derive(Clone)]
pub struct Account {
    /// The identity's name, as the configuration spells it.
    pub name: String,
    /// What proves it.
    pub credential: Credential,
}

/// A key that was made for an account.
#[derive(Clone)]
pub struct MachineKey {
    /// Its name, which is no secret.
    pub id: Arc<str>,
    /// What proves it. All keys of an account have salt and iterations in common: which one a
    /// client holds shows only when it has proven it.
    pub verifier: ScramVerifier,
}

/// Finds accounts by the user name of a StartupMessage.
pub trait Accounts {
    /// The account that logs in as `user`. `None` does not end the handshake at once: a
    /// stranger is led through an exchange that cannot succeed, and is told what a wrong
    /// password is told.
    fn account(&self, user: &str) -> Option<&Account>;

    /// The keys of an account that are in force now. Without one it is led through as a stranger.
    fn keys(&self, _account: &Account) -> Vec<MachineKey> {
        Vec::new()
    }

    /// What somebody without an account is led through. Has to be the same for the same `user`
    /// for ever, and where accounts are asked in several ways, any of them: then an exchange does
    /// not tell whether there is such an account.
    fn stranger(&self, _user: &str) -> Exchange {
        Exchange::Scram
    }
}
