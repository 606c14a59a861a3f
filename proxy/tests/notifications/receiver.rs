//! Who is told: a web server and a mail server, in a program of its own.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use velum_proxy::demo::cluster::Authority;

use super::support::gateway::free_port;

/// What webhooks are signed with.
pub const SECRET: &str = "whsec_dGhpcy1pcy1hLXNlY3JldC1vZi1hLXRlc3Q=";
/// What the gateway logs in with at the mail server.
pub const MAIL_PASSWORD: &str = "mail-password-61c0";

/// See the module's text.
pub struct Receiver {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    web: u64,
    mail: u64,
    folder: TempDir,
}

impl Receiver {
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("velum-receiver-").expect("a folder");
        let authority = Authority::new().expect("an authority");
        let server = authority.server().expect("a certificate");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        file("ca.pem", &authority.certificate_pem());
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notifications/programs/receiver.py");
        let mut child = Command::new(installed().join("venv/bin/python"))
            .arg(program)
            .env("RECEIVER_CERT", file("server.pem", &server.certificate_pem))
            .env("RECEIVER_KEY", file("server.key", &server.key_pem))
            .env("RECEIVER_MAIL_PORT", free_port().to_string())
            .env("RECEIVER_SECRET", SECRET)
            .env("RECEIVER_PASSWORD", MAIL_PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let stdin = child.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let ports = line(&mut stdout);
        let port = |name: &str| ports[name].as_u64().expect("a port");
        Self {
            web: port("web"),
            mail: port("mail"),
            child,
            stdin,
            stdout,
            folder,
        }
    }

    /// Three `[[notify]]`; the one of the mail server leaves approvals out.
    pub fn sections(&self, more: &str) -> String {
        let Self { web, mail, .. } = self;
        let ca = self.folder.path().join("ca.pem");
        let ca = ca.display();
        format!(
            "[[notify]]\nname = \"web\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{web}/web\"\n\
             secret = {{ file = \"web.secret\" }}\nca = \"{ca}\"\n{more}\n\n\
             [[notify]]\nname = \"slack\"\nkind = \"slack\"\nurl = {{ file = \"slack.url\" }}\n\
             ca = \"{ca}\"\n{more}\n\n\
             [[notify]]\nname = \"mail\"\nkind = \"email\"\nserver = \"localhost:{mail}\"\n\
             user = \"velum\"\npassword = {{ file = \"mail.password\" }}\nca = \"{ca}\"\n\
             from = \"Velum <velum@example.org>\"\n\
             to = [\"privacy@example.org\", \"ann@example.org\"]\n\
             events = [\"requested\", \"denied\", \"revoked\", \"break-glass\"]\n{more}\n\n"
        )
    }

    /// The secrets that these refer to.
    pub fn put_files(&self, config: &Path) {
        let slack = format!("http://127.0.0.1:{}/slack", self.web);
        let files = [
            ("web.secret", SECRET),
            ("slack.url", &slack),
            ("mail.password", MAIL_PASSWORD),
        ];
        for (name, text) in files {
            let path = config.with_file_name(name);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("600");
        }
    }

    pub fn tell(&mut self, command: &str) -> Value {
        writeln!(self.stdin, "{command}").expect("written");
        line(&mut self.stdout)
    }

    /// What has arrived.
    pub fn seen(&mut self) -> Value {
        self.tell("seen")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(stdout: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("JSON")
}

/// The folder of Python packages; installs them if need be.
fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("proxy has a parent");
        let output = Command::new(top.join(".ci/tools")).arg("services").output();
        let output = output.expect(".ci/tools runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "installing the services: {text}");
        top.join(".cache/drivers")
    })
}
