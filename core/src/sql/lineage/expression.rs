//! What flows into an expression.

use std::rc::Rc;

use velum_parser::tree::{self as pg, AExprKind, SubLinkType};

use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::calls::{self, Call};
use super::cells::{self, Guarded};
use super::flow::{Flow, Kind, Members};
use super::json::{self, Path};
use super::scope::Scope;
use super::uses::Test;
use super::{Analysis, Unresolved};

type Flowing = Result<Rc<Flow>, Unresolved>;

/// Types that no document can be read as.
const LEAF_TYPES: [&str; 13] = [
    "bool",
    "date",
    "float4",
    "float8",
    "int2",
    "int4",
    "int8",
    "interval",
    "numeric",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
];

/// Operators whose result is NULL where an operand is, and nowhere else.
const KEEPING_NULL: [&str; 16] = [
    "+", "-", "*", "/", "%", "||", "=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~", "!~",
];

impl<'a> Analysis<'a> {
    /// What flows into `expression`, seen from `scope`.
    pub(super) fn expression(&self, expression: &'a Node, scope: &Scope<'_, 'a>) -> Flowing {
        self.spend(1)?;
        match expression {
            Node::AConst(_)
            | Node::ParamRef(_)
            | Node::SqlvalueFunction(_)
            | Node::GroupingFunc(_)
            | Node::MergeSupportFunc(_)
            | Node::SetToDefault(_) => Ok(Rc::new(Flow::CONSTANT)),
            Node::ColumnRef(column) => self.column(column, scope),
            Node::FuncCall(call) => self.call(call, None, scope),
            Node::AExpr(operation) => self.operation(operation, scope),
            Node::SubLink(link) => self.sublink(link, scope),
            Node::TypeCast(cast) => self.cast(cast, scope),
            Node::AIndirection(part) => self.indirection(part, scope),
            Node::NullTest(test) => {
                let arg = self.optional(test.arg.as_deref(), scope)?;
                let tells_more = arg.kind > Kind::Plain && !is_row(&arg);
                let test = if tells_more { Test::Any } else { Test::Count };
                self.note(Place::Predicate, test, &arg);
                Ok(Rc::new(Flow::count([&*arg])))
            }
            // One of its arguments comes out as it is.
            Node::CoalesceExpr(coalesce) => {
                let flows = self.each(&coalesce.args, scope)?;
                self.either(&flows)
            }
            Node::CollateClause(collate) => self.optional(collate.arg.as_deref(), scope),
            Node::NamedArgExpr(named) => self.optional(named.arg.as_deref(), scope),
            _ => self.composed(expression, scope),
        }
    }

    /// Expressions of which all that counts is what they are composed of.
    fn composed(&self, expression: &'a Node, scope: &Scope<'_, 'a>) -> Flowing {
        let mut flows = Vec::new();
        let mut name = "";
        let mut members = Members::Lost;
        match expression {
            Node::BoolExpr(all) => flows = self.one_by_one(&all.args, scope)?,
            Node::BooleanTest(test) => flows.push(self.optional(test.arg.as_deref(), scope)?),
            Node::CaseExpr(case) => {
                if let Some((call, guarded)) = cells::guard::of(case) {
                    return self.call(call, Some(guarded), scope);
                }
                flows = self.case(case, scope)?;
                members = Members::Shown;
            }
            Node::MinMaxExpr(extreme) => {
                flows = self.each(&extreme.args, scope)?;
                members = Members::Shown;
            }
            Node::RowExpr(row) => {
                flows = self.each(&row.args, scope)?;
                members = Members::Shown;
            }
            Node::AArrayExpr(array) => {
                flows = self.each(&array.elements, scope)?;
                members = Members::Shown;
            }
            Node::List(list) => {
                flows = self.each(&list.items, scope)?;
                members = Members::Shown;
            }
            Node::XmlExpr(xml) => {
                flows = self.each(&xml.named_args, scope)?;
                flows.extend(self.each(&xml.args, scope)?);
                self.xml_may_fail(xml, &flows);
                name = "xml";
            }
            Node::ResTarget(target) => return self.optional(target.val.as_deref(), scope),
            Node::XmlSerialize(xml) => flows.push(self.optional(xml.expr.as_deref(), scope)?),
            _ => (flows, name) = self.json(expression, scope)?,
        }
        let before = flows.iter().map(|flow| flow.members).max();
        let before = before.unwrap_or(Members::Shown);
        let flow = self.derive(&flows)?.with_members(before.max(members));
        let flow = match expression {
            Node::RowExpr(_) | Node::AArrayExpr(_) | Node::List(_) | Node::MinMaxExpr(_) => flow,
            _ => flow.with_nulls(),
        };
        Ok(Rc::new(if name.is_empty() { flow } else { flow.by(name) }))
    }

    fn case(&self, case: &'a pg::CaseExpr, scope: &Scope<'_, 'a>) -> Flows {
        let mut conditions = vec![self.optional(case.arg.as_deref(), scope)?];
        let mut flows = Vec::new();
        for when in nodes(&case.args) {
            let Node::CaseWhen(when) = when else {
                return Err(Unresolved::Node);
            };
            let condition = || self.optional(when.expr.as_deref(), scope);
            conditions.push(self.governed(&conditions, condition)?);
            let result = || self.optional(when.result.as_deref(), scope);
            flows.push(self.governed(&conditions, result)?);
        }
        let default = || self.optional(case.defresult.as_deref(), scope);
        flows.push(self.governed(&conditions, default)?);
        flows.extend(conditions);
        Ok(flows)
    }

    /// SQL/JSON's own notations: everything below them flows in.
    fn json(
        &self,
        expression: &'a Node,
        scope: &Scope<'_, 'a>,
    ) -> Result<(Vec<Rc<Flow>>, &'static str), Unresolved> {
        let value = |value: Option<&'a pg::JsonValueExpr>| {
            let raw = value.and_then(|value| value.raw_expr.as_deref());
            self.optional(raw, scope)
        };
        Ok(match expression {
            Node::JsonValueExpr(json) => (vec![value(Some(json))?], "json"),
            Node::JsonKeyValue(pair) => {
                let key = self.optional(pair.key.as_deref(), scope)?;
                (vec![key, value(pair.value.as_deref())?], "json")
            }
            Node::JsonObjectConstructor(object) => {
                (self.each(&object.exprs, scope)?, "json_object")
            }
            Node::JsonArrayConstructor(array) => (self.each(&array.exprs, scope)?, "json_array"),
            Node::JsonArrayQueryConstructor(array) => {
                let query = inner(array.query.as_deref()).ok_or(Unresolved::Node)?;
                let columns = self.query(query, scope)?;
                self.gather(&columns);
                self.beside(&columns);
                (vec![Rc::new(columns.row())], "json_array")
            }
            Node::JsonObjectAgg(aggregate) => {
                let pair = aggregate.arg.as_deref().ok_or(Unresolved::Node)?;
                let key = self.optional(pair.key.as_deref(), scope)?;
                self.note_json(scope);
                self.observe(|| self.aggregate(aggregate.constructor.as_deref(), scope));
                (vec![key, value(pair.value.as_deref())?], "json_objectagg")
            }
            Node::JsonArrayAgg(aggregate) => {
                self.note_json(scope);
                self.observe(|| self.aggregate(aggregate.constructor.as_deref(), scope));
                (vec![value(aggregate.arg.as_deref())?], "json_arrayagg")
            }
            Node::JsonParseExpr(parse) => {
                let flows = vec![value(parse.expr.as_deref())?];
                self.may_fail(&flows);
                (flows, "json")
            }
            Node::JsonScalarExpr(scalar) => (
                vec![self.optional(scalar.expr.as_deref(), scope)?],
                "json_scalar",
            ),
            Node::JsonSerializeExpr(json) => (vec![value(json.expr.as_deref())?], "json_serialize"),
            Node::JsonIsPredicate(test) => {
                (vec![self.optional(test.expr.as_deref(), scope)?], "is_json")
            }
            Node::JsonFuncExpr(function) => {
                let mut flows = vec![value(function.context_item.as_deref())?];
                flows.push(self.optional(function.pathspec.as_deref(), scope)?);
                for argument in nodes(&function.passing) {
                    let Node::JsonArgument(argument) = argument else {
                        return Err(Unresolved::Node);
                    };
                    flows.push(value(argument.val.as_deref())?);
                }
                for behavior in [&function.on_empty, &function.on_error] {
                    let default = behavior.as_deref().and_then(|it| it.expr.as_deref());
                    flows.push(self.optional(default, scope)?);
                }
                self.json_may_fail(function, &flows);
                (flows, "json_value")
            }
            _ => return Err(Unresolved::Node),
        })
    }

    /// A column, or a row by the name of its table.
    fn column(&self, column: &'a pg::ColumnRef, scope: &Scope<'_, 'a>) -> Flowing {
        let parts: Vec<&str> = tree::names(&column.fields).collect();
        if parts.len() != column.fields.len() {
            // `t.*` where a value is wanted is the row.
            return match parts.as_slice() {
                [.., table] if parts.len() + 1 == column.fields.len() => self.row(table, scope),
                _ => Err(Unresolved::Column),
            };
        }
        self.refer(&parts, scope);
        let flow = match parts.as_slice() {
            [name] => scope.column(self, name),
            [.., table, name] => scope.qualified(self, table, name),
            [] => Err(Unresolved::Node),
        }?;
        self.name(&flow);
        Ok(flow)
    }

    fn row(&self, table: &str, scope: &Scope<'_, 'a>) -> Flowing {
        let rows: Vec<_> = scope
            .named(table)
            .map(|named| Rc::clone(&named.row))
            .collect();
        match rows.is_empty() {
            true => Err(Unresolved::Column),
            false => self.either(&rows),
        }
    }

    fn call(
        &self,
        call: &'a pg::FuncCall,
        guarded: Option<Guarded>,
        scope: &Scope<'_, 'a>,
    ) -> Flowing {
        let own_columns = self.own_columns();
        let name: Vec<&str> = tree::names(&call.funcname).collect();
        let bare = *name.last().ok_or(Unresolved::Node)?;
        let args: Vec<&Node> = nodes(&call.args).collect();
        let mut flows = self.each(&call.args, scope)?;
        if call.agg_within_group {
            // `WITHIN GROUP (ORDER BY …)` are arguments; ORDER BY elsewhere is a matter of order.
            for sort in nodes(&call.agg_order) {
                let Node::SortBy(sort) = sort else {
                    return Err(Unresolved::Node);
                };
                flows.push(self.optional(sort.node.as_deref(), scope)?);
            }
        }
        self.observe(|| self.call_uses(call, &flows, scope));
        let filter = self.optional(call.agg_filter.as_deref(), scope)?;
        let is_opaque = flows
            .iter()
            .chain([&filter])
            .any(|it| it.kind == Kind::Opaque);
        let is_local = self.own_columns() > own_columns;
        let kind = calls::function(self.catalog, &name, &args);
        match kind {
            Call::Count | Call::Pure => self.call_may_fail(bare, &args, &flows),
            // By what it reads, whatever that is: only whether it runs is the statement's to say.
            Call::Opaque => self.may_fail(&[]),
        }
        let flow = match kind {
            Call::Count if !call.agg_within_group => {
                self.weigh(&flows)?;
                flows
                    .iter()
                    .for_each(|flow| self.note(Place::Other, Test::Count, flow));
                Flow::count(flows.iter().map(|flow| &**flow))
            }
            Call::Count | Call::Pure => {
                let flow = self.derive(&flows)?;
                let flow = taken(bare, &args, flow);
                match calls::keeps_null(bare) {
                    true => flow,
                    false => flow.with_nulls(),
                }
            }
            Call::Opaque => self.derive(&flows)?.opaque(),
        };
        let flow = flow.by(bare);
        let noted = cells::Call {
            call,
            guarded,
            flow: &flow,
            is_opaque,
            is_local,
        };
        self.note_call(noted, scope);
        Ok(Rc::new(flow))
    }

    fn operation(&self, operation: &'a pg::AExpr, scope: &Scope<'_, 'a>) -> Flowing {
        let left = self.optional(operation.lexpr.as_deref(), scope)?;
        let right = self.optional(operation.rexpr.as_deref(), scope)?;
        let name: Vec<&str> = tree::names(&operation.name).collect();
        let bare = name.last().copied().unwrap_or_default();
        self.operation_may_fail(operation, [&left, &right], scope);
        let flow = self.derive(&[left, right])?;
        let before = flow.members;
        let is_plain = matches!(AExprKind::try_from(operation.kind), Ok(AExprKind::AexprOp));
        let flow = match is_plain && KEEPING_NULL.contains(&bare) {
            true => flow,
            false => flow.with_nulls(),
        };
        let right = inner(operation.rexpr.as_deref());
        let flow = match (bare, right.map(json::operand)) {
            ("->", Some(Path::Keys(keys))) => flow.at_keys(keys),
            ("->>" | "#>" | "#>>", Some(Path::Keys(keys))) => {
                flow.at_keys(keys).with_members(before.max(Members::InText))
            }
            _ if before == Members::Leaf => flow,
            _ => flow.with_members(Members::Lost),
        };
        let flow = match calls::operator(self.catalog, &name) {
            Call::Opaque => flow.opaque(),
            Call::Pure | Call::Count => flow,
        };
        Ok(Rc::new(flow.by(bare)))
    }

    fn cast(&self, cast: &'a pg::TypeCast, scope: &Scope<'_, 'a>) -> Flowing {
        let arg = self.optional(cast.arg.as_deref(), scope)?;
        let is_leaf = cast.type_name.as_ref().is_some_and(is_leaf_type);
        let was_taken = !arg.keys.is_empty() && arg.members <= Members::InText;
        self.cast_may_fail(cast, &arg, scope);
        let flow = self.derive(&[arg])?;
        let members = match is_leaf && was_taken {
            true => Members::Leaf,
            false => flow.members.max(Members::InText),
        };
        Ok(Rc::new(flow.with_members(members).by("cast")))
    }

    /// `(row).field`, `array[1]`, `document['key']`.
    fn indirection(&self, part: &'a pg::AIndirection, scope: &Scope<'_, 'a>) -> Flowing {
        let arg = inner(part.arg.as_deref()).ok_or(Unresolved::Node)?;
        let mut steps = nodes(&part.indirection);
        // `(t).column` is `t.column`.
        if let (Some(Node::String(field)), None) = (steps.next(), steps.next())
            && let Some(table) = self.row_name(arg, scope)
        {
            return scope.qualified(self, table, &field.sval);
        }
        let mut flows = vec![self.expression(arg, scope)?];
        let mut keys = Vec::new();
        let mut members = Members::Shown;
        let mut called = Vec::new();
        for step in nodes(&part.indirection) {
            let Node::AIndices(indices) = step else {
                // `(value).name` is `name(value)` where no field has the name.
                let name = tree::name(step).into_iter();
                called.extend(name.filter(|name| calls::may_be_called(self.catalog, name)));
                continue;
            };
            for index in [&indices.lidx, &indices.uidx] {
                flows.push(self.optional(index.as_deref(), scope)?);
                match inner(index.as_deref()).map(json::operand) {
                    Some(Path::Keys(found)) => keys.extend(found),
                    Some(Path::Any) => members = Members::Lost,
                    None => {}
                }
            }
        }
        let flow = self.derive(&flows)?.with_nulls();
        let members = members.max(flow.members);
        let mut flow = flow.at_keys(keys).with_members(members);
        for name in called {
            flow = match calls::function(self.catalog, &[name], &[]) {
                Call::Opaque => flow.opaque().by(name),
                Call::Pure | Call::Count => flow.by(name),
            };
        }
        Ok(Rc::new(flow))
    }

    /// The name of the table whose row `expression` is, and nothing else.
    pub(super) fn row_name(&self, expression: &'a Node, scope: &Scope<'_, 'a>) -> Option<&'a str> {
        let Node::ColumnRef(row) = expression else {
            return None;
        };
        let mut names = tree::names(&row.fields);
        let (Some(table), None, 1) = (names.next(), names.next(), row.fields.len()) else {
            return None;
        };
        let is_row = scope.column(self, table).is_ok_and(|flow| is_row(&flow));
        (is_row && scope.named(table).next().is_some()).then_some(table)
    }

    fn sublink(&self, link: &'a pg::SubLink, scope: &Scope<'_, 'a>) -> Flowing {
        let query = inner(link.subselect.as_deref()).ok_or(Unresolved::Node)?;
        let kind = SubLinkType::try_from(link.sub_link_type).map_err(|_| Unresolved::Node)?;
        let columns = self.query(query, scope)?;
        self.beside(&columns);
        if kind == SubLinkType::ArraySublink {
            self.gather(&columns);
        }
        let flows: Vec<Rc<Flow>> = columns
            .list
            .iter()
            .map(|column| Rc::clone(&column.flow))
            .chain(columns.rest.clone())
            .collect();
        match kind {
            SubLinkType::ExistsSublink => {
                self.weigh(&flows)?;
                let flows = flows.iter().map(|flow| &**flow);
                // Whether a row is there: nothing that it holds.
                Ok(Rc::new(Flow::count(flows).by("exists")))
            }
            // NULL where there is no row.
            SubLinkType::ExprSublink => {
                let flow = self.either(&flows)?;
                Ok(Rc::new((*flow).clone().with_nulls()))
            }
            SubLinkType::ArraySublink => Ok(Rc::new(self.derive(&flows)?.by("array"))),
            _ => {
                let mut flows = flows;
                flows.push(self.optional(link.testexpr.as_deref(), scope)?);
                let flow = self.derive(&flows)?.with_members(Members::Lost);
                let name: Vec<&str> = tree::names(&link.oper_name).collect();
                Ok(Rc::new(match calls::operator(self.catalog, &name) {
                    Call::Opaque if !name.is_empty() => flow.opaque(),
                    _ => flow,
                }))
            }
        }
    }

    /// What flows into an expression that may be missing.
    pub(super) fn optional(&self, node: Option<&'a Wrapped>, scope: &Scope<'_, 'a>) -> Flowing {
        match inner(node) {
            Some(node) => self.expression(node, scope),
            None => Ok(Rc::new(Flow::CONSTANT)),
        }
    }

    /// What flows into each of a list of expressions.
    pub(super) fn each(&self, list: &'a [Wrapped], scope: &Scope<'_, 'a>) -> Flows {
        nodes(list)
            .map(|node| self.expression(node, scope))
            .collect()
    }
}

type Flows = Result<Vec<Rc<Flow>>, Unresolved>;

/// Is it the row of a table and nothing else?
pub(super) fn is_row(flow: &Flow) -> bool {
    let is_whole = flow.sources.iter().all(|source| source.1 == 0);
    flow.kind == Kind::Derived && is_whole && !flow.sources.is_empty()
}

/// Is it the name of a type that no document can be read as?
fn is_leaf_type(name: &pg::TypeName) -> bool {
    let last = tree::names(&name.names).next_back();
    last.is_some_and(|last| LEAF_TYPES.contains(&last)) && name.array_bounds.is_empty()
}

/// What a function that does no more than compute makes of documents.
fn taken(name: &str, args: &[&Node], flow: Flow) -> Flow {
    let before = flow.members;
    let path = match name {
        "json_extract_path"
        | "jsonb_extract_path"
        | "json_extract_path_text"
        | "jsonb_extract_path_text" => json::keys(args.iter().skip(1).copied()),
        "jsonb_path_query"
        | "jsonb_path_query_array"
        | "jsonb_path_query_first"
        | "jsonb_path_query_tz"
        | "jsonb_path_query_array_tz"
        | "jsonb_path_query_first_tz" => match args.get(1) {
            Some(path) if args.len() == 2 => json::sql_path(path),
            _ => Path::Any,
        },
        "json_array_elements_text" | "jsonb_array_elements_text" => Path::Keys(Vec::new()),
        _ => return flow.with_members(calls::members(name, before)),
    };
    match path {
        Path::Keys(keys) => flow.at_keys(keys).with_members(before.max(Members::InText)),
        Path::Any => flow.with_members(Members::Lost),
    }
}
