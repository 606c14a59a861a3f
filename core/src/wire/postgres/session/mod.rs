//! A PostgreSQL session between an authenticated client and an authenticated upstream.
//!
//! ```text
//!  client ─▶ on_client: framing, names, INTENT ──────────────▶ upstream
//!  client ◀──────────── on_server: framing, answers, masking ◀─ upstream
//! ```
//!
//! Each call judges what has been received into a [`Window`] and releases what may be sent. A
//! call that returns anything but [`Step::Finished`] can be repeated at any time; how the bytes
//! were split never changes what comes out.
//!
//! Rooms: `client` and `server` are the two directions, `calls` functions by number, `pipeline`
//! the answers owed, `names` in `statements` what statements and portals stand for, `text` what a
//! statement's words say, `shape` what results look like, `shown` what records say of them,
//! `results`, `rows` and `stream` the rows, `copy` those of COPY, `describe` the descriptions,
//! `changes` what the session changed in the catalog, `quoting` statements that quote other
//! sessions, `notices` the texts of errors and notices, `sentences` how their words are judged,
//! `known` those that tell nothing, `admission` which statements may run, `lineage` which
//! statement computed a result, `parameters` what the server reports of its settings, `path`
//! where names are looked up, `probe` the columns of a COPY, `volume` how much of it all may go
//! out, `journal` the records, `receipt` the last of them.

mod admission;
mod bind;
mod calls;
mod changes;
mod client;
mod copy;
mod describe;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod journal;
mod known;
mod lineage;
mod notices;
mod parameters;
mod path;
mod pipeline;
mod probe;
mod quoting;
mod receipt;
mod results;
mod rows;
mod rulebook;
mod sentences;
mod server;
mod shape;
mod shown;
mod statements;
mod stream;
mod text;
mod volume;

#[cfg(any(test, fuzzing))]
pub use fuzz::fuzz_session;

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::vec;

use crate::audit::receipt::Draft;
use crate::audit::receipt::values::Secret;
use crate::audit::record::{Asserted, Body, Record, SessionId, Status};
use crate::audit::token::TokenKey;
use crate::bytes::{Outbox, Window};
use crate::catalog::Catalog;
use crate::error::{Fault, Refusal, SqlState};
use crate::identity::Identity;
use crate::inspect::Inspect;
use crate::limits;
use crate::policy::Policy;
use crate::policy::guard::{Ledger, Meter};
use crate::sql::SharedAnalyses;
use crate::time::Timestamp;

use super::message;
use bind::BindStream;
use changes::{Change, News};
pub use describe::Described;
use journal::Journal;
use lineage::Handles;
use path::Path;
use pipeline::Pipeline;
use probe::Probe;
use rulebook::{Rulebook, Unknown};
use server::Answering;
use shown::Masked;
use statements::{Names, Statement};

/// What a session is made of.
pub struct SessionSetup<I> {
    /// Random, drawn by the caller.
    pub id: SessionId,
    /// Who the client is.
    pub identity: Identity,
    /// Name of the resource.
    pub resource: String,
    /// Database and role at the upstream.
    pub database: String,
    /// See `database`.
    pub role: String,
    /// Where the client came from.
    pub client_address: String,
    /// TLS on either leg.
    pub client_tls: bool,
    /// See `client_tls`.
    pub server_tls: bool,
    /// What is masked.
    pub policy: Arc<Policy>,
    /// What the policy's names refer to.
    pub catalog: Arc<Catalog>,
    /// What was read of statements.
    pub analyses: SharedAnalyses,
    /// What was compared with masked columns and what was carried away, by all sessions.
    pub ledger: Arc<Ledger>,
    /// Finds PHI in content.
    pub inspector: Arc<I>,
    /// Key of the tokens in records.
    pub tokens: Arc<TokenKey>,
    /// How its receipt is made; `None`: there is none.
    pub receipts: Option<ReceiptSetup>,
    /// The secret that the client gets in the place of the upstream's: 4 bytes for protocol
    /// 3.0, up to 256 for 3.2.
    pub cancel_key: Vec<u8>,
}

/// How the receipt of a session is made.
pub struct ReceiptSetup {
    /// Random, drawn by the caller for this session; `None`: masked values are not committed to.
    pub secret: Option<Secret>,
    /// Different values that are kept for the commitment, as 16 bytes each.
    pub values_most: usize,
    /// What looks at content.
    pub detectors: [u8; 32],
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All that could be judged is judged: receive more of this direction. The frame at hand
    /// needs a window of [`Session::window_wanted`] bytes.
    NeedBytes,
    /// This direction waits until [`Session::records_durable`] has been called.
    AwaitDurable,
    /// This direction waits until [`Session::refresh`] has been called.
    AwaitCatalog,
    /// This direction waits until the other has moved.
    AwaitPeer,
    /// The session is over: send what is released and what is in [`Session::to_client`], then
    /// close both sides.
    Finished,
}

/// Why a call could not go on.
enum Halt {
    Step(Step),
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Halt::Fault(fault)
    }
}

impl From<crate::error::Violation> for Halt {
    fn from(violation: crate::error::Violation) -> Self {
        Halt::Fault(violation.into())
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Halt::Fault(refusal.into())
    }
}

/// See the module's text.
pub struct Session<I> {
    rules: Rulebook<I>,
    tokens: Arc<TokenKey>,
    decision: Arc<str>,
    ledger: Arc<Ledger>,
    /// There is a budget of what may go out.
    meter: Option<Meter>,
    cancel_key: Vec<u8>,
    upstream_key: Option<(u32, Vec<u8>)>,
    journal: Journal,
    names: Names,
    path: Path,
    handles: Handles,
    /// SQL has prepared or declared something, under names that may be the protocol's.
    mixes_names: bool,
    /// Grows with whatever makes the server run code: by it a name of a portal may change its
    /// meaning out of sight.
    epoch: u64,
    pipeline: Pipeline,
    /// Transaction status of the last ReadyForQuery.
    transaction: u8,
    /// The simple query at the head of the client's window.
    head_statement: Option<Rc<Statement>>,
    /// Ordinal and record number of the INTENT that the message at the head of the client's
    /// window waits for.
    head_intent: Option<(u64, u64)>,
    probe: Option<Probe>,
    /// What Velum calls a statement of its own: no client has chosen the same.
    probe_name: String,
    /// Scratch space for the body of the client's message at hand.
    client_body: Vec<u8>,
    /// A client frame that passes in parts: bytes left of it.
    client_passing: usize,
    bind: Option<BindStream>,
    /// The client has said Terminate.
    leaving: bool,
    answering: Answering,
    /// What the catalog did not know and was asked for.
    asked: HashSet<Unknown>,
    /// A refresh was asked for and has not been answered.
    awaits_catalog: bool,
    change: Change,
    news: News,
    to_client: Outbox,
    window_wanted: [usize; 2],
    /// See [`Session::note_descriptions`].
    descriptions: Option<Vec<Described>>,
    /// What is left to do for the receipt.
    draft: Option<Box<Draft>>,
    end: Option<&'static str>,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl<I: Inspect> Session<I> {
    /// A session right after both handshakes; the upstream's ParameterStatus, BackendKeyData
    /// and ReadyForQuery are still to come.
    pub fn new(setup: SessionSetup<I>, now: Timestamp) -> Self {
        let mut journal = Journal::new(
            setup.id,
            setup.identity.name.as_str().into(),
            setup.resource.into(),
        );
        journal.push(
            now,
            Body::SessionOpened {
                method: setup.identity.method.as_str().to_owned(),
                client_address: setup.client_address,
                client_tls: setup.client_tls,
                server_tls: setup.server_tls,
                role: setup.role,
                database: setup.database,
                policy: setup.policy.sha256,
                assertion: Asserted::of(&setup.identity),
            },
        );
        let mut session = Self {
            decision: format!("allow: policy {}", setup.policy.name).into(),
            rules: Rulebook::new(setup.policy, setup.catalog, setup.analyses, setup.inspector)
                .with_receipt(setup.receipts),
            tokens: setup.tokens,
            ledger: setup.ledger,
            meter: None,
            cancel_key: setup.cancel_key,
            upstream_key: None,
            journal,
            names: Names::default(),
            path: Path::new(),
            handles: Handles::default(),
            mixes_names: false,
            epoch: 1,
            pipeline: Pipeline::new(),
            transaction: b'I',
            head_statement: None,
            head_intent: None,
            probe: None,
            probe_name: format!("velum {:032x}", setup.id.0),
            client_body: Vec::new(),
            client_passing: 0,
            bind: None,
            leaving: false,
            answering: Answering::default(),
            asked: HashSet::new(),
            awaits_catalog: false,
            change: Change::None,
            news: News::None,
            to_client: Outbox::new(),
            window_wanted: [0; 2],
            descriptions: None,
            draft: None,
            end: None,
        };
        session.meter = session.meter_now(now);
        session
    }

    /// Judges what the client sent; released bytes go to the upstream.
    pub fn on_client(&mut self, window: &mut Window, now: Timestamp) -> Step {
        if self.end.is_some() {
            return Step::Finished;
        }
        match self.client_messages(window, now) {
            Ok(()) => Step::Finished,
            Err(Halt::Step(step)) => step,
            Err(Halt::Fault(fault)) => self.fail(fault, now),
        }
    }

    /// Judges what the upstream sent; released bytes go to the client.
    pub fn on_server(&mut self, window: &mut Window, now: Timestamp) -> Step {
        if self.end.is_some() {
            return Step::Finished;
        }
        self.rules.tick(now);
        if let Some(meter) = &mut self.meter {
            meter.tick(now);
        }
        match self.server_messages(window, now) {
            Ok(()) => Step::Finished,
            Err(Halt::Step(step)) => step,
            Err(Halt::Fault(fault)) => self.fail(fault, now),
        }
    }

    /// Bytes that Velum has to tell the client. To be sent when everything that was released
    /// to the client is sent.
    pub fn to_client(&mut self) -> &mut Outbox {
        &mut self.to_client
    }

    /// Records made since the last call, to be written in order.
    pub fn take_records(&mut self) -> vec::Drain<'_, Record> {
        self.journal.take()
    }

    /// The first `count` records of this session, counted from its beginning, are on disk (or
    /// may be treated as if they were).
    pub fn records_durable(&mut self, count: u64) {
        self.journal.set_durable(count);
    }

    /// What waits at the head of the client's window is written anew: what is hidden from it, or
    /// counted in it, may be more now.
    pub(super) fn write_anew(&mut self) {
        if self.probe.is_none() && self.head_intent.is_none() {
            self.head_statement = None;
        }
    }

    /// Puts a policy and a catalog in force, for everything that is judged from now on. Also
    /// the answer to [`Step::AwaitCatalog`], whether or not there was anything new to load.
    pub fn refresh(&mut self, policy: Arc<Policy>, catalog: Arc<Catalog>) {
        self.decision = format!("allow: policy {}", policy.name).into();
        let is_other = !Arc::ptr_eq(self.rules.shared_policy(), &policy);
        self.rules.refresh(policy, catalog);
        self.write_anew();
        if is_other {
            // The next message says what time it is.
            self.meter = self.meter_now(Timestamp(0));
        }
        self.awaits_catalog = false;
        self.caught_up();
    }

    /// Bytes of window that the frame at hand needs: of the client's direction, then of the
    /// server's. 0 if any window will do. Never more than [`limits::MESSAGE_WHOLE_BYTES`], and
    /// to be followed only as fast as bytes arrive.
    pub fn window_wanted(&self) -> (usize, usize) {
        (self.window_wanted[CLIENT], self.window_wanted[SERVER])
    }

    /// Process id and secret of the upstream's backend, once it has said them.
    pub fn upstream_key(&self) -> Option<(u32, &[u8])> {
        self.upstream_key
            .as_ref()
            .map(|(pid, key)| (*pid, key.as_slice()))
    }

    /// True if no statement is running and no transaction is open: a good moment to end.
    pub fn is_idle(&self) -> bool {
        self.transaction == b'I' && self.pipeline.is_idle() && self.client_passing == 0
    }

    /// True if the client said Terminate, and everything that it had asked for was over before:
    /// the connection to the database can be cleared of its traces.
    pub fn has_left_well(&self) -> bool {
        self.leaving && self.is_idle() && !self.pipeline.is_unsynced()
    }

    /// True if the server owes no answer. A transaction may be open.
    pub fn is_answered(&self) -> bool {
        self.pipeline.is_idle()
    }

    /// True in the middle of a result, where more is sure to come soon.
    pub fn is_mid_result(&self) -> bool {
        self.answering.is_mid_result()
    }

    /// The upstream closed or failed. Tells the client, unless the upstream has told it why or
    /// the client is in the middle of a frame.
    pub fn server_lost(&mut self, now: Timestamp) -> Step {
        let refusal = Refusal::new(
            SqlState::CONNECTION_FAILURE,
            "the database closed the connection unexpectedly",
        );
        let was_expected = self.answering.took_leave || self.leaving;
        let reason = match self.leaving {
            true => "client terminated",
            false => "upstream lost",
        };
        self.finish(reason, (!was_expected).then_some(refusal), now);
        Step::Finished
    }

    /// The client closed or failed.
    pub fn client_lost(&mut self, now: Timestamp) -> Step {
        self.finish("client lost", None, now);
        Step::Finished
    }

    /// The receipt of a session that is over, if values are to be committed to: that takes a
    /// moment, so it is left to the caller.
    pub fn take_receipt(&mut self) -> Option<Box<Draft>> {
        self.draft.take()
    }

    /// Ends the session from outside (drain, revocation, a failed log).
    pub fn terminate(&mut self, refusal: Refusal, now: Timestamp) -> Step {
        self.finish("terminated", Some(refusal), now);
        Step::Finished
    }

    fn fail(&mut self, fault: Fault, now: Timestamp) -> Step {
        let reason = match &fault {
            Fault::Violation(violation) => violation.what,
            Fault::Refusal(_) => "refused",
        };
        self.finish(reason, Some(fault.to_refusal()), now);
        Step::Finished
    }

    /// Ends the session once. The client is told only where a frame may begin.
    fn finish(&mut self, reason: &'static str, tell: Option<Refusal>, now: Timestamp) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(reason);
        if let Some(refusal) = tell
            && !self.answering.is_mid_frame()
        {
            self.journal.failed(refusal.code.0);
            message::write_fatal(self.to_client.writer(), &refusal);
        }
        let masked = self.masked();
        let open = match self.transaction == b'I' && !self.pipeline.is_unsynced() {
            true => "",
            false => "; a transaction was open",
        };
        self.journal.close(now, &format!("{reason}{open}"), masked);
        self.draft = self.sum_up(now);
    }

    /// What was masked of the statement that is answered now.
    fn masked(&mut self) -> Masked {
        let rows = self.journal.rows();
        self.rules.take_tally(rows)
    }

    /// Ends the record of `awaited`, which the server will not answer.
    fn skip_record(&mut self, awaited: &pipeline::Awaited, now: Timestamp) {
        if let Some(ordinal) = awaited.ordinal() {
            self.journal
                .outcome(now, ordinal, Status::Skipped, Masked::default());
        }
    }

    /// Asks for a window that holds `frame_bytes`, or refuses what is too large to be judged.
    fn need_whole(&mut self, side: usize, frame_bytes: usize) -> Halt {
        if frame_bytes > limits::MESSAGE_WHOLE_BYTES {
            let text = format!(
                "message of {frame_bytes} bytes exceeds the limit of {} bytes",
                limits::MESSAGE_WHOLE_BYTES
            );
            return Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, text).into();
        }
        self.window_wanted[side] = frame_bytes;
        Halt::Step(Step::NeedBytes)
    }
}
