//! One `velum serve` with its folder, log and audit directory.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use velum_proxy::demo::cluster::{Authority, Signed};

use super::client::{Client, Login};
use super::clinic;

/// A gateway on a loaded machine needs a second or two, never this long.
const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(40);

/// A data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// io_uring
    IoUring,
    /// epoll
    Epoll,
}

impl Driver {
    /// Both; `VELUM_TEST_DRIVERS=epoll` leaves io_uring out where a container forbids it, and
    /// `none` leaves only what runs without a gateway.
    pub fn under_test() -> &'static [Driver] {
        match std::env::var("VELUM_TEST_DRIVERS").as_deref() {
            Ok("none") => &[],
            Ok("epoll") => &[Driver::Epoll],
            Ok("io_uring") => &[Driver::IoUring],
            _ => &[Driver::IoUring, Driver::Epoll],
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Driver::IoUring => "io_uring",
            Driver::Epoll => "epoll",
        })
    }
}

/// How a gateway reaches its database.
#[derive(Clone)]
pub struct UpstreamRole {
    /// On 127.0.0.1.
    pub port: u16,
    /// `*` passes the client's on.
    pub database: String,
    /// `*` passes the client's on.
    pub user: String,
    /// The role's.
    pub password: String,
}

/// What a gateway is to be.
pub struct Setup {
    /// Which data plane.
    pub driver: Driver,
    /// Where the database is.
    pub upstream: UpstreamRole,
    /// Identities and policies, as the configuration's TOML.
    pub rules: String,
    /// More lines of the `[limits]` section.
    pub limits: String,
    /// More lines of the `[[listener]]` section.
    pub listener: String,
    /// What logs in at the database: a value of its `[[resource]]`.
    pub credential: String,
    /// How TLS to the database is done: lines of its `[[resource]]`.
    pub upstream_tls: String,
    /// Clients may show certificates by the gateway's own authority.
    pub client_certificates: bool,
    /// Data threads.
    pub threads: usize,
    /// Whose workloads those certificates may name.
    pub trust_domain: Option<String>,
}

impl Setup {
    /// The clinic's identities and policies.
    pub fn clinic(driver: Driver, upstream: UpstreamRole) -> Self {
        Self::new(driver, upstream, clinic::rules())
    }

    /// These identities and policies, no TLS to the database.
    pub fn new(driver: Driver, upstream: UpstreamRole, rules: String) -> Self {
        Self {
            driver,
            upstream,
            rules,
            limits: String::new(),
            listener: String::new(),
            credential: "{ file = \"upstream.password\" }".to_owned(),
            upstream_tls: "tls_mode = \"disable\"".to_owned(),
            client_certificates: false,
            threads: 2,
            trust_domain: None,
        }
    }

    fn to_toml(&self, port: u16) -> String {
        let Self {
            driver,
            upstream,
            rules,
            limits,
            listener,
            credential,
            upstream_tls,
            client_certificates,
            threads,
            trust_domain,
        } = self;
        let mut client_ca = match client_certificates {
            true => ", client_ca = \"authority.pem\"".to_owned(),
            false => String::new(),
        };
        if let Some(domain) = trust_domain {
            client_ca.push_str(&format!(", trust_domain = \"{domain}\""));
        }
        let catalog = match upstream.user.as_str() {
            "*" => String::new(),
            _ => format!("password = {credential}"),
        };
        format!(
            r#"
[gateway]
driver = "{driver}"
threads = {threads}
data_directory = "data"
catalog_refresh_ms = 500
drain_timeout_ms = 3000

[[listener]]
address = "127.0.0.1:{port}"
tls_mode = "optional"
tls = {{ certificate = "server.pem", key = "server.key"{client_ca} }}
{listener}

[audit]
directory = "audit"

[limits]
{limits}

[[resource]]
name = "{resource}"
kind = "postgres"
address = "127.0.0.1:{upstream_port}"
database = "{database}"
user = "{user}"
{upstream_tls}
{catalog}

{rules}
"#,
            resource = clinic::DATABASE,
            upstream_port = upstream.port,
            database = upstream.database,
            user = upstream.user,
        )
    }
}

/// See the module's text.
pub struct Gateway {
    driver: Driver,
    port: u16,
    child: Child,
    folder: TempDir,
    authority: Authority,
}

impl Gateway {
    /// Starts one and waits until it listens.
    pub fn start(setup: &Setup) -> Self {
        Self::start_after(setup, |_| {})
    }

    /// The same, once `prepare` has done something with its configuration.
    pub fn start_after(setup: &Setup, prepare: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::with_prefix("velum-test-").expect("a folder");
        let authority = Authority::new().expect("an authority");
        let server = authority.server().expect("a certificate");
        write(folder.path(), "authority.pem", &authority.certificate_pem());
        write(folder.path(), "server.pem", &server.certificate_pem);
        write(folder.path(), "server.key", &server.key_pem);
        write(folder.path(), "upstream.password", &setup.upstream.password);
        write(folder.path(), "client.password", clinic::CLIENT_PASSWORD);
        let port = free_port();
        write(folder.path(), "velum.toml", &setup.to_toml(port));
        prepare(&folder.path().join("velum.toml"));
        let child = serve(folder.path());
        let mut gateway = Self {
            driver: setup.driver,
            port,
            child,
            folder,
            authority,
        };
        gateway.wait_until_ready();
        gateway
    }

    /// Which data plane.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The certificate to trust.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Files of a client certificate for `name` and of its key.
    pub fn client_certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let signed = self.authority.client(name).expect("a certificate");
        self.certificate_files(&signed)
    }

    /// Files of a certificate and its key.
    pub fn certificate_files(&self, signed: &Signed) -> (PathBuf, PathBuf) {
        let folder = self.folder.path();
        write(folder, "client.pem", &signed.certificate_pem);
        write(folder, "client.key", &signed.key_pem);
        (folder.join("client.pem"), folder.join("client.key"))
    }

    /// Who signs for its clients.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Puts a file beside its configuration.
    pub fn put(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    /// Its configuration.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("velum.toml")
    }

    /// Its audit directory.
    pub fn audit_directory(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    /// What it wrote to its standard output and error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// How `user` logs in here.
    pub fn login(&self, user: &str, tls: bool) -> Login {
        let mut login = Login::plain(self.port, user, clinic::CLIENT_PASSWORD);
        login.authority = tls.then(|| self.authority_file());
        login
    }

    /// A client of this gateway.
    pub fn connect(&self, user: &str, tls: bool) -> Client {
        let client = Client::connect(&self.login(user, tls), clinic::DATABASE);
        client.unwrap_or_else(|error| panic!("{user}: {error}\n{}", self.log()))
    }

    /// Sends a CancelRequest, to which nothing is ever said, and waits until it was delivered.
    pub fn cancel(&self, process_id: i32, key: &[u8]) {
        let mut bytes = (12 + key.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(&80_877_102u32.to_be_bytes());
        bytes.extend_from_slice(&process_id.to_be_bytes());
        bytes.extend_from_slice(key);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.write_all(&bytes).expect("sent");
        let mut answer = Vec::new();
        let _reset_is_an_end_too = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "a cancel request is never answered");
    }

    /// Every byte that it left in files: log, audit directory, data directory.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for name in ["audit", "data"] {
            collect(&self.folder.path().join(name), &mut found);
        }
        found.push((self.folder.path().join("log"), self.log().into_bytes()));
        found
    }

    /// `velum audit` with these arguments on this gateway's log; its standard output.
    pub fn audit(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
        command
            .arg("audit")
            .args(arguments)
            .arg(self.audit_directory());
        let output = command.output().expect("velum runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "velum audit {arguments:?}: {text}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The public key of its audit log.
    pub fn audit_key(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
        command
            .args(["audit", "key", "--config"])
            .arg(self.config_file());
        let output = command.output().expect("velum runs");
        assert!(output.status.success(), "velum audit key: {output:?}");
        let key = String::from_utf8(output.stdout).expect("UTF-8");
        key.trim().to_owned()
    }

    /// Ends it as a power cut would, and waits until the kernel has closed its listeners too:
    /// who connects to one of those is reset.
    pub fn kill(&mut self) {
        self.end();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() && began.elapsed() < STOP_WITHIN
        {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks it to stop and waits; true if it ended by itself with status 0.
    pub fn stop(&mut self) -> bool {
        self.signal(Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < STOP_WITHIN {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.success();
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.kill();
        false
    }

    /// Starts it again in its folder, on its port.
    pub fn restart(&mut self) {
        self.kill();
        self.child = serve(self.folder.path());
        self.wait_until_ready();
    }

    /// Is it still running?
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn wait_until_ready(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("velum ended with {status}:\n{}", self.log());
            }
            assert!(
                began.elapsed() < READY_WITHIN,
                "velum is not ready:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
        // A failed test is read with its gateway's log beside it.
        if thread::panicking() {
            eprintln!("--- log of velum on {}\n{}", self.driver, self.log());
        }
    }
}

fn serve(folder: &Path) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .arg("serve")
        .arg("--config")
        .arg(folder.join("velum.toml"))
        .current_dir(folder);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    command.spawn().expect("velum starts")
}

/// Writes a file that only this user can read, as secrets must be.
fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).expect("a written file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// A port that nobody listens on right now.
pub fn free_port() -> u16 {
    // Listeners share a port (SO_REUSEPORT), so that two gateways that were given the same one
    // would both start, and take each other's clients.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        if GIVEN.lock().expect("no panic here").insert(port) {
            return port;
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, found),
            path => {
                if let Ok(bytes) = fs::read(&path) {
                    found.push((path, bytes));
                }
            }
        }
    }
}
