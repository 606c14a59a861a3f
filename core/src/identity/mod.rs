//! Who is connected, and what a token has to say to prove it. Pure: the signature itself, the keys
//! and the clock are the proxy's.
//!
//! ```text
//!  bytes ─ token::Token::parse ─▶ header, claims ─ (signature, by the proxy) ─▶ Token::check
//!                                                         Assertion ─ rules::choose ─▶ identity
//! ```
//!
//! * [`claims`]: JSON without a second meaning, and how a path leads to a claim.
//! * [`token`]: the form of a signed token, RFC 7519, and what it must claim.
//! * [`assertion`]: what is left of one that was verified.
//! * [`rules`]: which identity an assertion is.
//! * [`spiffe`]: names of workloads in certificates.
//! * [`rejection`]: why a token is refused; for the audit alone.
#![deny(clippy::indexing_slicing)]

use std::sync::Arc;

pub mod assertion;
pub mod claims;
#[cfg(any(test, fuzzing))]
mod fuzz;
pub mod rejection;
pub mod rules;
pub mod spiffe;
#[cfg(test)]
mod tests;
pub mod token;

pub use assertion::{Assertion, Party};
#[cfg(any(test, fuzzing))]
pub use fuzz::fuzz_token;
pub use rejection::Rejection;

/// How an identity proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// SCRAM-SHA-256 or SCRAM-SHA-256-PLUS.
    Scram,
    /// A TLS client certificate.
    Certificate,
    /// A TLS client certificate that names a workload, SPIFFE's X509-SVID.
    Spiffe,
    /// A signed token of an OpenID Connect issuer, in the place of a password.
    Oidc,
    /// A key that was made for it, in the place of a password.
    Key,
    /// No proof: only for loopback tests, spelled `trust` in the configuration.
    Trust,
}

impl Method {
    /// The name that records carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Scram => "scram-sha-256",
            Method::Certificate => "certificate",
            Method::Spiffe => "spiffe",
            Method::Oidc => "oidc",
            Method::Key => "key",
            Method::Trust => "trust",
        }
    }
}

/// A verified non-human identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name, as the configuration spells it.
    pub name: String,
    /// How it proved itself.
    pub method: Method,
    /// What its issuer says about it, where there is one.
    pub assertion: Option<Arc<Assertion>>,
    /// The name of the key that proved it, which is no secret.
    pub key: Option<Arc<str>>,
}

impl Identity {
    /// An identity for which nobody else vouches.
    pub fn new(name: impl Into<String>, method: Method) -> Self {
        Self {
            name: name.into(),
            method,
            assertion: None,
            key: None,
        }
    }
}
