//! What was decided about an output column, once per result header.

use std::borrow::Cow;

use crate::mask::Strategy;
use crate::mask::types::{Shape, built_in};
use crate::policy::RuleId;

/// What happens to the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Pass,
    /// Their content is inspected, and the values under ruled JSON keys are masked.
    Scan,
    /// They are masked by this rule.
    Mask(RuleId),
    /// They are masked because nothing is known about them.
    MaskByDefault,
}

/// The decision about a column with all that a row needs to carry it out.
#[derive(Clone, Debug)]
pub struct ColumnPlan {
    /// Name of the output column.
    pub name: Box<[u8]>,
    /// `pg_type.oid` of its values.
    pub type_oid: u32,
    /// What happens to them.
    pub decision: Decision,
    /// Of the rule; the plan outlives a change of the policy.
    pub(crate) strategy: Strategy,
    /// `None`: to be looked up when a catalog is at hand.
    pub(crate) shape: Option<Shape>,
}

impl ColumnPlan {
    pub(crate) fn new(
        name: Box<[u8]>,
        type_oid: u32,
        shape: Shape,
        decision: Decision,
        strategy: Option<Strategy>,
    ) -> Self {
        let strategy = strategy.unwrap_or(Strategy::Redact);
        Self {
            name,
            type_oid,
            decision,
            strategy,
            shape: Some(shape),
        }
    }

    /// The plan for a column of which nothing but name and type is known: its values are
    /// redacted and counted under [`Masker::Default`](super::Masker::Default).
    pub fn whole_by_default(name: impl Into<Box<[u8]>>, type_oid: u32) -> Self {
        Self {
            name: name.into(),
            type_oid,
            decision: Decision::MaskByDefault,
            strategy: Strategy::Redact,
            shape: built_in(type_oid).map(|built_in| built_in.shape),
        }
    }

    /// The plan for values whose length must not change.
    pub(super) fn keeping_length(&self) -> Cow<'_, Self> {
        match self.strategy {
            Strategy::Redact | Strategy::Partial { .. } => Cow::Borrowed(self),
            Strategy::Constant(_) | Strategy::Null => Cow::Owned(Self {
                strategy: Strategy::Redact,
                ..self.clone()
            }),
        }
    }

    /// True if the values pass as they are.
    pub fn is_pass(&self) -> bool {
        self.decision == Decision::Pass
    }
}
