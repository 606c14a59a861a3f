//! The entries of FROM.

use velum_parser::tree as pg;

use crate::sql::tree::{self, Node, inner, nodes};

use super::super::{Access, NotUnderstood, Place};
use super::{Walk, Walked};

impl Walk<'_> {
    pub(super) fn entry(&mut self, entry: &Node) -> Walked {
        match entry {
            Node::RangeVar(relation) => {
                self.relation(Some(relation), Access::Read);
                Ok(())
            }
            Node::RangeSubselect(subselect) => self.optional_query(subselect.subquery.as_deref()),
            Node::RangeTableSample(sample) => {
                self.entry(inner(sample.relation.as_deref()).ok_or(NotUnderstood)?)?;
                self.each(&sample.args, Place::Other)?;
                self.optional(sample.repeatable.as_deref(), Place::Other)
            }
            Node::RangeFunction(range) => {
                // Each is a list of the call and its columns' definitions.
                self.each(&range.functions, Place::Other)?;
                self.each(&range.coldeflist, Place::Other)
            }
            Node::RangeTableFunc(table) => {
                self.optional(table.docexpr.as_deref(), Place::Other)?;
                self.optional(table.rowexpr.as_deref(), Place::Other)?;
                self.each(&table.namespaces, Place::Other)?;
                for column in nodes(&table.columns) {
                    let Node::RangeTableFuncCol(column) = column else {
                        return Err(NotUnderstood);
                    };
                    self.optional(column.colexpr.as_deref(), Place::Other)?;
                    self.optional(column.coldefexpr.as_deref(), Place::Other)?;
                }
                Ok(())
            }
            Node::JsonTable(table) => self.json_table(table),
            Node::JoinExpr(join) => self.join(join),
            _ => Err(NotUnderstood),
        }
    }

    fn json_table(&mut self, table: &pg::JsonTable) -> Walked {
        self.json_value(table.context_item.as_deref(), Place::Other)?;
        self.each(&table.passing, Place::Other)?;
        self.behavior(table.on_error.as_deref(), Place::Other)?;
        if let Some(path) = &table.pathspec {
            self.optional(path.string.as_deref(), Place::Other)?;
        }
        self.json_columns(&table.columns)
    }

    fn json_columns(&mut self, columns: &[tree::Wrapped]) -> Walked {
        for column in nodes(columns) {
            let Node::JsonTableColumn(column) = column else {
                return Err(NotUnderstood);
            };
            if let Some(path) = &column.pathspec {
                self.optional(path.string.as_deref(), Place::Other)?;
            }
            self.behavior(column.on_empty.as_deref(), Place::Other)?;
            self.behavior(column.on_error.as_deref(), Place::Other)?;
            self.json_columns(&column.columns)?;
        }
        Ok(())
    }

    fn join(&mut self, join: &pg::JoinExpr) -> Walked {
        for side in [&join.larg, &join.rarg] {
            self.entry(inner(side.as_deref()).ok_or(NotUnderstood)?)?;
        }
        for name in tree::names(&join.using_clause) {
            self.column(vec![name.to_owned()], false, Place::Join);
        }
        if join.is_natural {
            self.column(Vec::new(), true, Place::Join);
        }
        self.optional(join.quals.as_deref(), Place::Join)
    }
}
