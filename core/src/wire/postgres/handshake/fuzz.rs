//! Feeds arbitrary bytes to every machine of this folder. The body of a fuzz target.

use super::*;
use crate::bytes::{Outbox, Window};
use crate::identity::Rejection;

/// No input may make a machine panic, let a client in that has proven nothing, or accept a
/// database's SCRAM exchange without its signature.
///
/// The first byte chooses how the peers are configured and how the rest is split.
///
/// # Panics
/// If a property does not hold.
pub fn fuzz_handshakes(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let chunk = usize::from(first >> 4) + 1;
    client(first, rest, chunk);
    upstream(first, rest, chunk);
    cancel(first, rest, chunk);
}

struct OneAccount(Account);

impl Accounts for OneAccount {
    fn account(&self, user: &str) -> Option<&Account> {
        (user == "u").then_some(&self.0)
    }

    /// `u` has a password, and who begins with `t` is asked for a token.
    fn stranger(&self, user: &str) -> Exchange {
        match user.starts_with('t') {
            true => Exchange::Token(TokenWay::Password),
            false => Exchange::Scram,
        }
    }
}

fn client(first: u8, data: &[u8], chunk: usize) {
    let offer = match first & 3 {
        0 => TlsOffer::Off,
        1 => TlsOffer::Required,
        _ => TlsOffer::Optional,
    };
    let credential = Credential::Scram(ScramVerifier::build(b"secret", b"salt", 1));
    let accounts = OneAccount(Account {
        name: "robot".to_owned(),
        credential,
    });
    let mut handshake = ClientHandshake::new(offer, [7; 18], [9; 32]);
    let (mut window, mut out) = (Window::default(), Outbox::new());
    for part in data.chunks(chunk) {
        window.extend(part);
        loop {
            match handshake.feed(&accounts, &mut window, &mut out) {
                ClientStep::NeedBytes => break,
                ClientStep::StartTls => {
                    window = Window::default();
                    handshake.tls_established(TlsFacts {
                        server_end_point: (first & 4 != 0).then(|| vec![1; 32]),
                        alpn_postgresql: first & 8 != 0,
                        ..TlsFacts::default()
                    });
                }
                ClientStep::Verify(presented) => {
                    assert!(presented.token.len() <= crate::limits::TOKEN_MESSAGE_BYTES);
                    handshake.verdict(Err(Rejection::SignatureWrong));
                }
                ClientStep::AwaitVerdict => panic!("the verdict was given"),
                ClientStep::Authenticated(_) => panic!("authenticated without a password"),
                ClientStep::Cancel { .. } | ClientStep::Failed(_) | ClientStep::Closed => {
                    return assert_eq!(window.released_bytes(), 0);
                }
            }
        }
    }
}

fn upstream(first: u8, data: &[u8], chunk: usize) {
    let config = UpstreamConfig {
        tls: if first & 1 == 0 {
            UpstreamTls::Disable
        } else {
            UpstreamTls::Require
        },
        user: "u".to_owned(),
        database: "d".to_owned(),
        parameters: vec![("application_name".to_owned(), "fuzz".to_owned())],
        password: (first & 2 != 0).then(|| Zeroizing::new(b"secret".to_vec())),
        minor: if first & 4 == 0 { 0 } else { 2 },
    };
    let mut handshake = UpstreamHandshake::new(config, [7; 18], None);
    let (mut window, mut out) = (Window::default(), Outbox::new());
    handshake.start(&mut out);
    for part in data.chunks(chunk) {
        window.extend(part);
        loop {
            match handshake.feed(&mut window, &mut out) {
                UpstreamStep::NeedBytes => break,
                UpstreamStep::StartTls => {
                    assert!(window.unjudged().is_empty());
                    handshake.tls_established((first & 8 != 0).then(|| vec![1; 32]));
                }
                UpstreamStep::Authenticated { scram_keys, .. } => {
                    assert!(scram_keys.is_none(), "a server signature was guessed");
                    return assert_eq!(window.released_bytes(), 0);
                }
                UpstreamStep::Rejected => {
                    handshake.rejection(&window);
                    return assert_eq!(window.released_bytes(), 0);
                }
                UpstreamStep::Failed(_) => return assert_eq!(window.released_bytes(), 0),
            }
        }
    }
}

fn cancel(first: u8, data: &[u8], chunk: usize) {
    let tls = if first & 1 == 0 {
        UpstreamTls::Disable
    } else {
        UpstreamTls::Require
    };
    let mut handshake = CancelHandshake::new(tls, 1, vec![1, 2, 3, 4]);
    let (mut window, mut out) = (Window::default(), Outbox::new());
    handshake.start(&mut out);
    for part in data.chunks(chunk) {
        window.extend(part);
        loop {
            match handshake.feed(&mut window, &mut out) {
                CancelStep::NeedBytes => break,
                CancelStep::StartTls => handshake.tls_established(),
                CancelStep::Done | CancelStep::Failed(_) => return,
            }
        }
    }
}
