//! Values that are computed from columns under a rule, in whatever way.

use super::support::bed::Bed;
use super::support::client::{Client, rows};
use super::support::clinic;
use super::support::gateway::Driver;
use super::{clean, compare};

/// Expressions over the patients `p` that show something of a column under a rule.
const TELLING: &[&str] = &[
    "substr(ssn, 1, 11)",
    "left(ssn, 3)",
    "split_part(ssn, '-', 2)",
    "ssn || ''",
    "lower(nick)",
    "format('%s', nick)",
    "concat_ws(',', 'a', nick)",
    "translate(ssn, '0123456789', 'abcdefghij')",
    "md5(ssn)",
    "hashtext(ssn)",
    "ascii(nick)",
    "overlay(nick placing 'x' from 2)",
    "nick::varchar(200)",
    "to_jsonb(nick)",
    "jsonb_build_object('a', nick)",
    "row_to_json(p)",
    "p::text",
    "(p).nick || ''",
    "row(nick, id)::text",
    "array[nick]",
    "array_to_string(aliases, ',')",
    "aliases[1] || ''",
    "coalesce(nick, 'none')",
    "nullif(nick, 'x')",
    "greatest(nick, '')",
    "case when id > 0 then nick else city end",
    "(select q.nick from clinic.patients q where q.id = p.id)",
    "first_value(nick) over (order by id)",
    "lag(nick, 0) over (order by id)",
    "regexp_replace(nick, '^', 'x')",
    "ssn_number + 1",
    "ssn_number::text",
    "ssn_int % 1000000",
    "-salary",
    "to_char(salary, 'FM999999.99')",
    "born + 1",
    "extract(year from born)",
    "age(born)::text",
    "to_char(born, 'DD Mon YYYY')",
    "token::text",
    "host(address)",
    "encode(photo, 'escape')",
    "doc ->> 'ssn'",
    "doc #>> '{deep,ssn}'",
    "upper(doc::text)",
    "xmlelement(name a, nick)::text",
    "clinic.ssn_of(id)",
];

/// Aggregates and whole queries that do the same.
const TELLING_QUERIES: &[&str] = &[
    "select string_agg(nick, ',') from clinic.patients",
    "select array_agg(nick) from clinic.patients",
    "select json_agg(nick) from clinic.patients",
    "select min(nick), max(ssn), sum(salary), avg(ssn_number) from clinic.patients",
    "select unnest(aliases) from clinic.patients where id = 1",
    "select x from clinic.patients, lateral (select nick || '' as x) l where id = 1",
    "select * from (select nick || '' from clinic.patients) s where s is not null",
    "select city from clinic.patients where id < 2 union select nick from clinic.patients",
    "with recursive r (n, x) as (select 1, nick from clinic.patients where id = 1
        union all select n + 1, x || '.' from r where n < 3) select x from r where n > 1",
    "select s || '' from clinic.seen",
    "select n from clinic.told",
    "select n || '' from clinic.told",
    "select start from clinic.marked",
    "table clinic.marked",
    "values ((select nick from clinic.patients where id = 1))",
    "select x.y from xmltable('/a' passing (select xmlelement(name a, nick)
        from clinic.patients where id = 1) columns y text path '.') x",
    "insert into clinic.arrivals select 1, 'x' from clinic.patients where id = 1
        returning (select nick || '' from clinic.patients where id = 1)",
    "update clinic.patients set small = small where id = 1 returning nick || '', clinic.same(ssn)",
];

/// Expressions that tell nothing of a column under a rule.
const HARMLESS: &[&str] = &[
    "id + 1",
    "upper(city)",
    "to_char(seen, 'YYYY-MM-DD')",
    "date_trunc('day', seen)",
    "amount * 2",
    "array[city, 'x']",
    "jsonb_build_object('town', city, 'n', id)",
    "case when id > 2 then city else 'small' end",
    "row_number() over (order by id)",
    "sum(amount) over ()",
    "count(ssn) over ()",
    "(select count(*) from clinic.patients q where q.small <= p.small)",
    "(select max(q.city) from clinic.patients q)",
    "coalesce(city, 'none') || ', ' || id",
    "'a constant'",
    "now() > seen",
    "array_length(tags, 1)",
];

/// Values of at least this many bytes are told apart by accident never.
const TELLING_BYTES: usize = 3;

/// What a query returns in a format.
fn ask(client: &mut Client, query: &str, format: i16) -> Vec<Vec<Option<Vec<u8>>>> {
    client.prepare("", query).expect(query);
    let frames = client.execute("", format).expect(query);
    assert!(frames.iter().all(|frame| frame.tag != b'E'), "{query}");
    let rows = rows(&frames);
    assert!(!rows.is_empty(), "{query}");
    rows
}

/// No value that the database returns comes through.
pub(super) fn by_any_expression(bed: &Bed, driver: Driver, tls: bool) {
    let mut direct = bed.direct();
    let expressions = TELLING.iter().map(|expression| {
        format!("select {expression} from clinic.patients p where id < 4 order by p.id")
    });
    let queries = TELLING_QUERIES.iter().map(|query| (*query).to_owned());
    let queries: Vec<_> = expressions.chain(queries).collect();
    for user in [clinic::RULES, clinic::MASKED] {
        let mut client = bed.gateway(driver).connect(user, tls);
        for query in &queries {
            for format in [0, 1] {
                let plain = ask(&mut direct, query, format);
                let masked = ask(&mut client, query, format);
                assert_eq!(plain.len(), masked.len(), "{query}");
                let masked: Vec<_> = masked.into_iter().flatten().flatten().collect();
                let told = plain.iter().flatten().flatten().find(|value| {
                    value.len() >= TELLING_BYTES && masked.iter().any(|other| other == *value)
                });
                assert!(told.is_none(), "{query} in format {format} for {user}");
            }
        }
        clean(&client);
    }
}

/// What tells nothing comes as it is.
pub(super) fn harmless(bed: &Bed, driver: Driver, tls: bool) {
    let mut direct = bed.direct();
    let mut client = bed.gateway(driver).connect(clinic::RULES, tls);
    for expression in HARMLESS {
        let query = format!("select {expression} from clinic.patients p order by p.id");
        for format in [0, 1] {
            let (plain, seen) = (
                ask(&mut direct, &query, format),
                ask(&mut client, &query, format),
            );
            assert!(plain == seen, "{query} in format {format}");
        }
    }
}

pub(super) fn reversed(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::RULES, |client| {
        client
            .simple("SELECT reverse(ssn), reverse(nick) FROM clinic.patients")
            .map(drop)
    });
}

pub(super) fn encoded(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::RULES, |client| {
        client.simple(
            "SELECT encode(ssn::bytea, 'hex'), encode(nick::bytea, 'base64'),
                convert_to(nick, 'UTF8') FROM clinic.patients",
        )?;
        client
            .simple("COPY (SELECT encode(nick::bytea, 'hex') FROM clinic.patients) TO STDOUT")
            .map(drop)
    });
}

/// Cursors and prepared statements of SQL, several results in one text.
pub(super) fn elsewhere(bed: &Bed, driver: Driver, tls: bool) {
    compare(bed, driver, tls, clinic::RULES, |client| {
        client.simple("SELECT 1; SELECT reverse(nick) FROM clinic.patients; SELECT 2")?;
        client.simple("BEGIN; DECLARE c CURSOR FOR SELECT nick || '' FROM clinic.patients")?;
        client.prepare("fetch", "FETCH 2 FROM c")?;
        client.execute("fetch", 0)?;
        client.simple("CLOSE c; DECLARE c CURSOR FOR SELECT ssn || '' FROM clinic.patients")?;
        client.execute("fetch", 1)?;
        client.simple("COMMIT")?;
        client.simple("PREPARE p AS SELECT reverse(nick) FROM clinic.patients; EXECUTE p")?;
        client.simple("DEALLOCATE p")?;
        let hidden = "DO $$ BEGIN
            EXECUTE 'PREPARE p AS SELECT reverse(nick) FROM clinic.patients'; END $$";
        client.simple("PREPARE p AS SELECT 'a'")?;
        client.simple("DO $$ BEGIN EXECUTE 'DEALLOCATE p'; END $$")?;
        client.simple(hidden)?;
        client.simple("EXECUTE p; DEALLOCATE p").map(drop)
    });
}
