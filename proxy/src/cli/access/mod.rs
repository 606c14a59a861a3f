//! `velum grants`, `velum keys`, `velum identities` and `velum login`: the API from a terminal.
//!
//! * `client`: one request and its answer. `output`: tables for people, JSON for programs.
//! * `grants`, `keys`, `identities`, `people`, `login`, `notifications`, `mcp`: one command each;
//!   `machines`: the keys that log in.
//! * `device`: tokens by somebody's browser. `stored`: where they are kept.

mod client;
mod device;
pub(super) mod grants;
pub(super) mod identities;
pub(super) mod keys;
pub(super) mod login;
mod machines;
pub(super) mod mcp;
pub(super) mod notifications;
mod output;
pub(super) mod people;
mod stored;

use std::path::PathBuf;

use clap::Args;

use super::{DONE, complain};
use client::{Client, Failed};

/// Where the API is, and who asks.
#[derive(Args)]
pub(super) struct Connection {
    /// Address of the API [default: $VELUM_API, or else http://127.0.0.1:6480].
    #[arg(long, visible_alias = "url", global = true, value_name = "URL")]
    api: Option<String>,
    /// File with the key [default: $VELUM_KEY is the key itself, or else ~/.config/velum/key, or
    /// else the token of velum login].
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Authorities that the API's certificate may come from [default: those of this machine].
    #[arg(long, global = true, value_name = "FILE")]
    api_ca: Option<PathBuf>,
    /// As JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// Runs what asks the API, and says why it failed.
fn run(connection: &Connection, ask: impl FnOnce(&Client) -> Result<(), Failed>) -> u8 {
    done(Client::new(connection).and_then(|client| ask(&client)))
}

/// The same by nobody in particular.
fn run_anonymous(connection: &Connection, ask: impl FnOnce(&Client) -> Result<(), Failed>) -> u8 {
    done(Client::anonymous(connection).and_then(|client| ask(&client)))
}

/// The exit status; why it failed is said.
fn done(result: Result<(), Failed>) -> u8 {
    match result {
        Ok(()) => DONE,
        Err(failed) => {
            complain(&failed.to_string());
            failed.status()
        }
    }
}

/// A length such as `90s`, `30m`, `8h` or `7d`, in seconds.
fn length(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*seconds).filter(|length| *length > 0)
    });
    found.ok_or_else(|| "write a number and a unit: 90s, 30m, 8h or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn lengths_have_a_unit() {
        assert_eq!(length("90s"), Ok(90));
        assert_eq!(length("8h"), Ok(28_800));
        for wrong in [
            "",
            "8",
            "h",
            "0m",
            "-1h",
            "1w",
            "99999999999999999999d",
            "8 h",
        ] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }
}
