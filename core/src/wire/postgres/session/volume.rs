//! How much of what the server sends the client may have: spent before a row is released.

use crate::cell::{ColumnPlan, Decision};
use crate::error::Fault;
use crate::inspect::Inspect;
use crate::policy::guard::{Exhausted, Meter, Reason};
use crate::time::Timestamp;

use super::{Halt, Session};

/// Whose the rows of a result are.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nothing in them is masked.
    #[default]
    Nobody,
    /// A column says it.
    Named,
    /// Somebody's each, and no column says whose.
    Nameless,
}

impl Owner {
    pub(super) fn of(columns: &[ColumnPlan]) -> Self {
        let mut decisions = columns.iter().map(|plan| plan.decision);
        if columns.iter().any(|plan| plan.is_counted) {
            Owner::Named
        } else if decisions.any(|it| !matches!(it, Decision::Pass | Decision::Scan)) {
            Owner::Nameless
        } else {
            Owner::Nobody
        }
    }

    /// The same where no value is remembered.
    pub(super) fn unseen(self) -> Self {
        match self {
            Owner::Named => Owner::Nameless,
            owner => owner,
        }
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
    pub(super) fn spend(&self, rows: u64, bytes: usize, owner: Owner) -> Result<(), Halt> {
        let Some(meter) = &self.meter else {
            return Ok(());
        };
        let spent = meter.spend(rows, bytes as u64);
        let spent = spent.and_then(|()| match owner {
            Owner::Nameless => meter.meet_nameless(rows),
            Owner::Nobody | Owner::Named => Ok(()),
        });
        spent.map_err(|exhausted| self.cut(exhausted))
    }

    /// Counts whose rows the last frame held.
    ///
    /// # Errors
    /// One more than the budget has: nothing follows.
    pub(super) fn spend_subjects(&mut self) -> Result<(), Halt> {
        let Some(meter) = &self.meter else {
            return Ok(());
        };
        let known = match &mut self.answering.copy_out {
            Some(copy) => copy.known(),
            None => self.answering.edits.known(),
        };
        let met = known.count(|subject| meter.meet(subject));
        met.map_err(|exhausted| self.cut(exhausted))
    }

    fn cut(&self, exhausted: Exhausted) -> Halt {
        let denial = self.rules.policy().deny(Reason::Exhausted(exhausted));
        Halt::Fault(Fault::Refusal(denial.to_refusal()))
    }
}
