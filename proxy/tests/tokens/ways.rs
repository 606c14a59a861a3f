//! How tokens come in, and what somebody without one learns.

use std::time::{SystemTime, UNIX_EPOCH};

use postgres_protocol::message::frontend;
use serde_json::{Value, json};
use velum_proxy::demo::cluster::Cluster;

use super::forge::{Signer, key_set, with};
use super::support::client::{Client, Frame, Login};
use super::support::clinic;
use super::support::gateway::{Driver, Gateway};
use super::{TOLD, gateway, gateway_with, identity, last_reason, let_in, log_in, records};

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
    initial_response(&mut client, &issuer.token(&json!({"sub": "bearer"})));
    client.log_in("").expect("let in");
    let rows = client.simple("SELECT 1").expect("an answer");
    assert_eq!(super::support::client::rows(&rows), [[Some(b"1".to_vec())]]);

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
