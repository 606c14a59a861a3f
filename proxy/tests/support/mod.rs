//! What the end-to-end tests share: a private PostgreSQL, gateways in front of it on both data
//! planes, a raw client, and canaries to look for.
//!
//! * [`bed`]: one PostgreSQL and one gateway for each data plane, started when first used.
//! * [`gateway`]: one `velum serve` with its folder, log and audit directory.
//! * [`clinic`]: the tables, and every form in which a canary could leave.
//! * [`house`]: a gateway without a database, and commands beside it.
//! * [`client`]: a client that keeps every byte, and sends whatever it is told to.
//! * [`memory`]: what an idle gateway has in memory.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses a part of it"
)]

pub mod bed;
pub mod client;
pub mod clinic;
pub mod gateway;
pub mod house;
pub mod memory;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Runs trials with the command line of cargo's own test harness.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A trial runs programs of its own: two at a time are enough on a small machine.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    libtest_mimic::run(&arguments, trials).exit_code()
}
