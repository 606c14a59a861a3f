//! `velum policy check`: what a policy says and does not do.

use serde_json::json;

use super::catalog::{self, Covered};
use super::ground::{File, compiled};
use super::{Check, DONE, FOUND, print};
use crate::config::model::{Auth, Policy, PredicateMode, Rule, SelectorKind};

/// Something to think about.
pub(super) struct Remark {
    pub(super) place: String,
    pub(super) text: String,
}

/// Checks every policy of a configuration.
///
/// # Errors
/// All mistakes in the file, as text; no such resource, or a database that does not answer.
pub(super) fn run(arguments: &Check) -> Result<u8, String> {
    let file = File::read(&arguments.config)?;
    let mut remarks = Vec::new();
    for policy in &file.config.policies {
        compiled(policy)?;
        examine(&file, policy, &mut remarks);
    }
    let mut covered = Vec::new();
    if let Some(name) = &arguments.resource {
        let resource = file.config.resource(name);
        let resource = resource.ok_or_else(|| format!("there is no resource `{name}`"))?;
        covered = catalog::examine(&file, resource, arguments.database.as_deref(), &mut remarks)?;
    }
    let is_fine = remarks.is_empty() && !covered.iter().any(Covered::has_gaps);
    if arguments.json {
        let each = remarks
            .iter()
            .map(|it| json!({ "place": it.place, "remark": it.text }));
        let document = json!({
            "ok": is_fine,
            "remarks": each.collect::<Vec<_>>(),
            "coverage": covered.iter().map(Covered::document).collect::<Vec<_>>(),
        });
        print(&format!("{document:#}\n"));
    } else {
        for Remark { place, text } in &remarks {
            print(&format!("{place}: {text}\n"));
        }
        covered.iter().for_each(|it| _ = print(&it.text()));
        let count = file.config.policies.len();
        print(&format!("{count} policies, {} remarks\n", remarks.len()));
    }
    Ok(if is_fine { DONE } else { FOUND })
}

fn examine(file: &File, policy: &Policy, remarks: &mut Vec<Remark>) {
    let mut remark = |begin: usize, text: String| {
        let place = file.place(begin);
        remarks.push(Remark { place, text });
    };
    let accesses = file.config.identities.iter().flat_map(|identity| {
        let here = identity.access.iter().filter(|it| it.policy == policy.name);
        here.map(move |_| identity)
    });
    let identities: Vec<_> = accesses.collect();
    if identities.is_empty() {
        remark(
            policy.begin,
            format!("no identity has policy `{}`", policy.name),
        );
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        let mut earlier = policy.rules.iter().take(index);
        if let Some(first) = earlier.find(|first| covers(&first.selector, &rule.selector)) {
            let text = shadowed(first, rule);
            remark(rule.begin, text);
        }
        if rule.predicates == Some(PredicateMode::Allow) {
            let name = &rule.name;
            let text = format!("rule `{name}`: values can be found out by comparing them");
            remark(rule.begin, text);
        }
    }
    if let Some(scope) = &policy.scope {
        if scope.copies && !scope.read_only {
            let text = "masked values may be copied to where no rule masks them".to_owned();
            remark(policy.begin, text);
        }
        let names_persons = scope
            .volume
            .as_ref()
            .is_some_and(|it| !it.subject_columns.is_empty());
        if scope.small_cells.is_some() && policy.rules.is_empty() && !names_persons {
            let text = "`small_cells` is about no table: no rule and no `subject_columns`";
            remark(policy.begin, text.to_owned());
        }
        if scope.predicates == PredicateMode::Allow && !policy.rules.is_empty() {
            let text = "masked values can be found out by comparing them".to_owned();
            remark(policy.begin, text);
        }
    }
    let is_open = |identity: &&&crate::config::model::Identity| {
        matches!(identity.auth, Auth::Trust) && policy.exempt
    };
    if let Some(identity) = identities.iter().find(is_open) {
        let name = &identity.name;
        let text = format!("`{name}` proves nothing and sees everything");
        remark(policy.begin, text);
    }
}

fn shadowed(first: &Rule, rule: &Rule) -> String {
    format!(
        "rule `{}` never decides: rule `{}` before it takes the same columns",
        rule.name, first.name
    )
}

/// Does the first take every column that the second takes? Told only where it is plain.
fn covers(first: &SelectorKind, second: &SelectorKind) -> bool {
    let part = |one: &String, other: &String| one == "*" || one == other;
    match (first, second) {
        (SelectorKind::Column(a, b, c), SelectorKind::Column(x, y, z)) => {
            part(a, x) && part(b, y) && part(c, z)
        }
        (SelectorKind::ColumnName(a), SelectorKind::ColumnName(x)) => part(a, x),
        (SelectorKind::SqlType(a), SelectorKind::SqlType(x)) => a == x,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_behind_one_that_takes_all_of_its_columns_is_covered() {
        let column = |parts: [&str; 3]| {
            let [schema, table, column] = parts.map(str::to_owned);
            SelectorKind::Column(schema, table, column)
        };
        assert!(covers(&column(["*", "a", "b"]), &column(["s", "a", "b"])));
        assert!(!covers(&column(["s", "a", "b"]), &column(["*", "a", "b"])));
        let name = |text: &str| SelectorKind::ColumnName(text.to_owned());
        assert!(covers(&name("ssn"), &name("ssn")));
        assert!(!covers(&name("ssn"), &column(["s", "a", "ssn"])));
    }
}
