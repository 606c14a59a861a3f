//! An issuer's keys over HTTP: OpenID Connect Discovery 1.0 section 4, then the key set.
//!
//! One request after the other, each on a connection of its own: no redirect is followed, no proxy
//! asked, and nothing is larger or takes longer than it may.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderMap};
use hyper::{Method, StatusCode};
use velum_core::identity::Rejection;
use velum_core::identity::claims::{Claim, Claims};

use super::DOCUMENT_BYTES;
use super::keys::KeySet;
use super::place::Place;
use crate::http::{self, Call};

/// Both documents have to be there within this.
const WITHIN: Duration = Duration::from_secs(5);
/// Below it is where an issuer's configuration is.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Keys as they were fetched.
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    /// For how long they may be kept, if the issuer says so.
    pub(super) fresh_for: Option<Duration>,
}

/// Why keys could not be fetched.
#[derive(Debug)]
pub(crate) struct FetchError {
    /// What was asked for.
    from: String,
    reason: String,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.from, self.reason)
    }
}

impl std::error::Error for FetchError {}
impl crate::observe::Cause for FetchError {}

impl FetchError {
    fn new(from: &str, reason: impl fmt::Display) -> Self {
        Self {
            from: from.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Where an issuer's configuration is.
pub fn configuration_url(issuer: &str) -> String {
    format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))
}

/// Fetches the keys of the issuer at `url`.
///
/// # Errors
/// An issuer that does not answer in time, or not as it should.
pub(super) async fn fetch(
    url: &str,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<Fetched, FetchError> {
    let fetched = tokio::time::timeout(WITHIN, documents(url, tls)).await;
    let late = format!("no answer within {} s", WITHIN.as_secs());
    fetched.unwrap_or_else(|_| Err(FetchError::new(url, late)))
}

async fn documents(url: &str, tls: &Arc<rustls::ClientConfig>) -> Result<Fetched, FetchError> {
    let at = configuration_url(url);
    let (_, body) = get(&at, tls).await?;
    let keys_at = keys_url(url, &body).map_err(|reason| FetchError::new(&at, reason))?;
    let (headers, body) = get(&keys_at, tls).await?;
    let keys = KeySet::read(&body).map_err(|error| FetchError::new(&keys_at, error))?;
    if keys.is_empty() {
        return Err(FetchError::new(&keys_at, "no key in it can verify a token"));
    }
    Ok(Fetched {
        keys,
        fresh_for: fresh_for(&headers),
    })
}

/// `jwks_uri` of a configuration, which must be the issuer's own: section 4.3.
fn keys_url(issuer: &str, configuration: &[u8]) -> Result<String, &'static str> {
    let configuration = Claims::read(configuration, Rejection::ClaimsNotJson);
    let configuration = configuration.map_err(|_| "not a JSON object with one meaning")?;
    match configuration.get("issuer") {
        Some(Claim::Text(text)) if text == issuer => {}
        _ => return Err("it is the configuration of another issuer"),
    }
    match configuration.get("jwks_uri") {
        Some(Claim::Text(text)) => Ok(text.clone()),
        _ => Err("it does not say where the keys are"),
    }
}

async fn get(url: &str, tls: &Arc<rustls::ClientConfig>) -> Result<(HeaderMap, Bytes), FetchError> {
    let failed = |reason: &dyn fmt::Display| FetchError::new(url, reason);
    let place = Place::read(url).map_err(|error| failed(&error))?;
    let call = Call {
        method: Method::GET,
        place: &place,
        headers: &[("accept", "application/json")],
        body: Bytes::new(),
        answer_bytes: DOCUMENT_BYTES,
    };
    let answer = http::ask(&call, tls)
        .await
        .map_err(|error| failed(&error))?;
    if answer.status != StatusCode::OK {
        let text = format!("answered {}", answer.status.as_u16());
        return Err(failed(&text));
    }
    Ok((answer.headers, answer.body))
}

/// `max-age` of Cache-Control, RFC 9111 section 5.2.2; nothing where it must not be kept at all.
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let text: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    let text = text.join(",").to_ascii_lowercase();
    let mut age = None;
    for directive in text.split(',').map(str::trim) {
        match directive.split_once('=') {
            None if matches!(directive, "no-store" | "no-cache") => return Some(Duration::ZERO),
            Some(("max-age", seconds)) => {
                let seconds = seconds.trim_matches('"').parse().unwrap_or(0);
                age = Some(Duration::from_secs(seconds));
            }
            _ => {}
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn what_is_fresh_for_how_long() {
        for (value, seconds) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=\"5\", must-revalidate", Some(5)),
            ("max-age=60, no-store", Some(0)),
            ("no-cache", Some(0)),
            ("max-age=soon", Some(0)),
            ("s-maxage=9", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
            assert_eq!(
                fresh_for(&headers),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn a_configuration_is_the_issuers_own() {
        let issuer = "https://issuer.example/a";
        let at = configuration_url("https://issuer.example/a/");
        assert_eq!(
            at,
            "https://issuer.example/a/.well-known/openid-configuration"
        );
        let read = |json: &str| keys_url(issuer, json.as_bytes());
        let good = "{\"issuer\":\"https://issuer.example/a\",\"jwks_uri\":\"https://k.example\"}";
        assert_eq!(read(good).as_deref(), Ok("https://k.example"));
        for (from, to) in [
            ("example/a", "example/b"),
            ("example/a", "example/a/"),
            ("\"issuer\"", "\"Issuer\""),
            ("\"jwks_uri\"", "\"jwks\""),
            ("{", "{\"issuer\":\"https://issuer.example/a\","),
            ("}", ""),
        ] {
            assert!(read(&good.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
