//! Receives that let bytes gather first: which they are, and the clock that calls them.
//!
//! The poller's own timeout counts in milliseconds, a hold-off in microseconds, so the nearest of
//! them is set on a timerfd that the poller watches.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use velum_core::error::Peer;

use super::index;
use crate::relay::op::LinkId;

/// See the module's text.
pub(super) struct Held {
    timer: OwnedFd,
    /// When, and which socket of which link: 0 is the client's.
    due: BinaryHeap<Reverse<(Instant, LinkId, usize)>>,
    /// What the timer is set to.
    set_to: Option<Instant>,
}

impl Held {
    /// Nothing is held; the poller watches the timer under `token`.
    ///
    /// # Errors
    /// When the system has no timer, or the poller does not take it.
    pub(super) fn new(poll: &Poll, token: Token) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let fd = timer.as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        Ok(Self {
            timer,
            due: BinaryHeap::new(),
            set_to: None,
        })
    }

    /// Holds a receive until `at`.
    pub(super) fn add(&mut self, at: Instant, id: LinkId, side: Peer) {
        self.due.push(Reverse((at, id, index(side))));
    }

    /// The next socket whose time has come. It may be of another link by now.
    pub(super) fn take(&mut self, now: Instant) -> Option<(LinkId, Peer)> {
        let Reverse((at, id, side)) = self.due.peek().copied()?;
        if at > now {
            return None;
        }
        self.due.pop();
        let side = [Peer::Client, Peer::Server].into_iter().nth(side)?;
        Some((id, side))
    }

    /// Sets the timer to the nearest. Gives how long the poller may wait at most, which matters
    /// only if the timer cannot be set.
    pub(super) fn arm(&mut self, now: Instant) -> Option<Duration> {
        let Reverse((nearest, ..)) = self.due.peek()?;
        let rest = nearest.saturating_duration_since(now);
        if self.set_to.replace(*nearest) == Some(*nearest) {
            return Some(rest);
        }
        // Nobody reads the timer: each expiry is an edge of its own. 0 would switch it off.
        let rest = rest.max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: rest.as_secs().cast_signed(),
                tv_nsec: rest.subsec_nanos().into(),
            },
        };
        let _poller_wakes_late = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
        Some(rest)
    }
}
