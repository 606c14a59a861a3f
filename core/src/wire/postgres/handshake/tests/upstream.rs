//! UpstreamHandshake and CancelHandshake against scripted servers.

use super::*;
use crate::error::SqlState;

pub(super) fn config(tls: UpstreamTls) -> UpstreamConfig {
    UpstreamConfig {
        tls,
        user: "robot".to_owned(),
        database: "clinic".to_owned(),
        parameters: vec![
            ("options".to_owned(), "-c geqo=off".to_owned()),
            ("replication".to_owned(), "true".to_owned()),
            ("_pq_.x".to_owned(), "1".to_owned()),
            ("user".to_owned(), "postgres".to_owned()),
        ],
        password: Some(Zeroizing::new(PASSWORD.to_vec())),
        minor: 2,
    }
}

struct Dial {
    handshake: UpstreamHandshake,
    window: Window,
    out: Outbox,
}

impl Dial {
    fn new(config: UpstreamConfig) -> Self {
        let mut handshake = UpstreamHandshake::new(config, [5; 18], None);
        let mut out = Outbox::new();
        handshake.start(&mut out);
        Self {
            handshake,
            window: Window::default(),
            out,
        }
    }

    /// Connected, TLS done if wanted, StartupMessage sent.
    fn started(config: UpstreamConfig) -> Self {
        let encrypted = config.tls == UpstreamTls::Require;
        let mut dial = Self::new(config);
        if encrypted {
            assert!(matches!(dial.feed(b"S"), UpstreamStep::StartTls));
            dial.handshake.tls_established(Some(END_POINT.to_vec()));
            assert!(matches!(dial.feed(b""), UpstreamStep::NeedBytes));
        }
        drain(&mut dial.out);
        dial
    }

    fn feed(&mut self, bytes: &[u8]) -> UpstreamStep {
        self.window.extend(bytes);
        self.handshake.feed(&mut self.window, &mut self.out)
    }

    fn failed(&mut self, bytes: &[u8]) -> (String, String) {
        let step = self.feed(bytes);
        let UpstreamStep::Failed(fault) = &step else {
            panic!("{}", upstream_step(&step))
        };
        assert!(self.window.released().is_empty());
        (code_of(fault), fault.to_refusal().message)
    }
}

#[test]
fn the_startup_message_holds_what_is_forwarded_and_no_more() {
    let mut dial = Dial::new(config(UpstreamTls::Disable));
    let body = b"user\0robot\0database\0clinic\0options\0-c geqo=off\0\0";
    assert_eq!(drain(&mut dial.out), untagged(3 << 16 | 2, body));
    assert!(matches!(dial.feed(b""), UpstreamStep::NeedBytes));
    dial.handshake.start(&mut dial.out);
    assert!(dial.out.is_empty(), "it starts once");
}

#[test]
fn parameters_cannot_smuggle_others() {
    for (name, value) in [("a\0role", "x"), ("a", "x\0role\0y"), ("", "x")] {
        let mut config = config(UpstreamTls::Disable);
        config.parameters.push((name.to_owned(), value.to_owned()));
        let mut dial = Dial::new(config);
        assert!(dial.out.is_empty());
        assert_eq!(dial.failed(b"").0, "28000");
    }
    let mut config = config(UpstreamTls::Disable);
    config.parameters.push(("a".to_owned(), "x".repeat(10_000)));
    assert_eq!(Dial::new(config).failed(b"").0, "54000");
}

#[test]
fn tls_is_not_negotiable() {
    let mut dial = Dial::new(config(UpstreamTls::Require));
    assert_eq!(drain(&mut dial.out), tls_request());
    assert!(matches!(dial.feed(b""), UpstreamStep::NeedBytes));
    assert_eq!(dial.failed(b"N").0, "08006");
    for injected in [b"SR".as_slice(), b"NR"] {
        assert_eq!(
            Dial::new(config(UpstreamTls::Require)).failed(injected).0,
            "08P01"
        );
    }
    for other in [b"E".as_slice(), b"G", b"\x15\x03"] {
        let mut dial = Dial::new(config(UpstreamTls::Require));
        drain(&mut dial.out);
        assert_eq!(dial.failed(other).0, "08P01");
        assert!(dial.out.is_empty(), "nothing is sent in the clear");
    }
}

#[test]
fn a_database_may_ask_for_nothing() {
    let mut dial = Dial::started(config(UpstreamTls::Disable));
    let rest = frame_of(b'S', b"TimeZone\0UTC\0");
    let notice = frame_of(b'N', b"SNOTICE\0\0");
    let step = dial.feed(&[notice, authentication(0, b""), rest.clone()].concat());
    assert!(matches!(
        step,
        UpstreamStep::Authenticated {
            minor: 2,
            scram_keys: None
        }
    ));
    assert_eq!(dial.window.unjudged(), rest);
    assert!(dial.window.released().is_empty());
}

#[test]
fn md5_and_cleartext() {
    let mut dial = Dial::started(config(UpstreamTls::Disable));
    assert!(matches!(
        dial.feed(&authentication(5, b"salt")),
        UpstreamStep::NeedBytes
    ));
    let wanted = postgres_protocol::authentication::md5_hash(b"robot", PASSWORD, *b"salt");
    assert_eq!(
        drain(&mut dial.out),
        frame_of(b'p', format!("{wanted}\0").as_bytes())
    );
    let step = dial.feed(&authentication(0, b""));
    assert!(matches!(step, UpstreamStep::Authenticated { .. }));

    let mut dial = Dial::started(config(UpstreamTls::Require));
    dial.feed(&authentication(3, b""));
    assert_eq!(drain(&mut dial.out), frame_of(b'p', b"pencil\0"));
    let step = dial.feed(&authentication(0, b""));
    assert!(matches!(step, UpstreamStep::Authenticated { .. }));

    let mut dial = Dial::started(config(UpstreamTls::Disable));
    assert_eq!(dial.failed(&authentication(3, b"")).0, "08006");
    assert!(dial.out.is_empty(), "no password in the clear");
}

#[test]
fn one_method_and_no_other() {
    for second in [
        authentication(3, b""),
        authentication(5, b"salt"),
        authentication(10, b"\0"),
    ] {
        let mut dial = Dial::started(config(UpstreamTls::Require));
        dial.feed(&authentication(5, b"salt"));
        drain(&mut dial.out);
        assert_eq!(dial.failed(&second).0, "08P01");
        assert!(dial.out.is_empty());
    }
    for (kind, name) in [
        (2, "Kerberos V5"),
        (7, "GSSAPI"),
        (9, "SSPI"),
        (99, "unknown"),
    ] {
        let mut dial = Dial::started(config(UpstreamTls::Require));
        let (code, message) = dial.failed(&authentication(kind, b""));
        assert_eq!(code, "08006");
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn a_password_is_needed_if_asked_for() {
    for request in [
        authentication(3, b""),
        authentication(5, b"salt"),
        authentication(10, b"SCRAM-SHA-256\0\0"),
    ] {
        let mut config = config(UpstreamTls::Require);
        config.password = None;
        let mut dial = Dial::started(config);
        assert_eq!(dial.failed(&request).0, "08006");
        assert!(dial.out.is_empty());
    }
}

#[test]
fn the_better_mechanism_is_chosen() {
    let both = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0".as_slice();
    let plain = b"SCRAM-SHA-256\0\0".as_slice();
    let first = |tls, hash: bool, offered: &[u8]| {
        let mut dial = Dial::new(config(tls));
        if tls == UpstreamTls::Require {
            dial.feed(b"S");
            dial.handshake
                .tls_established(hash.then(|| END_POINT.to_vec()));
            dial.feed(b"");
        }
        drain(&mut dial.out);
        dial.feed(&authentication(10, offered));
        String::from_utf8(frames(&drain(&mut dial.out))[0].1.clone()).unwrap()
    };
    let message = first(UpstreamTls::Require, true, both);
    assert!(message.starts_with("SCRAM-SHA-256-PLUS\0"));
    assert!(message.contains("p=tls-server-end-point,,n=,r="));
    assert!(first(UpstreamTls::Require, true, plain).contains("y,,n=,r="));
    assert!(first(UpstreamTls::Require, false, both).contains("n,,n=,r="));
    assert!(first(UpstreamTls::Disable, false, plain).contains("n,,n=,r="));

    let mut dial = Dial::started(config(UpstreamTls::Disable));
    assert_eq!(
        dial.failed(&authentication(10, both)).0,
        "08P01",
        "PLUS without TLS"
    );
    for offered in [b"SCRAM-SHA-256".as_slice(), b"", b"SCRAM-SHA-256\0\0x"] {
        let mut dial = Dial::started(config(UpstreamTls::Disable));
        assert_eq!(dial.failed(&authentication(10, offered)).0, "08P01");
    }
    let mut dial = Dial::started(config(UpstreamTls::Disable));
    assert_eq!(
        dial.failed(&authentication(10, b"OAUTHBEARER\0\0")).0,
        "08006"
    );
}

/// Runs SCRAM up to the server's first message.
fn server_first(message: &str) -> (Dial, UpstreamStep) {
    let mut dial = Dial::started(config(UpstreamTls::Disable));
    dial.feed(&authentication(10, b"SCRAM-SHA-256\0\0"));
    drain(&mut dial.out);
    let step = dial.feed(&authentication(11, message.as_bytes()));
    (dial, step)
}

/// base64 of the nonce `[5; 18]`.
const NONCE: &str = "BQUFBQUFBQUFBQUFBQUFBQUF";

#[test]
fn a_hostile_scram_server_is_refused() {
    let salt = "c2FsdA==";
    let good = format!("r={NONCE}abc,s={salt},i=2");
    assert!(matches!(server_first(&good).1, UpstreamStep::NeedBytes));
    let cases = [
        (format!("r=abc,s={salt},i=2"), "08P01"),
        (format!("r={NONCE},s={salt},i=2"), "08P01"),
        (
            format!("r={NONCE}{},s={salt},i=2", "x".repeat(257)),
            "08P01",
        ),
        (format!("r={NONCE}a\u{e9},s={salt},i=2"), "08P01"),
        (format!("r={NONCE}abc,s=,i=2"), "08P01"),
        (format!("r={NONCE}abc,s=!,i=2"), "08P01"),
        (
            format!("r={NONCE}abc,s={},i=2", "AAAA".repeat(400)),
            "08P01",
        ),
        (format!("r={NONCE}abc,s={salt},i=0"), "08P01"),
        (format!("r={NONCE}abc,s={salt},i=-1"), "08P01"),
        (format!("r={NONCE}abc,s={salt},i=2x"), "08P01"),
        (format!("r={NONCE}abc,s={salt},i=99999999999"), "08P01"),
        (format!("r={NONCE}abc,s={salt},i=100001"), "08006"),
        (format!("r={NONCE}abc,s={salt},i=4294967295"), "08006"),
        (format!("r={NONCE}abc,s={salt}"), "08P01"),
        (format!("m=x,r={NONCE}abc,s={salt},i=2"), "08P01"),
        (format!("r={NONCE}abc,s={salt},i=2,"), "08P01"),
        (String::new(), "08P01"),
    ];
    for (message, code) in cases {
        let (dial, step) = server_first(&message);
        let UpstreamStep::Failed(fault) = step else {
            panic!("{message}")
        };
        assert_eq!(code_of(&fault), code, "{message}");
        assert!(dial.out.is_empty());
    }
}

#[test]
fn the_server_must_prove_itself_too() {
    let first = format!("r={NONCE}abc,s=c2FsdA==,i=2");
    let (mut dial, _) = server_first(&first);
    assert_eq!(
        dial.failed(&authentication(0, b"")).0,
        "08P01",
        "no signature at all"
    );
    let (mut dial, _) = server_first(&first);
    let wrong = format!("v={}=", "A".repeat(43));
    let (code, message) = dial.failed(&authentication(12, wrong.as_bytes()));
    assert_eq!(code, "08P01");
    assert!(message.contains("server signature"), "{message}");
    for (last, code) in [
        ("v=AAAA", "08P01"),
        ("", "08P01"),
        ("x=1", "08P01"),
        ("e=no", "08006"),
    ] {
        let (mut dial, _) = server_first(&first);
        assert_eq!(dial.failed(&authentication(12, last.as_bytes())).0, code);
    }
    let mut dial = Dial::started(config(UpstreamTls::Disable));
    dial.feed(&authentication(10, b"SCRAM-SHA-256\0\0"));
    assert_eq!(
        dial.failed(&authentication(0, b"")).0,
        "08P01",
        "not even a challenge"
    );
}

#[test]
fn versions_are_negotiated_downwards_only() {
    let message = |version: u32, options: u32, rest: &[u8]| {
        let body = [&version.to_be_bytes()[..], &options.to_be_bytes(), rest].concat();
        frame_of(b'v', &body)
    };
    let down = message(3 << 16, 0, b"");
    let mut dial = Dial::started(config(UpstreamTls::Disable));
    let step = dial.feed(&[down.clone(), authentication(0, b"")].concat());
    assert!(matches!(step, UpstreamStep::Authenticated { minor: 0, .. }));
    for wrong in [
        message(3 << 16 | 1, 0, b""),
        message(3 << 16 | 2, 0, b""),
        message(3 << 16 | 3, 0, b""),
        message(2 << 16, 0, b""),
        message(0, 0, b""),
        message(3 << 16, 1, b"_pq_.x\0"),
        message(3 << 16, 0, b"x"),
        frame_of(b'v', b"\0\x03\0"),
        [down.clone(), down.clone()].concat(),
    ] {
        let mut dial = Dial::started(config(UpstreamTls::Disable));
        assert_eq!(dial.failed(&wrong).0, "08P01");
    }
    let mut config = config(UpstreamTls::Disable);
    config.minor = 0;
    assert_eq!(Dial::started(config).failed(&down).0, "08P01");
}

#[test]
fn only_four_kinds_of_message_and_none_long() {
    for tag in [b'S', b'K', b'Z', b'T', b'D', 0, 0xFF] {
        let mut dial = Dial::started(config(UpstreamTls::Disable));
        assert_eq!(dial.failed(&[tag, 0, 0, 0, 4]).0, "08P01");
    }
    for tag in [b'R', b'E', b'N', b'v'] {
        let mut dial = Dial::started(config(UpstreamTls::Disable));
        assert_eq!(dial.failed(&[tag, 0, 0, 0x40, 0]).0, "08P01", "16 KiB");
        let mut dial = Dial::started(config(UpstreamTls::Disable));
        assert_eq!(dial.failed(&[tag, 0, 0, 0, 3]).0, "08P01");
    }
}

#[test]
fn a_rejection_is_left_unjudged_and_told_in_our_words() {
    let secret = "password authentication failed for user \"svc_clinic\"";
    let error = |code: &str| {
        frame_of(
            b'E',
            format!("SFATAL\0VFATAL\0C{code}\0M{secret}\0\0").as_bytes(),
        )
    };
    for (code, told) in [
        ("3D000", "3D000"),
        ("53300", "53300"),
        ("57P03", "57P03"),
        ("42704", "42704"),
        ("28P01", "08004"),
        ("28000", "08004"),
        ("XX000", "08004"),
        ("abc", "08004"),
    ] {
        let mut dial = Dial::started(config(UpstreamTls::Disable));
        let error = error(code);
        let (head, tail) = error.split_at(error.len() - 1);
        assert!(matches!(dial.feed(head), UpstreamStep::NeedBytes));
        assert!(matches!(dial.feed(tail), UpstreamStep::Rejected));
        assert!(matches!(dial.feed(b""), UpstreamStep::Rejected));
        assert_eq!(dial.window.unjudged(), error);
        let refusal = dial.handshake.rejection(&dial.window);
        assert_eq!(refusal.code.as_str(), told);
        assert!(!format!("{refusal:?}").contains("svc_clinic"));
    }
    let dial = Dial::started(config(UpstreamTls::Disable));
    assert_eq!(
        dial.handshake.rejection(&dial.window).code,
        SqlState::CONNECTION_REJECTED
    );
}

#[test]
fn cancel_requests_go_out_over_tls_if_demanded() {
    let key = vec![1, 2, 3, 4, 5];
    let wanted = untagged(startup::CANCEL_CODE, &[0, 0, 0, 9, 1, 2, 3, 4, 5]);
    let (mut window, mut out) = (Window::default(), Outbox::new());

    let mut cancel = CancelHandshake::new(UpstreamTls::Disable, 9, key.clone());
    cancel.start(&mut out);
    assert!(matches!(
        cancel.feed(&mut window, &mut out),
        CancelStep::Done
    ));
    assert!(matches!(
        cancel.feed(&mut window, &mut out),
        CancelStep::Done
    ));
    assert_eq!(drain(&mut out), wanted);

    let mut cancel = CancelHandshake::new(UpstreamTls::Require, 9, key.clone());
    cancel.start(&mut out);
    assert_eq!(drain(&mut out), tls_request());
    assert!(matches!(
        cancel.feed(&mut window, &mut out),
        CancelStep::NeedBytes
    ));
    window.extend(b"S");
    assert!(matches!(
        cancel.feed(&mut window, &mut out),
        CancelStep::StartTls
    ));
    assert!(out.is_empty());
    cancel.tls_established();
    assert!(matches!(
        cancel.feed(&mut window, &mut out),
        CancelStep::Done
    ));
    assert_eq!(drain(&mut out), wanted);

    let mut cancel = CancelHandshake::new(UpstreamTls::Require, 9, key);
    cancel.start(&mut out);
    window.extend(b"N");
    assert!(matches!(
        cancel.feed(&mut window, &mut out),
        CancelStep::Failed(_)
    ));
    let mut cancel = CancelHandshake::new(UpstreamTls::Disable, 9, vec![0; 257]);
    cancel.start(&mut out);
    assert!(matches!(
        cancel.feed(&mut window, &mut out),
        CancelStep::Failed(_)
    ));
}
