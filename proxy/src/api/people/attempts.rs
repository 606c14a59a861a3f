//! Log-ins under way, in memory: each is for one browser, for a while, and for one use.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use velum_core::time::Timestamp;
use zeroize::Zeroizing;

use super::super::rate::neighbourhood;
use super::refusal::Why;

/// A log-in takes no longer.
pub(super) const WITHIN: Duration = Duration::from_secs(600);
/// Attempts that are remembered. Beyond it the oldest of the address with the most goes: who
/// begins many puts an end to their own.
const MOST: usize = 4_096;

/// What a browser was sent away with.
pub(super) struct Attempt {
    /// Name of the issuer.
    pub(super) issuer: String,
    /// Hash of the cookie that was given to the browser.
    pub(super) browser: [u8; 32],
    /// What the answer has to hold: a nonce, or the name of the request that it answers.
    pub(super) expected: String,
    /// What only this gateway knows of it; empty where the protocol has no such thing.
    pub(super) verifier: Zeroizing<String>,
    /// Where the browser goes when it is let in.
    pub(super) back_to: String,
    /// They were asked to show who they are again.
    pub(super) is_fresh: bool,
    /// When.
    pub(super) begun: Timestamp,
    /// Where the browser was.
    pub(super) from: IpAddr,
}

struct Entry {
    at: Instant,
    from: IpAddr,
    /// `None` once it was used.
    attempt: Option<Attempt>,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Entry>>);

impl Attempts {
    /// Remembers an attempt under what its answer brings back.
    pub(super) fn begin(&self, state: String, attempt: Attempt, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, entry| now.saturating_duration_since(entry.at) < WITHIN);
        if all.len() >= MOST {
            let unwanted = unwanted(&all);
            unwanted.and_then(|state| all.remove(&state));
        }
        let from = neighbourhood(attempt.from);
        let attempt = Some(attempt);
        all.insert(
            state,
            Entry {
                at: now,
                from,
                attempt,
            },
        );
    }

    /// The attempt, this once.
    ///
    /// # Errors
    /// Where there is none, or none any more.
    pub(super) fn take(&self, state: &str, now: Instant) -> Result<Attempt, Why> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.get_mut(state).ok_or(Why::StateUnknown)?;
        if now.saturating_duration_since(entry.at) >= WITHIN {
            return Err(Why::StateExpired);
        }
        entry.attempt.take().ok_or(Why::StateReplayed)
    }
}

fn unwanted(all: &HashMap<String, Entry>) -> Option<String> {
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for entry in all.values() {
        *counts.entry(entry.from).or_default() += 1;
    }
    let (busiest, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let theirs = all.iter().filter(|(_, entry)| entry.from == busiest);
    let oldest = theirs.min_by_key(|(_, entry)| entry.at);
    oldest.map(|(state, _)| state.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        Attempt {
            issuer: "staff".to_owned(),
            browser: [0; 32],
            expected: String::new(),
            verifier: Zeroizing::default(),
            back_to: "/".to_owned(),
            is_fresh: false,
            begun: Timestamp(0),
            from: IpAddr::from([192, 0, 2, 1]),
        }
    }

    #[test]
    fn an_attempt_is_for_one_use_and_for_a_while() {
        let attempts = Attempts::default();
        let start = Instant::now();
        attempts.begin("a".to_owned(), attempt(), start);
        attempts.begin("b".to_owned(), attempt(), start);
        let take = |state, at| attempts.take(state, at).map(|_| ()).err();
        assert_eq!(take("c", start), Some(Why::StateUnknown));
        assert_eq!(take("a", start), None);
        assert_eq!(take("a", start), Some(Why::StateReplayed));
        assert_eq!(take("b", start + WITHIN), Some(Why::StateExpired));
        attempts.begin("d".to_owned(), attempt(), start + WITHIN);
        assert_eq!(take("b", start + WITHIN), Some(Why::StateUnknown));
    }

    #[test]
    fn attempts_take_bounded_memory() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for number in 0..=MOST {
            let at = start + Duration::from_millis(number as u64);
            attempts.begin(number.to_string(), attempt(), at);
        }
        let now = start + Duration::from_secs(5);
        assert_eq!(attempts.take("0", now).err(), Some(Why::StateUnknown));
        assert!(attempts.take("1", now).is_ok());
        assert_eq!(attempts.0.lock().unwrap().len(), MOST);
    }
}
