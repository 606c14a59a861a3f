//! Columns that are not there, and patients of whom one may not meet more.

use crate::support::bed::Bed;
use crate::support::client::{Client, error_code, rows};
use crate::support::clinic;
use crate::support::gateway::Driver;

use super::clean;

/// Names of the columns of a result.
fn names(client: &mut Client, sql: &str) -> Vec<String> {
    let frames = client.simple(sql).expect("an answer");
    assert_eq!(error_code(&frames), None, "{sql}");
    let described = frames.iter().find(|frame| frame.tag == b'T');
    let mut body = &described.expect("a RowDescription").body[2..];
    let mut names = Vec::new();
    while let Some(end) = body.iter().position(|byte| *byte == 0) {
        names.push(String::from_utf8_lossy(&body[..end]).into_owned());
        body = &body[end + 19..];
    }
    names
}

pub(crate) fn hidden(bed: &Bed, driver: Driver, tls: bool) {
    let mut client = bed.gateway(driver).connect(clinic::UNSEEING, tls);
    let kept = [
        "id", "city", "seen", "amount", "score", "ident", "active", "tags", "small", "born",
        "salary", "token", "photo", "phone", "secret", "address", "aliases", "doc", "note", "mail",
    ];
    for sql in [
        "SELECT * FROM clinic.patients WHERE id < 5",
        "SELECT p.* FROM clinic.patients p WHERE id < 5",
        "SELECT * FROM (SELECT * FROM clinic.patients) q WHERE id < 5",
        "WITH q AS (TABLE clinic.arrivals) SELECT p.* FROM clinic.patients p WHERE id < 5",
    ] {
        assert_eq!(names(&mut client, sql), kept, "{sql}");
        client.prepare("all", sql).expect("an answer");
        for format in [0, 1] {
            let all = rows(&client.execute("all", format).expect("rows"));
            assert_eq!((all.len(), all[0].len()), (4, kept.len()), "{sql}");
        }
        client.simple("DEALLOCATE all").expect("an answer");
    }
    let joined = "SELECT * FROM clinic.patients p JOIN clinic.numbers n USING (id) WHERE id < 3";
    assert_eq!(names(&mut client, joined), kept);
    assert_eq!(
        names(&mut client, "SELECT * FROM clinic.seen WHERE id = 1"),
        ["id", "b"]
    );
    for sql in [
        "SELECT ssn FROM clinic.patients",
        "SELECT q.ssn FROM (SELECT * FROM clinic.patients) q",
        "SELECT n FROM clinic.seen",
        "SELECT id FROM clinic.patients WHERE nick = 'Zaphod1brox'",
        "COPY clinic.patients (id, ssn) TO STDOUT",
    ] {
        for frames in [client.simple(sql), client.prepare("named", sql)] {
            let code = error_code(&frames.expect("an answer"));
            assert_eq!(code.as_deref(), Some("42501"), "{sql}");
        }
    }
    // Where they come all the same, they are NULL.
    for sql in [
        "TABLE clinic.patients",
        "SELECT p FROM clinic.patients p",
        "SELECT row_to_json(p) FROM clinic.patients p",
        "COPY clinic.patients TO STDOUT",
        "SELECT * FROM clinic.patients UNION ALL SELECT * FROM clinic.patients",
    ] {
        let mut client = bed.gateway(driver).connect(clinic::UNSEEING, tls);
        client.simple(sql).expect("an answer");
        clean(&client);
    }
    clean(&client);
}

/// The last statement of a session that goes beyond the budget: rows of it, and the error.
fn cut(bed: &Bed, driver: Driver, tls: bool, sql: &str) {
    let mut client = bed.gateway(driver).connect(clinic::LIMITED, tls);
    assert!(client.simple(sql).is_err(), "the session is over: {sql}");
    let told = String::from_utf8_lossy(client.received()).into_owned();
    for words in [
        "FATAL",
        "53400",
        "the budget of 5 subjects in 86400 s is spent",
    ] {
        assert!(told.contains(words), "{sql}: {told}");
    }
    clean(&client);
}

pub(crate) fn patients(bed: &Bed, driver: Driver, tls: bool) {
    let mut client = bed.gateway(driver).connect(clinic::LIMITED, tls);
    for _ in 0..3 {
        let five = "SELECT id, mail FROM clinic.patients WHERE id <= 5";
        assert_eq!(rows(&client.simple(five).expect("rows")).len(), 5);
        let aggregate = client.simple("SELECT count(*) FROM clinic.patients");
        assert_eq!(rows(&aggregate.expect("a row")).len(), 1);
    }
    clean(&client);
    cut(
        bed,
        driver,
        tls,
        "SELECT id, mail FROM clinic.patients ORDER BY id",
    );
    cut(bed, driver, tls, "SELECT mail FROM clinic.patients");
    cut(
        bed,
        driver,
        tls,
        "COPY clinic.patients (id, mail) TO STDOUT",
    );
    // Whom it has met it may meet again.
    let mut again = bed.gateway(driver).connect(clinic::LIMITED, tls);
    let known = again.simple("SELECT id, mail FROM clinic.patients WHERE id = 3");
    assert_eq!(rows(&known.expect("a row")).len(), 1);
}
