//! From a statement to the decision about each of its columns: every derivation of a column
//! under a rule is masked, and what only looks like one is not.

#![allow(clippy::unwrap_used, reason = "a test fails where it should")]

use crate::catalog::{Catalog, TypeKind, table};
use crate::cell::{ColumnFacts, ColumnPlan, Decision};
use crate::policy::*;
use crate::sql::lineage::{Kind, Outputs, SearchPath, view_columns};

const PATIENTS: u32 = 20_000;
const CODES: u32 = 20_001;
const SHOUTS: u32 = 20_002;
const OVER: u32 = 20_003;
const STATISTICS: u32 = 20_004;

const TEXT: u32 = 25;
const INT8: u32 = 20;
const JSONB: u32 = 3802;
const ANYARRAY: u32 = 2277;

const LAST_FOUR: Strategy = Strategy::Partial {
    keep_first: 0,
    keep_last: 4,
};

/// With a view that computes, a view over it, and the planner's statistics.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let patients = [("id", INT8), ("ssn", TEXT), ("city", TEXT), ("doc", JSONB)];
    for (oid, relation) in [
        (PATIENTS, table("ehr", "patients", &patients)),
        (
            CODES,
            table("ehr", "codes", &[("code", TEXT), ("label", TEXT)]),
        ),
        (
            SHOUTS,
            table(
                "ehr",
                "shouts",
                &[("shout", TEXT), ("city", TEXT), ("n", INT8)],
            ),
        ),
        (
            OVER,
            table("ehr", "over", &[("whisper", TEXT), ("place", TEXT)]),
        ),
        (
            STATISTICS,
            table(
                "pg_catalog",
                "pg_stats",
                &[("tablename", 19), ("most_common_vals", ANYARRAY)],
            ),
        ),
    ] {
        catalog.relations.insert(oid, relation);
    }
    let composite = TypeKind::Composite {
        attributes: vec![INT8, TEXT, TEXT, JSONB],
    };
    catalog
        .types
        .insert(30_000, ("patients".to_owned(), composite));
    for (view, definition) in [
        (
            SHOUTS,
            "SELECT upper(ssn) AS shout, city, count(*) AS n FROM ehr.patients GROUP BY 1, 2",
        ),
        (
            OVER,
            "SELECT lower(shout) AS whisper, upper(city) AS place FROM ehr.shouts",
        ),
    ] {
        let flows = view_columns(definition.as_bytes(), &catalog).unwrap();
        for (flow, attnum) in flows.into_iter().zip(1..) {
            match (flow.kind, flow.sources.as_slice()) {
                (Kind::Plain, &[origin]) => {
                    let relation = catalog.relations.get_mut(&view).unwrap();
                    relation.columns[attnum as usize - 1].origins.push(origin);
                }
                _ => drop(catalog.computed.insert((view, attnum), flow)),
            }
        }
    }
    catalog.own_functions.insert("own_function".to_owned());
    catalog
}

fn policy() -> Policy {
    let glob = |pattern: &str| Glob::new(pattern).unwrap();
    let rules = vec![
        Rule {
            name: "number".to_owned(),
            selector: Selector::Column {
                schema: glob("*"),
                table: glob("patients"),
                column: glob("ssn"),
            },
            strategy: LAST_FOUR,
        },
        Rule {
            name: "secret".to_owned(),
            selector: Selector::ColumnName(glob("secret")),
            strategy: Strategy::Redact,
        },
    ];
    Policy::new(
        "p".to_owned(),
        rules,
        Some(Strategy::Redact),
        Messages::Strict,
        [0; 32],
    )
}

fn plans_of(catalog: &Catalog, policy: &Policy, text: &str, type_oid: u32) -> Vec<ColumnPlan> {
    let path = SearchPath::known(["ehr"]);
    let statements = crate::sql::read(text.as_bytes(), catalog, &path);
    let statements = statements.unwrap_or_else(|error| panic!("{text}: {error}"));
    let flows = match &statements[0].lineage.outputs {
        Ok(Outputs::Each(flows)) => flows.clone(),
        Ok(Outputs::Any(flow)) => vec![flow.clone()],
        other => panic!("{text}: {other:?}"),
    };
    let column = ColumnFacts {
        name: b"x"[..].into(),
        table_oid: 0,
        attnum: 0,
        type_oid,
    };
    flows
        .iter()
        .map(|flow| policy.plan_computed(catalog, &column, flow))
        .collect()
}

fn plan_as(text: &str, type_oid: u32) -> ColumnPlan {
    let mut plans = plans_of(&catalog(), &policy(), text, type_oid);
    assert_eq!(plans.len(), 1, "{text}");
    plans.remove(0)
}

fn plan(text: &str) -> ColumnPlan {
    plan_as(text, TEXT)
}

const BY_NUMBER: Decision = Decision::Mask(RuleId(0));

#[test]
fn every_derivation_is_masked_whole() {
    for text in [
        "select substr(ssn, 1, 11) from patients",
        "select reverse(ssn) from patients",
        "select ssn || '' from patients",
        "select row_to_json(p) from patients p",
        "select to_jsonb(p) from patients p",
        "select p::text from patients p",
        "select array_agg(ssn) from patients",
        "select string_agg(ssn, ',') from patients",
        "select case when ssn like '1%' then 'a' end from patients",
        "select lag(ssn) over (order by id) from patients",
        "select x from (select reverse(ssn) x from patients) q",
        "select label from codes union select reverse(ssn) from patients",
        "select shout from shouts",
        "select whisper from over",
        "select reverse(shout) from shouts",
        "with q as (select reverse(ssn) as x from patients) select x from q",
        "select ssn::varchar from patients",
        "select lower(ssn) from patients",
        "select md5(ssn) from patients",
        "select encode(ssn::bytea, 'base64') from patients",
        "select concat_ws(' ', city, ssn) from patients",
        "select regexp_replace(ssn, '(.)', '\\1 ') from patients",
        "select v.x || p.ssn from patients p join (values ('1'), ('2')) v(x) on true",
        "select c from patients, lateral unnest(string_to_array(ssn, null)) c",
        "select to_jsonb(p) ->> 'ssn' from patients p",
        "select (json_agg(p) -> 0) ->> 'ssn' from patients p",
        "select max(ssn) from patients",
        "select repeat('x', substr(ssn, 1, 1)::int) from patients",
        "select translate(ssn, '0123456789', 'abcdefghij') from patients",
        "select xmlforest(ssn)::text from patients",
        "select n.x from patients, json_to_record(to_json(patients)) as n(x text)",
        "select (select reverse(ssn) from patients limit 1)",
        "delete from patients returning reverse(ssn)",
    ] {
        let plan = plan(text);
        assert_eq!(plan.decision, BY_NUMBER, "{text}");
        let is_whole = matches!(plan.strategy, Strategy::Uniform | Strategy::Null);
        assert!(is_whole, "{text}");
    }
    let number = plan_as("select ssn::bigint + 1 from patients", INT8);
    assert_eq!(
        (number.decision, number.strategy),
        (BY_NUMBER, Strategy::Uniform)
    );
}

#[test]
fn the_value_itself_is_masked_as_its_rule_says() {
    for text in [
        "select ssn from patients",
        "select x from (select ssn as x from patients) q",
        "with q as (select ssn from patients) select ssn from q",
        "select label from codes union select ssn from patients",
        "select (select ssn from patients limit 1)",
        "select coalesce(ssn, '') from patients",
    ] {
        let plan = plan(text);
        assert_eq!(
            (plan.decision, plan.strategy),
            (BY_NUMBER, LAST_FOUR),
            "{text}"
        );
    }
}

#[test]
fn what_tells_nothing_is_not_masked() {
    for text in [
        "select count(ssn) from patients",
        "select count(distinct ssn) * 2 from patients",
        "select row_number() over (order by ssn) from patients",
        "select ssn is not null from patients",
        "select exists (select 1 from patients where ssn = '1')",
        "select upper(city) from patients",
        "select city || id from patients",
        "select n from shouts",
        "select city from shouts",
        "select place from over",
        "select label from codes union select city from patients",
        "select now()",
        "select doc ->> 'visit' from patients",
    ] {
        assert_eq!(plan(text).decision, Decision::Scan, "{text}");
    }
}

#[test]
fn what_may_know_more_is_masked() {
    for text in [
        "select own_function(city) from patients",
        "select own_function(1)",
        "select query_to_xml('select 1', true, true, '')",
        "select x from not_in_the_catalog",
        "select current_setting('my.value')",
        "select most_common_vals::text from pg_stats",
        "select array_to_string(most_common_vals::text::text[], ',') from pg_stats",
    ] {
        assert_eq!(plan(text).decision, Decision::MaskByDefault, "{text}");
        let strategy = plan(text).strategy;
        assert!(
            matches!(strategy, Strategy::Uniform | Strategy::Null),
            "{text}"
        );
    }
    let plan = plan("select own_function(ssn) from patients");
    assert_eq!((plan.decision, plan.strategy), (BY_NUMBER, Strategy::Null));
}

#[test]
fn where_a_null_tells_of_the_value_all_are() {
    for text in [
        "select nullif(ssn, '1') from patients",
        "select nullif(substr(ssn, 1, 1), '1') || '' from patients",
        "select case when ssn < '5' then 1 end from patients",
        "select sum(case when ssn < '5' then 1 end) from patients",
        "select substring(ssn from '^1') from patients",
        "select (regexp_match(ssn, '^1'))[1] from patients",
        "select (array[1])[ascii(ssn) - 48] from patients",
        "select nth_value(id, ascii(ssn) - 48) over () from patients",
        "select (select 1 from codes where patients.ssn < '5') || ssn from patients",
        "select (id).own_function from patients",
    ] {
        let plan = plan(text);
        assert_ne!(plan.decision, Decision::Scan, "{text}");
        assert_eq!(plan.strategy, Strategy::Null, "{text}");
    }
    for text in [
        "select lower(ssn) from patients",
        "select substr(ssn, 1, 3) || '-' from patients",
        "select max(ssn) from patients",
        "select string_agg(ssn, ',') from patients",
    ] {
        assert_eq!(plan(text).strategy, Strategy::Uniform, "{text}");
    }
}

#[test]
fn members_of_documents_are_masked_by_their_key() {
    let secret = Decision::Mask(RuleId(1));
    for text in [
        "select doc ->> 'secret' from patients",
        "select reverse(doc ->> 'secret') from patients",
        "select doc #>> '{a,secret}' from patients",
        "select doc['secret'] from patients",
        "select jsonb_path_query_first(doc, '$.secret') from patients",
    ] {
        assert_eq!(plan(text).decision, secret, "{text}");
    }
    for text in [
        "select reverse(doc::text) from patients",
        "select value from patients, jsonb_each_text(doc)",
        "select doc ->> k from patients, (values ('sec' || 'ret')) v(k)",
        "select '\"' || doc::text from patients",
    ] {
        assert_eq!(plan(text).decision, Decision::MaskByDefault, "{text}");
    }
    for text in [
        "select doc::text from patients",
        "select jsonb_pretty(doc) from patients",
    ] {
        assert_eq!(plan(text).decision, Decision::Scan, "{text}");
    }
}

#[test]
fn a_view_is_judged_by_what_it_computes_whoever_describes_it() {
    let (catalog, policy) = (catalog(), policy());
    let described = |table_oid: u32, attnum: i16| {
        let name = b"x"[..].into();
        policy.plan(
            &catalog,
            &ColumnFacts {
                name,
                table_oid,
                attnum,
                type_oid: TEXT,
            },
        )
    };
    for (view, attnum) in [(SHOUTS, 1), (OVER, 1)] {
        let plan = described(view, attnum);
        assert_eq!(
            (plan.decision, plan.strategy),
            (BY_NUMBER, Strategy::Uniform)
        );
    }
    for (view, attnum) in [(SHOUTS, 2), (SHOUTS, 3), (OVER, 2)] {
        assert_eq!(described(view, attnum).decision, Decision::Scan);
    }
}

#[test]
fn a_rule_about_the_output_does_not_weaken_what_flows_in() {
    let (catalog, policy) = (catalog(), policy());
    let mut named = policy.clone();
    named.rules[0].selector = Selector::ColumnName(Glob::new("ssn").unwrap());
    let text = "select reverse(ssn) as ssn from patients";
    let column = ColumnFacts {
        name: b"ssn"[..].into(),
        table_oid: 0,
        attnum: 0,
        type_oid: TEXT,
    };
    let path = SearchPath::known(["ehr"]);
    let statements = crate::sql::read(text.as_bytes(), &catalog, &path).unwrap();
    let Ok(Outputs::Each(flows)) = &statements[0].lineage.outputs else {
        panic!("{statements:?}");
    };
    let plan = named.plan_computed(&catalog, &column, &flows[0]);
    assert_eq!(
        (plan.decision, plan.strategy),
        (BY_NUMBER, Strategy::Uniform)
    );
}

#[test]
fn without_rules_nothing_changes() {
    let catalog = catalog();
    let content = Some(Strategy::Redact);
    let scan = Policy::new("p".to_owned(), Vec::new(), content, Messages::Scan, [0; 32]);
    let plans = plans_of(
        &catalog,
        &scan,
        "select own_function(ssn) from patients",
        TEXT,
    );
    assert_eq!(plans[0].decision, Decision::Scan);
    let plans = plans_of(
        &catalog,
        &Policy::exempt(),
        "select reverse(ssn) from patients",
        TEXT,
    );
    assert_eq!(plans[0].decision, Decision::Pass);
}

#[test]
fn relations_with_ruled_columns_are_known() {
    let (catalog, policy) = (catalog(), policy());
    for (relation, expected) in [
        (PATIENTS, true),
        (CODES, false),
        (SHOUTS, true),
        (OVER, true),
        (STATISTICS, true),
    ] {
        assert_eq!(
            policy.rules_relation(&catalog, relation),
            expected,
            "{relation}"
        );
    }
}
