//! What a statement makes of columns besides returning them: it compares them, groups and orders
//! by them, and writes them elsewhere. Each of these tells something of their values to whoever
//! chose the statement.
//!
//! Only what a table holds is a use: what stands in the statement itself, and what only counts,
//! are none.

use std::rc::Rc;

use velum_parser::tree::{self as pg, SetOperation};

use crate::catalog::Relation;
use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::conditions::is_member;
use super::expression::is_row;
use super::flow::{Flow, Kind, Origin};
use super::scope::{Column, Columns, Scope};
use super::{Analysis, Unresolved};

/// What a use tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Whether it equals one of so many values that the statement or its parameters say.
    Equality {
        /// How many.
        values: u32,
    },
    /// Whether it equals one of the elements of this parameter, an array.
    Listed {
        /// Its number, from 1.
        parameter: u16,
    },
    /// Whether it equals this other value, which a table holds.
    Column(Flow),
    /// Whether there is a value, or whether a document has a member.
    Presence,
    /// How many rows have a value, or for each row whether it has one, where that is returned.
    Count,
    /// Whether members of a document under these keys are as the statement says.
    Members(Vec<Box<str>>),
    /// All of it: it is written into one of these columns, or elsewhere if there are none.
    Into(Vec<Origin>),
    /// Anything.
    Any,
}

/// A use of what flows into a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Where it stands.
    pub place: Place,
    /// What it tells.
    pub test: Test,
    /// Of what.
    pub flow: Flow,
}

/// Functions of which others, or later statements, see what they are given. Sorted.
const CARRIERS: [&str; 17] = [
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_logical_emit_message",
    "pg_notify",
    "pg_sleep",
    "pg_sleep_for",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "set_config",
    "setseed",
    "setval",
];
/// Functions that return as many rows as their arguments make them. Sorted.
const MEASURES: [&str; 24] = [
    "aclexplode",
    "generate_series",
    "generate_subscripts",
    "json_array_elements",
    "json_array_elements_text",
    "json_each",
    "json_each_text",
    "json_object_keys",
    "json_populate_recordset",
    "json_to_recordset",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_object_keys",
    "jsonb_path_query",
    "jsonb_path_query_tz",
    "jsonb_populate_recordset",
    "jsonb_to_recordset",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    "ts_parse",
    "unnest",
];
/// Those that make a row of each part of an array or a document, whatever it holds. Sorted.
const UNNESTING: [&str; 13] = [
    "json_array_elements",
    "json_array_elements_text",
    "json_each",
    "json_each_text",
    "json_populate_recordset",
    "json_to_recordset",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_populate_recordset",
    "jsonb_to_recordset",
    "unnest",
];
/// More uses than this are not told apart.
const USES: usize = 4_096;

/// Functions of PostgreSQL's own working that return many rows. Sorted.
const OTHER_SETS: [&str; 5] = [
    "_pg_expandarray",
    "ts_debug",
    "ts_stat",
    "ts_token_type",
    "txid_snapshot_xip",
];

/// May the function of this name make several rows of one?
pub(super) fn is_multiplying(name: &str) -> bool {
    MEASURES.binary_search(&name).is_ok()
        || OTHER_SETS.binary_search(&name).is_ok()
        || name.starts_with("pg_")
}

/// Do others, or later statements, see what the function of this name is given?
pub(super) fn is_carrier(name: &str) -> bool {
    CARRIERS.binary_search(&name).is_ok()
}

impl<'a> Analysis<'a> {
    /// Notes a use, unless nothing that a table holds is in it.
    pub(super) fn note(&self, place: Place, test: Test, flow: &Flow) {
        if matches!(flow.kind, Kind::Constant | Kind::Count) {
            return;
        }
        let flow = flow.clone();
        let one = Use { place, test, flow };
        let mut uses = self.uses.borrow_mut();
        let spent = self.spend(uses.len() + one.flow.weight());
        if spent.is_err() || uses.len() >= USES {
            self.blind.set(Some(Unresolved::Work));
        } else if !uses.contains(&one) {
            uses.push(one);
        }
    }

    /// Looks for uses. What cannot be worked out leaves what flows into the output as it is.
    pub(super) fn observe(&self, look: impl FnOnce() -> Result<(), Unresolved>) {
        if let Err(unresolved) = look() {
            self.blind.set(Some(unresolved));
        }
    }

    /// What a query makes of columns besides its output, `columns`.
    pub(super) fn clauses(
        &self,
        select: &'a pg::SelectStmt,
        columns: &Columns<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Unresolved> {
        self.condition(select.where_clause.as_deref(), scope, Place::Predicate)?;
        self.condition(select.having_clause.as_deref(), scope, Place::Predicate)?;
        self.grouping(&select.group_clause, columns, scope)?;
        // Without ON nothing is said, and all columns count.
        match select.distinct_clause.iter().all(|it| it.node.is_none()) {
            true if select.distinct_clause.is_empty() => {}
            true => self.note_groups(&columns.flows().collect::<Vec<_>>(), columns.rest.is_none()),
            false => self.by_output(&select.distinct_clause, columns, scope, Place::Grouping)?,
        }
        for window in nodes(&select.window_clause) {
            let Node::WindowDef(window) = window else {
                return Err(Unresolved::Node);
            };
            self.window(window, scope)?;
        }
        self.by_output(&select.sort_clause, columns, scope, Place::Ordering)?;
        for limit in [&select.limit_count, &select.limit_offset] {
            let flow = self.optional(limit.as_deref(), scope)?;
            self.note(Place::Other, Test::Any, &flow);
        }
        Ok(())
    }

    /// Expressions that may say an output column by its number or its name.
    pub(super) fn by_output(
        &self,
        list: &'a [Wrapped],
        columns: &Columns<'a>,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        for flow in self.meant(list, columns, scope)? {
            self.note(place, Test::Any, &flow);
        }
        Ok(())
    }

    /// What expressions that may say an output column may mean: all of it counts.
    fn meant(
        &self,
        list: &'a [Wrapped],
        columns: &Columns<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Vec<Rc<Flow>>, Unresolved> {
        let mut flows = Vec::new();
        for node in nodes(list) {
            let said = match node {
                Node::SortBy(sort) => inner(sort.node.as_deref()).ok_or(Unresolved::Node)?,
                Node::GroupingSet(set) => {
                    flows.extend(self.meant(&set.content, columns, scope)?);
                    continue;
                }
                Node::RowExpr(row) => {
                    flows.extend(self.meant(&row.args, columns, scope)?);
                    continue;
                }
                node => node,
            };
            let before = flows.len();
            flows.extend(said_outputs(said, columns).cloned().map(Rc::new));
            match self.expression(said, scope) {
                Ok(flow) => flows.push(flow),
                Err(Unresolved::Column) if flows.len() > before => {}
                Err(unresolved) => return Err(unresolved),
            }
        }
        Ok(flows)
    }

    /// GROUP BY. Every set of a grouping stands alone.
    fn grouping(
        &self,
        list: &'a [Wrapped],
        columns: &Columns<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Unresolved> {
        let flows = self.meant(list, columns, scope)?;
        let flows: Vec<&Flow> = flows.iter().map(|flow| &**flow).collect();
        let has_sets = nodes(list).any(|node| matches!(node, Node::GroupingSet(_)));
        self.note_groups(&flows, !has_sets);
        Ok(())
    }

    /// Rows are told apart by all of these together. Beside a key of its table a column tells no
    /// rows apart.
    fn note_groups(&self, flows: &[&Flow], are_together: bool) {
        let column_of = |flow: &Flow| match (flow.kind, flow.sources.as_slice()) {
            (Kind::Plain, [only]) => Some(*only),
            _ => None,
        };
        let is_key = |column: &Origin| {
            let relation = self.catalog.relations.get(&column.0);
            let is_met_once = |it: &Relation| !self.namesakes.contains(&it.name.as_str());
            self.catalog.keys.contains(column) && relation.is_some_and(is_met_once)
        };
        let columns = flows.iter().filter_map(|flow| column_of(flow));
        let keys = columns.filter(|column| are_together && is_key(column));
        let keyed: Vec<u32> = keys.map(|(table_oid, _)| table_oid).collect();
        for flow in flows {
            let is_told = column_of(flow).is_some_and(|column| keyed.contains(&column.0));
            if !is_told {
                self.note(Place::Grouping, Test::Any, flow);
            }
        }
    }

    /// PARTITION BY and ORDER BY of a window, and the bounds of its frame.
    pub(super) fn window(
        &self,
        window: &'a pg::WindowDef,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Unresolved> {
        let none = Columns::default();
        self.by_output(&window.partition_clause, &none, scope, Place::Grouping)?;
        self.by_output(&window.order_clause, &none, scope, Place::Ordering)?;
        for bound in [&window.start_offset, &window.end_offset] {
            let flow = self.optional(bound.as_deref(), scope)?;
            self.note(Place::Other, Test::Any, &flow);
        }
        Ok(())
    }

    /// What a call makes of columns besides its value.
    pub(super) fn call_uses(
        &self,
        call: &'a pg::FuncCall,
        args: &[Rc<Flow>],
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Unresolved> {
        let name = tree::names(&call.funcname).next_back().unwrap_or_default();
        let test = match name {
            // Which of the values are there is told by their number.
            "count" | "regr_count" => Some((Place::Predicate, Test::Any)),
            name if is_carrier(name) => Some((Place::Input, Test::Into(Vec::new()))),
            name if MEASURES.binary_search(&name).is_ok() => Some((Place::Other, Test::Any)),
            _ => None,
        };
        if let Some((place, test)) = test {
            // How many parts a stored value has is no more than how many rows a table has.
            let is_whole = place == Place::Predicate || UNNESTING.binary_search(&name).is_ok();
            let is_made =
                |flow: &Rc<Flow>| flow.kind > Kind::Plain && !is_row(flow) && !is_member(flow);
            let is_told = |flow: &&Rc<Flow>| !is_whole || is_made(flow);
            for flow in args.iter().filter(is_told) {
                self.note(place, test.clone(), flow);
            }
        }
        self.condition(call.agg_filter.as_deref(), scope, Place::Predicate)?;
        if !call.agg_within_group {
            let none = Columns::default();
            self.by_output(&call.agg_order, &none, scope, Place::Ordering)?;
        }
        match &call.over {
            Some(window) => self.window(window, scope),
            None => Ok(()),
        }
    }

    /// Rows of both sides of a set operation are compared, unless all of them stay.
    pub(super) fn set_operation(
        &self,
        select: &pg::SelectStmt,
        left: &Columns<'_>,
        right: &Columns<'_>,
    ) {
        if select.all && select.op == SetOperation::SetopUnion as i32 {
            return;
        }
        let is_certain = left.rest.is_none() && right.rest.is_none();
        if is_certain && left.list.len() == right.list.len() {
            for (one, other) in left.list.iter().zip(&right.list) {
                self.both(Place::Join, &one.flow, &other.flow);
            }
            return;
        }
        for flow in left.flows().chain(right.flows()) {
            self.note(Place::Join, Test::Any, flow);
        }
    }

    /// Columns of both sides of a join that USING or NATURAL compares; `rest` may be among them.
    pub(super) fn merged(&self, sides: &[Vec<Column<'_>>; 2], rest: Option<&Flow>) {
        let [left, right] = sides;
        for side in left.iter().chain(right) {
            self.name(&side.flow);
        }
        for one in left {
            for other in right {
                self.both(Place::Join, &one.flow, &other.flow);
            }
        }
        if let Some(rest) = rest {
            for known in left.iter().chain(right) {
                self.both(Place::Join, &known.flow, rest);
            }
        }
    }

    /// How many rows a sample has.
    pub(super) fn sampled(
        &self,
        sample: &'a pg::RangeTableSample,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Unresolved> {
        let seed = self.optional(sample.repeatable.as_deref(), scope)?;
        for flow in self.each(&sample.args, scope)?.into_iter().chain([seed]) {
            self.note(Place::Other, Test::Any, &flow);
        }
        Ok(())
    }

    /// FILTER, ORDER BY and OVER of an aggregate of SQL/JSON.
    pub(super) fn aggregate(
        &self,
        aggregate: Option<&'a pg::JsonAggConstructor>,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Unresolved> {
        let aggregate = aggregate.ok_or(Unresolved::Node)?;
        let none = Columns::default();
        self.condition(aggregate.agg_filter.as_deref(), scope, Place::Predicate)?;
        self.by_output(&aggregate.agg_order, &none, scope, Place::Ordering)?;
        match &aggregate.over {
            Some(window) => self.window(window, scope),
            None => Ok(()),
        }
    }

    /// All of what a query returns is written elsewhere.
    pub(super) fn carried(&self, columns: &Columns<'_>) {
        for flow in columns.flows() {
            self.note(Place::Input, Test::Into(Vec::new()), flow);
        }
    }
}

/// The outputs that an expression of ORDER BY or GROUP BY may say by number or name.
fn said_outputs<'c>(said: &Node, columns: &'c Columns<'_>) -> impl Iterator<Item = &'c Flow> {
    let number = match said {
        Node::AConst(constant) => match &constant.val {
            Some(pg::a_const::Val::Ival(number)) => usize::try_from(number.ival).ok(),
            _ => None,
        },
        _ => None,
    };
    let name = match said {
        Node::ColumnRef(column) => match tree::names(&column.fields).collect::<Vec<_>>()[..] {
            [name] if column.fields.len() == 1 => Some(name.to_owned()),
            _ => None,
        },
        _ => None,
    };
    let is_said = move |(index, column): &(usize, &Column<'_>)| {
        let is_named = name.as_deref().is_some_and(|name| {
            let known = column.name.as_deref();
            known.is_none_or(|known| known == name)
        });
        is_named || number == Some(index + 1)
    };
    let is_open = number.is_some() || matches!(said, Node::ColumnRef(_));
    let rest = columns.rest.as_deref().filter(|_| is_open);
    let listed = columns.list.iter().enumerate().filter(is_said);
    listed.map(|(_, column)| &*column.flow).chain(rest)
}
