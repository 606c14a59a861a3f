//! Statements with aggregates, for the tests of what guards them.

use crate::policy::guard::Unguardable;
use crate::sql::lineage::cells::Obstacle;

/// Of persons: a guard is written around each of their aggregates.
pub(super) const GUARDED: &[&str] = &[
    "SELECT count(*) FROM patients",
    "SELECT count(*) FROM ehr.patients",
    "SELECT count(*), count(ssn), count(DISTINCT ward), sum(cost) FROM patients",
    "SELECT avg(cost), stddev(cost), min(cost), variance(DISTINCT cost) FROM patients",
    "SELECT count(1) FROM patients",
    "SELECT pg_catalog.count(*), \"count\"(*), pg_catalog . \"sum\" (cost) FROM patients",
    "SELECT string_agg(ward::text, ', ' ORDER BY ward, cost) FROM patients",
    "SELECT array_agg(ward), json_agg(ward), jsonb_object_agg(ward, cost) FROM patients",
    "SELECT sum(CASE WHEN sick = 1 THEN 1 ELSE 0 END) FROM patients",
    "SELECT count(CASE WHEN sick = 1 THEN 1 END) FROM patients",
    "SELECT sum((sick = 1)::int), bool_or(sick = 1) FROM patients",
    "SELECT count(*) FILTER (WHERE sick = 1 OR ward IN (1, 2)) FROM patients",
    "SELECT count(*) FILTER (WHERE (sick = 1) AND (ward = 2)) FROM patients",
    "SELECT sum(round(cost / 3, 2)) FROM patients",
    "SELECT count(*) FROM patients p, wards w WHERE w.ward = p.ward",
    "SELECT sum(p.cost) FROM patients p, generate_series(1, 20) WHERE p.id = 5",
    "SELECT count(*) FROM patients LEFT JOIN visits ON patient_id = id",
    "SELECT w.ward, count(p.id) FROM wards w LEFT JOIN patients p USING (ward) GROUP BY w.ward",
    "SELECT count(*) FROM patients a JOIN patients b ON a.ward = b.ward",
    "SELECT topic, count(*) FROM notes GROUP BY topic",
    "SELECT ward, sick, count(*) FROM patients GROUP BY ROLLUP (ward, sick)",
    "SELECT ward FROM patients GROUP BY ward HAVING count(*) > 3",
    "SELECT ward, count(*) FROM patients GROUP BY 1 ORDER BY count(*) DESC LIMIT 3",
    "SELECT DISTINCT count(*) FROM patients GROUP BY ward ORDER BY count(*)",
    "SELECT count(*) FROM patients UNION ALL SELECT count(*) FROM visits",
    "SELECT (SELECT count(*) FROM patients p WHERE p.ward = w.ward) FROM wards w",
    "SELECT (SELECT sum(cost) FROM patients p WHERE p.ward = w.ward AND cost > beds) FROM wards w",
    "SELECT w.ward, s.n FROM wards w, LATERAL (SELECT count(*) n FROM patients p \
     WHERE p.ward = w.ward) s",
    "WITH c AS (SELECT ward, count(*) AS n FROM patients GROUP BY ward) SELECT * FROM c",
    "WITH c AS (SELECT id FROM patients WHERE sick = 1) \
     SELECT count(*) FROM c JOIN visits v ON v.patient_id = c.id",
    "SELECT count(*) FROM (SELECT DISTINCT patient_id FROM visits) x",
    "SELECT count(*) FROM (SELECT id, ward FROM patients) x(a, b)",
    "SELECT sum(cost) FROM (SELECT cost FROM patients WHERE sick = 1) x",
    "SELECT count(*) FROM (SELECT ward FROM patients GROUP BY ward, sick) x",
    "SELECT count(*) FROM (SELECT id FROM patients UNION ALL SELECT patient_id FROM visits) x",
    "SELECT avg(n) FROM (SELECT ward, count(*) AS n FROM patients GROUP BY ward) x",
    "SELECT max(n) FROM (SELECT p.ward, count(*) AS n FROM patients p, visits v \
     WHERE v.patient_id = p.id GROUP BY p.ward) x",
    "SELECT ward, count(*), sum(count(*)) OVER () FROM patients GROUP BY ward",
    "SELECT ward, rank() OVER (ORDER BY count(*) DESC) FROM patients GROUP BY ward",
    "SELECT 100.0 * count(*) / sum(count(*)) OVER (ORDER BY sum(cost)) FROM patients GROUP BY ward",
    "SELECT id, sum(cost) OVER w, count(*) FILTER (WHERE sick = 1) OVER w FROM patients \
     WINDOW w AS (PARTITION BY ward ORDER BY id ROWS 20 PRECEDING)",
    "SELECT id, avg(cost) OVER (ORDER BY cost) FROM people",
    "SELECT count(*) FROM people",
    "SELECT ward, sum(cost) FROM nameless GROUP BY ward",
    "SELECT count(*) FROM patients WHERE EXISTS (SELECT FROM visits v WHERE v.patient_id = id)",
    "SELECT count(*) FROM patients WHERE id IN (SELECT patient_id FROM visits)",
    "INSERT INTO wards SELECT ward, count(*) FROM patients GROUP BY ward",
    "UPDATE wards w SET beds = (SELECT count(*) FROM patients p WHERE p.ward = w.ward)",
    "DELETE FROM wards WHERE beds < (SELECT count(*) FROM patients)",
    "WITH d AS (DELETE FROM visits WHERE cost = 0 RETURNING patient_id) SELECT count(*) FROM d",
    "CREATE TABLE t AS SELECT ward, count(*) AS n FROM patients GROUP BY ward",
    "COPY (SELECT ward, count(*) FROM patients GROUP BY ward) TO STDOUT",
    "PREPARE p (int) AS SELECT count(*) FROM patients WHERE ward = $1",
    "DECLARE c CURSOR FOR SELECT count(*) FROM patients",
    "EXPLAIN SELECT count(*) FROM patients",
    "SELECT 1; SELECT count(*) FROM patients; SELECT count(*) FROM wards",
    "SELECT coalesce(count(*), -1) + 1 FROM patients",
    "SELECT CASE WHEN count(*) > 5 THEN 'many' ELSE 'few' END FROM patients",
    "SELECT count(*) AS \"filter\", 1 AS over FROM patients",
    "SELECT count(ALL ward), count((ward, sick)), count(p), count(p.*) FROM patients p",
    "SELECT count(\"order\") FROM (SELECT ward AS \"order\", id FROM patients) x",
    "SELECT count(U&\"w\\0061rd\") FROM patients",
    "SELECT sum(cost /* ) */ + 1 -- )\n) FROM patients",
];

/// Of nobody, or made of what is guarded already.
pub(super) const UNTOUCHED: &[&str] = &[
    "SELECT count(*) FROM wards",
    "SELECT sum(beds) FROM wards WHERE ward = 3",
    "SELECT id, ward FROM patients",
    "SELECT count(*)",
    "SELECT max(x) FROM generate_series(1, 3) x",
    "SELECT row_number() OVER (), lag(cost) OVER (ORDER BY id) FROM patients",
    "SELECT sum(1 + cost) FROM (VALUES (1)) v(cost)",
    "SELECT count(*) FROM pg_class",
    "SELECT n FROM hospital",
    "SELECT sum(n) FROM hospital",
    "SELECT id FROM people",
    "SELECT ARRAY(SELECT ward FROM wards)",
    // Masked whole as it is.
    "SELECT max(ssn), string_agg(ssn::text, ',') FROM patients",
    "SELECT sum(length(ssn::text)) FROM patients",
    "SELECT risk(id) FROM patients",
    "SHOW work_mem",
    "DROP VIEW counts",
];

/// Of persons, and nobody can tell of how many.
pub(super) const REFUSED: &[(&str, Unguardable)] = &[
    (
        "SELECT (SELECT sum(p.cost) FROM generate_series(1, 20)) FROM patients p",
        Unguardable::Aggregate(Obstacle::Outer),
    ),
    (
        "SELECT (SELECT count(*) FILTER (WHERE p.sick = 1) FROM patients q) FROM patients p",
        Unguardable::Aggregate(Obstacle::Outer),
    ),
    (
        "SELECT sum((SELECT cost FROM visits LIMIT 1)) FROM patients",
        Unguardable::Aggregate(Obstacle::Subquery),
    ),
    (
        "SELECT count(*) FILTER (WHERE random() < 0.5) FROM patients",
        Unguardable::Aggregate(Obstacle::Unsteady),
    ),
    (
        "SELECT sum(cost) FILTER (WHERE nextval('s') = 1) FROM patients",
        Unguardable::Aggregate(Obstacle::Unsteady),
    ),
    (
        "SELECT count(*) FILTER (WHERE risk(id) > 1) FROM patients",
        Unguardable::Aggregate(Obstacle::Unsteady),
    ),
    (
        "SELECT rank(5) WITHIN GROUP (ORDER BY cost) FROM patients",
        Unguardable::Aggregate(Obstacle::Kind),
    ),
    (
        "SELECT JSON_ARRAYAGG(ward) FROM patients",
        Unguardable::Aggregate(Obstacle::Kind),
    ),
    (
        "SELECT sum(1 + count(*)) OVER () FROM patients GROUP BY ward",
        Unguardable::Aggregate(Obstacle::Nested),
    ),
    (
        "CREATE VIEW v AS SELECT count(*) FROM patients",
        Unguardable::Aggregate(Obstacle::Definition),
    ),
    (
        "CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM patients",
        Unguardable::Aggregate(Obstacle::Definition),
    ),
    ("SELECT count(*) FROM risk()", Unguardable::Unknown),
    (
        "SELECT count(*) FROM patients, risk()",
        Unguardable::Unknown,
    ),
    (
        "SELECT cardinality(ARRAY(SELECT 1 FROM patients))",
        Unguardable::Gathered,
    ),
    (
        "SELECT JSON_ARRAY(SELECT ward FROM patients)",
        Unguardable::Gathered,
    ),
];

/// Views that nobody reads under a limit.
pub(super) const CLOSED: &[(&str, &str)] = &[
    ("SELECT n FROM counts", "counts"),
    ("SELECT 1 FROM above", "counts"),
    (
        "SELECT * FROM wards WHERE ward IN (SELECT n FROM closed)",
        "closed",
    ),
    ("COPY counts TO STDOUT", "counts"),
    ("SELECT sum(n) FROM counts", "counts"),
];

type Why = fn(String) -> Unguardable;
const ASIDE: Why = Unguardable::Aside;
const NAMELESS: Why = Unguardable::Nameless;
const WINDOW: Why = Unguardable::Window;

/// Of persons of this table, and nobody can tell of whom.
pub(super) const UNTOLD: &[(&str, Why, &str)] = &[
    (
        "SELECT count(*) FROM generate_series(1, 99) g \
             WHERE EXISTS (SELECT FROM patients WHERE id = g)",
        ASIDE,
        "patients",
    ),
    (
        "SELECT count(*) FROM patients, generate_series(1, 99) g \
             WHERE g IN (SELECT patient_id FROM visits)",
        ASIDE,
        "visits",
    ),
    (
        "SELECT count(*) FROM (SELECT g FROM generate_series(1, 99) g \
             WHERE g IN (SELECT patient_id FROM visits)) x",
        ASIDE,
        "visits",
    ),
    (
        "SELECT sum(cost) FROM (SELECT p.cost FROM patients p, generate_series(1, 20)) x",
        NAMELESS,
        "patients",
    ),
    (
        "SELECT sum(x.cost) FROM (SELECT p.id, v.cost FROM patients p, visits v) x",
        NAMELESS,
        "visits",
    ),
    (
        "SELECT sum(x.cost) FROM (SELECT a.id, b.cost FROM patients a, patients b) x",
        NAMELESS,
        "patients",
    ),
    (
        "SELECT sum(cost) FROM (SELECT cost FROM visits) x",
        NAMELESS,
        "visits",
    ),
    (
        "SELECT sum(cost) FROM (SELECT cost, unnest(ARRAY[1, 2]) FROM patients) x",
        NAMELESS,
        "patients",
    ),
    (
        "SELECT count(*) FROM (SELECT ward FROM patients GROUP BY CUBE (ward, sick)) x",
        NAMELESS,
        "patients",
    ),
    (
        "SELECT count(*) FROM (SELECT id, cost FROM patients UNION ALL SELECT 1, 2) x",
        NAMELESS,
        "patients",
    ),
    (
        "SELECT sum(cost) FROM (SELECT coalesce(NULL, ward, id) AS id, cost \
             FROM patients, generate_series(1, 20)) x",
        NAMELESS,
        "patients",
    ),
    ("SELECT count(*) FROM crowd", NAMELESS, "patients"),
    (
        "SELECT sum(n) FROM (SELECT count(*) AS n FROM wards) c, \
             (SELECT 1 FROM patients, wards) p",
        NAMELESS,
        "patients",
    ),
    (
        "SELECT sum(n) / max(n) FROM ((SELECT count(*) AS n FROM wards) c CROSS JOIN crowd) j",
        NAMELESS,
        "patients",
    ),
    ("SELECT count(*) OVER () FROM visits", WINDOW, "visits"),
    (
        "SELECT count(*) OVER () FROM patients, wards",
        WINDOW,
        "patients",
    ),
];
