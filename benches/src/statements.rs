//! Statements as analysts send them, over the tables of a hospital.

use std::collections::HashMap;

use velum_core::catalog::{Catalog, Column, Relation};
use velum_core::policy::guard::Guard;
use velum_core::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};

/// Tables of [`catalog`].
pub const CATALOG_TABLES: usize = 6;

/// Tables and their columns.
const TABLES: [(&str, &[&str]); CATALOG_TABLES] = [
    (
        "patients",
        &["id", "mrn", "ssn", "name", "born", "sex", "zip", "phone"],
    ),
    (
        "encounters",
        &["id", "patient_id", "started", "ended", "ward", "kind"],
    ),
    (
        "labs",
        &["id", "encounter_id", "code", "value", "unit", "taken"],
    ),
    (
        "claims",
        &["id", "patient_id", "billed", "paid", "payer", "filed"],
    ),
    (
        "notes",
        &["id", "encounter_id", "author", "written", "body"],
    ),
    ("wards", &["id", "name", "floor"]),
];

/// Name, text, and how many columns it returns.
pub const STATEMENTS: &[(&str, &str, usize)] = &[
    ("point", "SELECT count(*) FROM patients WHERE id = $1", 1),
    (
        "columns",
        "SELECT p.id, upper(p.name), date_part('year', age(p.born)), p.zip \
         FROM patients p WHERE p.sex = 'F' ORDER BY p.id LIMIT 100",
        4,
    ),
    (
        "joins",
        "SELECT w.name, e.kind, count(DISTINCT e.patient_id), avg(e.ended - e.started), \
             sum(c.billed - c.paid) FILTER (WHERE c.payer <> 'self') \
         FROM encounters e JOIN wards w ON w.name = e.ward \
         LEFT JOIN claims c ON c.patient_id = e.patient_id AND c.filed >= e.started \
         WHERE e.started >= date '2026-01-01' GROUP BY w.name, e.kind \
         HAVING count(*) > 10 ORDER BY 3 DESC",
        5,
    ),
    (
        "window",
        "WITH latest AS (SELECT l.*, row_number() OVER (PARTITION BY l.encounter_id, l.code \
             ORDER BY l.taken DESC) AS place FROM labs l), \
         wide AS (SELECT encounter_id, max(value) FILTER (WHERE code = '718-7') AS hgb, \
             max(value) FILTER (WHERE code = '2345-7') AS glucose, \
             max(value) FILTER (WHERE code = '2160-0') AS creatinine \
             FROM latest WHERE place = 1 GROUP BY encounter_id) \
         SELECT p.mrn, p.zip, e.kind, w.hgb, w.glucose, w.creatinine, \
             lag(w.hgb) OVER (PARTITION BY p.id ORDER BY e.started), \
             CASE WHEN w.glucose > 126 THEN 'high' ELSE 'normal' END, \
             (SELECT string_agg(n.author, ', ') FROM notes n WHERE n.encounter_id = e.id) \
         FROM wide w JOIN encounters e ON e.id = w.encounter_id \
         JOIN patients p ON p.id = e.patient_id WHERE e.ended IS NOT NULL",
        9,
    ),
];

/// What masks names and numbers of patients, and guards statements.
pub fn policy() -> Policy {
    let rule = |name: &str| {
        Glob::new(name).ok().map(|glob| Rule {
            name: name.to_owned(),
            selector: Selector::ColumnName(glob),
            strategy: Strategy::Redact,
        })
    };
    let rules = ["mrn", "ssn", "phone", "body"].into_iter().filter_map(rule);
    let name = "analyst".to_owned();
    let policy = Policy::new(name, rules.collect(), None, Messages::Strict, [0; 32]);
    policy.guarded(Guard::default())
}

/// What the statements' names stand for.
pub fn catalog() -> Catalog {
    const TEXT: u32 = 25;
    let column = |(at, name): (usize, &&str)| Column {
        attnum: i16::try_from(at + 1).unwrap_or(i16::MAX),
        name: (*name).to_owned(),
        type_oid: TEXT,
        generated: false,
        origins: Vec::new(),
    };
    let relation = |(name, columns): &(&str, &[&str])| Relation {
        schema: "public".to_owned(),
        name: (*name).to_owned(),
        is_view: false,
        columns: columns.iter().enumerate().map(column).collect(),
        parents: Vec::new(),
        children: Vec::new(),
    };
    let relations: HashMap<_, _> = (20_000..).zip(TABLES.iter().map(relation)).collect();
    Catalog {
        epoch: 1,
        relations,
        ..Catalog::default()
    }
}
