//! What flows where, statement by statement.

#![allow(clippy::unwrap_used, reason = "a test fails where it should")]

mod names;

use super::*;
use crate::catalog::table;

const PATIENTS: u32 = 20_000;
const VISITS: u32 = 20_001;
const CODES: u32 = 20_002;
const OTHER_CODES: u32 = 20_003;
const TWICE_HERE: u32 = 20_004;
const TWICE_THERE: u32 = 20_005;

const ID: Origin = (PATIENTS, 1);
const SSN: Origin = (PATIENTS, 2);
const NAME: Origin = (PATIENTS, 3);
const DOC: Origin = (PATIENTS, 4);
const TAGS: Origin = (PATIENTS, 5);
const VISIT: Origin = (VISITS, 1);
const PATIENT: Origin = (VISITS, 2);
const NOTE: Origin = (VISITS, 3);
const CODE: Origin = (CODES, 1);
const LABEL: Origin = (CODES, 2);

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let patients = [
        ("id", 20),
        ("ssn", 25),
        ("name", 25),
        ("doc", 3802),
        ("tags", 1009),
    ];
    for (oid, relation) in [
        (PATIENTS, table("ehr", "patients", &patients)),
        (
            VISITS,
            table(
                "ehr",
                "visits",
                &[("id", 20), ("patient_id", 20), ("note", 25)],
            ),
        ),
        (CODES, table("ehr", "codes", &[("code", 25), ("label", 25)])),
        (
            OTHER_CODES,
            table("old", "codes", &[("code", 25), ("label", 25)]),
        ),
        (TWICE_HERE, table("ehr", "twice", &[("a", 25), ("b", 25)])),
        (
            TWICE_THERE,
            table("old", "twice", &[("b", 25), ("c", 25), ("d", 25)]),
        ),
    ] {
        catalog.relations.insert(oid, relation);
    }
    catalog.own_functions.insert("decrypt_ssn".to_owned());
    catalog.own_operators.insert("<=>".to_owned());
    catalog
}

fn path() -> SearchPath {
    SearchPath::known(["ehr"])
}

fn outputs_of(text: &str, path: &SearchPath) -> Result<Outputs, Unresolved> {
    let catalog = catalog();
    velum_parser::read(
        text.as_bytes(),
        Default::default(),
        &limits::TREE,
        |statements| lineage(&statements[0], &catalog, path).outputs,
    )
    .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn flows(text: &str) -> Vec<Flow> {
    match outputs_of(text, &path()) {
        Ok(Outputs::Each(flows)) => flows,
        other => panic!("{text}: {other:?}"),
    }
}

/// What flows into the one column of a statement.
fn flow(text: &str) -> Flow {
    let mut flows = flows(text);
    assert_eq!(flows.len(), 1, "{text}: {flows:?}");
    flows.remove(0)
}

#[track_caller]
fn is(text: &str, kind: Kind, sources: &[Origin]) {
    let flow = flow(text);
    assert_eq!(
        (flow.kind, flow.sources.as_slice()),
        (kind, sources),
        "{text}: {flow:?}"
    );
}

#[track_caller]
fn are(text: &str, expected: &[(Kind, &[Origin])]) {
    let flows = flows(text);
    let found: Vec<_> = flows
        .iter()
        .map(|flow| (flow.kind, flow.sources.as_slice()))
        .collect();
    assert_eq!(found, expected, "{text}");
}

use Kind::{Constant, Count, Derived, Opaque, Plain};

#[test]
fn a_column_by_any_name_is_itself() {
    for text in [
        "select ssn from patients",
        "select p.ssn as x from patients p",
        "select ehr.patients.ssn from ehr.patients",
        "select x from (select ssn from patients) q(x)",
        "select x from (select ssn as x from patients) q",
        "with q as (select ssn from patients) select ssn from q",
        "with q(x) as (select ssn from patients) select q.x from q",
        "with q as (select ssn from patients), r as (select * from q) select * from r",
        "select (p).ssn from patients p",
        "select (select ssn from patients limit 1)",
        "select s.ssn from codes, lateral (select ssn from patients) s",
        "select ssn collate \"C\" from patients",
        "select coalesce(ssn, 'none') from patients",
        "select ssn from patients group by ssn order by 1",
        "select distinct on (id) ssn from patients",
        "insert into patients (ssn) values ('1') returning ssn",
        "update patients set name = '' from codes where true returning patients.ssn",
        "delete from patients using codes returning ssn",
        "delete from patients returning old.ssn",
        "merge into codes c using patients p on c.code = p.name when matched then delete \
         returning p.ssn",
        "with d as (delete from patients returning ssn) select ssn from d",
        "copy (select ssn from patients) to stdout",
        "copy patients (ssn) to stdout",
        "select a.ssn from patients a join patients b using (id)",
        "select j.ssn from (patients join visits using (id)) j",
        "select ssn from patients tablesample system (10)",
        "select x.ssn from only patients as x",
        "select patients.ssn from patients for update",
        "select ssn from patients order by 1 fetch first 1 row with ties",
    ] {
        is(text, Plain, &[SSN]);
    }
}

#[test]
fn what_is_computed_keeps_its_sources() {
    for text in [
        "select substr(ssn, 1, 11) from patients",
        "select reverse(ssn) from patients",
        "select ssn || '' from patients",
        "select '' || lower(ssn) from patients",
        "select case when ssn like '1%' then 1 else 0 end from patients",
        "select case ssn when '1' then 'a' end from patients",
        "select ssn::varchar from patients",
        "select cast(ssn as bytea) from patients",
        "select md5(ssn) from patients",
        "select encode(convert_to(ssn, 'UTF8'), 'hex') from patients",
        "select concat_ws('-', ssn, 'x') from patients",
        "select regexp_replace(ssn, '-', '') from patients",
        "select array_agg(ssn) from patients",
        "select string_agg(ssn, ',') from patients",
        "select min(ssn) from patients",
        "select max(ssn) over (partition by name) from patients",
        "select lag(ssn) over (order by name) from patients",
        "select mode() within group (order by ssn) from patients",
        "select array[ssn] from patients",
        "select row(ssn) from patients",
        "select greatest(ssn, '') from patients",
        "select nullif(ssn, '') from patients",
        "select ssn = '1' from patients",
        "select ssn in ('1', '2') from patients",
        "select ssn between '1' and '2' from patients",
        "select not (ssn is distinct from '1') from patients",
        "select array(select ssn from patients)",
        "select '1' = any (select ssn from patients)",
        "select ('1', '2') in (select ssn, ssn from patients)",
        "select length(ssn) + 1 from patients",
        "select trim(both ' ' from ssn) from patients",
        "select extract(epoch from ssn::timestamp) from patients",
        "select overlay(ssn placing '' from 1) from patients",
        "select position('1' in ssn) from patients",
        "select format('%s', ssn) from patients",
        "select (array_agg(ssn))[1] from patients",
        "select json_build_object('a', ssn) from patients",
        "select json_object('a': ssn) from patients",
        "select json_array(ssn) from patients",
        "select json_array(select ssn from patients)",
        "select json_objectagg('a': ssn) from patients",
        "select json_arrayagg(ssn) from patients",
        "select xmlelement(name a, ssn) from patients",
        "select xmlforest(ssn) from patients",
        "select xmlserialize(content xmlelement(name a, ssn) as text) from patients",
        "select x from patients, unnest(string_to_array(ssn, '-')) x",
        "select x from patients cross join lateral regexp_split_to_table(ssn, '') as x",
        "select y from patients, lateral (select ssn || '') q(y)",
        "select x from (values ((select reverse(ssn) from patients limit 1))) v(x)",
        "select ssn at time zone 'x' from patients",
        "select u.x from patients p, rows from (unnest(array[p.ssn]) ) u(x)",
        "select pg_catalog.lower(ssn) from patients",
        "select ssn operator(pg_catalog.||) '' from patients",
        "select quote_literal(ssn) from patients",
        "select max(ssn) filter (where name = '') from patients",
        "select string_agg(ssn, ',' order by name) from patients",
        "select first_value(ssn) over w from patients window w as (order by id)",
    ] {
        is(text, Derived, &[SSN]);
    }
}

#[test]
fn several_sources_are_all_kept() {
    is(
        "select x.y from json_table((select to_json(ssn) from patients), '$' \
         columns (y text path '$')) x",
        Derived,
        &[SSN],
    );
    is("select ssn || name from patients", Derived, &[SSN, NAME]);
    is(
        "select case when ssn = '' then name end from patients",
        Derived,
        &[SSN, NAME],
    );
    is("select id % 2 from patients", Derived, &[ID]);
}

#[test]
fn a_row_is_all_of_its_columns() {
    for text in [
        "select p from patients p",
        "select row_to_json(p) from patients p",
        "select to_jsonb(patients) from patients",
        "select json_agg(p.*) from patients p",
        "select p::text from patients p",
        "select array_agg(patients) from patients",
    ] {
        is(text, Derived, &[(PATIENTS, 0)]);
    }
    is(
        "select row_to_json(q) from (select ssn, 1 as one from patients) q",
        Derived,
        &[SSN],
    );
    is(
        "with q as (select ssn from patients) select to_json(q) from q",
        Derived,
        &[SSN],
    );
    // A function in the notation of a column, and one that no column has.
    is(
        "select p.initials from patients p",
        Opaque,
        &[(PATIENTS, 0)],
    );
    is("select ssn(p) from patients p", Opaque, &[(PATIENTS, 0)]);
}

#[test]
fn counts_and_constants_show_nothing() {
    for text in [
        "select count(*) from patients",
        "select count(distinct ssn) from patients",
        "select count(ssn) filter (where ssn like '1%') from patients",
        "select row_number() over (order by ssn) from patients",
        "select rank() over (partition by ssn order by name) from patients",
        "select exists (select ssn from patients)",
        "select ssn is null from patients",
        "select count(ssn) * 100.0 / count(*) from patients",
        "explain select ssn from patients",
    ] {
        let kind = flow(text).kind;
        assert_eq!(kind, Count, "{text}");
    }
    for text in [
        "select 1",
        "select $1",
        "select 'x' || now()::text from patients",
        "select current_user",
        "select ctid from patients",
        "select patients.xmin from patients",
        "select generate_series from generate_series(1, 3)",
        "select grouping(ssn) from patients group by ssn",
        "select current_setting('server_version')",
        "show server_version",
        "select nextval('s')",
        "select version()",
    ] {
        is(text, Constant, &[]);
    }
    // Counted beside something else, only the other is a source.
    is(
        "select count(ssn) || name from patients group by name",
        Derived,
        &[NAME],
    );
    // Not a count: a value is compared with the column's.
    is(
        "select rank('1') within group (order by ssn) from patients",
        Derived,
        &[SSN],
    );
}

#[test]
fn what_is_not_known_is_opaque() {
    is("select decrypt_ssn(id) from patients", Opaque, &[ID]);
    is("select ehr.lower(ssn) from patients", Opaque, &[SSN]);
    is("select decrypt_ssn(1)", Opaque, &[]);
    is("select ssn <=> name from patients", Opaque, &[SSN, NAME]);
    is(
        "select query_to_xml('select ssn from patients', true, true, '')",
        Opaque,
        &[],
    );
    is("select current_setting('my.setting')", Opaque, &[]);
    is(
        "select current_setting(name) from patients",
        Opaque,
        &[NAME],
    );
    is("show my.setting", Opaque, &[]);
    is("select a from not_in_the_catalog", Opaque, &[]);
    is("select f.ssn from decrypt_ssn(1) f", Opaque, &[]);
    is("select f.x from decrypt_ssn(1) as f(x text)", Opaque, &[]);
    is("select count(*) from not_in_the_catalog", Count, &[]);
    assert_eq!(
        outputs_of("call p(1)", &path()),
        Ok(Outputs::Any(Flow::unknown()))
    );
    let any = outputs_of("select * from patients, decrypt_ssn(1)", &path());
    let Ok(Outputs::Any(flow)) = any else {
        panic!("{any:?}");
    };
    assert_eq!(
        (flow.kind, flow.sources),
        (Opaque, vec![ID, SSN, NAME, DOC, TAGS])
    );
}

#[test]
fn keys_of_documents_are_followed() {
    let keys = |text: &str| {
        let flow = flow(text);
        assert_eq!(flow.sources, [DOC], "{text}");
        let keys: Vec<String> = flow.keys.iter().map(|key| key.to_string()).collect();
        (keys, flow.members)
    };
    for text in [
        "select doc->'ssn' from patients",
        "select doc->>'ssn' from patients",
        "select doc['ssn'] from patients",
        "select upper(doc->>'ssn') from patients",
        "select jsonb_extract_path_text(doc, 'ssn') from patients",
        "select jsonb_path_query(doc, '$.ssn') from patients",
        "select doc #>> '{ssn}' from patients",
        "select doc #> array['ssn'] from patients",
        "select e->>'ssn' from patients, jsonb_array_elements(doc) e",
        "select q.d->>'ssn' from (select doc as d from patients) q",
    ] {
        let (keys, _) = keys(text);
        assert!(keys.iter().any(|key| key == "ssn"), "{text}: {keys:?}");
    }
    for text in [
        "select doc::text from patients",
        "select jsonb_pretty(doc) from patients",
        "select json_agg(doc) from patients",
        "select doc->'a'->0 from patients",
        "select row_to_json(row(doc)) from patients",
    ] {
        assert!(keys(text).1 < Members::Lost, "{text}");
    }
    for text in [
        "select reverse(doc::text) from patients",
        "select '\"' || doc::text from patients",
        "select doc->name from (select doc, 'k' || current_user as name from patients) q",
        "select value from patients, jsonb_each_text(doc)",
        "select jsonb_path_query(doc, '$.*') from patients",
        "select jsonb_path_query(doc, '$.\"\\u0073sn\"') from patients",
        "select json_value(doc, '$.a') from patients",
        "select to_json(doc::text) from patients",
    ] {
        assert_eq!(keys(text).1, Members::Lost, "{text}");
    }
}

#[test]
fn rows_of_other_statements_are_elsewhere() {
    for text in ["fetch all from c", "execute p(1)"] {
        assert_eq!(
            outputs_of(text, &path()),
            Err(Unresolved::Elsewhere),
            "{text}"
        );
    }
    for text in [
        "create table t as select ssn from patients",
        "select ssn into t from patients",
        "insert into codes select ssn from patients",
        "copy patients to '/tmp/file'",
        "copy patients from stdin",
        "set search_path to x",
        "begin",
        "vacuum",
    ] {
        assert_eq!(outputs_of(text, &path()), Ok(Outputs::None), "{text}");
    }
    // What comes later, by their name.
    let direct = outputs_of("select ssn from patients", &path());
    for text in [
        "declare c cursor for select ssn from patients",
        "prepare p as select ssn from patients",
    ] {
        assert_eq!(outputs_of(text, &path()), direct, "{text}");
    }
}

#[test]
fn work_is_bounded() {
    // Each doubles the columns of the one before.
    let mut text = "with t0 as (select * from patients)".to_owned();
    for level in 1..40 {
        let before = level - 1;
        text += &format!(", t{level} as (select a.*, b.* from t{before} a, t{before} b)");
    }
    text += " select * from t39";
    assert_eq!(outputs_of(&text, &path()), Err(Unresolved::Work));
    let mut text = "select 1".to_owned();
    for _ in 0..20 {
        text = format!(
            "with recursive t(n) as (select 1 union select max(n) from ({text}) q(n), t) \
             select n from t"
        );
    }
    assert_eq!(outputs_of(&text, &path()), Err(Unresolved::Work));
}

#[test]
fn definitions_of_views_are_read() {
    let catalog = catalog();
    let definition =
        b" SELECT upper(patients.name) AS shout,\n    patients.ssn\n   FROM ehr.patients;";
    let flows = view_columns(definition, &catalog).unwrap();
    let found: Vec<_> = flows
        .iter()
        .map(|flow| (flow.kind, flow.sources.clone()))
        .collect();
    assert_eq!(found, [(Derived, vec![NAME]), (Plain, vec![SSN])]);
    assert!(view_columns(b"select 1; select 2", &catalog).is_err());
    assert!(view_columns(b"not sql", &catalog).is_err());
}
