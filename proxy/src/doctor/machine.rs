//! Driver and limits of the process.

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::config::model::Driver;
use crate::ring;

/// Two descriptors a session, and some for everything else.
const FILES: u64 = 4_096;
/// Locked memory that rings need where the kernel still counts it.
const MEMLOCK_BYTES: u64 = 1024 * 1024;

pub(super) fn examine(wanted: Driver) -> Vec<Finding> {
    vec![driver(wanted), files(), locked_memory()]
}

fn driver(wanted: Driver) -> Finding {
    let what = "driver";
    match (wanted, ring::probe()) {
        (Driver::Epoll, _) => Finding::good(what, "epoll, by configuration"),
        (_, Ok(())) => Finding::good(what, "io_uring"),
        (Driver::Auto, Err(unusable)) => Finding::warning(
            what,
            format!("epoll: io_uring cannot be used: {unusable}"),
            "Velum works, with more CPU per byte; allow io_uring in the container's seccomp \
             profile and in sysctl kernel.io_uring_disabled",
        ),
        (Driver::IoUring, Err(unusable)) => Finding::bad(
            what,
            format!("io_uring is demanded and cannot be used: {unusable}"),
            "allow it, or set driver = \"auto\" in [gateway]",
        ),
    }
}

fn files() -> Finding {
    let what = "open files";
    // The gateway raises its own limit as far as it may.
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < FILES => Finding::warning(
            what,
            format!("at most {most}, two for each session"),
            "raise the limit: LimitNOFILE= of the unit, or ulimit -Hn",
        ),
        Some(most) => Finding::good(what, format!("at most {most}")),
        None => Finding::good(what, "no limit"),
    }
}

fn locked_memory() -> Finding {
    let what = "locked memory";
    match getrlimit(Resource::Memlock).current {
        Some(bytes) if bytes < MEMLOCK_BYTES => Finding::warning(
            what,
            format!("at most {} KiB", bytes / 1024),
            "raise the limit: LimitMEMLOCK= of the unit, or ulimit -l",
        ),
        Some(bytes) => Finding::good(what, format!("at most {} KiB", bytes / 1024)),
        None => Finding::good(what, "no limit"),
    }
}
