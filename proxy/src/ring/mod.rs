//! The io_uring driver: one ring a thread, one system call a round.
//!
//! ```text
//!   round:  submit what was asked for + wait for one ─▶ take all completions ─▶ links ask for more
//! ```
//!
//! * [`engine`] and [`buffers`] hold all the unsafe code of the proxy, behind safe functions that
//!   take ownership of whatever the kernel will touch.
//! * Listeners use multishot accept, links that wait have a receive that picks its buffer when
//!   bytes arrive, and a forwarded message is followed by a linked receive of the next.
//! * An operation under way is cancelled, and its completion awaited, before its socket is closed.

#![allow(
    unsafe_code,
    reason = "the one place that talks to the kernel by pointers"
)]

mod buffers;
mod engine;
mod probe;

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use socket2::{SockAddr, SockRef};
use velum_core::error::Peer;

use crate::drive::{ACCEPT_PAUSE, sockets};
use crate::planes::Shared;
use crate::relay::Worker;
use crate::relay::op::{Done, Incoming, LinkId, Op, Received};
use engine::{Engine, Event};
pub use probe::{Unusable, probe};

/// Runs a data thread until it is drained.
///
/// # Errors
/// When the ring cannot be set up, or waiting on it fails.
pub fn run(
    mut worker: Worker,
    shared: &Shared,
    thread: usize,
    listeners: Vec<TcpListener>,
) -> io::Result<()> {
    let Some(link) = shared.threads.get(thread) else {
        return Ok(());
    };
    let wake = link.wake.as_fd().as_raw_fd();
    let engine = Engine::new(worker.pool())?;
    let mut driver = Driver {
        worker,
        engine,
        listeners: listeners.into_iter().map(Some).collect(),
        accept_at: None,
        links: Vec::new(),
    };
    driver.engine.watch(wake);
    driver.accept_all();
    // The state may have changed before the wake was watched.
    driver.worker.begin();
    driver.worker.signal();
    let mut due = driver.end_round();
    while !driver.worker.is_done() {
        let pause = driver
            .accept_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        driver.engine.wait(due.into_iter().chain(pause).min())?;
        driver.worker.begin();
        while let Some(event) = driver.engine.next_event(driver.worker.pool()) {
            match event {
                Event::Woken { more } => {
                    if !more {
                        driver.engine.watch(wake);
                    }
                    driver.worker.signal();
                }
                event => driver.happened(event),
            }
        }
        due = driver.end_round();
    }
    Ok(())
}

struct Driver {
    worker: Worker,
    engine: Engine,
    /// `None`: cancelled and closed.
    listeners: Vec<Option<TcpListener>>,
    /// When to accept again after running out of descriptors.
    accept_at: Option<Instant>,
    links: Vec<Sockets>,
}

/// What the driver knows of a link.
#[derive(Default)]
struct Sockets {
    client: Option<OwnedFd>,
    server: Option<OwnedFd>,
    /// Operations whose completion has not been seen.
    under_way: usize,
    closing: bool,
}

impl Sockets {
    fn fd(&self, side: Peer) -> Option<RawFd> {
        match side {
            Peer::Client => self.client.as_ref().map(AsRawFd::as_raw_fd),
            Peer::Server => self.server.as_ref().map(AsRawFd::as_raw_fd),
        }
    }
}

fn opposite(side: Peer) -> Peer {
    match side {
        Peer::Client => Peer::Server,
        Peer::Server => Peer::Client,
    }
}

impl Driver {
    /// Carries out what is asked for; gives the time until the next round is due.
    fn end_round(&mut self) -> Option<Duration> {
        self.carry_out();
        let due = self.worker.end();
        self.carry_out();
        if !self.worker.accepts() {
            self.stop_accepting();
        } else if self.accept_at.is_some_and(|at| at <= Instant::now()) {
            self.accept_at = None;
            self.accept_all();
        }
        due
    }

    // -- accepting ---------------------------------------------------------------------------

    fn accept_all(&mut self) {
        for (at, listener) in self.listeners.iter().enumerate() {
            if let Some(listener) = listener {
                self.engine.accept(at, listener.as_raw_fd());
            }
        }
    }

    /// A ring that still accepts would keep the port after the process has closed it, and take
    /// connections away from the one that comes after.
    fn stop_accepting(&mut self) {
        for listener in self.listeners.iter_mut().filter_map(Option::take) {
            self.engine.cancel(None, listener.as_raw_fd());
            // Submitted before the number can mean something else.
            let _ends_the_accept_too = SockRef::from(&listener).shutdown(Shutdown::Both);
            let _retried_by_the_next_wait = self.engine.wait(Some(Duration::ZERO));
        }
    }

    fn accepted(&mut self, listener: usize, result: io::Result<OwnedFd>, more: bool) {
        let mut rearm = !more;
        match result {
            Ok(fd) => self.welcome(listener, TcpStream::from(fd)),
            Err(error) if sockets::is_exhausted(&error) => {
                self.accept_at = Some(Instant::now() + ACCEPT_PAUSE);
                rearm = false;
            }
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => rearm = false,
            // The connection broke before it was accepted; the next may be fine.
            Err(_) => {}
        }
        if rearm && let Some(Some(socket)) = self.listeners.get(listener) {
            self.engine.accept(listener, socket.as_raw_fd());
        }
    }

    fn welcome(&mut self, listener: usize, stream: TcpStream) {
        let Ok(peer) = stream.peer_addr() else { return };
        sockets::tune(&SockRef::from(&stream));
        if let Some(id) = self.worker.accept(listener, peer) {
            let sockets = self.sockets(id);
            *sockets = Sockets {
                client: Some(stream.into()),
                ..Sockets::default()
            };
        }
    }

    fn sockets(&mut self, id: LinkId) -> &mut Sockets {
        if self.links.len() <= id {
            self.links.resize_with(id + 1, Sockets::default);
        }
        &mut self.links[id]
    }

    // -- operations --------------------------------------------------------------------------

    fn carry_out(&mut self) {
        while let Some((id, op)) = self.worker.next_op() {
            match op {
                Op::Receive {
                    side,
                    into,
                    hold_off,
                } => self.receive(id, side, into, hold_off),
                Op::Send {
                    side,
                    from,
                    then_receive,
                } => {
                    let sockets = self.sockets(id);
                    let other = opposite(side);
                    let then = sockets
                        .fd(other)
                        .filter(|_| then_receive)
                        .map(|fd| (other, fd));
                    if let Some(fd) = sockets.fd(side) {
                        sockets.under_way += 1 + usize::from(then.is_some());
                        self.engine.send(id, side, fd, from, then);
                    }
                }
                Op::Connect { to } => self.connect(id, to),
                Op::Shutdown { side } => {
                    let sockets = self.sockets(id);
                    let fd = match side {
                        Peer::Client => &sockets.client,
                        Peer::Server => &sockets.server,
                    };
                    if let Some(fd) = fd {
                        let _gone_already = SockRef::from(fd).shutdown(Shutdown::Write);
                    }
                }
                Op::DropClient => self.sockets(id).client = None,
                Op::TakeClient { from } => {
                    self.sockets(id).client = self.sockets(from).client.take();
                }
                Op::Close => self.close(id),
            }
        }
    }

    fn receive(&mut self, id: LinkId, side: Peer, into: Incoming, hold_off: Option<Duration>) {
        let sockets = self.sockets(id);
        if let Some(fd) = sockets.fd(side) {
            sockets.under_way += 1;
            self.engine.receive(id, side, fd, into, hold_off);
        }
    }

    fn connect(&mut self, id: LinkId, to: SockAddr) {
        match sockets::for_upstream(&to) {
            Ok(socket) => {
                let fd = socket.as_raw_fd();
                let sockets = self.sockets(id);
                sockets.server = Some(socket.into());
                sockets.under_way += 1;
                self.engine.connect(id, fd, to);
            }
            Err(error) => self
                .worker
                .complete(id, Done::Connected { result: Err(error) }),
        }
    }

    fn close(&mut self, id: LinkId) {
        let sockets = self.sockets(id);
        sockets.closing = true;
        if sockets.under_way > 0 {
            let fds = [sockets.fd(Peer::Client), sockets.fd(Peer::Server)];
            for fd in [&sockets.client, &sockets.server].into_iter().flatten() {
                // A receive that waits behind a link is not found by a cancel; this ends it.
                let _not_connected = SockRef::from(fd).shutdown(Shutdown::Both);
            }
            sockets.under_way += fds.iter().flatten().count();
            for fd in fds.into_iter().flatten() {
                self.engine.cancel(Some(id), fd);
            }
        }
        self.closed(id);
    }

    /// Closes a closing link's sockets once no operation is under way on them.
    fn closed(&mut self, id: LinkId) {
        let sockets = self.sockets(id);
        if sockets.closing && sockets.under_way == 0 {
            *sockets = Sockets::default();
            self.worker.complete(id, Done::Closed);
        }
    }

    fn happened(&mut self, event: Event) {
        let (id, done) = match event {
            Event::Accepted {
                listener,
                result,
                more,
            } => {
                return self.accepted(listener, result, more);
            }
            Event::Woken { .. } | Event::Cancelled { link: None } => return,
            Event::Cancelled { link: Some(link) } => (link, None),
            Event::Received {
                link,
                side,
                into,
                result,
            } => {
                if is_out_of_buffers(&into, &result) && !self.sockets(link).closing {
                    self.sockets(link).under_way -= 1;
                    let into = engine::instead_of_picking(self.worker.pool());
                    return self.receive(link, side, into, None);
                }
                (link, Some(Done::Received { side, into, result }))
            }
            Event::Sent {
                link,
                side,
                from,
                result,
            } => (link, Some(Done::Sent { side, from, result })),
            Event::Connected { link, result } => (link, Some(Done::Connected { result })),
        };
        self.sockets(id).under_way -= 1;
        if let Some(done) = done {
            self.worker.complete(id, done);
        }
        self.closed(id);
    }
}

fn is_out_of_buffers(into: &Received, result: &io::Result<usize>) -> bool {
    matches!(into, Received::Nothing)
        && matches!(result, Err(error) if error.raw_os_error() == Some(libc::ENOBUFS))
}
