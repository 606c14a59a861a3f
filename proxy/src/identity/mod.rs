//! Who somebody is, by a token that an issuer has signed: OpenID Connect, without its log-in pages.
//!
//! ```text
//!  control thread: keeper ─ fetch ─▶ KeySet ─▶ KeySlot ◀─ data threads: verify (no hop)
//!                     ▲                                        │ a key that is not there
//!                     └────────── ControlRequest::Keys ◀───────┘ once a minute at most
//! ```
//!
//! * [`issuer`]: one `[[issuer]]` in force, with the identities that its tokens prove.
//! * [`keys`]: what of a JSON Web Key Set can verify a signature.
//! * [`slot`]: the newest keys of an issuer, and who waits for newer ones.
//! * [`place`]: addresses of issuers.
//! * `fetch`: discovery and keys over HTTP, bounded in time and size.
//! * `keeper`: keeps the keys fresh.
//! * [`verify`]: a token against all that.
//! * [`bearer`]: the same for the API, with roles.

pub mod bearer;
mod fetch;
pub mod issuer;
pub(crate) mod keeper;
pub mod keys;
pub mod place;
pub mod slot;
#[cfg(test)]
mod tests;
pub mod verify;

pub use bearer::ROLES;
pub use fetch::configuration_url;
pub use issuer::{Issuer, Issuers};
pub use place::Place;

/// Largest document of an issuer.
pub const DOCUMENT_BYTES: usize = 256 * 1024;
