//! One socket, what is known of its readiness, and the operations that wait with it.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::time::Instant;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use socket2::Socket;

use crate::relay::op::{Incoming, Outgoing, Received, SLICES};
use crate::relay::pool::{Class, Pool};

/// Slices that are gathered without an allocation.
const FEW: usize = 64;

/// What trying an operation came to.
pub(super) enum Tried<T> {
    /// There is none, or it has to wait.
    Blocked,
    /// It is over, with this buffer.
    Done(T, io::Result<usize>),
}

/// See the module's text.
pub(super) struct Pending {
    socket: Socket,
    pub(super) receive: Option<Incoming>,
    pub(super) send: Option<(Outgoing, bool)>,
    pub(super) connecting: bool,
    /// The receive lets bytes gather until then.
    pub(super) held_until: Option<Instant>,
    readable: bool,
    writable: bool,
    /// The peer has sent its FIN, or the socket failed: reading never blocks again.
    hung_up: bool,
}

impl Pending {
    /// `broken`: it could not be watched, so it is tried at once and fails if it would block.
    pub(super) fn new(socket: Socket, broken: bool) -> Self {
        if broken {
            let _fails_on_use = socket.shutdown(Shutdown::Both);
        }
        Self {
            socket,
            receive: None,
            send: None,
            connecting: false,
            held_until: None,
            readable: true,
            writable: true,
            hung_up: broken,
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        self.hung_up |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || self.hung_up;
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    pub(super) fn shutdown(&self) {
        let _gone_already = self.socket.shutdown(Shutdown::Write);
    }

    pub(super) fn deregister(&self, poll: &Poll) {
        let fd = self.socket.as_raw_fd();
        let _not_registered = poll.registry().deregister(&mut SourceFd(&fd));
    }

    /// Is watched under another token from now on.
    pub(super) fn watch_as(&mut self, poll: &Poll, token: Token) {
        let fd = self.socket.as_raw_fd();
        let both = Interest::READABLE | Interest::WRITABLE;
        let watched = poll.registry().reregister(&mut SourceFd(&fd), token, both);
        if watched.is_err() {
            let _fails_on_use = self.socket.shutdown(Shutdown::Both);
            self.hung_up = true;
        }
        (self.readable, self.writable) = (true, true);
    }

    /// The end of a connect that was under way.
    pub(super) fn try_connect(&mut self) -> Option<io::Result<()>> {
        if !self.connecting {
            return None;
        }
        let result = match self.socket.take_error() {
            Ok(None) => match self.socket.peer_addr() {
                Ok(_) => Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => return None,
                Err(error) => Err(error),
            },
            Ok(Some(error)) | Err(error) => Err(error),
        };
        self.connecting = false;
        Some(result)
    }

    pub(super) fn try_send(&mut self) -> Tried<(Outgoing, bool)> {
        if !self.writable || self.connecting {
            return Tried::Blocked;
        }
        let Some((from, then_receive)) = self.send.take() else {
            return Tried::Blocked;
        };
        let result = loop {
            match self.send_once(&from) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.writable = false;
            self.send = Some((from, then_receive));
            return Tried::Blocked;
        }
        Tried::Done((from, then_receive), result)
    }

    fn send_once(&self, from: &Outgoing) -> io::Result<usize> {
        let mut few = [IoSlice::new(&[]); FEW];
        let used = from.fill(&mut few);
        if used < FEW {
            let slices = few.get(..used).unwrap_or_default();
            return self
                .socket
                .send_vectored_with_flags(slices, libc::MSG_NOSIGNAL);
        }
        let mut many = vec![IoSlice::new(&[]); SLICES];
        let used = from.fill(&mut many);
        many.truncate(used);
        self.socket
            .send_vectored_with_flags(&many, libc::MSG_NOSIGNAL)
    }

    pub(super) fn try_receive(&mut self, pool: &mut Pool) -> Tried<Received> {
        if !self.readable || self.connecting || self.held_until.is_some() {
            return Tried::Blocked;
        }
        match self.receive.take() {
            None => Tried::Blocked,
            Some(Incoming::Window(mut window)) => match self.read(window.spare_mut()) {
                Some(result) => Tried::Done(Received::Window(window), result),
                None => {
                    self.receive = Some(Incoming::Window(window));
                    Tried::Blocked
                }
            },
            Some(Incoming::Buffer(mut buffer)) => match self.read(&mut buffer) {
                Some(result) => Tried::Done(Received::Buffer(buffer), result),
                None => {
                    self.receive = Some(Incoming::Buffer(buffer));
                    Tried::Blocked
                }
            },
            Some(Incoming::Pick) => {
                let mut buffer = pool.take(Class::Pick);
                match self.read(&mut buffer) {
                    Some(result) => Tried::Done(Received::Buffer(buffer), result),
                    None => {
                        pool.put(buffer);
                        self.receive = Some(Incoming::Pick);
                        Tried::Blocked
                    }
                }
            }
        }
    }

    /// `None`: it would block.
    fn read(&mut self, room: &mut [u8]) -> Option<io::Result<usize>> {
        loop {
            return match (&self.socket).read(room) {
                Ok(n) => {
                    // Less than there was room for: the socket is empty, and whatever comes next
                    // is a new edge. A FIN that came before is not.
                    self.readable = n == room.len() || self.hung_up;
                    Some(Ok(n))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    None
                }
                Err(error) => Some(Err(error)),
            };
        }
    }
}
