//! From the facts of a column to the decision about it.

use std::collections::HashSet;

use super::{Policy, Selector, rule_id};
use crate::catalog::{Catalog, Column, Relation, TypeKind};
use crate::cell::{ColumnFacts, ColumnPlan, Decision};
use crate::mask::types::{self, Shape};

impl Policy {
    /// Decides about a column; pure. The first rule in order that matches it wins.
    ///
    /// A column whose table or attribute the catalog does not know (created after the snapshot)
    /// is matched by the column pattern of a rule alone, whatever its schema and table.
    pub fn plan(&self, catalog: &Catalog, column: &ColumnFacts) -> ColumnPlan {
        let shape = types::shape(catalog, column.type_oid);
        let plan = |decision, strategy| {
            ColumnPlan::new(
                column.name.clone(),
                column.type_oid,
                shape,
                decision,
                strategy,
            )
        };
        if self.judges_nothing() {
            return plan(Decision::Pass, None);
        }
        let origins = Origins::of(catalog, column);
        for (index, rule) in self.rules.iter().enumerate() {
            if origins.match_rule(catalog, column, &rule.selector) {
                return plan(Decision::Mask(rule_id(index)), Some(rule.strategy.clone()));
            }
        }
        plan(self.without_rule(shape), None)
    }

    /// The decision about a column that no rule matches.
    fn without_rule(&self, shape: Shape) -> Decision {
        let by_content = self.content.is_some() && shape.may_hold_phi();
        let by_key = !self.json_keys().is_empty() && shape.may_hold_json();
        if by_content || by_key {
            Decision::Scan
        } else {
            Decision::Pass
        }
    }
}

/// Every column that a result column is known to show.
struct Origins<'a> {
    known: Vec<(&'a Relation, &'a Column)>,
    /// Somewhere on the way stood a table or a column that the catalog does not have.
    incomplete: bool,
}

impl<'a> Origins<'a> {
    fn of(catalog: &'a Catalog, facts: &ColumnFacts) -> Self {
        let mut origins = Origins {
            known: Vec::new(),
            incomplete: false,
        };
        if facts.table_oid == 0 {
            return origins;
        }
        let mut seen = HashSet::from([(facts.table_oid, facts.attnum)]);
        let mut open = vec![(facts.table_oid, facts.attnum)];
        while let Some((table_oid, attnum)) = open.pop() {
            let Some((relation, column)) = catalog.column(table_oid, attnum) else {
                origins.incomplete = true;
                continue;
            };
            origins.known.push((relation, column));
            let mut follow = |next| {
                if seen.insert(next) {
                    open.push(next);
                }
            };
            column.origins.iter().copied().for_each(&mut follow);
            for &parent in &relation.parents {
                let Some(above) = catalog.relations.get(&parent) else {
                    origins.incomplete = true;
                    continue;
                };
                // A column that the child added has no namesake above.
                if let Some(namesake) = above.columns.iter().find(|c| c.name == column.name) {
                    follow((parent, namesake.attnum));
                }
            }
        }
        origins
    }

    fn match_rule(&self, catalog: &Catalog, facts: &ColumnFacts, selector: &Selector) -> bool {
        match selector {
            Selector::Column {
                schema,
                table,
                column,
            } => {
                let by_origin = self.known.iter().any(|(relation, known)| {
                    column.matches(known.name.as_bytes())
                        && table.matches(relation.name.as_bytes())
                        && schema.matches(relation.schema.as_bytes())
                });
                by_origin || (self.incomplete && self.name_matches(facts, column))
            }
            Selector::ColumnName(name) => self.name_matches(facts, name),
            Selector::SqlType(name) => {
                let mut oids = self.known.iter().map(|(_, column)| column.type_oid);
                let wanted = types::canonical_name(name);
                contains_type(catalog, facts.type_oid, &wanted)
                    || oids.any(|oid| contains_type(catalog, oid, &wanted))
            }
        }
    }

    /// The output name or any origin's.
    fn name_matches(&self, facts: &ColumnFacts, glob: &super::Glob) -> bool {
        glob.matches(&facts.name)
            || self
                .known
                .iter()
                .any(|(_, column)| glob.matches(column.name.as_bytes()))
    }
}

/// Is the type called `wanted`, or built from one that is?
fn contains_type(catalog: &Catalog, oid: u32, wanted: &str) -> bool {
    let mut seen = HashSet::from([oid]);
    let mut open = vec![oid];
    while let Some(oid) = open.pop() {
        let mut follow = |next| {
            if seen.insert(next) {
                open.push(next);
            }
        };
        if let Some(built_in) = types::built_in(oid) {
            if built_in.name == wanted {
                return true;
            }
            built_in.shape.part().into_iter().for_each(&mut follow);
            continue;
        }
        let Some((name, kind)) = catalog.types.get(&oid) else {
            continue;
        };
        if name.eq_ignore_ascii_case(wanted) {
            return true;
        }
        match kind {
            TypeKind::Domain { base: part }
            | TypeKind::Array { element: part }
            | TypeKind::Range { subtype: part } => follow(*part),
            TypeKind::Composite { attributes } => attributes.iter().copied().for_each(follow),
            TypeKind::Base | TypeKind::Enum | TypeKind::Multirange => {}
        }
    }
    false
}
