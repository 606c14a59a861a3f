//! Which rule decides about which column.

mod composites;
mod derivations;

use super::*;
use crate::catalog::{Catalog, Column, Relation, TypeKind};
use crate::cell::{ColumnFacts, Decision};

const PATIENTS: u32 = 16_400;
const VIEW: u32 = 16_401;
const VIEW_OF_VIEW: u32 = 16_402;
const PARTITION: u32 = 16_403;
const BROKEN_VIEW: u32 = 16_404;
const ADDRESS: u32 = 20_000;
const ADDRESSES: u32 = 20_001;
const CONTACT: u32 = 20_002;
const ROW: u32 = 20_003;
const ROWS: u32 = 20_004;

fn column(attnum: i16, name: &str, type_oid: u32, origins: &[(u32, i16)]) -> Column {
    let origins = origins.to_vec();
    Column {
        attnum,
        name: name.to_owned(),
        type_oid,
        generated: false,
        origins,
    }
}

fn relation(name: &str, parents: &[u32], columns: Vec<Column>) -> Relation {
    let (schema, name) = ("ehr".to_owned(), name.to_owned());
    Relation {
        children: Vec::new(),
        is_view: false,
        schema,
        name,
        columns,
        parents: parents.to_vec(),
    }
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let patients = vec![column(1, "id", 20, &[]), column(2, "ssn", 25, &[])];
    catalog
        .relations
        .insert(PATIENTS, relation("patients", &[], patients));
    let view = vec![
        column(1, "number", 25, &[(PATIENTS, 2)]),
        column(2, "n", 23, &[]),
    ];
    catalog.relations.insert(VIEW, relation("v", &[], view));
    let above = vec![column(1, "k", 25, &[(VIEW, 1), (VIEW_OF_VIEW, 1)])];
    catalog
        .relations
        .insert(VIEW_OF_VIEW, relation("vv", &[], above));
    // Its attribute numbers are not its parent's.
    let partition = vec![column(5, "ssn", 25, &[]), column(6, "extra", ADDRESS, &[])];
    catalog
        .relations
        .insert(PARTITION, relation("patients_2024", &[PATIENTS], partition));
    catalog.relations.get_mut(&PATIENTS).unwrap().children = vec![PARTITION];
    let broken = vec![column(1, "whatever", 25, &[(99_999, 1)])];
    catalog
        .relations
        .insert(BROKEN_VIEW, relation("b", &[], broken));
    for (oid, name, kind) in [
        (ADDRESS, "address", TypeKind::Domain { base: 869 }),
        (
            ROW,
            "patients",
            TypeKind::Composite {
                attributes: vec![20, 25],
            },
        ),
        (ROWS, "_patients", TypeKind::Array { element: ROW }),
        (ADDRESSES, "_address", TypeKind::Array { element: ADDRESS }),
        (
            CONTACT,
            "contact",
            TypeKind::Composite {
                attributes: vec![25, ADDRESSES, CONTACT],
            },
        ),
    ] {
        catalog.types.insert(oid, (name.to_owned(), kind));
    }
    catalog
}

fn facts(name: &str, table_oid: u32, attnum: i16, type_oid: u32) -> ColumnFacts {
    ColumnFacts {
        name: name.as_bytes().into(),
        table_oid,
        attnum,
        type_oid,
    }
}

fn rule(selector: Selector) -> Rule {
    Rule {
        name: "r".to_owned(),
        selector,
        strategy: Strategy::Redact,
    }
}

fn glob(pattern: &str) -> Glob {
    Glob::new(pattern).unwrap()
}

fn by_column(schema: &str, table: &str, column: &str) -> Rule {
    let (schema, table, column) = (glob(schema), glob(table), glob(column));
    rule(Selector::Column {
        schema,
        table,
        column,
    })
}

fn by_name(pattern: &str) -> Rule {
    rule(Selector::ColumnName(glob(pattern)))
}

fn by_type(name: &str) -> Rule {
    rule(Selector::SqlType(name.to_owned()))
}

fn decide(rules: Vec<Rule>, facts: &ColumnFacts) -> Decision {
    let policy = Policy::new("p".to_owned(), rules, None, Messages::Strict, [0; 32]);
    policy.plan(&catalog(), facts).decision
}

const MASK: Decision = Decision::Mask(RuleId(0));

#[test]
fn a_column_rule_follows_aliases_views_and_partitions() {
    for (facts, wanted) in [
        (facts("x", PATIENTS, 2, 25), MASK),
        (facts("ssn", PATIENTS, 1, 20), Decision::Pass),
        (facts("x", VIEW, 1, 25), MASK),
        (facts("x", VIEW, 2, 23), Decision::Pass),
        (facts("x", VIEW_OF_VIEW, 1, 25), MASK),
        (facts("x", PARTITION, 5, 25), MASK),
        (facts("x", PARTITION, 6, 869), Decision::Pass),
        (facts("ssn", 0, 0, 25), Decision::Pass),
    ] {
        let decision = decide(vec![by_column("ehr", "patients", "ssn")], &facts);
        assert_eq!(decision, wanted, "{facts:?}");
    }
    let x = facts("x", PATIENTS, 2, 25);
    assert_eq!(
        decide(vec![by_column("other", "patients", "ssn")], &x),
        Decision::Pass
    );
    assert_eq!(decide(vec![by_column("*", "PAT*", "s?n")], &x), MASK);
}

/// Rows of a child are read through its parent, and through views of that; not through a sibling.
#[test]
fn a_rule_on_a_child_holds_for_what_its_parent_shows() {
    let on_child = || vec![by_column("ehr", "patients_2024", "ssn")];
    for (facts, wanted) in [
        (facts("x", PATIENTS, 2, 25), MASK),
        (facts("x", VIEW, 1, 25), MASK),
        (facts("x", VIEW_OF_VIEW, 1, 25), MASK),
        (facts("x", PARTITION, 5, 25), MASK),
        (facts("x", 0, 0, ROWS), MASK),
        (facts("x", PATIENTS, 1, 20), Decision::Pass),
    ] {
        assert_eq!(decide(on_child(), &facts), wanted, "{facts:?}");
    }
    let sibling = 30_000;
    let mut catalog = catalog();
    let columns = vec![column(1, "ssn", 25, &[])];
    let below = relation("patients_2025", &[PATIENTS], columns);
    catalog.relations.insert(sibling, below);
    let parent = catalog.relations.get_mut(&PATIENTS).unwrap();
    parent.children.push(sibling);
    let policy = Policy::new("p".to_owned(), on_child(), None, Messages::Strict, [0; 32]);
    let plan = policy.plan(&catalog, &facts("x", sibling, 1, 25));
    assert_eq!(plan.decision, Decision::Pass);
}

#[test]
fn a_row_shows_its_columns() {
    for (facts, wanted) in [
        (facts("p", PATIENTS, 0, ROW), MASK),
        (facts("p", PATIENTS, 0, 2249), MASK),
        (facts("p", VIEW, 0, 2249), MASK),
        (facts("p", 0, 0, ROW), MASK),
        (facts("p", 0, 0, ROWS), MASK),
        (facts("p", BROKEN_VIEW, 0, 2249), Decision::Pass),
        (facts("p", 0, 0, CONTACT), Decision::Pass),
        (facts("p", 77_777, 0, 2249), Decision::Pass),
        (facts("ssn", 77_777, 0, 2249), MASK),
    ] {
        let decision = decide(vec![by_column("ehr", "patients", "ssn")], &facts);
        assert_eq!(decision, wanted, "{facts:?}");
        let unknown = [77_777, BROKEN_VIEW].contains(&facts.table_oid);
        let masked = decide(vec![by_column("*", "none", "*")], &facts) == MASK;
        assert_eq!(masked, unknown, "{facts:?}");
    }
}

#[test]
fn what_the_catalog_does_not_know_is_matched_by_name_alone() {
    let rules = || vec![by_column("other", "other", "ssn")];
    for (facts, wanted) in [
        (facts("ssn", 77_777, 1, 25), MASK),
        (facts("x", 77_777, 1, 25), Decision::Pass),
        (facts("ssn", PATIENTS, 9, 25), MASK),
        (facts("ssn", BROKEN_VIEW, 1, 25), MASK),
        (facts("x", BROKEN_VIEW, 1, 25), Decision::Pass),
    ] {
        assert_eq!(decide(rules(), &facts), wanted, "{facts:?}");
    }
    let x = facts("x", BROKEN_VIEW, 1, 25);
    assert_eq!(
        decide(vec![by_column("other", "other", "whatever")], &x),
        MASK
    );
}

#[test]
fn a_catalog_that_could_not_be_read_hides_what_it_does_not_know() {
    let mut catalog = catalog();
    catalog.unreadable = true;
    let rules = vec![by_column("other", "other", "ssn")];
    let policy = Policy::new("p".to_owned(), rules, None, Messages::Strict, [0; 32]);
    for (facts, wanted) in [
        (facts("ssn", 77_777, 1, 25), MASK),
        (facts("x", 77_777, 1, 25), Decision::MaskByDefault),
        (facts("x", 77_777, 0, 2249), Decision::MaskByDefault),
        (facts("x", PATIENTS, 9, 25), Decision::MaskByDefault),
        (facts("x", BROKEN_VIEW, 1, 25), Decision::MaskByDefault),
        (facts("x", 0, 0, 99_999), Decision::MaskByDefault),
        (facts("x", PATIENTS, 1, 25), Decision::Pass),
        (facts("ctid", PATIENTS, -1, 27), Decision::Pass),
        (facts("x", 0, 0, 25), Decision::Pass),
    ] {
        assert_eq!(policy.plan(&catalog, &facts).decision, wanted, "{facts:?}");
    }
}

#[test]
fn what_the_server_quotes_is_hidden() {
    const ACTIVITY: u32 = 12_000;
    const STATISTIC: u32 = 12_001;
    let mut catalog = catalog();
    let mut activity = relation("pg_stat_activity", &[], vec![column(1, "query", 25, &[])]);
    activity.schema = "pg_catalog".to_owned();
    activity.columns.push(column(2, "state", 25, &[]));
    catalog.relations.insert(ACTIVITY, activity);
    let attributes = vec![26, 2277];
    let row = TypeKind::Composite { attributes };
    catalog
        .types
        .insert(STATISTIC, ("pg_statistic".to_owned(), row));
    let any_array = ("anyarray".to_owned(), TypeKind::Base);
    catalog.types.insert(2277, any_array);
    let decide = |rules, facts: &ColumnFacts| {
        let policy = Policy::new("p".to_owned(), rules, None, Messages::Strict, [0; 32]);
        policy.plan(&catalog, facts).decision
    };
    for (facts, wanted) in [
        (facts("x", ACTIVITY, 1, 25), Decision::MaskByDefault),
        (facts("x", ACTIVITY, 0, 2249), Decision::MaskByDefault),
        (facts("state", ACTIVITY, 2, 25), Decision::Pass),
        (facts("query", PATIENTS, 1, 25), Decision::Pass),
        (facts("x", 0, 0, 2277), Decision::MaskByDefault),
        (facts("x", 0, 0, 5017), Decision::MaskByDefault),
        (facts("x", 0, 0, STATISTIC), Decision::MaskByDefault),
    ] {
        let rules = vec![by_column("other", "other", "ssn")];
        assert_eq!(decide(rules, &facts), wanted, "{facts:?}");
    }
    let query = facts("query", ACTIVITY, 1, 25);
    assert_eq!(decide(vec![by_name("query")], &query), MASK);
    assert_eq!(decide(vec![], &query), Decision::Pass);
}

#[test]
fn a_name_rule_holds_for_output_and_base_names() {
    for (facts, wanted) in [
        (facts("SSN", 0, 0, 23), MASK),
        (facts("x", PATIENTS, 2, 23), MASK),
        (facts("x", VIEW_OF_VIEW, 1, 23), MASK),
        (facts("x", PATIENTS, 1, 23), Decision::Pass),
        (facts("number", 77_777, 1, 23), Decision::Pass),
    ] {
        assert_eq!(decide(vec![by_name("ssn")], &facts), wanted, "{facts:?}");
    }
    let odd = ColumnFacts {
        name: Box::new(*b"ss\xff"),
        table_oid: 0,
        attnum: 0,
        type_oid: 23,
    };
    assert_eq!(decide(vec![by_name("ss?")], &odd), MASK);
}

#[test]
fn a_type_rule_holds_for_what_is_built_from_the_type() {
    for (type_oid, name, wanted) in [
        (869, "inet", MASK),
        (1041, "INET", MASK),
        (ADDRESS, "inet", MASK),
        (ADDRESSES, "inet", MASK),
        (CONTACT, "inet", MASK),
        (CONTACT, "address", MASK),
        (869, "address", Decision::Pass),
        (650, "inet", Decision::Pass),
        (3904, "integer", MASK),
        (6150, "int", MASK),
        (99_999, "inet", Decision::Pass),
    ] {
        let decision = decide(vec![by_type(name)], &facts("x", 0, 0, type_oid));
        assert_eq!(decision, wanted, "{name} in {type_oid}");
    }
    // The wire says inet; the catalog knows that the column's type is a domain.
    assert_eq!(
        decide(vec![by_type("address")], &facts("x", PARTITION, 6, 869)),
        MASK
    );
}

#[test]
fn the_first_rule_wins() {
    let rules = || vec![by_type("inet"), by_name("ssn"), by_column("*", "*", "*")];
    assert_eq!(
        decide(rules(), &facts("ssn", PATIENTS, 2, 25)),
        Decision::Mask(RuleId(1))
    );
    assert_eq!(
        decide(rules(), &facts("id", PATIENTS, 1, 20)),
        Decision::Mask(RuleId(2))
    );
    assert_eq!(decide(rules(), &facts("id", 0, 0, 20)), Decision::Pass);
}

#[test]
fn without_a_rule_content_and_keys_decide() {
    let plan = |rules, content, type_oid| {
        let policy = Policy::new("p".to_owned(), rules, content, Messages::Strict, [0; 32]);
        policy
            .plan(&catalog(), &facts("x", 0, 0, type_oid))
            .decision
    };
    let redact = || Some(Strategy::Redact);
    for type_oid in [25, 23, 1082, 1009, 2249, 17, 99_999] {
        assert_eq!(
            plan(vec![], redact(), type_oid),
            Decision::Scan,
            "{type_oid}"
        );
    }
    assert_eq!(plan(vec![], redact(), 16), Decision::Pass);
    for (type_oid, wanted) in [
        (114, Decision::Scan),
        (3802, Decision::Scan),
        (25, Decision::Scan),
        (199, Decision::Scan),
        (2249, Decision::Scan),
        (23, Decision::Pass),
        (17, Decision::Pass),
    ] {
        assert_eq!(
            plan(vec![by_name("ssn")], None, type_oid),
            wanted,
            "{type_oid}"
        );
        assert_eq!(plan(vec![by_type("inet")], None, type_oid), Decision::Pass);
    }
}

#[test]
fn numbers_that_the_server_counts_up_are_no_content() {
    let redact = Some(Strategy::Redact);
    let policy = Policy::new("p".to_owned(), vec![], redact, Messages::Strict, [0; 32]);
    let decide = |table, type_oid| {
        policy
            .plan(&catalog(), &facts("oid", table, 1, type_oid))
            .decision
    };
    for type_oid in [26, 28, 1028] {
        assert_eq!(
            decide(1259, type_oid),
            Decision::Pass,
            "pg_class {type_oid}"
        );
        // A user's own table holds what a user likes, and so does what is computed.
        for table in [0, 16_384, 2613, 2995] {
            assert_eq!(
                decide(table, type_oid),
                Decision::Scan,
                "{table} {type_oid}"
            );
        }
    }
    assert_eq!(decide(1259, 25), Decision::Scan);
}

#[test]
fn policies_say_what_they_do() {
    assert!(Policy::exempt().judges_nothing());
    let new = |rules, content| Policy::new("p".to_owned(), rules, content, Messages::Scan, [0; 32]);
    assert!(new(vec![], None).judges_nothing());
    assert!(!new(vec![by_name("a")], None).judges_nothing());
    assert!(!new(vec![], Some(Strategy::Null)).judges_nothing());
    let policy = new(vec![by_name("a")], None);
    assert!(policy.has_rules());
    assert_eq!(
        policy.rule(RuleId(0)).map(|rule| rule.name.as_str()),
        Some("r")
    );
    assert_eq!(policy.rule(RuleId(1)), None);
}
