//! What constraints tell of stored values to whoever writes beside them: that a value is there
//! already, by a unique index; that it is there at all, by a reference; and how it compares with
//! what is written, by a check.
//!
//! A value that the statement says is compared once, one of a stored column as in a join, and
//! of all else nobody knows how many there are: it tells anything. What a row checks among the
//! values that are written with it tells nothing.

use crate::catalog::{Tie, TieKind};
use crate::sql::effects::Place;
use crate::sql::tree::{Node, inner, nodes};

use super::Analysis;
use super::conditions::is_given;
use super::flow::{Flow, Kind, Origin};
use super::uses::Test;

/// Columns of views, and of tables in parts, that are followed.
const COLUMNS_MAX: usize = 1_024;

/// What is written into a column.
pub(super) enum Written<'f> {
    /// So many values that the statement or its parameters say.
    Given(u32),
    /// What flows in.
    Flow(&'f Flow),
    /// Values that come with the statement, nobody knows how many.
    Any,
}

impl Analysis<'_> {
    /// Notes what a new value in these columns tells of stored ones.
    pub(super) fn tied(&self, into: &[Origin], written: &Written<'_>) {
        let test = match written {
            Written::Given(values) => Test::Equality { values: *values },
            Written::Flow(flow) if flow.kind == Kind::Plain => Test::Column((*flow).clone()),
            Written::Flow(_) | Written::Any => Test::Any,
        };
        for stored in into.iter().flat_map(|column| self.stored(*column)) {
            for tie in self.ties(stored) {
                let known = match tie.kind {
                    TieKind::Unique => Some(stored),
                    TieKind::Refers => tie.counterpart(stored.1),
                    TieKind::Check => None,
                };
                if let Some(known) = known {
                    self.note(Place::Input, test.clone(), &Flow::plain(known));
                }
            }
        }
    }

    /// Notes what checks tell of the columns of a row of which only `written` are new.
    pub(super) fn checked(&self, written: &[Origin]) {
        let written: Vec<Origin> = written.iter().flat_map(|it| self.stored(*it)).collect();
        for column in &written {
            let checks = self.ties(*column).filter(|tie| tie.kind == TieKind::Check);
            for attnum in checks.flat_map(|tie| &tie.columns) {
                let beside = (column.0, *attnum);
                if !written.contains(&beside) {
                    self.note(Place::Input, Test::Any, &Flow::plain(beside));
                }
            }
        }
    }

    fn ties(&self, column: Origin) -> impl Iterator<Item = &Tie> {
        let ties = self.catalog.ties.get(&column.0).into_iter().flatten();
        ties.filter(move |tie| tie.columns.contains(&column.1))
    }

    /// The columns of tables that one of a view or of a table in parts stands for.
    fn stored(&self, column: Origin) -> Vec<Origin> {
        let mut found = vec![column];
        let mut next = 0;
        while let Some((table_oid, attnum)) = found.get(next).copied() {
            next += 1;
            let Some((relation, known)) = self.catalog.column(table_oid, attnum) else {
                continue;
            };
            let below = relation.children.iter().filter_map(|child| {
                let columns = &self.catalog.relations.get(child)?.columns;
                let same = columns.iter().find(|it| it.name == known.name)?;
                Some((*child, same.attnum))
            });
            let of_view = known.origins.iter().copied();
            let more: Vec<Origin> = of_view
                .chain(below)
                .filter(|it| !found.contains(it))
                .collect();
            if self.spend(more.len() + 1).is_err() || next > COLUMNS_MAX {
                break;
            }
            found.extend(more);
        }
        found
    }
}

/// What a column of a query's output is, where it is written: how many values the query says for
/// it, or what flows into it.
pub(super) fn written<'f>(query: &Node, index: usize, flow: &'f Flow) -> Written<'f> {
    let Node::SelectStmt(select) = query else {
        return Written::Flow(flow);
    };
    let rows = || nodes(&select.values_lists);
    if !select.values_lists.is_empty() {
        let is_said = |row| item(row, index).is_some_and(|it| is_default(it) || is_given(it));
        if !rows().all(is_said) {
            return Written::Flow(flow);
        }
        let is_new = |row: &&Node| !item(row, index).is_some_and(is_default);
        return Written::Given(u32::try_from(rows().filter(is_new).count()).unwrap_or(u32::MAX));
    }
    let is_single = select.from_clause.is_empty()
        && select.larg.is_none()
        && select.with_clause.is_none()
        && flow.kind == Kind::Constant;
    let target = select.target_list.get(index).and_then(|it| inner(Some(it)));
    let value = match target {
        Some(Node::ResTarget(target)) => inner(target.val.as_deref()),
        _ => None,
    };
    match value {
        Some(value) if is_single && is_given(value) => Written::Given(1),
        _ => Written::Flow(flow),
    }
}

/// What a value is that is assigned to a column.
pub(super) fn assigned<'f>(value: Option<&Node>, flow: &'f Flow) -> Written<'f> {
    match value {
        Some(Node::SetToDefault(_)) => Written::Given(0),
        Some(value) if is_given(value) => Written::Given(1),
        _ => Written::Flow(flow),
    }
}

/// A value of a row of VALUES.
fn item(row: &Node, index: usize) -> Option<&Node> {
    match row {
        Node::List(list) => inner(list.items.get(index)),
        _ => None,
    }
}

fn is_default(node: &Node) -> bool {
    matches!(node, Node::SetToDefault(_))
}
