//! What one identity may see of one resource: rules that name columns, and content detection.
//!
//! Everything here is pure: a decision depends on the policy, the catalog and the facts of a
//! column, and is taken once per result header.
//!
//! * [`Glob`]: patterns of names.
//! * [`Policy::plan`]: from the facts of a column to its [`ColumnPlan`](crate::cell::ColumnPlan).
//! * [`Policy::plan_computed`]: the same for a column that a statement computes.
//! * [`Policy::ruled`]: which columns under rules are shown, for records.
//! * [`Policy::admit`]: may a statement run at all? See [`guard`].
//! * [`Policy::with_columns`]: the same policy for a client who may see some columns only.

mod columns;
mod derived;
mod glob;
pub mod guard;
mod owners;
mod plan;
mod ruled;
#[cfg(test)]
mod tests;

pub use glob::{Glob, GlobError};
pub use ruled::Ruled;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::inspect::DetectorId;
pub use crate::mask::Strategy;
use crate::mask::Transform;
use crate::mask::json::JsonKeys;

/// Index of a rule in its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u16);

/// Which columns a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A column of a table, whatever a statement calls it. Holds for views' plain columns and
    /// for children (inheritance, partitions) of the table, too.
    Column {
        /// `pg_namespace.nspname`.
        schema: Glob,
        /// `pg_class.relname`.
        table: Glob,
        /// `pg_attribute.attname`.
        column: Glob,
    },
    /// Every column of a table but these. Holds for views and children of the table, too.
    OtherColumns {
        /// `pg_namespace.nspname`, exactly.
        schema: String,
        /// `pg_class.relname`, exactly.
        table: String,
        /// `pg_attribute.attname` of those that are not meant.
        columns: BTreeSet<String>,
    },
    /// The name of an output column, of the base column that it shows, or of a JSON key.
    ColumnName(Glob),
    /// The name of a type, such as `inet`. Holds for arrays of it, domains over it, and
    /// composites and ranges that contain it.
    SqlType(String),
}

/// One rule; the first that matches a column decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name that records count it under.
    pub name: String,
    /// Which columns.
    pub selector: Selector,
    /// What stands in the place of their values.
    pub strategy: Strategy,
}

/// What happens to values in errors, notices and notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// Everything that may quote a value is withheld.
    Strict,
    /// Their text is scanned like a cell.
    Scan,
}

/// A compiled policy. Built with [`Policy::new`] or [`Policy::exempt`] and never changed.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name, as the configuration spells it.
    pub name: String,
    /// Nothing is masked: results are framed and checked, then released as they are.
    pub exempt: bool,
    /// In order; at most 65,536 can be told apart in records.
    pub rules: Vec<Rule>,
    /// What happens to content that a detector finds; `None`: no content detection.
    pub content: Option<Strategy>,
    /// How errors and notices are treated.
    pub messages: Messages,
    /// Of the text that it was read from.
    pub sha256: [u8; 32],
    /// Which statements may run; `None`: all, read or not.
    pub guard: Option<guard::Guard>,
    json_keys: JsonKeys,
    /// See [`Policy::with_transforms`].
    transforms: Vec<(DetectorId, Strategy)>,
}

impl Policy {
    /// The policy of an identity that sees everything.
    pub fn exempt() -> Self {
        let mut policy = Self::new(
            "exempt".to_owned(),
            Vec::new(),
            None,
            Messages::Scan,
            [0; 32],
        );
        policy.exempt = true;
        policy
    }

    /// Compiles a policy.
    pub fn new(
        name: String,
        rules: Vec<Rule>,
        content: Option<Strategy>,
        messages: Messages,
        sha256: [u8; 32],
    ) -> Self {
        let keys = rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| match &rule.selector {
                Selector::ColumnName(glob) => Some((glob.clone(), rule_id(index))),
                Selector::Column { .. } | Selector::OtherColumns { .. } | Selector::SqlType(_) => {
                    None
                }
            });
        let json_keys = JsonKeys::new(keys.collect());
        Self {
            name,
            exempt: false,
            rules,
            content,
            messages,
            sha256,
            guard: None,
            json_keys,
            transforms: Vec::new(),
        }
    }

    /// The same with a say in which statements may run.
    pub fn guarded(mut self, guard: guard::Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// The same policy, with transforms for the content that these detectors find in columns of
    /// tables. They take the place of the strategy for content, which has to be
    /// [`Strategy::Redact`]. Keyed ones have no effect in running text.
    #[must_use]
    pub fn with_transforms(mut self, transforms: Vec<(DetectorId, Arc<Transform>)>) -> Self {
        let strategies = transforms.into_iter();
        self.transforms = strategies
            .map(|(detector, transform)| (detector, Strategy::Transform(transform)))
            .collect();
        self
    }

    /// The transform for what a detector finds, if there is one.
    pub(crate) fn transform_of(&self, detector: DetectorId) -> Option<&Strategy> {
        let mut transforms = self.transforms.iter();
        transforms
            .find(|(known, _)| *known == detector)
            .map(|(_, strategy)| strategy)
    }

    /// True if something of content may be kept.
    pub(crate) fn transforms_content(&self) -> bool {
        !self.transforms.is_empty()
    }

    /// True if any rule names columns, keys or types.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// True if names in statements or columns of results have to be looked up.
    pub fn needs_catalog(&self) -> bool {
        self.has_rules() || self.guard.is_some()
    }

    /// True if no cell can be masked: rows may pass after framing.
    pub fn judges_nothing(&self) -> bool {
        self.exempt || (self.rules.is_empty() && self.content.is_none())
    }

    /// The rule of this number, if the policy has it.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(usize::from(id.0))
    }

    /// The JSON keys whose values are masked.
    pub fn json_keys(&self) -> &JsonKeys {
        &self.json_keys
    }
}

/// Rules past the last number share it: they mask as they should and are counted together.
fn rule_id(index: usize) -> RuleId {
    RuleId(u16::try_from(index).unwrap_or(u16::MAX))
}
