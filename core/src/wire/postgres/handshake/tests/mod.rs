//! Tests of the machines: alone, against each other, and against another implementation.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

mod client;
mod duet;
mod interop;
mod properties;
mod tokens;
mod upstream;

use super::*;
use crate::bytes::{Outbox, Window};
use crate::error::Fault;
use crate::identity::spiffe::SpiffeId;
use crate::wire::postgres::frame;

pub(super) const PASSWORD: &[u8] = b"pencil";
pub(super) const SALT: &[u8] = b"0123456789abcdef";
pub(super) const ITERATIONS: u32 = 16;
pub(super) const END_POINT: [u8; 32] = [0xAB; 32];

/// The accounts of every test: robot (password), badge (certificate), both, token and bearer (a
/// token), open (nothing). `asked-stranger` is nobody.
pub(super) struct Directory(Vec<(&'static str, Account)>);

impl Directory {
    pub(super) fn new() -> Self {
        let verifier = ScramVerifier::build(PASSWORD, SALT, ITERATIONS);
        let name = "badge.example".to_owned();
        let account = |user: &'static str, credential| {
            (
                user,
                Account {
                    name: format!("identity-{user}"),
                    credential,
                },
            )
        };
        Self(vec![
            account("robot", Credential::Scram(verifier.clone())),
            account("badge", Credential::Certificate { name: name.clone() }),
            account("both", Credential::ScramAndCertificate { verifier, name }),
            account("workload", Credential::Spiffe { id: workload() }),
            account("token", Credential::Token(TokenWay::Password)),
            account("bearer", Credential::Token(TokenWay::Bearer(discovery()))),
            account("open", Credential::Trust),
        ])
    }
}

impl Accounts for Directory {
    fn account(&self, user: &str) -> Option<&Account> {
        self.0
            .iter()
            .find(|(name, _)| *name == user)
            .map(|(_, account)| account)
    }

    fn stranger(&self, user: &str) -> Exchange {
        match user {
            "asked-stranger" => Exchange::Token(TokenWay::Password),
            _ => Exchange::Scram,
        }
    }
}

pub(super) fn workload() -> SpiffeId {
    SpiffeId::read("spiffe://prod.example/loader").unwrap()
}

fn discovery() -> Discovery {
    let configuration = "https://issuer.example/.well-known/openid-configuration";
    Discovery::new(configuration, "openid").unwrap()
}

pub(super) fn facts(alpn: bool, names: &[&str]) -> TlsFacts {
    TlsFacts {
        server_end_point: Some(END_POINT.to_vec()),
        alpn_postgresql: alpn,
        client_certificate_names: names.iter().map(|&name| name.to_owned()).collect(),
        client_spiffe_id: names.first().and_then(|name| SpiffeId::read(name).ok()),
    }
}

/// A client's side of the machine under test.
pub(super) struct Rig {
    pub(super) handshake: ClientHandshake,
    pub(super) accounts: Directory,
    pub(super) window: Window,
    pub(super) out: Outbox,
}

impl Rig {
    pub(super) fn new(offer: TlsOffer) -> Self {
        Self {
            handshake: ClientHandshake::new(offer, [3; 18], [9; 32]),
            accounts: Directory::new(),
            window: Window::default(),
            out: Outbox::new(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> ClientStep {
        self.window.extend(bytes);
        self.handshake
            .feed(&self.accounts, &mut self.window, &mut self.out)
    }

    /// Goes on inside TLS, as the pump would: with a fresh window.
    pub(super) fn tls(&mut self, facts: TlsFacts) {
        self.window = Window::default();
        self.handshake.tls_established(facts);
    }

    /// What was written since the last call.
    pub(super) fn answer(&mut self) -> Vec<u8> {
        drain(&mut self.out)
    }

    /// Feeds, expects a fault, and returns the SQLSTATE and the text that the client reads.
    pub(super) fn refused(&mut self, bytes: &[u8]) -> (String, String) {
        let step = self.feed(bytes);
        assert!(
            matches!(step, ClientStep::Failed(_)),
            "{}",
            client_step(&step)
        );
        assert!(self.window.released().is_empty());
        let answer = self.answer();
        let again = self.feed(b"more");
        assert!(matches!(again, ClientStep::Failed(_)), "a fault is final");
        assert!(self.out.is_empty(), "and is said once");
        error_fields(&answer)
    }
}

pub(super) fn drain(out: &mut Outbox) -> Vec<u8> {
    let bytes = out.pending().to_vec();
    out.consume(bytes.len());
    bytes
}

/// SQLSTATE and message of the last frame in `bytes`, which must be an ErrorResponse.
pub(super) fn error_fields(bytes: &[u8]) -> (String, String) {
    let (tag, body) = frames(bytes).pop().expect("an ErrorResponse");
    assert_eq!(tag, b'E');
    let field = |tag: u8| {
        let fields = body
            .split(|&byte| byte == 0)
            .find(|field| field.first() == Some(&tag));
        String::from_utf8(fields.unwrap()[1..].to_vec()).unwrap()
    };
    assert_eq!(field(b'S'), "FATAL");
    (field(b'C'), field(b'M'))
}

/// Tag and body of every frame.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push((*tag, rest[4..length].to_vec()));
        bytes = &rest[length..];
    }
    frames
}

pub(super) fn frame_of(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, tag, |out| out.extend_from_slice(body));
    out
}

/// An Authentication… message.
pub(super) fn authentication(kind: u32, rest: &[u8]) -> Vec<u8> {
    frame_of(b'R', &[&kind.to_be_bytes(), rest].concat())
}

pub(super) fn untagged(code: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    startup::write(&mut out, code, body);
    out
}

pub(super) fn tls_request() -> Vec<u8> {
    untagged(startup::TLS_CODE, &[])
}

pub(super) fn gss_request() -> Vec<u8> {
    untagged(startup::GSS_CODE, &[])
}

/// A StartupMessage 3.`minor`.
pub(super) fn startup_of(minor: u16, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in parameters {
        body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    body.push(0);
    untagged(startup::join_version(3, minor), &body)
}

pub(super) fn sasl_initial(mechanism: &str, first: &[u8]) -> Vec<u8> {
    let length = (first.len() as u32).to_be_bytes();
    frame_of(
        b'p',
        &[mechanism.as_bytes(), b"\0", &length, first].concat(),
    )
}

pub(super) fn client_step(step: &ClientStep) -> String {
    match step {
        ClientStep::NeedBytes => "NeedBytes".to_owned(),
        ClientStep::StartTls => "StartTls".to_owned(),
        ClientStep::Cancel { .. } => "Cancel".to_owned(),
        ClientStep::Authenticated(startup) => format!("Authenticated({startup:?})"),
        ClientStep::Verify(_) => "Verify".to_owned(),
        ClientStep::AwaitVerdict => "AwaitVerdict".to_owned(),
        ClientStep::Failed(fault) => format!("Failed({fault:?})"),
        ClientStep::Closed => "Closed".to_owned(),
    }
}

pub(super) fn upstream_step(step: &UpstreamStep) -> String {
    match step {
        UpstreamStep::NeedBytes => "NeedBytes".to_owned(),
        UpstreamStep::StartTls => "StartTls".to_owned(),
        UpstreamStep::Authenticated { minor, scram_keys } => {
            format!("Authenticated(3.{minor}, keys: {})", scram_keys.is_some())
        }
        UpstreamStep::Failed(fault) => format!("Failed({fault:?})"),
        UpstreamStep::Rejected => "Rejected".to_owned(),
    }
}

pub(super) fn code_of(fault: &Fault) -> String {
    fault.to_refusal().code.as_str().to_owned()
}
