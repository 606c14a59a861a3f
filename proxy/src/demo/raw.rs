//! A tiny blocking PostgreSQL client that keeps every byte it received.
//!
//! The tour needs what drivers hide: the raw bytes (to look for leaks in), one statement
//! described once and executed twice, binary formats by choice, COPY as it was sent. It speaks
//! protocol 3.0 over TCP, with TLS or in clear, or over a Unix socket, and logs in with SCRAM, MD5
//! or a password.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use postgres_protocol::message::frontend;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A peer that says nothing for this long is taken for dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(120);
/// The largest frame that is believed; PostgreSQL itself stops at 1 GiB.
const FRAME_BYTES_MAX: usize = 1 << 30;

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Address {
    /// Host and port.
    Tcp(SocketAddr),
    /// The socket's path, with its file name.
    Unix(PathBuf),
}

/// Who logs in, and where to.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The role or identity.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The database.
    pub database: &'a str,
}

/// One message of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The type byte.
    pub tag: u8,
    /// What follows the length.
    pub body: Vec<u8>,
}

impl Frame {
    /// SQLSTATE and primary message of an ErrorResponse.
    pub fn error(&self) -> Option<(String, String)> {
        if self.tag != b'E' {
            return None;
        }
        let field = |code: u8| self.field(code).unwrap_or_default();
        Some((field(b'C'), field(b'M')))
    }

    /// A field of an ErrorResponse or NoticeResponse: `b'M'` message, `b'D'` detail, …
    pub fn field(&self, code: u8) -> Option<String> {
        let fields = self.body.split(|&byte| byte == 0);
        fields
            .filter_map(|field| field.split_first())
            .find(|(found, _)| **found == code)
            .map(|(_, text)| String::from_utf8_lossy(text).into_owned())
    }

    /// The cells of a DataRow; `None` inside is NULL. `None` outside: not a well-formed DataRow.
    pub fn cells(&self) -> Option<Vec<Option<&[u8]>>> {
        if self.tag != b'D' {
            return None;
        }
        let (count, mut rest) = self.body.split_first_chunk::<2>()?;
        let mut cells = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            match usize::try_from(i32::from_be_bytes(*length)) {
                Ok(length) => {
                    let (cell, after) = rest.split_at_checked(length)?;
                    cells.push(Some(cell));
                    rest = after;
                }
                Err(_negative) => cells.push(None),
            }
        }
        Some(cells)
    }
}

/// A logged-in connection.
pub struct Raw {
    stream: Stream,
    /// Everything received so far, as it came.
    received: Vec<u8>,
    /// How much of `received` has been handed out as frames.
    read_bytes: usize,
}

/// What a connection has beside its address and login.
#[derive(Clone, Default)]
pub struct Manner {
    /// TLS with a certificate for this host name, by an authority of this file.
    pub tls: Option<(String, PathBuf)>,
    /// Startup parameters beside user and database; the encoding is UTF8 if none says otherwise.
    pub parameters: Vec<(String, String)>,
    /// How long the peer may be silent; zero stands for the client's own measure.
    pub patience: Duration,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

impl Raw {
    /// Connects and logs in; returns when the server is ready for a query.
    ///
    /// # Errors
    /// Those of the socket, and a refused login with the server's words.
    pub fn connect(address: &Address, login: &Login<'_>) -> io::Result<Self> {
        Self::connect_with(address, login, &Manner::default())
    }

    /// The same in a manner of its own.
    ///
    /// # Errors
    /// As there, and those of TLS.
    pub fn connect_with(address: &Address, login: &Login<'_>, manner: &Manner) -> io::Result<Self> {
        let mut raw = Self::open(address, manner)?;
        let own = [("user", login.user), ("database", login.database)];
        let given = manner.parameters.iter();
        let given: Vec<_> = given.map(|(name, value)| (&**name, &**value)).collect();
        let usual = [
            ("client_encoding", "UTF8"),
            ("application_name", "velum demo"),
        ];
        let usual = usual
            .into_iter()
            .filter(|(name, _)| given.iter().all(|(other, _)| other != name));
        let all: Vec<_> = own.into_iter().chain(usual).chain(given.clone()).collect();
        raw.send(|buffer| frontend::startup_message(all, buffer))?;
        raw.log_in(login)?;
        Ok(raw)
    }

    /// Connects without a word of the protocol, except for TLS.
    ///
    /// # Errors
    /// Those of the socket and of TLS.
    pub fn open(address: &Address, manner: &Manner) -> io::Result<Self> {
        let patience = match manner.patience {
            Duration::ZERO => SILENCE_LIMIT,
            patience => patience,
        };
        let stream = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(patience))?;
                match &manner.tls {
                    None => Stream::Tcp(stream),
                    Some((host, file)) => Stream::Tls(Box::new(upgrade(stream, host, file)?)),
                }
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                Stream::Unix(stream)
            }
        };
        Ok(Self {
            stream,
            received: Vec::new(),
            read_bytes: 0,
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Every byte received so far.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Encodes messages with `encode` and sends them.
    ///
    /// # Errors
    /// Those of encoding and of the socket.
    pub fn send(&mut self, encode: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> io::Result<()> {
        let mut buffer = BytesMut::new();
        encode(&mut buffer)?;
        self.stream.write_all(&buffer)
    }

    /// The next message.
    ///
    /// # Errors
    /// Those of the socket, the end of the stream, or a length that cannot be.
    pub fn frame(&mut self) -> io::Result<Frame> {
        let (tag, frame_bytes) = self.header()?;
        let body = self
            .peek(frame_bytes)?
            .get(5..)
            .unwrap_or_default()
            .to_vec();
        self.read_bytes += frame_bytes;
        Ok(Frame { tag, body })
    }

    /// Sends a simple query and reads to ReadyForQuery, which is the last of the result.
    ///
    /// # Errors
    /// Those of the socket. The server's errors are frames.
    pub fn simple(&mut self, sql: &str) -> io::Result<Vec<Frame>> {
        self.send(|buffer| frontend::query(sql, buffer))?;
        self.until_ready()
    }

    /// Reads up to and including ReadyForQuery.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn until_ready(&mut self) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame()?;
            let last = frame.tag == b'Z';
            frames.push(frame);
            if last {
                return Ok(frames);
            }
        }
    }

    /// [`Self::simple`] without taking the messages apart, for results of any size.
    ///
    /// # Errors
    /// Those of the socket, and the server's error with its words.
    pub fn drain(&mut self, sql: &str) -> io::Result<()> {
        self.send(|buffer| frontend::query(sql, buffer))?;
        loop {
            let (tag, frame_bytes) = self.header()?;
            if tag == b'E' {
                return Err(refused(&self.frame()?));
            }
            self.peek(frame_bytes)?;
            self.read_bytes += frame_bytes;
            if tag == b'Z' {
                return Ok(());
            }
        }
    }

    /// Runs `COPY … FROM STDIN` with what `fill` puts into each buffer; an empty one ends it.
    ///
    /// # Errors
    /// Those of the socket, and the server's error with its words.
    pub fn copy_in(&mut self, sql: &str, mut fill: impl FnMut(&mut Vec<u8>)) -> io::Result<()> {
        self.send(|buffer| frontend::query(sql, buffer))?;
        let answer = self.frame()?;
        if answer.tag != b'G' {
            return Err(refused(&answer));
        }
        let mut data = Vec::new();
        loop {
            // The frame's header goes in front of the data, to save a copy of it.
            data.clear();
            data.extend_from_slice(&[b'd', 0, 0, 0, 0]);
            fill(&mut data);
            if data.len() == 5 {
                break;
            }
            let length = u32::try_from(data.len() - 1).map_err(io::Error::other)?;
            if let Some(place) = data.get_mut(1..5) {
                place.copy_from_slice(&length.to_be_bytes());
            }
            self.stream.write_all(&data)?;
        }
        self.send(|buffer| {
            frontend::copy_done(buffer);
            Ok(())
        })?;
        match self.until_ready()?.iter().find(|frame| frame.tag == b'E') {
            Some(error) => Err(refused(error)),
            None => Ok(()),
        }
    }

    /// Type and whole size of the next message.
    fn header(&mut self) -> io::Result<(u8, usize)> {
        let (tag, length) = match self.peek(5)? {
            [tag, a, b, c, d] => (*tag, u32::from_be_bytes([*a, *b, *c, *d])),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        usize::try_from(length)
            .ok()
            .filter(|bytes| (4..=FRAME_BYTES_MAX).contains(bytes))
            .map(|bytes| (tag, bytes + 1))
            .ok_or(io::ErrorKind::InvalidData.into())
    }

    /// The next `wanted_bytes` bytes, without taking them.
    fn peek(&mut self, wanted_bytes: usize) -> io::Result<&[u8]> {
        let end = self.read_bytes + wanted_bytes;
        while self.received.len() < end {
            let filled = self.received.len();
            // No more than what may come soon: a declared length is not believed.
            let room = (end - filled).clamp(64 * 1024, 1024 * 1024);
            self.received.resize(filled + room, 0);
            let target = self.received.get_mut(filled..).unwrap_or_default();
            let got = self.stream.read(target);
            self.received
                .truncate(filled + got.as_ref().copied().unwrap_or(0));
            if got? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.received.get(self.read_bytes..end).unwrap_or_default())
    }

    fn log_in(&mut self, login: &Login<'_>) -> io::Result<()> {
        let mut scram = None;
        loop {
            let frame = self.frame()?;
            match frame.tag {
                b'R' => self.answer(login, &frame.body, &mut scram)?,
                b'E' => return Err(refused(&frame)),
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    /// Answers one Authentication message.
    fn answer(
        &mut self,
        login: &Login<'_>,
        body: &[u8],
        scram: &mut Option<ScramSha256>,
    ) -> io::Result<()> {
        let password = login.password.as_bytes();
        let (code, rest) = body
            .split_first_chunk::<4>()
            .ok_or(io::ErrorKind::InvalidData)?;
        match (u32::from_be_bytes(*code), scram) {
            (0, _) => Ok(()),
            (3, _) => self.send(|buffer| frontend::password_message(password, buffer)),
            (5, _) => {
                let salt = rest.first_chunk::<4>().ok_or(io::ErrorKind::InvalidData)?;
                let hash = md5_hash(login.user.as_bytes(), password, *salt);
                self.send(|buffer| frontend::password_message(hash.as_bytes(), buffer))
            }
            (10, scram) => {
                let exchange = ScramSha256::new(password, ChannelBinding::unsupported());
                let first = exchange.message().to_vec();
                *scram = Some(exchange);
                let mechanism = "SCRAM-SHA-256";
                self.send(|buffer| frontend::sasl_initial_response(mechanism, &first, buffer))
            }
            (11, Some(scram)) => {
                scram.update(rest)?;
                let reply = scram.message().to_vec();
                self.send(|buffer| frontend::sasl_response(&reply, buffer))
            }
            (12, Some(scram)) => scram.finish(rest),
            (other, _) => Err(io::Error::other(format!(
                "authentication request {other} is not known"
            ))),
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = self.send(|buffer| {
            frontend::terminate(buffer);
            Ok(())
        });
    }
}

/// SSLRequest, then TLS to whom `host` names, trusting the certificates of the file `authority`.
///
/// # Errors
/// A server that does not offer TLS, or is not who it should be.
pub fn upgrade(
    mut tcp: TcpStream,
    host: &str,
    authority: &Path,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    tcp.write_all(&request)?;
    let mut answer = [0];
    tcp.read_exact(&mut answer)?;
    if answer != *b"S" {
        return Err(io::Error::other("TLS was not offered"));
    }
    encrypt(tcp, host, authority, &[])
}

/// TLS from the first byte, with these protocols offered by ALPN.
///
/// # Errors
/// As [`upgrade`]; whom the server is, is found out with the first bytes.
pub fn encrypt(
    tcp: TcpStream,
    host: &str,
    authority: &Path,
    alpn: &[&[u8]],
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).map_err(io::Error::other)? {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, tcp))
}

fn refused(frame: &Frame) -> io::Error {
    match frame.error() {
        Some((sqlstate, message)) => io::Error::other(format!("{message} (SQLSTATE {sqlstate})")),
        None => io::Error::other(format!("unexpected message {:?}", char::from(frame.tag))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(body: &[u8]) -> Frame {
        Frame {
            tag: b'D',
            body: body.to_vec(),
        }
    }

    #[test]
    fn reads_cells_and_nulls() {
        let frame = row(b"\0\x02\0\0\0\x01a\xff\xff\xff\xff");
        assert_eq!(frame.cells(), Some(vec![Some(&b"a"[..]), None]));
    }

    #[test]
    fn a_cell_longer_than_its_row_is_refused() {
        assert_eq!(row(b"\0\x01\0\0\0\x09a").cells(), None);
        assert_eq!(row(b"\0").cells(), None);
    }

    #[test]
    fn finds_error_fields() {
        let frame = Frame {
            tag: b'E',
            body: b"SERROR\0C22P02\0Mbad\0\0".to_vec(),
        };
        assert_eq!(frame.error(), Some(("22P02".to_owned(), "bad".to_owned())));
        assert_eq!(frame.field(b'D'), None);
    }
}
