//! Who wants to be told is told, on both data planes: by a real web server that verifies signatures
//! by their reference, and by a real mail server; through failures, an end by force, and never of
//! what nobody may know.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod receiver;
#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, ExitCode, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use receiver::{MAIL_PASSWORD, Receiver, SECRET};
use rustix::process::Signal;
use serde_json::Value;
use support::bed::{Bed, upstream};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, free_port};

/// Something that happens soon happens within this.
const SOON: Duration = Duration::from_secs(30);
/// Part of a reason: it must not get anywhere.
const SSN: &str = "536-22-8145";

type Body = fn(&Bed, Driver);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let cases: &[(&str, Body)] = &[
        ("all_are_told_once", told),
        ("what_fails_is_tried_again", again),
        ("what_is_given_up_is_kept", given_up),
        ("an_end_by_force_loses_nothing", killed),
    ];
    let mut trials = Vec::new();
    for driver in Driver::under_test() {
        for (name, body) in cases {
            let (bed, driver, body) = (Arc::clone(&bed), *driver, *body);
            trials.push(Trial::test(format!("{driver}::{name}"), move || {
                body(&bed, driver);
                Ok(())
            }));
        }
    }
    support::run(trials)
}

struct House {
    receiver: Receiver,
    gateway: Gateway,
    api: String,
    admin: String,
    asks: String,
    ann: String,
}

impl House {
    /// `more` are lines of each of the three sections.
    fn new(bed: &Bed, driver: Driver, more: &str) -> Self {
        let receiver = Receiver::start();
        let port = free_port();
        let rules = format!(
            "[api]\nlisten = \"127.0.0.1:{port}\"\nurl = \"https://velum.example.org\"\n\n\
             {}\n[[identity]]\nname = \"agent\"\nauth = \"scram\"\n\
             password = {{ file = \"client.password\" }}\naccess.{} = \
             {{ policy = \"masked\", grant = \"required\" }}\n\n{}",
            receiver.sections(more),
            clinic::DATABASE,
            clinic::rules()
        );
        let setup = Setup::new(driver, upstream(&bed.cluster), rules);
        let gateway = Gateway::start_after(&setup, |config| receiver.put_files(config));
        let mut house = Self {
            api: format!("http://127.0.0.1:{port}"),
            receiver,
            gateway,
            admin: String::new(),
            asks: String::new(),
            ann: String::new(),
        };
        let config = house.gateway.config_file().display().to_string();
        let first = house.velum("", &["keys", "bootstrap", "--config", &config]);
        house.admin = String::from_utf8_lossy(&first.stdout).trim().to_owned();
        let key = |arguments: &[&str]| {
            let made = house.json(&house.admin, &[&["keys", "create"], arguments].concat());
            made["key"].as_str().expect("a key").to_owned()
        };
        let asks = key(&[
            "--owner",
            "dora",
            "--role",
            "requester",
            "--identity",
            "agent",
        ]);
        let ann = key(&["--owner", "ann", "--role", "approver"]);
        (house.asks, house.ann) = (asks, ann);
        house
    }

    fn velum(&self, key: &str, arguments: &[&str]) -> Output {
        let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
        velum.args(arguments);
        velum.env("VELUM_API", &self.api).env("VELUM_KEY", key);
        velum.output().expect("velum runs")
    }

    fn json(&self, key: &str, arguments: &[&str]) -> Value {
        let output = self.velum(key, &[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Asks, with a reason that says too much; gives the grant's name.
    fn request(&self) -> String {
        let reason = format!("report for patient SSN {SSN}");
        let wanted = [
            "grants",
            "request",
            "--identity",
            "agent",
            "--resource",
            clinic::DATABASE,
        ];
        let more = ["--reason", &reason, "--for", "1h"];
        let made = self.json(&self.asks, &[&wanted[..], &more].concat());
        made["id"].as_str().expect("its name").to_owned()
    }

    /// What was delivered, given up or waits, by name.
    fn listed(&self, state: &str) -> Vec<Value> {
        let all = self.json(&self.admin, &["notifications", "list", "--state", state]);
        all["items"].as_array().expect("a list").clone()
    }
}

/// Each in its own form, signed, over TLS, once.
fn told(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver, "");
    let id = house.request();
    let approve = ["grants", "approve", &id, "--rationale", "agreed"];
    house.json(&house.ann, &approve);
    let revoke = ["grants", "revoke", &id, "--rationale", "done"];
    house.json(&house.ann, &revoke);
    // The mail section leaves approvals out.
    until("all is delivered", || house.listed("sent").len() == 8);
    let seen = house.receiver.seen();
    let types: Vec<&str> = seen["web"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["body"]["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(types.len(), 3, "{types:?}");
    for kind in ["grant.requested", "grant.approved", "grant.revoked"] {
        assert!(types.contains(&kind), "{types:?}");
    }
    let first = &seen["web"][0];
    assert_eq!(first["verified"], true);
    let data = &first["body"]["data"];
    assert_eq!(
        (&data["grant"], &data["identity"]),
        (&id.as_str().into(), &"agent".into())
    );
    let url = format!("https://velum.example.org/api/v1/grants/{id}");
    assert_eq!(data["url"], url);
    assert_eq!(seen["slack"].as_array().map(Vec::len), Some(3));
    let text = seen["slack"][0]["body"]["text"].as_str().expect("a text");
    assert!(text.contains("agent to clinic by"), "{text}");
    let mails = seen["mail"].as_array().expect("a list");
    assert_eq!(mails.len(), 2);
    for mail in mails {
        assert_eq!(
            (&mail["tls"], &mail["user"]),
            (&true.into(), &"velum".into())
        );
        assert_eq!(
            mail["to"],
            serde_json::json!(["privacy@example.org", "ann@example.org"])
        );
        let text = mail["text"].as_str().expect("a text");
        assert!(
            text.contains("Subject: [velum] re") && text.contains(&id),
            "{text}"
        );
    }
    let everything = seen.to_string();
    assert!(
        !everything.contains(SSN),
        "a reason was told as it was typed"
    );
    assert!(house.gateway.stop(), "it drains");
    for (path, bytes) in house.gateway.files() {
        for secret in [SECRET, MAIL_PASSWORD, SSN] {
            let holds = clinic::contains(&bytes, secret.as_bytes());
            assert!(!holds, "{} holds {secret}", path.display());
        }
    }
}

/// Later and later, under the same name; a redirect is no delivery.
fn again(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver, "retry_ms = 100");
    house.receiver.tell("web 307");
    house.receiver.tell("mail 451");
    house.request();
    until("it is tried again", || {
        let waiting = house.listed("waiting");
        waiting.len() == 3 && waiting.iter().all(|it| it["attempts"].as_u64() > Some(1))
    });
    house.receiver.tell("web 200");
    house.receiver.tell("mail 250");
    until("it is delivered", || house.listed("sent").len() == 3);
    let seen = house.receiver.seen();
    let ids: Vec<&Value> = seen["refused"]
        .as_array()
        .expect("a list")
        .iter()
        .chain(seen["web"].as_array().expect("a list"))
        .map(|it| &it["headers"]["webhook-id"])
        .filter(|id| !id.is_null())
        .collect();
    assert!(
        ids.len() > 2 && ids.iter().all(|id| **id == *ids[0]),
        "{ids:?}"
    );
    assert_eq!(
        house.receiver.seen()["web"].as_array().map(Vec::len),
        Some(1)
    );
}

fn given_up(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver, "retry_ms = 100\nattempts_most = 2");
    house.receiver.tell("web 500");
    house.receiver.tell("mail 554");
    house.request();
    until("it is given up", || house.listed("dead").len() == 3);
    for dead in house.listed("dead") {
        assert_eq!(dead["attempts"], 2, "{dead}");
        let error = dead["last_error"].as_str().expect("why");
        assert!(
            error.contains("answers 554") || error == "answered 500",
            "{error}"
        );
    }
    assert!(house.gateway.log().contains("notification-given-up"));
    let refused = house.velum(&house.ann, &["notifications", "list"]);
    assert_eq!(
        refused.status.code(),
        Some(1),
        "an approver does not see them"
    );
    house.receiver.tell("web 200");
    house.receiver.tell("mail 250");
    let retried = house.json(&house.admin, &["notifications", "retry", "--all"]);
    assert_eq!(retried["items"].as_array().map(Vec::len), Some(3));
    until("they are delivered after all", || {
        house.listed("sent").len() == 3
    });
    let none = house.velum(&house.admin, &["notifications", "retry", "1-web"]);
    assert_eq!(none.status.code(), Some(1), "it was delivered");

    assert!(house.gateway.stop(), "it drains");
    let log = house.gateway.audit(&["show", "--json"]);
    assert_eq!(log.matches("notification_given_up").count(), 3);
    assert_eq!(log.matches("notification_retried").count(), 3);
}

fn killed(bed: &Bed, driver: Driver) {
    let mut house = House::new(bed, driver, "retry_ms = 100");
    house.receiver.tell("web 503");
    house.receiver.tell("mail 451");
    house.request();
    house.gateway.signal(Signal::KILL);
    house.receiver.tell("web 200");
    house.receiver.tell("mail 250");
    house.gateway.restart();
    until("it is delivered", || house.listed("sent").len() == 3);
    let seen = house.receiver.seen();
    for kind in ["web", "slack", "mail"] {
        assert!(!seen[kind].as_array().expect("a list").is_empty(), "{kind}");
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "it does not happen: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}
