//! What may run, statement by statement.

#![allow(clippy::unwrap_used, reason = "a test fails where it should")]

mod computed;
mod statements;

use statements::{HARMLESS, TELLING, TELLING_WITHIN};

use super::*;
use crate::catalog::{Catalog, table};
use crate::policy::{Messages, Policy, Rule, Selector, Strategy};
use crate::sql::lineage::{Flow, SearchPath};

const PATIENTS: u32 = 20_000;
const CLAIMS: u32 = 20_001;
const VISITS: u32 = 20_002;
const VIEWS: u32 = 20_003;

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let patients = [
        ("id", 20),
        ("ssn", 25),
        ("name", 25),
        ("city", 25),
        ("born", 1082),
        ("doc", 3802),
    ];
    let claims = [
        ("id", 20),
        ("patient_ssn", 25),
        ("amount", 1700),
        ("note", 25),
    ];
    let visits = [("id", 20), ("patient_id", 20), ("ward", 25), ("at", 1114)];
    for (oid, schema, name, columns) in [
        (PATIENTS, "ehr", "patients", &patients[..]),
        (CLAIMS, "billing", "claims", &claims[..]),
        (VISITS, "ehr", "visits", &visits[..]),
    ] {
        catalog.relations.insert(oid, table(schema, name, columns));
    }
    catalog.own_functions.insert("risk_score".to_owned());
    catalog.keys.insert((PATIENTS, 1));
    catalog
        .types
        .insert(3802, ("jsonb".to_owned(), crate::catalog::TypeKind::Base));
    let mut views = table("ehr", "views", &[("id", 20), ("initial", 25), ("ssn", 25)]);
    views.is_view = true;
    catalog.relations.insert(VIEWS, views);
    for attnum in [2, 3] {
        let initial = Flow::derived([(PATIENTS, 3)]);
        catalog.computed.insert((VIEWS, attnum), initial);
    }
    catalog
}

fn rule(name: &str, schema: &str, table: &str, column: &str) -> Rule {
    let glob = |text| Glob::new(text).unwrap();
    Rule {
        name: name.to_owned(),
        selector: Selector::Column {
            schema: glob(schema),
            table: glob(table),
            column: glob(column),
        },
        strategy: Strategy::Redact,
    }
}

fn policy(guard: Guard) -> Policy {
    let rules = vec![
        rule("ssn", "*", "*", "*ssn"),
        rule("name", "ehr", "patients", "name"),
        rule("born", "ehr", "patients", "born"),
        Rule {
            name: "phone".to_owned(),
            selector: Selector::ColumnName(Glob::new("phone").unwrap()),
            strategy: Strategy::Redact,
        },
    ];
    let name = "analyst".to_owned();
    Policy::new(name, rules, None, Messages::Strict, [0; 32]).guarded(guard)
}

fn judged_in(guard: &Guard, text: &str, in_flux: bool) -> Judged {
    let catalog = catalog();
    let policy = policy(guard.clone());
    match crate::sql::read(text.as_bytes(), &catalog, &SearchPath::Unknown) {
        Ok(statements) => policy.admit(&catalog, &statements, in_flux),
        Err(unread) => panic!("{text}: {unread}"),
    }
}

fn judged(guard: &Guard, text: &str) -> Judged {
    judged_in(guard, text, false)
}

#[track_caller]
fn is_refused(guard: &Guard, text: &str) -> Reason {
    match judged(guard, text) {
        Err(denial) => denial.reason,
        Ok(_) => panic!("{text} may run"),
    }
}

#[track_caller]
fn may_run(guard: &Guard, text: &str) -> u32 {
    match judged(guard, text) {
        Ok(admission) => admission.probes,
        Err(denial) => panic!("{text}: {}", denial.to_refusal()),
    }
}

#[test]
fn what_tells_of_a_masked_column_is_refused() {
    let guard = Guard::default();
    for (text, place) in TELLING {
        match is_refused(&guard, text) {
            Reason::Learnt { place: found, .. } => assert_eq!(found, *place, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    for text in TELLING_WITHIN {
        assert!(
            matches!(is_refused(&guard, text), Reason::Learnt { .. }),
            "{text}"
        );
    }
}

#[test]
fn what_tells_nothing_or_is_counted_may_run() {
    let guard = Guard::default();
    for (text, probes) in HARMLESS {
        assert_eq!(may_run(&guard, text), *probes, "{text}");
    }
}

#[test]
fn what_is_computed_stays_so_behind_a_view_a_dot_and_a_count_of_rows() {
    let guard = Guard::default();
    for text in [
        "select id from patients, regexp_matches(ssn, '^1')",
        "select regexp_matches(ssn, '^1') from patients",
        "select id from patients, unnest(regexp_match(ssn, '1'))",
        "select id from patients, string_to_table(ssn, '1')",
        "select id from patients, xmltable('//b' passing xmlparse(content ssn) columns x text)",
        "select id from patients where ssn collate \"C\" = '1'",
        "select id from views where initial = 'A'",
        "select id from views where ssn = '1'",
        "select count(*) from views where initial is null",
        "select id from visits where (id).risk_score > 3",
    ] {
        assert!(
            matches!(is_refused(&guard, text), Reason::Learnt { .. }),
            "{text}"
        );
    }
    may_run(&guard, "select id from patients, unnest(array[city, 'a'])");
    may_run(&guard, "select (row(1, 2)).f1, (p).city from patients p");
    for text in [
        "select ('/etc/hostname').pg_read_file",
        "select ('a'::text).dblink_exec",
        "select pg_reload_conf()",
        "select pg_terminate_backend(1)",
    ] {
        assert!(
            matches!(is_refused(&guard, text), Reason::Function(_)),
            "{text}"
        );
    }
    let listed = Guard {
        functions: Some(Vec::new()),
        ..guard
    };
    assert!(matches!(
        is_refused(&listed, "select (1).risk_score"),
        Reason::Function(_)
    ));
}

#[test]
fn definitions_that_reach_under_rules_are_refused() {
    let guard = Guard::default();
    for text in [
        "create table t (a text references patients (ssn) on update cascade)",
        "create table t (like patients including all)",
        "alter table patients add check (ssn < '5')",
    ] {
        assert_eq!(
            is_refused(&guard, text),
            Reason::Altered("ehr.patients".to_owned()),
            "{text}"
        );
    }
    for text in [
        "alter schema ehr rename to x",
        // Columns of the domain are checked, whichever they are.
        "alter domain code add check (value < '5')",
    ] {
        assert_eq!(is_refused(&guard, text), Reason::Command(Class::Alter));
    }
    for text in [
        "create table t (a text default risk_score(1))",
        "alter table visits alter ward type text using risk_score(id)",
        "create domain d as text check (risk_score(value))",
    ] {
        assert!(
            matches!(is_refused(&guard, text), Reason::Function(_)),
            "{text}"
        );
    }
    for text in [
        "update pg_proc set prosrc = 'x'",
        "delete from pg_catalog.pg_statistic",
        "insert into pg_authid default values",
    ] {
        assert_eq!(
            is_refused(&guard, text),
            Reason::Command(Class::Server),
            "{text}"
        );
    }
    let reading = Guard {
        commands: [Class::Query].into(),
        ..guard
    };
    for text in [
        "select 1 as a into t",
        "with a as (select 1) select * into t from a",
    ] {
        assert_eq!(
            is_refused(&reading, text),
            Reason::Command(Class::CreateAs),
            "{text}"
        );
    }
    let glob = |text: &str| Glob::new(text).unwrap();
    let granted = Guard {
        tables: Some(vec![(glob("billing"), glob("*"))]),
        ..Guard::default()
    };
    let refused = Reason::Table(Some("ehr.visits".to_owned()));
    assert_eq!(is_refused(&granted, "drop table visits"), refused);
}

#[test]
fn masked_values_are_not_carried_to_where_no_rule_holds() {
    let guard = Guard::default();
    for text in [
        "create table t as select ssn as x from patients",
        "create table t as select md5(ssn) as x from patients",
        "select ssn as x into t from patients",
        "insert into visits (ward) select ssn from patients",
        "insert into visits (ward) values ((select ssn from patients limit 1))",
        "insert into visits select id, id, name from patients",
        "update visits set ward = p.name from patients p where p.id = patient_id",
        "update visits set (ward, at) = (select name, now() from patients limit 1)",
        "with w as (insert into visits (ward) select name from patients) select 1",
        "merge into visits v using patients p on v.patient_id = p.id \
         when matched then update set ward = p.name",
        "merge into visits v using patients p on v.patient_id = p.id \
         when not matched then insert (ward) values (p.name)",
        "insert into patients (id, ssn) values (1, 'x') on conflict (id) \
         do update set city = excluded.ssn",
        "select set_config('a.b', ssn, false) from patients",
        "select pg_notify('c', ssn) from patients",
        "select pg_advisory_lock(ascii(ssn)) from patients",
        "select setseed(ascii(ssn) / 256.0) from patients",
        "select pg_sleep(ascii(ssn)) from patients",
        "create table t as execute p",
        "insert into patients (id, ssn) select 1, 'zzzzzzz' || left(name, 2) from patients",
        "update patients set ssn = name",
        "update patients set name = ssn",
        "insert into claims (patient_ssn) select left(ssn, 5) from patients",
    ] {
        assert!(
            matches!(is_refused(&guard, text), Reason::Copied { .. }),
            "{text}"
        );
        let mut allowing = guard.clone();
        allowing.copies = true;
        may_run(&allowing, text);
    }
}

#[test]
fn side_doors_are_closed_and_commands_are_granted() {
    let guard = Guard::default();
    for text in [
        "select pg_read_file('/etc/passwd')",
        "select lo_get(1)",
        "select lo_import('/etc/passwd')",
        "select query_to_xml('select 1', true, true, '')",
        "select * from dblink('', 'select 1') as t(a int)",
        "select ts_stat('select 1')",
        "select pg_logical_slot_peek_changes('s', null, null)",
    ] {
        assert!(
            matches!(is_refused(&guard, text), Reason::Function(_)),
            "{text}"
        );
    }
    for text in ["copy visits to '/tmp/a'", "copy visits from program 'cat'"] {
        assert_eq!(is_refused(&guard, text), Reason::ServerFile, "{text}");
    }
    for (text, class) in [
        ("do $$ begin end $$", Class::Routine),
        ("call p()", Class::Routine),
        (
            "create function f() returns int language sql as 'select 1'",
            Class::Code,
        ),
        (
            "create rule r as on select to visits do instead select 1",
            Class::Code,
        ),
        ("grant select on visits to a", Class::Permission),
        ("create extension dblink", Class::Server),
        ("load 'x'", Class::Server),
    ] {
        assert_eq!(is_refused(&guard, text), Reason::Command(class), "{text}");
    }
    let altered = is_refused(&guard, "alter table patients add check (ssn < '5')");
    assert_eq!(altered, Reason::Altered("ehr.patients".to_owned()));
    let listed = Guard {
        functions: Some(vec![
            Glob::new("lo_*").unwrap(),
            Glob::new("risk_*").unwrap(),
        ]),
        ..guard
    };
    may_run(&listed, "select lo_get(1)");
    may_run(&listed, "select id from visits where risk_score(id) > 3");
    assert!(matches!(
        is_refused(&listed, "select id from patients where risk_score(ssn) > 3"),
        Reason::Learnt { .. }
    ));
    assert!(matches!(
        is_refused(&listed, "select other(1)"),
        Reason::Function(_)
    ));
}

#[test]
fn only_what_is_granted_may_be_named_written_and_set() {
    let glob = |text: &str| Glob::new(text).unwrap();
    let guard = Guard {
        commands: [Class::Query, Class::Insert].into(),
        tables: Some(vec![(glob("ehr"), glob("*"))]),
        role: Some("analyst".to_owned()),
        statement_timeout_ms: Some(30_000),
        ..Guard::default()
    };
    may_run(&guard, "select * from visits join ehr.patients on true");
    may_run(&guard, "select relname from pg_class");
    may_run(&guard, "insert into visits (id) select 1");
    may_run(&guard, "with billing as (select 1) select * from billing");
    let refused = Reason::Table(Some("billing.claims".to_owned()));
    assert_eq!(is_refused(&guard, "select 1 from claims"), refused);
    assert_eq!(
        is_refused(&guard, "select (select 1 from billing.claims)"),
        refused
    );
    assert_eq!(
        is_refused(&guard, "select 1 from nothing"),
        Reason::Table(None)
    );
    for (text, class) in [
        ("with d as (delete from visits) select 1", Class::Delete),
        ("prepare p as update visits set ward = ''", Class::Update),
        ("explain select 1", Class::Explain),
    ] {
        assert_eq!(is_refused(&guard, text), Reason::Command(class), "{text}");
    }
    for text in [
        "set role other",
        "set session authorization other",
        "reset role",
        "select set_config('role', 'other', false)",
        "select set_config('ro' || 'le', 'other', false)",
        "set local statement_timeout = 0",
        "reset all",
    ] {
        assert!(
            matches!(is_refused(&guard, text), Reason::Setting(_)),
            "{text}"
        );
    }
    let read_only = Guard {
        read_only: true,
        ..Guard::default()
    };
    for text in [
        "insert into visits default values",
        "with d as (delete from visits returning 1) select * from d",
        "create temp table t (a int)",
        "select 1 as a into t",
        "begin read write",
        "start transaction isolation level serializable, read write",
        "set transaction read write",
        "set session characteristics as transaction read write",
        "explain analyze delete from visits",
        "prepare p as delete from visits",
    ] {
        assert_eq!(is_refused(&read_only, text), Reason::ReadOnly, "{text}");
    }
    let setting = is_refused(&read_only, "set default_transaction_read_only = off");
    assert_eq!(setting, Reason::Setting("default_transaction_read_only"));
    may_run(&read_only, "begin read only; select * from visits; commit");
    may_run(&read_only, "set application_name = 'x'; discard all");
}

#[test]
fn a_rule_can_allow_more_or_less_than_the_policy() {
    let mut guard = Guard::default();
    guard.by_rule.insert(RuleId(1), Predicates::Allow);
    guard.by_rule.insert(RuleId(2), Predicates::Refuse);
    may_run(
        &guard,
        "select id from patients where name like 'A%' order by name",
    );
    is_refused(&guard, "select id from patients where born = '2000-01-01'");
    is_refused(&guard, "select id from patients where ssn like '1%'");
    may_run(
        &Guard::open(),
        "select id from patients where ssn like '1%' order by born",
    );
}

#[test]
fn whether_a_value_is_there_can_be_kept_back() {
    let strict = Guard {
        hides_nulls: true,
        ..Guard::default()
    };
    for text in [
        "select id from ehr.patients where ssn is null",
        "select id, ssn is not null from ehr.patients",
        "select count(ssn) from ehr.patients",
        "select count(*) filter (where ssn is null) from ehr.patients",
        "select case when ssn is null then 1 end from ehr.patients",
        "select id from ehr.patients where ssn = '1'",
        "select id from ehr.patients where ssn is distinct from null",
        "select 1 from ehr.patients join billing.claims on ssn = patient_ssn",
        "select sum(n) from (select count(name) n from ehr.patients) x",
    ] {
        is_refused(&strict, text);
        if !text.contains(" case ") {
            may_run(&Guard::default(), text);
        }
    }
    for text in [
        "select id, ssn from ehr.patients where city is null",
        "select count(*), count(city) from ehr.patients",
        "select id from ehr.patients where exists (select ssn from ehr.patients)",
    ] {
        assert_eq!(may_run(&strict, text), 0);
    }
}

#[test]
fn what_an_open_transaction_has_renamed_is_not_learnt_of() {
    let guard = Guard::default();
    for text in [
        "alter table visits rename to v; select 1 from v where ward like '1%'",
        "create view v as select 1; select 1 from visits where ward like 'A%'",
    ] {
        assert_eq!(is_refused(&guard, text), Reason::InFlux, "{text}");
    }
    assert!(judged_in(&guard, "select * from visits", true).is_ok());
    assert!(judged_in(&guard, "select 1 from visits where ward = 'A'", true).is_err());
    let admitted = judged(&guard, "alter table visits rename to v").unwrap();
    assert!(admitted.changes_names);
}

#[test]
fn a_denial_names_the_rule_and_the_way_and_no_value() {
    let text = "select id from patients where ssn like '078-05%'";
    let refusal = judged(&Guard::default(), text).unwrap_err().to_refusal();
    assert_eq!(refusal.code.as_str(), "42501");
    assert_eq!(
        refusal.message,
        "refused by policy \"analyst\", rule \"ssn\": column ehr.patients.ssn is used in a \
         condition"
    );
    assert!(refusal.hint.unwrap().contains("predicates"));
    for text in [
        "select 1 from \"078-05-1120\" where a like 'x'",
        "select \"078-05-1120\"(ssn) from patients",
        "select id from patients where \"078-05-1120\" = 1",
    ] {
        let tables = Some(Vec::new());
        let guard = Guard {
            tables,
            functions: Some(Vec::new()),
            ..Guard::default()
        };
        let refusal = judged(&guard, text).unwrap_err().to_refusal();
        assert!(!format!("{refusal:?}").contains("078"), "{refusal:?}");
    }
}
