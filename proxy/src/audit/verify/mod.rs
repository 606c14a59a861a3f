//! Verifies a whole log, offline: nothing of the gateway is needed but the log's directory and
//! the public key.
//!
//! ```text
//!  segments ─ frames, sequence, encoding, statements ─▶ records ─▶ tree ─┬─ tiles
//!                                                                        ├─ checkpoint
//!                                                                        └─ older ones
//! ```
//!
//! The first thing that is wrong ends it, and is named with its place.
//!
//! * [`finding`]: what may be wrong.
//! * `walk`: the records, in order; `tiles`: the tree's files beside them.
//! * `story`: what records say of each other.
//! * `trust`: which keys are believed, and what they have signed.
//! * [`excerpt`]: a part of a log.

pub mod excerpt;
pub mod finding;
mod story;
mod tiles;
mod trust;
mod walk;

use std::path::Path;

pub use finding::{Failure, Finding, Place, Problem};
pub use story::SessionReport;
use velum_core::audit::tree::VerifierKey;
use velum_core::time::Timestamp;

use super::{read, recover, store};
use trust::Claims;

/// A checkpoint that somebody has kept elsewhere.
pub struct Anchor {
    /// What it is called in messages.
    pub name: String,
    /// The signed note.
    pub bytes: Vec<u8>,
}

/// What a log is verified by.
#[derive(Default)]
pub struct Options {
    /// Keys of the log, and of witnesses. Without one of the log's, the keys that it names
    /// itself are taken, which shows damage, but no forgery.
    pub keys: Vec<VerifierKey>,
    /// The log has to be a continuation of each of these.
    pub anchors: Vec<Anchor>,
    /// So many of the witnesses among `keys` have to have cosigned; all, if nothing is said.
    pub cosignatures: Option<usize>,
    /// Report on the session whose hexadecimal name begins so.
    pub session: Option<String>,
    /// Records behind the checkpoint, and a torn tail, are no finding, as in a log that a
    /// gateway is writing or that was copied from under one.
    pub allows_unsigned: bool,
    /// It is a part of a log: first and last record. It has to be as whole as a closed log.
    pub excerpt: Option<(u64, u64)>,
}

/// What was found to be true.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records that were read.
    pub records: u64,
    /// Of those, the ones that the checkpoint covers.
    pub verified: u64,
    /// Segments that hold them.
    pub segments: usize,
    /// Bytes of the segments.
    pub bytes: u64,
    /// The log's name.
    pub origin: String,
    /// Records that the checkpoint covers.
    pub signed: u64,
    /// Its root, in Base64.
    pub root: String,
    /// Verifier keys that have signed it.
    pub signed_by: Vec<String>,
    /// Witnesses that have cosigned it or one of the anchors, with the time in seconds since
    /// the Unix epoch.
    pub cosigned_by: Vec<(String, u64)>,
    /// Time of the first record.
    pub first_time: Timestamp,
    /// Time of the last.
    pub last_time: Timestamp,
    /// Statements that were begun.
    pub statements: u64,
    /// Statements whose end is not recorded, which only the last run may have.
    pub open_statements: u64,
    /// How often the clock went back by more than a second.
    pub clock_steps: u64,
    /// The largest of those steps, and the record behind it.
    pub largest_step: Option<(u64, u64)>,
    /// What is worth knowing, and no fault.
    pub remarks: Vec<String>,
    /// The session that was asked for.
    pub session: Option<SessionReport>,
}

/// Verifies the log in `directory`; tells `progress` how many bytes are done.
///
/// # Errors
/// The first thing that is wrong, or why the log cannot be read at all.
pub fn verify(
    directory: &Path,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Failure> {
    // The checkpoint first: a log that is being written is longer than it then, never shorter.
    let checkpoint = store::read_checkpoint(directory).map_err(|error| Failure::Unreadable {
        path: directory.join(store::CHECKPOINT),
        error,
    })?;
    let claims = Claims::collect(directory, checkpoint, options)?;
    let segments = read::segments(directory)?;
    if segments.is_empty() && claims.is_empty() {
        return Err(Failure::NoLog(directory.to_owned()));
    }
    let is_live = options.allows_unsigned || recover::is_in_use(directory);
    let mut walk = walk::Walk::new(directory, &claims, options.session.clone(), is_live);
    if let Some((first, last)) = options.excerpt {
        walk.begin(excerpt::before(directory, first)?, last);
    }
    walk.segments(&segments, progress)?;
    let mut report = walk.story.report();
    report.segments = segments.len();
    report.bytes = walk.bytes;
    report.remarks.append(&mut walk.remarks);
    match options.excerpt {
        Some((_, last)) => claims.judge_excerpt(directory, &walk, options, last, &mut report)?,
        None => claims.judge(&mut walk, options, is_live, &mut report)?,
    }
    if let (Some(wanted), None) = (&options.session, &report.session) {
        return Err(Finding::somewhere(Problem::NoSuchSession(wanted.clone())).into());
    }
    Ok(report)
}
