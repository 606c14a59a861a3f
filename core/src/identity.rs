//! Who is connected: types only. Proving it is the handshake's and the proxy's work.

/// How an identity proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// SCRAM-SHA-256 or SCRAM-SHA-256-PLUS.
    Scram,
    /// A TLS client certificate.
    Certificate,
    /// No proof: only for loopback tests, spelled `trust` in the configuration.
    Trust,
}

impl Method {
    /// The name that records carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Scram => "scram-sha-256",
            Method::Certificate => "certificate",
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
}
