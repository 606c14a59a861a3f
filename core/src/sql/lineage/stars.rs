//! What `*` stands for, written out column by column: so that some of them can be left out.

use std::rc::Rc;

use velum_parser::tree as pg;

use crate::sql::quoted;
use crate::sql::tree::{self, Node, Wrapped, nodes};

use super::Analysis;
use super::flow::Flow;
use super::scope::{Column, Columns, Named, Piece, Scope};

/// A `*` or `t.*` among the targets of a query or of RETURNING.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Star {
    /// Byte of the text at which it begins: of the `*`, or of what qualifies it.
    pub start: usize,
    /// Its columns in order: how the statement can name each, and what flows into it. `None` if
    /// there is one that cannot be named.
    pub names: Option<Vec<String>>,
    /// What flows into each of its columns.
    pub flows: Vec<Flow>,
    /// The place of each column among the others counts: others name or number them by it, or put
    /// the rows into a table, or under those of another query.
    pub is_positional: bool,
}

impl<'a> Analysis<'a> {
    /// Notes what the reference stands for. Where it is gone through again it may stand for more.
    pub(super) fn note_star(
        &self,
        column: &'a pg::ColumnRef,
        columns: &Columns<'a>,
        scope: &Scope<'_, 'a>,
    ) {
        // TABLE t has no star that could be replaced.
        let Ok(start) = usize::try_from(column.location) else {
            return;
        };
        let names = match tree::names(&column.fields).next_back() {
            None => everything(scope.pieces),
            Some(table) => scope.named(table).next().and_then(of_one),
        };
        let star = Star {
            start,
            names: names.filter(|names| names.len() == columns.list.len()),
            flows: columns.flows().cloned().collect(),
            is_positional: self.is_positional.get(),
        };
        let mut stars = self.stars.borrow_mut();
        match stars.iter_mut().find(|known| known.start == start) {
            Some(known) => {
                let is_same = known.names == star.names;
                known.flows.extend(star.flows);
                known.is_positional |= star.is_positional || !is_same;
            }
            None => stars.push(star),
        }
    }

    /// Goes through a query whose columns count by their places.
    pub(super) fn by_place<R>(&self, go: impl FnOnce() -> R) -> R {
        self.by_place_if(true, go)
    }

    /// The same, if they do: others give them names, or call them by numbers.
    pub(super) fn by_place_if<R>(&self, are_counted: bool, go: impl FnOnce() -> R) -> R {
        let before = self.is_positional.get();
        self.is_positional.set(before || are_counted);
        let result = go();
        self.is_positional.set(before);
        result
    }
}

/// Does one of the expressions call an output column by its number?
pub(super) fn has_numbers(list: &[Wrapped]) -> bool {
    nodes(list).any(|node| match node {
        Node::SortBy(sort) => sort
            .node
            .as_deref()
            .is_some_and(|it| has_numbers(std::slice::from_ref(it))),
        Node::GroupingSet(set) => has_numbers(&set.content),
        Node::RowExpr(row) => has_numbers(&row.args),
        Node::AConst(_) => true,
        _ => false,
    })
}

/// How a statement names all columns of `*`.
fn everything(pieces: &[Piece<'_>]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for piece in pieces {
        if piece.star.rest.is_some() {
            return None;
        }
        for column in &piece.star.list {
            let name = column.name.as_deref()?;
            let has_it = |named: &&Named<'_>| {
                let mut own = named.columns.list.iter();
                own.any(|own| {
                    own.name.as_deref() == Some(name) && Rc::ptr_eq(&own.flow, &column.flow)
                })
            };
            let owner = piece.names.iter().find(has_it);
            names.push(match owner {
                Some(named) if is_named_once(&named.columns, name) => qualified(named.name, name)?,
                Some(_) => return None,
                // Merged by USING or NATURAL, it is called by its name alone.
                None if pieces.iter().filter(|it| has_name(&it.star, name)).count() == 1
                    && is_named_once(&piece.star, name) =>
                {
                    quoted(name)
                }
                None => return None,
            });
        }
    }
    Some(names)
}

fn of_one(named: &Named<'_>) -> Option<Vec<String>> {
    let columns = &named.columns;
    if columns.rest.is_some() {
        return None;
    }
    let name_of = |column: &Column<'_>| {
        let name = column.name.as_deref()?;
        is_named_once(columns, name).then(|| qualified(named.name, name))?
    };
    columns.list.iter().map(name_of).collect()
}

fn has_name(columns: &Columns<'_>, name: &str) -> bool {
    let mut names = columns.list.iter();
    names.any(|it| it.name.as_deref() == Some(name))
}

fn is_named_once(columns: &Columns<'_>, name: &str) -> bool {
    let named = columns.list.iter();
    named.filter(|it| it.name.as_deref() == Some(name)).count() == 1
}

fn qualified(table: &str, column: &str) -> Option<String> {
    (!table.is_empty()).then(|| format!("{}.{}", quoted(table), quoted(column)))
}
