//! The gateway that is measured, before the server that answers from memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use velum_benches::process::{Running, free_port, start};
use velum_proxy::demo::cluster::Authority;

/// A gateway with one data thread; stops when dropped.
pub struct Gateway {
    /// On 127.0.0.1.
    pub port: u16,
    running: Running,
    folder: TempDir,
}

impl Gateway {
    /// Starts one that lets `exempt` and `content` in, with TLS where the client wants it.
    pub fn start(upstream: u16) -> Result<Self, String> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/velum");
        if !program.exists() {
            return Err("no velum: run `make bench`, which builds it".to_owned());
        }
        let folder = TempDir::with_prefix("velum-bench-").map_err(|error| error.to_string())?;
        let port = free_port();
        let authority = Authority::new().map_err(|error| error.to_string())?;
        let server = authority.server().map_err(|error| error.to_string())?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).map_err(|error| error.to_string())?;
            let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&path, own).map_err(|error| error.to_string())
        };
        write("authority.pem", &authority.certificate_pem())?;
        write("server.pem", &server.certificate_pem)?;
        write("server.key", &server.key_pem)?;
        write("velum.toml", &configuration(port, upstream))?;
        let mut command = Command::new(program);
        command.args(["serve", "--config", "velum.toml"]);
        command.current_dir(folder.path()).stdout(Stdio::null());
        let (running, port) = start(&mut command, port)?;
        Ok(Self {
            port,
            running,
            folder,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// The certificate to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

fn configuration(port: u16, upstream: u16) -> String {
    let identity = |name: &str| {
        format!(
            "[[identity]]\nname = \"{name}\"\nauth = \"trust\"\n\
             access = {{ postgres = \"{name}\" }}\n"
        )
    };
    format!(
        "[gateway]\ndata_directory = \"data\"\nthreads = 1\n\
         [audit]\ndirectory = \"audit\"\n\
         [limits]\nsessions = 10_000\npre_auth = 10_000\n\
         [[listener]]\naddress = \"127.0.0.1:{port}\"\ntls_mode = \"optional\"\n\
         tls = {{ certificate = \"server.pem\", key = {{ file = \"server.key\" }} }}\n\
         [[resource]]\nname = \"postgres\"\nkind = \"postgres\"\n\
         address = \"127.0.0.1:{upstream}\"\ndatabase = \"postgres\"\nuser = \"*\"\n\
         tls_mode = \"disable\"\n{}{}\
         [[policy]]\nname = \"exempt\"\nexempt = true\n\
         [[policy]]\nname = \"content\"\n\
         content = {{ detectors = \"standard\", strategy = \"redact\" }}\n",
        identity("exempt"),
        identity("content"),
    )
}
