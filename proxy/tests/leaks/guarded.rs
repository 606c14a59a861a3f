//! What could be learnt of masked columns without seeing them, copied from under their rules, or
//! reached by another door: refused, by a policy that says nothing about statements.

use crate::support::bed::Bed;
use crate::support::client::{Client, error_code, rows};
use crate::support::clinic;
use crate::support::gateway::Driver;

use super::clean;

/// Conditions on the patients `p` that tell something of a column under a rule.
const GUESSES: &[&str] = &[
    "ssn LIKE '531-71%'",
    "ssn > '531-7'",
    "ssn ~ '^531'",
    "left(ssn, 3) = '531'",
    "ssn::varchar(3) = '531'",
    "ssn_number / 1000000 = 531",
    "born < '1931-03-03'",
    "extract(year from born) = 1931",
    "salary BETWEEN 73151 AND 73152",
    "address << '10.0.0.0/8'",
    "doc ->> 'ssn' LIKE '5%'",
    "aliases && ARRAY['x']",
    "length(nick) > 5",
    "ssn LIKE ANY('{531-71%,531-72%}')",
    "ssn IN (SELECT unnest(string_to_array('531-71-0291', ',')))",
    "CASE WHEN nick < 'M' THEN true ELSE false END",
    "nullif(nick, 'Zaphod1brox') IS NULL",
    "EXISTS (SELECT FROM clinic.patients q WHERE q.nick < p.nick)",
    "(nick, 1) > ('M', 0)",
    "clinic.same(nick) = 'Zaphod1brox'",
];

/// Whole statements that tell something of, carry or reach what rules hide.
const OTHERS: &[&str] = &[
    "SELECT id FROM clinic.patients ORDER BY ssn",
    "SELECT id FROM clinic.seen ORDER BY s",
    "SELECT count(*) FROM clinic.patients GROUP BY nick",
    "SELECT left(nick, 1), count(*) FROM clinic.patients GROUP BY 1",
    "SELECT DISTINCT nick FROM clinic.patients",
    "SELECT id, rank() OVER (ORDER BY salary) FROM clinic.patients",
    "SELECT count(*) FILTER (WHERE nick < 'M') FROM clinic.patients",
    "SELECT count(nullif(nick, 'Zaphod1brox')) FROM clinic.patients",
    "SELECT 1 FROM clinic.patients JOIN (VALUES ('531-71-0291')) v (x) ON x = ssn",
    "SELECT ssn FROM clinic.patients INTERSECT SELECT '531-71-0291'",
    "SELECT generate_series(1, ascii(nick)) FROM clinic.patients",
    "EXPLAIN SELECT id FROM clinic.patients WHERE ssn = '531-71-0291'",
    "CREATE TABLE clinic.copied AS SELECT nick AS x FROM clinic.patients",
    "CREATE TEMP TABLE copied AS SELECT upper(nick) AS x FROM clinic.patients",
    "SELECT nick AS x INTO clinic.copied FROM clinic.patients",
    "INSERT INTO clinic.arrivals SELECT id, nick FROM clinic.patients",
    "UPDATE clinic.patients SET city = nick",
    "WITH w AS (UPDATE clinic.patients SET city = nick RETURNING 1) SELECT * FROM w",
    "SELECT set_config('my.value', nick, false) FROM clinic.patients",
    "SELECT pg_notify('news', nick) FROM clinic.patients",
    "SELECT pg_advisory_lock(ssn_number) FROM clinic.patients",
    "SELECT pg_sleep(ascii(nick) / 1000.0) FROM clinic.patients",
    "ALTER TABLE clinic.patients ADD CHECK (ssn < '532')",
    "ALTER TABLE clinic.patients RENAME nick TO city_too",
    "CREATE UNIQUE INDEX ON clinic.patients (left(ssn, 3))",
    "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS \
     'SELECT nick FROM clinic.patients LIMIT 1'",
    "CREATE RULE r AS ON SELECT TO clinic.arrivals DO INSTEAD SELECT id, nick FROM clinic.patients",
    "DO $$ BEGIN PERFORM 1; END $$",
    "GRANT SELECT ON clinic.patients TO public",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT lo_create(0)",
    "SELECT query_to_xml('SELECT nick FROM clinic.patients', true, true, '')",
    "COPY clinic.patients TO '/tmp/patients'",
    "COPY (SELECT nick FROM clinic.patients) TO PROGRAM 'cat'",
    "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM clinic.patients WHERE nick < 'M'",
    "PREPARE guess AS SELECT id FROM clinic.patients WHERE nick < $1",
    "SELECT 1 / (ascii(ssn) - 53) FROM clinic.patients",
    "SELECT ssn_int + 1615773357 FROM clinic.patients",
    "SELECT CASE WHEN nick < 'M' THEN 1 / (id - 1) END FROM clinic.patients",
    "INSERT INTO clinic.claims SELECT n, format('531-71-029%s', n) FROM generate_series(1, 9) n",
    "INSERT INTO clinic.patients (id, ssn) SELECT 77, x FROM (VALUES ('531-71-0291')) v (x)",
    "COPY clinic.claims FROM STDIN",
    "SELECT count(*) FROM pg_stats WHERE most_common_vals::text LIKE '%531%'",
];

/// What looks like it and tells nothing, with the number of its rows.
const HARMLESS: &[(&str, usize)] = &[
    (
        "SELECT id, ssn FROM clinic.patients WHERE ssn = '531-71-0291'",
        1,
    ),
    (
        "SELECT id FROM clinic.patients WHERE ssn IN ('531-71-0291', '531-72-0292')",
        2,
    ),
    (
        "SELECT id FROM clinic.patients WHERE ssn = ANY('{531-71-0291,531-72-0292}')",
        2,
    ),
    (
        "SELECT id FROM clinic.patients WHERE lower(nick) = lower('ZAPHOD1BROX')",
        1,
    ),
    (
        "SELECT id FROM clinic.patients WHERE ssn IS NOT NULL AND city LIKE 'Town%'",
        5,
    ),
    (
        "SELECT p.id FROM clinic.patients p JOIN clinic.seen s ON s.s = p.ssn",
        5,
    ),
    (
        "SELECT city, count(ssn), max(nick) FROM clinic.patients GROUP BY city ORDER BY city",
        6,
    ),
    (
        "SELECT id, lag(nick) OVER (PARTITION BY active ORDER BY id) FROM clinic.patients",
        6,
    ),
    (
        "SELECT nick FROM clinic.patients UNION ALL SELECT 'none'",
        7,
    ),
    (
        "WITH a AS (SELECT * FROM clinic.patients) SELECT a.* FROM a WHERE id < 3",
        2,
    ),
    (
        "EXPLAIN (COSTS OFF) SELECT nick FROM clinic.patients WHERE id = 1",
        2,
    ),
    (
        "SELECT upper(nick), born + 1, extract(year from age(born)), salary * 2, ssn_int / 7, \
         to_char(born, 'YYYY'), CASE WHEN nick < 'M' THEN 'a' ELSE 'b' END FROM clinic.patients",
        6,
    ),
    (
        "SELECT ssn_number::numeric, amount / nullif(id - 1, 0) FROM clinic.patients",
        6,
    ),
    ("SELECT 1 FROM pg_class WHERE relname = 'patients'", 1),
    (
        "SELECT attname FROM pg_attribute WHERE attrelid = 'clinic.patients'::regclass \
      AND attname LIKE 'ss%'",
        3,
    ),
];

/// A statement that may not run is refused by its own error, and the session goes on, in whatever
/// state its transaction is.
#[track_caller]
fn is_refused(client: &mut Client, sql: &str) {
    for (way, frames) in [
        ("simple", client.simple(sql)),
        ("extended", client.prepare("guess", sql)),
    ] {
        let code = error_code(&frames.expect("an answer"));
        assert_eq!(code.as_deref(), Some("42501"), "{way}: {sql}");
    }
}

pub(crate) fn guesses(bed: &Bed, driver: Driver, tls: bool) {
    let mut client = bed.gateway(driver).connect(clinic::GUARDED, tls);
    for guess in GUESSES {
        let sql = format!("SELECT id FROM clinic.patients p WHERE {guess}");
        bed.direct()
            .simple(&sql)
            .expect("the question is a good one");
        is_refused(&mut client, &sql);
    }
    for sql in OTHERS {
        is_refused(&mut client, sql);
    }
    clean(&client);
}

pub(crate) fn harmless(bed: &Bed, driver: Driver, tls: bool) {
    let mut client = bed.gateway(driver).connect(clinic::GUARDED, tls);
    for (sql, count) in HARMLESS {
        let frames = client.simple(sql).expect("an answer");
        assert_eq!(error_code(&frames), None, "{sql}");
        assert_eq!(rows(&frames).len(), *count, "{sql}");
        client.prepare("same", sql).expect("an answer");
        let frames = client.execute("same", 1).expect("an answer");
        assert_eq!(rows(&frames).len(), *count, "{sql}");
        client.simple("DEALLOCATE same").expect("an answer");
    }
    clean(&client);
}

/// A refusal fails an open transaction as any error does, and nothing of it stays.
pub(crate) fn transactions(bed: &Bed, driver: Driver, tls: bool) {
    let mut client = bed.gateway(driver).connect(clinic::GUARDED, tls);
    let mut status = |sql: &str| {
        let frames = client.simple(sql).expect("an answer");
        let last = frames.last().map(|frame| frame.body.clone());
        (last.unwrap_or_default(), error_code(&frames))
    };
    let guess = "SELECT id FROM clinic.patients WHERE nick < 'M'";
    assert_eq!(
        status("BEGIN; CREATE TABLE clinic.undone (a int)"),
        (b"T".to_vec(), None)
    );
    let refused = Some("42501".to_owned());
    assert_eq!(status(guess), (b"E".to_vec(), refused.clone()));
    assert_eq!(
        status("SELECT 1"),
        (b"E".to_vec(), Some("25P02".to_owned()))
    );
    assert_eq!(status("ROLLBACK"), (b"I".to_vec(), None));
    assert_eq!(
        status("SELECT 1 FROM clinic.undone").1,
        Some("42P01".to_owned())
    );
    // Of several statements in one text none runs.
    let several = format!("CREATE TABLE clinic.undone (a int); {guess}");
    assert_eq!(status(&several), (b"I".to_vec(), refused));
    assert_eq!(
        status("SELECT 1 FROM clinic.undone").1,
        Some("42P01".to_owned())
    );
    assert_eq!(status("SAVEPOINT s").1, Some("25P01".to_owned()));
}

/// Who may only read some tables, under a role that is not its own to choose.
pub(crate) fn scope(bed: &Bed, driver: Driver, tls: bool) {
    let mut client = bed.gateway(driver).connect(clinic::SCOPED, tls);
    let show = |client: &mut Client, sql: &str| {
        let frames = client.simple(sql).expect("an answer");
        let cell = rows(&frames).first().and_then(|row| row[0].clone());
        String::from_utf8(cell.unwrap_or_default()).expect("text")
    };
    assert_eq!(show(&mut client, "SELECT current_user"), clinic::READ_ROLE);
    assert_eq!(
        show(&mut client, "SHOW default_transaction_read_only"),
        "on"
    );
    assert_eq!(show(&mut client, "SHOW statement_timeout"), "20s");
    assert_eq!(
        show(&mut client, "SELECT count(*) FROM clinic.patients"),
        "6"
    );
    for sql in [
        "SELECT * FROM clinic.numbers",
        "SELECT (SELECT count(*) FROM numbers)",
        "INSERT INTO clinic.patients (id) VALUES (99)",
        "WITH w AS (DELETE FROM clinic.patients RETURNING 1) SELECT * FROM w",
        "BEGIN READ WRITE",
        "SET default_transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SET ROLE none",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SELECT set_config('role', 'none', false)",
        "SELECT set_config('ro' || 'le', 'none', false)",
        "SET statement_timeout = 0",
        "RESET ALL",
        "CREATE TEMP TABLE t (a int)",
        "LISTEN news",
        "EXPLAIN SELECT 1",
        "SELECT clinic.ssn_of(1)",
    ] {
        is_refused(&mut client, sql);
    }
    // What goes back to the beginning goes back to what the policy has set.
    client.simple("DISCARD ALL").expect("an answer");
    assert_eq!(show(&mut client, "SELECT current_user"), clinic::READ_ROLE);
    assert_eq!(
        show(&mut client, "SHOW default_transaction_read_only"),
        "on"
    );
    clean(&client);
}
