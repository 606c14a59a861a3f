//! Keeps the gateway's own password off the wire: a server that asks for it in clear over a
//! connection without TLS gets no answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// AuthenticationCleartextPassword: the first message of a server that wants the password, and
/// the client library gives up on a server that says anything else before.
const CLEARTEXT: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];

/// A plain connection whose first message is looked at.
pub(super) struct Guarded {
    stream: TcpStream,
    /// How many bytes so far are those of [`CLEARTEXT`]; `None` once one was not.
    matched: Option<usize>,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            matched: Some(0),
        }
    }

    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            let Some(matched) = self.matched else {
                return Ok(());
            };
            self.matched = (CLEARTEXT.get(matched) == Some(byte)).then_some(matched + 1);
            if self.matched == Some(CLEARTEXT.len()) {
                let what = "the server asks for the password in clear, without TLS";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
            }
        }
        Ok(())
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.look(fresh))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
