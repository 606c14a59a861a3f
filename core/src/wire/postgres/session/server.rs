//! The server's direction: each answer is framed, matched with what was asked, and judged
//! before a byte of it is released.

use crate::audit::record::Status;
use crate::bytes::Window;
use crate::error::{Peer, Refusal, SqlState, Violation};
use crate::inspect::Inspect;
use crate::time::Timestamp;

use super::super::copy_out::CopyOut;
use super::super::frame::{self, HEADER_BYTES, Header};
use super::super::message::{self, server};
use super::pipeline::{Awaited, FunctionResult};
use super::results::ResultPlan;
use super::rows::RowEdits;
use super::stream::RowStream;
use super::volume::Owner;
use super::{Halt, SERVER, Session, Step};

pub(super) fn violation(what: &'static str) -> Violation {
    Violation {
        peer: Peer::Server,
        what,
    }
}

/// A frame that does not fit, or a run of them.
#[derive(Default)]
pub(super) enum Flow {
    /// Whole frames.
    #[default]
    Frames,
    /// Bytes left of a frame that needs no judging.
    Passing(usize),
    /// A DataRow in parts.
    Row(RowStream),
    /// A CopyData frame in parts.
    Copy,
}

/// What is being answered.
#[derive(Default)]
pub(super) struct Answering {
    pub(super) flow: Flow,
    /// The result whose rows are coming.
    pub(super) result: Option<ResultPlan>,
    /// Whose its rows are, or those of the COPY.
    pub(super) owner: Owner,
    /// The COPY TO STDOUT whose rows are coming.
    pub(super) copy_out: Option<CopyOut>,
    /// Statements of this text that are over.
    pub(super) statements: usize,
    /// COPY TO STDOUTs of this text that are over.
    pub(super) copies: usize,
    /// COPY FROM STDIN is going on.
    pub(super) copy_in: bool,
    /// The statement at the front failed: only ReadyForQuery may follow.
    failed: bool,
    /// The server has said why it closes the connection.
    pub(super) took_leave: bool,
    pub(super) edits: RowEdits,
}

impl Answering {
    /// True if the client has got a part of a frame, so that nothing else can be told.
    pub(super) fn is_mid_frame(&self) -> bool {
        match &self.flow {
            Flow::Frames => false,
            Flow::Passing(_) | Flow::Copy => true,
            Flow::Row(row) => row.has_begun(),
        }
    }

    /// True where more rows are sure to come.
    pub(super) fn is_mid_result(&self) -> bool {
        self.result.is_some() || self.copy_out.is_some()
    }

    fn end_of_result(&mut self) {
        self.result = None;
        self.copy_out = None;
        self.copy_in = false;
    }

    fn end_of_statement(&mut self) {
        self.end_of_result();
        self.statements = 0;
        self.copies = 0;
        self.failed = false;
    }
}

impl<I: Inspect> Session<I> {
    /// Returns `Ok` when all is answered that a client asked for before it left. The upstream's
    /// own end is told by `server_lost`.
    pub(super) fn server_messages(
        &mut self,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        self.window_wanted[SERVER] = 0;
        loop {
            if self.leaving && self.pipeline.is_idle() {
                return self.leave(now);
            }
            if window.unjudged().is_empty() {
                return Err(Halt::Step(Step::NeedBytes));
            }
            if !self.journal.may_release() {
                return Err(Halt::Step(Step::AwaitDurable));
            }
            if self.awaits_catalog {
                return Err(Halt::Step(Step::AwaitCatalog));
            }
            match &self.answering.flow {
                Flow::Frames => self.server_frame(window, now)?,
                Flow::Passing(_) => self.pass_server_part(window),
                Flow::Row(_) => self.stream_row(window)?,
                Flow::Copy => self.stream_copy(window)?,
            }
        }
    }

    fn server_frame(&mut self, window: &mut Window, now: Timestamp) -> Result<(), Halt> {
        let Some(header) = frame::header(window.unjudged(), Peer::Server)? else {
            return Err(Halt::Step(Step::NeedBytes));
        };
        match header.tag {
            _ if self.is_path_answer(header.tag) => {}
            server::DATA_ROW => return self.data_row(header, window),
            server::COPY_DATA => return self.copy_data(header, window),
            _ => {}
        }
        if window.unjudged().len() < header.frame_bytes {
            return Err(self.need_whole(SERVER, header.frame_bytes));
        }
        self.whole_frame(header, window, now)
    }

    // -- whole frames ------------------------------------------------------------------------

    fn whole_frame(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        match header.tag {
            _ if self.is_path_answer(header.tag) => return self.path_answer(header, window),
            server::ERROR_RESPONSE => return self.error_response(header, window, now),
            server::NOTICE_RESPONSE | server::NOTIFICATION_RESPONSE | server::PARAMETER_STATUS => {
                return self.told_by_the_way(header, window);
            }
            server::READY_FOR_QUERY => return self.ready_for_query(header, window, now),
            server::BACKEND_KEY_DATA => return self.backend_key_data(header, window),
            _ => {}
        }
        self.pipeline.drop_doubtful();
        if self.answering.failed {
            return Err(violation("answer after an error").into());
        }
        match header.tag {
            server::ROW_DESCRIPTION => {
                self.attend();
                self.row_description(header, window)
            }
            server::COMMAND_COMPLETE => self.command_complete(header, window, now),
            server::EMPTY_QUERY_RESPONSE | server::PORTAL_SUSPENDED => {
                self.end_without_tag(header, window, now)
            }
            server::PARSE_COMPLETE
            | server::BIND_COMPLETE
            | server::CLOSE_COMPLETE
            | server::NO_DATA => self.bare_answer(header, window),
            server::PARAMETER_DESCRIPTION => self.parameter_description(header, window),
            server::COPY_OUT_RESPONSE => {
                let body = window.unjudged()[HEADER_BYTES..header.frame_bytes].to_vec();
                self.begin_copy_out(&body)?;
                window.pass(header.frame_bytes);
                Ok(())
            }
            server::COPY_IN_RESPONSE => self.begin_copy_in(header, window),
            server::COPY_DONE => self.copy_done(header, window),
            server::FUNCTION_CALL_RESPONSE => self.function_call_response(header, window, now),
            server::COPY_BOTH_RESPONSE => {
                let text = "replication is not available through Velum";
                Err(Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, text).into())
            }
            server::AUTHENTICATION | server::NEGOTIATE_PROTOCOL_VERSION => {
                Err(violation("authentication message out of place").into())
            }
            _ => Err(violation("unknown message type").into()),
        }
    }

    /// Judges what comes next by the statement that the server answers.
    fn attend(&mut self) {
        let front = self.pipeline.front();
        self.rules.attend(front.and_then(|front| front.statement()));
    }

    /// What belongs to no answer and may come at any time.
    fn told_by_the_way(&mut self, header: Header, window: &mut Window) -> Result<(), Halt> {
        let front = self.pipeline.front();
        let in_start_up = matches!(front, Some(Awaited::Startup));
        self.attend();
        let body = body_mut(window, header);
        match header.tag {
            server::NOTICE_RESPONSE => {
                self.rules.veil_notice(body)?;
            }
            server::NOTIFICATION_RESPONSE => self.rules.veil_notification(body)?,
            _ => {
                self.path.note_parameter(body);
                self.rules.veil_parameter(body, in_start_up)?;
            }
        }
        window.pass(header.frame_bytes);
        Ok(())
    }

    fn command_complete(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let body = body_mut(window, header);
        let Some((&mut 0, tag)) = body.split_last_mut() else {
            return Err(violation("malformed CommandComplete").into());
        };
        if tag.contains(&0) {
            return Err(violation("malformed CommandComplete").into());
        }
        self.attend();
        self.rules.heed(tag);
        self.rules.veil_command(tag);
        self.journal.command(tag);
        self.note_change(tag);
        self.note_handles(tag);
        self.answering.statements += 1;
        window.pass(header.frame_bytes);
        self.end_result(Status::Completed, now)
    }

    /// EmptyQueryResponse and PortalSuspended.
    fn end_without_tag(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        if header.body_bytes() != 0 {
            return Err(violation("message with an unexpected body").into());
        }
        window.pass(header.frame_bytes);
        let suspended = header.tag == server::PORTAL_SUSPENDED;
        let status = if suspended {
            Status::Suspended
        } else {
            Status::Completed
        };
        self.end_result(status, now)
    }

    /// A result is complete: in a Query another may follow, an Execute is over.
    fn end_result(&mut self, status: Status, now: Timestamp) -> Result<(), Halt> {
        self.answering.end_of_result();
        match self.pipeline.front() {
            Some(Awaited::Query { .. }) if status == Status::Completed => Ok(()),
            Some(Awaited::Execute { ordinal, .. }) => {
                let ordinal = *ordinal;
                self.pipeline.pop();
                self.answering.end_of_statement();
                let masked = self.masked();
                self.journal.outcome(now, ordinal, status, masked);
                Ok(())
            }
            _ => Err(violation("end of a result out of place").into()),
        }
    }

    fn function_call_response(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let Some(Awaited::FunctionCall { result, ordinal }) = self.pipeline.front() else {
            return Err(violation("FunctionCallResponse out of place").into());
        };
        let (result, ordinal) = (*result, *ordinal);
        self.forget_handles();
        let body = body_mut(window, header);
        let Some((length, value)) = body.split_first_chunk_mut::<4>() else {
            return Err(violation("malformed FunctionCallResponse").into());
        };
        let declared = i32::from_be_bytes(*length);
        if usize::try_from(declared).unwrap_or(0) != value.len() || declared < -1 {
            return Err(violation("malformed FunctionCallResponse").into());
        }
        let withheld = result == FunctionResult::Any && self.rules.policy().has_rules();
        if withheld || !self.rules.inspect_function_result(value) {
            window.replace(header.frame_bytes, &NULL_FUNCTION_RESULT);
        } else {
            window.pass(header.frame_bytes);
        }
        let masked = self.masked();
        self.journal
            .outcome(now, ordinal, Status::Completed, masked);
        Ok(())
    }

    // -- errors, the end of an answer, and the start -----------------------------------------

    fn error_response(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        self.pipeline.drop_doubtful_before_answer();
        // What failed may have run before, and PREPARE is not taken back.
        self.forget_handles();
        self.path.go_back();
        self.attend();
        let body = body_mut(window, header);
        let notice = self.rules.veil_notice(body)?;
        self.answering.took_leave |= notice.is_fatal;
        let refusal = self.refusal_told().filter(|_| !notice.is_fatal);
        let concerns_record =
            |front: &mut Awaited| front.ordinal().is_some() || front.is_injected();
        if self.pipeline.front().is_some_and(concerns_record) {
            let own = refusal.as_ref().map(|refusal| refusal.code.0);
            self.journal.failed(own.unwrap_or(notice.sqlstate));
        }
        if let Some(refusal) = refusal {
            window.skip(header.frame_bytes);
            window.insert_with(|out| message::write_error(out, &refusal));
        } else if self.pipeline.front().is_some_and(|front| front.is_probe()) && self.probe_failed()
        {
            window.skip(header.frame_bytes);
        } else {
            window.pass(header.frame_bytes);
        }
        self.answering.end_of_statement();
        let dropped = self.pipeline.fail();
        // After an extended message the server skips to the next Sync; after any other only
        // ReadyForQuery may follow.
        self.answering.failed = dropped.is_empty() && self.pipeline.front().is_some();
        self.undo_dropped(dropped, now);
        Ok(())
    }

    /// Closes the records of messages that will not be answered, the first of which failed,
    /// and takes back what they would have changed. What fails a question of Velum's own fails
    /// the message that it was asked for.
    fn undo_dropped(&mut self, dropped: Vec<Awaited>, now: Timestamp) {
        let failed = dropped.iter().find(|awaited| !awaited.is_injected());
        if let Some(ordinal) = failed.and_then(Awaited::ordinal) {
            let masked = self.masked();
            self.journal.outcome(now, ordinal, Status::Failed, masked);
        }
        // Their records are open still, unlike that one's.
        for skipped in &dropped {
            self.skip_record(skipped, now);
        }
        for skipped in dropped.into_iter().rev() {
            self.undo(skipped);
        }
    }

    fn ready_for_query(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let status = match &window.unjudged()[HEADER_BYTES..header.frame_bytes] {
            [status @ (b'I' | b'T' | b'E')] => *status,
            _ => return Err(violation("malformed ReadyForQuery").into()),
        };
        if self.answering.is_mid_result() || self.answering.copy_in {
            return Err(violation("ReadyForQuery in the middle of a result").into());
        }
        let is_refused = matches!(self.pipeline.front(), Some(Awaited::Refused { .. }));
        if is_refused && !self.answering.failed {
            return Err(violation("ReadyForQuery before the error of a refused message").into());
        }
        let Some(answered) = self.pipeline.ready() else {
            return Err(violation("ReadyForQuery out of place").into());
        };
        let injected = matches!(answered, Awaited::Sync { injected: true });
        if let Awaited::Query { ordinal, .. } | Awaited::Refused { ordinal, .. } = answered {
            let masked = self.masked();
            self.journal
                .outcome(now, ordinal, Status::Completed, masked);
        }
        if injected && self.probe_ready() {
            window.skip(header.frame_bytes);
        } else {
            window.pass(header.frame_bytes);
        }
        self.answering.end_of_statement();
        self.transaction = status;
        self.path.ready(status, self.pipeline.is_idle());
        if status == b'I' {
            self.end_of_change();
        }
        if status == b'I' && self.pipeline.is_idle() {
            self.names.end_of_transaction();
        }
        Ok(())
    }

    /// The backend's real process id goes to the client, its secret does not.
    fn backend_key_data(&mut self, header: Header, window: &mut Window) -> Result<(), Halt> {
        let body = &window.unjudged()[HEADER_BYTES..header.frame_bytes];
        let Some((pid, key)) = body.split_first_chunk::<4>() else {
            return Err(violation("malformed BackendKeyData").into());
        };
        let in_start_up = matches!(self.pipeline.front(), Some(Awaited::Startup));
        if !in_start_up || self.upstream_key.is_some() || !(4..=256).contains(&key.len()) {
            return Err(violation("BackendKeyData out of place").into());
        }
        self.upstream_key = Some((u32::from_be_bytes(*pid), key.to_vec()));
        let pid = *pid;
        window.skip(header.frame_bytes);
        window.insert_with(|out| {
            frame::write(out, server::BACKEND_KEY_DATA, |out| {
                out.extend_from_slice(&pid);
                out.extend_from_slice(&self.cancel_key);
            });
        });
        Ok(())
    }
}

/// FunctionCallResponse with NULL.
const NULL_FUNCTION_RESULT: [u8; 9] = [
    server::FUNCTION_CALL_RESPONSE,
    0,
    0,
    0,
    8,
    0xff,
    0xff,
    0xff,
    0xff,
];

/// The body of the whole frame at the head of the window.
pub(super) fn body_mut(window: &mut Window, header: Header) -> &mut [u8] {
    &mut window.unjudged_mut()[HEADER_BYTES..header.frame_bytes]
}
