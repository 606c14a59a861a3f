//! Waking a data thread out of its wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// An eventfd. Any thread may signal it; its data thread watches it (io_uring), or watches and
/// clears it (epoll). Signals that come before the thread looks may be merged into one.
#[derive(Debug)]
pub struct Wake {
    fd: OwnedFd,
}

impl Wake {
    /// A new eventfd, not signalled.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Wakes the thread. Never blocks: a counter that is full is already signalled.
    pub fn signal(&self) {
        let _full_or_done = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Takes all signals so far; true if there was one.
    pub fn clear(&self) -> bool {
        let mut count = [0; 8];
        rustix::io::read(&self.fd, &mut count).is_ok()
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_merge_and_are_taken_once() {
        let wake = Wake::new().unwrap();
        assert!(!wake.clear());
        wake.signal();
        wake.signal();
        assert!(wake.clear());
        assert!(!wake.clear());
    }
}
