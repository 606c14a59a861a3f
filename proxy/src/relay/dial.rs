//! The server's side of the start: connecting, TLS, logging in, and the catalog.

use std::io;
use std::sync::Arc;

use socket2::SockAddr;
use velum_core::audit::receipt::values::Secret;
use velum_core::bytes::Window;
use velum_core::error::{Peer, Refusal, SqlState};
use velum_core::limits::AUTH_MESSAGE_BYTES;
use velum_core::policy::Policy;
use velum_core::policy::guard::Guard;
use velum_core::wire::postgres::handshake::{
    ClientStartup, ScramKeys, UpstreamConfig, UpstreamHandshake, UpstreamStep,
    UpstreamTls as Encryption,
};
use velum_core::wire::postgres::message;
use velum_core::wire::postgres::reuse::{self, GREETING_BYTES, Head};
use velum_core::wire::postgres::session::{ReceiptSetup, SessionSetup};

use super::context::{Context, random};
use super::kept::{Likeness, Origin};
use super::legs::{Fill, Legs, Shaken};
use super::link::{About, Counted, Leave, Phase, Turn, refused};
use super::op::Op;
use super::pump::{Open, catalog_busy};
use super::tape::Tape;
use super::tls::Tls;
use crate::credentials::Login;
use crate::planes::cancel::{KEY_BYTES, KEY_BYTES_3_0};
use crate::planes::room::Waiting;
use crate::planes::{
    CatalogSlot, ControlRequest, DatabaseMapping, ResourceSnapshot, UpstreamAddress, UpstreamUser,
};

/// On what a session is let in.
#[derive(Clone, Copy)]
pub(super) struct Basis {
    /// Of the policy that the configuration gives it, which may be wider than the session's.
    pub(super) sha256: [u8; 32],
    /// Somebody has agreed to it.
    pub(super) has_grant: bool,
}

/// An authenticated client whose database is being dialled.
pub(super) struct Dialing {
    startup: ClientStartup,
    resource: Arc<ResourceSnapshot>,
    /// What logs in; `None`: there is nothing.
    login: Option<Arc<Login>>,
    policy: Arc<Policy>,
    basis: Basis,
    database: String,
    role: String,
    slot: Arc<CatalogSlot>,
    connector: Connector,
    handshake: UpstreamHandshake,
    stage: Stage,
    /// There is no room for a connection more.
    waiting: Option<Waiting>,
    minor: u16,
    /// What the connection is made of, if it may serve another client after this one.
    likeness: Option<Likeness>,
    /// How it began, once that is known.
    origin: Option<Origin>,
    counted: Option<Counted>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Is there one already?
    Looking,
    Connecting,
    Feeding,
    Shaking,
    /// What the database says after the log-in is to be known as a whole.
    Listening,
    /// Until [`CatalogSlot::ended`] reaches this.
    AwaitingCatalog(u64),
}

impl Dialing {
    pub(super) fn new(
        startup: ClientStartup,
        resource: Arc<ResourceSnapshot>,
        policy: Arc<Policy>,
        basis: Basis,
        counted: Counted,
    ) -> Self {
        let database = match &resource.database {
            DatabaseMapping::Fixed(name) => name.clone(),
            DatabaseMapping::Pass => startup.database.clone(),
        };
        let login = resource.login.load();
        let role = match (
            login.as_ref().and_then(|login| login.user()),
            &resource.user,
        ) {
            (Some(name), _) => name.to_owned(),
            (None, UpstreamUser::Fixed(name)) => name.clone(),
            (None, UpstreamUser::Pass) => startup.user.clone(),
        };
        // One that cannot be opened is refused as a wrong one is.
        let password = login
            .as_ref()
            .and_then(|login| login.password().ok().flatten());
        let config = UpstreamConfig {
            tls: encryption(&resource),
            user: role.clone(),
            database: database.clone(),
            parameters: parameters(&startup, &resource, &policy),
            password,
            minor: startup.minor,
        };
        let cache = login
            .as_ref()
            .and_then(|login| login.scram_keys.load_full());
        let cache = cache.map(|keys| ScramKeys::clone(&keys));
        // What came by a grant ends with it.
        let reuse = resource.reuse.filter(|_| !basis.has_grant);
        let likeness = reuse.zip(login.as_ref()).map(|(_, login)| Likeness {
            resource: Arc::clone(&resource),
            login: Arc::clone(login),
            identity: startup.identity.name.clone(),
            database: database.clone(),
            role: role.clone(),
            minor: startup.minor,
            parameters: config.parameters.clone(),
        });
        Self {
            slot: resource.catalogs.slot(&database),
            connector: Connector::default(),
            handshake: UpstreamHandshake::new(config, random(), cache),
            stage: Stage::Looking,
            waiting: None,
            minor: 0,
            likeness,
            origin: None,
            counted: Some(counted),
            startup,
            resource,
            login,
            policy,
            basis,
            database,
            role,
        }
    }

    pub(super) fn connected(&mut self, result: io::Result<()>) {
        self.connector.connected(result);
    }

    /// Goes on with a connection that another session has left: the database is heard to say what
    /// it said to that.
    pub(super) fn resume(&mut self, origin: Origin, window: &mut Window) {
        window.extend(&origin.greeting);
        self.connector = Connector::at(origin.address);
        self.stage = Stage::Listening;
    }

    pub(super) fn turn(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Turn {
        legs.flush(Peer::Client, cx);
        if legs.client.lost {
            return Turn::End;
        }
        loop {
            match self.stage {
                Stage::Looking if self.login.is_none() => {
                    let text = "the gateway has no credential for the database";
                    let refusal = Refusal::new(SqlState::CONNECTION_FAILURE, text)
                        .with_hint("Ask its operator: its log says what is missing.");
                    return self.refuse(&refusal, about, legs, cx);
                }
                Stage::Looking => {
                    if let Some(turn) = self.look(legs, cx) {
                        return turn;
                    }
                    self.stage = Stage::Connecting;
                }
                Stage::Listening => {
                    if let Some(turn) = self.listen(about, legs, cx) {
                        return turn;
                    }
                }
                Stage::Connecting => match self.connector.turn(&self.resource, legs, cx) {
                    Connect::Pending => return Turn::Rest,
                    Connect::Done => {
                        self.handshake.start(&mut legs.server.outbox);
                        self.stage = Stage::Feeding;
                    }
                    Connect::Failed => {
                        let text = "could not connect to the database";
                        let refusal = Refusal::new(SqlState::CONNECTION_FAILURE, text);
                        return self.refuse(&refusal, about, legs, cx);
                    }
                },
                Stage::Shaking => match legs.shake(Peer::Server, cx) {
                    Shaken::Pending => return Turn::Rest,
                    Shaken::Done => {
                        let end_point = legs
                            .server
                            .tls
                            .as_ref()
                            .and_then(|tls| tls.peer_end_point());
                        self.handshake.tls_established(end_point);
                        self.stage = Stage::Feeding;
                    }
                    Shaken::Failed => {
                        let text = "the TLS handshake with the database failed";
                        let refusal = Refusal::new(SqlState::CONNECTION_FAILURE, text);
                        return self.refuse(&refusal, about, legs, cx);
                    }
                },
                Stage::Feeding => {
                    if let Some(turn) = self.feed(about, legs, cx) {
                        return turn;
                    }
                }
                Stage::AwaitingCatalog(ended) => {
                    if self.slot.ended() < ended {
                        cx.parked.push(legs.id);
                        return Turn::Rest;
                    }
                    return self.open(about, cx, legs);
                }
            }
        }
    }

    /// Is there a connection that another session has left, and if not, room for one more? `None`:
    /// make one.
    fn look(&mut self, legs: &mut Legs, cx: &mut Context) -> Option<Turn> {
        if let Some(likeness) = &self.likeness {
            if legs.client.sending {
                return Some(Turn::Rest);
            }
            // A socket that is being read cannot change its link.
            if !legs.client.receiving
                && let Some(kept) = cx.shelf.take(likeness)
            {
                return Some(Turn::Resume(kept));
            }
        }
        let room = &self.resource.room;
        let is_new = self.waiting.is_none();
        let waiting = self.waiting.take().unwrap_or_else(|| room.wait());
        legs.server.place = room.enter(self.resource.connections_most, &cx.shared);
        if legs.server.place.is_some() {
            return None;
        }
        if is_new {
            // Connections that are kept for nobody in particular make room.
            cx.shared.wake_all();
        }
        self.waiting = Some(waiting);
        cx.parked.push(legs.id);
        Some(Turn::Rest)
    }

    /// Why it was given up when its time was over.
    pub(super) fn timed_out(&self) -> Refusal {
        match self.waiting {
            Some(_) => Refusal::new(
                SqlState::TOO_MANY_CONNECTIONS,
                "too many connections to the database",
            )
            .with_hint("The gateway allows no more at once; try again later."),
            None => Refusal::new(
                SqlState::CONNECTION_FAILURE,
                "timed out connecting to the database",
            ),
        }
    }

    /// Notes what the database says after the log-in, if that is all there is to note. `None`: go
    /// round again.
    fn listen(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Option<Turn> {
        match reuse::greeting(legs.down.window.unjudged()) {
            Head::NeedBytes => match legs.fill(Peer::Server, GREETING_BYTES, false, cx) {
                Fill::Ready => return None,
                Fill::Pending => return Some(Turn::Rest),
                Fill::Over | Fill::Full => {}
            },
            Head::Greeting => {
                self.origin = self.likeness.take().map(|likeness| Origin {
                    likeness,
                    greeting: legs.down.window.unjudged().to_vec(),
                    address: self.connector.address,
                    since: cx.now,
                });
            }
            Head::Other => {}
        }
        Some(self.authenticated(about, cx, legs))
    }

    /// `None`: go round again.
    fn feed(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Option<Turn> {
        if legs.down.away || legs.flush(Peer::Server, cx) {
            return Some(Turn::Rest);
        }
        let step = self
            .handshake
            .feed(&mut legs.down.window, &mut legs.server.outbox);
        match step {
            UpstreamStep::NeedBytes => {
                if legs.flush(Peer::Server, cx) {
                    return Some(Turn::Rest);
                }
                match legs.fill(Peer::Server, AUTH_MESSAGE_BYTES, false, cx) {
                    Fill::Ready => None,
                    Fill::Pending => Some(Turn::Rest),
                    Fill::Over | Fill::Full => {
                        let text = "the database closed the connection during the log-in";
                        let refusal = Refusal::new(SqlState::CONNECTION_FAILURE, text);
                        Some(self.refuse(&refusal, about, legs, cx))
                    }
                }
            }
            UpstreamStep::StartTls => {
                if start_tls(&self.resource, legs) {
                    self.stage = Stage::Shaking;
                    return None;
                }
                let text = "TLS to the database is not configured";
                let refusal = Refusal::new(SqlState::CONNECTION_FAILURE, text);
                Some(self.refuse(&refusal, about, legs, cx))
            }
            UpstreamStep::Authenticated { minor, scram_keys } => {
                self.minor = minor;
                if let (Some(login), Some(keys)) = (&self.login, scram_keys) {
                    login.scram_keys.store(Some(Arc::new(keys)));
                }
                if self.likeness.is_some() {
                    self.stage = Stage::Listening;
                    return None;
                }
                Some(self.authenticated(about, cx, legs))
            }
            UpstreamStep::Failed(fault) => Some(self.refuse(&fault.to_refusal(), about, legs, cx)),
            UpstreamStep::Rejected => {
                let refusal = self.handshake.rejection(&legs.down.window);
                Some(self.refuse(&refusal, about, legs, cx))
            }
        }
    }

    /// A policy whose rules name columns needs to know the columns.
    fn authenticated(&mut self, about: &mut About, cx: &mut Context, legs: &mut Legs) -> Turn {
        if self.policy.needs_catalog() && self.slot.load().epoch == 0 {
            let Some(ended) = ask(&self.slot, &self.resource, &self.database, cx) else {
                return self.refuse(&catalog_busy(), about, legs, cx);
            };
            self.stage = Stage::AwaitingCatalog(ended);
            cx.parked.push(legs.id);
            return Turn::Rest;
        }
        self.open(about, cx, legs)
    }

    fn open(&mut self, about: &mut About, cx: &mut Context, legs: &mut Legs) -> Turn {
        let key: [u8; KEY_BYTES] = random();
        // 3.0 has room for four bytes; the server's protocol does not matter for ours.
        let key = if self.startup.minor >= 2 {
            &key[..]
        } else {
            &key[..KEY_BYTES_3_0]
        };
        let inspector = self.resource.detectors_for(&self.startup.identity.name);
        let receipts = receipts(inspector.digest(), cx);
        let setup = SessionSetup {
            id: about.session,
            identity: self.startup.identity.clone(),
            resource: self.resource.name.to_string(),
            database: self.database.clone(),
            role: self.role.clone(),
            client_address: about.client_address(),
            // What was agreed on, not what was offered.
            client_tls: legs.client.tls.is_some(),
            server_tls: legs.server.tls.is_some(),
            policy: Arc::clone(&self.policy),
            catalog: self.slot.load(),
            analyses: cx.analyses(&self.slot),
            ledger: Arc::clone(&cx.shared.ledger),
            inspector,
            tokens: Arc::clone(&about.snapshot.tokens),
            receipts: Some(receipts),
            cancel_key: key.to_vec(),
        };
        let open = Open::new(
            setup,
            Arc::clone(&self.resource),
            Arc::clone(&self.slot),
            self.connector.address,
            self.origin.take(),
            self.counted.take(),
            cx,
        )
        .on(self.basis);
        // What the client has said already would run under a policy that is in force no longer.
        if !open.is_granted_by(&cx.shared.snapshot.load()) {
            return self.refuse(&Leave::PolicyChanged.refusal(), about, legs, cx);
        }
        about.deadline = None;
        let identity = &self.startup.identity.name;
        let tape = Tape::of(about.session, identity, &self.resource, cx);
        Turn::To(Phase::Open(Box::new(open.recorded(tape))))
    }

    fn refuse(&self, refusal: &Refusal, about: &About, legs: &mut Legs, cx: &mut Context) -> Turn {
        let record = refused(about, &self.startup.identity.name, refusal.code, cx);
        cx.journal.append(&[record], None, cx.now);
        message::refuse(&mut legs.client.outbox, refusal);
        Turn::End
    }
}

/// Asks the control thread for a load that begins from now on, and says how many loads will
/// then have ended. `None`: it cannot be asked now.
pub(super) fn ask(
    slot: &Arc<CatalogSlot>,
    resource: &Arc<ResourceSnapshot>,
    database: &str,
    cx: &Context,
) -> Option<u64> {
    let (ended, mine) = slot.ask();
    if mine {
        let request = ControlRequest::Catalog {
            resource: Arc::clone(resource),
            database: database.to_owned(),
            slot: Arc::clone(slot),
        };
        if cx.shared.requests.try_send(request).is_err() {
            slot.take_back();
            return None;
        }
    }
    Some(ended)
}

pub(super) fn encryption(resource: &ResourceSnapshot) -> Encryption {
    match resource.tls {
        Some(_) => Encryption::Require,
        None => Encryption::Disable,
    }
}

/// Puts TLS on the server's socket; false if the resource has none.
pub(super) fn start_tls(resource: &ResourceSnapshot, legs: &mut Legs) -> bool {
    let Some(tls) = &resource.tls else {
        return false;
    };
    match Tls::client(&tls.config, tls.server_name.clone()) {
        Ok(tls) => {
            legs.server.tls = Some(Box::new(tls));
            true
        }
        Err(_) => false,
    }
}

/// The client's parameters, with the resource's and the policy's own in the place of those of the
/// same name.
fn parameters(
    startup: &ClientStartup,
    resource: &ResourceSnapshot,
    policy: &Policy,
) -> Vec<(String, String)> {
    let mut owned = resource.parameters.clone();
    if resource.stamps_identity {
        owned.push(("application_name".to_owned(), stamp(startup)));
    }
    owned.extend(policy.guard.iter().flat_map(Guard::settings));
    let own = |name: &str| owned.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let mut all: Vec<_> = startup
        .parameters
        .iter()
        .filter(|(name, _)| !own(name))
        .cloned()
        .collect();
    all.extend(owned);
    all
}

/// Who is connected, and what it calls itself, for those who look at the database.
fn stamp(startup: &ClientStartup) -> String {
    let named = startup.parameters.iter();
    let mut own = named.filter(|(name, _)| name.eq_ignore_ascii_case("application_name"));
    let identity = &startup.identity.name;
    match own.next() {
        Some((_, name)) => format!("velum:{identity} {name}"),
        None => format!("velum:{identity}"),
    }
}

/// Tries a resource's addresses one after the other.
#[derive(Default)]
pub(super) struct Connector {
    /// The address that is tried, or was reached.
    pub(super) address: usize,
    begun: bool,
    result: Option<io::Result<()>>,
}

/// What [`Connector::turn`] came to.
pub(super) enum Connect {
    Pending,
    Done,
    Failed,
}

impl Connector {
    /// Starts at this address.
    pub(super) fn at(address: usize) -> Self {
        Self {
            address,
            ..Self::default()
        }
    }

    pub(super) fn connected(&mut self, result: io::Result<()>) {
        self.result = Some(result);
    }

    pub(super) fn turn(
        &mut self,
        resource: &ResourceSnapshot,
        legs: &mut Legs,
        cx: &mut Context,
    ) -> Connect {
        match self.result.take() {
            Some(Ok(())) => {
                legs.server.present = true;
                return Connect::Done;
            }
            Some(Err(_)) => self.address += 1,
            None if self.begun => return Connect::Pending,
            None => {}
        }
        let Some(to) = socket_address(resource, self.address) else {
            return Connect::Failed;
        };
        self.begun = true;
        cx.ops.push_back((legs.id, Op::Connect { to }));
        Connect::Pending
    }
}

fn socket_address(resource: &ResourceSnapshot, index: usize) -> Option<SockAddr> {
    match &resource.address {
        UpstreamAddress::Tcp { resolved, .. } => resolved.load().get(index).map(|&a| a.into()),
        UpstreamAddress::Unix(path) if index == 0 => SockAddr::unix(path).ok(),
        UpstreamAddress::Unix(_) => None,
    }
}

/// How the receipt of a session is made.
fn receipts(detectors: [u8; 32], cx: &Context) -> ReceiptSetup {
    let notary = cx.shared.notary.get();
    ReceiptSetup {
        secret: notary.map(|_| Secret::new(random())),
        values_most: notary.map_or(0, |notary| notary.values_most()),
        detectors,
    }
}
