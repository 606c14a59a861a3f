//! `/api/v1/login/saml/{name}`: SAML 2.0. See [`crate::identity::saml`].

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use velum_core::time::Timestamp;
use zeroize::Zeroizing;

use super::super::Api;
use super::super::problem::Problem;
use super::attempts::Attempt;
use super::cookie::{self, SameSite};
use super::oidc::How;
use super::open::{covered, hash, open, opens};
use super::refusal::{Refusal, Why};
use super::{address, back_to, begin, not_too_often};
use crate::config::Config;
use crate::config::model::Saml;
use crate::grants::Failure;
use crate::grants::desk::Happened;
use crate::identity::code::random;
use crate::identity::saml::{Person, RESPONSE_BYTES, Rejected};
use crate::observe;
use crate::store::sessions::{Holder, Way};

/// Largest form of a response: Base64, and a percent sign here and there.
pub(in crate::api) const FORM_BYTES: usize = 2 * RESPONSE_BYTES;

/// What an identity provider has to know of this gateway.
#[utoipa::path(get, path = "/api/v1/login/saml/{name}/metadata", tag = "login", security(()),
    params(("name" = String, Path)),
    responses((status = 200, body = str, content_type = "application/samlmetadata+xml"),
        (status = "4XX", body = Problem)))]
pub(in crate::api) async fn metadata(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let config = api.desk.config();
    let saml = config.saml(&name).ok_or_else(nobody)?;
    let kind = [(header::CONTENT_TYPE, "application/samlmetadata+xml")];
    Ok((kind, saml.provider.metadata().to_owned()).into_response())
}

fn nobody() -> Problem {
    Problem::not_found("nobody logs in at an identity provider of this name")
}

/// Sends the browser to an identity provider to log in.
#[utoipa::path(get, path = "/api/v1/login/saml/{name}", tag = "login", security(()),
    params(("name" = String, Path), How),
    responses((status = 303), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn start(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    query: Result<Query<How>, axum::extract::rejection::QueryRejection>,
    parts: Parts,
) -> Result<Response, Problem> {
    not_too_often(&api, &parts)?;
    let Query(how) = query.map_err(|error| Problem::bad(error.body_text()))?;
    let (back_to, is_fresh) = (back_to(how.return_to.as_deref())?, how.is_fresh()?);
    let config = api.desk.config();
    let saml = config.saml(&name).ok_or_else(nobody)?;
    let drawn = || random().map_err(|_| Problem::from(Failure::Closed));
    let (state, browser) = (drawn()?, drawn()?);
    let started = saml.provider.start(&state, is_fresh);
    // The same request was made when the configuration was read.
    let started = started.map_err(|_| Problem::from(Failure::Closed))?;
    let attempt = Attempt {
        issuer: name,
        browser: hash(&browser),
        expected: started.request,
        verifier: Zeroizing::default(),
        back_to,
        is_fresh,
        begun: observe::now(),
        from: address(&parts),
    };
    begin(&api, &parts, (&state, &browser, SameSite::None), attempt);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, started.url)]).into_response())
}

/// Where an identity provider has the browser bring its response.
#[utoipa::path(post, path = "/api/v1/login/saml/{name}/acs", tag = "login", security(()),
    params(("name" = String, Path)),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn acs(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    parts: Parts,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    let config = api.desk.config();
    let saml = config.saml(&name).ok_or_else(nobody)?;
    let refusal = |why, actor: String| Refusal {
        why,
        way: "saml",
        issuer: saml.name.clone(),
        actor,
    };
    let arrived = match body {
        Ok(body) => arrived(&api, &config, saml, &parts, &body),
        Err(_) => Err(Why::Saml(Rejected::Oversized)),
    };
    let (person, back_to) = match arrived {
        Ok(arrived) => arrived,
        Err(why) => return Err(refusal(why, String::new()).tell(&api, &parts).await),
    };
    let holder = Holder {
        way: Way::Saml,
        issuer: saml.name.clone(),
        issuer_id: saml.provider.entity_id().to_owned(),
        subject: person.subject,
        groups: person.groups,
        proof: person.proof,
    };
    if !spend(&api, holder.issuer_id.clone(), person.spent).await? {
        let why = Why::Saml(Rejected::Replayed);
        return Err(refusal(why, holder.subject).tell(&api, &parts).await);
    }
    if covered(&holder, &config).is_none() {
        let told = refusal(Why::NoRole, holder.subject).tell(&api, &parts);
        return Err(told.await);
    }
    open(&api, &parts, holder, person.until, &back_to).await
}

/// None of these has come before.
async fn spend(
    api: &Api,
    issuer: String,
    spent: Vec<(String, Timestamp)>,
) -> Result<bool, Failure> {
    let noted = api.desk.change(move |tx, now| {
        let mut is_new = true;
        for (id, until) in &spent {
            is_new &= tx.spend_assertion(&issuer, id, *until, now)?;
        }
        Ok((is_new && !spent.is_empty(), Happened::default()))
    });
    noted.await
}

/// Whom a response vouches for, and where their browser goes.
fn arrived(
    api: &Api,
    config: &Config,
    saml: &Saml,
    parts: &Parts,
    body: &[u8],
) -> Result<(Person, String), Why> {
    let (mut response, mut state) = (None, None);
    for (name, value) in form_urlencoded::parse(body) {
        let value = value.into_owned();
        let is_twice = match &*name {
            "SAMLResponse" => response.replace(value).is_some(),
            "RelayState" => state.replace(value).is_some(),
            _ => false,
        };
        if is_twice {
            return Err(Why::ParameterTwice);
        }
    }
    let response = response.ok_or(Why::Saml(Rejected::Missing))?;
    let now = observe::now();
    let Some(state) = state else {
        if !saml.provider.settings().is_idp_initiated {
            return Err(Why::StateMissing);
        }
        let person = saml
            .provider
            .finish(&response, None, now)
            .map_err(Why::Saml)?;
        return Ok((person, back_to(None).unwrap_or_default()));
    };
    let attempt = api.people.attempts.take(&state, Instant::now())?;
    match cookie::values(&parts.headers, &cookie::name(cookie::LOGIN, config))[..] {
        [] => return Err(Why::BrowserMissing),
        [browser] if opens(&attempt.browser, browser) => {}
        _ => return Err(Why::BrowserOther),
    }
    // An attempt at an issuer of tokens has a verifier.
    if attempt.issuer != saml.name || !attempt.verifier.is_empty() {
        return Err(Why::IssuerMixed);
    }
    let asked = Some((state.as_str(), attempt.expected.as_str()));
    let person = saml
        .provider
        .finish(&response, asked, now)
        .map_err(Why::Saml)?;
    if attempt.is_fresh {
        let skew_s = saml.provider.settings().clock_skew.as_secs();
        let at_s = person
            .proof
            .at_s
            .ok_or(Why::Saml(Rejected::InstantMissing))?;
        if at_s.saturating_add(skew_s) < attempt.begun.0 / 1_000_000_000 {
            return Err(Why::Saml(Rejected::InstantOld));
        }
    }
    Ok((person, attempt.back_to))
}
