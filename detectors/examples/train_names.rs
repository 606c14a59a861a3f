//! Trains the model of names that ships with the engine, and measures it.
//!
//! ```sh
//! cargo run --release -p velum-detectors --example train_names            # measure
//! cargo run --release -p velum-detectors --example train_names -- --write # and replace it
//! ```

#![allow(clippy::print_stdout, reason = "its report is its output")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use velum_detectors::corpus::Document;
use velum_detectors::corpus::generate::{Generator, Part};
use velum_detectors::names::Model;
use velum_detectors::tune::{self, Lists, Options};
use velum_detectors::{Detector, Detectors, eval};

const MODEL: &str = "src/names/standard.bin";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = read(&here.join("../corpus/lists"));
    let lists = Lists::new(
        files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    );
    let documents = |part: Part, seed: u64, rounds: usize| {
        let frames = read(&here.join("../corpus/frames").join(part.name()));
        let frames: Vec<&str> = frames.values().map(String::as_str).collect();
        let mut generator = match Generator::new(part, &frames, &lists, seed) {
            Ok(generator) => generator,
            Err(error) => panic!("{}: {error}", part.name()),
        };
        generator.documents(rounds)
    };
    let model = if has("--measure") {
        let bytes = fs::read(here.join(MODEL)).expect("a model was written");
        Model::from_bytes(&bytes).expect("a model of this version")
    } else {
        let started = Instant::now();
        let (train, tune) = (
            documents(Part::Train, 11, 300),
            documents(Part::Tune, 12, 40),
        );
        let model = tune::names(&lists, &train, &tune, Options::default(), &mut |progress| {
            eprintln!("{:6.1} s {progress:?}", started.elapsed().as_secs_f32());
        });
        model.expect("the lists are complete")
    };
    let bytes = model.to_bytes();
    eprintln!("{model:?}, {} bytes", bytes.len());
    if has("--write") {
        fs::write(here.join(MODEL), &bytes).expect("a place to write");
    }
    let engine = Detectors::with_names(Arc::new(model));
    if has("--speed") {
        for (part, seed) in [(Part::Train, 7), (Part::Test, 8)] {
            speed(&documents(part, seed, 20));
        }
        return;
    }
    for seed in [101, 102, 103] {
        report(
            &engine,
            &documents(Part::Test, seed, 10),
            seed,
            has("--misses") && seed == 101,
        );
    }
}

fn report(engine: &Detectors, documents: &[Document], seed: u64, misses: bool) {
    let started = Instant::now();
    let table = eval::evaluate(documents, engine);
    let seconds = started.elapsed().as_secs_f64();
    println!("seed {seed}");
    for (name, set) in table.sets() {
        let burden = &set.burden;
        println!(
            "  {name}: {} documents, over {:.2} %, spurious {:.2}/1000, touched {}/{}",
            burden.documents,
            100.0 * burden.over_masked as f64 / burden.plain_characters.max(1) as f64,
            1000.0 * burden.spurious as f64 / burden.words.max(1) as f64,
            burden.plain_documents_touched,
            burden.plain_documents,
        );
        for detector in Detector::ALL {
            let row = set.row(detector);
            if row.labels.spans == 0 && row.findings.all == 0 {
                continue;
            }
            let percent = |value: Option<f64>| value.map_or(f64::NAN, |value| 100.0 * value);
            println!(
                "    {:12} {:6} mask-R {:6.2} P {:6.2} typed {:6.2} ({})",
                detector.name(),
                row.labels.spans,
                percent(row.labels.recall()),
                percent(row.findings.precision()),
                percent(row.findings.precision_typed()),
                row.findings.all,
            );
            for (tag, labels) in &row.tags {
                println!(
                    "      {tag:12} {:6} {:6.2}",
                    labels.spans,
                    percent(labels.recall())
                );
            }
        }
    }
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    println!("  {:.1} MB/s", bytes as f64 / seconds / 1e6);
    if misses {
        show(engine, documents);
    }
}

/// Prints how fast names alone, and everything, are scanned: by set, in pieces of 256 KiB.
fn speed(documents: &[Document]) {
    let mut sets: BTreeMap<&str, String> = BTreeMap::new();
    for document in documents {
        let text = sets.entry(&document.set).or_default();
        if text.len() < 256 * 1024 {
            text.push_str(&document.text);
            text.push('\n');
        }
    }
    let names = Detectors::select(&["name", "org"]).expect("names of the catalog");
    let email = Detectors::select(&["email"]).expect("a name of the catalog");
    for (set, text) in sets {
        let rate = |engine: &Detectors| {
            let mut out = Vec::new();
            let around = velum_core::inspect::Surroundings::WHOLE;
            let started = Instant::now();
            let mut rounds = 0;
            while started.elapsed().as_millis() < 200 {
                out.clear();
                velum_core::inspect::Inspect::inspect(engine, text.as_bytes(), around, &mut out);
                rounds += 1;
            }
            (rounds * text.len()) as f64 / started.elapsed().as_secs_f64() / (1 << 30) as f64
        };
        println!(
            "{set}: {} bytes, e-mail {:.3} GiB/s, names {:.3} GiB/s, all {:.3} GiB/s",
            text.len(),
            rate(&email),
            rate(&names),
            rate(&Detectors::standard()),
        );
    }
}

/// Prints what is missed and what is hidden for nothing, with what stands around it.
fn show(engine: &Detectors, documents: &[Document]) {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for document in documents {
        let mut found = Vec::new();
        eval::inspect(document, engine, &mut found);
        let text = &document.text;
        let mut line = |kind: &str, start: usize, end: usize, detector: &str, tag: &str| {
            let border = |at: usize, step: isize| {
                let mut at = at as isize;
                for _ in 0..30 {
                    at = (at + step).clamp(0, text.len() as isize);
                }
                while !text.is_char_boundary(at as usize) {
                    at -= 1;
                }
                at as usize
            };
            let (from, to) = (border(start, -1), border(end, 1));
            let shown = format!(
                "{kind} {} {detector} {tag} {:?}«{}»{:?}",
                document.set,
                &text[from..start],
                &text[start..end],
                &text[end..to]
            );
            *lines.entry(shown).or_default() += 1;
        };
        for label in &document.labels {
            let hidden = |at: usize| found.iter().any(|f| f.start <= at && at < f.end);
            let open = (label.start..label.end)
                .any(|at| text.as_bytes()[at].is_ascii_alphanumeric() && !hidden(at));
            if open {
                line(
                    "MISS",
                    label.start,
                    label.end,
                    label.detector.name(),
                    &label.tag,
                );
            }
        }
        for finding in &found {
            let touches = |label: &velum_detectors::corpus::Label| {
                label.start < finding.end && finding.start < label.end
            };
            if !document.labels.iter().any(touches) {
                let name = Detector::ALL[usize::from(finding.detector.0)].name();
                line("OVER", finding.start, finding.end, name, "");
            }
        }
    }
    for line in lines.keys() {
        println!("{line}");
    }
}

/// The text files below a folder, by path.
fn read(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder of the corpus") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "txt") {
                let text = fs::read_to_string(&path).expect("a readable file");
                let name = path.strip_prefix(folder).expect("a path below the folder");
                files.insert(name.to_string_lossy().into_owned(), text);
            }
        }
    }
    files
}
