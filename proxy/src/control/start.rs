//! From a configuration to a running gateway.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use velum_core::audit::record::Body;
use zeroize::Zeroizing;

use super::run::{self, Ended, Order, Parts};
use super::snapshot::{self, Keys, Unusable};
use super::vault::Vault;
use crate::audit::configurations;
use crate::audit::home;
use crate::audit::key;
use crate::audit::publisher::Publisher;
use crate::audit::rebuild::Trust;
use crate::audit::recover::{self, RecoverError, Recovered};
use crate::audit::signing;
use crate::audit::store;
use crate::config::Config;
use crate::config::model::Driver;
use crate::drive::{self, StartError as DriveError};
use crate::observe;
use crate::planes::Shared;
use crate::ring;
use crate::store::{Store, StoreError, StoreHandle};

/// Orders that may wait for the control thread.
const ORDERS: usize = 16;

/// Why a gateway did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration cannot be put in force.
    Configuration(Unusable),
    /// A key cannot be read or made.
    Key(PathBuf, io::Error),
    /// The log cannot be appended to.
    Log(RecoverError),
    /// The store cannot be opened.
    Store(StoreError),
    /// The API cannot listen.
    Api(SocketAddr, io::Error),
    /// What the store knows of grants cannot be put in force.
    Grants(String),
    /// Sessions cannot be recorded.
    Recordings(String),
    /// There can be no receipts.
    Receipts(String),
    /// A secret cannot be opened.
    Credential(String),
    /// The data plane does not start.
    DataPlane(DriveError),
    /// The log failed before the gateway was up.
    LogFailed(String),
    /// A thread, a descriptor or a runtime is not to be had.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Configuration(error) => error.fmt(f),
            StartError::Key(path, error) => write!(f, "{}: {error}", path.display()),
            StartError::Log(error) => error.fmt(f),
            StartError::Store(error) => error.fmt(f),
            StartError::Api(address, error) => {
                write!(f, "the API cannot listen on {address}: {error}")
            }
            StartError::DataPlane(error) => error.fmt(f),
            StartError::LogFailed(reason)
            | StartError::Grants(reason)
            | StartError::Recordings(reason)
            | StartError::Receipts(reason)
            | StartError::Credential(reason) => f.write_str(reason),
            StartError::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

/// A running gateway. Dropping it drains it.
pub struct Gateway {
    orders: mpsc::Sender<Order>,
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Ended>>,
}

impl Gateway {
    /// Starts all threads; returns when clients can connect.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running then.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let keys = keys(&config)?;
        let snapshot = snapshot::build(&config, &keys, None).map_err(StartError::Configuration)?;
        let count = config.gateway.threads.unwrap_or_else(cores);
        let (shared, receivers) = Shared::new(snapshot, count).map_err(StartError::System)?;
        let (log, publisher, signing_key) = open_log(&config)?;
        keep_text(&config).map_err(StartError::System)?;
        let store = store(&config)?;
        let (orders, obeyed) = mpsc::channel(ORDERS);
        let (ready, is_ready) = oneshot::channel();
        let parts = Parts {
            config: Arc::new(config),
            keys,
            shared: Arc::clone(&shared),
            receivers,
            orders: obeyed,
            log,
            publisher,
            signing_key,
            store,
            ready,
        };
        let thread = std::thread::Builder::new()
            .name("velum-control".to_owned())
            .spawn(move || run::thread(parts))
            .map_err(StartError::System)?;
        match is_ready.blocking_recv() {
            Ok(Ok(addresses)) => Ok(Self {
                orders,
                addresses,
                shared,
                thread: Some(thread),
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StartError::System(io::Error::other(
                "the control thread ended",
            ))),
        }
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the threads share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Puts a new configuration in force. What cannot change without a restart (listeners'
    /// number and addresses, threads, driver, audit) is refused, and nothing changes.
    ///
    /// # Errors
    /// Why nothing changed.
    pub fn reload(&self, config: Config) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Reload(Box::new(config), answer);
        let gone = || "the gateway is going down".to_owned();
        self.orders.blocking_send(order).map_err(|_| gone())?;
        answered.blocking_recv().map_err(|_| gone())?
    }

    /// Accepts no more, lets sessions finish within the configured time, and ends.
    pub fn drain(&self) {
        // A queue that is full or closed means that it is going down already.
        let _going_down = self.orders.try_send(Order::Drain);
    }

    /// True once the control thread has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end.
    pub fn join(mut self) -> Ended {
        self.wait()
    }

    fn wait(&mut self) -> Ended {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) | None => Ended::Failed,
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.drain();
            self.wait();
        }
    }
}

/// Which driver a configuration asks for.
pub(super) fn choice(driver: Driver) -> drive::Choice {
    match driver {
        Driver::Auto => drive::Choice::Auto,
        Driver::IoUring => drive::Choice::IoUring,
        Driver::Epoll => drive::Choice::Epoll,
    }
}

/// May the control thread run on io_uring? Where epoll was asked for, it does not either.
pub(super) fn control_uses_ring(driver: Driver) -> bool {
    driver != Driver::Epoll && ring::probe().is_ok()
}

/// The store, if the configuration uses it.
fn store(config: &Config) -> Result<Option<StoreHandle>, StartError> {
    if !config.uses_store() {
        return Ok(None);
    }
    let store = Store::of_gateway(config).map_err(StartError::Store)?;
    let handle = StoreHandle::spawn(store).map_err(StartError::System)?;
    Ok(Some(handle))
}

/// Keeps the text of a configuration that comes into force, for whoever reads the records later.
pub(super) fn keep_text(config: &Config) -> io::Result<()> {
    let directory = &config.gateway.data_directory;
    configurations::keep(directory, &config.text).map_err(|error| {
        let what = format!(
            "keeping the configuration in {}: {error}",
            directory.display()
        );
        io::Error::new(error.kind(), what)
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The log, what publishes its checkpoints, and the record of the key that signs them.
fn open_log(config: &Config) -> Result<(Recovered, Publisher, Body), StartError> {
    let signers = signing::load(config);
    let signers = signers.map_err(|failed| StartError::Key(failed.path, failed.error))?;
    let directory = &config.audit.directory;
    let trust = Trust {
        keys: signers.keys(),
        accepts_mismatch: config.audit.accepts_mismatch,
    };
    let log = recover::recover(directory, observe::now(), &trust).map_err(StartError::Log)?;
    home::settle(directory).map_err(|error| {
        let what = format!("{}: {error}", directory.display());
        StartError::System(io::Error::new(error.kind(), what))
    })?;
    if let Some(found) = log.tree.found() {
        store::publish(directory, &signers, &found).map_err(|error| {
            let what = format!(
                "publishing a checkpoint in {}: {error}",
                directory.display()
            );
            StartError::System(io::Error::new(error.kind(), what))
        })?;
    }
    let signing_key = signers.record();
    let publisher = Publisher::start(directory.clone(), signers, log.tree.edge.clone());
    Ok((log, publisher.map_err(StartError::System)?, signing_key))
}

fn keys(config: &Config) -> Result<Keys, StartError> {
    let tokens = match &config.audit.key {
        Some(secret) => key::from_secret(secret),
        None => {
            let directory = &config.gateway.data_directory;
            key::from_data_directory(directory)
                .map_err(|error| StartError::Key(directory.clone(), error))?
        }
    };
    let mut mock_secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *mock_secret)
        .map_err(|error| StartError::System(io::Error::other(error)))?;
    Ok(Keys {
        tokens: Arc::new(tokens),
        mock_secret,
        vault: Arc::new(Vault::kept_in(
            config.gateway.data_directory.clone(),
            config.gateway.random_tokens_most,
        )),
    })
}
