//! How long single statements take, asked at a steady pace.
//!
//! A statement's time runs from when it was due, not from when it was sent: one that had to wait
//! for the one before counts its wait (coordinated omission).

use std::fmt;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use velum_benches::client::{connect, query};

use crate::peers::{Path, Peers};

/// What is asked, and beside what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Results of about 150 KB.
    Medium,
    /// Single rows, nothing else going on.
    PointAlone,
    /// Single rows, while a bulk result streams through the same path without end.
    PointBesideBulk,
}

impl Pace {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Medium, Self::PointAlone, Self::PointBesideBulk];

    fn sql(self) -> &'static str {
        match self {
            Self::Medium => "SELECT * FROM bulk LIMIT 650",
            Self::PointAlone | Self::PointBesideBulk => {
                "SELECT abalance FROM pgbench_accounts WHERE aid = 4711"
            }
        }
    }

    fn a_second(self) -> u32 {
        match self {
            Self::Medium => 100,
            Self::PointAlone | Self::PointBesideBulk => 500,
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Medium => "results of 150 KB",
            Self::PointAlone => "point queries, alone",
            Self::PointBesideBulk => "point queries beside a bulk stream",
        })
    }
}

/// One run.
pub struct Timed {
    /// Of what.
    pub pace: Pace,
    /// Through what.
    pub path: &'static str,
    /// Half took no longer, in microseconds.
    pub p50_us: f64,
    /// 99 of 100 took no longer, in microseconds.
    pub p99_us: f64,
}

/// One round through every path that is of interest to `pace`.
pub fn round(pace: Pace, peers: &Peers, seconds: usize) -> Vec<Timed> {
    let paths = peers.paths.iter().chain([&peers.without_hold_off]);
    paths.map(|path| measure(pace, path, seconds)).collect()
}

fn measure(pace: Pace, path: &Path, seconds: usize) -> Timed {
    let over = AtomicBool::new(false);
    let mut times = thread::scope(|scope| {
        if pace == Pace::PointBesideBulk {
            scope.spawn(|| stream_until(&over, path));
        }
        let times = paced(&mut connect(path.port, path.user), pace, seconds);
        over.store(true, Ordering::Relaxed);
        times
    });
    times.sort();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        let time = times.get(index.min(times.len().saturating_sub(1)));
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    Timed {
        pace,
        path: path.name,
        p50_us: at(0.5),
        p99_us: at(0.99),
    }
}

fn stream_until(over: &AtomicBool, path: &Path) {
    let mut stream = connect(path.port, path.user);
    while !over.load(Ordering::Relaxed) {
        query(&mut stream, "SELECT * FROM bulk", |_| {});
    }
}

fn paced(stream: &mut TcpStream, pace: Pace, seconds: usize) -> Vec<Duration> {
    let count = pace.a_second() * u32::try_from(seconds).unwrap_or(1);
    let between = Duration::from_secs(1) / pace.a_second();
    let began = Instant::now();
    (0..count)
        .map(|index| {
            let due = began + between * index;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            query(stream, pace.sql(), |_| {});
            due.elapsed()
        })
        .collect()
}
