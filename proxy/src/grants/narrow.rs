//! A policy as narrow as a grant.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use velum_core::grant::Scope;
use velum_core::policy::guard::Guard;
use velum_core::policy::{Glob, Policy};
use velum_core::sql::effects::Class;

/// A scope that a session cannot be held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unenforceable(String);

impl fmt::Display for Unenforceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unenforceable {}

/// Can a session be held to this? What cannot is refused when it is asked for, and again when a
/// client comes: nobody is let in by half of a scope.
///
/// # Errors
/// What cannot, and why.
pub fn is_enforceable(scope: &Scope, policy_is_exempt: bool) -> Result<(), Unenforceable> {
    let is_narrow = scope.tables.is_some() || scope.columns.is_some() || scope.commands.is_some();
    if policy_is_exempt && is_narrow {
        let what = "what an exempt policy's sessions do is not looked into; \
                    ask for all of it, or for one statement";
        return Err(Unenforceable(what.to_owned()));
    }
    for name in scope.tables.iter().flatten() {
        table(name)?;
    }
    for name in scope.columns.iter().flatten() {
        column(name)?;
    }
    for name in scope.commands.iter().flatten() {
        if class(name)?.writes() && scope.columns.is_some() {
            return Err(Unenforceable(format!(
                "columns are for reading, `{name}` writes: ask for tables without columns"
            )));
        }
    }
    Ok(())
}

/// The policy with no more than a grant's scope in it.
///
/// # Errors
/// See [`is_enforceable`].
pub(super) fn narrowed(policy: &Arc<Policy>, scope: &Scope) -> Result<Arc<Policy>, Unenforceable> {
    is_enforceable(scope, policy.exempt)?;
    if *scope == Scope::policy(scope.policy.as_str()) {
        return Ok(Arc::clone(policy));
    }
    let mut guard = match &policy.guard {
        Some(guard) => guard.clone(),
        // It guarded nothing: what is added is all that does.
        None => Guard::open(),
    };
    if let Some(names) = tables(scope)? {
        let known = guard.tables.as_ref();
        let is_known = |schema: &str, table: &str| {
            let matches = |(of, at): &(Glob, Glob)| {
                of.matches(schema.as_bytes()) && at.matches(table.as_bytes())
            };
            known.is_none_or(|known| known.iter().any(matches))
        };
        let both = names.iter().filter(|name| {
            let parts = name.split_once('.');
            parts.is_some_and(|(schema, table)| is_known(schema, table))
        });
        let named: Result<Vec<_>, _> = both.map(|name| table(name)).collect();
        guard.tables = Some(named?);
    }
    if let Some(names) = &scope.commands {
        let named: Result<Vec<Class>, _> = names.iter().map(|name| class(name)).collect();
        let named = named?;
        guard.commands.retain(|class| named.contains(class));
    }
    if scope.tables.is_some() || scope.columns.is_some() || scope.commands.is_some() {
        // What code does, now or later, is not in a statement's text.
        guard.functions.get_or_insert_default();
        guard.commands.retain(|class| !runs_code(*class));
    }
    guard.statements = scope.statement.map(|hash| [hash.0].into());
    let mut narrow = Policy::clone(policy);
    if let Some(columns) = &scope.columns {
        // A row that is written has all of its columns.
        guard.commands.retain(|class| !class.writes());
        guard.read_only = true;
        let names: Result<Vec<_>, _> = columns.iter().map(|name| column(name)).collect();
        narrow = narrow.guarded(guard).with_columns(names?);
    } else {
        narrow = narrow.guarded(guard);
    }
    narrow.sha256 = digest(&policy.sha256, scope);
    Ok(Arc::new(narrow))
}

/// The tables of a scope; `None`: all that the policy allows. With columns, only those that have
/// some.
fn tables(scope: &Scope) -> Result<Option<BTreeSet<String>>, Unenforceable> {
    let Some(columns) = &scope.columns else {
        return Ok(scope.tables.clone());
    };
    let of_columns = columns.iter().map(|name| column(name));
    let of_columns = of_columns.map(|it| it.map(|[schema, table, _]| format!("{schema}.{table}")));
    let mut tables = of_columns.collect::<Result<BTreeSet<String>, _>>()?;
    if let Some(named) = &scope.tables {
        tables.retain(|table| named.contains(table));
    }
    Ok(Some(tables))
}

fn runs_code(class: Class) -> bool {
    use Class::{Alter, Code, Define, Permission, Routine, Server, View};
    matches!(
        class,
        Routine | Code | Define | Alter | View | Permission | Server
    )
}

fn digest(policy: &[u8; 32], scope: &Scope) -> [u8; 32] {
    // A scope of sets and names is always JSON.
    let document = serde_json::to_vec(scope).unwrap_or_default();
    let digest = Sha256::new().chain_update(policy).chain_update(document);
    digest.finalize().into()
}

fn table(name: &str) -> Result<(Glob, Glob), Unenforceable> {
    let wrong = |why: &str| Unenforceable(format!("table `{name}`: {why}"));
    let parts = name.split_once('.');
    let (schema, table) = parts.ok_or_else(|| wrong("write `schema.table`"))?;
    let exact = |part: &str| {
        let glob = Glob::new(part).map_err(|error| wrong(&error.to_string()))?;
        match glob.is_exact() {
            true => Ok(glob),
            false => Err(wrong("a grant names tables one by one, without patterns")),
        }
    };
    Ok((exact(schema)?, exact(table)?))
}

/// Schema, table and column of `schema.table.column`.
fn column(name: &str) -> Result<[&str; 3], Unenforceable> {
    let wrong = |why: &str| Unenforceable(format!("column `{name}`: {why}"));
    let (of, column) = name.rsplit_once('.').unwrap_or_default();
    let (schema, named) = of.split_once('.').unwrap_or_default();
    if schema.is_empty() || named.is_empty() || column.is_empty() {
        return Err(wrong("write `schema.table.column`"));
    }
    table(of).map_err(|error| wrong(&error.to_string()))?;
    Ok([schema, named, column])
}

fn class(name: &str) -> Result<Class, Unenforceable> {
    Class::all()
        .find(|class| class.key() == name)
        .ok_or_else(|| {
            let known: Vec<&str> = Class::all().map(Class::key).collect();
            Unenforceable(format!(
                "there is no command `{name}`; known: {}",
                known.join(", ")
            ))
        })
}
