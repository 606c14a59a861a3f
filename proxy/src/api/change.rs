//! Requests that change something: JSON in, once, only to the version that was seen.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use velum_core::time::Timestamp;

use super::Api;
use super::auth::authenticate;
use super::principal::Principal;
use super::problem::Problem;
use crate::grants::Failure;
use crate::grants::desk::Happened;
use crate::store::Tx;
use crate::store::idempotency::{Attempt, Kept};

/// Header of a request that is to happen once.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Says that an answer was given before.
const REPLAYED: &str = "idempotency-replayed";
/// Longest key.
const KEY_BYTES: usize = 128;
/// How long an answer is kept.
const KEPT_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// A request that changes something, by a caller who is known.
pub(super) struct Change {
    pub(super) principal: Principal,
    body: Bytes,
    attempt: Option<Attempt>,
    /// Of If-Match.
    pub(super) version: Option<u64>,
}

impl FromRequest<Arc<Api>> for Change {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        // Nobody's body is read before they are known.
        let principal = authenticate(&parts, api).await?;
        is_json(&parts.headers)?;
        let version = if_match(&parts.headers)?;
        let key = idempotency_key(&parts.headers)?;
        let head = parts.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), api).await;
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = "the body is longer than `api.body_bytes`";
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
            }
            _ => Problem::bad("the body cannot be read"),
        })?;
        let attempt = key.map(|key| Attempt {
            caller: principal.caller.clone(),
            key,
            request_sha256: fingerprint(&head, &body),
        });
        Ok(Self {
            principal,
            body,
            attempt,
            version,
        })
    }
}

impl Change {
    /// The body.
    ///
    /// # Errors
    /// Where it is not what it should be; what stands there is not repeated.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let what = match error.classify() {
                serde_json::error::Category::Data => format!("{error}"),
                _ => format!("the body is no JSON document ({place})"),
            };
            Problem::unprocessable("body-malformed", what)
                .with_hint("see /api/v1/openapi.json for what it takes")
        })
    }

    /// Does it, or gives the answer that it got before.
    ///
    /// # Errors
    /// Those of `job`; nothing has changed then.
    pub(super) async fn run(
        self,
        api: &Api,
        status: StatusCode,
        job: impl FnOnce(&Tx<'_>, Timestamp) -> Result<(Shown, Happened), Failure> + Send + 'static,
    ) -> Result<Answer, Problem> {
        let attempt = self.attempt;
        let changed = api.desk.change(move |tx, now| {
            if let Some(attempt) = &attempt {
                if let Some(kept) = tx.kept(attempt)? {
                    return Ok((Answer::replayed(kept), Happened::default()));
                }
                tx.forget_before(Timestamp(now.0.saturating_sub(KEPT_NS)))?;
            }
            let (shown, happened) = job(tx, now)?;
            let kept = Kept {
                status: status.as_u16(),
                version: shown.version,
                body: shown.body,
            };
            if let Some(attempt) = &attempt {
                tx.keep(attempt, &kept, now)?;
            }
            Ok((Answer::new(kept), happened))
        });
        Ok(changed.await?)
    }
}

/// What a change shows of what became of it.
pub(super) struct Shown {
    /// A JSON document without secrets.
    pub(super) body: String,
    /// For the ETag.
    pub(super) version: Option<u64>,
}

impl Shown {
    pub(super) fn new(view: &impl serde::Serialize, version: u64) -> Result<Self, Failure> {
        let body = serde_json::to_string(view).map_err(crate::store::StoreError::from)?;
        Ok(Self {
            body,
            version: Some(version),
        })
    }
}

/// The answer to a change.
pub(super) struct Answer {
    pub(super) kept: Kept,
    pub(super) is_replayed: bool,
}

impl Answer {
    fn new(kept: Kept) -> Self {
        Self {
            kept,
            is_replayed: false,
        }
    }

    fn replayed(kept: Kept) -> Self {
        Self {
            kept,
            is_replayed: true,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kept.status).unwrap_or(StatusCode::OK);
        let mut response = (status, self.kept.body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(version) = self.kept.version {
            headers.insert(header::ETAG, etag(version));
        }
        if self.is_replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// The ETag of a version.
pub(super) fn etag(version: u64) -> HeaderValue {
    let text = format!("\"{version}\"");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The version that If-Match names. An ETag that no version has matches none.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let version = inner.and_then(|inner| inner.parse().ok());
    version.map(Some).ok_or_else(Problem::stale)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let is_key =
        (1..=KEY_BYTES).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
    match is_key {
        true => Ok(Some(text.to_owned())),
        false => Err(Problem::bad(format!(
            "Idempotency-Key has 1 to {KEY_BYTES} visible characters of ASCII"
        ))),
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let kind = kind.and_then(|text| text.split(';').next()).map(str::trim);
    match kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        true => Ok(()),
        false => {
            let detail = "the body has to be application/json";
            Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                detail,
            ))
        }
    }
}

fn fingerprint(head: &Parts, body: &[u8]) -> [u8; 32] {
    let digest = Sha256::new()
        .chain_update(head.method.as_str())
        .chain_update([0])
        .chain_update(head.uri.path())
        .chain_update([0])
        .chain_update(
            head.headers
                .get(header::IF_MATCH)
                .map_or(&[][..], |it| it.as_bytes()),
        )
        .chain_update([0])
        .chain_update(body);
    digest.finalize().into()
}
