//! The two sockets of a link, the two directions between them ([`Flow`]), and how bytes get in and
//! out.
//!
//! ```text
//!            client                    server
//!    socket ──▶ up.window ── judged ──▶ socket
//!    socket ◀── judged ── down.window ◀── socket
//! ```
//! A direction is either receiving or sending: a peer that does not read is not read from either.
//! Only a link that was kept for its client, or whose client waited, begins with a receive under
//! way; what that brings is put behind what is being sent.

use std::io;
use std::sync::atomic::Ordering;

use velum_core::bytes::Outbox;
use velum_core::error::Peer;

use super::context::Context;
use super::flow::Flow;
use super::op::{Incoming, LinkId, Op, Outgoing, Received, Sealed};
use super::pool::Class;
use super::tls::{Broken, Tls};
use crate::planes::room::Place;

/// One socket.
#[derive(Default)]
pub(super) struct End {
    /// TLS, once it was asked for.
    pub(super) tls: Option<Box<Tls>>,
    /// There is a socket.
    pub(super) present: bool,
    /// Of a database's socket, where their number is counted.
    pub(super) place: Option<Place>,
    /// An operation is under way.
    pub(super) receiving: bool,
    /// An operation is under way.
    pub(super) sending: bool,
    /// The peer sends no more.
    pub(super) eof: bool,
    /// We send no more.
    pub(super) shut: bool,
    /// The socket failed.
    pub(super) lost: bool,
    /// What still comes is thrown away, see [`Legs::discard`].
    discarding: bool,
    /// What the handshakes have to say; goes before anything of the windows.
    pub(super) outbox: Outbox,
    /// What the session has to say; goes when all that was released before is sent.
    pub(super) words: Outbox,
    /// What a short send left over; goes before anything else.
    unsent: Option<Outgoing>,
}

impl End {
    /// Nothing can come from this socket any more.
    pub(super) fn is_over(&self) -> bool {
        !self.present || self.eof || self.lost
    }
}

/// What [`Legs::fill`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// The window has new bytes.
    Ready,
    /// A receive is under way, or something else has to end first.
    Pending,
    /// The peer sends no more, or the socket failed.
    Over,
    /// The window is full and may not grow.
    Full,
}

/// What [`Legs::shake`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shaken {
    /// The TLS handshake is complete.
    Done,
    /// It goes on.
    Pending,
    /// It failed.
    Failed,
}

/// See the module's text.
pub(super) struct Legs {
    pub(super) id: LinkId,
    pub(super) client: End,
    pub(super) server: End,
    /// From the client to the server.
    pub(super) up: Flow,
    /// From the server to the client.
    pub(super) down: Flow,
}

pub(super) fn other(side: Peer) -> Peer {
    match side {
        Peer::Client => Peer::Server,
        Peer::Server => Peer::Client,
    }
}

impl Legs {
    pub(super) fn new(id: LinkId) -> Self {
        Self {
            id,
            client: End::default(),
            server: End::default(),
            up: Flow::default(),
            down: Flow::default(),
        }
    }

    /// The socket of a side, and the direction that begins there.
    pub(super) fn leg(&mut self, side: Peer) -> (&mut End, &mut Flow) {
        match side {
            Peer::Client => (&mut self.client, &mut self.up),
            Peer::Server => (&mut self.server, &mut self.down),
        }
    }

    pub(super) fn end(&mut self, side: Peer) -> &mut End {
        self.leg(side).0
    }

    // -- sending -----------------------------------------------------------------------------

    /// Gets what Velum itself has to say on its way. True if something is being sent, by this
    /// call or before it.
    pub(super) fn flush(&mut self, side: Peer, cx: &mut Context) -> bool {
        let id = self.id;
        let end = self.end(side);
        if end.lost || !end.present || end.shut {
            return end.sending;
        }
        if end.sending {
            return true;
        }
        let next = match end.unsent.take() {
            Some(unsent) => Some(unsent),
            None => end.next_authored(cx),
        };
        let Some(from) = next else { return false };
        end.sending = true;
        cx.ops.push_back((
            id,
            Op::Send {
                side,
                from,
                then_receive: false,
            },
        ));
        true
    }

    /// The same for what the session itself has to say. The released bytes must be sent.
    pub(super) fn flush_words(&mut self, side: Peer, cx: &mut Context) -> bool {
        if self.flush(side, cx) {
            return true;
        }
        let end = self.end(side);
        if end.words.is_empty() {
            return false;
        }
        std::mem::swap(&mut end.outbox, &mut end.words);
        self.flush(side, cx)
    }

    /// True if the next receive from the server should let bytes gather or have a large buffer,
    /// were more to come.
    pub(super) fn gathers(&self) -> bool {
        self.down.hold.helps() || self.down.class != Class::Pick
    }

    /// Gets the released bytes of the direction that begins at `from` on their way. False if
    /// the other socket is busy.
    pub(super) fn forward(&mut self, from: Peer, then_receive: bool, cx: &mut Context) -> bool {
        let side = other(from);
        if self.flush(side, cx) {
            return false;
        }
        let id = self.id;
        let (source, target, flow) = match from {
            Peer::Client => (&mut self.client, &mut self.server, &mut self.up),
            Peer::Server => (&mut self.server, &mut self.client, &mut self.down),
        };
        if target.lost || target.shut {
            let dropped = flow.window.released_bytes();
            flow.window.consume(dropped);
            return true;
        }
        // One receive at a time: a link that was kept for its client has one already.
        let linked =
            then_receive && !source.receiving && source.tls.is_none() && target.tls.is_none();
        let out = match &mut target.tls {
            Some(tls) => tls
                .seal_window(&mut flow.window, cx.seal_buffer())
                .map(Outgoing::Sealed),
            None => {
                flow.away = true;
                Some(Outgoing::Judged(std::mem::take(&mut flow.window)))
            }
        };
        let Some(out) = out else { return false };
        target.sending = true;
        source.receiving |= linked;
        cx.ops.push_back((
            id,
            Op::Send {
                side,
                from: out,
                then_receive: linked,
            },
        ));
        true
    }

    /// Sends a FIN, and before it TLS's goodbye. Call it when all is sent, and again until it
    /// says true.
    pub(super) fn shut(&mut self, side: Peer, cx: &mut Context) -> bool {
        let id = self.id;
        let end = self.end(side);
        if !end.present || end.lost || end.shut {
            return true;
        }
        if let Some(tls) = &mut end.tls {
            tls.close();
        }
        if self.flush(side, cx) {
            return false;
        }
        self.end(side).shut = true;
        cx.ops.push_back((id, Op::Shutdown { side }));
        true
    }

    /// Takes a send's buffer back.
    pub(super) fn sent(
        &mut self,
        side: Peer,
        mut from: Outgoing,
        result: io::Result<usize>,
        cx: &mut Context,
    ) {
        let (end, flow) = match side {
            Peer::Client => (&mut self.client, &mut self.down),
            Peer::Server => (&mut self.server, &mut self.up),
        };
        end.sending = false;
        match result {
            Ok(n) => from.consume(n),
            Err(_) => end.lost = true,
        }
        match from {
            Outgoing::Judged(window) => {
                let newer = std::mem::replace(&mut flow.window, window);
                flow.away = false;
                flow.append(newer, &mut cx.pool);
                flow.rest(&mut cx.pool);
            }
            Outgoing::Sealed(sealed) if sealed.is_empty() => {
                cx.put_seal_buffer(sealed.into_buffer())
            }
            Outgoing::Authored(outbox) if outbox.is_empty() => {}
            rest => end.unsent = Some(rest),
        }
    }

    // -- receiving ---------------------------------------------------------------------------

    /// Gets more bytes into the window of the direction that begins at `side`. Its released
    /// bytes must be sent. `wanted`: what the frame at hand needs, see
    /// [`velum_core::wire::postgres::session::Session::window_wanted`]. `more_soon`: the peer is
    /// in the middle of something large.
    pub(super) fn fill(
        &mut self,
        side: Peer,
        wanted: usize,
        more_soon: bool,
        cx: &mut Context,
    ) -> Fill {
        let id = self.id;
        let (end, flow) = self.leg(side);
        if end.receiving || flow.away {
            return Fill::Pending;
        }
        if end.tls.as_ref().is_some_and(|tls| tls.may_pull()) {
            match flow.decrypt(end, wanted, cx) {
                Ok(Some(fill)) => return fill,
                Ok(None) => {}
                Err(Broken) => {
                    end.lost = true;
                    return Fill::Over;
                }
            }
        }
        if end.is_over() {
            return Fill::Over;
        }
        if cx.journal.is_full() {
            cx.parked.push(id);
            return Fill::Pending;
        }
        if !flow.filled && !more_soon {
            flow.class = Class::Pick;
        }
        let Some(into) = flow.receive_into(end.tls.is_some(), wanted, &mut cx.pool) else {
            return Fill::Full;
        };
        end.receiving = true;
        let hold_off = match more_soon {
            true => flow.hold.next(cx.hold_off_most),
            false => None,
        };
        if hold_off.is_some() {
            cx.shared.counters.held_off.fetch_add(1, Ordering::Relaxed);
        }
        cx.ops.push_back((
            id,
            Op::Receive {
                side,
                into,
                hold_off,
            },
        ));
        Fill::Pending
    }

    /// Takes a receive's buffer back.
    pub(super) fn received(
        &mut self,
        side: Peer,
        into: Received,
        result: io::Result<usize>,
        cx: &mut Context,
    ) {
        let (end, flow) = self.leg(side);
        end.receiving = false;
        let n = match result {
            Ok(0) => {
                end.eof = true;
                0
            }
            Ok(n) => n,
            // Taken back by the driver, not the peer's doing.
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => 0,
            Err(_) => {
                end.lost = true;
                0
            }
        };
        match into {
            Received::Window(mut window) => {
                flow.note(n, window.spare_mut().len(), window.capacity());
                window.commit(n);
                flow.window = window;
                flow.away = false;
            }
            Received::Buffer(buffer) => match &mut end.tls {
                _ if n == 0 || end.discarding => cx.pool.put(buffer),
                Some(tls) => {
                    flow.note(n, buffer.len(), buffer.len());
                    tls.absorb(buffer, n);
                }
                None => flow.adopt(buffer, n, &mut cx.pool),
            },
            Received::Nothing => {}
        }
    }

    // -- TLS ---------------------------------------------------------------------------------

    /// Moves a TLS handshake on.
    pub(super) fn shake(&mut self, side: Peer, cx: &mut Context) -> Shaken {
        let id = self.id;
        let end = self.end(side);
        let Some(tls) = &mut end.tls else {
            return Shaken::Failed;
        };
        let shaken = tls.shake();
        if let Some(spent) = tls.spent() {
            cx.pool.put(spent);
        }
        let handshaking = tls.is_handshaking();
        // The alert of a failed handshake and the last flight of a good one go out as well.
        let sending = self.flush(side, cx);
        let end = self.end(side);
        if shaken.is_err() || (handshaking && end.is_over()) {
            return Shaken::Failed;
        }
        if !handshaking {
            return Shaken::Done;
        }
        if !sending && !end.receiving {
            end.receiving = true;
            cx.ops.push_back((
                id,
                Op::Receive {
                    side,
                    into: Incoming::Pick,
                    hold_off: None,
                },
            ));
        }
        Shaken::Pending
    }

    /// Receives and throws away; for a socket that is about to be closed. True while the peer
    /// may still send.
    pub(super) fn discard(&mut self, side: Peer, cx: &mut Context) -> bool {
        let id = self.id;
        let end = self.end(side);
        end.discarding = true;
        if end.is_over() {
            return false;
        }
        if !end.receiving {
            end.receiving = true;
            cx.ops.push_back((
                id,
                Op::Receive {
                    side,
                    into: Incoming::Pick,
                    hold_off: None,
                },
            ));
        }
        true
    }

    /// Gives the storage of both windows back, whatever is in them. For a link that ends.
    pub(super) fn release_storage(&mut self, cx: &mut Context) {
        for flow in [&mut self.up, &mut self.down] {
            flow.rest(&mut cx.pool);
        }
        for end in [&mut self.client, &mut self.server] {
            if let Some(spent) = end.tls.as_mut().and_then(|tls| tls.spent()) {
                cx.pool.put(spent);
            }
        }
    }
}

impl End {
    fn next_authored(&mut self, cx: &mut Context) -> Option<Outgoing> {
        let sealed: Option<Sealed> = match &mut self.tls {
            None if self.outbox.is_empty() => return None,
            None => return Some(Outgoing::Authored(std::mem::take(&mut self.outbox))),
            Some(tls) if !tls.is_handshaking() && !self.outbox.is_empty() => {
                tls.seal_outbox(&mut self.outbox, cx.seal_buffer())
            }
            Some(tls) if tls.wants_write() => tls.records(cx.seal_buffer()),
            Some(_) => None,
        };
        sealed.map(Outgoing::Sealed)
    }
}
