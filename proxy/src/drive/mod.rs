//! Starts the data plane: chooses a driver, binds, and gives each data thread its worker.

pub mod sockets;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::planes::{Shared, State};
use crate::relay::Worker;
use crate::{epoll, ring};

/// How long accepting rests when the process is out of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Which driver is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// io_uring if it is usable, else epoll.
    #[default]
    Auto,
    /// io_uring, or an error.
    IoUring,
    /// epoll.
    Epoll,
}

/// Which driver is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// See [`crate::ring`].
    IoUring,
    /// See [`crate::epoll`].
    Epoll,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Driver::IoUring => "io_uring",
            Driver::Epoll => "epoll",
        })
    }
}

/// Why the data plane did not start.
#[derive(Debug)]
pub enum StartError {
    /// io_uring was demanded and is not usable.
    IoUring(ring::Unusable),
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// A thread or its ring or poller could not be made.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::IoUring(unusable) => write!(f, "io_uring cannot be used: {unusable}"),
            StartError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            StartError::Thread(error) => write!(f, "cannot start a data thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// The running data plane.
pub struct DataPlane {
    driver: Driver,
    fallback: Option<ring::Unusable>,
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl DataPlane {
    /// Binds the snapshot's listeners and starts one thread for each of `shared.threads`.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running then.
    pub fn start(shared: &Arc<Shared>, choice: Choice) -> Result<Self, StartError> {
        let (driver, fallback) = choose(choice)?;
        let count = shared.threads.len();
        let mut addresses = Vec::new();
        let mut by_thread: Vec<Vec<TcpListener>> = (0..count).map(|_| Vec::new()).collect();
        for listener in &shared.snapshot.load().listeners {
            let failed = |error| StartError::Listen(listener.address, error);
            let bound = sockets::listen(listener.address, count).map_err(failed)?;
            let first = bound.first().map(TcpListener::local_addr);
            addresses.extend(first.transpose().map_err(failed)?);
            for (listeners, listener) in by_thread.iter_mut().zip(bound) {
                listeners.push(listener);
            }
        }
        let mut plane = Self {
            driver,
            fallback,
            addresses,
            shared: Arc::clone(shared),
            threads: Vec::new(),
        };
        for (thread, listeners) in by_thread.into_iter().enumerate() {
            match spawn(driver, shared, thread, listeners) {
                Ok(handle) => plane.threads.push(handle),
                Err(error) => {
                    plane.drain();
                    let _reported_below = plane.join();
                    return Err(StartError::Thread(error));
                }
            }
        }
        Ok(plane)
    }

    /// The driver in use.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// Why epoll is in use although the choice was left to Velum.
    pub fn fallback(&self) -> Option<&ring::Unusable> {
        self.fallback.as_ref()
    }

    /// Addresses that are listened on, in the order of the snapshot's listeners, with the ports
    /// that the system chose for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops accepting, ends idle sessions, and gives the others until the configured timeout.
    pub fn drain(&self) {
        self.shared.set_state(State::Draining);
    }

    /// Waits for the threads; call [`DataPlane::drain`] before.
    ///
    /// # Errors
    /// What ended a thread early.
    pub fn join(self) -> io::Result<()> {
        let mut result = Ok(());
        for thread in self.threads {
            let ended = thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a data thread panicked")));
            result = result.and(ended);
        }
        result
    }
}

fn choose(choice: Choice) -> Result<(Driver, Option<ring::Unusable>), StartError> {
    match choice {
        Choice::Epoll => Ok((Driver::Epoll, None)),
        Choice::IoUring => match ring::probe() {
            Ok(()) => Ok((Driver::IoUring, None)),
            Err(unusable) => Err(StartError::IoUring(unusable)),
        },
        Choice::Auto => match ring::probe() {
            Ok(()) => Ok((Driver::IoUring, None)),
            Err(unusable) => Ok((Driver::Epoll, Some(unusable))),
        },
    }
}

fn spawn(
    driver: Driver,
    shared: &Arc<Shared>,
    thread: usize,
    listeners: Vec<TcpListener>,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let shared = Arc::clone(shared);
    let builder = std::thread::Builder::new().name(format!("velum-data-{thread}"));
    builder.spawn(move || {
        // A hold-off of 50 us ends then, and not after the kernel's usual slack of as much again.
        let _exact = rustix::thread::set_current_timer_slack(NonZeroU64::new(1_000));
        let worker = Worker::new(Arc::clone(&shared), thread);
        match driver {
            Driver::IoUring => ring::run(worker, &shared, thread, listeners),
            Driver::Epoll => epoll::run(worker, &shared, thread, listeners),
        }
    })
}
