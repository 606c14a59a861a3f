//! One request to an issuer and its answer, on a connection of its own: no redirect is followed, no
//! proxy asked, and nothing is larger or takes longer than it may.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::DOCUMENT_BYTES;
use super::place::Place;

/// From the connection to the whole answer of a form.
const WITHIN: Duration = Duration::from_secs(5);
/// Headers of an answer.
const HEADERS: usize = 100;
const HEADER_BYTES: usize = 32 * 1024;

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

/// An answer. May hold tokens, so there is no `Debug`.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A document that has to be there. Its caller bounds the time.
///
/// # Errors
/// Any other status than 200, and whatever keeps from an answer.
pub(crate) async fn get(url: &str, tls: &Arc<rustls::ClientConfig>) -> Result<Answer, FetchError> {
    let request = Request::get(path(url)?).header(ACCEPT, "application/json");
    let answer = send(url, request, Bytes::new(), tls).await?;
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
    let mut request = Request::post(path(url)?)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let sent = send(url, request, Bytes::from(form), tls);
    let answered = tokio::time::timeout(WITHIN, sent).await;
    let late = format!("no answer within {} s", WITHIN.as_secs());
    answered.unwrap_or_else(|_| Err(FetchError::new(url, late)))
}

fn path(url: &str) -> Result<String, FetchError> {
    let place = Place::read(url).map_err(|error| FetchError::new(url, error))?;
    Ok(place.path)
}

async fn send(
    url: &str,
    request: hyper::http::request::Builder,
    body: Bytes,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<Answer, FetchError> {
    let failed = |reason: &dyn fmt::Display| FetchError::new(url, reason);
    let place = Place::read(url).map_err(|error| failed(&error))?;
    let request = request
        .header(HOST, &place.authority)
        .header(USER_AGENT, "velum")
        .body(Full::new(body))
        .map_err(|error| failed(&error))?;
    let connected = TcpStream::connect((place.host.as_str(), place.port)).await;
    let stream = connected.map_err(|error| failed(&error))?;
    if !place.is_secure {
        return exchange(url, request, stream).await;
    }
    let name = ServerName::try_from(place.host.clone()).map_err(|error| failed(&error))?;
    let connector = TlsConnector::from(Arc::clone(tls));
    let secured = connector.connect(name, stream).await;
    exchange(url, request, secured.map_err(|error| failed(&error))?).await
}

async fn exchange<S>(
    url: &str,
    request: Request<Full<Bytes>>,
    stream: S,
) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |reason: &dyn fmt::Display| FetchError::new(url, reason);
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    // It ends with the request; a fault of it is the answer's.
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| failed(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, DOCUMENT_BYTES).collect().await;
        let body = body.map_err(|error| failed(&error))?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    };
    let answer = answer.await;
    connection.abort();
    answer
}
