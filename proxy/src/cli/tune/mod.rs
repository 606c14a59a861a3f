//! `velum tune`: from a site's corpus to a detector pack and a report on it.
//!
//! ```text
//! labelled texts ─┬─ train, tune ─▶ learn ─▶ pack ─▶ file
//! word lists ─────┤                           │
//! site patterns ──┘   test ──────────────▶ measure, before and after ─▶ report
//! ```

mod learn;
mod report;
mod split;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use velum_detectors::corpus::Document;
use velum_detectors::names::Model;
use velum_detectors::pack::{BadPack, Pack, Provenance};
use velum_detectors::{Detector, Detectors};

use super::corpus::{self, Corpus, Part};
use super::measure::{Measured, measure};
use super::{DONE, MISUSE, complain, progress};
use crate::observe::{now, rfc3339};
use report::{Report, Shares, shares};
use split::Split;

/// Texts of each frame for each part, and what is added to the seed: no part sees another's.
const ROUNDS: [(Part, usize, u64); 3] = [
    (Part::Train, 240, 10),
    (Part::Tune, 20, 11),
    (Part::Test, 10, 100),
];

/// Make a detector pack from a corpus: labelled texts, word lists, site patterns.
#[derive(Args)]
pub(super) struct Tune {
    /// Directories with the corpus; see corpus/README.md.
    #[arg(long, value_name = "DIR", num_args = 1.., required = true)]
    corpus: Vec<PathBuf>,
    /// The pack to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The same corpus, seed and date give the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The date that the pack names; else it is now.
    #[arg(long)]
    date: Option<String>,
    /// Write what was learnt of names alone, too: the form in which it is part of this program.
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Write a report as one HTML file. It holds texts of the corpus.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Misses of each kind and type in the report.
    #[arg(long, value_name = "N", default_value_t = 12)]
    misses: usize,
}

/// Tunes; returns the exit status.
pub(super) fn run(arguments: &Tune) -> u8 {
    match tune(arguments) {
        Ok(()) => DONE,
        Err(mistakes) => {
            for mistake in mistakes {
                complain(&format!("velum tune: {mistake}\n"));
            }
            MISUSE
        }
    }
}

fn tune(arguments: &Tune) -> Result<(), Vec<String>> {
    let mut corpus = corpus::read(&arguments.corpus)?;
    let one = |error: String| vec![error];
    for (part, rounds, seed) in ROUNDS {
        let seed = arguments.seed.wrapping_add(seed);
        corpus.generate(part, seed, rounds).map_err(one)?;
    }
    if corpus.is_empty() {
        return Err(one("the corpus is empty; see corpus/README.md".to_owned()));
    }
    let split = Split::new(&corpus.documents, arguments.seed);
    complain(&format!("{}\n", read(&corpus, &split)));
    let mut pack = Pack::new(provenance(arguments, &corpus, &split));
    for (name, section) in learn::sections(&corpus, &split, arguments.seed)? {
        pack.insert(name, section)
            .map_err(|error| one(error.to_string()))?;
    }
    let engine = Detectors::with_pack(&pack).map_err(|error| one(error.to_string()))?;
    let before = measured("before", &split.test, &Detectors::full());
    let after = measured("after", &split.test, &engine);
    let bytes = pack.write();
    write(&arguments.out, &bytes)
        .map_err(|error| one(format!("{}: {error}", arguments.out.display())))?;
    if let (Some(path), Some(names)) = (&arguments.names, pack.section(Model::SECTION)) {
        write(path, names).map_err(|error| one(format!("{}: {error}", path.display())))?;
    }
    if let Some(path) = &arguments.report {
        let names = curve(&pack, &split.test).map_err(|error| one(error.to_string()))?;
        let html = Report {
            pack: &pack,
            pack_bytes: bytes.len(),
            before: &before,
            after: &after,
            names: &names,
            documents: &split.test,
            is_held_out: split.is_held_out,
            misses: arguments.misses,
        }
        .html();
        write(path, html.as_bytes())
            .map_err(|error| one(format!("{}: {error}", path.display())))?;
    }
    super::print(&summary(arguments, bytes.len(), &before, &after));
    Ok(())
}

/// How names fare under thresholds from strict to lax, if the pack has learnt about names.
fn curve(pack: &Pack, documents: &[&Document]) -> Result<Vec<Shares>, BadPack> {
    const SHIFTS: [i32; 9] = [-80, -60, -40, -20, 0, 20, 40, 60, 80];
    let model = pack.section(Model::SECTION).map(Model::from_bytes);
    let Some(model) = model.and_then(Result::ok) else {
        return Ok(Vec::new());
    };
    let mut curve = Vec::new();
    for shift in SHIFTS {
        let mut shifted = pack.clone();
        shifted.insert(Model::SECTION, model.shifted(shift).to_bytes())?;
        let measured = measured("curve", documents, &Detectors::with_pack(&shifted)?);
        curve.extend(shares(measured.table.total().row(Detector::Name)));
    }
    Ok(curve)
}

fn measured(what: &'static str, documents: &[&Document], engine: &Detectors) -> Measured {
    let bar = progress::bar(what, documents.len());
    let measured = measure(documents, engine, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    measured
}

fn provenance(arguments: &Tune, corpus: &Corpus, split: &Split<'_>) -> Provenance {
    let date = arguments.date.clone().unwrap_or_else(|| rfc3339(now()));
    let texts = format!(
        "{} to train, {} to tune, {} to test",
        split.train.len(),
        split.tune.len(),
        split.test.len()
    );
    Provenance::new()
        .with(
            Provenance::TOOL,
            concat!("velum ", env!("CARGO_PKG_VERSION")),
        )
        .with(Provenance::DATE, &date)
        .with(Provenance::SEED, &arguments.seed.to_string())
        .with(Provenance::CORPUS, &corpus.digest())
        .with("files", &corpus.files.to_string())
        .with("texts", &texts)
        .with("patterns", &corpus.patterns.len().to_string())
}

fn read(corpus: &Corpus, split: &Split<'_>) -> String {
    format!(
        "read {} files: {} texts ({} to train, {} to tune, {} to test), {} patterns",
        corpus.files,
        corpus.documents.len(),
        split.train.len(),
        split.tune.len(),
        split.test.len(),
        corpus.patterns.len(),
    )
}

fn summary(arguments: &Tune, bytes: usize, before: &Measured, after: &Measured) -> String {
    let line = |name: &str, measured: &Measured| {
        let total = measured.table.total();
        let all = total.all_types();
        let percent = |share: Option<f64>| {
            share.map_or("-".to_owned(), |share| format!("{:.2} %", 100.0 * share))
        };
        format!(
            "  {name:<8} recall {}, leaked {} characters, over-masked {}\n",
            percent(all.labels.recall()),
            all.labels.characters_leaked(),
            percent(total.burden.over_masking()),
        )
    };
    let report = arguments.report.as_ref();
    let report = report.map_or(String::new(), |path| format!("report {}\n", path.display()));
    format!(
        "{}{}pack {} ({bytes} bytes)\n{report}",
        line("before", before),
        line("after", after),
        arguments.out.display(),
    )
}

/// Replaces a file whole, or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    let file: File = file.persist(path).map_err(|error| error.error)?;
    // As any other file: a temporary one is its owner's alone.
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
