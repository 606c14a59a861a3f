//! What records say of a statement's results: cells that were masked, by column and type, and
//! columns under rules that were shown in any form.

use std::rc::Rc;

use crate::audit::masking::{MaskedCells, Masking, RuledOutput, column_name};
use crate::cell::{ColumnFacts, ColumnPlan, Count, Decision, Masker, Spot};
use crate::inspect::{Inspect, Prior};
use crate::limits::RECORD_OUTPUTS;
use crate::policy::Ruled;
use crate::sql::lineage::{Kind, Origin};

use super::lineage::Lineage;
use super::rulebook::Rulebook;

/// What an OUTCOME says of masking.
#[derive(Default)]
pub(super) struct Masked {
    /// Cells by rule or detector.
    pub(super) by: Vec<(String, u64)>,
    /// See [`Masking`].
    pub(super) columns: Option<Box<Masking>>,
}

/// Output columns that show something of columns under rules, by place from 1.
#[derive(Default)]
pub(super) struct Shown {
    outputs: Vec<(u32, Rc<Ruled>)>,
    is_cut: bool,
}

impl Shown {
    fn note(&mut self, output: u32, ruled: &Rc<Ruled>) {
        let is_it = |(place, known): &(u32, Rc<Ruled>)| *place == output && known == ruled;
        if self.outputs.iter().any(is_it) {
            return;
        }
        match self.outputs.len() < RECORD_OUTPUTS {
            true => self.outputs.push((output, Rc::clone(ruled))),
            false => self.is_cut = true,
        }
    }
}

/// Gives columns their places in the output.
pub(super) fn place(plans: &mut [ColumnPlan]) {
    for (plan, place) in plans.iter_mut().zip(1..=u16::MAX) {
        plan.spot = plan.spot.at(place);
    }
}

impl<I: Inspect> Rulebook<I> {
    /// Says in a plan what records call the column, what its values are, and which columns under
    /// rules it shows.
    pub(super) fn name(&self, plan: &mut ColumnPlan, facts: &ColumnFacts, lineage: Lineage<'_>) {
        let catalog = self.catalog();
        let (origin, flow) = match lineage {
            Lineage::Flow(flow) => match (flow.kind, flow.sources.as_slice()) {
                (Kind::Plain, [origin]) => (Some(*origin), Some(flow)),
                _ => (None, Some(flow)),
            },
            _ => (Some((facts.table_oid, facts.attnum)), None),
        };
        let stored = |(table_oid, attnum): Origin| {
            let (relation, column) = catalog.column(table_oid, attnum)?;
            // What is in a temporary table the client has named.
            let is_kept = !relation.schema.starts_with("pg_temp_");
            is_kept.then(|| column_name([&relation.schema, &relation.name, &column.name]))
        };
        plan.spot = Spot::new(origin.and_then(stored), 0);
        let is_ruled = matches!(plan.decision, Decision::Mask(_) | Decision::MaskByDefault);
        let is_counted = flow.is_some_and(|flow| flow.kind == Kind::Count);
        if is_ruled {
            let kind = |hint| match self.inspector().prior(hint) {
                Prior::Whole(detector) => Some(detector),
                Prior::Skip | Prior::Scan => None,
            };
            let known = kind(plan.hint()).or_else(|| kind(plan.alias_hint()));
            plan.kind = known;
        }
        if (is_ruled || is_counted) && self.policy().has_rules() {
            let is_unknown = matches!(lineage, Lineage::Unknown);
            let ruled = match is_unknown && facts.table_oid == 0 {
                true => Some(Ruled::UNKNOWN),
                false => self.policy().ruled(catalog, facts, flow),
            };
            plan.ruled = ruled.map(Rc::new);
        }
    }

    /// Rows of these columns are about to come, after so many of the session.
    pub(super) fn show(&mut self, plans: &[ColumnPlan], rows: u64) {
        if let Some(sums) = &mut self.sums {
            sums.begin_result(plans, rows);
        }
        for (plan, place) in plans.iter().zip(1..) {
            if let Some(ruled) = &plan.ruled {
                self.shown.note(place, ruled);
            }
        }
    }

    /// What was masked so far, and shown, which starts the counts anew; after so many rows of the
    /// session.
    pub(super) fn take_tally(&mut self, rows: u64) -> Masked {
        if let Some(sums) = &mut self.sums {
            sums.end_result(rows);
            self.tally
                .counts()
                .iter()
                .for_each(|count| sums.masked(count));
        }
        let named = |(masker, count)| (self.masker_name(masker), count);
        let by: Vec<_> = self.tally.iter().map(named).collect();
        let mut masking = Masking::default();
        for count in self.tally.counts() {
            masking.count(self.cells(count));
        }
        self.tally.clear();
        let shown = std::mem::take(&mut self.shown);
        masking.is_cut |= shown.is_cut;
        for (output, ruled) in shown.outputs {
            masking.is_cut |= ruled.is_cut;
            masking.show(RuledOutput {
                output,
                how: ruled.how,
                columns: ruled.columns.clone(),
            });
        }
        Masked {
            by,
            columns: (!masking.is_empty()).then(|| Box::new(masking)),
        }
    }

    fn cells(&self, count: &Count) -> MaskedCells {
        let kind = count.kind.map(|kind| self.inspector().detector_name(kind));
        MaskedCells {
            column: count.spot.name(),
            kind: kind.unwrap_or_default().to_owned(),
            masker: self.masker_name(count.masker),
            cells: count.cells,
        }
    }

    fn masker_name(&self, masker: Masker) -> String {
        match masker {
            Masker::Rule(id) => match self.policy().rules.get(usize::from(id.0)) {
                Some(rule) => format!("rule:{}", rule.name),
                None => format!("rule:{}", id.0),
            },
            Masker::Detector(id) => format!("detector:{}", self.inspector().detector_name(id)),
            Masker::Default => "default".to_owned(),
        }
    }
}
