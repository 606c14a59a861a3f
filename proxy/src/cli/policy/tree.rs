//! Where a value comes from, as a tree: through views and generated columns down to the tables.

use serde_json::{Value, json};
use velum_core::catalog::Catalog;
use velum_core::cell::{ColumnFacts, Decision};
use velum_core::policy;
use velum_core::sql::lineage::{Flow, Kind, Origin};

/// Views of views.
const STEPS: usize = 16;

/// A column, and what it is made of.
pub(super) struct Node {
    /// Schema, table and column.
    pub(super) name: String,
    /// Place among the policy's rules of the one that holds for it.
    pub(super) rule: Option<usize>,
    /// How it is made of those below; nothing for a table's own.
    pub(super) how: Option<String>,
    pub(super) below: Vec<Node>,
}

/// Who knows what columns are made of.
pub(super) struct Roots<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) policy: &'a policy::Policy,
}

impl Roots<'_> {
    /// The sources of a value.
    pub(super) fn of(&self, flow: &Flow) -> Vec<Node> {
        let sources = flow.sources.iter();
        sources.map(|source| self.node(*source, STEPS)).collect()
    }

    fn node(&self, origin: Origin, steps: usize) -> Node {
        let mut node = Node {
            name: self.name(origin),
            rule: self.rule(origin),
            how: None,
            below: Vec::new(),
        };
        let Some(steps) = steps.checked_sub(1) else {
            return node;
        };
        let column = self.catalog.column(origin.0, origin.1);
        let shown = column.into_iter().flat_map(|(_, column)| &column.origins);
        node.below.extend(shown.map(|it| self.node(*it, steps)));
        if !node.below.is_empty() {
            node.how = Some(kind(Kind::Plain).to_owned());
        }
        if let Some(flow) = self.catalog.computed.get(&origin) {
            node.how = Some(how(flow));
            node.below
                .extend(flow.sources.iter().map(|it| self.node(*it, steps)));
        }
        node
    }

    fn name(&self, (table_oid, attnum): Origin) -> String {
        let Some(relation) = self.catalog.relations.get(&table_oid) else {
            return format!("table {table_oid}");
        };
        let column = self.catalog.column(table_oid, attnum);
        let column = column.map_or("*", |(_, column)| column.name.as_str());
        format!("{}.{}.{column}", relation.schema, relation.name)
    }

    fn rule(&self, (table_oid, attnum): Origin) -> Option<usize> {
        let (_, column) = self.catalog.column(table_oid, attnum)?;
        let facts = ColumnFacts {
            name: column.name.as_bytes().into(),
            table_oid,
            attnum,
            type_oid: column.type_oid,
        };
        match self.policy.plan(self.catalog, &facts).decision {
            Decision::Mask(rule) => Some(usize::from(rule.0)),
            _ => None,
        }
    }
}

/// How a value is made of its sources.
pub(super) fn how(flow: &Flow) -> String {
    let by = match flow.functions.is_empty() {
        true => String::new(),
        false => format!(" by {}", flow.functions.join(", ")),
    };
    format!("{}{by}", kind(flow.kind))
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Constant => "nothing that a table holds",
        Kind::Count => "counted",
        Kind::Plain => "as it is",
        Kind::Derived => "computed",
        Kind::Opaque => "computed by what may know more than it is given",
    }
}

impl Node {
    /// Writes it with branches; `rule` words a rule by its place among the policy's.
    pub(super) fn write(
        &self,
        out: &mut String,
        indent: &str,
        is_last: bool,
        rule: &dyn Fn(usize) -> String,
    ) {
        let (branch, beside) = match is_last {
            true => ("└ ", "  "),
            false => ("├ ", "│ "),
        };
        let how = self.how.as_ref().map(|it| format!(", {it} from"));
        let ruled = self.rule.map(|it| format!(", under {}", rule(it)));
        let (how, ruled) = (how.unwrap_or_default(), ruled.unwrap_or_default());
        out.push_str(&format!("{indent}{branch}{}{ruled}{how}\n", self.name));
        let indent = format!("{indent}{beside}");
        for (index, node) in self.below.iter().enumerate() {
            node.write(out, &indent, index + 1 == self.below.len(), rule);
        }
    }

    /// The same as a document; `rule` names a rule by its place among the policy's.
    pub(super) fn document(&self, rule: &dyn Fn(usize) -> Option<String>) -> Value {
        let below = self.below.iter().map(|it| it.document(rule));
        json!({
            "column": self.name,
            "rule": self.rule.and_then(rule),
            "how": self.how,
            "below": below.collect::<Vec<_>>(),
        })
    }
}
