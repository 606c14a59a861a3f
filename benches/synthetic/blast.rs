//! Results as fast as they go: by shape of their rows, and by how wide those are.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use velum_benches::client::{connect, query};
use velum_benches::process::cpu_seconds;
use velum_benches::record::median;
use velum_benches::relay::{Asked, released_hash};
use velum_benches::result::{Shape, cells_of, result};
use velum_benches::{HASH_SEED, content_hash};
use velum_detectors::Detectors;

use crate::Extent;
use crate::plot::{Line, plot};
use crate::upstream::{Answers, question};

const SHAPES: [Shape; 4] = [Shape::Narrow, Shape::Wide, Shape::Prose, Shape::Binary];
/// Bytes of one cell.
const WIDTHS: [usize; 6] = [16, 128, 1 << 10, 16 << 10, 128 << 10, 1 << 20];
/// The number of a small answer, which follows those.
pub const SMALL: usize = SHAPES.len() + WIDTHS.len();
/// Times that a result is asked for in one measurement.
const TIMES: usize = 8;

/// One way to the server.
pub struct Path {
    /// For the report.
    pub name: &'static str,
    port: u16,
    user: &'static str,
    process: Option<u32>,
}

impl Path {
    /// `process` is the one in between.
    pub fn new(name: &'static str, port: u16, user: &'static str, process: Option<u32>) -> Self {
        Self {
            name,
            port,
            user,
            process,
        }
    }

    fn asked(&self) -> Asked {
        match self.user {
            "content" => Asked::Content,
            _ => Asked::Exempt,
        }
    }
}

/// What the server answers: the shapes, then the widths.
pub struct Recorded {
    /// By number.
    pub answers: Answers,
}

impl Recorded {
    /// Answers of `bytes` each.
    pub fn new(bytes: usize) -> Self {
        let shapes = SHAPES.iter().map(|shape| result(*shape, bytes));
        let widths = WIDTHS.iter().map(|width| cells_of(*width, bytes));
        let small = [result(Shape::Narrow, 1_024)];
        Self {
            answers: Arc::new(shapes.chain(widths).chain(small).collect()),
        }
    }

    /// Each path gives what a session in memory makes of each answer.
    pub fn check(&self, paths: &[Path]) -> Result<(), String> {
        let detectors = Arc::new(Detectors::standard());
        for path in paths {
            let mut stream = connect(path.port, path.user);
            for (number, answer) in self.answers.iter().enumerate() {
                let mut hash = HASH_SEED;
                query(&mut stream, &question(number), |piece| {
                    hash = content_hash(hash, piece)
                });
                if hash != released_hash(path.asked(), &detectors, answer) {
                    return Err(format!(
                        "answer {number} through {}: not its content",
                        path.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// GiB a second, and CPU seconds a GiB of the process in between.
    fn measure(&self, path: &Path, number: usize) -> (f64, Option<f64>) {
        let mut stream = connect(path.port, path.user);
        let cpu = || path.process.map(cpu_seconds);
        let (cpu_before, began) = (cpu(), Instant::now());
        let mut bytes = 0;
        for _ in 0..TIMES {
            query(&mut stream, &question(number), |piece| bytes += piece.len());
        }
        let gib = bytes as f64 / f64::from(1 << 30);
        let rate = gib / began.elapsed().as_secs_f64();
        let used = cpu().zip(cpu_before);
        (rate, used.map(|(after, before)| (after - before) / gib))
    }

    /// Rounds that take turns; rates and CPU by path.
    fn rounds(&self, paths: &[Path], number: usize, extent: &Extent) -> Vec<[Vec<f64>; 2]> {
        let mut all = vec![[Vec::new(), Vec::new()]; paths.len()];
        for _ in 0..extent.rounds {
            for (path, [rates, cpus]) in paths.iter().zip(&mut all) {
                let (rate, cpu) = self.measure(path, number);
                rates.push(rate);
                cpus.extend(cpu);
            }
        }
        all
    }
}

/// Rates and CPU of each path by shape of row.
pub fn table(recorded: &Recorded, paths: &[Path], extent: &Extent) -> String {
    let mut text = format!(
        "## Results from memory\n\n{} rounds, interleaved; results of {} MiB, {TIMES} times each; \
         median (lowest to highest)\n\n\
         | rows | path | GiB/s | CPU of the relay, s a GiB |\n|---|---|---|---|\n",
        extent.rounds,
        extent.result_bytes >> 20,
    );
    for (number, shape) in SHAPES.iter().enumerate() {
        eprintln!("{shape:?} rows");
        let all = recorded.rounds(paths, number, extent);
        for (path, [rates, cpus]) in paths.iter().zip(all) {
            let (low, middle, high) = median(rates);
            let cpu = match cpus.is_empty() {
                true => "-".to_owned(),
                false => {
                    let (low, middle, high) = median(cpus);
                    format!("{middle:.2} ({low:.2} to {high:.2})")
                }
            };
            let name = path.name;
            let _ = writeln!(
                text,
                "| {shape:?} | {name} | {middle:.2} ({low:.2} to {high:.2}) | {cpu} |"
            );
        }
    }
    text.push('\n');
    text
}

/// Rates by width of cell, as SVG.
pub fn curve(recorded: &Recorded, paths: &[Path], extent: &Extent) -> String {
    let mut lines: Vec<Line> = paths.iter().map(|path| Line::new(path.name)).collect();
    for (index, width) in WIDTHS.iter().enumerate() {
        eprintln!("cells of {width} bytes");
        let all = recorded.rounds(paths, SHAPES.len() + index, extent);
        for (line, [rates, _]) in lines.iter_mut().zip(all) {
            line.points.push((*width as f64, median(rates).1));
        }
    }
    plot(
        "GiB/s by bytes of a cell",
        "bytes of a cell",
        "GiB/s",
        &lines,
    )
}
