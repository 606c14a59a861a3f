//! The server's side of start-up and authentication, towards the client.

use zeroize::Zeroizing;

use super::account::{Account, Accounts, Credential};
use super::login::{self, Denial, Login};
use super::options;
use super::scram::Key;
use super::scram_server::ScramServer;
use super::startup::{self, MAJOR, NEWEST_MINOR, Startup, Untagged};
use super::verifier::ScramVerifier;
use crate::bytes::{Outbox, Window};
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::identity::{Identity, Method};
use crate::limits;
use crate::wire::postgres::frame;
use crate::wire::postgres::message::{self, client, server};

/// First byte of a TLS record that holds a ClientHello.
const TLS_HANDSHAKE_RECORD: u8 = 0x16;

/// Is TLS to be had from this listener?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsOffer {
    /// No: SSLRequest is answered 'N'.
    Off,
    /// If the client asks.
    Optional,
    /// Who does not ask is refused.
    Required,
}

/// What the TLS handshake with the client found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// Hash of *our* certificate, RFC 5929 section 4.1. `None` if its signature algorithm has
    /// no hash; channel binding is not offered then.
    pub server_end_point: Option<Vec<u8>>,
    /// ALPN chose `postgresql`.
    pub alpn_postgresql: bool,
    /// Common name and subject alternative names of the client's certificate; empty if it
    /// showed none. The certificate was verified.
    pub client_certificate_names: Vec<String>,
}

/// A client that has proven who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientStartup {
    /// The account's name, and how it was proven.
    pub identity: Identity,
    /// The user name that the client gave.
    pub user: String,
    /// The database it asks for; the user name if it named none.
    pub database: String,
    /// To be forwarded: every other parameter as the client wrote it, `options` included, each
    /// name once. Neither `replication` nor `_pq_.` options are among them.
    pub parameters: Vec<(String, String)>,
    /// The same as single settings, `options` taken apart, in the order in which PostgreSQL
    /// applies them (a later one wins). Names in lower case.
    pub settings: Vec<(String, String)>,
    /// Protocol 3.`minor` was agreed: 0 or 2.
    pub minor: u16,
}

/// What the pump has to do next. Whatever the step, send what is in the outbox.
pub enum ClientStep {
    /// Receive more.
    NeedBytes,
    /// Send the outbox, then do the TLS handshake, call [`ClientHandshake::tls_established`]
    /// and feed again with a fresh window. If the window holds bytes, the client opened with
    /// TLS directly and they *are* its first TLS record; if ALPN is then not `postgresql`, the
    /// next feed refuses.
    StartTls,
    /// The client wants a statement cancelled that another connection runs. Close afterwards,
    /// without an answer.
    Cancel {
        /// The process id that was handed out.
        pid: u32,
        /// The key that was handed out: 4 to 256 bytes, or fewer if the client made it up.
        key: Vec<u8>,
    },
    /// AuthenticationOk is in the outbox. Bytes left in the window belong to the session.
    Authenticated(Box<ClientStartup>),
    /// The error is in the outbox, unless the peer sent no start-up message at all: send it, then
    /// close.
    Failed(Fault),
    /// The client took its leave, or the handshake is over. Close.
    Closed,
}

/// See [`super`]. Feed it until it says something else than [`ClientStep::NeedBytes`].
pub struct ClientHandshake {
    offer: TlsOffer,
    nonce: [u8; 18],
    mock_secret: Zeroizing<Key>,
    tls: Option<TlsFacts>,
    /// TLS was opened without SSLRequest.
    direct: bool,
    /// A byte was taken: TLS cannot be opened directly any more.
    begun: bool,
    tls_asked: bool,
    gss_asked: bool,
    tried_user: String,
    state: State,
}

enum State {
    /// A message without a tag is awaited.
    Startup,
    /// The pump does the TLS handshake.
    AwaitTls,
    /// SASL messages are awaited.
    Sasl(Box<Login>),
    /// Authenticated, cancelled, closed.
    Over,
    Failed(Fault),
}

/// Tells a client that has been let in, or not yet, why it is turned away after all: FATAL.
/// For what happens outside of the machine: the deadline, the limit of connections, a database
/// that cannot be reached.
pub fn refuse(out: &mut Outbox, refusal: &Refusal) {
    message::write_fatal(out.writer(), refusal);
}

impl ClientHandshake {
    /// `nonce` is fresh random bytes; `mock_secret` is random once per process, and makes what
    /// strangers see constant.
    pub fn new(offer: TlsOffer, nonce: [u8; 18], mock_secret: [u8; 32]) -> Self {
        Self {
            offer,
            nonce,
            mock_secret: Zeroizing::new(mock_secret),
            tls: None,
            direct: false,
            begun: false,
            tls_asked: false,
            gss_asked: false,
            tried_user: String::new(),
            state: State::Startup,
        }
    }

    /// The user name that the client gave, which proves nothing; empty if it gave none yet.
    pub fn tried_user(&self) -> &str {
        &self.tried_user
    }

    /// The connection is encrypted now.
    pub fn tls_established(&mut self, facts: TlsFacts) {
        if matches!(self.state, State::AwaitTls) {
            self.tls = Some(facts);
            self.state = State::Startup;
        }
    }

    /// Takes what arrived. The window needs room for [`limits::AUTH_MESSAGE_BYTES`].
    pub fn feed(
        &mut self,
        accounts: &dyn Accounts,
        window: &mut Window,
        out: &mut Outbox,
    ) -> ClientStep {
        loop {
            let step = match &self.state {
                State::Startup => self.startup_step(accounts, window, out),
                State::AwaitTls => return ClientStep::StartTls,
                State::Sasl(_) => self.sasl_step(window, out),
                State::Over => return ClientStep::Closed,
                State::Failed(fault) => return ClientStep::Failed(fault.clone()),
            };
            match step {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(denial) => {
                    if let Some(refusal) = denial.told() {
                        message::write_fatal(out.writer(), &refusal);
                    }
                    self.state = State::Failed(denial.fault);
                }
            }
        }
    }

    // -- before authentication -----------------------------------------------------------------

    fn startup_step(
        &mut self,
        accounts: &dyn Accounts,
        window: &mut Window,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        if self.direct && !self.tls.as_ref().is_some_and(|tls| tls.alpn_postgresql) {
            return Err(violation(
                "received direct SSL connection request \
                 without ALPN protocol negotiation extension",
            ));
        }
        if !self.begun && window.unjudged().first() == Some(&TLS_HANDSHAKE_RECORD) {
            return Ok(Some(self.direct_tls()));
        }
        let bytes = startup::message_bytes(window.unjudged()).map_err(Denial::untold)?;
        let Some(bytes) = bytes else {
            return Ok(Some(ClientStep::NeedBytes));
        };
        self.begun = true;
        let message = window.unjudged().get(..bytes).unwrap_or_default();
        match startup::decode(message)? {
            Untagged::Cancel { pid, key } => {
                let step = ClientStep::Cancel {
                    pid,
                    key: key.to_vec(),
                };
                self.state = State::Over;
                Ok(Some(step))
            }
            Untagged::Tls if !self.tls_asked => {
                window.skip(bytes);
                self.answer_tls(window, out)
            }
            Untagged::Gss if !self.gss_asked => {
                window.skip(bytes);
                self.gss_asked = true;
                refuse_encryption(window, out, "GSSAPI encryption request")
            }
            Untagged::Tls => Err(unsupported_version(startup::TLS_CODE)),
            Untagged::Gss => Err(unsupported_version(startup::GSS_CODE)),
            Untagged::Version { major, minor, .. } if major != MAJOR => {
                Err(unsupported_version(startup::join_version(major, minor)))
            }
            Untagged::Version { minor, body, .. } => {
                let startup = startup::decode_startup(body)?;
                window.skip(bytes);
                self.greet(accounts, startup, minor, out)
            }
        }
    }

    /// The client's first byte is TLS already (`sslnegotiation=direct`).
    fn direct_tls(&mut self) -> ClientStep {
        self.begun = true;
        if self.offer == TlsOffer::Off {
            // As PostgreSQL: no answer in the clear to a peer that speaks TLS.
            let what = "direct SSL connection request, but TLS is not offered here";
            let fault = Fault::from(Violation {
                peer: Peer::Client,
                what,
            });
            self.state = State::Failed(fault.clone());
            return ClientStep::Failed(fault);
        }
        self.direct = true;
        self.state = State::AwaitTls;
        ClientStep::StartTls
    }

    /// SSLRequest. Whatever was sent before the upgrade is not authentic (CVE-2021-23214).
    fn answer_tls(
        &mut self,
        window: &Window,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        self.tls_asked = true;
        if self.tls.is_some() || self.offer == TlsOffer::Off {
            return refuse_encryption(window, out, "SSL request");
        }
        if !window.unjudged().is_empty() {
            return Err(violation("received unencrypted data after SSL request"));
        }
        out.writer().push(b'S');
        // Inside TLS nothing more is to be negotiated.
        self.gss_asked = true;
        self.state = State::AwaitTls;
        Ok(Some(ClientStep::StartTls))
    }

    /// StartupMessage 3.x: agrees on a version, judges the parameters, begins authentication.
    fn greet(
        &mut self,
        accounts: &dyn Accounts,
        startup: Startup,
        asked_minor: u16,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        self.tried_user.clone_from(&startup.user);
        if self.offer == TlsOffer::Required && self.tls.is_none() {
            return Err(Refusal::new(
                SqlState::INVALID_AUTHORIZATION,
                "connection requires TLS: no encryption",
            )
            .with_hint("Connect with sslmode=verify-full, or at least sslmode=require.")
            .into());
        }
        // 3.1 was never used: some poolers claim it by mistake.
        let minor = if asked_minor >= NEWEST_MINOR {
            NEWEST_MINOR
        } else {
            0
        };
        if minor != asked_minor || !startup.protocol_options.is_empty() {
            write_negotiation(out.writer(), minor, &startup.protocol_options);
        }
        let settings = options::settings(&startup.parameters)?;
        let client = ClientStartup {
            identity: Identity {
                name: String::new(),
                method: Method::Trust,
            },
            user: startup.user,
            database: startup.database,
            parameters: startup.parameters,
            settings,
            minor,
        };
        let account = accounts.account(&client.user);
        self.authenticate(account, client, out)
    }

    fn authenticate(
        &mut self,
        account: Option<&Account>,
        mut client: ClientStartup,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        // Made for everyone, so that a stranger costs no more time than an account.
        let mock = ScramVerifier::mock(&client.user, &self.mock_secret);
        let (verifier, certificate) = match account.map(|account| &account.credential) {
            Some(Credential::Trust) => (None, None),
            Some(Credential::Certificate { name }) => (None, Some(name)),
            Some(Credential::Scram(verifier)) => (Some(verifier.clone()), None),
            Some(Credential::ScramAndCertificate { verifier, name }) => {
                (Some(verifier.clone()), Some(name))
            }
            None => (Some(mock), None),
        };
        if let Some(account) = account {
            client.identity.name.clone_from(&account.name);
        }
        let Some(verifier) = verifier else {
            if let Some(name) = certificate {
                self.check_certificate(name, &client.user)?;
                client.identity.method = Method::Certificate;
            }
            return Ok(Some(self.accept(client, out)));
        };
        client.identity.method = Method::Scram;
        let end_point = self
            .tls
            .as_ref()
            .and_then(|tls| tls.server_end_point.clone());
        let scram = ScramServer::new(verifier, account.is_none(), &self.nonce, end_point);
        login::write_mechanisms(out.writer(), scram.offers_plus());
        let certificate = certificate.cloned();
        self.state = State::Sasl(Box::new(Login {
            scram,
            chosen: None,
            certificate,
            startup: client,
        }));
        Ok(None)
    }

    fn check_certificate(&self, name: &str, user: &str) -> Result<(), Denial> {
        let names = self
            .tls
            .as_ref()
            .map(|tls| tls.client_certificate_names.as_slice());
        match names.unwrap_or_default() {
            [] => Err(Refusal::new(
                SqlState::INVALID_AUTHORIZATION,
                "connection requires a valid client certificate",
            )
            .with_hint("Connect over TLS with sslcert and sslkey.")
            .into()),
            names if names.iter().any(|found| found == name) => Ok(()),
            _ => Err(Denial::of_user(
                SqlState::INVALID_AUTHORIZATION,
                "certificate authentication failed",
                user,
            )),
        }
    }

    // -- authentication ------------------------------------------------------------------------

    fn sasl_step(
        &mut self,
        window: &mut Window,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        let Some(header) = frame::header(window.unjudged(), Peer::Client)? else {
            return Ok(Some(ClientStep::NeedBytes));
        };
        match header.tag {
            client::PASSWORD => {}
            // psql asks for a password only after it has seen that one is needed.
            client::TERMINATE => {
                self.state = State::Over;
                return Ok(Some(ClientStep::Closed));
            }
            _ => return Err(violation("expected SASL response")),
        }
        if header.frame_bytes > limits::AUTH_MESSAGE_BYTES {
            return Err(violation("invalid message length"));
        }
        let Some(body) = window
            .unjudged()
            .get(frame::HEADER_BYTES..header.frame_bytes)
        else {
            return Ok(Some(ClientStep::NeedBytes));
        };
        let State::Sasl(mut login) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(Some(ClientStep::Closed));
        };
        let proven = login.answer(body, out.writer())?;
        window.skip(header.frame_bytes);
        if !proven {
            self.state = State::Sasl(login);
            return Ok(None);
        }
        if let Some(name) = &login.certificate {
            self.check_certificate(name, &login.startup.user)?;
        }
        Ok(Some(self.accept(login.startup, out)))
    }

    fn accept(&mut self, client: ClientStartup, out: &mut Outbox) -> ClientStep {
        login::write_authentication(out.writer(), login::OK, &[]);
        self.state = State::Over;
        ClientStep::Authenticated(Box::new(client))
    }
}

/// 'N', after which the client goes on in the clear. As PostgreSQL, it must have waited.
fn refuse_encryption(
    window: &Window,
    out: &mut Outbox,
    request: &'static str,
) -> Result<Option<ClientStep>, Denial> {
    if !window.unjudged().is_empty() {
        return Err(violation(match request {
            "SSL request" => "received unencrypted data after SSL request",
            _ => "received unencrypted data after GSSAPI encryption request",
        }));
    }
    out.writer().push(b'N');
    Ok(None)
}

/// NegotiateProtocolVersion. PostgreSQL writes, and libpq reads, the whole version.
fn write_negotiation(out: &mut Vec<u8>, minor: u16, options: &[String]) {
    frame::write(out, server::NEGOTIATE_PROTOCOL_VERSION, |out| {
        out.extend_from_slice(&startup::join_version(MAJOR, minor).to_be_bytes());
        let count = u32::try_from(options.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for option in options {
            out.extend_from_slice(option.as_bytes());
            out.push(0);
        }
    });
}

fn unsupported_version(version: u32) -> Denial {
    let (major, minor) = startup::split_version(version);
    Refusal::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!(
            "unsupported frontend protocol {major}.{minor}: server supports {MAJOR}.0 to \
             {MAJOR}.{NEWEST_MINOR}"
        ),
    )
    .into()
}

fn violation(what: &'static str) -> Denial {
    Violation {
        peer: Peer::Client,
        what,
    }
    .into()
}
