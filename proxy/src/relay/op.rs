//! What a link asks of a driver, and what it hears back.
//!
//! A buffer goes into its operation and comes back with the completion. While the kernel may
//! read or write it, nobody else owns it: that is what makes the io_uring driver sound, and it
//! costs the epoll driver nothing.

use std::io::{self, IoSlice};
use std::time::Duration;

use socket2::SockAddr;
use velum_core::bytes::{Outbox, Window};
use velum_core::error::Peer;

/// A link's place in its thread's table. Used again only after [`Op::Close`] has completed, so
/// no completion can reach a stranger.
pub type LinkId = usize;

/// Slices of one vectored send; Linux's UIO_MAXIOV.
pub const SLICES: usize = 1_024;

/// Where received bytes go.
pub enum Incoming {
    /// To the window's spare room, which is not empty.
    Window(Window),
    /// To a buffer of [`super::pool::PICK_BYTES`] that the driver picks when bytes are there, so
    /// that a link which waits holds no memory.
    Pick,
    /// To all of this buffer (TLS records).
    Buffer(Vec<u8>),
}

/// What was received into.
pub enum Received {
    /// As sent in; not committed yet.
    Window(Window),
    /// The buffer that the driver picked, or the one that was sent in.
    Buffer(Vec<u8>),
    /// Nothing was received and no buffer was picked.
    Nothing,
}

/// What may be sent. There is no variant for bytes that were not judged.
pub enum Outgoing {
    /// The window's released bytes.
    Judged(Window),
    /// Bytes that Velum wrote.
    Authored(Outbox),
    /// TLS records that [`super::tls`] made of one of the two above.
    Sealed(Sealed),
}

impl Outgoing {
    /// Bytes still to be sent.
    pub fn len(&self) -> usize {
        match self {
            Outgoing::Judged(window) => window.released_bytes(),
            Outgoing::Authored(outbox) => outbox.pending().len(),
            Outgoing::Sealed(sealed) => sealed.pending().len(),
        }
    }

    /// True if nothing is left to be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts the next bytes in order into `slices`, as far as those go, and says how many it used.
    pub fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut used = 0;
        let mut places = slices.iter_mut();
        let mut put = |bytes: &'a [u8]| match places.next() {
            Some(place) => {
                *place = IoSlice::new(bytes);
                used += 1;
                true
            }
            None => false,
        };
        match self {
            Outgoing::Judged(window) => {
                window.released().slices().all(put);
            }
            Outgoing::Authored(outbox) => {
                put(outbox.pending());
            }
            Outgoing::Sealed(sealed) => {
                put(sealed.pending());
            }
        }
        used
    }

    /// Notes that the first `n` bytes were sent.
    pub fn consume(&mut self, n: usize) {
        match self {
            Outgoing::Judged(window) => window.consume(n),
            Outgoing::Authored(outbox) => outbox.consume(n),
            Outgoing::Sealed(sealed) => sealed.sent += n,
        }
    }
}

/// Ciphertext on its way out.
pub struct Sealed {
    bytes: Vec<u8>,
    sent: usize,
}

impl Sealed {
    /// Only [`super::tls`] makes them, of bytes that may be sent.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, sent: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    fn pending(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// The buffer, to be used again.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.bytes.clear();
        self.bytes
    }
}

/// What a link asks for. At most one receive and one send a socket are under way.
pub enum Op {
    /// Receive from `side`. Completes with [`Done::Received`].
    Receive {
        /// Which socket.
        side: Peer,
        /// Where to.
        into: Incoming,
        /// How long to let bytes gather first.
        hold_off: Option<Duration>,
    },
    /// Send to `side`. Completes with [`Done::Sent`].
    Send {
        /// Which socket.
        side: Peer,
        /// What; never empty.
        from: Outgoing,
        /// When all of it is sent, receive [`Incoming::Pick`] from the other side: the next
        /// message of the direction. Completes with [`Done::Received`] whatever happens; if not
        /// all was sent, as cancelled.
        then_receive: bool,
    },
    /// Open the server's socket, in the place of one whose connect failed. Completes with
    /// [`Done::Connected`].
    Connect {
        /// Where to.
        to: SockAddr,
    },
    /// Send a FIN after what has been sent. No completion.
    Shutdown {
        /// Which socket.
        side: Peer,
    },
    /// Close the client's socket, on which nothing is under way. No completion.
    DropClient,
    /// Make the client's socket of another link this link's. Nothing is under way on it, and this
    /// link has none. No completion.
    TakeClient {
        /// Whose it is.
        from: LinkId,
    },
    /// Cancel what is under way, close both sockets. Completes with [`Done::Closed`] when every
    /// buffer is back.
    Close,
}

/// What came of an [`Op`].
pub enum Done {
    /// 0 bytes: the peer sends no more.
    Received {
        /// Which socket.
        side: Peer,
        /// The buffer.
        into: Received,
        /// Bytes, or why not.
        result: io::Result<usize>,
    },
    /// May be fewer bytes than asked for.
    Sent {
        /// Which socket.
        side: Peer,
        /// The buffer; not consumed yet.
        from: Outgoing,
        /// Bytes, or why not.
        result: io::Result<usize>,
    },
    /// The server's socket is open, or not.
    Connected {
        /// Why not.
        result: io::Result<()>,
    },
    /// Both sockets are closed: the last that is heard of a link.
    Closed,
}
