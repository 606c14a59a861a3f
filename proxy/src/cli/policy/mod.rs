//! `velum policy`: what a policy does, before anybody runs into it.

mod cases;
mod catalog;
mod check;
mod explain;
pub(super) mod ground;
mod report;
mod show;
mod tree;
mod words;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CONFIG, DONE, FOUND, MISUSE, complain, print};

#[derive(Subcommand)]
pub(super) enum Policy {
    /// Look for rules that do nothing and policies that let too much through.
    Check(Check),
    /// Explain what becomes of a statement: what it touches, whether it may run, and where each
    /// column comes from and what stands in its place.
    Explain(Explain),
    /// What covers each of the eighteen identifiers of 45 CFR 164.514(b)(2), by resource and
    /// policy. Status 1 if one of them is covered by nothing.
    Report(Report),
    /// Hold the statements of a file against what is expected of them.
    Test(Test),
}

#[derive(Args)]
pub(super) struct Check {
    /// The configuration.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// Hold the policies in use at this resource against its catalog as well: what they name and
    /// there is not, and what covers the columns that there are.
    #[arg(long)]
    resource: Option<String>,
    /// Which of its databases, where the resource passes on any.
    #[arg(long, requires = "resource")]
    database: Option<String>,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Explain {
    #[command(flatten)]
    who: Who,
    /// Schemas in which the server looks up names without one, such as `ehr,public`.
    #[arg(long, value_delimiter = ',', value_name = "SCHEMA,…")]
    search_path: Vec<String>,
    /// The statement.
    sql: String,
}

#[derive(Args)]
pub(super) struct Report {
    /// The configuration.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// Of this resource alone.
    #[arg(long)]
    resource: Option<String>,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Test {
    /// The configuration.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
    /// A TOML file of `[[case]]`s; see docs/operations.md.
    cases: PathBuf,
}

/// Whose statement it is.
#[derive(Args)]
pub(super) struct Who {
    /// The configuration.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// Name of the identity.
    #[arg(long)]
    identity: String,
    /// Name of the resource; needed if the identity may reach several.
    #[arg(long)]
    resource: Option<String>,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

/// Runs one of the commands.
pub(super) fn run(command: &Policy) -> u8 {
    let done = match command {
        Policy::Check(arguments) => check::run(arguments),
        Policy::Explain(arguments) => explain::run(arguments),
        Policy::Report(arguments) => report::run(arguments),
        Policy::Test(arguments) => cases::run(arguments),
    };
    done.unwrap_or_else(|message| {
        complain(&format!("{}\n", message.trim_end()));
        MISUSE
    })
}
