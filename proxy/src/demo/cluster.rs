//! A private, throw-away PostgreSQL server for the demo and the tests.
//!
//! ```no_run
//! use velum_proxy::demo::cluster::{Cluster, ClusterOptions};
//! let cluster = Cluster::start(ClusterOptions::default())?;
//! assert_eq!(cluster.psql("select 1 + 1")?, "2\n");
//! # Ok::<(), velum_proxy::demo::cluster::ClusterError>(())
//! ```
//!
//! It lives in a temporary folder, listens on a free loopback port and on a Unix socket in that
//! folder, asks for SCRAM passwords everywhere, and runs as an unprivileged user even when root
//! starts it. Dropping it stops and removes everything; a guard process does the same when this
//! process is killed. It never touches a server or a folder that it did not make.

mod account;
mod certificate;
mod error;
mod find;
mod folder;
mod install;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::raw::{Address, Login, Raw};
use account::Account;
pub use certificate::{Authority, Signed};
pub use error::ClusterError;
use error::Doing;
pub use find::Installation;
use folder::Folder;

/// The superuser's name and the first database's.
const SUPERUSER: &str = "postgres";
/// A loaded machine needs seconds, never this long.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// After this long a server that does not stop is killed.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Another process may take a free port before the server does.
const PORT_ATTEMPTS: u32 = 8;

/// Takes one line of an installer's progress.
pub type Progress = Box<dyn FnMut(&str) + Send>;

/// What is asked of a cluster. The default is right for most tests.
#[derive(Default)]
pub struct ClusterOptions {
    /// Offers TLS, with a certificate by [`Cluster::authority`]; client certificates by the same
    /// authority are verified where `hba` asks for them.
    pub tls: bool,
    /// Extra `postgresql.conf` settings; the last of equal names counts.
    pub settings: Vec<(String, String)>,
    /// `pg_hba.conf` lines that come before the default ones (SCRAM for all).
    pub hba: Vec<String>,
    /// Installs PostgreSQL if the machine has none, and calls this with each line of progress.
    pub install: Option<Progress>,
}

/// How a server is asked to stop, as `pg_ctl stop -m` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Waits until every client has left.
    Smart,
    /// Ends every session.
    Fast,
    /// As a crash: the next start recovers.
    Immediate,
}

/// A running (or stopped) private server.
pub struct Cluster {
    // The server must be down before its folder goes: fields drop in this order.
    server: Option<Child>,
    folder: Folder,
    installation: Installation,
    account: Account,
    authority: Option<Authority>,
    password: String,
    port: u16,
    ready_in: Duration,
}

impl Cluster {
    /// Makes and starts a cluster; returns once it accepts connections.
    ///
    /// # Errors
    /// No PostgreSQL, or it does not start (with the end of its log).
    pub fn start(mut options: ClusterOptions) -> Result<Self, ClusterError> {
        let account = Account::current();
        let installation = match &mut options.install {
            Some(tell) => Installation::find_or_install(&account, tell)?,
            None => Installation::find(&account)?,
        };
        let began = Instant::now();
        let mut folder = Folder::new(&account)?;
        let password = random_hex()?;
        let authority = if options.tls {
            Some(Authority::new()?)
        } else {
            None
        };
        init(&folder, &account, &installation, &password)?;
        folder.guard()?;
        let mut cluster = Self {
            server: None,
            folder,
            installation,
            account,
            authority,
            password,
            port: 0,
            ready_in: Duration::ZERO,
        };
        cluster.write_certificates()?;
        cluster.write_settings(&options)?;
        cluster.start_on_a_free_port()?;
        cluster.ready_in = began.elapsed();
        Ok(cluster)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the Unix socket, as libpq's `host` takes it.
    pub fn socket_dir(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// `PGDATA`.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The server's log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }

    /// The certificate to trust (libpq's `sslrootcert`), if TLS was asked for.
    pub fn authority_file(&self) -> Option<PathBuf> {
        self.authority
            .as_ref()
            .map(|_| self.folder.path().join("authority.pem"))
    }

    /// What signed the server's certificate, if TLS was asked for; signs client certificates.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The programs that run it; `psql` may or may not be among them.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The superuser's name, `postgres`; its database is of the same name.
    pub fn superuser(&self) -> &'static str {
        SUPERUSER
    }

    /// The superuser's password, hexadecimal.
    pub fn superuser_password(&self) -> &str {
        &self.password
    }

    /// How long [`Self::start`] took from nothing to ready, without finding or installing.
    pub fn ready_in(&self) -> Duration {
        self.ready_in
    }

    /// A connection URL over TCP for the superuser.
    pub fn superuser_url(&self) -> String {
        self.url(SUPERUSER, &self.password, SUPERUSER)
    }

    /// A connection URL over TCP. Nothing is escaped.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!(
            "postgresql://{user}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Runs SQL as the superuser over the Unix socket, in one simple query message (so several
    /// statements are one transaction). Returns the rows as `psql -XAt` prints them: columns
    /// joined by `|`, a line feed after each row, NULL empty. Blocks.
    ///
    /// # Errors
    /// [`ClusterError::Sql`] if the server refuses it.
    pub fn psql(&self, sql: &str) -> Result<String, ClusterError> {
        self.psql_in(SUPERUSER, sql)
    }

    /// [`Self::psql`] in another database.
    ///
    /// # Errors
    /// As there.
    pub fn psql_in(&self, database: &str, sql: &str) -> Result<String, ClusterError> {
        let mut client = self.connect(database).doing("connecting")?;
        let frames = client.simple(sql).doing("running SQL")?;
        let mut text = String::new();
        for frame in &frames {
            if let Some((sqlstate, message)) = frame.error() {
                return Err(ClusterError::Sql { sqlstate, message });
            }
            if let Some(cells) = frame.cells() {
                let cells: Vec<_> = cells
                    .iter()
                    .map(|cell| String::from_utf8_lossy(cell.unwrap_or_default()))
                    .collect();
                let _ = writeln!(text, "{}", cells.join("|"));
            }
        }
        Ok(text)
    }

    /// A raw client of the superuser's over the Unix socket.
    ///
    /// # Errors
    /// Those of connecting and of the login.
    pub fn connect(&self, database: &str) -> std::io::Result<Raw> {
        let login = Login {
            user: SUPERUSER,
            password: &self.password,
            database,
        };
        let socket = self.socket_dir().join(format!(".s.PGSQL.{}", self.port));
        Raw::connect(&Address::Unix(socket), &login)
    }

    /// Stops the server and keeps its data; nothing to do if it is down.
    ///
    /// # Errors
    /// If it did not stop in time; it is killed then.
    pub fn stop(&mut self, mode: StopMode) -> Result<(), ClusterError> {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        let signal = match mode {
            StopMode::Smart => Signal::TERM,
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
        let began = Instant::now();
        while server.try_wait().doing("waiting for postgres")?.is_none() {
            if began.elapsed() > STOP_WITHIN {
                server.kill().doing("killing postgres")?;
                server.wait().doing("waiting for postgres")?;
                return Err(ClusterError::Slow {
                    waited_for: "PostgreSQL to stop",
                    waited: began.elapsed(),
                });
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Stops (fast) and starts again, on the same port.
    ///
    /// # Errors
    /// As [`Self::stop`], or if it does not start.
    pub fn restart(&mut self) -> Result<(), ClusterError> {
        self.stop(StopMode::Fast)?;
        self.resume()
    }

    /// Starts a stopped server on its old port; nothing to do if it is up.
    ///
    /// # Errors
    /// If it does not start, for example because the port is taken now.
    pub fn resume(&mut self) -> Result<(), ClusterError> {
        if self.server.is_some() {
            Ok(())
        } else {
            self.launch()
        }
    }

    fn write_certificates(&self) -> Result<(), ClusterError> {
        let Some(authority) = &self.authority else {
            return Ok(());
        };
        let server = authority.server()?;
        for (name, text) in [
            ("authority.pem", authority.certificate_pem()),
            ("server.pem", server.certificate_pem),
            ("server.key", server.key_pem),
        ] {
            self.folder.write(&self.account, name, &text)?;
        }
        Ok(())
    }

    fn write_settings(&self, options: &ClusterOptions) -> Result<(), ClusterError> {
        let folder = self.folder.path();
        let quoted = |name: &str| format!("'{}'", folder.join(name).display());
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = {}\n\
             unix_socket_permissions = 0700\npassword_encryption = 'scram-sha-256'\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
             shared_buffers = '128MB'\nmax_wal_size = '4GB'\nmax_connections = 200\n\
             log_destination = 'stderr'\nlogging_collector = off\n",
            quoted("socket")
        );
        if self.authority.is_some() {
            let _ = write!(
                text,
                "ssl = on\nssl_cert_file = {}\nssl_key_file = {}\nssl_ca_file = {}\n",
                quoted("server.pem"),
                quoted("server.key"),
                quoted("authority.pem")
            );
        }
        for (name, value) in &options.settings {
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        }
        self.folder
            .write(&self.account, "data/postgresql.auto.conf", &text)?;

        let mut hba = options.hba.join("\n");
        hba.push('\n');
        for database in ["all", "replication"] {
            let _ = writeln!(hba, "local {database} all scram-sha-256");
            let _ = writeln!(hba, "host {database} all 127.0.0.1/32 scram-sha-256");
        }
        self.folder.write(&self.account, "data/pg_hba.conf", &hba)?;
        Ok(())
    }

    fn start_on_a_free_port(&mut self) -> Result<(), ClusterError> {
        let mut attempt = 1;
        loop {
            let listener = TcpListener::bind(("127.0.0.1", 0)).doing("finding a free port")?;
            self.port = listener.local_addr().doing("finding a free port")?.port();
            drop(listener);
            match self.launch() {
                Err(ClusterError::Tool { output, .. })
                    if output.contains("Address already in use") && attempt < PORT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// Starts the server on `self.port` and waits until its lock file says "ready", which only
    /// the server of this very data directory writes.
    fn launch(&mut self) -> Result<(), ClusterError> {
        let log_file = self.log_file();
        let log = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&log_file)
            .doing_to("opening", &log_file)?;
        let mut command = self
            .account
            .command(&self.installation.program("postgres"), self.folder.path());
        command
            .arg("-D")
            .arg(self.data_dir())
            .arg("-p")
            .arg(self.port.to_string());
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().doing("sharing the log")?);
        command.stderr(log.try_clone().doing("sharing the log")?);
        let mut server = command.spawn().doing("starting postgres")?;
        let began = Instant::now();
        while !is_ready(&self.data_dir(), server.id()) {
            if server.try_wait().doing("waiting for postgres")?.is_some() {
                let tool = "postgres".to_owned();
                return Err(ClusterError::Tool {
                    tool,
                    output: last_lines(log),
                });
            }
            if began.elapsed() > READY_WITHIN {
                let _ = server.kill();
                let _ = server.wait();
                let waited = began.elapsed();
                return Err(ClusterError::Slow {
                    waited_for: "PostgreSQL to be ready",
                    waited,
                });
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.server = Some(server);
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Its data goes with it, so that there is nothing to save.
        let _ = self.stop(StopMode::Immediate);
    }
}

/// Runs `initdb` with the superuser's password.
fn init(
    folder: &Folder,
    account: &Account,
    installation: &Installation,
    password: &str,
) -> Result<(), ClusterError> {
    let password_file = folder.write(account, "password", &format!("{password}\n"))?;
    let mut command = account.command(&installation.program("initdb"), folder.path());
    command
        .arg("-D")
        .arg(folder.path().join("data"))
        .args(["-U", SUPERUSER]);
    command.args(["-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]);
    command
        .args(["--no-sync", "--no-instructions"])
        .arg("--pwfile")
        .arg(&password_file);
    let output = command.output().doing("running initdb")?;
    fs::remove_file(&password_file).doing_to("removing", &password_file)?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(ClusterError::Tool {
        tool: "initdb".to_owned(),
        output,
    })
}

/// Whether `postmaster.pid` names this server and says that it accepts connections.
/// Line 1 is the process id, line 8 the state.
fn is_ready(data: &Path, server_id: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else {
        return false;
    };
    let mut lines = text.lines();
    let same = lines.next().and_then(|line| line.trim().parse().ok()) == Some(server_id);
    same && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

/// The end of a log, for an error.
fn last_lines(mut log: File) -> String {
    const KEPT_BYTES: u64 = 2048;
    let length = log.seek(SeekFrom::End(0)).unwrap_or(0);
    let _ = log.seek(SeekFrom::Start(length.saturating_sub(KEPT_BYTES)));
    let mut bytes = Vec::new();
    let _ = log.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// 32 hexadecimal digits of randomness.
fn random_hex() -> Result<String, ClusterError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(std::io::Error::other)
        .doing("asking the system for random bytes")?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests;
