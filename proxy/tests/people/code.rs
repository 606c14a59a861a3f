//! The authorization code flow at npm's oidc-provider.

use std::thread;
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::json;

use super::browser::{Browser, query};
use super::support::gateway::free_port;
use super::support::memory;
use super::world::{COOKIE, Program, World};

const SOON: Duration = Duration::from_secs(30);

/// The provider, and a gateway that lets its people in: by two names, to see whether they are
/// mixed up.
pub fn world(more: &str) -> (Program, World) {
    let (port, provider_port) = (free_port(), free_port());
    let redirect = format!("https://localhost:{port}/api/v1/login/staff/callback");
    let provider = Program::start(
        "provider.js",
        &[
            ("PROVIDER_PORT", provider_port.to_string()),
            ("PROVIDER_REDIRECT", redirect),
        ],
    );
    let world = World::new(port, &format!("{}{more}", issuer(provider_port)));
    (provider, world)
}

pub fn issuer(port: u16) -> String {
    format!(
        "[[issuer]]\nname = \"staff\"\nurl = \"http://127.0.0.1:{port}\"\n\
         audiences = [\"velum-cli\"]\nclock_skew_ms = 1000\n\
         roles = {{ leads = \"approver\", staff = \"requester\", audit = \"auditor\", \
         ops = \"admin\" }}\n\
         [issuer.login]\nclient_id = \"velum\"\n\
         client_secret = {{ file = \"upstream.password\" }}\n\
         device_client_id = \"velum-cli\"\n\n"
    )
}

/// A request of dora's, by her own session.
fn request(world: &World, browser: &mut Browser) -> String {
    let body = json!({ "identity": "agent", "resource": "clinic", "seconds": 60, "reason": "x" });
    let made = world.post(browser, "/api/v1/grants", &body.to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()["id"].as_str().expect("a name").to_owned()
}

/// Two people, a grant, a step-up, and an end.
pub fn decides() {
    let (mut provider, mut world) = world("[login]\nstep_up_within_ms = 60_000\n");
    let (mut dora, mut ann) = (world.browser(), world.browser());
    provider.tell("account dora");
    world.log_in(&mut dora, "staff", "");
    let id = request(&world, &mut dora);
    let approve = format!("/api/v1/grants/{id}/approve");
    let why = json!({ "rationale": "seen" }).to_string();
    let own = world.post(&mut dora, &approve, &why);
    assert_eq!(
        (own.status.as_u16(), own.problem().as_str()),
        (403, "forbidden")
    );

    // She has shown who she is an hour ago.
    provider.tell("account ann");
    provider.tell("shown 3600");
    world.log_in(&mut ann, "staff", "?return_to=/console");
    let me = world.me(&mut ann).json();
    assert_eq!((&me["id"], &me["is_fresh"]), (&json!("ann"), &json!(false)));
    assert_eq!(me["roles"], json!(["approver"]));
    assert_eq!(me["groups"], json!(["leads"]));
    let late = world.post(&mut ann, &approve, &why);
    assert_eq!(
        (late.status.as_u16(), late.problem().as_str()),
        (403, "step-up-required")
    );
    let login = late.json()["login"].as_str().expect("where").to_owned();
    assert_eq!(login, world.at("/api/v1/login/staff?prompt=login"));
    let deny = format!("/api/v1/grants/{id}/deny");
    assert_eq!(
        world.post(&mut ann, &deny, &why).problem(),
        "step-up-required"
    );
    let before = ann.cookie("localhost", COOKIE).expect("a cookie");
    world.log_in(&mut ann, "staff", "?prompt=login");
    assert_eq!(world.me(&mut ann).json()["is_fresh"], json!(true));
    let agreed = world.post(&mut ann, &approve, &why);
    assert_eq!(agreed.status, 200, "{}", agreed.body);
    assert_eq!(agreed.json()["state"], "active");
    assert_eq!(agreed.json()["approvals"][0]["by"], "ann");

    // The session from before is over, whoever has its cookie.
    let mut old = ann.clone();
    old.jar
        .insert(("localhost".to_owned(), COOKIE.to_owned()), before);
    assert_eq!(world.me(&mut old).status, 401);
    let out = world.post(&mut ann, "/api/v1/logout", "");
    assert_eq!(out.status, 204, "{}", out.body);
    assert!(ann.cookie("localhost", COOKIE).is_none());
    assert_eq!(world.me(&mut ann).status, 401);
    let mut story = Vec::new();
    for _ in 0..6 {
        story.push(world.next());
    }
    let expected = [
        ("logged_in", ""),
        ("logged_in", ""),
        ("logged_in", ""),
        ("session_ended", "logged in anew"),
        ("session_refused", "the session has ended"),
        ("logged_out", "logged out"),
    ];
    let story: Vec<_> = story
        .iter()
        .map(|(event, why)| (event.as_str(), why.as_str()))
        .collect();
    assert_eq!(story, expected);
    left_nothing(&world, &mut dora);
}

/// No file and no log of the gateway holds a cookie.
fn left_nothing(world: &World, browser: &mut Browser) {
    let cookie = browser.cookie("localhost", COOKIE).expect("a cookie");
    let (_, secret) = cookie.split_once('.').expect("a secret");
    for (path, bytes) in world.gateway.files() {
        let holds = bytes
            .windows(secret.len())
            .any(|it| it == secret.as_bytes());
        assert!(!holds, "{} holds a cookie", path.display());
    }
    assert!(!world.gateway.log().contains(secret));
}

const OTHER: &str = "[[issuer]]\nname = \"other\"\nurl = \"http://127.0.0.1:9\"\n\
                     audiences = [\"velum\"]\nroles = { leads = \"admin\" }\n\
                     [issuer.login]\nclient_id = \"velum\"\n";
const CODE_REFUSED: &str =
    "the issuer does not take the code: it was used, is too old or another's";

/// An address without one of its parameters.
fn without(name: &str, url: &str) -> String {
    let (path, _) = url.split_once('?').expect("a query");
    let mut left = query(url);
    left.remove(name);
    let mut query = form_urlencoded::Serializer::new(format!("{path}?"));
    query.extend_pairs(left);
    query.finish()
}

/// What is done to a good answer, and why it is refused then.
type Spoilt = (fn(&str) -> String, &'static str);

const SPOILT: &[Spoilt] = &[
    (
        |url| url.replacen("iss=http", "iss=https", 1),
        "the answer names another issuer",
    ),
    (
        |url| without("iss", url),
        "the answer does not name its issuer, which always does",
    ),
    (|url| without("code", url), "the answer has no code"),
    (
        |url| url.replacen("/staff/", "/other/", 1),
        "the answer came from another issuer than the log-in was begun at",
    ),
    (|url| url.replacen("code=", "code=x", 1), CODE_REFUSED),
    (
        |url| without("state", url),
        "the answer does not say which log-in it is of",
    ),
    (
        |url| format!("{}&state=made-up", without("state", url)),
        "no such log-in is under way",
    ),
    (
        |url| format!("{url}&state=second"),
        "the answer has a parameter twice",
    ),
];

/// Answers that are spoilt are told the same, and each is on record by its own reason.
pub fn spoilt() {
    let (mut provider, mut world) = world(OTHER);
    let mut ann = world.browser();
    for (spoil, why) in SPOILT {
        let answer = world.answer(&mut ann, "staff", "");
        let seen = ann.get(&spoil(&answer));
        assert_eq!(world.refused(&seen), *why);
    }
    provider.tell("deny");
    let mut no = world.browser();
    let answer = world.answer(&mut no, "staff", "");
    assert!(answer.contains("error=access_denied"), "{answer}");
    let seen = no.get(&answer);
    assert_eq!(world.refused(&seen), "the issuer has not let them in");
    provider.tell("account nobody");
    let mut nobody = world.browser();
    let answer = world.answer(&mut nobody, "staff", "");
    let seen = nobody.get(&answer);
    assert_eq!(
        world.refused(&seen),
        "none of their groups may do anything here"
    );
    assert!(nobody.cookie("localhost", COOKIE).is_none());
    // Links that lead elsewhere, and issuers that there are not.
    for path in [
        "staff?return_to=https://evil.example",
        "staff?return_to=//evil.example",
        "staff?return_to=/%5Cevil.example",
        "staff?prompt=none",
        "staff?max_age=1",
    ] {
        let seen = ann.get(&world.at(&format!("/api/v1/login/{path}")));
        assert_eq!(seen.status, 400, "{path}: {}", seen.body);
    }
    assert_eq!(ann.get(&world.at("/api/v1/login/nobody")).status, 404);
    assert_eq!(ann.get(&world.at("/api/v1/login/other")).status, 503);
}

/// An answer is for one browser, and once.
pub fn others() {
    let (_provider, mut world) = world("");
    let (mut ann, mut eve) = (world.browser(), world.browser());
    let answer = world.answer(&mut ann, "staff", "");
    let seen = world.browser().get(&answer);
    let why = "the browser has begun no log-in: its cookie is missing";
    assert_eq!(world.refused(&seen), why);
    let answer = world.answer(&mut ann, "staff", "");
    let _begun = eve.get(&world.at("/api/v1/login/staff"));
    let seen = eve.get(&answer);
    assert_eq!(world.refused(&seen), "another browser has begun the log-in");
    let answer = world.answer(&mut ann, "staff", "");
    assert_eq!(ann.get(&answer).status, 303);
    let seen = ann.get(&answer);
    assert_eq!(world.refused(&seen), "the log-in was answered before");
    // A code that somebody has used, and one that another browser's challenge is for.
    let replayed = query(&answer)["code"].clone();
    let stolen = query(&world.answer(&mut eve, "staff", ""))["code"].clone();
    for code in [replayed, stolen] {
        let answer = world.answer(&mut ann, "staff", "");
        let own = query(&answer)["code"].clone();
        let seen = ann.get(&answer.replace(&own, &code));
        assert_eq!(world.refused(&seen), CODE_REFUSED);
    }
    // A cookie of somebody else's making is not what a log-in goes on with.
    let planted = "0123456789abcdef.".to_owned() + &"A".repeat(43);
    let key = ("localhost".to_owned(), COOKIE.to_owned());
    eve.jar.insert(key, planted.clone());
    world.log_in(&mut eve, "staff", "");
    assert_ne!(eve.cookie("localhost", COOKIE), Some(planted));
}

/// What a person is let in for holds over a restart, and not against an administrator.
pub fn lasts() {
    let (mut provider, mut world) = world("");
    let (mut ann, mut root) = (world.browser(), world.browser());
    world.log_in(&mut ann, "staff", "");
    provider.tell("account root");
    world.log_in(&mut root, "staff", "");
    world.gateway.restart();
    wait(&world);
    assert_eq!(world.me(&mut ann).json()["id"], "ann");

    // Another site's page cannot change anything by it.
    let cross = [
        ("content-type", "application/json"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("velum-request", "1"),
    ];
    let logout = world.at("/api/v1/logout");
    let seen = ann.send(Method::POST, &logout, &cross, "");
    assert_eq!(seen.status, 403);
    assert_eq!(seen.problem(), "cross-site");

    let listed = root.get(&world.at("/api/v1/sessions")).json();
    let items = listed["items"].as_array().expect("a list");
    let of_ann = items.iter().find(|it| it["subject"] == "ann");
    let id = of_ann.expect("a session")["id"].as_str().expect("a name");
    let revoke = format!("/api/v1/sessions/{id}/revoke");
    let why = json!({ "rationale": "she has left" }).to_string();
    assert_eq!(world.post(&mut ann, &revoke, &why).status, 403, "not she");
    let revoked = world.post(&mut root, &revoke, &why);
    assert_eq!(
        revoked.json()["ended_because"],
        "revoked",
        "{}",
        revoked.body
    );
    assert_eq!(world.me(&mut ann).status, 401);
    on_record(
        &world,
        &[
            "another site has caused the change",
            "revoked by root: she has left",
        ],
    );
    by_command(&world, &mut root);
    assert!(world.gateway.stop(), "it drains");
}

/// An administrator looks and ends a session from a terminal.
fn by_command(world: &World, root: &mut Browser) {
    let home = tempfile::tempdir().expect("a folder");
    let velum = |arguments: &[&str]| {
        let output = world.velum(home.path(), Some(&world.key), arguments);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        told
    };
    let listed = velum(&["people", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let items = listed["items"].as_array().expect("a list");
    assert!(items.iter().all(|it| it["subject"] != "ann"), "{items:?}");
    let of_root = items.iter().find(|it| it["subject"] == "root");
    let id = of_root.expect("a session")["id"].as_str().expect("a name");
    let cookie = root.cookie("localhost", COOKIE).expect("a cookie");
    for (what, text) in [("cookie", &cookie), ("key", &world.key)] {
        let secret = &text[text.len() - 24..];
        let found = memory::holds(&world.gateway, secret);
        assert_eq!(found, Vec::<String>::new(), "{what}");
    }
    let ended = velum(&["people", "end", id, "--rationale", "enough"]);
    assert!(ended.contains("revoked"), "{ended}");
    assert_eq!(world.me(root).status, 401);
    assert!(!velum(&["people", "list"]).contains(id));
    assert!(velum(&["people", "list", "--all"]).contains("ann"));
}

/// All of these are reasons of records.
fn on_record(world: &World, all: &[&str]) {
    let records = world.records();
    for why in all {
        let has = records.iter().any(|it| it["reason"] == **why);
        assert!(has, "{why}: {records:#?}");
    }
}

/// Nor against a configuration that lets them do nothing.
pub fn reload() {
    let (mut provider, world) = world("");
    let (mut ann, mut root) = (world.browser(), world.browser());
    world.log_in(&mut ann, "staff", "");
    provider.tell("account root");
    world.log_in(&mut root, "staff", "");
    let config = std::fs::read_to_string(world.gateway.config_file()).expect("a file");
    let without = config.replace("leads = \"approver\", ", "");
    world.gateway.put("velum.toml", &without);
    world.gateway.signal(rustix::process::Signal::HUP);
    let began = Instant::now();
    while world.me(&mut ann.clone()).status != 401 {
        assert!(began.elapsed() < SOON, "it goes on");
        thread::sleep(Duration::from_millis(50));
    }
    world.gateway.put("velum.toml", &config);
    world.gateway.signal(rustix::process::Signal::HUP);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(
        world.me(&mut ann).status,
        401,
        "what is over does not begin again"
    );
    assert_eq!(world.me(&mut root).status, 200);
    on_record(&world, &["the configuration lets them do nothing any more"]);
}

pub fn wait(world: &World) {
    let began = Instant::now();
    let port = world
        .url
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let port: u16 = port.expect("a port");
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < SOON, "the API is not there");
        thread::sleep(Duration::from_millis(20));
    }
}
