//! What a statement that changes rows makes of columns: it finds rows by them, and writes them into
//! others.

use std::rc::Rc;

use velum_parser::tree as pg;

use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::flow::{Flow, Origin};
use super::scope::Scope;
use super::ties::{self, Written};
use super::uses::Test;
use super::{Analysis, Unresolved};

type Seen = Result<(), Unresolved>;

impl<'a> Analysis<'a> {
    /// The uses of a statement that changes `target`, all of whose entries of FROM are in sight.
    pub(super) fn change(
        &self,
        statement: &'a Node,
        target: &'a pg::RangeVar,
        scope: &Scope<'_, 'a>,
    ) -> Seen {
        match statement {
            Node::InsertStmt(insert) => self.insert(insert, target, scope),
            Node::UpdateStmt(update) => {
                self.assignments(&update.target_list, target, scope)?;
                self.condition(update.where_clause.as_deref(), scope, Place::Predicate)
            }
            Node::DeleteStmt(delete) => {
                self.condition(delete.where_clause.as_deref(), scope, Place::Predicate)
            }
            Node::MergeStmt(merge) => self.merge(merge, target, scope),
            _ => Err(Unresolved::Node),
        }
    }

    fn insert(
        &self,
        insert: &'a pg::InsertStmt,
        target: &'a pg::RangeVar,
        scope: &Scope<'_, 'a>,
    ) -> Seen {
        if let Some(query) = inner(insert.select_stmt.as_deref()) {
            let columns = self.by_place(|| self.query(query, scope))?;
            let names: Vec<&str> = named(&insert.cols).collect();
            for (index, column) in columns.list.iter().enumerate() {
                let into = match names.get(index) {
                    Some(name) => self.written(target, |_, known| known == *name),
                    None if names.is_empty() => self.written(target, |at, _| at == index),
                    None => Vec::new(),
                };
                self.tied(&into, &ties::written(query, index, &column.flow));
                self.note(Place::Input, Test::Into(into), &column.flow);
            }
            if let Some(rest) = &columns.rest {
                self.note(Place::Input, Test::Into(Vec::new()), rest);
                self.tied(&self.written(target, |_, _| true), &Written::Any);
            }
        }
        match &insert.on_conflict_clause {
            Some(conflict) => self.conflict(conflict, target, scope),
            None => Ok(()),
        }
    }

    /// ON CONFLICT: whether a row with such a value is there decides what happens.
    fn conflict(
        &self,
        conflict: &'a pg::OnConflictClause,
        target: &'a pg::RangeVar,
        scope: &Scope<'_, 'a>,
    ) -> Seen {
        let mut excluded = self.relation(target, &Scope::EMPTY)?;
        excluded
            .names
            .iter_mut()
            .for_each(|named| named.name = "excluded");
        excluded.star = Rc::default();
        let pieces: Vec<_> = scope.pieces.iter().cloned().chain([excluded]).collect();
        let scope = scope.with_pieces(&pieces);
        if let Some(infer) = &conflict.infer {
            for element in nodes(&infer.index_elems) {
                let Node::IndexElem(element) = element else {
                    return Err(Unresolved::Node);
                };
                match element.name.as_str() {
                    "" => {
                        let flow = self.optional(element.expr.as_deref(), &scope)?;
                        self.note(Place::Predicate, Test::Any, &flow);
                    }
                    name => {
                        let flow = scope.column(self, name)?;
                        self.note(Place::Predicate, Test::Equality { values: 1 }, &flow);
                    }
                }
            }
            self.condition(infer.where_clause.as_deref(), &scope, Place::Predicate)?;
        }
        self.assignments(&conflict.target_list, target, &scope)?;
        self.condition(conflict.where_clause.as_deref(), &scope, Place::Predicate)
    }

    fn merge(
        &self,
        merge: &'a pg::MergeStmt,
        target: &'a pg::RangeVar,
        scope: &Scope<'_, 'a>,
    ) -> Seen {
        self.condition(merge.join_condition.as_deref(), scope, Place::Join)?;
        for when in nodes(&merge.merge_when_clauses) {
            let Node::MergeWhenClause(when) = when else {
                return Err(Unresolved::Node);
            };
            self.condition(when.condition.as_deref(), scope, Place::Predicate)?;
            if when.values.is_empty() {
                self.assignments(&when.target_list, target, scope)?;
                continue;
            }
            let names: Vec<&str> = named(&when.target_list).collect();
            for (index, value) in nodes(&when.values).enumerate() {
                let into = match names.get(index) {
                    Some(name) => self.written(target, |_, known| known == *name),
                    None => self.written(target, |at, _| at == index),
                };
                let flow = self.expression(value, scope)?;
                self.tied(&into, &ties::assigned(Some(value), &flow));
                self.note(Place::Input, Test::Into(into), &flow);
            }
        }
        Ok(())
    }

    /// `column = value, (column, …) = row`
    fn assignments(
        &self,
        targets: &'a [Wrapped],
        table: &'a pg::RangeVar,
        scope: &Scope<'_, 'a>,
    ) -> Seen {
        let mut all = Vec::new();
        for target in nodes(targets) {
            let Node::ResTarget(target) = target else {
                return Err(Unresolved::Node);
            };
            let flow = match inner(target.val.as_deref()) {
                // One of the values of a row: any of them.
                Some(Node::MultiAssignRef(part)) => self.row_value(part, scope)?,
                Some(value) => self.expression(value, scope)?,
                None => continue,
            };
            let into = self.written(table, |_, known| known == target.name);
            self.tied(&into, &ties::assigned(inner(target.val.as_deref()), &flow));
            all.extend(into.iter().copied());
            self.note(Place::Input, Test::Into(into), &flow);
        }
        self.checked(&all);
        Ok(())
    }

    fn row_value(
        &self,
        part: &'a pg::MultiAssignRef,
        scope: &Scope<'_, 'a>,
    ) -> Result<Rc<Flow>, Unresolved> {
        match inner(part.source.as_deref()) {
            Some(Node::SubLink(link)) => {
                let query = inner(link.subselect.as_deref()).ok_or(Unresolved::Node)?;
                let columns = self.query(query, scope)?;
                let index = usize::try_from(part.colno).unwrap_or(0).wrapping_sub(1);
                match (columns.list.get(index), &columns.rest) {
                    (Some(column), None) => Ok(Rc::clone(&column.flow)),
                    _ => Ok(Rc::new(columns.row())),
                }
            }
            Some(source) => self.expression(source, scope),
            None => Err(Unresolved::Node),
        }
    }

    /// The columns of whatever `target` may mean that `is_it` says of their place and name.
    pub(super) fn written(
        &self,
        target: &pg::RangeVar,
        is_it: impl Fn(usize, &str) -> bool,
    ) -> Vec<Origin> {
        let candidates = self.find(&target.schemaname, &target.relname);
        let columns = candidates.iter().flat_map(|(oid, relation)| {
            let known = relation.columns.iter().enumerate();
            known.map(move |(at, column)| (*oid, at, column))
        });
        columns
            .filter(|(_, at, column)| is_it(*at, &column.name))
            .map(|(oid, _, column)| (oid, column.attnum))
            .collect()
    }
}

/// The names of targets.
fn named(targets: &[Wrapped]) -> impl Iterator<Item = &str> {
    nodes(targets).filter_map(|target| match target {
        Node::ResTarget(target) => Some(target.name.as_str()),
        node => tree::name(node),
    })
}
