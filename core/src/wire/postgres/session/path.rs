//! Where the session's names are looked up, where that matters: a name without a schema has
//! relations in several.
//!
//! The server alone knows the path it begins with, and what a function made of it. So Velum asks
//! ([`QUESTION`]): between transactions, before a statement that a path matters to, and only if
//! something ran since the last time that may have changed it. In a transaction it cannot ask.
//! There a path that was known at first is followed through what the client's own statements say
//! literally. Whatever else may have changed it makes it unknown: then a name stands for every
//! relation of that name.

use crate::bytes::{Reader, Window};
use crate::inspect::Inspect;
use crate::sql::SearchPath;
use crate::sql::effects::PathChange;

use super::super::frame::Header;
use super::super::message::{self, server};
use super::pipeline::Awaited;
use super::server::{body_mut, violation};
use super::statements::Statement;
use super::text::StatementText;
use super::{Halt, Session, Step};

/// The setting, the user that `$user` stands for, and whether there may be temporary tables, which
/// are found first. Every name in it is PostgreSQL's own, whatever the path.
const QUESTION: &[u8] = b"SELECT pg_catalog.current_setting('search_path'), CURRENT_USER, \
    pg_catalog.pg_my_temp_schema()";

/// What is known of the path.
pub(super) struct Path {
    /// When the last transaction ended.
    base: SearchPath,
    /// For a statement that is sent now.
    now: SearchPath,
    /// All that it was since the last transaction ended.
    all: SearchPath,
    /// What it is if everything that was sent succeeds.
    next: Option<SearchPath>,
    /// There may be relations that the catalog does not have.
    has_made: bool,
    /// It makes no sense to ask.
    is_silent: bool,
    /// What the question was answered with.
    answer: Option<SearchPath>,
}

impl Path {
    /// Of a session that has not begun.
    pub(super) fn new() -> Self {
        Self {
            base: SearchPath::Unknown,
            now: SearchPath::Unknown,
            all: SearchPath::Unknown,
            next: None,
            has_made: false,
            is_silent: false,
            answer: None,
        }
    }

    /// It may be any.
    fn lose(&mut self) {
        self.learn(SearchPath::Unknown);
    }

    /// It is this one, and nothing is on its way.
    fn learn(&mut self, path: SearchPath) {
        self.base = path.clone();
        self.all = path;
        self.go_back();
    }

    /// A statement is on its way that does this to it.
    fn follow(&mut self, change: &PathChange) {
        match change {
            PathChange::None => {}
            PathChange::To(path) => {
                self.may_be(path);
                self.next = Some(path.clone());
            }
            PathChange::Back => self.go_back(),
            PathChange::Unknown => self.lose(),
            PathChange::Made => {
                self.lose();
                self.has_made = true;
            }
        }
    }

    /// It may be this one as well.
    fn may_be(&mut self, path: &SearchPath) {
        self.now = self.now.or(path);
        self.all = self.all.or(path);
    }

    /// It may be any that it was.
    pub(super) fn go_back(&mut self) {
        self.now = self.all.clone();
        self.next = None;
    }

    /// The server reports the setting. It may have been changed from outside.
    pub(super) fn note_parameter(&mut self, body: &[u8]) {
        let Some(value) = body.strip_prefix(b"search_path\0") else {
            return;
        };
        let value = value.strip_suffix(b"\0").unwrap_or(value);
        match SearchPath::of_setting(value, None) {
            path @ SearchPath::Known(_) => self.may_be(&path),
            SearchPath::Unknown => self.lose(),
        }
    }

    /// ReadyForQuery came, and the server owes nothing more if `is_idle`.
    pub(super) fn ready(&mut self, status: u8, is_idle: bool) {
        match (status, is_idle) {
            // All has succeeded, in a transaction that lasts. Who does not know what it was at
            // first does not know either whether there are temporary tables.
            (b'T', true) => {
                if let Some(next) = self.next.take()
                    && self.all != SearchPath::Unknown
                {
                    self.now = next;
                }
            }
            (b'T', false) => {}
            (b'I', true) if self.all == self.base => self.go_back(),
            (b'I', true) => self.lose(),
            _ => self.go_back(),
        }
    }
}

impl<I: Inspect> Session<I> {
    /// The path by which a statement of this text is judged that is sent now. Asks for it first
    /// where it is not known and the answer matters, to this statement or to those that follow it
    /// in a transaction.
    pub(super) fn settle_path(
        &mut self,
        text: &StatementText,
        window: &mut Window,
    ) -> Result<SearchPath, Halt> {
        let is_known = self.path.now != SearchPath::Unknown;
        let is_free = self.transaction == b'I' && !self.pipeline.is_unsynced();
        let is_clear = !self.pipeline.is_doubtful() && !self.answering.copy_in;
        let may_ask = is_free && is_clear && !self.path.is_silent;
        if is_known || !may_ask || !self.rules.wants_path(text) {
            return Ok(self.path_for(text));
        }
        if !self.pipeline.is_idle() {
            return Err(Halt::Step(Step::AwaitPeer));
        }
        self.expect_catalog()?;
        if std::mem::take(&mut self.path.has_made) {
            self.awaits_catalog = true;
        }
        if self.awaits_catalog {
            return Err(Halt::Step(Step::AwaitCatalog));
        }
        let name = self.probe_name.as_bytes();
        window.insert_with(|out| {
            message::write_parse(out, name, QUESTION);
            message::write_bind(out, name, name);
            message::write_execute(out, name);
            message::write_close(out, b'S', name);
            message::write_sync(out);
        });
        self.pipeline.push(Awaited::Path);
        Err(Halt::Step(Step::AwaitPeer))
    }

    /// The path by which a statement of this text is judged that is sent now.
    pub(super) fn path_for(&self, text: &StatementText) -> SearchPath {
        self.rules.path_for(text, &self.path.now)
    }

    /// A statement of this text, whose names are looked up by `path`, is on its way: to be run, or
    /// only to be planned, which runs functions.
    pub(super) fn follow_path(&mut self, statement: &Statement, path: &SearchPath, runs: bool) {
        if self.path.all == SearchPath::Unknown && self.path.has_made {
            return;
        }
        let known = self.rules.statements_by(&statement.text, path);
        let Some(statements) = known.filter(|_| !statement.has_own_types()) else {
            return self.lose_path();
        };
        for statement in &*statements {
            match &statement.path_change {
                PathChange::To(_) | PathChange::Back if !runs => {}
                change => self.path.follow(change),
            }
        }
    }

    /// Code that nobody has read is on its way.
    pub(super) fn lose_path(&mut self) {
        self.path.follow(&PathChange::Made);
    }

    /// Does a frame of this type belong to the answer to Velum's own question?
    pub(super) fn is_path_answer(&mut self, tag: u8) -> bool {
        let is_by_the_way = matches!(
            tag,
            server::NOTICE_RESPONSE | server::NOTIFICATION_RESPONSE | server::PARAMETER_STATUS
        );
        !is_by_the_way && matches!(self.pipeline.front(), Some(Awaited::Path))
    }

    /// A frame of the answer to Velum's own question, none of which is the client's.
    pub(super) fn path_answer(&mut self, header: Header, window: &mut Window) -> Result<(), Halt> {
        let body = body_mut(window, header);
        match header.tag {
            server::PARSE_COMPLETE
            | server::BIND_COMPLETE
            | server::COMMAND_COMPLETE
            | server::CLOSE_COMPLETE => {}
            server::DATA_ROW => self.path.answer = Some(read_answer(body)),
            server::ERROR_RESPONSE => {
                self.path.answer = None;
                if self.rules.veil_notice(body)?.is_fatal {
                    self.answering.took_leave = true;
                    window.pass(header.frame_bytes);
                    return Ok(());
                }
            }
            server::READY_FOR_QUERY if body == b"I" => {
                self.pipeline.pop();
                let answer = self.path.answer.take().unwrap_or(SearchPath::Unknown);
                self.path.is_silent = answer == SearchPath::Unknown;
                self.path.learn(answer);
            }
            _ => return Err(violation("answer out of place").into()),
        }
        window.skip(header.frame_bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

/// The path that a row of the answer says.
fn read_answer(body: &[u8]) -> SearchPath {
    let mut reader = Reader::new(body);
    let mut read = || {
        let count = reader.u16().ok()?;
        let mut value = || {
            let length = usize::try_from(reader.i32().ok()?).ok()?;
            reader.take(length).ok()
        };
        let (setting, user, temporary) = (value()?, value()?, value()?);
        (count == 3 && temporary == b"0").then(|| SearchPath::of_setting(setting, Some(user)))
    };
    read().unwrap_or(SearchPath::Unknown)
}
