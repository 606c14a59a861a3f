//! How many connections to one database the gateway has, all threads together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Shared;

/// See the module's text. A reload passes it on from snapshot to snapshot.
#[derive(Debug, Default)]
pub struct Room {
    taken: AtomicUsize,
    waiting: AtomicUsize,
}

impl Room {
    /// A place for one connection; `None` if `most` have one. Who is to wait for it makes a
    /// [`Waiting`] *before* this call: a place that is given back after it then wakes its thread.
    pub fn enter(self: &Arc<Self>, most: Option<usize>, shared: &Arc<Shared>) -> Option<Place> {
        let most = most.unwrap_or(usize::MAX);
        let enter = |taken| (taken < most).then_some(taken + 1);
        let order = Ordering::SeqCst;
        self.taken.fetch_update(order, order, enter).ok()?;
        Some(Place {
            room: Arc::clone(self),
            shared: Arc::clone(shared),
        })
    }

    /// Notes that somebody waits, as long as the result lives.
    pub fn wait(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(Arc::clone(self))
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

/// One connection's place, given back when dropped. All threads are woken then if somebody waits.
pub struct Place {
    room: Arc<Room>,
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(1, Ordering::SeqCst);
        if self.room.waiting() > 0 {
            self.shared.wake_all();
        }
    }
}

/// See [`Room::wait`].
pub struct Waiting(Arc<Room>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use crate::planes::snapshot;

    #[test]
    fn places_are_bounded_and_who_waits_is_woken() {
        let (shared, _receivers) = Shared::new(snapshot::tests::empty(), 1).unwrap();
        let room = Arc::new(Room::default());
        let wake = &shared.threads.first().unwrap().wake;
        let first = room.enter(Some(1), &shared).unwrap();
        assert!(room.enter(Some(1), &shared).is_none());
        let unbounded = room.enter(None, &shared).unwrap();
        drop(unbounded);
        assert!(!wake.clear(), "nobody waits");
        let waiting = room.wait();
        drop(first);
        assert!(wake.clear());
        assert!(room.enter(Some(1), &shared).is_some());
        drop(waiting);
        assert_eq!(room.waiting(), 0);
    }
}
