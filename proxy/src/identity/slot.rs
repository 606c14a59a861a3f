//! The newest keys of one issuer, and who waits for newer ones.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::keys::KeySet;

/// Tokens with unknown keys have the keys fetched again once in this time, and not more often:
/// anybody can make such a token.
pub const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(60);
/// After a failure the keys are fetched again after this, and after twice as long each time.
const RETRY_LEAST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(30);

/// Keys, and when they were fetched.
pub struct Held {
    /// What verifies.
    pub keys: KeySet,
    /// `None`: they are from a file, or there are none yet.
    pub fetched: Option<Instant>,
}

/// What asking for newer keys came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Wait until [`KeySlot::ended`] is this.
    Wait {
        /// So many loads have ended then.
        ended: u64,
        /// The caller is the one to tell the control thread.
        is_first: bool,
    },
    /// They were fetched for such a token a moment ago.
    TooSoon,
}

/// See the module's text.
pub struct KeySlot {
    held: ArcSwap<Held>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    begun: u64,
    ended: u64,
    /// Somebody has asked for a load that has not begun.
    is_asked: bool,
    /// When somebody last did.
    asked: Option<Instant>,
    /// When the keys are to be fetched again.
    due: Option<Instant>,
    failures: u32,
}

impl KeySlot {
    /// Nothing yet; due at once.
    pub fn empty(now: Instant) -> Self {
        let slot = Self::holding(KeySet::default());
        slot.progress().due = Some(now);
        slot
    }

    /// Keys that never change.
    pub fn holding(keys: KeySet) -> Self {
        Self {
            held: ArcSwap::from_pointee(Held {
                keys,
                fetched: None,
            }),
            progress: Mutex::default(),
        }
    }

    /// The newest keys.
    pub fn held(&self) -> Arc<Held> {
        self.held.load_full()
    }

    /// Loads that have ended, well or not.
    pub fn ended(&self) -> u64 {
        self.progress().ended
    }

    /// Asks for keys that are newer than those that are held.
    pub fn ask(&self, now: Instant) -> Asked {
        let mut progress = self.progress();
        let is_under_way = progress.begun > progress.ended;
        let ended = progress.ended + 1;
        if is_under_way || progress.is_asked {
            let is_first = false;
            return Asked::Wait { ended, is_first };
        }
        let since = |asked: Instant| now.saturating_duration_since(asked);
        if progress
            .asked
            .is_some_and(|asked| since(asked) < UNKNOWN_KEY_PAUSE)
        {
            return Asked::TooSoon;
        }
        progress.asked = Some(now);
        progress.is_asked = true;
        let is_first = true;
        Asked::Wait { ended, is_first }
    }

    /// The control thread could not be told.
    pub fn take_back(&self) {
        let mut progress = self.progress();
        progress.is_asked = false;
        progress.asked = None;
    }

    /// Control thread: when the next load is due; `None` if one is under way, or never.
    pub(super) fn due(&self) -> Option<Instant> {
        let progress = self.progress();
        progress.due.filter(|_| progress.begun == progress.ended)
    }

    /// Control thread: the configuration has changed, so what is held may not hold any more.
    pub(crate) fn hasten(&self, now: Instant) {
        let mut progress = self.progress();
        if progress.due.is_some() {
            progress.due = Some(now);
        }
    }

    /// Control thread: begins a load; false if one is under way.
    pub(super) fn begin(&self) -> bool {
        let mut progress = self.progress();
        if progress.begun > progress.ended {
            return false;
        }
        progress.begun += 1;
        progress.is_asked = false;
        true
    }

    /// Control thread: a load has ended well. The next one is due after `fresh_for`. True if the
    /// one before had not.
    pub(super) fn succeed(&self, keys: KeySet, now: Instant, fresh_for: Duration) -> bool {
        self.held.store(Arc::new(Held {
            keys,
            fetched: Some(now),
        }));
        let mut progress = self.progress();
        progress.ended = progress.begun;
        progress.due = now.checked_add(fresh_for);
        std::mem::take(&mut progress.failures) > 0
    }

    /// Control thread: a load has failed. True if the one before had not.
    pub(super) fn fail(&self, now: Instant) -> bool {
        let mut progress = self.progress();
        progress.ended = progress.begun;
        let pause = RETRY_LEAST * 2u32.pow(progress.failures.min(5));
        progress.due = now.checked_add(pause.min(RETRY_MOST));
        progress.failures = progress.failures.saturating_add(1);
        progress.failures == 1
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Each change is whole before anything can panic.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_have_them_fetched_once_a_minute() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let slot = KeySlot::empty(start);
        let wait = |ended, is_first| Asked::Wait { ended, is_first };
        assert_eq!(slot.ask(start), wait(1, true));
        assert_eq!(slot.ask(start), wait(1, false), "it is asked for");
        assert!(slot.begin() && !slot.begin());
        assert_eq!(slot.ask(start), wait(1, false), "it is under way");
        assert_eq!(slot.due(), None);
        slot.succeed(KeySet::default(), start, Duration::from_secs(600));
        assert_eq!((slot.ended(), slot.due()), (1, Some(after(600))));
        assert_eq!(slot.ask(after(59)), Asked::TooSoon);
        assert_eq!(slot.ask(after(60)), wait(2, true));
        slot.take_back();
        assert_eq!(slot.ask(after(60)), wait(2, true));
    }

    #[test]
    fn failures_are_told_once_and_tried_again_less_and_less_often() {
        let start = Instant::now();
        let slot = KeySlot::empty(start);
        let mut pauses = Vec::new();
        for turn in 0..7 {
            assert!(slot.begin());
            assert_eq!(slot.fail(start), turn == 0);
            pauses.push(slot.due().map(|due| (due - start).as_secs()));
        }
        let expected = [1, 2, 4, 8, 16, 30, 30].map(Some);
        assert_eq!(pauses, expected);
        slot.begin();
        assert!(slot.succeed(KeySet::default(), start, Duration::from_secs(5)));
        assert!(slot.held().fetched.is_some());
        let fixed = KeySlot::holding(KeySet::default());
        fixed.hasten(start);
        assert_eq!(fixed.due(), None, "keys of a file are never fetched");
    }
}
