//! Which backend a CancelRequest means.
//!
//! A client is given the backend's real process id and a key that Velum drew. The backend's
//! own key stays here: a client that could reach the database directly must not be able to
//! cancel around the gateway.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::snapshot::ResourceSnapshot;

/// Bytes of the key that a client of protocol 3.2 gets.
pub const KEY_BYTES: usize = 32;
/// Bytes of the key that a client of protocol 3.0 gets: its message has room for no more.
pub const KEY_BYTES_3_0: usize = 4;

/// Where a CancelRequest goes.
pub struct CancelTarget {
    /// Address and TLS of the upstream.
    pub resource: Arc<ResourceSnapshot>,
    /// Index of the address that the session is connected to.
    pub address: usize,
    /// Process id that the upstream gave.
    pub process_id: u32,
    /// Key that the upstream gave.
    pub key: Zeroizing<Vec<u8>>,
}

struct Entry {
    serial: u64,
    key: Zeroizing<Vec<u8>>,
    target: Arc<CancelTarget>,
}

#[derive(Default)]
struct Table {
    serial: u64,
    /// Two upstreams may use the same process id at the same time.
    by_process_id: HashMap<u32, Vec<Entry>>,
}

/// All live sessions by process id and our key. Shared by the data threads.
#[derive(Default)]
pub struct CancelMap {
    table: Mutex<Table>,
}

impl CancelMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a session; it is forgotten when the guard is dropped.
    pub fn insert(self: &Arc<Self>, our_key: &[u8], target: CancelTarget) -> CancelGuard {
        let process_id = target.process_id;
        let mut table = self.lock();
        table.serial += 1;
        let serial = table.serial;
        table
            .by_process_id
            .entry(process_id)
            .or_default()
            .push(Entry {
                serial,
                key: Zeroizing::new(our_key.to_vec()),
                target: Arc::new(target),
            });
        CancelGuard {
            map: Arc::clone(self),
            process_id,
            serial,
        }
    }

    /// The session that was given this process id and key. Takes the same time for any wrong
    /// key of the right length, and looks at every session with that process id. `None` if two
    /// were given the same, as four bytes may be: the wrong one must not be hit.
    pub fn lookup(&self, process_id: u32, our_key: &[u8]) -> Option<Arc<CancelTarget>> {
        let table = self.lock();
        let entries = table.by_process_id.get(&process_id)?.iter();
        let mut found = entries.filter(|entry| entry.key.as_slice().ct_eq(our_key).into());
        let target = Arc::clone(&found.next()?.target);
        found.next().is_none().then_some(target)
    }

    /// Sessions in the map.
    pub fn len(&self) -> usize {
        self.lock().by_process_id.values().map(Vec::len).sum()
    }

    /// True if no session is in the map.
    pub fn is_empty(&self) -> bool {
        self.lock().by_process_id.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic between two statements of this file cannot leave the table half-written.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a session in the [`CancelMap`].
pub struct CancelGuard {
    map: Arc<CancelMap>,
    process_id: u32,
    serial: u64,
}

impl CancelGuard {
    /// Where a cancel of this session goes; used when the client vanishes mid-query.
    pub fn target(&self) -> Option<Arc<CancelTarget>> {
        let table = self.map.lock();
        let entries = table.by_process_id.get(&self.process_id)?;
        let entry = entries.iter().find(|entry| entry.serial == self.serial)?;
        Some(Arc::clone(&entry.target))
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let mut table = self.map.lock();
        if let Some(entries) = table.by_process_id.get_mut(&self.process_id) {
            entries.retain(|entry| entry.serial != self.serial);
            if entries.is_empty() {
                table.by_process_id.remove(&self.process_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planes::snapshot::tests::resource;

    fn target(key: &[u8]) -> CancelTarget {
        CancelTarget {
            resource: resource("main"),
            address: 0,
            process_id: 7,
            key: Zeroizing::new(key.to_vec()),
        }
    }

    #[test]
    fn only_the_right_pair_finds_its_own_session() {
        let map = Arc::new(CancelMap::new());
        let first = map.insert(b"aaaa", target(b"one"));
        let _second = map.insert(b"bbbb", target(b"two"));
        assert_eq!(map.lookup(7, b"aaaa").unwrap().key.as_slice(), b"one");
        assert_eq!(map.lookup(7, b"bbbb").unwrap().key.as_slice(), b"two");
        assert!(map.lookup(8, b"aaaa").is_none());
        assert!(map.lookup(7, b"aaa").is_none());
        assert!(map.lookup(7, b"").is_none());
        assert!(map.lookup(7, b"aaab").is_none());
        let twin = map.insert(b"bbbb", target(b"three"));
        assert!(map.lookup(7, b"bbbb").is_none(), "which one is meant?");
        drop(twin);
        assert_eq!(map.lookup(7, b"bbbb").unwrap().key.as_slice(), b"two");
        assert_eq!(first.target().unwrap().key.as_slice(), b"one");
        drop(first);
        assert!(map.lookup(7, b"aaaa").is_none());
        assert_eq!(map.len(), 1);
    }
}
