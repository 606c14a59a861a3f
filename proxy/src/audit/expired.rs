//! Which records of a log are gone because they were due, in the file `expired` beside the
//! segments: the record that says so, and the runs that it names.
//!
//! ```text
//! velum-expired/v1
//! record 4711
//! 1 4096
//! ```
//!
//! The file only tells where to look: readers pass over a run that it names, a start of the
//! gateway and `verify` want the record. The leaves of what is gone stay in the tiles, so that the
//! tree is the same as before.

use std::fs;
use std::io;
use std::path::Path;

use velum_core::audit::custody::Act;
use velum_core::audit::record::Body;

use super::read::{self, ReadError};
use super::store::replace;

/// The file.
pub const FILE: &str = "expired";
const FORMAT: &str = "velum-expired/v1";
/// Longest file that is read.
const FILE_BYTES: u64 = 1024 * 1024;

/// Runs of records that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// The record that says so; 0: there is none.
    pub record: u64,
    /// First and last of each run, in order.
    pub runs: Vec<(u64, u64)>,
}

impl Gone {
    /// Are all of these records among them?
    pub fn covers(&self, first: u64, last: u64) -> bool {
        let covers = |run: &(u64, u64)| run.0 <= first && last <= run.1;
        first <= last && self.runs.iter().any(covers)
    }

    /// With another run; runs that touch become one.
    pub fn add(&mut self, first: u64, last: u64) {
        self.runs.push((first, last));
        self.runs.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (first, last) in self.runs.drain(..) {
            match joined.last_mut() {
                Some(run) if first <= run.1.saturating_add(1) => run.1 = run.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        self.runs = joined;
    }
}

/// What the file says; nothing, if there is none or it is none.
pub fn load(directory: &Path) -> Gone {
    let path = directory.join(FILE);
    let is_small = path.metadata().is_ok_and(|it| it.len() <= FILE_BYTES);
    let text = is_small.then(|| fs::read_to_string(&path).ok()).flatten();
    text.and_then(|text| parse(&text)).unwrap_or_default()
}

fn parse(text: &str) -> Option<Gone> {
    let mut lines = text.lines();
    if lines.next()? != FORMAT {
        return None;
    }
    let record = lines.next()?.strip_prefix("record ")?.parse().ok()?;
    let runs = lines.map(|line| {
        let (first, last) = line.split_once(' ')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    let runs: Option<Vec<_>> = runs.collect();
    Some(Gone {
        record,
        runs: runs?,
    })
}

/// Writes the file; returns when it is on disk.
///
/// # Errors
/// The system's.
pub fn store(directory: &Path, gone: &Gone) -> io::Result<()> {
    let runs = gone
        .runs
        .iter()
        .map(|(first, last)| format!("{first} {last}\n"));
    let runs: String = runs.collect();
    let text = format!("{FORMAT}\nrecord {}\n{runs}", gone.record);
    replace(&directory.join(FILE), text.as_bytes(), true)
}

/// What the file says, if the record that it names says the same.
///
/// # Errors
/// If the log cannot be read.
pub fn confirmed(directory: &Path) -> Result<Gone, ReadError> {
    let gone = load(directory);
    if gone.record == 0 {
        return Ok(Gone::default());
    }
    let mut is_so = false;
    read::for_each(directory, gone.record, |sequence, record| {
        if let (true, Body::Custody(custody)) = (sequence == gone.record, &record.body)
            && let Act::Expired { gone: runs, .. } = &custody.act
        {
            is_so = *runs == gone.runs;
        }
        false
    })?;
    Ok(match is_so {
        true => gone,
        false => Gone::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_touch_are_one() {
        let mut gone = Gone::default();
        for (first, last) in [(1, 10), (21, 30), (11, 20), (40, 50)] {
            gone.add(first, last);
        }
        assert_eq!(gone.runs, [(1, 30), (40, 50)]);
        assert!(gone.covers(5, 25) && gone.covers(40, 50));
        assert!(!gone.covers(30, 31) && !gone.covers(31, 30) && !gone.covers(39, 40));
    }

    #[test]
    fn the_file_says_what_was_stored() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()), Gone::default());
        let gone = Gone {
            record: 7,
            runs: vec![(1, 3), (5, 6)],
        };
        store(folder.path(), &gone).unwrap();
        assert_eq!(load(folder.path()), gone);
        fs::write(folder.path().join(FILE), "velum-expired/v1\nrecord x\n").unwrap();
        assert_eq!(load(folder.path()), Gone::default());
    }
}
