//! Computations that may fail by the values that they are given: whether a statement is an error
//! tells of those, and of the values that decide whether it is computed at all.
//!
//! What can fail by no value is listed. Of all else, what is given one column and nothing of the
//! statement's own tells whether that column's value is of a kind: that counts as one comparison.
//! Anything more is a condition that the statement says, and tells anything.
//!
//! Not counted: values that are too long for memory, numbers that are too large only as sums of a
//! whole table, and functions of a user's own.

use std::rc::Rc;

use velum_parser::tree::a_const::Val;
use velum_parser::tree::{self as pg, AExprKind};

use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::conditions::is_member;
use super::expression::is_row;
use super::flow::{Flow, Kind, Origin};
use super::scope::Scope;
use super::uses::{Test, is_carrier};
use super::{Analysis, Unresolved};

/// Functions that fail by none of their arguments. Sorted.
#[rustfmt::skip]
const TOTAL: [&str; 148] = [
    "abbrev", "abs", "age", "any_value", "array_agg", "array_dims", "array_length", "array_lower",
    "array_ndims", "array_position", "array_positions", "array_remove", "array_replace",
    "array_to_json", "array_to_string", "array_upper", "ascii", "avg", "bit_and", "bit_count",
    "bit_length", "bit_or", "bit_xor", "bool_and", "bool_or", "broadcast", "btrim", "cardinality",
    "casefold", "ceil", "ceiling", "char_length", "character_length", "clock_timestamp", "concat",
    "concat_ws", "corr", "count", "covar_pop", "covar_samp", "cume_dist", "current_database",
    "current_schema", "dense_rank", "every", "family", "first_value", "floor", "gen_random_uuid",
    "hashtext", "host", "hostmask", "initcap", "isfinite", "json_agg", "json_array_elements",
    "json_array_elements_text", "json_build_array", "json_build_object", "json_each",
    "json_each_text", "json_object_agg", "json_strip_nulls", "json_typeof", "jsonb_agg",
    "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "jsonb_pretty",
    "jsonb_strip_nulls", "jsonb_typeof", "lag", "last_value", "lead", "left", "length", "lower",
    "lower_inc", "lower_inf", "ltrim", "masklen", "max", "md5", "min", "mode", "netmask", "network",
    "now", "num_nonnulls", "num_nulls", "octet_length", "percent_rank", "pg_column_size",
    "pg_typeof", "position", "quote_ident", "quote_literal", "quote_nullable", "random",
    "range_agg", "rank", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2",
    "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "reverse", "right", "row_number",
    "row_to_json", "rtrim", "scale", "sha224", "sha256", "sha384", "sha512", "sign", "soundex",
    "starts_with", "statement_timestamp", "stddev", "stddev_pop", "stddev_samp", "string_agg",
    "string_to_array", "string_to_table", "strpos", "sum", "text", "to_json", "to_jsonb",
    "transaction_timestamp", "translate", "trim_scale", "unaccent", "unnest", "upper", "upper_inc",
    "upper_inf", "var_pop", "var_samp", "variance", "version", "xmlagg",
];
/// Functions that fail by no first argument, whatever the others are. Sorted.
#[rustfmt::skip]
const FIRST: [&str; 31] = [
    "digest", "encode", "format_type", "json_extract_path", "json_extract_path_text",
    "jsonb_extract_path", "jsonb_extract_path_text", "lpad", "normalize", "nth_value", "overlay",
    "regexp_count", "regexp_instr", "regexp_like", "regexp_match", "regexp_matches",
    "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "regexp_substr", "replace",
    "round", "rpad", "similarity", "split_part", "substr", "substring", "to_ascii", "to_char",
    "trunc", "word_similarity",
];
/// Functions whose first argument says how, and which fail by no other. Sorted.
const SECOND: [&str; 8] = [
    "date_part",
    "date_trunc",
    "extract",
    "format",
    "ntile",
    "percentile_cont",
    "percentile_disc",
    "timezone",
];
/// Functions whose result is a number that is far from what its type holds. Sorted.
const SMALL: [&str; 14] = [
    "ascii",
    "avg",
    "bit_length",
    "char_length",
    "character_length",
    "count",
    "date_part",
    "extract",
    "length",
    "octet_length",
    "position",
    "sign",
    "strpos",
    "sum",
];
/// Functions of a number that are as far from that as the number. Sorted.
const ROUNDING: [&str; 6] = ["abs", "ceil", "ceiling", "floor", "round", "trunc"];
/// Functions that return one of the values that they are given.
const KEEPING: [&str; 8] = [
    "any_value",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "max",
    "min",
    "mode",
];
/// Operators that fail by no value. Sorted.
const TOTAL_OPERATORS: [&str; 34] = [
    "!~", "!~*", "!~~", "!~~*", "#", "#>", "#>>", "&", "&&", "->", "->>", "-|-", "<", "<<", "<<=",
    "<=", "<>", "<@", "=", ">", ">=", ">>", ">>=", "?", "?&", "?|", "@>", "@?", "@@", "^@", "|",
    "||", "~", "~*",
];
/// Of these, those whose right side is a pattern that may be none.
const PATTERNS: [&str; 4] = ["!~", "!~*", "~", "~*"];
const LIKES: [&str; 4] = ["!~~", "!~~*", "~~", "~~*"];

/// A number of the statement's own that moves no value near to what its type holds.
const STEP_MAX: i32 = 1_000_000;
/// Operations in one another that are looked at.
const TAME_DEPTH: usize = 8;
/// A number that is near to that, in digits.
const LONG_NUMBER: usize = 9;

/// PostgreSQL's own types of text and numbers, by OID.
const TEXTS: [u32; 4] = [19, 25, 1_042, 1_043];
const WIDE_NUMBERS: [u32; 4] = [20, 700, 701, 1_700];

impl<'a> Analysis<'a> {
    /// Goes through what is computed only as `conditions` say.
    #[inline(never)]
    pub(super) fn governed<R>(&self, conditions: &[Rc<Flow>], go: impl FnOnce() -> R) -> R {
        let before = self.governing.borrow().len();
        let tell = conditions.iter().filter(|flow| flow.kind > Kind::Count);
        self.governing.borrow_mut().extend(tell.map(Rc::clone));
        let result = go();
        self.governing.borrow_mut().truncate(before);
        result
    }

    fn is_governed(&self) -> bool {
        !self.governing.borrow().is_empty()
    }

    /// Notes that a computation over `flows` may fail. `is_bare`: nothing but one of them decides.
    fn fails(&self, flows: &[&Flow], is_bare: bool) {
        for flow in flows {
            let is_one = flow.kind == Kind::Plain || is_member(flow);
            let test = match is_bare && is_one && flows.len() == 1 {
                true => Test::Equality { values: 1 },
                false => Test::Any,
            };
            self.note(Place::Computed, test, flow);
        }
        let governing = self.governing.borrow().clone();
        for flow in governing {
            self.note(Place::Computed, Test::Any, &flow);
        }
    }

    /// Notes that a computation that is not followed further may fail.
    #[inline(never)]
    pub(super) fn may_fail(&self, flows: &[Rc<Flow>]) {
        let flows = flows.iter().map(|flow| &**flow);
        let flows: Vec<&Flow> = flows.filter(|flow| tells(flow)).collect();
        self.fails(&flows, true);
    }

    /// The same of JSON_VALUE and its like, which fail only where they are told to.
    pub(super) fn json_may_fail(&self, function: &pg::JsonFuncExpr, flows: &[Rc<Flow>]) {
        if raises(function) {
            self.may_fail(flows);
        }
    }

    /// The same of SQL/XML, whose values can be no XML only where they are read as such.
    pub(super) fn xml_may_fail(&self, xml: &pg::XmlExpr, flows: &[Rc<Flow>]) {
        if !makes_xml(xml) {
            self.may_fail(flows);
        }
    }

    // Not a part of the frames in which expressions are gone down.
    /// Notes what it tells that a call of a function that is built in may fail. `flows`: of its
    /// arguments, and of what it orders by where those are arguments.
    #[inline(never)]
    pub(super) fn call_may_fail(&self, name: &str, args: &[&'a Node], flows: &[Rc<Flow>]) {
        let telling: Vec<usize> = places_that_tell(flows);
        let is_judged = telling.is_empty() || is_carrier(name);
        if is_judged && !self.is_governed() {
            return;
        }
        let rest = args.get(1..).unwrap_or_default();
        let is_fine = if TOTAL.binary_search(&name).is_ok() {
            !(name == "array_agg" && args.iter().any(|arg| is_choice_of_arrays(arg)))
        } else if FIRST.binary_search(&name).is_ok() {
            let is_any = !sizes(name) && !self.is_governed();
            telling.iter().all(|place| *place == 0) && (is_any || self.are_known(rest))
        } else if SECOND.binary_search(&name).is_ok() {
            let how = args.get(..1).unwrap_or_default();
            let says_width = name == "format" && how.iter().any(|it| says_width(it));
            !telling.contains(&0) && self.are_known(how) && !says_width
        } else {
            name == "convert_to" && telling.iter().all(|it| *it == 0) && is_utf8(args.get(1))
        };
        if is_fine {
            return;
        }
        let telling: Vec<&Flow> = telling
            .iter()
            .filter_map(|it| flows.get(*it))
            .map(|it| &**it)
            .collect();
        self.fails(&telling, args.len() == 1 && flows.len() == 1);
    }

    /// Do these arguments fail by themselves, whatever the others are?
    fn are_known(&self, args: &[&Node]) -> bool {
        let mut args = args.iter();
        args.all(|arg| is_constant(arg) || !self.is_governed() && matches!(arg, Node::ParamRef(_)))
    }

    /// Notes what it tells that an operation may fail.
    #[inline(never)]
    pub(super) fn operation_may_fail(
        &self,
        operation: &'a pg::AExpr,
        sides: [&Rc<Flow>; 2],
        scope: &Scope<'_, 'a>,
    ) {
        let flows = sides.into_iter().map(|flow| &**flow);
        let flows: Vec<&Flow> = flows.filter(|flow| tells(flow)).collect();
        if flows.is_empty() && !self.is_governed() {
            return;
        }
        let left = inner(operation.lexpr.as_deref());
        let right = inner(operation.rexpr.as_deref());
        let bare = tree::names(&operation.name).next_back().unwrap_or_default();
        let is_plain = matches!(
            AExprKind::try_from(operation.kind),
            Ok(AExprKind::AexprOp
                | AExprKind::AexprLike
                | AExprKind::AexprIlike
                | AExprKind::AexprSimilar)
        );
        let is_fine = match (left, right) {
            // Comparisons of their own notation.
            _ if !is_plain => true,
            (_, Some(pattern)) if LIKES.contains(&bare) => is_whole_pattern(pattern),
            (_, Some(pattern)) if PATTERNS.contains(&bare) && left.is_some() => {
                let [_, flow] = sides;
                !tells(flow) && (!self.is_governed() || is_constant(pattern))
            }
            (left, Some(right)) if bare == "||" => {
                !left.is_some_and(is_choice_of_arrays) && !is_choice_of_arrays(right)
            }
            _ if TOTAL_OPERATORS.binary_search(&bare).is_ok() => true,
            // A sign.
            (None, Some(_)) => matches!(bare, "-" | "+"),
            (Some(left), Some(right)) => {
                self.is_tame_operation(bare, [left, right], scope, 0)
                    || !self.is_governed()
                        && matches!(bare, "+" | "-")
                        && self.is_tame(left, scope, 0)
                        && self.is_tame(right, scope, 0)
                        && are_of_one_table(sides)
            }
            _ => false,
        };
        if !is_fine {
            self.fails(&flows, left.is_none());
        }
    }

    /// Notes what it tells that a cast may fail.
    #[inline(never)]
    pub(super) fn cast_may_fail(
        &self,
        cast: &'a pg::TypeCast,
        flow: &Rc<Flow>,
        scope: &Scope<'_, 'a>,
    ) {
        let (Some(arg), Some(to)) = (inner(cast.arg.as_deref()), &cast.type_name) else {
            return;
        };
        let is_telling = tells(flow);
        let target = tree::names(&to.names).next_back().unwrap_or_default();
        let is_number = is_number(cast);
        let is_fine = if is_constant(arg) {
            !(self.is_governed() && is_number && is_long_number(arg))
        } else if to.array_bounds.is_empty()
            && matches!(
                target,
                "text" | "varchar" | "bpchar" | "name" | "char" | "json" | "jsonb"
            )
        {
            !target.starts_with("json") || !self.is_text(flow)
        } else if !to.typmods.is_empty() || !to.array_bounds.is_empty() {
            false
        } else {
            is_number && self.is_tame(arg, scope, 0)
                || matches!(
                    target,
                    "date" | "timestamp" | "timestamptz" | "time" | "interval"
                ) && flow.kind == Kind::Plain
                    && !self.is_text(flow)
        };
        if !is_fine {
            let flows: Vec<&Flow> = [&**flow].into_iter().filter(|_| is_telling).collect();
            self.fails(&flows, to.typmods.is_empty());
        }
    }

    /// Is it, or may it be, the text of something else?
    fn is_text(&self, flow: &Flow) -> bool {
        let type_oid = |source: &Origin| {
            let column = self.catalog.column(source.0, source.1);
            column.map_or(25, |(_, column)| column.type_oid)
        };
        flow.kind != Kind::Plain || flow.sources.iter().any(|it| TEXTS.contains(&type_oid(it)))
    }

    /// Can it fail by no value that a table holds, but for one that is at the end of its type?
    fn is_tame_operation(
        &self,
        name: &str,
        [left, right]: [&'a Node; 2],
        scope: &Scope<'_, 'a>,
        depth: usize,
    ) -> bool {
        match name {
            "/" | "%" => is_divisor(right),
            "+" | "-" => {
                let is_own = |it| is_step(it) || is_now(it);
                match (is_own(left), is_own(right)) {
                    (true, true) => true,
                    (true, false) => self.is_tame(right, scope, depth),
                    (false, true) => self.is_tame(left, scope, depth),
                    (false, false) => false,
                }
            }
            "*" => {
                let is_one = |factor, other| is_step(factor) && self.is_wide(other, scope, depth);
                is_one(left, right) || is_one(right, left)
            }
            _ => false,
        }
    }

    /// A value that no statement can bring near to what its type holds.
    fn is_tame(&self, node: &'a Node, scope: &Scope<'_, 'a>, depth: usize) -> bool {
        let depth = depth + 1;
        if depth > TAME_DEPTH || self.spend(1).is_err() {
            return false;
        }
        let is_tame = |it: Option<&'a Node>| it.is_some_and(|it| self.is_tame(it, scope, depth));
        match node {
            Node::ColumnRef(_) => self.is_plain_column(node, scope, |it| !TEXTS.contains(&it)),
            Node::FuncCall(call) => {
                let name = tree::names(&call.funcname).next_back().unwrap_or_default();
                // Of stored values one is as any other, and dates are as far apart as they are.
                let is_kept = ROUNDING.binary_search(&name).is_ok() || KEEPING.contains(&name);
                SMALL.binary_search(&name).is_ok()
                    || matches!(name, "age" | "date_trunc")
                    || is_kept && is_tame(call.args.first().and_then(|arg| inner(Some(arg))))
            }
            Node::TypeCast(cast) => is_number(cast) && is_tame(inner(cast.arg.as_deref())),
            Node::AExpr(operation) => {
                let name = tree::names(&operation.name).next_back().unwrap_or_default();
                let sides =
                    inner(operation.lexpr.as_deref()).zip(inner(operation.rexpr.as_deref()));
                sides.is_some_and(|(left, right)| {
                    self.is_tame_operation(name, [left, right], scope, depth)
                        && (!matches!(name, "/" | "%") || is_tame(Some(left)))
                })
            }
            Node::CoalesceExpr(either) => nodes(&either.args).all(|it| is_tame(Some(it))),
            _ => is_step(node) || is_now(node),
        }
    }

    /// Is it tame, and of a type that a small factor does not bring to its end?
    fn is_wide(&self, node: &'a Node, scope: &Scope<'_, 'a>, depth: usize) -> bool {
        match node {
            Node::ColumnRef(_) => {
                self.is_plain_column(node, scope, |type_oid| WIDE_NUMBERS.contains(&type_oid))
            }
            Node::AExpr(operation) => {
                let name = tree::names(&operation.name).next_back();
                name == Some("/") && self.is_tame(node, scope, depth)
            }
            Node::FuncCall(_) => self.is_tame(node, scope, depth),
            _ => is_step(node),
        }
    }

    /// Is it a stored value, of a type that `is_it` says?
    fn is_plain_column(
        &self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        is_it: impl Fn(u32) -> bool,
    ) -> bool {
        let type_oid = |source: &Origin| {
            let column = self.catalog.column(source.0, source.1);
            column.map_or(0, |(_, column)| column.type_oid)
        };
        let flow = self.expression(node, scope);
        flow.is_ok_and(|flow| {
            flow.kind == Kind::Plain && flow.sources.iter().all(|it| is_it(type_oid(it)))
        })
    }

    /// Each of a list, computed only as those before it say.
    #[inline(never)]
    pub(super) fn one_by_one(
        &self,
        list: &'a [Wrapped],
        scope: &Scope<'_, 'a>,
    ) -> Result<Vec<Rc<Flow>>, Unresolved> {
        let mut flows = Vec::new();
        for node in nodes(list) {
            let flow = self.governed(&flows, || self.expression(node, scope))?;
            flows.push(flow);
        }
        Ok(flows)
    }
}

/// Does it make XML of values, rather than read it?
fn makes_xml(xml: &pg::XmlExpr) -> bool {
    use pg::XmlExprOp::{IsXmlconcat, IsXmlelement, IsXmlforest};
    let made = [IsXmlconcat, IsXmlelement, IsXmlforest];
    made.iter().any(|op| xml.op == *op as i32)
}

/// Is an error of JSON_VALUE and its like one of the statement?
fn raises(function: &pg::JsonFuncExpr) -> bool {
    let behaviors = [&function.on_empty, &function.on_error];
    behaviors.into_iter().flatten().any(|behavior| {
        behavior.btype == pg::JsonBehaviorType::JsonBehaviorError as i32 || behavior.expr.is_some()
    })
}

/// Can it tell of what a table holds?
fn tells(flow: &Flow) -> bool {
    flow.kind > Kind::Count && !is_row(flow)
}

fn places_that_tell(flows: &[Rc<Flow>]) -> Vec<usize> {
    let flows = flows.iter().enumerate();
    let telling = flows.filter(|(_, flow)| tells(flow));
    telling.map(|(place, _)| place).collect()
}

/// Does the size of the result depend on the other arguments?
fn sizes(name: &str) -> bool {
    matches!(name, "regexp_replace" | "replace" | "overlay")
}

/// A value that stands in the text.
fn is_constant(node: &Node) -> bool {
    match node {
        Node::AConst(_) => true,
        Node::TypeCast(cast) => inner(cast.arg.as_deref()).is_some_and(is_constant),
        Node::AArrayExpr(array) => nodes(&array.elements).all(is_constant),
        _ => false,
    }
}

fn number(node: &Node) -> Option<&str> {
    match node {
        Node::AConst(constant) => match &constant.val {
            Some(Val::Fval(number)) => Some(&number.fval),
            _ => None,
        },
        _ => None,
    }
}

/// A number that leaves other numbers, or a span of time that leaves dates, about where they are.
fn is_step(node: &Node) -> bool {
    match node {
        Node::AConst(constant) => match &constant.val {
            Some(Val::Ival(number)) => number.ival.unsigned_abs() <= STEP_MAX.unsigned_abs(),
            Some(Val::Fval(number)) => is_short(&number.fval),
            _ => false,
        },
        Node::TypeCast(cast) => {
            let target = cast.type_name.as_ref();
            let target = target.and_then(|it| tree::names(&it.names).next_back());
            let span = inner(cast.arg.as_deref()).and_then(tree::literal);
            // A span: no number in it has more than four digits.
            target == Some("interval") && span.is_some_and(is_short_span)
        }
        _ => false,
    }
}

fn is_short_span(text: &str) -> bool {
    let mut numbers = text.split(|char: char| !char.is_ascii_digit());
    numbers.all(|number| number.len() <= 4) && text.len() <= 64
}

/// Is it a cast to a number, and to any that the type holds?
fn is_number(cast: &pg::TypeCast) -> bool {
    cast.type_name.as_ref().is_some_and(|name| {
        let target = tree::names(&name.names).next_back().unwrap_or_default();
        matches!(target, "int4" | "int8" | "numeric" | "float8" | "float4")
            && name.typmods.is_empty()
            && name.array_bounds.is_empty()
    })
}

/// A number of few digits, of any sign.
fn is_short(number: &str) -> bool {
    number.len() <= LONG_NUMBER && number.bytes().all(|it| it.is_ascii_digit() || it == b'.')
}

/// Is it a number that is near to what its type holds, or may be?
fn is_long_number(node: &Node) -> bool {
    match node {
        Node::AConst(constant) => match &constant.val {
            Some(Val::Ival(number)) => number.ival.unsigned_abs() > STEP_MAX.unsigned_abs(),
            Some(Val::Fval(number)) => !is_short(&number.fval),
            Some(Val::Sval(text)) => !is_short(&text.sval),
            _ => false,
        },
        _ => true,
    }
}

/// A number that nothing is divided by in vain: above zero, and not next to it.
fn is_divisor(node: &Node) -> bool {
    match node {
        Node::AConst(constant) => match &constant.val {
            Some(Val::Ival(number)) => number.ival > 0,
            Some(Val::Fval(_)) => number(node).is_some_and(|number| {
                is_short(number) && number.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
            }),
            _ => false,
        },
        _ => false,
    }
}

/// The time.
fn is_now(node: &Node) -> bool {
    match node {
        Node::SqlvalueFunction(_) => true,
        Node::FuncCall(call) => {
            let name = tree::names(&call.funcname).next_back().unwrap_or_default();
            let mut args = nodes(&call.args);
            match name {
                "now" | "clock_timestamp" => call.args.is_empty(),
                "date_part" | "extract" => args.all(|arg| is_constant(arg) || is_now(arg)),
                _ => false,
            }
        }
        Node::TypeCast(cast) => inner(cast.arg.as_deref()).is_some_and(is_now),
        _ => false,
    }
}

/// A pattern of LIKE that no value comes to the end of before it is seen to be none.
fn is_whole_pattern(node: &Node) -> bool {
    tree::literal(node).is_some_and(|pattern| {
        let escapes = pattern.bytes().rev().take_while(|it| *it == b'\\').count();
        escapes % 2 == 0
    })
}

/// One of several arrays, whose shapes may differ.
fn is_choice_of_arrays(node: &Node) -> bool {
    let is_array = |it: &Node| match it {
        Node::AArrayExpr(_) => true,
        Node::TypeCast(cast) => cast
            .type_name
            .as_ref()
            .is_some_and(|it| !it.array_bounds.is_empty()),
        _ => false,
    };
    let Node::CaseExpr(case) = node else {
        return false;
    };
    let results = nodes(&case.args).filter_map(|when| match when {
        Node::CaseWhen(when) => inner(when.result.as_deref()),
        _ => None,
    });
    results
        .chain(inner(case.defresult.as_deref()))
        .any(is_array)
}

/// May the template of `format` take the width of a field from an argument?
fn says_width(template: &Node) -> bool {
    tree::literal(template).is_none_or(|template| template.contains('*'))
}

fn is_utf8(encoding: Option<&&Node>) -> bool {
    let name = encoding.and_then(|it| tree::literal(it));
    name.is_some_and(|name| matches!(&*name.to_ascii_lowercase(), "utf8" | "utf-8"))
}

/// Is all of both from one table, so that the statement says neither?
fn are_of_one_table(sides: [&Rc<Flow>; 2]) -> bool {
    let mut tables = sides.iter().flat_map(|flow| &flow.sources).map(|it| it.0);
    let first = tables.next();
    first.is_some()
        && tables.all(|table| Some(table) == first)
        && sides.iter().all(|flow| !flow.sources.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(TOTAL.is_sorted() && FIRST.is_sorted() && SECOND.is_sorted());
        assert!(SMALL.is_sorted() && ROUNDING.is_sorted() && TOTAL_OPERATORS.is_sorted());
    }
}
