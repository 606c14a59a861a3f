//! A failing statement, printed so that it can go into `regressions.sql` as it is.

use super::schema::{Flow, Schema};
use super::statement::{Protocol, Statement};
use super::types::DEFINITIONS;
use super::world::Policy;

/// See the module's text.
pub(super) struct Failure {
    kind: &'static str,
    what: String,
    policy: Option<Policy>,
    protocol: Protocol,
    steps: Vec<String>,
    is_clean: bool,
    masked: Vec<usize>,
}

impl Failure {
    /// A failure of `statement`: its kind, and what was found.
    pub(super) fn new(
        kind: &'static str,
        what: String,
        policy: Option<Policy>,
        statement: &Statement,
    ) -> Self {
        let columns = statement.columns.iter().enumerate();
        let masked = columns.filter(|(_, column)| column.flow == Flow::Shown);
        Self {
            kind,
            what,
            policy,
            protocol: statement.protocol,
            steps: statement.steps.clone(),
            is_clean: !statement.is_touched && !statement.is_opaque,
            masked: masked.map(|(place, _)| place + 1).collect(),
        }
    }

    /// Is it the same kind of failure?
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.policy == other.policy
    }

    /// The failure, with what it needs of the schema.
    pub(super) fn text(&self, schema: &Schema) -> String {
        let Self {
            kind,
            what,
            policy,
            protocol,
            ..
        } = self;
        let policy = policy.map_or("-".to_owned(), |policy| format!("{policy:?}"));
        let mut text = format!("{kind}: {what}\n({policy}, {protocol:?})\n-- world\n");
        let needed = self.needed(schema);
        let is_needed = |column: &&String| {
            let table = column.rsplit_once('.').map_or("", |(table, _)| table);
            needed.iter().any(|sql| names(sql, table))
        };
        let ruled: Vec<_> = schema.ruled.iter().filter(is_needed).cloned().collect();
        text.push_str(&format!("-- ruled: {}\n", ruled.join(" ")));
        text.push_str(&needed.join("\n"));
        let masked: Vec<_> = self.masked.iter().map(usize::to_string).collect();
        let class = match self.is_clean {
            true => "clean".to_owned(),
            false => format!("touched: {}", masked.join(" ")),
        };
        text.push_str(&format!("\n-- {class}\n{}\n", self.steps.join("\n")));
        text
    }

    /// Definitions of what the statement names, and of what those name.
    fn needed(&self, schema: &Schema) -> Vec<String> {
        let mut named = self.steps.join("\n");
        let mut needed = vec![DEFINITIONS.to_owned()];
        for sql in schema.definitions.iter().skip(1).rev() {
            let defined = sql
                .split_whitespace()
                .filter(|word| word.starts_with("gen."));
            let defined = defined.map(|word| word.split('(').next().unwrap_or_default());
            let made: Vec<_> = match sql.split_once('(') {
                // A table may come with its parts; views and functions name others, too.
                Some(_) if sql.starts_with("CREATE TABLE") => defined.collect(),
                _ => defined.take(1).collect(),
            };
            if made.iter().any(|name| names(&named, name)) {
                named.push_str(sql);
                needed.insert(1, sql.clone());
            }
        }
        needed
    }
}

/// Does `sql` have `name` as a word?
fn names(sql: &str, name: &str) -> bool {
    sql.match_indices(name).any(|(at, _)| {
        let after = sql[at + name.len()..].chars().next();
        !after.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}
