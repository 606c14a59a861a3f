//! A real provider: npm's oidc-provider, with TLS, started by each trial.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use velum_proxy::demo::cluster::{Authority, Cluster};

use super::support::clinic;
use super::support::gateway::{Driver, Gateway, free_port};
use super::{
    SOON, forgot, gateway, identity, last_reason, left_nothing, let_in, log_in, records, refused,
};

/// How often the keys are fetched in these trials, and how long they serve without.
const TTL_MS: u64 = 1_000;
const KEPT_MS: u64 = 6_000;
/// Tokens that outlive their trial.
const LONG_S: u64 = 300;

/// See the module's text.
struct Provider {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    port: u16,
    folder: TempDir,
}

impl Provider {
    fn start() -> Self {
        let folder = TempDir::with_prefix("velum-provider-").expect("a folder");
        let authority = Authority::new().expect("an authority");
        let server = authority.server().expect("a certificate");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let port = free_port();
        let mut command = Command::new("node");
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokens/programs/provider.js"))
            .env("PROVIDER_PORT", port.to_string())
            .env("PROVIDER_CA", file("ca.pem", &authority.certificate_pem()))
            .env("PROVIDER_CERT", file("server.pem", &server.certificate_pem))
            .env("PROVIDER_KEY", file("server.key", &server.key_pem))
            .env("NODE_FOLDER", installed())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("node starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut provider = Self {
            child,
            stdin,
            stdout,
            port,
            folder,
        };
        assert_eq!(provider.line(), "ready");
        provider
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn tell(&mut self, command: &str) -> String {
        writeln!(self.stdin, "{command}").expect("written");
        self.line()
    }

    /// A fresh token for a client.
    fn token(&mut self, client: &str, seconds: u64) -> String {
        let token = self.tell(&format!("token {client} {seconds}"));
        assert_eq!(token.split('.').count(), 3, "{token}");
        token
    }

    /// How often its keys were fetched.
    fn hits(&mut self) -> u64 {
        self.tell("hits").parse().expect("a number")
    }

    /// A gateway that believes it.
    fn gateway(&self, cluster: &Cluster, driver: Driver, ttl_ms: u64) -> Gateway {
        let sections = format!(
            "\n[[issuer]]\nname = \"provider\"\nurl = \"https://localhost:{}\"\n\
             audiences = [\"velum\"]\nca = \"{}\"\njwks_ttl_ms = {ttl_ms}\n\
             keys_kept_ms = {}\nclock_skew_ms = 1000\n{}",
            self.port,
            self.folder.path().join("ca.pem").display(),
            KEPT_MS.max(ttl_ms),
            identity(
                "pipeline",
                "issuer = \"provider\"\nclaims = { repository = \"org/loader\", groups = \"ci\" }"
            ),
        );
        gateway(cluster, driver, &sections)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of Node and Python packages; installs them if need be.
pub fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("proxy has a parent");
        let output = Command::new(top.join(".ci/tools")).arg("drivers").output();
        let output = output.expect(".ci/tools runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "installing the drivers: {text}");
        top.join(".cache/drivers")
    })
}

/// psql with the token as its password; what it printed.
fn psql(gateway: &Gateway, user: &str, token: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-c", sql])
        .env("PGHOST", "localhost")
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", gateway.port().to_string())
        .env("PGUSER", user)
        .env("PGDATABASE", clinic::DATABASE)
        .env("PGPASSWORD", token)
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", gateway.authority_file())
        .output()
        .expect("psql runs");
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// With no change of the client: a token is a password.
pub fn logs_in(cluster: &Cluster, driver: Driver) {
    let mut provider = Provider::start();
    let mut gateway = provider.gateway(cluster, driver, 60_000);
    let token = provider.token("loader", LONG_S);
    let_in(&gateway, "pipeline", &token);
    let who = psql(&gateway, "pipeline", &token, "SELECT current_user");
    assert_eq!(who.as_deref(), Ok(clinic::ROLE));
    let stranger = provider.token("stranger", LONG_S);
    let told = psql(&gateway, "pipeline", &stranger, "SELECT 1").expect_err("let in");
    assert!(
        told.contains("password authentication failed for user \"pipeline\""),
        "{told}"
    );
    assert_eq!(last_reason(&gateway, 1), "no identity has such claims");
    // The password of another identity is no token, and a token is no password.
    refused(&gateway, "pipeline", clinic::CLIENT_PASSWORD);
    refused(&gateway, clinic::EXEMPT, &token);

    let opened = records(&gateway, "session_opened", 1)
        .pop_front()
        .expect("a record");
    assert_eq!(opened["identity"], "pipeline");
    assert_eq!(opened["method"], "oidc");
    assert_eq!(
        opened["issuer"],
        format!("https://localhost:{}", provider.port)
    );
    assert_eq!(opened["subject"], "loader");
    assert_eq!(opened["chain"], serde_json::json!([]));
    forgot(&gateway, &token);
    forgot(&gateway, &stranger);
    assert!(gateway.stop(), "it drains");
    left_nothing(&gateway, &token);
    left_nothing(&gateway, &stranger);
}

/// A key that is not known is fetched when the first token by it comes; the next such token within
/// a minute has nothing fetched.
pub fn keys_rotate(cluster: &Cluster, driver: Driver) {
    let mut provider = Provider::start();
    let gateway = provider.gateway(cluster, driver, 600_000);
    let before = provider.token("loader", LONG_S);
    let_in(&gateway, "pipeline", &before);
    assert_eq!(provider.hits(), 1, "known keys are not fetched again");
    provider.tell("rotate");
    let after = provider.token("loader", LONG_S);
    let_in(&gateway, "pipeline", &after);
    assert_eq!(provider.hits(), 2);
    refused(&gateway, "pipeline", &before);
    assert_eq!(last_reason(&gateway, 1), "the issuer has no such key");
    provider.tell("rotate");
    let later = provider.token("loader", LONG_S);
    refused(&gateway, "pipeline", &later);
    assert_eq!(provider.hits(), 2, "once a minute, whoever asks");
    let_in(&gateway, "pipeline", &after);
}

/// Within the bound the keys that are held serve; beyond it nobody is let in, until the issuer is
/// there again.
pub fn outage(cluster: &Cluster, driver: Driver) {
    let mut provider = Provider::start();
    let gateway = provider.gateway(cluster, driver, TTL_MS);
    let token = provider.token("loader", LONG_S);
    let_in(&gateway, "pipeline", &token);
    provider.tell("down");
    let down = Instant::now();
    until(|| gateway.log().contains("issuer-unreachable"));
    let_in(&gateway, "pipeline", &token);
    assert!(
        down.elapsed() < Duration::from_millis(KEPT_MS),
        "too slow to tell"
    );
    until(|| log_in(&gateway, "pipeline", &token).is_err());
    // They were fetched a moment before.
    assert!(down.elapsed() + Duration::from_millis(2 * TTL_MS) > Duration::from_millis(KEPT_MS));
    let reason = "the issuer's keys are too old: it cannot be reached";
    assert_eq!(last_reason(&gateway, 1), reason);
    provider.tell("up");
    until(|| log_in(&gateway, "pipeline", &token).is_ok());
    assert!(gateway.log().contains("issuer-reachable-again"));
}

/// A session is over when its token is, in the middle of whatever it does.
pub fn session_ends(cluster: &Cluster, driver: Driver) {
    let mut provider = Provider::start();
    let gateway = provider.gateway(cluster, driver, 60_000);
    let token = provider.token("loader", 3);
    let began = Instant::now();
    let client = || let_in(&gateway, "pipeline", &token);
    let (idle, mut busy, mut open) = (client(), client(), client());
    open.simple("BEGIN; SELECT 1").expect("a transaction");
    busy.write(|out| postgres_protocol::message::frontend::query("SELECT pg_sleep(60)", out))
        .expect("sent");
    for mut client in [idle, busy, open] {
        let frames = client.until_closed(SOON).expect("closed");
        let told = frames.iter().rev().find_map(|frame| frame.error());
        let (code, message) = told.expect("told why");
        assert_eq!(code, "57P01");
        assert!(message.contains("its token has expired"), "{message}");
    }
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(2) && took < Duration::from_secs(10),
        "{took:?}"
    );
    refused(&gateway, "pipeline", &token);
    assert_eq!(last_reason(&gateway, 1), "the token has expired");
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(60)%' \
                    AND state = 'active' AND pid <> pg_backend_pid()";
    until(|| cluster.psql(sleeping).is_ok_and(|text| text.trim() == "0"));
}

fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "it does not happen");
        std::thread::sleep(Duration::from_millis(100));
    }
}
