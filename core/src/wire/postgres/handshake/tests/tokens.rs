//! Logins by a token, in both ways.

use std::sync::Arc;

use super::*;
use crate::identity::claims::Claims;
use crate::identity::{Assertion, Method, Rejection};
use crate::limits;

const STATUS: &str = "{\"status\":\"invalid_token\",\"openid-configuration\":\
    \"https://issuer.example/.well-known/openid-configuration\",\"scope\":\"openid\"}";

fn assertion() -> Arc<Assertion> {
    Arc::new(Assertion {
        issuer: "https://issuer.example".to_owned(),
        subject: "robot-7".to_owned(),
        audience: vec!["velum".to_owned()],
        groups: Vec::new(),
        expires_s: 1,
        chain: Vec::new(),
        claims: Claims::default(),
    })
}

/// Up to the question, over TLS.
fn asked(user: &str) -> Rig {
    let mut rig = Rig::new(TlsOffer::Optional);
    rig.feed(&tls_request());
    rig.tls(facts(false, &[]));
    rig.answer();
    let step = rig.feed(&startup_of(0, &[("user", user)]));
    assert!(matches!(step, ClientStep::NeedBytes));
    rig
}

fn password(token: &str) -> Vec<u8> {
    frame_of(b'p', &[token.as_bytes(), b"\0"].concat())
}

fn oauth(token: &str) -> Vec<u8> {
    let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
    sasl_initial("OAUTHBEARER", message.as_bytes())
}

/// The token that is to be verified.
fn shown(rig: &mut Rig, bytes: &[u8]) -> (Option<String>, Vec<u8>) {
    let ClientStep::Verify(presented) = rig.feed(bytes) else {
        panic!("no token was taken")
    };
    assert!(
        matches!(rig.feed(&[]), ClientStep::AwaitVerdict),
        "nothing goes on by itself"
    );
    (presented.identity, presented.token.to_vec())
}

fn told(user: &str) -> (String, String) {
    let text = format!("password authentication failed for user \"{user}\"");
    ("28P01".to_owned(), text)
}

#[test]
fn a_token_as_a_password() {
    let mut rig = asked("token");
    assert_eq!(rig.answer(), authentication(3, &[]));
    let found = shown(&mut rig, &password("a.b.c"));
    assert_eq!(
        found,
        (Some("identity-token".to_owned()), b"a.b.c".to_vec())
    );
    rig.handshake.verdict(Ok(assertion()));
    let ClientStep::Authenticated(startup) = rig.feed(&[]) else {
        panic!("it was not let in")
    };
    assert_eq!(startup.identity.method, Method::Oidc);
    assert_eq!(startup.identity.name, "identity-token");
    assert_eq!(startup.identity.assertion, Some(assertion()));
    assert_eq!(rig.answer(), authentication(0, &[]));
    rig.handshake.verdict(Err(Rejection::Expired));
    assert!(
        matches!(rig.feed(&[]), ClientStep::Closed),
        "a verdict counts once"
    );
}

#[test]
fn whatever_is_wrong_the_client_is_told_the_same() {
    for rejection in Rejection::ALL {
        let mut rig = asked("token");
        rig.answer();
        shown(&mut rig, &password("x"));
        rig.handshake.verdict(Err(*rejection));
        assert_eq!(rig.refused(&[]), told("token"));
        assert_eq!(rig.handshake.rejection(), Some(*rejection));
    }
}

/// A stranger is asked, waits for a verdict on what it sent, and is refused whatever that is.
#[test]
fn a_stranger_goes_the_same_way() {
    for verdict in [Ok(assertion()), Err(Rejection::Expired)] {
        let mut rig = asked("asked-stranger");
        assert_eq!(rig.answer(), authentication(3, &[]));
        assert_eq!(shown(&mut rig, &password("x")), (None, b"x".to_vec()));
        rig.handshake.verdict(verdict);
        assert_eq!(rig.refused(&[]), told("asked-stranger"));
        assert_eq!(rig.handshake.rejection(), Some(Rejection::UserUnknown));
    }
}

#[test]
fn a_token_does_not_go_in_the_clear() {
    for user in ["token", "asked-stranger"] {
        let mut rig = Rig::new(TlsOffer::Optional);
        let refused = rig.refused(&startup_of(0, &[("user", user)]));
        let text = "connection requires TLS: no encryption";
        assert_eq!(refused, ("28000".to_owned(), text.to_owned()));
        let mut rig = Rig::new(TlsOffer::Optional);
        rig.handshake.allow_tokens_in_clear();
        rig.feed(&startup_of(0, &[("user", user)]));
        assert_eq!(rig.answer(), authentication(3, &[]));
    }
}

#[test]
fn messages_are_bounded_and_wiped() {
    let mut rig = asked("token");
    let longest = "x".repeat(limits::TOKEN_BYTES);
    assert_eq!(shown(&mut rig, &password(&longest)).1, longest.as_bytes());
    assert!(rig.window.unjudged().is_empty());
    let storage = rig.window.detach().expect("nothing is left in it");
    assert!(
        !storage.windows(8).any(|bytes| bytes == b"xxxxxxxx"),
        "the token is still there"
    );

    let mut rig = asked("token");
    rig.answer();
    let header = [
        b"p".as_slice(),
        &(limits::TOKEN_MESSAGE_BYTES as u32).to_be_bytes(),
    ]
    .concat();
    assert_eq!(
        rig.refused(&header).0,
        "08P01",
        "refused before it has arrived"
    );
    for body in [&b""[..], b"x", b"x\0y\0", b"x\0\0"] {
        let mut rig = asked("token");
        rig.answer();
        assert_eq!(rig.refused(&frame_of(b'p', body)).0, "08P01", "{body:?}");
    }
    let mut rig = asked("token");
    rig.answer();
    assert_eq!(rig.refused(&frame_of(b'Q', b"SELECT 1\0")).0, "08P01");
    let mut rig = asked("token");
    assert!(matches!(rig.feed(&frame_of(b'X', b"")), ClientStep::Closed));
}

#[test]
fn oauthbearer_lets_in() {
    let mut rig = asked("bearer");
    assert_eq!(rig.answer(), authentication(10, b"OAUTHBEARER\0\0"));
    assert_eq!(shown(&mut rig, &oauth("a.b.c")).1, b"a.b.c");
    rig.handshake.verdict(Ok(assertion()));
    assert!(matches!(rig.feed(&[]), ClientStep::Authenticated(_)));
    assert_eq!(rig.answer(), authentication(0, &[]));
    // The client's message may come after an empty challenge.
    let mut rig = asked("bearer");
    rig.answer();
    let mut nothing = b"OAUTHBEARER\0".to_vec();
    nothing.extend_from_slice(&(-1i32).to_be_bytes());
    assert!(matches!(
        rig.feed(&frame_of(b'p', &nothing)),
        ClientStep::NeedBytes
    ));
    assert_eq!(rig.answer(), authentication(11, &[]));
    let message = b"y,,\x01host=db\x01auth=bEARER  a.b.c\x01port=1\x01\x01";
    assert_eq!(shown(&mut rig, &frame_of(b'p', message)).1, b"a.b.c");
}

/// The status comes first, and the error when the client has answered it.
#[test]
fn oauthbearer_refuses() {
    for answer in [&b"\x01"[..], b"", b"n,,\x01auth=Bearer again\x01\x01"] {
        let mut rig = asked("bearer");
        rig.answer();
        shown(&mut rig, &oauth("x"));
        rig.handshake.verdict(Err(Rejection::Expired));
        assert!(matches!(rig.feed(&[]), ClientStep::NeedBytes));
        assert_eq!(rig.answer(), authentication(11, STATUS.as_bytes()));
        assert_eq!(rig.refused(&frame_of(b'p', answer)), told("bearer"));
        assert_eq!(rig.handshake.rejection(), Some(Rejection::Expired));
    }
    // A client that asks whom to ask sends no token.
    let mut rig = asked("bearer");
    rig.answer();
    let question = sasl_initial("OAUTHBEARER", b"n,,\x01auth=\x01\x01");
    assert_eq!(shown(&mut rig, &question).1, b"");
}

#[test]
fn oauthbearer_messages_that_are_malformed() {
    for (message, code) in [
        (&b""[..], "08P01"),
        (b"n,,", "08P01"),
        (b"n,,\x01", "08P01"),
        (b"n,,\x01\x01", "08P01"),
        (b"n,,\x01auth=Bearer x\x01", "08P01"),
        (b"n,,auth=Bearer x\x01\x01", "08P01"),
        (
            b"p=tls-server-end-point,,\x01auth=Bearer x\x01\x01",
            "08P01",
        ),
        (b"n,a=other,\x01auth=Bearer x\x01\x01", "0A000"),
        (b"n,,\x01host=x\x01\x01", "08P01"),
        (b"n,,\x01auth\x01\x01", "08P01"),
        (b"n,,\x01=x\x01auth=Bearer x\x01\x01", "08P01"),
        (b"n,,\x01auth=Basic eA==\x01\x01", "08P01"),
        (b"n,,\x01auth=Bearer\x01\x01", "08P01"),
        (b"n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01", "08P01"),
        (b"n,,\x01auth=Bearer x\0\x01\x01", "08P01"),
        (b"n,,\x01au-th=x\x01auth=Bearer x\x01\x01", "08P01"),
    ] {
        let mut rig = asked("bearer");
        rig.answer();
        let refused = rig.refused(&sasl_initial("OAUTHBEARER", message));
        assert_eq!(refused.0, code, "{}", message.escape_ascii());
    }
    let mut rig = asked("bearer");
    rig.answer();
    let scram = sasl_initial("SCRAM-SHA-256", b"n,,n=,r=abc");
    assert_eq!(rig.refused(&scram).0, "08P01");
}
