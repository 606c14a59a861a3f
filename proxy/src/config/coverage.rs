//! What of a policy covers each of the eighteen identifiers.

use serde::Serialize;
use velum_core::policy::Glob;

use super::model::{DetectorSet, Policy, Rule, SelectorKind, StrategyKind};
use super::profile::{IDENTIFIERS, Identifier};

/// How a policy covers one of the eighteen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Its letter in 45 CFR 164.514(b)(2)(i).
    pub letter: char,
    /// What it is.
    pub identifier: &'static str,
    /// Rules that match what columns of it are called in many schemas, or its types, each with
    /// its strategy. A name of one's own that only `column` patterns match is not known here.
    pub rules: Vec<(String, String)>,
    /// Detectors that look for it in all other columns, each with its strategy.
    pub content: Vec<(String, String)>,
}

impl Coverage {
    /// True if nothing covers it.
    pub fn is_gap(&self) -> bool {
        self.rules.is_empty() && self.content.is_empty()
    }
}

/// How a policy covers each of them.
pub fn coverage(policy: &Policy) -> [Coverage; 18] {
    std::array::from_fn(|index| of(policy, &IDENTIFIERS[index]))
}

fn of(policy: &Policy, identifier: &Identifier) -> Coverage {
    let mut rules: Vec<(String, String)> = Vec::new();
    for rule in policy.rules.iter().filter(|rule| matches(rule, identifier)) {
        let entry = (rule.name.clone(), strategy(&rule.strategy).to_owned());
        if !rules.contains(&entry) {
            rules.push(entry);
        }
    }
    let mut content = Vec::new();
    if let Some(looked_for) = &policy.content {
        let detectors = identifier.detectors.iter();
        for detector in detectors.filter(|name| is_on(&looked_for.detectors, name)) {
            let mut transforms = looked_for.transforms.iter();
            let transform = transforms.find(|(name, _)| name == detector);
            let strategy = match transform {
                Some((_, kind)) => kind.name(),
                None => strategy(&looked_for.strategy),
            };
            content.push(((*detector).to_owned(), strategy.to_owned()));
        }
    }
    Coverage {
        letter: identifier.letter,
        identifier: identifier.name,
        rules,
        content,
    }
}

fn is_on(detectors: &DetectorSet, name: &str) -> bool {
    match detectors {
        DetectorSet::Standard | DetectorSet::Full => true,
        DetectorSet::Named(names) | DetectorSet::FullNamed(names) => {
            names.iter().any(|known| known == name)
        }
    }
}

/// Does the rule hold for a column of one of the identifier's names, or for one of its types?
fn matches(rule: &Rule, identifier: &Identifier) -> bool {
    let by_name = |pattern: &str| {
        let glob = Glob::new(pattern);
        glob.is_ok_and(|glob| {
            let mut columns = identifier.columns.iter();
            // Of a pattern its own text is the plainest name that it matches.
            columns.any(|column| glob.matches(column.name.replace('*', "").as_bytes()))
        })
    };
    match &rule.selector {
        SelectorKind::Column(_, _, column) => by_name(column),
        SelectorKind::ColumnName(pattern) => by_name(pattern),
        SelectorKind::SqlType(name) => identifier.types.contains(&name.as_str()),
    }
}

/// The name of a strategy as the configuration has it.
fn strategy(strategy: &StrategyKind) -> &'static str {
    match strategy {
        StrategyKind::Redact => "redact",
        StrategyKind::Partial { .. } => "partial",
        StrategyKind::Constant(_) => "constant",
        StrategyKind::Null => "null",
        StrategyKind::Hidden => "hidden",
        StrategyKind::Transform(kind) => kind.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Content, KeyScope, MessageMode};
    use super::super::profile::Profile;
    use super::*;

    fn policy(rules: Vec<Rule>, content: Option<Content>) -> Policy {
        Policy {
            name: "any".to_owned(),
            exempt: false,
            messages: MessageMode::Strict,
            rules,
            content,
            key: None,
            key_scope: KeyScope::Identity,
            scope: None,
            begin: 0,
        }
    }

    #[test]
    fn safe_harbor_covers_all_eighteen_twice() {
        let profile = Profile::SafeHarbor;
        let covered = coverage(&policy(profile.rules(), Some(profile.content())));
        for one in &covered {
            assert!(!one.rules.is_empty() && !one.content.is_empty(), "{one:?}");
        }
        let zip = ("zip".to_owned(), "zip3".to_owned());
        assert!(covered[1].content.contains(&zip));
        let by_rules = coverage(&policy(profile.rules(), None));
        assert!(by_rules.iter().all(|one| !one.is_gap()));
    }

    #[test]
    fn what_nothing_covers_is_a_gap() {
        let rule = Rule {
            name: "numbers".to_owned(),
            selector: SelectorKind::Column("*".into(), "*".into(), "s?n".into()),
            strategy: StrategyKind::Null,
            predicates: None,
            begin: 0,
        };
        let covered = coverage(&policy(vec![rule], None));
        let gaps: String = covered
            .iter()
            .filter(|it| it.is_gap())
            .map(|it| it.letter)
            .collect();
        assert_eq!(gaps, "ABCDEFHIJKLMNOPQR");
        assert_eq!(
            covered[6].rules,
            [("numbers".to_owned(), "null".to_owned())]
        );
        let limited = Profile::LimitedDataSet;
        let covered = coverage(&policy(limited.rules(), Some(limited.content())));
        let gaps: String = covered
            .iter()
            .filter(|it| it.is_gap())
            .map(|it| it.letter)
            .collect();
        assert_eq!(gaps, "C");
    }
}
