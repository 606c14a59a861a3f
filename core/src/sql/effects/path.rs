//! What a statement does to the search path.
//!
//! Only what is proven to leave it alone does so. Besides the statements that set it, any code may:
//! a function, a trigger, an operator or a cast of a user's own, the function of a view, of a row
//! security policy or of an index. So a statement leaves the path alone if it is made of what
//! PostgreSQL brings, and reads and writes tables to which nothing else is attached.

use velum_parser::Census;
use velum_parser::tree::{TransactionStmtKind, VariableSetKind};

use super::{Class, Effects, SideEffect, walk};
use crate::catalog::{Catalog, Relation};
use crate::sql::SearchPath;
use crate::sql::lineage::{Lineage, is_called, is_opaque};
use crate::sql::tree::{Node, inner, literal, nodes};

/// What becomes of the search path when a statement has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathChange {
    /// It stays.
    None,
    /// It is this one.
    To(SearchPath),
    /// It may be any that it was before: a transaction, or a part of it, ends.
    Back,
    /// It may be any.
    Unknown,
    /// It may be any, and there may be relations that the catalog does not have.
    Made,
}

/// Operators that the grammar calls without writing them out.
const IMPLIED: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// Functions of PostgreSQL's own that do something, and run no code of anybody's. The setting that
/// `set_config` changes, the walk has seen. Sorted.
const QUIET: [&str; 13] = [
    "lastval",
    "nextval",
    "pg_advisory_lock",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_xact_lock",
    "pg_current_xact_id",
    "pg_notify",
    "pg_sleep",
    "pg_try_advisory_lock",
    "pg_try_advisory_xact_lock",
    "set_config",
    "setval",
];

/// Settings that names, or the user whom `$user` stands for, depend on. The empty one may be any.
fn is_of_path(setting: &str) -> bool {
    matches!(
        setting,
        "" | "search_path" | "role" | "session_authorization"
    )
}

/// By the statement's root alone.
pub(super) fn of_statement(root: &Node, census: &Census) -> PathChange {
    match root {
        Node::VariableSetStmt(set) => match VariableSetKind::try_from(set.kind) {
            // SET TRANSACTION and its like.
            Ok(VariableSetKind::VarSetMulti) => PathChange::None,
            Ok(VariableSetKind::VarSetValue) if set.name.eq_ignore_ascii_case("search_path") => {
                let names: Vec<_> = nodes(&set.args).map(literal).collect();
                let are_literal = names.len() == set.args.len() && !names.contains(&None);
                match SearchPath::of_names(names.iter().flatten().copied()) {
                    path @ SearchPath::Known(_) if are_literal => PathChange::To(path),
                    _ => PathChange::Unknown,
                }
            }
            Ok(_) if !is_of_path(&set.name.to_ascii_lowercase()) => PathChange::None,
            _ => PathChange::Unknown,
        },
        Node::TransactionStmt(transaction) => {
            match TransactionStmtKind::try_from(transaction.kind) {
                Ok(
                    TransactionStmtKind::TransStmtBegin
                    | TransactionStmtKind::TransStmtStart
                    | TransactionStmtKind::TransStmtSavepoint
                    | TransactionStmtKind::TransStmtRelease,
                ) => PathChange::None,
                _ => PathChange::Back,
            }
        }
        // Deferred triggers.
        Node::ConstraintsSetStmt(_) | Node::DiscardStmt(_) => PathChange::Unknown,
        Node::ExplainStmt(explain)
            if inner(explain.query.as_deref())
                .and_then(walk::body)
                .is_none() =>
        {
            PathChange::Made
        }
        // What was prepared may be anything.
        _ if census.executes > 0 => PathChange::Made,
        _ => PathChange::None,
    }
}

impl Effects {
    /// What becomes of the search path when the statement has run, its names looked up by `path`.
    pub fn path_change(
        &self,
        lineage: &Lineage,
        catalog: &Catalog,
        path: &SearchPath,
    ) -> PathChange {
        match (&self.path, self.class) {
            (PathChange::None, Class::Setting | Class::Transaction) => PathChange::None,
            (PathChange::None, _) if self.is_quiet(lineage, catalog, path) => PathChange::None,
            (PathChange::None, _) if self.makes_nothing() => PathChange::Unknown,
            (PathChange::None, _) => PathChange::Made,
            (change, _) => change.clone(),
        }
    }

    /// Does it name something that several relations are called, and no schema?
    pub fn names_several(&self, catalog: &Catalog) -> bool {
        let mut relations = self.relations.iter();
        relations.any(|named| match named.name.as_slice() {
            [name] => catalog.named(name).len() > 1,
            _ => false,
        })
    }

    /// Is it of a kind that makes no relation, as far as its own text says?
    fn makes_nothing(&self) -> bool {
        let changes_rows = matches!(
            self.class,
            Class::Insert | Class::Update | Class::Delete | Class::Merge | Class::CopyIn
        );
        let is_plain = changes_rows || self.class == Class::Truncate;
        (self.class.runs_itself_only() || is_plain)
            && !self.side_effects.contains(&SideEffect::Into)
    }

    /// Does it run no code but PostgreSQL's own?
    fn is_quiet(&self, lineage: &Lineage, catalog: &Catalog, path: &SearchPath) -> bool {
        // The rows of another statement: what computes them runs now.
        let is_elsewhere = matches!(self.class, Class::Fetch | Class::Execute);
        let sets = |effect: &SideEffect| match effect {
            SideEffect::Setting(name) => is_of_path(name),
            SideEffect::Into => true,
            _ => false,
        };
        self.makes_nothing()
            && !is_elsewhere
            && !self.side_effects.iter().any(sets)
            // A name that is no column's may be that of a function of a row.
            && !lineage.is_ahead
            && !lineage.may_call
            && lineage.outputs.is_ok()
            && lineage.uses.is_ok()
            && self.calls_built_ins(catalog)
            && self.relations.iter().all(|named| is_quiet_relation(&named.name, catalog, path))
    }

    fn calls_built_ins(&self, catalog: &Catalog) -> bool {
        let acts_quietly = |name: &[String]| match name {
            [bare] => is_quiet_function(bare, catalog),
            [schema, bare] => schema == "pg_catalog" && is_quiet_function(bare, catalog),
            _ => false,
        };
        let mut operators = self
            .operators
            .iter()
            .flatten()
            .map(String::as_str)
            .chain(IMPLIED);
        let mut types = self.types.iter().filter_map(|name| match name.as_slice() {
            [schema, _] if schema == "pg_catalog" => None,
            name => name.last(),
        });
        let mut functions = self.functions.iter();
        functions.all(|name| acts_quietly(name) || !is_opaque(catalog, name))
            && !self.fields.iter().any(|name| is_called(catalog, name))
            && !operators.any(|operator| catalog.own_operators.contains(operator))
            && !types.any(|name| catalog.has_own_type(name))
    }
}

fn is_quiet_function(name: &str, catalog: &Catalog) -> bool {
    QUIET.binary_search(&name).is_ok() && !catalog.own_functions.contains(name)
}

/// Is it a table to which no code of a user's own is attached? Of several, columns of the same
/// names are sure to be columns.
fn is_quiet_relation(name: &[String], catalog: &Catalog, path: &SearchPath) -> bool {
    let (schema, name) = match name {
        [.., schema, name] => (schema.as_str(), name),
        [name] => ("", name),
        [] => return false,
    };
    let found = path.find(catalog, schema, name);
    let Some((_, first)) = found.first() else {
        return false;
    };
    let names = |relation: &Relation| -> Vec<String> {
        let columns = relation.columns.iter();
        columns.map(|column| column.name.clone()).collect()
    };
    let columns = (found.len() > 1).then(|| names(first));
    found.iter().all(|(oid, relation)| {
        let is_alike = columns
            .as_ref()
            .is_none_or(|known| *known == names(relation));
        is_alike && !relation.is_view && !catalog.loud.contains(oid)
    })
}
