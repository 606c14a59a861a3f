//! What a statement makes of columns besides returning them: it compares them, groups and orders
//! by them, and writes them elsewhere. Each of these tells something of their values to whoever
//! chose the statement.
//!
//! Only what a table holds is a use: what stands in the statement itself, and what only counts,
//! are none.

use std::rc::Rc;

use velum_parser::tree::{self as pg, AExprKind, SetOperation, SubLinkType};

use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

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
    /// Whether it equals this other value, which a table holds.
    Column(Flow),
    /// Whether there is a value.
    Presence,
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

/// Functions and types by which a value becomes one that is equal for all that are equal, and
/// never a part of it.
const EQUALS: [&str; 5] = ["btrim", "lower", "ltrim", "rtrim", "upper"];
const WHOLE_TYPES: [&str; 3] = ["bpchar", "text", "varchar"];
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
/// Functions that return as many rows as an argument says. Sorted.
const MEASURES: [&str; 2] = ["generate_series", "generate_subscripts"];
/// More uses than this are not told apart.
const USES: usize = 4_096;

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

    // -- conditions --------------------------------------------------------------------------

    /// A condition that may be missing.
    pub(super) fn condition(
        &self,
        condition: Option<&'a Wrapped>,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        match inner(condition) {
            Some(condition) => self.test(condition, scope, place),
            None => Ok(()),
        }
    }

    fn test(
        &self,
        condition: &'a Node,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        self.spend(1)?;
        match condition {
            Node::BoolExpr(all) => {
                nodes(&all.args).try_for_each(|part| self.test(part, scope, place))
            }
            Node::BooleanTest(test) => self.condition(test.arg.as_deref(), scope, place),
            Node::NullTest(test) => {
                let flow = self.optional(test.arg.as_deref(), scope)?;
                let test = match flow.kind {
                    Kind::Plain => Test::Presence,
                    _ => Test::Any,
                };
                self.note(place, test, &flow);
                Ok(())
            }
            Node::AExpr(operation) => self.comparison(operation, scope, place),
            Node::SubLink(link) => self.subquery(link, scope, place),
            _ => {
                let flow = self.expression(condition, scope)?;
                self.note(place, Test::Any, &flow);
                Ok(())
            }
        }
    }

    fn comparison(
        &self,
        operation: &'a pg::AExpr,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        let kind = AExprKind::try_from(operation.kind).map_err(|_| Unresolved::Node)?;
        let is_equality = matches!(tree::names(&operation.name).next_back(), Some("=" | "<>"))
            && !self.is_own_operator(&operation.name);
        let sides = inner(operation.lexpr.as_deref()).zip(inner(operation.rexpr.as_deref()));
        let Some((left, right)) = sides.filter(|_| is_equality) else {
            return self.anything(operation, scope, place);
        };
        match (kind, right) {
            (AExprKind::AexprIn, Node::List(list)) => self.among(left, &list.items, scope, place),
            (AExprKind::AexprOpAny | AExprKind::AexprOpAll, Node::AArrayExpr(array)) => {
                self.among(left, &array.elements, scope, place)
            }
            (
                AExprKind::AexprOp | AExprKind::AexprDistinct | AExprKind::AexprNotDistinct,
                right,
            ) => self.equality(left, right, scope, place),
            _ => self.anything(operation, scope, place),
        }
    }

    fn is_own_operator(&self, name: &[Wrapped]) -> bool {
        tree::names(name).any(|part| self.catalog.own_operators.contains(part))
    }

    fn anything(
        &self,
        operation: &'a pg::AExpr,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        for side in [&operation.lexpr, &operation.rexpr] {
            let flow = self.optional(side.as_deref(), scope)?;
            self.note(place, Test::Any, &flow);
        }
        Ok(())
    }

    /// `value IN (item, …)`
    fn among(
        &self,
        value: &'a Node,
        items: &'a [Wrapped],
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        if nodes(items).all(|item| is_given(self.whole(item))) {
            let flow = self.expression(self.whole(value), scope)?;
            let values = u32::try_from(items.len()).unwrap_or(u32::MAX);
            self.note(place, equality(&flow, values), &flow);
            return Ok(());
        }
        nodes(items).try_for_each(|item| self.equality(value, item, scope, place))
    }

    fn equality(
        &self,
        left: &'a Node,
        right: &'a Node,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        if let (Node::RowExpr(left), Node::RowExpr(right)) = (left, right)
            && left.args.len() == right.args.len()
        {
            let mut pairs = nodes(&left.args).zip(nodes(&right.args));
            return pairs.try_for_each(|(left, right)| self.equality(left, right, scope, place));
        }
        let one = self.expression(self.whole(left), scope)?;
        let other = self.expression(self.whole(right), scope)?;
        match (is_given(self.whole(left)), is_given(self.whole(right))) {
            (_, true) => self.note(place, equality(&one, 1), &one),
            (true, _) => self.note(place, equality(&other, 1), &other),
            _ => self.both(place, &one, &other),
        }
        Ok(())
    }

    /// Two values are compared.
    fn both(&self, place: Place, one: &Flow, other: &Flow) {
        for (flow, against) in [(one, other), (other, one)] {
            let test = match (flow.kind, against.kind) {
                (Kind::Plain, Kind::Plain) => Test::Column(against.clone()),
                _ => Test::Any,
            };
            self.note(place, test, flow);
        }
    }

    /// A subquery as a condition. What EXISTS returns does not matter.
    fn subquery(
        &self,
        link: &'a pg::SubLink,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        let kind = SubLinkType::try_from(link.sub_link_type).map_err(|_| Unresolved::Node)?;
        let query = inner(link.subselect.as_deref()).ok_or(Unresolved::Node)?;
        let columns = self.query(query, scope)?;
        if kind == SubLinkType::ExistsSublink {
            return Ok(());
        }
        let tested = inner(link.testexpr.as_deref());
        let is_equality = tree::names(&link.oper_name)
            .next_back()
            .is_none_or(|name| name == "=")
            && !self.is_own_operator(&link.oper_name);
        match (tested, columns.list.as_slice(), &columns.rest) {
            (Some(tested), [only], None) if is_equality => {
                let flow = self.expression(self.whole(tested), scope)?;
                self.both(place, &flow, &only.flow);
            }
            (tested, ..) => {
                if let Some(tested) = tested {
                    let flow = self.expression(tested, scope)?;
                    self.note(place, Test::Any, &flow);
                }
                for flow in columns.flows() {
                    self.note(place, Test::Any, flow);
                }
            }
        }
        Ok(())
    }

    /// A value that is equal where the expression's is, and tells no part of it.
    fn whole(&self, mut expression: &'a Node) -> &'a Node {
        loop {
            let inside = match expression {
                Node::FuncCall(call) => match call.args.as_slice() {
                    [only] if self.keeps_equality(call) => inner(Some(only)),
                    _ => None,
                },
                Node::TypeCast(cast) => {
                    let is_whole = cast.type_name.as_ref().is_some_and(is_whole_type);
                    inner(cast.arg.as_deref()).filter(|_| is_whole)
                }
                Node::CollateClause(collate) => inner(collate.arg.as_deref()),
                _ => None,
            };
            match inside {
                Some(inside) => expression = inside,
                None => return expression,
            }
        }
    }

    fn keeps_equality(&self, call: &pg::FuncCall) -> bool {
        match tree::names(&call.funcname).collect::<Vec<_>>()[..] {
            ["pg_catalog", name] => EQUALS.contains(&name),
            [name] => EQUALS.contains(&name) && !self.catalog.own_functions.contains(name),
            _ => false,
        }
    }

    // -- the parts of a query ----------------------------------------------------------------

    /// What a query makes of columns besides its output, `columns`.
    pub(super) fn clauses(
        &self,
        select: &'a pg::SelectStmt,
        columns: &Columns<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Unresolved> {
        self.condition(select.where_clause.as_deref(), scope, Place::Predicate)?;
        self.condition(select.having_clause.as_deref(), scope, Place::Predicate)?;
        self.by_output(&select.group_clause, columns, scope, Place::Grouping)?;
        // Without ON nothing is said, and all columns count.
        match select.distinct_clause.iter().all(|it| it.node.is_none()) {
            true if select.distinct_clause.is_empty() => {}
            true => {
                for flow in columns.flows() {
                    self.note(Place::Grouping, Test::Any, flow);
                }
            }
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

    /// Expressions that may say an output column by its number or its name. What may be meant
    /// counts.
    pub(super) fn by_output(
        &self,
        list: &'a [Wrapped],
        columns: &Columns<'a>,
        scope: &Scope<'_, 'a>,
        place: Place,
    ) -> Result<(), Unresolved> {
        for node in nodes(list) {
            let said = match node {
                Node::SortBy(sort) => inner(sort.node.as_deref()).ok_or(Unresolved::Node)?,
                Node::GroupingSet(set) => {
                    self.by_output(&set.content, columns, scope, place)?;
                    continue;
                }
                Node::RowExpr(row) => {
                    self.by_output(&row.args, columns, scope, place)?;
                    continue;
                }
                node => node,
            };
            let mut meant = said_outputs(said, columns).peekable();
            let is_output = meant.peek().is_some();
            meant.for_each(|flow| self.note(place, Test::Any, flow));
            match self.expression(said, scope) {
                Ok(flow) => self.note(place, Test::Any, &flow),
                Err(Unresolved::Column) if is_output => {}
                Err(unresolved) => return Err(unresolved),
            }
        }
        Ok(())
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
            "count" => Some((Place::Predicate, Test::Any)),
            name if CARRIERS.binary_search(&name).is_ok() => {
                Some((Place::Input, Test::Into(Vec::new())))
            }
            name if MEASURES.binary_search(&name).is_ok() => Some((Place::Other, Test::Any)),
            _ => None,
        };
        if let Some((place, test)) = test {
            let is_told = |flow: &&Rc<Flow>| place != Place::Predicate || flow.kind > Kind::Plain;
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

/// Is it a value that stands in the statement, or comes with it as a parameter?
fn is_given(expression: &Node) -> bool {
    match expression {
        Node::AConst(_) | Node::ParamRef(_) => true,
        Node::TypeCast(cast) => {
            inner(cast.arg.as_deref()).is_some_and(|arg| match &cast.type_name {
                // An array holds many.
                Some(name) => name.array_bounds.is_empty() && is_given(arg),
                None => false,
            })
        }
        _ => false,
    }
}

/// Is it the name of a type whose values show what they were cast from, whole?
fn is_whole_type(name: &pg::TypeName) -> bool {
    let last = tree::names(&name.names).next_back();
    let is_known = last.is_some_and(|last| WHOLE_TYPES.contains(&last));
    is_known && name.typmods.is_empty() && name.array_bounds.is_empty()
}

/// What a comparison with given values tells of a value.
fn equality(flow: &Flow, values: u32) -> Test {
    match flow.kind {
        Kind::Plain => Test::Equality { values },
        _ => Test::Any,
    }
}
