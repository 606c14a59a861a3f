//! The client's direction: each message is framed, its names are noted, and a statement's
//! INTENT is written before the statement goes on its way.

use std::rc::Rc;

use crate::audit::record::{Channel, Effect};
use crate::audit::token::Token;
use crate::bytes::{Reader, Window};
use crate::error::{Peer, Refusal, SqlState, Violation};
use crate::inspect::Inspect;
use crate::sql::SearchPath;
use crate::time::Timestamp;

use super::super::frame::{self, HEADER_BYTES, Header};
use super::super::message::{self, client};
use super::admission::Refused;
use super::journal::Intent;
use super::pipeline::{Awaited, Target};
use super::probe::Probed;
use super::statements::{Described, Portal, Statement};
use super::text::StatementText;
use super::{CLIENT, Halt, Session, Step};

/// What a large message has grown is cut back to this.
const BODY_BYTES: usize = 256;

pub(super) fn too_many_portals() -> Refusal {
    let text = "too many portals in one session";
    Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, text)
}

pub(super) fn violation(what: &'static str) -> Violation {
    Violation {
        peer: Peer::Client,
        what,
    }
}

impl<I: Inspect> Session<I> {
    /// Returns `Ok` when the client has ended the session.
    pub(super) fn client_messages(
        &mut self,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        self.window_wanted[CLIENT] = 0;
        loop {
            if self.leaving {
                return self.leave(now);
            }
            if self.pass_client_part(window)? {
                continue;
            }
            let Some(header) = frame::header(window.unjudged(), Peer::Client)? else {
                return Err(Halt::Step(Step::NeedBytes));
            };
            if self.pipeline.is_full() {
                return Err(Halt::Step(Step::AwaitPeer));
            }
            if header.tag == client::TERMINATE {
                if header.body_bytes() != 0 {
                    return Err(violation("malformed Terminate").into());
                }
                window.pass(HEADER_BYTES);
                self.leaving = true;
                continue;
            }
            self.client_message(header, window, now)?;
        }
    }

    /// The client has said Terminate: what it asked for before is still answered.
    pub(super) fn leave(&mut self, now: Timestamp) -> Result<(), Halt> {
        if !self.pipeline.is_idle() {
            return Err(Halt::Step(Step::AwaitPeer));
        }
        self.finish("client terminated", None, now);
        Ok(())
    }

    /// Goes on with a frame that passes in parts. False if there is none.
    fn pass_client_part(&mut self, window: &mut Window) -> Result<bool, Halt> {
        if self.client_passing > 0 {
            let part = self.client_passing.min(window.unjudged().len());
            if part == 0 {
                return Err(Halt::Step(Step::NeedBytes));
            }
            window.pass(part);
            self.client_passing -= part;
            return Ok(true);
        }
        let Some(bind) = &mut self.bind else {
            return Ok(false);
        };
        let part = bind.left().min(window.unjudged().len());
        if part == 0 && bind.left() > 0 {
            return Err(Halt::Step(Step::NeedBytes));
        }
        bind.feed(&window.unjudged()[..part], &self.tokens)?;
        window.pass(part);
        if bind.left() == 0
            && let Some(bind) = self.bind.take()
        {
            self.bound(bind, window)?;
        }
        Ok(true)
    }

    fn client_message(
        &mut self,
        header: Header,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        match header.tag {
            client::COPY_DATA => {
                window.pass(HEADER_BYTES);
                self.client_passing = header.body_bytes();
                return Ok(());
            }
            client::BIND => return self.begin_bind(header, window, now),
            client::QUERY
            | client::PARSE
            | client::DESCRIBE
            | client::EXECUTE
            | client::CLOSE
            | client::FUNCTION_CALL
            | client::COPY_FAIL => {}
            client::SYNC | client::FLUSH | client::COPY_DONE => {
                if header.body_bytes() != 0 {
                    return Err(violation("message with an unexpected body").into());
                }
            }
            client::PASSWORD => return Err(violation("password message out of place").into()),
            _ => return Err(violation("unknown message type").into()),
        }
        let unjudged = window.unjudged();
        if unjudged.len() < header.frame_bytes {
            return Err(self.need_whole(CLIENT, header.frame_bytes));
        }
        // Out of the window, which takes what goes in its place.
        let mut body = std::mem::take(&mut self.client_body);
        body.extend_from_slice(&unjudged[HEADER_BYTES..header.frame_bytes]);
        let done = self.whole_message(header, &body, window, now);
        body.clear();
        body.shrink_to(BODY_BYTES);
        self.client_body = body;
        done
    }

    fn whole_message(
        &mut self,
        header: Header,
        body: &[u8],
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        match header.tag {
            client::QUERY => return self.query(header, body, window, now),
            client::PARSE => return self.parse(header, body, window, now),
            client::DESCRIBE => self.describe(body)?,
            client::EXECUTE => return self.execute(header, body, window, now),
            client::CLOSE => self.close(body)?,
            client::FUNCTION_CALL => return self.function_call(header, body, window, now),
            client::SYNC => self.await_answer(Awaited::Sync { injected: false }, now),
            client::COPY_DONE | client::COPY_FAIL => self.pipeline.push_copy_end(),
            _ => {}
        }
        window.pass(header.frame_bytes);
        Ok(())
    }

    /// Notes that an answer is owed; what the server will skip is undone at once.
    pub(super) fn await_answer(&mut self, awaited: Awaited, now: Timestamp) {
        if let Some(skipped) = self.pipeline.push(awaited) {
            self.skip_record(&skipped, now);
            self.undo(skipped);
        }
    }

    /// Takes back what a message that the server skipped or refused would have changed.
    pub(super) fn undo(&mut self, awaited: Awaited) {
        match awaited {
            Awaited::Parse {
                undo: Some(undo), ..
            }
            | Awaited::Bind {
                undo: Some(undo), ..
            }
            | Awaited::Close {
                undo: Some(undo), ..
            } => self.names.undo(undo),
            Awaited::Describe {
                target: Target::Portal(portal),
                ..
            } => {
                portal.set_described(Described::Unknown, 0);
            }
            _ => {}
        }
    }

    // -- simple query ------------------------------------------------------------------------

    fn query(
        &mut self,
        header: Header,
        body: &[u8],
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let text = sole_text(body)?;
        // Analysed once, however often the query has to wait at the head of the window.
        let statement = match &self.head_statement {
            Some(statement) => Rc::clone(statement),
            None => self.statement(text, window)?,
        };
        self.head_statement = Some(Rc::clone(&statement));
        if !self.pipeline.is_skipping() {
            // Once: what a probe waits for is not waited for again.
            if self.probe.is_none()
                && self.head_intent.is_none()
                && let Some(refusal) = self.admit_run(&statement, &statement.path, &[], now)?
            {
                self.head_statement = None;
                self.forget_unnamed();
                let refused = Refused {
                    header,
                    text: &statement.text,
                    channel: Channel::Simple,
                    binds: &[],
                    refusal,
                    drops_unnamed: false,
                };
                self.refuse_message(refused, window, now);
                return Ok(());
            }
            match self.probe_copies(&statement, window, now)? {
                Probed::Forward => {}
                Probed::Rejected => {
                    window.skip(header.frame_bytes);
                    self.head_statement = None;
                    return Ok(());
                }
            }
        }
        let ordinal = self.intend(&statement.text, Channel::Simple, &[], now)?;
        self.head_statement = None;
        self.probe = None;
        self.epoch += 1;
        self.forget_unnamed();
        self.follow_path(&statement, &statement.path, true);
        match statement.text.rewritten() {
            Some(text) => {
                window.skip(header.frame_bytes);
                window.insert_with(|out| message::write_query(out, &text));
            }
            None => window.pass(header.frame_bytes),
        }
        self.await_answer(Awaited::Query { statement, ordinal }, now);
        Ok(())
    }

    /// A simple query drops the unnamed statement and the unnamed portal.
    fn forget_unnamed(&mut self) {
        self.names.set_portal(b"", None);
        self.names.set_statement(b"", None);
    }

    /// The statement at the head of the client's window.
    fn statement(&mut self, text: &[u8], window: &mut Window) -> Result<Rc<Statement>, Halt> {
        let own = StatementText::new(text, &self.tokens, self.rules.catalog());
        let path = match self.pipeline.is_skipping() {
            true => SearchPath::Unknown,
            false => self.settle_path(&own, window)?,
        };
        let text = match self.rules.rewritten(&own, &path) {
            Some(text) => {
                StatementText::in_place_of(own, &text, &self.tokens, self.rules.catalog())
            }
            None => own,
        };
        Ok(Statement::new(text, path))
    }

    /// Writes the INTENT of the message at the head of the window, once, and waits for it where
    /// the statement may write. Returns the statement's ordinal.
    pub(super) fn intend(
        &mut self,
        text: &StatementText,
        channel: Channel,
        binds: &[Option<Token>],
        now: Timestamp,
    ) -> Result<u64, Halt> {
        let (ordinal, record) = match self.head_intent {
            Some(written) => written,
            None => {
                let intent = Intent {
                    effect: text.effect,
                    channel,
                    text: &text.record,
                    token: text.token,
                    binds,
                    decision: &self.decision,
                };
                *self.head_intent.insert(self.journal.intent(now, &intent))
            }
        };
        if text.effect == Effect::MayWrite && !self.journal.is_durable(record) {
            return Err(Halt::Step(Step::AwaitDurable));
        }
        self.head_intent = None;
        Ok(ordinal)
    }

    // -- extended query ----------------------------------------------------------------------

    fn parse(
        &mut self,
        header: Header,
        body: &[u8],
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let mut reader = Reader::new(body);
        let malformed = |_| violation("malformed Parse");
        let name = reader.cstr().map_err(malformed)?;
        check_name(name)?;
        let text = reader.cstr().map_err(malformed)?;
        let types = reader.rest();
        let count = usize::from(reader.u16().map_err(malformed)?);
        if reader.rest().len() != count * 4 {
            return Err(violation("malformed Parse").into());
        }
        if !self.names.has_room() {
            let text = "too many prepared statements in one session";
            return Err(Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, text)
                .with_hint("DEALLOCATE statements that are not needed any more.")
                .into());
        }
        let statement = self.statement(text, window)?;
        if self.pipeline.is_skipping() {
            window.pass(header.frame_bytes);
            return Ok(());
        }
        if let Some(refusal) = self.admit(&statement, &statement.path)? {
            let refused = Refused {
                header,
                text: &statement.text,
                channel: Channel::Extended,
                binds: &[],
                refusal,
                drops_unnamed: name.is_empty(),
            };
            self.refuse_message(refused, window, now);
            return Ok(());
        }
        statement.take_name(name);
        statement.take_types(types.get(2..).unwrap_or_default());
        let undo = Some(self.names.set_statement(name, Some(Rc::clone(&statement))));
        self.epoch += 1;
        match statement.text.rewritten() {
            Some(text) => {
                window.skip(header.frame_bytes);
                window.insert_with(|out| message::write_typed_parse(out, name, &text, types));
            }
            None => window.pass(header.frame_bytes),
        }
        self.pipeline.push(Awaited::Parse {
            statement,
            undo,
            injected: false,
        });
        Ok(())
    }

    fn describe(&mut self, body: &[u8]) -> Result<(), Halt> {
        let (kind, name) = kind_and_name(body)?;
        check_name(name)?;
        if self.pipeline.is_skipping() {
            return Ok(());
        }
        let target = match kind {
            b'S' => {
                let known = self.names.statement(name);
                let statement = known.unwrap_or_else(Statement::unknown);
                Target::Statement(statement)
            }
            _ => {
                let portal = self.portal_or_cursor(name)?;
                portal.set_described(Described::Pending, self.epoch);
                Target::Portal(portal)
            }
        };
        self.pipeline.push(Awaited::Describe {
            target,
            injected: false,
        });
        Ok(())
    }

    fn execute(
        &mut self,
        header: Header,
        body: &[u8],
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let mut reader = Reader::new(body);
        let name = reader.cstr().map_err(|_| violation("malformed Execute"))?;
        check_name(name)?;
        reader.i32().map_err(|_| violation("malformed Execute"))?;
        if !reader.is_empty() {
            return Err(violation("malformed Execute").into());
        }
        if self.pipeline.is_skipping() {
            window.pass(header.frame_bytes);
            return Ok(());
        }
        let portal = self.portal_or_cursor(name)?;
        let statement = Rc::clone(&portal.statement);
        let path = portal.path.or(&self.path_for(&statement.text));
        // What its names stand for may have changed since it was parsed.
        if self.head_intent.is_none()
            && let Some(refusal) = self.admit_run(&statement, &path, &portal.elements, now)?
        {
            let refused = Refused {
                header,
                text: &statement.text,
                channel: Channel::Extended,
                binds: &portal.binds,
                refusal,
                drops_unnamed: false,
            };
            self.refuse_message(refused, window, now);
            return Ok(());
        }
        let ordinal = self.intend(&statement.text, Channel::Extended, &portal.binds, now)?;
        // Each time: the server looks the table up when it copies, not when it parses.
        self.inject_copy_probes(&statement, &path, window);
        let is_indirect = statement.text.is_indirect;
        let is_stale = !self.rules.judges_nothing() && !portal.is_described(self.epoch);
        if is_stale && !is_indirect {
            // Rows of a portal that nobody described just now could not be judged: Velum asks.
            self.ask_about(&portal, name, window);
        }
        self.epoch += 1;
        if is_indirect && !is_stale {
            // What runs now is all that it ever runs.
            portal.stay_described(self.epoch);
        }
        self.follow_path(&statement, &path, true);
        self.pipeline.push(Awaited::Execute {
            portal,
            path,
            ordinal,
            is_doubtful: is_stale && is_indirect,
        });
        window.pass(header.frame_bytes);
        Ok(())
    }

    /// Asks what the portal's rows look like, at this place of the client's messages. Not to be
    /// asked of rows that are another's (FETCH, EXECUTE) but right behind their Bind: the answer
    /// would be about whatever has the name now, and where nothing has, the server crashes.
    pub(super) fn ask_about(&mut self, portal: &Rc<Portal>, name: &[u8], window: &mut Window) {
        window.insert_with(|out| message::write_describe(out, b'P', name));
        portal.set_described(Described::Pending, self.epoch);
        let target = Target::Portal(Rc::clone(portal));
        self.pipeline.push(Awaited::Describe {
            target,
            injected: true,
        });
    }

    /// The portal of this name. One that no Bind made may be a cursor declared in SQL.
    fn portal_or_cursor(&mut self, name: &[u8]) -> Result<Rc<Portal>, Halt> {
        if let Some(portal) = self.names.portal(name) {
            return Ok(portal);
        }
        if !self.names.has_room() {
            return Err(too_many_portals().into());
        }
        // Remembered for how its first rows look.
        let cursor = Portal::unknown_cursor();
        self.names.set_portal(name, Some(Rc::clone(&cursor)));
        Ok(cursor)
    }

    fn close(&mut self, body: &[u8]) -> Result<(), Halt> {
        let (kind, name) = kind_and_name(body)?;
        check_name(name)?;
        if self.pipeline.is_skipping() {
            return Ok(());
        }
        let undo = Some(match kind {
            b'S' => self.names.set_statement(name, None),
            _ => self.names.set_portal(name, None),
        });
        self.pipeline.push(Awaited::Close {
            undo,
            injected: false,
        });
        Ok(())
    }
}

/// Refuses a name of a statement or portal that the server would cut: two names here could be one
/// there. It cuts after converting to its own encoding, which may lengthen what is not ASCII.
pub(super) fn check_name(name: &[u8]) -> Result<(), Refusal> {
    /// `NAMEDATALEN` without the terminator.
    const NAME_BYTES: usize = 63;
    if name.len() <= NAME_BYTES && name.is_ascii() {
        return Ok(());
    }
    let text = "names of prepared statements and portals have at most 63 characters, all of ASCII";
    Err(Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, text))
}

/// The text of a message that is one string and nothing else.
fn sole_text(body: &[u8]) -> Result<&[u8], Violation> {
    let mut reader = Reader::new(body);
    match reader.cstr() {
        Ok(text) if reader.is_empty() => Ok(text),
        _ => Err(violation("malformed Query")),
    }
}

/// The body of Describe and Close: `S` or `P`, then a name.
fn kind_and_name(body: &[u8]) -> Result<(u8, &[u8]), Violation> {
    let mut reader = Reader::new(body);
    let kind = reader
        .u8()
        .map_err(|_| violation("malformed Describe or Close"))?;
    let name = reader
        .cstr()
        .map_err(|_| violation("malformed Describe or Close"))?;
    if !matches!(kind, b'S' | b'P') || !reader.is_empty() {
        return Err(violation("malformed Describe or Close"));
    }
    Ok((kind, name))
}
