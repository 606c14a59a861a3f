//! `velum policy test`: statements, and what is expected to become of them.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::json;

use super::super::database::Database;
use super::explain::{Explained, Shown, explain};
use super::ground::File;
use super::{DONE, FOUND, Test, print};

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// `[[case]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// For messages; else the statement's beginning.
    name: Option<String>,
    identity: String,
    resource: Option<String>,
    sql: String,
    expect: Expectation,
    /// Words of the refusal.
    #[serde(default)]
    because: String,
    /// Output columns that must be masked, by name.
    #[serde(default)]
    masked: Vec<String>,
    /// Output columns that must be shown, by name.
    #[serde(default)]
    shown: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expectation {
    Allow,
    Deny,
}

/// Runs the cases of a file.
///
/// # Errors
/// Bad input, or a database that does not answer.
pub(super) fn run(arguments: &Test) -> Result<u8, String> {
    let path = arguments.cases.display();
    let text = fs::read_to_string(&arguments.cases).map_err(|error| format!("{path}: {error}"))?;
    let cases: Cases = toml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let file = File::read(&arguments.config)?;
    let mut databases = BTreeMap::new();
    let mut results = Vec::new();
    for case in &cases.case {
        let (policy, resource) = file.policy_of(&case.identity, case.resource.as_deref())?;
        if !databases.contains_key(&resource.name) {
            let database = Database::open(&file.config, resource, None)?;
            databases.insert(resource.name.clone(), database);
        }
        let database = databases.get(&resource.name).ok_or("no database")?;
        let explained = explain(policy, database, &case.sql)?;
        results.push((case.title(), case.mistakes(&explained)));
    }
    report(&results, arguments.json);
    let is_fine = results.iter().all(|(_, mistakes)| mistakes.is_empty());
    Ok(if is_fine { DONE } else { FOUND })
}

fn report(results: &[(String, Vec<String>)], json: bool) {
    if json {
        let each = results
            .iter()
            .map(|(title, mistakes)| json!({ "case": title, "mistakes": mistakes }));
        let document = json!({ "cases": each.collect::<Vec<_>>() });
        print(&format!("{document:#}\n"));
        return;
    }
    for (title, mistakes) in results {
        let mark = if mistakes.is_empty() { "ok  " } else { "FAIL" };
        print(&format!("{mark} {title}\n"));
        for mistake in mistakes {
            print(&format!("     {mistake}\n"));
        }
    }
    let failed = results.iter().filter(|(_, it)| !it.is_empty()).count();
    print(&format!("{} cases, {failed} failed\n", results.len()));
}

impl Case {
    fn title(&self) -> String {
        const CHARACTERS: usize = 60;
        let beginning = || self.sql.trim().chars().take(CHARACTERS).collect();
        self.name.clone().unwrap_or_else(beginning)
    }

    /// What is not as expected.
    fn mistakes(&self, explained: &Explained) -> Vec<String> {
        let mut mistakes = Vec::new();
        match (&explained.verdict, self.expect) {
            (Ok(_), Expectation::Deny) => mistakes.push("it may run".to_owned()),
            (Err(denial), Expectation::Allow) => mistakes.push(denial.to_refusal().message),
            (Err(denial), Expectation::Deny) => {
                let message = denial.to_refusal().message;
                if !message.contains(&self.because) {
                    mistakes.push(format!("another reason: {message}"));
                }
            }
            (Ok(_), Expectation::Allow) => {}
        }
        for (names, wanted) in [(&self.masked, false), (&self.shown, true)] {
            for name in names {
                mistakes.extend(mistake_of(explained, name, wanted));
            }
        }
        mistakes
    }
}

/// Is the column not shown as wanted?
fn mistake_of(explained: &Explained, name: &str, wanted: bool) -> Option<String> {
    let mut named = explained.columns.iter().filter(|it| it.name == name);
    let Some(column) = named.next() else {
        return Some(format!("there is no column `{name}`"));
    };
    let is_shown = matches!(column.shown, Shown::Clear | Shown::Scanned);
    let fate = if is_shown { "shown" } else { "masked" };
    (is_shown != wanted).then(|| format!("column `{name}` is {fate}"))
}
