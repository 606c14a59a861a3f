//! Values of a composite type that is no table's row, with a field that a rule names.

use crate::support::bed::Bed;
use crate::support::client::rows;
use crate::support::clinic;
use crate::support::gateway::Driver;

use super::compare;

/// Under rules alone no detector helps.
pub(crate) fn fields(bed: &Bed, driver: Driver, tls: bool) {
    let schema = format!("typed_{driver}_{}", if tls { "tls" } else { "plain" });
    let text = format!(
        "CREATE SCHEMA {schema}; SET search_path = {schema};
         CREATE TYPE contact AS (city text, ssn text);
         CREATE TYPE card AS (holder contact);
         CREATE TYPE place AS (city text);
         CREATE TABLE people (id int, c contact, many contact[], card card, at place);
         INSERT INTO people SELECT id, row(city, ssn)::contact, array[row(city, ssn)::contact],
             row(row(city, ssn)::contact)::card, row(city)::place FROM clinic.patients;
         CREATE VIEW shown AS SELECT c AS it, (c).ssn AS number FROM people"
    );
    let mut maker = bed.gateway(driver).connect(clinic::EXEMPT, tls);
    let frames = maker.simple(&text).expect("an answer");
    assert!(
        frames.iter().all(|frame| frame.tag != b'E'),
        "the schema is made"
    );
    for question in [
        "SELECT c FROM @.people",
        "SELECT (c).ssn AS x FROM @.people",
        "SELECT (c).* FROM @.people",
        "SELECT (p.c).ssn || '' AS x FROM @.people p",
        "SELECT c::text AS x FROM @.people",
        "SELECT many, many[1] AS x FROM @.people",
        "SELECT (many[1]).ssn AS x FROM @.people",
        "SELECT (card).holder AS x, ((card).holder).ssn AS y FROM @.people",
        "SELECT p FROM @.people p",
        "SELECT p::text AS x FROM @.people p",
        "SELECT array_agg(c) AS x FROM @.people",
        "SELECT it AS x FROM @.shown",
        "SELECT number AS x FROM @.shown",
        "SELECT x.ssn AS y FROM @.people, unnest(many) x",
        "COPY @.people TO STDOUT",
        "COPY @.people TO STDOUT (FORMAT binary)",
        "COPY (SELECT (c).ssn AS x FROM @.people) TO STDOUT",
    ] {
        let question = question.replace('@', &schema);
        compare(bed, driver, tls, clinic::RULES, |client| {
            client.simple(&question)?;
            if question.starts_with("SELECT") {
                client.prepare("typed", &question)?;
                client.execute("typed", 1)?;
            }
            Ok(())
        });
    }
    let mut client = bed.gateway(driver).connect(clinic::RULES, tls);
    let question = format!("SELECT (at).city AS x, at FROM {schema}.people WHERE id = 1");
    let frames = client.simple(&question).expect("an answer");
    let clear = [b"Town 1".to_vec(), b"(\"Town 1\")".to_vec()];
    assert_eq!(rows(&frames)[0], clear.map(Some), "no rule is about it");
}
