-- Analytics over the synthetic clinic, as analysts and reporting tools write them.

-- name: volumes by department
select department, count(*) as visits, count(distinct patient_id) as patients,
       round(avg(minutes), 1) as average_minutes, max(minutes) as longest
from clinic.encounters
group by department
order by visits desc, department;

-- name: visits by month
select date_trunc('month', started_at) as month, kind, count(*) as visits
from clinic.encounters
where started_at >= timestamp '2023-01-01' and started_at < timestamp '2024-01-01'
group by 1, 2
order by 1, 2;

-- name: months without gaps
select m.month::date as month, coalesce(v.visits, 0) as visits
from generate_series(timestamp '2022-01-01', timestamp '2022-12-01', interval '1 month') as m (month)
left join (
    select date_trunc('month', started_at) as month, count(*) as visits
    from clinic.encounters
    where kind = 'emergency'
    group by 1
) v using (month)
order by m.month;

-- name: patients with names and visits
-- masked: full_name, dob
select p.id, p.full_name, p.dob, p.city, count(e.id) as visits
from clinic.patients p
left join clinic.encounters e on e.patient_id = p.id
where p.active
group by p.id
order by p.id
limit 50;

-- name: readmissions within 180 days
with ordered as (
    select patient_id, id, started_at, department,
           lag(started_at) over (partition by patient_id order by started_at) as previous
    from clinic.encounters
)
select department, count(*) as visits,
       count(*) filter (where started_at - previous <= interval '180 days') as readmissions,
       round(100.0 * count(*) filter (where started_at - previous <= interval '180 days')
             / count(*), 2) as percent
from ordered
group by department
order by department;

-- name: who came back
-- masked: full_name, phone
with pairs as (
    select e.patient_id, e.started_at, lead(e.started_at) over w as next_visit
    from clinic.encounters e
    window w as (partition by e.patient_id order by e.started_at, e.id)
)
select p.id, p.full_name, p.phone, pairs.started_at, pairs.next_visit
from pairs
join clinic.patients p on p.id = pairs.patient_id
where pairs.next_visit < pairs.started_at + interval '1 year'
order by p.id, pairs.started_at;

-- name: cohort by quarter of registration
with cohort as (
    select id, date_trunc('quarter', registered_at at time zone 'UTC') as quarter
    from clinic.patients
), activity as (
    select c.quarter, e.patient_id,
           floor(extract(epoch from e.started_at - c.quarter) / 7776000)::int as period
    from cohort c join clinic.encounters e on e.patient_id = c.id
    where e.started_at >= c.quarter
)
select quarter, period, count(distinct patient_id) as active_patients
from activity
group by quarter, period
order by quarter, period;

-- name: retention of a cohort
with first_visit as (
    select patient_id, min(started_at)::date as day from clinic.encounters group by patient_id
)
select extract(year from f.day)::int as cohort,
       count(distinct f.patient_id) as size,
       count(distinct e.patient_id) filter (where e.started_at::date > f.day + 365) as after_a_year
from first_visit f
left join clinic.encounters e using (patient_id)
group by 1
order by 1;

-- name: laboratory percentiles
select name, unit, count(*) as results,
       percentile_cont(0.5) within group (order by value) as median,
       percentile_cont(array[0.05, 0.95]) within group (order by value::float8) as spread,
       percentile_disc(0.9) within group (order by value) as p90,
       mode() within group (order by unit) as usual_unit
from clinic.labs
group by name, unit
order by name;

-- name: abnormal share by test and year
select l.name, extract(year from l.taken_at) as year,
       avg(case when l.abnormal then 1.0 else 0.0 end)::numeric(6, 4) as abnormal_share,
       stddev_samp(l.value)::numeric(12, 4) as deviation
from clinic.labs l
group by l.name, extract(year from l.taken_at)
having count(*) > 2
order by l.name, 2;

-- name: latest result of each patient
-- masked: last_name, mrn
select distinct on (l.patient_id) l.patient_id, p.mrn, p.last_name, l.name as test, l.value, l.unit,
       l.taken_at
from clinic.labs l join clinic.patients p on p.id = l.patient_id
order by l.patient_id, l.taken_at desc, l.id;

-- name: three largest claims of a payer, lateral
-- masked: full_name
select payers.payer, top.amount, top.service_date, top.full_name
from (select distinct payer from clinic.claims) payers
cross join lateral (
    select c.amount, c.service_date, p.full_name
    from clinic.claims c join clinic.patients p on p.id = c.patient_id
    where c.payer = payers.payer
    order by c.amount desc, c.id
    limit 3
) top
order by payers.payer, top.amount desc;

-- name: claims with grouping sets
select coalesce(payer, 'all payers') as payer, coalesce(status, 'all states') as status,
       grouping(payer, status) as level, count(*) as claims, sum(amount) as billed, sum(paid) as paid
from clinic.claims
group by grouping sets ((payer, status), (payer), (status), ())
order by level, 1, 2;

-- name: claims rolled up by year and quarter
select extract(year from service_date)::int as year, extract(quarter from service_date)::int as quarter,
       sum(amount - paid) as open_amount
from clinic.claims
group by rollup (1, 2)
order by 1 nulls last, 2 nulls last;

-- name: cube over kind and department
select kind, department, count(*) as visits
from clinic.encounters
group by cube (kind, department)
order by kind nulls last, department nulls last;

-- name: running total of a payer
select payer, service_date, amount,
       sum(amount) over (partition by payer order by service_date, id
                         rows between unbounded preceding and current row) as running,
       avg(amount) over (partition by payer order by service_date, id
                         rows between 6 preceding and current row)::numeric(12, 2) as moving_average
from clinic.claims
order by payer, service_date, id
limit 100;

-- name: ranks and shares
select department, diagnosis_code, visits,
       rank() over (partition by department order by visits desc) as place,
       round(visits / sum(visits) over (partition by department), 4) as share,
       ntile(4) over (order by visits desc, department, diagnosis_code) as quartile
from (
    select department, diagnosis_code, count(*) as visits
    from clinic.encounters group by department, diagnosis_code
) t
order by department, place, diagnosis_code;

-- name: balance deciles with names
-- masked: first_name, last_name, email
select id, first_name, last_name, email, balance,
       ntile(10) over (order by balance desc, id) as decile,
       cume_dist() over (order by balance desc, id) as cumulated
from clinic.patients
order by balance desc, id
limit 40;

-- name: recursive calendar
with recursive calendar (day) as (
    select date '2024-01-01'
    union all
    select day + 7 from calendar where day < date '2024-03-25'
)
select c.day, count(e.id) as visits
from calendar c
left join clinic.encounters e on e.started_at >= c.day and e.started_at < c.day + 7
group by c.day
order by c.day;

-- name: recursive chain of visits
with recursive numbered as (
    select patient_id, started_at, department,
           row_number() over (partition by patient_id order by started_at, id) as step
    from clinic.encounters
), path (patient_id, step, route) as (
    select patient_id, step, array[department] from numbered where step = 1
    union all
    select n.patient_id, n.step, p.route || n.department
    from path p join numbered n on n.patient_id = p.patient_id and n.step = p.step + 1
)
select array_to_string(route, ' > ') as route, count(*) as patients
from path
group by route
order by patients desc, 1
limit 30;

-- name: cities and states
select state, city, count(*) as patients, sum(balance) as balance, bool_and(active) as all_active
from clinic.patients
group by state, city
having count(*) >= 2
order by state, city;

-- name: sex by state, pivoted
select state,
       count(*) filter (where sex = 'F') as women,
       count(*) filter (where sex = 'M') as men,
       count(*) filter (where sex not in ('F', 'M')) as others
from clinic.patients
group by state
order by state;

-- name: patients without visits in a year
-- masked: mrn, full_name
select p.id, p.mrn, p.full_name, p.city
from clinic.patients p
where not exists (
    select 1 from clinic.encounters e
    where e.patient_id = p.id and e.started_at >= date '2024-01-01' and e.started_at < date '2025-01-01'
)
order by p.id;

-- name: patients of a set of departments
-- masked: address, zip
select p.id, p.address, p.zip, p.state
from clinic.patients p
where p.id in (select patient_id from clinic.encounters where department in ('Cardiology', 'Oncology'))
  and p.balance > (select avg(balance) from clinic.patients)
order by p.id;

-- name: claims above the average of their payer
-- masked: member_id
select c.id, c.member_id, c.payer, c.amount
from clinic.claims c
where c.amount > 1.5 * (select avg(x.amount) from clinic.claims x where x.payer = c.payer)
order by c.id;

-- name: scalar subqueries in the list
-- masked: ssn
select p.id, p.ssn,
       (select count(*) from clinic.labs l where l.patient_id = p.id and l.abnormal) as abnormal_labs,
       (select max(e.started_at) from clinic.encounters e where e.patient_id = p.id) as last_seen,
       (select sum(c.amount) from clinic.claims c where c.patient_id = p.id) as billed
from clinic.patients p
order by p.id
limit 60;

-- name: everybody who was seen or billed
select patient_id from clinic.encounters where started_at >= date '2025-06-01'
union
select patient_id from clinic.claims where service_date >= date '2025-06-01'
order by patient_id;

-- name: seen and billed
select patient_id from clinic.encounters
intersect
select patient_id from clinic.claims where amount > 10000
order by 1;

-- name: seen and never abnormal
select patient_id from clinic.encounters
except
select patient_id from clinic.labs where abnormal
order by 1;

-- name: one list of contacts
-- masked: contact
select id, 'phone' as channel, phone as contact from clinic.patients where id <= 20
union all
select id, 'email', email from clinic.patients where id <= 20
order by 1, 2;

-- name: documents by risk
select (document ->> 'risk_score')::int / 100 as band, count(*) as documents,
       avg((document ->> 'length_of_stay_days')::int)::numeric(6, 2) as average_stay
from clinic.documents
group by 1
order by 1;

-- name: risk in documents
-- masked: last_written
select count(*) as documents, sum((document ->> 'risk_score')::int) as total_risk,
       max(document ->> 'written') as last_written
from clinic.documents
where document ->> 'type' = 'discharge-summary';

-- name: conditions in documents
-- refused: order rows
select c.item ->> 'code' as code, c.item ->> 'title' as title,
       count(*) filter (where (c.item ->> 'active')::bool) as active, count(*) as documents
from clinic.documents d
cross join lateral jsonb_array_elements(d.document -> 'conditions') as c (item)
group by 1, 2
order by documents desc, code, title;

-- name: medications
-- refused: order rows
select m.name as medication, count(*) as documents
from clinic.documents d, jsonb_array_elements_text(d.document -> 'medications') as m (name)
group by m.name
order by documents desc, m.name;

-- name: documents that contain a key
select id, document ->> 'resourceType' as kind, document -> 'length_of_stay_days' as days
from clinic.documents
where document @> '{"type": "discharge-summary"}' and document ? 'risk_score'
order by id;

-- name: documents with an active condition
select id, document -> 'conditions' as conditions
from clinic.documents
where jsonb_path_exists(document, '$.conditions[*] ? (@.active == true)')
order by id;

-- name: whole documents
-- masked: document
select id, document from clinic.documents order by id limit 20;

-- name: how patients want to be reached
-- refused: order rows
select contact ->> 'preferred' as channel, count(*) as patients
from clinic.patients
group by 1
order by 1;

-- name: text search on diagnoses
select diagnosis_code, diagnosis, count(*) as visits
from clinic.encounters
where to_tsvector('english', diagnosis) @@ to_tsquery('english', 'fibrillation | diabetes | migraine')
group by diagnosis_code, diagnosis
order by diagnosis_code;

-- name: ranked text search
select diagnosis,
       ts_rank(to_tsvector('english', diagnosis), plainto_tsquery('english', 'disease')) as score
from (select distinct diagnosis from clinic.encounters) d
where to_tsvector('english', diagnosis) @@ plainto_tsquery('english', 'disease')
order by score desc, diagnosis;

-- name: patterns in clean columns
select diagnosis_code, count(*) as visits
from clinic.encounters
where diagnosis_code ~ '^[EI][0-9]{2}' and diagnosis ilike '%unspecified%'
  and department similar to '(Card|Onc)%'
group by diagnosis_code
order by diagnosis_code;

-- name: notes and their authors
-- masked: body
select n.id, n.author, n.written_at, n.body
from clinic.notes n
order by n.id
limit 40;

-- name: notes a year
select extract(year from written_at) as year, count(*) as notes, avg(length(author))::numeric(8, 2) as mean
from clinic.notes
group by 1
order by 1;

-- name: view of the directory
-- masked: national_id, who, birthday, mailbox, line
select * from clinic.patient_directory order by patient_number limit 25;

-- name: open claims of the view
-- masked: debtor, tax_number
select claim, debtor, tax_number, due
from clinic.open_claims
where due > 1000
order by due desc, claim
limit 25;

-- name: view joined to a table
-- masked: debtor
select o.claim, o.debtor, o.due, c.payer, c.service_date
from clinic.open_claims o join clinic.claims c on c.id = o.claim
where c.service_date between '2023-01-01' and '2023-12-31'
order by o.claim;

-- name: one patient by number of social security
-- masked: ssn, full_name
select id, ssn, full_name, city from clinic.patients where ssn = '555-99-4500';

-- name: a record with everything
-- masked: mrn, ssn, ssn_num, first_name, last_name, full_name, dob, phone, email, address, zip, patient_uuid, last_login_ip, contact, aliases
select * from clinic.patients where id between 1 and 10 order by id;

-- name: completeness of identifiers
select count(*) as patients, count(ssn) as with_ssn, count(phone) as with_phone,
       count(*) filter (where email is null) as without_email
from clinic.patients;

-- name: nested queries with stars
-- masked: ssn, who
select x.* from (
    select p.id, p.ssn, p.full_name as who, e.kind
    from clinic.patients p join lateral (
        select * from clinic.encounters where patient_id = p.id order by started_at limit 1
    ) e on true
) x
where x.kind <> 'telehealth'
order by x.id
limit 30;

-- name: age of open claims
select case when date '2026-01-01' - service_date < 365 then 'less than a year'
            when date '2026-01-01' - service_date < 730 then 'one to two years'
            else 'older' end as age,
       payer, count(*) as claims, sum(amount - paid) as due
from clinic.claims
where status = 'open'
group by 1, 2
order by 1, 2;

-- name: time between order and result
select e.department, width_bucket(extract(day from l.taken_at - e.started_at)::int, -1500, 1500, 6) as bucket,
       count(*) as pairs
from clinic.encounters e join clinic.labs l using (patient_id)
group by 1, 2
order by 1, 2;

-- name: correlation and regression
select name, round(corr(value, ratio)::numeric, 6) as correlation,
       round(regr_slope(ratio, value)::numeric, 8) as slope, regr_count(ratio, value) as results
from clinic.labs
group by name
order by name;

-- name: lists of departments of a patient
-- masked: full_name
select p.id, p.full_name, string_agg(distinct e.department, ', ' order by e.department) as departments,
       array_agg(e.kind order by e.started_at, e.id) as kinds
from clinic.patients p join clinic.encounters e on e.patient_id = p.id
group by p.id, p.full_name
order by p.id
limit 40;

-- name: json for a dashboard
select jsonb_build_object('department', department, 'visits', count(*),
                          'kinds', jsonb_object_agg(kind, visits order by kind)) as panel
from (select department, kind, count(*) as visits from clinic.encounters group by 1, 2) t
group by department
order by department;

-- name: messages received
-- masked: message, raw
select id, received_at, message, raw from clinic.hl7_messages order by id limit 20;

-- name: messages a month
select to_char(received_at, 'YYYY-MM') as month, count(*) as messages
from clinic.hl7_messages
group by 1
order by 1;

-- name: values as a table
with thresholds (test, low, high) as (
    values ('Potassium', 3.5, 5.1), ('Glucose', 70, 99), ('Cholesterol', 100, 200)
)
select t.test, count(*) filter (where l.value < t.low) as low,
       count(*) filter (where l.value > t.high) as high, count(*) as results
from thresholds t left join clinic.labs l on l.name = t.test
group by t.test
order by t.test;

-- name: pairs of conditions
select a.diagnosis_code as first, b.diagnosis_code as second, count(*) as patients
from clinic.encounters a
join clinic.encounters b on b.patient_id = a.patient_id and b.diagnosis_code > a.diagnosis_code
group by 1, 2
order by patients desc, 1, 2
limit 30;

-- name: gaps and islands
with days as (
    select distinct started_at::date as day from clinic.encounters
), islands as (
    select day, day - (row_number() over (order by day))::int as island from days
)
select min(day) as first_day, max(day) as last_day, count(*) as days
from islands
group by island
having count(*) > 2
order by first_day;

-- name: pages by key
-- masked: last_name
select id, last_name, city, registered_at
from clinic.patients
where (registered_at, id) < (timestamptz '2025-01-01 00:00:00+00', 0)
order by registered_at desc, id desc
limit 20 offset 5;

-- name: quoted as a reporting tool does
select "t0"."department" as "Department", sum("t0"."minutes") as "Sum of minutes",
       count(1) as "Count"
from "clinic"."encounters" as "t0"
where ("t0"."kind" in ('ambulatory', 'telehealth')) and ("t0"."minutes" >= 30)
group by "t0"."department"
order by "Sum of minutes" desc nulls last, "Department" asc
limit 1001;

-- name: a sample without order
select count(*) as sampled from clinic.patients tablesample bernoulli (50) repeatable (7);

-- name: fetch with ties
select department, count(*) as visits
from clinic.encounters
group by department
order by visits desc
fetch first 3 rows with ties;

-- name: materialized and correlated
with big as materialized (
    select patient_id, sum(amount) as billed from clinic.claims group by patient_id
)
select width_bucket(b.billed, 0, 25000, 5) as bucket, count(*) as patients,
       sum((select count(*) from clinic.encounters e where e.patient_id = b.patient_id)) as visits
from big b
group by 1
order by 1;

-- name: years side by side
select status,
       sum(amount) filter (where service_date < '2022-01-01') as y2021,
       sum(amount) filter (where service_date >= '2022-01-01' and service_date < '2023-01-01') as y2022,
       sum(amount) filter (where service_date >= '2025-01-01') as y2025,
       grouping(status) as total
from clinic.claims
group by rollup (status)
order by total, status;

-- name: full join of two years
with a as (
    select department, count(*) as visits from clinic.encounters
    where extract(year from started_at) = 2023 group by department
), b as (
    select department, count(*) as visits from clinic.encounters
    where extract(year from started_at) = 2024 group by department
)
select coalesce(a.department, b.department) as department, a.visits as before, b.visits as after,
       b.visits - a.visits as change
from a full join b on a.department = b.department
order by 1;
