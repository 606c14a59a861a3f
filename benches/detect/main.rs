//! The pattern engine beside others: twelve shapes over batches of rows, in memory that the
//! second-level cache holds. Then the whole engine over notes, cells and floods.
//!
//! Every job runs once in each round, in turn, so that a busy moment of the machine hits all of
//! them; time is that of the thread. What an engine hides is compared before anything is
//! measured: a wrong fast engine fails. Medians and spreads are printed and written to
//! `benches/record/`. `VELUM_BENCH_SHORT=1` is the short form, which writes nothing.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a program of its own"
)]

mod engines;
mod pack;
mod report;
mod vectorscan;

use std::hint::black_box;
use std::process::ExitCode;

use engines::{
    Dense, Engine, Feed, Find, FindFields, Hybrid, Mask, Meta, Naive, Names, Vectorscan,
};
use rustix::time::{ClockId, clock_gettime};
use velum_benches::rows::{Batch, Kind};
use velum_benches::{HASH_SEED, content_hash};
use velum_detectors::Kernel;

/// Bytes of one batch: what a gateway has in hand after a receive.
const BATCH_BYTES: usize = 256 * 1024;
/// Names in the automata of names.
const NAMES: usize = 10_000;

/// Hash of the bytes that have to be hidden, and how many they are.
const EXPECTED: [(Kind, u64, usize); 3] = [
    (Kind::Mixed, 0x5882_f6dc_8676_eed3, 16_096),
    (Kind::Analytics, 0xa9ae_a8d0_2596_ce37, 13668),
    (Kind::Dense, 0xfe23_04f7_08b3_54ca, 131797),
];

/// One engine under measurement.
pub struct Job {
    /// As the table shows it.
    pub name: String,
    engine: Box<dyn Engine>,
    /// Nanoseconds a byte, one figure a round; for each kind of batch.
    pub times: [Vec<f64>; 3],
}

fn main() -> ExitCode {
    let short = std::env::var_os("VELUM_BENCH_SHORT").is_some();
    let (rounds, slice_ns) = if short {
        (3, 2_000_000)
    } else {
        (11, 20_000_000)
    };
    let batches = Kind::ALL.map(|kind| kind.batch(BATCH_BYTES));
    let mut jobs = jobs();
    let notes = match check(&mut jobs, &batches) {
        Ok(notes) => notes,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::FAILURE;
        }
    };
    let mut packs = match pack::Packs::new() {
        Ok(packs) => packs,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::FAILURE;
        }
    };
    // The first round warms caches and the clock of the core up.
    for round in 0..=rounds {
        eprintln!("round {round} of {rounds}");
        packs.round(slice_ns, round > 0);
        for (index, batch) in batches.iter().enumerate() {
            for job in &mut jobs {
                let time = measure(job.engine.as_mut(), batch, slice_ns);
                if round > 0 {
                    job.times[index].push(time);
                }
            }
        }
    }
    let text = report::table(&jobs, &notes, rounds) + &packs.table();
    println!("{text}");
    if !short {
        report::write(&text);
    }
    ExitCode::SUCCESS
}

fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut add = |name: String, engine: Option<Box<dyn Engine>>| match engine {
        Some(engine) => jobs.push(Job {
            name,
            engine,
            times: Default::default(),
        }),
        None => eprintln!("NOT MEASURED: {name} (.ci/tools bench installs libvectorscan5)"),
    };
    for kernel in Kernel::all() {
        let name = kernel.name();
        add(
            format!("velum {name}, spans"),
            Some(Box::new(Find::new(kernel, false))),
        );
        add(
            format!("velum {name}, copy and mask"),
            Some(Box::new(Mask::new(kernel))),
        );
    }
    let best = Kernel::best();
    add(
        "velum, borders and spans".into(),
        Some(Box::new(Find::new(best, true))),
    );
    add(
        "velum, a call a field".into(),
        Some(Box::new(FindFields::new(best))),
    );
    add(
        "regex-automata meta, batch".into(),
        Some(Box::new(Meta::new(Feed::Batch))),
    );
    add(
        "regex-automata meta, fields".into(),
        Some(Box::new(Meta::new(Feed::Fields))),
    );
    add(
        "regex-automata hybrid, batch".into(),
        Some(Box::new(Hybrid::new())),
    );
    add(
        "regex-automata dense, ends".into(),
        Some(Box::new(Dense::new())),
    );
    add(
        "regex, one after the other".into(),
        Some(Box::new(Naive::new())),
    );
    let library = vectorscan::Library::load();
    for (feed, name) in [(Feed::Batch, "batch"), (Feed::Fields, "fields")] {
        let of = |spans| -> Option<Box<dyn Engine>> {
            Some(Box::new(Vectorscan::shapes(library?, spans, feed)?))
        };
        add(format!("vectorscan, spans, {name}"), of(true));
        add(format!("vectorscan, ends, {name}"), of(false));
        let filter = library.and_then(|library| Vectorscan::prefilter(library, feed));
        let filter = filter.map(|engine| Box::new(engine) as Box<dyn Engine>);
        add(format!("vectorscan, prefilter, {name}"), filter);
    }
    let names = format!("aho-corasick, {NAMES} names");
    add(names, Some(Box::new(Names::new(NAMES))));
    jobs
}

/// Holds what every engine hides against the declared hashes. Velum and engines that report all
/// matches have to be exact; what an alternation misses is noted.
fn check(jobs: &mut [Job], batches: &[Batch; 3]) -> Result<Vec<String>, String> {
    let mut notes = Vec::new();
    for (batch, (kind, hash, count)) in batches.iter().zip(EXPECTED) {
        let mut exact: Option<Vec<bool>> = None;
        for job in jobs.iter_mut() {
            let Some(cover) = job.engine.cover(batch) else {
                continue;
            };
            let expected = exact.get_or_insert_with(|| cover.clone());
            let bytes: Vec<u8> = cover.iter().map(|hidden| u8::from(*hidden)).collect();
            let found = content_hash(HASH_SEED, &bytes);
            if found == hash {
                continue;
            }
            let hidden = cover.iter().filter(|hidden| **hidden).count();
            let pairs = || cover.iter().zip(expected.iter());
            let missed = pairs()
                .filter(|(found, wanted)| !**found && **wanted)
                .count();
            let more = pairs()
                .filter(|(found, wanted)| **found && !**wanted)
                .count();
            let text = format!(
                "{kind:?}: {} hides {hidden} bytes ({found:#018x}), misses {missed}, \
                 {more} too many",
                job.name
            );
            if !job.name.contains("meta") {
                return Err(format!("{text}; declared are {count} bytes ({hash:#018x})"));
            }
            notes.push(text);
        }
    }
    Ok(notes)
}

/// Nanoseconds a byte: passes over the batch until the slice of time is used up.
fn measure(engine: &mut dyn Engine, batch: &Batch, slice_ns: u64) -> f64 {
    let started = thread_ns();
    let mut passes = 0u64;
    loop {
        black_box(engine.scan(black_box(batch)));
        passes += 1;
        let spent = thread_ns() - started;
        if spent >= slice_ns {
            return spent as f64 / (passes as f64 * batch.text.len() as f64);
        }
    }
}

/// Time that this thread had a processor.
pub fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
