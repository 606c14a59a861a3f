//! What identities have drawn of their budgets.
//!
//! How many values one may compare masked columns with is a token bucket for each identity and
//! policy: it holds the limit at most, and fills evenly over the window. All sessions of an
//! identity draw from the same, on whatever thread. What it may carry away is an account of the
//! same kind: see [`Meter`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::volume::{Account, Meter, SharedAccount, VolumeBudget};
use crate::time::Timestamp;

/// What may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeBudget {
    /// Values at most at once, at least 1.
    pub limit: u32,
    /// Time in which as many come back, in seconds, at least 1.
    pub window_s: u32,
}

impl Default for ProbeBudget {
    /// A thousand an hour: enough to look records up, and not to try all values of anything.
    fn default() -> Self {
        Self {
            limit: 1_000,
            window_s: 3_600,
        }
    }
}

/// What was drawn, by identity and policy. Identities come from the configuration: their number is
/// bounded by it.
#[derive(Default)]
pub struct Ledger {
    probes: Mutex<HashMap<Holder, Bucket>>,
    volumes: Mutex<HashMap<Holder, SharedAccount>>,
}

/// Names of an identity and of a policy.
type Holder = (String, String);

#[derive(Clone, Copy)]
struct Bucket {
    /// Parts of a value, [`WHOLE`] each.
    parts: u128,
    at: Timestamp,
}

/// Parts of a value: nanoseconds of the window divide it.
const WHOLE: u128 = 1_000_000_000;

impl Ledger {
    /// Draws `values` for the identity under the policy. False, and nothing is drawn, if there are
    /// not as many left. A clock that steps back fills nothing.
    pub fn draw(
        &self,
        identity: &str,
        policy: &str,
        budget: ProbeBudget,
        values: u32,
        now: Timestamp,
    ) -> bool {
        let full = u128::from(budget.limit) * WHOLE;
        // What panicked elsewhere left whole numbers behind.
        let mut buckets = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (identity.to_owned(), policy.to_owned());
        let bucket = buckets.entry(key).or_insert(Bucket {
            parts: full,
            at: now,
        });
        let passed_ns = u128::from(now.0.saturating_sub(bucket.at.0));
        let back = passed_ns * u128::from(budget.limit) / u128::from(budget.window_s.max(1));
        bucket.parts = (bucket.parts + back).min(full);
        bucket.at = bucket.at.max(now);
        let wanted = u128::from(values) * WHOLE;
        match bucket.parts.checked_sub(wanted) {
            Some(left) => {
                bucket.parts = left;
                true
            }
            None => false,
        }
    }

    /// What a session of the identity under the policy spends rows by.
    pub fn meter(
        &self,
        identity: &str,
        policy: &str,
        budget: &Arc<VolumeBudget>,
        now: Timestamp,
    ) -> Meter {
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (identity.to_owned(), policy.to_owned());
        let account = volumes.entry(key).or_insert_with(|| Account::shared(now));
        Meter::new(Arc::clone(budget), Arc::clone(account), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: ProbeBudget = ProbeBudget {
        limit: 10,
        window_s: 100,
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

    #[test]
    fn a_limit_can_be_drawn_at_once_and_comes_back_over_the_window() {
        let ledger = Ledger::default();
        let draw = |values, seconds| ledger.draw("bot", "p", BUDGET, values, at(seconds));
        assert!(draw(10, 0) && !draw(1, 0) && !draw(1, 9));
        assert!(draw(1, 10) && !draw(1, 10));
        // Never more than the limit, however long nobody asks.
        assert!(!draw(11, 10_000) && draw(10, 10_000) && !draw(1, 10_000));
        // A clock that goes back gives nothing.
        assert!(!draw(1, 0) && !draw(1, 10_000));
    }

    #[test]
    fn identities_and_policies_draw_apart() {
        let ledger = Ledger::default();
        for (identity, policy) in [("a", "p"), ("a", "q"), ("b", "p")] {
            assert!(ledger.draw(identity, policy, BUDGET, 10, at(0)));
            assert!(!ledger.draw(identity, policy, BUDGET, 1, at(0)));
        }
    }
}
