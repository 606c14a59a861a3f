//! What names, stars and places mean: joins, set operations, recursion, outputs without an alias.

use super::*;

#[test]
fn stars_are_expanded() {
    let patients: [(Kind, &[Origin]); 5] = [
        (Plain, &[ID]),
        (Plain, &[SSN]),
        (Plain, &[NAME]),
        (Plain, &[DOC]),
        (Plain, &[TAGS]),
    ];
    are("select * from patients", &patients);
    are("table patients", &patients);
    are("select p.* from codes, patients p", &patients);
    are("select (p).* from patients p", &patients);
    let any = outputs_of("select (min(p)).* from patients p", &path());
    assert!(matches!(any, Ok(Outputs::Any(flow)) if flow.sources == [(PATIENTS, 0)]));
}

#[test]
fn joins_merge_columns() {
    are(
        "select * from codes a join codes b using (code)",
        &[(Plain, &[CODE]), (Plain, &[LABEL]), (Plain, &[LABEL])],
    );
    are(
        "select * from patients natural join visits",
        &[
            (Plain, &[ID, VISIT]),
            (Plain, &[SSN]),
            (Plain, &[NAME]),
            (Plain, &[DOC]),
            (Plain, &[TAGS]),
            (Plain, &[PATIENT]),
            (Plain, &[NOTE]),
        ],
    );
    is(
        "select id from patients full join visits using (id)",
        Plain,
        &[ID, VISIT],
    );
    is(
        "select u.id from patients join visits using (id) as u",
        Plain,
        &[ID, VISIT],
    );
    is(
        "select visits.id from patients join visits using (id)",
        Plain,
        &[VISIT],
    );
    are(
        "select * from (patients join visits on true) as j(a, b) cross join codes limit 0",
        &[
            (Plain, &[ID]),
            (Plain, &[SSN]),
            (Plain, &[NAME]),
            (Plain, &[DOC]),
            (Plain, &[TAGS]),
            (Plain, &[VISIT]),
            (Plain, &[PATIENT]),
            (Plain, &[NOTE]),
            (Plain, &[CODE]),
            (Plain, &[LABEL]),
        ],
    );
}

#[test]
fn set_operations_show_either_side() {
    for text in [
        "select label from codes union select ssn from patients",
        "select ssn from patients union all select label from codes",
        "select label from codes intersect select ssn from patients",
        "(select label from codes except select label from codes) union (select ssn from patients)",
        "select x from (select label from codes union select ssn from patients) q(x)",
        "select x from (values ((select label from codes)), ((select ssn from patients))) v(x)",
        "select column1 from (values ((select label from codes)), ((select ssn from patients))) v",
    ] {
        is(text, Plain, &[SSN, LABEL]);
    }
    is("select 'x' union select ssn from patients", Plain, &[SSN]);
    is(
        "select 'x' union select reverse(ssn) from patients",
        Derived,
        &[SSN],
    );
    // What meets what is not certain where a side is open.
    let any = outputs_of(
        "select * from decrypt_ssn(1) union select ssn from patients",
        &path(),
    );
    assert!(matches!(any, Ok(Outputs::Any(flow)) if flow.sources == [SSN]));
}

#[test]
fn recursion_reaches_its_end() {
    is(
        "with recursive t(n) as (select 1 union all select n + 1 from t) select n from t",
        Constant,
        &[],
    );
    // What comes in by the second step leaves by the first column only in the third round.
    are(
        "with recursive t(a, b) as (
            select '', '' union all select b, ssn from t, patients) select a, b from t",
        &[(Plain, &[SSN]), (Plain, &[SSN])],
    );
    are(
        "with recursive t(id, path) as (
            select id, array[id] from visits
            union all select p.id, t.path || p.id from patients p join t on p.id = t.id)
         select * from t",
        &[(Plain, &[ID, VISIT]), (Derived, &[ID, VISIT])],
    );
    is(
        "with recursive t(n) as (select ssn from patients union all select n from t) \
         search depth first by n set way select way from t",
        Derived,
        &[SSN],
    );
    let later = "with recursive a as (select * from b), b as (select ssn from patients) \
                 select * from a";
    assert_eq!(outputs_of(later, &path()), Err(Unresolved::Circle));
}

#[test]
fn names_mean_what_postgresql_takes_them_for() {
    // A common table expression hides a table, and only below its WITH.
    is(
        "with patients as (select 1 as ssn) select ssn from patients",
        Constant,
        &[],
    );
    is(
        "with patients as (select 1 as ssn) select ssn from ehr.patients",
        Plain,
        &[SSN],
    );
    is(
        "with codes as (select ssn as label from patients), q as (select label from codes) \
         select label from q",
        Plain,
        &[SSN],
    );
    // An inner name hides an outer one; what the inner query has not, the outer one has.
    is(
        "select (select label from codes limit 1) from patients codes",
        Plain,
        &[LABEL],
    );
    is(
        "select (select ssn from codes limit 1) from patients",
        Plain,
        &[SSN],
    );
    is(
        "select (select max(p.ssn) from codes) from patients p",
        Derived,
        &[SSN],
    );
    // A subquery that is not LATERAL does not see its neighbours.
    let text =
        "select (select q.x from (select 'n' as name) s, (select name as x) q) from patients";
    is(text, Plain, &[NAME]);
    let text = "select (select q.x from (select 'n' as name) s, lateral (select name as x) q) \
                from patients";
    is(text, Constant, &[]);
    // A column goes before the row of a table of the same name.
    is("select label from codes label", Plain, &[LABEL]);
}

#[test]
fn outputs_without_an_alias_have_postgresqls_names() {
    is(
        "select lower from (select lower(ssn), 1 from patients) q",
        Derived,
        &[SSN],
    );
    is(
        "select \"case\" from (select case when ssn = '' then 1 end from patients) q",
        Derived,
        &[SSN],
    );
    is(
        "select text from (select 'a'::text, ssn from patients) q",
        Constant,
        &[],
    );
    is(
        "select ssn from (select ssn::text, 1 from patients) q",
        Derived,
        &[SSN],
    );
    is(
        "select \"max\" from (select (select max(ssn) from patients), 2) q",
        Derived,
        &[SSN],
    );
    assert_eq!(
        outputs_of("select nothing from codes", &path()),
        Err(Unresolved::Column)
    );
}

#[test]
fn an_uncertain_name_means_everything_it_can() {
    let any = SearchPath::Unknown;
    let codes = outputs_of("select code from codes", &any);
    let Ok(Outputs::Each(flows)) = codes else {
        panic!("{codes:?}");
    };
    assert_eq!(flows[0].sources, [CODE, (OTHER_CODES, 1)]);
    let twice = outputs_of("select b from twice", &any);
    let Ok(Outputs::Each(flows)) = twice else {
        panic!("{twice:?}");
    };
    assert_eq!(flows[0].sources, [(TWICE_HERE, 2), (TWICE_THERE, 1)]);
    let twice = outputs_of("select * from twice", &any);
    let Ok(Outputs::Any(flow)) = twice else {
        panic!("{twice:?}");
    };
    assert_eq!(flow.sources.len(), 5);
    for (schemas, sources) in [
        (&["nowhere", "old"][..], &[(OTHER_CODES, 1)][..]),
        (&["ehr"], &[CODE]),
        // Which of them may be used, the server alone knows.
        (&["old", "ehr"], &[CODE, (OTHER_CODES, 1)]),
    ] {
        let path = SearchPath::known(schemas.iter().copied());
        let codes = outputs_of("select code from codes", &path);
        let Ok(Outputs::Each(flows)) = codes else {
            panic!("{codes:?}");
        };
        assert_eq!(flows[0].sources, sources, "{schemas:?}");
    }
}
