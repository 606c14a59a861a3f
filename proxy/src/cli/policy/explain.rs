//! `velum policy explain`

use velum_core::catalog::Catalog;
use velum_core::cell::{ColumnFacts, ColumnPlan, Decision};
use velum_core::mask::Strategy;
use velum_core::policy;
use velum_core::policy::guard::{Admission, Denial, Reason};
use velum_core::sql::lineage::{Flow, Outputs, SearchPath};
use velum_core::sql::{self, Analysis};

use super::super::database::Database;
use super::ground::{File, compiled};
use super::tree::Roots;
use super::{DONE, Explain, FOUND, print, show};
use crate::config::model;

/// `pg_type.oid` of text.
const TEXT_OID: u32 = 25;

/// What becomes of a statement.
pub(super) struct Explained {
    pub(super) verdict: Result<Admission, Denial>,
    /// What was read of the text; empty if it cannot be read.
    pub(super) statements: Vec<Analysis>,
    /// Of the only statement, as the server describes it.
    pub(super) columns: Vec<Output>,
}

/// An output column.
pub(super) struct Output {
    pub(super) name: String,
    pub(super) flow: Option<Flow>,
    pub(super) shown: Shown,
    /// What stands in the place of its values where they are masked.
    pub(super) strategy: Strategy,
}

/// What is shown of a column.
pub(super) enum Shown {
    /// As it is.
    Clear,
    /// What content detection leaves of it.
    Scanned,
    /// What a rule leaves of it: its place among the policy's.
    Ruled(usize),
    /// Nothing, though no rule says so.
    Masked,
}

/// Explains the statement of the command line.
///
/// # Errors
/// Misuse, or a database that does not answer.
pub(super) fn run(arguments: &Explain) -> Result<u8, String> {
    let who = &arguments.who;
    let file = File::read(&who.config)?;
    let (policy, resource) = file.policy_of(&who.identity, who.resource.as_deref())?;
    let database = Database::open(&file.config, resource, None)?;
    database.set_path(&arguments.search_path)?;
    let explained = explain(policy, &database, &arguments.search_path, &arguments.sql)?;
    let compiled = compiled(policy)?;
    let about = show::About {
        file: &file,
        policy,
        roots: Roots {
            catalog: &database.catalog,
            policy: &compiled,
        },
    };
    match who.json {
        true => print(&format!("{:#}\n", about.document(&explained))),
        false => print(&about.text(&explained)),
    };
    Ok(match explained.verdict {
        Ok(_) => DONE,
        Err(_) => FOUND,
    })
}

/// What becomes of a statement under a policy. Names without a schema are looked up in `schemas`;
/// if there are none, they stand for everything of that name, as in a session whose path is not
/// known.
///
/// # Errors
/// A policy that cannot be put in force.
pub(super) fn explain(
    policy: &model::Policy,
    database: &Database,
    schemas: &[String],
    sql: &str,
) -> Result<Explained, String> {
    let compiled = compiled(policy)?;
    let catalog = &database.catalog;
    let path = match schemas {
        [] => SearchPath::Unknown,
        schemas => SearchPath::known(schemas.iter().map(String::as_str)),
    };
    let read = |sql: &[u8]| sql::read(sql, catalog, &path);
    // What the server gets to read.
    let sent = compiled.rewritten(catalog, sql.as_bytes(), |sql| read(sql).ok());
    let sql = sent.map_or(sql.into(), |sent| {
        String::from_utf8_lossy(&sent).into_owned()
    });
    let statements = match read(sql.as_bytes()) {
        Ok(statements) => statements,
        Err(unread) => {
            let verdict = match compiled.guard {
                Some(_) => Err(compiled.deny(Reason::Unread(unread))),
                None => Ok(Admission::default()),
            };
            return Ok(Explained {
                verdict,
                statements: Vec::new(),
                columns: Vec::new(),
            });
        }
    };
    let verdict = compiled.admit(catalog, &statements, false);
    let columns = match statements.as_slice() {
        // To describe a statement runs nothing of it: what is refused is told by name as well.
        [statement] => outputs(&compiled, catalog, database.describe(&sql), statement),
        _ => Vec::new(),
    };
    Ok(Explained {
        verdict,
        statements,
        columns,
    })
}

/// The columns that a statement returns: as the server describes them, or as far as its text tells.
fn outputs(
    policy: &policy::Policy,
    catalog: &Catalog,
    described: Option<Vec<ColumnFacts>>,
    statement: &Analysis,
) -> Vec<Output> {
    let flows = match &statement.lineage.outputs {
        Ok(Outputs::Each(flows)) => flows.clone(),
        Ok(Outputs::Any(flow)) => vec![flow.clone(); described.as_ref().map_or(1, Vec::len)],
        Ok(Outputs::None) | Err(_) => Vec::new(),
    };
    let facts = described.unwrap_or_else(|| flows.iter().map(|_| nameless()).collect());
    let are_theirs = facts.len() == flows.len();
    let output = |(index, facts): (usize, &ColumnFacts)| {
        let flow = flows.get(index).filter(|_| are_theirs);
        let plan = match (facts.table_oid, flow) {
            (0, Some(flow)) => policy.plan_computed(catalog, facts, flow),
            (0, None) => policy.plan_unknown(catalog, facts),
            _ => policy.plan(catalog, facts),
        };
        Output {
            name: String::from_utf8_lossy(&facts.name).into_owned(),
            flow: flow.cloned(),
            shown: shown(&plan),
            strategy: plan.strategy().clone(),
        }
    };
    facts.iter().enumerate().map(output).collect()
}

/// A column of which nothing is known but what flows into it.
fn nameless() -> ColumnFacts {
    ColumnFacts {
        name: Box::default(),
        table_oid: 0,
        attnum: 0,
        type_oid: TEXT_OID,
    }
}

fn shown(plan: &ColumnPlan) -> Shown {
    match plan.decision {
        Decision::Pass => Shown::Clear,
        Decision::Scan => Shown::Scanned,
        Decision::Mask(rule) => Shown::Ruled(usize::from(rule.0)),
        Decision::MaskAs(_) | Decision::MaskByDefault => Shown::Masked,
    }
}
