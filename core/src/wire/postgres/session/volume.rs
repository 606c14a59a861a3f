//! How much of what the server sends the client may have: spent before a row is released.

use crate::cell::{ColumnPlan, Decision, KnownRow};
use crate::error::Fault;
use crate::inspect::Inspect;
use crate::policy::guard::{Exhausted, Meter, Reason};
use crate::time::Timestamp;

use super::{Halt, Session};

/// Whose the rows of a result are.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// A column says it.
    is_named: bool,
    /// How many subjects a row may be of besides, whom no column names.
    nameless: u64,
}

impl Owner {
    pub(super) fn of(columns: &[ColumnPlan]) -> Self {
        let is_named = columns.iter().any(|plan| plan.is_counted);
        let nameless = columns.iter().map(|plan| plan.subjects_besides).max();
        let is_masked =
            |plan: &ColumnPlan| !matches!(plan.decision, Decision::Pass | Decision::Scan);
        let is_somebodys = !is_named && columns.iter().any(is_masked);
        Self {
            is_named,
            nameless: nameless.unwrap_or(0).max(u64::from(is_somebodys)),
        }
    }

    /// Spends the subjects of `rows`, those whose values `known` has kept, and the others.
    pub(super) fn spend(
        self,
        meter: &Meter,
        rows: u64,
        known: &mut KnownRow,
    ) -> Result<(), Exhausted> {
        let named = known.count(|subject| meter.meet(subject))?;
        let unnamed = if self.is_named {
            rows.saturating_sub(named)
        } else {
            0
        };
        meter.meet_nameless(rows.saturating_mul(self.nameless).saturating_add(unnamed))
    }
}

impl<I: Inspect> Session<I> {
    /// A meter by the policy in force, if that has a budget.
    pub(super) fn meter_now(&self, now: Timestamp) -> Option<Meter> {
        let policy = self.rules.policy();
        let budget = policy.guard.as_ref()?.volume.as_ref()?;
        let identity = self.journal.identity();
        Some(self.ledger.meter(identity, &policy.name, budget, now))
    }

    /// Counts rows that are to go to the client, or bytes of them.
    ///
    /// # Errors
    /// A budget that they would break: it ends the session.
    pub(super) fn spend(&self, rows: u64, bytes: usize) -> Result<(), Halt> {
        let spent = self
            .meter
            .as_ref()
            .map(|meter| meter.spend(rows, bytes as u64));
        spent
            .unwrap_or(Ok(()))
            .map_err(|exhausted| self.cut(exhausted))
    }

    /// Counts whose the row is that was noted last.
    ///
    /// # Errors
    /// As [`Session::spend`].
    pub(super) fn spend_subjects(&mut self) -> Result<(), Halt> {
        let Some(meter) = &self.meter else {
            return Ok(());
        };
        let known = self.answering.edits.known();
        let spent = self.answering.owner.spend(meter, 1, known);
        spent.map_err(|exhausted| self.cut(exhausted))
    }

    /// Counts rows of whose values none is remembered.
    ///
    /// # Errors
    /// As [`Session::spend`].
    pub(super) fn spend_unseen(&self, rows: u64) -> Result<(), Halt> {
        let Some(meter) = &self.meter else {
            return Ok(());
        };
        let spent = self
            .answering
            .owner
            .spend(meter, rows, &mut KnownRow::default());
        spent.map_err(|exhausted| self.cut(exhausted))
    }

    pub(super) fn cut(&self, exhausted: Exhausted) -> Halt {
        let denial = self.rules.policy().deny(Reason::Exhausted(exhausted));
        Halt::Fault(Fault::Refusal(denial.to_refusal()))
    }
}
