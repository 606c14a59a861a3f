//! Velum's detection engine: finds PHI in bytes.
//!
//! Pure: no sockets, files, clock, threads or randomness. An engine is frozen when it is built,
//! can be shared between threads, and allocates nothing while it scans.
//!
//! ```text
//! text ─▶ scan::classes ─▶ candidate positions ─▶ catalog (one file a family) ─▶ findings
//!         (class bitmaps)   digit run, @ : = |     shape · validate · context
//! ```
//!
//! Where to look first:
//! * [`Detectors`]: the engine as the gateway sees it.
//! * `catalog`: what counts as an SSN, a phone number, …; the table of detectors.
//! * `scan`: how candidates are found: class bitmaps and bit programs, on the vector unit.
//! * [`Patterns`]: regular expressions of a hospital's own, at the same speed.
//! * `columns`: what a column's name and type say beforehand, and its values while they stream.
//! * `structure`: JSON and FHIR, HL7, tables with a header, keys with values.
//! * `view`: digits of other scripts, escapes, encodings: the text as it would be read.
//! * `join`: values of the same row, found again in its texts.
//! * `names`: names of persons in running text; `tune` trains it.
//! * `context`: labels before a value and names of columns, the evidence for bare numbers.
//!
//! Every detector reports on its own: findings of different detectors may overlap, and one
//! never hides another.
#![deny(unsafe_code)]

mod catalog;
mod columns;
mod context;
pub mod corpus;
mod detectors;
pub mod eval;
mod join;
mod lookup;
pub mod names;
pub mod pack;
mod plain;
mod plan;
mod scan;
pub mod site;
mod structure;
mod text;
pub mod tune;
mod validate;
mod view;

pub use catalog::Detector;
pub use columns::ColumnWatch;
pub use detectors::{Detectors, UnknownDetector};
pub use scan::patterns::{
    self, Carry, Match, PatternError, Patterns, Plan, Refusal, Rows, Scratch,
};
pub use scan::simd::Kernel;
pub use velum_core::mask::is_restricted_zip;
