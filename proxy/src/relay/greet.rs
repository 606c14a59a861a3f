//! The client's side of the start: TLS, authentication, and the choice of a resource.

use std::sync::Arc;

use velum_core::bytes::Window;
use velum_core::error::{Peer, Refusal, SqlState};
use velum_core::limits::TOKEN_MESSAGE_BYTES;
use velum_core::wire::postgres::handshake::{
    ClientHandshake, ClientStartup, ClientStep, TlsFacts, TlsOffer,
};
use velum_core::wire::postgres::message;

use super::ask::Asking;
use super::cancel::Cancelling;
use super::context::{Context, random};
use super::dial::{Basis, Dialing};
use super::key;
use super::legs::{Fill, Legs, Shaken};
use super::link::{About, Counted, Leave, Phase, Turn, because, refused};
use super::tls::Tls;
use super::token::Shown;
use crate::planes::{Doors, ListenerSnapshot, Shared, Snapshot};

/// A client that has not proven who it is.
pub(super) struct Greeting {
    handshake: ClientHandshake,
    tls: TlsState,
    /// A token that is being verified.
    shown: Option<Shown>,
    _pre_auth: Counted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TlsState {
    Plain,
    /// The 'S' has to be sent first.
    Answering,
    Shaking,
    Established,
}

impl Greeting {
    pub(super) fn new(
        listener: Option<&ListenerSnapshot>,
        snapshot: &Snapshot,
        shared: &Arc<Shared>,
    ) -> Self {
        let offer = match listener.and_then(|listener| listener.tls.as_ref()) {
            None => TlsOffer::Off,
            Some(tls) if tls.required => TlsOffer::Required,
            Some(_) => TlsOffer::Optional,
        };
        let mut handshake = ClientHandshake::new(offer, random(), *snapshot.mock_secret);
        if listener.is_some_and(|listener| listener.tokens_in_clear) {
            handshake.allow_tokens_in_clear();
        }
        Self {
            handshake,
            tls: TlsState::Plain,
            shown: None,
            _pre_auth: Counted::new(shared, |shared| &shared.counters.pre_auth),
        }
    }

    pub(super) fn turn(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Turn {
        loop {
            if legs.client.lost {
                return Turn::End;
            }
            match self.tls {
                TlsState::Answering => {
                    if legs.flush(Peer::Client, cx) {
                        return Turn::Rest;
                    }
                    if !begin_tls(about, legs) {
                        return Turn::End;
                    }
                    self.tls = TlsState::Shaking;
                    continue;
                }
                TlsState::Shaking => match legs.shake(Peer::Client, cx) {
                    Shaken::Pending => return Turn::Rest,
                    Shaken::Failed => return Turn::End,
                    Shaken::Done => {
                        self.handshake.tls_established(facts(about, legs));
                        self.tls = TlsState::Established;
                    }
                },
                TlsState::Plain | TlsState::Established => {}
            }
            if let Some(turn) = self.feed(about, legs, cx) {
                return turn;
            }
        }
    }

    /// `None`: go round again.
    fn feed(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Option<Turn> {
        if legs.up.away {
            return Some(Turn::Rest);
        }
        let doors = Doors {
            snapshot: &about.snapshot,
            keys: &cx.shared.keys.load(),
            time: cx.time,
        };
        let step = self
            .handshake
            .feed(&doors, &mut legs.up.window, &mut legs.client.outbox);
        match step {
            ClientStep::NeedBytes => {
                if legs.flush(Peer::Client, cx) {
                    return Some(Turn::Rest);
                }
                match legs.fill(Peer::Client, TOKEN_MESSAGE_BYTES, false, cx) {
                    Fill::Ready => None,
                    Fill::Pending => Some(Turn::Rest),
                    Fill::Over | Fill::Full => Some(Turn::End),
                }
            }
            ClientStep::StartTls => {
                self.tls = TlsState::Answering;
                None
            }
            ClientStep::Verify(presented) => {
                self.shown = Some(Shown::new(presented));
                None
            }
            ClientStep::AwaitVerdict => self.judge(about, legs, cx),
            ClientStep::Cancel { pid, key } => Some(cancel(pid, &key, cx)),
            ClientStep::Authenticated(startup) => Some(admit(*startup, about, legs, cx)),
            ClientStep::Failed(fault) => {
                let user = about.snapshot.tried_name(self.handshake.tried_user());
                let mut record = refused(about, &user, fault.to_refusal().code, cx);
                if let Some(rejection) = self.handshake.rejection() {
                    record = because(record, rejection);
                }
                cx.journal.append(&[record], None, cx.now);
                Some(Turn::End)
            }
            ClientStep::Closed => Some(Turn::End),
        }
    }

    /// Hands the verdict on the token over, once it is there. `None`: go round again.
    fn judge(&mut self, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Option<Turn> {
        let verdict = match &mut self.shown {
            Some(shown) => shown.verdict(&about.snapshot, cx),
            None => return Some(Turn::End),
        };
        let Some(verdict) = verdict else {
            // The control thread signals when the keys are there.
            cx.parked.push(legs.id);
            return Some(Turn::Rest);
        };
        // The token is wiped with it.
        self.shown = None;
        let verdict = verdict.map(|proven| {
            about.token_ends = proven.ends;
            proven.assertion
        });
        self.handshake.verdict(verdict);
        None
    }
}

/// Bytes that are in the window already are the client's first TLS record.
fn begin_tls(about: &About, legs: &mut Legs) -> bool {
    let Some(listener) = &about.tls else {
        return false;
    };
    let Ok(mut tls) = Tls::server(&listener.config) else {
        return false;
    };
    let early = legs.up.window.unjudged().to_vec();
    legs.up.window = Window::default();
    if !early.is_empty() {
        let n = early.len();
        tls.absorb(early, n);
    }
    legs.client.tls = Some(Box::new(tls));
    true
}

fn facts(about: &About, legs: &Legs) -> TlsFacts {
    let Some(tls) = &legs.client.tls else {
        return TlsFacts::default();
    };
    TlsFacts {
        server_end_point: about
            .tls
            .as_ref()
            .and_then(|listener| listener.server_end_point.clone()),
        alpn_postgresql: tls.alpn_is_postgresql(),
        client_certificate_names: tls.peer_names(),
        client_spiffe_id: about
            .tls
            .as_ref()
            .and_then(|listener| listener.trust_domain.as_deref())
            .and_then(|domain| tls.peer_workload(domain)),
    }
}

fn cancel(process_id: u32, key: &[u8], cx: &mut Context) -> Turn {
    use std::sync::atomic::Ordering;
    let counters = &cx.shared.counters;
    match cx.shared.cancels.lookup(process_id, key) {
        Some(target) => {
            counters.cancels.fetch_add(1, Ordering::Relaxed);
            Turn::To(Phase::Cancelling(Box::new(Cancelling::new(target))))
        }
        None => {
            counters.cancels_unknown.fetch_add(1, Ordering::Relaxed);
            Turn::End
        }
    }
}

/// The client is known. Is it let in, and where to?
fn admit(startup: ClientStartup, about: &mut About, legs: &mut Legs, cx: &mut Context) -> Turn {
    let counted = Counted::new(&cx.shared, |shared| &shared.counters.sessions);
    if let Some(key) = &startup.identity.key
        && !key::holds(key, &startup.identity.name, about, cx)
    {
        let refusal = Leave::KeyRevoked.refusal();
        return refuse(&startup, &refusal, about, legs, cx);
    }
    match choose(&startup, about, &counted) {
        Ok(choice) => {
            // AuthenticationOk travels while the database is being dialled.
            legs.flush(Peer::Client, cx);
            enter(startup, choice, counted, about, legs, cx)
        }
        Err(refusal) => refuse(&startup, &refusal, about, legs, cx),
    }
}

/// On to the database, or to whoever knows whether there is a grant.
fn enter(
    startup: ClientStartup,
    (resource, policy): Choice,
    counted: Counted,
    about: &mut About,
    legs: &mut Legs,
    cx: &mut Context,
) -> Turn {
    if let Some(rule) = resource.grants.get(&startup.identity.name).copied() {
        let choice = (resource, policy);
        return Asking::begin(startup, choice, rule, counted, about, legs, cx);
    }
    about.deadline = Some(cx.after_ms(about.snapshot.limits.connect_timeout_ms));
    let basis = Basis {
        sha256: policy.sha256,
        has_grant: false,
    };
    let dialing = Dialing::new(startup, resource, policy, basis, counted);
    Turn::To(Phase::Dialing(Box::new(dialing)))
}

fn refuse(
    startup: &ClientStartup,
    refusal: &Refusal,
    about: &About,
    legs: &mut Legs,
    cx: &mut Context,
) -> Turn {
    let record = refused(about, &startup.identity.name, refusal.code, cx);
    cx.journal.append(&[record], None, cx.now);
    message::refuse(&mut legs.client.outbox, refusal);
    Turn::End
}

type Choice = (
    Arc<crate::planes::ResourceSnapshot>,
    Arc<velum_core::policy::Policy>,
);

fn choose(startup: &ClientStartup, about: &About, counted: &Counted) -> Result<Choice, Refusal> {
    if counted.value() > about.snapshot.limits.sessions {
        let text = "sorry, too many clients already";
        return Err(Refusal::new(SqlState::TOO_MANY_CONNECTIONS, text));
    }
    let database = &startup.database;
    let Some(resource) = about.snapshot.resource(database) else {
        let text = format!("database \"{database}\" does not exist");
        return Err(Refusal::new(SqlState::INVALID_CATALOG_NAME, text));
    };
    let Some(policy) = resource.policies.get(&startup.identity.name) else {
        let text = format!("permission denied for database \"{database}\"");
        return Err(Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, text)
            .with_hint("No policy of the gateway names this identity for this resource."));
    };
    Ok((Arc::clone(resource), Arc::clone(policy)))
}
