//! A connection to the database between two clients: cleared of the last one's traces, and kept
//! for the next session that would make the same.
//!
//! ```text
//!  Open ──▶ Leaving ──▶ Clearing ──▶ Waiting ──▶ another link's client, see [`super::worker`]
//! ```

use std::sync::Arc;
use std::time::Instant;

use velum_core::error::Peer;
use velum_core::wire::postgres::frame::HEADER_BYTES;
use velum_core::wire::postgres::reuse::{self, Cleared, Clearing, GREETING_BYTES};

use super::context::Context;
use super::flow::Flow;
use super::legs::{End, Fill, Legs};
use super::link::{About, Phase, Turn};
use super::op::{LinkId, Op};
use crate::credentials::Login;
use crate::planes::{ResourceSnapshot, Snapshot};

/// What the database gets to clear a connection.
const CLEAR_MS: u64 = 5_000;

/// What a log-in to the database was made of. Only the same can be reused.
#[derive(Clone)]
pub(super) struct Likeness {
    /// Compared by its place: another configuration makes another.
    pub(super) resource: Arc<ResourceSnapshot>,
    /// Likewise: another secret makes another.
    pub(super) login: Arc<Login>,
    /// No identity gets what another one left in a backend.
    pub(super) identity: String,
    pub(super) database: String,
    pub(super) role: String,
    /// The client's protocol is 3.`minor`, and so was the log-in's.
    pub(super) minor: u16,
    pub(super) parameters: Vec<(String, String)>,
}

impl PartialEq for Likeness {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.resource, &other.resource)
            && Arc::ptr_eq(&self.login, &other.login)
            && self.identity == other.identity
            && self.database == other.database
            && self.role == other.role
            && self.minor == other.minor
            && self.parameters == other.parameters
    }
}

/// How a connection that can be reused began.
pub(super) struct Origin {
    pub(super) likeness: Likeness,
    /// What the database said when the log-in was over.
    pub(super) greeting: Vec<u8>,
    /// Index of the database's address.
    pub(super) address: usize,
    /// When the log-in was over.
    pub(super) since: Instant,
}

/// Connections of one thread that wait for a client, the latest last.
#[derive(Default)]
pub(super) struct Shelf {
    waiting: Vec<(Likeness, LinkId)>,
}

impl Shelf {
    /// Takes the one that was used last: those that nobody needs grow old.
    pub(super) fn take(&mut self, likeness: &Likeness) -> Option<LinkId> {
        let at = self.waiting.iter().rposition(|(it, _)| it == likeness)?;
        Some(self.waiting.remove(at).1)
    }

    /// The link ends, or serves again.
    pub(super) fn forget(&mut self, id: LinkId) {
        self.waiting.retain(|(_, waiting)| *waiting != id);
    }

    /// The oldest whose place somebody waits for.
    pub(super) fn unwanted(&self) -> Option<LinkId> {
        let is_waited_for = |it: &&(Likeness, LinkId)| it.0.resource.room.waiting() > 0;
        self.waiting.iter().find(is_waited_for).map(|(_, id)| *id)
    }

    /// False if `most` of this resource's are there already.
    fn put(&mut self, likeness: &Likeness, id: LinkId, most: usize) -> bool {
        let same = |it: &&(Likeness, LinkId)| Arc::ptr_eq(&it.0.resource, &likeness.resource);
        let has_room = self.waiting.iter().filter(same).count() < most;
        if has_room {
            self.waiting.push((likeness.clone(), id));
        }
        has_room
    }
}

/// See the module's text.
pub(super) struct Kept {
    likeness: Likeness,
    address: usize,
    since: Instant,
    stage: Stage,
}

enum Stage {
    /// The client's socket is being closed. Holds the greeting.
    Leaving(Vec<u8>),
    Clearing(Clearing),
    /// Holds the greeting.
    Waiting(Vec<u8>),
}

impl Kept {
    /// The phase of a link whose client has left.
    pub(super) fn phase(origin: Origin) -> Phase {
        Phase::Kept(Box::new(Self {
            likeness: origin.likeness,
            address: origin.address,
            since: origin.since,
            stage: Stage::Leaving(origin.greeting),
        }))
    }

    /// What the next session goes on with, once; `None` if this does not wait for one.
    pub(super) fn take_origin(&mut self) -> Option<Origin> {
        let Stage::Waiting(greeting) = &mut self.stage else {
            return None;
        };
        Some(Origin {
            likeness: self.likeness.clone(),
            greeting: std::mem::take(greeting),
            address: self.address,
            since: self.since,
        })
    }

    /// Is it of a configuration that is in force no longer?
    pub(super) fn is_stale(&self, snapshot: &Snapshot) -> bool {
        let newest = snapshot.resources.get(&*self.likeness.resource.name);
        newest.is_none_or(|newest| !Arc::ptr_eq(newest, &self.likeness.resource))
    }

    pub(super) fn turn(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Turn {
        loop {
            let next = match &mut self.stage {
                Stage::Leaving(greeting) => {
                    // It was the client's; the next one has its own.
                    (about.token_ends, about.key) = (None, None);
                    if !legs.shut(Peer::Client, cx) {
                        return Turn::Rest;
                    }
                    legs.drop_client(cx);
                    // What the client was let in by ends nothing of the next one's.
                    (about.grant, about.token_ends, about.leave) = (None, None, None);
                    about.deadline = Some(cx.after_ms(CLEAR_MS));
                    let greeting = std::mem::take(greeting);
                    Stage::Clearing(Clearing::ask(greeting, &mut legs.server.outbox))
                }
                Stage::Clearing(clearing) => {
                    if legs.down.away || legs.flush(Peer::Server, cx) {
                        return Turn::Rest;
                    }
                    match clearing.feed(&mut legs.down.window) {
                        Cleared::NeedBytes => match self.receive(legs, cx) {
                            Some(turn) => return turn,
                            None => continue,
                        },
                        Cleared::No => return Self::end(legs),
                        Cleared::Yes => match self.shelve(legs.id, about, cx) {
                            Some(waiting) => waiting,
                            None => return Self::end(legs),
                        },
                    }
                }
                // Whatever a database says unasked, such as that it goes down, ends it.
                Stage::Waiting(_) if !legs.down.window.is_idle() => return Self::end(legs),
                Stage::Waiting(_) => match self.receive(legs, cx) {
                    Some(turn) => return turn,
                    None => continue,
                },
            };
            self.stage = next;
        }
    }

    fn shelve(&mut self, id: LinkId, about: &mut About, cx: &mut Context) -> Option<Stage> {
        let Stage::Clearing(clearing) = &mut self.stage else {
            return None;
        };
        let reuse = self.likeness.resource.reuse?;
        let until = self.since + reuse.lifetime;
        if self.likeness.resource.room.waiting() > 0 || until <= cx.now {
            return None;
        }
        let share = reuse.most.div_ceil(cx.shared.threads.len().max(1));
        if !cx.shelf.put(&self.likeness, id, share) {
            return None;
        }
        about.deadline = Some(until.min(cx.now + reuse.idle));
        Some(Stage::Waiting(clearing.take_greeting()))
    }

    /// `None`: bytes have come.
    fn receive(&self, legs: &mut Legs, cx: &mut Context) -> Option<Turn> {
        match legs.fill(Peer::Server, GREETING_BYTES, false, cx) {
            Fill::Ready => None,
            Fill::Pending => Some(Turn::Rest),
            Fill::Over | Fill::Full => Some(Self::end(legs)),
        }
    }

    fn end(legs: &mut Legs) -> Turn {
        reuse::leave(&mut legs.server.outbox);
        Turn::End
    }
}

/// Can the link's connection to the database go on without its client, whose session has come to a
/// good end? Nothing may be under way, and the client's goodbye must not be on its way either.
pub(super) fn can_go_on(legs: &Legs) -> bool {
    let is_still = |end: &End| !end.sending && !end.lost && end.words.is_empty();
    is_still(&legs.client)
        && is_still(&legs.server)
        && !legs.client.receiving
        && !legs.server.is_over()
        && !legs.up.away
        && legs.up.window.released_bytes() == HEADER_BYTES
        && !legs.down.away
        && legs.down.window.is_idle()
}

impl Legs {
    /// Closes the client's socket, on which nothing is under way, and goes on without.
    fn drop_client(&mut self, cx: &mut Context) {
        cx.ops.push_back((self.id, Op::DropClient));
        self.release_storage(cx);
        self.client = End::default();
        // With it goes the client's goodbye, which the database is not to hear.
        self.up = Flow::default();
    }
}
