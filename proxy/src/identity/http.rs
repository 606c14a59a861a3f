//! One request to an issuer and its answer, which says where it came from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};

use super::DOCUMENT_BYTES;
use super::place::Place;
pub(crate) use crate::http::Answer;
use crate::http::{self, Call};

/// From the connection to the whole answer of a form.
const WITHIN: Duration = Duration::from_secs(5);

/// Why an issuer does not answer, or not as it should.
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
    pub(super) fn new(from: &str, reason: impl fmt::Display) -> Self {
        Self {
            from: from.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// A document that has to be there. Its caller bounds the time.
///
/// # Errors
/// Any other status than 200, and whatever keeps from an answer.
pub(crate) async fn get(url: &str, tls: &Arc<rustls::ClientConfig>) -> Result<Answer, FetchError> {
    let headers = [("accept", "application/json")];
    let answer = send(url, Method::GET, &headers, Bytes::new(), tls).await?;
    match answer.status {
        StatusCode::OK => Ok(answer),
        status => {
            let text = format!("answered {}", status.as_u16());
            Err(FetchError::new(url, text))
        }
    }
}

/// Sends a form, with an `Authorization` header if there is one to send. The answer may have any
/// status.
///
/// # Errors
/// Whatever keeps from an answer within five seconds.
pub(crate) async fn post(
    url: &str,
    form: String,
    authorization: Option<&str>,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<Answer, FetchError> {
    let form_type = "application/x-www-form-urlencoded";
    let mut headers = vec![("accept", "application/json"), ("content-type", form_type)];
    headers.extend(authorization.map(|text| ("authorization", text)));
    let sent = send(url, Method::POST, &headers, Bytes::from(form), tls);
    let answered = tokio::time::timeout(WITHIN, sent).await;
    let late = format!("no answer within {} s", WITHIN.as_secs());
    answered.unwrap_or_else(|_| Err(FetchError::new(url, late)))
}

async fn send(
    url: &str,
    method: Method,
    headers: &[(&'static str, &str)],
    body: Bytes,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<Answer, FetchError> {
    let place = Place::read(url).map_err(|error| FetchError::new(url, error))?;
    let call = Call {
        method,
        place: &place,
        headers,
        body,
        answer_bytes: DOCUMENT_BYTES,
    };
    let answered = http::ask(&call, tls).await;
    answered.map_err(|reason| FetchError::new(url, reason))
}
