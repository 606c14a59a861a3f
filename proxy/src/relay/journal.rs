//! A data thread's audit records on their way to the control thread.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use velum_core::audit::record::Record;

use super::op::LinkId;
use crate::planes::uplink::BATCH_BYTES;
use crate::planes::{Batch, Shared};

/// Who waits for a record: a link by place and serial number, since places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) link: LinkId,
    pub(super) serial: u64,
    /// Records of this link, up to and with the one that the thread counts as `sequence`.
    pub(super) count: u64,
}

/// See the module's text.
pub(super) struct Journal {
    thread: usize,
    batch: Vec<u8>,
    /// A session waits for a record of the batch.
    is_awaited: bool,
    /// Records appended by this thread.
    sequence: u64,
    waiting: VecDeque<(u64, Waiter)>,
    /// The control thread is gone: nothing will be durable any more.
    lost: bool,
}

impl Journal {
    pub(super) fn new(thread: usize) -> Self {
        Self {
            thread,
            batch: Vec::new(),
            is_awaited: false,
            sequence: 0,
            waiting: VecDeque::new(),
            lost: false,
        }
    }

    /// Appends records in order; `waiter` hears when the last is on disk.
    pub(super) fn append(&mut self, records: &[Record], waiter: Option<Waiter>) {
        for record in records {
            let length_at = self.batch.len();
            self.batch.extend_from_slice(&[0; 4]);
            record.encode(&mut self.batch);
            let length = u32::try_from(self.batch.len() - length_at - 4).unwrap_or(u32::MAX);
            if let Some(header) = self.batch.get_mut(length_at..length_at + 4) {
                header.copy_from_slice(&length.to_be_bytes());
            }
            self.sequence += 1;
        }
        if let Some(waiter) = waiter {
            self.is_awaited = true;
            self.waiting.push_back((self.sequence, waiter));
        }
    }

    /// True if no more records should be made: the control thread does not keep up.
    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_BYTES
    }

    /// True if the control thread is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Hands over what has gathered, if the queue has room. Otherwise it stays here, and goes
    /// when the control thread has signalled progress.
    pub(super) fn hand_over(&mut self, shared: &Shared) {
        if self.batch.is_empty() || self.lost {
            return;
        }
        match shared.batches.try_reserve() {
            Ok(permit) => {
                let bytes = std::mem::take(&mut self.batch);
                permit.send(Batch {
                    thread: self.thread,
                    last_sequence: self.sequence,
                    is_awaited: std::mem::take(&mut self.is_awaited),
                    bytes,
                });
            }
            Err(mpsc::error::TrySendError::Full(())) => {}
            Err(mpsc::error::TrySendError::Closed(())) => self.lost = true,
        }
    }

    /// The next waiter whose record is among the first `durable` ones.
    pub(super) fn settled(&mut self, durable: u64) -> Option<Waiter> {
        match self.waiting.front() {
            Some((sequence, _)) if *sequence <= durable => {
                self.waiting.pop_front().map(|(_, waiter)| waiter)
            }
            _ => None,
        }
    }
}
