//! The command line: one file a command.
//!
//! Exit status: 0 done, 1 the check found something, 2 misuse or bad input.

mod check_config;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Check a configuration: all mistakes at once.
    CheckConfig {
        /// The file.
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
        /// As a JSON document.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command of this process' arguments.
pub fn run() -> ExitCode {
    let status = match Cli::parse().command {
        Command::CheckConfig { config, json } => check_config::run(&config, json),
    };
    ExitCode::from(status)
}
