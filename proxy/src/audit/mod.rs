//! The log on disk: append-only segments, group commit, recovery.
//!
//! ```text
//! data threads ─ Batch ─▶ writer: stage … stage ─▶ one synced write ─▶ DurableMark, Wake
//! ```
//!
//! A record that was acknowledged is on disk. A write or a sync that fails, or writes less than
//! it was given, poisons the log: it is never tried again (after a failed fsync the kernel
//! holds the pages for clean, and the second try would lie), all sessions end, and the process
//! exits with an error.
//!
//! * [`segment`]: the bytes.
//! * [`medium`]: the file operations, through io_uring or not, and with faults in tests.
//! * [`log`]: stages frames and commits groups.
//! * [`writer`]: the loop between the data threads' queue and the log.
//! * [`recover`]: what is done to a log before it is appended to.
//! * [`read`]: reads the records back.
//! * [`key`]: the key of the tokens.

pub mod key;
pub mod log;
pub mod medium;
pub mod read;
pub mod recover;
pub mod segment;
#[cfg(test)]
mod tests;
pub mod writer;
