//! Aggregates of few patients, which are not shown, and of many, which are as they were.

use crate::support::bed::Bed;
use crate::support::client::{Frame, error_code, rows};
use crate::support::clinic;
use crate::support::gateway::Driver;

use super::clean;

/// Questions, and how many of the values are of one or two patients. Each ward has ten visits of
/// two patients, all of them thirty of six.
const ASKED: &[(&str, usize)] = &[
    (
        "SELECT count(*), sum(cost), avg(cost), max(at), min(ward) FROM clinic.visits",
        0,
    ),
    (
        "SELECT ward, count(*) AS n, sum(cost) FROM clinic.visits GROUP BY ward ORDER BY ward",
        6,
    ),
    (
        "SELECT ward = 'North', count(DISTINCT patient), string_agg(ward, ',' ORDER BY id)
         FROM clinic.visits GROUP BY 1 ORDER BY 1",
        2,
    ),
    (
        "SELECT ward, count(*) FROM clinic.visits GROUP BY ROLLUP (ward) ORDER BY ward",
        3,
    ),
    (
        "SELECT city FROM clinic.patients GROUP BY city HAVING count(*) > 0",
        6,
    ),
    (
        "SELECT count(*), stddev(amount), array_agg(id ORDER BY id) FROM clinic.patients",
        0,
    ),
    (
        "SELECT count(*), bool_and(active) FROM clinic.patients WHERE id = 5",
        2,
    ),
    (
        "SELECT count(*), max(amount) FROM clinic.patients WHERE id > 100",
        0,
    ),
    (
        "SELECT count(*) FROM clinic.patients p, generate_series(1, 20) WHERE p.id = 5",
        1,
    ),
    (
        "SELECT count(*) FILTER (WHERE ward = 'East'), count(*) FROM clinic.visits",
        1,
    ),
    (
        "SELECT sum(CASE WHEN ward = 'East' THEN 1 ELSE 0 END) FROM clinic.visits",
        1,
    ),
    (
        "SELECT sum((ward = 'Nowhere')::int), avg((ward <> 'East')::int) FROM clinic.visits",
        1,
    ),
    (
        // Equal to zero, and not nothing.
        "SELECT sum(interval '1 mon -30 days') FROM clinic.visits WHERE ward = 'East'",
        1,
    ),
    (
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY cost) FROM clinic.visits",
        0,
    ),
    (
        "SELECT v.ward, count(p.id) FROM clinic.visits v LEFT JOIN clinic.patients p
         ON p.id = v.patient AND p.id < 2 GROUP BY v.ward ORDER BY v.ward",
        1,
    ),
    (
        "SELECT count(*), corr(p.id, v.cost) FROM clinic.visits v
         JOIN clinic.patients p ON p.id = v.patient",
        0,
    ),
    ("SELECT count(*), count(id) FROM clinic.seen", 0),
    (
        "SELECT id, sum(amount) OVER (ORDER BY id) FROM clinic.patients ORDER BY id",
        2,
    ),
    (
        "SELECT id, count(*) OVER (PARTITION BY id % 2) FROM clinic.patients ORDER BY id",
        0,
    ),
    (
        "WITH c AS (SELECT ward, count(*) AS n FROM clinic.visits WHERE ward <> 'East' OR
         patient > 0 GROUP BY ward) SELECT max(n) FROM c",
        1,
    ),
    (
        "SELECT count(*) FROM clinic.patients
         WHERE EXISTS (SELECT FROM clinic.visits WHERE patient = patients.id AND ward = 'East')",
        1,
    ),
    ("SELECT count(*), sum(n) FROM generate_series(1, 2) n", 0),
];

/// Past the gateway and through it: the same columns, and the same values where they are of many.
pub(crate) fn few(bed: &Bed, driver: Driver, tls: bool) {
    let mut direct = bed.direct();
    let mut client = bed.gateway(driver).connect(clinic::COUNTING, tls);
    for (sql, few) in ASKED {
        let there = direct.simple(sql).expect("an answer");
        compare(sql, *few, &there, &client.simple(sql).expect("an answer"));
        let named = direct.prepare("asked", sql).expect("an answer");
        let ours = client.prepare("asked", sql).expect("an answer");
        assert_eq!(described(&named), described(&ours), "{sql}");
        for format in [0, 1] {
            let there = direct.execute("asked", format).expect("rows");
            let here = client.execute("asked", format).expect("rows");
            compare(sql, *few, &there, &here);
        }
        for either in [&mut direct, &mut client] {
            either.simple("DEALLOCATE asked").expect("an answer");
        }
    }
    let copy = "COPY (SELECT ward, count(*) FROM clinic.visits GROUP BY 1 ORDER BY 1) TO STDOUT";
    let copied = client.simple(copy).expect("a copy");
    let copied: Vec<_> = copied.iter().filter(|frame| frame.tag == b'd').collect();
    assert!(copied.len() == 3 && copied.iter().all(|line| line.body.ends_with(b"\t\\N\n")));
    let declared = "BEGIN; DECLARE c CURSOR FOR SELECT count(*) FROM clinic.visits WHERE id < 3;
        FETCH c; COMMIT";
    let fetched = rows(&client.simple(declared).expect("rows"));
    assert_eq!(fetched, [[None]]);
    for sql in [
        "SELECT cardinality(ARRAY(SELECT 1 FROM clinic.patients WHERE id = 5))",
        "SELECT count(*) FROM clinic.everybody() WHERE id = 5",
        "SELECT count(*) FROM (SELECT 1 FROM clinic.patients p, clinic.visits v) q",
        "SELECT count(*) FILTER (WHERE random() < 2 AND id = 5) FROM clinic.patients",
        "SELECT (SELECT sum(p.amount) FROM generate_series(1, 20)) FROM clinic.patients p",
        "SELECT count(*) OVER () FROM clinic.visits WHERE patient = 5",
        "SELECT CASE WHEN count(*) < 1 THEN NULL ELSE count(*) END FROM clinic.everybody()",
    ] {
        let code = error_code(&client.simple(sql).expect("an answer"));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
    }
    clean(&client);
}

/// The columns of a result, as the server describes them.
fn described(frames: &[Frame]) -> Option<&[u8]> {
    let described = frames.iter().find(|frame| frame.tag == b'T');
    described.map(|frame| &frame.body[..])
}

#[track_caller]
fn compare(sql: &str, few: usize, there: &[Frame], here: &[Frame]) {
    assert_eq!((error_code(there), error_code(here)), (None, None), "{sql}");
    assert_eq!(described(there), described(here), "{sql}");
    let (there, mut here) = (rows(there), rows(here));
    // Groups of few are none for a condition on them.
    if here.is_empty() {
        assert_eq!(there.len(), few, "{sql}");
        return;
    }
    let mut hidden = 0;
    for (there, here) in there.iter().flatten().zip(here.iter_mut().flatten()) {
        if here.is_none() && there.is_some() {
            here.clone_from(there);
            hidden += 1;
        }
    }
    assert_eq!(here, there, "{sql}");
    assert_eq!(hidden, few, "{sql}");
}
