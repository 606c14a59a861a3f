//! Peers that break the protocol: clients before and after the login, and a server that was
//! taken over. Each ends with an error in PostgreSQL's own words and a closed connection, and no
//! byte of the offending frame reaches the other side.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use support::bed::{Bed, Shared, matrix};
use support::client::{Client, Login, error_code, frame_bytes};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup, UpstreamRole};

const PATIENCE: Duration = Duration::from_secs(15);
const PROTOCOL_VIOLATION: &str = "08P01";
/// What a hostile server smuggles in.
const SMUGGLED: &[u8] = b"SMUGGLED-531-71-0291-SMUGGLED";

fn main() -> ExitCode {
    let bed = Bed::shared();
    let mut trials = Vec::new();
    trials.extend(matrix(&bed, "clients_that_break_frames", hostile_clients));
    trials.extend(matrix(
        &bed,
        "a_client_that_goes_mid_result",
        client_vanishes,
    ));
    for driver in Driver::under_test() {
        trials.extend(before_login(&bed, *driver));
        trials.push(Trial::test(
            format!("{driver}::a_silent_crowd_locks_nobody_out"),
            move || {
                silent_crowd(*driver);
                Ok(())
            },
        ));
        trials.extend(hostile_servers(*driver));
    }
    support::run(trials)
}

/// After the login: a message that is none ends the session with 08P01.
fn hostile_clients(bed: &Bed, driver: Driver, tls: bool) {
    let huge = [
        b"Q".as_slice(),
        &0x7fff_ffffu32.to_be_bytes(),
        b"SELECT 1\0",
    ]
    .concat();
    let cases: &[(&str, &[u8])] = &[
        ("a length below four", b"Q\0\0\0\x03"),
        ("a length of zero", b"Q\0\0\0\0"),
        ("a negative length", b"Q\xff\xff\xff\xff"),
        ("a length of two GiB", &huge),
        ("an unknown type", b"?\0\0\0\x04"),
        ("a server's message", b"T\0\0\0\x06\0\0"),
        ("a query without its zero", b"Q\0\0\0\x0cSELECT 1"),
        ("a query with two ends", b"Q\0\0\0\x0eSELECT 1\0\0"),
        ("a bind that is cut", b"B\0\0\0\x08a\0\0\x01"),
        (
            "a bind whose value is longer than it",
            b"B\0\0\0\x14\0\0\0\0\0\x01\0\0\xff\xff\0\0\0\0",
        ),
        (
            "a negative value length",
            b"B\0\0\0\x12\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0",
        ),
        ("a describe of neither", b"D\0\0\0\x06X\0"),
        ("a second login", b"p\0\0\0\x08abc\0"),
    ];
    for (name, bytes) in cases {
        let mut client = bed.gateway(driver).connect(clinic::MASKED, tls);
        let before = client.received().len();
        client.send(bytes).expect("sent");
        // What only follows from more bytes is decided when no more can come.
        let _ = client.send(b"S\0\0\0\x04");
        let frames = client.until_closed(PATIENCE);
        let frames = frames.unwrap_or_else(|error| panic!("{name}: {error}"));
        let code = error_code(&frames);
        assert!(
            matches!(code.as_deref(), Some(PROTOCOL_VIOLATION | "54000")),
            "{name}: answered {code:?} after {} bytes",
            client.received().len() - before
        );
    }
    let mut honest = bed.gateway(driver).connect(clinic::MASKED, tls);
    honest.simple("SELECT 1").expect("others are not disturbed");
}

/// A client that leaves in the middle of a result takes nobody with it.
fn client_vanishes(bed: &Bed, driver: Driver, tls: bool) {
    for _ in 0..5 {
        let mut client = bed.gateway(driver).connect(clinic::EXEMPT, tls);
        let query = "SELECT repeat('x', 1000) FROM generate_series(1, 100000)\0";
        client
            .send(&frame_bytes(b'Q', query.as_bytes()))
            .expect("sent");
        client.frame().expect("the beginning of a result");
        drop(client);
    }
    let mut honest = bed.gateway(driver).connect(clinic::MASKED, tls);
    honest.simple("SELECT 1").expect("others are not disturbed");
    let question = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND query LIKE '%repeat%'",
        clinic::ROLE
    );
    let began = Instant::now();
    while bed.cluster.psql(&question).expect("an answer").trim() != "0" {
        assert!(
            began.elapsed() < PATIENCE,
            "backends of clients that left are still running"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// What a client does before its login.
type Body = fn(&Gateway);

fn before_login(bed: &Shared, driver: Driver) -> Vec<Trial> {
    let cases: &[(&str, Body)] = &[
        ("bytes_behind_an_ssl_request", trailing_bytes),
        ("nonsense_before_the_login", nonsense),
        ("a_slow_login_is_cut_off", slowloris),
        (
            "a_wrong_password_reads_like_an_unknown_user",
            wrong_password,
        ),
        ("a_cancel_with_a_wrong_key_does_nothing", wrong_cancel),
        ("a_key_cancels_its_own_session_only", others_cancel),
        ("replication_and_role_are_refused", refused_parameters),
    ];
    let trial = |(name, body): &(&str, Body)| {
        let (bed, body) = (Arc::clone(bed), *body);
        Trial::test(format!("{driver}::{name}"), move || {
            body(bed.gateway(driver));
            Ok(())
        })
    };
    cases.iter().map(trial).collect()
}

fn open(gateway: &Gateway) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", gateway.port())).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// What the gateway says until it closes.
fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("still open"),
        Err(_reset) => answer,
    }
}

/// What was sent in clear must not be taken for the beginning of the encrypted session.
fn trailing_bytes(gateway: &Gateway) {
    let mut stream = open(gateway);
    let request = [0u32.to_be_bytes(), 80877103u32.to_be_bytes()].concat();
    let mut bytes = request;
    bytes[3] = 8;
    bytes.extend_from_slice(b"\0\0\0\x2d\0\x03\0\0user\0auditor\0database\0clinic\0\0");
    stream.write_all(&bytes).expect("sent");
    let answer = until_closed(stream);
    assert!(
        answer.is_empty() || answer == b"S" || answer[0] == b'E',
        "{answer:?}"
    );
    assert!(
        !clinic::contains(&answer, b"SCRAM"),
        "the login went on with injected bytes"
    );
}

fn nonsense(gateway: &Gateway) {
    let cases: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\0",
        b"\0\0\0\x07\0\0\0",
        b"\xff\xff\xff\xff\0\x03\0\0",
        b"\0\0\0\x08\0\x02\0\0",
        b"\0\0\0\x09\0\x03\0\0x",
        b"\0\0\x27\x20\0\x03\0\0user\0robot\0",
        b"Q\0\0\0\x0dSELECT 1\0",
    ];
    for case in cases {
        let mut stream = open(gateway);
        stream.write_all(case).expect("sent");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("half-closed");
        let answer = until_closed(stream);
        assert!(
            answer.is_empty() || answer[0] == b'E',
            "{case:?}: {answer:?}"
        );
    }
}

/// One absolute deadline from the first byte: a byte now and then does not move it.
fn slowloris(gateway: &Gateway) {
    let deadline = Duration::from_millis(velum_core::limits::PRE_AUTH_DEADLINE_MS);
    let began = Instant::now();
    let mut stream = open(gateway);
    let startup = b"\0\0\0\x2d\0\x03\0\0user\0auditor\0database\0clinic\0\0";
    for byte in startup.iter().cycle() {
        if stream.write_all(&[*byte]).is_err() || began.elapsed() > 2 * deadline {
            break;
        }
        thread::sleep(Duration::from_millis(700));
    }
    let took = began.elapsed();
    assert!(
        took < deadline + Duration::from_secs(4),
        "cut off only after {took:?}"
    );
    let silent = open(gateway);
    let answer = until_closed(silent);
    assert!(answer.is_empty() || answer[0] == b'E');
    assert!(
        began.elapsed() < 3 * deadline,
        "a silent client is cut off as well"
    );
}

/// More connections than may wait for their login, none of which says a word.
fn silent_crowd(driver: Driver) {
    let upstream = UpstreamRole {
        port: 9,
        database: clinic::DATABASE.to_owned(),
        user: clinic::ROLE.to_owned(),
        password: clinic::ROLE_PASSWORD.to_owned(),
    };
    let mut setup = Setup::clinic(driver, upstream);
    setup.limits = "pre_auth = 20".to_owned();
    let gateway = Gateway::start(&setup);
    // A few more than the limit: the kernel may well leave most of them to one thread.
    let crowd: Vec<_> = (0..24).map(|_| open(&gateway)).collect();
    let began = Instant::now();
    for _ in 0..50 {
        let mut stream = open(&gateway);
        stream
            .write_all(b"\0\0\0\x08\x04\xd2\x16\x2f")
            .expect("sent");
        let mut answer = [0];
        stream.read_exact(&mut answer).expect("an answer at once");
        assert_eq!(answer, *b"S");
    }
    assert!(began.elapsed() < PATIENCE / 3, "the crowd was waited for");
    drop(crowd);
}

fn wrong_password(gateway: &Gateway) {
    let mut known = gateway.login(clinic::MASKED, false);
    known.password = "wrong".to_owned();
    let unknown = Login {
        user: "nobody_at_all".to_owned(),
        ..known.clone()
    };
    let error = |login: &Login| match Client::connect(login, clinic::DATABASE) {
        Ok(_) => panic!("let in"),
        Err(error) => error.to_string(),
    };
    let (known, unknown) = (error(&known), error(&unknown));
    assert!(known.starts_with("28P01"), "{known}");
    assert_eq!(
        known.replace(clinic::MASKED, "?"),
        unknown.replace("nobody_at_all", "?")
    );
    // Records of refused log-ins wait for the next write of their thread.
    let began = Instant::now();
    let refused = loop {
        let log = gateway.audit(&["show", "--json"]);
        let lines = log
            .lines()
            .filter(|line| line.contains("connection_refused"));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let named = |name: &str| lines.iter().any(|line| line.contains(name));
        if named(clinic::MASKED) && named("\"unknown:") {
            break lines;
        }
        assert!(began.elapsed() < PATIENCE, "not recorded: {lines:?}");
        thread::sleep(Duration::from_millis(50));
    };
    assert!(
        !refused.iter().any(|line| line.contains("nobody_at_all")),
        "an unknown name may be a password: {refused:?}"
    );
}

/// Sends a query that sleeps, and gives it time to begin.
fn sleep(client: &mut Client, seconds: u32) {
    let query = format!("SELECT pg_sleep({seconds})\0");
    client
        .send(&frame_bytes(b'Q', query.as_bytes()))
        .expect("sent");
    thread::sleep(Duration::from_millis(200));
}

/// The key that a client reads is the gateway's own, and only that key cancels.
fn wrong_cancel(gateway: &Gateway) {
    let mut client = gateway.connect(clinic::EXEMPT, false);
    let (pid, key) = client.cancel_key.clone();
    let mut wrong = key.clone();
    wrong[0] ^= 0x55;
    sleep(&mut client, 1);
    gateway.cancel(pid, &wrong);
    assert_eq!(
        error_code(&client.until_ready().expect("an answer")),
        None,
        "cancelled by a guess"
    );
    sleep(&mut client, 20);
    gateway.cancel(pid, &key);
    let code = error_code(&client.until_ready().expect("an answer"));
    assert_eq!(code.as_deref(), Some("57014"), "the right key cancels");
}

/// Another client's key does not open a session, nor does a session's key open another.
fn others_cancel(gateway: &Gateway) {
    let mut one = gateway.connect(clinic::EXEMPT, false);
    let mut other = gateway.connect(clinic::EXEMPT, false);
    let ((one_id, one_key), (other_id, other_key)) =
        (one.cancel_key.clone(), other.cancel_key.clone());
    sleep(&mut one, 2);
    sleep(&mut other, 20);
    gateway.cancel(one_id, &other_key);
    gateway.cancel(other_id, &one_key);
    gateway.cancel(other_id, &other_key);
    let code = error_code(&other.until_ready().expect("an answer"));
    assert_eq!(code.as_deref(), Some("57014"), "its own key cancels");
    let code = error_code(&one.until_ready().expect("an answer"));
    assert_eq!(code, None, "the other session went on");
    // A session that is over cannot be cancelled, nor who gets its process id.
    drop(other);
    sleep(&mut one, 1);
    gateway.cancel(other_id, &other_key);
    assert_eq!(error_code(&one.until_ready().expect("an answer")), None);
}

fn refused_parameters(gateway: &Gateway) {
    let login = gateway.login(clinic::MASKED, false);
    for (name, value) in [
        ("replication", "database"),
        ("replication", "true"),
        ("options", "-c role=postgres"),
        ("options", "-c session_authorization=postgres"),
        ("options", "--session_replication_role=replica"),
        ("role", "postgres"),
    ] {
        let refused = Client::connect_with(&login, clinic::DATABASE, &[(name, value)]);
        assert!(refused.is_err(), "{name}={value} was let in");
    }
    let options = [(
        "options",
        "-c intervalstyle=postgres_verbose -c datestyle=german",
    )];
    let mut client = Client::connect_with(&login, clinic::DATABASE, &options).expect("let in");
    let frames = client.simple("SHOW intervalstyle").expect("an answer");
    assert_eq!(
        support::client::rows(&frames)[0][0].as_deref(),
        Some(&b"postgres_verbose"[..])
    );
}

/// A server that was taken over: each script is what it sends after a query.
fn hostile_servers(driver: Driver) -> Vec<Trial> {
    let described = [row_description("a"), vec![]].concat();
    let cell = |length: i32, bytes: &[u8]| {
        frame_bytes(b'D', &[&[0, 1], &length.to_be_bytes()[..], bytes].concat())
    };
    let long = SMUGGLED.len() as i32;
    let raw = |tag: u8, length: i32| [&[tag], &length.to_be_bytes()[..], SMUGGLED].concat();
    let scripts: Vec<(&str, Vec<u8>)> = vec![
        (
            "12_a_row_longer_than_its_frame",
            [&described[..], &cell(long + 90, SMUGGLED)].concat(),
        ),
        (
            "a_row_shorter_than_its_frame",
            [&described[..], &cell(long - 3, SMUGGLED)].concat(),
        ),
        (
            "a_field_length_below_minus_one",
            [&described[..], &cell(-2, SMUGGLED)].concat(),
        ),
        ("a_row_that_nobody_asked_for", cell(long, SMUGGLED)),
        (
            "a_row_with_too_many_columns",
            [
                &described[..],
                &frame_bytes(
                    b'D',
                    &[b"\0\x02\xff\xff\xff\xff\0\0\0\x1d", SMUGGLED].concat(),
                ),
            ]
            .concat(),
        ),
        (
            "a_frame_length_below_four",
            [&described[..], &raw(b'D', 3)].concat(),
        ),
        (
            "a_negative_frame_length",
            [&described[..], &raw(b'D', -1)].concat(),
        ),
        ("an_unknown_frame", raw(b'y', long + 4)),
        ("copy_data_outside_of_a_copy", raw(b'd', long + 4)),
        ("copy_both", frame_bytes(b'W', b"\0\0\0")),
        (
            "a_function_result_nobody_asked_for",
            frame_bytes(b'V', &[&long.to_be_bytes()[..], SMUGGLED].concat()),
        ),
        ("an_error_without_its_end", raw(b'E', long + 4)),
        ("a_clients_message", raw(b'Q', long + 4)),
        (
            "an_oversized_row_description",
            [&b"T\x7f\xff\xff\xff"[..], SMUGGLED].concat(),
        ),
        (
            "authentication_again",
            frame_bytes(b'R', &[b"\0\0\0\x03", SMUGGLED].concat()),
        ),
    ];
    let trial = |(name, script): (&str, Vec<u8>)| {
        Trial::test(format!("{driver}::server::{name}"), move || {
            hostile_server(driver, script);
            Ok(())
        })
    };
    scripts.into_iter().map(trial).collect()
}

fn hostile_server(driver: Driver, script: Vec<u8>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let upstream = UpstreamRole {
        port: listener.local_addr().expect("an address").port(),
        database: clinic::DATABASE.to_owned(),
        user: clinic::ROLE.to_owned(),
        password: clinic::ROLE_PASSWORD.to_owned(),
    };
    // The thread ends with the process: it has nothing to clean up.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = script.clone();
            thread::spawn(move || serve(stream, &script));
        }
    });
    let gateway = Gateway::start(&Setup::clinic(driver, upstream));
    let mut client = gateway.connect(clinic::MASKED, false);
    let before = client.received().len();
    client
        .send(&frame_bytes(b'Q', b"SELECT a FROM t\0"))
        .expect("sent");
    let frames = client.until_closed(PATIENCE).expect("closed");
    let leaked = clinic::contains(client.received(), SMUGGLED);
    assert!(!leaked, "the client read what the server smuggled in");
    let code = error_code(&frames);
    assert!(
        matches!(
            code.as_deref(),
            Some(PROTOCOL_VIOLATION | "54000" | "0A000")
        ),
        "answered {code:?} in {} bytes\n{}",
        client.received().len() - before,
        gateway.log()
    );
    assert!(
        !clinic::contains(gateway.log().as_bytes(), SMUGGLED),
        "smuggled into the log"
    );
}

/// Lets anybody in, then answers every query with the script. The gateway's own sessions, which
/// read the catalog, get an error for each of theirs.
fn serve(mut stream: TcpStream, script: &[u8]) {
    let mut head = [0; 8];
    loop {
        if stream.read_exact(&mut head).is_err() {
            return;
        }
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let mut rest = vec![0; length.saturating_sub(8)];
        if stream.read_exact(&mut rest).is_err() {
            return;
        }
        if head[4..] == 80877103u32.to_be_bytes() || head[4..] == 80877104u32.to_be_bytes() {
            let _ = stream.write_all(b"N");
            continue;
        }
        break;
    }
    let mut welcome = frame_bytes(b'R', &[0, 0, 0, 0]);
    for (name, value) in [("server_version", "15.0"), ("client_encoding", "UTF8")] {
        welcome.extend(frame_bytes(b'S', format!("{name}\0{value}\0").as_bytes()));
    }
    welcome.extend(frame_bytes(b'K', &[0, 0, 4, 210, 0, 0, 22, 46]));
    welcome.extend(frame_bytes(b'Z', b"I"));
    let _ = stream.write_all(&welcome);
    loop {
        let mut header = [0; 5];
        if stream.read_exact(&mut header).is_err() {
            return;
        }
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let mut body = vec![0; length.saturating_sub(4)];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let asked = header[0] == b'Q' && body.starts_with(b"SELECT a FROM t");
        let answer = match asked {
            true => script.to_vec(),
            false if matches!(header[0], b'Q' | b'S') => {
                let error = b"SERROR\0VERROR\0C42501\0Mno\0\0";
                [frame_bytes(b'E', error), frame_bytes(b'Z', b"I")].concat()
            }
            false => Vec::new(),
        };
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

/// One text column of a table that no catalog knows.
fn row_description(name: &str) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend_from_slice(name.as_bytes());
    body.push(0);
    body.extend_from_slice(&[
        0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0,
    ]);
    frame_bytes(b'T', &body)
}
