//! Places of a small server's connections: so many, and whoever rests the longest makes room for a
//! newcomer.
//!
//! A connection rests while no request of it is being answered: before its first, between two, and
//! while a head or a TLS handshake comes in. Who opens many and says nothing takes nobody's place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// All places.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    most: usize,
    taken: Mutex<Vec<Weak<Place>>>,
}

/// A connection's place; free again when it is dropped.
pub(crate) struct Place {
    state: Mutex<State>,
    leave: Notify,
    _slot: OwnedSemaphorePermit,
}

struct State {
    /// Requests that are being answered.
    busy: usize,
    /// From when on it rests.
    since: Instant,
    told: bool,
}

/// A request that is being answered.
pub(crate) struct Busy(Arc<Place>);

impl Places {
    /// So many.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(most)),
            most,
            taken: Mutex::default(),
        }
    }

    /// A place for a newcomer. If none is free, the connection that rests the longest is told to
    /// leave; if none rests, the newcomer waits.
    pub(crate) async fn take(&self) -> Option<Arc<Place>> {
        let slot = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => {
                self.make_room();
                Arc::clone(&self.free).acquire_owned().await.ok()?
            }
        };
        let place = Arc::new(Place {
            state: Mutex::new(State {
                busy: 0,
                since: Instant::now(),
                told: false,
            }),
            leave: Notify::new(),
            _slot: slot,
        });
        let mut taken = lock(&self.taken);
        if taken.len() >= 2 * self.most {
            taken.retain(|place| place.strong_count() > 0);
        }
        taken.push(Arc::downgrade(&place));
        Some(place)
    }

    fn make_room(&self) {
        let mut taken = lock(&self.taken);
        taken.retain(|place| place.strong_count() > 0);
        let places = taken.iter().filter_map(Weak::upgrade);
        let resting = places.filter_map(|place| Some((place.rests_since()?, place)));
        if let Some((_, place)) = resting.min_by_key(|(since, _)| *since) {
            lock(&place.state).told = true;
            place.leave.notify_one();
        }
    }
}

impl Place {
    fn rests_since(&self) -> Option<Instant> {
        let state = lock(&self.state);
        (state.busy == 0 && !state.told).then_some(state.since)
    }

    /// Ends when the connection is to leave.
    pub(crate) async fn is_wanted(&self) {
        self.leave.notified().await;
    }

    /// A request begins.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        lock(&self.state).busy += 1;
        Busy(Arc::clone(self))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.busy -= 1;
        state.since = Instant::now();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn whoever_rests_the_longest_makes_room() {
        let places = Places::new(3);
        let take = || now(places.take()).flatten();
        let all = [take(), take(), take()].map(|place| place.expect("a free place"));
        let busy = all[0].busy();
        drop(all[1].busy());
        assert!(take().is_none(), "nobody has left yet");
        let wanted = |place: &Arc<Place>| now(place.is_wanted()).is_some();
        assert_eq!([0, 1, 2].map(|at| wanted(&all[at])), [false, false, true]);
        let [first, second, third] = all;
        drop(third);
        let newcomer = take().expect("the place that was left");
        // Two more in a row do not ask the same one twice.
        assert!(take().is_none() && take().is_none());
        assert!(wanted(&second) && wanted(&newcomer) && !wanted(&first));
        drop((busy, second));
        let another = take().expect("the place that was left");
        assert!(take().is_none());
        assert!(wanted(&first), "it rests now");
        assert!(!wanted(&another));
    }

    #[test]
    fn nobody_is_sent_away_while_all_are_answered() {
        let places = Places::new(2);
        let all: Vec<_> = (0..2)
            .filter_map(|_| now(places.take()).flatten())
            .collect();
        let busy: Vec<_> = all.iter().map(Place::busy).collect();
        assert!(now(places.take()).flatten().is_none());
        assert!(all.iter().all(|place| now(place.is_wanted()).is_none()));
        drop((all, busy));
        assert!(now(places.take()).flatten().is_some());
    }
}
