//! `velum sessions serve`

use std::net::{SocketAddr, TcpListener};

use clap::Args;
use velum_core::audit::token::TokenKey;

use super::{Which, found};
use crate::audit::key;
use crate::cli::{DONE, MISUSE, complain, print};
use crate::config;
use crate::recording::index::Index;
use crate::recording::sandbox::Sandbox;

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    which: Which,
    /// Where to listen: a loopback address, as nobody has to prove who they are.
    #[arg(long, default_value = "127.0.0.1:5433")]
    listen: SocketAddr,
}

/// Serves a recording until the process is ended.
pub(super) fn run(arguments: &Serve) -> u8 {
    if !arguments.listen.ip().is_loopback() {
        let listen = arguments.listen;
        complain(&format!(
            "{listen} is not a loopback address: anybody could read there\n"
        ));
        return MISUSE;
    }
    let source = match arguments.which.read_by("sessions serve") {
        Ok(source) => source,
        Err(status) => return status,
    };
    let index = match Index::of(&source) {
        Ok(index) => index,
        Err(error) => return found(&error),
    };
    let listener = match TcpListener::bind(arguments.listen) {
        Ok(listener) => listener,
        Err(error) => {
            complain(&format!("{}: {error}\n", arguments.listen));
            return MISUSE;
        }
    };
    let statements = index.entries.len();
    let cut = if index.is_cut {
        ", of a recording that is cut"
    } else {
        ""
    };
    let address = listener.local_addr().unwrap_or(arguments.listen);
    print(&format!(
        "serving {statements} statements{cut} on {address}\n"
    ));
    let sandbox = Sandbox::new(index, tokens(arguments));
    match sandbox.run(&listener) {
        Ok(()) => DONE,
        Err(error) => found(&error),
    }
}

/// The key by which statements are known; an auditor with an exported file has none.
fn tokens(arguments: &Serve) -> Option<TokenKey> {
    let config = config::load(&arguments.which.place.config).ok()?;
    match &config.audit.key {
        Some(secret) => Some(key::from_secret(secret)),
        None => key::from_data_directory(&config.gateway.data_directory).ok(),
    }
}
