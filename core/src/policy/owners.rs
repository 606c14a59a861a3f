//! Whose rows a result shows, for budgets of subjects.
//!
//! A table that has a subject column is about subjects. A result that returns that column as it is
//! stored says whose the other columns of the same table are. Whatever else comes from such tables
//! is of somebody whom no column names: a row counts as many as the statement may have put there.

use std::collections::HashSet;

use super::Policy;
use super::guard::VolumeBudget;
use super::plan::Origins;
use crate::catalog::Catalog;
use crate::cell::{ColumnFacts, ColumnPlan};
use crate::sql::Analysis;
use crate::sql::lineage::{Flow, Kind, Origin, Outputs};

/// Functions that put values of any number of rows into one. Sorted.
const COLLECTING: [&str; 19] = [
    "array",
    "array_agg",
    "json_agg",
    "json_agg_strict",
    "json_arrayagg",
    "json_object_agg",
    "json_object_agg_strict",
    "json_object_agg_unique",
    "json_object_agg_unique_strict",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_object_agg",
    "jsonb_object_agg_strict",
    "jsonb_object_agg_unique",
    "jsonb_object_agg_unique_strict",
    "range_agg",
    "string_agg",
    "xmlagg",
];

impl Policy {
    /// Is there a budget of subjects?
    pub(crate) fn counts_subjects(&self) -> bool {
        self.subject_budget().is_some()
    }

    fn subject_budget(&self) -> Option<&VolumeBudget> {
        let volume = self.guard.as_ref()?.volume.as_deref()?;
        volume.subjects.map(|_| volume)
    }

    /// Marks the columns whose values name subjects, and those that show something of others.
    pub(crate) fn find_owners(
        &self,
        catalog: &Catalog,
        plans: &mut [ColumnPlan],
        facts: &[ColumnFacts],
        analysis: Option<&Analysis>,
    ) {
        let Some(budget) = self.subject_budget() else {
            return;
        };
        let owners = Owners { budget, catalog };
        let outputs = analysis.and_then(|it| it.lineage.outputs.as_ref().ok());
        let flows: Vec<Option<Flow>> = facts
            .iter()
            .enumerate()
            .map(|(index, column)| flow(column, index, facts.len(), outputs))
            .collect();
        // Rows of one table may stand beside each other: none is sure to be the named one's.
        let joins_itself = analysis.is_none_or(|it| it.lineage.joins_itself);
        let mut named = HashSet::new();
        for (plan, flow) in plans.iter_mut().zip(&flows) {
            if let Some(column) = flow.as_ref().and_then(|flow| owners.named_by(flow))
                && plan.can_name_subject()
            {
                plan.is_counted = true;
                named.insert(column.0);
            }
        }
        let mentions = analysis.map_or(1, |it| it.effects.mentions.max(1));
        for (plan, flow) in plans.iter_mut().zip(&flows) {
            let Some(flow) = flow else {
                plan.subjects_besides = 1;
                continue;
            };
            let tables = owners.tables(flow);
            let is_named = !joins_itself && tables.iter().all(|table| named.contains(table));
            plan.subjects_besides = match () {
                () if flow.kind == Kind::Count || tables.is_empty() || plan.is_counted => 0,
                () if collects(flow) => u64::from(u32::MAX),
                () if is_named => 0,
                () => mentions,
            };
        }
    }
}

/// What flows into a column, if that is known.
fn flow(
    column: &ColumnFacts,
    index: usize,
    count: usize,
    outputs: Option<&Outputs>,
) -> Option<Flow> {
    match (column.table_oid, outputs) {
        (0, Some(Outputs::Each(flows))) if flows.len() == count => flows.get(index).cloned(),
        (0, Some(Outputs::Any(flow))) => Some(flow.clone()),
        (0, _) => None,
        (table_oid, _) => Some(Flow::plain((table_oid, column.attnum))),
    }
}

fn collects(flow: &Flow) -> bool {
    let mut names = flow.functions.iter();
    names.any(|name| COLLECTING.binary_search(&&**name).is_ok())
}

struct Owners<'a> {
    budget: &'a VolumeBudget,
    catalog: &'a Catalog,
}

impl Owners<'_> {
    /// The subject column whose value, as it is stored, the flow is.
    fn named_by(&self, flow: &Flow) -> Option<Origin> {
        match (flow.kind, flow.sources.as_slice()) {
            (Kind::Plain, [only]) if self.is_subject(*only) => Some(*only),
            _ => None,
        }
    }

    /// Tables about subjects that something flows from.
    fn tables(&self, flow: &Flow) -> Vec<u32> {
        let mut tables: Vec<u32> = flow
            .sources
            .iter()
            .map(|(table_oid, _)| *table_oid)
            .collect();
        tables.dedup();
        tables.retain(|table_oid| self.is_about_subjects(*table_oid));
        tables
    }

    fn is_about_subjects(&self, table_oid: u32) -> bool {
        let relation = self.catalog.relations.get(&table_oid);
        relation.is_none_or(|relation| {
            let mut columns = relation.columns.iter();
            columns.any(|column| self.is_subject((table_oid, column.attnum)))
        })
    }

    fn is_subject(&self, (table_oid, attnum): Origin) -> bool {
        let facts = ColumnFacts {
            name: Box::default(),
            table_oid,
            attnum,
            type_oid: 0,
        };
        let origins = Origins::of(self.catalog, &facts);
        origins.names().any(|[schema, table, column]| {
            let mut subjects = self.budget.subject_columns.iter();
            subjects.any(|(schemas, tables, columns)| {
                columns.matches(column.as_bytes())
                    && tables.matches(table.as_bytes())
                    && schemas.matches(schema.as_bytes())
            })
        })
    }
}
