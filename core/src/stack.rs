//! What functions leave behind on the stack.

use std::hint::black_box;

/// Deeper than a login goes.
const BYTES: usize = 48 * 1024;

/// Overwrites what functions that have returned to the caller left on its thread's stack:
/// libraries keep keys and passwords in arrays of theirs, and the stack is not given back to
/// anybody who would wipe it.
///
/// Takes as much room below the caller as it wipes.
#[inline(never)]
pub fn wipe() {
    let mut room = [0u8; BYTES];
    // Without this nothing would be written that nobody reads.
    black_box(&mut room);
}
