//! Queries of analysts and of their tools: they run through the gateway as they do without it,
//! and only what a rule names is masked.
//!
//! A file of this folder is a list of queries, each below its annotations:
//!
//! ```text
//! -- name: what it is
//! -- masked: columns of the result whose values must not be the database's
//! -- refused: words of the reason, for what may not run
//! ```
//!
//! A file runs from its first query to its last in one session, so that transactions may span
//! queries, and leaves nothing behind.

#![allow(clippy::print_stdout, reason = "its report is its output")]

#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use libtest_mimic::{Failed, Trial};
use support::bed::upstream;
use support::client::{Client, Frame, Login, error_code, rows};
use support::clinic;
use support::gateway::{Driver, Gateway, Setup};
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};
use velum_proxy::demo::ehr::{self, LoadOptions};

const EHR: &str = include_str!("ehr.sql");
const TOOLS: &str = include_str!("tools.sql");
const TPCH: &str = include_str!("tpch.sql");
const TPCH_SCHEMA: &str = include_str!("tpch_schema.sql");
/// Identities and their policies, but for that of the demo.
const POLICIES: &str = include_str!("policies.toml");
/// The demo's configuration, whose first policy is `deidentified`.
const DEMO: &str = include_str!("../../src/demo/tour/velum.toml");
/// Under the rules of `deidentified`, without its detectors: what no rule names is shown.
const ANALYST: &str = "analyst";
/// Under `deidentified`.
const ETL_BOT: &str = "etl-bot";
/// Under a rule for three columns of `tpch.customer`.
const MERCHANT: &str = "merchant";

/// So many of a hundred queries may be refused by design.
const REFUSED_PERCENT: usize = 2;
/// Types without a binary form: aclitem, aclitem[].
const TEXT_ONLY: [u32; 2] = [1033, 1034];

/// Name, queries and identity of each run.
const RUNS: [(&str, &str, &str); 5] = [
    ("ehr", EHR, ANALYST),
    ("tpch", TPCH, MERCHANT),
    ("tools", TOOLS, ANALYST),
    ("ehr", EHR, ETL_BOT),
    ("tools", TOOLS, ETL_BOT),
];

fn main() -> ExitCode {
    let bed: Arc<LazyLock<Mutex<Bed>>> = Arc::new(LazyLock::new(|| Mutex::new(Bed::start())));
    let trial = |(name, file, identity): (&'static str, &'static str, &'static str)| {
        let (bed, name) = (Arc::clone(&bed), format!("{name}_as_{identity}"));
        Trial::test(name.clone(), move || {
            // One at a time: queries of one run would wait for the locks of another.
            let bed = bed.lock().unwrap_or_else(PoisonError::into_inner);
            println!("{name}: {}", bed.compare(&parse(file), identity)?);
            Ok(())
        })
    };
    let mut trials: Vec<_> = RUNS.into_iter().map(trial).collect();
    trials.push(Trial::test("few_are_refused", few_are_refused));
    support::run(trials)
}

/// What is refused by design has a reason, and is rare.
fn few_are_refused() -> Result<(), Failed> {
    let queries: Vec<Query<'_>> = [EHR, TPCH, TOOLS].into_iter().flat_map(parse).collect();
    let refused = queries
        .iter()
        .filter(|query| query.refused.is_some())
        .count();
    println!("{refused} of {} are refused by design", queries.len());
    match refused * 100 > queries.len() * REFUSED_PERCENT {
        true => Err(format!("more than {REFUSED_PERCENT} % are refused").into()),
        false => Ok(()),
    }
}

/// A database with both schemas, and a gateway. Fields drop in order.
struct Bed {
    gateway: Gateway,
    cluster: Cluster,
}

impl Bed {
    fn start() -> Self {
        let options = ClusterOptions {
            // Sizes and statistics are as they were when they are asked for again.
            settings: vec![("autovacuum".to_owned(), "off".to_owned())],
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start(options).expect("a private PostgreSQL");
        let load = LoadOptions {
            database: clinic::DATABASE.to_owned(),
            patients: 200,
            ..LoadOptions::default()
        };
        ehr::load(&cluster, &load).expect("a clinic");
        let (database, role) = (clinic::DATABASE, clinic::ROLE);
        let sql = format!(
            "CREATE ROLE {role} LOGIN PASSWORD '{}';
             ALTER DATABASE {database} OWNER TO {role};
             GRANT ALL ON SCHEMA clinic TO {role};
             GRANT ALL ON ALL TABLES IN SCHEMA clinic TO {role};
             SET ROLE {role}; {TPCH_SCHEMA}; RESET ROLE; ANALYZE",
            clinic::ROLE_PASSWORD
        );
        cluster.psql_in(database, &sql).expect("the tables");
        let driver = *Driver::under_test().first().expect("a driver");
        let demo = DEMO.split("[[policy]]").nth(1).expect("a policy");
        let rules = format!("{POLICIES}\n[[policy]]{demo}");
        let gateway = Gateway::start(&Setup::new(driver, upstream(&cluster), rules));
        Self { gateway, cluster }
    }

    /// Runs queries direct and through the gateway, in both protocols; says what it came to, or
    /// everything that differed.
    fn compare(&self, queries: &[Query<'_>], identity: &str) -> Result<String, Failed> {
        let role = Login::plain(self.cluster.port(), clinic::ROLE, clinic::ROLE_PASSWORD);
        let refused = queries.iter().filter(|query| query.refused.is_some());
        let (refused, all) = (refused.count(), queries.len());
        let mut differences = String::new();
        let (mut equal, mut changed) = (0, 0);
        for (protocol, extended) in [("simple", false), ("extended", true)] {
            let answers = |mut client: Client| {
                let ask = |query| Answer::to(query, &mut client, extended);
                queries.iter().map(ask).collect::<io::Result<Vec<_>>>()
            };
            let direct = answers(Client::connect(&role, clinic::DATABASE)?)?;
            let through = answers(self.gateway.connect(identity, false))?;
            for (query, answers) in queries.iter().zip(direct.iter().zip(&through)) {
                match query.judge(answers.0, answers.1, identity == ETL_BOT) {
                    Ok(cells) => (equal, changed) = (equal + cells.0, changed + cells.1),
                    Err(what) => {
                        let _ = writeln!(differences, "{protocol}, {}: {what}", query.name);
                    }
                }
            }
        }
        let summary = format!(
            "{all} queries, {refused} refused by design; {equal} cells equal, {changed} masked"
        );
        match differences.is_empty() {
            true => Ok(summary),
            false => Err(format!("{summary}\n{differences}").into()),
        }
    }
}

/// A query and its annotations.
#[derive(Default)]
struct Query<'a> {
    name: &'a str,
    masked: Vec<&'a str>,
    refused: Option<&'a str>,
    sql: String,
}

fn parse(file: &str) -> Vec<Query<'_>> {
    let mut queries: Vec<Query<'_>> = Vec::new();
    for line in file.lines() {
        if let Some(name) = line.strip_prefix("-- name: ") {
            queries.push(Query {
                name,
                ..Query::default()
            });
        } else if let Some(query) = queries.last_mut() {
            if let Some(columns) = line.strip_prefix("-- masked: ") {
                query.masked = columns.split(", ").collect();
            } else if let Some(words) = line.strip_prefix("-- refused: ") {
                query.refused = Some(words);
            } else {
                query.sql.push_str(line);
                query.sql.push('\n');
            }
        }
    }
    queries
}

/// What came back.
struct Answer {
    error: Option<(String, String)>,
    columns: Vec<String>,
    rows: Vec<Vec<Option<Vec<u8>>>>,
}

impl Answer {
    /// By the simple protocol, or by the extended one with binary results.
    fn to(query: &Query<'_>, client: &mut Client, extended: bool) -> io::Result<Self> {
        let mut frames = match extended {
            false => client.simple(&query.sql)?,
            true => client.prepare("", &query.sql)?,
        };
        let columns = columns(&frames);
        if extended && error_code(&frames).is_none() {
            let is_text = columns.iter().any(|(_, oid)| TEXT_ONLY.contains(oid));
            frames.extend(client.execute("", i16::from(!is_text))?);
        }
        Ok(Self {
            error: frames.iter().find_map(Frame::error),
            columns: columns.into_iter().map(|(name, _)| name).collect(),
            rows: rows(&frames),
        })
    }
}

/// Name and type of each column that a RowDescription names.
fn columns(frames: &[Frame]) -> Vec<(String, u32)> {
    let mut columns = Vec::new();
    let description = frames.iter().find(|frame| frame.tag == b'T');
    let mut rest = description.map_or(&[][..], |frame| &frame.body[2..]);
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // Table and number of the column, its type; length, modifier and format follow.
        let (fields, after) = rest[end + 1..].split_at(18);
        let oid = [fields[6], fields[7], fields[8], fields[9]];
        columns.push((name, u32::from_be_bytes(oid)));
        rest = after;
    }
    columns
}

impl Query<'_> {
    /// Holds what came through the gateway against what the database says; counts the cells that
    /// are equal and those that are masked. Detectors mask more than the annotations name.
    fn judge(
        &self,
        direct: &Answer,
        through: &Answer,
        detects: bool,
    ) -> Result<(usize, usize), String> {
        if let Some((code, message)) = &direct.error {
            return Err(format!("fails without the gateway: {code} {message}"));
        }
        match (&through.error, self.refused) {
            (Some((_, message)), Some(words)) if message.contains(words) => return Ok((0, 0)),
            (Some((code, message)), _) => return Err(format!("refused: {code} {message}")),
            (None, Some(_)) => return Err("is not refused".to_owned()),
            (None, None) => {}
        }
        let (columns, rows) = (&direct.columns, &direct.rows);
        if *columns != through.columns {
            return Err(format!("columns {columns:?}, not {:?}", through.columns));
        }
        if rows.len() != through.rows.len() {
            return Err(format!("{} rows, not {}", through.rows.len(), rows.len()));
        }
        if let Some(name) = self
            .masked
            .iter()
            .find(|name| !columns.iter().any(|c| c == *name))
        {
            return Err(format!("has no column {name}"));
        }
        let (mut equal, mut changed) = (0, 0);
        for (row, (direct, through)) in rows.iter().zip(&through.rows).enumerate() {
            for (name, (direct, through)) in columns.iter().zip(direct.iter().zip(through)) {
                match (self.masked.contains(&name.as_str()), direct == through) {
                    (true, true) if direct.is_some() => {
                        return Err(format!("row {row}: {name} is shown"));
                    }
                    (false, false) if !detects => {
                        let [direct, through] = [direct, through].map(shown);
                        return Err(format!("row {row}: {name} is {through}, not {direct}"));
                    }
                    (_, true) => equal += 1,
                    (_, false) => changed += 1,
                }
            }
        }
        Ok((equal, changed))
    }
}

fn shown(cell: &Option<Vec<u8>>) -> String {
    let text = String::from_utf8_lossy(cell.as_deref().unwrap_or(b"NULL"));
    text.escape_debug().take(80).collect()
}
