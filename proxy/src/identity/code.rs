//! The authorization code flow with PKCE, as a client of an issuer: RFC 6749 section 4.1, RFC 7636,
//! RFC 9700, OpenID Connect Core section 3.1.
//!
//! ```text
//!  browser ─▶ authorization_url ─▶ issuer ─▶ browser ─▶ code
//!                                   Proof ◀─ check ─ ID token ◀─ redeem ─┘
//! ```

use std::fmt;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use form_urlencoded::Serializer;
use hyper::StatusCode;
use sha2::{Digest, Sha256};
use velum_core::identity::claims::{Claim, Claims};
use velum_core::identity::{Assertion, Rejection};
use velum_core::time::Timestamp;
use zeroize::Zeroizing;

use super::endpoints::{Endpoints, SecretBy};
use super::http::post;
use crate::config::model::IssuerLogin;

const SECOND_NS: u64 = 1_000_000_000;
/// Longest name of a context or a method, and methods that are kept.
const METHOD_BYTES: usize = 256;
const METHODS: usize = 16;

/// A text that nobody can guess: 256 bits, as 43 letters of base64url.
///
/// # Errors
/// When the system gives no random bytes.
pub fn random() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*bytes)))
}

/// What a browser is sent to the issuer with.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// Who asks.
    pub login: &'a IssuerLogin,
    /// Where the browser comes back to.
    pub redirect: &'a str,
    /// What it brings back.
    pub state: &'a str,
    /// What the ID token has to hold.
    pub nonce: &'a str,
    /// What shows that whoever redeems the code has asked for it.
    pub verifier: &'a str,
    /// People show who they are again if they did so longer ago, in seconds.
    pub max_age_s: u64,
    /// They do so in any case.
    pub is_fresh: bool,
    /// Contexts of which one is wanted; empty: any.
    pub acr: &'a [String],
}

/// Where a browser goes to log in.
pub fn authorization_url(endpoint: &str, asking: &Asking<'_>) -> String {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(asking.verifier));
    let mut query = Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &asking.login.client_id)
        .append_pair("redirect_uri", asking.redirect)
        .append_pair("scope", &asking.login.scope)
        .append_pair("state", asking.state)
        .append_pair("nonce", asking.nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if asking.is_fresh {
        query
            .append_pair("prompt", "login")
            .append_pair("max_age", "0");
        if !asking.acr.is_empty() {
            query.append_pair("acr_values", &asking.acr.join(" "));
        }
    } else {
        query.append_pair("max_age", &asking.max_age_s.to_string());
    }
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{separator}{}", query.finish())
}

macro_rules! unredeemed {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// Why a code gives nobody. For records alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Unredeemed {
            /// The ID token is refused.
            Token(Rejection),
            $($(#[$doc])* $name,)+
        }

        impl Unredeemed {
            /// What a record says.
            pub fn as_str(self) -> &'static str {
                match self {
                    Unredeemed::Token(rejection) => rejection.as_str(),
                    $(Unredeemed::$name => $text,)+
                }
            }
        }
    };
}

unredeemed! {
    /// No answer, or none with a status that means something.
    Unreachable => "the issuer does not exchange codes: it cannot be reached, or failed",
    /// Used before, too old, of another client, or by another verifier.
    CodeRefused => "the issuer does not take the code: it was used, is too old or another's",
    /// `invalid_client`
    ClientRefused => "the issuer does not take the gateway's own client id and secret",
    /// No JSON, or two meanings.
    AnswerInvalid => "the issuer's answer to the code is malformed",
    /// No `id_token`.
    IdTokenMissing => "the issuer's answer to the code has no ID token",
    /// It would be anybody's.
    NonceMissing => "the ID token has no nonce",
    /// It is of another log-in.
    NonceOther => "the ID token is of another log-in: its nonce is",
    /// `azp`, OpenID Connect Core section 3.1.3.7.
    PartyOther => "the ID token was given to another client",
    /// Several audiences, and none that it was given to.
    PartyMissing => "the ID token has several audiences and does not say whom it was given to",
    /// It was asked for.
    AuthTimeMissing => "the ID token does not say when they showed who they are",
    /// No whole number, or to come.
    AuthTimeInvalid => "the time at which they showed who they are is invalid",
    /// Before what was asked for.
    AuthTimeOld => "they showed who they are too long ago",
    /// Neither a text nor texts.
    MethodInvalid => "the ID token's amr or acr is invalid",
}

impl fmt::Display for Unredeemed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Exchanges a code for an ID token, which nobody has verified yet. `proven` are code, verifier and
/// redirect.
///
/// # Errors
/// Where the issuer cannot be asked, says no or gives none.
pub(crate) async fn redeem(
    endpoints: &Endpoints,
    login: &IssuerLogin,
    proven: (&str, &str, &str),
    tls: &Arc<rustls::ClientConfig>,
) -> Result<Zeroizing<String>, Unredeemed> {
    let (form, authorization) = form(endpoints, login, proven);
    let header = authorization.as_ref().map(|it| it.as_str());
    let answer = post(&endpoints.token, form, header, tls).await;
    let answer = answer.map_err(|_| Unredeemed::Unreachable)?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST => return Err(Unredeemed::CodeRefused),
        StatusCode::UNAUTHORIZED => return Err(Unredeemed::ClientRefused),
        _ => return Err(Unredeemed::Unreachable),
    }
    let claims = Claims::read(&answer.body, Rejection::ClaimsNotJson);
    let claims = claims.map_err(|_| Unredeemed::AnswerInvalid)?;
    match claims.get("id_token") {
        Some(Claim::Text(token)) => Ok(Zeroizing::new(token.clone())),
        Some(_) => Err(Unredeemed::AnswerInvalid),
        None => Err(Unredeemed::IdTokenMissing),
    }
}

/// What is sent for a code, and the `Authorization` header beside it.
fn form(
    endpoints: &Endpoints,
    login: &IssuerLogin,
    (code, verifier, redirect): (&str, &str, &str),
) -> (String, Option<Zeroizing<String>>) {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", redirect)
        .append_pair("code_verifier", verifier);
    let mut authorization = None;
    match &login.client_secret {
        Some(secret) if endpoints.secret_by == SecretBy::Header => {
            authorization = Some(basic(&login.client_id, secret.expose()));
        }
        Some(secret) => {
            let secret = String::from_utf8_lossy(secret.expose());
            form.append_pair("client_id", &login.client_id)
                .append_pair("client_secret", &secret);
        }
        None => {
            form.append_pair("client_id", &login.client_id);
        }
    }
    (form.finish(), authorization)
}

/// RFC 6749 section 2.3.1: both parts are encoded as in a form first.
fn basic(id: &str, secret: &[u8]) -> Zeroizing<String> {
    let encode = |bytes| form_urlencoded::byte_serialize(bytes).collect::<String>();
    let id = encode(id.as_bytes());
    let pair = Zeroizing::new(format!("{id}:{}", *Zeroizing::new(encode(secret))));
    Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())))
}

/// How and when somebody has shown who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Proof {
    /// When, in seconds since the Unix epoch; `None`: the issuer does not say.
    pub at_s: Option<u64>,
    /// By which methods, RFC 8176.
    pub amr: Vec<String>,
    /// In which context.
    pub acr: Option<String>,
}

impl Proof {
    /// What a token says of it.
    ///
    /// # Errors
    /// A claim that is no such.
    pub fn of(claims: &Claims) -> Result<Self, Unredeemed> {
        let at_s = match claims.get("auth_time") {
            None => None,
            Some(Claim::Whole(seconds)) => Some(*seconds),
            Some(_) => return Err(Unredeemed::AuthTimeInvalid),
        };
        let text = |claim: &Claim| match claim {
            Claim::Text(text) if text.len() <= METHOD_BYTES => Ok(text.clone()),
            _ => Err(Unredeemed::MethodInvalid),
        };
        let amr = match claims.get("amr") {
            None => Vec::new(),
            Some(Claim::List(items)) if items.len() <= METHODS => {
                items.iter().map(text).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(Unredeemed::MethodInvalid),
        };
        let acr = claims.get("acr").map(text).transpose()?;
        Ok(Self { at_s, amr, acr })
    }
}

/// What an ID token is held to, besides what every token is.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Whom it has to be given to.
    pub client_id: &'a str,
    /// What was sent with the browser.
    pub nonce: &'a str,
    /// When the browser was sent.
    pub begun: Timestamp,
    /// They were asked to show who they are again.
    pub is_fresh: bool,
    /// Else they had to have done so this long before, in seconds, at most.
    pub max_age_s: u64,
    /// How far clocks may be apart.
    pub clock_skew_ms: u64,
    /// Now.
    pub now: Timestamp,
}

/// Holds a verified ID token to the log-in that it is of: OpenID Connect Core section 3.1.3.7.
///
/// # Errors
/// What does not fit.
pub fn check(assertion: &Assertion, wanted: &Wanted<'_>) -> Result<Proof, Unredeemed> {
    match assertion.claims.get("nonce") {
        None => return Err(Unredeemed::NonceMissing),
        Some(Claim::Text(nonce)) if nonce == wanted.nonce => {}
        Some(_) => return Err(Unredeemed::NonceOther),
    }
    match assertion.claims.get("azp") {
        Some(Claim::Text(party)) if party == wanted.client_id => {}
        Some(_) => return Err(Unredeemed::PartyOther),
        None if assertion.audience.len() > 1 => return Err(Unredeemed::PartyMissing),
        None => {}
    }
    let proof = Proof::of(&assertion.claims)?;
    let skew_s = wanted.clock_skew_ms.div_ceil(1_000);
    let (begun_s, now_s) = (wanted.begun.0 / SECOND_NS, wanted.now.0 / SECOND_NS);
    let earliest_s = match wanted.is_fresh {
        true => begun_s,
        false => begun_s.saturating_sub(wanted.max_age_s),
    };
    match proof.at_s {
        None if wanted.is_fresh => Err(Unredeemed::AuthTimeMissing),
        Some(at_s) if at_s > now_s.saturating_add(skew_s) => Err(Unredeemed::AuthTimeInvalid),
        Some(at_s) if at_s.saturating_add(skew_s) < earliest_s => Err(Unredeemed::AuthTimeOld),
        _ => Ok(proof),
    }
}

#[cfg(test)]
mod tests;
