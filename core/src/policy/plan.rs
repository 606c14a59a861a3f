//! From the facts of a column to the decision about it.

use std::collections::HashSet;

use super::derived::{VIEW_DEPTH, strictest};
use super::{Policy, Rule, Selector, rule_id};
use crate::catalog::{Catalog, Column, Relation, TypeKind};
use crate::cell::{Base, ColumnFacts, ColumnPlan, Decision, Evidence};
use crate::mask::types::{self, Shape};
use crate::sql::lineage::{Flow, Origin};

/// `anyarray` and `pg_mcv_list`: no table of a user's own can have them. The planner's
/// statistics do, and quote values of every column.
const STATISTICS_TYPES: [u32; 2] = [2277, 5017];
/// Views of `pg_catalog` with a column that quotes values of other columns, or statements of
/// other sessions, which may be another identity's under the same role.
const QUOTING_COLUMNS: [(&str, &str); 2] = [
    ("pg_stats_ext", "most_common_vals"),
    ("pg_stat_activity", "query"),
];

impl Policy {
    /// Decides about a column; pure. The first rule in order that matches it wins.
    ///
    /// A column whose table or attribute the catalog does not know (created in a transaction
    /// that is still open) is matched by the column pattern of a rule alone, whatever its schema
    /// and table. If the catalog could not be read, it is masked whole. So are, unless a rule
    /// says how, those columns of the server's own in which it quotes other columns' values.
    pub fn plan(&self, catalog: &Catalog, column: &ColumnFacts) -> ColumnPlan {
        let shape = types::shape(catalog, column.type_oid);
        let plan = |decision, strategy| {
            let name = column.name.clone();
            let plan = ColumnPlan::new(name, column.type_oid, shape, decision, strategy);
            ColumnPlan {
                evidence: evidence(catalog, column),
                ..plan
            }
        };
        if self.judges_nothing() {
            return plan(Decision::Pass, None);
        }
        let origins = Origins::of(catalog, column);
        let taint = origins.computed(catalog);
        let taint = strictest(taint.map(|flow| self.taint(catalog, flow, VIEW_DEPTH)));
        if let Some((index, rule)) = self.first_match(catalog, column, &origins) {
            let strategy = match origins.is_row(catalog, column) {
                // Its fields are under rules of their own, or under none.
                true => super::derived::whole(rule.strategy.clone()),
                false => rule
                    .strategy
                    .on(|| holds_for_stored(catalog, column, &origins, rule)),
            };
            let plan = plan(Decision::Mask(rule_id(index)), Some(strategy));
            return self.tainted(plan, taint);
        }
        let hides = catalog.unreadable && origins.may_hide(catalog, column);
        if self.has_rules() && (hides || origins.quotes_others(catalog, column)) {
            return plan(Decision::MaskByDefault, None);
        }
        let decision = match is_number_of_the_servers(column) {
            true => Decision::Pass,
            false => self.without_rule(shape),
        };
        self.tainted(plan(decision, None), taint)
    }

    /// Is it a column of a table or a view that outlives the session?
    pub(crate) fn is_stored(catalog: &Catalog, column: &ColumnFacts) -> bool {
        stored(catalog, column).is_some()
    }

    /// The first rule that matches the column by what it is; if none does, the first that matches
    /// what the statement calls it.
    pub(super) fn first_match(
        &self,
        catalog: &Catalog,
        column: &ColumnFacts,
        origins: &Origins<'_>,
    ) -> Option<(usize, &Rule)> {
        let nameless = ColumnFacts {
            name: Box::default(),
            ..column.clone()
        };
        let find = |facts: &ColumnFacts| {
            let mut rules = self.rules.iter().enumerate();
            rules.find(|(_, rule)| origins.match_rule(catalog, facts, &rule.selector))
        };
        find(&nameless).or_else(|| find(column))
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

/// OIDs, transactions and places of rows in the server's own tables are numbers that it counts
/// up itself, except those of large objects, which a client may choose.
fn is_number_of_the_servers(column: &ColumnFacts) -> bool {
    /// `oid`, `tid`, `xid`, `cid`, `oidvector`, `regproc`, `oid[]`, `xid8`, `regclass`, `regtype`
    const COUNTED: [u32; 10] = [26, 27, 28, 29, 30, 24, 1028, 5069, 2205, 2206];
    /// `pg_largeobject`, `pg_largeobject_metadata`
    const CHOSEN: [u32; 2] = [2613, 2995];
    let is_own = (1..types::FIRST_NORMAL_OID).contains(&column.table_oid);
    is_own && COUNTED.contains(&column.type_oid) && !CHOSEN.contains(&column.table_oid)
}

/// Does the rule hold for a stored column by what the catalog says of it? What a statement computes
/// or calls so, or writes into a table of its own, can be anything: whoever chooses the values
/// learns what stands for them.
fn holds_for_stored(
    catalog: &Catalog,
    column: &ColumnFacts,
    origins: &Origins<'_>,
    rule: &Rule,
) -> bool {
    stored(catalog, column).is_some_and(|stored| {
        let by_its_name = ColumnFacts {
            name: stored.name.as_bytes().into(),
            ..column.clone()
        };
        origins.match_rule(catalog, &by_its_name, &rule.selector)
    })
}

/// The column of a table or a view that outlives the session.
fn stored<'a>(catalog: &'a Catalog, column: &ColumnFacts) -> Option<&'a Column> {
    let (relation, stored) = catalog.column(column.table_oid, column.attnum)?;
    (!relation.schema.starts_with("pg_temp_")).then_some(stored)
}

/// What the catalog says of the column, for the detectors.
fn evidence(catalog: &Catalog, column: &ColumnFacts) -> Evidence {
    let base = catalog.column(column.table_oid, column.attnum);
    let bytes = |name: &str| name.as_bytes().into();
    Evidence {
        base: base.map(|(relation, column)| Base {
            table: bytes(&relation.name),
            name: bytes(&column.name),
        }),
        type_name: bytes(types::name(catalog, column.type_oid)),
    }
}

/// Every column that a result column is known to show.
pub(super) struct Origins<'a> {
    known: Vec<(&'a Relation, &'a Column)>,
    /// The same by their numbers.
    numbers: Vec<Origin>,
    /// Somewhere on the way stood a table or a column that the catalog does not have.
    incomplete: bool,
}

impl<'a> Origins<'a> {
    /// What flows into those of them that views compute.
    pub(super) fn computed(&self, catalog: &'a Catalog) -> impl Iterator<Item = &'a Flow> {
        let numbers = self.numbers.iter();
        numbers.filter_map(|number| catalog.computed.get(number))
    }

    /// Is one of them a document?
    pub(super) fn hold_json(&self, catalog: &Catalog) -> bool {
        let mut types = self.known.iter().map(|(_, column)| column.type_oid);
        types.any(|oid| {
            types::inside(catalog, oid)
                .iter()
                .any(|(_, name)| matches!(*name, "json" | "jsonb"))
        })
    }

    /// Names of schema, table and column of each.
    pub(super) fn names(&self) -> impl Iterator<Item = [&'a str; 3]> {
        let known = self.known.iter();
        known.map(|(relation, column)| [&*relation.schema, &*relation.name, &*column.name])
    }

    /// Each by table and number.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Origin> {
        self.numbers.iter().copied()
    }

    pub(super) fn of(catalog: &'a Catalog, facts: &ColumnFacts) -> Self {
        let mut origins = Origins {
            known: Vec::new(),
            numbers: Vec::new(),
            incomplete: false,
        };
        let mut open = Vec::new();
        match (facts.table_oid, facts.attnum) {
            (0, _) => {}
            (table_oid, 0) => origins.open_row(catalog, table_oid, &mut open),
            column => open.push(column),
        }
        open.extend(row_type_columns(catalog, facts.type_oid));
        let mut seen: HashSet<(u32, i16)> = open.iter().copied().collect();
        // A table's rows are those of all tables below it, too. Only what is read itself is
        // followed down: from a child up to its parent no sibling's rows come along.
        let mut read: HashSet<(u32, i16)> = seen.clone();
        while let Some((table_oid, attnum)) = open.pop() {
            let Some((relation, column)) = catalog.column(table_oid, attnum) else {
                origins.incomplete = true;
                continue;
            };
            origins.known.push((relation, column));
            // What is in a row of it is in a row with it.
            if column.type_oid >= types::FIRST_NORMAL_OID {
                for field in row_type_columns(catalog, column.type_oid) {
                    if read.insert(field) | seen.insert(field) {
                        open.push(field);
                    }
                }
            }
            origins.numbers.push((table_oid, attnum));
            let is_read = read.contains(&(table_oid, attnum));
            let mut follow = |next, is_read: bool| {
                // Met from below before: it is gone through once more for what is below it.
                if (is_read && read.insert(next)) | seen.insert(next) {
                    open.push(next);
                }
            };
            column
                .origins
                .iter()
                .for_each(|next| follow(*next, is_read));
            if is_read {
                for &child in &relation.children {
                    let Some(below) = catalog.relations.get(&child) else {
                        origins.incomplete = true;
                        continue;
                    };
                    if let Some(namesake) = below.columns.iter().find(|c| c.name == column.name) {
                        follow((child, namesake.attnum), true);
                    }
                }
            }
            for &parent in &relation.parents {
                let Some(above) = catalog.relations.get(&parent) else {
                    origins.incomplete = true;
                    continue;
                };
                // A column that the child added has no namesake above.
                if let Some(namesake) = above.columns.iter().find(|c| c.name == column.name) {
                    follow((parent, namesake.attnum), false);
                }
            }
        }
        origins
    }

    /// Could a rule match the column if the catalog were complete? System columns such as
    /// `ctid` are in no catalog.
    pub(super) fn may_hide(&self, catalog: &Catalog, facts: &ColumnFacts) -> bool {
        self.incomplete && facts.attnum >= 0 || !types::is_known(catalog, facts.type_oid)
    }

    /// Is all that it shows of PostgreSQL's own tables and views?
    fn are_system(&self) -> bool {
        let is_system =
            |relation: &Relation| matches!(&*relation.schema, "pg_catalog" | "information_schema");
        let mut known = self.known.iter();
        !self.incomplete && !self.known.is_empty() && known.all(|(it, _)| is_system(it))
    }

    /// Is it a row of a table, or made of such?
    fn is_row(&self, catalog: &Catalog, facts: &ColumnFacts) -> bool {
        let is_whole = facts.table_oid != 0 && facts.attnum == 0;
        is_whole || !row_type_columns(catalog, facts.type_oid).is_empty()
    }

    /// Does the server quote values of other columns in it?
    pub(super) fn quotes_others(&self, catalog: &Catalog, facts: &ColumnFacts) -> bool {
        let by_type = types::inside(catalog, facts.type_oid)
            .iter()
            .any(|(oid, _)| STATISTICS_TYPES.contains(oid));
        let by_name = |(relation, column): &(&Relation, &Column)| {
            relation.schema == "pg_catalog"
                && QUOTING_COLUMNS.contains(&(relation.name.as_str(), column.name.as_str()))
        };
        let of_known =
            |(_, column): &(&Relation, &Column)| STATISTICS_TYPES.contains(&column.type_oid);
        by_type
            || STATISTICS_TYPES.contains(&facts.type_oid)
            || self
                .known
                .iter()
                .any(|known| by_name(known) || of_known(known))
    }

    /// A reference to a whole row (`SELECT t FROM t`) shows every column of the table.
    fn open_row(&mut self, catalog: &Catalog, table_oid: u32, open: &mut Vec<(u32, i16)>) {
        match catalog.relations.get(&table_oid) {
            Some(relation) => open.extend(relation.columns.iter().map(|c| (table_oid, c.attnum))),
            None => self.incomplete = true,
        }
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
            Selector::OtherColumns {
                schema,
                table,
                columns,
            } => {
                let by_origin = self.known.iter().any(|(relation, known)| {
                    relation.name == *table
                        && relation.schema == *schema
                        && !columns.contains(&known.name)
                });
                by_origin || self.incomplete
            }
            // A pattern is about data: PostgreSQL's own columns have to be meant by name.
            Selector::ColumnName(name) if !name.is_exact() && self.are_system() => false,
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

/// The columns of the relations and the fields of the composite types whose row type, by its name,
/// is in the type: a row keeps its columns' contents wherever it goes (`array_agg(t)`, a function
/// that returns rows).
fn row_type_columns(catalog: &Catalog, type_oid: u32) -> Vec<(u32, i16)> {
    let is_row = |oid: &u32| {
        matches!(
            catalog.types.get(oid),
            Some((_, TypeKind::Composite { .. }))
        )
    };
    let inside = types::inside(catalog, type_oid);
    let rows: Vec<&str> = inside
        .iter()
        .filter(|(oid, _)| is_row(oid))
        .map(|(_, n)| *n)
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let relations = catalog.relations.iter().chain(&catalog.composites);
    let shown = relations.filter(|(_, relation)| rows.contains(&relation.name.as_str()));
    shown
        .flat_map(|(&oid, relation)| relation.columns.iter().map(move |c| (oid, c.attnum)))
        .collect()
}

/// Is the type called `wanted`, or built from one that is?
fn contains_type(catalog: &Catalog, oid: u32, wanted: &str) -> bool {
    types::inside(catalog, oid)
        .iter()
        .any(|(_, name)| name.eq_ignore_ascii_case(wanted))
}
