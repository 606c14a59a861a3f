//! A table of the same name in a schema that no rule is about: what the name means is decided by
//! the search path, and by whatever changes it unseen.

use std::io;

use crate::support::bed::Bed;
use crate::support::client::{Client, rows};
use crate::support::clinic;
use crate::support::gateway::Driver;

use super::{clean, compare};

/// Of one table or of the other; the server names no table of the column.
const READ: &str = "SELECT nick || '' AS x FROM patients";

/// Makes the other table, and code that changes the path when it runs.
fn schema_of(bed: &Bed, driver: Driver, tls: bool) -> String {
    let schema = format!("beside_{driver}_{}", if tls { "tls" } else { "plain" });
    let set = "PERFORM set_config('search_path', 'clinic', false);";
    let text = format!(
        "CREATE SCHEMA {schema}; SET search_path = {schema};
         CREATE TABLE patients (id int, nick text);
         INSERT INTO patients VALUES (1, 'calm');
         CREATE FUNCTION act() RETURNS int LANGUAGE plpgsql AS $$ BEGIN {set} RETURN 1; END $$;
         CREATE FUNCTION act(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
             $$ BEGIN {set} RETURN true; END $$;
         CREATE FUNCTION acting() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN {set} RETURN new; END $$;
         CREATE PROCEDURE proceed() LANGUAGE plpgsql AS $$ BEGIN {set} END $$;
         CREATE VIEW trap AS SELECT act() AS one;
         CREATE TABLE pulled (id int DEFAULT act());
         CREATE TABLE loud (id int);
         CREATE TRIGGER act BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION acting();
         CREATE TABLE told (id int); INSERT INTO told VALUES (1);
         CREATE FUNCTION act(told) RETURNS int LANGUAGE plpgsql AS $$ BEGIN {set} RETURN 1; END $$;
         CREATE TABLE guarded (id int); INSERT INTO guarded VALUES (1);
         ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
         ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
         CREATE POLICY act ON guarded USING (act() = 1);
         CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = act);
         CREATE DOMAIN checked AS int CHECK (act(value, value));
         CREATE TYPE mood AS ENUM ('calm');
         CREATE FUNCTION act(mood) RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN {set} RETURN 1; END $$;
         CREATE CAST (mood AS int) WITH FUNCTION act(mood) AS IMPLICIT;
         CREATE TABLE moods (m mood); INSERT INTO moods VALUES ('calm')"
    );
    let mut maker = bed.gateway(driver).connect(clinic::EXEMPT, tls);
    let frames = maker.simple(&text).expect("an answer");
    assert!(
        frames.iter().all(|frame| frame.tag != b'E'),
        "the schema is made"
    );
    schema
}

/// What the statement shows, by its last row.
fn shown(client: &mut Client, sql: &str) -> io::Result<Option<Vec<u8>>> {
    let rows = rows(&client.simple(sql)?);
    Ok(rows.last().and_then(|row| row[0].clone()))
}

/// Statements that come between, each of which leads to the other table.
fn changes(schema: &str) -> Vec<String> {
    [
        "SET search_path = clinic",
        "SET SESSION search_path TO nowhere, 'clinic'",
        "SET SCHEMA 'clinic'",
        "SELECT set_config('search_path', 'clinic', false)",
        "SELECT set_config('search_' || 'path', 'clinic', false)",
        "UPDATE pg_settings SET setting = 'clinic' WHERE name = 'search_path'",
        "DO $$ BEGIN SET search_path = clinic; END $$",
        "SELECT @.act()",
        "SELECT * FROM @.trap",
        "CALL @.proceed()",
        "INSERT INTO @.pulled DEFAULT VALUES",
        "INSERT INTO @.loud VALUES (1)",
        "COPY (SELECT act() FROM @.told) TO STDOUT",
        "SELECT t.act FROM @.told t",
        "SELECT (t).act FROM @.told t",
        "SELECT id FROM @.guarded",
        "SELECT 1 OPERATOR(@.===) 2",
        "SELECT 1 === 2",
        "SELECT 1::@.checked",
        "SELECT m + 1 FROM @.moods",
        "PREPARE p AS SELECT @.act(); EXECUTE p",
        "EXPLAIN ANALYZE SELECT @.act()",
        "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT @.act(); COMMIT",
        "CREATE TEMP TABLE patients AS SELECT nick FROM clinic.patients",
        "CREATE TEMP VIEW patients AS SELECT nick FROM clinic.patients",
    ]
    .map(|text| text.replace('@', schema))
    .into()
}

/// The canaries never show, by whatever the name came to mean their table.
pub(crate) fn changed(bed: &Bed, driver: Driver, tls: bool) {
    let schema = schema_of(bed, driver, tls);
    for change in changes(&schema) {
        // Between statements, in a transaction, inside of one text, and prepared before.
        compare(bed, driver, tls, clinic::MASKED, |client| {
            client.simple(&format!("SET search_path = {schema}"))?;
            let before = shown(client, READ)?;
            assert_eq!(before.as_deref(), Some(&b"calm"[..]), "{change}");
            client.simple(&change)?;
            client.simple(READ).map(drop)
        });
        compare(bed, driver, tls, clinic::MASKED, |client| {
            client.simple("BEGIN")?;
            client.simple(&format!("SET LOCAL search_path = {schema}"))?;
            client.prepare("kept", READ)?;
            client.execute("kept", 0)?;
            client.simple(
                &change
                    .replace("BEGIN; ", "")
                    .replace("; COMMIT", "; FETCH c"),
            )?;
            client.simple(READ)?;
            client.execute("kept", 0).map(drop)
        });
        compare(bed, driver, tls, clinic::MASKED, |client| {
            let text = format!("SET search_path = {schema}; {change}; {READ}");
            client.simple(&text).map(drop)
        });
    }
    taken_back(bed, driver, tls, &schema);
}

/// Paths that come back: at the end of a transaction, to a savepoint, and by a reset.
fn taken_back(bed: &Bed, driver: Driver, tls: bool, schema: &str) {
    for texts in [
        "SET search_path = clinic|BEGIN|SET LOCAL search_path = @|COMMIT",
        "SET search_path = clinic|BEGIN|SET search_path = @|ROLLBACK",
        "SET search_path = clinic|BEGIN|SAVEPOINT s|SET search_path = @|ROLLBACK TO s",
        "SET search_path = clinic|BEGIN|SAVEPOINT s|SET search_path = @|SELECT 1/0|ROLLBACK TO s",
        "SET search_path = clinic|SET LOCAL search_path = @",
        "SET search_path = clinic|SET search_path = @; SELECT 1/0",
    ] {
        compare(bed, driver, tls, clinic::MASKED, |client| {
            for text in texts.replace('@', schema).split('|') {
                client.simple(text)?;
                client.simple("SELECT nick || '' AS y FROM patients WHERE false")?;
            }
            client.simple(READ).map(drop)
        });
    }
    // What the session began with, in both ways to say it.
    let gateway = bed.gateway(driver);
    for parameter in [
        ("search_path", "clinic"),
        ("options", "-c search_path=clinic"),
    ] {
        for reset in ["SELECT 1", "RESET search_path", "RESET ALL", "DISCARD ALL"] {
            let login = gateway.login(clinic::MASKED, tls);
            let mut client = Client::connect_with(&login, clinic::DATABASE, &[parameter]);
            let client = client.as_mut().expect("a session");
            client.simple(READ).expect("an answer");
            client
                .simple(&format!("SET search_path = {schema}"))
                .expect("done");
            client.simple(reset).expect("done");
            let frames = client.simple(READ).expect("an answer");
            if reset != "SELECT 1" {
                assert_eq!(rows(&frames).len(), clinic::PATIENTS + 1, "{reset}");
            }
            clean(client);
        }
    }
}
