//! Results as fast as they go.

use std::fmt::Write as _;
use std::time::Instant;

use velum_benches::client::query;
use velum_benches::process::cpu_seconds;
use velum_benches::record::median;

use crate::Extent;
use crate::answers::{Answer, Recorded, SHAPES};
use crate::path::Path;

/// Bytes that a measurement asks for, in results of 1 byte to all of it.
const MEASURED_BYTES: usize = 256 << 20;
/// Most results of a measurement.
const TIMES: usize = 4_000;

/// Rates and CPU of one path, one figure a round.
#[derive(Clone, Default)]
pub struct Rounds {
    /// GiB a second.
    pub rates: Vec<f64>,
    /// CPU seconds a GiB of the process in between; empty if there is none.
    pub cpus: Vec<f64>,
}

/// Rounds that take turns, by path.
pub fn rounds(recorded: &Recorded, paths: &[Path], answer: Answer, extent: &Extent) -> Vec<Rounds> {
    eprintln!("{answer:?}");
    let mut all = vec![Rounds::default(); paths.len()];
    for _ in 0..extent.rounds {
        for (path, rounds) in paths.iter().zip(&mut all) {
            let (rate, cpu) = measure(recorded, path, answer, extent);
            rounds.rates.push(rate);
            rounds.cpus.extend(cpu);
        }
    }
    all
}

fn measure(
    recorded: &Recorded,
    path: &Path,
    answer: Answer,
    extent: &Extent,
) -> (f64, Option<f64>) {
    let mut stream = path.open();
    let question = recorded.question(answer);
    let share = match extent.is_short {
        true => 8,
        false => 1,
    };
    let times = MEASURED_BYTES / share / recorded.bytes(answer).max(1);
    let cpu = || path.process.map(cpu_seconds);
    let (cpu_before, began) = (cpu(), Instant::now());
    let mut bytes = 0;
    for _ in 0..times.clamp(1, TIMES / share) {
        query(&mut stream, &question, |piece| bytes += piece.len());
    }
    let gib = bytes as f64 / f64::from(1 << 30);
    let rate = gib / began.elapsed().as_secs_f64();
    let used = cpu().zip(cpu_before);
    (rate, used.map(|(after, before)| (after - before) / gib))
}

/// Rates and CPU of each path by shape of row.
pub fn table(recorded: &Recorded, paths: &[Path], extent: &Extent) -> String {
    let mut text = format!(
        "## Results from memory\n\n{} rounds, interleaved; results of {} MiB; \
         median (lowest to highest)\n\n\
         | rows | path | GiB/s | CPU of the relay, s a GiB |\n|---|---|---|---|\n",
        extent.rounds,
        extent.result_bytes >> 20,
    );
    for shape in SHAPES {
        let all = rounds(recorded, paths, Answer::Shape(shape), extent);
        for (path, rounds) in paths.iter().zip(all) {
            let cpu = match rounds.cpus.is_empty() {
                true => "-".to_owned(),
                false => spread(rounds.cpus),
            };
            let (name, rate) = (path.name, spread(rounds.rates));
            let _ = writeln!(text, "| {shape:?} | {name} | {rate} | {cpu} |");
        }
    }
    text.push('\n');
    text
}

/// Median, and lowest to highest.
pub fn spread(values: Vec<f64>) -> String {
    let (low, middle, high) = median(values);
    format!("{middle:.2} ({low:.2} to {high:.2})")
}
