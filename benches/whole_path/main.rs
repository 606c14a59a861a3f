//! The whole path: Velum beside PgBouncer, HAProxy, nginx and a direct connection, real PostgreSQL,
//! one machine.
//!
//! Rounds are interleaved, so that a busy moment of the machine hits every path; medians and
//! spreads are printed and written to `benches/record/`. What the client gets is compared before
//! anything is measured. `VELUM_BENCH_SHORT=1` is the short form.

#![allow(clippy::print_stdout, unreachable_pub, reason = "a program of its own")]

mod balancers;
mod latency;
mod load;
mod peers;
mod report;

use std::process::ExitCode;

use latency::Pace;
use load::{Measured, Workload};
use peers::Peers;

/// Hash of the rows of one bulk SELECT as the database sends them.
const SELECT_HASH: u64 = 0x8373_6d79_32e4_9411;
/// The same of the COPY.
const COPY_HASH: u64 = 0x870d_a99c_3459_c421;

/// How much is measured.
pub struct Extent {
    rounds: usize,
    rows: usize,
    bench_seconds: usize,
}

fn main() -> ExitCode {
    let extent = match std::env::var_os("VELUM_BENCH_SHORT") {
        Some(_) => Extent {
            rounds: 3,
            rows: 40_000,
            bench_seconds: 1,
        },
        None => Extent {
            rounds: 7,
            rows: 400_000,
            bench_seconds: 3,
        },
    };
    let peers = match Peers::start(extent.rows) {
        Ok(peers) => peers,
        Err(missing) => {
            eprintln!("{missing}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(wrong) = check(&peers, extent.rows) {
        eprintln!("{wrong}");
        return ExitCode::FAILURE;
    }
    let mut measured: Vec<Measured> = Vec::new();
    for workload in Workload::ALL {
        for round in 0..extent.rounds {
            eprintln!("{workload}: round {} of {}", round + 1, extent.rounds);
            for path in &peers.paths {
                measured.push(load::measure(workload, path, &extent));
            }
        }
    }
    let mut timed = Vec::new();
    for pace in Pace::ALL {
        for round in 0..extent.rounds {
            eprintln!("{pace}: round {} of {}", round + 1, extent.rounds);
            timed.extend(latency::round(pace, &peers, extent.bench_seconds));
        }
    }
    let text = report::table(&measured, &extent) + &report::latencies(&timed);
    println!("{text}");
    if std::env::var_os("VELUM_BENCH_SHORT").is_none() {
        report::write(&text, report::session_table().as_deref());
    }
    ExitCode::SUCCESS
}

/// Every path gives what is declared: the transparent ones what the database sends, the masking
/// ones as many bytes, but others.
fn check(peers: &Peers, rows: usize) -> Result<(), String> {
    let declared = [(Workload::Select, SELECT_HASH), (Workload::Copy, COPY_HASH)];
    for (workload, declared) in declared {
        let direct = load::content(workload, &peers.paths[0]);
        if rows == 400_000 && direct.hash != declared {
            let hash = direct.hash;
            return Err(format!(
                "{workload}: the database sends {hash:#018x}, not {declared:#018x}"
            ));
        }
        for path in &peers.paths {
            let content = load::content(workload, path);
            if (content.hash == direct.hash) == path.masks || content.bytes != direct.bytes {
                return Err(format!(
                    "{workload} through {}: not the declared content",
                    path.name
                ));
            }
        }
    }
    Ok(())
}
