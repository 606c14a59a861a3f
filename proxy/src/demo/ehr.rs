//! A synthetic clinic: seeded, the same on every machine, nobody's real data.
//!
//! ```text
//! corpus/ehr/*.txt ─▶ lists ─▶ patient ─▶ prose ─▶ tables (rows as COPY text) ─▶ load
//!                      random (a stream a row)
//! ```
//!
//! Every row is a function of the seed and its number, so that rows can be made by any thread
//! in any order, and a test can know what row 17 says without asking the database.

mod date;
mod lists;
mod load;
mod patient;
mod prose;
mod random;
mod tables;

pub use date::Date;
pub use load::{LoadOptions, Loaded, load};
pub use patient::{PLANTED, Patient};
pub use tables::Table;

/// The seed of `velum demo`.
pub const SEED: u64 = 42;
