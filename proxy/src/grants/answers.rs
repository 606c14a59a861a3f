//! Clients that need a grant: whoever has one is let in, the others are refused or wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use velum_core::audit::record::SessionId;
use velum_core::error::{Refusal, SqlState};
use velum_core::grant::{Event, Grant, GrantId, Kind, Period, Request, Requester, Scope, State};
use velum_core::time::Timestamp;

use super::desk::{Desk, Happened, record};
use super::moves::{self, Failure};
use super::narrow::narrowed;
use crate::observe::{self, Field};
use crate::planes::{Admission, GrantQuestion, Missing};
use crate::store::Tx;
use crate::store::grants::Filter;

/// How often it is looked whether a client still waits.
const LOOK: Duration = Duration::from_millis(200);
/// When to ask a store again that cannot be reached.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// Open grants of one identity that are looked at.
const OPEN_MOST: u32 = 1_000;

/// What is asked, without the way back.
#[derive(Clone)]
struct Wanted {
    identity: String,
    resource: String,
    policy: String,
    session: SessionId,
    wanted_ms: u64,
}

impl Desk {
    /// Answers a client, at once or when somebody has decided.
    pub async fn answer(self: Arc<Self>, question: GrantQuestion) {
        if let Some(answer) = self.decide(&question).await {
            question.answer.give(answer);
            self.shared.wake_all();
        }
    }

    /// `None`: nobody waits for the answer any more.
    async fn decide(
        self: &Arc<Self>,
        question: &GrantQuestion,
    ) -> Option<Result<Admission, Refusal>> {
        let wanted = Wanted {
            identity: question.identity.clone(),
            resource: question.resource.to_string(),
            policy: question.policy.name.clone(),
            session: question.session,
            wanted_ms: u64::try_from(question.rule.wanted.as_millis()).unwrap_or(u64::MAX),
        };
        let mut news = self.heard.of(&wanted.identity);
        match self.admit(question, &wanted).await {
            Ok(Some(admission)) => return Some(Ok(admission)),
            Ok(None) => {}
            Err(failure) => return Some(Err(failed(&failure))),
        }
        if question.rule.on_missing == Missing::Refuse {
            return Some(Err(self.missing(&wanted)));
        }
        let request = match self.ask_for(&wanted).await {
            Ok(request) => request,
            Err(failure) => return Some(Err(self.not_asked(&wanted, &failure))),
        };
        match question.rule.on_missing {
            Missing::Wait(wait) => {
                let until = Instant::now() + wait;
                self.wait(question, &wanted, request, until, &mut news)
                    .await
            }
            Missing::Refuse | Missing::Request => Some(Err(self.undecided(&wanted, request))),
        }
    }

    async fn wait(
        self: &Arc<Self>,
        question: &GrantQuestion,
        wanted: &Wanted,
        request: GrantId,
        until: Instant,
        news: &mut watch::Receiver<u64>,
    ) -> Option<Result<Admission, Refusal>> {
        loop {
            if !question.answer.is_awaited() {
                return None;
            }
            match self.admit(question, wanted).await {
                Ok(Some(admission)) => return Some(Ok(admission)),
                Ok(None) => {}
                // Who waits for a person waits for the store as well.
                Err(failure) if failure.is_passing() && Instant::now() < until => {
                    tokio::time::sleep(STORE_RETRY).await;
                    continue;
                }
                Err(failure) => return Some(Err(failed(&failure))),
            }
            let state = self.look(move |tx| Ok(tx.grant(request)?)).await;
            let state = state.ok().flatten().map(|stored| stored.grant.state);
            if let Some(state) = state.filter(|state| state.is_final()) {
                return Some(Err(over(wanted, request, state)));
            }
            // Until something changes; and now and then, whether the client has gone.
            loop {
                tokio::select! {
                    changed = news.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return Some(Err(failed(&Failure::Closed))),
                    },
                    () = tokio::time::sleep_until(until) => {
                        return Some(Err(self.undecided(wanted, request)));
                    }
                    () = tokio::time::sleep(LOOK) => {
                        if !question.answer.is_awaited() {
                            return None;
                        }
                    }
                }
            }
        }
    }

    /// Lets a session in by a grant that holds, if there is one. Its use is audited before.
    async fn admit(
        self: &Arc<Self>,
        question: &GrantQuestion,
        wanted: &Wanted,
    ) -> Result<Option<Admission>, Failure> {
        let Some(grant) = self.grant_for(wanted).await? else {
            return Ok(None);
        };
        match narrowed(&question.policy, &grant.scope) {
            Ok(policy) => Ok(Some(Admission {
                grant: grant.id,
                until: grant.interval.and_then(|it| it.until).map(|until| {
                    let left = Duration::from_micros(until.micros_since(self.now()));
                    std::time::Instant::now() + left
                }),
                policy,
            })),
            Err(error) => {
                // It was refused when it was asked for, unless another version did that.
                let id = grant.id.to_string();
                let reason = error.to_string();
                let fields = [("grant", Field::Name(&id)), ("cause", Field::Name(&reason))];
                observe::event("grant-not-enforceable", &fields);
                Ok(None)
            }
        }
    }

    /// The grant by which a session goes on. Only what changes by that is written to the store:
    /// clients come more often than people decide.
    async fn grant_for(self: &Arc<Self>, wanted: &Wanted) -> Result<Option<Grant>, Failure> {
        let (wish, now) = (wanted.clone(), self.now());
        let found = self.look(move |tx| {
            let now = tx.latest(now)?;
            Ok(first(open(tx, &wish)?, &wish, now))
        });
        match found.await? {
            None => Ok(None),
            Some(Found { is_new: true, .. }) => {
                let wish = wanted.clone();
                self.change(move |tx, now| take(tx, &wish, now)).await
            }
            Some(Found { grant, events, .. }) => {
                let records = events.iter().map(|it| record(it, 0, wanted.session));
                match self.append(records.collect()).await {
                    true => Ok(Some(grant)),
                    false => Err(Failure::Closed),
                }
            }
        }
    }

    /// The request that is open for this client, made if there is none.
    async fn ask_for(self: &Arc<Self>, wanted: &Wanted) -> Result<GrantId, Failure> {
        let mut chance = [0; 4];
        getrandom::fill(&mut chance).map_err(|_| Failure::Closed)?;
        let chance = u32::from_be_bytes(chance);
        let (wish, terms) = (wanted.clone(), self.config().grants.clone());
        self.change(move |tx, now| {
            let open = open(tx, &wish)?;
            let waiting = open.iter().find(|grant| grant.state == State::Requested);
            if let Some(grant) = waiting {
                return Ok((grant.id, Happened::default()));
            }
            let length_ms = wish.wanted_ms.min(terms.longest_ms);
            let request = Request {
                requester: Requester {
                    identity: wish.identity.clone(),
                    by: wish.identity.clone(),
                    ..Requester::default()
                },
                resource: wish.resource.clone(),
                scope: Scope::policy(wish.policy.as_str()),
                window: Period::of_ms(length_ms),
                kind: Kind::Timed,
                reason: "a client tried to connect".to_owned(),
                ticket: None,
            };
            let changed = moves::request(tx, request, terms, chance, now)?;
            Ok((changed.stored.grant.id, changed.events.into()))
        })
        .await
    }

    fn missing(&self, wanted: &Wanted) -> Refusal {
        let text = format!(
            "access to \"{}\" needs a grant, and there is none",
            wanted.resource
        );
        let hint = format!(
            "Ask for one: velum grants request --identity {} --resource {} --reason \"…\"",
            wanted.identity, wanted.resource
        );
        Refusal::new(SqlState::INVALID_AUTHORIZATION, text).with_hint(hint)
    }

    fn undecided(&self, wanted: &Wanted, request: GrantId) -> Refusal {
        let text = format!(
            "access to \"{}\" needs a grant; request {request} waits for a decision",
            wanted.resource
        );
        let place = self.url().map_or_else(String::new, |url| {
            format!(" or decide at {url}/api/v1/grants/{request},")
        });
        let hint = format!(
            "Have it approved: velum grants approve {request} --rationale \"…\",{place} and \
             connect again."
        );
        Refusal::new(SqlState::INVALID_AUTHORIZATION, text).with_hint(hint)
    }

    fn not_asked(&self, wanted: &Wanted, failure: &Failure) -> Refusal {
        match failure {
            Failure::Refused(refused) => {
                let text = format!(
                    "access to \"{}\" needs a grant, which cannot be asked for: {refused}",
                    wanted.resource
                );
                Refusal::new(SqlState::INVALID_AUTHORIZATION, text)
            }
            failure => failed(failure),
        }
    }

    /// Where people reach the API.
    pub fn url(&self) -> Option<String> {
        let config = self.config();
        let api = config.api.as_ref()?;
        let scheme = if api.tls.is_some() { "https" } else { "http" };
        let own = || format!("{scheme}://{}", api.listen);
        Some(api.url.clone().unwrap_or_else(own))
    }
}

/// The grants of this identity here that may still hold, under this policy.
fn open(tx: &Tx<'_>, wanted: &Wanted) -> Result<Vec<Grant>, Failure> {
    let filter = Filter {
        states: vec![State::Requested, State::Approved, State::Active],
        identities: Some(vec![wanted.identity.clone()]),
        resource: Some(wanted.resource.clone()),
        most: OPEN_MOST,
        ..Filter::default()
    };
    let listed = tx
        .list_grants(&filter)?
        .into_iter()
        .map(|stored| stored.grant);
    Ok(listed
        .filter(|it| it.scope.policy == wanted.policy)
        .collect())
}

/// A grant that lets a session in.
struct Found {
    grant: Grant,
    events: Vec<Event>,
    /// It is not as it is stored any more.
    is_new: bool,
}

/// The first of these that lets the session in; those for a single session come last.
fn first(mut open: Vec<Grant>, wanted: &Wanted, now: Timestamp) -> Option<Found> {
    open.sort_by_key(|grant| (grant.request.kind == Kind::OneTime, grant.id));
    open.into_iter().find_map(|mut grant| {
        let before = (grant.state, grant.used_by.clone());
        let events = grant.use_by(wanted.session, now).ok()?;
        Some(Found {
            is_new: before != (grant.state, grant.used_by.clone()),
            events,
            grant,
        })
    })
}

/// The same, and stored: of two sessions that come at once, one gets it.
fn take(
    tx: &Tx<'_>,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(Option<Grant>, Happened), Failure> {
    let Some(found) = first(open(tx, wanted)?, wanted, now) else {
        return Ok((None, Happened::default()));
    };
    let stored = tx.grant(found.grant.id)?.ok_or(Failure::Unknown)?;
    tx.update_grant(&found.grant, stored.version)?;
    let happened = Happened {
        events: tx.append_events(found.events)?,
        session: wanted.session.0,
        ..Happened::default()
    };
    Ok((Some(found.grant), happened))
}

fn over(wanted: &Wanted, request: GrantId, state: State) -> Refusal {
    let text = format!(
        "access to \"{}\" needs a grant; request {request} is {}",
        wanted.resource,
        state.as_str()
    );
    let hint = format!("See why: velum grants show {request}");
    Refusal::new(SqlState::INVALID_AUTHORIZATION, text).with_hint(hint)
}

fn failed(failure: &Failure) -> Refusal {
    observe::event(
        "grants-failed",
        &[("cause", Field::Name(&failure.to_string()))],
    );
    Refusal::new(SqlState::IO_ERROR, "the gateway cannot look up grants")
}
