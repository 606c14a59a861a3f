//! A client that keeps every byte, and sends whatever it is told to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use postgres_protocol::message::frontend;
use rustls::{ClientConnection, StreamOwned};
use velum_proxy::demo::raw;
pub use velum_proxy::demo::raw::Frame;

/// A peer that says nothing for this long is taken for dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Where and as whom.
#[derive(Clone)]
pub struct Login {
    /// On 127.0.0.1.
    pub port: u16,
    /// The identity or role.
    pub user: String,
    /// Its password.
    pub password: String,
    /// TLS, trusting this file.
    pub authority: Option<PathBuf>,
}

impl Login {
    /// Without TLS.
    pub fn plain(port: u16, user: &str, password: &str) -> Self {
        Self {
            port,
            user: user.to_owned(),
            password: password.to_owned(),
            authority: None,
        }
    }
}

trait Stream: Read + Write + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

/// A connection.
pub struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    taken: usize,
    /// From BackendKeyData: process id and key.
    pub cancel_key: (i32, Vec<u8>),
}

impl Client {
    /// Connects without a word, with TLS if `login` asks for it.
    pub fn open(login: &Login) -> io::Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", login.port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(SILENCE_LIMIT))?;
        let stream: Box<dyn Stream> = match &login.authority {
            None => Box::new(tcp),
            Some(authority) => Box::new(raw::upgrade(tcp, "localhost", authority)?),
        };
        Ok(Self {
            stream,
            received: Vec::new(),
            taken: 0,
            cancel_key: (0, Vec::new()),
        })
    }

    /// Connects and logs in.
    pub fn connect(login: &Login, database: &str) -> io::Result<Self> {
        Self::connect_with(login, database, &[])
    }

    /// The same with more startup parameters.
    pub fn connect_with(
        login: &Login,
        database: &str,
        parameters: &[(&str, &str)],
    ) -> io::Result<Self> {
        let mut client = Self::open(login)?;
        let own = [("user", login.user.as_str()), ("database", database)];
        let all: Vec<_> = own.iter().chain(parameters).copied().collect();
        client.write(|out| frontend::startup_message(all, out))?;
        client.log_in(&login.password)?;
        Ok(client)
    }

    /// Connects with TLS from the first byte, with or without the protocol's name in ALPN, and
    /// logs in.
    pub fn connect_direct(login: &Login, database: &str, alpn: bool) -> io::Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", login.port))?;
        tcp.set_read_timeout(Some(SILENCE_LIMIT))?;
        let authority = login
            .authority
            .as_ref()
            .ok_or(io::ErrorKind::InvalidInput)?;
        let names: &[&[u8]] = if alpn { &[b"postgresql"] } else { &[] };
        let stream = Box::new(raw::encrypt(tcp, "localhost", authority, names)?);
        let mut client = Self {
            stream,
            received: Vec::new(),
            taken: 0,
            cancel_key: (0, Vec::new()),
        };
        let all = [("user", login.user.as_str()), ("database", database)];
        client.write(|out| frontend::startup_message(all, out))?;
        client.log_in(&login.password)?;
        Ok(client)
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        let address = self.stream.tcp().local_addr();
        address.map_or(0, |address| address.port())
    }

    /// Every byte received so far, after TLS.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Bytes of a frame that has not come whole.
    pub fn left_over(&self) -> usize {
        self.received.len() - self.taken
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends what `encode` writes.
    pub fn write(
        &mut self,
        encode: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut out = BytesMut::new();
        encode(&mut out)?;
        self.send(&out)
    }

    /// The next message; an end of stream is `UnexpectedEof`.
    pub fn frame(&mut self) -> io::Result<Frame> {
        self.fill(5)?;
        let header = &self.received[self.taken..self.taken + 5];
        let tag = header[0];
        let length = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
        self.fill(1 + length)?;
        let body = self.received[self.taken + 5..self.taken + 1 + length].to_vec();
        self.taken += 1 + length;
        Ok(Frame { tag, body })
    }

    /// Reads to ReadyForQuery, which is the last of the result.
    pub fn until_ready(&mut self) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame()?;
            let ready = frame.tag == b'Z';
            frames.push(frame);
            if ready {
                return Ok(frames);
            }
        }
    }

    /// Reads to the end of the stream, or to a silence of `patience`.
    pub fn until_closed(&mut self, patience: Duration) -> io::Result<Vec<Frame>> {
        self.stream.tcp().set_read_timeout(Some(patience))?;
        let mut frames = Vec::new();
        loop {
            match self.frame() {
                Ok(frame) => frames.push(frame),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let open = "the connection is still open";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, open));
                }
                Err(_closed) => return Ok(frames),
            }
        }
    }

    /// A simple query to its end.
    pub fn simple(&mut self, sql: &str) -> io::Result<Vec<Frame>> {
        self.write(|out| frontend::query(sql, out))?;
        self.until_ready()
    }

    /// Parses and describes a named statement; returns its RowDescription among the frames.
    pub fn prepare(&mut self, name: &str, sql: &str) -> io::Result<Vec<Frame>> {
        self.write(|out| {
            frontend::parse(name, sql, [], out)?;
            frontend::describe(b'S', name, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        self.until_ready()
    }

    /// Binds and executes a named statement without describing anything. Formats: 0 text,
    /// 1 binary, for every column.
    pub fn execute(&mut self, name: &str, format: i16) -> io::Result<Vec<Frame>> {
        self.write(|out| {
            let none = |_: &str, _: &mut BytesMut| Ok(postgres_protocol::IsNull::Yes);
            let bound = frontend::bind("", name, [], [] as [&str; 0], none, [format], out);
            bound.map_err(|_| io::Error::other("bind"))?;
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        self.until_ready()
    }

    /// Parses a statement without a name and binds it to a portal, for text.
    pub fn open_portal(&mut self, portal: &str, sql: &str) -> io::Result<()> {
        self.write(|out| {
            let none = |_: &str, _: &mut BytesMut| Ok(postgres_protocol::IsNull::Yes);
            frontend::parse("", sql, [], out)?;
            let bound = frontend::bind(portal, "", [], [] as [&str; 0], none, [0], out);
            bound.map_err(|_| io::Error::other("bind"))
        })
    }

    /// Executes a portal for so many rows, without describing anything.
    pub fn more(&mut self, portal: &str, max_rows: i32) -> io::Result<Vec<Frame>> {
        self.write(|out| {
            frontend::execute(portal, max_rows, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        self.until_ready()
    }

    /// No more bytes will come from this side.
    pub fn shut_writing(&self) -> io::Result<()> {
        self.stream.tcp().shutdown(Shutdown::Write)
    }

    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        while self.received.len() < self.taken + wanted {
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.received.extend_from_slice(&chunk[..count]);
        }
        Ok(())
    }

    /// Answers what the server asks until it is ready.
    pub fn log_in(&mut self, password: &str) -> io::Result<()> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let frame = self.frame()?;
            match (frame.tag, frame.body.get(3)) {
                (b'R', Some(3)) => {
                    self.write(|out| frontend::password_message(password.as_bytes(), out))?;
                }
                (b'R', Some(10)) => {
                    let first = scram.message().to_vec();
                    let mechanism = "SCRAM-SHA-256";
                    self.write(|out| frontend::sasl_initial_response(mechanism, &first, out))?;
                }
                (b'R', Some(11)) => {
                    scram.update(&frame.body[4..])?;
                    let answer = scram.message().to_vec();
                    self.write(|out| frontend::sasl_response(&answer, out))?;
                }
                (b'R', Some(12)) => scram.finish(&frame.body[4..])?,
                (b'K', _) => {
                    let (pid, key) = frame.body.split_first_chunk().expect("a process id");
                    self.cancel_key = (i32::from_be_bytes(*pid), key.to_vec());
                }
                (b'E', _) => {
                    let (code, message) = frame.error().unwrap_or_default();
                    return Err(io::Error::other(format!("{code}: {message}")));
                }
                (b'Z', _) => return Ok(()),
                _ => {}
            }
        }
    }
}

/// SQLSTATE of the first ErrorResponse.
pub fn error_code(frames: &[Frame]) -> Option<String> {
    frames.iter().find_map(Frame::error).map(|(code, _)| code)
}

/// The rows' cells.
pub fn rows(frames: &[Frame]) -> Vec<Vec<Option<Vec<u8>>>> {
    let cells = frames.iter().filter_map(Frame::cells);
    cells
        .map(|row| {
            row.into_iter()
                .map(|cell| cell.map(<[u8]>::to_vec))
                .collect()
        })
        .collect()
}

/// A frame as it goes over the wire.
pub fn frame_bytes(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}
