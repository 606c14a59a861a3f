//! The audit directory: can it be written, and how long does a record take?

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Finding;
use crate::config::Config;

/// Syncs that are timed.
const SYNCS: usize = 20;
/// Every first byte of a result may wait this long for its record.
const SLOW: Duration = Duration::from_millis(20);
/// A log that has less will soon stop the gateway.
const FREE_BYTES: u64 = 1024 * 1024 * 1024;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let directory = existing(&config.audit.directory);
    let what = "audit directory";
    match sync_time(&directory) {
        Ok(median) if median > SLOW => vec![
            Finding::warning(
                what,
                format!("{}: a sync takes {median:.1?}", directory.display()),
                "every statement waits that long in mode \"durable\": use a faster disk",
            ),
            space(&directory),
        ],
        Ok(median) => vec![
            Finding::good(
                what,
                format!("{}: a sync takes {median:.1?}", directory.display()),
            ),
            space(&directory),
        ],
        Err(error) => vec![Finding::bad(
            what,
            format!("{}: {error}", directory.display()),
            "let the user that runs Velum write there",
        )],
    }
}

/// The directory, or the nearest one above it that is there: Velum makes the rest.
fn existing(directory: &Path) -> PathBuf {
    let mut nearest = directory;
    while !nearest.exists() {
        match nearest.parent() {
            Some(parent) if parent != Path::new("") => nearest = parent,
            _ => return PathBuf::from("."),
        }
    }
    nearest.to_owned()
}

/// Median of some syncs of a file that is gone afterwards.
fn sync_time(directory: &Path) -> io::Result<Duration> {
    let mut file = tempfile::tempfile_in(directory)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0; 512])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(times.get(SYNCS / 2).copied().unwrap_or_default())
}

fn space(directory: &Path) -> Finding {
    let what = "audit space";
    match rustix::fs::statvfs(directory) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} MiB free", free / (1024 * 1024));
            match free < FREE_BYTES {
                true => Finding::warning(
                    what,
                    found,
                    "a full disk stops all sessions: ship and remove old segments",
                ),
                false => Finding::good(what, found),
            }
        }
        Err(error) => Finding::warning(what, error.to_string(), "is the directory mounted?"),
    }
}
