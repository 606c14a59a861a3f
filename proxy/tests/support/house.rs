//! A gateway without a database, and the commands that are run beside it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Without a database behind it: its own records are enough.
pub const CONFIG: &str = r#"
[gateway]
driver = "epoll"
threads = 1

[[listener]]
address = "127.0.0.1:0"

[audit]
directory = "audit"
origin = "log.example/velum-1"

[[identity]]
name = "agent"
auth = "trust"
access = { ehr = "masked" }

[[resource]]
name = "ehr"
kind = "postgres"
address = "/nonexistent"
database = "ehr"
user = "velum"
tls_mode = "disable"

[[policy]]
name = "masked"
[[policy.rule]]
name = "ssn"
column_name = "ssn"
strategy = "redact"
"#;

/// More than a start or a stop takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a configuration, in which a gateway runs now and then.
pub struct House(TempDir);

/// Ended when a test fails beside it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl House {
    /// A new one.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("velum.toml"), CONFIG).expect("a configuration");
        Self(folder)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command in it.
    pub fn velum(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    /// Status, standard output and error of a command.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        said(&self.velum(arguments).output().expect("velum runs"))
    }

    /// As [`House::run`], with something to read.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut command = self.velum(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("velum runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        // One that has refused its arguments reads nothing.
        let _ended_already = stdin.write_all(input.as_bytes());
        drop(stdin);
        said(&child.wait_with_output().expect("it ends"))
    }

    /// Starts a gateway.
    pub fn serve(&self, more: &[&str]) -> Child {
        let log = fs::File::create(self.path("log")).expect("a log");
        let mut command = self.velum(&["serve"]);
        command.args(more).stderr(log).spawn().expect("velum runs")
    }

    /// Starts a gateway and stops it; true if both went well.
    pub fn serve_and_stop(&self, more: &[&str]) -> bool {
        self.serve_while(more, || ())
    }

    /// Starts a gateway, does something beside it, and stops it; true if it went well.
    pub fn serve_while(&self, more: &[&str], body: impl FnOnce()) -> bool {
        let mut running = Running(self.serve(more));
        let child = &mut running.0;
        let began = Instant::now();
        while !self.log().contains(" listening ") {
            if child.try_wait().expect("a child").is_some() {
                return false;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it does not start: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
        body();
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        child.wait().expect("it ends").success()
    }

    /// What the gateway said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().expect("it ended by itself");
    (status, text(&output.stdout), text(&output.stderr))
}

/// A house whose gateway has run once, and the public key of its log.
pub fn lived_in() -> (House, String) {
    let house = House::new();
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    let (status, key, _) = house.run(&["audit", "key"]);
    assert_eq!(status, 0);
    (house, key.trim().to_owned())
}
