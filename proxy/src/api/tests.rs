#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod agents;
mod crowd;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa::OpenApi;
use velum_core::audit::record;
use velum_core::grant::EventKind;
use velum_core::time::Timestamp;

use super::*;
use crate::grants::tests::Bench;
use crate::observe;
use crate::store::keys::{Bearer, Role};

/// An answer as a client sees it.
struct Seen {
    status: StatusCode,
    kind: String,
    etag: Option<String>,
    body: Value,
}

struct House {
    bench: Bench,
    router: axum::Router,
}

impl House {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let router = router(Api::new(Arc::clone(&bench.desk)), 2_048);
        Self { bench, router }
    }

    /// A key of `owner`, who speaks for `identities`.
    async fn key(&self, owner: &str, roles: &[Role], identities: &[&str]) -> String {
        let bearer = Bearer {
            owner: owner.to_owned(),
            roles: roles.iter().copied().collect(),
            groups: BTreeSet::new(),
            identities: Some(identities.iter().map(|&it| it.to_owned()).collect()),
            chain: Vec::new(),
            created_by: "test".to_owned(),
            is_bootstrap: owner == "bootstrap",
        };
        let now = observe::now();
        let (key, text) = secret::draw(bearer, now, now.after_ms(60_000)).unwrap();
        let added = self.bench.desk.change(move |tx, _| {
            tx.insert_key(&key)?;
            Ok(((), Default::default()))
        });
        added.await.unwrap();
        text.to_string()
    }

    async fn send(&self, request: Request<Body>) -> Seen {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let header = |name| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (kind, etag) = (header(header::CONTENT_TYPE), header(header::ETAG));
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Seen {
            status,
            kind: kind.unwrap_or_default(),
            etag,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    async fn get(&self, key: &str, path: &str) -> Seen {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {key}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, key: &str, path: &str, body: &Value, more: &[(&str, &str)]) -> Seen {
        let mut request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }
}

impl Seen {
    /// The word of a problem, which is what it says it is.
    #[track_caller]
    fn problem(&self) -> &str {
        assert_eq!(self.kind, "application/problem+json", "{}", self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        self.body["type"]
            .as_str()
            .unwrap()
            .strip_prefix(problem::TYPE)
            .unwrap()
    }
}

fn asked() -> Value {
    json!({
        "identity": "agent", "resource": "ehr", "seconds": 600,
        "reason": "report for patient SSN 536-22-8145", "ticket": "OPS-7",
    })
}

fn why() -> Value {
    json!({ "rationale": "call 617-555-0123 if in doubt" })
}

#[tokio::test]
async fn only_keys_in_force_open_anything() {
    let house = House::new().await;
    let good = house.key("eve", &[Role::Auditor], &[]).await;
    let mut wrong = good.clone();
    wrong.replace_range(wrong.len() - 4.., "AAAA");
    for key in ["", "velum_", "velum_0123456789ab_", &wrong, "nonsense"] {
        let seen = house.get(key, "/api/v1/grants").await;
        assert_eq!(
            (seen.status, seen.problem()),
            (StatusCode::UNAUTHORIZED, "unauthenticated")
        );
    }
    assert_eq!(
        house.get(&good, "/api/v1/grants").await.status,
        StatusCode::OK
    );
    let admin = house.key("root", &[Role::Admin], &[]).await;
    let id = good.split('_').nth(1).unwrap();
    let path = format!("/api/v1/keys/{id}/revoke");
    assert_eq!(
        house.post(&admin, &path, &why(), &[]).await.status,
        StatusCode::OK
    );
    let seen = house.get(&good, "/api/v1/grants").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    let used = house.get(&admin, "/api/v1/keys").await;
    let used = used.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["id"] == *id);
    assert!(used.unwrap()["last_used_at"].is_string());
    for open in ["/healthz", "/readyz", "/api/v1/openapi.json"] {
        let request = Request::get(open).body(Body::empty()).unwrap();
        assert_eq!(house.send(request).await.status, StatusCode::OK, "{open}");
    }
    // Who guesses is slowed down.
    let mut last = StatusCode::OK;
    for _ in 0..40 {
        last = house.get(&wrong, "/api/v1/grants").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn each_role_does_its_own_and_nothing_else() {
    let house = House::new().await;
    let asks = house.key("agent", &[Role::Requester], &["agent"]).await;
    let other = house.key("clerk", &[Role::Requester], &["clerk"]).await;
    let decides = house.key("ann", &[Role::Approver], &[]).await;
    let looks = house.key("eve", &[Role::Auditor], &[]).await;
    let admin = house.key("root", &[Role::Admin], &[]).await;
    let made = house.post(&asks, "/api/v1/grants", &asked(), &[]).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let one = format!("/api/v1/grants/{}", made.body["id"].as_str().unwrap());
    let to = |verb: &str| format!("{one}/{verb}");
    let key = json!({ "owner": "x", "roles": ["auditor"] });
    let forbidden = [
        (&other, "/api/v1/grants".to_owned(), asked()),
        (&decides, "/api/v1/grants".to_owned(), asked()),
        (&looks, "/api/v1/grants".to_owned(), asked()),
        (&admin, "/api/v1/grants".to_owned(), asked()),
        (&asks, to("approve"), why()),
        (&looks, to("approve"), why()),
        (&admin, to("approve"), why()),
        (&admin, to("deny"), why()),
        (&looks, to("revoke"), why()),
        (&decides, to("withdraw"), why()),
        (&asks, to("review"), why()),
        (&asks, "/api/v1/keys".to_owned(), key.clone()),
        (&decides, "/api/v1/keys".to_owned(), key.clone()),
        (&looks, "/api/v1/keys".to_owned(), key),
    ];
    for (key, path, body) in forbidden {
        let seen = house.post(key, &path, &body, &[]).await;
        assert_eq!(
            (seen.status, seen.problem()),
            (StatusCode::FORBIDDEN, "forbidden"),
            "{path}"
        );
    }
    // For who may not see it, there is none.
    let seen = house.get(&other, &one).await;
    assert_eq!(seen.problem(), "not-found");
    let listed = house.get(&other, "/api/v1/grants").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 0);
    let identities = house.get(&other, "/api/v1/identities").await;
    assert_eq!(identities.body["items"][0]["name"], "clerk");
    assert_eq!(identities.body["items"].as_array().unwrap().len(), 1);
    for key in [&asks, &decides, &looks, &admin] {
        assert_eq!(house.get(key, &one).await.status, StatusCode::OK);
    }
    assert_eq!(
        house.get(&decides, "/api/v1/keys").await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_request_is_made_once() {
    let house = House::new().await;
    let both = house
        .key("dora", &[Role::Requester, Role::Approver], &["agent"])
        .await;
    let ann = house.key("ann", &[Role::Approver], &[]).await;
    let once = [("idempotency-key", "first")];
    let made = house.post(&both, "/api/v1/grants", &asked(), &once).await;
    let again = house.post(&both, "/api/v1/grants", &asked(), &once).await;
    assert_eq!(
        (made.status, &made.body),
        (again.status, &again.body),
        "made once"
    );
    let mut changed = asked();
    changed["seconds"] = 601.into();
    let reused = house.post(&both, "/api/v1/grants", &changed, &once).await;
    assert_eq!(reused.problem(), "idempotency-key-reused");
    let listed = house.get(&ann, "/api/v1/grants").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_is_decided_by_somebody_else_and_as_it_was_seen() {
    let house = House::new().await;
    let both = house
        .key("dora", &[Role::Requester, Role::Approver], &["agent"])
        .await;
    let ann = house.key("ann", &[Role::Approver], &[]).await;
    let made = house.post(&both, "/api/v1/grants", &asked(), &[]).await;
    let one = format!("/api/v1/grants/{}", made.body["id"].as_str().unwrap());
    let approve = format!("{one}/approve");
    let own = house.post(&both, &approve, &why(), &[]).await;
    assert_eq!(
        (own.status, own.problem()),
        (StatusCode::FORBIDDEN, "self-approval")
    );
    let empty = house
        .post(&ann, &approve, &json!({ "rationale": " " }), &[])
        .await;
    assert_eq!(empty.problem(), "rationale-missing");
    let wider = json!({ "rationale": "ok", "seconds": 601 });
    let wider = house.post(&ann, &approve, &wider, &[]).await;
    assert_eq!(wider.problem(), "window-wider");
    for stale in ["\"2\"", "W/\"1\"", "1", "\"\""] {
        let seen = house
            .post(&ann, &approve, &why(), &[("if-match", stale)])
            .await;
        assert_eq!(
            (seen.status, seen.problem()),
            (StatusCode::PRECONDITION_FAILED, "stale")
        );
    }
    let narrow = json!({ "rationale": "less will do", "seconds": 60, "tables": ["clinic.notes"] });
    let done = house
        .post(&ann, &approve, &narrow, &[("if-match", "\"1\"")])
        .await;
    assert_eq!(
        (done.status, done.etag.as_deref()),
        (StatusCode::OK, Some("\"2\"")),
        "{}",
        done.body
    );
    assert_eq!(
        (&done.body["state"], &done.body["seconds"]),
        (&json!("active"), &json!(60))
    );
    assert_eq!(done.body["tables"], json!(["clinic.notes"]));
    let twice = house.post(&ann, &approve, &why(), &[]).await;
    assert_eq!(
        (twice.status, twice.problem()),
        (StatusCode::CONFLICT, "already-active")
    );
    let revoked = house
        .post(&ann, &format!("{one}/revoke"), &why(), &[])
        .await;
    assert_eq!(revoked.body["ended"]["by"], "ann");
    use EventKind::{Activated, Approved, Requested, Revoked};
    assert_eq!(
        house.bench.audited(),
        [Requested, Approved, Activated, Revoked]
    );
    let told = house.get(&ann, &format!("{one}/events")).await;
    assert_eq!(told.body["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn identifiers_in_texts_are_neither_stored_nor_audited() {
    let house = House::new().await;
    let asks = house.key("agent", &[Role::Requester], &["agent"]).await;
    let ann = house.key("ann", &[Role::Approver], &[]).await;
    let made = house.post(&asks, "/api/v1/grants", &asked(), &[]).await;
    let id = made.body["id"].as_str().unwrap();
    house
        .post(&ann, &format!("/api/v1/grants/{id}/approve"), &why(), &[])
        .await;
    let shown = house
        .get(&ann, &format!("/api/v1/grants/{id}"))
        .await
        .body
        .to_string();
    let records = format!("{:?}", house.bench.records.lock().unwrap());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(house.bench.folder.path()).unwrap() {
        files.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let files = String::from_utf8_lossy(&files);
    for canary in ["536-22-8145", "617-555-0123"] {
        for place in [&shown, &records, &*files] {
            assert!(!place.contains(canary), "{canary}");
        }
    }
    assert!(
        shown.contains("XXX-XX-XXXX") && records.contains("XXX-XX-XXXX"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_reason() {
    let house = House::new().await;
    let asks = house
        .key("agent", &[Role::Requester], &["agent", "clerk"])
        .await;
    let with = |name: &str, value: Value| {
        let mut body = asked();
        body[name] = value;
        body
    };
    let cases = [
        (with("reason", json!("")), "reason-missing"),
        (with("seconds", json!(0)), "window-missing"),
        (with("seconds", json!(u64::MAX)), "window-too-long"),
        (with("seconds", json!(-1)), "body-malformed"),
        (with("start", json!("tomorrow")), "time-malformed"),
        (with("start", json!("2001-01-01T00:00:00Z")), "window-past"),
        (with("resource", json!("nowhere")), "no-access"),
        (with("tables", json!(["clinic.*"])), "scope-not-enforceable"),
        (with("columns", json!(["a.b"])), "scope-not-enforceable"),
        (
            with("commands", json!(["destroy"])),
            "scope-not-enforceable",
        ),
        (with("statement_sha256", json!("xy")), "statement-malformed"),
        (with("kind", json!("eternal")), "body-malformed"),
        (with("kind", json!("standing")), "standing-window"),
        (with("surprise", json!(1)), "body-malformed"),
        (json!([]), "body-malformed"),
        (
            json!({"identity": "clerk", "resource": "lab", "reason": "x", "seconds": 1}),
            "no-grant-needed",
        ),
    ];
    for (body, word) in cases {
        let seen = house.post(&asks, "/api/v1/grants", &body, &[]).await;
        assert_eq!(seen.problem(), word, "{body}");
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let long = with("reason", json!("x".repeat(3_000)));
    let seen = house.post(&asks, "/api/v1/grants", &long, &[]).await;
    assert_eq!(
        (seen.status, seen.problem()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large")
    );
    let blank = [("idempotency-key", "two words")];
    let seen = house.post(&asks, "/api/v1/grants", &asked(), &blank).await;
    assert_eq!(seen.problem(), "bad-request");
    let request =
        Request::post("/api/v1/grants").header(header::AUTHORIZATION, format!("Bearer {asks}"));
    let form = request
        .header(header::CONTENT_TYPE, "text/plain")
        .body(Body::from("{}"));
    assert_eq!(house.send(form.unwrap()).await.problem(), "not-json");
    for (path, word) in [
        ("/", "not-found"),
        ("/api/v1/grants/gr_1", "not-found"),
        ("/api/v1/grants?state=odd", "bad-request"),
        ("/api/v1/grants?surprise=1", "bad-request"),
        ("/api/v1/grants?after=x", "bad-request"),
        ("/api/v1/grants/gr_1/approve", "method-not-allowed"),
    ] {
        assert_eq!(house.get(&asks, path).await.problem(), word, "{path}");
    }
}

#[tokio::test]
async fn lists_come_in_pages_and_callers_at_their_rate() {
    let house = House::new().await;
    let asks = house.key("agent", &[Role::Requester], &["agent"]).await;
    let mut made = BTreeSet::new();
    for _ in 0..5 {
        let seen = house.post(&asks, "/api/v1/grants", &asked(), &[]).await;
        made.insert(seen.body["id"].as_str().unwrap().to_owned());
    }
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/grants?limit=2&state=requested,active{after}");
        let page = house.get(&asks, &path).await.body;
        let ids = page["items"].as_array().unwrap().iter();
        listed.extend(ids.map(|it| it["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(listed.len(), 5);
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), made);
    let mut seen = house.get(&asks, "/api/v1/identities").await;
    for _ in 0..200 {
        seen = house.get(&asks, "/api/v1/identities").await;
    }
    assert_eq!(seen.problem(), "rate-limited");
    assert!(seen.body["retry_after_s"].as_u64().unwrap() >= 1);
    let other = house.key("eve", &[Role::Auditor], &[]).await;
    let seen = house.get(&other, "/api/v1/identities").await;
    assert_eq!(seen.status, StatusCode::OK, "others are not held up");
}

#[tokio::test]
async fn a_key_is_shown_once_and_the_first_one_leaves_its_mark() {
    let house = House::new().await;
    let first = house.key("bootstrap", &[Role::Admin], &[]).await;
    let new = json!({ "owner": "ann", "roles": ["approver"], "groups": ["privacy"] });
    let once = [("idempotency-key", "k")];
    let made = house.post(&first, "/api/v1/keys", &new, &once).await;
    let key = made.body["key"].as_str().unwrap();
    assert_eq!(
        house.get(key, "/api/v1/grants").await.status,
        StatusCode::OK
    );
    let again = house.post(&first, "/api/v1/keys", &new, &once).await;
    assert_eq!(
        (again.body["id"].clone(), again.body.get("key")),
        (made.body["id"].clone(), None)
    );
    let listed = house.get(&first, "/api/v1/keys").await.body.to_string();
    let (_, secret) = secret::parts(key).unwrap();
    assert!(!listed.contains(secret));
    for wrong in [
        json!({ "owner": "ann", "roles": [] }),
        json!({ "owner": "", "roles": ["auditor"] }),
        json!({ "owner": "ann", "roles": ["requester"] }),
        json!({ "owner": "ann", "roles": ["auditor"], "identities": ["agent"] }),
        json!({ "owner": "ann", "roles": ["auditor"], "seconds": 0 }),
        json!({ "owner": "a\nb", "roles": ["auditor"] }),
    ] {
        let seen = house.post(&first, "/api/v1/keys", &wrong, &[]).await;
        assert_eq!(seen.problem(), "key-malformed", "{wrong}");
    }
    let records = house.bench.records.lock().unwrap();
    let count = |wanted: &str| {
        let event = |it: &record::Record| match &it.body {
            record::Body::Administration { event, .. } => event.clone(),
            _ => String::new(),
        };
        records.iter().filter(|it| event(it) == wanted).count()
    };
    assert_eq!((count("key_created"), count("bootstrap_key_used")), (1, 9));
    assert!(!format!("{records:?}").contains(secret));
}

#[tokio::test]
async fn a_clock_that_has_stepped_back_gives_no_key_more_time() {
    let house = House::new().await;
    let key = house.key("ann", &[Role::Auditor], &[]).await;
    let path = "/api/v1/grants";
    assert_eq!(house.get(&key, path).await.status, StatusCode::OK);
    // A moment that the store has seen, at which a key of a minute is over.
    let later = observe::now().after_ms(120_000);
    for moment in [later, Timestamp(0)] {
        let seen = house.bench.desk.change(move |tx, _| {
            tx.clock(moment)?;
            Ok(((), Default::default()))
        });
        seen.await.unwrap();
    }
    let status = house.get(&key, path).await.status;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_listens_hears_what_happens() {
    let house = House::new().await;
    let asks = house.key("agent", &[Role::Requester], &["agent"]).await;
    let ann = house.key("ann", &[Role::Approver], &[]).await;
    let clerk = house.key("clerk", &[Role::Requester], &["clerk"]).await;
    let listen = |key: &str| {
        let request =
            Request::get("/api/v1/events").header(header::AUTHORIZATION, format!("Bearer {key}"));
        house
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
    };
    let (heard, deaf) = (listen(&ann).await.unwrap(), listen(&clerk).await.unwrap());
    assert_eq!(heard.headers()[header::CONTENT_TYPE], "text/event-stream");
    house.post(&asks, "/api/v1/grants", &asked(), &[]).await;
    let frame = heard.into_body().frame().await.unwrap().unwrap();
    let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
    assert!(
        text.contains("event: requested\n") && text.contains("id: 1\n"),
        "{text}"
    );
    let patience = std::time::Duration::from_millis(50);
    let nothing = tokio::time::timeout(patience, deaf.into_body().frame()).await;
    assert!(nothing.is_err(), "not about their identities");
}

#[tokio::test]
async fn the_document_tells_of_every_path_and_no_other() {
    let house = House::new().await;
    let document = serde_json::to_value(openapi::Document::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 14, "{paths:?}");
    for (path, methods) in paths {
        let real = path.replace("{id}", "gr_0000000000000000");
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let request = Request::builder().method(&*method).uri(&real);
            let seen = house.send(request.body(Body::empty()).unwrap()).await;
            // There may be nothing of a name at a path, but there is the path.
            let is_there = seen.status != StatusCode::METHOD_NOT_ALLOWED
                && seen.body["detail"] != "there is nothing at this path";
            assert!(is_there, "{method} {path}: {}", seen.status);
        }
    }
    let text = document.to_string();
    for schema in [
        "GrantView",
        "NewGrant",
        "Problem",
        "KeyView",
        "EventView",
        "IdentityView",
    ] {
        assert!(
            document["components"]["schemas"].get(schema).is_some(),
            "{schema} in {text}"
        );
    }
}

#[tokio::test]
async fn figures_are_for_who_may_read_everything() {
    let house = House::new().await;
    let asker = house.key("ann", &[Role::Requester], &["agent"]).await;
    let seen = house.get(&asker, "/metrics").await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let auditor = house.key("eve", &[Role::Auditor], &[]).await;
    let counters = &house.bench.desk.shared().counters;
    counters.held_off.fetch_add(7, Ordering::Relaxed);
    let request = Request::get("/metrics")
        .header(header::AUTHORIZATION, format!("Bearer {auditor}"))
        .body(Body::empty())
        .unwrap();
    let answer = house.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("\nvelum_sessions 0\n"), "{text}");
    assert!(
        text.contains("\nvelum_receives_held_off_total 7\n"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
}
