//! A machine's key while its session lives by it.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::link::About;
use crate::planes::{ControlRequest, KnownKey, MachineKeys};

/// Is the key that a login was proven by in force still? From now on the session ends with it, and
/// the control thread is told that it was used.
pub(super) fn holds(id: &str, identity: &str, about: &mut About, cx: &Context) -> bool {
    let keys = cx.shared.keys.load();
    let Some(key) = keys.get(identity, id).filter(|key| cx.time < key.until) else {
        return false;
    };
    let left = Duration::from_micros(key.until.micros_since(cx.time));
    about.token_ends = cx.now.checked_add(left);
    about.key = Some(Arc::clone(key));
    if key.is_noteworthy(cx.time) {
        let id = Arc::clone(&key.id);
        // When it was used last is not worth more than others' questions.
        let _queue_is_full = cx.shared.requests.try_send(ControlRequest::KeyUsed { id });
    }
    true
}

/// Is it in this set? A set keeps what it has of the one before.
pub(super) fn is_in_force(key: &Arc<KnownKey>, keys: &MachineKeys) -> bool {
    let mut all = keys.by_identity.values().flatten();
    all.any(|it| Arc::ptr_eq(it, key))
}
