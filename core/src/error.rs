//! Errors grouped by blame, and what of them a client may read.
//!
//! * [`Violation`]: a peer broke its protocol. The session answers in the protocol's own words
//!   and closes.
//! * [`Refusal`]: the policy or a bound says no.
//!
//! Neither ever carries bytes of a message: an error can be logged as it stands.

use std::fmt;

/// The side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Who connected to Velum.
    Client,
    /// The database that Velum connected to.
    Server,
}

/// A peer broke its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who.
    pub peer: Peer,
    /// What was wrong; a fixed text, never bytes of the message.
    pub what: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = match self.peer {
            Peer::Client => "client",
            Peer::Server => "server",
        };
        write!(f, "protocol violation by the {peer}: {}", self.what)
    }
}

impl std::error::Error for Violation {}

/// A five-character SQLSTATE, see PostgreSQL's Appendix A.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(pub [u8; 5]);

impl SqlState {
    /// protocol_violation
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// connection_failure
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// sqlserver_rejected_establishment_of_sqlconnection
    pub const CONNECTION_REJECTED: Self = Self(*b"08004");
    /// feature_not_supported
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// invalid_authorization_specification
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// invalid_password
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// invalid_catalog_name
    pub const INVALID_CATALOG_NAME: Self = Self(*b"3D000");
    /// syntax_error
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// insufficient_privilege
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// too_many_connections
    pub const TOO_MANY_CONNECTIONS: Self = Self(*b"53300");
    /// configuration_limit_exceeded
    pub const CONFIGURATION_LIMIT_EXCEEDED: Self = Self(*b"53400");
    /// program_limit_exceeded
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self(*b"54000");
    /// admin_shutdown
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// cannot_connect_now
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// io_error
    pub const IO_ERROR: Self = Self(*b"58030");

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The policy, a bound or the gateway's own state says no.
///
/// `message`, `detail` and `hint` are what the client reads; they are written by Velum and
/// never quote a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// PostgreSQL's code for it.
    pub code: SqlState,
    /// One line: what happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(code: SqlState, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Refusal {}

/// Why a session or a handshake ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A peer's doing.
    Violation(Violation),
    /// The policy's or a bound's.
    Refusal(Refusal),
}

impl Fault {
    /// The SQLSTATE and the text that the client is told.
    pub fn to_refusal(&self) -> Refusal {
        match self {
            Fault::Violation(violation) => {
                Refusal::new(SqlState::PROTOCOL_VIOLATION, violation.to_string())
            }
            Fault::Refusal(refusal) => refusal.clone(),
        }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Fault::Violation(violation)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refusal(refusal)
    }
}
