//! A policy held against the catalog of a database: a name with a slip of the pen masks or grants
//! nothing, and nobody is told.

use velum_core::catalog::Catalog;
use velum_core::policy::{Glob, GlobError};

use super::model::{Policy, Rule, Scope, SelectorKind};
use super::problem::closest;

/// A pattern that matches nothing.
pub(crate) struct Missed<T> {
    /// Where it stands.
    pub(crate) at: T,
    /// As it is written.
    pub(crate) pattern: String,
    /// The name that it most likely meant.
    pub(crate) meant: Option<String>,
}

/// Patterns of rules that match no column, and how many there are in all. Only `column` names
/// tables of one database; `column_name` and `sql_type` may well wait for what is still to come.
pub(crate) fn columns<'p>(policy: &'p Policy, catalog: &Catalog) -> (Vec<Missed<&'p Rule>>, usize) {
    let known = column_names(catalog);
    let (mut missed, mut count) = (Vec::new(), 0);
    for rule in &policy.rules {
        let SelectorKind::Column(schema, table, column) = &rule.selector else {
            continue;
        };
        count += 1;
        if !matches_column(catalog, [schema, table, column]) {
            let pattern = format!("{schema}.{table}.{column}");
            let meant = nearest(&pattern, &known);
            missed.push(Missed {
                at: rule,
                pattern,
                meant,
            });
        }
    }
    (missed, count)
}

/// Granted tables that there are not.
pub(crate) fn tables(scope: &Scope, catalog: &Catalog) -> Vec<Missed<()>> {
    let own = || catalog.relations.values().filter(|it| is_own(&it.schema));
    let known: Vec<String> = own()
        .map(|it| format!("{}.{}", it.schema, it.name))
        .collect();
    let granted = scope.tables.iter().flatten();
    let missed = granted.filter(|(schema, table)| {
        let globs = Glob::new(schema).and_then(|schema| Ok((schema, Glob::new(table)?)));
        let Ok((schema, table)) = globs else {
            return true;
        };
        let mut all = catalog.relations.values();
        !all.any(|it| schema.matches(it.schema.as_bytes()) && table.matches(it.name.as_bytes()))
    });
    missed
        .map(|(schema, table)| {
            let pattern = format!("{schema}.{table}");
            let meant = nearest(&pattern, &known);
            Missed {
                at: (),
                pattern,
                meant,
            }
        })
        .collect()
}

/// Allowed functions that are none of these.
pub(crate) fn functions(scope: &Scope, known: &[String]) -> Vec<Missed<()>> {
    let allowed = scope.functions.iter().flatten();
    let missed = allowed.filter(|pattern| {
        let Ok(glob) = Glob::new(pattern) else {
            return true;
        };
        !known.iter().any(|name| glob.matches(name.as_bytes()))
    });
    missed
        .map(|pattern| Missed {
            at: (),
            pattern: pattern.clone(),
            meant: nearest(pattern, known),
        })
        .collect()
}

/// Does a pattern of schema, table and column match any?
fn matches_column(catalog: &Catalog, patterns: [&str; 3]) -> bool {
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

fn globs([schema, table, column]: [&str; 3]) -> Result<[Glob; 3], GlobError> {
    Ok([Glob::new(schema)?, Glob::new(table)?, Glob::new(column)?])
}

/// Every column that a rule could have meant.
fn column_names(catalog: &Catalog) -> Vec<String> {
    let relations = catalog.relations.values().filter(|it| is_own(&it.schema));
    relations
        .flat_map(|relation| {
            let prefix = format!("{}.{}", relation.schema, relation.name);
            let columns = relation.columns.iter();
            columns.map(move |column| format!("{prefix}.{}", column.name))
        })
        .collect()
}

fn is_own(schema: &str) -> bool {
    schema != "pg_catalog" && schema != "information_schema"
}

fn nearest(pattern: &str, known: &[String]) -> Option<String> {
    closest(pattern, known.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;
    use std::path::{Path, PathBuf};

    use velum_core::catalog::{Column, Relation};

    use super::super::{Environment, parse};
    use super::*;

    /// One table of two columns.
    pub(crate) fn catalog() -> Catalog {
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
        assert!(matches_column(&catalog, ["public", "pat*", "s?n"]));
        assert!(!matches_column(&catalog, ["public", "patient", "ssn"]));
        let known = column_names(&catalog);
        let meant = nearest("public.patient.ssn", &known);
        assert_eq!(meant.as_deref(), Some("public.patients.ssn"));
    }

    #[test]
    fn grants_of_what_is_not_there_are_found() {
        let text = "[[policy]]\nname = \"p\"\nexempt = true\nscope.tables = [\"public.patient\", \
                    \"public.pat*\"]\nscope.functions = [\"risk_*\", \"scor\"]\n";
        let environment = Environment {
            directory: PathBuf::new(),
            variable: &|_| None,
        };
        // A policy alone is no configuration, but its own section is read.
        let rest = "[[listener]]\naddress = \"127.0.0.1:1\"\n[audit]\ndirectory = \"a\"\n\
                    [[resource]]\nname = \"r\"\nkind = \"postgres\"\naddress = \"127.0.0.1\"\n\
                    database = \"d\"\nuser = \"u\"\ntls_mode = \"disable\"\n[[identity]]\n\
                    name = \"i\"\nauth = \"trust\"\naccess = { r = \"p\" }\n";
        let config = parse(
            Path::new("velum.toml"),
            &format!("{text}{rest}"),
            &environment,
        );
        let config = config.map_err(|it| it.to_text()).expect("a configuration");
        let scope = config.policies[0].scope.clone().expect("a scope");
        let missed = tables(&scope, &catalog());
        assert_eq!(missed.len(), 1);
        assert_eq!(missed[0].meant.as_deref(), Some("public.patients"));
        let known = ["risk_of".to_owned(), "score".to_owned()];
        let missed = functions(&scope, &known);
        assert_eq!(missed.len(), 1);
        assert_eq!(missed[0].meant.as_deref(), Some("score"));
    }
}
