//! `/api/v1/login/{issuer}`: the authorization code flow. See [`crate::identity::code`].

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use velum_core::identity::Assertion;
use zeroize::Zeroizing;

use super::super::Api;
use super::super::problem::Problem;
use super::attempts::Attempt;
use super::cookie::{self, SameSite};
use super::open::{covered, hash, open, opens};
use super::refusal::{Refusal, Why};
use super::{address, back_to, begin, not_too_often, own_url};
use crate::config::Config;
use crate::config::model::{Issuer, IssuerKeys, IssuerLogin};
use crate::grants::Failure;
use crate::identity::bearer::verify_soon;
use crate::identity::code::{self, Asking, Proof, Wanted, authorization_url, random, redeem};
use crate::identity::endpoints::Endpoints;
use crate::observe::{self, Field};
use crate::store::sessions::{Holder, Way};

const OIDC: &str = "oidc";
/// Longest code, state or other parameter of an answer.
const PARAMETER_BYTES: usize = 4_096;

/// How to log in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct How {
    /// A path of this gateway that the browser goes to afterwards.
    pub(super) return_to: Option<String>,
    /// `login`: show who you are, though the issuer may know.
    pub(super) prompt: Option<String>,
}

impl How {
    /// Do they have to show who they are again?
    pub(super) fn is_fresh(&self) -> Result<bool, Problem> {
        match self.prompt.as_deref() {
            None => Ok(false),
            Some("login") => Ok(true),
            Some(_) => Err(Problem::bad("`prompt` can be `login` only")),
        }
    }
}

/// An issuer where people log in, and how it is asked.
struct There<'c> {
    issuer: &'c Issuer,
    login: &'c IssuerLogin,
    tls: &'c Arc<rustls::ClientConfig>,
    redirect: String,
}

fn there<'c>(config: &'c Config, name: &str) -> Option<There<'c>> {
    let issuer = config.issuer(name)?;
    let login = issuer.login.as_ref()?;
    let IssuerKeys::Fetched { tls, .. } = &issuer.keys else {
        return None;
    };
    Some(There {
        issuer,
        login,
        tls,
        redirect: format!("{}/api/v1/login/{name}/callback", own_url(config)),
    })
}

/// Sends the browser to an issuer to log in.
#[utoipa::path(get, path = "/api/v1/login/{issuer}", tag = "login", security(()),
    params(("issuer" = String, Path), How),
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
    let nobody = || Problem::not_found("nobody logs in at an issuer of this name");
    let there = there(&config, &name).ok_or_else(nobody)?;
    let endpoints = endpoints(&api, &there).await.ok_or_else(|| {
        let detail = "the issuer cannot be reached; see the gateway's log";
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "issuer-unreachable",
            detail,
        )
    })?;
    let drawn = || random().map_err(|_| Problem::from(Failure::Closed));
    let (state, nonce, verifier, browser) = (drawn()?, drawn()?, drawn()?, drawn()?);
    let url = authorization_url(
        &endpoints.authorization,
        &Asking {
            login: there.login,
            redirect: &there.redirect,
            state: &state,
            nonce: &nonce,
            verifier: &verifier,
            max_age_s: config.login.absolute.as_secs(),
            is_fresh,
            acr: &config.login.step_up.acr,
        },
    );
    let attempt = Attempt {
        issuer: name,
        browser: hash(&browser),
        expected: nonce.to_string(),
        verifier,
        back_to,
        is_fresh,
        begun: observe::now(),
        from: address(&parts),
    };
    begin(&api, &parts, (&state, &browser, SameSite::Lax), attempt);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response())
}

async fn endpoints(api: &Api, there: &There<'_>) -> Option<Arc<Endpoints>> {
    match api.people.endpoints(&there.issuer.url, there.tls).await {
        Ok(endpoints) => Some(endpoints),
        Err(error) => {
            let name = Field::Name(&there.issuer.name);
            let fields = [("issuer", name), ("cause", Field::Cause(&error))];
            observe::event("log-in-not-possible", &fields);
            None
        }
    }
}

/// What an issuer's answer brings by way of the browser.
#[derive(Default)]
struct Answer {
    code: Option<Zeroizing<String>>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl Answer {
    fn read(query: &str) -> Result<Self, Why> {
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if value.len() > PARAMETER_BYTES {
                return Err(Why::StateMissing);
            }
            let value = value.into_owned();
            let is_twice = match &*name {
                "code" => answer.code.replace(Zeroizing::new(value)).is_some(),
                "state" => answer.state.replace(value).is_some(),
                "iss" => answer.iss.replace(value).is_some(),
                "error" => answer.error.replace(value).is_some(),
                _ => false,
            };
            if is_twice {
                return Err(Why::ParameterTwice);
            }
        }
        Ok(answer)
    }
}

/// Where an issuer sends the browser back to.
#[utoipa::path(get, path = "/api/v1/login/{issuer}/callback", tag = "login", security(()),
    params(("issuer" = String, Path), ("code" = Option<String>, Query),
        ("state" = Option<String>, Query), ("iss" = Option<String>, Query),
        ("error" = Option<String>, Query)),
    responses((status = 303), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn callback(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    let config = api.desk.config();
    let refusal = |why, actor: String| Refusal {
        why,
        way: OIDC,
        // A name that the configuration has, and nothing else that a browser can write.
        issuer: config
            .issuer(&name)
            .map_or(String::new(), |it| it.name.clone()),
        actor,
    };
    let (there, attempt, code) = match arrived(&api, &config, &name, &parts) {
        Ok(arrived) => arrived,
        Err(why) => return Err(refusal(why, String::new()).tell(&api, &parts).await),
    };
    let (assertion, proof) = match verified(&api, &config, &there, &attempt, code).await {
        Ok(verified) => verified,
        Err(why) => return Err(refusal(why, String::new()).tell(&api, &parts).await),
    };
    let holder = Holder {
        way: Way::Oidc,
        issuer: name.clone(),
        issuer_id: assertion.issuer,
        subject: assertion.subject,
        groups: assertion.groups,
        proof,
    };
    if covered(&holder, &config).is_none() {
        let problem = refusal(Why::NoRole, holder.subject).tell(&api, &parts);
        return Err(problem.await);
    }
    open(&api, &parts, holder, None, &attempt.back_to).await
}

/// An answer to a log-in of this browser at this issuer, before anything is sent anywhere.
fn arrived<'c>(
    api: &Api,
    config: &'c Config,
    name: &str,
    parts: &Parts,
) -> Result<(There<'c>, Attempt, Answer), Why> {
    let answer = Answer::read(parts.uri.query().unwrap_or_default())?;
    let state = answer.state.as_deref().ok_or(Why::StateMissing)?;
    let attempt = api.people.attempts.take(state, Instant::now())?;
    match cookie::values(&parts.headers, &cookie::name(cookie::LOGIN, config))[..] {
        [] => return Err(Why::BrowserMissing),
        [browser] if opens(&attempt.browser, browser) => {}
        _ => return Err(Why::BrowserOther),
    }
    // An attempt at a SAML identity provider of the name has no verifier.
    if attempt.issuer != name || attempt.verifier.is_empty() {
        return Err(Why::IssuerMixed);
    }
    let there = there(config, name).ok_or(Why::IssuerGone)?;
    if answer
        .iss
        .as_ref()
        .is_some_and(|iss| *iss != there.issuer.url)
    {
        return Err(Why::IssuerOther);
    }
    Ok((there, attempt, answer))
}

/// Whom the issuer has let in.
async fn verified(
    api: &Api,
    config: &Config,
    there: &There<'_>,
    attempt: &Attempt,
    answer: Answer,
) -> Result<(Assertion, Proof), Why> {
    let endpoints = endpoints(api, there).await.ok_or(Why::IssuerUnreachable)?;
    if answer.iss.is_none() && endpoints.names_itself {
        return Err(Why::IssuerMissing);
    }
    if answer.error.is_some() {
        return Err(Why::IssuerRefused);
    }
    let code = answer.code.ok_or(Why::CodeMissing)?;
    let proven = (
        code.as_str(),
        attempt.verifier.as_str(),
        there.redirect.as_str(),
    );
    let token = redeem(&endpoints, there.login, proven, there.tls).await;
    let token = token.map_err(Why::Code)?;
    let audiences = [there.login.client_id.clone()];
    let verified = verify_soon(api.desk.shared(), token.as_bytes(), Some(&audiences)).await;
    let verified = verified.map_err(|why| Why::Code(code::Unredeemed::Token(why)))?;
    if verified.issuer.url != there.issuer.url {
        return Err(Why::IssuerOther);
    }
    let wanted = Wanted {
        client_id: &there.login.client_id,
        nonce: &attempt.expected,
        begun: attempt.begun,
        is_fresh: attempt.is_fresh,
        max_age_s: config.login.absolute.as_secs(),
        clock_skew_ms: verified.issuer.clock_skew_ms,
        now: observe::now(),
    };
    let proof = code::check(&verified.assertion, &wanted).map_err(Why::Code)?;
    Ok((verified.assertion, proof))
}
