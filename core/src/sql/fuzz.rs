//! What holds of any text that is read, and of what a policy makes of it.

use std::collections::BTreeSet;

use velum_parser::ParseError;

use super::analysis::{Unread, outputs_bytes, read};
use super::lineage::{Outputs, SearchPath};
use crate::catalog::{Catalog, table};
use crate::limits;
use crate::policy::guard::{Guard, Reason, Unguardable};
use crate::policy::{Glob, Messages, Policy, Rule, RuleId, Selector, Strategy};

/// Body of the fuzz target: any text is read or refused, within the limits.
pub fn fuzz_read(text: &[u8]) {
    let catalog = Catalog::default();
    let policy = Policy::exempt().guarded(Guard::default());
    for path in [SearchPath::Unknown, SearchPath::known(["public"])] {
        let Ok(statements) = read(text, &catalog, &path) else {
            continue;
        };
        let _verdict = policy.admit(&catalog, &statements, text.len() % 2 == 1);
        for statement in statements {
            let names = statement.effects.columns.len() + statement.effects.relations.len();
            assert!(names <= 8 * limits::TREE.nodes);
            assert!(outputs_bytes(&statement.lineage.outputs) <= 1 << 26);
        }
    }
    fuzz_hidden(text);
    fuzz_cells(text);
    fuzz_path(text);
}

/// By no path that leads to the tables more flows than by one that is not known.
fn fuzz_path(text: &[u8]) {
    let mut catalog = Catalog::default();
    let tables = [("a", "t"), ("b", "t"), ("a", "u"), ("b", "u")];
    for ((schema, name), oid) in tables.into_iter().zip(20_000..) {
        let columns = [("b", 25), ("x", 25)];
        let table = table(schema, name, &columns);
        catalog.relations.insert(oid, table);
    }
    let sources = |path: &SearchPath| {
        let statements = read(text, &catalog, path).unwrap_or_default();
        let mut all = BTreeSet::new();
        for statement in &statements {
            match &statement.lineage.outputs {
                Ok(Outputs::Each(flows)) => {
                    all.extend(flows.iter().flat_map(|it| it.sources.clone()))
                }
                Ok(Outputs::Any(flow)) => all.extend(flow.sources.clone()),
                Ok(Outputs::None) => {}
                Err(_) => return None,
            }
        }
        Some(all)
    };
    let Some(any) = sources(&SearchPath::Unknown) else {
        return;
    };
    for path in [&[][..], &["a"], &["b"], &["a", "b"]] {
        let known = sources(&SearchPath::known(path.iter().copied()));
        let is_less = known.as_ref().is_none_or(|known| known.is_subset(&any));
        let text = String::from_utf8_lossy(text);
        assert!(is_less, "{text} by {path:?}: {known:?}, not only {any:?}");
    }
}

/// Two tables, and a policy that is about a column of both.
fn fuzz_policy(guard: Guard) -> Option<(Catalog, Policy)> {
    let mut catalog = Catalog::default();
    for (oid, name, columns) in [(20_000, "t", ["a", "b"]), (20_001, "u", ["b", "C d"])] {
        let columns = columns.map(|column| (column, 25));
        let table = table("public", name, &columns);
        catalog.relations.insert(oid, table);
    }
    let rule = Rule {
        name: String::new(),
        selector: Selector::ColumnName(Glob::new("b").ok()?),
        strategy: Strategy::Null,
    };
    let policy = Policy::new(String::new(), vec![rule], None, Messages::Scan, [0; 32]);
    Some((catalog, policy.guarded(guard)))
}

/// A text with its aggregates guarded is still a text, says the same, and is guarded.
fn fuzz_cells(text: &[u8]) {
    let guard = Guard {
        small_cells: Some(11),
        ..Guard::open()
    };
    let path = SearchPath::Unknown;
    let Some((catalog, policy)) = fuzz_policy(guard) else {
        return;
    };
    let Ok(statements) = read(text, &catalog, &path) else {
        return;
    };
    let Some(written) = policy.with_small_cells(&catalog, text, &statements) else {
        return;
    };
    let again = match read(&written, &catalog, &path) {
        Ok(again) => again,
        Err(unread) => {
            // It has grown.
            assert_ne!(unread, Unread::NoTree(ParseError::Syntax));
            return;
        }
    };
    assert_eq!(again.len(), statements.len());
    for (before, after) in statements.iter().zip(&again) {
        // What takes more work than there is for it is refused.
        if after.lineage.outputs.is_ok() && after.lineage.uses.is_ok() {
            assert_eq!(before.lineage.outputs, after.lineage.outputs);
            assert_eq!(before.lineage.uses, after.lineage.uses);
        }
    }
    assert!(
        policy
            .with_small_cells(&catalog, &written, &again)
            .is_none()
    );
    let says_so = text.windows(10).any(|part| part == b"pg_catalog");
    if let Err(denial) = policy.admit(&catalog, &again, false) {
        assert!(says_so || denial.reason != Reason::SmallCells(Unguardable::Other));
    }
}

/// A text without hidden columns is still a text, and shows none any more.
fn fuzz_hidden(text: &[u8]) {
    let guard = Guard {
        hidden: [RuleId(0)].into(),
        ..Guard::default()
    };
    let Some((catalog, policy)) = fuzz_policy(guard) else {
        return;
    };
    let path = SearchPath::Unknown;
    let Ok(statements) = read(text, &catalog, &path) else {
        return;
    };
    if let Some(written) = policy.without_hidden(&catalog, text, &statements) {
        let again = read(&written, &catalog, &path).unwrap_or_default();
        assert_eq!(again.len(), statements.len());
        assert!(policy.without_hidden(&catalog, &written, &again).is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_or_refused() {
        for text in [
            "",
            "select",
            "select 1; select a from b",
            "\0",
            "create table t (a int)",
            "select * from t join u using (b); select t . /* */ *, u.* from t, u -- *",
            "with recursive r as (select * from t union all select * from r) table r",
            "insert into t select * from u returning *",
            "select count(*), sum(a) filter (where b > 1) over w from t window w as (order by a)",
            "select count(distinct a order by a), max(u.b) from t join u using (b) group by (1)",
            "select (select count(t.b) from u), count(*) over () from t, (select sum(b) from t) x",
            "select percentile_disc(.5) within group (order by a) from t; select count(a) from u",
            "select case when count(*) > 1 then null else count(*) end, array(select 1 from t)",
            "select upper(t.x), u.* from t join b.u using (b)",
            "set search_path = b; select x from t; set search_path = a; select b from t",
        ] {
            fuzz_read(text.as_bytes());
        }
    }
}
