//! A policy held against the catalog of a real database: what it names and there is not, and what
//! covers the columns that there are.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use velum_core::cell::{ColumnFacts, Decision};
use velum_core::policy;

use super::check::Remark;
use super::ground::{File, compiled};
use crate::cli::database::Database;
use crate::cli::discover::{ByName, by_name};
use crate::config::against::{self, Missed};
use crate::config::coverage::coverage;
use crate::config::model::{Policy, Resource};
use crate::config::profile::IDENTIFIERS;

/// Names of all functions: a policy may allow PostgreSQL's own, too.
const FUNCTIONS: &str = "select distinct proname::text from pg_catalog.pg_proc";

/// What covers the identifiers of one policy in one database.
pub(super) struct Covered {
    resource: String,
    policy: String,
    identifiers: Vec<Identifier>,
}

/// One of the eighteen.
struct Identifier {
    letter: char,
    name: &'static str,
    /// The policy says how its columns are to be treated, wherever they are.
    is_foreseen: bool,
    by_rule: usize,
    by_content: usize,
    /// Columns that nothing looks at.
    open: Vec<String>,
}

/// Holds the policies in use at a resource against its catalog.
///
/// # Errors
/// A database that does not answer.
pub(super) fn examine(
    file: &File,
    resource: &Resource,
    database: Option<&str>,
    remarks: &mut Vec<Remark>,
) -> Result<Vec<Covered>, String> {
    let database = Database::open(&file.config, resource, database)?;
    let functions = database.ask(|client| client.query(FUNCTIONS, &[]));
    let functions = functions.map_err(|_| "the names of functions cannot be read")?;
    let functions: Result<Vec<String>, _> = functions.iter().map(|row| row.try_get(0)).collect();
    let functions = functions.map_err(|_| "the names of functions cannot be read")?;
    let columns = by_name(&database)?;
    let mut covered = Vec::new();
    for policy in file.config.policies_at(resource) {
        missed(file, policy, &database, &functions, remarks);
        let compiled = compiled(policy)?;
        covered.push(Covered {
            resource: resource.name.clone(),
            policy: policy.name.clone(),
            identifiers: identifiers(policy, &compiled, &database, &columns),
        });
    }
    Ok(covered)
}

/// Remarks on names that mean nothing in this database.
fn missed(
    file: &File,
    policy: &Policy,
    database: &Database,
    functions: &[String],
    remarks: &mut Vec<Remark>,
) {
    let mut remark = |begin: usize, text: String, meant: Option<String>| {
        let hint = meant
            .map(|it| format!("; did you mean `{it}`?"))
            .unwrap_or_default();
        let place = file.place(begin);
        remarks.push(Remark {
            place,
            text: format!("{text}{hint}"),
        });
    };
    let (columns, _) = against::columns(policy, &database.catalog);
    for Missed { at, pattern, meant } in columns {
        let text = format!("rule `{}`: no column is called `{pattern}`", at.name);
        remark(at.begin, text, meant);
    }
    let Some(scope) = &policy.scope else {
        return;
    };
    for Missed { pattern, meant, .. } in against::tables(scope, &database.catalog) {
        let text = format!("`tables` grants `{pattern}`, and there is no such table");
        remark(policy.begin, text, meant);
    }
    for Missed { pattern, meant, .. } in against::functions(scope, functions) {
        let text = format!("`functions` allows `{pattern}`, and there is no such function");
        remark(policy.begin, text, meant);
    }
}

fn identifiers(
    policy: &Policy,
    compiled: &policy::Policy,
    database: &Database,
    columns: &[ByName],
) -> Vec<Identifier> {
    let mut decided: BTreeMap<char, Vec<(Decision, &ByName)>> = BTreeMap::new();
    for column in columns {
        let facts = ColumnFacts {
            name: column.name.as_bytes().into(),
            table_oid: column.table_oid,
            attnum: column.attnum,
            type_oid: column.type_oid,
        };
        let decision = compiled.plan(&database.catalog, &facts).decision;
        decided
            .entry(column.letter)
            .or_default()
            .push((decision, column));
    }
    let foreseen = coverage(policy);
    let each = IDENTIFIERS
        .iter()
        .zip(&foreseen)
        .map(|(identifier, foreseen)| {
            let here = decided.remove(&identifier.letter).unwrap_or_default();
            let count =
                |wanted: fn(&Decision) -> bool| here.iter().filter(|(it, _)| wanted(it)).count();
            let open = here.iter().filter(|(it, _)| *it == Decision::Pass);
            Identifier {
                letter: identifier.letter,
                name: identifier.name,
                is_foreseen: !foreseen.is_gap(),
                by_rule: count(|it| !matches!(it, Decision::Pass | Decision::Scan)),
                by_content: count(|it| *it == Decision::Scan),
                open: open.map(|(_, column)| column.full_name.clone()).collect(),
            }
        });
    each.collect()
}

impl Identifier {
    /// Is one of its columns open, or would be one that is still to come?
    fn is_gap(&self) -> bool {
        !self.open.is_empty() || !self.is_foreseen && self.by_rule + self.by_content == 0
    }

    fn words(&self) -> String {
        if !self.open.is_empty() {
            return format!("GAP: {}", self.open.join(", "));
        }
        let counts = [("by rule", self.by_rule), ("by content", self.by_content)];
        let counts = counts.iter().filter(|(_, count)| *count > 0);
        let words: Vec<String> = counts.map(|(by, count)| format!("{count} {by}")).collect();
        match (words.is_empty(), self.is_foreseen) {
            (false, _) => format!("columns: {}", words.join(", ")),
            (true, true) => "no column by its name; foreseen".to_owned(),
            (true, false) => "GAP: no column by its name, and none foreseen".to_owned(),
        }
    }
}

impl Covered {
    /// Is one of the eighteen covered by nothing?
    pub(super) fn has_gaps(&self) -> bool {
        self.identifiers.iter().any(Identifier::is_gap)
    }

    fn count(&self) -> usize {
        self.identifiers.iter().filter(|it| !it.is_gap()).count()
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{}, policy {}: {}/18\n",
            self.resource,
            self.policy,
            self.count()
        );
        for it in &self.identifiers {
            text.push_str(&format!("  {}  {:<46}{}\n", it.letter, it.name, it.words()));
        }
        text
    }

    pub(super) fn document(&self) -> Value {
        let identifiers = self.identifiers.iter().map(|it| {
            json!({
                "letter": it.letter,
                "identifier": it.name,
                "foreseen": it.is_foreseen,
                "by_rule": it.by_rule,
                "by_content": it.by_content,
                "open": it.open,
            })
        });
        json!({
            "resource": self.resource,
            "policy": self.policy,
            "covered": self.count(),
            "identifiers": identifiers.collect::<Vec<_>>(),
        })
    }
}
