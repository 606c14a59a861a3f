//! An issuer that answers with whatever a forger would: a page of endpoints, keys, and a token
//! endpoint that does as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::browser::{Browser, Seen, query};
use super::forge::{Signer, key_set, with};
use super::support::gateway::free_port;
use super::world::{COOKIE, World};

/// What the token endpoint answers.
type Told = Arc<Mutex<(u16, String)>>;

fn serve(port: u16, keys: String, told: Told) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _broken_off = answer(stream, port, &keys, &told);
        }
    });
}

fn answer(mut stream: TcpStream, port: u16, keys: &str, told: &Told) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let own = format!("http://127.0.0.1:{port}");
    let (status, body) = match first.split(' ').nth(1).unwrap_or_default() {
        "/keys" => (200, keys.to_owned()),
        "/token" => told.lock().expect("no panic").clone(),
        _ => (
            200,
            json!({
                "issuer": own, "jwks_uri": format!("{own}/keys"),
                "authorization_endpoint": format!("{own}/auth"),
                "token_endpoint": format!("{own}/token"),
            })
            .to_string(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn now_s() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.expect("a clock").as_secs()
}

/// What an ID token of a good issuer says.
fn said(port: u16, nonce: &str) -> Value {
    json!({
        "iss": format!("http://127.0.0.1:{port}"), "sub": "ann", "aud": "velum",
        "exp": now_s() + 300, "iat": now_s(), "auth_time": now_s(), "nonce": nonce,
        "groups": ["leads"],
    })
}

/// How somebody logs in, a claim that is spoilt, what it says then, and why it is refused.
type Claim = (&'static str, &'static str, fn() -> Value, &'static str);

const CLAIMS: &[Claim] = &[
    ("", "nonce", || Value::Null, "the ID token has no nonce"),
    (
        "",
        "nonce",
        || json!("other"),
        "the ID token is of another log-in: its nonce is",
    ),
    (
        "",
        "aud",
        || json!("api"),
        "the token is for another audience",
    ),
    (
        "",
        "aud",
        || json!(["velum", "api"]),
        "the ID token has several audiences and does not say whom it was given to",
    ),
    (
        "",
        "azp",
        || json!("other"),
        "the ID token was given to another client",
    ),
    (
        "",
        "iss",
        || json!("http://127.0.0.1:1"),
        "the token's issuer is not known",
    ),
    ("", "exp", || json!(now_s() - 60), "the token has expired"),
    (
        "",
        "iat",
        || json!(now_s() + 60),
        "the token was issued in the future",
    ),
    (
        "",
        "sub",
        || json!("a\u{440}n"),
        "the token's subject is not printable ASCII of at most 255 characters",
    ),
    (
        "",
        "groups",
        || json!(["visitors"]),
        "none of their groups may do anything here",
    ),
    (
        "",
        "groups",
        || json!({ "leads": true }),
        "the token's groups are invalid",
    ),
    (
        "?prompt=login",
        "auth_time",
        || json!(now_s() - 60),
        "they showed who they are too long ago",
    ),
    (
        "?prompt=login",
        "auth_time",
        || Value::Null,
        "the ID token does not say when they showed who they are",
    ),
    (
        "",
        "auth_time",
        || json!(now_s() - 90_000),
        "they showed who they are too long ago",
    ),
    (
        "",
        "auth_time",
        || json!(now_s() + 600),
        "the time at which they showed who they are is invalid",
    ),
    (
        "",
        "amr",
        || json!("mfa"),
        "the ID token's amr or acr is invalid",
    ),
];

/// What the token endpoint answers, by status and text, and why it is refused.
const ANSWERS: &[(u16, &str, &str)] = &[
    (
        200,
        r#"{ "access_token": "a" }"#,
        "the issuer's answer to the code has no ID token",
    ),
    (
        200,
        r#"{ "id_token": "a", "id_token": "b" }"#,
        "the issuer's answer to the code is malformed",
    ),
    (
        200,
        "<html>",
        "the issuer's answer to the code is malformed",
    ),
    (
        401,
        r#"{ "error": "invalid_client" }"#,
        "the issuer does not take the gateway's own client id and secret",
    ),
    (
        500,
        "",
        "the issuer does not exchange codes: it cannot be reached, or failed",
    ),
];

/// A gateway, the issuer that it believes, and somebody's browser.
struct Scene {
    world: World,
    browser: Browser,
    told: Told,
    issuer: u16,
}

impl Scene {
    fn new(signer: &Signer) -> Self {
        let issuer = free_port();
        let told = Told::default();
        serve(issuer, key_set(&[signer]), Arc::clone(&told));
        let sections = format!(
            "[[issuer]]\nname = \"staff\"\nurl = \"http://127.0.0.1:{issuer}\"\n\
             audiences = [\"api\"]\nclock_skew_ms = 1000\nroles = {{ leads = \"approver\" }}\n\
             [issuer.login]\nclient_id = \"velum\"\n"
        );
        let world = World::new(free_port(), &sections);
        let browser = world.browser();
        Self {
            world,
            browser,
            told,
            issuer,
        }
    }

    /// Logs in, where the token endpoint answers with what is made of the nonce.
    fn attempt(&mut self, how: &str, status: u16, body: impl Fn(&str) -> String) -> Seen {
        let start = self.world.at(&format!("/api/v1/login/staff{how}"));
        let begun = self.browser.get(&start);
        let asked = query(&begun.location.expect("a redirect"));
        assert_eq!(asked["code_challenge_method"], "S256");
        *self.told.lock().expect("no panic") = (status, body(&asked["nonce"]));
        let back = format!(
            "/api/v1/login/staff/callback?code=c&state={}",
            asked["state"]
        );
        self.browser.get(&self.world.at(&back))
    }

    fn refused(&mut self, how: &str, status: u16, body: impl Fn(&str) -> String, why: &str) {
        let seen = self.attempt(how, status, body);
        assert_eq!(self.world.refused(&seen), why);
    }
}

fn tokens(token: &str) -> String {
    json!({ "token_type": "Bearer", "id_token": token }).to_string()
}

/// Everything but a good token is refused, each for its own reason.
pub fn refused() {
    let (signer, stranger) = (Signer::rsa("one"), Signer::rsa("one"));
    let mut scene = Scene::new(&signer);
    let issuer = scene.issuer;
    let good = |nonce: &str| tokens(&signer.token(&said(issuer, nonce)));
    let seen = scene.attempt("", 200, good);
    assert_eq!(seen.status, 303, "{}", seen.body);
    for (how, name, value, why) in CLAIMS {
        let claims = |nonce: &str| with(&said(issuer, nonce), &json!({ *name: value() }));
        scene.refused(how, 200, |nonce| tokens(&signer.token(&claims(nonce))), why);
    }
    for (status, body, why) in ANSWERS {
        scene.refused("", *status, |_| (*body).to_owned(), why);
    }
    let why = "the token's signature is wrong";
    let claims = |nonce: &str| said(issuer, nonce);
    scene.refused(
        "",
        200,
        |nonce| tokens(&stranger.token(&claims(nonce))),
        why,
    );
    let why = "the issuer does not exchange codes: it cannot be reached, or failed";
    scene.refused("", 200, |_| "x".repeat(300 * 1024), why);
    let why = "the token is not signed: alg none";
    let unsigned = |nonce: &str| {
        let token = signer.token_of(r#"{"alg":"none"}"#, &claims(nonce).to_string());
        tokens(&token)
    };
    scene.refused("", 200, unsigned, why);
    assert!(
        scene.browser.cookie("localhost", COOKIE).is_some(),
        "of who was let in"
    );
}
