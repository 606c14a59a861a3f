//! People: they log in at an issuer, and a cookie stands for them from then on.
//!
//! ```text
//!  GET  /login/{issuer}           ─▶ oidc::start ─▶ attempts ─▶ the issuer's own pages
//!  GET  /login/{issuer}/callback  ─▶ oidc::callback: state, browser, iss, code, ID token, roles
//!                                        └─▶ session in the store, cookie in the browser
//!  any request with the cookie    ─▶ door::by_cookie ─▶ Principal
//! ```
//!
//! Whatever is wrong, a browser is told one and the same; the audit log is told what.
//!
//! * `attempts`: log-ins under way. `cookie`: names, attributes, and the way into an answer.
//! * `oidc`: the authorization code flow. `saml`: SAML 2.0. `open`: a session begins.
//! * `door`: who a cookie stands for, changes that other sites cause, and how cookies change.
//! * `refusal`: why not. `step_up`: deciding takes somebody who has just shown who they are.
//! * `sessions`: handlers that list and end them.

mod attempts;
pub(super) mod cookie;
pub(super) mod door;
pub(super) mod oidc;
mod open;
mod refusal;
pub(super) mod saml;
pub(super) mod sessions;
pub(super) mod step_up;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::request::Parts;

use super::Api;
use super::problem::Problem;
use super::server::Peer;
use crate::config::Config;
use crate::identity::endpoints::Endpoints;
use crate::identity::http::FetchError;
use attempts::{Attempt, Attempts, WITHIN};
use cookie::{Jar, SameSite};

/// Log-ins that an address may begin in a minute.
const BEGUN_PER_MINUTE: u32 = 60;
/// For how long the addresses of an issuer are kept.
const ENDPOINTS_KEPT: Duration = Duration::from_secs(600);

/// What log-ins share.
#[derive(Default)]
pub(super) struct People {
    attempts: Attempts,
    endpoints: Mutex<HashMap<String, (Instant, Arc<Endpoints>)>>,
}

impl People {
    /// Where people log in at the issuer at `url`.
    async fn endpoints(
        &self,
        url: &str,
        tls: &Arc<rustls::ClientConfig>,
    ) -> Result<Arc<Endpoints>, FetchError> {
        let known = || {
            self.endpoints
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some((at, endpoints)) = known().get(url)
            && at.elapsed() < ENDPOINTS_KEPT
        {
            return Ok(Arc::clone(endpoints));
        }
        let fetched = Arc::new(Endpoints::fetch(url, tls).await?);
        let kept = (Instant::now(), Arc::clone(&fetched));
        known().insert(url.to_owned(), kept);
        Ok(fetched)
    }
}

/// Where a request comes from.
pub(super) fn address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<Peer>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

/// Nobody begins more log-ins than a person does.
fn not_too_often(api: &Api, parts: &Parts) -> Result<(), Problem> {
    let now = Instant::now();
    let taken = api
        .rates
        .take_stranger("login", address(parts), BEGUN_PER_MINUTE, now);
    taken.map_err(Problem::rate)
}

/// Remembers a log-in under its state, and gives the browser the cookie that it is for.
fn begin(
    api: &Api,
    parts: &Parts,
    (state, browser, same_site): (&str, &str, SameSite),
    attempt: Attempt,
) {
    let attempts = &api.people.attempts;
    attempts.begin(state.to_owned(), attempt, Instant::now());
    let jar = parts.extensions.get::<Jar>().cloned().unwrap_or_default();
    let seconds = Some(WITHIN.as_secs());
    let config = api.desk.config();
    jar.put(&cookie::set(
        cookie::LOGIN,
        browser,
        same_site,
        seconds,
        &config,
    ));
}

/// Where people reach the API.
fn own_url(config: &Config) -> &str {
    let api = config.api.as_ref();
    api.and_then(|api| api.url.as_deref()).unwrap_or_default()
}

/// Where a browser goes after a log-in: a path here, whatever somebody has put into a link.
fn back_to(asked: Option<&str>) -> Result<String, Problem> {
    const USUAL: &str = "/api/v1/me";
    const BYTES: usize = 1_024;
    let path = asked.unwrap_or(USUAL);
    let is_here = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= BYTES
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    match is_here {
        true => Ok(path.to_owned()),
        false => Err(Problem::bad("`return_to` is a path of this gateway")),
    }
}
