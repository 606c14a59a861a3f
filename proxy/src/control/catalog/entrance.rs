//! The gateway's own log-in, by the handshake of sessions: the client library is handed a
//! connection on which it has happened, and never sees the password.
//!
//! So the password is held only while it is used, bound to the channel where that can be, and never
//! sent in clear to whoever asks for it without TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;
use velum_core::bytes::{Outbox, Window};
use velum_core::limits::AUTH_MESSAGE_BYTES;
use velum_core::wire::postgres::handshake::{UpstreamConfig, UpstreamHandshake, UpstreamStep};

use super::LoadError;
use crate::relay::tls::server_end_point;

/// AuthenticationOk: what the library waits for after its StartupMessage.
const OK: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];
/// The length that a StartupMessage begins with.
const LENGTH_BYTES: usize = 4;

/// Either kind of connection, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// TLS to the database, and whom its certificate has to name.
pub(crate) struct Secured<'a> {
    pub(crate) config: &'a Arc<rustls::ClientConfig>,
    pub(crate) name: &'a str,
}

/// Logs in over `stream`.
pub(crate) async fn enter<S: Stream + 'static>(
    stream: S,
    config: UpstreamConfig,
    tls: Option<Secured<'_>>,
) -> Result<Entered, LoadError> {
    let mut nonce = [0; 18];
    getrandom::fill(&mut nonce).map_err(failed)?;
    let mut login = Login {
        handshake: UpstreamHandshake::new(config, nonce, None),
        window: Window::new(vec![0; AUTH_MESSAGE_BYTES]),
        outbox: Outbox::new(),
    };
    let mut stream = stream;
    login.handshake.start(&mut login.outbox);
    if login.run(&mut stream).await? {
        return Ok(login.entered(Box::new(stream)));
    }
    let tls = tls.ok_or_else(|| failed("TLS to the database is not configured"))?;
    let name = ServerName::try_from(tls.name.to_owned()).map_err(failed)?;
    let connector = TlsConnector::from(Arc::clone(tls.config));
    let mut stream = connector.connect(name, stream).await.map_err(failed)?;
    let certificates = stream.get_ref().1.peer_certificates();
    let leaf = certificates.and_then(|chain| chain.first());
    let end_point = leaf.and_then(|leaf| server_end_point(leaf));
    login.handshake.tls_established(end_point);
    match login.run(&mut stream).await? {
        true => Ok(login.entered(Box::new(stream))),
        false => Err(failed("the database asks for TLS twice")),
    }
}

struct Login {
    handshake: UpstreamHandshake,
    window: Window,
    outbox: Outbox,
}

impl Login {
    /// True once it is in; false where TLS is to come first.
    async fn run(&mut self, stream: &mut impl Stream) -> Result<bool, LoadError> {
        loop {
            let step = self.handshake.feed(&mut self.window, &mut self.outbox);
            stream
                .write_all(self.outbox.pending())
                .await
                .map_err(failed)?;
            stream.flush().await.map_err(failed)?;
            self.outbox.consume(self.outbox.pending().len());
            match step {
                UpstreamStep::NeedBytes => {
                    self.window.compact();
                    let spare = self.window.spare_mut();
                    if spare.is_empty() {
                        return Err(failed("a message of the log-in is too long"));
                    }
                    match stream.read(spare).await.map_err(failed)? {
                        0 => return Err(failed("the server closed the connection")),
                        n => self.window.commit(n),
                    }
                }
                UpstreamStep::StartTls => return Ok(false),
                UpstreamStep::Authenticated { .. } => return Ok(true),
                UpstreamStep::Failed(fault) => return Err(failed(fault.to_refusal().message)),
                UpstreamStep::Rejected => {
                    let reason = match self.handshake.rejected_with(&self.window) {
                        Some(code) => format!("the server answers {}", code.as_str()),
                        None => "the server refuses the log-in".to_owned(),
                    };
                    return Err(failed(reason));
                }
            }
        }
    }

    /// What the server has said since is the library's to read.
    fn entered(self, stream: Box<dyn Stream>) -> Entered {
        let mut ahead = OK.to_vec();
        ahead.extend_from_slice(self.window.unjudged());
        Entered {
            stream,
            ahead,
            read: 0,
            greeting: Vec::new(),
            greeted: false,
        }
    }
}

fn failed(reason: impl ToString) -> LoadError {
    LoadError {
        doing: super::upstream::DOING,
        reason: reason.to_string(),
    }
}

/// A connection on which the log-in is over. What its user says first, a StartupMessage, has been
/// said already and goes nowhere; what it reads first is that it may come in.
pub(crate) struct Entered {
    stream: Box<dyn Stream>,
    ahead: Vec<u8>,
    read: usize,
    /// The length of the StartupMessage and then its bytes, as far as they were written.
    greeting: Vec<u8>,
    greeted: bool,
}

impl Entered {
    /// Takes bytes of the StartupMessage; how many.
    fn swallow(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wanted = match self.greeting.first_chunk::<LENGTH_BYTES>() {
            Some(length) => u32::from_be_bytes(*length) as usize,
            None => LENGTH_BYTES,
        };
        let taken = bytes.len().min(wanted.saturating_sub(self.greeting.len()));
        if wanted > AUTH_MESSAGE_BYTES || taken == 0 {
            let what = "no StartupMessage comes first";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        self.greeting
            .extend_from_slice(bytes.get(..taken).unwrap_or_default());
        let length = self.greeting.first_chunk::<LENGTH_BYTES>();
        let length = length.map(|length| u32::from_be_bytes(*length) as usize);
        self.greeted = length == Some(self.greeting.len());
        Ok(taken)
    }
}

impl AsyncRead for Entered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ahead = self.ahead.get(self.read..).unwrap_or_default();
        if ahead.is_empty() {
            return Pin::new(&mut *self.stream).poll_read(cx, buffer);
        }
        let taken = ahead.len().min(buffer.remaining());
        buffer.put_slice(ahead.get(..taken).unwrap_or_default());
        self.read += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Entered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.greeted || bytes.is_empty() {
            return Pin::new(&mut *self.stream).poll_write(cx, bytes);
        }
        Poll::Ready(self.swallow(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}
