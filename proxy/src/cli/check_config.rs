//! `velum check-config`

use std::io::Write;
use std::path::Path;

use super::{DONE, FOUND, MISUSE};
use crate::config::{self, ConfigError};

/// Checks a file and prints what is wrong with it.
pub(super) fn run(path: &Path, json: bool) -> u8 {
    let (status, json_text, text) = match config::load(path) {
        Ok(config) => {
            let summary = format!(
                "{}: fine ({} listeners, {} identities, {} resources, {} policies)\n",
                path.display(),
                config.listeners.len(),
                config.identities.len(),
                config.resources.len(),
                config.policies.len(),
            );
            (
                DONE,
                serde_json::json!({ "file": path, "ok": true, "mistakes": [] }),
                summary,
            )
        }
        Err(ConfigError::Mistakes(problems)) => (FOUND, problems.to_json(), problems.to_text()),
        Err(error @ ConfigError::Unreadable { .. }) => {
            let document =
                serde_json::json!({ "file": path, "ok": false, "error": error.to_string() });
            (MISUSE, document, format!("{error}\n"))
        }
    };
    let written = match (json, status) {
        (true, _) => writeln!(std::io::stdout(), "{json_text:#}"),
        (false, DONE) => write!(std::io::stdout(), "{text}"),
        (false, _) => write!(std::io::stderr(), "{text}"),
    };
    // A closed pipe changes nothing about the answer.
    drop(written);
    status
}
