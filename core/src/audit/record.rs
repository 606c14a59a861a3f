//! The records. Their bytes are described in [`super::encode`].

use std::sync::Arc;

use super::custody::Custody;
pub use super::encode::DecodeError;
use super::masking::Masking;
use super::receipt::Receipt;
use super::token::Token;
use crate::grant::{EventKind, GrantId};
use crate::identity::{Assertion, Identity};
use crate::time::Timestamp;

/// Who vouches for an identity that came in by a key.
pub const KEYS: &str = "urn:velum:keys";

/// A session's random name, drawn by the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub u128);

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was made.
    pub time: Timestamp,
    /// In which session; 0 outside of any.
    pub session: SessionId,
    /// Whose session; empty if not known yet.
    pub identity: Arc<str>,
    /// To which resource; empty if not known yet.
    pub resource: Arc<str>,
    /// What happened.
    pub body: Body,
}

/// May a statement change anything?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Provably not, by its text: it is forwarded while its INTENT is being written.
    Read,
    /// It may: it waits until its INTENT is on disk.
    MayWrite,
}

/// How a statement came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Query
    Simple,
    /// Execute of a portal
    Extended,
    /// FunctionCall
    FunctionCall,
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// CommandComplete, EmptyQueryResponse, FunctionCallResponse
    Completed,
    /// PortalSuspended
    Suspended,
    /// ErrorResponse, see the SQLSTATE
    Failed,
    /// Skipped by the server after an earlier error in the same pipeline
    Skipped,
    /// The session ended before the answer was complete: whether it took effect is not known
    Unknown,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An identity was verified and the database let it in.
    SessionOpened {
        /// How it proved itself, see [`crate::identity::Method::as_str`].
        method: String,
        /// Where it came from.
        client_address: String,
        /// TLS towards the client.
        client_tls: bool,
        /// TLS towards the database.
        server_tls: bool,
        /// The database role that the session runs as.
        role: String,
        /// The database.
        database: String,
        /// SHA-256 of the policy in force.
        policy: [u8; 32],
        /// Who vouches for the identity, where somebody does.
        assertion: Option<Asserted>,
    },
    /// The session is over.
    SessionClosed {
        /// A fixed text; it says so if a transaction was open, which the server then rolls back.
        reason: String,
        /// Statements begun.
        statements: u64,
        /// Bytes released to the client.
        bytes: u64,
    },
    /// A statement is about to run. On disk before any byte of its result is released, and
    /// before it is forwarded if it may write.
    Intent {
        /// Counts up from 1 in its session.
        statement: u64,
        /// By its text.
        effect: Effect,
        /// How it came in.
        channel: Channel,
        /// The text with literals replaced by tokens; at most
        /// [`crate::limits::RECORD_STATEMENT_BYTES`].
        text: Arc<str>,
        /// Token of the original text.
        token: Token,
        /// Tokens of the bind values in order; `None` for NULL.
        binds: Vec<Option<Token>>,
        /// What was decided, and why.
        decision: Arc<str>,
    },
    /// A statement has ended.
    Outcome {
        /// The statement of its INTENT.
        statement: u64,
        /// How it ended.
        status: Status,
        /// The command tag without numbers, such as `SELECT`.
        command: String,
        /// SQLSTATE of the error.
        sqlstate: Option<[u8; 5]>,
        /// Rows released.
        rows: u64,
        /// Bytes released.
        bytes: u64,
        /// Masked cells by rule or detector.
        masked: Vec<(String, u64)>,
        /// The same by column and type, and which columns under rules were shown; `None` if there
        /// is nothing of either.
        masking: Option<Box<Masking>>,
        /// From the INTENT to now.
        duration_us: u64,
    },
    /// Written at start-up: an INTENT was found without its OUTCOME.
    OutcomeUnknown {
        /// The statement of the INTENT.
        statement: u64,
    },
    /// Somebody could not prove who they are, or was not let in. The record's identity is the name
    /// that was tried; a token, if there is none of that name.
    ConnectionRefused {
        /// Where it came from.
        client_address: String,
        /// What the client was told.
        sqlstate: [u8; 5],
        /// What the client was not told, see [`crate::identity::Rejection::as_str`]; empty if there
        /// is no more to say.
        reason: String,
    },
    /// A configuration came into force.
    ConfigurationLoaded {
        /// SHA-256 of the file.
        sha256: [u8; 32],
    },
    /// The gateway started or stopped.
    Gateway {
        /// `started`, `draining`, `stopped`
        event: String,
    },
    /// The key that signs the log's checkpoints from here on; written at each start.
    SigningKey {
        /// As [`crate::audit::tree::VerifierKey`] shows it: name, key id and public key.
        key: String,
        /// While keys are exchanged: the one before, which signs beside it for the last time.
        previous: Option<String>,
    },
    /// Somebody started the gateway though the log is not what its last checkpoint says.
    CheckpointOverruled {
        /// What did not fit.
        cause: String,
    },
    /// Somebody asked for access, decided about it, or ended it; or a session was let in by it.
    /// The record's identity and resource are those of the grant.
    Grant {
        /// Its name.
        grant: GrantId,
        /// What happened.
        event: EventKind,
        /// The event's number in the store, by which one that was recorded twice is known; 0 for
        /// what is not stored.
        sequence: u64,
        /// Who did it; empty: nobody, time passed.
        actor: String,
        /// Reason or rationale, with what detectors found in it masked.
        why: String,
        /// Kind, scope, window, chain, ticket and approvals.
        what: String,
        /// Somebody has to hear of it at once.
        alarm: bool,
    },
    /// Somebody changed who may use the gateway's own interfaces, or used a way in that is meant
    /// for the first start alone.
    Administration {
        /// Who.
        actor: String,
        /// `key_created`, `key_revoked`, `bootstrap_key_created`, `bootstrap_key_used`,
        /// `admin_key_recovered`
        event: String,
        /// What it was done to.
        subject: String,
    },
    /// Somebody logged in to the gateway's own interfaces or was not let in, or their session
    /// there was refused or is over.
    Login {
        /// `logged_in`, `login_refused`, `logged_out`, `session_refused`, `session_ended`
        event: String,
        /// `oidc` or `saml`; empty: not known.
        way: String,
        /// Name of the issuer; empty: not known.
        issuer: String,
        /// Who; empty: not known.
        actor: String,
        /// The session's name, which is no secret; empty: there is none.
        session: String,
        /// Where the request came from.
        client_address: String,
        /// What the browser was not told; empty: there is no more to say.
        reason: String,
    },
    /// Somebody did something with the log itself.
    Custody(Custody),
    /// What the session has masked, at its end.
    Receipt(Receipt),
    /// What the client sends is recorded, under a key that only two auditors together have.
    Originals {
        /// Name of the file with their shares, in the directory of recordings.
        file: String,
        /// SHA-256 of that file.
        sha256: [u8; 32],
        /// Names and ids of the auditors' keys.
        auditors: Vec<String>,
    },
    /// The recording of the session is over.
    Recording {
        /// Name of the file in the directory of recordings.
        file: String,
        /// Its length.
        bytes: u64,
        /// Its chunks.
        chunks: u64,
        /// The hash of the whole file, see [`crate::recording::Walk::root`].
        root: [u8; 32],
        /// How it ended.
        end: RecordingEnd,
        /// Bytes of events that are not in it, as they were dropped.
        dropped_bytes: u64,
    },
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingEnd {
    /// With the session; all of it is there.
    Whole,
    /// With the session; some of it was dropped, as the configuration allows.
    Dropped,
    /// The gateway was killed: the end is missing. Written at the next start.
    Cut,
    /// It could not be written on, and the session was ended.
    Failed,
}

impl RecordingEnd {
    /// In the order of their codes.
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Dropped, Self::Cut, Self::Failed];

    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingEnd::Whole => "whole",
            RecordingEnd::Dropped => "dropped",
            RecordingEnd::Cut => "cut",
            RecordingEnd::Failed => "failed",
        }
    }
}

/// What an issuer says about whoever has shown its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// Who says so.
    pub issuer: String,
    /// Whom it calls.
    pub subject: String,
    /// In whose name, over whom, by whom; empty where nobody acts for anybody else.
    pub chain: Vec<String>,
}

impl Asserted {
    /// What vouches for an identity besides itself; `None` if nothing does. Of a key it is the
    /// gateway.
    pub fn of(identity: &Identity) -> Option<Self> {
        let by_key = |key: &Arc<str>| Self {
            issuer: KEYS.to_owned(),
            subject: key.to_string(),
            chain: Vec::new(),
        };
        let assertion = identity.assertion.as_deref();
        let asserted = assertion.map(Self::from);
        asserted.or_else(|| identity.key.as_ref().map(by_key))
    }
}

impl From<&Assertion> for Asserted {
    fn from(assertion: &Assertion) -> Self {
        Self {
            issuer: assertion.issuer.clone(),
            subject: assertion.subject.clone(),
            chain: assertion.chain_texts(),
        }
    }
}

impl Body {
    /// True if a session waits until this is on disk: a statement that may write is not
    /// forwarded before its INTENT is, and no result is released.
    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Intent { .. })
    }
}
