//! Receipts: what a session has masked, with a commitment to the values.
//!
//! ```text
//!  session's end ─ marks ─▶ notary (a thread) ─┬─▶ leaves, sealed, in receipts/
//!                                              └─▶ record with roots ─▶ log
//! ```
//!
//! * [`notary`]: the thread.
//! * [`leaves`]: the file that claims are made from.
//! * [`find`]: receipts in a log.

pub mod find;
pub mod leaves;
pub mod notary;
#[cfg(test)]
mod tests;

pub use notary::{Notary, start};

/// Folder in the data directory.
pub const FOLDER: &str = "receipts";
