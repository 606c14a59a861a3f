//! A policy in use, held against what a database has by now.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use velum_core::catalog::Catalog;
use velum_core::cell::{ColumnFacts, Decision};

use super::class::{Class, Grade};
use super::show::{Line, Survey, shown};
use crate::cli::policy::ground::{compiled, place};
use crate::config::model::{self, StrategyKind, TransformKind};
use crate::config::{self, Environment, against};

/// What a file of policies alone lacks to be a configuration.
const REST: &str = r#"
[[listener]]
address = "127.0.0.1:6432"
[audit]
directory = "audit"
[[resource]]
name = "any"
kind = "postgres"
address = "127.0.0.1"
database = "postgres"
user = "postgres"
tls_mode = "disable"
[[identity]]
name = "any"
auth = "trust"
"#;

/// A policy, and where it stands.
pub(super) struct Held {
    path: PathBuf,
    text: String,
    policy: model::Policy,
}

impl Held {
    /// Reads it from a configuration, or from a file of policies alone.
    ///
    /// # Errors
    /// All mistakes of the file, or what it has not.
    pub(super) fn read(path: &Path, name: &str) -> Result<Self, String> {
        let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let policy = policies_of(path, &text, name)?;
        Ok(Self {
            path: path.to_owned(),
            text,
            policy,
        })
    }
}

/// The policy of this name in a configuration, or in policies alone.
///
/// # Errors
/// All mistakes of the text, or what it has not.
pub(super) fn policies_of(path: &Path, text: &str, name: &str) -> Result<model::Policy, String> {
    let is_whole = match text.parse::<toml::Table>() {
        Ok(table) => table.contains_key("listener") || table.contains_key("resource"),
        Err(_) => true,
    };
    let name_of_policy = toml::Value::String(name.to_owned());
    let whole = match is_whole {
        true => text.to_owned(),
        // Behind it, so that its own lines keep their numbers.
        false => format!("{text}\n{REST}access = {{ any = {name_of_policy} }}\n"),
    };
    let directory = path.parent().filter(|it| *it != Path::new(""));
    let variable = |name: &str| std::env::var(name).ok();
    let environment = Environment {
        directory: directory.unwrap_or(Path::new(".")).to_owned(),
        variable: &variable,
    };
    let config = config::parse(path, &whole, &environment);
    let config = config.map_err(|problems| problems.to_text())?;
    let policy = config.policy(name).cloned();
    policy.ok_or_else(|| format!("{} has no policy `{name}`", path.display()))
}

/// What a policy and a database have come apart by.
#[derive(Default)]
pub(super) struct Drift {
    unruled: Vec<Unruled>,
    idle: Vec<Idle>,
    changed: Vec<Changed>,
    /// Texts that content detection alone looks into: known, and no drift.
    by_content: Vec<String>,
}

/// A column with PHI and without a rule.
struct Unruled {
    column: String,
    class: Class,
    grade: Grade,
    /// Content detection looks at it.
    is_scanned: bool,
}

/// A rule without a column.
struct Idle {
    rule: String,
    place: String,
    pattern: String,
    meant: Option<String>,
}

/// A column that holds something else than its rule is for.
struct Changed {
    column: String,
    rule: String,
    place: String,
    was: Class,
    is: Class,
}

/// Holds a policy against what was found.
///
/// # Errors
/// A policy that cannot be put in force.
pub(super) fn drift(held: &Held, survey: &Survey, catalog: &Catalog) -> Result<Drift, String> {
    let compiled = compiled(&held.policy)?;
    let mut drift = Drift::default();
    for line in survey.lines() {
        let Some(found) = line.found.filter(|it| it.grade.counts() && !it.follows) else {
            continue;
        };
        let facts = ColumnFacts {
            name: line.column.name.as_bytes().into(),
            table_oid: line.origin.0,
            attnum: line.origin.1,
            type_oid: line.column.type_oid,
        };
        let column = name(&line);
        let is_text = matches!(found.class, Class::Text | Class::Document);
        match compiled.plan(catalog, &facts).decision {
            Decision::Mask(rule) => {
                let rule = held.policy.rules.get(usize::from(rule.0));
                drift
                    .changed
                    .extend(rule.and_then(|rule| held.changed(rule, &line)));
            }
            Decision::MaskAs(_) | Decision::MaskByDefault => {}
            Decision::Scan if is_text => drift.by_content.push(column),
            decision => drift.unruled.push(Unruled {
                column,
                class: found.class,
                grade: found.grade,
                is_scanned: decision == Decision::Scan,
            }),
        }
    }
    let (missed, _) = against::columns(&held.policy, catalog);
    drift.idle = missed
        .into_iter()
        .map(|missed| Idle {
            rule: missed.at.name.clone(),
            place: place(&held.path, &held.text, missed.at.begin),
            pattern: missed.pattern,
            meant: missed.meant,
        })
        .collect();
    Ok(drift)
}

impl Held {
    /// Does the column hold something else than the rule is for?
    fn changed(&self, rule: &model::Rule, line: &Line<'_>) -> Option<Changed> {
        let found = line.found.filter(|it| it.grade == Grade::Certain)?;
        let was = class_of(rule).filter(|was| !was.is_akin(found.class))?;
        Some(Changed {
            column: name(line),
            rule: rule.name.clone(),
            place: place(&self.path, &self.text, rule.begin),
            was,
            is: found.class,
        })
    }
}

/// What a rule is for: what it keeps says so, or else its name.
fn class_of(rule: &model::Rule) -> Option<Class> {
    let by_strategy = match &rule.strategy {
        StrategyKind::Transform(TransformKind::Year | TransformKind::DateShift { .. }) => "date",
        StrategyKind::Transform(TransformKind::Zip3) => "zip",
        StrategyKind::Transform(TransformKind::Age90) => "age",
        StrategyKind::Transform(TransformKind::EmailDomain) => "email",
        _ => rule.name.as_str(),
    };
    Class::from_name(by_strategy)
}

fn name(line: &Line<'_>) -> String {
    format!("{}.{}", line.table.full_name(), line.column.name)
}

impl Drift {
    pub(super) fn is_empty(&self) -> bool {
        self.unruled.is_empty() && self.idle.is_empty() && self.changed.is_empty()
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for Unruled {
            column,
            class,
            grade,
            is_scanned,
        } in &self.unruled
        {
            let but = match is_scanned {
                true => "; content detection alone looks at it",
                false => "; nothing looks at it",
            };
            let (class, grade, column) = (class.name(), grade.words(), shown(column));
            let _ = writeln!(
                out,
                "drift: {column}: {class} ({grade}) without a rule{but}"
            );
        }
        for Changed {
            column,
            rule,
            place,
            was,
            is,
        } in &self.changed
        {
            let (was, is, column) = (was.name(), is.name(), shown(column));
            let _ = writeln!(
                out,
                "drift: {column}: holds {is}, but rule `{rule}` ({place}) is for {was}"
            );
        }
        for Idle {
            rule,
            place,
            pattern,
            meant,
        } in &self.idle
        {
            let hint = meant
                .as_ref()
                .map(|it| format!("; did you mean `{}`?", shown(it)));
            let hint = hint.unwrap_or_default();
            let _ = writeln!(
                out,
                "drift: rule `{rule}` ({place}): no column is called `{pattern}`{hint}"
            );
        }
        for column in &self.by_content {
            let column = shown(column);
            let _ = writeln!(
                out,
                "note: {column}: texts that content detection alone looks into"
            );
        }
        let count = self.unruled.len() + self.idle.len() + self.changed.len();
        let _ = writeln!(out, "drift: {count}");
        out
    }

    pub(super) fn document(&self) -> Value {
        let unruled = self.unruled.iter().map(|it| {
            json!({
                "column": it.column,
                "class": it.class.name(),
                "confidence": it.grade.words(),
                "scanned": it.is_scanned,
            })
        });
        let changed = self.changed.iter().map(|it| {
            json!({
                "column": it.column,
                "rule": it.rule,
                "place": it.place,
                "was": it.was.name(),
                "is": it.is.name(),
            })
        });
        let idle = self.idle.iter().map(|it| {
            json!({
                "rule": it.rule,
                "place": it.place,
                "pattern": it.pattern,
                "meant": it.meant,
            })
        });
        json!({
            "drifted": !self.is_empty(),
            "without_rule": unruled.collect::<Vec<_>>(),
            "changed": changed.collect::<Vec<_>>(),
            "rules_without_column": idle.collect::<Vec<_>>(),
            "content_alone": self.by_content,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "\n[[policy]]\nname = \"p\"\n\n[[policy.rule]]\nname = \"zips\"\n\
                          column = \"a.b.c\"\nstrategy = \"zip3\"\n";

    #[test]
    fn policies_alone_are_read_and_keep_their_lines() {
        let path = Path::new("draft.toml");
        let policy = policies_of(path, POLICY, "p").expect("a policy");
        let rule = &policy.rules[0];
        assert_eq!(place(path, POLICY, rule.begin), "draft.toml:5");
        assert_eq!(class_of(rule), Class::from_name("zip"));
        assert!(policies_of(path, POLICY, "q").is_err());
        assert!(policies_of(path, "[[policy]]\nname = 1", "p").is_err());
    }
}
