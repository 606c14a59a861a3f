//! Expressions.

use velum_parser::tree::{self as pg, SubLinkType};

use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::super::{NotUnderstood, Place, SideEffect};
use super::{Walk, Walked, output_place};

impl Walk<'_> {
    pub(super) fn each(&mut self, list: &[Wrapped], place: Place) -> Walked {
        nodes(list).try_for_each(|node| self.expression(node, place))
    }

    pub(super) fn optional(&mut self, node: Option<&Wrapped>, place: Place) -> Walked {
        inner(node).map_or(Ok(()), |node| self.expression(node, place))
    }

    pub(super) fn expression(&mut self, expression: &Node, place: Place) -> Walked {
        match expression {
            Node::ColumnRef(column) => {
                self.found.met.columns += usize::from(self.shadow == 0);
                let path: Vec<String> = tree::names(&column.fields).map(str::to_owned).collect();
                let is_star = path.len() < column.fields.len();
                self.column(path, is_star, place);
                Ok(())
            }
            Node::FuncCall(call) => self.call(call, place),
            Node::SubLink(link) => {
                let kind = SubLinkType::try_from(link.sub_link_type).map_err(|_| NotUnderstood)?;
                self.optional(link.testexpr.as_deref(), place)?;
                let query = inner(link.subselect.as_deref()).ok_or(NotUnderstood)?;
                self.query(query, output_place(kind, place))
            }
            Node::AExpr(operation) => {
                self.optional(operation.lexpr.as_deref(), place)?;
                self.optional(operation.rexpr.as_deref(), place)
            }
            Node::BoolExpr(all) => self.each(&all.args, place),
            Node::CaseExpr(case) => {
                self.optional(case.arg.as_deref(), place)?;
                self.each(&case.args, place)?;
                self.optional(case.defresult.as_deref(), place)
            }
            Node::CaseWhen(when) => {
                self.optional(when.expr.as_deref(), place)?;
                self.optional(when.result.as_deref(), place)
            }
            Node::AIndirection(part) => {
                // `(value).name` is `name(value)` where no field has the name.
                let fields = tree::names(&part.indirection).map(|name| vec![name.to_owned()]);
                self.found.fields.extend(fields);
                self.optional(part.arg.as_deref(), place)?;
                self.each(&part.indirection, place)
            }
            Node::AIndices(indices) => {
                self.optional(indices.lidx.as_deref(), place)?;
                self.optional(indices.uidx.as_deref(), place)
            }
            Node::ResTarget(target) => {
                self.each(&target.indirection, place)?;
                self.optional(target.val.as_deref(), place)
            }
            Node::SortBy(sort) => self.optional(sort.node.as_deref(), place),
            Node::WindowDef(window) => self.window(window),
            Node::List(list) => self.each(&list.items, place),
            _ => self.simple(expression, place),
        }
    }

    /// Expressions with one kind of part, or none.
    fn simple(&mut self, expression: &Node, place: Place) -> Walked {
        match expression {
            Node::AConst(_)
            | Node::ParamRef(_)
            | Node::SqlvalueFunction(_)
            | Node::SetToDefault(_)
            | Node::MergeSupportFunc(_)
            | Node::CurrentOfExpr(_)
            | Node::AStar(_)
            | Node::String(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Boolean(_)
            | Node::BitString(_)
            | Node::TypeName(_)
            | Node::ColumnDef(_) => Ok(()),
            Node::TypeCast(cast) => self.optional(cast.arg.as_deref(), place),
            Node::CollateClause(collate) => self.optional(collate.arg.as_deref(), place),
            Node::NullTest(test) => self.optional(test.arg.as_deref(), place),
            Node::BooleanTest(test) => self.optional(test.arg.as_deref(), place),
            Node::CoalesceExpr(coalesce) => self.each(&coalesce.args, place),
            Node::MinMaxExpr(extreme) => self.each(&extreme.args, place),
            Node::RowExpr(row) => self.each(&row.args, place),
            Node::AArrayExpr(array) => self.each(&array.elements, place),
            Node::NamedArgExpr(named) => self.optional(named.arg.as_deref(), place),
            // The source stands anew for each of its columns.
            Node::MultiAssignRef(part) => self.optional(part.source.as_deref(), place),
            Node::GroupingFunc(grouping) => self.each(&grouping.args, Place::Grouping),
            Node::GroupingSet(set) => self.each(&set.content, place),
            Node::IndexElem(element) => {
                if !element.name.is_empty() {
                    self.column(vec![element.name.clone()], false, place);
                }
                self.optional(element.expr.as_deref(), place)
            }
            Node::DefElem(option) => self.optional(option.arg.as_deref(), place),
            Node::XmlExpr(xml) => {
                self.each(&xml.named_args, place)?;
                self.each(&xml.args, place)
            }
            Node::XmlSerialize(xml) => self.optional(xml.expr.as_deref(), place),
            _ => self.json(expression, place),
        }
    }

    fn call(&mut self, call: &pg::FuncCall, place: Place) -> Walked {
        self.found.met.functions += usize::from(self.shadow == 0);
        if tree::names(&call.funcname).next_back() == Some("set_config") {
            let setting = nodes(&call.args).next().and_then(tree::literal);
            let setting = setting.unwrap_or_default().to_ascii_lowercase();
            self.found.side_effects.push(SideEffect::Setting(setting));
        }
        self.each(&call.args, place)?;
        let order = if call.agg_within_group {
            place
        } else {
            Place::Ordering
        };
        self.each(&call.agg_order, order)?;
        self.optional(call.agg_filter.as_deref(), Place::Predicate)?;
        match &call.over {
            Some(window) => self.window(window),
            None => Ok(()),
        }
    }

    fn window(&mut self, window: &pg::WindowDef) -> Walked {
        self.each(&window.partition_clause, Place::Grouping)?;
        self.each(&window.order_clause, Place::Ordering)?;
        self.optional(window.start_offset.as_deref(), Place::Other)?;
        self.optional(window.end_offset.as_deref(), Place::Other)
    }

    pub(super) fn json_value(&mut self, value: Option<&pg::JsonValueExpr>, place: Place) -> Walked {
        let Some(value) = value else {
            return Ok(());
        };
        self.optional(value.raw_expr.as_deref(), place)?;
        self.optional(value.formatted_expr.as_deref(), place)
    }

    pub(super) fn behavior(&mut self, default: Option<&pg::JsonBehavior>, place: Place) -> Walked {
        self.optional(default.and_then(|default| default.expr.as_deref()), place)
    }

    fn json_pair(&mut self, pair: Option<&pg::JsonKeyValue>, place: Place) -> Walked {
        let Some(pair) = pair else {
            return Ok(());
        };
        self.optional(pair.key.as_deref(), place)?;
        self.json_value(pair.value.as_deref(), place)
    }

    fn json_aggregate(&mut self, aggregate: Option<&pg::JsonAggConstructor>) -> Walked {
        let aggregate = aggregate.ok_or(NotUnderstood)?;
        self.optional(aggregate.agg_filter.as_deref(), Place::Predicate)?;
        self.each(&aggregate.agg_order, Place::Ordering)?;
        match &aggregate.over {
            Some(window) => self.window(window),
            None => Ok(()),
        }
    }

    fn json(&mut self, expression: &Node, place: Place) -> Walked {
        match expression {
            Node::JsonValueExpr(value) => self.json_value(Some(value), place),
            Node::JsonKeyValue(pair) => self.json_pair(Some(pair), place),
            Node::JsonArgument(argument) => self.json_value(argument.val.as_deref(), place),
            Node::JsonObjectConstructor(object) => self.each(&object.exprs, place),
            Node::JsonArrayConstructor(array) => self.each(&array.exprs, place),
            Node::JsonArrayQueryConstructor(array) => {
                self.query(inner(array.query.as_deref()).ok_or(NotUnderstood)?, place)
            }
            Node::JsonObjectAgg(aggregate) => {
                self.json_pair(aggregate.arg.as_deref(), place)?;
                self.json_aggregate(aggregate.constructor.as_deref())
            }
            Node::JsonArrayAgg(aggregate) => {
                self.json_value(aggregate.arg.as_deref(), place)?;
                self.json_aggregate(aggregate.constructor.as_deref())
            }
            Node::JsonParseExpr(parse) => self.json_value(parse.expr.as_deref(), place),
            Node::JsonScalarExpr(scalar) => self.optional(scalar.expr.as_deref(), place),
            Node::JsonSerializeExpr(json) => self.json_value(json.expr.as_deref(), place),
            Node::JsonIsPredicate(test) => self.optional(test.expr.as_deref(), place),
            Node::JsonFuncExpr(function) => {
                self.json_value(function.context_item.as_deref(), place)?;
                self.optional(function.pathspec.as_deref(), place)?;
                self.each(&function.passing, place)?;
                self.behavior(function.on_empty.as_deref(), place)?;
                self.behavior(function.on_error.as_deref(), place)
            }
            _ => Err(NotUnderstood),
        }
    }
}
