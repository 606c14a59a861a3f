//! The leak vectors: each a trial on both data planes, with TLS and without.
//!
//! A trial asks as an attacker would, and looks for canaries in every byte that the client
//! received, in every form in which a canary could hide. The last trials look at what the
//! gateway wrote to its log and to its disk. The same question asked past the gateway must show
//! the canary: a trial that could not fail would prove nothing.

mod composites;
mod counted;
mod derived;
mod elsewhere;
mod evidence;
mod guarded;
mod limited;
mod paths;
mod renamed;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Trial;
use postgres_protocol::message::frontend;
use support::bed::{Bed, Body, Shared, matrix};
use support::client::{Client, error_code, rows};
use support::clinic;
use support::gateway::Driver;

fn main() -> ExitCode {
    let bed = Bed::shared();
    let vectors: &[(&str, Body)] = &[
        ("01_a_column_under_a_rule", v01_column),
        ("02_described_once_executed_later", v02_described_once),
        ("03_an_alias_of_a_value_without_a_pattern", v03_alias),
        ("04_copy_to_stdout", v04_copy),
        ("05_an_error_that_quotes_a_row", v05_error),
        ("06_a_notice", v06_notice),
        ("07_a_reversed_value", derived::reversed),
        ("08_a_binary_number_by_content", v08_binary_by_content),
        (
            "09_a_binary_number_by_rule_keeps_its_type",
            v09_binary_by_rule,
        ),
        ("10_an_encoded_value", derived::encoded),
        ("11_a_key_inside_of_json", v11_json),
        ("13_a_notification", v13_notification),
        ("14_a_function_call", v14_function_call),
        ("15_every_column_every_format", v15_everything),
        ("16_views_cursors_and_statements_in_sql", v16_sql_level),
        (
            "17_literals_and_binds_stay_out_of_log_and_disk",
            v17_literals,
        ),
        ("19_a_parameter_that_carries_a_value", v19_parameter),
        ("20_a_number_in_a_message", v20_number),
        ("21_a_column_that_was_just_added", v21_new_column),
        ("22_statistics_and_other_sessions_statements", v22_quoted),
        ("23_a_name_of_another_statement", renamed::a_statement),
        ("24_a_view_that_was_replaced", renamed::a_view),
        ("25_a_copy_of_another_table", renamed::a_table),
        ("26_a_copy_in_another_encoding", renamed::an_encoding),
        ("27_any_expression", derived::by_any_expression),
        ("28_harmless_expressions_stay", derived::harmless),
        ("29_results_of_other_statements", derived::elsewhere),
        ("30_rows_left_over", renamed::rows_left_over),
        ("31_guesses_copies_and_side_doors", guarded::guesses),
        ("32_harmless_statements_run", guarded::harmless),
        ("33_a_refusal_in_a_transaction", guarded::transactions),
        ("34_a_scope", guarded::scope),
        ("35_hidden_columns", limited::hidden),
        ("36_a_budget_of_patients", limited::patients),
        (
            "37_a_view_that_another_session_replaced",
            elsewhere::through_the_gateway,
        ),
        (
            "38_a_view_that_was_replaced_past_the_gateway",
            elsewhere::beside_the_gateway,
        ),
        ("39_aggregates_of_few_patients", counted::few),
        ("40_a_table_of_another_schema", paths::changed),
        ("41_fields_of_composite_types", composites::fields),
    ];
    let mut trials = Vec::new();
    for (name, body) in vectors {
        trials.extend(matrix(&bed, name, *body));
    }
    trials.extend(no_canary_on_disk(&bed));
    support::run(trials)
}

/// Runs `ask` past the gateway and through it; the first must show a canary, the second none.
#[track_caller]
fn compare(
    bed: &Bed,
    driver: Driver,
    tls: bool,
    user: &str,
    ask: impl Fn(&mut Client) -> std::io::Result<()>,
) -> Client {
    let mut direct = bed.direct();
    ask(&mut direct).expect("the question is a good one");
    assert!(
        !clinic::leaks(direct.received()).is_empty(),
        "the question shows no canary"
    );
    let gateway = bed.gateway(driver);
    let mut client = gateway.connect(user, tls);
    ask(&mut client).unwrap_or_else(|error| panic!("{error}\n{}", gateway.log()));
    clean(&client);
    client
}

/// No canary, and no credential of the gateway's.
#[track_caller]
fn clean(client: &Client) {
    let leaks = clinic::leaks(client.received());
    assert!(leaks.is_empty(), "leaked: {leaks:?}");
    let password = clinic::ROLE_PASSWORD.as_bytes();
    assert!(
        !clinic::contains(client.received(), password),
        "leaked the credential"
    );
}

fn v01_column(bed: &Bed, driver: Driver, tls: bool) {
    let client = compare(bed, driver, tls, clinic::MASKED, |client| {
        client
            .simple("SELECT id, ssn FROM clinic.patients ORDER BY id")
            .map(drop)
    });
    drop(client);
    let mut client = bed.gateway(driver).connect(clinic::MASKED, tls);
    let frames = client
        .simple("SELECT id, ssn FROM clinic.patients ORDER BY id")
        .expect("rows");
    let rows = rows(&frames);
    assert_eq!(rows.len(), clinic::PATIENTS + 1);
    assert_eq!(rows[0][0].as_deref(), Some(&b"1"[..]));
    let masked = rows[0][1].as_ref().expect("a value").len();
    assert_eq!(masked, clinic::ssn(1).len(), "redaction keeps the length");
    assert_eq!(rows[5][1], None, "NULL stays NULL");
}

fn v02_described_once(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.prepare(
            "kept",
            "SELECT id, nick, ssn FROM clinic.patients ORDER BY id",
        )?;
        for format in [0, 1, 0] {
            client.simple("SELECT 1 AS something_else")?;
            let rows = rows(&client.execute("kept", format)?);
            assert_eq!(rows.len(), clinic::PATIENTS + 1);
        }
        Ok(())
    });
}

fn v03_alias(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple(
            "SELECT nick AS city, secret AS id, ssn AS x, aliases AS y, token AS z,
                phone AS amount FROM clinic.patients p ORDER BY p.id",
        )?;
        client.simple("WITH a AS (SELECT nick AS b FROM clinic.patients) SELECT b AS c FROM a")?;
        client
            .simple("SELECT * FROM (SELECT nick n, secret s FROM clinic.patients) x")
            .map(drop)
    });
}

fn v04_copy(bed: &Bed, driver: Driver, tls: bool) {
    for question in [
        "COPY clinic.patients TO STDOUT",
        "COPY clinic.patients TO STDOUT (FORMAT csv, HEADER)",
        "COPY clinic.patients TO STDOUT WITH (FORMAT csv, FORCE_QUOTE *, DELIMITER ';')",
        "COPY clinic.patients TO STDOUT (FORMAT binary)",
        "COPY clinic.patients (nick, ssn_number, born) TO STDOUT",
        "COPY (SELECT nick AS a, ssn AS b, doc AS c FROM clinic.patients) TO STDOUT",
        "COPY (SELECT ssn_number AS a, token AS b FROM clinic.patients) TO STDOUT BINARY",
        "copy/**/clinic . patients ( \"nick\" ) to stdout csv",
        "SELECT 1; COPY clinic.patients (nick) TO STDOUT; SELECT 2",
    ] {
        compare(bed, driver, tls, clinic::MASKED, |client| {
            client.simple(question).map(drop)
        });
    }
    let mut client = bed.gateway(driver).connect(clinic::MASKED, tls);
    let frames = client
        .simple("COPY clinic.patients (id, city) TO STDOUT")
        .expect("a copy");
    let data: Vec<u8> = frames
        .iter()
        .filter(|f| f.tag == b'd')
        .flat_map(|f| f.body.clone())
        .collect();
    assert!(
        data.starts_with(b"1\tTown 1\n2\tTown 2\n"),
        "clean columns are as they were"
    );
}

fn v05_error(bed: &Bed, driver: Driver, tls: bool) {
    for question in [
        "UPDATE clinic.patients SET small = -1 WHERE id = 1",
        "INSERT INTO clinic.patients SELECT 99, city, seen, amount, score, ident, active, tags,
            small, ssn FROM clinic.patients WHERE id = 1",
        "SELECT ssn::int FROM clinic.patients",
        "SELECT nick::date FROM clinic.patients",
        "SELECT mail::inet FROM clinic.patients",
    ] {
        for user in [clinic::MASKED, clinic::RULES] {
            compare(bed, driver, tls, user, |client| {
                let frames = client.simple(question)?;
                assert!(error_code(&frames).is_some(), "{question} is no error");
                Ok(())
            });
        }
    }
    let mut client = bed.gateway(driver).connect(clinic::MASKED, tls);
    let frames = client.simple("UPDATE clinic.patients SET small = -1 WHERE id = 1");
    assert_eq!(
        error_code(&frames.expect("an answer")).as_deref(),
        Some("23514")
    );
}

fn v06_notice(bed: &Bed, driver: Driver, tls: bool) {
    let tell = |client: &mut Client| {
        let frames = client.simple("SELECT clinic.tell(1), clinic.tell(2)")?;
        assert_eq!(frames.iter().filter(|frame| frame.tag == b'N').count(), 2);
        Ok(())
    };
    compare(bed, driver, tls, clinic::RULES, tell);
    for user in [clinic::MASKED, clinic::CONTENT] {
        let mut client = compare(bed, driver, tls, user, tell);
        let question = "DO $$ BEGIN RAISE WARNING '%', (SELECT string_agg(ssn, ',')
            FROM clinic.patients) USING DETAIL = 'SSN 531-71-0291', HINT = '531-72-0292'; END $$";
        client.simple(question).expect("an answer");
        clean(&client);
    }
}

fn v08_binary_by_content(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::CONTENT, |client| {
        client.prepare("numbers", "SELECT id, ssn FROM clinic.numbers ORDER BY id")?;
        for format in [1, 0] {
            let rows = rows(&client.execute("numbers", format)?);
            assert_eq!(rows.len(), clinic::PATIENTS);
            assert!(rows.iter().all(|row| row[0].is_some()));
        }
        Ok(())
    });
}

fn v09_binary_by_rule(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        let question = "SELECT ssn_number, ssn_int, born, salary, token, photo, address, aliases
            FROM clinic.patients WHERE id < 6";
        client.prepare("typed", question)?;
        for row in rows(&client.execute("typed", 1)?) {
            let lengths = [Some(8), Some(4), Some(4), None, Some(16)];
            for (cell, length) in row.iter().zip(lengths) {
                if let (Some(cell), Some(length)) = (cell, length) {
                    assert_eq!(cell.len(), length, "a binary value of its type");
                }
            }
        }
        Ok(())
    });
}

fn v11_json(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple("SELECT doc FROM clinic.patients ORDER BY id")?;
        client.simple("SELECT doc AS x, doc::json AS y FROM clinic.patients ORDER BY id")?;
        client.prepare("docs", "SELECT doc FROM clinic.patients ORDER BY id")?;
        client.execute("docs", 1)?;
        client.simple("SELECT jsonb_agg(doc) FROM clinic.patients")?;
        client.simple("SELECT row_to_json(p) FROM (SELECT id, ssn FROM clinic.patients) p")?;
        Ok(())
    });
    let mut client = bed.gateway(driver).connect(clinic::MASKED, tls);
    let frames = client
        .simple("SELECT doc FROM clinic.patients WHERE id = 3")
        .expect("a row");
    let text = rows(&frames)[0][0].clone().expect("a document");
    let document: serde_json::Value = serde_json::from_slice(&text).expect("still JSON");
    assert_eq!(document["visit"], 3, "other keys are as they were");
}

fn v13_notification(bed: &Bed, driver: Driver, tls: bool) {
    let users = [
        clinic::MASKED,
        clinic::CONTENT,
        clinic::RULES,
        clinic::EXEMPT,
    ];
    for user in users {
        let mut client = bed.gateway(driver).connect(user, tls);
        client.simple("LISTEN gossip").expect("listening");
        let payload = format!("SSN {} of patient 1", clinic::ssn(1));
        bed.cluster
            .psql_in(clinic::DATABASE, &format!("NOTIFY gossip, '{payload}'"))
            .expect("sent");
        let mut notified = false;
        for _ in 0..50 {
            let frames = client.simple("SELECT pg_sleep(0.02)").expect("an answer");
            notified |= frames.iter().any(|frame| frame.tag == b'A');
            if notified {
                break;
            }
        }
        assert!(notified, "the notification arrived");
        match user {
            clinic::EXEMPT => assert!(!clinic::leaks(client.received()).is_empty()),
            _ => clean(&client),
        }
    }
}

fn v14_function_call(bed: &Bed, driver: Driver, tls: bool) {
    let oid = bed.cluster.psql_in(
        clinic::DATABASE,
        "SELECT oid FROM pg_proc WHERE proname = 'ssn_of'",
    );
    let oid: u32 = oid.expect("an answer").trim().parse().expect("an oid");
    compare(bed, driver, tls, clinic::MASKED, |client| {
        // oid, one argument format (text), one argument, result format
        for format in [0u16, 1] {
            let mut body = oid.to_be_bytes().to_vec();
            body.extend_from_slice(b"\0\x01\0\0\0\x01\0\0\0\x011");
            body.extend_from_slice(&format.to_be_bytes());
            client.send(&support::client::frame_bytes(b'F', &body))?;
            let frames = client.until_ready()?;
            assert!(frames.iter().any(|frame| matches!(frame.tag, b'V' | b'E')));
        }
        Ok(())
    });
}

fn v15_everything(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple("SELECT * FROM clinic.patients ORDER BY id")?;
        client.prepare("all", "SELECT * FROM clinic.patients ORDER BY id")?;
        client.execute("all", 1)?;
        client.execute("all", 0)?;
        client.simple("SELECT p.* FROM clinic.patients p JOIN clinic.numbers n USING (id)")?;
        client.simple("TABLE clinic.patients").map(drop)
    });
    for user in [clinic::MASKED, clinic::CONTENT, clinic::EXEMPT] {
        let columns = clinic::CLEAN.join(", ");
        let question = format!("SELECT {columns} FROM clinic.patients ORDER BY id");
        let direct = bed.direct().simple(&question).expect("rows");
        let through = bed
            .gateway(driver)
            .connect(user, tls)
            .simple(&question)
            .expect("rows");
        assert!(
            direct == through,
            "clean columns are as the database sent them, for {user}"
        );
    }
    let mut exempt = bed.gateway(driver).connect(clinic::EXEMPT, tls);
    exempt
        .simple("SELECT * FROM clinic.patients")
        .expect("rows");
    assert!(
        !clinic::leaks(exempt.received()).is_empty(),
        "an exempt identity sees everything"
    );
}

fn v16_sql_level(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple("SELECT * FROM clinic.seen")?;
        client
            .simple("PREPARE p AS SELECT nick AS a FROM clinic.patients; EXECUTE p; EXECUTE p")?;
        client.simple("BEGIN")?;
        client.simple(
            "DECLARE c BINARY CURSOR FOR SELECT nick AS a, ssn_number FROM clinic.patients",
        )?;
        client.simple("DECLARE d CURSOR WITH HOLD FOR SELECT secret AS b FROM clinic.patients")?;
        client.simple("FETCH 2 FROM c")?;
        client.simple("FETCH ALL FROM c")?;
        client.simple("COMMIT")?;
        client.simple("FETCH ALL FROM d; CLOSE d")?;
        client.simple(
            "INSERT INTO clinic.arrivals VALUES (0, 'x') RETURNING (SELECT ssn FROM
            clinic.patients LIMIT 1)",
        )?;
        client.simple("DELETE FROM clinic.arrivals")?;
        client.write(|out| {
            frontend::parse(
                "",
                "SELECT nick AS a FROM clinic.patients ORDER BY 1",
                [],
                out,
            )?;
            frontend::describe(b'S', "", out)?;
            let none = |_: &str, _: &mut bytes::BytesMut| Ok(postgres_protocol::IsNull::Yes);
            let bound = frontend::bind("rows", "", [], [] as [&str; 0], none, [1], out);
            bound.map_err(|_| std::io::Error::other("bind"))?;
            for _ in 0..3 {
                frontend::execute("rows", 2, out)?;
            }
            frontend::sync(out);
            Ok(())
        })?;
        let frames = client.until_ready()?;
        assert_eq!(
            frames.iter().filter(|frame| frame.tag == b's').count(),
            3,
            "suspended after every second row"
        );
        Ok(())
    });
}

/// What a client says is PHI as well: it stays out of the gateway's log and disk.
fn v17_literals(bed: &Bed, driver: Driver, tls: bool) {
    let gateway = bed.gateway(driver);
    let mut client = gateway.connect(clinic::MASKED, tls);
    let literal = format!(
        "SELECT count(*) FROM clinic.patients WHERE ssn = '{}'",
        clinic::ssn(2)
    );
    client.simple(&literal).expect("an answer");
    client
        .simple(&format!(
            "SELECT '{}' -- {}",
            clinic::ssn(3),
            clinic::ssn(4)
        ))
        .expect("an answer");
    client
        .simple(&format!(
            "SELECT $a${}$a$, {}",
            clinic::ssn(3),
            clinic::ssn_number(3)
        ))
        .expect("x");
    client
        .simple(&format!("syntax error '{}", clinic::ssn(5)))
        .expect("an answer");
    client
        .write(|out| {
            frontend::parse(
                "",
                "SELECT count(*) FROM clinic.patients WHERE ssn = $1",
                [25],
                out,
            )?;
            let value = |it: String, out: &mut bytes::BytesMut| {
                out.extend_from_slice(it.as_bytes());
                Ok(postgres_protocol::IsNull::No)
            };
            let bound = frontend::bind("", "", [], [clinic::ssn(1)], value, [0], out);
            bound.map_err(|_| std::io::Error::other("bind"))?;
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })
        .expect("sent");
    client.until_ready().expect("an answer");
    no_canary_in_files(bed, driver);
}

fn v19_parameter(bed: &Bed, driver: Driver, tls: bool) {
    for user in [clinic::MASKED, clinic::RULES] {
        for parameter in ["application_name", "search_path"] {
            let question = format!(
                "DO $$ BEGIN PERFORM set_config('{parameter}',
                    (SELECT nick FROM clinic.patients WHERE id = 1), false); END $$"
            );
            let mut client = bed.gateway(driver).connect(user, tls);
            client.simple(&question).expect("an answer");
            clean(&client);
        }
        // Every PostgreSQL reports this one.
        compare(bed, driver, tls, user, |client| {
            let question = "DO $$ BEGIN PERFORM set_config('application_name',
                (SELECT nick FROM clinic.patients WHERE id = 1), false); END $$";
            client.simple(question).map(drop)
        });
    }
}

/// The server puts no marks around numbers.
fn v20_number(bed: &Bed, driver: Driver, tls: bool) {
    for user in [clinic::MASKED, clinic::RULES] {
        compare(bed, driver, tls, user, |client| {
            let frames = client.simple("SELECT lo_get(ssn_number::oid) FROM clinic.patients")?;
            assert!(error_code(&frames).is_some(), "there are no large objects");
            Ok(())
        });
    }
}

/// The catalog is some time behind: what it does not know is looked up before it is shown.
fn v21_new_column(bed: &Bed, driver: Driver, tls: bool) {
    let table = format!(
        "clinic.fresh_{driver}_{}",
        if tls { "tls" } else { "plain" }
    );
    let run = |sql: &str| {
        let sql = format!("SET ROLE {}; {sql}", clinic::ROLE);
        bed.cluster.psql_in(clinic::DATABASE, &sql).expect("done");
    };
    run(&format!(
        "CREATE TABLE {table} (id int); INSERT INTO {table} VALUES (1)"
    ));
    let mut client = bed.gateway(driver).connect(clinic::RULES, tls);
    for number in 1..=5 {
        // The catalog knows the table now.
        client
            .simple(&format!("SELECT * FROM {table}"))
            .expect("a row");
        run(&format!(
            "ALTER TABLE {table} ADD COLUMN ssn_{number} text DEFAULT 'Zaphod1brox'"
        ));
        let question = format!("SELECT ssn_{number} AS x FROM {table}");
        assert_eq!(rows(&client.simple(&question).expect("a row")).len(), 1);
        clean(&client);
    }
}

/// PostgreSQL's own views quote values of every column, and what other sessions asked.
fn v22_quoted(bed: &Bed, driver: Driver, tls: bool) {
    let mut other = bed.direct();
    other
        .simple("ANALYZE clinic.patients; SELECT 'Zaphod1brox' AS asked_by_another")
        .expect("an answer");
    for user in [clinic::MASKED, clinic::RULES] {
        for question in [
            "SELECT query AS x FROM pg_stat_activity",
            "SELECT a FROM pg_stat_activity a",
            "SELECT histogram_bounds AS x FROM pg_stats WHERE schemaname = 'clinic'",
            "SELECT s FROM pg_stats s WHERE schemaname = 'clinic'",
        ] {
            compare(bed, driver, tls, user, |client| {
                client.simple(question).map(drop)
            });
        }
    }
}

fn no_canary_in_files(bed: &Bed, driver: Driver) {
    let files = bed.gateway(driver).files();
    assert!(
        files
            .iter()
            .any(|(path, bytes)| path.starts_with("audit") || !bytes.is_empty())
    );
    for (path, bytes) in files {
        let leaks = clinic::leaks(&bytes);
        assert!(leaks.is_empty(), "{} holds {leaks:?}", path.display());
        for secret in [clinic::ROLE_PASSWORD, clinic::CLIENT_PASSWORD] {
            assert!(
                !clinic::contains(&bytes, secret.as_bytes()),
                "{} holds a secret",
                path.display()
            );
        }
    }
}

fn no_canary_on_disk(bed: &Shared) -> Vec<Trial> {
    let trial = |driver: &Driver| {
        let (bed, driver) = (Arc::clone(bed), *driver);
        Trial::test(
            format!("{driver}::18_no_canary_in_log_or_audit"),
            move || {
                let mut client = bed.gateway(driver).connect(clinic::MASKED, false);
                client
                    .simple("SELECT * FROM clinic.patients")
                    .expect("rows");
                let audit = std::fs::read_dir(bed.gateway(driver).audit_directory());
                assert!(
                    audit.expect("an audit directory").count() > 0,
                    "the audit log is empty"
                );
                no_canary_in_files(&bed, driver);
                evidence::no_canary_in_exports(&bed, driver);
                evidence::no_canary_in_a_pack(&bed, driver);
                Ok(())
            },
        )
    };
    Driver::under_test().iter().map(trial).collect()
}
