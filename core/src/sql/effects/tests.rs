//! What statements do and touch.

#![allow(clippy::unwrap_used, reason = "a test fails where it should")]

use super::*;
use crate::limits;

fn effects_of(text: &str) -> Effects {
    velum_parser::read(
        text.as_bytes(),
        Default::default(),
        &limits::TREE,
        |statements| effects(&statements[0]),
    )
    .unwrap_or_else(|error| panic!("{text}: {error}"))
    .unwrap_or_else(|NotUnderstood| panic!("{text}: not understood"))
}

fn dotted(name: &Name) -> String {
    name.join(".")
}

fn relations(text: &str, access: Access) -> Vec<String> {
    let effects = effects_of(text);
    let found = effects
        .relations
        .iter()
        .filter(|relation| relation.access == access);
    found.map(|relation| dotted(&relation.name)).collect()
}

fn columns(text: &str, place: Place) -> Vec<String> {
    let effects = effects_of(text);
    let found = effects
        .columns
        .iter()
        .filter(|column| column.place == place);
    found
        .map(|column| {
            let mut name = column.path.clone();
            name.extend(column.is_star.then(|| "*".to_owned()));
            dotted(&name)
        })
        .collect()
}

#[test]
fn relations_are_found_wherever_they_stand() {
    for text in [
        "select 1 from p",
        "select (select 1 from p)",
        "select 1 where exists (select 1 from p)",
        "select 1 from (select 1 from (p cross join q))",
        "select 1 from a, lateral (select 1 from p) x",
        "with x as (select 1 from p) select 1 from x",
        "select 1 union (select 1 from a except select 1 from p)",
        "values (1), ((select 1 from p))",
        "table p",
        "merge into t using p on true when not matched then do nothing",
        "merge into t using (select 1 from p) s on true when matched then delete",
        "prepare x as select 1 from p",
        "prepare x as merge into t using p on true when matched then delete",
        "declare c cursor for select ssn from p",
        "explain analyze select 1 from p",
        "copy p to stdout",
        "copy (select 1 from p) to stdout",
        "create table t as select 1 from p",
        "create materialized view t as select 1 from p",
        "create view v as select 1 from p",
        "insert into t select 1 from p",
        "insert into t values ((select 1 from p))",
        "insert into t values (1) on conflict (a) do update set a = (select 1 from p)",
        "update t set a = 1 from p",
        "update t set (a, b) = (select 1, 2 from p)",
        "delete from t using p",
        "delete from t where a in (select 1 from p) returning (select 1 from p)",
        "select 1 order by (select 1 from p)",
        "select 1 group by (select 1 from p) having (select true from p)",
        "select 1 limit (select 1 from p) offset (select 1 from p)",
        "select count(*) filter (where (select true from p))",
        "select sum(a) over (partition by (select 1 from p) rows 1 preceding)",
        "select string_agg(a, '' order by (select 1 from p)) from t",
        "select case (select 1 from p) when 1 then 2 end",
        "select 1 from f((select 1 from p))",
        "select 1 from rows from (f(1), g((select 1 from p))) x",
        "select 1 from xmltable('/a' passing (select x from p) columns b text)",
        "select 1 from json_table((select x from p), '$' columns (b text path '$'))",
        "select json_array(select 1 from p)",
        "select array(select 1 from p)",
        "select 1 from t tablesample system ((select 1 from p))",
        "select 1 from a join b on (select true from p)",
    ] {
        assert!(
            relations(text, Access::Read).contains(&"p".to_owned()),
            "{text}"
        );
    }
    assert_eq!(
        relations("select 1 from a.p, b.p x", Access::Read),
        ["a.p", "b.p"]
    );
}

#[test]
fn common_table_expressions_are_no_relations() {
    assert_eq!(
        relations("with p as (select 1 from q) select 1 from p", Access::Read),
        ["q"]
    );
    assert_eq!(
        relations("with p as (select 1) select 1 from a.p", Access::Read),
        ["a.p"]
    );
    // Below its WITH only.
    let text = "select 1 from (with p as (select 1) select 1 from p) x, p";
    assert_eq!(relations(text, Access::Read), ["p"]);
    let text = "with recursive p as (select 1 union select 1 from p) select 1 from p";
    assert_eq!(relations(text, Access::Read), [""; 0]);
    // What it names itself after is the table.
    let text = "with p as (select 1 from p) select 1 from p";
    assert_eq!(relations(text, Access::Read), ["p"]);
    // What is written is never one.
    let text = "with p as (select 1) insert into p select 1";
    assert_eq!(relations(text, Access::Write), ["p"]);
}

#[test]
fn what_is_written_is_told_from_what_is_read() {
    for text in [
        "insert into t select a from s",
        "update t set a = 1 from s",
        "delete from t using s",
        "merge into t using s on true when matched then delete",
        "with x as (insert into t select a from s returning a) select a from x",
    ] {
        assert_eq!(relations(text, Access::Write), ["t"], "{text}");
        assert_eq!(relations(text, Access::Read), ["s"], "{text}");
    }
    assert_eq!(relations("copy t from stdin", Access::Write), ["t"]);
    assert_eq!(relations("select a into t from s", Access::Define), ["t"]);
    assert_eq!(
        relations("create table t as select a from s", Access::Define),
        ["t"]
    );
    assert_eq!(relations("truncate t, s", Access::Define), ["s", "t"]);
    assert_eq!(
        relations(
            "alter table t add constraint c foreign key (a) references s",
            Access::Define
        ),
        ["s", "t"]
    );
    assert_eq!(
        relations(
            "create rule r as on insert to t do also delete from s",
            Access::Define
        ),
        ["s", "t"]
    );
}

#[test]
fn columns_are_told_by_their_places() {
    let text = "select a.o, max(m) filter (where f > 1) over (partition by g order by r) \
                from a join b on j = b.j2 natural join c join d using (u) \
                where w = 1 and x in (select y from e where z = 1) \
                group by g2 having h > 1 order by r2 limit l";
    assert_eq!(columns(text, Place::Output), ["a.o", "m"]);
    assert_eq!(
        columns(text, Place::Predicate),
        ["f", "h", "w", "x", "y", "z"]
    );
    assert_eq!(columns(text, Place::Join), ["*", "b.j2", "j", "u"]);
    assert_eq!(columns(text, Place::Grouping), ["g", "g2"]);
    assert_eq!(columns(text, Place::Ordering), ["r", "r2"]);
    assert_eq!(columns(text, Place::Other), ["l"]);
}

#[test]
fn outputs_by_number_and_name_are_what_they_stand_for() {
    assert_eq!(
        columns("select 1, ssn as x from p order by 2", Place::Ordering),
        ["ssn"]
    );
    assert_eq!(
        columns("select ssn as x from p order by x desc", Place::Ordering),
        ["ssn", "x"]
    );
    assert_eq!(
        columns(
            "select substr(ssn, 1, 1), 1 from p group by 1",
            Place::Grouping
        ),
        ["ssn"]
    );
    assert_eq!(
        columns("select distinct on (1) ssn from p", Place::Grouping),
        ["ssn"]
    );
    assert_eq!(
        columns("select ssn from p order by 7", Place::Ordering),
        [""; 0]
    );
}

#[test]
fn what_is_written_is_told_by_column() {
    let text = "insert into t (a, b) select c, d from s on conflict (e) where f \
                do update set g = excluded.g2 where h returning i";
    assert_eq!(columns(text, Place::Target), ["a", "b", "g"]);
    assert_eq!(columns(text, Place::Input), ["c", "d", "excluded.g2"]);
    assert_eq!(columns(text, Place::Predicate), ["e", "f", "h"]);
    assert_eq!(columns(text, Place::Output), ["i"]);
    assert_eq!(columns("insert into t values (1)", Place::Target), ["*"]);
    assert_eq!(
        columns("update t set (a, b) = (c, d)", Place::Target),
        ["a", "b"]
    );
    assert_eq!(columns("copy t (a) from stdin", Place::Target), ["a"]);
    assert_eq!(columns("copy t to stdout", Place::Output), ["*"]);
}

#[test]
fn functions_are_named_in_full() {
    let effects = effects_of("select a.f(1), g(h(2)) from k(3) where l(4) order by m(5)");
    let names: Vec<_> = effects.functions.iter().map(dotted).collect();
    assert_eq!(names, ["a.f", "g", "h", "k", "l", "m"]);
}

#[test]
fn limits_are_read() {
    for (text, limit) in [
        ("select 1", None),
        ("select 1 limit 10", Some(RowLimit::Rows(10))),
        ("select 1 limit 0", Some(RowLimit::Rows(0))),
        ("select 1 fetch first 3 rows only", Some(RowLimit::Rows(3))),
        (
            "select 1 order by 1 fetch first 3 rows with ties",
            Some(RowLimit::Open),
        ),
        ("select 1 limit all", None),
        ("select 1 limit $1", Some(RowLimit::Open)),
        ("select 1 from (select 1 limit 5) x", None),
    ] {
        assert_eq!(effects_of(text).row_limit, limit, "{text}");
    }
}

#[test]
fn side_effects_are_seen() {
    use SideEffect as Side;
    for (text, expected) in [
        ("copy t to program 'x'", Side::Program),
        ("copy t from program 'x'", Side::Program),
        ("copy (select 1) to '/tmp/x'", Side::ServerFile),
        ("select pg_read_file('/etc/passwd')", Side::ServerFile),
        ("select pg_catalog.pg_ls_dir('.')", Side::ServerFile),
        ("do $$ begin end $$", Side::Block),
        ("call p()", Side::Call),
        (
            "set search_path to a",
            Side::Setting("search_path".to_owned()),
        ),
        ("set local role a", Side::Role),
        ("reset session authorization", Side::Role),
        ("reset all", Side::Setting(String::new())),
        (
            "select set_config('A', 'b', false)",
            Side::Setting("a".to_owned()),
        ),
        (
            "select set_config('a' || 'b', 'b', false)",
            Side::Setting(String::new()),
        ),
        ("begin read write", Side::ReadWrite),
        ("set transaction read write", Side::ReadWrite),
        ("listen x", Side::Listen),
        ("notify x, 'y'", Side::Notify),
        ("select pg_notify('x', ssn) from p", Side::Notify),
        ("select lo_import('/etc/passwd')", Side::LargeObject),
        ("select loread(1, 2)", Side::LargeObject),
        ("explain select 1", Side::Explain),
        ("explain (analyze, verbose) select 1", Side::ExplainAnalyze),
        ("explain (analyze off) select 1", Side::Explain),
        ("explain analyze select 1", Side::ExplainAnalyze),
        ("select 1 from p for update", Side::RowLock),
        ("lock p", Side::Lock),
        ("select pg_advisory_lock(1)", Side::Lock),
        ("select nextval('s')", Side::Sequence),
        ("select query_to_xml('x', true, true, '')", Side::RunsText),
        (
            "select * from dblink('x', 'y') as t(a int)",
            Side::OtherServer,
        ),
        ("select pg_terminate_backend(1)", Side::Signal),
        ("load 'x'", Side::Library),
        ("select 1 into t", Side::Into),
        (
            "select pg_logical_slot_get_changes('x', null, null)",
            Side::Replication,
        ),
    ] {
        let found = effects_of(text).side_effects;
        assert!(found.contains(&expected), "{text}: {found:?}");
    }
    assert_eq!(
        effects_of("select lower(a) from b where c = 1").side_effects,
        []
    );
}

#[test]
fn statements_have_a_class() {
    for (text, class) in [
        ("select 1", Class::Query),
        ("values (1)", Class::Query),
        ("insert into t default values", Class::Insert),
        ("copy t from stdin", Class::CopyIn),
        ("copy t to stdout", Class::CopyOut),
        ("grant select on t to a", Class::Permission),
        ("create policy a on t", Class::Permission),
        ("alter system set a = 1", Class::Server),
        ("create extension dblink", Class::Server),
        (
            "create function f() returns int language sql as 'select 1'",
            Class::Code,
        ),
        ("create operator ~~~ (procedure = f)", Class::Code),
        ("create collation c from \"C\"", Class::Define),
        ("alter table t add a int", Class::Alter),
        ("drop table t", Class::Define),
        ("analyze", Class::Maintenance),
        ("start transaction", Class::Transaction),
        ("set a to b", Class::Setting),
        ("show a", Class::Show),
        ("discard all", Class::Discard),
        ("fetch 1 from c", Class::Fetch),
        ("execute p", Class::Execute),
        ("create table t as execute p(1)", Class::CreateAs),
    ] {
        assert_eq!(effects_of(text).class, class, "{text}");
    }
}
