//! Which statements may run: commands, tables, functions, and what may be learnt of columns under
//! rules without seeing them.
//!
//! * [`Guard`]: what a policy says of it.
//! * [`Policy::admit`](super::Policy::admit): the decision about the statements of a text; pure.
//! * [`Denial`]: what is refused, by which rule, and how to ask for it.

mod budget;
mod cells;
mod decide;
mod denial;
mod hidden;
mod rewritten;
#[cfg(test)]
mod tests;
mod volume;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use budget::{Ledger, ProbeBudget};
pub use cells::Unguardable;
pub use decide::{Admission, Judged};
pub use denial::{Denial, Reason};
pub use volume::{Exhausted, Meter, Volume, VolumeBudget};

use super::{Glob, RuleId};
use crate::sql::effects::Class;

/// What may be learnt of a column under a rule by comparing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicates {
    /// Nothing.
    Refuse,
    /// Whether it equals a value that the client knows, and which rows of other tables go with it
    /// by an equal value under the same rule.
    Equality,
    /// Whatever a condition tells.
    Allow,
}

/// What a policy says of statements.
#[derive(Clone, Debug)]
pub struct Guard {
    /// What may run. Whatever only holds other statements, or belongs to the session, always may:
    /// see [`Class::is_frame`].
    pub commands: BTreeSet<Class>,
    /// Schema and name of the tables and views that may be named; `None` if all may. Those of
    /// PostgreSQL itself and temporary ones always may.
    pub tables: Option<Vec<(Glob, Glob)>>,
    /// Names of functions that may be called although they may know more than their arguments.
    /// `None`: any may, and what comes out is masked.
    pub functions: Option<Vec<Glob>>,
    /// SHA-256 of the texts that may run, exactly as a client sends them; `None`: any. Whatever
    /// only holds other statements, or belongs to the session, always may.
    pub statements: Option<BTreeSet<[u8; 32]>>,
    /// Nothing may be written, by whatever it takes.
    pub read_only: bool,
    /// The role of the session, which is not the client's to choose then.
    pub role: Option<String>,
    /// The time limit of statements, which is not the client's to choose then.
    pub statement_timeout_ms: Option<u32>,
    /// What may be learnt of columns under rules.
    pub predicates: Predicates,
    /// The same for columns under these rules.
    pub by_rule: BTreeMap<RuleId, Predicates>,
    /// Not even whether a column under a rule has a value is told: every value of one is NULL, and
    /// no condition may be about it.
    pub hides_nulls: bool,
    /// Rules whose columns are not there for the client: `*` goes without them.
    pub hidden: BTreeSet<RuleId>,
    /// How many values they may be compared with.
    pub probes: ProbeBudget,
    /// How much may be carried away; `None`: any amount.
    pub volume: Option<Arc<VolumeBudget>>,
    /// Aggregates of fewer persons than this, but for none at all, are not shown; at least 2.
    pub small_cells: Option<u32>,
    /// Values under rules may be written where no rule holds for them.
    pub copies: bool,
    /// Tables under rules may be altered: constraints and conversions tell of the values there.
    pub alters_ruled: bool,
}

impl Default for Guard {
    /// What holds where a policy says nothing: whatever only reads and writes rows, or defines
    /// what holds them.
    fn default() -> Self {
        let refused = [
            Class::Code,
            Class::Routine,
            Class::Permission,
            Class::Server,
        ];
        Self {
            commands: Class::all()
                .filter(|class| !refused.contains(class))
                .collect(),
            tables: None,
            functions: None,
            statements: None,
            read_only: false,
            role: None,
            statement_timeout_ms: None,
            predicates: Predicates::Equality,
            by_rule: BTreeMap::new(),
            hides_nulls: false,
            hidden: BTreeSet::new(),
            probes: ProbeBudget::default(),
            volume: None,
            small_cells: None,
            copies: false,
            alters_ruled: false,
        }
    }
}

impl Guard {
    /// A guard that lets every statement of these kinds do what it likes with what it may name.
    pub fn open() -> Self {
        Self {
            commands: Class::all().collect(),
            predicates: Predicates::Allow,
            copies: true,
            alters_ruled: true,
            ..Self::default()
        }
    }

    /// Settings that the session at the server begins with, and goes back to.
    pub fn settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));
        if let Some(role) = &self.role {
            set("role", role.clone());
        }
        if self.read_only {
            set("default_transaction_read_only", "on".to_owned());
        }
        if let Some(timeout_ms) = self.statement_timeout_ms {
            set("statement_timeout", timeout_ms.to_string());
        }
        settings
    }

    /// Does it matter what a statement makes of columns under rules?
    fn judges_uses(&self) -> bool {
        let mut modes = self.by_rule.values().chain([&self.predicates]);
        !self.copies || self.hides_nulls || modes.any(|mode| *mode != Predicates::Allow)
    }

    /// Has a function of this name been allowed?
    fn allows_function(&self, name: &str) -> bool {
        let listed = self.functions.iter().flatten();
        listed.into_iter().any(|glob| glob.matches(name.as_bytes()))
    }

    /// True if no value under a rule decides about rows by more than what it equals, or is written
    /// elsewhere.
    fn keeps_values(&self) -> bool {
        let mut modes = self.by_rule.values().chain([&self.predicates]);
        !self.copies && modes.all(|mode| *mode != Predicates::Allow)
    }

    /// What may be learnt of a column under `rule`.
    fn predicates(&self, rule: Option<RuleId>) -> Predicates {
        if self.hides_nulls {
            return Predicates::Refuse;
        }
        let own = rule.and_then(|rule| self.by_rule.get(&rule));
        own.copied().unwrap_or(self.predicates)
    }
}
