//! Hands a batch to a receiver, and comes back when it was taken.
//!
//! Over HTTP that is what a status of 2xx says. Syslog has no answer: each batch has a connection
//! of its own, whose sending side is closed behind it; a receiver that has read to that end closes
//! the other side. One that goes away before has not taken the batch.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::text::Batch;
use super::{Destination, Protocol};

/// Longest answer.
const ANSWER_BYTES: usize = 64 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Sends a batch; returns when it was taken. Must be called inside of a `LocalSet`.
///
/// # Errors
/// Why it was not. It may have been taken all the same.
pub async fn send(destination: &Destination, batch: &Batch) -> Result<(), String> {
    let stream = connected(destination).await?;
    match destination.protocol {
        Protocol::Syslog => syslog(stream, &batch.syslog()).await,
        Protocol::Otlp => {
            let answer = post(destination, stream, "application/json", batch, batch.otlp());
            rejected(&answer.await?)
        }
        Protocol::Https => {
            let lines = batch.lines();
            let answer = post(destination, stream, "application/x-ndjson", batch, lines);
            answer.await.map(drop)
        }
    }
}

async fn connected(destination: &Destination) -> Result<Box<dyn Stream>, String> {
    let place = &destination.place;
    let stream = TcpStream::connect((place.host.as_str(), place.port)).await;
    let stream = stream.map_err(|error| format!("connecting: {error}"))?;
    if !place.is_secure {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(place.host.clone()).map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(Arc::clone(&destination.tls));
    let secured = connector.connect(name, stream).await;
    Ok(Box::new(secured.map_err(|error| format!("TLS: {error}"))?))
}

async fn syslog(mut stream: Box<dyn Stream>, bytes: &[u8]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("sending: {error}");
    stream.write_all(bytes).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    stream.shutdown().await.map_err(failed)?;
    // A receiver has nothing to say. Its end is its answer.
    let mut answer = [0; 512];
    let mut read = 0;
    loop {
        match stream.read(&mut answer).await {
            Ok(0) => return Ok(()),
            Ok(more) => read += more,
            Err(error) => return Err(format!("the receiver has gone: {error}")),
        }
        if read > ANSWER_BYTES {
            return Err("the receiver talks".to_owned());
        }
    }
}

async fn post(
    destination: &Destination,
    stream: Box<dyn Stream>,
    content: &'static str,
    batch: &Batch,
    body: String,
) -> Result<Bytes, String> {
    let place = &destination.place;
    let mut request = Request::post(&place.path)
        .header(HOST, &place.authority)
        .header(CONTENT_TYPE, content)
        .header(USER_AGENT, "velum")
        // By which a receiver knows a batch that it has.
        .header("idempotency-key", format!("{}-{}", batch.first(), batch.last()));
    if let Some(token) = &destination.token {
        let value = [b"Bearer ", token.expose().trim_ascii()].concat();
        let value = HeaderValue::from_bytes(&value).map_err(|_| "the token is no header");
        let mut value = value?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Full::new(Bytes::from(body)));
    let request = request.map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let connection = tokio::task::spawn_local(connection);
    let answer = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| format!("sending: {error}"))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("answered {}", status.as_u16()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES)
            .collect()
            .await;
        let body = body.map_err(|error| format!("the answer: {error}"))?;
        Ok(body.to_bytes())
    };
    let answer = answer.await;
    connection.abort();
    answer
}

/// Records that a collector does not take are not delivered: somebody has to look.
fn rejected(answer: &[u8]) -> Result<(), String> {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let count = &answer["partialSuccess"]["rejectedLogRecords"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
    match count {
        None | Some(0) => Ok(()),
        Some(count) => Err(format!("the collector does not take {count} records")),
    }
}
