//! The HTTP API under `/api/v1`: who asks for access, who decides, who looks.
//!
//! ```text
//!  accept ─ TLS ─▶ server ─▶ authenticate ─ rate ─▶ handler ─▶ Desk (store, audit, data threads)
//! ```
//!
//! It runs on the control thread's runtime. Errors are problem details (RFC 9457), versions are
//! ETags (RFC 9110), a POST with an `Idempotency-Key` happens once.
//!
//! * `server`: connections, TLS, time limits.
//! * [`auth`]: who calls: the one door.
//! * `people`: log-ins of people, and the cookies that stand for them.
//! * [`principal`]: what a caller may do. [`secret`], [`machine_key`]: keys as they are shown
//!   once.
//! * `rate`: how often. `change`: ETag, If-Match and Idempotency-Key.
//! * `grants`, `keys`, `machine_keys`, `identities`, `notifications`, `events`, `health`,
//!   `metrics`: handlers; `views`: what they show.
//! * `mcp`: the same for agents. `openapi`: all of that as a document. [`problem`]: what went
//!   wrong.

pub mod auth;
mod change;
mod events;
mod grants;
mod health;
mod identities;
mod keys;
pub mod machine_key;
mod machine_keys;
mod mcp;
mod metrics;
mod notifications;
mod openapi;
mod people;
pub mod principal;
pub mod problem;
mod rate;
pub mod secret;
mod server;
#[cfg(test)]
mod tests;
pub(crate) mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub use server::{Peer, bind, run};

use crate::grants::Desk;
use events::Streams;
use people::{People, cookie, oidc, saml, sessions};
use problem::Problem;
use rate::Rates;

/// What handlers share.
pub struct Api {
    /// The way to the store.
    pub desk: Arc<Desk>,
    rates: Rates,
    streams: Streams,
    people: People,
    request_timeout: Duration,
}

impl Api {
    /// The API of a desk whose configuration has one.
    pub fn new(desk: Arc<Desk>) -> Arc<Self> {
        let config = desk.config();
        let timeout = config.api.as_ref().map(|api| api.request_timeout);
        Arc::new(Self {
            desk,
            rates: Rates::default(),
            streams: Streams::default(),
            people: People::default(),
            request_timeout: timeout.unwrap_or(Duration::from_secs(10)),
        })
    }
}

/// All paths.
pub fn router(api: Arc<Api>, body_bytes: usize) -> Router {
    let one = "/api/v1/grants/{id}";
    let to = |verb: &str| format!("{one}/{verb}");
    Router::new()
        .route("/api/v1/grants", get(grants::list).post(grants::request))
        .route(one, get(grants::show))
        .route(&to("events"), get(events::of_grant))
        .route(&to("approve"), post(grants::approve))
        .route(&to("deny"), post(grants::deny))
        .route(&to("revoke"), post(grants::revoke))
        .route(&to("withdraw"), post(grants::withdraw))
        .route(&to("review"), post(grants::review))
        .route("/api/v1/keys", get(keys::list).post(keys::create))
        .route("/api/v1/keys/{id}/revoke", post(keys::revoke))
        .route(
            "/api/v1/machine-keys",
            get(machine_keys::list).post(machine_keys::create),
        )
        .route(
            "/api/v1/machine-keys/{id}/revoke",
            post(machine_keys::revoke),
        )
        .route("/api/v1/notifications", get(notifications::list))
        .route(
            "/api/v1/notifications/{id}/retry",
            post(notifications::retry),
        )
        .route("/api/v1/identities", get(identities::list))
        .route("/api/v1/events", get(events::stream))
        .route("/api/v1/login", get(sessions::ways))
        .route("/api/v1/login/{issuer}", get(oidc::start))
        .route("/api/v1/login/{issuer}/callback", get(oidc::callback))
        .route("/api/v1/login/saml/{name}", get(saml::start))
        .route("/api/v1/login/saml/{name}/metadata", get(saml::metadata))
        .route(
            "/api/v1/login/saml/{name}/acs",
            post(saml::acs).layer(DefaultBodyLimit::max(saml::FORM_BYTES)),
        )
        .route("/api/v1/logout", post(sessions::logout))
        .route("/api/v1/me", get(sessions::me))
        .route("/api/v1/sessions", get(sessions::list))
        .route("/api/v1/sessions/{id}/revoke", post(sessions::revoke))
        .route("/mcp", post(mcp::message))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(|| async { Problem::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .layer(DefaultBodyLimit::max(body_bytes))
        .layer(middleware::from_fn(cookie::carry))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), in_time))
        .with_state(api)
}

/// An answer is begun in time, or it is an error; nothing is kept by anybody on the way.
async fn in_time(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(api.request_timeout, next.run(request)).await;
    let mut response = match answered {
        Ok(response) => response,
        Err(_) => Problem::timeout().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let options = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, options);
    // Answers of issuers come by address, and have codes in it.
    let nobody = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, nobody);
    response
}
