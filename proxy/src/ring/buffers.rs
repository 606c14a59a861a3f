//! A ring of buffers from which the kernel picks when bytes arrive, so that a socket that
//! waits holds none.
//!
//! ```text
//!   descriptors (page-aligned, shared with the kernel)      [addr len bid] × entries, tail
//!   lent[bid]: the buffer that descriptor `bid` points to   picked: taken out, replaced at once
//! ```

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

use crate::relay::pool::{Class, PICK_BYTES, Pool};

/// The only group of buffers of a ring.
pub(super) const GROUP: u16 = 0;
const PAGE_BYTES: usize = 4_096;

/// See the module's text.
pub(super) struct Buffers {
    descriptors: NonNull<BufRingEntry>,
    layout: Layout,
    /// By buffer id. The kernel may write to these at any time.
    lent: Vec<Vec<u8>>,
    tail: u16,
}

impl Buffers {
    /// Lends `entries` buffers, a power of two, to `ring`.
    ///
    /// # Safety
    /// The value must not be dropped while `ring` is alive, unless it was unregistered.
    pub(super) unsafe fn register(
        ring: &IoUring,
        entries: u16,
        pool: &mut Pool,
    ) -> io::Result<Self> {
        let bytes = usize::from(entries) * size_of::<BufRingEntry>();
        let layout =
            Layout::from_size_align(bytes.max(PAGE_BYTES), PAGE_BYTES).map_err(io::Error::other)?;
        // SAFETY: the layout's size is not zero.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(descriptors) = NonNull::new(memory.cast::<BufRingEntry>()) else {
            handle_alloc_error(layout);
        };
        let lent = (0..entries).map(|_| pool.take(Class::Pick)).collect();
        let mut buffers = Self {
            descriptors,
            layout,
            lent,
            tail: 0,
        };
        for id in 0..entries {
            buffers.offer(id);
        }
        // SAFETY: the descriptors are page-aligned, hold `entries` entries, and stay where they
        // are until the caller lets go of them.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                descriptors.as_ptr() as u64,
                entries,
                GROUP,
                0,
            )?;
        }
        Ok(buffers)
    }

    /// Takes the picked buffer `id`, and lends another in its place.
    pub(super) fn take(&mut self, id: u16, pool: &mut Pool) -> Option<Vec<u8>> {
        let place = self.lent.get_mut(usize::from(id))?;
        let picked = std::mem::replace(place, pool.take(Class::Pick));
        self.offer(id);
        Some(picked)
    }

    /// The kernel lets go of all buffers.
    pub(super) fn unregister(self, ring: &IoUring) {
        let _closing_the_ring_does_it_too = ring.submitter().unregister_buf_ring(GROUP);
    }

    /// Puts the buffer `id` where the kernel takes the next one from.
    fn offer(&mut self, id: u16) {
        let mask = self.lent.len() - 1;
        let at = usize::from(self.tail) & mask;
        let Some(buffer) = self.lent.get_mut(usize::from(id)) else {
            return;
        };
        debug_assert_eq!(buffer.len(), PICK_BYTES);
        let (address, length) = (buffer.as_mut_ptr() as u64, buffer.len() as u32);
        // SAFETY: `at` is below the number of entries that the memory was allocated for, and the
        // kernel reads an entry only after the tail has passed it.
        let entry = unsafe { &mut *self.descriptors.as_ptr().add(at) };
        entry.set_addr(address);
        entry.set_len(length);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry of the same memory, is two bytes wide and
        // aligned, and both sides access it as an atomic only.
        unsafe {
            let tail = BufRingEntry::tail(self.descriptors.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; nothing refers to it any more, see `register`.
        unsafe { dealloc(self.descriptors.as_ptr().cast(), self.layout) }
    }
}
