//! Queues up, marks down, and the one object that every thread holds.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use velum_core::policy::guard::Ledger;

use super::{
    ActiveGrants, CancelMap, CatalogSlot, GrantQuestion, MachineKeys, ResourceSnapshot, Snapshot,
    Wake,
};
use crate::identity::Issuer;
use crate::receipt::Notary;
use crate::recording::recorder::Recorder;

/// Batches that may wait for the control thread, of each data thread.
pub const BATCHES_PER_THREAD: usize = 16;
/// A data thread hands its batch over when it holds this much, and stops reading from its
/// sockets when it cannot.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Requests that may wait for the control thread.
const REQUESTS: usize = 1_024;

/// Audit records of one data thread.
#[derive(Debug)]
pub struct Batch {
    /// Index of the data thread.
    pub thread: usize,
    /// How many records the thread has handed over with this batch, since it started.
    pub last_sequence: u64,
    /// A session waits until these are on disk. Others may be written with what comes later.
    pub is_awaited: bool,
    /// The records: each a length (u32, big-endian) and its `Record::encode` bytes.
    pub bytes: Vec<u8>,
}

/// What data threads ask of the control thread.
pub enum ControlRequest {
    /// Load this database's catalog: `slot.begin()`, read, `slot.finish(…)`, wake all threads.
    Catalog {
        /// How to reach it.
        resource: Arc<ResourceSnapshot>,
        /// Its name at the upstream.
        database: String,
        /// Where the result goes.
        slot: Arc<CatalogSlot>,
    },
    /// Is there a grant for this client?
    Grant(Box<GrantQuestion>),
    /// A machine has logged in by its key.
    KeyUsed {
        /// The key's name.
        id: Arc<str>,
    },
    /// Fetch this issuer's keys: into its slot, then wake all threads.
    Keys {
        /// Whose.
        issuer: Arc<Issuer>,
    },
}

/// How many of a data thread's records are on disk, in the count of [`Batch::last_sequence`].
#[derive(Debug, Default)]
pub struct DurableMark(AtomicU64);

impl DurableMark {
    /// Control thread, after fsync: all records up to and with `sequence` are on disk. Signal
    /// the thread's [`Wake`] after.
    pub fn advance(&self, sequence: u64) {
        self.0.fetch_max(sequence, Ordering::Release);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// What the whole gateway is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Serving.
    Running = 0,
    /// Accepts no more, ends sessions when their transaction is over.
    Draining = 1,
    /// The log can no longer be written: all sessions end at once, none begins.
    LogFailed = 2,
}

/// The control thread's handles on one data thread.
#[derive(Debug)]
pub struct ThreadLink {
    /// Records on disk.
    pub durable: DurableMark,
    /// Gets the thread to look at marks, catalogs, snapshot and state.
    pub wake: Wake,
}

/// Held by every thread.
pub struct Shared {
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// The grants that hold.
    pub grants: ArcSwap<ActiveGrants>,
    /// The keys of machines that are in force.
    pub keys: ArcSwap<MachineKeys>,
    /// Live sessions by cancel key.
    pub cancels: Arc<CancelMap>,
    /// The data threads.
    pub threads: Vec<ThreadLink>,
    /// What identities have compared with masked columns.
    pub ledger: Arc<Ledger>,
    /// Writes recordings, where the configuration has any.
    pub recorder: OnceLock<Arc<Recorder>>,
    /// Commits to masked values, where the configuration wants it.
    pub notary: OnceLock<Arc<Notary>>,
    /// Audit records up.
    pub batches: mpsc::Sender<Batch>,
    /// Questions up.
    pub requests: mpsc::Sender<ControlRequest>,
    /// Figures for observe.
    pub counters: Counters,
    state: AtomicU8,
}

/// The control thread's ends of the queues.
pub struct Receivers {
    /// See [`Shared::batches`].
    pub batches: mpsc::Receiver<Batch>,
    /// See [`Shared::requests`].
    pub requests: mpsc::Receiver<ControlRequest>,
}

/// Figures that data threads keep.
#[derive(Debug, Default)]
pub struct Counters {
    /// Client connections now open, handshakes and cancel requests too.
    pub connections: AtomicUsize,
    /// Of those, not authenticated yet.
    pub pre_auth: AtomicUsize,
    /// Authenticated sessions now open.
    pub sessions: AtomicUsize,
    /// Connections ever accepted.
    pub accepted: AtomicU64,
    /// Cancel requests that matched a session.
    pub cancels: AtomicU64,
    /// Cancel requests that matched none.
    pub cancels_unknown: AtomicU64,
    /// Receives of bulk results that let bytes gather first.
    pub held_off: AtomicU64,
    /// Sessions that went on with a connection to the database that another had left.
    pub resumed: AtomicU64,
}

impl Shared {
    /// The object for `threads` data threads.
    ///
    /// # Errors
    /// When no descriptor is left for an eventfd.
    pub fn new(snapshot: Snapshot, threads: usize) -> io::Result<(Arc<Self>, Receivers)> {
        let (batches, batches_up) = mpsc::channel(BATCHES_PER_THREAD * threads.max(1));
        let (requests, requests_up) = mpsc::channel(REQUESTS);
        let link = |_| {
            Ok(ThreadLink {
                durable: DurableMark::default(),
                wake: Wake::new()?,
            })
        };
        let shared = Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            grants: ArcSwap::default(),
            keys: ArcSwap::default(),
            cancels: Arc::new(CancelMap::new()),
            ledger: Arc::default(),
            recorder: OnceLock::new(),
            notary: OnceLock::new(),
            threads: (0..threads).map(link).collect::<io::Result<_>>()?,
            batches,
            requests,
            counters: Counters::default(),
            state: AtomicU8::new(State::Running as u8),
        };
        Ok((
            Arc::new(shared),
            Receivers {
                batches: batches_up,
                requests: requests_up,
            },
        ))
    }

    /// What the gateway is doing.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Running,
            1 => State::Draining,
            _ => State::LogFailed,
        }
    }

    /// Moves on to `state` and wakes all data threads. There is no way back.
    pub fn set_state(&self, state: State) {
        self.state.fetch_max(state as u8, Ordering::AcqRel);
        self.wake_all();
    }

    /// Puts a new configuration in force, and has sessions end that it gives another policy.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        self.wake_all();
    }

    /// Puts another set of grants in force, and has sessions end whose grant is not in it.
    pub fn publish_grants(&self, grants: ActiveGrants) {
        self.grants.store(Arc::new(grants));
        self.wake_all();
    }

    /// Puts another set of keys in force, and has sessions end whose key is not in it.
    pub fn publish_keys(&self, keys: MachineKeys) {
        self.keys.store(Arc::new(keys));
        self.wake_all();
    }

    /// Wakes all data threads.
    pub fn wake_all(&self) {
        for thread in &self.threads {
            thread.wake.signal();
        }
    }
}
