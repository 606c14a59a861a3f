//! An issuer that answers with whatever a forger would: a page of endpoints, keys, and a token
//! endpoint that does as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::browser::query;
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
fn good(port: u16, nonce: &str) -> Value {
    json!({
        "iss": format!("http://127.0.0.1:{port}"), "sub": "ann", "aud": "velum",
        "exp": now_s() + 300, "iat": now_s(), "auth_time": now_s(), "nonce": nonce,
        "groups": ["leads"],
    })
}

/// Everything but a good token is refused, each for its own reason.
pub fn refused() {
    let (port, issuer) = (free_port(), free_port());
    let (signer, stranger) = (Signer::rsa("one"), Signer::rsa("one"));
    let told = Told::default();
    serve(issuer, key_set(&[&signer]), Arc::clone(&told));
    let sections = format!(
        "[[issuer]]\nname = \"staff\"\nurl = \"http://127.0.0.1:{issuer}\"\n\
         audiences = [\"api\"]\nclock_skew_ms = 1000\nroles = {{ leads = \"approver\" }}\n\
         [issuer.login]\nclient_id = \"velum\"\n"
    );
    let mut world = World::new(port, &sections);
    let mut ann = world.browser();
    let mut attempt = |world: &World, how: &str, status: u16, body: &dyn Fn(&str) -> String| {
        let begun = ann.get(&world.at(&format!("/api/v1/login/staff{how}")));
        let asked = query(&begun.location.expect("a redirect"));
        assert_eq!(asked["code_challenge_method"], "S256");
        *told.lock().expect("no panic") = (status, body(&asked["nonce"]));
        let back = format!(
            "/api/v1/login/staff/callback?code=c&state={}",
            asked["state"]
        );
        ann.get(&world.at(&back))
    };
    let tokens = |token: &str| json!({ "token_type": "Bearer", "id_token": token }).to_string();
    let claims = |name: &'static str, value: Value| {
        let signer = &signer;
        move |nonce: &str| {
            tokens(&signer.token(&with(&good(issuer, nonce), &json!({ name: value }))))
        }
    };
    let seen = attempt(&world, "", 200, &claims("azp", json!("velum")));
    assert_eq!(seen.status, 303, "{}", seen.body);

    type Body<'a> = Box<dyn Fn(&str) -> String + 'a>;
    let ways: Vec<(&str, u16, Body<'_>, &str)> = vec![
        (
            "",
            200,
            Box::new(claims("nonce", Value::Null)),
            "the ID token has no nonce",
        ),
        (
            "",
            200,
            Box::new(claims("nonce", json!("other"))),
            "the ID token is of another log-in: its nonce is",
        ),
        (
            "",
            200,
            Box::new(claims("aud", json!("api"))),
            "the token is for another audience",
        ),
        (
            "",
            200,
            Box::new(claims("aud", json!(["velum", "api"]))),
            "the ID token has several audiences and does not say whom it was given to",
        ),
        (
            "",
            200,
            Box::new(claims("azp", json!("other"))),
            "the ID token was given to another client",
        ),
        (
            "",
            200,
            Box::new(claims("iss", json!("http://127.0.0.1:1"))),
            "the token's issuer is not known",
        ),
        (
            "",
            200,
            Box::new(claims("exp", json!(now_s() - 60))),
            "the token has expired",
        ),
        (
            "",
            200,
            Box::new(claims("iat", json!(now_s() + 60))),
            "the token was issued in the future",
        ),
        (
            "",
            200,
            Box::new(claims("sub", json!("a\u{440}n"))),
            "the token's subject is not printable ASCII of at most 255 characters",
        ),
        (
            "",
            200,
            Box::new(claims("groups", json!(["visitors"]))),
            "none of their groups may do anything here",
        ),
        (
            "",
            200,
            Box::new(claims("groups", json!({"leads": true}))),
            "the token's groups are invalid",
        ),
        (
            "?prompt=login",
            200,
            Box::new(claims("auth_time", json!(now_s() - 60))),
            "they showed who they are too long ago",
        ),
        (
            "",
            200,
            Box::new(claims("auth_time", json!(now_s() - 90_000))),
            "they showed who they are too long ago",
        ),
        (
            "",
            200,
            Box::new(claims("auth_time", json!(now_s() + 600))),
            "the time at which they showed who they are is invalid",
        ),
        (
            "",
            200,
            Box::new(claims("amr", json!("mfa"))),
            "the ID token's amr or acr is invalid",
        ),
        (
            "",
            200,
            Box::new(|nonce| tokens(&stranger.token(&good(issuer, nonce)))),
            "the token's signature is wrong",
        ),
        (
            "",
            200,
            Box::new(|nonce| {
                let token = signer.token(&good(issuer, nonce));
                tokens(&token[..token.rfind('.').unwrap_or(0) + 1])
            }),
            "the token's signature is wrong",
        ),
        (
            "",
            200,
            Box::new(|_| json!({ "access_token": "a" }).to_string()),
            "the issuer's answer to the code has no ID token",
        ),
        (
            "",
            200,
            Box::new(|nonce| {
                let token = signer.token(&good(issuer, nonce));
                format!("{{\"id_token\":\"x\",\"id_token\":\"{token}\"}}")
            }),
            "the issuer's answer to the code is malformed",
        ),
        (
            "",
            200,
            Box::new(|_| "<html>".to_owned()),
            "the issuer's answer to the code is malformed",
        ),
        (
            "",
            401,
            Box::new(|_| json!({ "error": "invalid_client" }).to_string()),
            "the issuer does not take the gateway's own client id and secret",
        ),
        (
            "",
            500,
            Box::new(|_| String::new()),
            "the issuer does not exchange codes: it cannot be reached, or failed",
        ),
        (
            "",
            200,
            Box::new(|_| "x".repeat(300 * 1024)),
            "the issuer does not exchange codes: it cannot be reached, or failed",
        ),
    ];
    for (how, status, body, why) in &ways {
        let seen = attempt(&world, how, *status, body);
        assert_eq!(world.refused(&seen), *why);
    }
    drop(attempt);
    assert!(
        ann.cookie("localhost", COOKIE).is_some(),
        "the one that was let in"
    );
}
