//! `velum check-config`

use std::path::Path;

use super::{DONE, FOUND, MISUSE, complain, print};
use crate::config::{self, ConfigError};

/// Checks a file and prints what is wrong with it.
pub(super) fn run(path: &Path, json: bool) -> u8 {
    let (status, document, text) = match config::load(path) {
        Ok(config) => {
            let text = format!(
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
                text,
            )
        }
        Err(ConfigError::Mistakes(problems)) => (FOUND, problems.to_json(), problems.to_text()),
        Err(error @ ConfigError::Unreadable { .. }) => {
            let error = error.to_string();
            let document = serde_json::json!({ "file": path, "ok": false, "error": error });
            (MISUSE, document, format!("{error}\n"))
        }
    };
    if json {
        print(&format!("{document:#}\n"));
    } else if status == DONE {
        print(&text);
    } else {
        complain(&text);
    }
    status
}
