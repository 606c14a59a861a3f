//! Which aggregates are guarded, and how.

#![allow(clippy::unwrap_used, reason = "a test fails where it should")]

mod statements;

use std::sync::Arc;

use statements::{CLOSED, GUARDED, REFUSED, UNTOLD, UNTOUCHED};

use super::*;
use crate::catalog::table;
use crate::policy::guard::{Predicates, VolumeBudget};
use crate::policy::{Messages, Rule, Selector, Strategy};
use crate::sql::lineage::{Kind, SearchPath, view};

const PATIENTS: u32 = 20_000;
const VISITS: u32 = 20_001;
const WARDS: u32 = 20_002;
const NOTES: u32 = 20_003;

/// Views by name, definition and columns.
const VIEWS: [(&str, &str, &[&str]); 6] = [
    (
        "people",
        "SELECT id, ward, cost FROM ehr.patients",
        &["id", "ward", "cost"],
    ),
    (
        "nameless",
        "SELECT ward, cost FROM ehr.patients",
        &["ward", "cost"],
    ),
    (
        "crowd",
        "SELECT p.ward FROM ehr.patients p, ehr.wards w",
        &["ward"],
    ),
    (
        "counts",
        "SELECT ward, count(*) FROM ehr.patients GROUP BY ward",
        &["ward", "n"],
    ),
    ("above", "SELECT n FROM ehr.counts", &["n"]),
    (
        "hospital",
        "SELECT ward, count(*) FROM ehr.wards GROUP BY ward",
        &["ward", "n"],
    ),
];

/// Patients are persons by their key, visits by the patient's number, notes by nobody's.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let tables = [
        (
            PATIENTS,
            "patients",
            &["id", "ssn", "ward", "cost", "sick"][..],
        ),
        (VISITS, "visits", &["visit", "patient_id", "cost", "at"]),
        (WARDS, "wards", &["ward", "beds"]),
        (NOTES, "notes", &["note", "phone", "topic"]),
    ];
    for (oid, name, columns) in tables {
        let columns: Vec<_> = columns.iter().map(|name| (*name, 23)).collect();
        catalog.relations.insert(oid, table("ehr", name, &columns));
    }
    catalog.keys.insert((PATIENTS, 1));
    catalog.keys.insert((VISITS, 1));
    catalog.own_functions.insert("risk".to_owned());
    catalog.own_functions.insert("total".to_owned());
    catalog.own_aggregates.insert("total".to_owned());
    for ((name, _, columns), oid) in VIEWS.iter().zip(21_000..) {
        let columns: Vec<_> = columns.iter().map(|name| (*name, 23)).collect();
        let mut relation = table("ehr", name, &columns);
        relation.is_view = true;
        catalog.relations.insert(oid, relation);
    }
    let mut closed = table("ehr", "closed", &[("n", 23)]);
    closed.is_view = true;
    catalog.views.insert(22_000, None);
    catalog.relations.insert(22_000, closed);
    for ((_, definition, _), oid) in VIEWS.iter().zip(21_000..) {
        let known = view(definition.as_bytes(), &catalog).unwrap();
        let relation = catalog.relations.get_mut(&oid).unwrap();
        for (column, flow) in relation.columns.iter_mut().zip(&known.columns) {
            match flow.kind {
                Kind::Plain => column.origins.clone_from(&flow.sources),
                _ => {
                    catalog.computed.insert((oid, column.attnum), flow.clone());
                }
            }
        }
        catalog.views.insert(oid, Some(known));
    }
    catalog
}

fn policy(small_cells: Option<u32>) -> Policy {
    let glob = |text: &str| Glob::new(text).unwrap();
    let rule = |column: &str| Rule {
        name: column.to_owned(),
        selector: Selector::ColumnName(glob(column)),
        strategy: Strategy::Redact,
    };
    let subject = |table: &str, column: &str| (glob("ehr"), glob(table), glob(column));
    let volume = VolumeBudget {
        rows: None,
        bytes: None,
        subjects: None,
        subject_columns: vec![subject("patients", "id"), subject("visits", "patient_id")],
        window_s: 60,
    };
    let rules = vec![rule("ssn"), rule("phone")];
    let policy = Policy::new("p".to_owned(), rules, None, Messages::Strict, [0; 32]);
    policy.guarded(Guard {
        small_cells,
        volume: Some(Arc::new(volume)),
        ..Guard::default()
    })
}

fn read(text: &str) -> Vec<Analysis> {
    let read = crate::sql::read(text.as_bytes(), &catalog(), &SearchPath::Unknown);
    read.unwrap_or_else(|unread| panic!("{text}: {unread}"))
}

/// What the server gets to read.
fn rewritten(text: &str) -> Option<String> {
    let written = policy(Some(11)).with_small_cells(&catalog(), text.as_bytes(), &read(text));
    written.map(|text| String::from_utf8(text).unwrap())
}

fn judged(text: &str) -> Result<(), Reason> {
    let judged = policy(Some(11)).admit(&catalog(), &read(text), false);
    judged.map(|_| ()).map_err(|denial| denial.reason)
}

/// A guard as it is written: what is counted, and of which rows.
fn guard(measures: &[&str], filter: &str, over: &str) -> String {
    guard_of(measures, filter, filter, over)
}

/// The same, where others show that there is anybody.
fn guard_of(measures: &[&str], seen: &str, filter: &str, over: &str) -> String {
    let count = |what: &str, filter: &str| match filter {
        "" => format!("pg_catalog.count({what}){over}"),
        filter => format!("pg_catalog.count({what}) FILTER (WHERE {filter}){over}"),
    };
    let few: Vec<String> = measures
        .iter()
        .map(|it| format!("{} OPERATOR(pg_catalog.<) 11", count(it, filter)))
        .collect();
    let (any, few) = (count("*", seen), few.join(" OR "));
    format!("CASE WHEN {any} OPERATOR(pg_catalog.>) 0 AND ({few}) THEN NULL ELSE ")
}

#[test]
fn an_aggregate_counts_its_persons_before_it_is_shown() {
    let of_patients = &[r#"DISTINCT "p"."id""#][..];
    for (text, expected) in [
        (
            "SELECT ward, count(*) FROM patients p GROUP BY ward",
            format!(
                "SELECT ward, {}count(*) END FROM patients p GROUP BY ward",
                guard(of_patients, "", "")
            ),
        ),
        (
            "SELECT /* é */ max ( DISTINCT cost ) AS m FROM patients p -- x",
            format!(
                "SELECT /* é */ {}max ( DISTINCT cost ) END AS m FROM patients p -- x",
                guard(of_patients, "(cost) IS DISTINCT FROM NULL", "")
            ),
        ),
        (
            "SELECT sum(cost + 1) FILTER (WHERE ward = $1 AND cost > 2) FROM patients p",
            format!(
                "SELECT {}sum(cost + 1) FILTER (WHERE ward = $1 AND cost > 2) END FROM patients p",
                guard_of(
                    of_patients,
                    "(ward = $1 AND cost > 2) AND (cost + 1) IS DISTINCT FROM NULL",
                    "(ward = $1 AND cost > 2) AND (cost + 1) OPERATOR(pg_catalog.<>) \
                     ((cost + 1) OPERATOR(pg_catalog.-) (cost + 1))",
                    ""
                )
            ),
        ),
        (
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY cost DESC) FROM patients p",
            format!(
                "SELECT {}percentile_cont(0.5) WITHIN GROUP (ORDER BY cost DESC) END \
                 FROM patients p",
                guard(of_patients, "(cost) IS DISTINCT FROM NULL", "")
            ),
        ),
        (
            "SELECT count(*)from patients p",
            format!(
                "SELECT {}count(*) END from patients p",
                guard(of_patients, "", "")
            ),
        ),
        (
            "SELECT count(*) OVER (PARTITION BY ward) FROM patients p",
            format!(
                "SELECT {}count(*) OVER (PARTITION BY ward) END FROM patients p",
                guard(&["*"], "", " OVER (PARTITION BY ward)")
            ),
        ),
    ] {
        assert_eq!(rewritten(text).as_deref(), Some(&*expected));
    }
    let join = "SELECT regr_slope(p.cost, \"V\".cost) \
                FROM patients p JOIN visits \"V\" ON patient_id = id";
    let both = &[r#"DISTINCT "p"."id""#, r#"DISTINCT "V"."patient_id""#];
    let filter = "(p.cost) IS DISTINCT FROM NULL AND (\"V\".cost) IS DISTINCT FROM NULL";
    assert!(rewritten(join).unwrap().contains(&guard(both, filter, "")));
}

/// A guard is recognised on the stack that the deepest tree leaves.
#[test]
fn a_deep_aggregate_is_guarded_as_any_other() {
    let deep = "- ".repeat(150);
    let text = format!("SELECT max({deep}cost) FILTER (WHERE {deep}cost > 1) FROM patients p");
    let written = rewritten(&text).unwrap();
    assert_eq!(judged(&written), Ok(()));
}

/// What is masked decides about no rows, unless the policy lets it.
#[test]
fn a_masked_aggregate_is_guarded_where_it_may_decide_about_rows() {
    let text = "SELECT ward FROM patients GROUP BY ward HAVING max(cost + 0 * ssn) = 1";
    for (predicates, copies, is_guarded) in [
        (Predicates::Equality, false, false),
        (Predicates::Allow, false, true),
        (Predicates::Equality, true, true),
    ] {
        let open = policy(Some(11)).guarded(Guard {
            small_cells: Some(11),
            predicates,
            copies,
            ..Guard::default()
        });
        let written = open.with_small_cells(&catalog(), text.as_bytes(), &read(text));
        assert_eq!(written.is_some(), is_guarded, "{predicates:?}, {copies}");
    }
}

#[test]
fn what_is_guarded_may_run_and_shows_what_it_showed() {
    for text in GUARDED {
        let written = rewritten(text).unwrap_or_else(|| panic!("{text}: {:?}", judged(text)));
        assert!(matches!(judged(text), Err(Reason::SmallCells(_))), "{text}");
        assert_eq!(judged(&written), Ok(()), "{written}");
        assert_eq!(rewritten(&written), None, "{written}");
        let (own, guarded) = (read(text), read(&written));
        assert_eq!(own.len(), guarded.len());
        for (own, guarded) in own.iter().zip(&guarded) {
            assert_eq!(own.lineage.outputs, guarded.lineage.outputs, "{written}");
            assert_eq!(own.lineage.uses, guarded.lineage.uses, "{written}");
            assert_eq!(own.lineage.named, guarded.lineage.named, "{written}");
        }
        // Without a limit it runs as it stands.
        let open = policy(None);
        assert_eq!(
            open.with_small_cells(&catalog(), text.as_bytes(), &own),
            None
        );
        assert!(open.admit(&catalog(), &own, false).is_ok(), "{text}");
    }
}

#[test]
fn what_needs_no_guard_is_not_touched() {
    for text in UNTOUCHED {
        assert_eq!(rewritten(text), None, "{text}");
        assert_eq!(judged(text), Ok(()), "{text}");
    }
}

#[test]
fn persons_that_cannot_be_told_are_refused() {
    for (text, why, table) in UNTOLD {
        assert_eq!(rewritten(text), None, "{text}");
        let why = why(format!("ehr.{table}"));
        assert_eq!(judged(text), Err(Reason::SmallCells(why)), "{text}");
    }
}

#[test]
fn what_cannot_be_guarded_is_refused() {
    for (text, why) in REFUSED {
        assert_eq!(rewritten(text), None, "{text}");
        assert_eq!(judged(text), Err(Reason::SmallCells(why.clone())), "{text}");
        let open = policy(None).admit(&catalog(), &read(text), false);
        // What a function of its own tells of a person is refused without a limit, too.
        assert!(
            open.is_ok() || text.contains("risk(id)"),
            "{text}: {open:?}"
        );
    }
}

#[test]
fn views_that_count_persons_are_closed() {
    let name = |name: &str| format!("ehr.{name}");
    for (text, view) in CLOSED {
        let why = match *view {
            "closed" => Unguardable::Closed(name(view)),
            view => Unguardable::View(name(view)),
        };
        assert_eq!(judged(text), Err(Reason::SmallCells(why)), "{text}");
    }
}

/// Nothing else is taken for a guard than what Velum writes.
#[test]
fn a_guard_of_the_clients_own_is_as_strict_or_none() {
    let written = rewritten("SELECT count(ward) FROM patients p").unwrap();
    for (from, to) in [
        (" 11)", " 10)"),
        (" 0 AND", " 1 AND"),
        ("\"p\".\"id\"", "\"p\".\"ward\""),
        ("DISTINCT \"p\".\"id\"", "\"p\".\"id\""),
        ("(ward) IS DISTINCT FROM NULL", "(id) IS DISTINCT FROM NULL"),
        ("IS DISTINCT", "IS NOT DISTINCT"),
        ("THEN NULL", "THEN 1"),
        ("AND (", "OR ("),
        ("pg_catalog.count", "count"),
        ("OPERATOR(pg_catalog.<)", "<"),
    ] {
        assert!(written.contains(from), "{from}");
        let other = written.replacen(from, to, 1);
        assert!(judged(&other).is_err(), "{other}");
        let other = written.replace(from, to);
        assert!(judged(&other).is_err(), "{other}");
    }
    let stricter = written.replace("11)", "12)");
    assert_eq!(judged(&stricter), Ok(()));
    // It would ask for more than lineage lists.
    let oracle = "SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 \
                  AND (pg_catalog.count(DISTINCT p.ssn) OPERATOR(pg_catalog.<) 5) \
                  THEN NULL ELSE max(topic) END FROM patients p, notes";
    assert!(judged(oracle).is_err());
    let open = policy(None).admit(&catalog(), &read(oracle), false);
    assert!(open.is_err(), "{open:?}");
}

#[test]
fn nothing_is_certain_while_names_change() {
    let text = rewritten("SELECT count(*) FROM patients").unwrap();
    let judged = policy(Some(11)).admit(&catalog(), &read(&text), true);
    assert_eq!(judged.unwrap_err().reason, Reason::InFlux);
}

/// Whatever is put together: it is guarded as a whole, and says the same, or it is refused.
#[test]
fn every_mixture_is_guarded_or_refused() {
    let aggregates = [
        "count(*)",
        "sum(a) filter (where b > $1 and a <> 2)",
        "count(distinct a), min(a)",
        "max(a) over w",
        "string_agg(a::text, ',' order by a desc)",
        "mode() within group (order by a + 1 nulls first)",
        "sum(count(*)) over (order by min(a))",
        "count(*) over (partition by a)",
        "(select count(*) from u where u.b = 1)",
        "array(select a from u)",
        "case when count(a) > 3 then sum(a) else 0 end",
        "avg(t.b) filter (where exists (select from u))",
    ];
    let sources = [
        "t",
        "t join u using (b)",
        "(select a, b from t) t",
        "(select * from t union all select * from u) t(a, b)",
        "u, lateral (select b, count(u.b) a from t where u.b = t.b group by b) t",
        "public.t as t(b, a)",
        "generate_series(1, 3) t(a)",
        "(values (1, 2)) t(a, b)",
        "(select a, count(*) b from t group by a) t",
        "t full join (select b c from u) u on b = c",
    ];
    let tails = [
        "",
        "group by a having count(*) > 2",
        "window w as (order by a)",
    ];
    let frames = [
        ("", ""),
        ("with c(n) as (", ") select max(n), count(*) from c"),
        ("insert into t ", " returning a"),
        ("select 1 from u where exists (", ")"),
        ("prepare p as ", ""),
        ("copy (", ") to stdout; select count(*) from t"),
        ("select (", " limit 1) from t, u"),
        ("explain analyze ", " -- end"),
        ("create table x as ", ""),
    ];
    let mut texts = 0;
    for aggregate in aggregates {
        for source in sources {
            for tail in tails {
                for (before, after) in frames {
                    let text = format!("{before}select {aggregate} from {source} {tail}{after}");
                    crate::sql::fuzz_read(text.as_bytes());
                    texts += 1;
                }
            }
        }
    }
    assert_eq!(texts, 12 * 10 * 3 * 9);
}
