use super::*;
use crate::audit::token::TokenKey;
use proptest::prelude::*;

fn effect(sql: &str) -> Effect {
    let statements = analyse(sql.as_bytes());
    assert_eq!(statements.len(), 1, "{sql}");
    statements[0].effect
}

fn texts(sql: &str) -> Vec<&str> {
    analyse(sql.as_bytes())
        .into_iter()
        .map(|statement| &sql[statement.range])
        .collect()
}

#[test]
fn statements_end_at_top_level_semicolons() {
    assert_eq!(texts(" ; /* a;b */ -- ;\n ;"), [""; 0]);
    assert_eq!(
        texts("select 1; ;\n-- x\nselect ';' ; "),
        ["select 1", "select ';'"]
    );
    assert_eq!(texts("do $$ a; b $$; x"), ["do $$ a; b $$", "x"]);
    let rule = "create rule r as on insert to t do (notify a; notify b)";
    assert_eq!(texts(&format!("{rule}; select 1")), [rule, "select 1"]);
    let routine = "create or replace function f() returns int begin atomic; \
                   select case when true then 1 end; select 2; end";
    assert_eq!(
        texts(&format!("{routine}; select 1")),
        [routine, "select 1"]
    );
    assert_eq!(texts("begin; end; select 1"), ["begin", "end", "select 1"]);
    assert_eq!(texts("select 'a\\'; b'; c").len(), 1);
}

#[test]
fn reads_are_proven() {
    for sql in [
        "select * from t where a in (1, 2) and b = any ($1)",
        "SELECT lower(name), count(*) FILTER (WHERE x) OVER (PARTITION BY y) FROM t",
        "(select 1) union all (select pg_catalog.version())",
        "select cast(a as numeric(10,2)), a::varchar(3), \"lower\"(b), extract(year from d) from t",
        "with a as (select 1), b as materialized (select 2) \
            select * from a join (select 1) c using (x)",
        "with recursive t(n) as (values (1) union select n + 1 from t) select sum(n) from t",
        "table t",
        "values (1), (2)",
        "show all",
        "explain (costs off) select 1",
        "explain verbose with a as (select 1) table a",
        "set search_path to x",
        "set local app.tenant = 'x'",
        "reset all",
        "begin isolation level serializable read only",
        "start transaction",
        "rollback",
        "abort",
        "rollback to a",
        "savepoint a",
        "release a",
        "prepare p as insert into t values ($1)",
        "declare c cursor with hold for select * from t",
        "deallocate all",
        "discard all",
        "close c",
        "listen x",
        "unlisten *",
        "copy t (a, \"b c\") to stdout",
        "copy (select lower(a) from t) to stdout with (format csv, force_quote (a))",
    ] {
        assert_eq!(effect(sql), Effect::Read, "{sql}");
    }
}

#[test]
fn everything_else_may_write() {
    for sql in [
        "insert into t values (1)",
        "select * into u from t",
        "select * from t for update",
        "select * from t for key share",
        "select nextval('s')",
        "select set_config('a', 'b', false)",
        "select \"nextval\" ('s')",
        "select \"LOWER\"(a)",
        "select u&\"nextval\"('s')",
        "select public.lower(a)",
        "select x.pg_catalog.lower(a)",
        "select my_function/**/(1)",
        "select 1 where exists (select dblink('x'))",
        "select join(1)",
        "select filter(1)",
        "with a as (delete from t returning *) select * from a",
        "explain analyze select 1",
        "explain (analyze, costs) select 1",
        "explain (analyse off) select 1",
        "explain delete from t",
        "explain select nextval('s')",
        "explain execute p",
        "commit",
        "end",
        "commit prepared 'x'",
        "rollback prepared 'x'",
        "prepare transaction 'x'",
        "execute p",
        "call p()",
        "do $$ begin end $$",
        "fetch all from c",
        "move 1 from c",
        "set role admin",
        "set session authorization x",
        "set \"role\" to x",
        "reset role",
        "declare c cursor for select nextval('s')",
        "copy t from stdin",
        "copy t to '/tmp/x'",
        "copy t to program 'x'",
        "copy (select nextval('s')) to stdout",
        "copy (delete from t returning *) to stdout",
        "notify x",
        "lock t",
        "vacuum",
        "create table t ()",
        "\\d",
        "select 'a\\' , nextval('s') --'",
        "select 0x1$$ , nextval('s') $$",
        "?",
        "1",
    ] {
        assert_eq!(effect(sql), Effect::MayWrite, "{sql}");
    }
    assert_eq!(analyse(b"select '\xff'")[0].effect, Effect::MayWrite);
}

#[test]
fn each_statement_has_its_own_effect() {
    let found: Vec<_> = analyse(b"begin; select 1; delete from t; END;")
        .into_iter()
        .map(|statement| (statement.command, statement.effect))
        .collect();
    assert_eq!(
        found,
        [
            (Command::Begin, Effect::Read),
            (Command::Select, Effect::Read),
            (Command::Delete, Effect::MayWrite),
            (Command::Commit, Effect::MayWrite),
        ]
    );
    assert_eq!(
        analyse(b"prepare transaction 'x'")[0].command,
        Command::PrepareTransaction
    );
}

fn copy_to(sql: &str) -> Option<CopyTo> {
    let mut statements = analyse(sql.as_bytes());
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].command, Command::Copy);
    statements.remove(0).copy_to
}

#[test]
fn copy_options_in_both_notations() {
    let text = CopyOptions::new(CopyFormat::Text);
    let csv = CopyOptions::new(CopyFormat::Csv);
    let binary = CopyOptions::new(CopyFormat::Binary);
    for (sql, options) in [
        ("copy t to stdout", text.clone()),
        ("copy t to stdin", text.clone()),
        ("COPY BINARY t TO STDOUT", binary.clone()),
        ("copy t to stdout binary", binary.clone()),
        ("copy t to stdout with (format 'binary')", binary),
        (
            "copy t to stdout (header)",
            CopyOptions {
                header: true,
                ..text.clone()
            },
        ),
        ("copy t to stdout (header off, format csv)", csv.clone()),
        ("copy t to stdout csv force quote a, b", csv.clone()),
        ("copy t to stdout with csv force quote *", csv.clone()),
        (
            r"copy t to stdout using delimiters '|' with null as ''",
            CopyOptions {
                delimiter: b'|',
                null: vec![],
                ..text.clone()
            },
        ),
        (
            r"copy t to stdout with (delimiter E'\x01', null E'\\n/a', encoding 'UTF-8')",
            CopyOptions {
                delimiter: 1,
                null: b"\\n/a".to_vec(),
                ..text.clone()
            },
        ),
        (
            r"copy t to stdout with delimiter as e'\011' csv header quote '''' escape as E'\\'",
            CopyOptions {
                delimiter: b'\t',
                quote: b'\'',
                escape: b'\\',
                header: true,
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (quote $$~$$, header 1, format csv)",
            CopyOptions {
                quote: b'~',
                escape: b'~',
                header: true,
                ..csv
            },
        ),
    ] {
        assert_eq!(
            copy_to(sql).map(|copy| copy.options),
            Some(options),
            "{sql}"
        );
    }
}

#[test]
fn copy_that_is_not_understood_has_no_options() {
    for sql in [
        "copy t from stdin",
        "copy t to 'file'",
        "copy t to program 'x'",
        "copy t to stdout (format json)",
        "copy t to stdout (encoding 'SJIS')",
        "copy t to stdout (encoding 'windows949')",
        "copy t to stdout (delimiter 'ab')",
        "copy t to stdout (delimiter 'x')",
        "copy t to stdout (null E'\\n')",
        "copy t to stdout (format csv, quote ',')",
        "copy t to stdout (whatever 1)",
        "copy t (a, f(b)) to stdout",
        "copy t to stdout where a",
        "copy t to",
        "copy",
        "copy ( to stdout",
    ] {
        assert_eq!(copy_to(sql), None, "{sql}");
    }
}

#[test]
fn probes_have_the_columns_of_the_copy() {
    for (sql, probe) in [
        ("copy s.\"T t\" to stdout", "SELECT * FROM ONLY s.\"T t\""),
        (
            "copy t(A, /* x */ \"b\"\"c\") to stdout",
            "SELECT \"a\",\"b\"\"c\" FROM ONLY t",
        ),
        ("copy ( select (1) /* c */ ) to stdout", "select (1)"),
        ("select 1; copy t to stdout", "SELECT * FROM ONLY t"),
    ] {
        let statement = analyse(sql.as_bytes()).pop().unwrap();
        let copy = statement.copy_to.unwrap();
        assert_eq!(
            String::from_utf8(copy.probe(sql.as_bytes())).unwrap(),
            probe
        );
    }
}

fn key() -> TokenKey {
    TokenKey::new(&[1; 32])
}

fn token(value: &[u8]) -> String {
    format!("$<{}>", key().token(value).to_hex())
}

#[test]
fn tokens_stand_for_values() {
    let tokenised = |sql: &str| tokenise(sql.as_bytes(), &key(), 10_000, |_| true);
    let secret = token(b"it's");
    for literal in [
        "'it''s'",
        r"E'it\'s'",
        r"e'it\x27s'",
        "$a$it's$a$",
        "'it'\n'''s'",
    ] {
        assert_eq!(tokenised(literal), secret, "{literal}");
    }
    assert_eq!(
        tokenised("  SELECT\n\ta . b,\"c\" --x\n FROM t /* y */ WHERE a=$1 AND b = 12"),
        format!(
            "SELECT a . b,\"c\" FROM t WHERE a=$1 AND b = {}",
            token(b"12")
        )
    );
    assert_eq!(tokenised("limit 10 offset 9999"), "limit 10 offset 9999");
    assert_eq!(
        tokenised("fetch forward 5 from c"),
        "fetch forward 5 from c"
    );
    assert_eq!(
        tokenised("limit 12345"),
        format!("limit {}", token(b"12345"))
    );
    assert_eq!(tokenised("\"John Doe\""), token(b"\"John Doe\""));
    assert_eq!(tokenised("\"a_1234\""), token(b"\"a_1234\""));
    assert_eq!(tokenised("x_123456789"), token(b"x_123456789"));
    assert_eq!(tokenised("a 'open 123-45-6789"), "a <unreadable>");
    assert_eq!(tokenised("a 'x\\' 123-45-6789'"), "a <unreadable>");
}

#[test]
fn words_stand_for_values_unless_they_are_known() {
    let known = |name: &[u8]| matches!(name, b"patients" | b"full_name" | b"application_name");
    let tokenised = |sql: &str| tokenise(sql.as_bytes(), &key(), 10_000, known);
    assert_eq!(
        tokenised("SELECT p.FULL_NAME, count(*)::int4 FROM \"patients\" p LIMIT 5"),
        "SELECT p.FULL_NAME, count(*)::int4 FROM \"patients\" p LIMIT 5"
    );
    for word in ["Quackenbush", "\"Quackenbush\"", "‘Zanzibarov’", "Wu"] {
        for (before, after) in [
            ("SELECT full_name FROM patients WHERE full_name = ", ""),
            ("SET application_name TO ", ""),
            ("SAVEPOINT ", ""),
            ("PREPARE ", " AS SELECT 1 a"),
            ("LISTEN ", "; DECLARE c CURSOR FOR TABLE patients"),
        ] {
            let written = tokenised(&format!("{before}{word}{after}"));
            assert!(written.starts_with(&format!("{before}{}", token(word.as_bytes()))));
        }
    }
}

#[test]
fn a_long_text_is_cut_between_lexemes() {
    let sql = b"select one, two, three";
    assert_eq!(
        tokenise(sql, &key(), 22, |_| true),
        "select one, two, three"
    );
    assert_eq!(tokenise(sql, &key(), 21, |_| true), "select one, two, …");
    assert_eq!(tokenise(sql, &key(), 14, |_| true), "select one …");
    assert_eq!(tokenise(sql, &key(), 4, |_| true), " …");
    assert_eq!(tokenise(sql, &key(), 2, |_| true), "");
}

#[test]
fn time_is_linear_in_the_text() {
    for part in [
        "'a'\n",
        "$a",
        "((((",
        "a.",
        "/*",
        "E'\u{e9}\\\\ ",
        "'\\\\",
        "with a(",
    ] {
        let sql = part.repeat((1 << 20) / part.len());
        let start = std::time::Instant::now();
        fuzz_analyse(sql.as_bytes());
        assert!(start.elapsed().as_secs() < 20, "{part}");
    }
}

proptest! {
    #[test]
    fn no_literal_survives(
        before in "[ a-z(),=]{0,12}",
        secret in "[0-9]{9}|[A-Z][a-z]{5,9}[0-9]{2}",
        shape in 0..11_usize,
    ) {
        let literal = [
            format!(" '{secret}'"),
            format!(" E'\\'{secret}'"),
            format!(" $${secret}$$"),
            format!(" x'{secret}'"),
            format!(" /* {secret} */ 1 -- {secret}"),
            format!(" '{secret}"),
            format!(" \"{secret} x\""),
            format!(" 'a'\n'{secret}'"),
            format!(" {secret}"),
            format!(" \"{secret}\""),
            format!(" ‘{secret}’"),
        ][shape].clone();
        let written = tokenise(format!("{before}{literal}").as_bytes(), &key(), 10_000, |_| false);
        prop_assert!(!written.contains(&secret), "{}", written);
    }

    #[test]
    fn any_bytes_are_read(sql in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz_analyse(&sql);
    }

    #[test]
    fn any_words_are_read(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "copy", "to", "stdout", "(", ")", "with", "format", "csv", ",", "'", "\"", "$$",
                "select", "a", ".", ";", "null", "E'\\t'", "begin", "atomic", "end", "case",
                "create", "function", "*", "1", "é", "--", "\n", "/*", "*/", "\\",
            ]),
            0..40,
        ),
    ) {
        fuzz_analyse(words.join(" ").as_bytes());
    }
}

#[test]
fn millions_of_statements_come_one_by_one() {
    let text = b"a;;".repeat(1_000_000);
    assert_eq!(statements(&text).count(), 1_000_000);
}
