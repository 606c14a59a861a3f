//! Columns of `COPY … TO STDOUT`: the protocol does not describe them, so Velum asks.
//!
//! A named statement of Velum's own that selects the same columns is parsed, described and
//! closed; the answers are swallowed. In the extended protocol the question travels just
//! before the client's Execute, and its error is what the Execute would have come to. A simple
//! query waits for the answer, so that a failed question never spoils a transaction without the
//! client being told why.

use std::rc::Rc;

use crate::bytes::Window;
use crate::inspect::Inspect;
use crate::sql::SearchPath;
use crate::time::Timestamp;

use super::super::message;
use super::pipeline::{Awaited, Target};
use super::statements::Statement;
use super::{Halt, Session, Step};

/// How far the probe of the simple query at the head of the client's window is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// The answer is still to come.
    Sent,
    /// It failed inside of a transaction block: the client gets that error as its answer.
    Failing,
    /// Answered, as well as could be.
    Answered,
    /// The error was given to the client; its query is not forwarded.
    Rejected,
}

/// What becomes of the query.
pub(super) enum Probed {
    /// It goes on its way.
    Forward,
    /// It was answered already.
    Rejected,
}

impl<I: Inspect> Session<I> {
    /// Finds the columns of a simple query's COPYs.
    pub(super) fn probe_copies(
        &mut self,
        statement: &Rc<Statement>,
        window: &mut Window,
        now: Timestamp,
    ) -> Result<Probed, Halt> {
        match self.probe {
            None if !self.may_probe(statement) => Ok(Probed::Forward),
            None => {
                self.inject_copy_probes(statement, &statement.path, window);
                window.insert_with(message::write_sync);
                self.await_answer(Awaited::Sync { injected: true }, now);
                self.probe = Some(Probe::Sent);
                Err(Halt::Step(Step::AwaitPeer))
            }
            Some(Probe::Sent | Probe::Failing) => Err(Halt::Step(Step::AwaitPeer)),
            // Kept until the query is on its way, which its INTENT may delay.
            Some(Probe::Answered) => Ok(Probed::Forward),
            Some(Probe::Rejected) => {
                self.probe = None;
                Ok(Probed::Rejected)
            }
        }
    }

    /// Whether a question can and needs to go before the simple query. Behind messages of the
    /// extended protocol that no Sync has ended it cannot: its own Sync would end what they began.
    /// Columns that nobody asked about are masked whole.
    fn may_probe(&self, statement: &Statement) -> bool {
        let has_probes = statement
            .text
            .copies
            .iter()
            .any(|copy| copy.probe.is_some());
        has_probes && !self.rules.judges_nothing() && !self.pipeline.is_unsynced()
    }

    /// Puts the questions for each COPY of `statement` before the message at hand.
    pub(super) fn inject_copy_probes(
        &mut self,
        statement: &Rc<Statement>,
        path: &SearchPath,
        window: &mut Window,
    ) {
        if self.rules.judges_nothing() {
            return;
        }
        let name = self.probe_name.as_bytes();
        let copies = statement.text.copies.iter().enumerate();
        for (index, probe) in copies.filter_map(|(index, copy)| Some((index, copy.probe.as_ref()?)))
        {
            window.insert_with(|out| {
                message::write_parse(out, name, probe);
                message::write_describe(out, b'S', name);
                message::write_close(out, b'S', name);
            });
            let owner = Rc::clone(statement);
            self.pipeline.push(Awaited::Parse {
                statement: Rc::clone(statement),
                undo: None,
                injected: true,
            });
            let target = Target::Copy(owner, index, path.clone());
            self.pipeline.push(Awaited::Describe {
                target,
                injected: true,
            });
            self.pipeline.push(Awaited::Close {
                undo: None,
                injected: true,
            });
        }
    }

    /// An error came while a simple query's probe is out. True if it is to be swallowed.
    pub(super) fn probe_failed(&mut self) -> bool {
        let in_block = self.transaction != b'I';
        if self.probe != Some(Probe::Sent) {
            return false;
        }
        if in_block {
            self.probe = Some(Probe::Failing);
        }
        !in_block
    }

    /// The probe's ReadyForQuery came. True if it is to be swallowed.
    pub(super) fn probe_ready(&mut self) -> bool {
        let failing = self.probe == Some(Probe::Failing);
        self.probe = Some(if failing {
            Probe::Rejected
        } else {
            Probe::Answered
        });
        !failing
    }
}
