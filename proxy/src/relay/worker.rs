//! All links of one data thread, without a socket: what a driver drives.
//!
//! A round of a driver: [`Worker::begin`], then [`Worker::accept`], [`Worker::complete`] and
//! [`Worker::signal`] for what happened, carrying out [`Worker::next_op`] until there is none, then
//! [`Worker::end`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use slab::Slab;
use velum_core::error::{Refusal, SqlState};

use super::context::Context;
use super::link::{Leave, Link, Phase};
use super::op::{Done, LinkId, Op};
use super::pool::Pool;
use crate::planes::{Shared, State};

/// See the module's text.
pub struct Worker {
    thread: usize,
    cx: Context,
    links: Slab<Link>,
    serial: u64,
    deadlines: BinaryHeap<Reverse<(Instant, LinkId, u64)>>,
    /// Links that may not be authenticated yet, by serial, the longest waiting first.
    greeting: VecDeque<(LinkId, u64)>,
    state: State,
    /// Of the configuration that sessions were held to last.
    epoch: u64,
    /// Of the grants that they were held to last, and of the keys.
    grants: u64,
    keys: u64,
    /// When draining ends.
    drained_by: Option<Instant>,
}

impl Worker {
    /// The worker of data thread `thread`.
    ///
    /// # Panics
    /// If `shared` has no such thread.
    pub fn new(shared: Arc<Shared>, thread: usize) -> Self {
        assert!(
            thread < shared.threads.len(),
            "a thread that is not in the shared state"
        );
        Self {
            thread,
            epoch: shared.snapshot.load().epoch,
            grants: shared.grants.load().epoch,
            keys: shared.keys.load().epoch,
            cx: Context::new(shared, thread),
            links: Slab::new(),
            serial: 0,
            deadlines: BinaryHeap::new(),
            greeting: VecDeque::new(),
            state: State::Running,
            drained_by: None,
        }
    }

    /// The thread's buffers, for what the driver picks.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.cx.pool
    }

    /// Begins a round: reads the clock.
    pub fn begin(&mut self) {
        self.cx.read_clock();
    }

    /// A connection was accepted. `None`: close it, the gateway is going down.
    pub fn accept(&mut self, listener: usize, peer: SocketAddr) -> Option<LinkId> {
        let shared = Arc::clone(&self.cx.shared);
        shared.counters.accepted.fetch_add(1, Ordering::Relaxed);
        if self.state != State::Running {
            return None;
        }
        let most = shared.snapshot.load().limits.pre_auth;
        if shared.counters.pre_auth.load(Ordering::Relaxed) >= most {
            self.make_room(most.div_ceil(shared.threads.len()));
        }
        self.serial += 1;
        let serial = self.serial;
        let entry = self.links.vacant_entry();
        let id = entry.key();
        entry.insert(Link::accepted(id, serial, listener, peer, &mut self.cx));
        while let Some(&oldest) = self.greeting.front()
            && !is_greeting(&self.links, oldest)
        {
            self.greeting.pop_front();
        }
        self.greeting.push_back((id, serial));
        self.with(id, Link::advance);
        Some(id)
    }

    /// Too many connections wait to be authenticated: unless this thread has less than its `share`
    /// of them, the one that has waited longest makes room. Clients that stay silent lock nobody
    /// out, whichever threads they are on.
    fn make_room(&mut self, share: usize) {
        let links = &self.links;
        self.greeting.retain(|&waiting| is_greeting(links, waiting));
        if self.greeting.len() >= share
            && let Some((id, _)) = self.greeting.pop_front()
        {
            self.with(id, Link::close);
        }
    }

    /// An operation has completed.
    pub fn complete(&mut self, id: LinkId, done: Done) {
        if matches!(done, Done::Closed) {
            self.links.try_remove(id);
            return;
        }
        self.with(id, |link, cx| link.complete(done, cx));
        self.cancel_orphans();
    }

    /// Statements of sessions that have ended are cancelled.
    fn cancel_orphans(&mut self) {
        while let Some(target) = self.cx.orphans.pop() {
            self.serial += 1;
            let serial = self.serial;
            let entry = self.links.vacant_entry();
            let id = entry.key();
            entry.insert(Link::canceller(id, serial, target, &mut self.cx));
            self.with(id, Link::advance);
        }
    }

    /// The next operation to carry out.
    pub fn next_op(&mut self) -> Option<(LinkId, Op)> {
        self.cx.ops.pop_front()
    }

    /// The control thread has signalled.
    pub fn signal(&mut self) {
        let durable = self
            .cx
            .shared
            .threads
            .get(self.thread)
            .map_or(0, |it| it.durable.get());
        self.cx.journal.settle(durable, self.cx.now);
        while let Some(waiter) = self.cx.journal.settled(durable) {
            self.with(waiter.link, |link, cx| {
                // The place may have been given to another link since.
                if link.about.serial == waiter.serial
                    && let Phase::Open(open) = &mut link.phase
                {
                    open.durable(waiter.count);
                    link.advance(cx);
                }
            });
        }
        self.hand_over();
        if let Some(id) = self.cx.shelf.unwanted() {
            self.with(id, Link::retire);
        }
        for id in std::mem::take(&mut self.cx.parked) {
            self.with(id, Link::advance);
        }
        self.follow(self.cx.shared.state());
        let snapshot = self.cx.shared.snapshot.load_full();
        if std::mem::replace(&mut self.epoch, snapshot.epoch) != snapshot.epoch {
            self.each(|link, cx| link.revise(&snapshot, cx));
        }
        let grants = self.cx.shared.grants.load_full();
        if std::mem::replace(&mut self.grants, grants.epoch) != grants.epoch {
            self.each(|link, cx| link.review(&grants, cx));
        }
        let keys = self.cx.shared.keys.load_full();
        if std::mem::replace(&mut self.keys, keys.epoch) != keys.epoch {
            self.each(|link, cx| link.check_key(&keys, cx));
        }
        self.cancel_orphans();
    }

    /// Ends a round: deadlines, and records up. Gives the time until the next round is due even
    /// if nothing happens. Carry out [`Worker::next_op`] once more after it.
    pub fn end(&mut self) -> Option<Duration> {
        let now = self.cx.now;
        while let Some(&Reverse((due, id, serial))) = self.deadlines.peek()
            && due <= now
        {
            self.deadlines.pop();
            self.with(id, |link, cx| {
                if link.about.serial != serial {
                    return;
                }
                link.armed = None;
                if link.about.due().is_some_and(|due| due <= now) {
                    link.expire(cx);
                }
            });
        }
        if self.drained_by.is_some_and(|by| by <= now) {
            self.drained_by = None;
            self.each(|link, cx| link.terminate(Leave::GoingDown.refusal(), cx));
        }
        self.flush_tapes(now);
        self.cancel_orphans();
        self.hand_over();
        if self.cx.journal.is_lost() {
            self.follow(State::LogFailed);
        }
        let next = self.deadlines.peek().map(|Reverse((due, ..))| *due);
        let due = self.cx.journal.due();
        let tape = self.cx.tapes.front().map(|(due, ..)| *due);
        let next = next.into_iter().chain(self.drained_by).chain(tape);
        let next = next.chain(due).min()?;
        Some(next.saturating_duration_since(now))
    }

    /// Hands over what recordings hold that nobody has added to for long enough.
    fn flush_tapes(&mut self, now: Instant) {
        while let Some(&(due, id, serial)) = self.cx.tapes.front()
            && due <= now
        {
            self.cx.tapes.pop_front();
            self.with(id, |link, cx| {
                if link.about.serial == serial
                    && let Phase::Open(open) = &mut link.phase
                {
                    open.flush_tape(&link.legs, cx);
                }
            });
        }
    }

    /// False once no more connections are to be accepted.
    pub fn accepts(&self) -> bool {
        self.state == State::Running
    }

    /// True when the thread may end: nothing is accepted, no link is left, and neither is a record.
    pub fn is_done(&self) -> bool {
        !self.accepts() && self.links.is_empty() && self.cx.journal.is_handed_over()
    }

    /// At the end nothing gathers any more.
    fn hand_over(&mut self) {
        let is_last = !self.accepts() && self.links.is_empty();
        self.cx
            .journal
            .hand_over(&self.cx.shared, self.cx.now, is_last);
    }

    fn follow(&mut self, state: State) {
        if state == self.state {
            return;
        }
        self.state = state;
        match state {
            State::Running => {}
            State::Draining => {
                let ms = self.cx.shared.snapshot.load().limits.drain_timeout_ms;
                self.drained_by = Some(self.cx.after_ms(ms));
                self.each(Link::drain);
            }
            State::LogFailed => {
                let text = "the audit log cannot be written";
                self.each(|link, cx| link.terminate(Refusal::new(SqlState::IO_ERROR, text), cx));
            }
        }
    }

    fn each(&mut self, mut act: impl FnMut(&mut Link, &mut Context)) {
        let ids: Vec<LinkId> = self.links.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.with(id, &mut act);
        }
    }

    /// Lets a link act, then sees to its deadline.
    fn with(&mut self, id: LinkId, act: impl FnOnce(&mut Link, &mut Context)) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        act(link, &mut self.cx);
        if let Some(deadline) = link.about.due()
            && link.armed.is_none_or(|armed| deadline < armed)
        {
            link.armed = Some(deadline);
            self.deadlines
                .push(Reverse((deadline, id, link.about.serial)));
        }
        while let Some((from, kept)) = self.cx.resumptions.pop() {
            self.resume(from, kept);
        }
    }

    /// Brings a client together with a connection to the database that another link has kept.
    fn resume(&mut self, from: LinkId, kept: LinkId) {
        let Some((keeper, newcomer)) = self.links.get2_mut(kept, from) else {
            return;
        };
        if keeper.resume(newcomer, &mut self.cx) {
            self.with(kept, Link::advance);
        } else {
            self.with(kept, Link::retire);
            self.with(from, Link::advance);
        }
    }
}

/// Is it still the same link, and not authenticated yet?
fn is_greeting(links: &Slab<Link>, (id, serial): (LinkId, u64)) -> bool {
    let link = links.get(id);
    link.is_some_and(|link| link.about.serial == serial && link.is_greeting())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use crate::planes::snapshot;

    fn closed(worker: &mut Worker) -> Vec<LinkId> {
        let ops = std::iter::from_fn(|| worker.next_op());
        ops.filter_map(|(id, op)| matches!(op, Op::Close).then_some(id))
            .collect()
    }

    /// Four may wait; all four are on one thread. The other has a share of its own.
    #[test]
    fn silent_clients_of_one_thread_take_nothing_from_another() {
        let mut snapshot = snapshot::tests::empty();
        snapshot.limits.pre_auth = 4;
        let (shared, _receivers) = Shared::new(snapshot, 2).unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut crowded = Worker::new(Arc::clone(&shared), 0);
        let first = crowded.accept(0, peer).unwrap();
        for _ in 0..3 {
            crowded.accept(0, peer).unwrap();
        }
        assert!(closed(&mut crowded).is_empty());
        let mut other = Worker::new(shared, 1);
        let newcomers: Vec<LinkId> = (0..2).map(|_| other.accept(0, peer).unwrap()).collect();
        assert!(closed(&mut other).is_empty(), "they are let in");
        other.accept(0, peer).unwrap();
        assert_eq!(closed(&mut other), newcomers[..1]);
        crowded.accept(0, peer).unwrap();
        assert_eq!(closed(&mut crowded), [first]);
    }
}
