//! How often a caller may ask: a bucket for each, refilled steadily, a minute's worth at most.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Callers that are remembered. Beyond it those go whose buckets are full anyway.
const CALLERS: usize = 10_000;
const MINUTE_S: f64 = 60.0;

struct Bucket {
    left: f64,
    at: Instant,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Rates {
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Rates {
    /// Takes one from the caller's bucket.
    ///
    /// # Errors
    /// Seconds until there is one.
    pub(super) fn take(&self, caller: &str, per_minute: u32, now: Instant) -> Result<(), u64> {
        let most = f64::from(per_minute.max(1));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CALLERS && !buckets.contains_key(caller) {
            buckets.retain(|_, bucket| bucket.refilled(most, now) < most);
            if buckets.len() >= CALLERS {
                return Err(1);
            }
        }
        let bucket = buckets.entry(caller.to_owned()).or_insert(Bucket {
            left: most,
            at: now,
        });
        bucket.left = bucket.refilled(most, now);
        bucket.at = now;
        if bucket.left < 1.0 {
            let seconds = (1.0 - bucket.left) * MINUTE_S / most;
            return Err(seconds.ceil().max(1.0) as u64);
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

impl Bucket {
    fn refilled(&self, most: f64, now: Instant) -> f64 {
        let passed_s = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed_s * most / MINUTE_S).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_caller_gets_what_a_minute_holds_and_others_get_theirs() {
        let rates = Rates::default();
        let start = Instant::now();
        for _ in 0..60 {
            assert_eq!(rates.take("one", 60, start), Ok(()));
        }
        assert_eq!(rates.take("one", 60, start), Err(1));
        assert_eq!(rates.take("two", 60, start), Ok(()));
        let later = start + Duration::from_secs(2);
        assert_eq!(rates.take("one", 60, later), Ok(()));
        assert_eq!(rates.take("one", 60, later), Ok(()));
        assert_eq!(rates.take("one", 60, later), Err(1));
        assert_eq!(rates.take("slow", 1, start), Ok(()));
        assert_eq!(rates.take("slow", 1, start), Err(60));
    }

    #[test]
    fn many_callers_take_bounded_memory() {
        let rates = Rates::default();
        let start = Instant::now();
        for number in 0..CALLERS {
            assert_eq!(rates.take(&number.to_string(), 1, start), Ok(()));
        }
        assert_eq!(
            rates.take("newcomer", 1, start),
            Err(1),
            "all others are busy"
        );
        let later = start + Duration::from_secs(61);
        assert_eq!(rates.take("newcomer", 1, later), Ok(()));
        assert_eq!(rates.buckets.lock().unwrap().len(), 1);
    }
}
