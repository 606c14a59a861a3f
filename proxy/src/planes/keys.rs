//! Keys of machines as data threads see them: which are in force, and for whom.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use velum_core::time::Timestamp;
use velum_core::wire::postgres::handshake::{
    Account, Accounts, Exchange, MachineKey, ScramVerifier,
};

use super::Snapshot;

/// A use is told of at most this often.
const NOTED_EVERY_NS: u64 = 60_000_000_000;

/// The keys in force. Built by the control thread, never changed after, swapped whole.
#[derive(Default)]
pub struct MachineKeys {
    /// Grows with every set.
    pub epoch: u64,
    /// By the identity's name, the newest first.
    pub by_identity: HashMap<String, Vec<Arc<KnownKey>>>,
}

/// One of them.
pub struct KnownKey {
    /// Its name.
    pub id: Arc<str>,
    /// What proves it.
    pub verifier: ScramVerifier,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When its use was told of last, in nanoseconds.
    noted_ns: AtomicU64,
}

impl KnownKey {
    /// A key whose use has not been told of.
    pub fn new(id: &str, verifier: ScramVerifier, until: Timestamp) -> Self {
        Self {
            id: id.into(),
            verifier,
            until,
            noted_ns: AtomicU64::new(0),
        }
    }

    /// Is this use to be told of?
    pub fn is_noteworthy(&self, now: Timestamp) -> bool {
        let last = self.noted_ns.load(Ordering::Relaxed);
        let is_due = now.0 >= last.saturating_add(NOTED_EVERY_NS);
        // Of several threads one tells.
        is_due
            && self
                .noted_ns
                .compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl MachineKeys {
    /// The key of this name, if it is an identity's and in force.
    pub fn get(&self, identity: &str, id: &str) -> Option<&Arc<KnownKey>> {
        let keys = self.by_identity.get(identity)?;
        keys.iter().find(|key| *key.id == *id)
    }
}

/// Who may log in now: the accounts of the configuration, with the keys that are in force.
pub struct Doors<'a> {
    /// The configuration.
    pub snapshot: &'a Snapshot,
    /// The keys.
    pub keys: &'a MachineKeys,
    /// Now.
    pub time: Timestamp,
}

impl Accounts for Doors<'_> {
    fn account(&self, user: &str) -> Option<&Account> {
        self.snapshot.account(user)
    }

    fn keys(&self, account: &Account) -> Vec<MachineKey> {
        let keys = self.keys.by_identity.get(&account.name);
        let in_force = keys
            .into_iter()
            .flatten()
            .filter(|key| self.time < key.until);
        let known = in_force.map(|key| MachineKey {
            id: Arc::clone(&key.id),
            verifier: key.verifier.clone(),
        });
        known.collect()
    }

    fn stranger(&self, user: &str) -> Exchange {
        self.snapshot.stranger(user)
    }
}
