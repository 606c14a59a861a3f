//! Answers that the server owes, in order.
//!
//! Every message that the server answers has an entry; an answer that no entry awaits is a
//! violation. After an error in the extended protocol the server skips to the next Sync, and so
//! does this queue.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::error::Refusal;
use crate::limits;
use crate::sql::SearchPath;

use super::statements::{Portal, Statement, Undo};

/// A message that the server will answer.
pub(super) enum Awaited {
    /// The start-up: ends with the first ReadyForQuery.
    Startup,
    /// Query: any number of results, then ReadyForQuery.
    Query {
        /// Its statement, for texts and COPY shapes.
        statement: Rc<Statement>,
        /// Of the record.
        ordinal: u64,
    },
    /// Parse → ParseComplete
    Parse {
        statement: Rc<Statement>,
        undo: Option<Undo>,
        /// Velum's own: the answer is swallowed.
        injected: bool,
    },
    /// Bind → BindComplete
    Bind {
        portal: Rc<Portal>,
        undo: Option<Undo>,
    },
    /// Describe → [ParameterDescription] (RowDescription | NoData)
    Describe { target: Target, injected: bool },
    /// Execute → a result
    Execute {
        portal: Rc<Portal>,
        /// By which its names are looked up, if it was not planned before.
        path: SearchPath,
        ordinal: u64,
        /// What it was described as may not be what it returns.
        is_doubtful: bool,
    },
    /// Close → CloseComplete
    Close { undo: Option<Undo>, injected: bool },
    /// Sync → ReadyForQuery
    Sync { injected: bool },
    /// A Sync that the server may have read inside of COPY FROM STDIN, where it ignores it.
    DoubtfulSync,
    /// FunctionCall → FunctionCallResponse, then ReadyForQuery
    FunctionCall {
        result: FunctionResult,
        ordinal: u64,
    },
    /// In the place of a message that was refused → ErrorResponse, and ReadyForQuery if that
    /// was a Query or a FunctionCall
    Refused {
        /// What the client is told.
        refusal: Rc<Refusal>,
        ordinal: u64,
        is_extended: bool,
    },
    /// Velum's question about the search path, from its Parse to its Sync → all of the answer
    Path,
    /// CopyDone or CopyFail: not answered by itself; it marks the end of COPY FROM STDIN.
    CopyEnd,
}

/// What a Describe is about.
pub(super) enum Target {
    /// A prepared statement.
    Statement(Rc<Statement>),
    /// A portal.
    Portal(Rc<Portal>),
    /// Columns of the statement's COPY of this index, whose names are looked up by this path.
    Copy(Rc<Statement>, usize, SearchPath),
}

/// What may be shown of a FunctionCallResponse.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FunctionResult {
    /// A function of the large-object interface: its result is inspected.
    LargeObject,
    /// Any other: under column rules nothing of it is shown.
    Any,
}

impl Awaited {
    fn is_sync(&self) -> bool {
        matches!(self, Awaited::Sync { .. } | Awaited::DoubtfulSync)
    }

    /// True if an error makes the server skip to the next Sync.
    fn is_extended(&self) -> bool {
        matches!(
            self,
            Awaited::Parse { .. }
                | Awaited::Bind { .. }
                | Awaited::Describe { .. }
                | Awaited::Execute { .. }
                | Awaited::Close { .. }
                | Awaited::Refused {
                    is_extended: true,
                    ..
                }
        )
    }

    /// True for Velum's own questions about the columns of a COPY.
    pub(super) fn is_probe(&self) -> bool {
        matches!(
            self,
            Awaited::Parse { injected: true, .. }
                | Awaited::Describe {
                    target: Target::Copy(..),
                    ..
                }
                | Awaited::Close { injected: true, .. }
        )
    }

    /// True for every question of Velum's own, which the client has not asked.
    pub(super) fn is_injected(&self) -> bool {
        matches!(
            self,
            Awaited::Parse { injected: true, .. }
                | Awaited::Describe { injected: true, .. }
                | Awaited::Close { injected: true, .. }
        )
    }

    /// The ordinal of its record, if it has one.
    pub(super) fn ordinal(&self) -> Option<u64> {
        match self {
            Awaited::Query { ordinal, .. }
            | Awaited::Execute { ordinal, .. }
            | Awaited::FunctionCall { ordinal, .. }
            | Awaited::Refused { ordinal, .. } => Some(*ordinal),
            _ => None,
        }
    }

    /// The statement whose words an error may quote.
    pub(super) fn statement(&self) -> Option<&Rc<Statement>> {
        match self {
            Awaited::Query { statement, .. } | Awaited::Parse { statement, .. } => Some(statement),
            Awaited::Bind { portal, .. } | Awaited::Execute { portal, .. } => {
                Some(&portal.statement)
            }
            Awaited::Describe { target, .. } => Some(match target {
                Target::Statement(statement) | Target::Copy(statement, ..) => statement,
                Target::Portal(portal) => &portal.statement,
            }),
            _ => None,
        }
    }
}

/// The queue. See the module's text.
pub(super) struct Pipeline {
    queue: VecDeque<Awaited>,
    /// The server skips what the client sends until a Sync that has not come yet.
    skipping: bool,
    /// The server reads COPY data and the client has not ended it.
    copy_in: bool,
    /// See [`Pipeline::is_unsynced`].
    unsynced: bool,
    /// ReadyForQuery answers that may come without an entry, see [`Awaited::DoubtfulSync`].
    spare_ready: usize,
}

impl Pipeline {
    pub(super) fn new() -> Self {
        let queue = VecDeque::from([Awaited::Startup]);
        Self {
            queue,
            skipping: false,
            copy_in: false,
            unsynced: false,
            spare_ready: 0,
        }
    }

    /// True if the client must not be read until the server has answered some.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= limits::PIPELINE_MESSAGES
    }

    /// True if the server owes nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.queue
            .iter()
            .all(|awaited| matches!(awaited, Awaited::CopyEnd))
    }

    /// True if a ReadyForQuery may come, or not come, that nobody can tell from others.
    pub(super) fn is_doubtful(&self) -> bool {
        let mut queue = self.queue.iter();
        self.spare_ready > 0 || queue.any(|it| matches!(it, Awaited::DoubtfulSync))
    }

    /// True if messages of the extended protocol were sent that no Sync has ended.
    pub(super) fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// True if the server will not look at a message sent now (other than Sync).
    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Notes that a message was sent. Gives it back if the server will skip it.
    pub(super) fn push(&mut self, awaited: Awaited) -> Option<Awaited> {
        if self.skipping {
            if !awaited.is_sync() {
                return Some(awaited);
            }
            self.skipping = false;
        } else if self.copy_in && awaited.is_sync() {
            return None;
        }
        self.unsynced = awaited.is_extended();
        self.queue.push_back(awaited);
        None
    }

    /// Notes CopyDone or CopyFail.
    pub(super) fn push_copy_end(&mut self) {
        if self.copy_in {
            self.copy_in = false;
        } else if !self.skipping {
            self.queue.push_back(Awaited::CopyEnd);
        }
    }

    /// What the server answers now.
    pub(super) fn front(&mut self) -> Option<&mut Awaited> {
        while matches!(self.queue.front(), Some(Awaited::CopyEnd)) {
            self.queue.pop_front();
        }
        self.queue.front_mut()
    }

    /// The statement whose rows come next of those that are executed by portals.
    pub(super) fn next_execute(&self) -> Option<u64> {
        let is_execute = |awaited: &&Awaited| matches!(awaited, Awaited::Execute { .. });
        self.queue.iter().find(is_execute)?.ordinal()
    }

    /// The answer to the front is complete.
    pub(super) fn pop(&mut self) -> Option<Awaited> {
        self.front()?;
        self.queue.pop_front()
    }

    /// Drops doubtful Syncs at the front: an answer came that is not theirs.
    pub(super) fn drop_doubtful(&mut self) {
        while matches!(self.front(), Some(Awaited::DoubtfulSync)) {
            self.queue.pop_front();
        }
    }

    /// The same, if something else is awaited that the answer can belong to.
    pub(super) fn drop_doubtful_before_answer(&mut self) {
        if self
            .queue
            .iter()
            .any(|awaited| !matches!(awaited, Awaited::DoubtfulSync))
        {
            self.drop_doubtful();
        }
    }

    /// CopyInResponse came: Syncs that were sent before the end of the data are ignored by the
    /// server, if it gets to read them.
    pub(super) fn begin_copy_in(&mut self) {
        let end = self
            .queue
            .iter()
            .position(|awaited| matches!(awaited, Awaited::CopyEnd));
        for awaited in self.queue.iter_mut().take(end.unwrap_or(usize::MAX)) {
            if awaited.is_sync() {
                *awaited = Awaited::DoubtfulSync;
            }
        }
        match end {
            Some(end) => drop(self.queue.remove(end)),
            None => self.copy_in = true,
        }
    }

    /// An error came. Returns the entries that will not be answered any more, in order.
    pub(super) fn fail(&mut self) -> Vec<Awaited> {
        self.copy_in = false;
        let mut dropped = Vec::new();
        if !self.front().is_some_and(|front| front.is_extended()) {
            return dropped;
        }
        while let Some(awaited) = self.queue.front() {
            if awaited.is_sync() {
                return dropped;
            }
            dropped.extend(self.queue.pop_front());
        }
        self.skipping = true;
        dropped
    }

    /// ReadyForQuery came. Returns its entry; `None` if nothing awaited it.
    pub(super) fn ready(&mut self) -> Option<Awaited> {
        match self.front() {
            Some(Awaited::DoubtfulSync) => {
                let before = self.queue.len();
                self.drop_doubtful();
                if matches!(self.front(), Some(Awaited::Sync { .. })) {
                    self.queue.pop_front();
                }
                // Any of them may have been the one that was answered.
                self.spare_ready += before - self.queue.len() - 1;
                return Some(Awaited::DoubtfulSync);
            }
            Some(
                Awaited::Startup
                | Awaited::Query { .. }
                | Awaited::Sync { .. }
                | Awaited::FunctionCall { .. }
                | Awaited::Refused {
                    is_extended: false, ..
                },
            ) => return self.queue.pop_front(),
            _ => {}
        }
        self.spare_ready = self.spare_ready.checked_sub(1)?;
        Some(Awaited::DoubtfulSync)
    }
}
