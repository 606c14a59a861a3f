//! Cookies: opaque, for this host alone, out of reach of scripts and of other sites.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::own_url;
use crate::config::Config;

/// Stands for somebody who has logged in.
pub(in crate::api) const SESSION: &str = "velum-session";
/// Ties a log-in that is under way to its browser.
pub(super) const LOGIN: &str = "velum-login";

/// Which requests of other sites bring a cookie.
#[derive(Clone, Copy)]
pub(super) enum SameSite {
    /// None but those that a person follows a link by.
    Lax,
    /// Any: an identity provider posts its answer from its own site.
    None,
}

/// Are cookies for TLS alone? People reach the API by TLS, or on loopback.
fn is_secure(config: &Config) -> bool {
    own_url(config).starts_with("https://")
}

/// The whole name. With the prefix no other host and no path of this one can set or shadow it.
pub(in crate::api) fn name(what: &str, config: &Config) -> String {
    match is_secure(config) {
        true => format!("__Host-{what}"),
        false => what.to_owned(),
    }
}

/// All values that a request has for a cookie: one, if nobody plays tricks.
pub(super) fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';'));
    let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    let named = pairs.filter(|(known, _)| *known == name);
    named.map(|(_, value)| value).collect()
}

/// A cookie of a browser's session, or of so many seconds.
pub(super) fn set(
    what: &str,
    value: &str,
    same_site: SameSite,
    max_age_s: Option<u64>,
    config: &Config,
) -> String {
    let name = name(what, config);
    // Browsers take `SameSite=None` with `Secure` only, which they allow on loopback as well.
    let (same_site, secure) = match (same_site, is_secure(config)) {
        (SameSite::Lax, true) => ("Lax", "; Secure"),
        (SameSite::Lax, false) => ("Lax", ""),
        (SameSite::None, _) => ("None", "; Secure"),
    };
    let max_age = max_age_s.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{max_age}")
}

/// Takes a cookie from the browser.
pub(super) fn clear(what: &str, config: &Config) -> String {
    set(what, "", SameSite::Lax, Some(0), config)
}

/// Cookies on their way into an answer, for whoever makes none itself.
#[derive(Clone, Default)]
pub(in crate::api) struct Jar(Arc<Mutex<Vec<HeaderValue>>>);

impl Jar {
    /// Adds what [`set`] or [`clear`] gave.
    pub(super) fn put(&self, cookie: &str) {
        if let Ok(mut value) = HeaderValue::from_str(cookie) {
            value.set_sensitive(true);
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(value);
        }
    }
}

/// Puts the cookies of a request's [`Jar`] into its answer.
pub(in crate::api) async fn carry(mut request: Request, next: Next) -> Response {
    let jar = Jar::default();
    request.extensions_mut().insert(jar.clone());
    let mut response = next.run(request).await;
    let mut all = jar.0.lock().unwrap_or_else(PoisonError::into_inner);
    for value in all.drain(..) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
