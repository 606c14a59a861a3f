//! What is learnt from a corpus, as sections of a pack.

use std::collections::BTreeMap;

use velum_detectors::corpus::Document;
use velum_detectors::names::Model;
use velum_detectors::site;
use velum_detectors::tune::{self, Lists, Options, Progress};

use super::super::corpus::Corpus;
use super::super::{complain, progress};
use super::split::Split;

/// The lists that a site's own words join.
const NAMES: &str = "names/world.txt";
const WORDS: &str = "words/clinical.txt";

/// The sections of a pack, by name.
///
/// # Errors
/// What of the corpus cannot be used, as lines for the user.
pub(super) fn sections(
    corpus: &Corpus,
    split: &Split<'_>,
    seed: u64,
) -> Result<Vec<(&'static str, Vec<u8>)>, Vec<String>> {
    let mut sections = Vec::new();
    if !corpus.lists.is_empty() {
        let model = names(corpus, split, seed).map_err(|error| vec![error])?;
        sections.push((Model::SECTION, model.to_bytes()));
    } else if !corpus.names.is_empty() || !corpus.words.is_empty() {
        complain(
            "velum tune: names.txt and words.txt are not used: they add to the lists of the \
             program, so name its corpus, too, as in `--corpus corpus site`\n",
        );
    }
    if !corpus.patterns.is_empty() {
        let section = site::to_section(&corpus.patterns);
        let section = section.map_err(|error| vec![error.to_string()])?;
        sections.push((site::SECTION, section));
    }
    Ok(sections)
}

/// Trains the dictionary and the scorer of names.
fn names(corpus: &Corpus, split: &Split<'_>, seed: u64) -> Result<Model, String> {
    let lists = extended(corpus);
    let lists = Lists::new(lists.iter().map(|(name, text)| (*name, text.as_str())));
    let options = Options {
        seed,
        ..Options::default()
    };
    // Building the dictionary, finding examples, each pass, and choosing thresholds.
    let bar = progress::bar("dictionary", options.epochs + 3);
    let mut hear = |heard: Progress| {
        bar.set_message(match heard {
            Progress::Lexicon(_) => "examples",
            Progress::Examples(_) | Progress::Epoch(_) => "training",
            Progress::Thresholds => "done",
        });
        bar.inc(1);
    };
    let (train, tuned) = (owned(&split.train), owned(&split.tune));
    let model = tune::names(&lists, &train, &tuned, options, &mut hear);
    bar.finish_and_clear();
    model.map_err(|error| format!("lists: {error}"))
}

/// The lists, with the words of the site.
fn extended(corpus: &Corpus) -> BTreeMap<&str, String> {
    let lists = corpus.lists.iter();
    let lists = lists.map(|(name, text)| (name.as_str(), text.clone()));
    let mut lists: BTreeMap<&str, String> = lists.collect();
    let names = corpus.names.join("\n");
    let both = format!("\n= site first latin\n{names}\n= site last latin\n{names}\n");
    lists.entry(NAMES).or_default().push_str(&both);
    let words = format!("\n{}\n", corpus.words.join("\n"));
    lists.entry(WORDS).or_default().push_str(&words);
    lists
}

fn owned(documents: &[&Document]) -> Vec<Document> {
    let copy = |document: &&Document| Document {
        id: document.id.clone(),
        set: document.set.clone(),
        text: document.text.clone(),
        column: document.column.clone(),
        labels: document.labels.clone(),
    };
    documents.iter().map(copy).collect()
}
