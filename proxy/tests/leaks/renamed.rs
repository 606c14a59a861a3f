//! Names that come to mean another thing between the moment when Velum asks what they show and the
//! moment when the server runs them.

use crate::compare;
use crate::support::bed::Bed;
use crate::support::client::rows;
use crate::support::clinic;
use crate::support::gateway::Driver;

/// A function, hidden in a view, prepares another statement under a name that was described.
pub(crate) fn a_statement(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple(
            "CREATE FUNCTION pg_temp.swap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
                EXECUTE 'DEALLOCATE kept';
                EXECUTE 'PREPARE kept AS SELECT nick AS x FROM clinic.patients';
                RETURN 1; END $$;
             CREATE TEMP VIEW trap AS SELECT pg_temp.swap() AS one",
        )?;
        client.prepare("kept", "SELECT 'nobody'::text AS x")?;
        client.simple("SELECT * FROM trap")?;
        client.execute("kept", 0).map(drop)
    });
}

/// Rows that a FETCH and an EXECUTE have fetched are there still when the name that they came by
/// is another's, or nobody's.
pub(crate) fn rows_left_over(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        for (make, first, again) in [
            (
                "DECLARE kept CURSOR FOR",
                "FETCH ALL FROM kept",
                "CLOSE kept",
            ),
            ("PREPARE kept AS", "EXECUTE kept", "DEALLOCATE kept"),
        ] {
            let harmless = format!("{again}; {make} SELECT city AS x FROM clinic.patients");
            for redefine in [again, &harmless] {
                client.simple("BEGIN")?;
                client.simple(&format!("{make} SELECT nick AS x FROM clinic.patients"))?;
                client.open_portal("rows", first)?;
                let first = client.more("rows", 1)?;
                assert_eq!(rows(&first).len(), 1);
                client.simple(redefine)?;
                let rest = client.more("rows", 2)?;
                assert_eq!(rows(&rest).len(), 2, "{redefine}");
                client.simple("ROLLBACK; DEALLOCATE ALL")?;
            }
        }
        Ok(())
    });
}

/// A view is replaced: its name and its columns stay, what they show does not.
pub(crate) fn a_view(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple("CREATE TEMP VIEW shown AS SELECT 'nobody'::text AS x")?;
        client.prepare("kept", "SELECT x FROM shown")?;
        client.simple("SELECT x FROM shown")?;
        client.execute("kept", 0)?;
        client.simple(
            "CREATE OR REPLACE TEMP VIEW shown AS SELECT nick::text AS x FROM clinic.patients",
        )?;
        client.simple("SELECT x FROM shown")?;
        client.simple("COPY (SELECT x FROM shown) TO STDOUT")?;
        client.execute("kept", 0).map(drop)
    });
}

/// A statement in front of a COPY changes which table its name is.
pub(crate) fn a_table(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple(
            "DO $$ BEGIN EXECUTE (SELECT format('CREATE TEMP TABLE patients (%s)',
                string_agg('c' || attnum || ' text', ',')) FROM pg_attribute
                WHERE attrelid = 'clinic.patients'::regclass AND attnum > 0); END $$",
        )?;
        client
            .simple("SET search_path = clinic, pg_temp; COPY patients TO STDOUT")
            .map(drop)
    });
}

/// `client_encoding` is another one while the COPY runs, and the same before and after.
pub(crate) fn an_encoding(bed: &Bed, driver: Driver, tls: bool) {
    let copy = "COPY (SELECT chr(12477), nick, chr(12509) FROM clinic.patients) TO STDOUT
                (DELIMITER '|')";
    compare(bed, driver, tls, clinic::MASKED, |client| {
        let text = format!("SET client_encoding = sjis; {copy}; SET client_encoding = utf8");
        client.simple(&text).map(drop)
    });
    // Alone in its text it is asked about; a function that planning runs changes the encoding.
    compare(bed, driver, tls, clinic::MASKED, |client| {
        client.simple(
            "CREATE FUNCTION pg_temp.sjis() RETURNS text IMMUTABLE LANGUAGE plpgsql AS
                $$ BEGIN RETURN set_config('client_encoding', 'sjis', false); END $$",
        )?;
        client
            .simple(
                "COPY (SELECT chr(12477), nick, chr(12509) || left(pg_temp.sjis(), 0)
                    FROM clinic.patients) TO STDOUT (DELIMITER '|');
                 SET client_encoding = utf8",
            )
            .map(drop)
    });
}
