//! Training: lists and labelled texts in, a [`Model`] out.
//!
//! ```text
//! lists ─▶ lexicon ─▶ pruned by the corpus ─▶ weights (train part) ─▶ thresholds (tune part)
//! ```
//!
//! Seeded and repeatable: the same lists, texts and seed give the same bytes on every machine.

mod lexicon;
mod thresholds;
mod train;

use crate::corpus::Document;
use crate::names::Model;

pub(crate) use lexicon::NEVER;
pub use lexicon::{BadLists, Lists};

/// What to train with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Decides about the order of the examples.
    pub seed: u64,
    /// Passes over the examples.
    pub epochs: usize,
    /// Letters and digits of names that may stay open, of 1,000,000.
    pub leak_per_million: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            epochs: 6,
            leak_per_million: 12_000,
        }
    }
}

/// How far the training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The dictionary is built, of so many words.
    Lexicon(usize),
    /// So many words to learn from were found.
    Examples(usize),
    /// This pass is done, counted from 1.
    Epoch(usize),
    /// The thresholds are chosen.
    Thresholds,
}

/// Trains a model on the texts of `train`, and chooses its thresholds on those of `tune`.
///
/// # Errors
/// A list that cannot be read.
pub fn names(
    lists: &Lists<'_>,
    train: &[Document],
    tune: &[Document],
    options: Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Model, BadLists> {
    let entries = lexicon::entries(lists)?;
    let entries = lexicon::prune(entries, train);
    progress(Progress::Lexicon(entries.len()));
    let mut model = lexicon::model(&entries, lists)?;
    train::weights(&mut model, train, options, progress);
    thresholds::choose(&mut model, tune, options);
    progress(Progress::Thresholds);
    Ok(model)
}
