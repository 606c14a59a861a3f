//! The name that PostgreSQL gives to an output column without an alias (FigureColname).

use std::borrow::Cow;

use crate::sql::tree::{self, Node, inner, nodes};
use velum_parser::tree::SubLinkType;

/// How sure PostgreSQL is of a name: what comes from a cast gives way to anything else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    None,
    Cast,
    Own,
}

/// The name of the output column of `expression`; `None` if it is not worked out here.
pub(super) fn figure(expression: &Node) -> Option<Cow<'_, str>> {
    let (strength, name) = figure_name(expression)?;
    Some(match strength {
        Strength::None => Cow::Borrowed("?column?"),
        Strength::Cast | Strength::Own => Cow::Borrowed(name),
    })
}

fn figure_name(node: &Node) -> Option<(Strength, &str)> {
    let own = |name| Some((Strength::Own, name));
    let none = Some((Strength::None, ""));
    match node {
        Node::ColumnRef(column) => tree::names(&column.fields).next_back().map_or(none, own),
        Node::AIndirection(part) => match tree::names(&part.indirection).next_back() {
            Some(field) => own(field),
            None => figure_name(inner(part.arg.as_deref())?),
        },
        Node::FuncCall(call) => own(tree::names(&call.funcname).next_back()?),
        Node::TypeCast(cast) => match figure_name(inner(cast.arg.as_deref())?)? {
            strong @ (Strength::Own, _) => Some(strong),
            _ => {
                let name = cast.type_name.as_ref();
                let name = name.and_then(|name| tree::names(&name.names).next_back());
                Some((Strength::Cast, name?))
            }
        },
        Node::CollateClause(collate) => figure_name(inner(collate.arg.as_deref())?),
        Node::CaseExpr(case) => match inner(case.defresult.as_deref()).map(figure_name) {
            Some(Some(strong @ (Strength::Own, _))) => Some(strong),
            Some(None) => None,
            _ => Some((Strength::Cast, "case")),
        },
        Node::SubLink(link) => match SubLinkType::try_from(link.sub_link_type).ok()? {
            SubLinkType::ExistsSublink => own("exists"),
            SubLinkType::ArraySublink => own("array"),
            SubLinkType::ExprSublink => figure_subquery(inner(link.subselect.as_deref())?),
            _ => none,
        },
        Node::AExpr(expression) => {
            use velum_parser::tree::AExprKind;
            match AExprKind::try_from(expression.kind).ok()? {
                AExprKind::AexprNullif => own("nullif"),
                _ => none,
            }
        }
        Node::AArrayExpr(_) => own("array"),
        Node::RowExpr(_) => own("row"),
        Node::CoalesceExpr(_) => own("coalesce"),
        Node::GroupingFunc(_) => own("grouping"),
        Node::AConst(_)
        | Node::ParamRef(_)
        | Node::BoolExpr(_)
        | Node::NullTest(_)
        | Node::BooleanTest(_) => none,
        _ => None,
    }
}

/// A scalar subquery takes the name of its only column.
fn figure_subquery(subquery: &Node) -> Option<(Strength, &str)> {
    let Node::SelectStmt(select) = subquery else {
        return None;
    };
    let mut targets = nodes(&select.target_list);
    let Some(Node::ResTarget(target)) = targets.next() else {
        return None;
    };
    match target.name.as_str() {
        "" => figure_name(inner(target.val.as_deref())?),
        name => Some((Strength::Own, name)),
    }
}
