//! What conditions tell of the values that they compare.

use velum_parser::tree::{self as pg, AExprKind, SubLinkType};

use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::expression::is_row;
use super::flow::{Flow, Kind};
use super::json::{self, Path};
use super::scope::Scope;
use super::uses::Test;
use super::{Analysis, Unresolved};

/// Functions and types by which a value becomes one that is equal for all that are equal, and
/// never a part of it.
const EQUALS: [&str; 5] = ["btrim", "lower", "ltrim", "rtrim", "upper"];
const WHOLE_TYPES: [&str; 3] = ["bpchar", "text", "varchar"];
impl<'a> Analysis<'a> {
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
                    _ if is_row(&flow) => Test::Presence,
                    _ => Test::Any,
                };
                self.note(place, test, &flow);
                Ok(())
            }
            Node::AExpr(operation) => self.comparison(operation, scope, place),
            Node::SubLink(link) => self.subquery(link, scope, place),
            Node::FuncCall(call) if is_path_question(call) => {
                let [document, path] = call.args.as_slice() else {
                    return Err(Unresolved::Node);
                };
                let flow = self.optional(Some(document), scope)?;
                let path = inner(Some(path)).map_or(Path::Any, json::sql_path);
                self.note(place, members(path).unwrap_or(Test::Any), &flow);
                Ok(())
            }
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
        if let Some(test) = self.membership(operation, kind) {
            let flow = self.optional(operation.lexpr.as_deref(), scope)?;
            self.note(place, test, &flow);
            return Ok(());
        }
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
            (AExprKind::AexprOpAny | AExprKind::AexprOpAll, array) if is_given_array(array) => {
                let flow = self.expression(self.whole(left), scope)?;
                let test = match (equality(&flow, 1), parameter(array)) {
                    (Test::Equality { .. }, Some(parameter)) => Test::Listed { parameter },
                    (Test::Equality { .. }, None) => Test::Equality {
                        values: elements(array),
                    },
                    (test, _) => test,
                };
                self.note(place, test, &flow);
                Ok(())
            }
            (
                AExprKind::AexprOp | AExprKind::AexprDistinct | AExprKind::AexprNotDistinct,
                right,
            ) => self.equality(left, right, scope, place),
            _ => self.anything(operation, scope, place),
        }
    }

    /// What a condition on a document tells that asks for members by their keys.
    fn membership(&self, operation: &'a pg::AExpr, kind: AExprKind) -> Option<Test> {
        let right = inner(operation.rexpr.as_deref())?;
        let name = tree::names(&operation.name).next_back()?;
        if kind != AExprKind::AexprOp || self.is_own_operator(&operation.name) {
            return None;
        }
        let keys = match name {
            "?" | "?|" | "?&" => return Some(Test::Presence),
            "@>" => json::document(right),
            "@?" | "@@" => json::sql_path(right),
            _ => return None,
        };
        members(keys)
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
        // Another collation may take for equal what is not.
        let collates = |side| matches!(self.whole(side), Node::CollateClause(_));
        if collates(left) || collates(right) {
            for side in [left, right] {
                let flow = self.expression(side, scope)?;
                self.note(place, Test::Any, &flow);
            }
            return Ok(());
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
    pub(super) fn both(&self, place: Place, one: &Flow, other: &Flow) {
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
        self.beside(&columns);
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
}

/// What a condition tells that asks by these keys, if they are known.
fn members(keys: Path<'_>) -> Option<Test> {
    match keys {
        Path::Keys(keys) => Some(Test::Members(keys.into_iter().map(Into::into).collect())),
        Path::Any => None,
    }
}

/// `jsonb_path_exists(document, path)` and its like, without variables.
fn is_path_question(call: &pg::FuncCall) -> bool {
    let name = tree::names(&call.funcname).next_back();
    let is_one = matches!(name, Some("jsonb_path_exists" | "jsonb_path_match"));
    is_one && call.args.len() == 2
}

/// Is it a value that stands in the statement, or comes with it as a parameter?
pub(super) fn is_given(expression: &Node) -> bool {
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

/// Is it an array that stands in the statement as one literal, or comes with it as a parameter?
fn is_given_array(expression: &Node) -> bool {
    match expression {
        Node::AConst(_) | Node::ParamRef(_) => true,
        Node::TypeCast(cast) => inner(cast.arg.as_deref()).is_some_and(is_given_array),
        _ => false,
    }
}

/// The number of the parameter that it is.
fn parameter(expression: &Node) -> Option<u16> {
    match expression {
        Node::ParamRef(parameter) => Some(u16::try_from(parameter.number).unwrap_or(0)),
        Node::TypeCast(cast) => parameter(inner(cast.arg.as_deref())?),
        _ => None,
    }
}

/// How many elements the literal of an array has at most.
fn elements(literal: &Node) -> u32 {
    let commas = tree::literal(literal).map_or(0, |text| text.matches(',').count());
    u32::try_from(commas + 1).unwrap_or(u32::MAX)
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
        // A member, and nothing made of it.
        Kind::Derived if is_member(flow) => Test::Equality { values },
        _ => Test::Any,
    }
}

/// Was it taken out of a document, and is it as it was there?
pub(super) fn is_member(flow: &Flow) -> bool {
    let mut by = flow.functions.iter().map(|name| &**name);
    !flow.keys.is_empty() && by.all(|name| matches!(name, "->" | "->>" | "#>" | "#>>"))
}
