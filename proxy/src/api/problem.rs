//! What went wrong, as problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use velum_core::grant::Refused;

use crate::grants::Failure;
use crate::observe::{self, Field};
use crate::store::StoreError;

/// What all types begin with; the rest is a word that programs may rely on.
pub const TYPE: &str = "urn:velum:problem:";

/// When to ask again while the store cannot be reached.
const STORE_RETRY_S: u32 = 2;

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:velum:problem:` and a word.
    #[serde(rename = "type")]
    #[schema(example = "urn:velum:problem:self-approval")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hint: Option<Box<str>>,
    /// Seconds until it is worth trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// Where a browser logs in, if that would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub login: Option<Box<str>>,
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, word: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE}{word}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            retry_after_s: None,
            login: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into_boxed_str());
        self
    }

    /// A request that cannot be understood.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// A request that is understood and makes no sense.
    pub fn unprocessable(word: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, word, detail)
    }

    /// Nobody has shown who they are.
    pub fn unauthenticated(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            .with_hint("send `Authorization: Bearer velum_…` with a key that is in force")
    }

    /// They may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// There is no such thing, or not for this caller.
    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// Not with this method.
    pub fn method() -> Self {
        let detail = "this path does not take this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
    }

    /// Too often.
    pub fn rate(retry_after_s: u64) -> Self {
        let detail = "too many requests";
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail);
        problem.retry_after_s = Some(u32::try_from(retry_after_s).unwrap_or(u32::MAX));
        problem
    }

    /// It took too long; whether it happened is not known.
    pub fn timeout() -> Self {
        let detail = "the answer was not ready in time; what was asked for may still happen";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail)
            .with_hint("ask again with the same Idempotency-Key")
    }

    /// Somebody has changed it in between.
    pub fn stale() -> Self {
        let detail = "it has changed since you saw it";
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
            .with_hint("look at it again, and send the ETag that you get as If-Match")
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = match &refused {
            Refused::SelfApproval(_)
            | Refused::Conflict(_)
            | Refused::NotAnApprover
            | Refused::NotTheRequester => StatusCode::FORBIDDEN,
            Refused::State(_)
            | Refused::Twice
            | Refused::Expired
            | Refused::NotYet
            | Refused::Reviewed
            | Refused::NothingToReview
            | Refused::ReviewOverdue
            | Refused::UsedUp
            | Refused::Unreviewed(_) => StatusCode::CONFLICT,
            Refused::NoReason
            | Refused::NoRationale
            | Refused::TooLongText
            | Refused::Nameless
            | Refused::Unprintable
            | Refused::NoWindow
            | Refused::StandingWindow
            | Refused::TooLong { .. }
            | Refused::Past
            | Refused::NoBreakGlass
            | Refused::WiderScope
            | Refused::WiderWindow => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, refused.code(), refused.to_string())
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refused) => refused.into(),
            Failure::Unknown => Self::not_found("there is nothing of this name"),
            Failure::Stale { .. } | Failure::Store(StoreError::Conflict) => Self::stale(),
            Failure::Store(StoreError::OtherRequest) => {
                let detail = "the Idempotency-Key was used for another request";
                Self::unprocessable("idempotency-key-reused", detail)
                    .with_hint("draw a new key for each request")
            }
            // The log has it, once.
            Failure::Store(StoreError::Away(_)) => {
                let detail = "the gateway cannot reach its store; nothing has changed";
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-away", detail)
                    .with_hint("ask again in a moment");
                problem.retry_after_s = Some(STORE_RETRY_S);
                problem
            }
            Failure::Store(StoreError::InDoubt) => {
                let detail = "the store was lost in the middle; what was asked for may have \
                              happened";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-in-doubt", detail)
                    .with_hint("look again, or ask again with the same Idempotency-Key")
            }
            Failure::Store(error) => {
                // Its text is for whoever runs the gateway.
                observe::event("store-failed", &[("cause", Field::Cause(&error))]);
                let detail = "the gateway's store does not work; see its log";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store-failed", detail)
            }
            Failure::Closed => {
                let detail = "the gateway is going down";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "going-down", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_s;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"velum\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
