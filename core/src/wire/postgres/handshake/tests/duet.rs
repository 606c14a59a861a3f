//! Both machines against each other: UpstreamHandshake logs in to ClientHandshake.

use super::upstream::config;
use super::*;
use crate::identity::Method;

/// How a login is tried.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) user: &'static str,
    pub(super) password: &'static [u8],
    pub(super) tls: bool,
    pub(super) names: &'static [&'static str],
    /// What the client takes for the server's certificate.
    pub(super) seen_end_point: Option<Vec<u8>>,
    /// What the server can bind to.
    pub(super) own_end_point: Option<Vec<u8>>,
    /// Most bytes that arrive at once.
    pub(super) chunk: usize,
    pub(super) cache: Option<ScramKeys>,
}

impl Scene {
    pub(super) fn new(user: &'static str, tls: bool) -> Self {
        Self {
            user,
            password: PASSWORD,
            tls,
            names: &[],
            seen_end_point: Some(END_POINT.to_vec()),
            own_end_point: Some(END_POINT.to_vec()),
            chunk: usize::MAX,
            cache: None,
        }
    }

    /// Plays until neither side has anything to say.
    pub(super) fn play(&self) -> Scenes {
        let tls = if self.tls {
            UpstreamTls::Require
        } else {
            UpstreamTls::Disable
        };
        let mut config = config(tls);
        config.user = self.user.to_owned();
        config.password = Some(Zeroizing::new(self.password.to_vec()));
        let mut dial = UpstreamHandshake::new(config, [5; 18], self.cache.clone());
        let (mut dial_window, mut dial_out) = (Window::default(), Outbox::new());
        dial.start(&mut dial_out);
        let mut rig = Rig::new(TlsOffer::Optional);
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        loop {
            let request = take(&mut dial_out, self.chunk);
            asked.extend_from_slice(&request);
            let server = rig.feed(&request);
            let answer = take(&mut rig.out, self.chunk);
            answered.extend_from_slice(&answer);
            dial_window.extend(&answer);
            let client = dial.feed(&mut dial_window, &mut dial_out);
            if let (ClientStep::StartTls, UpstreamStep::StartTls) = (&server, &client) {
                rig.tls(TlsFacts {
                    server_end_point: self.own_end_point.clone(),
                    ..facts(false, self.names)
                });
                dial.tls_established(self.seen_end_point.clone());
                continue;
            }
            let quiet = request.is_empty() && answer.is_empty();
            if quiet && dial_out.is_empty() && rig.out.is_empty() {
                let rejection = matches!(client, UpstreamStep::Rejected)
                    .then(|| error_fields(dial_window.unjudged()));
                return Scenes {
                    server,
                    client,
                    asked,
                    answered,
                    rejection,
                };
            }
        }
    }
}

/// How a scene ended, and what was said in it.
pub(super) struct Scenes {
    pub(super) server: ClientStep,
    pub(super) client: UpstreamStep,
    pub(super) asked: Vec<u8>,
    pub(super) answered: Vec<u8>,
    /// SQLSTATE and message that the client read.
    pub(super) rejection: Option<(String, String)>,
}

impl Scenes {
    /// `Over` is what a finished client machine says when fed again.
    fn both_in(&self) -> bool {
        matches!(
            self.server,
            ClientStep::Closed | ClientStep::Authenticated(_)
        ) && matches!(self.client, UpstreamStep::Authenticated { .. })
    }

    fn both_out(&self) -> bool {
        matches!(self.server, ClientStep::Failed(_))
            && matches!(
                self.client,
                UpstreamStep::Rejected | UpstreamStep::Failed(_)
            )
    }
}

fn take(out: &mut Outbox, most: usize) -> Vec<u8> {
    let bytes = out.pending();
    let bytes = bytes[..bytes.len().min(most)].to_vec();
    out.consume(bytes.len());
    bytes
}

#[test]
fn every_method_at_every_chunking() {
    let badge: &[&str] = &["badge.example"];
    let mut scenes = vec![
        Scene::new("robot", false),
        Scene::new("robot", true),
        Scene::new("open", false),
        Scene::new("open", true),
        Scene {
            names: badge,
            ..Scene::new("badge", true)
        },
        Scene {
            names: badge,
            ..Scene::new("both", true)
        },
        Scene {
            own_end_point: None,
            seen_end_point: None,
            ..Scene::new("robot", true)
        },
        // The client cannot bind, the server could.
        Scene {
            seen_end_point: None,
            ..Scene::new("robot", true)
        },
        // The client could bind, the server does not offer it.
        Scene {
            own_end_point: None,
            ..Scene::new("robot", true)
        },
    ];
    for scene in &mut scenes {
        let whole = scene.play();
        assert!(whole.both_in(), "{} tls: {}", scene.user, scene.tls);
        for chunk in 1..64 {
            scene.chunk = chunk;
            let split = scene.play();
            assert!(split.both_in(), "{} chunk: {chunk}", scene.user);
            assert_eq!(
                (&split.asked, &split.answered),
                (&whole.asked, &whole.answered)
            );
        }
    }
}

#[test]
fn plus_is_used_over_tls() {
    let scenes = Scene::new("robot", true).play();
    let said = String::from_utf8_lossy(&scenes.asked).into_owned();
    assert!(said.contains("SCRAM-SHA-256-PLUS\0"), "{said}");
}

#[test]
fn a_wrong_password_and_a_stranger_are_told_the_same() {
    for tls in [false, true] {
        let wrong = Scene {
            password: b"pencils",
            ..Scene::new("robot", tls)
        }
        .play();
        let nobody = Scene::new("nobody", tls).play();
        assert!(wrong.both_out() && nobody.both_out());
        let told = |user: &str| {
            Some((
                "28P01".into(),
                format!("password authentication failed for user \"{user}\""),
            ))
        };
        assert_eq!(wrong.rejection, told("robot"));
        assert_eq!(nobody.rejection, told("nobody"));
        // Message by message the same shape.
        let shape = |scenes: &Scenes| {
            let skip = if tls { 1 } else { 0 };
            frames(&scenes.answered[skip..])
                .iter()
                .map(|(tag, _)| *tag)
                .collect::<Vec<_>>()
        };
        assert_eq!(shape(&wrong), shape(&nobody));
        // And asking again shows a stranger the same salt.
        assert_eq!(nobody.answered, Scene::new("nobody", tls).play().answered);
        let ClientStep::Failed(fault) = &nobody.server else {
            panic!()
        };
        assert!(
            !format!("{fault:?}").contains("nobody"),
            "a fault can be logged"
        );
    }
}

#[test]
fn a_man_in_the_middle_shows_another_certificate() {
    let other = Scene {
        seen_end_point: Some(vec![0xCD; 32]),
        ..Scene::new("robot", true)
    }
    .play();
    assert!(other.both_out());
    assert_eq!(
        other.rejection,
        Some((
            "28000".to_owned(),
            "SCRAM channel binding check failed".to_owned()
        ))
    );
}

#[test]
fn a_certificate_is_wanted_besides_the_password() {
    let missing = Scene::new("both", true).play();
    assert_eq!(missing.rejection.unwrap().0, "28000");
    assert!(!missing.answered.ends_with(&authentication(0, b"")));
    let other = Scene {
        names: &["robot"],
        ..Scene::new("both", true)
    }
    .play();
    assert_eq!(other.rejection.unwrap().0, "28000");
    // Who does not know the password learns nothing of the certificate.
    let wrong = Scene {
        password: b"x",
        ..Scene::new("both", true)
    }
    .play();
    assert_eq!(wrong.rejection.unwrap().0, "28P01");
}

#[test]
fn cached_keys_are_used_exactly_if_they_fit() {
    let keys = |scene: &Scene| match scene.play().client {
        UpstreamStep::Authenticated { scram_keys, .. } => scram_keys,
        _ => None,
    };
    let first = keys(&Scene::new("robot", false)).unwrap();
    assert!(first.fit(PASSWORD, SALT, ITERATIONS));
    assert!(!first.fit(b"other", SALT, ITERATIONS));
    assert!(!first.fit(PASSWORD, b"other", ITERATIONS));
    assert!(!first.fit(PASSWORD, SALT, ITERATIONS + 1));
    assert!(
        keys(&Scene {
            cache: Some(first),
            ..Scene::new("robot", false)
        })
        .is_some()
    );
    // Stale ones are replaced.
    let stale = ScramKeys::derive(b"old", SALT, ITERATIONS);
    let fresh = keys(&Scene {
        cache: Some(stale),
        ..Scene::new("robot", true)
    })
    .unwrap();
    assert!(fresh.fit(PASSWORD, SALT, ITERATIONS));
}

#[test]
fn passwords_are_prepared_as_postgresql_does() {
    // RFC 4013: a soft hyphen is mapped to nothing, a no-break space to a space; what is not
    // UTF-8, or is prohibited, is taken as it stands.
    let same = |left: &[u8], right: &[u8]| {
        let verifier = ScramVerifier::build(left, SALT, 1).to_text();
        *verifier == *ScramVerifier::build(right, SALT, 1).to_text()
    };
    assert!(same("I\u{AD}X".as_bytes(), b"IX"));
    assert!(same("a\u{A0}b".as_bytes(), b"a b"));
    assert!(same("\u{2168}".as_bytes(), b"IX"));
    assert!(!same(b"\xFF", b""));
    assert!(!same(b"a\x07", b"a"));
}

#[test]
fn the_proven_identity_is_the_accounts() {
    let scene = Scene::new("robot", false).play();
    // The transcript replayed at once: pipelining does not change the outcome.
    let mut rig = Rig::new(TlsOffer::Optional);
    let ClientStep::Authenticated(startup) = rig.feed(&scene.asked) else {
        panic!()
    };
    assert_eq!(startup.identity.name, "identity-robot");
    assert_eq!(startup.identity.method, Method::Scram);
    assert_eq!(
        (startup.user.as_str(), startup.database.as_str()),
        ("robot", "clinic")
    );
    assert_eq!(startup.minor, 2);
    assert_eq!(rig.answer(), scene.answered);
}

#[test]
fn verifiers_are_read_and_written() {
    let text = ScramVerifier::build(b"pencil", SALT, 4_096).to_text();
    assert_eq!(*ScramVerifier::parse(&text).unwrap().to_text(), *text);
    let key = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=";
    let salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
    assert!(ScramVerifier::parse(&format!("SCRAM-SHA-256$4096:{salt}${key}:{key}")).is_ok());
    for wrong in [
        String::new(),
        "md5d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        format!("SCRAM-SHA-1$4096:{salt}${key}:{key}"),
        format!("SCRAM-SHA-256$0:{salt}${key}:{key}"),
        format!("SCRAM-SHA-256$+1:{salt}${key}:{key}"),
        format!("SCRAM-SHA-256$:{salt}${key}:{key}"),
        format!("SCRAM-SHA-256$4096${key}:{key}"),
        format!("SCRAM-SHA-256$4096:${key}:{key}"),
        format!("SCRAM-SHA-256$4096:!${key}:{key}"),
        format!("SCRAM-SHA-256$4096:{salt}${key}"),
        format!("SCRAM-SHA-256$4096:{salt}$AAAA:{key}"),
        format!("SCRAM-SHA-256$4096:{salt}${key}:{key} "),
    ] {
        let error = ScramVerifier::parse(&wrong).map(|_| ()).unwrap_err();
        assert!(!error.to_string().contains(key));
    }
}
