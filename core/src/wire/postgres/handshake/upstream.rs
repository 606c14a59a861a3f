//! The client's side of start-up and authentication, towards the database.

use zeroize::Zeroizing;

use super::md5;
use super::scram::{self, ScramKeys};
use super::scram_client::{Channel, ScramClient};
use super::startup::{self, MAJOR, NEWEST_MINOR, TLS_CODE};
use crate::bytes::{Outbox, Reader, Window};
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::limits;
use crate::wire::postgres::frame::{self, HEADER_BYTES, Header};
use crate::wire::postgres::message::{client, server};

/// Is the connection to the database encrypted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamTls {
    /// No.
    Disable,
    /// Yes; a database that refuses is not used.
    Require,
}

/// How to log in. Holds a secret, so there is no `Debug`.
#[derive(Clone)]
pub struct UpstreamConfig {
    /// Encryption.
    pub tls: UpstreamTls,
    /// The database role.
    pub user: String,
    /// The database.
    pub database: String,
    /// The client's parameters, see [`super::ClientStartup::parameters`]. `user`, `database`,
    /// `replication` and `_pq_.` options among them are left out.
    pub parameters: Vec<(String, String)>,
    /// The role's password, if it has one.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// Protocol 3.`minor` to ask for: 0 or 2. Normally what the client agreed to.
    pub minor: u16,
}

/// What the pump has to do next. Whatever the step, send what is in the outbox.
pub enum UpstreamStep {
    /// Receive more.
    NeedBytes,
    /// Send the outbox, do the TLS handshake, call [`UpstreamHandshake::tls_established`] and
    /// feed again, with an empty window if nothing has arrived. The window is empty now.
    StartTls,
    /// The database let us in, and has proven that it knows the password if SCRAM was used.
    /// What it says next is unjudged in the window: ParameterStatus, BackendKeyData,
    /// ReadyForQuery, or an ErrorResponse, since PostgreSQL looks for the database and judges
    /// `options` only now.
    Authenticated {
        /// Protocol 3.`minor` was agreed: 0 or 2.
        minor: u16,
        /// For the next login with the same password.
        scram_keys: Option<ScramKeys>,
    },
    /// Close. The database's fault or ours; tell the client.
    Failed(Fault),
    /// A whole ErrorResponse of the database is at the head of the window, unjudged:
    /// [`UpstreamHandshake::rejection`] says what the client may know of it. Close.
    Rejected,
}

/// See [`super`]. [`UpstreamHandshake::start`] it when connected, then feed it until it says
/// something else than [`UpstreamStep::NeedBytes`].
pub struct UpstreamHandshake {
    config: UpstreamConfig,
    nonce: [u8; 18],
    /// A cache before the exchange, the exchange's own keys after it.
    scram_keys: Option<ScramKeys>,
    /// Hash of the server's certificate.
    end_point: Option<Vec<u8>>,
    encrypted: bool,
    minor: u16,
    state: State,
}

enum State {
    /// Not started.
    Idle,
    /// 'S' or 'N' is awaited.
    AwaitTlsAnswer,
    /// The pump does the TLS handshake.
    AwaitTls,
    /// StartupMessage is to be written.
    Ready,
    /// NegotiateProtocolVersion may come, once, then an Authentication message.
    AwaitRequest {
        negotiated: bool,
    },
    /// AuthenticationSASLContinue is awaited.
    SaslContinue(Box<ScramClient>),
    /// AuthenticationSASLFinal is awaited.
    SaslFinal(Box<ScramClient>),
    /// Our proof was given and the server's checked: only AuthenticationOk may follow.
    AwaitOk,
    Authenticated,
    Rejected,
    Failed(Fault),
}

/// Kinds of Authentication messages.
mod kind {
    pub(super) const OK: u32 = 0;
    pub(super) const CLEARTEXT: u32 = 3;
    pub(super) const MD5: u32 = 5;
    pub(super) const SASL: u32 = 10;
    pub(super) const SASL_CONTINUE: u32 = 11;
    pub(super) const SASL_FINAL: u32 = 12;
}

impl UpstreamHandshake {
    /// Writes nothing yet. `nonce` is fresh random bytes; `cache` is what an earlier login to
    /// the same database gave.
    pub fn new(config: UpstreamConfig, nonce: [u8; 18], cache: Option<ScramKeys>) -> Self {
        let minor = if config.minor >= NEWEST_MINOR {
            NEWEST_MINOR
        } else {
            0
        };
        Self {
            config,
            nonce,
            scram_keys: cache,
            end_point: None,
            encrypted: false,
            minor,
            state: State::Idle,
        }
    }

    /// Writes the first message. Call it once, when connected. A login that cannot be written
    /// is reported by the first feed.
    pub fn start(&mut self, out: &mut Outbox) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        match self.config.tls {
            UpstreamTls::Require => {
                startup::write(out.writer(), TLS_CODE, &[]);
                self.state = State::AwaitTlsAnswer;
            }
            UpstreamTls::Disable => {
                self.state = State::Ready;
                if let Err(fault) = self.write_startup(out) {
                    self.state = State::Failed(fault);
                }
            }
        }
    }

    /// The connection is encrypted now, and the server's certificate was verified as the
    /// configuration demands. `server_end_point` is that certificate's hash, RFC 5929 section
    /// 4.1; `None` if its signature algorithm has none.
    pub fn tls_established(&mut self, server_end_point: Option<Vec<u8>>) {
        if matches!(self.state, State::AwaitTls) {
            self.encrypted = true;
            self.end_point = server_end_point;
            self.state = State::Ready;
        }
    }

    /// Takes what arrived. The window needs room for [`limits::AUTH_MESSAGE_BYTES`].
    pub fn feed(&mut self, window: &mut Window, out: &mut Outbox) -> UpstreamStep {
        loop {
            let step = match &self.state {
                State::Idle => return UpstreamStep::NeedBytes,
                State::AwaitTls => return UpstreamStep::StartTls,
                State::Rejected => return UpstreamStep::Rejected,
                State::Failed(fault) => return UpstreamStep::Failed(fault.clone()),
                State::Authenticated => {
                    return UpstreamStep::Authenticated {
                        minor: self.minor,
                        scram_keys: self.scram_keys.clone(),
                    };
                }
                State::AwaitTlsAnswer => self.tls_answer(window),
                State::Ready => self.write_startup(out).map(|()| None),
                State::AwaitRequest { .. }
                | State::SaslContinue(_)
                | State::SaslFinal(_)
                | State::AwaitOk => self.message(window, out),
            };
            match step {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(fault) => self.state = State::Failed(fault),
            }
        }
    }

    /// After [`UpstreamStep::Rejected`]: the refusal in Velum's own words. The database's SQLSTATE
    /// is kept where it speaks about the client's wishes; what it says about the gateway's
    /// credential is the operator's business, and its texts may name hosts and roles.
    pub fn rejection(&self, window: &Window) -> Refusal {
        let code = sql_state(window.unjudged()).unwrap_or(SqlState::CONNECTION_FAILURE);
        match &code.0 {
            b"3D000" => Refusal::new(
                code,
                format!("database \"{}\" does not exist", self.config.database),
            ),
            b"53300" => Refusal::new(code, "the database has too many connections"),
            b"57P03" => Refusal::new(code, "the database does not accept connections now"),
            b"42501" => Refusal::new(code, "permission denied for this database"),
            b"42704" | b"22023" | b"42601" | b"55P02" => {
                Refusal::new(code, "the database refused a parameter of the connection")
                    .with_hint("Check \"options\" and the other connection parameters.")
            }
            b"0A000" => Refusal::new(code, "the database does not support this connection")
                .with_hint("It may not know the protocol version that the client asked for."),
            _ => Refusal::new(
                SqlState::CONNECTION_REJECTED,
                format!(
                    "the database refused the gateway's login (SQLSTATE {})",
                    code.as_str()
                ),
            )
            .with_hint("Ask the gateway's operator to check this resource's credential."),
        }
    }

    /// After [`UpstreamStep::Rejected`]: the database's own SQLSTATE, for whoever runs the gateway;
    /// `None` if it gives none.
    pub fn rejected_with(&self, window: &Window) -> Option<SqlState> {
        sql_state(window.unjudged())
    }

    // -- before authentication -----------------------------------------------------------------

    fn tls_answer(&mut self, window: &mut Window) -> Result<Option<UpstreamStep>, Fault> {
        match read_tls_answer(window) {
            TlsAnswer::NeedBytes => Ok(Some(UpstreamStep::NeedBytes)),
            TlsAnswer::Accepted => {
                self.state = State::AwaitTls;
                Ok(Some(UpstreamStep::StartTls))
            }
            TlsAnswer::Failed(fault) => Err(fault),
        }
    }

    fn write_startup(&mut self, out: &mut Outbox) -> Result<(), Fault> {
        let mut body = Vec::new();
        let named = [
            ("user", &self.config.user),
            ("database", &self.config.database),
        ];
        let forwarded = self
            .config
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        let forwarded = forwarded.filter(|(name, _)| {
            !matches!(*name, "user" | "database" | "replication") && !name.starts_with("_pq_.")
        });
        for (name, value) in named.into_iter().chain(forwarded) {
            // A NUL would end the text, and what follows would be read as another parameter;
            // an empty name would end the list.
            if name.is_empty() || name.contains('\0') || value.contains('\0') {
                let refusal = Refusal::new(
                    SqlState::INVALID_AUTHORIZATION,
                    "a connection parameter cannot be sent to the database",
                );
                return Err(refusal.into());
            }
            for text in [name, value.as_str()] {
                body.extend_from_slice(text.as_bytes());
                body.push(0);
            }
        }
        body.push(0);
        if body.len() + 4 > limits::STARTUP_MESSAGE_BYTES {
            return Err(Refusal::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "the connection parameters are too long for the database",
            )
            .into());
        }
        startup::write(
            out.writer(),
            startup::join_version(MAJOR, self.minor),
            &body,
        );
        self.state = State::AwaitRequest { negotiated: false };
        Ok(())
    }

    // -- authentication ------------------------------------------------------------------------

    /// One whole message of the server.
    fn message(
        &mut self,
        window: &mut Window,
        out: &mut Outbox,
    ) -> Result<Option<UpstreamStep>, Fault> {
        let Some(header) = frame::header(window.unjudged(), Peer::Server)? else {
            return Ok(Some(UpstreamStep::NeedBytes));
        };
        check_header(header)?;
        let Some(body) = window.unjudged().get(HEADER_BYTES..header.frame_bytes) else {
            return Ok(Some(UpstreamStep::NeedBytes));
        };
        match header.tag {
            server::ERROR_RESPONSE => {
                self.state = State::Rejected;
                return Ok(None);
            }
            server::NOTICE_RESPONSE => {}
            server::NEGOTIATE_PROTOCOL_VERSION => self.negotiate(body)?,
            _ => self.authentication(body, out)?,
        }
        window.skip(header.frame_bytes);
        Ok(None)
    }

    /// NegotiateProtocolVersion: a lower minor version is accepted. We asked for no option, so
    /// none can be unsupported.
    fn negotiate(&mut self, body: &[u8]) -> Result<(), Fault> {
        let State::AwaitRequest {
            negotiated: negotiated @ false,
        } = &mut self.state
        else {
            return Err(violation("unexpected protocol negotiation message"));
        };
        let mut reader = Reader::new(body);
        let short = |_| violation("invalid protocol negotiation message");
        let version = reader.u32().map_err(short)?;
        let options = reader.u32().map_err(short)?;
        if options != 0 || !reader.is_empty() {
            return Err(violation("negotiates options that were not asked for"));
        }
        // 3.2 can become 3.0 and nothing else: 3.1 does not exist.
        if startup::split_version(version) != (MAJOR, 0) || self.minor == 0 {
            return Err(violation(
                "negotiates a protocol version that cannot be accepted",
            ));
        }
        *negotiated = true;
        self.minor = 0;
        Ok(())
    }

    fn authentication(&mut self, body: &[u8], out: &mut Outbox) -> Result<(), Fault> {
        let mut reader = Reader::new(body);
        let kind = reader
            .u32()
            .map_err(|_| violation("invalid authentication request"))?;
        let rest = reader.rest();
        let state = std::mem::replace(&mut self.state, State::Idle);
        self.state = match (state, kind) {
            (State::AwaitRequest { .. } | State::AwaitOk, kind::OK) => {
                expect_empty(rest)?;
                State::Authenticated
            }
            (State::AwaitRequest { .. }, kind::CLEARTEXT) => {
                expect_empty(rest)?;
                self.answer_cleartext(out)?
            }
            (State::AwaitRequest { .. }, kind::MD5) => {
                if rest.len() != 4 {
                    return Err(violation("invalid authentication request"));
                }
                let text = md5::response(&self.config.user, self.password()?, rest);
                write_password(out, text.as_bytes());
                State::AwaitOk
            }
            (State::AwaitRequest { .. }, kind::SASL) => self.answer_sasl(rest, out)?,
            (State::SaslContinue(mut scram), kind::SASL_CONTINUE) => {
                let cache = self.scram_keys.take();
                let (answer, keys) = scram.last(rest, self.password()?, cache)?;
                self.scram_keys = Some(keys);
                frame::write(out.writer(), client::PASSWORD, |out| {
                    out.extend_from_slice(answer.as_bytes());
                });
                State::SaslFinal(scram)
            }
            (State::SaslFinal(mut scram), kind::SASL_FINAL) => {
                scram.verify(rest)?;
                State::AwaitOk
            }
            (State::AwaitRequest { .. }, kind) => return Err(unsupported(kind)),
            // Among others: AuthenticationOk before the server has shown its signature.
            _ => return Err(violation("authentication request out of turn")),
        };
        Ok(())
    }

    fn answer_cleartext(&mut self, out: &mut Outbox) -> Result<State, Fault> {
        if !self.encrypted {
            return Err(Refusal::new(
                SqlState::CONNECTION_FAILURE,
                "the database asks for a password in the clear over an unencrypted connection",
            )
            .with_hint("Require TLS for this resource, or use scram-sha-256 in pg_hba.conf.")
            .into());
        }
        let password = self.password()?;
        if password.contains(&0) {
            let what = "the gateway's password for the database cannot be sent";
            return Err(Refusal::new(SqlState::CONNECTION_FAILURE, what).into());
        }
        write_password(out, password);
        Ok(State::AwaitOk)
    }

    /// AuthenticationSASL: picks the best mechanism and writes SASLInitialResponse.
    fn answer_sasl(&mut self, offered: &[u8], out: &mut Outbox) -> Result<State, Fault> {
        let (plain, plus) = read_mechanisms(offered)?;
        if plus && !self.encrypted {
            return Err(violation(
                "offers SCRAM-SHA-256-PLUS over an unencrypted connection",
            ));
        }
        let (name, channel) = match (&self.end_point, plus) {
            (Some(hash), true) => (scram::PLUS, Channel::Bound(hash.clone())),
            _ if !plain => {
                return Err(Refusal::new(
                    SqlState::CONNECTION_FAILURE,
                    "the database offers no SASL mechanism that the gateway supports",
                )
                .into());
            }
            (Some(_), false) => (scram::PLAIN, Channel::Refused),
            (None, _) => (scram::PLAIN, Channel::Unbound),
        };
        self.password()?;
        let scram = ScramClient::new(&self.nonce, channel);
        let first = scram.first();
        frame::write(out.writer(), client::PASSWORD, |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(0);
            out.extend_from_slice(&u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(first.as_bytes());
        });
        Ok(State::SaslContinue(Box::new(scram)))
    }

    fn password(&self) -> Result<&[u8], Fault> {
        match &self.config.password {
            Some(password) => Ok(password),
            None => Err(Refusal::new(
                SqlState::CONNECTION_FAILURE,
                "the database asks for a password, but the gateway has none for it",
            )
            .with_hint("Set a credential for this resource in the gateway's configuration.")
            .into()),
        }
    }
}

/// The answer to SSLRequest.
pub(super) enum TlsAnswer {
    NeedBytes,
    Accepted,
    Failed(Fault),
}

/// Reads 'S' or 'N'. Exactly one byte may be there: what follows in the clear is not authentic
/// (CVE-2021-23222).
pub(super) fn read_tls_answer(window: &mut Window) -> TlsAnswer {
    match window.unjudged() {
        [] => TlsAnswer::NeedBytes,
        [b'S'] => {
            window.skip(1);
            TlsAnswer::Accepted
        }
        [b'N'] => TlsAnswer::Failed(
            Refusal::new(
                SqlState::CONNECTION_FAILURE,
                "the database does not support TLS",
            )
            .with_hint("Enable ssl on the database, or allow this resource to go without.")
            .into(),
        ),
        [b'S' | b'N', ..] => {
            TlsAnswer::Failed(violation("received unencrypted data after SSL response"))
        }
        // An ErrorResponse here is not authentic and is not read (CVE-2024-10977).
        _ => TlsAnswer::Failed(violation("invalid response to SSL negotiation")),
    }
}

/// Before authentication only these may come, and none may be long.
fn check_header(header: Header) -> Result<(), Fault> {
    match header.tag {
        server::AUTHENTICATION
        | server::ERROR_RESPONSE
        | server::NOTICE_RESPONSE
        | server::NEGOTIATE_PROTOCOL_VERSION => {}
        _ => return Err(violation("unexpected message before authentication")),
    }
    if header.frame_bytes > limits::AUTH_MESSAGE_BYTES {
        return Err(violation("message before authentication is too long"));
    }
    Ok(())
}

/// Does a list of mechanisms name SCRAM-SHA-256, and does it name SCRAM-SHA-256-PLUS?
fn read_mechanisms(list: &[u8]) -> Result<(bool, bool), Fault> {
    let mut reader = Reader::new(list);
    let (mut plain, mut plus) = (false, false);
    loop {
        let name = reader
            .cstr()
            .map_err(|_| violation("invalid list of SASL mechanisms"))?;
        if name.is_empty() {
            break;
        }
        plain |= name == scram::PLAIN.as_bytes();
        plus |= name == scram::PLUS.as_bytes();
    }
    expect_empty(reader.rest())?;
    Ok((plain, plus))
}

fn expect_empty(rest: &[u8]) -> Result<(), Fault> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(violation("invalid authentication request"))
    }
}

/// PasswordMessage.
fn write_password(out: &mut Outbox, password: &[u8]) {
    frame::write(out.writer(), client::PASSWORD, |out| {
        out.extend_from_slice(password);
        out.push(0);
    });
}

/// The SQLSTATE of the ErrorResponse at the head of `bytes`.
fn sql_state(bytes: &[u8]) -> Option<SqlState> {
    let header = frame::header(bytes, Peer::Server).ok()??;
    let mut reader = Reader::new(bytes.get(HEADER_BYTES..header.frame_bytes)?);
    loop {
        match reader.u8().ok()? {
            0 => return None,
            b'C' => {
                let code: [u8; 5] = reader.cstr().ok()?.try_into().ok()?;
                let well_formed = code
                    .iter()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
                return well_formed.then_some(SqlState(code));
            }
            _ => {
                reader.cstr().ok()?;
            }
        }
    }
}

fn unsupported(kind: u32) -> Fault {
    let name = match kind {
        2 => "Kerberos V5",
        4 => "crypt",
        6 => "SCM credential",
        7 | 8 => "GSSAPI",
        9 => "SSPI",
        kind::SASL_CONTINUE | kind::SASL_FINAL => {
            return violation("authentication request out of turn");
        }
        _ => "unknown",
    };
    Refusal::new(
        SqlState::CONNECTION_FAILURE,
        format!("the database asks for {name} authentication, which is not supported"),
    )
    .with_hint("Use scram-sha-256 for the gateway in pg_hba.conf.")
    .into()
}

fn violation(what: &'static str) -> Fault {
    Violation {
        peer: Peer::Server,
        what,
    }
    .into()
}
