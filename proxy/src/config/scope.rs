//! `[policy.scope]`: which statements may run, and what may be learnt of masked columns.

use std::ops::RangeInclusive;

use toml::Spanned;
use velum_core::policy::guard::{ProbeBudget, Volume};
use velum_core::sql::effects::Class;

use super::model::{PredicateMode, Scope, SelectorKind, VolumeLimits};
use super::policy::{checked, column};
use super::problem::{closest, one_of};
use super::reader::Section;

/// Longest time limit of a statement that PostgreSQL takes.
const STATEMENT_TIMEOUT_MS_MAX: u64 = i32::MAX as u64;

/// Persons of whom an aggregate may be shown: of one alone it always would be.
const SMALL_CELLS: RangeInclusive<u64> = 2..=1_000_000;

/// No limit can be larger.
const MANY: u64 = i64::MAX as u64;
/// A window where none is given.
const DAY_S: u64 = 86_400;

/// What `predicates` may say.
pub(super) const PREDICATES: [(&str, PredicateMode); 3] = [
    ("refuse", PredicateMode::Refuse),
    ("equality", PredicateMode::Equality),
    ("allow", PredicateMode::Allow),
];

/// Reads `scope` of a policy.
pub(super) fn scope(section: &Section<'_>) -> Scope {
    let copies = [("refuse", false), ("allow", true)];
    let nulls = [("shown", false), ("hidden", true)];
    let timeout_ms = section.integer("statement_timeout_ms", 1..=STATEMENT_TIMEOUT_MS_MAX, 0);
    let small_cells = section.integer("small_cells", SMALL_CELLS, 0);
    let small_cells = u32::try_from(small_cells).ok().filter(|cells| *cells > 0);
    let listed = |key| section.has(key);
    let scope = Scope {
        commands: listed("commands").then(|| commands(section)),
        tables: listed("tables").then(|| tables(section)),
        functions: listed("functions").then(|| functions(section)),
        read_only: section.boolean("read_only"),
        role: section.string("role").map(Spanned::into_inner),
        statement_timeout_ms: u32::try_from(timeout_ms).ok().filter(|ms| *ms > 0),
        predicates: section.choice("predicates", &PREDICATES, PredicateMode::Equality),
        hides_nulls: section.choice("nulls", &nulls, false),
        copies: section.choice("copies", &copies, false),
        probes: section.section("probes").map(|section| probes(&section)),
        volume: section
            .section("volume")
            .map(|section| volume(&section, small_cells.is_some())),
        small_cells,
    };
    section.finish();
    scope
}

/// `probes = { limit, window_s }`
fn probes(section: &Section<'_>) -> ProbeBudget {
    let default = ProbeBudget::default();
    let number = |key, default: u32| {
        let given = section.integer(key, 1..=u64::from(u32::MAX), u64::from(default));
        u32::try_from(given).unwrap_or(default)
    };
    let budget = ProbeBudget {
        limit: number("limit", default.limit),
        window_s: number("window_s", default.window_s),
    };
    section.finish();
    budget
}

/// `volume = { rows, bytes, subjects, subject_columns, window_s }`. It may say no more than whose a
/// row is, if that is asked for otherwise.
fn volume(section: &Section<'_>, asks_whose: bool) -> VolumeLimits {
    let limit = |what: Volume| {
        let given = section.integer(what.key(), 1..=MANY, MANY);
        section.has(what.key()).then_some(given)
    };
    let [rows, bytes, subjects] = [Volume::Rows, Volume::Bytes, Volume::Subjects].map(limit);
    let window_s = section.integer("window_s", 1..=u64::from(u32::MAX), DAY_S);
    let mut subject_columns = Vec::new();
    for pattern in section.strings("subject_columns") {
        match column(section, &pattern) {
            Some(SelectorKind::Column(schema, table, name)) => {
                subject_columns.push((schema, table, name));
            }
            _ => continue,
        }
    }
    let says_enough = asks_whose && !subject_columns.is_empty();
    if rows.or(bytes).or(subjects).is_none() && !says_enough {
        section.reporter.report_with_hint(
            section.span.clone(),
            "the budget has no limit",
            "say `rows`, `bytes` or `subjects`, and in how many seconds by `window_s`",
        );
    }
    section.finish();
    VolumeLimits {
        rows,
        bytes,
        subjects,
        subject_columns,
        window_s: u32::try_from(window_s).unwrap_or(u32::MAX),
    }
}

/// Commands by their keys; `all` stands for each.
fn commands(section: &Section<'_>) -> Vec<String> {
    let mut commands = Vec::new();
    for word in section.strings("commands") {
        let known = || Class::all().map(Class::key);
        match word.get_ref().as_str() {
            "all" => commands.extend(known().map(str::to_owned)),
            text if known().any(|key| key == text) => commands.push(text.to_owned()),
            text => {
                let hint = match closest(text, known()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known: all, {}", one_of(known())),
                };
                let message = format!("there is no command `{text}`");
                section
                    .reporter
                    .report_with_hint(word.span(), message, hint);
            }
        }
    }
    commands
}

/// `schema.table`, each a pattern.
fn tables(section: &Section<'_>) -> Vec<(String, String)> {
    let mut tables = Vec::new();
    for pattern in section.strings("tables") {
        match pattern.get_ref().split('.').collect::<Vec<_>>()[..] {
            [schema, table] if !schema.is_empty() && !table.is_empty() => {
                let part = |part: &str| Spanned::new(pattern.span(), part.to_owned());
                let parts = [schema, table].map(|it| checked(section, &part(it)));
                if let [Some(schema), Some(table)] = parts {
                    tables.push((schema, table));
                }
            }
            _ => section.reporter.report_with_hint(
                pattern.span(),
                format!("`{}` does not name a table", pattern.get_ref()),
                "write `schema.table`; `*` and `?` stand for any characters",
            ),
        }
    }
    tables
}

fn functions(section: &Section<'_>) -> Vec<String> {
    let patterns = section.strings("functions");
    let checked = patterns.iter().map(|pattern| checked(section, pattern));
    checked.flatten().collect()
}
