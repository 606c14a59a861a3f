//! The gateway of the tour: a child `velum serve` with a configuration of its own.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::scenes::Identity;
use crate::demo::cluster::{Authority, Cluster};
use crate::demo::guard::Guard;
use crate::demo::raw::{Address, Login, Raw};

const TEMPLATE: &str = include_str!("velum.toml");
/// Longer than a loaded machine needs.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// The configured drain, and a second for the rest.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// Ends an orphaned gateway and removes its folder.
const CLEAN_UP: &str = r#"
kill "$1"
sleep 1
kill -9 "$1"
rm -rf "$2"
"#;

/// A running gateway.
pub(super) struct Gateway {
    _guard: Guard,
    child: Child,
    folder: TempDir,
    address: SocketAddr,
    password: String,
    /// From the start of the process to the first login.
    pub(super) ready_in: Duration,
}

impl Gateway {
    /// Starts it in front of `cluster`, whose role `ehr_app` has `role_password`.
    pub(super) fn start(cluster: &Cluster, driver: &str, role_password: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("velum-demo-").tempdir()?;
        let path = folder.path();
        let authority = Authority::new()?;
        let server = authority.server()?;
        let password = super::random_password()?;
        write(path, "gateway-ca.pem", &authority.certificate_pem())?;
        write(path, "gateway.pem", &server.certificate_pem)?;
        write(path, "gateway.key", &server.key_pem)?;
        write(path, "ehr_app.password", role_password)?;
        for identity in [Identity::EtlBot, Identity::AnalystAgent] {
            write(path, &format!("{}.password", identity.name()), &password)?;
        }
        let database_tls = match cluster.authority() {
            Some(authority) => {
                write(path, "database-ca.pem", &authority.certificate_pem())?;
                "tls_mode = \"verify-full\"\ntls_ca = \"database-ca.pem\""
            }
            None => "tls_mode = \"disable\"",
        };
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let config = TEMPLATE
            .replace("@driver@", driver)
            .replace("@database_tls@", database_tls)
            .replace("@port@", &address.port().to_string())
            .replace("@database_port@", &cluster.port().to_string());
        write(path, "velum.toml", &config)?;

        let began = Instant::now();
        let child = serve(path)?;
        let mut sh = Command::new("/bin/sh");
        sh.process_group(0).current_dir("/");
        let id = child.id().to_string();
        let guard = Guard::start(sh, CLEAN_UP, &[id.as_ref(), path.as_os_str()])?;
        let mut gateway = Self {
            _guard: guard,
            child,
            folder,
            address,
            password,
            ready_in: Duration::ZERO,
        };
        gateway.wait_until_ready(began)?;
        gateway.ready_in = began.elapsed();
        Ok(gateway)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The password of every identity.
    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// The certificate that clients may trust.
    pub(super) fn authority_file(&self) -> PathBuf {
        self.folder.path().join("gateway-ca.pem")
    }

    /// Where its records are.
    pub(super) fn audit_directory(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    /// Logs in as `identity`.
    pub(super) fn connect(&self, identity: Identity) -> std::io::Result<Raw> {
        let login = Login {
            user: identity.name(),
            password: &self.password,
            database: "ehr",
        };
        Raw::connect(&Address::Tcp(self.address), &login)
    }

    /// What it wrote to standard output and error.
    pub(super) fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The records, one a line, by `velum audit show`.
    pub(super) fn audit_lines(&self) -> Result<Vec<String>> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["audit", "show"]).arg(self.audit_directory());
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!(
                "velum audit show: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Every file that it wrote: log, audit directory, data directory.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut found = Vec::new();
        for name in ["log", "audit", "data"] {
            collect(&self.folder.path().join(name), &mut found)?;
        }
        Ok(found)
    }

    /// Asks it to drain and waits; kills it if it does not end.
    pub(super) fn stop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        if ended(&mut self.child) {
            return;
        }
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let began = Instant::now();
        while !ended(&mut self.child) {
            if began.elapsed() > STOP_WITHIN {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait_until_ready(&mut self, began: Instant) -> Result<()> {
        loop {
            let Err(error) = self.connect(Identity::EtlBot) else {
                return Ok(());
            };
            if let Some(status) = self.child.try_wait()? {
                bail!("velum serve ended at once ({status}):\n{}", self.log());
            }
            if began.elapsed() > READY_WITHIN {
                bail!("velum serve did not get ready ({error}):\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts this very program as the gateway, in a process group of its own: a Ctrl-C is for the
/// tour, which then stops the gateway in good order.
fn serve(folder: &Path) -> Result<Child> {
    let log = File::create(folder.join("log"))?;
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["serve", "--config"])
        .arg(folder.join("velum.toml"));
    command
        .current_dir(folder)
        .process_group(0)
        .stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log);
    command.spawn().context("starting velum serve")
}

/// Writes a file that only its owner can read.
fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(folder.join(name))?
        .write_all(text.as_bytes())?;
    Ok(())
}

/// The file at `path`, or every file below it.
fn collect(path: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), found)?;
        }
    } else if path.is_file() {
        let mut bytes = match fs::read(path) {
            // A checkpoint that is being replaced: the new one has its name by now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        // Segments of the log are laid out before they are written.
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        bytes.truncate(used);
        found.push((path.to_owned(), bytes));
    }
    Ok(())
}
