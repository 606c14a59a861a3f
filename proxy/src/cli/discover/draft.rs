//! A policy for what was found, in the configuration's own words, with the evidence beside each
//! column.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::class::{Class, Grade};
use super::drift::policies_of;
use super::show::{Line, Survey, shown};
use crate::config::profile::Profile;

/// Name of the drafted policy.
const NAME: &str = "discovered";
/// Widest comment.
const COMMENT_CHARACTERS: usize = 96;

/// A file that is to be written.
pub(super) struct Draft {
    path: PathBuf,
}

/// Nothing is overwritten: what somebody has mended in a draft is not made again.
///
/// # Errors
/// When there is such a file.
pub(super) fn open(path: &Path) -> Result<Draft, String> {
    match path.exists() {
        true => Err(format!(
            "{} exists: move it, or name another file",
            path.display()
        )),
        false => Ok(Draft {
            path: path.to_owned(),
        }),
    }
}

impl Draft {
    /// Writes it, if the configuration's own check has nothing against it.
    ///
    /// # Errors
    /// Why it is not written.
    pub(super) fn write(&mut self, survey: &Survey, profile: Profile) -> Result<(), String> {
        let text = text(survey, profile);
        policies_of(&self.path, &text, NAME)
            .map_err(|error| format!("no draft can be made of these names: {error}"))?;
        let failed = |error: std::io::Error| format!("{}: {error}", self.path.display());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(failed)
    }
}

/// The draft.
fn text(survey: &Survey, profile: Profile) -> String {
    let lines = survey.lines();
    let mut by_class: BTreeMap<Class, Vec<&Line<'_>>> = BTreeMap::new();
    let mut followers = Vec::new();
    for line in &lines {
        match line.found {
            Some(found) if found.follows => followers.push(line),
            Some(found) => by_class.entry(found.class).or_default().push(line),
            None => {}
        }
    }
    let mut out = head(survey, profile);
    for (class, mut lines) in by_class {
        lines.sort_by_key(|it| std::cmp::Reverse(it.found.map(|found| found.grade)));
        rule(&mut out, class, &lines, profile);
    }
    if !followers.is_empty() {
        out.push_str("\n# These follow the columns that they show or are computed from:\n");
        for line in followers {
            comment(
                &mut out,
                "# ",
                &format!("{}: {}", name(line), evidence(line)),
            );
        }
    }
    out
}

fn head(survey: &Survey, profile: Profile) -> String {
    let mut out = String::new();
    let looked = &survey.looked;
    let begin = format!(
        "Drafted by `velum discover` for resource {}: {} rows of {} tables were looked at. Read \
         it, move it into the configuration, and give it to identities in their `access`.",
        shown(&survey.resource),
        looked.rows,
        looked.tables,
    );
    comment(&mut out, "# ", &begin);
    for (what, why) in &looked.unseen {
        comment(
            &mut out,
            "# ",
            &format!("Not looked at: {}: {why}", shown(what)),
        );
    }
    let _ = write!(out, "\n[[policy]]\nname = \"{NAME}\"\n");
    comment(
        &mut out,
        "# ",
        "Holds for columns that are still to come, and looks into all others.",
    );
    let _ = writeln!(out, "profile = \"{}\"", profile.name());
    out
}

/// One rule with its columns; what somebody has to look at first is commented out.
fn rule(out: &mut String, class: Class, lines: &[&Line<'_>], profile: Profile) {
    let title = match class.identifier() {
        Some((letter, words)) => format!("({letter}) {words}"),
        None => "identifiers within".to_owned(),
    };
    let strategy = class.strategy(profile);
    let counts = lines
        .iter()
        .any(|it| it.found.is_some_and(|found| found.grade.counts()));
    let off = match strategy.is_some() && counts {
        true => "",
        false => "# ",
    };
    out.push('\n');
    comment(out, "# ", &title);
    match (strategy, class.advice()) {
        (None, _) => comment(out, "# ", "They stay as they are in a limited data set."),
        (Some(_), Some(advice)) => comment(out, "# ", advice),
        _ => {}
    }
    let _ = writeln!(
        out,
        "{off}[[policy.rule]]\n{off}name = \"{}\"",
        class.name()
    );
    let _ = writeln!(out, "{off}column = [");
    for line in lines {
        let grade = line.found.map_or(Grade::Look, |it| it.grade);
        let words = format!("{}: {}", grade.words(), evidence(line));
        comment(out, &format!("{off}    # "), &words);
        let own_off = match grade.counts() || !off.is_empty() {
            true => "",
            false => "# ",
        };
        let pattern = toml::Value::String(pattern(line)).to_string();
        let _ = writeln!(out, "{off}    {own_off}{pattern},");
    }
    let _ = writeln!(
        out,
        "{off}]\n{off}strategy = \"{}\"",
        strategy.unwrap_or("redact")
    );
}

fn evidence(line: &Line<'_>) -> String {
    let words = line.found.map(|it| it.evidence.join("; "));
    shown(&words.unwrap_or_default())
}

fn name(line: &Line<'_>) -> String {
    shown(&format!("{}.{}", line.table.full_name(), line.column.name))
}

/// A pattern of this column alone. What a pattern cannot spell is any one character in it.
fn pattern(line: &Line<'_>) -> String {
    let part = |name: &str| -> String {
        let spell = |char: char| match char {
            '.' | '*' | '[' | ']' | '{' | '}' | '\\' => '?',
            char if char.is_control() => '?',
            char => char,
        };
        name.chars().map(spell).collect()
    };
    let names = [&line.table.schema, &line.table.name, &line.column.name];
    names.map(|name| part(name)).join(".")
}

/// Writes a comment over as many lines as it takes.
fn comment(out: &mut String, begin: &str, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let width = begin.len() + line.chars().count() + word.chars().count();
        if !line.is_empty() && width >= COMMENT_CHARACTERS {
            let _ = writeln!(out, "{begin}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{begin}{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::discover::facts::{Column, Facts, Table, TableKind};
    use crate::cli::discover::judge::Found;
    use crate::cli::discover::sample::Sample;
    use crate::cli::discover::spread::FoundColumns;

    /// A database with one table of two columns.
    fn survey(table: &str, columns: [(&str, Found); 2]) -> Survey {
        let mut facts = Facts::default();
        let mut found = FoundColumns::new();
        let mut own = Vec::new();
        for (attnum, (name, what)) in (1..).zip(columns) {
            own.push(Column {
                attnum,
                name: name.to_owned(),
                type_oid: 25,
                type_name: "text".to_owned(),
                domains: Vec::new(),
                is_array: false,
                comment: None,
                is_readable: true,
            });
            found.insert((1, attnum), what);
        }
        let table = Table {
            oid: 1,
            schema: "s".to_owned(),
            name: table.to_owned(),
            kind: TableKind::Table,
            is_readable: true,
            pages: 1,
            parent: None,
            columns: own,
        };
        facts.tables.insert(1, table);
        Survey {
            resource: "r".to_owned(),
            sample_rows: 1,
            budget_rows: 1,
            budget_ms: 1,
            facts,
            looked: Sample::default(),
            found,
        }
    }

    fn found(class: &str, grade: Grade) -> Found {
        Found {
            class: Class::from_name(class).expect("a class"),
            grade,
            evidence: vec!["evidence".to_owned()],
            follows: false,
        }
    }

    #[test]
    fn names_that_mean_something_elsewhere_do_no_harm() {
        let odd = "a.b\"\n[[policy]] name='x' *{}";
        let columns = [
            (odd, found("ssn", Grade::Certain)),
            ("b\\", found("date", Grade::Look)),
        ];
        let text = text(&survey("t\u{1b}[0m.x", columns), Profile::SafeHarbor);
        let policy = policies_of(Path::new("draft.toml"), &text, NAME).expect("a policy");
        let own = policy.rules.iter().filter(|rule| rule.begin > 0);
        assert_eq!(own.count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn what_has_to_be_looked_at_is_no_rule_yet() {
        let columns = [
            ("a", found("zip", Grade::Look)),
            ("b", found("zip", Grade::Likely)),
        ];
        let survey = survey("t", columns);
        let text = text(&survey, Profile::SafeHarbor);
        assert!(text.contains("    # \"s.t.a\","), "{text}");
        assert!(text.contains("\n    \"s.t.b\","), "{text}");
        let limited = super::text(&survey, Profile::LimitedDataSet);
        assert!(limited.contains("#     \"s.t.b\","), "{limited}");
        policies_of(Path::new("draft.toml"), &limited, NAME).expect("a policy");
    }
}
