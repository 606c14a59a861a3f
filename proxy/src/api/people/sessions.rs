//! `/api/v1/login`, `/api/v1/logout`, `/api/v1/me` and `/api/v1/sessions`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use velum_core::time::Timestamp;

use super::super::Api;
use super::super::change::{Answer, Change, Shown};
use super::super::principal::{Principal, Role};
use super::super::problem::Problem;
use super::super::views::{All, Decide};
use super::cookie::{self, Jar};
use super::door;
use super::refusal::{Why, record_at};
use super::{own_url, step_up};
use crate::grants::Failure;
use crate::grants::desk::Happened;
use crate::observe::{self, rfc3339};
use crate::store::sessions::{Session, Way};

/// Where somebody can log in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WayView {
    /// The issuer's name in the configuration.
    pub name: String,
    pub way: Way,
    /// Where a browser begins.
    pub login: String,
    /// What the issuer calls itself.
    pub issuer: String,
    /// What `velum login` is to it; without one it cannot be used there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_client_id: Option<String>,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Who you are.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MeView {
    /// Your name, as decisions and records have it.
    pub id: String,
    /// The credential that you came with.
    pub caller: String,
    pub roles: BTreeSet<Role>,
    pub groups: BTreeSet<String>,
    /// On whose behalf you act.
    pub chain: Vec<String>,
    /// Until then, unless it is used again before.
    #[schema(format = DateTime)]
    pub until: String,
    /// May you decide now, or have you to log in again first?
    pub is_fresh: bool,
    /// Where a browser logs in again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}

/// Somebody's session.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SessionView {
    pub id: String,
    pub version: u64,
    pub way: Way,
    pub issuer: String,
    pub subject: String,
    pub groups: Vec<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// To the minute.
    #[schema(format = DateTime)]
    pub used_at: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// It would let its owner in now.
    pub is_in_force: bool,
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    pub ended_because: Option<String>,
}

impl SessionView {
    fn new(session: &Session, is_in_force: bool) -> Self {
        let holder = &session.holder;
        let ended = session.ended.as_ref();
        Self {
            id: session.id.clone(),
            version: session.version,
            way: holder.way,
            issuer: holder.issuer.clone(),
            subject: holder.subject.clone(),
            groups: holder.groups.clone(),
            created_at: rfc3339(session.created_at),
            used_at: rfc3339(session.used_at),
            expires_at: rfc3339(session.expires_at),
            is_in_force,
            ended_at: ended.map(|(at, _)| rfc3339(*at)),
            ended_because: ended.map(|(_, why)| why.clone()),
        }
    }
}

/// Lists where people can log in.
#[utoipa::path(get, path = "/api/v1/login", tag = "login", security(()),
    responses((status = 200, body = All<WayView>)))]
pub(in crate::api) async fn ways(State(api): State<Arc<Api>>) -> Json<All<WayView>> {
    let config = api.desk.config();
    let own = own_url(&config);
    let oidc = config.issuers.iter().filter_map(|issuer| {
        let login = issuer.login.as_ref()?;
        Some(WayView {
            name: issuer.name.clone(),
            way: Way::Oidc,
            login: format!("{own}/api/v1/login/{}", issuer.name),
            issuer: issuer.url.clone(),
            device_client_id: login.device_client_id.clone(),
            scope: Some(login.scope.clone()),
        })
    });
    let saml = config.saml.iter().map(|saml| WayView {
        name: saml.name.clone(),
        way: Way::Saml,
        login: format!("{own}/api/v1/login/saml/{}", saml.name),
        issuer: saml.provider.entity_id().to_owned(),
        device_client_id: None,
        scope: None,
    });
    Json(All {
        items: oidc.chain(saml).collect(),
    })
}

/// Tells who you are, and what you may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "login",
    responses((status = 200, body = MeView), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn me(State(api): State<Arc<Api>>, principal: Principal) -> Json<MeView> {
    let config = api.desk.config();
    let wanted = &config.login.step_up;
    let shown = principal.shown.as_ref();
    let enough =
        |it: &super::super::principal::Shown| step_up::is_enough(&it.proof, wanted, observe::now());
    Json(MeView {
        is_fresh: shown.is_none_or(enough),
        login: shown.map(|shown| shown.login.clone()),
        id: principal.id,
        caller: principal.caller,
        roles: principal.roles,
        groups: principal.groups,
        chain: principal.chain,
        until: rfc3339(principal.until),
    })
}

/// Ends your own session, and takes its cookie.
#[utoipa::path(post, path = "/api/v1/logout", tag = "login",
    params(("velum-request" = String, Header)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn logout(
    State(api): State<Arc<Api>>,
    principal: Principal,
    parts: Parts,
) -> Result<StatusCode, Problem> {
    let Some(id) = principal.caller.strip_prefix("session:").map(str::to_owned) else {
        return Err(Problem::bad("only who has come by a cookie can log out"));
    };
    let found = api.desk.look(move |tx| Ok(tx.session(&id)?)).await?;
    if let Some(session) = found {
        door::end(&api, &session, Why::LoggedOut, &parts).await?;
    }
    let jar = parts.extensions.get::<Jar>().cloned().unwrap_or_default();
    jar.put(&cookie::clear(cookie::SESSION, &api.desk.config()));
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the sessions of all people, those that are over for a month too.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "login",
    responses((status = 200, body = All<SessionView>), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn list(
    State(api): State<Arc<Api>>,
    principal: Principal,
) -> Result<Json<All<SessionView>>, Problem> {
    principal.must_be(&[Role::Admin, Role::Auditor])?;
    let config = api.desk.config();
    let now = api.desk.now();
    let sessions = api.desk.look(|tx| Ok(tx.sessions()?)).await?;
    let view = |session: &Session| {
        let holds = door::in_force(session, &config, now).is_ok();
        SessionView::new(session, holds)
    };
    Ok(Json(All {
        items: sessions.iter().map(view).collect(),
    }))
}

/// Ends somebody's session: from the next request on its cookie opens nothing.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/revoke", tag = "login", request_body = Decide,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn revoke(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    parts: Parts,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Admin])?;
    let Decide { rationale } = change.read()?;
    let why = crate::grants::masked(&api.desk.detectors, &rationale);
    let actor = change.principal.id.clone();
    let address = super::address(&parts).to_string();
    let job = change.run(&api, StatusCode::OK, move |tx, now: Timestamp| {
        let session = tx.session(&id)?.ok_or(Failure::Unknown)?;
        tx.end_session(&id, Why::Revoked.as_str(), now)?;
        let reason = format!("{} by {actor}: {why}", Why::Revoked.as_str());
        let record = record_at("session_ended", Some(&session), &reason, &address, now);
        let ended = tx.session(&id)?.ok_or(Failure::Unknown)?;
        let happened = Happened {
            records: vec![record],
            ..Happened::default()
        };
        let view = SessionView::new(&ended, false);
        Ok((Shown::new(&view, ended.version)?, happened))
    });
    job.await
}
