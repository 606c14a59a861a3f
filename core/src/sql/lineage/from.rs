//! What the entries of FROM bring into sight.

use std::rc::Rc;

use velum_parser::tree as pg;

use crate::catalog::Relation;
use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::cells::Reads;
use super::flow::{Flow, Kind, Members};
use super::scope::{Column, Columns, Cte, Made, Named, Piece, Scope};
use super::uses::Test;
use super::{Analysis, Unresolved};

/// Functions that return one column whatever they are given. Sorted.
const ONE_COLUMN: [&str; 16] = [
    "generate_series",
    "generate_subscripts",
    "json_array_elements",
    "json_array_elements_text",
    "json_object_keys",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_object_keys",
    "jsonb_path_query",
    "now",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    "to_json",
    "to_jsonb",
    "version",
];

impl<'a> Analysis<'a> {
    /// The entries of a FROM list, seen from `outer`.
    pub(super) fn from(
        &self,
        list: &'a [Wrapped],
        outer: &Scope<'_, 'a>,
    ) -> Result<Vec<Piece<'a>>, Unresolved> {
        let mut pieces = Vec::new();
        for entry in nodes(list) {
            let piece = self.entry(entry, outer, &pieces)?;
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// One entry; `left` is what a LATERAL one sees besides.
    fn entry(
        &self,
        entry: &'a Node,
        outer: &Scope<'_, 'a>,
        left: &[Piece<'a>],
    ) -> Result<Piece<'a>, Unresolved> {
        self.spend(1)?;
        match entry {
            Node::RangeVar(relation) => self.relation(relation, outer),
            Node::RangeTableSample(sample) => {
                let relation = inner(sample.relation.as_deref()).ok_or(Unresolved::Node)?;
                self.observe(|| self.sampled(sample, outer));
                self.entry(relation, outer, left)
            }
            Node::RangeSubselect(subselect) => {
                let query = inner(subselect.subquery.as_deref()).ok_or(Unresolved::Node)?;
                let columns = self.by_place_if(renames(subselect.alias.as_ref()), || {
                    match subselect.lateral {
                        true => self.query(query, &outer.with_pieces(left)),
                        false => self.query(query, outer),
                    }
                })?;
                Ok(piece(
                    subselect.alias.as_ref(),
                    "",
                    Columns::clone(&columns),
                ))
            }
            Node::RangeFunction(function) => self.function(function, &outer.with_pieces(left)),
            Node::RangeTableFunc(table) => self.xml_table(table, &outer.with_pieces(left)),
            Node::JsonTable(table) => self.json_table(table, &outer.with_pieces(left)),
            Node::JoinExpr(join) => self.by_place_if(renames(join.alias.as_ref()), || {
                self.join(join, outer, left)
            }),
            _ => Err(Unresolved::Node),
        }
    }

    /// A table, a view, or a common table expression.
    pub(super) fn relation(
        &self,
        relation: &'a pg::RangeVar,
        scope: &Scope<'_, 'a>,
    ) -> Result<Piece<'a>, Unresolved> {
        if relation.schemaname.is_empty()
            && let Some(cte) = scope.cte(&relation.relname)
        {
            return match cte {
                Cte::Later => Err(Unresolved::Circle),
                Cte::Known(columns) => {
                    self.spend(columns.list.len())?;
                    let columns = Columns::clone(columns);
                    Ok(piece(relation.alias.as_ref(), &relation.relname, columns))
                }
            };
        }
        let candidates = self.find(&relation.schemaname, &relation.relname);
        let mut columns = self.table_columns(&candidates)?;
        let is_systems = match relation.schemaname.as_str() {
            "" => relation.relname.starts_with("pg_"),
            schema => matches!(schema, "pg_catalog" | "information_schema"),
        };
        columns.reads = Rc::new(match candidates.is_empty() && is_systems {
            true => Reads::default(),
            false => Reads::of(candidates.iter().map(|(oid, _)| *oid)),
        });
        for column in &mut columns.list {
            column.made = Made::Stored;
        }
        let row = match candidates.as_slice() {
            [] => Flow::unknown(),
            rows => Flow::derive(
                &rows
                    .iter()
                    .map(|(oid, _)| Flow::row(*oid))
                    .collect::<Vec<_>>(),
            ),
        };
        let mut piece = piece(relation.alias.as_ref(), &relation.relname, columns);
        for named in &mut piece.names {
            named.is_table = true;
            named.row = Rc::new(row.clone());
        }
        Ok(piece)
    }

    /// The relations that a name may mean.
    pub(super) fn find(&self, schema: &str, name: &str) -> Vec<(u32, &'a Relation)> {
        self.path.find(self.catalog, schema, name)
    }

    /// The columns of whichever it is.
    fn table_columns(&self, candidates: &[(u32, &'a Relation)]) -> Result<Columns<'a>, Unresolved> {
        let mut columns = Columns::default();
        let Some((oid, first)) = candidates.first() else {
            self.is_ahead.set(true);
            return Ok(Columns::unknown(Flow::unknown()));
        };
        self.spend(candidates.iter().map(|(_, it)| it.columns.len()).sum())?;
        for column in &first.columns {
            columns.push(&column.name, &Rc::new(Flow::plain((*oid, column.attnum))));
        }
        for (oid, other) in candidates.iter().skip(1) {
            let names = || other.columns.iter().map(|column| column.name.as_str());
            if columns
                .list
                .iter()
                .map(|column| column.name.as_deref())
                .eq(names().map(Some))
            {
                for (column, other) in columns.list.iter_mut().zip(&other.columns) {
                    let flow = Flow::plain((*oid, other.attnum));
                    column.flow = Rc::new(Flow::either([&*column.flow, &flow]));
                }
                continue;
            }
            let rows: Vec<Flow> = candidates
                .iter()
                .flat_map(|(oid, it)| {
                    it.columns
                        .iter()
                        .map(|column| Flow::plain((*oid, column.attnum)))
                })
                .collect();
            // A name stands for the columns of that name; the number of columns is open.
            columns.list.clear();
            for (oid, relation) in candidates {
                for column in &relation.columns {
                    columns.push(&column.name, &Rc::new(Flow::plain((*oid, column.attnum))));
                }
            }
            columns.rest = Some(Rc::new(Flow::either(&rows)));
            break;
        }
        Ok(columns)
    }

    fn function(
        &self,
        range: &'a pg::RangeFunction,
        scope: &Scope<'_, 'a>,
    ) -> Result<Piece<'a>, Unresolved> {
        let mut columns = Columns::default();
        let alone = range.functions.len() == 1;
        let alias = range.alias.as_ref().map(|alias| alias.aliasname.as_str());
        let mut last = "";
        let mut is_unknown = false;
        for function in nodes(&range.functions) {
            let Node::List(pair) = function else {
                return Err(Unresolved::Node);
            };
            let mut pair = pair.items.iter();
            let call = inner(pair.next()).ok_or(Unresolved::Node)?;
            let flow = self.expression(call, scope)?;
            is_unknown |= flow.kind == Kind::Opaque;
            // What comes as a row of its own is a part of it, whatever it was.
            let flow = Rc::new(self.derive(&[flow])?);
            let name = match call {
                Node::FuncCall(call) => tree::names(&call.funcname).next_back(),
                _ => None,
            };
            let mut definitions: Vec<&Node> = match inner(pair.next()) {
                Some(Node::List(list)) => nodes(&list.items).collect(),
                _ => Vec::new(),
            };
            definitions.extend(nodes(&range.coldeflist));
            last = name.unwrap_or_default();
            function_columns(
                &mut columns,
                call,
                &flow,
                &definitions,
                alias.filter(|_| alone),
            );
        }
        if range.ordinality {
            columns.push("ordinality", &Rc::new(Flow::CONSTANT));
        }
        columns.reads = Rc::new(Reads {
            is_unknown,
            repeats: true,
            ..Reads::default()
        });
        Ok(piece(range.alias.as_ref(), last, columns))
    }

    fn xml_table(
        &self,
        table: &'a pg::RangeTableFunc,
        scope: &Scope<'_, 'a>,
    ) -> Result<Piece<'a>, Unresolved> {
        let mut common = vec![
            self.optional(table.docexpr.as_deref(), scope)?,
            self.optional(table.rowexpr.as_deref(), scope)?,
        ];
        common.extend(self.each(&table.namespaces, scope)?);
        for flow in &common {
            self.note(Place::Other, Test::Any, flow);
        }
        let mut columns = Columns::default();
        for column in nodes(&table.columns) {
            let Node::RangeTableFuncCol(column) = column else {
                return Err(Unresolved::Node);
            };
            let mut flows = common.clone();
            flows.push(self.optional(column.colexpr.as_deref(), scope)?);
            flows.push(self.optional(column.coldefexpr.as_deref(), scope)?);
            let flow = match column.for_ordinality {
                true => Flow::CONSTANT,
                false => self
                    .derive(&flows)?
                    .with_members(Members::Lost)
                    .by("xmltable"),
            };
            columns.push(&column.colname, &Rc::new(flow));
        }
        Ok(piece(table.alias.as_ref(), "xmltable", columns))
    }

    fn json_table(
        &self,
        table: &'a pg::JsonTable,
        scope: &Scope<'_, 'a>,
    ) -> Result<Piece<'a>, Unresolved> {
        let item = table.context_item.as_deref();
        let mut flows = vec![self.optional(item.and_then(|it| it.raw_expr.as_deref()), scope)?];
        for argument in nodes(&table.passing) {
            let Node::JsonArgument(argument) = argument else {
                return Err(Unresolved::Node);
            };
            let raw = argument
                .val
                .as_deref()
                .and_then(|it| it.raw_expr.as_deref());
            flows.push(self.optional(raw, scope)?);
        }
        for flow in &flows {
            self.note(Place::Other, Test::Any, flow);
        }
        let mut defaults = Vec::new();
        let mut names = Vec::new();
        json_columns(&table.columns, &mut names, &mut defaults)?;
        for default in defaults {
            flows.push(self.expression(default, scope)?);
        }
        let flow = self
            .derive(&flows)?
            .with_members(Members::Lost)
            .by("json_table");
        let flow = Rc::new(flow);
        let mut columns = Columns::default();
        names.iter().for_each(|name| columns.push(name, &flow));
        Ok(piece(table.alias.as_ref(), "json_table", columns))
    }

    fn join(
        &self,
        join: &'a pg::JoinExpr,
        outer: &Scope<'_, 'a>,
        left: &[Piece<'a>],
    ) -> Result<Piece<'a>, Unresolved> {
        let larg = inner(join.larg.as_deref()).ok_or(Unresolved::Node)?;
        let rarg = inner(join.rarg.as_deref()).ok_or(Unresolved::Node)?;
        let first = self.entry(larg, outer, left)?;
        let mut seen = left.to_vec();
        seen.push(first.clone());
        self.spend(seen.len())?;
        let second = self.entry(rarg, outer, &seen)?;
        let star = self.joined(join, &first.star, &second.star)?;
        let sides = [first.clone(), second.clone()];
        let scope = outer.with_pieces(&sides);
        self.observe(|| self.condition(join.quals.as_deref(), &scope, Place::Join));
        if let Some(alias) = &join.alias {
            return Ok(piece(Some(alias), "", star));
        }
        let mut names = first.names;
        names.extend(second.names);
        if let Some(alias) = &join.join_using_alias {
            let merged = join.using_clause.len().min(star.list.len());
            let columns = Columns {
                list: star.list.iter().take(merged).cloned().collect(),
                rest: star.rest.clone(),
                reads: Rc::default(),
            };
            names.extend(piece(Some(alias), "", columns).names);
        }
        let star = Rc::new(star);
        Ok(Piece { names, star })
    }

    /// The columns of a join: those that USING or NATURAL merge, then the others.
    fn joined(
        &self,
        join: &'a pg::JoinExpr,
        left: &Columns<'a>,
        right: &Columns<'a>,
    ) -> Result<Columns<'a>, Unresolved> {
        self.spend(left.list.len() + right.list.len())?;
        let both: Vec<_> = left.rest.iter().chain(&right.rest).cloned().collect();
        let rest = match both.is_empty() {
            true => None,
            false => Some(self.either(&both)?),
        };
        let using = using(join, left, right);
        let unclear = |columns: &Columns<'_>| {
            columns.rest.is_some() || columns.list.iter().any(|column| column.name.is_none())
        };
        let is_inner = join.jointype == pg::JoinType::JoinInner as i32;
        let merges = join.is_natural || !using.is_empty();
        let mut list = Vec::new();
        for name in &using {
            let sides = [left, right].map(|side| {
                let named = side
                    .list
                    .iter()
                    .filter(|column| column.name.as_deref().is_none_or(|known| known == name));
                named.cloned().collect::<Vec<_>>()
            });
            let are_stored = is_inner
                && rest.is_none()
                && sides
                    .iter()
                    .all(|side| matches!(&side[..], [only] if only.made == Made::Stored));
            self.merged(&sides, rest.as_deref());
            let flows = sides.iter().flatten().map(|column| Rc::clone(&column.flow));
            let flows: Vec<_> = flows.chain(rest.clone()).collect();
            let Some(mut merged) = sides.into_iter().flatten().next() else {
                match rest {
                    Some(_) => continue,
                    None => return Err(Unresolved::Column),
                }
            };
            merged.flow = self.either(&flows)?;
            merged.name = Some(name.clone().into());
            merged.made = match are_stored {
                true => Made::Stored,
                false => Made::Otherwise,
            };
            list.push(merged);
        }
        let is_merged = |column: &&Column<'a>| {
            let name = column.name.as_deref();
            name.is_some_and(|name| using.iter().any(|it| it == name))
        };
        let others = left.list.iter().chain(&right.list);
        let others = others.filter(|column| !is_merged(column)).cloned();
        list.extend(others.map(Column::passed_on));
        let mut columns = Columns {
            list,
            rest,
            reads: Rc::new(left.reads.joined(&right.reads)),
        };
        // Which columns were merged is not certain, nor therefore how many are left.
        if merges && columns.rest.is_none() && (unclear(left) || unclear(right)) {
            let flow = Flow::either(left.flows().chain(right.flows()));
            columns.rest = Some(Rc::new(flow));
        }
        Ok(columns)
    }
}

/// The names of columns that a join merges.
fn using(join: &pg::JoinExpr, left: &Columns<'_>, right: &Columns<'_>) -> Vec<String> {
    let names = |side: &Columns<'_>| -> Vec<String> {
        let names = side.list.iter().filter_map(|column| column.name.as_deref());
        names.map(str::to_owned).collect()
    };
    match join.is_natural {
        false => tree::names(&join.using_clause).map(str::to_owned).collect(),
        true => {
            let right = names(right);
            let left = names(left).into_iter();
            left.filter(|name| right.contains(name)).collect()
        }
    }
}

/// Does the alias give names to columns, one after the other?
fn renames(alias: Option<&pg::Alias>) -> bool {
    alias.is_some_and(|alias| !alias.colnames.is_empty())
}

/// An entry of FROM with these columns.
pub(super) fn piece<'a>(
    alias: Option<&'a pg::Alias>,
    name: &'a str,
    mut columns: Columns<'a>,
) -> Piece<'a> {
    let mut known = name;
    if let Some(alias) = alias {
        known = &alias.aliasname;
        let names: Vec<&str> = tree::names(&alias.colnames).collect();
        columns.rename(&names);
    }
    let star = Rc::new(columns);
    let named = Named {
        name: known,
        columns: Rc::clone(&star),
        row: Rc::new(star.row()),
        is_table: false,
    };
    Piece {
        names: vec![named],
        star,
    }
}

/// The columns that a function in FROM returns.
fn function_columns<'a>(
    columns: &mut Columns<'a>,
    call: &'a Node,
    flow: &Rc<Flow>,
    definitions: &[&'a Node],
    alias: Option<&'a str>,
) {
    if !definitions.is_empty() {
        for definition in definitions {
            if let Node::ColumnDef(column) = definition {
                columns.push(&column.colname, flow);
            }
        }
        return;
    }
    let (name, is_single) = match call {
        Node::FuncCall(call) => {
            let name = tree::names(&call.funcname).next_back().unwrap_or_default();
            (
                name,
                flow.kind != Kind::Opaque && ONE_COLUMN.binary_search(&name).is_ok(),
            )
        }
        // Such as CURRENT_DATE or a cast; what it is called is not worked out.
        _ => ("", false),
    };
    if !is_single {
        // A row of any number of columns of any name.
        let rest = columns.rest.take();
        let flows = [&**flow].into_iter().chain(rest.as_deref());
        columns.rest = Some(Rc::new(Flow::either(flows)));
        return;
    }
    match name {
        // The name of the one parameter that it returns goes before an alias.
        "json_array_elements"
        | "json_array_elements_text"
        | "jsonb_array_elements"
        | "jsonb_array_elements_text" => columns.push("value", flow),
        name => columns.push(alias.unwrap_or(name), flow),
    }
}

/// The names of JSON_TABLE's columns, nested ones included, and their DEFAULT expressions.
fn json_columns<'a>(
    list: &'a [Wrapped],
    names: &mut Vec<&'a str>,
    defaults: &mut Vec<&'a Node>,
) -> Result<(), Unresolved> {
    for column in nodes(list) {
        let Node::JsonTableColumn(column) = column else {
            return Err(Unresolved::Node);
        };
        if column.columns.is_empty() {
            names.push(&column.name);
        }
        for behavior in [&column.on_empty, &column.on_error] {
            let default = behavior.as_deref().and_then(|it| it.expr.as_deref());
            defaults.extend(inner(default));
        }
        json_columns(&column.columns, names, defaults)?;
    }
    Ok(())
}
