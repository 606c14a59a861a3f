//! The whole engine: the default pack and the full one over prose, hard notes, cells and floods.

use std::fmt::Write as _;
use std::hint::black_box;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use velum_benches::texts::{self, Texts};
use velum_benches::{HASH_SEED, content_hash};
use velum_core::inspect::{Finding, Inspect, Surroundings};
use velum_detectors::Detectors;
use velum_detectors::names::Model;

use crate::report::{Spread, rate};
use crate::thread_ns;

/// Texts, how many findings the default pack has in them, and their hash.
const EXPECTED: [(usize, u64); 3] = [
    (0, 0xcbf2_9ce4_8422_2325),
    (1192, 0x0abf_5c61_4c7f_265d),
    (400, 0x4dc8_943a_1b9c_e865),
];

/// One engine over one kind of texts.
struct Row {
    name: String,
    engine: Engine,
    texts: usize,
    /// Nanoseconds a byte, one figure a round.
    times: Vec<f64>,
}

enum Engine {
    Pack(Detectors),
    Automaton(AhoCorasick),
}

/// Everything that is measured, and the texts.
pub struct Packs {
    texts: Vec<Texts>,
    rows: Vec<Row>,
    /// Bytes of the model of names and of the automaton of the same names.
    memory: [usize; 2],
}

/// Texts that floods come behind.
const KINDS: usize = EXPECTED.len();

impl Packs {
    /// Builds the engines, and holds what the default pack finds against the declared hashes.
    ///
    /// # Errors
    /// The first kind of texts in which it finds something else.
    pub fn new() -> Result<Self, String> {
        let mut texts = vec![texts::prose(), texts::hard_notes(), texts::cells()];
        let standard = Detectors::standard();
        for (texts, expected) in texts.iter().zip(EXPECTED) {
            let found = hash(&standard, texts);
            if found != expected {
                return Err(format!(
                    "{}: {} findings ({:#018x}); declared are {} ({:#018x})",
                    texts.name, found.0, found.1, expected.0, expected.1
                ));
            }
        }
        texts.extend(texts::floods());
        let names = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts::names())
            .map_err(|error| error.to_string())?;
        let memory = [Model::standard().to_bytes().len(), names.memory_usage()];
        let only_names = Detectors::full().restrict(&["name", "org"]);
        let only_names = only_names.map_err(|error| error.to_string())?;
        let mut packs = Self {
            texts,
            rows: Vec::new(),
            memory,
        };
        for at in 0..packs.texts.len() {
            packs.add(at, "default pack", Engine::Pack(standard.clone()));
            if at < KINDS {
                packs.add(at, "full pack", Engine::Pack(Detectors::full()));
                packs.add(at, "names alone", Engine::Pack(only_names.clone()));
                packs.add(
                    at,
                    "aho-corasick, the names",
                    Engine::Automaton(names.clone()),
                );
            }
        }
        Ok(packs)
    }

    fn add(&mut self, texts: usize, name: &str, engine: Engine) {
        self.rows.push(Row {
            name: name.to_owned(),
            engine,
            texts,
            times: Vec::new(),
        });
    }

    /// One round: every row in turn, for a slice of the thread's time. The first one warms up.
    pub fn round(&mut self, slice_ns: u64, counts: bool) {
        for row in &mut self.rows {
            let Some(texts) = self.texts.get(row.texts) else {
                continue;
            };
            let time = row.measure(texts, slice_ns);
            if counts {
                row.times.push(time);
            }
        }
    }

    /// Markdown: rates and times a text, then what the dearest flood costs.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "\nThe whole engine, a call a text; median (lowest to highest)\n\n\
             | texts | engine | GiB/s | ns a text |\n|---|---|---|---|\n",
        );
        let mut dearest = (0.0, "");
        let mut cheapest = f64::INFINITY;
        for row in &self.rows {
            let Some(texts) = self.texts.get(row.texts) else {
                continue;
            };
            let spread = Spread::of(row.times.clone());
            let each = texts.bytes() as f64 / texts.texts.len() as f64;
            let _ = writeln!(
                text,
                "| {} | {} | {:.3} ({:.3} to {:.3}) | {:.0} |",
                texts.name.replace('|', "\\|"),
                row.name,
                rate(spread.middle),
                rate(spread.high),
                rate(spread.low),
                spread.middle * each
            );
            if row.texts >= KINDS && spread.middle > dearest.0 {
                dearest = (spread.middle, &texts.name);
            }
            if row.texts == 0 {
                cheapest = f64::min(cheapest, spread.middle);
            }
        }
        let _ = writeln!(
            text,
            "\nAn attacker's dearest byte: {:.1} ns, {}; {:.0} times one of prose\n\n\
             Names: a model of {} KiB; the automaton of the same lists takes {} KiB",
            dearest.0,
            dearest.1,
            dearest.0 / cheapest,
            self.memory[0] / 1024,
            self.memory[1] / 1024
        );
        text
    }
}

impl Row {
    fn measure(&self, texts: &Texts, slice_ns: u64) -> f64 {
        let started = thread_ns();
        let mut passes = 0u64;
        let mut found = Vec::new();
        loop {
            for text in &texts.texts {
                match &self.engine {
                    Engine::Pack(engine) => {
                        found.clear();
                        engine.inspect(black_box(text), Surroundings::WHOLE, &mut found);
                        black_box(&found);
                    }
                    Engine::Automaton(names) => {
                        black_box(names.find_iter(black_box(text)).count());
                    }
                }
            }
            passes += 1;
            let spent = thread_ns() - started;
            if spent >= slice_ns {
                return spent as f64 / (passes as f64 * texts.bytes() as f64);
            }
        }
    }
}

/// Number of findings in all texts, and a hash of them.
fn hash(engine: &Detectors, texts: &Texts) -> (usize, u64) {
    let mut found: Vec<Finding> = Vec::new();
    let mut count = 0;
    let mut hash = HASH_SEED;
    for text in &texts.texts {
        found.clear();
        engine.inspect(text, Surroundings::WHOLE, &mut found);
        count += found.len();
        for finding in &found {
            hash = content_hash(hash, &(finding.start as u64).to_le_bytes());
            hash = content_hash(hash, &(finding.end as u64).to_le_bytes());
            hash = content_hash(hash, &finding.detector.0.to_le_bytes());
        }
    }
    (count, hash)
}
