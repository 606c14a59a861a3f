//! Who somebody is, by what somebody else has signed: OpenID Connect, and SAML for people.
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
//! * `http`: a request to an issuer, bounded in time and size. `fetch`: discovery and keys.
//! * `keeper`: keeps the keys fresh.
//! * [`verify`]: a token against all that.
//! * [`bearer`]: the same for the API, with roles.
//! * [`saml`]: the same by SAML 2.0, for people alone.
//! * [`endpoints`]: where an issuer lets people log in. [`code`]: how they do so by a browser.

pub mod bearer;
pub mod code;
pub mod endpoints;
mod fetch;
pub(crate) mod http;
pub mod issuer;
pub(crate) mod keeper;
pub mod keys;
pub mod place;
pub mod saml;
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
