//! ClientHandshake against scripted clients.

use super::*;
use crate::identity::{Identity, Method};

const ROBOT: &[(&str, &str)] = &[("user", "robot")];

fn mechanisms(answer: &[u8]) -> String {
    let (tag, body) = frames(answer).pop().unwrap();
    assert_eq!((tag, &body[..4]), (b'R', &10u32.to_be_bytes()[..]));
    String::from_utf8(body[4..].to_vec()).unwrap()
}

#[test]
fn encryption_is_asked_for_at_most_once_each() {
    let mut rig = Rig::new(TlsOffer::Off);
    assert!(matches!(rig.feed(&gss_request()), ClientStep::NeedBytes));
    assert!(matches!(rig.feed(&tls_request()), ClientStep::NeedBytes));
    assert_eq!(rig.answer(), b"NN");
    let (code, message) = rig.refused(&tls_request());
    assert_eq!(code, "0A000");
    assert_eq!(
        message,
        "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2"
    );

    let mut rig = Rig::new(TlsOffer::Optional);
    rig.feed(&gss_request());
    assert_eq!(rig.answer(), b"N");
    assert_eq!(rig.refused(&gss_request()).0, "0A000");

    let mut rig = Rig::new(TlsOffer::Optional);
    assert!(matches!(rig.feed(&tls_request()), ClientStep::StartTls));
    rig.tls(facts(false, &[]));
    rig.answer();
    assert_eq!(rig.refused(&tls_request()).0, "0A000");

    let mut rig = Rig::new(TlsOffer::Optional);
    rig.feed(&tls_request());
    rig.tls(facts(false, &[]));
    rig.answer();
    assert_eq!(
        rig.refused(&gss_request()).0,
        "0A000",
        "no GSSAPI inside TLS"
    );
}

#[test]
fn nothing_may_be_buffered_across_an_upgrade() {
    for offer in [TlsOffer::Off, TlsOffer::Optional, TlsOffer::Required] {
        let mut rig = Rig::new(offer);
        let injected = [tls_request(), startup_of(0, &[("user", "open")])].concat();
        assert_eq!(
            rig.refused(&injected),
            (
                "08P01".to_owned(),
                "protocol violation by the client: received unencrypted data after SSL request"
                    .to_owned()
            )
        );
    }
    let mut rig = Rig::new(TlsOffer::Optional);
    assert_eq!(rig.refused(&[gss_request(), vec![0]].concat()).0, "08P01");
}

#[test]
fn no_answer_but_the_one_byte_before_tls() {
    let mut rig = Rig::new(TlsOffer::Required);
    assert!(matches!(rig.feed(&tls_request()), ClientStep::StartTls));
    assert_eq!(rig.answer(), b"S");
    assert!(rig.window.unjudged().is_empty());
    assert!(
        matches!(rig.feed(&[]), ClientStep::StartTls),
        "it stays so until it is done"
    );
}

#[test]
fn direct_tls_leaves_the_record_in_the_window() {
    let hello = [0x16, 3, 1, 0, 5];
    let mut rig = Rig::new(TlsOffer::Optional);
    assert!(matches!(rig.feed(&hello), ClientStep::StartTls));
    assert_eq!(rig.window.unjudged(), hello);
    assert!(rig.out.is_empty());
    rig.tls(facts(true, &[]));
    // As PostgreSQL, SSLRequest inside direct TLS is answered 'N'.
    assert!(matches!(rig.feed(&tls_request()), ClientStep::NeedBytes));
    assert_eq!(rig.answer(), b"N");
    rig.feed(&startup_of(0, ROBOT));
    assert_eq!(
        mechanisms(&rig.answer()),
        "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
    );
}

#[test]
fn direct_tls_needs_alpn_and_must_be_first() {
    let mut rig = Rig::new(TlsOffer::Optional);
    rig.feed(&[0x16]);
    rig.tls(facts(false, &[]));
    assert_eq!(rig.refused(&startup_of(0, ROBOT)).0, "08P01");

    let mut rig = Rig::new(TlsOffer::Off);
    assert!(matches!(rig.feed(&[0x16]), ClientStep::Failed(_)));
    assert!(
        rig.out.is_empty(),
        "no clear text to a peer that speaks TLS"
    );

    let mut rig = Rig::new(TlsOffer::Off);
    rig.feed(&tls_request());
    rig.answer();
    assert!(matches!(rig.feed(&[0x16, 3, 1, 0]), ClientStep::Failed(_)));
    assert!(rig.out.is_empty());
}

#[test]
fn what_is_no_startup_message_is_not_answered() {
    let said: [&[u8]; 4] = [
        b"X\0\0\0\x04", // Terminate of a client that changed its mind
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 8],
        &[0, 0, 0, 7, 0, 3, 0],
    ];
    for bytes in said {
        let mut rig = Rig::new(TlsOffer::Optional);
        assert!(matches!(rig.feed(bytes), ClientStep::Failed(_)));
        assert!(rig.out.is_empty(), "{bytes:?}");
    }
}

#[test]
fn cancel_requests_of_both_versions() {
    for length in [4, 32, 256] {
        let key: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        let mut rig = Rig::new(TlsOffer::Required);
        let request = untagged(
            startup::CANCEL_CODE,
            &[&77u32.to_be_bytes()[..], &key].concat(),
        );
        let ClientStep::Cancel { pid, key: found } = rig.feed(&request) else {
            panic!()
        };
        assert_eq!((pid, found), (77, key));
        assert!(rig.out.is_empty());
        assert!(matches!(rig.feed(&[]), ClientStep::Closed));
    }
    for key in [0, 257] {
        let mut rig = Rig::new(TlsOffer::Off);
        let body = [&77u32.to_be_bytes()[..], &vec![1; key]].concat();
        assert_eq!(
            rig.refused(&untagged(startup::CANCEL_CODE, &body)).0,
            "08P01"
        );
    }
}

#[test]
fn lengths_are_judged_before_the_bytes_arrive() {
    for length in [0u32, 7, 10_005, 0x4745_5420 /* "GET " */, u32::MAX] {
        let mut rig = Rig::new(TlsOffer::Off);
        let step = rig.feed(&length.to_be_bytes());
        assert!(matches!(step, ClientStep::Failed(_)), "{length}");
    }
    let mut rig = Rig::new(TlsOffer::Off);
    assert!(matches!(
        rig.feed(&10_004u32.to_be_bytes()),
        ClientStep::NeedBytes
    ));

    let mut rig = Rig::new(TlsOffer::Off);
    rig.feed(&startup_of(0, ROBOT));
    rig.answer();
    let declared = [b"p".as_slice(), &20_000u32.to_be_bytes()].concat();
    assert_eq!(rig.refused(&declared).0, "08P01");
}

#[test]
fn versions_are_negotiated_or_refused() {
    for (asked, agreed, said) in [(0, 0, false), (1, 0, true), (2, 2, false), (9_999, 2, true)] {
        let mut rig = Rig::new(TlsOffer::Off);
        let ClientStep::Authenticated(startup) = rig.feed(&startup_of(asked, &[("user", "open")]))
        else {
            panic!()
        };
        assert_eq!(startup.minor, agreed);
        let answer = frames(&rig.answer());
        assert_eq!(answer.len(), if said { 2 } else { 1 });
        if said {
            let version = startup::join_version(3, agreed).to_be_bytes();
            assert_eq!(answer[0], (b'v', [&version[..], &[0; 4]].concat()));
        }
    }
    for version in [2 << 16, 4 << 16, 1 << 16, 0] {
        let mut rig = Rig::new(TlsOffer::Off);
        let (code, message) = rig.refused(&untagged(version, b"user\0open\0\0"));
        assert_eq!(code, "0A000");
        assert!(
            message.starts_with("unsupported frontend protocol"),
            "{message}"
        );
    }
}

#[test]
fn protocol_options_are_negotiated_away() {
    let mut rig = Rig::new(TlsOffer::Off);
    let startup = startup_of(2, &[("user", "open"), ("_pq_.x", "1"), ("_pq_.y", "")]);
    let ClientStep::Authenticated(startup) = rig.feed(&startup) else {
        panic!()
    };
    assert!(startup.parameters.is_empty());
    let mut wanted = [
        &startup::join_version(3, 2).to_be_bytes()[..],
        &2u32.to_be_bytes(),
    ]
    .concat();
    wanted.extend_from_slice(b"_pq_.x\0_pq_.y\0");
    assert_eq!(frames(&rig.answer())[0], (b'v', wanted));
}

#[test]
fn parameters_are_kept_and_judged() {
    let mut rig = Rig::new(TlsOffer::Off);
    let startup = startup_of(
        0,
        &[
            ("user", "nobody"),
            ("user", "open"),
            ("DateStyle", "ISO"),
            ("options", "-c geqo=off --work-mem=4MB"),
            ("replication", "false"),
            ("DateStyle", "German"),
        ],
    );
    let ClientStep::Authenticated(startup) = rig.feed(&startup) else {
        panic!()
    };
    let pairs = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|&(a, b)| (a.to_owned(), b.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        *startup,
        ClientStartup {
            identity: Identity::new("identity-open", Method::Trust),
            user: "open".to_owned(),
            database: "open".to_owned(),
            parameters: pairs(&[
                ("options", "-c geqo=off --work-mem=4MB"),
                ("DateStyle", "German")
            ]),
            settings: pairs(&[
                ("geqo", "off"),
                ("work_mem", "4MB"),
                ("datestyle", "German")
            ]),
            minor: 0,
        }
    );
}

#[test]
fn startups_that_are_refused() {
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("database", "d")], "28000"),
        (&[("user", "")], "28000"),
        (&[("user", "open"), ("replication", "database")], "0A000"),
        (&[("user", "open"), ("replication", "tr")], "0A000"),
        (&[("user", "open"), ("replication", "1")], "0A000"),
        (&[("user", "open"), ("role", "postgres")], "42501"),
        (
            &[
                ("user", "open"),
                ("options", "-c session_authorization=postgres"),
            ],
            "42501",
        ),
        (&[("user", "open"), ("options", "-e")], "42601"),
    ];
    for (parameters, code) in cases {
        let mut rig = Rig::new(TlsOffer::Off);
        assert_eq!(
            rig.refused(&startup_of(0, parameters)).0,
            code,
            "{parameters:?}"
        );
    }
    let layouts: [&[u8]; 6] = [
        b"",
        b"user\0open\0",
        b"user\0open\0\0x",
        b"user\0",
        b"user",
        b"u\0v\0w\0\0",
    ];
    for body in layouts {
        let mut rig = Rig::new(TlsOffer::Off);
        assert_eq!(rig.refused(&untagged(3 << 16, body)).0, "08P01", "{body:?}");
    }
    let mut rig = Rig::new(TlsOffer::Off);
    assert_eq!(
        rig.refused(&untagged(3 << 16, b"user\0\xFF\0\0")).0,
        "22021"
    );
}

#[test]
fn required_tls_is_required() {
    let mut rig = Rig::new(TlsOffer::Required);
    assert_eq!(rig.refused(&startup_of(0, &[("user", "open")])).0, "28000");
    let mut rig = Rig::new(TlsOffer::Required);
    rig.feed(&tls_request());
    rig.tls(facts(false, &[]));
    let step = rig.feed(&startup_of(0, &[("user", "open")]));
    assert!(matches!(step, ClientStep::Authenticated(_)));
}

#[test]
fn workloads_are_matched_by_their_only_id() {
    let login = |names: &[&str]| {
        let mut rig = Rig::new(TlsOffer::Optional);
        rig.feed(&tls_request());
        rig.tls(facts(false, names));
        rig.answer();
        rig.window.extend(&startup_of(0, &[("user", "workload")]));
        rig
    };
    let mut rig = login(&[workload().as_str()]);
    let ClientStep::Authenticated(startup) = rig.feed(&[]) else {
        panic!()
    };
    assert_eq!(startup.identity.method, Method::Spiffe);
    // A common name that reads like it is no ID.
    for names in [
        &["other", workload().as_str()][..],
        &["spiffe://prod.example/load"],
        &[],
    ] {
        let told = "certificate authentication failed for user \"workload\"";
        let refused = login(names).refused(&[]);
        assert_eq!(refused, ("28000".to_owned(), told.to_owned()), "{names:?}");
    }
    let mut plain = Rig::new(TlsOffer::Optional);
    let told = "connection requires a valid client certificate";
    let refused = plain.refused(&startup_of(0, &[("user", "workload")]));
    assert_eq!(refused, ("28000".to_owned(), told.to_owned()));
}

#[test]
fn certificates_are_matched_by_name() {
    let login = |names: Option<&[&str]>| {
        let mut rig = Rig::new(TlsOffer::Optional);
        if let Some(names) = names {
            rig.feed(&tls_request());
            rig.tls(facts(false, names));
            rig.answer();
        }
        rig.window.extend(&startup_of(0, &[("user", "badge")]));
        rig
    };
    let mut rig = login(Some(&["other", "badge.example"]));
    let ClientStep::Authenticated(startup) = rig.feed(&[]) else {
        panic!()
    };
    assert_eq!(startup.identity.method, Method::Certificate);
    assert_eq!(rig.answer(), authentication(0, &[]));
    let missing = (
        "28000".to_owned(),
        "connection requires a valid client certificate".to_owned(),
    );
    assert_eq!(login(None).refused(&[]), missing);
    assert_eq!(login(Some(&[])).refused(&[]), missing);
    assert_eq!(
        login(Some(&["Badge.example", "badge.example.org"])).refused(&[]),
        (
            "28000".to_owned(),
            "certificate authentication failed for user \"badge\"".to_owned()
        )
    );
}

#[test]
fn bytes_behind_the_login_stay_for_the_session() {
    let mut rig = Rig::new(TlsOffer::Off);
    let query = frame_of(b'Q', b"select 1\0");
    let step = rig.feed(&[startup_of(0, &[("user", "open")]), query.clone()].concat());
    assert!(matches!(step, ClientStep::Authenticated(_)));
    assert_eq!(rig.window.unjudged(), query);
    assert!(matches!(rig.feed(&[]), ClientStep::Closed));
}

#[test]
fn sasl_messages_that_are_refused() {
    let first = b"n,,n=,r=abc".as_slice();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (frame_of(b'Q', b"select 1\0"), "08P01"),
        (frame_of(b'p', b"SCRAM-SHA-256"), "08P01"),
        (frame_of(b'p', b"SCRAM-SHA-256\0\0\0\0"), "08P01"),
        (frame_of(b'p', b"SCRAM-SHA-256\0\0\0\0\x05abc"), "08P01"),
        (
            frame_of(b'p', b"SCRAM-SHA-256\0\xFF\xFF\xFF\xFEabc"),
            "08P01",
        ),
        (
            frame_of(b'p', b"SCRAM-SHA-256\0\xFF\xFF\xFF\xFFabc"),
            "08P01",
        ),
        (sasl_initial("SCRAM-SHA-1", first), "08P01"),
        (
            sasl_initial("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc"),
            "08P01",
        ),
        (sasl_initial("SCRAM-SHA-256", b""), "08P01"),
        (sasl_initial("SCRAM-SHA-256", b"n"), "08P01"),
        (sasl_initial("SCRAM-SHA-256", b"x,,n=,r=abc"), "08P01"),
        (sasl_initial("SCRAM-SHA-256", b"n,,n=,r="), "08P01"),
        (sasl_initial("SCRAM-SHA-256", b"n,,n=,r=a\x07c"), "08P01"),
        (sasl_initial("SCRAM-SHA-256", b"n,,r=abc,n="), "08P01"),
        (sasl_initial("SCRAM-SHA-256", b"n,,n=,r=abc,"), "08P01"),
        (sasl_initial("SCRAM-SHA-256", b"n,,n=,r=abc\0"), "08P01"),
        (
            sasl_initial("SCRAM-SHA-256", b"p=tls-server-end-point,,n=,r=abc"),
            "08P01",
        ),
        (
            sasl_initial("SCRAM-SHA-256", b"n,a=admin,n=,r=abc"),
            "0A000",
        ),
        (sasl_initial("SCRAM-SHA-256", b"n,,m=x,n=,r=abc"), "0A000"),
        (
            sasl_initial(
                "SCRAM-SHA-256",
                format!("n,,n=,r={}", "x".repeat(257)).as_bytes(),
            ),
            "08P01",
        ),
        (
            sasl_initial(
                "SCRAM-SHA-256",
                format!("n,,n={},r=abc", "x".repeat(1_100)).as_bytes(),
            ),
            "08P01",
        ),
    ];
    for (message, code) in cases {
        let mut rig = Rig::new(TlsOffer::Off);
        assert!(matches!(
            rig.feed(&startup_of(0, ROBOT)),
            ClientStep::NeedBytes
        ));
        assert_eq!(mechanisms(&rig.answer()), "SCRAM-SHA-256\0\0");
        assert_eq!(
            rig.refused(&message).0,
            code,
            "{:?}",
            String::from_utf8_lossy(&message)
        );
    }
}

#[test]
fn an_initial_response_may_come_later() {
    let mut rig = Rig::new(TlsOffer::Off);
    rig.feed(&startup_of(0, ROBOT));
    rig.answer();
    rig.feed(&frame_of(b'p', b"SCRAM-SHA-256\0\xFF\xFF\xFF\xFF"));
    assert_eq!(rig.answer(), authentication(11, b""));
    rig.feed(&frame_of(b'p', b"n,,n=,r=abc"));
    let (tag, body) = frames(&rig.answer()).remove(0);
    assert_eq!((tag, &body[..10]), (b'R', &b"\0\0\0\x0Br=abcA"[..]));
}

#[test]
fn a_client_may_leave_to_ask_for_its_password() {
    let mut rig = Rig::new(TlsOffer::Off);
    rig.feed(&startup_of(0, ROBOT));
    rig.answer();
    assert!(matches!(rig.feed(&frame_of(b'X', b"")), ClientStep::Closed));
    assert!(rig.out.is_empty());
}

#[test]
fn the_pump_can_turn_a_client_away() {
    let mut out = Outbox::new();
    refuse(
        &mut out,
        &crate::error::Refusal::new(crate::error::SqlState::TOO_MANY_CONNECTIONS, "full"),
    );
    assert_eq!(
        error_fields(&drain(&mut out)),
        ("53300".to_owned(), "full".to_owned())
    );
}
