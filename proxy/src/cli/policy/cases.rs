//! `velum policy test`: statements, and what is expected to become of them.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;

use super::super::database::Database;
use super::explain::{Explained, Shown, explain};
use super::ground::{File, place};
use super::{DONE, FOUND, Test, print};

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Spanned<Case>>,
}

/// `[[case]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// For messages; else the statement's beginning.
    name: Option<String>,
    identity: String,
    resource: Option<String>,
    /// Schemas in which the server looks up names without one.
    #[serde(default)]
    search_path: Vec<String>,
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
    for spanned in &cases.case {
        let case = spanned.get_ref();
        let (policy, resource) = file.policy_of(&case.identity, case.resource.as_deref())?;
        if !databases.contains_key(&resource.name) {
            let database = Database::open(&file.config, resource, None)?;
            databases.insert(resource.name.clone(), database);
        }
        let database = databases.get(&resource.name).ok_or("no database")?;
        database.set_path(&case.search_path)?;
        let explained = explain(policy, database, &case.search_path, &case.sql)?;
        results.push(Done {
            title: case.title(),
            place: place(&arguments.cases, &text, spanned.span().start),
            policy: policy.name.clone(),
            policy_place: file.place(policy.begin),
            mistakes: case.mistakes(&explained),
        });
    }
    report(&results, arguments.json);
    let is_fine = results.iter().all(|it| it.mistakes.is_empty());
    Ok(if is_fine { DONE } else { FOUND })
}

/// A case that was tried.
struct Done {
    title: String,
    place: String,
    policy: String,
    policy_place: String,
    mistakes: Vec<String>,
}

fn report(results: &[Done], json: bool) {
    if json {
        let each = results.iter().map(|it| {
            json!({
                "case": it.title,
                "place": it.place,
                "policy": it.policy,
                "policy_place": it.policy_place,
                "mistakes": it.mistakes,
            })
        });
        let document = json!({ "cases": each.collect::<Vec<_>>() });
        print(&format!("{document:#}\n"));
        return;
    }
    for done in results {
        let Done {
            title,
            place,
            policy,
            policy_place,
            mistakes,
        } = done;
        if mistakes.is_empty() {
            print(&format!("ok   {title}\n"));
            continue;
        }
        print(&format!(
            "FAIL {title}\n     {place}, policy \"{policy}\" ({policy_place})\n"
        ));
        for mistake in mistakes {
            print(&format!("     {mistake}\n"));
        }
    }
    let failed = results.iter().filter(|it| !it.mistakes.is_empty()).count();
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
