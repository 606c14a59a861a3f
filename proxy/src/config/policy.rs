//! `[[policy]]` and `[[policy.rule]]`

use std::collections::BTreeSet;

use toml::Spanned;
use velum_core::policy::Glob;
use velum_detectors::Detectors;

use super::model::*;
use super::problem::{closest, one_of};
use super::reader::Section;
use super::scope;

#[derive(Clone, Copy)]
enum Word {
    Redact,
    Partial,
    Constant,
    Null,
}

/// Reads one `[[policy]]`.
pub(super) fn policy(section: &Section<'_>) -> Option<Policy> {
    let name = section.required_string("name");
    let exempt = section.boolean("exempt");
    let modes = [("strict", MessageMode::Strict), ("scan", MessageMode::Scan)];
    let messages = section.choice("messages", &modes, MessageMode::Strict);
    let mut rules = Vec::new();
    let rule_sections = section.sections("rule");
    let mut names = BTreeSet::new();
    for rule_section in &rule_sections {
        unique_name(rule_section, &mut names);
        rules.extend(rule(rule_section));
        rule_section.finish();
    }
    let content = section
        .section("content")
        .and_then(|section| content(&section));
    let scope = section.section("scope");
    let scope = scope.map(|section| scope::scope(&section));
    let judges = !rule_sections.is_empty() || section.has("content");
    let mistake = match (exempt, judges) {
        (true, true) => "an exempt policy masks nothing: it can have no rules and no content",
        (false, false) => "the policy masks nothing",
        _ => {
            return Some(Policy {
                name: name?.into_inner(),
                exempt,
                messages,
                rules,
                content,
                scope,
                begin: section.span.start,
            });
        }
    };
    let hint = "write `exempt = true` only if results shall pass unmasked";
    section
        .reporter
        .report_with_hint(section.span.clone(), mistake, hint);
    None
}

/// Records count by the name of the rule.
fn unique_name<'s>(section: &Section<'s>, names: &mut BTreeSet<&'s str>) {
    let Some(name) = section.value("name") else {
        return;
    };
    if let Some(text) = name.get_ref().as_str()
        && !names.insert(text)
    {
        section.reporter.report_with_hint(
            name.span(),
            format!("the rule `{text}` is given twice"),
            "records count masked values by rule: give each a name of its own",
        );
    }
}

/// Reads one `[[policy.rule]]`: a rule for each selector that it lists.
fn rule(section: &Section<'_>) -> Vec<Rule> {
    let name = section.required_string("name");
    let columns = section.strings("column");
    let names = section.strings("column_name");
    let types = section.strings("sql_type");
    let strategy = strategy(section);
    let predicates = section.has("predicates").then(|| {
        let default = PredicateMode::Equality;
        section.choice("predicates", &scope::PREDICATES, default)
    });
    let mut selectors = Vec::new();
    for pattern in &columns {
        selectors.extend(column(section, pattern));
    }
    for pattern in &names {
        selectors.extend(checked(section, pattern).map(SelectorKind::ColumnName));
    }
    selectors.extend(
        types
            .into_iter()
            .map(|name| SelectorKind::SqlType(name.into_inner())),
    );
    let given = ["column", "column_name", "sql_type"]
        .iter()
        .any(|key| section.has(key));
    if !given {
        section.reporter.report_with_hint(
            section.span.clone(),
            "the rule names no columns",
            "add `column = \"schema.table.column\"`, `column_name = \"…\"` or `sql_type = \"…\"`",
        );
    }
    let (Some(name), Some(strategy)) = (name, strategy) else {
        return Vec::new();
    };
    let rule = |selector| Rule {
        name: name.get_ref().clone(),
        selector,
        strategy: strategy.clone(),
        predicates,
        begin: section.span.start,
    };
    selectors.into_iter().map(rule).collect()
}

/// `schema.table.column`, each a pattern.
fn column(section: &Section<'_>, pattern: &Spanned<String>) -> Option<SelectorKind> {
    let parts: Vec<_> = pattern.get_ref().split('.').collect();
    match parts.as_slice() {
        [schema, table, column] if parts.iter().all(|part| !part.is_empty()) => {
            for part in &parts {
                checked(section, &Spanned::new(pattern.span(), (*part).to_owned()))?;
            }
            let [schema, table, column] = [schema, table, column].map(|part| (*part).to_owned());
            Some(SelectorKind::Column(schema, table, column))
        }
        _ => {
            section.reporter.report_with_hint(
                pattern.span(),
                format!("`{}` does not name a column", pattern.get_ref()),
                "write `schema.table.column`; `*` and `?` stand for any characters",
            );
            None
        }
    }
}

/// A pattern that compiles.
fn checked(section: &Section<'_>, pattern: &Spanned<String>) -> Option<String> {
    match Glob::new(pattern.get_ref()) {
        Ok(_) => Some(pattern.get_ref().clone()),
        Err(error) => {
            section
                .reporter
                .report(pattern.span(), format!("not a pattern of names: {error}"));
            None
        }
    }
}

/// `strategy` and the keys that belong to it.
fn strategy(section: &Section<'_>) -> Option<StrategyKind> {
    let words = [
        ("redact", Word::Redact),
        ("partial", Word::Partial),
        ("constant", Word::Constant),
        ("null", Word::Null),
    ];
    let word = section.required_choice("strategy", &words);
    let keep_first = section.integer("keep_first", 0..=64, 0) as u16;
    let keep_last = section.integer("keep_last", 0..=64, 0) as u16;
    let value = section.string("value");
    let word = word?;
    let partial = matches!(word, Word::Partial);
    for key in ["keep_first", "keep_last"] {
        if let (false, Some(given)) = (partial, section.value(key)) {
            let message = format!("`{key}` means nothing without `strategy = \"partial\"`");
            section.reporter.report(given.span(), message);
        }
    }
    if let (false, Some(value)) = (matches!(word, Word::Constant), &value) {
        let message = "`value` means nothing without `strategy = \"constant\"`";
        section.reporter.report(value.span(), message);
    }
    match word {
        Word::Redact => Some(StrategyKind::Redact),
        Word::Null => Some(StrategyKind::Null),
        Word::Partial if keep_first == 0 && keep_last == 0 => {
            section.reporter.report_with_hint(
                section.span.clone(),
                "`partial` keeps nothing",
                "give `keep_first` or `keep_last`, or use `redact`",
            );
            None
        }
        Word::Partial => Some(StrategyKind::Partial {
            keep_first,
            keep_last,
        }),
        Word::Constant => {
            section.require("value")?;
            Some(StrategyKind::Constant(value?.into_inner()))
        }
    }
}

/// `content = { detectors = "standard" | "full" | […], strategy = … }`
fn content(section: &Section<'_>) -> Option<Content> {
    let detectors = section.strings("detectors");
    section.require("detectors");
    let strategy = strategy(section);
    section.finish();
    let word = section
        .value("detectors")
        .and_then(|value| value.get_ref().as_str());
    let set = match word {
        Some("standard") => Some(DetectorSet::Standard),
        Some("full") => Some(DetectorSet::Full),
        _ => None,
    };
    if set.is_none() {
        detectors
            .iter()
            .for_each(|name| known_detector(section, name));
    }
    let detectors: Vec<_> = detectors.into_iter().map(Spanned::into_inner).collect();
    let detectors = match (set, detectors.as_slice()) {
        (Some(set), _) => set,
        (None, []) => {
            if section.has("detectors") {
                let message = "`detectors` lists nothing";
                section.reporter.report(section.span.clone(), message);
            }
            return None;
        }
        (None, _) => DetectorSet::Named(detectors),
    };
    Some(Content {
        detectors,
        strategy: strategy?,
    })
}

fn known_detector(section: &Section<'_>, name: &Spanned<String>) {
    if Detectors::names().any(|known| known == name.get_ref()) {
        return;
    }
    let hint = match closest(name.get_ref(), Detectors::names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known: {}", one_of(Detectors::names())),
    };
    let message = format!("there is no detector `{}`", name.get_ref());
    section
        .reporter
        .report_with_hint(name.span(), message, hint);
}
