//! Statements by what they tell of the columns `ssn`, `name` and `born` of `patients`, of
//! `patient_ssn` of `claims`, and of members `phone` of documents.

use crate::sql::effects::Place;

/// They tell of a value, by what stands here.
pub(super) const TELLING: &[(&str, Place)] = &[
    (
        "select id from patients where ssn like '1%'",
        Place::Predicate,
    ),
    ("select id from patients where ssn > '1'", Place::Predicate),
    (
        "select id from patients where ssn between '1' and '2'",
        Place::Predicate,
    ),
    (
        "select id from patients where substr(ssn, 1, 1) = '1'",
        Place::Predicate,
    ),
    (
        "select id from patients where ssn::varchar(1) = '1'",
        Place::Predicate,
    ),
    (
        "select id from patients where left(ssn, 1) in ('1', '2')",
        Place::Predicate,
    ),
    (
        "select id from patients where ssn like any($1)",
        Place::Predicate,
    ),
    (
        "select id from patients where ssn > any('{1,2}')",
        Place::Predicate,
    ),
    (
        "select id from patients where ssn in (select city from patients)",
        Place::Predicate,
    ),
    (
        "select id from patients where ssn = (select '1')",
        Place::Predicate,
    ),
    (
        "select id from patients where not (ssn ~ '^1' and id = 1)",
        Place::Predicate,
    ),
    (
        "select id from patients where case when ssn < '5' then true end",
        Place::Predicate,
    ),
    (
        "select id from patients where nullif(ssn, '1') is null",
        Place::Predicate,
    ),
    (
        "select nullif(ssn, '1') is null from patients",
        Place::Predicate,
    ),
    (
        "select count(nullif(ssn, '1')) from patients",
        Place::Predicate,
    ),
    (
        "select regr_count(case when ssn = '1' then 1 end, 1) from patients",
        Place::Predicate,
    ),
    (
        "select count(*) filter (where ssn < '5') from patients",
        Place::Predicate,
    ),
    (
        "select count(*) from patients having max(ssn) > '5'",
        Place::Predicate,
    ),
    (
        "select 1 where exists (select from patients where name > 'M')",
        Place::Predicate,
    ),
    (
        "with p as (select ssn as s from patients) select 1 from p where s ~ '1'",
        Place::Predicate,
    ),
    (
        "select 1 from (select ssn from patients) p(a) where a ~ '1'",
        Place::Predicate,
    ),
    (
        "select 1 from patients p, lateral (select p.ssn where p.ssn ~ '1') l",
        Place::Predicate,
    ),
    (
        "update visits set ward = 'A' from patients where ssn ~ '1'",
        Place::Predicate,
    ),
    ("delete from patients where ssn < '5'", Place::Predicate),
    (
        "select 1 from patients join (values ('1'), ('2')) v(x) on ssn = x",
        Place::Join,
    ),
    (
        "select 1 from patients join unnest($1::text[]) v(x) on ssn = x",
        Place::Join,
    ),
    (
        "select 1 from patients join claims on name = note",
        Place::Join,
    ),
    (
        "select 1 from patients p join patients q on p.ssn < q.ssn",
        Place::Join,
    ),
    ("select ssn from patients intersect select '1'", Place::Join),
    ("select ssn from patients union select '1'", Place::Join),
    (
        "select ssn from patients except select city from patients",
        Place::Join,
    ),
    (
        "select count(*) from patients group by ssn",
        Place::Grouping,
    ),
    (
        "select left(name, 1), count(*) from patients group by 1",
        Place::Grouping,
    ),
    (
        "select substr(name, 1, 1) as i, count(*) from patients group by i",
        Place::Grouping,
    ),
    (
        "select count(*) from patients group by rollup (city, name)",
        Place::Grouping,
    ),
    ("select distinct ssn from patients", Place::Grouping),
    (
        "select p.id, q.name from patients p, patients q group by p.id, q.name",
        Place::Grouping,
    ),
    (
        "select count(*) from patients group by rollup (id, name)",
        Place::Grouping,
    ),
    (
        "select id from patients where doc::text like '%a%'",
        Place::Predicate,
    ),
    (
        "select id from patients where (doc -> 'who')::text like '%a%'",
        Place::Predicate,
    ),
    (
        "select id from patients where doc ->> 'phone' = '1'",
        Place::Predicate,
    ),
    (
        "select id from patients where doc @> '{\"phone\": \"1\"}'",
        Place::Predicate,
    ),
    (
        "select id from patients where doc @? '$.phone ? (@ like_regex \"1\")'",
        Place::Predicate,
    ),
    (
        "select id from patients where doc @? '$.** ? (@ like_regex \"1\")'",
        Place::Predicate,
    ),
    (
        "select id from patients order by doc -> 'who'",
        Place::Ordering,
    ),
    (
        "select distinct on (name) id from patients",
        Place::Grouping,
    ),
    (
        "select row_number() over (partition by name) from patients",
        Place::Grouping,
    ),
    ("select id from patients order by ssn", Place::Ordering),
    (
        "select id, name as n from patients order by n",
        Place::Ordering,
    ),
    ("select id, name from patients order by 2", Place::Ordering),
    (
        "select rank() over (order by born) from patients",
        Place::Ordering,
    ),
    (
        "select rank() over w from patients window w as (order by born)",
        Place::Ordering,
    ),
    (
        "select array_agg(id order by name) from patients",
        Place::Ordering,
    ),
    (
        "select id from patients limit (select ascii(ssn) from patients limit 1)",
        Place::Other,
    ),
    (
        "select g from patients, generate_series(1, ascii(ssn)) g",
        Place::Other,
    ),
    (
        "select generate_series(1, ascii(ssn)) from patients",
        Place::Other,
    ),
];

/// They hold or are a query that tells of a value.
pub(super) const TELLING_WITHIN: &[&str] = &[
    "explain select id from patients where ssn = '1'",
    "explain select id from patients where ssn like '1%'",
    "prepare p as select id from patients where ssn like $1",
    "declare c cursor for select id from patients where ssn like '1%'",
    "copy (select id from patients where ssn like '1%') to stdout",
    "create view v as select id from patients where ssn like '1%'",
    "insert into visits (id) select id from patients where ssn like '1%'",
    "merge into visits v using patients p on v.id = p.id and p.ssn ~ '1' \
         when matched then delete",
];

/// They may run, and compare so many values.
pub(super) const HARMLESS: &[(&str, u32)] = &[
    ("select * from patients", 0),
    (
        "select count(*), count(ssn), min(ssn), max(born) from patients",
        0,
    ),
    (
        "select city, count(*) from patients group by city order by count(*) desc",
        0,
    ),
    (
        "select p.name, v.ward from patients p join visits v on v.patient_id = p.id",
        0,
    ),
    (
        "select id from patients where ssn is not null and city = 'Bern'",
        0,
    ),
    (
        "select amount from claims c join patients p on p.ssn = c.patient_ssn",
        0,
    ),
    (
        "select 1 from patients p join claims c on lower(p.ssn) = lower(c.patient_ssn)",
        0,
    ),
    (
        "select 1 from patients p where ssn in (select patient_ssn from claims)",
        0,
    ),
    ("select ssn from patients union all select '1'", 0),
    ("select id from patients where ssn = '1'", 1),
    ("select id from patients where $1 = ssn", 1),
    ("select id from patients where ssn = $1::text", 1),
    ("select id from patients where ssn = upper($1)", 1),
    (
        "select id from patients where lower(name) = lower($1) and born = $2",
        2,
    ),
    ("select id from patients where ssn in ('1', '2', $1)", 3),
    ("select id from patients where (ssn, name) = ('1', 'a')", 2),
    ("select id from patients where ssn = any(array[$1, $2])", 2),
    ("select id from patients where ssn = any('{1,2,3}')", 3),
    (
        "select id from patients where ssn <> all('{1,2}'::text[])",
        2,
    ),
    (
        "select id from patients where ssn <> '1' or name is not distinct from 'a'",
        2,
    ),
    ("update patients set ssn = '1', name = $1 where id = 1", 0),
    (
        "update patients set ssn = c.patient_ssn from claims c where c.id = patients.id",
        0,
    ),
    ("insert into patients (id, ssn) values (1, '1')", 0),
    (
        "insert into claims (patient_ssn) select ssn from patients",
        0,
    ),
    (
        "insert into patients (ssn) values ('1') on conflict (ssn) do nothing",
        1,
    ),
    ("create view v as select ssn from patients", 0),
    (
        "create temp table t as select id, city, count(*) from patients group by 1, 2",
        0,
    ),
    (
        "select ward, lag(at) over (partition by patient_id order by at) from visits",
        0,
    ),
    (
        "explain analyze select city from patients where city like 'B%'",
        0,
    ),
    ("select jsonb_agg(p) from patients p", 0),
    ("begin; select 1; commit", 0),
    ("set search_path to ehr; show search_path", 0),
    (
        "select id, name, count(*) from patients group by id, name",
        0,
    ),
    ("select distinct id, name from patients", 0),
    ("select count(p) from patients p where p is not null", 0),
    (
        "select (doc ->> 'age')::int / 10, count(*) from patients group by 1",
        0,
    ),
    (
        "select id from patients where doc @> '{\"kind\": \"a\"}' and doc ? 'kind'",
        0,
    ),
    (
        "select id from patients where doc @? '$.kind[*] ? (@.on == true)'",
        0,
    ),
    (
        "select id from patients, jsonb_array_elements(doc -> 'kinds') k",
        0,
    ),
    ("select id from patients where doc ->> 'kind' = 'a'", 0),
    // What fails by no value, or as it must for every one.
    (
        "select upper(ssn), left(ssn, 3), substr(ssn, 2, 4), ssn || '-', md5(ssn), length(name), \
         split_part(ssn, '-', 2), regexp_replace(ssn, '[0-9]', 'x', 'g'), replace(ssn, '-', ''), \
         format('%s (%s)', name, city), concat_ws(' ', name, ssn), lpad(ssn, 12, '0') \
         from patients",
        0,
    ),
    (
        "select born + 1, born - interval '18 years', age(born), extract(year from age(born)), \
         extract(year from now())::int - extract(year from born)::int, \
         (current_date - born) / 365, \
         date_trunc('month', born), to_char(born, 'YYYY'), born::text, born::timestamp, \
         floor((current_date - born) / 365.25)::int from patients",
        0,
    ),
    (
        "select case when born < '1960-01-01' then 'old' else 'young' end, \
         case when name is null then 0 else length(name) + 1 end, ssn like '1%', ssn > '5' and \
         name ~ '^A', case when ssn = '1' then city else ward end \
         from patients p join visits v on v.patient_id = p.id",
        0,
    ),
    (
        "select sum(case when ssn like '1%' then 1 else 0 end), max(born) - min(born), \
         array_agg(name), jsonb_object_agg(id, name), avg(length(name)) + 1 from patients",
        0,
    ),
    (
        "select id / (id - 1), city::int, to_date(city, 'YYYY'), sqrt(id) from patients",
        0,
    ),
    // Whether a column's value is of a kind.
    ("select ssn::int from patients", 1),
    ("select ssn::date, name::numeric from patients", 2),
    ("select to_timestamp(ssn) from patients", 1),
    ("drop table patients", 0),
    ("select risk_score(id) from visits", 0),
    (
        "alter table visits add column b int; create index on visits (ward)",
        0,
    ),
];
