//! A data thread's audit records on their way to the control thread.
//!
//! ```text
//!  sessions ─▶ batch (gathers) ─▶ queue ─▶ log          handed over: somebody waits, or it is due
//!              └─────── afloat: made, not known to be on disk ───────┘
//! ```
//!
//! Each batch costs a wake-up of another thread, so records for which nobody waits gather. In mode
//! `bounded` nobody waits as long as what is afloat stays within its bounds. In mode `durable` each
//! batch that somebody waits for costs a sync as well: one is under way at a time, and the next
//! gives those whom the last one set free a moment to come back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use velum_core::audit::record::Record;

use super::op::LinkId;
use crate::planes::uplink::BATCH_BYTES;
use crate::planes::{Ahead, Batch, Shared};

/// How long records for which nobody waits gather, and how many bytes of them.
const GATHER: Duration = Duration::from_millis(20);
const GATHER_BYTES: usize = 64 * 1024;
/// How long a batch that somebody waits for gathers after the last one came back, at most: half of
/// what that one took, so that the disk is the longer part of any wait.
const PACE: Duration = Duration::from_micros(200);
/// Of a bound on what is afloat, the part that gathers here: the writer and the disk need the rest.
const GATHER_SHARE: u32 = 8;

/// Who waits for a record: a link by place and serial number, since places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) link: LinkId,
    pub(super) serial: u64,
    /// Records of this link, up to and with the one that the thread counts as `sequence`.
    pub(super) count: u64,
}

/// What becomes of whoever waits for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It hears of it when the record is on disk.
    Waits,
    /// It goes on: the record may follow.
    Over,
}

/// A batch that was handed over and is not known to be on disk.
struct Afloat {
    last_sequence: u64,
    bytes: usize,
    /// When its first record was made.
    since: Instant,
    /// When a batch that somebody waits for went.
    went: Option<Instant>,
}

/// The last batch that somebody waited for and that came back.
#[derive(Clone, Copy)]
struct Group {
    /// How many it set free.
    waiters: usize,
    /// Until then the next one gathers.
    until: Instant,
}

/// See the module's text.
pub(super) struct Journal {
    thread: usize,
    batch: Vec<u8>,
    /// When the first record of the batch was made.
    since: Option<Instant>,
    /// So many sessions wait for a record of the batch.
    awaited: usize,
    last_group: Option<Group>,
    /// The queue had no room: there will be some when the control thread signals.
    is_stuck: bool,
    /// Records appended by this thread.
    sequence: u64,
    waiting: VecDeque<(u64, Waiter)>,
    /// How far results may go ahead of the disk.
    ahead: Option<Ahead>,
    afloat: VecDeque<Afloat>,
    afloat_bytes: usize,
    /// The control thread is gone: nothing will be durable any more.
    lost: bool,
}

impl Journal {
    pub(super) fn new(thread: usize, ahead: Option<Ahead>) -> Self {
        Self {
            thread,
            batch: Vec::new(),
            since: None,
            awaited: 0,
            last_group: None,
            is_stuck: false,
            sequence: 0,
            waiting: VecDeque::new(),
            ahead,
            afloat: VecDeque::new(),
            afloat_bytes: 0,
            lost: false,
        }
    }

    /// Appends records in order. `waiter` waits for the last.
    pub(super) fn append(
        &mut self,
        records: &[Record],
        waiter: Option<Waiter>,
        now: Instant,
    ) -> Wait {
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
        self.since.get_or_insert(now);
        match waiter {
            Some(waiter) if !self.may_follow(now) => {
                self.awaited += 1;
                self.waiting.push_back((self.sequence, waiter));
                Wait::Waits
            }
            _ => Wait::Over,
        }
    }

    /// True if what is afloat, all of the batch with it, may be lost.
    fn may_follow(&self, now: Instant) -> bool {
        let Some(ahead) = &self.ahead else {
            return false;
        };
        let oldest = self.afloat.front().map(|it| it.since).or(self.since);
        let age = oldest.map_or(Duration::ZERO, |oldest| {
            now.saturating_duration_since(oldest)
        });
        age <= ahead.within && self.afloat_bytes + self.batch.len() <= ahead.bytes
    }

    /// True if no more records should be made: the control thread does not keep up.
    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_BYTES
    }

    /// True if the control thread is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// True if the control thread has every record, or is gone.
    pub(super) fn is_handed_over(&self) -> bool {
        self.batch.is_empty() || self.lost
    }

    /// How long what has gathered may wait for more, and how large it may become.
    fn gathering(&self) -> (Duration, usize) {
        match &self.ahead {
            None => (GATHER, GATHER_BYTES),
            Some(ahead) => (
                (ahead.within / GATHER_SHARE).min(GATHER),
                (ahead.bytes / GATHER_SHARE as usize).min(GATHER_BYTES),
            ),
        }
    }

    /// When [`Journal::hand_over`] is to be called at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.is_stuck && !self.lost)?;
        let gathered = since + self.gathering().0;
        let is_paced = self.awaited > 0 && !self.is_under_way();
        let group = self.last_group.filter(|_| is_paced);
        Some(group.map_or(gathered, |group| group.until.min(gathered)))
    }

    /// True if somebody waits for the batch, and it is not worth while to wait for more of them.
    fn is_called_for(&self, now: Instant) -> bool {
        if self.awaited == 0 || self.ahead.is_some() {
            return self.awaited > 0;
        }
        let is_all = |group: Group| self.awaited >= group.waiters || now >= group.until;
        !self.is_under_way() && self.last_group.is_none_or(is_all)
    }

    /// True if somebody waits for what was handed over. In mode `bounded` it does not matter.
    fn is_under_way(&self) -> bool {
        self.afloat.iter().any(|batch| batch.went.is_some())
    }

    /// Hands over what has gathered, if it is due or `at_once`, and if the queue has room.
    /// Otherwise it stays here, and goes when the control thread has signalled progress.
    pub(super) fn hand_over(&mut self, shared: &Shared, now: Instant, at_once: bool) {
        let Some(since) = self.since.filter(|_| !self.lost) else {
            return;
        };
        let (time, bytes) = self.gathering();
        let is_due = self.batch.len() >= bytes || now >= since + time;
        if !(is_due || self.is_called_for(now) || at_once) {
            return;
        }
        match shared.batches.try_reserve() {
            Ok(permit) => {
                let bytes = std::mem::take(&mut self.batch);
                self.since = None;
                let is_awaited = std::mem::take(&mut self.awaited) > 0;
                self.afloat_bytes += bytes.len();
                self.afloat.push_back(Afloat {
                    last_sequence: self.sequence,
                    bytes: bytes.len(),
                    since,
                    went: is_awaited.then_some(now),
                });
                permit.send(Batch {
                    thread: self.thread,
                    last_sequence: self.sequence,
                    is_awaited,
                    bytes,
                });
            }
            Err(mpsc::error::TrySendError::Full(())) => self.is_stuck = true,
            Err(mpsc::error::TrySendError::Closed(())) => self.lost = true,
        }
    }

    /// The first `durable` records are on disk. Before [`Journal::settled`].
    pub(super) fn settle(&mut self, durable: u64, now: Instant) {
        self.is_stuck = false;
        let settled = |(sequence, _): &&(u64, Waiter)| *sequence <= durable;
        let waiters = self.waiting.iter().take_while(settled).count();
        while let Some(batch) = self.afloat.front()
            && batch.last_sequence <= durable
        {
            self.afloat_bytes = self.afloat_bytes.saturating_sub(batch.bytes);
            if let Some(went) = batch.went {
                let took = now.saturating_duration_since(went);
                let until = now + (took / 2).min(PACE);
                self.last_group = Some(Group { waiters, until });
            }
            self.afloat.pop_front();
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

#[cfg(test)]
mod tests {
    use velum_core::audit::record::{Body, SessionId};
    use velum_core::time::Timestamp;

    use super::*;
    use crate::planes::snapshot;

    const WAITER: Waiter = Waiter {
        link: 0,
        serial: 0,
        count: 1,
    };

    fn record() -> Record {
        Record {
            time: Timestamp(0),
            session: SessionId(1),
            identity: "app".into(),
            resource: "ehr".into(),
            body: Body::Gateway {
                event: "x".repeat(100),
            },
        }
    }

    /// Bytes of the next batch in the queue.
    fn queued(receivers: &mut crate::planes::Receivers) -> Option<(usize, bool)> {
        let batch = receivers.batches.try_recv().ok()?;
        Some((batch.bytes.len(), batch.is_awaited))
    }

    #[test]
    fn what_nobody_waits_for_gathers_and_goes_with_what_somebody_does() {
        let (shared, mut up) = Shared::new(snapshot::tests::empty(), 1).unwrap();
        let mut journal = Journal::new(0, None);
        let start = Instant::now();
        assert_eq!(journal.due(), None);
        assert_eq!(journal.append(&[record()], None, start), Wait::Over);
        journal.hand_over(&shared, start, false);
        assert_eq!(queued(&mut up), None);
        let wait = journal.append(&[record()], Some(WAITER), start);
        assert_eq!(wait, Wait::Waits);
        journal.hand_over(&shared, start, false);
        let (both, is_awaited) = queued(&mut up).unwrap();
        assert!(is_awaited);
        // Alone it goes when it is due, by time or by size, or when the thread ends.
        journal.append(&[record()], None, start);
        assert_eq!(journal.due(), Some(start + GATHER));
        journal.hand_over(&shared, start + GATHER, false);
        assert_eq!(queued(&mut up), Some((both / 2, false)));
        journal.append(&vec![record(); 1 + 2 * GATHER_BYTES / both], None, start);
        journal.hand_over(&shared, start, false);
        assert!(queued(&mut up).is_some_and(|(bytes, _)| bytes >= GATHER_BYTES));
        journal.append(&[record()], None, start);
        assert!(!journal.is_handed_over());
        journal.hand_over(&shared, start, true);
        assert!(queued(&mut up).is_some() && journal.is_handed_over());
    }

    #[test]
    fn a_full_queue_is_tried_again_when_it_moved() {
        let (shared, mut up) = Shared::new(snapshot::tests::empty(), 1).unwrap();
        let mut journal = Journal::new(0, None);
        let start = Instant::now();
        while journal.is_handed_over() {
            journal.append(&[record()], None, start);
            journal.hand_over(&shared, start, true);
        }
        assert_eq!(journal.due(), None, "no round is due before the signal");
        assert!(queued(&mut up).is_some());
        journal.settle(1, start);
        assert!(journal.due().is_some());
        journal.hand_over(&shared, start, true);
        assert!(journal.is_handed_over());
    }

    /// Three are set free: the next batch waits for three, for as long as the disk makes it worth
    /// while, and for the one under way.
    #[test]
    fn a_group_waits_for_as_many_as_the_last_one_set_free() {
        let (shared, mut up) = Shared::new(snapshot::tests::empty(), 1).unwrap();
        let mut journal = Journal::new(0, None);
        let start = Instant::now();
        let after = |us| start + Duration::from_micros(us);
        let mut append = |journal: &mut Journal, us| {
            journal.append(&[record()], Some(WAITER), after(us));
            journal.hand_over(&shared, after(us), false);
            queued(&mut up).is_some()
        };
        assert!(append(&mut journal, 0), "nobody else is known of");
        assert!(!append(&mut journal, 10) && !append(&mut journal, 20));
        assert!(!append(&mut journal, 30), "one is under way");
        assert_eq!(journal.due(), Some(after(10) + GATHER), "no round before");
        journal.settle(1, after(100));
        assert_eq!(journal.settled(1), Some(WAITER));
        assert!(append(&mut journal, 100), "as many as before, and more");
        journal.settle(5, after(400));
        assert_eq!(std::iter::from_fn(|| journal.settled(5)).count(), 4);
        assert!(!append(&mut journal, 410));
        assert_eq!(journal.due(), Some(after(550)));
        assert!(append(&mut journal, 550), "the others do not come");
    }

    #[test]
    fn ahead_of_the_disk_only_within_both_bounds() {
        let (shared, mut up) = Shared::new(snapshot::tests::empty(), 1).unwrap();
        let ahead = Ahead {
            within: Duration::from_millis(100),
            bytes: 2_000,
        };
        let mut journal = Journal::new(0, Some(ahead));
        let start = Instant::now();
        let append = |journal: &mut Journal, after_ms| {
            let now = start + Duration::from_millis(after_ms);
            let wait = journal.append(&[record()], Some(WAITER), now);
            journal.hand_over(&shared, now, false);
            wait
        };
        assert_eq!(append(&mut journal, 0), Wait::Over);
        assert_eq!(queued(&mut up), None, "nobody waits");
        assert_eq!(append(&mut journal, 100), Wait::Over);
        assert!(queued(&mut up).is_some_and(|(_, is_awaited)| !is_awaited));
        assert_eq!(
            append(&mut journal, 101),
            Wait::Waits,
            "the first is too old"
        );
        assert!(queued(&mut up).is_some_and(|(_, is_awaited)| is_awaited));
        assert_eq!(journal.settled(2), None, "the disk has not got it");
        journal.settle(3, start);
        assert_eq!(journal.settled(3), Some(WAITER));
        let ahead = (0..100).take_while(|_| append(&mut journal, 102) == Wait::Over);
        assert_eq!(ahead.count(), 2_000 / (record_bytes() + 4));
    }

    fn record_bytes() -> usize {
        let mut bytes = Vec::new();
        record().encode(&mut bytes);
        bytes.len()
    }
}
