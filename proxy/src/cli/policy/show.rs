//! What was explained, for eyes and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use velum_core::sql::Analysis;
use velum_core::sql::effects::{Access, RelationUse};
use velum_core::sql::lineage::cells::{Guarded, Measure};
use velum_core::sql::lineage::{Flow, Test, Use};

use super::explain::{Explained, Output, Shown};
use super::ground::File;
use super::tree::{Roots, how, kind};
use super::words;
use crate::config::model;

/// What the names and numbers of an explanation refer to.
pub(super) struct About<'a> {
    pub(super) file: &'a File,
    pub(super) policy: &'a model::Policy,
    pub(super) roots: Roots<'a>,
}

impl About<'_> {
    // -- as text -----------------------------------------------------------------------------

    /// A tree.
    pub(super) fn text(&self, explained: &Explained) -> String {
        let mut out = String::new();
        let place = self.file.place(self.policy.begin);
        let _ = writeln!(out, "policy \"{}\" ({place})", self.policy.name);
        let _ = match &explained.verdict {
            Ok(admitted) if admitted.probes > 0 => writeln!(
                out,
                "allowed, and compares masked columns with {} value(s)",
                admitted.probes
            ),
            Ok(_) => writeln!(out, "allowed"),
            Err(denial) => {
                let refusal = denial.to_refusal();
                let hint = refusal.hint.as_deref().unwrap_or_default();
                let rule = denial
                    .rule
                    .as_deref()
                    .and_then(|name| self.rule_of_name(name));
                let rule = rule.map(|it| format!("\n  {it}")).unwrap_or_default();
                writeln!(out, "{}{rule}\n  {hint}", refusal.message)
            }
        };
        for statement in &explained.statements {
            self.statement(&mut out, statement);
        }
        if !explained.columns.is_empty() {
            out.push_str("columns\n");
        }
        for (index, column) in explained.columns.iter().enumerate() {
            self.column(&mut out, index + 1, column);
        }
        out
    }

    fn statement(&self, out: &mut String, statement: &Analysis) {
        let effects = &statement.effects;
        let commands: Vec<&str> = effects.commands.iter().map(|it| it.words()).collect();
        let _ = writeln!(out, "statement: {}", commands.join(", "));
        for relation in &effects.relations {
            let _ = writeln!(out, "  {} {}", access(relation), relation.name.join("."));
        }
        let calls: Vec<String> = effects.functions.iter().map(|it| it.join(".")).collect();
        if !calls.is_empty() {
            let _ = writeln!(out, "  calls {}", calls.join(", "));
        }
        for guarded in guards(statement) {
            let measures: Vec<String> = guarded.measures.iter().map(measure).collect();
            let (threshold, measures) = (guarded.threshold, measures.join(" and "));
            let _ = writeln!(out, "  aggregates from {threshold} {measures} on");
        }
        for one in statement.lineage.uses.iter().flatten() {
            let sources = self.sources(&one.flow).join(", ");
            let _ = writeln!(
                out,
                "  uses {sources} {}: {}",
                one.place.words(),
                tells(one)
            );
        }
    }

    fn column(&self, out: &mut String, number: usize, column: &Output) {
        let name = match column.name.as_str() {
            "" => "(no name is known)",
            name => name,
        };
        let _ = writeln!(out, "  {number} {name}: {}", self.fate(column));
        let Some(flow) = &column.flow else {
            out.push_str("    └ not known\n");
            return;
        };
        let _ = writeln!(out, "    └ {}", how(flow));
        let nodes = self.roots.of(flow);
        for (index, node) in nodes.iter().enumerate() {
            let is_last = index + 1 == nodes.len();
            node.write(out, "      ", is_last, &|rule| self.rule(rule));
        }
    }

    fn fate(&self, column: &Output) -> String {
        match &column.shown {
            Shown::Clear => "shown".to_owned(),
            Shown::Scanned => "shown, but for what content detection finds".to_owned(),
            Shown::Masked => "masked, as nobody can tell what it holds".to_owned(),
            Shown::Ruled(index) => {
                let strategy = self.strategy(column);
                format!("masked ({strategy}) by {}", self.rule(*index))
            }
        }
    }

    /// What stands in the place of the column's values.
    fn strategy(&self, column: &Output) -> String {
        let rule = match column.shown {
            Shown::Ruled(index) => self.policy.rules.get(index),
            _ => None,
        };
        words::strategy(&column.strategy, rule.map(|it| &it.strategy))
    }

    /// A rule by its place among the policy's, with its line.
    fn rule(&self, index: usize) -> String {
        match self.policy.rules.get(index) {
            Some(rule) => format!("rule \"{}\" ({})", rule.name, self.place(rule)),
            None => "a rule".to_owned(),
        }
    }

    fn rule_of_name(&self, name: &str) -> Option<String> {
        let index = self.policy.rules.iter().position(|it| it.name == name)?;
        Some(self.rule(index))
    }

    /// Where the rule stands; those of a profile stand nowhere, but in their policy's name.
    fn place(&self, rule: &model::Rule) -> String {
        match rule.begin {
            0 => format!("by the profile of {}", self.file.place(self.policy.begin)),
            begin => self.file.place(begin),
        }
    }

    /// Schema, table and column of each source.
    fn sources(&self, flow: &Flow) -> Vec<String> {
        let nodes = self.roots.of(flow);
        nodes.into_iter().map(|node| node.name).collect()
    }

    // -- as a document -----------------------------------------------------------------------

    /// The same as JSON.
    pub(super) fn document(&self, explained: &Explained) -> Value {
        let refusal = explained.verdict.as_ref().err().map(|it| it.to_refusal());
        json!({
            "policy": self.policy.name,
            "place": self.file.place(self.policy.begin),
            "allowed": refusal.is_none(),
            "refusal": refusal.map(|refusal| json!({
                "sqlstate": refusal.code.as_str(),
                "message": refusal.message,
                "hint": refusal.hint,
                "place": self.place_of_refusal(explained),
            })),
            "probes": explained.verdict.as_ref().map_or(0, |it| it.probes),
            "statements": explained
                .statements
                .iter()
                .map(|it| self.statement_document(it))
                .collect::<Vec<_>>(),
            "columns": explained
                .columns
                .iter()
                .map(|it| self.column_document(it))
                .collect::<Vec<_>>(),
        })
    }

    fn place_of_refusal(&self, explained: &Explained) -> Option<String> {
        let name = explained.verdict.as_ref().err()?.rule.as_deref()?;
        let rule = self.policy.rules.iter().find(|it| it.name == name)?;
        Some(self.place(rule))
    }

    fn statement_document(&self, statement: &Analysis) -> Value {
        let effects = &statement.effects;
        let relations = effects.relations.iter();
        let uses = statement.lineage.uses.iter().flatten();
        json!({
            "commands": effects.commands.iter().map(|it| it.key()).collect::<Vec<_>>(),
            "relations": relations
                .map(|it| json!({ "name": it.name.join("."), "access": access(it) }))
                .collect::<Vec<_>>(),
            "functions": effects.functions.iter().map(|it| it.join(".")).collect::<Vec<_>>(),
            "aggregates": guards(statement)
                .map(|it| json!({
                    "from": it.threshold,
                    "of": it.measures.iter().map(measure).collect::<Vec<_>>(),
                }))
                .collect::<Vec<_>>(),
            "uses": uses
                .map(|it| json!({
                    "columns": self.sources(&it.flow),
                    "place": it.place.words(),
                    "tells": tells(it),
                }))
                .collect::<Vec<_>>(),
        })
    }

    fn lineage(&self, flow: &Flow) -> Vec<Value> {
        let name = |index: usize| self.policy.rules.get(index).map(|it| it.name.clone());
        let nodes = self.roots.of(flow);
        nodes.iter().map(|node| node.document(&name)).collect()
    }

    fn column_document(&self, column: &Output) -> Value {
        let rule = match column.shown {
            Shown::Ruled(index) => self.policy.rules.get(index),
            _ => None,
        };
        json!({
            "name": column.name,
            "shown": matches!(column.shown, Shown::Clear | Shown::Scanned),
            "scanned": matches!(column.shown, Shown::Scanned),
            "rule": rule.map(|rule| rule.name.as_str()),
            "place": rule.map(|rule| self.place(rule)),
            "strategy": rule.map(|_| self.strategy(column)),
            "lineage": column.flow.as_ref().map(|flow| self.lineage(flow)),
            "sources": column.flow.as_ref().map(|flow| self.sources(flow)),
            "functions": column.flow.as_ref().map(|flow| &flow.functions[..]),
            "kind": column.flow.as_ref().map(|flow| kind(flow.kind)),
        })
    }
}

/// What its aggregates have to be made of to be shown.
fn guards(statement: &Analysis) -> impl Iterator<Item = &Guarded> {
    let cells = statement.lineage.cells.iter().flat_map(|it| &it.list);
    cells.filter_map(|cell| cell.guarded.as_ref())
}

fn measure(measure: &Measure) -> String {
    match measure {
        Measure::Rows => "rows".to_owned(),
        Measure::Distinct(table, name) => format!("different {table}.{name}"),
    }
}

fn access(relation: &RelationUse) -> &'static str {
    match relation.access {
        Access::Read => "reads",
        Access::Write => "writes",
        Access::Define => "names",
    }
}

fn tells(one: &Use) -> String {
    match &one.test {
        Test::Equality { values } => format!("whether it is one of {values} given value(s)"),
        Test::Listed { parameter } => format!("whether it is an element of ${parameter}"),
        Test::Column(_) => "whether it equals another column".to_owned(),
        Test::Presence | Test::Count => "whether there is a value".to_owned(),
        Test::Members(_) => "whether members are as given".to_owned(),
        Test::Into(_) => "all of it".to_owned(),
        Test::Any => "anything".to_owned(),
    }
}
