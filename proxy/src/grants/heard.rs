//! News of one identity, for the connections that wait for a decision about it: thousands may wait,
//! and each decision is about one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::store::events::Numbered;

/// Who waits for news, by identity.
#[derive(Default)]
pub(super) struct Heard(Mutex<HashMap<String, watch::Sender<u64>>>);

impl Heard {
    /// The number of the last event about the identity from here on.
    pub(super) fn of(&self, identity: &str) -> watch::Receiver<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(identity) {
            return known.subscribe();
        }
        // Nobody waits for these any more.
        all.retain(|_, news| news.receiver_count() > 0);
        let news = watch::Sender::new(0);
        let receiver = news.subscribe();
        all.insert(identity.to_owned(), news);
        receiver
    }

    /// These have happened, and are in force.
    pub(super) fn tell(&self, events: &[Numbered]) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for numbered in events {
            if let Some(news) = all.get(&numbered.event.identity) {
                news.send_modify(|last| *last = numbered.sequence.max(*last));
            }
        }
    }

    /// Others have done something, up to this number.
    pub(super) fn tell_all(&self, sequence: u64) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for news in all.values() {
            news.send_modify(|last| *last = sequence.max(*last));
        }
    }
}
