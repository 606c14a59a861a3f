//! How much of a database an identity may carry away in some time: rows, bytes, and people.
//!
//! All sessions of an identity under a policy spend from one [`Account`]. A window begins with the
//! first row and forgets everything at its end. Subjects are told apart by a keyed hash of the
//! value that a declared column has; as many as fit are counted exactly, more are estimated.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardinality_estimator::CardinalityEstimator;

use super::super::Glob;
use crate::time::Timestamp;

/// Subjects that are counted exactly: half a megabyte for an identity and a policy.
const EXACT: usize = 32_768;

/// What may be carried away in a window; `None`: any number.
#[derive(Clone, Debug)]
pub struct VolumeBudget {
    /// Rows of results and of COPY TO STDOUT.
    pub rows: Option<u64>,
    /// Bytes of the frames that hold them.
    pub bytes: Option<u64>,
    /// Different values of the subject columns, and rows that may be of others: see
    /// `policy/owners.rs`.
    pub subjects: Option<u64>,
    /// Schema, table and column of what says whose row it is.
    pub subject_columns: Vec<(Glob, Glob, Glob)>,
    /// Length of a window in seconds, at least 1.
    pub window_s: u32,
}

/// A limit that has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// Of what.
    pub what: Volume,
    /// How much of it.
    pub limit: u64,
    /// In how many seconds.
    pub window_s: u32,
    /// Seconds until the window ends.
    pub ends_in_s: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// See [`VolumeBudget::rows`].
    Rows,
    /// See [`VolumeBudget::bytes`].
    Bytes,
    /// See [`VolumeBudget::subjects`].
    Subjects,
}

impl Volume {
    /// The key of its limit in a policy's scope, and what an error calls it.
    pub fn key(self) -> &'static str {
        match self {
            Volume::Rows => "rows",
            Volume::Bytes => "bytes",
            Volume::Subjects => "subjects",
        }
    }
}

pub(super) type SharedAccount = Arc<Mutex<Account>>;

/// What was carried away in the window at hand.
pub(super) struct Account {
    began: Timestamp,
    rows: u64,
    bytes: u64,
    /// Rows of which nobody knows whose they are.
    nameless: u64,
    subjects: Subjects,
    hasher: RandomState,
}

enum Subjects {
    Exact(HashSet<u64>),
    Estimated(Box<CardinalityEstimator<u64>>),
}

impl Subjects {
    fn count(&self) -> u64 {
        match self {
            Subjects::Exact(seen) => seen.len() as u64,
            Subjects::Estimated(estimator) => estimator.estimate() as u64,
        }
    }

    /// True if it is sure that the subject was counted before.
    fn has(&self, hash: u64) -> bool {
        match self {
            Subjects::Exact(seen) => seen.contains(&hash),
            Subjects::Estimated(_) => false,
        }
    }

    fn insert(&mut self, hash: u64) {
        match self {
            Subjects::Exact(seen) if seen.len() < EXACT => {
                seen.insert(hash);
            }
            Subjects::Exact(seen) => {
                let mut estimator = CardinalityEstimator::new();
                seen.iter().for_each(|known| estimator.insert(known));
                estimator.insert(&hash);
                *self = Subjects::Estimated(Box::new(estimator));
            }
            Subjects::Estimated(estimator) => estimator.insert(&hash),
        }
    }
}

impl Account {
    /// One that sessions on all threads spend from.
    pub(super) fn shared(now: Timestamp) -> SharedAccount {
        Arc::new(Mutex::new(Self::new(now)))
    }

    fn new(now: Timestamp) -> Self {
        Self {
            began: now,
            rows: 0,
            bytes: 0,
            nameless: 0,
            subjects: Subjects::Exact(HashSet::new()),
            hasher: RandomState::new(),
        }
    }

    fn subjects(&self) -> u64 {
        self.subjects.count().saturating_add(self.nameless)
    }
}

/// What one session spends by.
#[derive(Clone)]
pub struct Meter {
    budget: Arc<VolumeBudget>,
    account: SharedAccount,
    now: Timestamp,
}

impl Meter {
    pub(super) fn new(budget: Arc<VolumeBudget>, account: SharedAccount, now: Timestamp) -> Self {
        Self {
            budget,
            account,
            now,
        }
    }

    /// What comes next comes now. A clock that steps back ends no window.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// A limit that leaves no room for another row. Subjects that were met may be met again.
    pub fn exhausted(&self) -> Option<Exhausted> {
        let account = self.open();
        let full = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used >= limit);
        let budget = &self.budget;
        let what = if full(budget.rows, account.rows) {
            Volume::Rows
        } else if full(budget.bytes, account.bytes) {
            Volume::Bytes
        } else {
            return None;
        };
        Some(self.limit(&account, what))
    }

    /// Spends `rows` of `bytes` bytes in all.
    ///
    /// # Errors
    /// The limit that they would break. Nothing is spent then.
    pub fn spend(&self, rows: u64, bytes: u64) -> Result<(), Exhausted> {
        let mut account = self.open();
        let (all_rows, all_bytes) = (
            account.rows.saturating_add(rows),
            account.bytes.saturating_add(bytes),
        );
        let over = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used > limit);
        if over(self.budget.rows, all_rows) {
            return Err(self.limit(&account, Volume::Rows));
        }
        if over(self.budget.bytes, all_bytes) {
            return Err(self.limit(&account, Volume::Bytes));
        }
        (account.rows, account.bytes) = (all_rows, all_bytes);
        Ok(())
    }

    /// Counts a row's subject, by the text of its value.
    ///
    /// # Errors
    /// One more than may be met.
    pub fn meet(&self, subject: &[u8]) -> Result<(), Exhausted> {
        let Some(limit) = self.budget.subjects else {
            return Ok(());
        };
        let mut account = self.open();
        let hash = account.hasher.hash_one(subject.trim_ascii());
        if account.subjects.has(hash) {
            return Ok(());
        }
        // An estimate cannot tell whether this one is new before it is counted.
        let is_exact = matches!(account.subjects, Subjects::Exact(_));
        if is_exact && account.subjects() >= limit {
            return Err(self.limit(&account, Volume::Subjects));
        }
        account.subjects.insert(hash);
        match account.subjects() > limit {
            true => Err(self.limit(&account, Volume::Subjects)),
            false => Ok(()),
        }
    }

    /// Counts `rows` of which nobody knows whose they are.
    ///
    /// # Errors
    /// More than may be met. Nothing is counted then.
    pub fn meet_nameless(&self, rows: u64) -> Result<(), Exhausted> {
        let Some(limit) = self.budget.subjects else {
            return Ok(());
        };
        let mut account = self.open();
        if account.subjects().saturating_add(rows) > limit {
            return Err(self.limit(&account, Volume::Subjects));
        }
        account.nameless = account.nameless.saturating_add(rows);
        Ok(())
    }

    /// The account, with a new window if the last one is over.
    fn open(&self) -> MutexGuard<'_, Account> {
        // What panicked elsewhere left whole numbers behind.
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        if self.now.0.saturating_sub(account.began.0) >= self.window_ns() {
            *account = Account::new(self.now);
        }
        account
    }

    fn limit(&self, account: &Account, what: Volume) -> Exhausted {
        let limit = match what {
            Volume::Rows => self.budget.rows,
            Volume::Bytes => self.budget.bytes,
            Volume::Subjects => self.budget.subjects,
        };
        let end = account.began.0.saturating_add(self.window_ns());
        Exhausted {
            what,
            limit: limit.unwrap_or_default(),
            window_s: self.budget.window_s,
            ends_in_s: end.saturating_sub(self.now.0).div_ceil(SECOND_NS),
        }
    }

    fn window_ns(&self) -> u64 {
        u64::from(self.budget.window_s.max(1)) * SECOND_NS
    }
}

const SECOND_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(rows: Option<u64>, bytes: Option<u64>, subjects: Option<u64>) -> Meter {
        let budget = VolumeBudget {
            rows,
            bytes,
            subjects,
            subject_columns: Vec::new(),
            window_s: 60,
        };
        Meter::new(Arc::new(budget), Account::shared(at(0)), at(0))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * SECOND_NS)
    }

    #[test]
    fn rows_and_bytes_end_at_their_limits_and_begin_anew_with_a_window() {
        let mut meter = meter(Some(3), Some(100), None);
        assert!(meter.spend(2, 60).is_ok() && meter.exhausted().is_none());
        assert_eq!(meter.spend(2, 1).map_err(|it| it.what), Err(Volume::Rows));
        assert_eq!(meter.spend(1, 41).map_err(|it| it.what), Err(Volume::Bytes));
        assert!(meter.spend(1, 40).is_ok());
        meter.tick(at(59));
        let exhausted = meter.exhausted().unwrap();
        assert_eq!((exhausted.limit, exhausted.ends_in_s), (3, 1));
        // A clock that steps back changes nothing.
        meter.tick(at(0));
        assert!(meter.exhausted().is_some());
        meter.tick(at(60));
        assert!(meter.exhausted().is_none() && meter.spend(3, 100).is_ok());
    }

    #[test]
    fn a_subject_counts_once_and_sessions_share_what_they_spend() {
        let one = meter(None, None, Some(2));
        let other = one.clone();
        for _ in 0..5 {
            assert!(one.meet(b"17").is_ok() && other.meet(b" 17 ").is_ok());
        }
        assert!(other.meet(b"18").is_ok());
        assert_eq!(one.meet(b"19").map_err(|it| it.what), Err(Volume::Subjects));
        assert!(one.meet(b"17").is_ok(), "the ones that are known stay so");
        assert!(one.meet_nameless(1).is_err() && one.exhausted().is_none());
    }

    #[test]
    fn many_subjects_are_estimated() {
        let meter = meter(None, None, Some(200_000));
        let mut met: u64 = 0;
        while meter.meet(met.to_string().as_bytes()).is_ok() {
            met += 1;
            assert!(met < 220_000, "the limit holds");
        }
        assert!(met > 180_000, "{met}");
    }
}
