//! A witness over HTTP from end to end: another process, asked by the gateway itself.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::house::{CONFIG, House, lived_in};

/// More than any answer takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ended when a test fails beside it.
struct Listening {
    child: Child,
    address: String,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Listening {
    fn start(house: &House, arguments: &[&str]) -> Self {
        let log = fs::File::create(house.path("witness-log")).expect("a log");
        let listen = ["--listen", "127.0.0.1:0"];
        let mut command = house.velum(&[&["witness"], arguments, &listen].concat());
        command.stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("velum runs");
        let mut listening = Self {
            child,
            address: String::new(),
        };
        until(|| {
            let log = fs::read_to_string(house.path("witness-log")).unwrap_or_default();
            let address = log.split_once("witness-listening address=");
            if let Some((address, _)) = address.and_then(|(_, rest)| rest.split_once('\n')) {
                address.clone_into(&mut listening.address);
            }
            !listening.address.is_empty()
        });
        listening
    }

    /// Status, and all that was answered.
    fn post(&self, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a witness");
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("a request");
        stream.write_all(body.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        (status.expect("a status"), answer)
    }
}

/// Who opens many connections and says nothing keeps nobody from being cosigned.
#[test]
fn a_silent_crowd_is_sent_away() {
    let (house, key) = lived_in();
    witness_key(&house, "w", "witness.example/w1");
    let witness = Listening::start(&house, &["--state", "w", "--log", key.as_str(), "--first"]);
    let connect = |_| TcpStream::connect(&witness.address).expect("a witness");
    let crowd: Vec<TcpStream> = (0..200).map(connect).collect();
    let began = Instant::now();
    assert_eq!(witness.post(&prove(&house, "0")).0, 200);
    assert!(began.elapsed() < PATIENCE / 2, "each is waited for as long");
    drop(crowd);
}

fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it does not come");
        thread::sleep(Duration::from_millis(20));
    }
}

fn prove(house: &House, from: &str) -> String {
    let (status, proof, error) = house.run(&["audit", "prove", "audit", "--from", from]);
    assert_eq!(status, 0, "{error}");
    proof
}

/// A key of a witness with this state directory.
fn witness_key(house: &House, state: &str, name: &str) -> String {
    let make = ["witness", "--state", state, "--name", name, "--key"];
    house.run(&make).1.trim().to_owned()
}

#[test]
fn each_refusal_has_its_status() {
    let (house, key) = lived_in();
    witness_key(&house, "w", "witness.example/w1");
    let first = prove(&house, "0");
    let arguments = ["--state", "w", "--log", key.as_str()];
    let witness = Listening::start(&house, &arguments);
    assert_eq!(
        witness.post(&first).0,
        500,
        "nothing says that the log is new"
    );
    drop(witness);
    let witness = Listening::start(&house, &[&arguments[..], &["--first"]].concat());
    assert_eq!(witness.post("nothing").0, 400);
    let of_another = first.replace("log.example/velum-1\n", "log.example/velum-2\n");
    assert_eq!(witness.post(&of_another).0, 404);
    let forged = first.replace("\n5\n", "\n6\n");
    assert_ne!(forged, first);
    assert_eq!(witness.post(&forged).0, 403);
    let (status, answer) = witness.post(&first);
    assert_eq!(status, 200, "{answer}");
    let line = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    assert!(line.starts_with("— witness.example/w1 "), "{answer}");

    let (status, answer) = witness.post(&first);
    assert_eq!(status, 409);
    let answer = answer.to_ascii_lowercase();
    assert!(
        answer.contains("content-type: text/x.tlog.size"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\n5\n"), "{answer}");
    fs::copy(house.path("audit/checkpoint"), house.path("kept")).expect("a copy");
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    let growth = prove(&house, "kept");
    let hash = growth.lines().nth(1).expect("a hash of the proof");
    let letter = if hash.starts_with('A') { "B" } else { "A" };
    let wrong = growth.replacen(hash, &format!("{letter}{}", &hash[1..]), 1);
    assert_eq!(witness.post(&wrong).0, 422);
    assert_eq!(witness.post(&growth).0, 200);
}

#[test]
fn a_gateway_has_its_log_cosigned() {
    let (house, key) = lived_in();
    let witness_one = witness_key(&house, "w", "witness.example/w1");
    let witness_two = witness_key(&house, "v", "witness.example/w2");
    let watch = ["--state", "w", "--log", key.as_str(), "--first"];
    let witness = Listening::start(&house, &watch);
    // The gateway has to be told where the witness is.
    assert_eq!(witness.post(&prove(&house, "0")).0, 200);
    let section = format!(
        "{CONFIG}\n[[witness]]\nname = \"w1\"\nurl = \"http://{}\"\nkey = \"{witness_one}\"\n\
         interval_s = 1\n",
        witness.address
    );
    fs::write(house.path("velum.toml"), section).expect("a configuration");
    let kept = house.path("audit/witnesses/w1");
    assert!(
        house.serve_while(&[], || until(|| kept.exists())),
        "{}",
        house.log()
    );

    let verify = ["audit", "verify", "audit", "--key", key.as_str(), "--key"];
    let by_one = [&verify[..], &[witness_one.as_str()]].concat();
    let (status, out, error) = house.run(&by_one);
    assert_eq!(status, 0, "{error}");
    assert!(out.contains("cosigned: witness.example/w1"), "{out}");
    assert!(out.contains("witnesses/w1: "), "{out}");
    let by_both = [&by_one[..], &["--key", witness_two.as_str()]].concat();
    assert_eq!(house.run(&by_both).0, 1, "the other has signed nothing");
    let one_of = [&by_both[..], &["--cosignatures", "1"]].concat();
    assert_eq!(house.run(&one_of).0, 0);
    let two_of = [&by_both[..], &["--cosignatures", "2"]].concat();
    assert_eq!(house.run(&two_of).0, 1);

    // A witness that is gone is in nobody's way, and in the log.
    drop(witness);
    let said = || house.log().contains("witness-failed witness=w1");
    assert!(house.serve_while(&[], || until(said)), "{}", house.log());
    // What it has cosigned is more than a log that was cut back has.
    let text = fs::read_to_string(&kept).expect("a note");
    assert!(fs::remove_dir_all(house.path("audit")).is_ok());
    let data = fs::read_dir(house.path("data")).expect("a folder");
    assert!(data.count() > 0, "the keys are still there");
    fs::write(house.path("velum.toml"), CONFIG).expect("a configuration");
    assert!(house.serve_and_stop(&[]), "{}", house.log());
    fs::create_dir(house.path("audit/witnesses")).expect("a folder");
    fs::write(&kept, text).expect("a note");
    let (status, _, error) = house.run(&by_one);
    assert_eq!(status, 1);
    let is_told = error.contains("rolled back") || error.contains("rewritten or forked");
    assert!(is_told, "{error}");
}
