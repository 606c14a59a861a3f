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
//! * [`medium`]: the file operations, through io_uring or not; `disk`: where tests make them fail.
//! * [`log`]: stages frames and commits groups.
//! * [`writer`]: the loop between the data threads' queue and the log.
//! * [`recover`]: what is done to a log before it is appended to.
//! * [`publisher`]: signs what is on disk and writes it down, beside the writer.
//! * [`store`]: checkpoint and tiles as files.
//! * [`rebuild`]: the tree of a log, held against its last checkpoint at a start.
//! * [`read`]: reads the records back; [`verify`]: verifies them all; [`prove`]: proves one.
//! * [`index`]: finds records without reading them all.
//! * [`witness`]: cosigns other logs' checkpoints, and has this log's cosigned.
//! * [`export`]: rows out of the records. [`pack`]: all that an auditor needs of a period.
//! * [`configurations`]: keeps their texts. [`subject`]: what is known of a person, of an identity.
//! * [`ship`]: sends records to other systems.
//! * [`retention`]: which records are due; [`expired`]: which are gone.
//! * [`notes`]: tells the gateway what was done with its log; [`custodian`] records it.
//! * [`key`]: the key of the tokens; [`signing`]: the keys that sign checkpoints.

pub mod configurations;
pub mod custodian;
mod disk;
pub mod expired;
pub mod export;
pub mod home;
pub mod index;
pub mod key;
pub mod log;
pub mod medium;
pub mod notes;
pub mod pack;
pub mod prove;
pub mod publisher;
pub mod read;
pub mod rebuild;
pub mod recover;
pub mod retention;
pub mod segment;
pub mod ship;
pub mod signing;
pub mod store;
pub mod subject;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod witness;
pub mod writer;
