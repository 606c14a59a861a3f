//! Bit programs: patterns as shifts and ANDs over class bitmaps.
//!
//! ```text
//! regex ─▶ shape (lengths → conditions) ─▶ graph (shared) ─▶ program (slots, chains)
//! text  ─▶ planes (one bit a byte and class) ─▶ sweep (the program, a tile at a time) ─▶ starts
//! ```
//!
//! A bit stands for the byte where a match begins; conditions on later bytes are looked up
//! ahead. All matches of all patterns are found in the same straight line of operations, whose
//! cost depends on the length of the text alone.

pub(crate) mod code;
pub(crate) mod graph;
pub(crate) mod planes;
pub(crate) mod program;
pub(crate) mod shape;
pub(crate) mod sweep;
