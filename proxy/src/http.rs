//! One request over HTTP/1.1 with verified TLS, each on a connection of its own: no redirect is
//! followed, no proxy asked, and nothing is larger than it may be. Whoever asks bounds the time.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{HOST, HeaderMap, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::identity::place::Place;

/// Headers of an answer.
const HEADERS: usize = 100;
const HEADER_BYTES: usize = 32 * 1024;

/// What is asked.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) place: &'a Place,
    pub(crate) headers: &'a [(&'static str, &'a str)],
    pub(crate) body: Bytes,
    /// Longest body of an answer.
    pub(crate) answer_bytes: usize,
}

/// What was answered. May hold tokens, so there is no `Debug`.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Asks.
///
/// # Errors
/// Why there is no answer.
pub(crate) async fn ask(
    call: &Call<'_>,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<Answer, String> {
    let place = call.place;
    let connected = TcpStream::connect((place.host.as_str(), place.port)).await;
    let stream = connected.map_err(text)?;
    if !place.is_secure {
        return exchange(call, stream).await;
    }
    let name = ServerName::try_from(place.host.clone()).map_err(text)?;
    let connector = TlsConnector::from(Arc::clone(tls));
    let secured = connector.connect(name, stream).await;
    exchange(call, secured.map_err(text)?).await
}

async fn exchange<S>(call: &Call<'_>, stream: S) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(&call.place.path)
        .header(HOST, &call.place.authority)
        .header(USER_AGENT, "velum");
    for (name, value) in call.headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(call.body.clone())).map_err(text)?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(text)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(text)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, call.answer_bytes).collect().await;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.map_err(text)?.to_bytes(),
        })
    };
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        // The other side has closed: what it said before is the answer, or there is none.
        _closed = connection => answer.await,
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
