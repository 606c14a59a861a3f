//! The decision about what is computed from other columns.
//!
//! | what flows in | decision |
//! |---|---|
//! | nothing, or a count | as for any column of its name and type |
//! | the value of a column itself | the rule of that column |
//! | something computed from a column under a rule | masked whole, in its own type |
//! | something that may know more than its arguments | masked whole, in its own type |
//!
//! A part of a value under a rule may be shown where the rule says so, but never a part of what
//! was computed from it: the last four digits of a reversed number are its first four. Nor is
//! its length shown, into which a statement can write what it likes: it is masked
//! [uniformly](Strategy::Uniform), or as the rule says where that tells nothing. Where the
//! statement can write into whether it is NULL, too (`nullif(ssn, '1')`), all of it is NULL.

use super::plan::Origins;
use super::{Policy, RuleId, Strategy, rule_id};
use crate::catalog::Catalog;
use crate::cell::{ColumnFacts, ColumnPlan, Decision};
use crate::sql::lineage::{Flow, Kind, Members, Origin};

/// Views over views that are followed; deeper is masked.
pub(super) const VIEW_DEPTH: usize = 32;

/// What a value must not show, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Taint {
    /// Nothing.
    Clean,
    /// What this rule hides of a column's value.
    Value(RuleId),
    /// Anything: by this rule, or by default.
    Whole(Option<RuleId>),
}

/// What hides most. Of several rules for values none is sure to be enough for all.
pub(super) fn strictest(taints: impl IntoIterator<Item = Taint>) -> Taint {
    taints
        .into_iter()
        .fold(Taint::Clean, |so_far, next| match (so_far, next) {
            (Taint::Clean, other) | (other, Taint::Clean) => other,
            (Taint::Value(one), Taint::Value(other)) if one == other => Taint::Value(one),
            (one, other) => Taint::Whole(one.rule().into_iter().chain(other.rule()).min()),
        })
}

impl Taint {
    pub(super) fn rule(self) -> Option<RuleId> {
        match self {
            Taint::Clean => None,
            Taint::Value(rule) => Some(rule),
            Taint::Whole(rule) => rule,
        }
    }

    fn whole(self) -> Self {
        match self {
            Taint::Clean => Taint::Clean,
            Taint::Value(rule) => Taint::Whole(Some(rule)),
            Taint::Whole(rule) => Taint::Whole(rule),
        }
    }
}

impl Policy {
    /// Decides about a column that a statement computes, by what flows into it; pure.
    ///
    /// `column` is what the result's header says of it, where it has no table. Also what its name
    /// and its type say of it counts, and the stricter of both holds.
    pub fn plan_computed(
        &self,
        catalog: &Catalog,
        column: &ColumnFacts,
        flow: &Flow,
    ) -> ColumnPlan {
        let plan = match (flow.kind, flow.sources.as_slice()) {
            // The value of one column: all that is known of that column holds.
            (Kind::Plain, [(table_oid, attnum)]) => {
                let (table_oid, attnum) = (*table_oid, *attnum);
                let base = ColumnFacts {
                    table_oid,
                    attnum,
                    ..column.clone()
                };
                self.plan(catalog, &base)
            }
            _ if self.is_nobodys(catalog, flow) => {
                let nameless = ColumnFacts {
                    name: Box::default(),
                    ..column.clone()
                };
                let mut plan = self.plan(catalog, &nameless);
                plan.name = column.name.clone();
                plan
            }
            _ => self.plan(catalog, column),
        };
        if self.judges_nothing() || !self.has_rules() {
            return plan;
        }
        let taint = self.taint(catalog, flow, VIEW_DEPTH);
        let mut plan = self.tainted(plan, taint);
        // Where a NULL tells more than that a value is missing, all are.
        if matches!(taint, Taint::Whole(_)) && !flow.keeps_null {
            plan.strategy = Strategy::Null;
        }
        plan
    }

    /// Is nothing in it that a table of anybody's holds, whatever the statement calls it?
    fn is_nobodys(&self, catalog: &Catalog, flow: &Flow) -> bool {
        let is_system = |source: &Origin| {
            let relation = catalog.relations.get(&source.0);
            relation
                .is_some_and(|it| matches!(it.schema.as_str(), "pg_catalog" | "information_schema"))
        };
        match flow.kind {
            Kind::Count => true,
            Kind::Plain | Kind::Derived => flow.sources.iter().all(is_system),
            // What the client makes up is what it calls it.
            Kind::Constant | Kind::Opaque => false,
        }
    }

    /// The plan for a computed column of a statement of which it is not known what flows where,
    /// and which names a column or a relation under a rule.
    pub fn plan_unknown(&self, catalog: &Catalog, column: &ColumnFacts) -> ColumnPlan {
        let plan = self.plan(catalog, column);
        match self.judges_nothing() || !self.has_rules() {
            true => plan,
            false => {
                let mut plan = self.tainted(plan, Taint::Whole(None));
                plan.strategy = Strategy::Null;
                plan
            }
        }
    }

    /// Does a rule hold for any column of the relation, or for what flows into one?
    pub fn rules_relation(&self, catalog: &Catalog, table_oid: u32) -> bool {
        self.source(catalog, (table_oid, 0), VIEW_DEPTH) != Taint::Clean
    }

    /// The plan with the taint in force.
    pub(super) fn tainted(&self, mut plan: ColumnPlan, taint: Taint) -> ColumnPlan {
        match (taint, plan.decision) {
            (Taint::Clean, _) | (Taint::Value(_), Decision::Mask(_)) => {}
            (Taint::Value(rule), _) => {
                plan.decision = Decision::Mask(rule);
                let strategy = self.rule(rule).map(|rule| rule.strategy.clone());
                plan.strategy = strategy.unwrap_or(Strategy::Redact);
            }
            (Taint::Whole(_), Decision::Mask(_)) => plan.strategy = whole(plan.strategy),
            (Taint::Whole(Some(rule)), _) => {
                plan.decision = Decision::Mask(rule);
                let strategy = self.rule(rule).map(|rule| rule.strategy.clone());
                plan.strategy = strategy.map_or(Strategy::Uniform, whole);
            }
            (Taint::Whole(None), _) => {
                plan.decision = Decision::MaskByDefault;
                plan.strategy = Strategy::Uniform;
            }
        }
        plan
    }

    /// What a value that `flow` flows into must not show.
    pub(super) fn taint(&self, catalog: &Catalog, flow: &Flow, depth: usize) -> Taint {
        let sources = || {
            flow.sources
                .iter()
                .map(|source| self.source(catalog, *source, depth))
        };
        match flow.kind {
            Kind::Constant | Kind::Count => Taint::Clean,
            Kind::Plain => strictest(sources()),
            Kind::Derived => {
                let taint = strictest(sources()).whole();
                strictest([taint, self.document(catalog, flow)])
            }
            Kind::Opaque => strictest(sources().chain([Taint::Whole(None)])),
        }
    }

    /// What was taken out of documents with members under a rule. Where members still stand with
    /// their names the scan finds them.
    fn document(&self, catalog: &Catalog, flow: &Flow) -> Taint {
        let keys = self.json_keys();
        if keys.is_empty() {
            return Taint::Clean;
        }
        let mut ruled = flow.keys.iter().filter_map(|key| keys.find(key.as_bytes()));
        if let Some(rule) = ruled.next() {
            return Taint::Whole(Some(rule));
        }
        match flow.members == Members::Lost && self.tells_of_members(catalog, flow) {
            true => Taint::Whole(None),
            false => Taint::Clean,
        }
    }

    /// Can a condition on it tell of members of documents that are under rules?
    pub(super) fn tells_of_members(&self, catalog: &Catalog, flow: &Flow) -> bool {
        let is_document = |source: &Origin| {
            let facts = facts(catalog, *source);
            Origins::of(catalog, &facts).hold_json(catalog)
        };
        !self.json_keys().is_empty()
            && flow.members != Members::Leaf
            && flow.sources.iter().any(is_document)
    }

    /// What the value of a column must not show.
    fn source(&self, catalog: &Catalog, source: Origin, depth: usize) -> Taint {
        let Some(depth) = depth.checked_sub(1) else {
            return Taint::Whole(None);
        };
        let facts = facts(catalog, source);
        let origins = Origins::of(catalog, &facts);
        let computed = || {
            let flows = origins.computed(catalog);
            strictest(flows.map(|flow| self.taint(catalog, flow, depth))).whole()
        };
        if let Some((index, _)) = self.first_match(catalog, &facts, &origins) {
            return strictest([Taint::Value(rule_id(index)), computed()]);
        }
        let hides = catalog.unreadable && origins.may_hide(catalog, &facts);
        if hides || origins.quotes_others(catalog, &facts) {
            return Taint::Whole(None);
        }
        computed()
    }
}

/// What the catalog says of a column, or of a row where the attribute number is 0.
pub(super) fn facts(catalog: &Catalog, (table_oid, attnum): Origin) -> ColumnFacts {
    let column = catalog.column(table_oid, attnum);
    ColumnFacts {
        name: Box::default(),
        table_oid,
        attnum,
        type_oid: column.map_or(0, |(_, column)| column.type_oid),
    }
}

/// The strategy of a rule for what is computed from its columns.
pub(super) fn whole(strategy: Strategy) -> Strategy {
    match strategy {
        Strategy::Redact
        | Strategy::Partial { .. }
        | Strategy::Uniform
        | Strategy::Transform(_) => Strategy::Uniform,
        Strategy::Constant(_) | Strategy::Null => strategy,
    }
}
