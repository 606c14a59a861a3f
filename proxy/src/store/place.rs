//! Which store a configuration names, and which of several gateways this is.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::postgres::{Postgres, Server};
use super::{Engine, FILE, Store, StoreError};
use crate::audit::store::replace;
use crate::config::Config;

/// File in the data directory with what tells a gateway from the others of its store.
const ORIGIN: &str = "gateway-id";
const ORIGIN_BYTES: usize = 8;

/// Where the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// A file in the data directory.
    #[default]
    Folder,
    /// PostgreSQL.
    Server(Arc<Server>),
}

impl Place {
    /// Is there a store, as far as can be seen without opening it?
    pub fn may_exist(&self, data_directory: &Path) -> bool {
        match self {
            Place::Folder => data_directory.join(FILE).exists(),
            Place::Server(_) => true,
        }
    }
}

impl Store {
    /// The store that a configuration names, for a command.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn of(config: &Config) -> Result<Self, StoreError> {
        match &config.store {
            Place::Folder => Self::open(&config.gateway.data_directory),
            Place::Server(server) => Self::open_on(server, String::new()),
        }
    }

    /// The same for the gateway itself, which others of its store know from each other.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn of_gateway(config: &Config) -> Result<Self, StoreError> {
        match &config.store {
            Place::Folder => Self::open(&config.gateway.data_directory),
            Place::Server(server) => {
                let origin = origin(&config.gateway.data_directory)?;
                Self::open_on(server, origin)
            }
        }
    }

    /// The store in PostgreSQL, made and brought up to date if need be. `origin` tells
    /// gateways that
    /// share it apart; empty for a command.
    ///
    /// # Errors
    /// See [`StoreError`]; a newer or foreign one is not touched.
    pub fn open_on(server: &Arc<Server>, origin: String) -> Result<Self, StoreError> {
        Ok(Self {
            engine: Engine::Postgres(Postgres::open(server)?),
            origin,
        })
    }
}

/// What is in the file, made at the first start.
fn origin(directory: &Path) -> Result<String, StoreError> {
    let path = directory.join(ORIGIN);
    let unusable = |error| StoreError::Unusable(path.clone(), error);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let known = text.trim();
            let is_one = known.len() == 2 * ORIGIN_BYTES
                && known.bytes().all(|byte| byte.is_ascii_hexdigit());
            let damaged = || unusable(std::io::Error::other("it holds no 16 hexadecimal digits"));
            is_one.then(|| known.to_owned()).ok_or_else(damaged)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; ORIGIN_BYTES];
            getrandom::fill(&mut bytes).map_err(|error| unusable(std::io::Error::other(error)))?;
            let mut made = String::new();
            for byte in bytes {
                let _infallible = write!(made, "{byte:02x}");
            }
            replace(&path, format!("{made}\n").as_bytes(), true).map_err(unusable)?;
            Ok(made)
        }
        Err(error) => Err(unusable(error)),
    }
}
