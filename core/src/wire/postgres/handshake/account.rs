//! Who may log in, and what proves it.

use super::verifier::ScramVerifier;

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
    /// Both: the password first, so that a stranger cannot tell which accounts want a
    /// certificate.
    ScramAndCertificate {
        /// The password's verifier.
        verifier: ScramVerifier,
        /// Compared byte by byte with the certificate's names.
        name: String,
    },
    /// Nothing. For tests on loopback only.
    Trust,
}

/// One account of the gateway.
#[derive(Clone)]
pub struct Account {
    /// The identity's name, as the configuration spells it.
    pub name: String,
    /// What proves it.
    pub credential: Credential,
}

/// Finds accounts by the user name of a StartupMessage.
pub trait Accounts {
    /// The account that logs in as `user`. `None` does not end the handshake at once: a
    /// stranger is led through an exchange that cannot succeed, and is told what a wrong
    /// password is told.
    fn account(&self, user: &str) -> Option<&Account>;
}
