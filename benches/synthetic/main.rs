//! The gateway before a server that answers from memory, beside a plain relay on tokio-uring: what
//! a database is too slow to show.
//!
//! What the client gets is compared first with what a session in memory makes of the same answer.
//! `VELUM_BENCH_SHORT=1` is the short form.

#![allow(clippy::print_stdout, unreachable_pub, reason = "a program of its own")]

mod blast;
mod gateway;
mod idle;
mod plain;
mod plot;
mod upstream;

use std::env;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use velum_benches::process::{Running, free_port, start};
use velum_benches::record;

use blast::{Path, Recorded};
use gateway::Gateway;

/// How much is measured.
pub struct Extent {
    /// Of each workload.
    pub rounds: usize,
    /// Of one result.
    pub result_bytes: usize,
    /// Sessions that rest at the same time.
    pub sessions: &'static [usize],
}

const RELAY: &str = "--plain-relay";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let outcome = match arguments.get(1..) {
        Some([first, port, upstream]) if first == RELAY => relay(port, upstream),
        _ => measure(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn relay(port: &str, upstream: &str) -> Result<(), String> {
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is no port"));
    plain::run(number(port)?, number(upstream)?).map_err(|error| error.to_string())
}

fn measure() -> Result<(), String> {
    let is_short = env::var_os("VELUM_BENCH_SHORT").is_some();
    let extent = match is_short {
        true => Extent {
            rounds: 3,
            result_bytes: 4 << 20,
            sessions: &[100, 400],
        },
        false => Extent {
            rounds: 7,
            result_bytes: 32 << 20,
            sessions: &[1_000, 2_000, 4_000, 8_000],
        },
    };
    let recorded = Recorded::new(extent.result_bytes);
    let upstream = upstream::serve(Arc::clone(&recorded.answers));
    let upstream = upstream.map_err(|error| error.to_string())?;
    let (plain, plain_port) = plain_relay(upstream)?;
    let gateway = Gateway::start(upstream)?;
    let paths = [
        Path::new("direct", upstream, "exempt", None),
        Path::new(
            "plain relay, tokio-uring",
            plain_port,
            "exempt",
            Some(plain.id()),
        ),
        Path::new("Velum, exempt", gateway.port, "exempt", Some(gateway.id())),
        Path::new(
            "Velum, content scanned",
            gateway.port,
            "content",
            Some(gateway.id()),
        ),
    ];
    recorded.check(&paths)?;
    let mut text = blast::table(&recorded, &paths, &extent);
    let resting = idle::measure(upstream, &extent)?;
    text.push_str(&idle::table(&resting));
    println!("{text}");
    if !is_short {
        record::write("synthetic-", &text);
        record::write_file("row-width.svg", &blast::curve(&recorded, &paths, &extent));
        record::write_file("idle-memory.svg", &idle::curve(&resting));
    }
    Ok(())
}

/// This program once more, as a relay: its CPU time is then its own.
fn plain_relay(upstream: u16) -> Result<(Running, u16), String> {
    let port = free_port();
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.args([RELAY, &port.to_string(), &upstream.to_string()]);
    start(&mut command, port)
}
