//! Fields of composite types that are no table's rows: rules about their names hold wherever a
//! value of the type goes.

use crate::catalog::{Catalog, TypeKind, table};
use crate::cell::{ColumnFacts, ColumnPlan, Decision};
use crate::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};
use crate::sql::lineage::{Outputs, SearchPath};

const PEOPLE: u32 = 20_000;
const VIEW: u32 = 20_001;
const TEXT: u32 = 25;
const CONTACT: u32 = 30_000;
const CONTACTS: u32 = 30_001;
const CARD: u32 = 30_002;
const PLACE: u32 = 30_003;
const PERSON: u32 = 30_004;
const KEPT: u32 = 30_005;

/// A composite type, and its fields with their types.
type Typed = (u32, &'static str, &'static [(&'static str, u32)]);

/// `people` has contacts, alone, in lists, inside of a card, and by a domain, and a place, in which
/// no rule is about anything.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let people = [
        ("id", 20),
        ("c", CONTACT),
        ("many", CONTACTS),
        ("card", CARD),
        ("kept", KEPT),
        ("at", PLACE),
    ];
    catalog
        .relations
        .insert(PEOPLE, table("ehr", "people", &people));
    let mut view = table("ehr", "shown", &[("it", CONTACT)]);
    view.is_view = true;
    view.columns[0].origins = vec![(PEOPLE, 2)];
    catalog.relations.insert(VIEW, view);
    let fields: [Typed; 3] = [
        (40_000, "contact", &[("ssn", TEXT), ("city", TEXT)]),
        (40_001, "card", &[("holder", CONTACT)]),
        (40_002, "place", &[("city", TEXT)]),
    ];
    for (oid, name, fields) in fields {
        catalog.composites.insert(oid, table("ehr", name, fields));
    }
    let composite = |attributes: &[u32]| TypeKind::Composite {
        attributes: attributes.to_vec(),
    };
    let row: Vec<u32> = people.iter().map(|(_, oid)| *oid).collect();
    for (oid, name, kind) in [
        (CONTACT, "contact", composite(&[TEXT, TEXT])),
        (CONTACTS, "_contact", TypeKind::Array { element: CONTACT }),
        (CARD, "card", composite(&[CONTACT])),
        (KEPT, "kept", TypeKind::Domain { base: CONTACT }),
        (PLACE, "place", composite(&[TEXT])),
        (PERSON, "people", composite(&row)),
    ] {
        catalog.types.insert(oid, (name.to_owned(), kind));
    }
    catalog
}

fn policies() -> [Policy; 2] {
    let glob = |pattern: &str| Glob::new(pattern).unwrap();
    let by_column = Selector::Column {
        schema: glob("ehr"),
        table: glob("contact"),
        column: glob("ssn"),
    };
    [Selector::ColumnName(glob("ssn")), by_column].map(|selector| {
        let rule = Rule {
            name: "ssn".to_owned(),
            selector,
            strategy: Strategy::Redact,
        };
        Policy::new("p".to_owned(), vec![rule], None, Messages::Strict, [0; 32])
    })
}

fn hides(plan: &ColumnPlan) -> bool {
    matches!(plan.decision, Decision::Mask(_) | Decision::MaskByDefault)
}

#[test]
fn a_value_with_a_ruled_field_is_masked_whole() {
    let catalog = catalog();
    for (table_oid, attnum, type_oid, hidden) in [
        (PEOPLE, 2, CONTACT, true),
        (PEOPLE, 3, CONTACTS, true),
        (PEOPLE, 4, CARD, true),
        (PEOPLE, 5, KEPT, true),
        (PEOPLE, 0, PERSON, true),
        (VIEW, 1, CONTACT, true),
        (0, 0, CONTACT, true),
        (0, 0, PERSON, true),
        (PEOPLE, 1, 20, false),
        (PEOPLE, 6, PLACE, false),
        (0, 0, PLACE, false),
    ] {
        for policy in policies() {
            let facts = ColumnFacts {
                name: b"x"[..].into(),
                table_oid,
                attnum,
                type_oid,
            };
            let plan = policy.plan(&catalog, &facts);
            assert_eq!(hides(&plan), hidden, "{facts:?}");
        }
    }
}

#[test]
fn what_is_taken_out_of_it_is_masked_as_what_is_computed_from_it() {
    let catalog = catalog();
    for (text, hidden) in [
        ("select (c).ssn from people", true),
        ("select (p.c).ssn as n from people p", true),
        ("select (it).ssn from shown", true),
        ("select upper((c).ssn) from people", true),
        ("select c::text from people", true),
        ("select (many[1]).ssn from people", true),
        ("select ((card).holder).ssn from people", true),
        ("select (kept).ssn from people", true),
        ("select row_to_json(p) from people p", true),
        ("select p::text from people p", true),
        ("select (unnest(many)).ssn from people", true),
        ("select q.x from (select (c).ssn as x from people) q", true),
        ("select max((c).ssn) from people", true),
        ("select (at).city from people", false),
        ("select at::text from people", false),
        ("select count(c) from people", false),
        ("select id from people where (at).city = ''", false),
    ] {
        let path = SearchPath::Unknown;
        let statements = crate::sql::read(text.as_bytes(), &catalog, &path).unwrap();
        let flow = match &statements[0].lineage.outputs {
            Ok(Outputs::Each(flows)) => flows[0].clone(),
            Ok(Outputs::Any(flow)) => flow.clone(),
            other => panic!("{text}: {other:?}"),
        };
        for policy in policies() {
            let facts = ColumnFacts {
                name: b"x"[..].into(),
                table_oid: 0,
                attnum: 0,
                type_oid: TEXT,
            };
            let plan = policy.plan_computed(&catalog, &facts, &flow);
            assert_eq!(hides(&plan), hidden, "{text}");
        }
    }
}
