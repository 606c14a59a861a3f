//! Medians and spreads as a table, and the record of a run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Extent;
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
            let places = if workload == Workload::Small { 0 } else { 2 };
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

/// Writes the record of this run beside the older ones, by date.
pub fn write(text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("record");
    let date = first_line("date", &["-u", "+%F"]);
    let kernel = first_line("uname", &["-r"]);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let head = format!("# Whole path, {date}\n\nLinux {kernel}, {cores} cores.\n\n");
    let file = folder.join(format!("{date}.md"));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, head + text));
    match written {
        Ok(()) => println!("written to benches/record/{date}.md"),
        Err(error) => eprintln!("{}: {error}", file.display()),
    }
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}

fn rate_unit(workload: Workload) -> &'static str {
    if workload == Workload::Small {
        "a second"
    } else {
        "GiB/s"
    }
}

fn cpu_unit(workload: Workload) -> &'static str {
    if workload == Workload::Small {
        "s a million"
    } else {
        "s a GiB"
    }
}

/// Lowest, middle and highest.
fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (
        at(0),
        at(values.len() / 2),
        at(values.len().saturating_sub(1)),
    )
}
