//! Against a real PostgreSQL.

use std::path::PathBuf;
use std::time::Duration;

use velum_core::catalog::{Catalog, Relation, TypeKind};
use velum_core::sql::lineage::Kind;

use super::*;
use crate::config::Secret;
use crate::config::model::{Credential, NameOrAny, Resource, ResourceAddress, UpstreamTlsMode};
use crate::credentials::Login;
use crate::demo::cluster::{Cluster, ClusterOptions};

const SCHEMA: &str = "
    create schema clinic;
    create domain clinic.ssn as text;
    create type clinic.mood as enum ('good', 'bad');
    create type clinic.address as (street text, zip int);
    create type clinic.span as range (subtype = date);
    create table clinic.patient (
        id int primary key, gone int, ssn clinic.ssn, name text, mood clinic.mood,
        home clinic.address, phones text[],
        initials text generated always as (left(name, 1)) stored);
    alter table clinic.patient drop column gone;
    create table clinic.note (id int, body text);
    create view clinic.plain as select ssn as number, upper(name) as shout, id from clinic.patient;
    create view clinic.over as select p.number from clinic.plain p join clinic.note n using (id);
    create view clinic.both as select ssn::text as t from clinic.patient
        union all select body from clinic.note;
    create materialized view clinic.kept as select name, ssn from clinic.patient;
    create table clinic.log (at date, ssn text) partition by range (at);
    create table clinic.log_2026 partition of clinic.log
        for values from ('2026-01-01') to ('2027-01-01');
    create function clinic.shuffle(text, text) returns text language sql return $1;
    create operator clinic.<~> (leftarg = text, rightarg = text, function = clinic.shuffle);
    create role reader login password 'reader';
    create view clinic.closed as select name from clinic.patient;
";

fn home(resource: &Resource) -> Upstream {
    let password = resource.password.as_ref().and_then(Credential::known);
    let login = Login::of(password.map(Secret::expose)).unwrap();
    Upstream::home(
        resource,
        &std::sync::Arc::new(login),
        Duration::from_secs(10),
    )
    .unwrap()
}

fn resource(cluster: &Cluster, user: &str, password: &str) -> Resource {
    let name = |name: &str| NameOrAny::Fixed(name.to_owned());
    Resource {
        name: "ehr".to_owned(),
        address: ResourceAddress::Tcp {
            host: "127.0.0.1".to_owned(),
            port: cluster.port(),
        },
        database: name("postgres"),
        user: name(user),
        catalog_user: Some(user.to_owned()),
        checks_statements: false,
        reuse: None,
        connections_most: None,
        stamps_identity: false,
        tls_mode: UpstreamTlsMode::Disable,
        tls: None,
        password: Some(Credential::Known(Secret::new(
            password.as_bytes().to_vec(),
            "a test",
        ))),
    }
}

fn upstream(cluster: &Cluster) -> Upstream {
    let resource = resource(cluster, cluster.superuser(), cluster.superuser_password());
    home(&resource)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

fn relation<'c>(catalog: &'c Catalog, name: &str) -> (u32, &'c Relation) {
    let mut all = catalog.relations.iter();
    let (oid, found) = all
        .find(|(_, it)| it.schema == "clinic" && it.name == name)
        .expect("the relation is there");
    (*oid, found)
}

fn column(catalog: &Catalog, table: &str, column: &str) -> (u32, i16) {
    let (oid, relation) = relation(catalog, table);
    let found = relation
        .columns
        .iter()
        .find(|it| it.name == column)
        .unwrap();
    (oid, found.attnum)
}

fn origins(catalog: &Catalog, table: &str, name: &str) -> Vec<(u32, i16)> {
    let (oid, attnum) = column(catalog, table, name);
    let mut origins = catalog.column(oid, attnum).unwrap().1.origins.clone();
    origins.sort();
    origins
}

/// What the column is computed from, and how.
fn computed(catalog: &Catalog, table: &str, name: &str) -> (Kind, Vec<(u32, i16)>) {
    let flow = &catalog.computed[&column(catalog, table, name)];
    (flow.kind, flow.sources.clone())
}

fn columns<const N: usize>(catalog: &Catalog, table: &str, names: [&str; N]) -> Vec<(u32, i16)> {
    let mut columns = names.map(|name| column(catalog, table, name)).to_vec();
    columns.sort();
    columns
}

#[test]
fn a_real_database_is_read_and_changes_are_seen() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    cluster.psql(SCHEMA).unwrap();
    let upstream = upstream(&cluster);
    let (catalog, known) = run(load(&upstream, None, 7)).unwrap().unwrap();
    assert_eq!(catalog.epoch, 7);
    tables_and_types_are_read(&catalog);
    views_are_followed(&catalog);
    changes_are_seen(&cluster, &upstream, &known);
}

fn tables_and_types_are_read(catalog: &Catalog) {
    let (_, patient) = relation(catalog, "patient");
    let names: Vec<_> = patient.columns.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        ["id", "ssn", "name", "mood", "home", "phones", "initials"]
    );
    assert_eq!(
        patient.columns[1].attnum, 3,
        "a dropped column keeps its number"
    );
    let generated: Vec<_> = patient.columns.iter().filter(|it| it.generated).collect();
    assert_eq!(generated.len(), 1);

    let kind = |at: usize| catalog.types[&patient.columns[at].type_oid].clone();
    assert_eq!(kind(1), ("ssn".to_owned(), TypeKind::Domain { base: 25 }));
    assert_eq!(kind(3).1, TypeKind::Enum);
    assert_eq!(
        kind(4).1,
        TypeKind::Composite {
            attributes: vec![25, 23]
        }
    );
    assert_eq!(kind(5).1, TypeKind::Array { element: 25 });
    let range = catalog
        .types
        .values()
        .find(|(name, _)| name == "span")
        .unwrap();
    assert_eq!(range.1, TypeKind::Range { subtype: 1082 });
    assert_eq!(
        catalog.types[&30].1,
        TypeKind::Array { element: 26 },
        "oidvector"
    );

    let (parent, _) = relation(catalog, "log");
    assert_eq!(relation(catalog, "log_2026").1.parents, [parent]);
    for word in [
        "clinic",
        "patient",
        "patient_pkey",
        "initials",
        "mood",
        "reader",
        "upper",
    ] {
        assert!(catalog.words.contains(word), "{word}");
    }
}

fn views_are_followed(catalog: &Catalog) {
    let ssn = column(catalog, "patient", "ssn");
    assert_eq!(origins(catalog, "plain", "number"), [ssn]);
    assert_eq!(origins(catalog, "plain", "shout"), []);
    let name = columns(catalog, "patient", ["name"]);
    assert_eq!(
        computed(catalog, "plain", "shout"),
        (Kind::Derived, name.clone())
    );
    assert_eq!(
        computed(catalog, "patient", "initials"),
        (Kind::Derived, name)
    );
    assert_eq!(
        origins(catalog, "over", "number"),
        [column(catalog, "plain", "number")]
    );
    assert_eq!(origins(catalog, "kept", "ssn"), [ssn]);
    let mut either = vec![ssn, column(catalog, "note", "body")];
    either.sort();
    let (kind, sources) = computed(catalog, "both", "t");
    assert_eq!(sources, either, "a set operation shows all branches");
    assert_eq!(kind, Kind::Derived, "one branch is a cast");
    let (patient, _) = relation(catalog, "patient");
    let (plain, _) = relation(catalog, "plain");
    let read = |oid: u32| catalog.views[&oid].as_ref().map(|view| &view.reads);
    let rows = read(plain).map(|reads| reads.rows.keys().copied().collect::<Vec<_>>());
    assert_eq!(rows, Some(vec![patient]), "whose rows a view shows");
    assert!(!catalog.views.contains_key(&patient));
    assert!(catalog.own_functions.contains("shuffle"));
    assert!(catalog.own_operators.contains("<~>"));
    assert!(catalog.computing_functions.is_empty() && !catalog.own_functions.contains("upper"));
}

fn changes_are_seen(cluster: &Cluster, upstream: &Upstream, known: &Fingerprint) {
    assert!(
        run(load(upstream, Some(known), 8)).unwrap().is_none(),
        "nothing has changed"
    );
    for change in [
        "alter table clinic.patient rename column ssn to social",
        "create or replace view clinic.closed as select social::text as name from clinic.patient",
        "create table clinic.more (x int)",
        "drop table clinic.more",
    ] {
        let (_, before) = run(load(upstream, None, 8)).unwrap().unwrap();
        cluster.psql(change).unwrap();
        assert!(
            run(load(upstream, Some(&before), 9)).unwrap().is_some(),
            "{change}"
        );
    }
}

/// A role that may not look into a schema still learns what its views could show.
#[test]
fn a_view_that_cannot_be_prepared_is_followed_by_its_text() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    cluster.psql(SCHEMA).unwrap();
    let resource = resource(&cluster, "reader", "reader");
    let upstream = home(&resource);
    let (catalog, _) = run(load(&upstream, None, 1)).unwrap().unwrap();
    let name = columns(&catalog, "patient", ["name"]);
    assert_eq!(
        computed(&catalog, "closed", "name"),
        (Kind::Plain, name.clone())
    );
    assert_eq!(computed(&catalog, "kept", "name"), (Kind::Plain, name));
}

/// Neither a migration nor somebody who only wants to hold us up does, and what they lock is
/// taken to show all that it could.
#[test]
fn locks_are_not_waited_for() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    cluster.psql(SCHEMA).unwrap();
    cluster
        .psql("create view clinic.notes as select body, id from clinic.note")
        .unwrap();
    let upstream = upstream(&cluster);
    run(async {
        let other = upstream.connect().await.unwrap();
        // Each is a transaction of its own but the last, which stays open.
        for sql in [
            "set default_transaction_read_only to off",
            "create temp table own (a text, b text)",
            "create temp view trap as select a, b from own",
            "begin; lock table clinic.patient, own, trap in access exclusive mode",
        ] {
            other.batch_execute(sql).await.unwrap();
        }
        let start = std::time::Instant::now();
        let (catalog, known) = load(&upstream, None, 1).await.unwrap().unwrap();
        assert!(start.elapsed() < Duration::from_secs(5));
        let name = columns(&catalog, "patient", ["name"]);
        assert_eq!(computed(&catalog, "closed", "name"), (Kind::Derived, name));
        let all = columns(&catalog, "patient", ["id", "ssn", "name"]);
        assert_eq!(computed(&catalog, "plain", "shout"), (Kind::Derived, all));
        assert_eq!(
            origins(&catalog, "notes", "id"),
            [column(&catalog, "note", "id")]
        );
        let trap = catalog.relations.iter().find(|(_, it)| it.name == "trap");
        let trap = *trap.unwrap().0;
        let flows = [1, 2].map(|attnum| &catalog.computed[&(trap, attnum)]);
        assert!(flows.iter().all(|flow| flow.sources.len() == 2));

        other.batch_execute("commit").await.unwrap();
        let fresh = load(&upstream, Some(&known), 2).await.unwrap();
        let (catalog, known) = fresh.expect("what was locked is read again");
        let name = columns(&catalog, "patient", ["name"]);
        assert_eq!(computed(&catalog, "plain", "shout"), (Kind::Derived, name));
        let unchanged = load(&upstream, Some(&known), 3).await.unwrap();
        assert!(unchanged.is_none());
    });
}

/// Who waits for us never waits so long that the server looks for a deadlock.
#[test]
fn a_migration_is_never_in_a_deadlock_with_a_load() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    cluster.psql(SCHEMA).unwrap();
    let upstream = upstream(&cluster);
    run(async {
        let migration = upstream.connect().await.unwrap();
        let settings = "set default_transaction_read_only to off; set lock_timeout to 0";
        migration.batch_execute(settings).await.unwrap();
        let over = std::cell::Cell::new(false);
        let loads = async {
            while !over.get() {
                load(&upstream, None, 1).await.unwrap();
            }
        };
        let migrations = async {
            for round in 0..8 {
                let sql = format!(
                    "begin;
                     create or replace view clinic.closed as
                         select name from clinic.patient where id > {round};
                     select pg_sleep(0.1);
                     alter table clinic.patient add column more_{round} text;
                     select pg_sleep(0.1);
                     create or replace view clinic.plain as
                         select ssn as number, upper(name) as shout, id from clinic.patient
                         where id > {round};
                     commit"
                );
                let done = migration.batch_execute(&sql).await;
                assert!(done.is_ok(), "{round}");
            }
            over.set(true);
        };
        tokio::join!(loads, migrations);
    });
}

#[test]
fn trouble_is_named_without_the_servers_words() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    let wrong = resource(&cluster, "postgres", "not the password");
    let wrong = home(&wrong);
    let error = run(load(&wrong, None, 1)).unwrap_err();
    assert_eq!(error.to_string(), "connecting: the server answers 28P01");
    let mut nowhere = resource(&cluster, "postgres", "x");
    nowhere.address = ResourceAddress::Unix(PathBuf::from("/nonexistent/.s.PGSQL.5432"));
    let nowhere = home(&nowhere);
    assert_eq!(
        run(load(&nowhere, None, 1)).unwrap_err().doing,
        "connecting"
    );
}

/// A server, or somebody between, that asks for the password itself does not get it.
#[test]
fn a_password_never_travels_in_clear() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut startup = [0; 1024];
        assert!(stream.read(&mut startup).unwrap() > 8);
        stream.write_all(b"R\0\0\0\x08\0\0\0\x03").unwrap();
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        answer
    });
    let upstream = Resource {
        name: "ehr".to_owned(),
        address: ResourceAddress::Tcp {
            host: "127.0.0.1".to_owned(),
            port,
        },
        database: NameOrAny::Any,
        user: NameOrAny::Any,
        catalog_user: Some("velum".to_owned()),
        checks_statements: false,
        reuse: None,
        connections_most: None,
        stamps_identity: false,
        tls_mode: UpstreamTlsMode::Disable,
        tls: None,
        password: Some(Credential::Known(Secret::new(
            b"correct horse".to_vec(),
            "a test",
        ))),
    };
    let upstream = home(&upstream);
    let error = run(load(&upstream, None, 1)).unwrap_err();
    assert!(error.reason.contains("in the clear"), "{error}");
    assert_eq!(server.join().unwrap(), b"");
}

/// As the configuration builds it: each mode verifies what its name says, SCRAM binds to the
/// channel, and a server of another authority is not talked to.
#[test]
fn the_gateways_own_sessions_verify_the_server() {
    let both = (
        "listen_addresses".to_owned(),
        "127.0.0.1, 127.0.0.2".to_owned(),
    );
    let options = ClusterOptions {
        tls: true,
        settings: vec![both],
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("password", cluster.superuser_password().as_bytes());
    write(
        "ca.pem",
        &std::fs::read(cluster.authority_file().unwrap()).unwrap(),
    );
    let other = crate::demo::cluster::Authority::new().unwrap();
    write("other.pem", other.certificate_pem().as_bytes());
    let reached = |host: &str, mode: &str, ca: &str| {
        let text = format!(
            "[[resource]]\nname = \"ehr\"\nkind = \"postgres\"\naddress = \"{host}:{}\"\n\
             database = \"postgres\"\nuser = \"{}\"\npassword = {{ file = \"password\" }}\n\
             tls_mode = \"{mode}\"\n{ca}\n{REST}",
            cluster.port(),
            cluster.superuser(),
        );
        let environment = crate::config::Environment {
            directory: folder.path().to_owned(),
            variable: &|_| None,
        };
        let config = crate::config::parse(folder.path(), &text, &environment);
        let config = config.unwrap_or_else(|problems| panic!("{}", problems.to_text()));
        let upstream = home(&config.resources[0]);
        run(async {
            let client = upstream.connect().await?;
            let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
            Ok::<bool, LoadError>(client.query_one(sql, &[]).await.unwrap().get(0))
        })
    };
    let (ca, other) = ("tls_ca = \"ca.pem\"", "tls_ca = \"other.pem\"");
    assert_eq!(reached("127.0.0.1", "disable", ""), Ok(false));
    for (host, mode, ca) in [
        ("127.0.0.1", "require", ""),
        ("127.0.0.1", "verify-ca", ca),
        ("127.0.0.2", "verify-ca", ca),
        ("127.0.0.1", "verify-full", ca),
        ("localhost", "verify-full", ca),
    ] {
        assert_eq!(reached(host, mode, ca), Ok(true), "{host} {mode}");
    }
    for (host, mode, ca) in [
        ("127.0.0.1", "require", other),
        ("127.0.0.1", "verify-ca", other),
        ("127.0.0.1", "verify-full", other),
        ("127.0.0.2", "verify-full", ca),
    ] {
        let error = reached(host, mode, ca).unwrap_err();
        assert!(
            error.reason.contains("certificate"),
            "{host} {mode}: {error}"
        );
    }
}

const REST: &str = r#"
[audit]
directory = "audit"
[[listener]]
address = "127.0.0.1:0"
[[policy]]
name = "exempt"
exempt = true
[[identity]]
name = "agent"
auth = "trust"
access = { ehr = "exempt" }
"#;
