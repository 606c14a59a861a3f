//! Which columns under rules an output column shows something of: for records, decisions do not
//! go by it.

use std::collections::{BTreeSet, HashSet};

use super::Policy;
use super::derived::facts;
use super::plan::Origins;
use crate::audit::masking::{How, column_name};
use crate::catalog::Catalog;
use crate::cell::ColumnFacts;
use crate::limits::RECORD_SOURCES;
use crate::sql::lineage::{Flow, Kind, Origin};

/// Columns that are looked at for one output column; what lies behind is left out.
const STEPS: usize = 64;

/// Columns under rules that flow into an output column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruled {
    /// What became of them.
    pub how: How,
    /// Their names, sorted; at most [`RECORD_SOURCES`].
    pub columns: Vec<String>,
    /// There are more.
    pub is_cut: bool,
}

impl Ruled {
    /// Of a column of which nobody knows what it shows.
    pub const UNKNOWN: Self = Self {
        how: How::Unknown,
        columns: Vec::new(),
        is_cut: false,
    };
}

/// A walk from an output column down to the tables.
struct Walk {
    how: How,
    open: Vec<Origin>,
    seen: HashSet<Origin>,
    found: BTreeSet<String>,
}

impl Walk {
    fn enter(&mut self, flow: &Flow) {
        self.how = self.how.max(match flow.kind {
            Kind::Constant | Kind::Count => How::Counted,
            Kind::Plain => How::Itself,
            Kind::Derived => How::Derived,
            Kind::Opaque => How::Unknown,
        });
        for source in &flow.sources {
            self.push(*source);
        }
    }

    fn push(&mut self, origin: Origin) {
        if self.seen.len() < STEPS + 1 && self.seen.insert(origin) {
            self.open.push(origin);
        }
    }
}

impl Policy {
    /// The columns under rules that `column` shows something of; `flow` is what the statement says
    /// of it, where it has no table. `None` if there are none.
    pub fn ruled(
        &self,
        catalog: &Catalog,
        column: &ColumnFacts,
        flow: Option<&Flow>,
    ) -> Option<Ruled> {
        let mut walk = Walk {
            how: How::Counted,
            open: Vec::new(),
            seen: HashSet::new(),
            found: BTreeSet::new(),
        };
        match flow {
            Some(flow) => walk.enter(flow),
            None if column.table_oid == 0 => return None,
            None => {
                walk.how = match column.attnum {
                    0 => How::Derived,
                    _ => How::Itself,
                };
                walk.push((column.table_oid, column.attnum));
            }
        }
        while let Some(origin) = walk.open.pop() {
            let facts = facts(catalog, origin);
            let origins = Origins::of(catalog, &facts);
            for number in origins.numbers() {
                self.note(catalog, number, &mut walk.found);
            }
            let computed: Vec<&Flow> = origins.computed(catalog).collect();
            for flow in computed {
                walk.enter(flow);
            }
        }
        let is_cut = walk.found.len() > RECORD_SOURCES || walk.seen.len() > STEPS;
        let is_any = !walk.found.is_empty();
        is_any.then(|| Ruled {
            how: walk.how,
            columns: walk.found.into_iter().take(RECORD_SOURCES).collect(),
            is_cut,
        })
    }

    /// Notes a column of a table if a rule is about it.
    fn note(&self, catalog: &Catalog, origin: Origin, found: &mut BTreeSet<String>) {
        let Some((relation, column)) = catalog.column(origin.0, origin.1) else {
            return;
        };
        if relation.is_view || relation.schema.starts_with("pg_temp_") {
            return;
        }
        let facts = facts(catalog, origin);
        let origins = Origins::of(catalog, &facts);
        if self.first_match(catalog, &facts, &origins).is_some() {
            found.insert(column_name([
                &relation.schema,
                &relation.name,
                &column.name,
            ]));
        }
    }
}
