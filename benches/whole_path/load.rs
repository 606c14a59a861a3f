//! The workloads, and what is measured of each.

use std::fmt;
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Instant;

use velum_benches::client::{connect, query};
use velum_benches::process::cpu_seconds;
use velum_benches::{HASH_SEED, content_hash};

use crate::Extent;
use crate::peers::Path;

/// Statements of one pgbench run are counted by pgbench; its output line begins so.
const TPS: &str = "tps = ";

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// One large SELECT.
    Select,
    /// So many of them at once.
    Selects(usize),
    /// One large COPY.
    Copy,
    /// `pgbench -S -M prepared` with so many clients.
    Points(usize),
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Select,
        Self::Copy,
        Self::Selects(8),
        Self::Points(1),
        Self::Points(8),
        Self::Points(32),
    ];

    /// True if single rows are asked for, one after the other.
    pub fn is_points(self) -> bool {
        matches!(self, Self::Points(_))
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Select | Self::Selects(_) => "SELECT * FROM bulk",
            Self::Copy => "COPY bulk TO STDOUT",
            Self::Points(_) => "",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select => f.write_str("bulk SELECT"),
            Self::Selects(clients) => write!(f, "bulk SELECT, {clients} at once"),
            Self::Copy => f.write_str("bulk COPY"),
            Self::Points(clients) => write!(f, "pgbench -S, {clients} clients"),
        }
    }
}

/// One run.
pub struct Measured {
    /// Of what.
    pub workload: Workload,
    /// Through what.
    pub path: &'static str,
    /// GiB a second, or transactions a second.
    pub rate: f64,
    /// CPU seconds of the process in between a GiB, or a million transactions.
    pub proxy_cpu: Option<f64>,
}

/// What a client got.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    /// Of the rows.
    pub hash: u64,
    /// Of everything.
    pub bytes: u64,
}

/// Runs a workload once.
pub fn measure(workload: Workload, path: &Path, extent: &Extent) -> Measured {
    let cpu_before = path.proxy.map(cpu_seconds);
    let (rate, units) = match workload {
        Workload::Points(clients) => pgbench(path, clients, extent.bench_seconds),
        Workload::Selects(clients) => bulk(path, workload.sql(), clients),
        Workload::Select | Workload::Copy => bulk(path, workload.sql(), 1),
    };
    let cpu = path
        .proxy
        .map(cpu_seconds)
        .zip(cpu_before)
        .map(|(after, before)| after - before);
    Measured {
        workload,
        path: path.name,
        rate,
        proxy_cpu: cpu.map(|cpu| cpu / units),
    }
}

/// `clients` ask for all of a table at the same time: GiB a second, and GiB.
fn bulk(path: &Path, sql: &str, clients: usize) -> (f64, f64) {
    let mut streams: Vec<TcpStream> = (0..clients)
        .map(|_| connect(path.port, path.user))
        .collect();
    let began = Instant::now();
    let bytes: u64 = thread::scope(|scope| {
        let readers: Vec<_> = streams
            .iter_mut()
            .map(|stream| {
                scope.spawn(move || {
                    let mut bytes = 0;
                    query(stream, sql, |piece| bytes += piece.len() as u64);
                    bytes
                })
            })
            .collect();
        let bytes = readers.into_iter().map(|reader| reader.join());
        bytes.map(|bytes| bytes.expect("a whole result")).sum()
    });
    let gib = bytes as f64 / f64::from(1 << 30);
    (gib / began.elapsed().as_secs_f64(), gib)
}

/// What the workload brings through `path`. Not for measuring.
pub fn content(workload: Workload, path: &Path) -> Content {
    let mut all = Vec::new();
    let mut stream = connect(path.port, path.user);
    query(&mut stream, workload.sql(), |piece| {
        all.extend_from_slice(piece)
    });
    // A RowDescription names the table by an OID, which is the database's own business.
    let mut at = 0;
    let mut hash = HASH_SEED;
    while let Some(header) = all.get(at..at + 5) {
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let end = at + 1 + length;
        if header[0] != b'T' {
            hash = content_hash(hash, &all[at..end.min(all.len())]);
        }
        at = end;
    }
    Content {
        hash,
        bytes: all.len() as u64,
    }
}

fn pgbench(path: &Path, clients: usize, seconds: usize) -> (f64, f64) {
    let output = Command::new(&path.pgbench)
        .args([
            "-n",
            "-S",
            "-M",
            "prepared",
            "-c",
            &clients.to_string(),
            "-j",
            "1",
            "-T",
            &seconds.to_string(),
        ])
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &path.port.to_string(),
            "-U",
            path.user,
            "postgres",
        ])
        .output()
        .expect("pgbench runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text
        .lines()
        .find_map(|line| line.strip_prefix(TPS)?.split(' ').next()?.parse().ok());
    let tps: f64 =
        tps.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    (tps, tps * seconds as f64 / 1e6)
}
