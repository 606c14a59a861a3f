//! Rules that protect no column: a name with a slip of the pen masks nothing, and nobody is told.

use velum_core::catalog::Catalog;

use super::Finding;
use crate::config::model::{Policy, Resource};
use crate::config::{Config, against};

/// Looks at the policies that any identity has at this resource.
pub(super) fn examine(config: &Config, resource: &Resource, catalog: &Catalog) -> Vec<Finding> {
    config
        .policies_at(resource)
        .flat_map(|policy| examine_one(policy, &resource.name, catalog))
        .collect()
}

fn examine_one(policy: &Policy, resource: &str, catalog: &Catalog) -> Vec<Finding> {
    let what = format!("rules of {} at {}", policy.name, resource);
    let (missed, count) = against::columns(policy, catalog);
    if missed.is_empty() && count > 0 {
        let found = format!("{count} column patterns, each matches");
        return vec![Finding::good(what, found)];
    }
    let findings = missed.into_iter().map(|missed| {
        let mend = match missed.meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "check the names with \\d in psql".to_owned(),
        };
        let (rule, pattern) = (&missed.at.name, missed.pattern);
        let found = format!("`{rule}`: no column is called `{pattern}`");
        Finding::warning(what.clone(), found, mend)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::against::tests::catalog;
    use crate::config::model::{KeyScope, MessageMode, Rule, SelectorKind, StrategyKind};
    use crate::doctor::Verdict;

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
