//! Against the SCRAM of the `postgres-protocol` crate, which rust drivers use, and against the
//! verifiers that it makes.

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

use super::*;

struct Foreign {
    scram: ScramSha256,
    mechanism: &'static str,
}

impl Foreign {
    fn new(password: &[u8], binding: ChannelBinding, mechanism: &'static str) -> Self {
        Self {
            scram: ScramSha256::new(password, binding),
            mechanism,
        }
    }

    /// Logs in as robot; true if both sides are content.
    fn login(mut self, tls: bool) -> Result<ClientStep, (String, String)> {
        let mut rig = Rig::new(TlsOffer::Optional);
        if tls {
            rig.feed(&tls_request());
            rig.tls(facts(false, &[]));
        }
        rig.feed(&startup_of(0, &[("user", "robot")]));
        rig.answer();
        rig.window
            .extend(&sasl_initial(self.mechanism, self.scram.message()));
        let step = rig.feed(&[]);
        let (tag, body) = frames(&rig.answer()).remove(0);
        if tag == b'E' {
            assert!(matches!(step, ClientStep::Failed(_)));
            return Err(error_fields(&frame_of(tag, &body)));
        }
        self.scram.update(&body[4..]).unwrap();
        let step = rig.feed(&frame_of(b'p', self.scram.message()));
        let answer = rig.answer();
        if matches!(step, ClientStep::Failed(_)) {
            return Err(error_fields(&answer));
        }
        let answer = frames(&answer);
        assert_eq!(answer[0].1[..4], 12u32.to_be_bytes());
        self.scram
            .finish(&answer[0].1[4..])
            .expect("the server's signature");
        assert_eq!(answer[1].1, 0u32.to_be_bytes());
        Ok(step)
    }
}

#[test]
fn a_foreign_client_logs_in() {
    let end_point = || ChannelBinding::tls_server_end_point(END_POINT.to_vec());
    for (binding, mechanism, tls) in [
        (ChannelBinding::unsupported(), "SCRAM-SHA-256", false),
        (ChannelBinding::unsupported(), "SCRAM-SHA-256", true),
        (ChannelBinding::unrequested(), "SCRAM-SHA-256", false),
        (end_point(), "SCRAM-SHA-256-PLUS", true),
    ] {
        let step = Foreign::new(PASSWORD, binding, mechanism).login(tls);
        assert!(
            matches!(step, Ok(ClientStep::Authenticated(_))),
            "{mechanism} {tls}"
        );
    }
}

#[test]
fn a_foreign_client_is_refused() {
    let code = |password: &[u8], binding, mechanism, tls| {
        Foreign::new(password, binding, mechanism)
            .login(tls)
            .map(|_| ())
            .unwrap_err()
            .0
    };
    assert_eq!(
        code(
            b"pen",
            ChannelBinding::unsupported(),
            "SCRAM-SHA-256",
            false
        ),
        "28P01"
    );
    let other = || ChannelBinding::tls_server_end_point(vec![1; 32]);
    assert_eq!(
        code(PASSWORD, other(), "SCRAM-SHA-256-PLUS", true),
        "28000",
        "wrong certificate"
    );
    assert_eq!(
        code(PASSWORD, other(), "SCRAM-SHA-256-PLUS", false),
        "08P01",
        "not offered"
    );
    assert_eq!(
        code(PASSWORD, other(), "SCRAM-SHA-256", true),
        "08P01",
        "binding under plain"
    );
    // "The server does not support channel binding": somebody removed PLUS from our offer.
    assert_eq!(
        code(
            PASSWORD,
            ChannelBinding::unrequested(),
            "SCRAM-SHA-256",
            true
        ),
        "28000"
    );
    let none = ChannelBinding::unsupported();
    assert_eq!(
        code(PASSWORD, none, "SCRAM-SHA-256-PLUS", true),
        "08P01",
        "PLUS without binding"
    );
}

#[test]
fn a_foreign_verifier_is_understood() {
    let text = postgres_protocol::password::scram_sha_256(PASSWORD);
    let verifier = ScramVerifier::parse(&text).unwrap();
    let built = ScramVerifier::build(PASSWORD, &verifier.salt, verifier.iterations);
    assert_eq!(*built.to_text(), text);
}
