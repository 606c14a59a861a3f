//! A gateway without its control thread, an upstream that speaks just enough PostgreSQL, and a
//! client that sees every byte.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use socket2::{Domain, Type};
use velum_core::audit::token::TokenKey;
use velum_core::catalog::Catalog;
use velum_core::policy::Policy;
use velum_core::wire::postgres::handshake::{Account, Credential};
use velum_detectors::Detectors;
use velum_proxy::config::Secret;
use velum_proxy::config::model::Credential::Known;
use velum_proxy::credentials::LoginSlot;
use velum_proxy::demo::cluster::Authority;
use velum_proxy::drive::{Choice, DataPlane};
use velum_proxy::planes::{
    ControlRequest, DatabaseMapping, Limits, ListenerSnapshot, ListenerTls, Loaded,
    ResourceSnapshot, Shared, Snapshot, UpstreamAddress, UpstreamTls, UpstreamUser,
};
use zeroize::Zeroizing;

/// What no test should ever take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a test may want different.
pub struct Setup {
    pub driver: Choice,
    pub threads: usize,
    pub limits: Limits,
    pub upstream: SocketAddr,
    pub upstream_tls: Option<UpstreamTls>,
    pub tls: Option<ListenerTls>,
    pub user: UpstreamUser,
    pub password: Option<String>,
    pub policy: Policy,
    /// Audit batches are taken and made durable.
    pub audit: bool,
}

impl Setup {
    pub fn new(driver: Choice, upstream: SocketAddr) -> Self {
        Self {
            driver,
            threads: 2,
            limits: Limits::default(),
            upstream,
            upstream_tls: None,
            tls: None,
            user: UpstreamUser::Pass,
            password: None,
            policy: Policy::exempt(),
            audit: true,
        }
    }
}

/// A running data plane.
pub struct Gateway {
    pub shared: Arc<Shared>,
    pub address: SocketAddr,
    plane: Option<DataPlane>,
    control: Vec<JoinHandle<()>>,
    /// Lets the audit go on, if it was held.
    pub audit: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Gateway {
    pub fn start(setup: Setup) -> Self {
        Self::start_at(setup, "127.0.0.1:0".parse().unwrap())
    }

    pub fn start_at(setup: Setup, address: SocketAddr) -> Self {
        let (shared, mut receivers) =
            Shared::new(snapshot(&setup, address), setup.threads).unwrap();
        let audit = Arc::new(AtomicBool::new(setup.audit));
        let stop = Arc::new(AtomicBool::new(false));
        let batches = std::thread::spawn({
            let (shared, audit, stop) =
                (Arc::clone(&shared), Arc::clone(&audit), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::SeqCst) {
                    if !audit.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(1));
                        continue;
                    }
                    match receivers.batches.try_recv() {
                        Ok(batch) => {
                            let thread = &shared.threads[batch.thread];
                            thread.durable.advance(batch.last_sequence);
                            thread.wake.signal();
                        }
                        Err(_) => std::thread::sleep(Duration::from_millis(1)),
                    }
                }
            }
        });
        let requests = std::thread::spawn({
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::SeqCst) {
                    match receivers.requests.try_recv() {
                        Ok(ControlRequest::Catalog { slot, .. }) => {
                            slot.begin();
                            let epoch = slot.ended() + 1;
                            slot.finish(Loaded::New(Arc::new(Catalog {
                                epoch,
                                ..Catalog::default()
                            })));
                            shared.wake_all();
                        }
                        Ok(ControlRequest::Keys { .. }) => panic!("nobody shows a token here"),
                        Ok(ControlRequest::KeyUsed { .. } | ControlRequest::Grant(_)) => {
                            panic!("no identity of these tests needs a grant")
                        }
                        Err(_) => std::thread::sleep(Duration::from_millis(1)),
                    }
                }
            }
        });
        let plane = DataPlane::start(&shared, setup.driver).unwrap();
        let address = plane.addresses()[0];
        let control = vec![batches, requests];
        Self {
            shared,
            address,
            plane: Some(plane),
            control,
            audit,
            stop,
        }
    }

    /// Drains and waits for the threads.
    pub fn stop(&mut self) {
        if let Some(plane) = self.plane.take() {
            plane.drain();
            plane.join().unwrap();
        }
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.control.drain(..) {
            thread.join().unwrap();
        }
    }

    pub fn sessions(&self) -> usize {
        self.shared.counters.sessions.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.shared.counters.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

fn snapshot(setup: &Setup, address: SocketAddr) -> Snapshot {
    let policy = Arc::new(setup.policy.clone());
    let password = setup.password.clone();
    let password = password.map(|text| Known(Secret::new(text.into_bytes(), "a test")));
    let login = LoginSlot::new(password.as_ref()).expect("a sealed password");
    let resource = ResourceSnapshot {
        name: "db".into(),
        address: UpstreamAddress::Tcp {
            host: "127.0.0.1".into(),
            port: setup.upstream.port(),
            resolved: ArcSwap::from_pointee(vec![setup.upstream]),
        },
        tls: setup.upstream_tls.clone(),
        database: DatabaseMapping::Pass,
        user: setup.user.clone(),
        login: Arc::new(login),
        parameters: Vec::new(),
        policies: HashMap::from([("app".to_owned(), policy)]),
        grants: HashMap::new(),
        recorded: HashMap::new(),
        checks_statements: false,
        stamps_identity: false,
        reuse: None,
        connections_most: None,
        room: Arc::default(),
        catalogs: Default::default(),
        detectors: HashMap::from([("app".to_owned(), Arc::new(Detectors::standard()))]),
    };
    let account = Account {
        name: "app".to_owned(),
        credential: Credential::Trust,
    };
    Snapshot {
        epoch: 1,
        listeners: vec![ListenerSnapshot {
            address,
            tls: setup.tls.clone(),
            tokens_in_clear: false,
        }],
        issuers: Default::default(),
        exchanges: Vec::new(),
        accounts: HashMap::from([("app".to_owned(), account)]),
        resources: HashMap::from([("db".to_owned(), Arc::new(resource))]),
        limits: setup.limits.clone(),
        tokens: Arc::new(TokenKey::new(&[7; 32])),
        mock_secret: Zeroizing::new([3; 32]),
    }
}

/// A frame.
pub fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Query
pub fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &[sql.as_bytes(), &[0]].concat())
}

/// A DataRow with one cell.
pub fn row(cell: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend_from_slice(&(cell.len() as u32).to_be_bytes());
    body.extend_from_slice(cell);
    frame(b'D', &body)
}

/// RowDescription of one computed text column.
pub fn description() -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend_from_slice(b"note\0");
    body.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    body.extend_from_slice(&25u32.to_be_bytes());
    body.extend_from_slice(&(-1i16).to_be_bytes());
    body.extend_from_slice(&(-1i32).to_be_bytes());
    body.extend_from_slice(&[0, 0]);
    frame(b'T', &body)
}

/// The startup message of user `app` for database `db`.
pub fn startup() -> Vec<u8> {
    let mut body = (3u32 << 16).to_be_bytes().to_vec();
    body.extend_from_slice(b"user\0app\0database\0db\0\0");
    let mut bytes = (body.len() as u32 + 4).to_be_bytes().to_vec();
    bytes.extend_from_slice(&body);
    bytes
}

/// TLS of a listener whose certificate `authority` has signed.
pub fn listener_tls(authority: &Authority) -> ListenerTls {
    let signed = authority.server().unwrap();
    let certificate = CertificateDer::from_pem_slice(signed.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signed.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    ListenerTls {
        config: Arc::new(config),
        server_end_point: None,
        required: true,
        trust_domain: None,
    }
}

/// A client connection.
pub struct Client<S = TcpStream> {
    pub stream: S,
    /// Process id and key of BackendKeyData.
    pub key: Vec<u8>,
}

impl Client {
    /// Logs in.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Self::log_in(stream)
    }
}

impl Client<StreamOwned<ClientConnection, TcpStream>> {
    /// Logs in over TLS. Its kernel takes `room_bytes` before the gateway's has to wait.
    pub fn connect_tls(
        address: SocketAddr,
        authority: &Authority,
        room_bytes: usize,
    ) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(room_bytes)?;
        socket.connect(&address.into())?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?; // SSLRequest
        stream.read_exact(&mut [0])?;
        let mut roots = RootCertStore::empty();
        let pem = authority.certificate_pem();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::log_in(StreamOwned::new(connection, stream))
    }
}

impl<S: Read + Write> Client<S> {
    fn log_in(stream: S) -> io::Result<Self> {
        let mut client = Self {
            stream,
            key: Vec::new(),
        };
        client.send(&startup())?;
        loop {
            let (tag, body) = client.frame()?;
            match tag {
                b'K' => client.key = body,
                b'Z' => return Ok(client),
                b'E' => {
                    return Err(io::Error::other(
                        String::from_utf8_lossy(&body).into_owned(),
                    ));
                }
                _ => {}
            }
        }
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut header = [0; 5];
        self.stream.read_exact(&mut header)?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body)?;
        Ok((header[0], body))
    }

    /// Frames up to and with the first of `tag`.
    pub fn until(&mut self, tag: u8) -> io::Result<Vec<(u8, Vec<u8>)>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame()?;
            let last = frame.0 == tag;
            frames.push(frame);
            if last {
                return Ok(frames);
            }
        }
    }
}

/// What an upstream does with a query's text. The stream is its connection.
pub type Answer = Arc<dyn Fn(&str, &mut TcpStream) -> io::Result<()> + Send + Sync>;

/// An upstream that speaks just enough PostgreSQL, a thread for each connection.
pub struct Upstream {
    pub address: SocketAddr,
    /// Sessions that are connected now.
    pub sessions: Arc<AtomicUsize>,
    /// Cancel requests with the right key.
    pub cancels: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

/// The key that every fake backend has.
const KEY: [u8; 4] = [9, 8, 7, 6];

impl Upstream {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sessions = Arc::new(AtomicUsize::new(0));
        let cancels = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let upstream = Self {
            address,
            sessions,
            cancels,
            stop,
        };
        let (sessions, cancels, stop) = (
            Arc::clone(&upstream.sessions),
            Arc::clone(&upstream.cancels),
            Arc::clone(&upstream.stop),
        );
        std::thread::spawn(move || {
            for (process_id, stream) in (1_001u32..).zip(listener.incoming()) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (answer, sessions) = (Arc::clone(&answer), Arc::clone(&sessions));
                let cancels = Arc::clone(&cancels);
                let backend = move || {
                    sessions.fetch_add(1, Ordering::SeqCst);
                    let _ends_with_the_peer = serve(stream, process_id, &answer, &cancels);
                    sessions.fetch_sub(1, Ordering::SeqCst);
                };
                std::thread::Builder::new()
                    .stack_size(128 * 1024)
                    .spawn(backend)
                    .unwrap();
            }
        });
        upstream
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _wakes_the_accept = TcpStream::connect(self.address);
    }
}

fn serve(
    mut stream: TcpStream,
    process_id: u32,
    answer: &Answer,
    cancels: &AtomicUsize,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body)?;
    if body.starts_with(&80_877_102u32.to_be_bytes()) {
        cancels.fetch_add(usize::from(body.ends_with(&KEY)), Ordering::SeqCst);
        return Ok(());
    }
    let mut hello = frame(b'R', &[0; 4]);
    hello.extend(frame(b'S', b"client_encoding\0UTF8\0"));
    hello.extend(frame(b'K', &[&process_id.to_be_bytes()[..], &KEY].concat()));
    hello.extend(frame(b'Z', b"I"));
    stream.write_all(&hello)?;
    loop {
        let mut header = [0; 5];
        stream.read_exact(&mut header)?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let mut body = vec![0; length - 4];
        stream.read_exact(&mut body)?;
        match header[0] {
            b'Q' => {
                let text = String::from_utf8_lossy(&body[..body.len() - 1]).into_owned();
                answer(&text, &mut stream)?;
            }
            _ => return Ok(()),
        }
    }
}

/// Answers `select 1` and the like with one row.
pub fn one_row(_: &str, stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = description();
    bytes.extend(row(b"one"));
    bytes.extend(frame(b'C', b"SELECT 1\0"));
    bytes.extend(frame(b'Z', b"I"));
    stream.write_all(&bytes)
}

/// Waits until `met`, or fails.
pub fn wait_until(what: &str, mut met: impl FnMut() -> bool) {
    let began = Instant::now();
    while !met() {
        assert!(began.elapsed() < PATIENCE, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Resident memory of this process in bytes.
pub fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        * 4_096
}

/// Closes with a reset.
pub fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// Ends the sending half.
pub fn half_close(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}
