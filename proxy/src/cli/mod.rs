//! The command line: one file a command.
//!
//! Exit status: 0 done, 1 the check found something, 2 misuse or bad input.

mod access;
mod audit;
mod check_config;
mod corpus;
mod database;
mod demo;
mod discover;
mod engine;
mod eval;
mod leak_suite;
mod measure;
mod ordered;
mod policy;
mod progress;
mod scan;
mod secrets;
mod sessions;
mod store;
mod tune;
mod witness;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{control, doctor};

/// Everything is fine.
pub const DONE: u8 = 0;
/// The check found something.
pub const FOUND: u8 = 1;
/// Misuse or bad input.
pub const MISUSE: u8 = 2;

/// Where the configuration is if nobody says otherwise.
const CONFIG: &str = "velum.toml";

#[derive(Parser)]
#[command(
    name = "velum",
    version,
    about = "A gateway that masks PHI in database results."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway. SIGHUP reloads its configuration, SIGTERM drains it.
    Serve {
        /// The configuration.
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
        /// Start though the audit log is not what its last signed checkpoint says. It is recorded.
        #[arg(long)]
        accept_log_mismatch: bool,
    },
    /// Check a configuration: all mistakes at once.
    CheckConfig {
        /// The file.
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
        /// As a JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Check this machine: driver, limits, configuration, databases, clock, audit directory.
    Doctor {
        /// The configuration.
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
        /// As a JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Ask what a policy does: lint it, explain a statement, test many.
    #[command(subcommand)]
    Policy(policy::Policy),
    Discover(discover::Discover),
    Grants(access::grants::Grants),
    Keys(access::keys::Keys),
    Identities(access::identities::Identities),
    People(access::people::People),
    Login(access::login::Login),
    Logout(access::login::Logout),
    Whoami(access::login::Whoami),
    Sessions(sessions::Sessions),
    Notifications(access::notifications::Notifications),
    Mcp(access::mcp::Mcp),
    Secrets(secrets::Secrets),
    /// The store of grants and keys.
    #[command(subcommand)]
    Store(store::Command),
    /// Read, verify and prove the audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    Witness(witness::Arguments),
    Scan(scan::Scan),
    Eval(eval::Eval),
    Tune(tune::Tune),
    LeakSuite(Box<leak_suite::LeakSuite>),
    /// Show it all: a real PostgreSQL, synthetic patients, and Velum in front of them.
    Demo(demo::Demo),
}

/// Runs the command of this process' arguments.
pub fn run() -> ExitCode {
    let status = match Cli::parse().command {
        Command::Serve {
            config,
            accept_log_mismatch,
        } => control::serve(&config, accept_log_mismatch),
        Command::CheckConfig { config, json } => check_config::run(&config, json),
        Command::Doctor { config, json } => doctor::run(&config, json),
        Command::Policy(command) => policy::run(&command),
        Command::Discover(arguments) => discover::run(&arguments),
        Command::Grants(arguments) => access::grants::run(&arguments),
        Command::Keys(arguments) => access::keys::run(&arguments),
        Command::Identities(arguments) => access::identities::run(&arguments),
        Command::People(arguments) => access::people::run(&arguments),
        Command::Login(arguments) => access::login::log_in(&arguments),
        Command::Logout(arguments) => access::login::log_out(&arguments),
        Command::Whoami(arguments) => access::login::whoami(&arguments),
        Command::Sessions(arguments) => sessions::run(&arguments),
        Command::Notifications(arguments) => access::notifications::run(&arguments),
        Command::Mcp(arguments) => access::mcp::run(&arguments),
        Command::Secrets(arguments) => secrets::run(&arguments),
        Command::Store(command) => store::run(&command),
        Command::Audit(command) => audit::run(command),
        Command::Witness(arguments) => witness::run(&arguments),
        Command::Scan(arguments) => scan::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
        Command::LeakSuite(arguments) => leak_suite::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    };
    ExitCode::from(status)
}

/// Writes to standard output; false if nobody reads it any more.
pub(crate) fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_ok()
}

/// Writes to standard error. One that is closed changes nothing.
pub(crate) fn complain(text: &str) {
    let _closed = std::io::stderr().write_all(text.as_bytes());
}
