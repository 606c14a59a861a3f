//! Tokens without a browser of this machine: the device authorization grant, RFC 8628, and how a
//! token is exchanged for a newer one, RFC 6749 section 6.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use form_urlencoded::Serializer;
use velum_core::identity::Rejection;
use velum_core::identity::claims::{Claim, Claims};
use zeroize::Zeroizing;

use super::client::{Failed, unusable};
use super::output::plain;
use crate::cli::complain;
use crate::identity::endpoints::Endpoints;
use crate::identity::http::{Answer, post};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How often it is asked whether somebody has agreed, if the issuer does not say; and how much
/// more seldom after it has asked for that.
const INTERVAL_S: u64 = 5;
/// Nobody waits longer.
const LONGEST_S: u64 = 3_600;

/// An issuer and what this program is to it.
pub(super) struct There<'a> {
    pub(super) endpoints: &'a Endpoints,
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) scope: &'a str,
    pub(super) tls: &'a Arc<rustls::ClientConfig>,
}

/// What an issuer has given.
pub(super) struct Tokens {
    pub(super) id_token: Zeroizing<String>,
    pub(super) refresh_token: Option<Zeroizing<String>>,
    /// When the ID token ends, in seconds since the Unix epoch.
    pub(super) expires_s: u64,
}

/// Asks a person to agree in a browser of theirs, and waits until they do.
pub(super) async fn log_in(there: &There<'_>) -> Result<Tokens, Failed> {
    let Some(device) = &there.endpoints.device else {
        return unusable(format!(
            "{} offers no device flow\n  = log in by a browser, or use a key: velum keys create",
            there.issuer
        ));
    };
    let mut form = Serializer::new(String::new());
    // Whoever logs in has just done so, and may decide: so it is asked for, and for when it was.
    form.append_pair("client_id", there.client_id)
        .append_pair("scope", there.scope)
        .append_pair("max_age", "0");
    let answer = send(device, form.finish(), there).await?;
    let claims = match answer.status {
        StatusCode::OK => claims(&answer, there)?,
        _ => return unusable(refused(&answer, there)),
    };
    let code = text(&claims, "device_code", there)?;
    let shown = text(&claims, "user_code", there)?;
    let address = text(&claims, "verification_uri", there)?;
    let number = |name, usual| match claims.get(name) {
        Some(Claim::Whole(number)) => *number,
        _ => usual,
    };
    let length = Duration::from_secs(number("expires_in", LONGEST_S).min(LONGEST_S));
    let mut pause_s = number("interval", INTERVAL_S).clamp(1, 60);
    complain(&format!(
        "open {} in a browser, and enter {}\n",
        plain(&address),
        plain(&shown)
    ));
    if let Some(Claim::Text(whole)) = claims.get("verification_uri_complete") {
        complain(&format!("or open {}\n", plain(whole)));
    }
    let began = Instant::now();
    while began.elapsed() < length {
        tokio::time::sleep(Duration::from_secs(pause_s)).await;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", GRANT)
            .append_pair("device_code", &code)
            .append_pair("client_id", there.client_id);
        let answer = send(&there.endpoints.token, form.finish(), there).await?;
        if answer.status == StatusCode::OK {
            return tokens(&answer, there);
        }
        match error(&answer).as_deref() {
            Some("authorization_pending") => {}
            Some("slow_down") => pause_s += INTERVAL_S,
            Some("access_denied") => return unusable("somebody has said no in the browser"),
            Some("expired_token") => break,
            _ => return unusable(refused(&answer, there)),
        }
    }
    unusable("nobody has agreed in time; begin again: velum login")
}

/// Exchanges a token for a newer one; `None` if the issuer does not take it any more.
pub(super) async fn refresh(
    there: &There<'_>,
    refresh_token: &str,
) -> Result<Option<Tokens>, Failed> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", refresh_token)
        .append_pair("client_id", there.client_id);
    let answer = send(&there.endpoints.token, form.finish(), there).await?;
    match answer.status {
        StatusCode::OK => tokens(&answer, there).map(Some),
        _ => Ok(None),
    }
}

/// Gives a token back, RFC 7009; false if the issuer does not take it.
pub(super) async fn revoke(there: &There<'_>, refresh_token: &str) -> bool {
    let Some(revocation) = &there.endpoints.revocation else {
        return false;
    };
    let mut form = Serializer::new(String::new());
    form.append_pair("token", refresh_token)
        .append_pair("token_type_hint", "refresh_token")
        .append_pair("client_id", there.client_id);
    let answer = send(revocation, form.finish(), there).await;
    answer.is_ok_and(|answer| answer.status == StatusCode::OK)
}

async fn send(url: &str, form: String, there: &There<'_>) -> Result<Answer, Failed> {
    let answer = post(url, form, None, there.tls).await;
    answer.map_err(|error| Failed::Unusable(format!("the issuer does not answer: {error}")))
}

fn claims(answer: &Answer, there: &There<'_>) -> Result<Claims, Failed> {
    let claims = Claims::read(&answer.body, Rejection::ClaimsNotJson);
    claims.map_err(|_| malformed(there))
}

fn text(claims: &Claims, name: &str, there: &There<'_>) -> Result<String, Failed> {
    match claims.get(name) {
        Some(Claim::Text(text)) => Ok(text.clone()),
        _ => Err(malformed(there)),
    }
}

fn malformed(there: &There<'_>) -> Failed {
    Failed::Unusable(format!("{} answers what is no answer", there.issuer))
}

fn error(answer: &Answer) -> Option<String> {
    let claims = Claims::read(&answer.body, Rejection::ClaimsNotJson).ok()?;
    match claims.get("error") {
        Some(Claim::Text(error)) => Some(error.clone()),
        _ => None,
    }
}

fn refused(answer: &Answer, there: &There<'_>) -> String {
    let error = error(answer).unwrap_or_else(|| answer.status.as_u16().to_string());
    format!(
        "{} says no: {}\n  = is `{}` a public client there that may use the device flow?",
        there.issuer,
        plain(&error),
        plain(there.client_id)
    )
}

fn tokens(answer: &Answer, there: &There<'_>) -> Result<Tokens, Failed> {
    let claims = claims(answer, there)?;
    let Ok(id_token) = text(&claims, "id_token", there) else {
        return unusable(format!("{} gives no ID token", there.issuer));
    };
    let refresh_token = match claims.get("refresh_token") {
        Some(Claim::Text(token)) => Some(Zeroizing::new(token.clone())),
        _ => None,
    };
    Ok(Tokens {
        expires_s: ends(&id_token).ok_or_else(|| malformed(there))?,
        id_token: Zeroizing::new(id_token),
        refresh_token,
    })
}

/// When a token ends, as it says itself: the API is the one to verify it.
fn ends(token: &str) -> Option<u64> {
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    let claims = Claims::read(&payload, Rejection::ClaimsNotJson).ok()?;
    match claims.get("exp") {
        Some(Claim::Whole(seconds)) => Some(*seconds),
        _ => None,
    }
}
