//! The `CASE` that guards an aggregate: as a tree to recognise it by, and as a text to write it.
//!
//! ```sql
//! CASE WHEN pg_catalog.count(*) FILTER (WHERE f) OPERATOR(pg_catalog.>) 0
//!       AND (pg_catalog.count(DISTINCT "p"."id") FILTER (WHERE f) OPERATOR(pg_catalog.<) 11)
//!      THEN NULL ELSE sum(x) FILTER (WHERE …) END
//! ```
//!
//! `f` is the aggregate's own filter and what makes a row contribute to it. Of a sum, a row that
//! adds zero counts for the first and not for the second: an interval can be equal to zero and
//! still add something. Both counts have its OVER clause, if it has one.

use velum_parser::is_alike;
use velum_parser::tree::{self as pg, AExprKind, BoolExprType, CoercionForm};

use crate::sql::quoted;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::aggregates::{Contributing, Test, contributing};

/// What is counted before an aggregate is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Rows.
    Rows,
    /// Different values of a column, by the name of what has it and its own.
    Distinct(String, String),
}

/// What guards an aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// It shows nothing where less than this is counted, but for nothing at all.
    pub threshold: i32,
    /// What is counted; each has to be enough.
    pub measures: Vec<Measure>,
    /// Which rows are counted.
    pub test: Test,
}

impl Guarded {
    /// Calls of `count` in it.
    pub(super) fn calls(&self) -> usize {
        1 + self.measures.len()
    }
}

/// The aggregate in a `CASE` that guards it, and what it is guarded by; `None` for any other.
pub(in crate::sql::lineage) fn of(case: &pg::CaseExpr) -> Option<(&pg::FuncCall, Guarded)> {
    let Some(Node::FuncCall(call)) = inner(case.defresult.as_deref()) else {
        return None;
    };
    let [when] = case.args.as_slice() else {
        return None;
    };
    let Some(Node::CaseWhen(when)) = inner(Some(when)) else {
        return None;
    };
    let is_null = matches!(inner(when.result.as_deref()), Some(Node::AConst(it)) if it.isnull);
    if case.arg.is_some() || !is_null {
        return None;
    }
    let condition = inner(when.expr.as_deref())?;
    let (threshold, measures) = asked(condition)?;
    [Test::None, Test::Present, Test::NotZero]
        .into_iter()
        .map(|test| Guarded {
            threshold,
            measures: measures.clone(),
            test,
        })
        .find(|guarded| {
            self::condition(call, guarded).is_some_and(|expected| is_alike(condition, &expected))
        })
        .map(|guarded| (&**call, guarded))
}

/// The threshold and the measures of what looks like the condition of a guard.
fn asked(condition: &Node) -> Option<(i32, Vec<Measure>)> {
    let all = joined(condition, BoolExprType::AndExpr)?;
    let [_, few] = all else {
        return None;
    };
    let few = match inner(Some(few))? {
        any @ Node::BoolExpr(_) => joined(any, BoolExprType::OrExpr)?,
        _ => std::slice::from_ref(few),
    };
    let mut threshold = None;
    let mut measures = Vec::new();
    for one in nodes(few) {
        let Node::AExpr(comparison) = one else {
            return None;
        };
        threshold = integer(inner(comparison.rexpr.as_deref())?);
        let Some(Node::FuncCall(count)) = inner(comparison.lexpr.as_deref()) else {
            return None;
        };
        measures.push(match count.args.as_slice() {
            [] => Measure::Rows,
            [column] => match inner(Some(column)) {
                Some(Node::ColumnRef(column)) => {
                    match tree::names(&column.fields).collect::<Vec<_>>()[..] {
                        [table, name] => Measure::Distinct(table.to_owned(), name.to_owned()),
                        _ => return None,
                    }
                }
                _ => return None,
            },
            _ => return None,
        });
    }
    Some((threshold?, measures))
}

fn joined(node: &Node, by: BoolExprType) -> Option<&[Wrapped]> {
    match node {
        Node::BoolExpr(all) if all.boolop == by as i32 => Some(&all.args),
        _ => None,
    }
}

fn integer(node: &Node) -> Option<i32> {
    match node {
        Node::AConst(constant) => match &constant.val {
            Some(pg::a_const::Val::Ival(number)) => Some(number.ival),
            _ => None,
        },
        _ => None,
    }
}

// -- the tree --------------------------------------------------------------------------------

/// The condition under which the aggregate is not shown.
fn condition(call: &pg::FuncCall, guarded: &Guarded) -> Option<Node> {
    let (seen, filter) = (
        filter(call, guarded.test.presence())?,
        filter(call, guarded.test)?,
    );
    let count = |measure: &Measure, filter: &Option<Wrapped>| {
        let column = match measure {
            Measure::Rows => None,
            Measure::Distinct(table, name) => Some(column(table, name)),
        };
        Node::FuncCall(Box::new(pg::FuncCall {
            funcname: vec![text("pg_catalog"), text("count")],
            agg_star: column.is_none(),
            agg_distinct: column.is_some(),
            args: column.into_iter().collect(),
            agg_filter: filter.clone().map(Box::new),
            over: call.over.clone(),
            funcformat: CoercionForm::CoerceExplicitCall as i32,
            ..pg::FuncCall::default()
        }))
    };
    let any = operation(">", wrapped(count(&Measure::Rows, &seen)), number(0));
    let few = guarded.measures.iter().map(|measure| {
        let count = wrapped(count(measure, &filter));
        operation("<", count, number(guarded.threshold))
    });
    let few = joining(BoolExprType::OrExpr, few.collect())?;
    joining(BoolExprType::AndExpr, vec![any, few])?.node
}

/// What a row has to be like to be counted; the inner `None` if all are. `None` if that cannot be
/// said.
#[allow(clippy::option_option, reason = "no filter is an answer")]
fn filter(call: &pg::FuncCall, test: Test) -> Option<Option<Wrapped>> {
    let mut parts = match inner(call.agg_filter.as_deref()) {
        Some(own) => match joined(own, BoolExprType::AndExpr) {
            Some(parts) => parts.to_vec(),
            None => vec![wrapped(own.clone())],
        },
        None => Vec::new(),
    };
    for argument in tested(call, test)? {
        let argument = argument.clone();
        parts.push(match test {
            Test::NotZero => {
                let zero = operation("-", argument.clone(), argument.clone());
                operation("<>", argument, zero)
            }
            Test::None | Test::Present => {
                let mut test = pg::AExpr {
                    kind: AExprKind::AexprDistinct as i32,
                    name: vec![text("=")],
                    lexpr: Some(Box::new(argument)),
                    ..pg::AExpr::default()
                };
                test.rexpr = Some(Box::new(wrapped(Node::AConst(pg::AConst {
                    isnull: true,
                    ..pg::AConst::default()
                }))));
                wrapped(Node::AExpr(Box::new(test)))
            }
        });
    }
    Some(match parts.is_empty() {
        true => None,
        false => Some(joining(BoolExprType::AndExpr, parts)?),
    })
}

/// The arguments that a row has to have.
fn tested(call: &pg::FuncCall, test: Test) -> Option<Vec<&Wrapped>> {
    if test == Test::None || call.agg_star {
        return Some(Vec::new());
    }
    let bare = tree::names(&call.funcname).next_back()?;
    match contributing(bare)? {
        Contributing::All => Some(Vec::new()),
        Contributing::Arguments(count) => Some(call.args.get(..count)?.iter().collect()),
        Contributing::Summed => Some(call.args.get(..1)?.iter().collect()),
        Contributing::Ordered => match call.agg_order.as_slice() {
            [only] => match inner(Some(only))? {
                Node::SortBy(sort) => Some(vec![sort.node.as_deref()?]),
                _ => None,
            },
            _ => None,
        },
    }
}

fn wrapped(node: Node) -> Wrapped {
    pg::Node { node: Some(node) }
}

fn text(text: &str) -> Wrapped {
    let sval = text.to_owned();
    wrapped(Node::String(pg::String { sval }))
}

fn number(number: i32) -> Wrapped {
    wrapped(Node::AConst(pg::AConst {
        val: Some(pg::a_const::Val::Ival(pg::Integer { ival: number })),
        ..pg::AConst::default()
    }))
}

fn column(table: &str, name: &str) -> Wrapped {
    wrapped(Node::ColumnRef(pg::ColumnRef {
        fields: vec![text(table), text(name)],
        ..pg::ColumnRef::default()
    }))
}

fn operation(name: &str, left: Wrapped, right: Wrapped) -> Wrapped {
    wrapped(Node::AExpr(Box::new(pg::AExpr {
        kind: AExprKind::AexprOp as i32,
        name: vec![text("pg_catalog"), text(name)],
        lexpr: Some(Box::new(left)),
        rexpr: Some(Box::new(right)),
        ..pg::AExpr::default()
    })))
}

fn joining(by: BoolExprType, mut parts: Vec<Wrapped>) -> Option<Wrapped> {
    if parts.len() == 1 {
        return parts.pop();
    }
    let all = pg::BoolExpr {
        boolop: by as i32,
        args: parts,
        ..pg::BoolExpr::default()
    };
    Some(wrapped(Node::BoolExpr(Box::new(all))))
}

// -- the text --------------------------------------------------------------------------------

/// The parts of an aggregate as they stand in a text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts<'t> {
    /// What a row has to have to contribute, one after the other.
    pub(crate) arguments: &'t [&'t str],
    /// What stands in FILTER.
    pub(crate) filter: Option<&'t str>,
    /// The OVER clause.
    pub(crate) over: &'t str,
}

impl Parts<'_> {
    /// The FILTER clause of rows that pass the aggregate's own, and this test.
    fn filter_by(&self, test: Test) -> String {
        let own = self.filter.map(|own| format!("({own})"));
        let tests = self.arguments.iter().filter_map(|it| match test {
            Test::None => None,
            Test::Present => Some(format!("({it}) IS DISTINCT FROM NULL")),
            Test::NotZero => Some(format!(
                "({it}) OPERATOR(pg_catalog.<>) (({it}) OPERATOR(pg_catalog.-) ({it}))"
            )),
        });
        let filter: Vec<String> = own.into_iter().chain(tests).collect();
        match filter.is_empty() {
            true => String::new(),
            false => format!(" FILTER (WHERE {})", filter.join(" AND ")),
        }
    }
}

/// What goes in front of the aggregate; ` END` goes behind it.
pub(crate) fn written(guarded: &Guarded, parts: &Parts<'_>) -> String {
    let over = match parts.over {
        "" => String::new(),
        over => format!(" {over}"),
    };
    let count_by =
        |what: &str, test| format!("pg_catalog.count({what}){}{over}", parts.filter_by(test));
    let count = |what: &str| count_by(what, guarded.test);
    let few = guarded.measures.iter().map(|measure| {
        let count = match measure {
            Measure::Rows => count("*"),
            Measure::Distinct(table, name) => {
                count(&format!("DISTINCT {}.{}", quoted(table), quoted(name)))
            }
        };
        format!("{count} OPERATOR(pg_catalog.<) {}", guarded.threshold)
    });
    let few: Vec<String> = few.collect();
    format!(
        "CASE WHEN {} OPERATOR(pg_catalog.>) 0 AND ({}) THEN NULL ELSE ",
        count_by("*", guarded.test.presence()),
        few.join(" OR ")
    )
}
