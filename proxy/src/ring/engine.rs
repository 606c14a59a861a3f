//! The ring itself: operations with the memory that they own, and their completions.
//!
//! What makes it sound: whatever the kernel reads or writes for an operation (windows, boxes,
//! headers) is owned by its entry in [`Engine::flight`], and an entry is taken out only when
//! its last completion has been seen. Entries move when the table grows, the heap memory that
//! they own does not.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, TimeoutFlags, Timespec};
use io_uring::{IoUring, cqueue, opcode};
use slab::Slab;
use socket2::SockAddr;
use velum_core::error::Peer;

use super::buffers::{Buffers, GROUP};
use crate::relay::op::{Incoming, LinkId, Outgoing, Received, SLICES};
use crate::relay::pool::{Class, PICK_BYTES, Pool};

const SUBMISSIONS: u32 = 1_024;
const COMPLETIONS: u32 = 8_192;
/// Buffers lent to the kernel.
const LENT: u16 = 256;
/// The completion of an operation that owns nothing and that nobody waits for.
const NOBODY: u64 = u64::MAX;
/// A round waits so long for more than the sends that end as they begin. One that does not, as its
/// peer does not read, holds up no longer.
const MORE_WITHIN_US: u32 = 100;
/// How often [`Engine`]'s end waits for the kernel, 100 ms each.
const LAST_WAITS: usize = 50;

/// A ring as the data plane wants it.
pub(super) fn set_up(submissions: u32) -> io::Result<IoUring> {
    IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_cqsize(COMPLETIONS.max(2 * submissions))
        .setup_clamp()
        .build(submissions)
}

/// An operation under way, with all the memory that the kernel may touch for it.
enum Operation {
    Accept {
        listener: usize,
    },
    Wake,
    Receive {
        link: LinkId,
        side: Peer,
        into: Incoming,
        _hold: Option<Box<Timespec>>,
    },
    Send {
        link: LinkId,
        side: Peer,
        from: Outgoing,
        _message: Option<Box<Message>>,
    },
    Connect {
        link: LinkId,
        _to: Box<SockAddr>,
    },
    Cancel {
        link: Option<LinkId>,
    },
}

/// Header of a vectored send.
struct Message {
    header: libc::msghdr,
    slices: Vec<libc::iovec>,
}

/// What has happened.
pub(super) enum Event {
    /// A connection, or why there is none. `more`: the accept goes on by itself.
    Accepted {
        listener: usize,
        result: io::Result<OwnedFd>,
        more: bool,
    },
    /// The eventfd was signalled. `more`: the watch goes on by itself.
    Woken { more: bool },
    /// See [`crate::relay::op::Done`].
    Received {
        link: LinkId,
        side: Peer,
        into: Received,
        result: io::Result<usize>,
    },
    /// See [`crate::relay::op::Done`].
    Sent {
        link: LinkId,
        side: Peer,
        from: Outgoing,
        result: io::Result<usize>,
    },
    /// See [`crate::relay::op::Done`].
    Connected {
        link: LinkId,
        result: io::Result<()>,
    },
    /// A cancel has been carried out; what it cancelled completes by itself.
    Cancelled { link: Option<LinkId> },
}

/// See the module's text.
pub(super) struct Engine {
    ring: IoUring,
    flight: Slab<Operation>,
    /// `None` only while being dropped.
    buffers: Option<Buffers>,
    /// Taken from the completion queue, not looked at yet.
    completed: VecDeque<(u64, i32, u32)>,
    brief: Brief,
}

/// Sends of this round that are likely to complete at once. Nothing waits for them but what is
/// linked to them, so that returning for them alone would be a round for nothing.
#[derive(Clone, Copy)]
enum Brief {
    /// So many, and nothing else was sent.
    Sends(usize),
    /// Something waits for a send, or the kernel (before 6.12) cannot wait for more than one.
    No,
}

fn outcome(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}

impl Engine {
    pub(super) fn new(pool: &mut Pool) -> io::Result<Self> {
        let ring = set_up(SUBMISSIONS)?;
        // SAFETY: `drop` unregisters or leaks the buffers before the ring is closed.
        let buffers = unsafe { Buffers::register(&ring, LENT, pool)? };
        Ok(Self {
            ring,
            flight: Slab::with_capacity(1_024),
            buffers: Some(buffers),
            completed: VecDeque::new(),
            brief: Brief::No,
        })
    }

    // -- asking ------------------------------------------------------------------------------

    /// Accepts connections until cancelled.
    pub(super) fn accept(&mut self, listener: usize, fd: RawFd) {
        let entry = opcode::AcceptMulti::new(Fd(fd))
            .flags(libc::SOCK_CLOEXEC)
            .build();
        let key = self.flight.insert(Operation::Accept { listener });
        self.push(&[entry.user_data(key as u64)]);
    }

    /// Waits for `fd`, an eventfd, to be signalled, each time: a signal is an event of its own
    /// whatever the counter says, so nobody has to read it.
    pub(super) fn watch(&mut self, fd: RawFd) {
        let entry = opcode::PollAdd::new(Fd(fd), libc::POLLIN as u32)
            .multi(true)
            .build();
        let key = self.flight.insert(Operation::Wake);
        self.push(&[entry.user_data(key as u64)]);
    }

    /// Receives, after `hold_off`.
    pub(super) fn receive(
        &mut self,
        link: LinkId,
        side: Peer,
        fd: RawFd,
        into: Incoming,
        hold_off: Option<Duration>,
    ) {
        let hold = hold_off.map(|time| Box::new(Timespec::from(time)));
        let wait = hold.as_ref().map(|time| {
            // The timeout's own completion is of no interest: the receive comes after it.
            opcode::Timeout::new(&raw const **time)
                .flags(TimeoutFlags::ETIME_SUCCESS)
                .build()
                .flags(Flags::IO_LINK | Flags::SKIP_SUCCESS)
                .user_data(NOBODY)
        });
        let (entry, into) = receive_entry(fd, into);
        let key = self.flight.insert(Operation::Receive {
            link,
            side,
            into,
            _hold: hold,
        });
        let entry = entry.user_data(key as u64);
        match wait {
            Some(wait) => self.push(&[wait, entry]),
            None => self.push(&[entry]),
        }
    }

    /// Sends; then, if `then` names the other socket, receives from that into a picked buffer.
    pub(super) fn send(
        &mut self,
        link: LinkId,
        side: Peer,
        fd: RawFd,
        from: Outgoing,
        then: Option<(Peer, RawFd)>,
    ) {
        let (entry, message) = send_entry(fd, &from);
        let operation = Operation::Send {
            link,
            side,
            from,
            _message: message,
        };
        let entry = entry.user_data(self.flight.insert(operation) as u64);
        let Some((side, fd)) = then else {
            self.brief = Brief::No;
            return self.push(&[entry]);
        };
        if let Brief::Sends(count) = &mut self.brief {
            *count += 1;
        }
        let (next, into) = receive_entry(fd, Incoming::Pick);
        let operation = Operation::Receive {
            link,
            side,
            into,
            _hold: None,
        };
        let next = next.user_data(self.flight.insert(operation) as u64);
        self.push(&[entry.flags(Flags::IO_LINK), next]);
    }

    /// Connects.
    pub(super) fn connect(&mut self, link: LinkId, fd: RawFd, to: SockAddr) {
        let to = Box::new(to);
        let entry = opcode::Connect::new(Fd(fd), to.as_ptr().cast(), to.len()).build();
        let key = self.flight.insert(Operation::Connect { link, _to: to });
        self.push(&[entry.user_data(key as u64)]);
    }

    /// Cancels everything under way on `fd`. The descriptor must stay open until the
    /// [`Event::Cancelled`], lest its number mean another socket by then.
    pub(super) fn cancel(&mut self, link: Option<LinkId>, fd: RawFd) {
        let entry = opcode::AsyncCancel2::new(CancelBuilder::fd(Fd(fd)).all()).build();
        let key = self.flight.insert(Operation::Cancel { link });
        self.push(&[entry.user_data(key as u64)]);
    }

    /// Queues entries that may be linked, which have to be submitted together.
    fn push(&mut self, entries: &[Entry]) {
        loop {
            {
                let mut queue = self.ring.submission();
                // SAFETY: all memory that the entries point to is owned by `flight` from before
                // this call until their completions have been seen.
                if unsafe { queue.push_multiple(entries) }.is_ok() {
                    return;
                }
            }
            // The queue is full. Submitting empties it, unless the kernel wants completions
            // to be taken first.
            if self.ring.submit().is_err() {
                self.gather();
            }
        }
    }

    // -- hearing -----------------------------------------------------------------------------

    /// Submits what was asked for, and waits for something to happen, at most `timeout`.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let submitter = self.ring.submitter();
        let timeout = timeout.map(Timespec::from);
        let (want, args) = match self.brief {
            Brief::Sends(0) | Brief::No => (1, SubmitArgs::new()),
            Brief::Sends(count) => (1 + count, SubmitArgs::new().min_wait_usec(MORE_WITHIN_US)),
        };
        let waited = match &timeout {
            Some(timeout) => submitter.submit_with_args(want, &args.timespec(timeout)),
            None if want == 1 => submitter.submit_and_wait(1),
            None => submitter.submit_with_args(want, &args),
        };
        self.brief = match self.ring.params().is_feature_min_timeout() {
            true => Brief::Sends(0),
            false => Brief::No,
        };
        self.gather();
        match waited {
            Ok(_) => Ok(()),
            // Time is up, a signal came, or completions had to be taken first.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn gather(&mut self) {
        for entry in self.ring.completion() {
            self.completed
                .push_back((entry.user_data(), entry.result(), entry.flags()));
        }
    }

    /// The next thing that has happened. Its memory is the caller's again.
    pub(super) fn next_event(&mut self, pool: &mut Pool) -> Option<Event> {
        loop {
            let (key, result, flags) = self.completed.pop_front()?;
            if key == NOBODY {
                continue;
            }
            let key = usize::try_from(key).ok()?;
            if cqueue::more(flags) {
                match self.flight.get(key) {
                    Some(&Operation::Accept { listener }) => {
                        return Some(accepted(listener, result, true));
                    }
                    Some(Operation::Wake) => return Some(Event::Woken { more: true }),
                    _ => continue,
                }
            }
            let operation = self.flight.try_remove(key)?;
            return Some(self.event(operation, result, flags, pool));
        }
    }

    fn event(&mut self, operation: Operation, result: i32, flags: u32, pool: &mut Pool) -> Event {
        match operation {
            Operation::Accept { listener } => accepted(listener, result, false),
            Operation::Wake => Event::Woken { more: false },
            Operation::Receive {
                link, side, into, ..
            } => {
                let picked = cqueue::buffer_select(flags)
                    .and_then(|id| self.buffers.as_mut()?.take(id, pool));
                let into = match (into, picked) {
                    (Incoming::Window(window), _) => Received::Window(window),
                    (Incoming::Buffer(buffer), _) | (Incoming::Pick, Some(buffer)) => {
                        Received::Buffer(buffer)
                    }
                    (Incoming::Pick, None) => Received::Nothing,
                };
                Event::Received {
                    link,
                    side,
                    into,
                    result: outcome(result),
                }
            }
            Operation::Send {
                link, side, from, ..
            } => Event::Sent {
                link,
                side,
                from,
                result: outcome(result),
            },
            Operation::Connect { link, .. } => Event::Connected {
                link,
                result: outcome(result).map(drop),
            },
            Operation::Cancel { link } => Event::Cancelled { link },
        }
    }
}

fn accepted(listener: usize, result: i32, more: bool) -> Event {
    let result = if result >= 0 {
        // SAFETY: the kernel has just opened this descriptor for us, and told nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(result) })
    } else {
        Err(io::Error::from_raw_os_error(-result))
    };
    Event::Accepted {
        listener,
        result,
        more,
    }
}

/// The pointer in the entry stays valid as long as `into` is not dropped or touched.
fn receive_entry(fd: RawFd, mut into: Incoming) -> (Entry, Incoming) {
    let room: Option<&mut [u8]> = match &mut into {
        Incoming::Window(window) => Some(window.spare_mut()),
        Incoming::Buffer(buffer) => Some(buffer),
        Incoming::Pick => None,
    };
    let entry = match room {
        Some(room) => {
            let length = u32::try_from(room.len()).unwrap_or(u32::MAX);
            opcode::Recv::new(Fd(fd), room.as_mut_ptr(), length).build()
        }
        None => opcode::Recv::new(Fd(fd), std::ptr::null_mut(), PICK_BYTES as u32)
            .buf_group(GROUP)
            .build()
            .flags(Flags::BUFFER_SELECT),
    };
    (entry, into)
}

/// The pointers in the entry stay valid as long as `from` and the message are not dropped or
/// touched.
fn send_entry(fd: RawFd, from: &Outgoing) -> (Entry, Option<Box<Message>>) {
    // All of it, or an error: a link goes on only after the whole.
    let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
    let mut few = [IoSlice::new(&[]); 2];
    if from.fill(&mut few) == 1 {
        let length = u32::try_from(few[0].len()).unwrap_or(u32::MAX);
        return (
            opcode::Send::new(Fd(fd), few[0].as_ptr(), length)
                .flags(flags)
                .build(),
            None,
        );
    }
    let mut many = vec![IoSlice::new(&[]); SLICES];
    let used = from.fill(&mut many);
    let slices = many
        .iter()
        .take(used)
        .map(|slice| libc::iovec {
            iov_base: slice.as_ptr().cast_mut().cast(),
            iov_len: slice.len(),
        })
        .collect();
    // SAFETY: all-zero bytes are a valid msghdr: no name, no slices, no control data.
    let header = unsafe { std::mem::zeroed() };
    let mut message = Box::new(Message { header, slices });
    message.header.msg_iov = message.slices.as_mut_ptr();
    message.header.msg_iovlen = message.slices.len() as _;
    let entry = opcode::SendMsg::new(Fd(fd), &raw const message.header)
        .flags(flags as u32)
        .build();
    (entry, Some(message))
}

impl Drop for Engine {
    /// Gets all memory back from the kernel. What it does not give back is leaked, never freed.
    fn drop(&mut self) {
        let entry = opcode::AsyncCancel2::new(CancelBuilder::any().all()).build();
        self.push(&[entry.user_data(NOBODY)]);
        let mut pool = Pool::default();
        for _ in 0..LAST_WAITS {
            while self.next_event(&mut pool).is_some() {}
            if self.flight.is_empty() || self.wait(Some(Duration::from_millis(100))).is_err() {
                break;
            }
        }
        let Some(buffers) = self.buffers.take() else {
            return;
        };
        if self.flight.is_empty() {
            buffers.unregister(&self.ring);
        } else {
            std::mem::forget(buffers);
            std::mem::forget(std::mem::take(&mut self.flight));
        }
    }
}

/// A buffer for a receive that found no lent buffer free.
pub(super) fn instead_of_picking(pool: &mut Pool) -> Incoming {
    Incoming::Buffer(pool.take(Class::Pick))
}
