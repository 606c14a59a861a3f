//! Rules that protect no column: a name with a slip of the pen masks nothing, and nobody is told.

use std::collections::BTreeSet;

use velum_core::catalog::Catalog;
use velum_core::policy::Glob;

use super::Finding;
use crate::config::Config;
use crate::config::model::{Policy, Resource, SelectorKind};
use crate::config::problem::closest;

/// Looks at the policies that any identity has at this resource. Only `column` names tables of
/// one database; `column_name` and `sql_type` may well wait for what is still to come.
pub(super) fn examine(config: &Config, resource: &Resource, catalog: &Catalog) -> Vec<Finding> {
    let accesses = config.identities.iter().flat_map(|it| &it.access);
    let here = accesses.filter(|access| access.resource == resource.name);
    let names: BTreeSet<&str> = here.map(|access| access.policy.as_str()).collect();
    let policies = names.iter().filter_map(|name| config.policy(name));
    policies
        .flat_map(|policy| examine_one(policy, &resource.name, catalog))
        .collect()
}

fn examine_one(policy: &Policy, resource: &str, catalog: &Catalog) -> Vec<Finding> {
    let what = format!("rules of {} at {}", policy.name, resource);
    let known = names(catalog);
    let mut columns = 0;
    let mut findings = Vec::new();
    for rule in &policy.rules {
        let SelectorKind::Column(schema, table, column) = &rule.selector else {
            continue;
        };
        columns += 1;
        if matches_any(catalog, [schema, table, column]) {
            continue;
        }
        let pattern = format!("{schema}.{table}.{column}");
        let mend = match closest(&pattern, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "check the names with \\d in psql".to_owned(),
        };
        let found = format!("`{}`: no column is called `{pattern}`", rule.name);
        findings.push(Finding::warning(what.clone(), found, mend));
    }
    if findings.is_empty() && columns > 0 {
        let found = format!("{columns} column patterns, each matches");
        findings.push(Finding::good(what, found));
    }
    findings
}

fn matches_any(catalog: &Catalog, patterns: [&str; 3]) -> bool {
    let Ok([schema, table, column]) = globs(patterns) else {
        return false;
    };
    catalog.relations.values().any(|relation| {
        schema.matches(relation.schema.as_bytes())
            && table.matches(relation.name.as_bytes())
            && relation
                .columns
                .iter()
                .any(|known| column.matches(known.name.as_bytes()))
    })
}

fn globs([schema, table, column]: [&str; 3]) -> Result<[Glob; 3], velum_core::policy::GlobError> {
    Ok([Glob::new(schema)?, Glob::new(table)?, Glob::new(column)?])
}

/// Every column that a rule could have meant.
fn names(catalog: &Catalog) -> Vec<String> {
    let own = |schema: &str| schema != "pg_catalog" && schema != "information_schema";
    let relations = catalog.relations.values().filter(|it| own(&it.schema));
    relations
        .flat_map(|relation| {
            let prefix = format!("{}.{}", relation.schema, relation.name);
            let columns = relation.columns.iter();
            columns.map(move |column| format!("{prefix}.{}", column.name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use velum_core::catalog::{Catalog, Column, Relation};

    use super::*;
    use crate::config::model::{KeyScope, MessageMode, Rule, StrategyKind};
    use crate::doctor::Verdict;

    fn catalog() -> Catalog {
        let column = |name: &str| Column {
            attnum: 1,
            name: name.into(),
            type_oid: 25,
            generated: false,
            origins: Vec::new(),
        };
        let patients = Relation {
            schema: "public".into(),
            name: "patients".into(),
            is_view: false,
            columns: vec![column("ssn"), column("born")],
            parents: Vec::new(),
            children: Vec::new(),
        };
        Catalog {
            relations: HashMap::from([(1, patients)]),
            ..Catalog::default()
        }
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_found_and_the_likely_name_given() {
        let catalog = catalog();
        assert!(matches_any(&catalog, ["public", "pat*", "s?n"]));
        assert!(!matches_any(&catalog, ["public", "patient", "ssn"]));
        let known = names(&catalog);
        let meant = closest("public.patient.ssn", known.iter().map(String::as_str));
        assert_eq!(meant, Some("public.patients.ssn"));
    }

    #[test]
    fn only_column_patterns_are_held_against_the_catalog() {
        let rule = |name: &str, selector| Rule {
            name: name.into(),
            selector,
            strategy: StrategyKind::Redact,
            predicates: None,
            begin: 0,
        };
        let pattern =
            |table: &str| SelectorKind::Column("public".into(), table.into(), "ssn".into());
        let mut policy = Policy {
            name: "masked".into(),
            exempt: false,
            messages: MessageMode::Strict,
            rules: vec![
                rule("any", SelectorKind::ColumnName("nothing".into())),
                rule("good", pattern("patients")),
            ],
            content: None,
            scope: None,
            begin: 0,
            key: None,
            key_scope: KeyScope::Identity,
        };
        let verdicts = |policy: &Policy| -> Vec<Verdict> {
            let findings = examine_one(policy, "ehr", &catalog());
            findings.iter().map(|it| it.verdict).collect()
        };
        assert_eq!(verdicts(&policy), [Verdict::Good]);
        policy.rules.push(rule("slip", pattern("patient")));
        assert_eq!(verdicts(&policy), [Verdict::Warning]);
    }
}
