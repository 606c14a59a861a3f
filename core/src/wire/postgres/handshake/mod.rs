//! Everything before a session: TLS requests, start-up, authentication, on both legs.
//!
//! ```text
//!  client ──▶ ClientHandshake ─▶ ClientStartup      who it is, and what it asks for
//!                                     │
//!                       UpstreamHandshake ──▶ database   with a credential the client never sees
//! ```
//!
//! Both machines are sans-IO: bytes come in a [`Window`](crate::bytes::Window), answers go to an
//! [`Outbox`](crate::bytes::Outbox), and the returned step says what the pump has to do. No byte
//! of a handshake is ever released from one leg to the other.
//!
//! * [`ClientHandshake`]: the server's side of the protocol, towards the client.
//! * [`UpstreamHandshake`]: the client's side of the protocol, towards the database.
//! * [`CancelHandshake`]: asks the database to cancel a statement, over a connection of its own.
//! * [`Accounts`]: who may log in, and what proves it.
//! * [`Presented`]: a token, for which [`ClientHandshake`] awaits a verdict.
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html>,
//! <https://www.postgresql.org/docs/current/sasl-authentication.html>, RFC 5802, RFC 7677 and
//! RFC 5929 (`tls-server-end-point`), RFC 7628 (OAUTHBEARER).
#![deny(clippy::indexing_slicing)]

mod account;
mod bearer;
mod cancel;
mod certificate;
mod client;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod login;
mod md5;
mod options;
mod scram;
mod scram_client;
mod scram_server;
mod startup;
#[cfg(test)]
mod tests;
mod upstream;
mod verifier;

pub use account::{
    Account, Accounts, Credential, Discovery, Exchange, InvalidDiscovery, MachineKey, TokenWay,
};
pub use bearer::Presented;
pub use cancel::{CancelHandshake, CancelStep};
pub use client::{ClientHandshake, ClientStartup, ClientStep, TlsFacts, TlsOffer, refuse};
#[cfg(any(test, fuzzing))]
pub use fuzz::fuzz_handshakes;
pub use scram::ScramKeys;
pub use upstream::{UpstreamConfig, UpstreamHandshake, UpstreamStep, UpstreamTls};
pub use verifier::{InvalidVerifier, ScramVerifier};
/// Re-exported: passwords are handed over in it, so that they are wiped from memory after use.
pub use zeroize::Zeroizing;
