//! Loads the clinic into a cluster: several tables at a time, with COPY.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tables::Table;
use crate::demo::cluster::{Cluster, ClusterError};

const SCHEMA: &str = include_str!("schema.sql");
/// Rows are sent in messages of about this size.
const MESSAGE_BYTES: usize = 256 * 1024;

/// What to load, and where to.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Made if it is not there.
    pub database: String,
    /// How many patients; at least one.
    pub patients: u64,
    /// Which clinic.
    pub seed: u64,
    /// Shows a bar a table on standard error, if that is a terminal.
    pub progress: bool,
    /// Once true, loading ends early with an error.
    pub cancelled: Option<Arc<AtomicBool>>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            database: "ehr".to_owned(),
            patients: 2_000,
            seed: super::SEED,
            progress: false,
            cancelled: None,
        }
    }
}

/// What was loaded.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of COPY text.
    pub bytes: u64,
    /// From the first statement to the last.
    pub elapsed: Duration,
}

/// Makes the schema `clinic` and fills it.
///
/// # Errors
/// Those of the server, for example if the schema is there already.
pub fn load(cluster: &Cluster, options: &LoadOptions) -> Result<Loaded, ClusterError> {
    let began = Instant::now();
    let create = format!("create database \"{}\"", options.database);
    match cluster.psql(&create) {
        Err(ClusterError::Sql { sqlstate, .. }) if sqlstate == "42P04" => {}
        other => drop(other?),
    }
    let (schema, views) = SCHEMA.split_once("\n\n").unwrap_or((SCHEMA, ""));
    cluster.psql_in(&options.database, schema)?;
    let bytes = load_tables(cluster, options)?;
    cluster.psql_in(&options.database, views)?;
    cluster.psql_in(&options.database, "analyze")?;
    let rows = Table::ALL
        .iter()
        .map(|table| table.rows(options.patients))
        .sum();
    Ok(Loaded {
        rows,
        bytes,
        elapsed: began.elapsed(),
    })
}

/// Several connections take tables from one queue until it is empty. Returns the bytes sent.
fn load_tables(cluster: &Cluster, options: &LoadOptions) -> Result<u64, ClusterError> {
    let target = if options.progress {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bars = MultiProgress::with_draw_target(target);
    let queue = Table::ALL.iter().rev();
    let queue: Vec<_> = queue
        .map(|table| (*table, bar(&bars, *table, options)))
        .collect();
    let queue = Mutex::new(queue);
    let take = || queue.lock().ok().and_then(|mut queue| queue.pop());
    let workers = thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(1, 4);
    let work = || -> Result<u64, ClusterError> {
        let mut bytes = 0;
        while let Some((table, bar)) = take() {
            bytes += load_table(cluster, options, table, &bar)?;
        }
        Ok(bytes)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    });
    let mut bytes = 0;
    for result in results {
        bytes += result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    }
    Ok(bytes)
}

fn bar(bars: &MultiProgress, table: Table, options: &LoadOptions) -> ProgressBar {
    let template = "  {prefix:<13} {bar:32.cyan/blue} {pos:>7}/{len:<7} {msg}";
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─");
    let bar = bars.add(ProgressBar::new(table.rows(options.patients)));
    bar.set_style(style);
    bar.set_prefix(table.name());
    bar
}

/// Makes, fills and indexes one table in one transaction: rows of a table that is new in its
/// transaction need no write-ahead log, and can be frozen.
fn load_table(
    cluster: &Cluster,
    options: &LoadOptions,
    table: Table,
    bar: &ProgressBar,
) -> Result<u64, ClusterError> {
    let io = |source: io::Error| ClusterError::Io {
        doing: format!("loading clinic.{}", table.name()),
        source,
    };
    let mut client = cluster.connect(&options.database).map_err(io)?;
    let run = |client: &mut crate::demo::raw::Raw, sql: &str| {
        let frames = client.simple(sql).map_err(io)?;
        match frames.iter().find_map(|frame| frame.error()) {
            Some((sqlstate, message)) => Err(ClusterError::Sql { sqlstate, message }),
            None => Ok(()),
        }
    };
    run(&mut client, &format!("begin; {}", table.create()))?;
    // A partitioned table's rows cannot be frozen by COPY.
    let freeze = if table == Table::Claims {
        ""
    } else {
        " with (freeze)"
    };
    let copy = format!("copy clinic.{} from stdin{freeze}", table.name());
    let count = table.rows(options.patients);
    let (mut id, mut bytes) = (0, 0);
    let is_cancelled = || {
        options
            .cancelled
            .as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
    };
    let fill = |data: &mut Vec<u8>| {
        let header_bytes = data.len();
        while id < count && data.len() < MESSAGE_BYTES && !is_cancelled() {
            id += 1;
            table.write_row(options.seed, options.patients, id, data);
        }
        bytes += u64::try_from(data.len() - header_bytes).unwrap_or(0);
        bar.set_position(id);
    };
    client.copy_in(&copy, fill).map_err(io)?;
    if is_cancelled() {
        return Err(io(io::ErrorKind::Interrupted.into()));
    }
    bar.set_message("indexes");
    run(&mut client, &format!("{}; commit", table.finish()))?;
    bar.finish_with_message("done");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::cluster::ClusterOptions;
    use crate::demo::ehr::Patient;

    #[test]
    fn a_loaded_clinic_says_what_the_generator_says() {
        let cluster = Cluster::start(ClusterOptions::default()).unwrap();
        let options = LoadOptions {
            patients: 300,
            ..LoadOptions::default()
        };
        let loaded = load(&cluster, &options).unwrap();
        let mut rows = 0;
        for table in Table::ALL {
            let sql = format!("select count(*) from clinic.{}", table.name());
            let count: u64 = cluster
                .psql_in("ehr", &sql)
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            assert_eq!(count, table.rows(300), "{table:?}");
            rows += count;
        }
        assert_eq!(loaded.rows, rows);

        let patient = Patient::new(options.seed, 17);
        let sql = "select ssn, ssn_num, full_name, dob, host(last_login_ip), contact->>'email', \
                   aliases[1], patient_uuid, zip from clinic.patients where id = 17";
        let expected = format!(
            "{}|{}|{}|{}|{}|{}|{}|{}|{}\n",
            patient.ssn(),
            patient.ssn_number,
            patient.name(),
            patient.born,
            patient.ip,
            patient.email,
            patient.name(),
            patient.uuid,
            patient.zip
        );
        assert_eq!(cluster.psql_in("ehr", sql).unwrap(), expected);
        let sql = "select national_id from clinic.patient_directory where patient_number = 17";
        assert_eq!(
            cluster.psql_in("ehr", sql).unwrap().trim_end(),
            patient.ssn()
        );
        let sql = "select document #>> '{patient,identifier,1,ssn}' from clinic.documents \
                   where patient_id = 17";
        assert_eq!(
            cluster.psql_in("ehr", sql).unwrap().trim_end(),
            patient.ssn()
        );
        let sql = "select count(*) from clinic.hl7_messages \
                   where convert_from(raw, 'UTF8') = message and message like 'MSH|^~\\\\&|%'";
        assert_eq!(cluster.psql_in("ehr", sql).unwrap(), "60\n");
    }
}
