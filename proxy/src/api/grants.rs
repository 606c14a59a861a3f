//! `/api/v1/grants`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use velum_core::grant::{
    Grant, GrantId, Kind, Narrowing, Request, Requester, Scope, State as GrantState,
};

use super::Api;
use super::change::{Answer, Change, Shown, etag};
use super::principal::{Principal, Role};
use super::problem::Problem;
use super::views::{self, Approve, Decide, GrantPage, GrantView, NewGrant};
use crate::grants::{Act, Failure, masked, moves};
use crate::store::grants::{Filter, Stored};

/// Items of a page, and the most that may be asked for.
const PAGE: u32 = 50;
const PAGE_MOST: u32 = 200;

/// Which grants to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// States, separated by commas.
    state: Option<String>,
    /// Of this identity.
    identity: Option<String>,
    /// To this resource.
    resource: Option<String>,
    /// Of this kind.
    kind: Option<String>,
    /// Where the page before ended.
    after: Option<String>,
    /// Items of a page: 1 to 200, 50 if it is not given.
    limit: Option<u32>,
}

/// Lists grants, the newest first. Who only asks sees those of their own identities.
#[utoipa::path(get, path = "/api/v1/grants", tag = "grants", params(Which),
    responses((status = 200, body = GrantPage), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    principal: Principal,
    query: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<GrantPage>, Problem> {
    let Query(which) = query.map_err(|error| Problem::bad(error.body_text()))?;
    let limit = which.limit.unwrap_or(PAGE).clamp(1, PAGE_MOST);
    let mut filter = filter(which)?;
    if !principal.sees_all() {
        principal.must_be(&[Role::Requester])?;
        filter.identities = match (filter.identities, principal.identities) {
            (asked, None) => asked,
            (None, Some(own)) => Some(own.into_iter().collect()),
            (Some(asked), Some(own)) => {
                Some(asked.into_iter().filter(|it| own.contains(it)).collect())
            }
        };
    }
    // One more, to know whether there is another page.
    filter.most = limit + 1;
    let mut found = api
        .desk
        .look(move |tx| Ok(tx.list_grants(&filter)?))
        .await?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().map(|stored| stored.grant.id.to_string());
    Ok(Json(GrantPage {
        items: found.iter().map(GrantView::from).collect(),
        next: last.filter(|_| has_more),
    }))
}

/// One grant.
#[utoipa::path(get, path = "/api/v1/grants/{id}", tag = "grants", params(("id" = String, Path)),
    responses((status = 200, body = GrantView), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = visible(&api, &principal, grant_id(&id)?).await?;
    let tag = (header::ETAG, etag(stored.version));
    Ok(([tag], Json(GrantView::from(&stored))).into_response())
}

/// Asks for access. It holds once enough people have agreed.
#[utoipa::path(post, path = "/api/v1/grants", tag = "grants", request_body = NewGrant,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = GrantView), (status = "4XX", body = Problem)))]
pub(super) async fn request(
    State(api): State<Arc<Api>>,
    change: Change,
) -> Result<Answer, Problem> {
    let new: NewGrant = change.read()?;
    change.principal.must_be(&[Role::Requester])?;
    if !change.principal.speaks_for(&new.identity) {
        let detail = format!("the key does not speak for `{}`", new.identity);
        return Err(Problem::forbidden(detail));
    }
    let request = asked(&api, &change.principal, new)?;
    let terms = api.desk.config().grants.clone();
    let mut chance = [0; 4];
    getrandom::fill(&mut chance).map_err(|_| Problem::from(Failure::Closed))?;
    let chance = u32::from_be_bytes(chance);
    let job = change.run(&api, StatusCode::CREATED, move |tx, now| {
        let changed = moves::request(tx, request, terms, chance, now)?;
        let stored = &changed.stored;
        let shown = Shown::new(&GrantView::from(stored), stored.version)?;
        Ok((shown, changed.events.into()))
    });
    job.await
}

/// Agrees, to all that was asked for or to less. Never to one's own request.
#[utoipa::path(post, path = "/api/v1/grants/{id}/approve", tag = "grants",
    request_body = Approve,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = GrantView), (status = "4XX", body = Problem)))]
pub(super) async fn approve(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Approver])?;
    change.principal.must_be_fresh(&api)?;
    let approve: Approve = change.read()?;
    let id = grant_id(&id)?;
    let stored = visible(&api, &change.principal, id).await?;
    let narrowing = narrowing(&api, &approve, &stored.grant)?;
    let why = masked(&api.desk.detectors, &approve.rationale);
    // What is narrowed is what was seen here, if the caller has not said what they saw.
    let here = (narrowing != Narrowing::default()).then_some(stored.version);
    let seen = change.version.or(here);
    let act = Act::Approve(change.principal.person(), why, narrowing);
    decided(&api, change, id, seen, act).await
}

/// Says no.
#[utoipa::path(post, path = "/api/v1/grants/{id}/deny", tag = "grants", request_body = Decide,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = GrantView), (status = "4XX", body = Problem)))]
pub(super) async fn deny(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Approver])?;
    change.principal.must_be_fresh(&api)?;
    decide(&api, &id, change, Act::Deny).await
}

/// Ends a grant: sessions that were let in by it end within a second.
#[utoipa::path(post, path = "/api/v1/grants/{id}/revoke", tag = "grants", request_body = Decide,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = GrantView), (status = "4XX", body = Problem)))]
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    let stored = visible(&api, &change.principal, grant_id(&id)?).await?;
    let identity = &stored.grant.request.requester.identity;
    // What one has oneself one may give up.
    if !change.principal.speaks_for(identity) {
        change.principal.must_be(&[Role::Approver, Role::Admin])?;
    }
    decide(&api, &id, change, Act::Revoke).await
}

/// Takes one's own request back.
#[utoipa::path(post, path = "/api/v1/grants/{id}/withdraw", tag = "grants",
    request_body = Decide,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = GrantView), (status = "4XX", body = Problem)))]
pub(super) async fn withdraw(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Requester])?;
    decide(&api, &id, change, Act::Withdraw).await
}

/// Confirms a standing grant, or settles an emergency.
#[utoipa::path(post, path = "/api/v1/grants/{id}/review", tag = "grants", request_body = Decide,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = GrantView), (status = "4XX", body = Problem)))]
pub(super) async fn review(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Approver])?;
    change.principal.must_be_fresh(&api)?;
    decide(&api, &id, change, Act::Review).await
}

async fn decide(
    api: &Api,
    id: &str,
    change: Change,
    act: fn(velum_core::grant::Person, String) -> Act,
) -> Result<Answer, Problem> {
    let decide: Decide = change.read()?;
    let id = grant_id(id)?;
    visible(api, &change.principal, id).await?;
    let why = masked(&api.desk.detectors, &decide.rationale);
    let act = act(change.principal.person(), why);
    let seen = change.version;
    decided(api, change, id, seen, act).await
}

async fn decided(
    api: &Api,
    change: Change,
    id: GrantId,
    seen: Option<u64>,
    act: Act,
) -> Result<Answer, Problem> {
    let job = change.run(api, StatusCode::OK, move |tx, now| {
        let changed = moves::act(tx, id, seen, act, now)?;
        let stored = &changed.stored;
        let shown = Shown::new(&GrantView::from(stored), stored.version)?;
        Ok((shown, changed.events.into()))
    });
    job.await
}

/// A grant that the caller may see; for all others there is none.
pub(super) async fn visible(
    api: &Api,
    principal: &Principal,
    id: GrantId,
) -> Result<Stored, Problem> {
    let found = api.desk.look(move |tx| Ok(tx.grant(id)?)).await?;
    let is_visible = |stored: &Stored| {
        let requester = &stored.grant.request.requester;
        principal.sees(&requester.identity) || requester.by == principal.id
    };
    let found = found.filter(is_visible);
    found.ok_or_else(|| Problem::not_found("there is no grant of this name"))
}

pub(super) fn grant_id(text: &str) -> Result<GrantId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("there is no grant of this name"))
}

/// The request, under the policy that the configuration gives the identity there.
fn asked(api: &Api, principal: &Principal, new: NewGrant) -> Result<Request, Problem> {
    let config = api.desk.config();
    let identity = config.identities.iter().find(|it| it.name == new.identity);
    let access = identity.and_then(|identity| {
        let mut accesses = identity.access.iter();
        accesses.find(|access| access.resource == new.resource)
    });
    let access = access.ok_or_else(|| {
        let detail = format!("`{}` has no access to `{}`", new.identity, new.resource);
        Problem::unprocessable("no-access", detail)
            .with_hint("the configuration names a policy for each; see velum identities list")
    })?;
    if access.grant.is_none() {
        let detail = format!("`{}` needs no grant for `{}`", new.identity, new.resource);
        return Err(Problem::unprocessable("no-grant-needed", detail));
    }
    let scope: Scope = views::scope(&new, &access.policy, is_exempt(api, &access.policy))?;
    let detectors = &api.desk.detectors;
    Ok(Request {
        requester: Requester {
            identity: new.identity,
            chain: new
                .chain
                .into_iter()
                .chain(principal.chain.clone())
                .collect(),
            by: principal.id.clone(),
            groups: principal.groups.clone(),
        },
        resource: new.resource,
        scope,
        window: views::window(new.start.as_deref(), new.seconds)?,
        kind: new.kind.into(),
        reason: masked(detectors, &new.reason),
        ticket: new.ticket.map(|ticket| masked(detectors, &ticket)),
    })
}

/// Does the configuration exempt this policy's sessions?
fn is_exempt(api: &Api, policy: &str) -> bool {
    let config = api.desk.config();
    config.policy(policy).is_some_and(|policy| policy.exempt)
}

/// What of a grant an approval leaves.
fn narrowing(api: &Api, approve: &Approve, grant: &Grant) -> Result<Narrowing, Problem> {
    let mut narrowing = Narrowing::default();
    if approve.tables.is_some() || approve.columns.is_some() || approve.commands.is_some() {
        let mut scope = grant.scope.clone();
        scope.tables = approve.tables.clone().or(scope.tables);
        scope.columns = approve.columns.clone().or(scope.columns);
        scope.commands = approve.commands.clone().or(scope.commands);
        let enforceable = crate::grants::is_enforceable(&scope, is_exempt(api, &scope.policy));
        enforceable
            .map_err(|why| Problem::unprocessable("scope-not-enforceable", why.to_string()))?;
        narrowing.scope = Some(scope);
    }
    if approve.start.is_some() || approve.seconds.is_some() {
        let asked = views::window(approve.start.as_deref(), approve.seconds)?;
        let mut window = grant.window;
        if let (Some(later), Some(end)) = (asked.start, window.end()) {
            // A later start leaves the end where it was.
            let left_ms = end.micros_since(later) / 1_000;
            window.length_ms = Some(left_ms);
        }
        window.start = asked.start.or(window.start);
        window.length_ms = asked.length_ms.or(window.length_ms);
        narrowing.window = Some(window);
    }
    Ok(narrowing)
}

fn filter(which: Which) -> Result<Filter, Problem> {
    let unknown = |what: &str, word: &str, known: Vec<&str>| {
        let detail = format!("there is no {what} `{word}`; known: {}", known.join(", "));
        Problem::bad(detail)
    };
    let mut states = Vec::new();
    for word in which.state.iter().flat_map(|text| text.split(',')) {
        let found = GrantState::ALL.into_iter().find(|it| it.as_str() == word);
        let known = || GrantState::ALL.iter().map(|it| it.as_str()).collect();
        states.push(found.ok_or_else(|| unknown("state", word, known()))?);
    }
    let kind = which.kind.map(|word| {
        let found = Kind::ALL.into_iter().find(|it| it.as_str() == word);
        let known = || Kind::ALL.iter().map(|it| it.as_str()).collect();
        found.ok_or_else(|| unknown("kind", &word, known()))
    });
    let before = which.after.map(|text| {
        let parsed = text.parse();
        parsed.map_err(|_| Problem::bad("`after` is what `next` of another page said"))
    });
    Ok(Filter {
        states,
        identities: which.identity.map(|identity| vec![identity]),
        resource: which.resource,
        kind: kind.transpose()?,
        before: before.transpose()?,
        most: 0,
    })
}
