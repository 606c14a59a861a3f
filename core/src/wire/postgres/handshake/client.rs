//! The server's side of start-up and authentication, towards the client.

use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::account::{Account, Accounts, Credential, Exchange, TokenWay};
use super::bearer::{Judged, Presented, TokenLogin, Verdict};
use super::certificate;
use super::login::{self, Denial, Login};
use super::options;
use super::scram::Key;
use super::scram_server::ScramServer;
use super::startup::{self, MAJOR, NEWEST_MINOR, Startup, Untagged};
use super::verifier::ScramVerifier;
use crate::bytes::{Outbox, Window};
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::identity::spiffe::SpiffeId;
use crate::identity::{Assertion, Identity, Method, Rejection};
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
    /// The workload that the client's certificate names: as its only URI, and of the listener's
    /// trust domain. The certificate was verified.
    pub client_spiffe_id: Option<SpiffeId>,
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
    /// The client has shown a token: verify it, then call [`ClientHandshake::verdict`] and feed
    /// again.
    Verify(Presented),
    /// Nothing goes on before [`ClientHandshake::verdict`].
    AwaitVerdict,
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
    tokens_in_clear: bool,
    /// Why it failed, where that is more than the client is told.
    rejection: Option<Rejection>,
    state: State,
}

enum State {
    /// A message without a tag is awaited.
    Startup,
    /// The pump does the TLS handshake.
    AwaitTls,
    /// SASL messages are awaited.
    Sasl(Box<Login>),
    /// A token, or the verdict on it, is awaited.
    Token(Box<TokenLogin>),
    /// The verdict is there.
    Judged(Box<TokenLogin>, Verdict),
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
            tokens_in_clear: false,
            rejection: None,
            state: State::Startup,
        }
    }

    /// Tokens may come without TLS. Only for listeners on loopback: whoever reads one can use it.
    pub fn allow_tokens_in_clear(&mut self) {
        self.tokens_in_clear = true;
    }

    /// What was found of the token of [`ClientStep::Verify`].
    pub fn verdict(&mut self, verdict: Result<Arc<Assertion>, Rejection>) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Token(login) if login.awaits_verdict() => {
                self.state = State::Judged(login, verdict);
            }
            state => self.state = state,
        }
    }

    /// Why the handshake failed, where that is more than the client was told.
    pub fn rejection(&self) -> Option<Rejection> {
        self.rejection
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

    /// Takes what arrived. The window needs room for [`limits::TOKEN_MESSAGE_BYTES`].
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
                State::Token(login) if login.awaits_verdict() => return ClientStep::AwaitVerdict,
                State::Token(_) => self.token_step(window, out),
                State::Judged(..) => self.judged_step(out),
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
                    self.rejection = denial.reason;
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
            return Err(no_encryption().into());
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
            identity: Identity::new("", Method::Trust),
            user: startup.user,
            database: startup.database,
            parameters: startup.parameters,
            settings,
            minor,
        };
        self.authenticate(accounts, client, out)
    }

    fn authenticate(
        &mut self,
        accounts: &dyn Accounts,
        mut client: ClientStartup,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        let account = accounts.account(&client.user);
        // Made for everyone, so that a stranger costs no more time than an account.
        let mock = ScramVerifier::mock(&client.user, &self.mock_secret);
        let stranger = accounts.stranger(&client.user);
        let is_by_key = account.is_some_and(|it| matches!(it.credential, Credential::Keys));
        let keys = account
            .filter(|_| is_by_key)
            .map(|it| accounts.keys(it))
            .unwrap_or_default();
        let (verifier, certificate) = match account.map(|account| &account.credential) {
            Some(Credential::Token(way)) => return self.ask_token(way, account, client, out),
            Some(Credential::Spiffe { id }) => {
                certificate::is_workload(self.tls.as_ref(), id, &client.user)?;
                client.identity.method = Method::Spiffe;
                (None, None)
            }
            Some(Credential::Trust) => (None, None),
            Some(Credential::Certificate { name }) => (None, Some(name)),
            Some(Credential::Scram(verifier)) => (Some(verifier.clone()), None),
            // Who has no key yet is asked as a stranger is.
            Some(Credential::Keys) => {
                let first = keys.first().map(|key| key.verifier.clone());
                (Some(first.unwrap_or(mock)), None)
            }
            Some(Credential::ScramAndCertificate { verifier, name }) => {
                (Some(verifier.clone()), Some(name))
            }
            None => match &stranger {
                Exchange::Scram => (Some(mock), None),
                Exchange::Token(way) => return self.ask_token(way, None, client, out),
            },
        };
        if let Some(account) = account {
            client.identity.name.clone_from(&account.name);
        }
        let Some(verifier) = verifier else {
            if let Some(name) = certificate {
                certificate::has_name(self.tls.as_ref(), name, &client.user)?;
                client.identity.method = Method::Certificate;
            }
            return Ok(Some(self.accept(client, out)));
        };
        client.identity.method = if is_by_key {
            Method::Key
        } else {
            Method::Scram
        };
        let end_point = self
            .tls
            .as_ref()
            .and_then(|tls| tls.server_end_point.clone());
        let is_doomed = account.is_none() || (is_by_key && keys.is_empty());
        let scram = ScramServer::new(verifier, is_doomed, &self.nonce, end_point)
            .or(keys.iter().skip(1).map(|key| key.verifier.clone()));
        login::write_mechanisms(out.writer(), scram.offers_plus());
        self.state = State::Sasl(Box::new(Login {
            scram,
            chosen: None,
            certificate: certificate.cloned(),
            keys: keys.into_iter().map(|key| key.id).collect(),
            startup: client,
        }));
        Ok(None)
    }

    /// A token is a credential as it stands: it goes over TLS only.
    fn ask_token(
        &mut self,
        way: &TokenWay,
        account: Option<&Account>,
        mut client: ClientStartup,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        if self.tls.is_none() && !self.tokens_in_clear {
            return Err(no_encryption().into());
        }
        if let Some(account) = account {
            client.identity.name.clone_from(&account.name);
        }
        let login = TokenLogin::new(way.clone(), account, client, out.writer());
        self.state = State::Token(Box::new(login));
        Ok(None)
    }

    // -- authentication ------------------------------------------------------------------------

    /// Waits for a whole message of the client; gives its bytes.
    fn answer(
        &mut self,
        window: &Window,
        most: usize,
        expected: &'static str,
    ) -> Result<Result<usize, ClientStep>, Denial> {
        let Some(header) = frame::header(window.unjudged(), Peer::Client)? else {
            return Ok(Err(ClientStep::NeedBytes));
        };
        match header.tag {
            client::PASSWORD => {}
            // psql asks for a password only after it has seen that one is needed.
            client::TERMINATE => {
                self.state = State::Over;
                return Ok(Err(ClientStep::Closed));
            }
            _ => return Err(violation(expected)),
        }
        if header.frame_bytes > most {
            return Err(violation("invalid message length"));
        }
        match window.unjudged().len() >= header.frame_bytes {
            true => Ok(Ok(header.frame_bytes)),
            false => Ok(Err(ClientStep::NeedBytes)),
        }
    }

    fn token_step(
        &mut self,
        window: &mut Window,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        let State::Token(mut login) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(Some(ClientStep::Closed));
        };
        let bytes = match self.answer(window, login.message_bytes(), login.expected())? {
            Ok(bytes) => bytes,
            Err(step) => {
                if matches!(step, ClientStep::NeedBytes) {
                    self.state = State::Token(login);
                }
                return Ok(Some(step));
            }
        };
        let body = window.unjudged().get(frame::HEADER_BYTES..bytes);
        let taken = login.take(body.unwrap_or_default(), out.writer());
        // The buffer serves others after this.
        if let Some(message) = window.unjudged_mut().get_mut(..bytes) {
            message.zeroize();
        }
        window.skip(bytes);
        let presented = taken?;
        self.state = State::Token(login);
        Ok(presented.map(ClientStep::Verify))
    }

    fn judged_step(&mut self, out: &mut Outbox) -> Result<Option<ClientStep>, Denial> {
        let State::Judged(mut login, verdict) = std::mem::replace(&mut self.state, State::Over)
        else {
            return Ok(Some(ClientStep::Closed));
        };
        match login.judge(verdict, out.writer())? {
            Judged::In(startup) => Ok(Some(self.accept(startup, out))),
            Judged::Out => {
                self.state = State::Token(login);
                Ok(None)
            }
        }
    }

    fn sasl_step(
        &mut self,
        window: &mut Window,
        out: &mut Outbox,
    ) -> Result<Option<ClientStep>, Denial> {
        let expected = "expected SASL response";
        let bytes = match self.answer(window, limits::AUTH_MESSAGE_BYTES, expected)? {
            Ok(bytes) => bytes,
            Err(step) => return Ok(Some(step)),
        };
        let State::Sasl(mut login) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(Some(ClientStep::Closed));
        };
        let body = window.unjudged().get(frame::HEADER_BYTES..bytes);
        let proven = login.answer(body.unwrap_or_default(), out.writer())?;
        window.skip(bytes);
        if !proven {
            self.state = State::Sasl(login);
            return Ok(None);
        }
        if let Some(name) = &login.certificate {
            certificate::has_name(self.tls.as_ref(), name, &login.startup.user)?;
        }
        Ok(Some(self.accept(login.startup, out)))
    }

    fn accept(&mut self, client: ClientStartup, out: &mut Outbox) -> ClientStep {
        login::write_authentication(out.writer(), login::OK, &[]);
        self.state = State::Over;
        ClientStep::Authenticated(Box::new(client))
    }
}

fn no_encryption() -> Refusal {
    let text = "connection requires TLS: no encryption";
    Refusal::new(SqlState::INVALID_AUTHORIZATION, text)
        .with_hint("Connect with sslmode=verify-full, or at least sslmode=require.")
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
