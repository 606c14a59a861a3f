//! `[[policy]]` and `[[policy.rule]]`

use std::collections::BTreeSet;

use toml::Spanned;
use velum_core::mask::transform::{MasterKey, WeakSecret};
use velum_core::policy::Glob;
use velum_detectors::Detectors;

use super::model::*;
use super::problem::{closest, one_of};
use super::profile::Profile;
use super::reader::Section;
use super::scope;
use super::secret::Secret;
use super::strategy::strategy;

/// Reads one `[[policy]]`.
pub(super) fn policy(section: &Section<'_>) -> Option<Policy> {
    let name = section.required_string("name");
    let exempt = section.boolean("exempt");
    let modes = [("strict", MessageMode::Strict), ("scan", MessageMode::Scan)];
    let messages = section.choice("messages", &modes, MessageMode::Strict);
    let mut rules = Vec::new();
    let rule_sections = section.sections("rule");
    let mut names = BTreeSet::new();
    // Every rule could be read.
    let mut is_whole = true;
    for rule_section in &rule_sections {
        unique_name(rule_section, &mut names);
        let read = rule(rule_section);
        is_whole &= !read.is_empty();
        rules.extend(read);
        rule_section.finish();
    }
    let profiles = [Profile::SafeHarbor, Profile::LimitedDataSet].map(|it| (it.name(), Some(it)));
    let profile = section.choice("profile", &profiles, None);
    let content = section
        .section("content")
        .and_then(|section| content(&section))
        .or_else(|| profile.map(Profile::content));
    let scope = section.section("scope");
    let scope = scope.map(|section| scope::scope(&section));
    let scopes = [
        ("identity", KeyScope::Identity),
        ("resource", KeyScope::Resource),
    ];
    let key_scope = section.choice("key_scope", &scopes, KeyScope::Identity);
    let key = key(section, &rules, is_whole);
    // What the policy says itself comes first.
    rules.extend(profile.map(Profile::rules).unwrap_or_default());
    let judges = ["rule", "content", "profile"]
        .iter()
        .any(|key| section.has(key));
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
                key,
                key_scope,
            });
        }
    };
    let hint = "write `exempt = true` only if results shall pass unmasked";
    section
        .reporter
        .report_with_hint(section.span.clone(), mistake, hint);
    None
}

/// The key of the transforms: there where a rule needs it, and nowhere else.
fn key(section: &Section<'_>, rules: &[Rule], is_whole: bool) -> Option<Secret> {
    let needs = rules.iter().find_map(|rule| match &rule.strategy {
        StrategyKind::Transform(kind) => kind.key_of().map(|_| kind.name()),
        _ => None,
    });
    let key = section.secret("key");
    match (needs, section.value("key"), &key) {
        (Some(name), None, _) => section.reporter.report_with_hint(
            section.span.clone(),
            format!("`{name}` needs a `key`"),
            "write `key = { file = \"…\" }`; make one with `openssl rand -hex 32`",
        ),
        (_, Some(given), Some(key)) if MasterKey::new(key.expose()).is_err() => {
            let message = format!("`key`: {WeakSecret}, {} has fewer", key.origin());
            section.reporter.report(given.span(), message);
        }
        _ => {}
    }
    let scope = section.value("key_scope");
    for (name, given) in [("key", section.value("key")), ("key_scope", scope)] {
        if let (None, Some(given), true) = (needs, given, is_whole) {
            let message = format!("`{name}` means nothing without a rule that has a key");
            let hint = "ff1, hmac, random and date_shift have one";
            section
                .reporter
                .report_with_hint(given.span(), message, hint);
        }
    }
    key
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
pub(super) fn column(section: &Section<'_>, pattern: &Spanned<String>) -> Option<SelectorKind> {
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
pub(super) fn checked(section: &Section<'_>, pattern: &Spanned<String>) -> Option<String> {
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

/// `content = { detectors = "standard" | "full" | […], strategy = … }`
fn content(section: &Section<'_>) -> Option<Content> {
    let detectors = section.strings("detectors");
    section.require("detectors");
    let strategy = strategy(section);
    let transforms = transforms(section);
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
        strategy: of_content(section, strategy?, &transforms)?,
        transforms,
    })
}

/// `transforms = { zip = "zip3", … }`: what is kept of what a detector finds.
fn transforms(section: &Section<'_>) -> Vec<(String, TransformKind)> {
    let mut transforms = Vec::new();
    for (name, word) in section.pairs("transforms") {
        known_detector(section, &name);
        match super::strategy::without_key(word.get_ref()) {
            Some(kind) => transforms.push((name.into_inner(), kind)),
            None => section.reporter.report_with_hint(
                word.span(),
                format!("`{}` is no transform of content", word.get_ref()),
                "write `year`, `zip3`, `age90`, `email_domain` or `last_four`; those with a key \
                 hold for columns, by a rule",
            ),
        }
    }
    transforms
}

/// Content has findings of many kinds, and a client can write some itself.
fn of_content(
    section: &Section<'_>,
    strategy: StrategyKind,
    transforms: &[(String, TransformKind)],
) -> Option<StrategyKind> {
    let (message, hint) = match &strategy {
        StrategyKind::Transform(kind) => (
            format!("`{}` is no strategy for all content", kind.name()),
            "write `strategy = \"redact\"`, and `transforms = { zip = \"zip3\" }` for some of it",
        ),
        StrategyKind::Hidden => (
            "`hidden` is no strategy for content".to_owned(),
            "columns can be hidden, by a rule",
        ),
        other if *other != StrategyKind::Redact && !transforms.is_empty() => (
            "`transforms` mean nothing without `strategy = \"redact\"`".to_owned(),
            "what they cannot keep is redacted",
        ),
        _ => return Some(strategy),
    };
    let given = section.value("strategy");
    let span = given.map_or(section.span.clone(), |given| given.span());
    section.reporter.report_with_hint(span, message, hint);
    None
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
