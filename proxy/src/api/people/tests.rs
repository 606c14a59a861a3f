#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use velum_core::audit::record;
use velum_core::time::Timestamp;

use super::super::{Api, router};
use super::open::hash;
use crate::config::{self, Config, Environment};
use crate::grants::tests::Bench;
use crate::identity::code::Proof;
use crate::observe;
use crate::store::sessions::{Holder, Session, Values, Way};

const URL: &str = "https://velum.example";
const ID: &str = "0123456789abcdef";

fn config(roles: &str) -> Arc<Config> {
    let folder = tempfile::tempdir().unwrap();
    let authority = crate::demo::cluster::Authority::new().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
    let environment = Environment {
        directory: folder.path().to_owned(),
        variable: &|_| None,
    };
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[audit]\ndirectory = \"audit\"\n\
         [api]\nlisten = \"127.0.0.1:6480\"\nurl = \"{URL}\"\n\
         [login]\nidle_timeout_ms = 600_000\nabsolute_timeout_ms = 3_600_000\n\
         rotate_ms = 60_000\nstep_up_within_ms = 300_000\n\
         [[issuer]]\nname = \"staff\"\nurl = \"https://issuer.example\"\nca = \"ca.pem\"\n\
         audiences = [\"api\"]\nroles = {{ {roles} }}\nlogin = {{ client_id = \"velum\" }}\n\
         [[identity]]\nname = \"agent\"\nauth = \"trust\"\naccess = {{ ehr = \"p\" }}\n\
         [[resource]]\nname = \"ehr\"\nkind = \"postgres\"\naddress = \"/nonexistent\"\n\
         database = \"ehr\"\nuser = \"velum\"\ntls_mode = \"disable\"\n\
         [[policy]]\nname = \"p\"\nexempt = true\n"
    );
    let parsed = config::parse(std::path::Path::new("velum.toml"), &text, &environment);
    Arc::new(parsed.unwrap_or_else(|problems| panic!("{}", problems.to_text())))
}

const ROLES: &str = "leads = \"approver\", ops = \"admin\"";

/// A secret of 43 letters.
fn secret(letter: char) -> String {
    letter.to_string().repeat(43)
}

/// A session that was begun and last used so long ago.
fn session(begun_ms: u64, used_ms: u64) -> Session {
    let before = |ms: u64| Timestamp(observe::now().0 - ms * 1_000_000);
    Session {
        id: ID.to_owned(),
        version: 1,
        values: Values {
            current: hash(&secret('c')),
            next: None,
            lost: None,
            last: None,
            since: before(begun_ms),
        },
        holder: Holder {
            way: Way::Oidc,
            issuer: "staff".to_owned(),
            issuer_id: "https://issuer.example".to_owned(),
            subject: "ann".to_owned(),
            groups: vec!["leads".to_owned()],
            proof: Proof::default(),
        },
        created_at: before(begun_ms),
        expires_at: before(begun_ms).after_ms(3_600_000),
        used_at: before(used_ms),
        ended: None,
    }
}

struct House {
    bench: Bench,
    router: Router,
}

/// What a browser gets.
struct Seen {
    status: StatusCode,
    cookies: Vec<String>,
    body: Value,
}

impl House {
    async fn with(session: Session) -> Self {
        let bench = Bench::new().await;
        bench.desk.configure(config(ROLES)).await;
        let added = bench.desk.change(move |tx, _| {
            tx.insert_session(&session)?;
            Ok(((), Default::default()))
        });
        added.await.unwrap();
        let router = router(Api::new(Arc::clone(&bench.desk)), 2_048);
        Self { bench, router }
    }

    async fn send(&self, request: Request<Body>) -> Seen {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
        let cookies = cookies.map(|it| it.to_str().unwrap().to_owned()).collect();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Seen {
            status,
            cookies,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    async fn look(&self, cookies: &str) -> Seen {
        let request = Request::get("/api/v1/me").header(header::COOKIE, cookies);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A change, with these headers beside the cookie.
    async fn change(&self, cookies: &str, headers: &[(&str, &str)]) -> Seen {
        let mut request = Request::post("/api/v1/logout").header(header::COOKIE, cookies);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Event and reason of the last record about people.
    fn last(&self) -> (String, String) {
        let records = self.bench.records.lock().unwrap();
        let last = records.iter().rev().find_map(|it| match &it.body {
            record::Body::Login { event, reason, .. } => Some((event.clone(), reason.clone())),
            _ => None,
        });
        last.unwrap_or_default()
    }
}

fn cookie(letter: char) -> String {
    format!("__Host-velum-session={ID}.{}", secret(letter))
}

const OWN: [(&str, &str); 3] = [
    ("origin", URL),
    ("sec-fetch-site", "same-origin"),
    ("velum-request", "1"),
];

#[tokio::test]
async fn a_cookie_stands_for_its_owner() {
    let house = House::with(session(1_000, 1_000)).await;
    let seen = house.look(&format!("theme=dark; {}", cookie('c'))).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    assert_eq!(seen.body["id"], "ann");
    assert_eq!(seen.body["roles"], serde_json::json!(["approver"]));
    assert_eq!(
        seen.body["is_fresh"], false,
        "nobody knows when she has shown who she is"
    );
    assert!(seen.cookies.is_empty() && house.last().0.is_empty());
    let out = house.change(&cookie('c'), &OWN).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let cleared = "__Host-velum-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0";
    assert_eq!(out.cookies, [cleared]);
    assert_eq!(
        house.last(),
        ("logged_out".to_owned(), "logged out".to_owned())
    );
    assert_eq!(
        house.look(&cookie('c')).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(house.last().1, "the session has ended");
}

/// What is done to a session, the cookie that is shown, and why it is refused.
type Case = (fn(&mut Session), fn() -> String, &'static str);

/// Cookies that open nothing; what session there is goes on.
const REFUSED: &[Case] = &[
    (
        |_| {},
        || format!("__Host-velum-session={ID}"),
        "the cookie is malformed",
    ),
    (
        |_| {},
        || format!("{}; {}", cookie('c'), cookie('d')),
        "the browser has several cookies of the name",
    ),
    (
        |_| {},
        || cookie('c').replace(ID, "fedcba9876543210"),
        "there is no such session",
    ),
    (|_| {}, || cookie('d'), "the cookie's secret is wrong"),
];

const COPY: &str = "the cookie was exchanged for another: somebody has a copy";
const NOTHING: &str = "the configuration lets them do nothing any more";

/// Cookies of sessions that are found to be over.
const OVER: &[Case] = &[
    (
        |it| it.used_at.0 -= 600_000 * 1_000_000,
        || cookie('c'),
        "the session was not used for too long",
    ),
    (
        |it| it.expires_at = it.created_at,
        || cookie('c'),
        "the session has lasted too long",
    ),
    (|it| it.holder.groups.clear(), || cookie('c'), NOTHING),
    (|it| it.holder.issuer_id.push('x'), || cookie('c'), NOTHING),
    (|it| it.holder.issuer.push('x'), || cookie('c'), NOTHING),
    (
        |it| it.values.last = Some((hash(&secret('l')), it.created_at)),
        || cookie('l'),
        COPY,
    ),
    (
        |it| it.values.lost = Some(hash(&secret('o'))),
        || cookie('o'),
        COPY,
    ),
];

#[tokio::test]
async fn every_other_cookie_is_refused_for_its_own_reason() {
    let refused = REFUSED.iter().map(|case| (case, false));
    for ((change, cookies, why), is_over) in refused.chain(OVER.iter().map(|it| (it, true))) {
        let mut session = session(1_000, 1_000);
        change(&mut session);
        let house = House::with(session).await;
        let seen = house.look(&cookies()).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{why}");
        let told = "the session is not in force";
        assert_eq!(seen.body["detail"], told, "one for all");
        assert!(seen.cookies[0].contains("Max-Age=0"), "{:?}", seen.cookies);
        let records = house.bench.records.lock().unwrap();
        let has = |wanted: &str| {
            records.iter().any(|it| match &it.body {
                record::Body::Login { event, reason, .. } => event == wanted && reason == why,
                _ => false,
            })
        };
        assert!(has("session_refused"), "{why}: {records:?}");
        assert_eq!(has("session_ended"), is_over, "{why}: {records:?}");
    }
    let house = House::with(session(1_000, 1_000)).await;
    let both = Request::get("/api/v1/me")
        .header(header::COOKIE, cookie('c'))
        .header(header::AUTHORIZATION, "Bearer nonsense");
    let both = both.body(Body::empty()).unwrap();
    assert_eq!(house.send(both).await.status, StatusCode::UNAUTHORIZED);
    let plain = cookie('c').replace("__Host-", "");
    assert_eq!(house.look(&plain).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let house = House::with(session(1_000, 1_000)).await;
    let cross = "another site has caused the change";
    for (headers, why) in [
        (
            vec![("sec-fetch-site", "cross-site"), ("velum-request", "1")],
            cross,
        ),
        (
            vec![("sec-fetch-site", "same-site"), ("velum-request", "1")],
            cross,
        ),
        (
            vec![("sec-fetch-site", "none"), ("velum-request", "1")],
            cross,
        ),
        (
            vec![("origin", "https://evil.example"), ("velum-request", "1")],
            cross,
        ),
        (vec![("origin", "null"), ("velum-request", "1")], cross),
        (
            vec![("origin", "http://velum.example"), ("velum-request", "1")],
            cross,
        ),
        (
            vec![
                ("origin", "https://velum.example.evil.example"),
                ("velum-request", "1"),
            ],
            cross,
        ),
        (
            vec![("velum-request", "1")],
            "it is not known which site has caused the change",
        ),
        (
            vec![OWN[0], OWN[1]],
            "the change lacks the header that other sites cannot send",
        ),
    ] {
        let seen = house.change(&cookie('c'), &headers).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(seen.body["type"], "urn:velum:problem:cross-site");
        assert_eq!(house.last(), ("session_refused".to_owned(), why.to_owned()));
    }
    assert_eq!(
        house.look(&cookie('c')).await.status,
        StatusCode::OK,
        "it goes on"
    );
    let one = house.change(&cookie('c'), &[OWN[0], OWN[2]]).await;
    assert_eq!(one.status, StatusCode::NO_CONTENT, "an origin is enough");
}

/// The value that an answer gives the browser.
fn given(seen: &Seen) -> String {
    let [cookie] = &seen.cookies[..] else {
        panic!("{:?}", seen.cookies)
    };
    cookie.split(';').next().unwrap().to_owned()
}

/// Asks for what an approver may not have, which changes nothing but the cookie.
async fn ask(house: &House, cookies: &str) -> Seen {
    let mut request = Request::post("/api/v1/keys")
        .header(header::COOKIE, cookies)
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in OWN {
        request = request.header(name, value);
    }
    house.send(request.body(Body::from("{}")).unwrap()).await
}

#[tokio::test]
async fn a_cookie_is_exchanged_and_a_copy_of_it_ends_the_session() {
    let house = House::with(session(61_000, 1_000)).await;
    assert!(
        house.look(&cookie('c')).await.cookies.is_empty(),
        "only for a change"
    );
    let seen = ask(&house, &cookie('c')).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let next = given(&seen);
    assert_ne!(next, cookie('c'));
    assert!(
        ask(&house, &cookie('c')).await.cookies.is_empty(),
        "one is on its way"
    );
    assert_eq!(
        house.look(&cookie('c')).await.status,
        StatusCode::OK,
        "until it comes back"
    );
    assert_eq!(house.look(&next).await.status, StatusCode::OK);
    assert_eq!(
        house.look(&cookie('c')).await.status,
        StatusCode::OK,
        "late, but under way"
    );
    assert!(ask(&house, &next).await.cookies.is_empty(), "it is new");
    // Long after.
    let aged = house.bench.desk.change(|tx, now| {
        let mut session = tx.session(ID)?.unwrap();
        session.values.last = session.values.last.map(|(hash, _)| (hash, now));
        tx.touch_session(&session)?;
        Ok(((), Default::default()))
    });
    aged.await.unwrap();
    let copy = house.look(&cookie('c')).await;
    assert_eq!(copy.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        house.look(&next).await.status,
        StatusCode::UNAUTHORIZED,
        "it is over for both"
    );
    assert_eq!(house.last().1, "the session has ended");
}

#[tokio::test]
async fn deciding_and_making_keys_take_a_fresh_log_in() {
    let mut stale = session(1_000, 1_000);
    stale.holder.groups.push("ops".to_owned());
    stale.holder.proof.at_s = Some(observe::now().0 / 1_000_000_000 - 301);
    let mut fresh = stale.clone();
    fresh.holder.proof.at_s = Some(observe::now().0 / 1_000_000_000 - 200);
    let house = House::with(stale).await;
    let seen = ask(&house, &cookie('c')).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert_eq!(seen.body["type"], "urn:velum:problem:step-up-required");
    let login = format!("{URL}/api/v1/login/staff?prompt=login");
    assert_eq!(seen.body["login"], login);
    let house = House::with(fresh).await;
    let seen = ask(&house, &cookie('c')).await;
    assert_eq!(
        seen.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        seen.body
    );
}
