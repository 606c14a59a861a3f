//! One client connection from accept to close: which phase it is in, and how it ends.
//!
//! ```text
//!  Greeting ──▶ Asking ──▶ Dialing ──▶ Open ──▶ Ending ──▶ (closed)
//!     │  └─────────────────────▲         │         ▲
//!     └─────▶ Cancelling ────────────────│─────────┘
//!                                        └─▶ Kept ──▶ (Dialing of another client)
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::error::{Peer, Refusal, SqlState};
use velum_core::identity::Rejection;
use velum_core::limits::PRE_AUTH_DEADLINE_MS;
use velum_core::wire::postgres::{message, reuse};

use super::ask::{self, Asking, Held};
use super::cancel::Cancelling;
use super::context::{Context, random};
use super::dial::Dialing;
use super::greet::Greeting;
use super::kept::Kept;
use super::key;
use super::legs::{Legs, other};
use super::op::{Done, LinkId, Op};
use super::pump::Open;
use crate::planes::{
    ActiveGrants, CancelTarget, KnownKey, ListenerTls, MachineKeys, Shared, Snapshot,
};

/// What a peer gets to read the last bytes and to close on its part.
const LINGER_MS: u64 = 2_000;

/// What a phase's turn came to.
pub(super) enum Turn {
    /// Nothing to do until the next completion, signal or deadline.
    Rest,
    /// On to this phase.
    To(Phase),
    /// Go on with the connection to the database that this link keeps.
    Resume(LinkId),
    /// The link is over. Send what is waiting, then close.
    End,
}

/// Where a link stands.
pub(super) enum Phase {
    /// The client proves who it is.
    Greeting(Box<Greeting>),
    /// It waits for a grant.
    Asking(Box<Asking>),
    /// Connecting and logging in to the database.
    Dialing(Box<Dialing>),
    /// Relaying.
    Open(Box<Open>),
    /// Without a client, until one comes that can go on with the connection to the database.
    Kept(Box<Kept>),
    /// Forwarding a CancelRequest.
    Cancelling(Box<Cancelling>),
    /// Sending what is waiting.
    Ending,
    /// [`Op::Close`] is under way.
    Closing,
}

/// Counts itself in one of [`crate::planes::uplink::Counters`] as long as it lives.
pub(super) struct Counted {
    shared: Arc<Shared>,
    which: fn(&Shared) -> &AtomicUsize,
}

impl Counted {
    pub(super) fn new(shared: &Arc<Shared>, which: fn(&Shared) -> &AtomicUsize) -> Self {
        which(shared).fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(shared),
            which,
        }
    }

    /// How many there are, this one included.
    pub(super) fn value(&self) -> usize {
        (self.which)(&self.shared).load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.which)(&self.shared).fetch_sub(1, Ordering::Relaxed);
    }
}

/// What stays the same over all phases.
#[derive(Clone)]
pub(super) struct About {
    /// Never used again, unlike the link's place.
    pub(super) serial: u64,
    pub(super) session: SessionId,
    /// `None`: a link without a client, which forwards a cancel.
    pub(super) peer: Option<SocketAddr>,
    pub(super) tls: Option<ListenerTls>,
    pub(super) snapshot: Arc<Snapshot>,
    /// Why the session has to end as soon as no transaction is open.
    pub(super) leave: Option<Leave>,
    /// The grant without which it has to end at once.
    pub(super) grant: Option<Held>,
    /// Nothing may go on after this.
    pub(super) deadline: Option<Instant>,
    /// The token or key that let the client in is worth nothing after this.
    pub(super) token_ends: Option<Instant>,
    /// The key without which it has to end at once.
    pub(super) key: Option<Arc<KnownKey>>,
}

impl About {
    /// The client's address for records.
    pub(super) fn client_address(&self) -> String {
        self.peer.map(|peer| peer.to_string()).unwrap_or_default()
    }

    /// When [`Link::expire`] has to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        let until = self.grant.and_then(|grant| grant.until);
        let ends = self.deadline.into_iter().chain(self.token_ends);
        ends.chain(until).min()
    }

    /// The session's policy is in force no longer: it has as long as a drain leaves it.
    pub(super) fn supersede(&mut self, snapshot: &Snapshot, cx: &Context) {
        self.leave = Some(Leave::PolicyChanged);
        self.deadline = Some(cx.after_ms(snapshot.limits.drain_timeout_ms));
    }
}

/// See the module's text.
pub(super) struct Link {
    pub(super) about: About,
    pub(super) legs: Legs,
    pub(super) phase: Phase,
    /// Earliest deadline that the worker's heap holds for this link.
    pub(super) armed: Option<Instant>,
    _connection: Counted,
}

impl Link {
    /// A link for an accepted connection.
    pub(super) fn accepted(
        id: LinkId,
        serial: u64,
        listener: usize,
        peer: SocketAddr,
        cx: &mut Context,
    ) -> Self {
        let snapshot = cx.shared.snapshot.load_full();
        let listener = snapshot.listeners.get(listener);
        let tls = listener.and_then(|listener| listener.tls.clone());
        let greeting = Greeting::new(listener, &snapshot, &cx.shared);
        let mut link = Self::new(id, serial, Some(peer), cx);
        link.about.tls = tls;
        link.about.snapshot = snapshot;
        link.about.deadline = Some(cx.after_ms(PRE_AUTH_DEADLINE_MS));
        link.legs.client.present = true;
        link.phase = Phase::Greeting(Box::new(greeting));
        link
    }

    /// A link without a client that forwards a cancel.
    pub(super) fn canceller(
        id: LinkId,
        serial: u64,
        target: Arc<CancelTarget>,
        cx: &mut Context,
    ) -> Self {
        let mut link = Self::new(id, serial, None, cx);
        link.about.deadline = Some(cx.after_ms(PRE_AUTH_DEADLINE_MS));
        link.phase = Phase::Cancelling(Box::new(Cancelling::new(target)));
        link
    }

    fn new(id: LinkId, serial: u64, peer: Option<SocketAddr>, cx: &mut Context) -> Self {
        Self {
            about: About {
                serial,
                session: SessionId(u128::from_be_bytes(random())),
                peer,
                tls: None,
                snapshot: cx.shared.snapshot.load_full(),
                leave: None,
                grant: None,
                deadline: None,
                token_ends: None,
                key: None,
            },
            legs: Legs::new(id),
            phase: Phase::Ending,
            armed: None,
            _connection: Counted::new(&cx.shared, |shared| &shared.counters.connections),
        }
    }

    /// Does all that can be done now. May be called at any time.
    pub(super) fn advance(&mut self, cx: &mut Context) {
        loop {
            let turn = match &mut self.phase {
                Phase::Greeting(phase) => phase.turn(&mut self.about, &mut self.legs, cx),
                Phase::Asking(phase) => phase.turn(&mut self.about, &mut self.legs, cx),
                Phase::Dialing(phase) => phase.turn(&mut self.about, &mut self.legs, cx),
                Phase::Open(phase) => phase.turn(&mut self.about, &mut self.legs, cx),
                Phase::Cancelling(phase) => phase.turn(&mut self.about, &mut self.legs, cx),
                Phase::Kept(phase) => phase.turn(&mut self.about, &mut self.legs, cx),
                Phase::Ending => return self.finish_sending(cx),
                Phase::Closing => return,
            };
            match turn {
                Turn::Rest => return,
                Turn::To(phase) => self.phase = phase,
                Turn::Resume(kept) => {
                    return cx.resumptions.push((self.legs.id, kept));
                }
                Turn::End => self.end(cx),
            }
        }
    }

    /// A completion has come.
    pub(super) fn complete(&mut self, done: Done, cx: &mut Context) {
        match done {
            Done::Received { side, into, result } => {
                self.legs.received(side, into, result, cx);
                if matches!(self.phase, Phase::Ending | Phase::Closing) {
                    self.legs.release_storage(cx);
                }
            }
            Done::Sent { side, from, result } => self.legs.sent(side, from, result, cx),
            Done::Connected { result } => match &mut self.phase {
                Phase::Dialing(phase) => phase.connected(result),
                Phase::Cancelling(phase) => phase.connected(result),
                _ => {}
            },
            Done::Closed => {}
        }
        self.advance(cx);
    }

    /// The deadline has passed, or the grant's time is up, or the token has expired.
    pub(super) fn expire(&mut self, cx: &mut Context) {
        if let Some(held) = self.about.grant
            && held.until.is_some_and(|until| until <= cx.now)
        {
            return self.bereave(ask::expired(held.id), cx);
        }
        if self.about.token_ends.is_some_and(|ends| ends <= cx.now) {
            self.about.token_ends = None;
            let leave = match self.about.key.take() {
                Some(_) => Leave::KeyExpired,
                None => Leave::TokenExpired,
            };
            return self.terminate(leave.refusal(), cx);
        }
        self.about.deadline = None;
        match &mut self.phase {
            Phase::Open(_) if let Some(leave) = self.about.leave => {
                self.terminate(leave.refusal(), cx);
            }
            Phase::Dialing(dialing) => {
                let refusal = dialing.timed_out();
                self.terminate(refusal, cx);
            }
            Phase::Kept(_) => self.retire(cx),
            Phase::Asking(_) => self.terminate(ask::unanswered(), cx),
            // PostgreSQL says nothing either when authentication_timeout has passed.
            _ => self.close(cx),
        }
    }

    /// The gateway is going down: ends as soon as no transaction is open.
    pub(super) fn drain(&mut self, cx: &mut Context) {
        self.about.leave = Some(Leave::GoingDown);
        match self.phase {
            Phase::Greeting(_) | Phase::Asking(_) | Phase::Dialing(_) => {
                self.terminate(Leave::GoingDown.refusal(), cx);
            }
            Phase::Kept(_) => self.retire(cx),
            _ => self.advance(cx),
        }
    }

    /// A new configuration is in force: a session to which it gives another policy ends as soon
    /// as no transaction is open, and by the configured timeout; one that may not be there any
    /// more ends at once.
    pub(super) fn revise(&mut self, snapshot: &Snapshot, cx: &mut Context) {
        if let Phase::Open(open) = &self.phase
            && !open.is_granted_by(snapshot)
            && self.about.leave != Some(Leave::NoAccess)
        {
            if !open.has_access(snapshot) {
                self.about.leave = Some(Leave::NoAccess);
                self.terminate(Leave::NoAccess.refusal(), cx);
            } else if self.about.leave.is_none() {
                self.about.supersede(snapshot, cx);
                self.advance(cx);
            }
        }
        if let Phase::Kept(kept) = &self.phase
            && kept.is_stale(snapshot)
        {
            self.retire(cx);
        }
    }

    /// Ends a connection to the database that waits for a client.
    pub(super) fn retire(&mut self, cx: &mut Context) {
        if !matches!(self.phase, Phase::Kept(_)) {
            return;
        }
        reuse::leave(&mut self.legs.server.outbox);
        self.end(cx);
        self.advance(cx);
    }

    /// Takes over the client of another link, which ends, with what this one kept. False if
    /// nothing can come of it: the client makes a connection of its own.
    pub(super) fn resume(&mut self, newcomer: &mut Self, cx: &mut Context) -> bool {
        let (Phase::Kept(kept), Phase::Dialing(dialing)) = (&mut self.phase, &mut newcomer.phase)
        else {
            return false;
        };
        if self.legs.down.away {
            return false;
        }
        let Some(origin) = kept.take_origin() else {
            return false;
        };
        dialing.resume(origin, &mut self.legs.down.window);
        self.phase = std::mem::replace(&mut newcomer.phase, Phase::Closing);
        // With the newcomer's serial: what this link's last client still waits for is not for it.
        self.about = newcomer.about.clone();
        self.armed = None;
        newcomer.about.deadline = None;
        newcomer.about.token_ends = None;
        newcomer.about.key = None;
        self.legs.client = std::mem::take(&mut newcomer.legs.client);
        self.legs.up = std::mem::take(&mut newcomer.legs.up);
        cx.shared.counters.resumed.fetch_add(1, Ordering::Relaxed);
        let from = newcomer.legs.id;
        cx.ops.push_back((self.legs.id, Op::TakeClient { from }));
        cx.ops.push_back((from, Op::Close));
        true
    }

    /// Other grants are in force: a session whose own is not among them ends at once, also in the
    /// middle of a result.
    pub(super) fn review(&mut self, grants: &ActiveGrants, cx: &mut Context) {
        if let Some(held) = self.about.grant
            && !grants.holds(held.id)
        {
            let is_over = held.until.is_some_and(|until| until <= cx.now);
            let refusal = match is_over {
                true => ask::expired(held.id),
                false => ask::over(held.id),
            };
            self.bereave(refusal, cx);
        }
    }

    /// Other keys are in force: a session whose own is not among them ends at once.
    pub(super) fn check_key(&mut self, keys: &MachineKeys, cx: &mut Context) {
        if let Some(key) = &self.about.key
            && !key::is_in_force(key, keys)
        {
            self.about.key = None;
            self.terminate(Leave::KeyRevoked.refusal(), cx);
        }
    }

    fn bereave(&mut self, refusal: Refusal, cx: &mut Context) {
        self.about.grant = None;
        self.terminate(refusal, cx);
    }

    /// Ends the link from outside.
    pub(super) fn terminate(&mut self, refusal: Refusal, cx: &mut Context) {
        match &mut self.phase {
            Phase::Open(open) => open.terminate(&self.about, &mut self.legs, refusal, cx),
            Phase::Greeting(_) => {}
            Phase::Asking(_) | Phase::Dialing(_) => {
                message::refuse(&mut self.legs.client.outbox, &refusal);
            }
            Phase::Kept(_) => reuse::leave(&mut self.legs.server.outbox),
            Phase::Cancelling(_) | Phase::Ending | Phase::Closing => return,
        }
        self.end(cx);
        self.advance(cx);
    }

    /// True while the client has not proven who it is.
    pub(super) fn is_greeting(&self) -> bool {
        matches!(self.phase, Phase::Greeting(_))
    }

    fn end(&mut self, cx: &mut Context) {
        self.leave_shelf(cx);
        self.phase = Phase::Ending;
        self.about.token_ends = None;
        self.about.deadline = Some(cx.after_ms(LINGER_MS));
    }

    /// Sends what is waiting, says goodbye on both sides, and waits a little for the client to
    /// close: closing on unread bytes would make the kernel send a reset, which can overtake the
    /// last message.
    fn finish_sending(&mut self, cx: &mut Context) {
        let mut busy = false;
        for side in [Peer::Server, Peer::Client] {
            let from = other(side);
            if self.legs.flush(side, cx) {
                busy = true;
                continue;
            }
            let flow = self.legs.leg(from).1;
            if flow.window.released_bytes() > 0 {
                self.legs.forward(from, false, cx);
            }
            busy |= self.legs.end(side).sending
                || self.legs.flush_words(side, cx)
                || !self.legs.shut(side, cx);
        }
        if !busy && !self.legs.discard(Peer::Client, cx) {
            self.close(cx);
        }
    }

    fn leave_shelf(&self, cx: &mut Context) {
        if matches!(self.phase, Phase::Kept(_)) {
            cx.shelf.forget(self.legs.id);
        }
    }

    /// Closes both sockets now.
    pub(super) fn close(&mut self, cx: &mut Context) {
        if !matches!(self.phase, Phase::Closing) {
            self.leave_shelf(cx);
            if let Phase::Open(open) = &mut self.phase {
                open.client_lost(&self.about, &mut self.legs, cx);
            }
            self.phase = Phase::Closing;
            self.about.deadline = None;
            self.about.token_ends = None;
            cx.ops.push_back((self.legs.id, Op::Close));
        }
    }
}

/// Why a session has to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// SIGTERM has come.
    GoingDown,
    /// The configuration in force gives it another policy.
    PolicyChanged,
    /// It gives it none.
    NoAccess,
    /// What proved who it is holds no longer.
    TokenExpired,
    /// Likewise.
    KeyExpired,
    /// It was taken back.
    KeyRevoked,
}

impl Leave {
    /// What the client reads.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Leave::GoingDown => Refusal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection due to administrator command",
            ),
            Leave::PolicyChanged => Refusal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection because its policy has changed",
            )
            .with_hint("Connect again to go on under the policy that is in force now."),
            Leave::NoAccess => Refusal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection because its identity has no access any more",
            ),
            Leave::TokenExpired => Refusal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection because its token has expired",
            )
            .with_hint("Connect again with a fresh token."),
            Leave::KeyExpired => Refusal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection because its key has expired",
            )
            .with_hint("Connect again with a key that is in force."),
            Leave::KeyRevoked => Refusal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection because its key has been revoked",
            ),
        }
    }
}

/// A record of a connection that was not let in.
pub(super) fn refused(about: &About, identity: &str, code: SqlState, cx: &Context) -> Record {
    Record {
        time: cx.time,
        session: about.session,
        identity: identity.into(),
        resource: "".into(),
        body: Body::ConnectionRefused {
            client_address: about.client_address(),
            sqlstate: code.0,
            reason: String::new(),
        },
    }
}

/// The same with what the client was not told.
pub(super) fn because(mut record: Record, rejection: Rejection) -> Record {
    if let Body::ConnectionRefused { reason, .. } = &mut record.body {
        rejection.as_str().clone_into(reason);
    }
    record
}
