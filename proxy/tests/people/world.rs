//! A gateway whose people log in, and whoever lets them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::Value;

use super::browser::{Browser, Seen, join};
use super::support::gateway::{Driver, Gateway, Setup, UpstreamRole, free_port};

const SOON: Duration = Duration::from_secs(30);
/// The name of the cookie of a session.
pub const COOKIE: &str = "__Host-velum-session";
/// The name of the cookie of a log-in that is under way.
pub const LOGIN: &str = "__Host-velum-login";

/// The folder of Node and Python packages; installs them if need be.
pub fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("a parent");
        let output = Command::new(top.join(".ci/tools")).arg("drivers").output();
        let output = output.expect(".ci/tools runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "installing the drivers: {text}");
        top.join(".cache/drivers")
    })
}

/// A program of `programs` that is told lines, and answers each by one.
pub struct Program {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    pub fn start(name: &str, variables: &[(&str, String)]) -> Self {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/people/programs");
        let mut command = match name.ends_with(".py") {
            true => Command::new(installed().join("venv/bin/python")),
            false => Command::new("node"),
        };
        command
            .arg(programs.join(name))
            .env("NODE_FOLDER", installed())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut program = Self {
            child,
            stdin,
            stdout,
        };
        assert_eq!(program.line(), "ready");
        program
    }

    pub fn tell(&mut self, command: &str) -> String {
        writeln!(self.stdin, "{command}").expect("written");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// See the module's text.
pub struct World {
    pub gateway: Gateway,
    /// Of the API.
    pub url: String,
    /// Of an administrator.
    pub key: String,
    /// Records of log-ins that were looked at.
    seen: usize,
}

impl World {
    /// A gateway with these sections; `[api]` is at `port`.
    pub fn new(port: u16, sections: &str) -> Self {
        let url = format!("https://localhost:{port}");
        let rules = format!(
            "[api]\nlisten = \"127.0.0.1:{port}\"\nurl = \"{url}\"\n\
             tls = {{ certificate = \"server.pem\", key = \"server.key\" }}\n\n\
             [[identity]]\nname = \"agent\"\nauth = \"scram\"\n\
             password = {{ file = \"client.password\" }}\n\
             access = {{ clinic = {{ policy = \"exempt\", grant = \"required\" }} }}\n\n\
             [[policy]]\nname = \"exempt\"\nexempt = true\n\n{sections}"
        );
        // Nobody asks the database for anything.
        let upstream = UpstreamRole {
            port: free_port(),
            database: "clinic".to_owned(),
            user: "nobody".to_owned(),
            password: "secret of a test".to_owned(),
        };
        let driver = Driver::under_test()
            .last()
            .copied()
            .unwrap_or(Driver::Epoll);
        let gateway = Gateway::start(&Setup::new(driver, upstream, rules));
        let config = gateway.config_file().display().to_string();
        let bootstrap = Command::new(env!("CARGO_BIN_EXE_velum"))
            .args(["keys", "bootstrap", "--config", &config])
            .output()
            .expect("velum runs");
        let key = String::from_utf8_lossy(&bootstrap.stdout).trim().to_owned();
        Self {
            gateway,
            url,
            key,
            seen: 0,
        }
    }

    /// A browser that trusts the gateway.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.gateway.authority_file())
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Logs in at an issuer, up to the last step: where the browser comes back to.
    pub fn answer(&self, browser: &mut Browser, issuer: &str, how: &str) -> String {
        let start = self.at(&format!("/api/v1/login/{issuer}{how}"));
        let back = self.at(&format!("/api/v1/login/{issuer}/callback"));
        let begun = browser.get(&start);
        let there = begun.location.unwrap_or_else(|| panic!("{}", begun.body));
        browser
            .follow(&join(&start, &there), &back)
            .unwrap_or_else(|seen| panic!("{}", seen.body))
    }

    /// Logs in, and is let in.
    pub fn log_in(&self, browser: &mut Browser, issuer: &str, how: &str) {
        let back = self.answer(browser, issuer, how);
        let seen = browser.get(&back);
        assert_eq!(seen.status, 303, "{}\n{:#?}", seen.body, self.records());
        assert!(browser.cookie("localhost", COOKIE).is_some());
        assert!(browser.cookie("localhost", LOGIN).is_none());
    }

    /// A change as a page of the gateway's own makes it.
    pub fn post(&self, browser: &mut Browser, path: &str, body: &str) -> Seen {
        let headers = [
            ("content-type", "application/json"),
            ("origin", self.url.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("velum-request", "1"),
        ];
        browser.send(Method::POST, &self.at(path), &headers, body)
    }

    /// Whom the gateway takes the browser for.
    pub fn me(&self, browser: &mut Browser) -> Seen {
        browser.get(&self.at("/api/v1/me"))
    }

    /// Records of log-ins and sessions, in order.
    pub fn records(&self) -> Vec<Value> {
        let log = self.gateway.audit(&["show", "--json"]);
        let records = log.lines().filter(|line| line.starts_with('{'));
        let records = records.map(|line| serde_json::from_str(line).expect("JSON"));
        records
            .filter(|it: &Value| it.get("login_session").is_some())
            .collect()
    }

    /// The next record that was not looked at: its event and reason.
    pub fn next(&mut self) -> (String, String) {
        let began = Instant::now();
        loop {
            let records = self.records();
            if let Some(record) = records.get(self.seen) {
                self.seen += 1;
                let text = |name: &str| record[name].as_str().expect("text").to_owned();
                return (text("event"), text("reason"));
            }
            assert!(began.elapsed() < SOON, "no more records: {records:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The reason of the next log-in that was refused, with nothing else before it but log-ins
    /// that were not.
    pub fn refused(&mut self, seen: &Seen) -> String {
        let last = self.records().pop();
        assert_eq!(seen.status, 403, "{} {last:?}", seen.body);
        assert_eq!(seen.problem(), "login-refused");
        assert_eq!(
            seen.json()["detail"],
            "the log-in was refused",
            "one for all"
        );
        loop {
            match self.next() {
                (event, reason) if event == "login_refused" => return reason,
                (event, reason) => assert_eq!(event, "logged_in", "{reason}"),
            }
        }
    }

    /// `velum` with this home, and the key if there is one.
    pub fn velum(&self, home: &Path, key: Option<&str>, arguments: &[&str]) -> Output {
        self.command(home, key, arguments)
            .output()
            .expect("velum runs")
    }

    pub fn command(&self, home: &Path, key: Option<&str>, arguments: &[&str]) -> Command {
        let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
        velum
            .args(arguments)
            .arg("--api-ca")
            .arg(self.gateway.authority_file())
            .env("VELUM_API", &self.url)
            .env("XDG_CONFIG_HOME", home)
            .env_remove("VELUM_KEY");
        if let Some(key) = key {
            velum.env("VELUM_KEY", key);
        }
        velum
    }
}
