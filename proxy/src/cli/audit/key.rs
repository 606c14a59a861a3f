//! `velum audit key`: what an auditor verifies a log by.

use std::path::Path;

use crate::audit::signing;
use crate::cli::{DONE, FOUND, MISUSE, complain, print};
use crate::config;

/// Prints the verifier keys, the current first.
pub(super) fn run(path: &Path) -> u8 {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(error) => {
            complain(&format!("{error}\n"));
            return MISUSE;
        }
    };
    match signing::existing(&config) {
        Ok(Some(signers)) => {
            let keys = signers.keys();
            print(
                &keys
                    .iter()
                    .map(|key| format!("{key}\n"))
                    .collect::<String>(),
            );
            DONE
        }
        Ok(None) => {
            complain("there is no signing key yet: the first start makes one\n");
            FOUND
        }
        Err(failed) => {
            complain(&format!("{}: {}\n", failed.path.display(), failed.error));
            FOUND
        }
    }
}
