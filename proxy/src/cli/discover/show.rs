//! What was found, for eyes and for programs: names of the catalog, and numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use velum_core::sql::lineage::Origin;

use super::class::Grade;
use super::drift::Drift;
use super::facts::{Column, Facts, Table};
use super::judge::Found;
use super::sample::Sample;
use super::spread::FoundColumns;

/// All that was found in a database.
pub(super) struct Survey {
    pub(super) resource: String,
    pub(super) sample_rows: u64,
    pub(super) budget_rows: u64,
    pub(super) budget_ms: u64,
    pub(super) facts: Facts,
    pub(super) looked: Sample,
    pub(super) found: FoundColumns,
}

/// A line of the table.
pub(super) struct Line<'a> {
    pub(super) origin: Origin,
    pub(super) table: &'a Table,
    pub(super) column: &'a Column,
    pub(super) found: Option<&'a Found>,
}

impl Survey {
    /// Every column, by schema, table and place; partitions' are their parents'.
    pub(super) fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for table in self.facts.tables.values() {
            for column in &table.columns {
                let origin = (table.oid, column.attnum);
                if self.facts.root(origin) == origin {
                    let found = self.found.get(&origin);
                    lines.push(Line {
                        origin,
                        table,
                        column,
                        found,
                    });
                }
            }
        }
        lines.sort_by_key(|it| (&it.table.schema, &it.table.name, it.column.attnum));
        lines
    }

    fn counts(&self) -> BTreeMap<Grade, usize> {
        let mut counts = BTreeMap::new();
        for found in self.found.values() {
            *counts.entry(found.grade).or_default() += 1;
        }
        counts
    }

    // -- as text -----------------------------------------------------------------------------

    pub(super) fn text(&self, all: bool, drift: Option<&Drift>) -> String {
        let mut rows = vec![
            [
                "schema",
                "table",
                "column",
                "type",
                "class",
                "confidence",
                "evidence",
            ]
            .map(str::to_owned),
        ];
        let lines = self.lines();
        rows.extend(
            lines
                .iter()
                .filter(|it| all || it.found.is_some())
                .map(Line::cells),
        );
        let mut out = match rows.len() {
            1 => String::new(),
            _ => aligned(&rows),
        };
        let counts = self.counts();
        let count = |grade| counts.get(&grade).copied().unwrap_or(0);
        let grades = Grade::ALL.map(|it| format!("{} {}", count(it), it.words()));
        let clean = lines.iter().filter(|it| it.found.is_none()).count();
        let clean_hint = match all {
            true => "",
            false => " (--all lists them)",
        };
        let _ = writeln!(
            out,
            "{} columns of {} relations: {}, {clean} clean{clean_hint}",
            lines.len(),
            self.facts.tables.len(),
            grades.join(", "),
        );
        let Self {
            sample_rows,
            budget_rows,
            budget_ms,
            ..
        } = self;
        let _ = writeln!(
            out,
            "looked at {} rows of {} tables (at most {sample_rows} of each, {budget_rows} in all, \
             {budget_ms} ms)",
            self.looked.rows, self.looked.tables,
        );
        out.push_str("not looked at: other databases, large objects, what views compute\n");
        self.unseen(&mut out);
        if let Some(drift) = drift {
            out.push_str(&drift.text());
        }
        out
    }

    /// What was not looked at, by reason.
    fn unseen(&self, out: &mut String) {
        const LISTED: usize = 12;
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (what, why) in &self.looked.unseen {
            by_reason.entry(why).or_default().push(what);
        }
        for (why, what) in by_reason {
            let listed = what.iter().take(LISTED).map(|it| shown(it));
            let listed: Vec<String> = listed.collect();
            let more = match what.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more (--json lists them)"),
            };
            let _ = writeln!(out, "not looked at: {}{more}: {why}", listed.join(", "));
        }
    }

    // -- as a document -----------------------------------------------------------------------

    pub(super) fn document(&self, all: bool, drift: Option<&Drift>) -> Value {
        let lines = self.lines();
        let listed = lines.iter().filter(|it| all || it.found.is_some());
        let unseen = self.looked.unseen.iter();
        json!({
            "resource": self.resource,
            "looked_at": {
                "tables": self.looked.tables,
                "rows": self.looked.rows,
                "sample_rows": self.sample_rows,
                "budget_rows": self.budget_rows,
                "budget_ms": self.budget_ms,
            },
            "not_looked_at": unseen
                .map(|(what, why)| json!({ "what": what, "why": why }))
                .collect::<Vec<_>>(),
            "columns": listed.map(Line::document).collect::<Vec<_>>(),
            "clean": lines.iter().filter(|it| it.found.is_none()).count(),
            "drift": drift.map(Drift::document),
        })
    }
}

impl Line<'_> {
    fn cells(&self) -> [String; 7] {
        let (class, grade, evidence) = match self.found {
            Some(found) => (
                found.class.name(),
                found.grade.words(),
                found.evidence.join("; "),
            ),
            None => ("", "clean", String::new()),
        };
        [
            shown(&self.table.schema),
            shown(&self.table.name),
            shown(&self.column.name),
            shown(&self.type_name()),
            class.to_owned(),
            grade.to_owned(),
            shown(&evidence),
        ]
    }

    /// Elements with `[]` behind.
    pub(super) fn type_name(&self) -> String {
        let name = self
            .column
            .domains
            .first()
            .unwrap_or(&self.column.type_name);
        match self.column.is_array {
            true => format!("{name}[]"),
            false => name.clone(),
        }
    }

    fn document(&self) -> Value {
        json!({
            "schema": self.table.schema,
            "table": self.table.name,
            "column": self.column.name,
            "type": self.type_name(),
            "class": self.found.map(|it| it.class.name()),
            "identifier": self.found.and_then(|it| it.class.identifier()).map(|it| it.0),
            "confidence": self.found.map_or("clean", |it| it.grade.words()),
            "evidence": self.found.map(|it| &it.evidence[..]).unwrap_or_default(),
        })
    }
}

/// A name as a terminal and a line of TOML can bear it.
pub(super) fn shown(text: &str) -> String {
    let plain = |char: char| match char.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => char,
    };
    text.chars().map(plain).collect()
}

/// Columns of the widths that they need; the last one as it comes.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
