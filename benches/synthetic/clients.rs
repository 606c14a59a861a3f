//! Small results of many sessions: what an answer costs while others are open.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use velum_benches::client::{ask, until_ready};
use velum_benches::process::cpu_seconds;
use velum_benches::record::median;

use crate::Extent;
use crate::answers::{Answer, Recorded};
use crate::blast::spread;
use crate::path::Path;
use crate::plot::{Axis, Line, plot};

/// Sessions that have asked and wait at the same time.
const IN_FLIGHT: usize = 64;
const SLICE: Duration = Duration::from_secs(1);

/// Answers a second, and microseconds of CPU each, one figure a round.
pub struct Measured {
    path: &'static str,
    sessions: usize,
    rates: Vec<f64>,
    cpus: Vec<f64>,
}

/// Each path with each number of sessions, all of which take part in turn.
pub fn measure(recorded: &Recorded, paths: &[Path], extent: &Extent) -> Vec<Measured> {
    let question = recorded.question(Answer::SMALL);
    let mut all = Vec::new();
    for sessions in extent.clients {
        let first = all.len();
        all.extend(paths.iter().map(|path| Measured {
            path: path.name,
            sessions: *sessions,
            rates: Vec::new(),
            cpus: Vec::new(),
        }));
        for round in 0..extent.client_rounds {
            eprintln!(
                "{sessions} clients: round {} of {}",
                round + 1,
                extent.client_rounds
            );
            for (path, measured) in paths.iter().zip(all.iter_mut().skip(first)) {
                let (rate, cpu) = waves(path, &question, *sessions);
                measured.rates.push(rate);
                measured.cpus.extend(cpu);
            }
        }
    }
    all
}

fn waves(path: &Path, question: &str, sessions: usize) -> (f64, Option<f64>) {
    let mut streams: Vec<_> = (0..sessions).map(|_| path.open()).collect();
    let cpu = || path.process.map(cpu_seconds);
    let (cpu_before, began) = (cpu(), Instant::now());
    let mut answers = 0;
    // Every session once, at the least.
    while answers < sessions || began.elapsed() < SLICE {
        for wave in streams.chunks_mut(IN_FLIGHT) {
            wave.iter_mut().for_each(|stream| ask(stream, question));
            wave.iter_mut()
                .for_each(|stream| until_ready(stream, |_| {}));
            answers += wave.len();
        }
    }
    let answers = answers as f64;
    let rate = answers / began.elapsed().as_secs_f64();
    let used = cpu().zip(cpu_before);
    (
        rate,
        used.map(|(after, before)| (after - before) * 1e6 / answers),
    )
}

/// By number of sessions and path.
pub fn table(all: &[Measured]) -> String {
    let mut text = format!(
        "## Small results of many sessions\n\n{IN_FLIGHT} ask at the same time, in turn; \
         median (lowest to highest)\n\n\
         | sessions | path | answers a second | CPU of the relay, us each |\n|---|---|---|---|\n"
    );
    for measured in all {
        let cpu = match measured.cpus.is_empty() {
            true => "-".to_owned(),
            false => spread(measured.cpus.clone()),
        };
        let (low, middle, high) = median(measured.rates.clone());
        let _ = writeln!(
            text,
            "| {} | {} | {middle:.0} ({low:.0} to {high:.0}) | {cpu} |",
            measured.sessions, measured.path
        );
    }
    text.push('\n');
    text
}

/// The same as SVG.
pub fn curve(all: &[Measured], paths: &[Path]) -> String {
    let line = |path: &Path| {
        let mut line = Line::new(path.name);
        let mine = all.iter().filter(|measured| measured.path == path.name);
        let point = |it: &Measured| (it.sessions as f64, median(it.rates.clone()).1 / 1e3);
        line.points.extend(mine.map(point));
        line
    };
    let lines: Vec<Line> = paths.iter().map(line).collect();
    let title = "thousands of small answers a second by open sessions";
    plot(
        title,
        Axis::log("open sessions"),
        "thousands a second",
        &lines,
    )
}
