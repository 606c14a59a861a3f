//! `velum eval`: how good a pack is on labelled texts.

mod gates;
mod print;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use velum_detectors::corpus::Document;

use super::corpus::{self, Corpus, Part, Sample};
use super::measure::{Measured, measure};
use super::{DONE, FOUND, MISUSE, complain, engine, progress};
use gates::{Gate, Outcome};

/// Texts that are made of each frame.
const ROUNDS: usize = 10;

/// Measure a detector pack on labelled texts. Exit status: 0 done, 1 a gate fails, 2 bad input.
#[derive(Args)]
pub(super) struct Eval {
    /// Directories with labelled texts; see corpus/README.md.
    #[arg(long, value_name = "DIR", num_args = 1.., required = true)]
    corpus: Vec<PathBuf>,
    /// The pack; else the one that ships with this program.
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// Another pack to compare with: `default`, or a file.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Texts of this part only: those below a folder of that name.
    #[arg(long, value_enum)]
    part: Option<Part>,
    /// Decides about texts that are made from frames, if the corpus has frames.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Make the texts anew for this many seeds from --seed on: gates hold if they hold for each of
    /// them, and the worst is shown. Tables are those of the first.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seeds: u64,
    /// Texts of each frame.
    #[arg(long, value_name = "N", default_value_t = ROUNDS)]
    rounds: usize,
    /// Show this many misses of each kind and type, in their context. They are clear text.
    #[arg(long, value_name = "N", default_value_t = 0)]
    misses: usize,
    /// Break recall down by tag.
    #[arg(long)]
    tags: bool,
    /// Bounds that have to hold, such as corpus/gates.toml.
    #[arg(long, value_name = "FILE")]
    gate: Option<PathBuf>,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// Measures; returns the exit status.
pub(super) fn run(arguments: &Eval) -> u8 {
    match evaluate(arguments) {
        Ok(true) => DONE,
        Ok(false) => FOUND,
        Err(mistakes) => {
            for mistake in mistakes {
                complain(&format!("velum eval: {mistake}\n"));
            }
            MISUSE
        }
    }
}

/// Whether all gates hold.
fn evaluate(arguments: &Eval) -> Result<bool, Vec<String>> {
    let gates = match &arguments.gate {
        None => Vec::new(),
        Some(path) => {
            let named = |error: String| vec![format!("{}: {error}", path.display())];
            let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
            gates::read(&text).map_err(named)?
        }
    };
    let corpus = corpus::read(&arguments.corpus)?;
    let made = made(&corpus, arguments, arguments.seed)?;
    let documents = chosen(&corpus, &made, arguments.part);
    if documents.is_empty() {
        return Err(vec!["there are no labelled texts".to_owned()]);
    }
    let own = measured(arguments.pack.as_deref(), &documents)?;
    let other = match &arguments.against {
        None => None,
        Some(path) => {
            let pack = Some(path.as_path()).filter(|path| path.as_os_str() != "default");
            Some(measured(pack, &documents)?)
        }
    };
    let mut outcomes = outcomes(&gates, &own);
    for seed in (1..arguments.seeds).map(|more| arguments.seed.wrapping_add(more)) {
        let made = self::made(&corpus, arguments, seed)?;
        let documents = chosen(&corpus, &made, arguments.part);
        let fresh = measured(arguments.pack.as_deref(), &documents)?;
        for (outcome, fresh) in outcomes.iter_mut().zip(self::outcomes(&gates, &fresh)) {
            outcome.or_worse(fresh);
        }
    }
    if arguments.json {
        let document = document(&own, other.as_ref(), &outcomes);
        super::print(&format!("{document:#}\n"));
    } else {
        let mut text = print::tables(&own, arguments.tags);
        if let Some(other) = &other {
            text += &print::comparison(&own, other, &documents, arguments.misses);
        }
        text += &print::misses(&own.misses, &documents, arguments.misses);
        text += &print::gates(&outcomes);
        super::print(&text);
    }
    Ok(outcomes.iter().all(|outcome| outcome.holds))
}

/// The texts that a seed makes of the frames.
fn made(corpus: &Corpus, arguments: &Eval, seed: u64) -> Result<Vec<Sample>, Vec<String>> {
    let part = arguments.part.unwrap_or(Part::Test);
    let made = corpus.generated(part, seed, arguments.rounds);
    made.map_err(|error| vec![error])
}

fn chosen<'c>(corpus: &'c Corpus, made: &'c [Sample], part: Option<Part>) -> Vec<&'c Document> {
    let samples = corpus.documents.iter().chain(made);
    let samples = samples.filter(|sample| part.is_none() || sample.part == part);
    samples.map(|sample| &sample.document).collect()
}

fn outcomes(gates: &[Gate], measured: &Measured) -> Vec<Outcome> {
    let outcomes = gates.iter().flat_map(|gate| gate.check(&measured.table));
    outcomes.collect()
}

fn measured(
    pack: Option<&std::path::Path>,
    documents: &[&Document],
) -> Result<Measured, Vec<String>> {
    let engine = engine::load(pack, &[]).map_err(|error| vec![error])?;
    let bar = progress::bar("measuring", documents.len());
    let measured = measure(documents, &engine, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    Ok(measured)
}

fn document(own: &Measured, other: Option<&Measured>, outcomes: &[Outcome]) -> Value {
    let gate = |outcome: &Outcome| {
        json!({
            "gate": outcome.gate,
            "measure": outcome.measure,
            "wanted": outcome.wanted,
            "reached": outcome.reached,
            "holds": outcome.holds,
        })
    };
    let mut document = print::json(own);
    document["gates"] = outcomes.iter().map(gate).collect();
    document["against"] = other.map_or(Value::Null, print::json);
    document
}
