//! Statements that may return the texts of other sessions' statements: the server keeps them,
//! values and all, and functions return them under no name that a rule could be about.

use crate::cell::{ColumnFacts, ColumnPlan, Decision};
use crate::mask::types::{self, Scalar, Shape};

/// Parts of the names of what returns such texts; `u&"` may spell any name.
const NAMES: [&[u8]; 5] = [
    b"pg_stat_get_activity",
    b"pg_stat_get_backend",
    b"pg_stat_activity",
    b"pg_stat_statements",
    b"u&\"",
];

/// Does the text name, anywhere, what quotes other sessions?
pub(super) fn quotes_others(text: &[u8]) -> bool {
    let starts = memchr::memchr3_iter(b'p', b'P', b'u', text);
    let upper = memchr::memchr_iter(b'U', text);
    let is_named = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        NAMES.iter().any(|name| {
            let start = rest.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        })
    };
    starts.chain(upper).any(is_named)
}

/// Masks what such a statement may show of them: every computed text. Columns of the server's
/// own relations are known one by one.
pub(super) fn hide_quoted(plan: &mut ColumnPlan, facts: &ColumnFacts) {
    let is_own = (1..types::FIRST_NORMAL_OID).contains(&facts.table_oid);
    let holds_text = match plan.shape.unwrap_or(Shape::Opaque) {
        Shape::Scalar(scalar) => matches!(
            scalar,
            Scalar::Text | Scalar::Json | Scalar::Jsonb | Scalar::Xml | Scalar::Bytea
        ),
        Shape::Vector { .. } | Shape::Range { .. } | Shape::Multirange { .. } => false,
        Shape::Array { .. } | Shape::Composite { .. } | Shape::Opaque => true,
    };
    if holds_text && !(is_own && facts.attnum > 0) && !matches!(plan.decision, Decision::Mask(_)) {
        plan.decision = Decision::MaskByDefault;
        plan.watch = None;
    }
}

#[cfg(test)]
mod tests {
    use super::quotes_others;

    #[test]
    fn names_are_seen_in_any_case_and_quotes() {
        for text in [
            "select (pg_stat_get_activity(null)).query",
            "SELECT to_jsonb(a) ->> 'query' FROM PG_Stat_Activity a",
            "select \"pg_stat_get_backend_activity\"(1)",
            "select * from pg_stat_statements",
            "select * from U&\"pg\\005fstat_activity\"",
        ] {
            assert!(quotes_others(text.as_bytes()), "{text}");
        }
        for text in ["", "u", "select p from pg_stat_database", "select uu&uu"] {
            assert!(!quotes_others(text.as_bytes()), "{text}");
        }
    }
}
