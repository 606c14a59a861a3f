//! The epoll driver: readiness turned into completions.
//!
//! First-class, not a fallback of second choice: container engines forbid io_uring by default.
//! Notifications are edge-triggered; each socket remembers whether it may be read or written,
//! and an operation that would block waits with its socket.

mod held;
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
use held::Held;
use socket::{Pending, Tried};

/// Sockets that are worked on before the poller is asked again.
const ROUND: usize = 256;
const EVENTS: usize = 1_024;
const WAKE: Token = Token(0);
const TIMER: Token = Token(1);
const FIRST_LISTENER: usize = 2;

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
            } else if event.token() != TIMER {
                driver.note(event);
            }
        }
        driver.release();
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
        let due = due.into_iter().chain(driver.held.arm(Instant::now())).min();
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
    held: Held,
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
            let token = Token(FIRST_LISTENER + at);
            poll.registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        }
        Ok(Self {
            held: Held::new(&poll, TIMER)?,
            poll,
            worker,
            first_socket: FIRST_LISTENER + listeners.len(),
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
            if let Some(listening) = self.listeners.get_mut(token - FIRST_LISTENER) {
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

    fn token(&self, id: LinkId, side: Peer) -> Token {
        Token(self.first_socket + 2 * id + index(side))
    }

    fn add(&mut self, id: LinkId, side: Peer, socket: Socket) {
        let fd = socket.as_raw_fd();
        let token = self.token(id, side);
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
                    hold_off,
                } => self.receive(id, side, into, hold_off),
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
                Op::DropClient => self.drop_client(id),
                Op::TakeClient { from } => self.take_client(id, from),
                Op::Close => self.close(id),
            }
        }
    }

    fn receive(&mut self, id: LinkId, side: Peer, into: Incoming, hold_off: Option<Duration>) {
        let Some(socket) = self.socket(id, side) else {
            return;
        };
        socket.receive = Some(into);
        socket.held_until = hold_off.map(|time| Instant::now() + time);
        match socket.held_until {
            Some(at) => self.held.add(at, id, side),
            None => self.ready.push_back((id, side)),
        }
    }

    /// Receives that have waited for bytes to gather may go on.
    fn release(&mut self) {
        let now = Instant::now();
        while let Some((id, side)) = self.held.take(now) {
            if let Some(socket) = self.socket(id, side)
                && socket.held_until.is_some_and(|at| at <= now)
            {
                socket.held_until = None;
                self.ready.push_back((id, side));
            }
        }
    }

    /// Makes the client's socket of one link another's.
    fn take_client(&mut self, id: LinkId, from: LinkId) {
        let place = self.links.get_mut(from).and_then(|link| link.first_mut());
        let Some(mut client) = place.and_then(Option::take) else {
            return;
        };
        client.watch_as(&self.poll, self.token(id, Peer::Client));
        if let Some(place) = self.links.get_mut(id).and_then(|link| link.first_mut()) {
            *place = Some(client);
        }
        self.ready.push_back((id, Peer::Client));
    }

    fn drop_client(&mut self, id: LinkId) {
        let place = self.links.get_mut(id).and_then(|link| link.first_mut());
        if let Some(client) = place.and_then(Option::take) {
            client.deregister(&self.poll);
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
                    self.receive(id, opposite(side), Incoming::Pick, None);
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
