//! The epoll driver: readiness turned into completions.
//!
//! First-class, not a fallback of second choice: container engines forbid io_uring by default.
//! Notifications are edge-triggered; each socket remembers whether it may be read or written,
//! and an operation that would block waits with its socket.

mod socket;

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::{SockRef, Socket};
use velum_core::error::Peer;

use crate::drive::{ACCEPT_PAUSE, sockets};
use crate::planes::Shared;
use crate::relay::Worker;
use crate::relay::op::{Done, Incoming, LinkId, Op, Received};
use socket::{Pending, Tried};

/// Sockets that are worked on before the poller is asked again.
const ROUND: usize = 256;
const EVENTS: usize = 1_024;
const WAKE: Token = Token(0);

/// Runs a data thread until it is drained.
///
/// # Errors
/// When the poller itself fails.
pub fn run(
    worker: Worker,
    shared: &Shared,
    thread: usize,
    listeners: Vec<TcpListener>,
) -> io::Result<()> {
    let Some(link) = shared.threads.get(thread) else {
        return Ok(());
    };
    let mut driver = Driver::new(worker, listeners)?;
    let wake = link.wake.as_fd().as_raw_fd();
    driver
        .poll
        .registry()
        .register(&mut SourceFd(&wake), WAKE, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS);
    let mut timeout = Some(Duration::ZERO);
    // The state may have changed before the wake was watched.
    driver.worker.signal();
    loop {
        match driver.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        driver.worker.begin();
        for event in &events {
            if event.token() == WAKE {
                link.wake.clear();
                driver.worker.signal();
            } else {
                driver.note(event);
            }
        }
        driver.carry_out();
        driver.accept_all();
        for _ in 0..ROUND {
            let Some((id, side)) = driver.ready.pop_front() else {
                break;
            };
            driver.work(id, side);
        }
        let due = driver.worker.end();
        driver.carry_out();
        if !driver.worker.accepts() {
            driver.listeners.clear();
        }
        if driver.worker.is_done() {
            return Ok(());
        }
        timeout = driver.timeout(due);
    }
}

struct Listening {
    listener: TcpListener,
    /// The backlog may hold connections.
    ready: bool,
}

struct Driver {
    poll: Poll,
    worker: Worker,
    listeners: Vec<Listening>,
    /// How many there were: tokens count from here.
    first_socket: usize,
    /// When to accept again after running out of descriptors.
    accept_at: Option<Instant>,
    /// Client's and server's socket, by link.
    links: Vec<[Option<Pending>; 2]>,
    /// Sockets on which an operation may go on.
    ready: VecDeque<(LinkId, Peer)>,
}

fn index(side: Peer) -> usize {
    match side {
        Peer::Client => 0,
        Peer::Server => 1,
    }
}

fn opposite(side: Peer) -> Peer {
    match side {
        Peer::Client => Peer::Server,
        Peer::Server => Peer::Client,
    }
}

impl Driver {
    fn new(worker: Worker, listeners: Vec<TcpListener>) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (at, listener) in listeners.iter().enumerate() {
            listener.set_nonblocking(true)?;
            let fd = listener.as_raw_fd();
            let token = Token(WAKE.0 + 1 + at);
            poll.registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        }
        Ok(Self {
            poll,
            worker,
            first_socket: WAKE.0 + 1 + listeners.len(),
            listeners: listeners
                .into_iter()
                .map(|listener| Listening {
                    listener,
                    ready: true,
                })
                .collect(),
            accept_at: None,
            links: Vec::new(),
            ready: VecDeque::new(),
        })
    }

    fn timeout(&self, due: Option<Duration>) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let pause = self
            .accept_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        due.into_iter().chain(pause).min()
    }

    fn note(&mut self, event: &mio::event::Event) {
        let token = event.token().0;
        if token < self.first_socket {
            if let Some(listening) = self.listeners.get_mut(token - 1) {
                listening.ready = true;
            }
            return;
        }
        let at = token - self.first_socket;
        let (id, side) = (
            at / 2,
            if at.is_multiple_of(2) {
                Peer::Client
            } else {
                Peer::Server
            },
        );
        if let Some(socket) = self.socket(id, side) {
            socket.note(event);
            self.ready.push_back((id, side));
        }
    }

    fn socket(&mut self, id: LinkId, side: Peer) -> Option<&mut Pending> {
        self.links.get_mut(id)?.get_mut(index(side))?.as_mut()
    }

    // -- accepting ---------------------------------------------------------------------------

    fn accept_all(&mut self) {
        if let Some(at) = self.accept_at {
            if Instant::now() < at {
                return;
            }
            self.accept_at = None;
        }
        for at in 0..self.listeners.len() {
            while self
                .listeners
                .get(at)
                .is_some_and(|listening| listening.ready)
                && self.accept_at.is_none()
            {
                self.accept(at);
            }
        }
    }

    fn accept(&mut self, at: usize) {
        let Some(listening) = self.listeners.get_mut(at) else {
            return;
        };
        match listening.listener.accept() {
            Ok((stream, peer)) => {
                sockets::tune(&SockRef::from(&stream));
                if stream.set_nonblocking(true).is_err() {
                    return;
                }
                if let Some(id) = self.worker.accept(at, peer) {
                    self.add(id, Peer::Client, stream.into());
                }
                self.carry_out();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listening.ready = false,
            Err(error) if sockets::is_exhausted(&error) => {
                self.accept_at = Some(Instant::now() + ACCEPT_PAUSE);
            }
            // The connection broke before it was accepted; the next may be fine.
            Err(_) => {}
        }
    }

    fn add(&mut self, id: LinkId, side: Peer, socket: Socket) {
        let fd = socket.as_raw_fd();
        let token = Token(self.first_socket + 2 * id + index(side));
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = self
            .poll
            .registry()
            .register(&mut SourceFd(&fd), token, both);
        while self.links.len() <= id {
            self.links.push([None, None]);
        }
        if let Some(place) = self
            .links
            .get_mut(id)
            .and_then(|link| link.get_mut(index(side)))
        {
            *place = Some(Pending::new(socket, registered.is_err()));
        }
    }

    // -- operations --------------------------------------------------------------------------

    fn carry_out(&mut self) {
        while let Some((id, op)) = self.worker.next_op() {
            match op {
                Op::Receive {
                    side,
                    into,
                    hold_off: _,
                } => self.receive(id, side, into),
                Op::Send {
                    side,
                    from,
                    then_receive,
                } => {
                    if let Some(socket) = self.socket(id, side) {
                        socket.send = Some((from, then_receive));
                        self.ready.push_back((id, side));
                    }
                }
                Op::Connect { to } => self.connect(id, &to),
                Op::Shutdown { side } => {
                    if let Some(socket) = self.socket(id, side) {
                        socket.shutdown();
                    }
                }
                Op::Close => self.close(id),
            }
        }
    }

    fn receive(&mut self, id: LinkId, side: Peer, into: Incoming) {
        if let Some(socket) = self.socket(id, side) {
            socket.receive = Some(into);
            self.ready.push_back((id, side));
        }
    }

    fn connect(&mut self, id: LinkId, to: &socket2::SockAddr) {
        let connected = sockets::for_upstream(to).and_then(|socket| {
            socket.set_nonblocking(true)?;
            match socket.connect(to) {
                Ok(()) => Ok((socket, true)),
                Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
                    Ok((socket, false))
                }
                Err(error) => Err(error),
            }
        });
        match connected {
            Ok((socket, done)) => {
                self.add(id, Peer::Server, socket);
                if done {
                    self.worker.complete(id, Done::Connected { result: Ok(()) });
                } else if let Some(socket) = self.socket(id, Peer::Server) {
                    socket.connecting = true;
                }
            }
            Err(error) => self
                .worker
                .complete(id, Done::Connected { result: Err(error) }),
        }
    }

    fn close(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(id) else {
            self.worker.complete(id, Done::Closed);
            return;
        };
        let sockets = [link[0].take(), link[1].take()];
        for (side, socket) in [Peer::Client, Peer::Server].into_iter().zip(sockets) {
            let Some(mut socket) = socket else { continue };
            socket.deregister(&self.poll);
            let cancelled = || Err(io::Error::from_raw_os_error(libc::ECANCELED));
            if let Some(into) = socket.receive.take() {
                let into = match into {
                    Incoming::Window(window) => Received::Window(window),
                    Incoming::Buffer(buffer) => Received::Buffer(buffer),
                    Incoming::Pick => Received::Nothing,
                };
                self.worker.complete(
                    id,
                    Done::Received {
                        side,
                        into,
                        result: cancelled(),
                    },
                );
            }
            if let Some((from, _)) = socket.send.take() {
                self.worker.complete(
                    id,
                    Done::Sent {
                        side,
                        from,
                        result: cancelled(),
                    },
                );
            }
        }
        self.worker.complete(id, Done::Closed);
    }

    /// Tries what waits with a socket.
    fn work(&mut self, id: LinkId, side: Peer) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        let Some(Some(socket)) = link.get_mut(index(side)) else {
            return;
        };
        if let Some(result) = socket.try_connect() {
            self.worker.complete(id, Done::Connected { result });
            self.carry_out();
            return;
        }
        match socket.try_send() {
            Tried::Blocked => {}
            Tried::Done((from, then_receive), result) => {
                let whole = matches!(&result, Ok(n) if *n == from.len());
                self.worker.complete(id, Done::Sent { side, from, result });
                if then_receive && whole {
                    self.receive(id, opposite(side), Incoming::Pick);
                } else if then_receive {
                    let result = Err(io::Error::from_raw_os_error(libc::ECANCELED));
                    let side = opposite(side);
                    let into = Received::Nothing;
                    self.worker
                        .complete(id, Done::Received { side, into, result });
                }
                self.carry_out();
            }
        }
        let Some(Some(socket)) = self
            .links
            .get_mut(id)
            .and_then(|link| link.get_mut(index(side)))
        else {
            return;
        };
        match socket.try_receive(self.worker.pool()) {
            Tried::Blocked => {}
            Tried::Done(into, result) => {
                self.worker
                    .complete(id, Done::Received { side, into, result });
                self.carry_out();
            }
        }
    }
}
