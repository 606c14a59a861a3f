//! Looks at some rows of a table, a few at a time, and keeps none.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Row};
use velum_core::inspect::ColumnHint;
use velum_core::sql::lineage::Origin;
use velum_core::sql::quoted;
use velum_detectors::Detectors;

use super::budget::Budget;
use super::facts::{Column, Facts, Table, TableKind};
use super::tally::Tally;

/// Bytes of a value that are looked at.
const VALUE_BYTES: usize = 16 * 1024;
/// Elements of an array that are looked at.
const ELEMENTS: usize = 32;
/// Rows that are held at a time.
const BATCH_ROWS: u64 = 64;
/// A smaller table is read from its begin.
const SMALL_PAGES: i64 = 64;
/// Rows of a page where nobody has counted them: a guess that rather reads too many pages.
const PAGE_ROWS: i64 = 10;
/// Pages that are read however many rows one seems to have.
const LEAST_PAGES: i64 = 16;
/// Partitions of a table that are looked at.
const PARTITIONS: usize = 4;

/// What was looked at, and what not.
#[derive(Default)]
pub(super) struct Sample {
    /// By column; those of partitions are their parents'.
    pub(super) tallies: BTreeMap<Origin, Tally>,
    pub(super) tables: u32,
    pub(super) rows: u64,
    /// What was not looked at, and why.
    pub(super) unseen: Vec<(String, String)>,
}

/// Looks at the tables of `facts` within `budget`; `step` is called after each, its partitions
/// with it.
pub(super) async fn look(
    client: &Client,
    engine: &Detectors,
    facts: &Facts,
    budget: &mut Budget,
    step: &dyn Fn(),
) -> Sample {
    let mut sample = Sample::default();
    for (top, mut parts) in facts.families() {
        parts.retain(|table| is_seen(table, facts, &mut sample));
        // The largest tell most.
        parts.sort_by_key(|table| (std::cmp::Reverse(table.pages), table.oid));
        let (all, looked) = (parts.len(), parts.len().min(PARTITIONS));
        for table in parts.iter().take(PARTITIONS) {
            let rows = budget.rows(looked as u64);
            let why = match budget.spent() {
                Some(spent) => Some(spent.to_owned()),
                None => match table_rows(client, engine, table, rows, budget).await {
                    Ok(tallies) => {
                        sample.add(facts, tallies, budget);
                        None
                    }
                    Err(error) => Some(reason(&error)),
                },
            };
            sample
                .unseen
                .extend(why.map(|why| (table.full_name(), why)));
        }
        if let (true, Some(top)) = (looked < all, facts.tables.get(&top)) {
            let why = format!("{} of its {all} partitions", all - looked);
            sample.unseen.push((top.full_name(), why));
        }
        step();
    }
    sample.unseen.sort();
    sample
}

/// Are its rows to be looked at? If it has rows elsewhere, that is told.
fn is_seen(table: &Table, facts: &Facts, sample: &mut Sample) -> bool {
    let mut unseen = |what: String, why: &str| sample.unseen.push((what, why.to_owned()));
    match table.kind {
        TableKind::Foreign => unseen(table.full_name(), "its rows are at another server"),
        TableKind::View | TableKind::Partitioned => {}
        TableKind::Table | TableKind::Materialised if !table.is_readable => {
            unseen(table.full_name(), "the role may not read it");
        }
        TableKind::Table | TableKind::Materialised => {
            for column in table.columns.iter().filter(|it| !it.is_looked_at()) {
                // Of a partition the parent's columns are told.
                let own = (table.oid, column.attnum);
                if facts.root(own) == own {
                    let why = match column.is_readable {
                        true => "bytes are judged by name alone",
                        false => "the role may not read it",
                    };
                    unseen(format!("{}.{}", table.full_name(), column.name), why);
                }
            }
        }
    }
    table.has_rows() && table.is_readable
}

/// An error without the server's words, which may quote values.
fn reason(error: &Error) -> String {
    match error.code() {
        Some(code) if *code == SqlState::QUERY_CANCELED => "it took too long".to_owned(),
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => "it is locked".to_owned(),
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            "the role may not read all of its rows".to_owned()
        }
        Some(code) => format!("the server answers {}", code.code()),
        None => "the connection failed".to_owned(),
    }
}

impl Column {
    fn is_looked_at(&self) -> bool {
        self.is_readable && self.type_name != "bytea"
    }

    /// What an engine is told of it.
    pub(super) fn hint<'a>(&'a self, table: &'a Table) -> ColumnHint<'a> {
        ColumnHint {
            table: Some(table.name.as_bytes()),
            name: self.name.as_bytes(),
            type_name: self.type_name.as_bytes(),
            is_alias: false,
        }
    }

    /// The expression that gives its values as texts, by the types' own output.
    fn expression(&self) -> String {
        let name = quoted(&self.name);
        let text = |value: &str| {
            format!("pg_catalog.\"left\"(pg_catalog.format('%s', {value}), {VALUE_BYTES})")
        };
        match self.is_array {
            true => format!(
                "array(select {} from pg_catalog.unnest({name}) e limit {ELEMENTS})",
                text("e")
            ),
            // One of its own, so that the row has arrays alone.
            false => format!("array[{}]", text(&name)),
        }
    }
}

/// Looks at up to `rows` rows of a table.
async fn table_rows(
    client: &Client,
    engine: &Detectors,
    table: &Table,
    rows: u64,
    budget: &Budget,
) -> Result<Vec<(Origin, Tally)>, Error> {
    let columns: Vec<&Column> = table
        .columns
        .iter()
        .filter(|it| it.is_looked_at())
        .collect();
    let mut tallies: Vec<Tally> = columns
        .iter()
        .map(|column| Tally::new(engine, column.hint(table)))
        .collect();
    let pages = pages(client, table, budget).await?;
    let mut seen = 0;
    for part in samples(pages, rows) {
        let query = query(table, &columns, &part, rows);
        begin(client, budget).await?;
        let declare = format!("declare sampled no scroll cursor for {query}");
        let mut done = client.batch_execute(&declare).await;
        while done.is_ok() && seen < rows {
            let fetch = format!("fetch {} from sampled", BATCH_ROWS.min(rows - seen));
            match client.query(&fetch, &[]).await {
                Ok(batch) if batch.is_empty() => break,
                Ok(batch) => {
                    seen += batch.len() as u64;
                    done = note(engine, table, &columns, &mut tallies, &batch);
                }
                Err(error) => done = Err(error),
            }
            if budget.statement_ms().is_none() {
                break;
            }
        }
        client.batch_execute("rollback").await?;
        done?;
        if seen > 0 {
            break;
        }
    }
    let each = columns.iter().zip(tallies);
    Ok(each
        .map(|(column, tally)| ((table.oid, column.attnum), tally))
        .collect())
}

/// A transaction that writes nothing, waits for nothing long, and is refused rows that a
/// policy of the table's would leave out in silence.
async fn begin(client: &Client, budget: &Budget) -> Result<(), Error> {
    let timeout_ms = budget.statement_ms().unwrap_or(1);
    let sql = format!(
        "begin transaction read only; set local statement_timeout to {timeout_ms}; \
         set local row_security to off; set local datestyle to 'ISO'"
    );
    client.batch_execute(&sql).await
}

/// How large the table is now; the catalog's own count may be old, or none.
async fn pages(client: &Client, table: &Table, budget: &Budget) -> Result<i64, Error> {
    const PAGES: &str = "select pg_catalog.pg_relation_size($1::oid::regclass) \
        / pg_catalog.current_setting('block_size')::int8";
    begin(client, budget).await?;
    let row = client.query_one(PAGES, &[&table.oid]).await;
    client.batch_execute("rollback").await?;
    row?.try_get(0)
}

/// The samples to try, one after the other, until one has a row: some pages of a large table, or
/// else its begin.
fn samples(pages: i64, rows: u64) -> Vec<String> {
    let wanted = i64::try_from(rows).unwrap_or(i64::MAX) / PAGE_ROWS;
    let wanted = wanted.max(LEAST_PAGES);
    let begin = String::new();
    if pages <= SMALL_PAGES.max(wanted) {
        return vec![begin];
    }
    let percent = wanted as f64 * 100.0 / pages as f64;
    // The same pages each time: what one run finds the next one finds again.
    vec![
        format!("tablesample system ({percent:.6}) repeatable (1)"),
        begin,
    ]
}

fn query(table: &Table, columns: &[&Column], part: &str, rows: u64) -> String {
    let expressions: Vec<String> = columns.iter().map(|it| it.expression()).collect();
    format!(
        "select {} from only {}.{} {part} limit {rows}",
        expressions.join(", "),
        quoted(&table.schema),
        quoted(&table.name)
    )
}

fn note(
    engine: &Detectors,
    table: &Table,
    columns: &[&Column],
    tallies: &mut [Tally],
    batch: &[Row],
) -> Result<(), Error> {
    for row in batch {
        for (index, (column, tally)) in columns.iter().zip(tallies.iter_mut()).enumerate() {
            tally.rows += 1;
            let values: Vec<Option<&str>> = row.try_get(index)?;
            for value in values.into_iter().flatten() {
                tally.see(engine, column.hint(table), value.as_bytes());
            }
        }
    }
    Ok(())
}

impl Sample {
    fn add(&mut self, facts: &Facts, tallies: Vec<(Origin, Tally)>, budget: &mut Budget) {
        let rows = tallies.first().map_or(0, |(_, tally)| tally.rows);
        budget.spend(rows.into());
        self.rows += u64::from(rows);
        self.tables += 1;
        for (origin, tally) in tallies {
            let known = self.tallies.entry(facts.root(origin)).or_default();
            known.merge(tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_tables_are_read_in_part() {
        assert_eq!(samples(64, 100), [""]);
        let parts = samples(100_000, 500);
        assert_eq!(parts, ["tablesample system (0.050000) repeatable (1)", ""]);
        assert_eq!(samples(900, 10_000), [""]);
    }
}
