//! What was decided about an output column, once per result header.

use std::borrow::Cow;
use std::rc::Rc;

use super::{SharedWatch, Spot, Whose};
use crate::inspect::{ColumnHint, DetectorId, Prior};
use crate::mask::Strategy;
use crate::mask::transform::Width;
use crate::mask::types::{Scalar, Shape, built_in};
use crate::policy::{RuleId, Ruled};

/// What happens to the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Pass,
    /// Their content is inspected, and the values under ruled JSON keys are masked.
    Scan,
    /// They are masked by this rule.
    Mask(RuleId),
    /// They are masked because the column says that they are PHI of this kind.
    MaskAs(DetectorId),
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
    /// What happens to them, before any was seen.
    pub decision: Decision,
    /// Of the rule; the plan outlives a change of the policy.
    pub(crate) strategy: Strategy,
    /// `None`: to be looked up when a catalog is at hand.
    pub(crate) shape: Option<Shape>,
    /// How long its texts may become.
    pub(crate) width: Width,
    pub(crate) evidence: Evidence,
    /// Its values identify the row's subject: they are PHI in the row's other texts, too.
    pub(crate) known: Option<DetectorId>,
    /// Its values say what others of the row are.
    pub(crate) is_key: bool,
    /// What its values are is said by the row's key.
    pub(crate) has_key: bool,
    /// Its values say whose row it is, for other columns; they are noted under this number.
    pub(crate) subject: Option<usize>,
    /// Its values say whose rows were carried away.
    pub(crate) is_counted: bool,
    /// How many subjects its values may tell of whom no column names.
    pub(crate) subjects_besides: u64,
    /// By which column its own transform knows whose row it is.
    pub(crate) whose: Whose,
    /// The policy's transforms hold for its content: it is stored, and no alias says what it is.
    pub(crate) may_transform: bool,
    /// Learns from values that are scanned.
    pub(crate) watch: Option<SharedWatch>,
    /// By which records name it.
    pub(crate) spot: Spot,
    /// What its values are, where the detectors can tell by the column itself.
    pub(crate) kind: Option<DetectorId>,
    /// Columns under rules that it shows something of.
    pub(crate) ruled: Option<Rc<Ruled>>,
}

/// What the catalog says of a column, for the detectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// `None` if the column is computed, or unknown.
    pub(crate) base: Option<Base>,
    pub(crate) type_name: Box<[u8]>,
}

/// The column below an output column.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) table: Box<[u8]>,
    pub(crate) name: Box<[u8]>,
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
            width: Width::Any,
            evidence: Evidence::default(),
            known: None,
            is_key: false,
            has_key: false,
            subject: None,
            is_counted: false,
            subjects_besides: 0,
            whose: Whose::default(),
            may_transform: false,
            watch: None,
            spot: Spot::default(),
            kind: None,
            ruled: None,
        }
    }

    /// What stands in the place of its values where they are masked.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// What happens to the next value: as decided, unless the values so far have shown more.
    pub(super) fn decision_now(&self) -> Decision {
        let settled = self.watch.as_ref().and_then(SharedWatch::settled);
        settled.map_or(self.decision, Decision::MaskAs)
    }

    /// The column as detectors see it: by its table's name for it where that is known.
    pub(crate) fn hint(&self) -> ColumnHint<'_> {
        match &self.evidence.base {
            Some(base) => ColumnHint {
                table: Some(&base.table),
                name: &base.name,
                type_name: &self.evidence.type_name,
                is_alias: false,
            },
            None => self.alias_hint(),
        }
    }

    /// The column by its output name alone.
    pub(crate) fn alias_hint(&self) -> ColumnHint<'_> {
        ColumnHint {
            table: None,
            name: &self.name,
            type_name: &self.evidence.type_name,
            is_alias: true,
        }
    }

    /// Takes what the detectors make of the column itself into the decision. A rule stays in
    /// force; `content` takes the place of values that are PHI whatever they look like.
    pub(crate) fn heed(&mut self, prior: Prior, content: &Strategy, has_keys: bool) {
        if self.decision == Decision::Scan {
            self.strategy = content.clone();
        }
        match (prior, self.decision) {
            (Prior::Whole(detector), decision) => {
                self.known = Some(detector);
                if decision == Decision::Scan {
                    self.decision = Decision::MaskAs(detector);
                }
            }
            (Prior::Skip, Decision::Scan) if !has_keys => self.decision = Decision::Pass,
            (Prior::Skip | Prior::Scan, _) => {}
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
            width: Width::Any,
            evidence: Evidence::default(),
            known: None,
            is_key: false,
            has_key: false,
            subject: None,
            is_counted: false,
            subjects_besides: 0,
            whose: Whose::default(),
            may_transform: false,
            watch: None,
            spot: Spot::default(),
            kind: None,
            ruled: None,
        }
    }

    /// The plan for values whose length must not change.
    pub(super) fn keeping_length(&self) -> Cow<'_, Self> {
        match self.strategy {
            Strategy::Redact | Strategy::Partial { .. } | Strategy::Transform(_) => {
                Cow::Borrowed(self)
            }
            Strategy::Constant(_) | Strategy::Null | Strategy::Uniform => Cow::Owned(Self {
                strategy: Strategy::Redact,
                ..self.clone()
            }),
        }
    }

    /// True if all of its values are to look alike.
    pub(super) fn is_uniform(&self) -> bool {
        let is_masked = matches!(self.decision, Decision::Mask(_) | Decision::MaskByDefault);
        is_masked && self.strategy == Strategy::Uniform
    }

    /// True if its values have to be remembered while the row is judged.
    pub(crate) fn is_noted(&self) -> bool {
        self.known.is_some() || self.is_key || self.subject.is_some() || self.is_counted
    }

    /// Can its values say whose row it is? They have the same text in either encoding.
    pub(crate) fn can_name_subject(&self) -> bool {
        let Some(Shape::Scalar(scalar)) = self.shape else {
            return false;
        };
        matches!(
            scalar,
            Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Text | Scalar::Uuid
        )
    }

    /// True if the values pass as they are.
    pub fn is_pass(&self) -> bool {
        self.decision == Decision::Pass
    }
}
