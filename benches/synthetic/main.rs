//! The gateway before a server that answers from memory, beside a plain relay on tokio-uring: what
//! a database is too slow to show.
//!
//! What the client gets is compared first with what a session in memory makes of the same answer.
//! `VELUM_BENCH_SHORT=1` is the short form.

#![allow(clippy::print_stdout, unreachable_pub, reason = "a program of its own")]

mod answers;
mod blast;
mod clients;
mod curves;
mod gateway;
mod idle;
mod path;
mod plain;
mod plot;
mod tls;
mod upstream;

use std::env;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use velum_benches::process::{Running, free_port, start};
use velum_benches::record;

use answers::Recorded;
use gateway::Gateway;
use path::Path;

/// How much is measured.
pub struct Extent {
    /// The short form.
    pub is_short: bool,
    /// Of each workload.
    pub rounds: usize,
    /// Of one result.
    pub result_bytes: usize,
    /// Of results that are measured by their length.
    pub sizes: &'static [usize],
    /// Sessions that work in turn, and how often they are measured.
    pub clients: &'static [usize],
    /// See above.
    pub client_rounds: usize,
    /// Sessions that begin in a round.
    pub handshakes: usize,
    /// Sessions that rest at the same time.
    pub sessions: &'static [usize],
}

const SHORT: Extent = Extent {
    is_short: true,
    rounds: 3,
    result_bytes: 4 << 20,
    sizes: &[1 << 10, 64 << 10, 4 << 20],
    clients: &[1, 64, 400],
    client_rounds: 1,
    handshakes: 50,
    sessions: &[100, 400],
};

const WHOLE: Extent = Extent {
    is_short: false,
    rounds: 7,
    result_bytes: 32 << 20,
    sizes: &[
        128,
        1 << 10,
        8 << 10,
        64 << 10,
        512 << 10,
        4 << 20,
        64 << 20,
        1 << 30,
    ],
    clients: &[1, 8, 64, 500, 2_000, 8_000],
    client_rounds: 3,
    handshakes: 400,
    sessions: &[1_000, 2_000, 4_000, 8_000],
};

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
    let extent = match env::var_os("VELUM_BENCH_SHORT") {
        Some(_) => SHORT,
        None => WHOLE,
    };
    let recorded = Recorded::new(&extent);
    let upstream = upstream::serve(Arc::clone(&recorded.answers));
    let upstream = upstream.map_err(|error| error.to_string())?;
    let (plain, plain_port) = plain_relay(upstream)?;
    let gateway = Gateway::start(upstream)?;
    let paths = [
        Path::new("direct", upstream, None),
        Path::new("plain relay, tokio-uring", plain_port, Some(plain.id())),
        Path::through(&gateway, "Velum, exempt", "exempt"),
        Path::through(&gateway, "Velum, content scanned", "content"),
    ];
    let encrypted = tls::paths(&gateway)?;
    recorded.check(&paths)?;
    recorded.check(&encrypted.concat())?;
    let mut text = blast::table(&recorded, &paths, &extent);
    text.push_str(&tls::table(&recorded, &encrypted, &extent));
    text.push_str(&tls::handshakes(&gateway, &extent)?);
    let clients = clients::measure(&recorded, &paths, &extent);
    text.push_str(&clients::table(&clients));
    let curves = [
        ("row-width.svg", curves::widths(&recorded, &paths, &extent)),
        (
            "masked-share.svg",
            curves::shares(&recorded, &paths, &extent),
        ),
        ("result-size.svg", curves::sizes(&recorded, &paths, &extent)),
        ("open-sessions.svg", clients::curve(&clients, &paths)),
    ];
    let resting = idle::measure(&recorded, upstream, &extent)?;
    text.push_str(&idle::table(&resting));
    println!("{text}");
    if !extent.is_short {
        record::write("synthetic-", &text);
        for (name, curve) in &curves {
            record::write_file(name, curve);
        }
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
