//! `velum audit ship`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::period::misuse;
use crate::audit::ship::cursor::{self, Cursor};
use crate::audit::store;
use crate::cli::{CONFIG, DONE, FOUND, print};
use crate::config;

#[derive(Args)]
pub(in crate::cli) struct Ship {
    /// The configuration: it says where the log is, and where it is sent to.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

/// Tells how far each destination is; status 1 if one has failed since.
pub(super) fn run(arguments: &Ship) -> u8 {
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => return misuse(&error.to_string()),
    };
    let checkpoint = match store::read_checkpoint(&config.audit.directory) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return misuse(&error.to_string()),
    };
    let signed = checkpoint.and_then(|it| store::size_of(&it)).unwrap_or(0);
    let states: Vec<(&str, Cursor)> = config
        .ship
        .iter()
        .map(|to| &*to.name)
        .chain(config.archive.iter().map(|to| &*to.name))
        .map(|name| {
            let path = cursor::path(&config.gateway.data_directory, name);
            (name, cursor::load(&path))
        })
        .collect();
    print(&match arguments.json {
        true => document(&states, signed),
        false => states
            .iter()
            .map(|(name, state)| line(name, state, signed))
            .collect(),
    });
    match states.iter().any(|(_, state)| state.error.is_some()) {
        true => FOUND,
        false => DONE,
    }
}

fn line(name: &str, state: &Cursor, signed: u64) -> String {
    let behind = signed.saturating_sub(state.sequence);
    let taken = state.taken.as_deref().unwrap_or("never");
    let error = state
        .error
        .as_deref()
        .map_or(String::new(), |error| format!("; {error}"));
    format!(
        "{name}: record {} of {signed}, {behind} behind, taken {taken}{error}\n",
        state.sequence
    )
}

fn document(states: &[(&str, Cursor)], signed: u64) -> String {
    let states: Vec<_> = states
        .iter()
        .map(|(name, state)| {
            json!({
                "name": name,
                "sequence": state.sequence,
                "signed": signed,
                "behind": signed.saturating_sub(state.sequence),
                "taken": state.taken,
                "error": state.error,
            })
        })
        .collect();
    format!("{}\n", serde_json::Value::from(states))
}
