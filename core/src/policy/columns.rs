//! Columns by name, and no others.

use std::collections::{BTreeMap, BTreeSet};

use super::guard::{Guard, Predicates};
use super::{Policy, Rule, Selector, Strategy, rule_id};
use crate::policy::RuleId;

/// The rule that hides the others, in records.
const NOT_GRANTED: &str = "not-granted";

impl Policy {
    /// The same for a client for whom only these columns (schema, table, name) of their tables are
    /// there: `*` goes without the others, who names one is refused, and where one would be shown
    /// all the same it is NULL. What rules say of those that are left holds as before.
    ///
    /// Says nothing about other tables; see [`Guard::tables`].
    #[must_use]
    pub fn with_columns<'a>(&self, columns: impl IntoIterator<Item = [&'a str; 3]>) -> Self {
        let mut tables: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
        for [schema, table, column] in columns {
            let named = tables.entry((schema, table)).or_default();
            named.insert(column.to_owned());
        }
        let count = tables.len();
        let hiding = tables.into_iter().map(|((schema, table), columns)| Rule {
            name: NOT_GRANTED.to_owned(),
            selector: Selector::OtherColumns {
                schema: schema.to_owned(),
                table: table.to_owned(),
                columns,
            },
            strategy: Strategy::Null,
        });
        // The first rule that matches decides.
        let rules = hiding.chain(self.rules.iter().cloned()).collect();
        let (name, content) = (self.name.clone(), self.content.clone());
        let built = Self::new(name, rules, content, self.messages, self.sha256);
        let guard = self.guard.clone().unwrap_or_else(Guard::open);
        Self {
            transforms: self.transforms.clone(),
            ..built
        }
        .guarded(moved(guard, count))
    }
}

/// The guard of a policy that has so many rules before its own now, all of which hide columns.
fn moved(guard: Guard, count: usize) -> Guard {
    let behind = |id: RuleId| rule_id(usize::from(id.0) + count);
    let hiding = || (0..count).map(rule_id);
    let own = guard.by_rule.iter().map(|(id, mode)| (behind(*id), *mode));
    let hidden = guard.hidden.iter().map(|id| behind(*id));
    Guard {
        by_rule: own
            .chain(hiding().map(|id| (id, Predicates::Refuse)))
            .collect(),
        hidden: hidden.chain(hiding()).collect(),
        ..guard
    }
}
