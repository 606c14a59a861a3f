//! Statements that the policy does not let run.
//!
//! In the place of a refused message the server gets one that fails for certain: then a transaction
//! that is open has failed, what the client sent behind it is skipped, and ReadyForQuery says what
//! it has to, as after any error. Only the words of the error are Velum's.

use std::rc::Rc;

use crate::audit::record::{Channel, Effect};
use crate::audit::token::Token;
use crate::bytes::Window;
use crate::error::Refusal;
use crate::inspect::Inspect;
use crate::policy::guard::{Denial, Meter, Reason};
use crate::sql::SearchPath;
use crate::sql::effects::Class;
use crate::sql::lineage::Handle;
use crate::time::Timestamp;

use super::super::frame::Header;
use super::super::message;
use super::changes::Change;
use super::journal::Intent;
use super::lineage::Source;
use super::pipeline::Awaited;
use super::rulebook::Unknown;
use super::statements::{Compared, Elements, Statement};
use super::text::StatementText;
use super::{Halt, Session, Step};

/// What the server gets to read. No SQL begins so, whatever it is set to.
const FAILING: &[u8] = b"refused by the gateway";

/// A message that is refused.
pub(super) struct Refused<'a> {
    pub(super) header: Header,
    pub(super) text: &'a StatementText,
    pub(super) channel: Channel,
    pub(super) binds: &'a [Option<Token>],
    pub(super) refusal: Refusal,
    /// It is a Parse of the unnamed statement.
    pub(super) drops_unnamed: bool,
}

impl<I: Inspect> Session<I> {
    /// May the statement run, by what its names stand for now? Waits for a catalog where it is
    /// certain that there is a newer one, or names something that the one at hand does not have.
    pub(super) fn admit(
        &mut self,
        statement: &Statement,
        path: &SearchPath,
    ) -> Result<Option<Refusal>, Halt> {
        if self.rules.policy().guard.is_none() {
            return Ok(None);
        }
        if let Some(refusal) = self.deny_text(statement) {
            return Ok(Some(refusal));
        }
        if self.awaits_catalog {
            return Err(Halt::Step(Step::AwaitCatalog));
        }
        // Once what changes names has ended, a catalog tells what they stand for.
        let ends_soon = self.transaction == b'I' && !self.pipeline.is_unsynced();
        if self.change == Change::Open && ends_soon && !self.pipeline.is_idle() {
            return Err(Halt::Step(Step::AwaitPeer));
        }
        self.expect_catalog()?;
        if statement.admitted(self.rules.epoch(), path, &[]).is_some() {
            return Ok(None);
        }
        match Source::of(statement, 0, path) {
            Some(source) => self.admit_source(statement, &source),
            None => Ok(self.admit_unread(statement)),
        }
    }

    /// The same for a statement that is to run now, with these elements of its parameters.
    pub(super) fn admit_run(
        &mut self,
        statement: &Statement,
        path: &SearchPath,
        elements: &[Elements],
        now: Timestamp,
    ) -> Result<Option<Refusal>, Halt> {
        if let Some(meter) = &mut self.meter {
            meter.tick(now);
        }
        if let Some(refusal) = self.admit(statement, path)? {
            return Ok(Some(refusal));
        }
        let policy = self.rules.policy();
        let Some(guard) = &policy.guard else {
            return Ok(None);
        };
        if let Some(exhausted) = self.meter.as_ref().and_then(Meter::exhausted)
            && !self.is_frame(statement)
        {
            return Ok(Some(policy.deny(Reason::Exhausted(exhausted)).to_refusal()));
        }
        let own = statement.admitted(self.rules.epoch(), path, elements);
        let own = own.unwrap_or(0);
        let prepared = match self.prepared_probes(statement) {
            Ok(probes) => probes,
            Err(denial) => return Ok(Some(denial.to_refusal())),
        };
        let probes = own.saturating_add(prepared);
        let identity = self.journal.identity();
        let may_draw = || {
            self.ledger
                .draw(identity, &policy.name, guard.probes, probes, now)
        };
        if probes == 0 || may_draw() {
            return Ok(None);
        }
        Ok(Some(policy.deny(Reason::Spent(guard.probes)).to_refusal()))
    }

    /// Refuses a text that is not one of those that alone may run.
    fn deny_text(&self, statement: &Statement) -> Option<Refusal> {
        let policy = self.rules.policy();
        let granted = policy.guard.as_ref()?.statements.as_ref()?;
        let hash = statement.text.sha256();
        let is_granted = hash.is_some_and(|hash| granted.contains(&hash));
        let is_refused = !is_granted && !self.is_frame(statement);
        is_refused.then(|| policy.deny(Reason::Statement).to_refusal())
    }

    /// Does all of it only begin, end or hold what others do?
    fn is_frame(&self, statement: &Statement) -> bool {
        let source = Source::of(statement, 0, &statement.path);
        let known = source.and_then(|source| self.rules.statements_of(&source));
        known.is_some_and(|known| {
            let mut commands = known.iter().flat_map(|it| &it.effects.commands);
            commands.all(|class| class.is_frame())
        })
    }

    /// What the statements that were prepared in SQL, and are executed by this one, compare. One
    /// that is not known any more counts as one value.
    fn prepared_probes(&self, statement: &Statement) -> Result<u32, Denial> {
        if !statement.text.may_execute {
            return Ok(0);
        }
        let source = Source::of(statement, 0, &statement.path);
        let Some(known) = source.and_then(|it| self.rules.statements_of(&it)) else {
            return Ok(1);
        };
        let mut probes: u32 = 0;
        let executes = |class| matches!(class, Class::Execute | Class::Explain);
        for analysis in known.iter().filter(|it| executes(it.effects.class)) {
            let Some(handle) = &analysis.lineage.handle else {
                continue;
            };
            let more = match self.prepared(handle) {
                Some(source) => self.rules.admit(&source)?.probes,
                None => 1,
            };
            probes = probes.saturating_add(more);
        }
        Ok(probes)
    }

    /// What was prepared under this name, in SQL or by a Parse. The names of the one are looked up
    /// anew by whatever path there is, those of the other were judged by one alone.
    fn prepared(&self, handle: &Handle) -> Option<Source> {
        let by_name = || match handle {
            Handle::Prepared(name) => {
                let statement = self.names.statement(name.as_bytes())?;
                Source::of(&statement, 0, &SearchPath::Unknown)
            }
            Handle::Cursor(_) => None,
        };
        self.handles.get(handle).cloned().or_else(by_name)
    }

    fn admit_source(
        &mut self,
        statement: &Statement,
        source: &Source,
    ) -> Result<Option<Refusal>, Halt> {
        if self.rules.names_unknown(source) {
            self.expect_names(source)?;
        }
        match self.rules.admit(source) {
            Ok(admission) => {
                // It may run before its end is seen, and what follows with it.
                if admission.changes_names {
                    self.begin_change();
                }
                let compared = Compared {
                    values: admission.probes,
                    lists: admission.lists,
                };
                statement.set_admitted(self.rules.epoch(), &source.path, compared);
                Ok(None)
            }
            Err(denial) => Ok(Some(denial.to_refusal())),
        }
    }

    /// A text that is too long to be kept, or one that was prepared in SQL, and admitted there.
    fn admit_unread(&self, statement: &Statement) -> Option<Refusal> {
        let bytes = statement.text.bytes;
        let reason = Reason::TooLong { bytes };
        (bytes > 0).then(|| self.rules.policy().deny(reason).to_refusal())
    }

    /// Asks for a catalog that may have what the statement names, once.
    fn expect_names(&mut self, source: &Source) -> Result<(), Halt> {
        let names = Unknown::Names(match self.transaction {
            b'I' => self.tokens.token(&source.text),
            // What the session made in its open transaction nobody else can see.
            _ => Token([0; 12]),
        });
        if !self.asked.insert(names) {
            return Ok(());
        }
        self.awaits_catalog = true;
        Err(Halt::Step(Step::AwaitCatalog))
    }

    /// Puts a message that fails in the place of the one at the head of the window.
    pub(super) fn refuse_message(
        &mut self,
        refused: Refused<'_>,
        window: &mut Window,
        now: Timestamp,
    ) {
        let Refused {
            header,
            text,
            channel,
            binds,
            refusal,
            drops_unnamed,
        } = refused;
        if drops_unnamed {
            self.names.set_statement(b"", None);
        }
        let decision = format!("deny: {}", refusal.message).into();
        let (ordinal, _) = self.journal.intent(
            now,
            &Intent {
                // Nothing runs.
                effect: Effect::Read,
                channel,
                text: &text.record,
                token: text.token,
                binds,
                decision: &decision,
            },
        );
        window.skip(header.frame_bytes);
        let is_extended = channel == Channel::Extended;
        match is_extended {
            true => {
                // A Parse that fails drops the unnamed statement, and no named one.
                let name = if drops_unnamed {
                    b""
                } else {
                    self.probe_name.as_bytes()
                };
                window.insert_with(|out| message::write_parse(out, name, FAILING));
            }
            false => window.insert_with(|out| message::write_query(out, FAILING)),
        }
        let refused = Awaited::Refused {
            refusal: Rc::new(refusal),
            ordinal,
            is_extended,
        };
        self.await_answer(refused, now);
    }

    /// The refusal that the error at hand stands for.
    pub(super) fn refusal_told(&mut self) -> Option<Rc<Refusal>> {
        match self.pipeline.front()? {
            Awaited::Refused { refusal, .. } => Some(Rc::clone(refusal)),
            _ => None,
        }
    }
}
