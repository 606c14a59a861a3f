//! How tokens come in, and what somebody without one learns.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres_protocol::message::frontend;
use serde_json::{Value, json};
use velum_proxy::demo::cluster::Cluster;

use super::forge::{Signer, key_set, with};
use super::provider::installed;
use super::support::bed::upstream;
use super::support::client::{Client, Frame, Login, frame_bytes, rows};
use super::support::clinic;
use super::support::gateway::{Driver, Gateway, Setup};
use super::{
    SOON, TOLD, forgot, gateway, gateway_with, identity, last_reason, let_in, log_in, records,
};

const ISSUER: &str = "https://issuer.example";

/// An issuer whose keys are in a file, and its key.
struct Issuer {
    signer: Signer,
    keys: tempfile::NamedTempFile,
}

impl Issuer {
    fn new() -> Self {
        let signer = Signer::p256("key");
        let keys = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(keys.path(), key_set(&[&signer])).expect("written");
        Self { signer, keys }
    }

    /// Its section, and identities `loader` and `bearer`, who sends OAUTHBEARER.
    fn sections(&self) -> String {
        let issuer = format!(
            "\n[[issuer]]\nname = \"tests\"\nurl = \"{ISSUER}\"\naudiences = [\"velum\"]\n\
             scope = \"openid db\"\njwks = \"{}\"\n",
            self.keys.path().display()
        );
        let keys = "issuer = \"tests\"\nclaims = { sub = \"loader\" }";
        let bearer =
            "issuer = \"tests\"\nclaims = { sub = \"bearer\" }\ntoken_by = \"oauthbearer\"";
        [issuer, identity("loader", keys), identity("bearer", bearer)].concat()
    }

    fn token(&self, changes: &Value) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock")
            .as_secs();
        let claims = json!({"iss": ISSUER, "sub": "loader", "aud": "velum", "exp": now + 300});
        self.signer.token(&with(&claims, changes))
    }
}

/// A client that has asked to be let in, and what it was answered.
fn greeted(login: &Login) -> (Client, Frame) {
    let mut client = Client::open(login).expect("a connection");
    let startup = [
        ("user", login.user.as_str()),
        ("database", clinic::DATABASE),
    ];
    client
        .write(|out| frontend::startup_message(startup, out))
        .expect("sent");
    let frame = client.frame().expect("an answer");
    (client, frame)
}

fn initial_response(client: &mut Client, token: &str) {
    let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
    client
        .write(|out| frontend::sasl_initial_response("OAUTHBEARER", message.as_bytes(), out))
        .expect("sent");
}

/// The frames of libpq 18, RFC 7628 section 4.
pub fn oauthbearer(cluster: &Cluster, driver: Driver) {
    let issuer = Issuer::new();
    let gateway = gateway(cluster, driver, &issuer.sections());
    let login = gateway.login("bearer", true);
    let (mut client, asked) = greeted(&login);
    assert_eq!(
        (asked.tag, &asked.body[..]),
        (b'R', &b"\0\0\0\x0aOAUTHBEARER\0\0"[..])
    );
    let token = issuer.token(&json!({"sub": "bearer"}));
    initial_response(&mut client, &token);
    client.log_in("").expect("let in");
    let answer = client.simple("SELECT 1").expect("an answer");
    assert_eq!(rows(&answer), [[Some(b"1".to_vec())]]);
    // The buffer of TLS goes with the session.
    drop(client);
    forgot(&gateway, &token);

    let (mut client, _) = greeted(&login);
    initial_response(
        &mut client,
        &issuer.token(&json!({"sub": "bearer", "exp": 1})),
    );
    let status = client.frame().expect("a status");
    assert_eq!((status.tag, &status.body[..4]), (b'R', &b"\0\0\0\x0b"[..]));
    let status: Value = serde_json::from_slice(&status.body[4..]).expect("JSON");
    let configuration = format!("{ISSUER}/.well-known/openid-configuration");
    let expected = json!({
        "status": "invalid_token", "openid-configuration": configuration, "scope": "openid db",
    });
    assert_eq!(status, expected);
    client
        .write(|out| frontend::sasl_response(b"\x01", out))
        .expect("sent");
    let (code, message) = client.frame().expect("an error").error().expect("an error");
    assert_eq!(format!("{code}: {message}"), format!("{TOLD} \"bearer\""));
    assert_eq!(last_reason(&gateway, 1), "the token has expired");
}

/// The real thing: libpq 18 as psycopg brings it.
pub fn libpq18(cluster: &Cluster, driver: Driver) {
    let issuer = Issuer::new();
    let gateway = gateway(cluster, driver, &issuer.sections());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokens/programs/libpq18.py");
    let said = |token: &str| {
        let output = Command::new(installed().join("venv/bin/python"))
            .arg(&program)
            .env("TOKEN", token)
            .env("ISSUER", ISSUER)
            .env("PGHOST", "localhost")
            .env("PGHOSTADDR", "127.0.0.1")
            .env("PGPORT", gateway.port().to_string())
            .env("PGUSER", "bearer")
            .env("PGDATABASE", clinic::DATABASE)
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", gateway.authority_file())
            .output()
            .expect("python runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let asked = format!("asked for {ISSUER}/.well-known/openid-configuration");
    let good = said(&issuer.token(&json!({"sub": "bearer"})));
    assert_eq!(
        good.lines().collect::<Vec<_>>(),
        [&asked, &format!("in as {}", clinic::ROLE)]
    );
    let expired = said(&issuer.token(&json!({"sub": "bearer", "exp": 1})));
    let told = "password authentication failed for user \"bearer\"";
    assert!(
        expired.starts_with(&asked) && expired.contains(told),
        "{expired}"
    );
    // Each time it first asks, without a token, whom to ask for one.
    let reasons = records(&gateway, "connection_refused", 3);
    let reasons: Vec<_> = reasons
        .iter()
        .map(|record| record["reason"].clone())
        .collect();
    let nothing = "there is no token";
    assert_eq!(reasons.iter().filter(|it| **it == nothing).count(), 2);
    assert!(reasons.contains(&json!("the token has expired")));
}

/// Without TLS a token is asked for only on a loopback listener that says so.
pub fn in_clear(cluster: &Cluster, driver: Driver) {
    let issuer = Issuer::new();
    let token = issuer.token(&json!({}));
    let plain = |gateway: &Gateway| {
        let mut login = gateway.login("loader", false);
        login.password.clone_from(&token);
        Client::connect(&login, clinic::DATABASE).map_err(|error| error.to_string())
    };
    let closed = gateway(cluster, driver, &issuer.sections());
    let told = plain(&closed).err().expect("let in");
    assert_eq!(told, "28000: connection requires TLS: no encryption");
    let open = gateway_with(
        cluster,
        driver,
        &issuer.sections(),
        "tokens_in_clear = true",
    );
    plain(&open).expect("let in");
    let_in(&open, "loader", &token);
}

/// Users that are not there are asked in every way in which accounts are, always in the same.
pub fn strangers(cluster: &Cluster, driver: Driver) {
    let issuer = Issuer::new();
    let gateway = gateway(cluster, driver, &issuer.sections());
    let way = |user: &str| greeted(&gateway.login(user, true)).1.body;
    let mut ways: Vec<Vec<u8>> = Vec::new();
    for number in 0..24 {
        let user = format!("nobody-{number}");
        let first = way(&user);
        assert_eq!(first, way(&user), "the same every time");
        if !ways.contains(&first) {
            ways.push(first);
        }
    }
    for account in ["loader", "bearer", clinic::EXEMPT] {
        assert!(
            ways.contains(&way(account)),
            "{account} differs from all strangers"
        );
    }
    assert_eq!(ways.len(), 3);
    let by_password = (0..24).map(|number| format!("nobody-{number}"));
    let mut by_password = by_password.filter(|user| way(user) == b"\0\0\0\x03");
    let stranger = by_password
        .next()
        .expect("one that is asked for a password");
    let told = log_in(&gateway, &stranger, &issuer.token(&json!({})));
    assert_eq!(told.err(), Some(format!("{TOLD} \"{stranger}\"")));
    assert_eq!(last_reason(&gateway, 1), "there is no such user");
}

/// Who acts for whom is part of the evidence.
pub fn chains(cluster: &Cluster, driver: Driver) {
    let issuer = Issuer::new();
    let gateway = gateway(cluster, driver, &issuer.sections());
    let acts = json!({"act": {"sub": "agent-7", "act": {"sub": "planner"}}});
    let_in(&gateway, "loader", &issuer.token(&acts));
    let opened = records(&gateway, "session_opened", 1)
        .pop_back()
        .expect("a record");
    assert_eq!(opened["chain"], json!(["loader", "planner", "agent-7"]));
}

/// A connection to the database that is kept for the next session does not end with the token of
/// the last one, and that session ends with its own.
pub fn kept(cluster: &Cluster, driver: Driver) {
    let issuer = Issuer::new();
    let mut setup = Setup::clinic(driver, upstream(cluster));
    let sections = issuer.sections();
    setup
        .rules
        .push_str(&sections.replace("scope =", "clock_skew_ms = 0\nscope ="));
    setup.upstream_tls.push_str("\nreuse = \"session\"");
    setup.threads = 1;
    let gateway = Gateway::start(&setup);
    let short = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let exp = now.expect("a clock").as_secs() + 3;
        let_in(&gateway, "loader", &issuer.token(&json!({ "exp": exp })))
    };
    let backend = |client: &mut Client| {
        let rows = rows(&client.simple("SELECT pg_backend_pid()").expect("an answer"));
        rows[0][0].clone().expect("a process id")
    };
    let mut first = short();
    let before = backend(&mut first);
    first.send(&frame_bytes(b'X', b"")).expect("sent");
    first.until_closed(SOON).expect("closed");
    // Both clocks go on; nothing is to be seen until then.
    std::thread::sleep(Duration::from_secs(4));
    let mut second = short();
    assert_eq!(backend(&mut second), before, "another connection was made");
    let frames = second.until_closed(SOON).expect("closed");
    let told = frames.iter().rev().find_map(Frame::error);
    assert_eq!(told.map(|(code, _)| code).as_deref(), Some("57P01"));
}
