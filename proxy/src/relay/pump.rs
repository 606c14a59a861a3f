//! The main path: bytes in, judged, bytes out, in both directions, until the end.

mod recorded;

use std::sync::Arc;

use velum_core::catalog::Catalog;
use velum_core::error::{Peer, Refusal, SqlState};
use velum_core::limits::PRE_AUTH_DEADLINE_MS;
use velum_core::policy::Policy;
use velum_core::wire::postgres::session::{Session, SessionSetup, Step};
use velum_detectors::Detectors;
use zeroize::Zeroizing;

use super::context::Context;
use super::dial::{Basis, ask};
use super::journal::{Wait, Waiter};
use super::kept::{self, Kept, Origin};
use super::legs::{Fill, Legs, other};
use super::link::{About, Counted, Turn};
use super::tape::Tape;
use crate::planes::cancel::CancelGuard;
use crate::planes::{CancelTarget, CatalogSlot, ResourceSnapshot, Snapshot};

/// Between two authenticated peers.
pub(super) struct Open {
    session: Session<Detectors>,
    resource: Arc<ResourceSnapshot>,
    identity: String,
    policy: Arc<Policy>,
    basis: Basis,
    slot: Arc<CatalogSlot>,
    database: String,
    /// Index of the upstream's address.
    address: usize,
    /// The key that the client gets, until the session is in the cancel map.
    cancel_key: Zeroizing<Vec<u8>>,
    cancel: Option<CancelGuard>,
    /// Records of this session so far.
    records: u64,
    /// The catalog in force.
    seen: Arc<Catalog>,
    /// [`CatalogSlot::ended`] that a direction waits for.
    catalog: Option<u64>,
    /// [`CatalogSlot::changes`] that the session knows of.
    changes: u64,
    /// Bytes of the client that the session has seen and not taken yet.
    client_seen: usize,
    over: bool,
    /// How the connection to the database began, if it may outlive the client.
    origin: Option<Origin>,
    /// The client has left well, and the connection can serve another.
    goes_on: bool,
    /// Its recording, if there is one.
    tape: Option<Tape>,
    _session: Option<Counted>,
}

/// What one direction's turn came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// The session took bytes; the other direction may now go on too.
    Yes,
    No,
}

/// Without an answer it is not known what may be shown.
pub(super) fn catalog_busy() -> Refusal {
    let text = "too many catalogs are being loaded";
    Refusal::new(SqlState::TOO_MANY_CONNECTIONS, text)
}

impl Open {
    pub(super) fn new(
        setup: SessionSetup<Detectors>,
        resource: Arc<ResourceSnapshot>,
        slot: Arc<CatalogSlot>,
        address: usize,
        origin: Option<Origin>,
        counted: Option<Counted>,
        cx: &Context,
    ) -> Self {
        Self {
            basis: Basis {
                sha256: setup.policy.sha256,
                has_grant: false,
            },
            policy: Arc::clone(&setup.policy),
            seen: Arc::clone(&setup.catalog),
            database: setup.database.clone(),
            identity: setup.identity.name.clone(),
            cancel_key: Zeroizing::new(setup.cancel_key.clone()),
            session: Session::new(setup, cx.time),
            resource,
            changes: slot.covered(),
            client_seen: 0,
            slot,
            address,
            cancel: None,
            records: 0,
            catalog: None,
            over: false,
            origin,
            goes_on: false,
            tape: None,
            _session: counted,
        }
    }

    /// The same on another basis than the policy alone.
    pub(super) fn on(mut self, basis: Basis) -> Self {
        self.basis = basis;
        self
    }

    /// Does the configuration give this identity the policy that the session began with, and no
    /// grant that it would have needed?
    pub(super) fn is_granted_by(&self, snapshot: &Snapshot) -> bool {
        let resource = snapshot.resources.get(&*self.resource.name);
        let policy = resource.and_then(|resource| resource.policies.get(&self.identity));
        let needs_grant = resource.is_some_and(|it| it.grants.contains_key(&self.identity));
        policy.is_some_and(|policy| policy.sha256 == self.basis.sha256)
            && (self.basis.has_grant || !needs_grant)
    }

    /// Does it give this identity any policy here?
    pub(super) fn has_access(&self, snapshot: &Snapshot) -> bool {
        let resource = snapshot.resources.get(&*self.resource.name);
        resource.is_some_and(|it| it.policies.contains_key(&self.identity))
    }

    pub(super) fn turn(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Turn {
        if self.catalog.is_some_and(|ended| self.slot.ended() >= ended) {
            self.catalog = None;
            self.seen = self.slot.load();
            self.session
                .refresh(Arc::clone(&self.policy), Arc::clone(&self.seen));
        }
        loop {
            // Whatever else it waits for, a session judges by the newest catalog.
            if !self.slot.holds(&self.seen) {
                self.seen = self.slot.load();
                self.session.renew(Arc::clone(&self.seen));
            }
            let changes = self.slot.changes();
            if std::mem::replace(&mut self.changes, changes) != changes {
                self.session.distrust_catalog();
            }
            let down = self.direction(Peer::Server, about, legs, cx);
            let up = self.direction(Peer::Client, about, legs, cx);
            if legs.client.lost && !self.over {
                self.client_lost(about, legs, cx);
            }
            if let Some(leave) = about.leave
                && !self.over
                && self.session.is_idle()
            {
                self.terminate(about, legs, leave.refusal(), cx);
            }
            if self.over {
                self.hand_words(legs);
                return match self.origin.take() {
                    Some(origin) if self.goes_on => Turn::To(Kept::phase(origin)),
                    _ => Turn::End,
                };
            }
            if down == Moved::No && up == Moved::No {
                return Turn::Rest;
            }
        }
    }

    /// Moves the direction that begins at `from` as far as it goes.
    fn direction(
        &mut self,
        from: Peer,
        about: &mut About,
        legs: &mut Legs,
        cx: &mut Context,
    ) -> Moved {
        if from == Peer::Server && !self.tell_client(legs, cx) {
            return Moved::No;
        }
        // What a short send left over goes on first: nothing else may ever call for it.
        let busy = legs.flush(other(from), cx);
        let flow = legs.leg(from).1;
        if busy || flow.away || self.over {
            return Moved::No;
        }
        if flow.window.released_bytes() > 0 {
            legs.forward(from, false, cx);
            return Moved::No;
        }
        if !self.may_record(about, legs, cx) {
            return Moved::No;
        }
        let before = legs.leg(from).1.window.unjudged().len();
        if from == Peer::Client {
            self.record_sent(legs);
        }
        let flow = legs.leg(from).1;
        if from == Peer::Client && self.resource.checks_statements && before > self.client_seen {
            self.session.distrust_catalog();
        }
        let step = match from {
            Peer::Client => self.session.on_client(&mut flow.window, cx.time),
            Peer::Server => flow.paced(|window| self.session.on_server(window, cx.time)),
        };
        let left = flow.window.unjudged().len();
        let released = flow.window.released_bytes();
        if from == Peer::Client {
            self.client_seen = left;
        }
        self.record_released(from, legs);
        let may_follow = self.after_call(about, legs, cx);
        if step == Step::Finished && self.origin.is_some() && self.session.has_left_well() {
            self.goes_on = about.leave.is_none() && kept::can_go_on(legs);
            if self.goes_on {
                self.over = true;
                return Moved::Yes;
            }
        }
        if released > 0 {
            let gathers = from == Peer::Server && self.session.is_mid_result() && legs.gathers();
            let wants_more = step == Step::NeedBytes && left == 0 && !gathers;
            let then_receive = wants_more && !cx.journal.is_full();
            legs.forward(from, then_receive, cx);
        } else if step == Step::NeedBytes {
            return self.receive(from, about, legs, cx);
        }
        self.follow(step, about, legs, cx);
        let goes_on = may_follow && step == Step::AwaitDurable;
        if left < before || released > 0 || goes_on {
            Moved::Yes
        } else {
            Moved::No
        }
    }

    /// What a call of the session asks for besides bytes.
    fn follow(&mut self, step: Step, about: &mut About, legs: &mut Legs, cx: &mut Context) {
        match step {
            Step::Finished => self.over = true,
            Step::AwaitCatalog if self.catalog.is_none() => {
                match ask(&self.slot, &self.resource, &self.database, cx) {
                    Some(ended) => {
                        self.catalog = Some(ended);
                        cx.parked.push(legs.id);
                    }
                    None => self.terminate(about, legs, catalog_busy(), cx),
                }
            }
            Step::AwaitCatalog => cx.parked.push(legs.id),
            Step::NeedBytes | Step::AwaitDurable | Step::AwaitPeer => {}
        }
    }

    /// Gets what the session itself says on its way; false while it has to go first.
    fn tell_client(&mut self, legs: &mut Legs, cx: &mut Context) -> bool {
        self.hand_words(legs);
        if legs.down.window.released_bytes() == 0 && !legs.client.words.is_empty() {
            legs.flush_words(Peer::Client, cx);
            return legs.client.words.is_empty();
        }
        true
    }

    fn receive(
        &mut self,
        from: Peer,
        about: &mut About,
        legs: &mut Legs,
        cx: &mut Context,
    ) -> Moved {
        let (client_wants, server_wants) = self.session.window_wanted();
        let (wanted, more_soon) = match from {
            Peer::Client => (client_wants, false),
            Peer::Server => (server_wants, self.session.is_mid_result()),
        };
        match legs.fill(from, wanted, more_soon, cx) {
            Fill::Ready => Moved::Yes,
            Fill::Pending => Moved::No,
            Fill::Full => {
                let text = "a message does not fit the gateway's memory for one session";
                let refusal = Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, text);
                self.terminate(about, legs, refusal, cx);
                Moved::No
            }
            Fill::Over => {
                self.peer_over(from, about, legs, cx);
                Moved::No
            }
        }
    }

    /// `from` sends no more, and all that it sent is judged and sent on.
    fn peer_over(&mut self, from: Peer, about: &mut About, legs: &mut Legs, cx: &mut Context) {
        match from {
            Peer::Client if legs.client.lost => self.client_lost(about, legs, cx),
            Peer::Client => {
                // A half-close: answers may still be owed.
                if !legs.server.shut && legs.shut(Peer::Server, cx) && self.session.is_idle() {
                    about.deadline = Some(cx.after_ms(PRE_AUTH_DEADLINE_MS));
                }
            }
            Peer::Server if legs.client.eof && self.session.is_answered() => {
                self.session.client_lost(cx.time);
                self.over = true;
                self.after_call(about, legs, cx);
            }
            Peer::Server => {
                self.session.server_lost(cx.time);
                self.over = true;
                self.after_call(about, legs, cx);
            }
        }
    }

    /// The client is gone: nothing is to keep running for it.
    pub(super) fn client_lost(&mut self, about: &About, legs: &mut Legs, cx: &mut Context) {
        if self.over {
            return;
        }
        if !self.session.is_idle()
            && let Some(target) = self.cancel.as_ref().and_then(CancelGuard::target)
        {
            cx.orphans.push(target);
        }
        self.session.client_lost(cx.time);
        self.over = true;
        self.after_call(about, legs, cx);
    }

    /// Ends the session from outside.
    pub(super) fn terminate(
        &mut self,
        about: &About,
        legs: &mut Legs,
        refusal: Refusal,
        cx: &mut Context,
    ) {
        if !self.session.is_idle()
            && let Some(target) = self.cancel.as_ref().and_then(CancelGuard::target)
        {
            cx.orphans.push(target);
        }
        self.session.terminate(refusal, cx.time);
        self.over = true;
        self.after_call(about, legs, cx);
        self.hand_words(legs);
    }

    /// Leaves what the session says with the socket, which outlives the session.
    fn hand_words(&mut self, legs: &mut Legs) {
        if legs.client.words.is_empty() {
            std::mem::swap(&mut legs.client.words, self.session.to_client());
            if let Some(tape) = &mut self.tape {
                tape.said(legs.client.words.pending());
            }
        }
    }

    /// What has to follow each call of the session before any byte of it is sent. True if what
    /// waits for a record that it made may go on.
    fn after_call(&mut self, about: &About, legs: &Legs, cx: &mut Context) -> bool {
        let may_follow = self.note_records(about, legs, cx);
        self.hand_receipt(about, cx);
        self.arm_tape(about, legs, cx);
        if self.session.take_change() && self.slot.note_change() == self.changes {
            // It knows itself, and asks when it has to.
            self.changes += 1;
        }
        if self.cancel.is_none()
            && let Some((process_id, key)) = self.session.upstream_key()
        {
            let target = CancelTarget {
                resource: Arc::clone(&self.resource),
                address: self.address,
                process_id,
                key: Zeroizing::new(key.to_vec()),
            };
            self.cancel = Some(cx.shared.cancels.insert(&self.cancel_key, target));
        }
        may_follow
    }

    /// If the session is over, hands on what is left to do for its receipt: that takes more time
    /// than there is here.
    fn hand_receipt(&mut self, about: &About, cx: &Context) {
        if let Some(draft) = self.session.take_receipt()
            && let Some(notary) = cx.shared.notary.get()
        {
            let (identity, resource) = (self.identity.as_str().into(), &self.resource.name);
            notary.hand(about.session, (identity, Arc::clone(resource)), draft);
        }
    }

    /// Hands on the records that the last call made. True if what waits for them may go on.
    fn note_records(&mut self, about: &About, legs: &Legs, cx: &mut Context) -> bool {
        let taken = self.session.take_records();
        let records = taken.as_slice();
        if records.is_empty() {
            return false;
        }
        self.records += records.len() as u64;
        if let Some(tape) = &mut self.tape {
            tape.records(records);
        }
        let waiter = Waiter {
            link: legs.id,
            serial: about.serial,
            count: self.records,
        };
        let is_awaited = records.iter().any(|record| record.body.is_awaited());
        let wait = cx
            .journal
            .append(records, is_awaited.then_some(waiter), cx.now);
        drop(taken);
        let may_follow = is_awaited && wait == Wait::Over;
        if may_follow {
            self.durable(self.records);
        }
        may_follow
    }

    /// The first `count` records of this session are on disk.
    pub(super) fn durable(&mut self, count: u64) {
        self.session.records_durable(count);
    }
}
