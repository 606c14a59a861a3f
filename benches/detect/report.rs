//! The table, and the record of a run.

use std::fmt::Write as _;
use std::fs;

use velum_benches::record;
use velum_benches::rows::Kind;

use crate::Job;

/// Lowest, middle and highest.
pub struct Spread {
    pub low: f64,
    pub middle: f64,
    pub high: f64,
}

impl Spread {
    /// Of at least one value.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            low: values[0],
            middle: values[values.len() / 2],
            high: values[values.len() - 1],
        }
    }
}

/// Markdown: rates of all jobs, then ratios round by round.
pub fn table(jobs: &[Job], notes: &[String], rounds: usize) -> String {
    let mut text = format!(
        "Twelve shapes, batches of 256 KiB of rows, one thread, {rounds} rounds, interleaved; \
         GiB/s of frames, median (lowest to highest)\n\n| engine |"
    );
    for kind in Kind::ALL {
        let _ = write!(text, " {kind:?} |");
    }
    text.push_str("\n|---|---|---|---|\n");
    for job in jobs {
        let _ = write!(text, "| {} |", job.name);
        for times in &job.times {
            let rates = Spread::of(times.iter().map(|ns| rate(*ns)).collect());
            let _ = write!(
                text,
                " {:.2} ({:.2} to {:.2}) |",
                rates.middle, rates.low, rates.high
            );
        }
        text.push('\n');
    }
    text.push_str("\nTimes as fast as others, round by round: spans of the fastest unit\n\n");
    text.push_str("| against | Mixed | Analytics | Dense |\n|---|---|---|---|\n");
    let Some(ours) = jobs.first() else {
        return text;
    };
    for (name, prefix) in RIVALS {
        ratio(&mut text, name, jobs, ours, prefix);
    }
    worst_over_best(&mut text, jobs);
    for note in notes {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// Rivals; of several ways to use one, the best in each round counts.
const RIVALS: [(&str, &str); 8] = [
    ("Vectorscan with spans", "vectorscan, spans"),
    ("Vectorscan without spans", "vectorscan, ends"),
    (
        "Vectorscan as a prefilter, nothing verified",
        "vectorscan, prefilter",
    ),
    ("regex-automata meta", "regex-automata meta"),
    ("regex-automata hybrid", "regex-automata hybrid"),
    ("regex-automata dense, ends only", "regex-automata dense"),
    ("regex, one after the other", "regex, one"),
    ("aho-corasick automaton of names", "aho-corasick"),
];

fn ratio(text: &mut String, name: &str, jobs: &[Job], ours: &Job, prefix: &str) {
    let rivals: Vec<&Job> = jobs
        .iter()
        .filter(|job| job.name.starts_with(prefix))
        .collect();
    if rivals.is_empty() {
        return;
    }
    let _ = write!(text, "| {name} |");
    for kind in 0..3 {
        let rounds = ours.times[kind].iter().enumerate().map(|(round, time)| {
            let best = rivals.iter().map(|job| job.times[kind][round]);
            best.fold(f64::INFINITY, f64::min) / time
        });
        let spread = Spread::of(rounds.collect());
        let _ = write!(
            text,
            " {:.1} ({:.1} to {:.1}) |",
            spread.middle, spread.low, spread.high
        );
    }
    text.push('\n');
}

fn worst_over_best(text: &mut String, jobs: &[Job]) {
    for job in jobs.iter().filter(|job| job.name.starts_with("velum")) {
        let rates: Vec<f64> = job
            .times
            .iter()
            .map(|times| rate(Spread::of(times.clone()).middle))
            .collect();
        let worst = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let best = rates.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "\n{}: worst batch over best {:.2}",
            job.name,
            worst / best
        );
    }
}

/// GiB/s.
pub fn rate(ns_a_byte: f64) -> f64 {
    1e9 / ns_a_byte / (1024.0 * 1024.0 * 1024.0)
}

/// Writes the record of this run beside the older ones, by date.
pub fn write(text: &str) {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    record::write(
        "detect-",
        &format!("Load {load} at the end.\n\n## Detection\n\n{text}"),
    );
}
