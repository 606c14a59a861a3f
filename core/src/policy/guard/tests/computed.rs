//! What errors and constraints tell of values, and what comes in lists.

use super::*;
use crate::catalog::{Tie, TieKind};
use crate::sql::effects::Place;

/// Whether they are errors tells of a value.
const FAILING: &[&str] = &[
    "select 1 / (case when ssn like '1%' then 0 else 1 end) from patients",
    "select 1 / (ascii(ssn) - 53) from patients",
    "select 1 / x from (select ascii(ssn) - 53 as x from patients) q",
    "select (case when ssn like '1%' then 'x' else '1' end)::int from patients",
    "select cast(case when ssn < '5' then '2000-01-01' else 'x' end as date) from patients",
    "select left(ssn, 3)::int - 531 from patients",
    "select ('1' || ssn)::int from patients",
    "select born + 2147480000 from patients",
    "select born + $1 from patients",
    "select born + interval '290000 years' from patients",
    "select timestamp '294276-01-01' - born from patients",
    "select born - v.x from patients, (values (1)) v (x)",
    "select extract(year from born)::int * 1100000 from patients",
    "select extract(year from born)::numeric(3, 0) from patients",
    "select sqrt(ascii(ssn) - 53) from patients",
    "select chr(ascii(ssn) - 53) from patients",
    "select substr(name, 1, ascii(ssn) - 53) from patients",
    "select split_part(name, '-', ascii(ssn) - 53) from patients",
    "select to_date(ssn, '??MM') from patients",
    "select to_number(ssn, $1) from patients",
    "select repeat(name, 100000000) from patients",
    "select replace(ssn, '5', repeat('x', 900000000)) from patients",
    "select ssn like concat('531', chr(92)) from patients",
    "select ssn like $1 from patients",
    "select 'a' ~ (case when ssn like '1%' then '(' else 'a' end) from patients",
    "select case when ssn like '1%' then 1 / (id - id) else 1 end from patients",
    "select case when ssn = '1' then id::text::int end from patients",
    "select case when ssn like '1%' then pg_sleep(1)::text end from patients",
    "select case when ssn like '1%' then nextval('s') end from patients",
    "select case when ssn like '1%' then risk_score(id) end from patients",
    "select case ssn when '1' then ln(id) end from patients",
    "select ssn like '1%' and 1 / (id - 1) > 0 from patients",
    "select case when name > 'M' then 2147483647 else 0 end + 1 from patients",
    "select (case when name > 'M' then '{1}'::int[] else '{{1,2}}' end) || '{{1}}' from patients",
    "select (doc || jsonb_build_object('a', case when ssn > '5' then 'x' end))::text::json -> 'a' \
     from patients",
    "select json(case when ssn > '5' then 'x' else '1' end) from patients",
    "select xmlparse(content case when ssn > '5' then '<' else 'a' end) from patients",
    "update visits v set ward = 'a' from patients p where v.patient_id = p.id \
     returning 1 / (ascii(ssn) - 53)",
    "with q as (select 1 / (ascii(ssn) - 53) from patients) select 1 from q",
    "insert into visits (id) select 1 / (ascii(ssn) - 53) from patients",
];

#[test]
fn what_may_be_an_error_by_a_value_of_the_statements_choice_is_refused() {
    let guard = Guard::default();
    let computed = |reason: &Reason| match reason {
        Reason::Learnt { place, .. } => *place == Place::Computed,
        _ => false,
    };
    for text in FAILING {
        let reason = is_refused(&guard, text);
        assert!(
            computed(&reason) || matches!(reason, Reason::Copied { .. }),
            "{text}: {reason:?}"
        );
        may_run(&Guard::open(), text);
    }
    let strict = Guard {
        predicates: Predicates::Refuse,
        ..Guard::default()
    };
    assert!(computed(&is_refused(
        &strict,
        "select ssn::int from patients"
    )));
}

/// The tables with what an application would have declared.
fn tied() -> Catalog {
    let mut catalog = catalog();
    let tie = |kind, columns: &[i16], to: &[(u32, i16)]| Tie {
        kind,
        columns: columns.to_vec(),
        to: to.to_vec(),
    };
    let patients = vec![
        tie(TieKind::Unique, &[1], &[]),
        tie(TieKind::Unique, &[2], &[]),
        tie(TieKind::Unique, &[3, 4], &[]),
        tie(TieKind::Check, &[4, 5], &[]),
    ];
    catalog.ties.insert(PATIENTS, patients);
    let claims = vec![tie(TieKind::Refers, &[2], &[(PATIENTS, 2)])];
    catalog.ties.insert(CLAIMS, claims);
    catalog
}

fn judged_tied(text: &str) -> Judged {
    let (catalog, policy) = (tied(), policy(Guard::default()));
    let statements = crate::sql::read(text.as_bytes(), &catalog, &SearchPath::Unknown);
    policy.admit(&catalog, &statements.unwrap(), false)
}

#[test]
fn what_a_constraint_tells_of_a_written_value_counts() {
    for (text, probes) in [
        ("insert into patients (id, ssn) values (1, '1')", 1),
        (
            "insert into patients (id, ssn) values (1, $1), (2, '2'), (3, default)",
            2,
        ),
        ("insert into patients (id, ssn) select 1, '1'", 1),
        (
            "insert into patients (id, ssn) values (1, '1') on conflict do nothing",
            1,
        ),
        ("insert into patients (id, name) values (1, 'a')", 1),
        (
            "insert into patients (id, city, born) values (1, 'a', '2000-01-01')",
            0,
        ),
        (
            "insert into patients (id, city) select id, ward from visits",
            0,
        ),
        (
            "insert into claims (id, patient_ssn, amount) values (1, '1', 5)",
            1,
        ),
        (
            "insert into claims (patient_ssn) select ssn from patients",
            0,
        ),
        ("update patients set ssn = '1' where id = 1", 1),
        (
            "update patients set ssn = default, born = '2000-01-01', city = 'a'",
            0,
        ),
        ("update claims set amount = 5 where id = 1", 0),
        (
            "merge into patients p using visits v on v.id = p.id \
             when matched then update set ssn = $1 \
             when not matched then insert (id, ssn) values (v.id, '1')",
            1,
        ),
        ("copy visits from stdin", 0),
        ("copy patients (id, city) from stdin", 0),
    ] {
        match judged_tied(text) {
            Ok(admission) => assert_eq!(admission.probes, probes, "{text}"),
            Err(denial) => panic!("{text}: {}", denial.to_refusal()),
        }
    }
}

#[test]
fn what_a_constraint_tells_of_many_values_is_refused() {
    for text in [
        "insert into patients (id, ssn) select g, '531-71-' || g from generate_series(0, 9999) g",
        "insert into patients (ssn) select note from claims",
        "insert into patients (ssn) select x from (values ('1'), ('2')) v (x)",
        "insert into patients (ssn) select x from (values ('1'), ('2')) v (x) \
         on conflict do nothing",
        "insert into claims (patient_ssn) select lpad(g::text, 9) from generate_series(0, 9999) g",
        "update patients set ssn = v.x from (values ('1')) v (x) where id = 1",
        "update claims set patient_ssn = note",
        "update patients set city = '1960' where id = 1",
        "insert into patients (id, city) values (1, 'a') on conflict (id) do update set city = 'b'",
        "copy patients from stdin",
        "copy claims (patient_ssn) from stdin",
    ] {
        let reason = judged_tied(text).unwrap_err().reason;
        assert!(
            matches!(reason, Reason::Learnt { .. }),
            "{text}: {reason:?}"
        );
    }
}

#[test]
fn elements_of_a_parameter_count_when_they_are_there() {
    let guard = Guard::default();
    for (text, lists) in [
        ("select id from patients where ssn = any($1)", &[1][..]),
        (
            "select id from patients where ssn = any($2::text[]) and city = $1",
            &[2],
        ),
        (
            "select id from patients where ssn <> all($1) or lower(name) = any($2)",
            &[1, 2],
        ),
        ("select id from patients where city = any($1)", &[]),
    ] {
        let admission = judged(&guard, text).unwrap();
        assert_eq!((admission.probes, &*admission.lists), (0, lists), "{text}");
    }
    for text in [
        "select id from patients where left(ssn, 3) = any($1)",
        "select id from patients where ssn < any($1)",
        "select id from patients where ssn like any($1)",
        "prepare p as select id from patients where ssn = any($1)",
    ] {
        let reason = is_refused(&guard, text);
        assert!(
            matches!(reason, Reason::Learnt { .. }),
            "{text}: {reason:?}"
        );
    }
}
