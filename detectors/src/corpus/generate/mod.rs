//! Labelled texts from frames and lists: the corpus that a default pack is trained and measured
//! on. See `corpus/README.md`.
//!
//! ```text
//! corpus/frames/<part> ─┐
//! corpus/lists ─────────┴▶ Generator (seed) ─▶ Document, Document, …
//! ```
//!
//! Train, tune and test have frames, fillings, names and syllables of their own: what is measured
//! on the test part was never seen.

mod addresses;
mod fill;
mod frames;
mod numbers;
mod people;
mod random;
mod vocabulary;

use std::collections::BTreeMap;
use std::fmt;

use super::Document;
use crate::tune::{BadLists, Lists};
use fill::{Fill, Stock};
use frames::Frame;
use people::People;
use vocabulary::Vocabulary;

pub use frames::BadFrame;
pub use random::Random;

/// A part of the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Weights are learnt from it.
    Train,
    /// Thresholds are chosen on it.
    Tune,
    /// Nothing is learnt from it.
    Test,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Train, Self::Tune, Self::Test];

    /// The folder of its frames.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Tune => "tune",
            Self::Test => "test",
        }
    }
}

/// Why there is no corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadCorpus {
    /// A list.
    Lists(BadLists),
    /// A frame.
    Frame(BadFrame),
}

/// Makes documents of one part.
pub struct Generator<'t> {
    frames: Vec<Frame<'t>>,
    people: People,
    vocabulary: Vocabulary,
    /// What fills gaps that are no PHI, by name.
    fills: BTreeMap<&'t str, Vec<&'t str>>,
    random: Random,
    made: usize,
}

impl<'t> Generator<'t> {
    /// A generator for the frames of a part: the texts of `corpus/frames/<part>`.
    ///
    /// # Errors
    /// A list or frame that cannot be read. Frames are tried once.
    pub fn new(
        part: Part,
        frames: &[&'t str],
        lists: &Lists<'t>,
        seed: u64,
    ) -> Result<Self, BadCorpus> {
        let mut generator = Self {
            frames: Vec::new(),
            people: People::of(lists, part).map_err(BadCorpus::Lists)?,
            vocabulary: Vocabulary::of(lists, part).map_err(BadCorpus::Lists)?,
            fills: BTreeMap::new(),
            random: Random::new(seed ^ (part as u64) << 56),
            made: 0,
        };
        for file in frames {
            for frame in Frame::all(file) {
                if frame.set == "fill" {
                    let name = frame.options.first().copied().unwrap_or_default();
                    generator
                        .fills
                        .entry(name)
                        .or_default()
                        .extend(frame.text.lines());
                } else {
                    generator.frames.push(frame);
                }
            }
        }
        for index in 0..generator.frames.len() {
            generator.document(index).map_err(BadCorpus::Frame)?;
        }
        generator.random = Random::new(seed ^ (part as u64) << 56);
        generator.made = 0;
        Ok(generator)
    }

    /// `rounds` documents of every frame.
    ///
    /// # Panics
    /// Never: a frame that was read once can be filled again.
    pub fn documents(&mut self, rounds: usize) -> Vec<Document> {
        let mut documents = Vec::with_capacity(rounds * self.frames.len());
        for _ in 0..rounds {
            let frames = 0..self.frames.len();
            documents.extend(frames.filter_map(|frame| self.document(frame).ok()));
        }
        documents
    }

    fn document(&mut self, index: usize) -> Result<Document, BadFrame> {
        let Some(frame) = self.frames.get(index) else {
            return Err(frames::bad("", "there is no such frame"));
        };
        let stock = Stock {
            people: &self.people,
            vocabulary: &self.vocabulary,
            fills: &self.fills,
        };
        let mut fill = Fill::new(frame, stock, &mut self.random);
        let mut document = fill.document()?;
        document.id = format!("{}-{}", frame.set, self.made);
        self.made += 1;
        Ok(document)
    }
}

/// The part of the corpus that may use a name: a name belongs to one part for ever.
fn part_of(name: &str) -> Part {
    match crate::names::key_of(name) % 10 {
        0..=5 => Part::Train,
        6 => Part::Tune,
        _ => Part::Test,
    }
}

impl fmt::Display for BadCorpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lists(lists) => lists.fmt(f),
            Self::Frame(frame) => frame.fmt(f),
        }
    }
}

impl std::error::Error for BadCorpus {}
