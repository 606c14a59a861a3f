//! What logs in at databases, while the gateway runs: read with the configuration, sealed in the
//! store, or lent by a HashiCorp Vault.
//!
//! ```text
//!  velum.toml ─▶ Known ────────────────┐
//!  velum secrets set ─▶ store, sealed ─┼▶ Keeper ─▶ LoginSlot ─▶ the next dial
//!  Vault: a value, or a lease ─────────┘
//! ```
//!
//! A dial takes what its slot holds then; sessions that are open go on as they are. A slot that
//! holds nothing lets nobody in.
//!
//! * [`login`]: user and password, veiled in memory. [`slot`]: the one in force.
//! * [`secrets`]: what is sealed in the store.
//! * [`vault`]: HashiCorp Vault over HTTP.
//! * [`keeper`]: sees to the slots on the control thread. [`once`]: for commands.

pub(crate) mod keeper;
pub mod login;
pub mod once;
pub mod secrets;
pub mod slot;
pub mod vault;

pub use login::Login;
pub use slot::LoginSlot;
