//! What the links of one data thread share.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use velum_core::limits::ANALYSES_BYTES;
use velum_core::sql::SharedAnalyses;
use velum_core::time::Timestamp;

use super::journal::Journal;
use super::kept::Shelf;
use super::op::{LinkId, Op};
use super::pool::Pool;
use crate::planes::{Ahead, CancelTarget, CatalogSlot, Shared};

/// Buffers for TLS records that a thread keeps; they are as large as they have grown.
const SEAL_BUFFERS: usize = 16;

/// See the module's text.
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) pool: Pool,
    pub(super) journal: Journal,
    /// See [`super::hold`]; as it was when the thread began.
    pub(super) hold_off_most: Duration,
    /// For the driver, in order.
    pub(super) ops: VecDeque<(LinkId, Op)>,
    /// The clock, read once for all completions of a round.
    pub(super) now: Instant,
    pub(super) time: Timestamp,
    /// Statements to cancel because their client is gone.
    pub(super) orphans: Vec<Arc<CancelTarget>>,
    /// Connections to databases that wait for a client.
    pub(super) shelf: Shelf,
    /// Links whose client goes on with what a link of the shelf has.
    pub(super) resumptions: Vec<(LinkId, LinkId)>,
    /// Links to look at again when the control thread signals.
    pub(super) parked: Vec<LinkId>,
    /// Links whose recording is to be flushed, by serial, and when; in order.
    pub(super) tapes: VecDeque<(Instant, LinkId, u64)>,
    seal_buffers: Vec<Vec<u8>>,
    /// What was read of statements, by the database that they were for.
    analyses: Vec<(Weak<CatalogSlot>, SharedAnalyses)>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, thread: usize) -> Self {
        let threads = shared.threads.len().max(1);
        let limits = shared.snapshot.load().limits.clone();
        let ahead = limits.ahead.map(|all| Ahead {
            bytes: all.bytes / threads,
            ..all
        });
        let mut context = Self {
            shared,
            pool: Pool::default(),
            journal: Journal::new(thread, ahead),
            hold_off_most: limits.hold_off_most,
            ops: VecDeque::new(),
            now: Instant::now(),
            time: Timestamp(0),
            orphans: Vec::new(),
            shelf: Shelf::default(),
            resumptions: Vec::new(),
            parked: Vec::new(),
            tapes: VecDeque::new(),
            seal_buffers: Vec::new(),
            analyses: Vec::new(),
        };
        context.read_clock();
        context
    }

    pub(super) fn read_clock(&mut self) {
        self.now = Instant::now();
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.time = Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn after_ms(&self, ms: u64) -> Instant {
        self.now + Duration::from_millis(ms)
    }

    /// What was read of statements for the database of this catalog.
    pub(super) fn analyses(&mut self, slot: &Arc<CatalogSlot>) -> SharedAnalyses {
        let is_it =
            |(of, _): &&(Weak<CatalogSlot>, _)| std::ptr::eq(of.as_ptr(), &raw const **slot);
        if let Some((_, known)) = self.analyses.iter().find(is_it) {
            return known.clone();
        }
        self.analyses.retain(|(of, _)| of.strong_count() > 0);
        let new = SharedAnalyses::new(ANALYSES_BYTES);
        self.analyses.push((Arc::downgrade(slot), new.clone()));
        new
    }

    pub(super) fn seal_buffer(&mut self) -> Vec<u8> {
        self.seal_buffers.pop().unwrap_or_default()
    }

    pub(super) fn put_seal_buffer(&mut self, buffer: Vec<u8>) {
        if self.seal_buffers.len() < SEAL_BUFFERS {
            self.seal_buffers.push(buffer);
        }
    }
}

/// Random bytes from the system.
///
/// # Panics
/// If the system has none: nothing that follows could be trusted.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    assert!(filled.is_ok(), "the system gives no random bytes");
    bytes
}
