//! Thousands of connections that wait for a decision, and hundreds of decisions a minute beside
//! them: every connection hears what was decided, every decision counts once, and what the API and
//! the sessions of others take meanwhile is printed.
//!
//! `make waiting` has 8,000 connections and 1,000 decisions, `make test` a few of either.

#![allow(clippy::print_stdout, reason = "what was measured is for who looks")]

mod support;

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use support::bed::{Bed, upstream};
use support::client::{Client, error_code, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, free_port};

const CROWD: &str = "crowd";
const DECIDED: &str = "decided";
/// Decisions a minute.
const A_MINUTE: u32 = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let bed = Bed::shared();
    let trials = Driver::under_test().iter().map(|driver| {
        let (bed, driver) = (std::sync::Arc::clone(&bed), *driver);
        Trial::test(format!("{driver}::all_hear_what_was_decided"), move || {
            crowd(&bed, driver);
            Ok(())
        })
    });
    support::run(trials.collect())
}

fn count(name: &str, usual: usize) -> usize {
    let given = env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn crowd(bed: &Bed, driver: Driver) {
    let waiting = count("VELUM_WAITING", 200);
    let decisions = count("VELUM_DECISIONS", 40);
    raise_descriptors(3 * waiting as u64 + 1_000);
    let house = House::new(bed, driver);
    let alone = points(&house, &AtomicBool::new(true));
    let mut crowd: Vec<Client> = (0..waiting).map(|_| house.begins()).collect();
    let request = house.waiting();
    let over = AtomicBool::new(false);
    let (reads, beside, decided) = thread::scope(|scope| {
        let reads = scope.spawn(|| house.reads(&request, &over));
        let beside = scope.spawn(|| points(&house, &over));
        let decided = house.decides(decisions);
        over.store(true, Ordering::Relaxed);
        (
            reads.join().expect("reads"),
            beside.join().expect("points"),
            decided,
        )
    });
    house.once_each(&decided);
    let mut api = Api::new(&house.api, &house.ann);
    let path = format!("/api/v1/grants/{request}/deny");
    let denied = api.ask("POST", &path, &json!({ "rationale": "not tonight" }));
    assert_eq!(denied.0, 200, "{}", denied.1);
    for client in &mut crowd {
        let frames = client.until_closed(PATIENCE).expect("an end");
        assert_eq!(error_code(&frames).as_deref(), Some("28000"));
    }
    let memory = memory_kib(&house.gateway);
    println!(
        "{driver}: {waiting} wait, {decisions} decisions at {A_MINUTE} a minute; \
         the API's reads {}; point queries {}, alone {}; {memory} KiB resident",
        shown(reads),
        shown(beside),
        shown(alone)
    );
}

/// A soft limit is for those who do not know that they need more.
fn raise_descriptors(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: Some(wanted.min(most).max(limit.current.unwrap_or(u64::MAX))),
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("a soft limit below the hard one");
}

struct House {
    gateway: Gateway,
    api: String,
    asks: String,
    ann: String,
}

impl House {
    fn new(bed: &Bed, driver: Driver) -> Self {
        let port = free_port();
        let identity = |name: &str| {
            format!(
                "[[identity]]\nname = \"{name}\"\nauth = \"trust\"\naccess.{} = \
                 {{ policy = \"masked\", grant = \"required\", on_missing = \"wait\", \
                 wait_ms = 3_600_000 }}\n\n",
                clinic::DATABASE
            )
        };
        let rules = format!(
            "[api]\nlisten = \"127.0.0.1:{port}\"\nrequests_per_minute = 1_000_000\n\n{}{}{}",
            identity(CROWD),
            identity(DECIDED),
            clinic::rules()
        );
        let mut setup = Setup::new(driver, upstream(&bed.cluster), rules);
        setup.limits = "sessions = 20_000\npre_auth = 20_000\n".to_owned();
        let gateway = Gateway::start(&setup);
        let api = format!("127.0.0.1:{port}");
        let velum = |key: &str, arguments: &[&str]| {
            let mut velum = Command::new(env!("CARGO_BIN_EXE_velum"));
            velum
                .args(arguments)
                .env("VELUM_API", format!("http://{api}"));
            let output = velum.env("VELUM_KEY", key).output().expect("velum runs");
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        let config = gateway.config_file().display().to_string();
        let admin = velum("", &["keys", "bootstrap", "--config", &config]);
        let key = |owner: &str, role: &[&str]| {
            let create = ["keys", "create", "--owner", owner, "--role"];
            velum(&admin, &[&create[..], role].concat())
        };
        let asks = key("dora", &["requester", "--identity", "*"]);
        let ann = key("ann", &["approver"]);
        Self {
            gateway,
            api,
            asks,
            ann,
        }
    }

    /// A connection that waits for somebody to decide.
    fn begins(&self) -> Client {
        let mut login = self.gateway.login(CROWD, false);
        login.password = String::new();
        let mut client = Client::open(&login).expect("a connection");
        let startup = [("user", CROWD), ("database", clinic::DATABASE)];
        client
            .write(|out| postgres_protocol::message::frontend::startup_message(startup, out))
            .expect("sent");
        client
    }

    /// The one request of all that wait.
    fn waiting(&self) -> String {
        let mut api = Api::new(&self.api, &self.ann);
        let path = format!("/api/v1/grants?state=requested&identity={CROWD}");
        let began = Instant::now();
        loop {
            let (_, page) = api.ask("GET", &path, &Value::Null);
            if let [one] = page["items"].as_array().map_or(&[][..], Vec::as_slice) {
                return one["id"].as_str().expect("a name").to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "nobody asked: {page}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Requests and their approvals, at a steady pace; gives their names.
    fn decides(&self, count: usize) -> Vec<String> {
        let mut asks = Api::new(&self.api, &self.asks);
        let mut ann = Api::new(&self.api, &self.ann);
        let between = Duration::from_secs(60) / A_MINUTE;
        let began = Instant::now();
        let decide = |number: usize| {
            let due = began + between * u32::try_from(number).unwrap_or(u32::MAX);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let wanted = json!({
                "identity": DECIDED, "resource": clinic::DATABASE, "seconds": 600,
                "reason": format!("load {number}"),
            });
            let (status, made) = asks.ask("POST", "/api/v1/grants", &wanted);
            assert_eq!(status, 201, "{made}");
            let id = made["id"].as_str().expect("a name").to_owned();
            let path = format!("/api/v1/grants/{id}/approve");
            let (status, approved) = ann.ask("POST", &path, &json!({ "rationale": "yes" }));
            assert_eq!(status, 200, "{approved}");
            id
        };
        (0..count).map(decide).collect()
    }

    /// Each of them is approved once, and there is no other.
    fn once_each(&self, decided: &[String]) {
        let log = self.gateway.audit(&["show", "--json"]);
        let events = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let approved: Vec<Value> = events
            .filter(|it: &Value| it["event"] == "grant_approved")
            .collect();
        assert_eq!(approved.len(), decided.len());
        for id in decided {
            let times = approved.iter().filter(|it| it["grant"] == **id).count();
            assert_eq!(times, 1, "{id}");
        }
    }

    /// How long it takes to look at a grant, fifty times a second.
    fn reads(&self, id: &str, over: &AtomicBool) -> Vec<Duration> {
        let mut api = Api::new(&self.api, &self.ann);
        let path = format!("/api/v1/grants/{id}");
        paced(Duration::from_millis(20), over, || {
            assert_eq!(api.ask("GET", &path, &Value::Null).0, 200);
        })
    }
}

/// How long somebody else's point queries take.
fn points(house: &House, over: &AtomicBool) -> Vec<Duration> {
    let mut client = house.gateway.connect(clinic::EXEMPT, false);
    paced(Duration::from_millis(5), over, || {
        let answer = client.simple("SELECT id FROM clinic.patients WHERE id = 1");
        assert_eq!(rows(&answer.expect("an answer")).len(), 1);
    })
}

/// At least a hundred times, at a steady pace; a time runs from when it was due.
fn paced(between: Duration, over: &AtomicBool, mut each: impl FnMut()) -> Vec<Duration> {
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < 100 || !over.load(Ordering::Relaxed) {
        let due = began + between * u32::try_from(times.len()).unwrap_or(u32::MAX);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        each();
        times.push(due.elapsed());
    }
    times
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times[place.min(times.len() - 1)].as_secs_f64() * 1e3
    };
    format!("p50 {:.1} ms, p99 {:.1} ms", at(0.5), at(0.99))
}

fn memory_kib(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid()));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// A connection of the API.
struct Api {
    stream: BufReader<TcpStream>,
    host: String,
    key: String,
}

impl Api {
    fn new(host: &str, key: &str) -> Self {
        let stream = TcpStream::connect(host).expect("the API");
        stream.set_nodelay(true).expect("a socket option");
        Self {
            stream: BufReader::new(stream),
            host: host.to_owned(),
            key: key.to_owned(),
        }
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            self.key,
            body.len()
        );
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .expect("sent");
        let mut line = || {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a line");
            line
        };
        let first = line();
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let mut length = 0;
        loop {
            let header = line().to_ascii_lowercase();
            match header.trim().split_once(": ") {
                Some(("content-length", text)) => length = text.parse().expect("a number"),
                Some(_) => {}
                None => break,
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).expect("a body");
        let answer = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        (status.unwrap_or_else(|| panic!("{first}")), answer)
    }
}
