//! Medians and spreads as tables, and the record of a run.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use velum_benches::record::{self, median};

use crate::Extent;
use crate::latency::{Pace, Timed};
use crate::load::{Measured, Workload};

/// A Markdown table of all runs.
pub fn table(measured: &[Measured], extent: &Extent) -> String {
    let mut text = format!(
        "{} rounds, interleaved; {} rows of about 230 bytes; median (lowest to highest)\n\n\
         | workload | path | rate | of direct | CPU of the proxy |\n|---|---|---|---|---|\n",
        extent.rounds, extent.rows
    );
    for workload in Workload::ALL {
        let of = |path: &str| -> Vec<&Measured> {
            let mine = |run: &&Measured| run.workload == workload && run.path == path;
            measured.iter().filter(mine).collect()
        };
        let mut paths: Vec<&str> = Vec::new();
        for run in measured {
            if !paths.contains(&run.path) {
                paths.push(run.path);
            }
        }
        let direct = median(of("direct").iter().map(|run| run.rate).collect()).1;
        for path in paths {
            let (low, middle, high) = median(of(path).iter().map(|run| run.rate).collect());
            let cpu: Vec<f64> = of(path).iter().filter_map(|run| run.proxy_cpu).collect();
            let cpu = match cpu.is_empty() {
                true => "-".to_owned(),
                false => format!("{:.2} {}", median(cpu).1, cpu_unit(workload)),
            };
            let unit = rate_unit(workload);
            let places = if workload.is_points() { 0 } else { 2 };
            let _ = writeln!(
                text,
                "| {workload} | {path} | {middle:.places$} {unit} ({low:.places$} to \
                 {high:.places$}) | {:.2} | {cpu} |",
                middle / direct
            );
        }
    }
    text
}

/// The same of the latencies.
pub fn latencies(timed: &[Timed]) -> String {
    let mut text =
        "\nLatency from when a statement was due, at a steady pace; median of the rounds \
                    (lowest to highest), in microseconds\n\n\
                    | workload | path | p50 | p99 |\n|---|---|---|---|\n"
            .to_owned();
    for pace in Pace::ALL {
        let mut paths: Vec<&str> = Vec::new();
        for run in timed {
            if !paths.contains(&run.path) {
                paths.push(run.path);
            }
        }
        for path in paths {
            let mine = timed
                .iter()
                .filter(|run| run.pace == pace && run.path == path);
            let (p50, p99) = mine.map(|run| (run.p50_us, run.p99_us)).unzip();
            let (p50, p99) = (median(p50), median(p99));
            let _ = writeln!(
                text,
                "| {pace} | {path} | {:.0} ({:.0} to {:.0}) | {:.0} ({:.0} to {:.0}) |",
                p50.1, p50.0, p50.2, p99.1, p99.0, p99.2
            );
        }
    }
    text
}

/// Writes the record of this run; `session` is the table of the rows in memory, if they were
/// measured.
pub fn write(text: &str, session: Option<&str>) {
    let mut record = String::new();
    if let Some(session) = session {
        let _ = write!(record, "## A session in memory\n\n{session}\n");
    }
    let _ = write!(record, "## The whole path\n\n{text}");
    record::write("", &record);
}

/// What criterion left of the rows in memory (`micro/session.rs`), as a table; `None` if they
/// were not measured.
pub fn session_table() -> Option<String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let folders = fs::read_dir(target.join("criterion/session")).ok()?;
    let mut rows: Vec<String> = folders
        .flatten()
        .filter_map(|folder| session_row(&folder.path().join("new")))
        .collect();
    rows.sort();
    let head = "| rows/policy | GiB/s, median (95 % interval) |\n|---|---|\n";
    (!rows.is_empty()).then(|| head.to_owned() + &rows.concat())
}

fn session_row(folder: &Path) -> Option<String> {
    let read = |name: &str| -> Option<Value> {
        serde_json::from_str(&fs::read_to_string(folder.join(name)).ok()?).ok()
    };
    let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let bytes = benchmark["throughput"]["Bytes"].as_f64()?;
    let name = benchmark["function_id"].as_str()?;
    let median = &estimates["median"];
    let interval = &median["confidence_interval"];
    let rate = |ns: &Value| Some(bytes / ns.as_f64()? * 1e9 / f64::from(1 << 30));
    Some(format!(
        "| {name} | {:.3} ({:.3} to {:.3}) |\n",
        rate(&median["point_estimate"])?,
        rate(&interval["upper_bound"])?,
        rate(&interval["lower_bound"])?,
    ))
}

fn rate_unit(workload: Workload) -> &'static str {
    if workload.is_points() {
        "a second"
    } else {
        "GiB/s"
    }
}

fn cpu_unit(workload: Workload) -> &'static str {
    if workload.is_points() {
        "s a million"
    } else {
        "s a GiB"
    }
}
