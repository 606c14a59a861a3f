//! `velum store`

use std::path::PathBuf;

use clap::Subcommand;

use super::{DONE, FOUND, MISUSE, complain, print};
use crate::config;
use crate::store::{Place, Store, StoreError};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Copy the store to a new file, also while a gateway uses it.
    Backup {
        /// The copy.
        file: PathBuf,
        /// The gateway's configuration: it says where the store is.
        #[arg(long, default_value = super::CONFIG)]
        config: PathBuf,
    },
}

/// Copies the store.
pub(super) fn run(command: &Command) -> u8 {
    let Command::Backup { file, config } = command;
    let config = match config::load(config) {
        Ok(config) => config,
        Err(error) => {
            complain(&format!("{error}\n"));
            return MISUSE;
        }
    };
    if let Place::Server(_) = config.store {
        complain(&format!("{}\n", StoreError::NotAFile));
        return MISUSE;
    }
    let directory = &config.gateway.data_directory;
    if !config.store.may_exist(directory) {
        complain(&format!("there is no store in {}\n", directory.display()));
        return MISUSE;
    }
    match Store::open(directory).and_then(|store| store.backup(file)) {
        Ok(()) => {
            let _closed = print(&format!("{}\n", file.display()));
            DONE
        }
        Err(error @ StoreError::Unusable(..)) => {
            complain(&format!("{error}\n"));
            MISUSE
        }
        Err(error) => {
            complain(&format!("{error}\n"));
            FOUND
        }
    }
}
