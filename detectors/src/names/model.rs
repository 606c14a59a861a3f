//! What training gives to the scan: dictionary, roles, weights and thresholds, as bytes.

use std::fmt;
use std::sync::{Arc, LazyLock};

use super::features::{FEATURES, Features};
use super::lexicon::{Known, Table};
use super::roles::Roles;
use super::word::Word;

const MAGIC: &[u8; 8] = b"velum-n3";

/// The compiled dictionary and scorer for names.
#[derive(Clone, PartialEq, Eq)]
pub struct Model {
    pub(crate) words: Table,
    pub(crate) roles: Table,
    pub(crate) thresholds: Thresholds,
    /// One weight a feature.
    pub(crate) weights: Vec<i8>,
}

/// Sums of weights that decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Thresholds {
    /// Added to every sum.
    pub(crate) bias: i32,
    /// From here on a word is a name.
    pub(crate) accept: i32,
    /// From here on it speaks for the words beside it.
    pub(crate) strong: i32,
    /// What it adds to them.
    pub(crate) support: i32,
    /// From here on a word is a name if it is one elsewhere in the text.
    pub(crate) again: i32,
    /// The same as `accept` for words in small letters.
    pub(crate) accept_lower: i32,
    /// From here on a word is a name though the text, which is whole, holds no other.
    pub(crate) alone: i32,
}

/// Bytes that are no model of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadModel;

/// The model that was trained on `corpus/`; see `corpus/README.md`.
const STANDARD: &[u8] = include_bytes!("standard.bin");

impl Model {
    /// Its section's name in a pack.
    pub const SECTION: &'static str = "names";

    /// The model that ships with the engine; read once in a process.
    pub fn standard() -> Arc<Self> {
        static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| {
            let read = Model::from_bytes(STANDARD);
            Arc::new(read.expect("the model is part of the program and is read in every test"))
        });
        Arc::clone(&MODEL)
    }

    /// The same with `by` added to every sum: from 0 up more names are found and fewer of them
    /// are right, below it is the other way round. For curves of both.
    #[must_use]
    pub fn shifted(&self, by: i32) -> Self {
        let mut shifted = self.clone();
        shifted.thresholds.bias = shifted.thresholds.bias.saturating_add(by);
        shifted
    }

    /// Reads what [`Model::to_bytes`] wrote.
    ///
    /// # Errors
    /// The bytes are of another version, cut short, or too long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadModel> {
        Self::read(bytes).ok_or(BadModel)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (words, rest) = Table::from_bytes(rest)?;
        let (roles, rest) = Table::from_bytes(rest)?;
        let (thresholds, rest) = Thresholds::from_bytes(rest)?;
        if rest.len() != FEATURES {
            return None;
        }
        let weights = rest.iter().map(|byte| *byte as i8).collect();
        Some(Self {
            words,
            roles,
            thresholds,
            weights,
        })
    }

    /// The model as bytes, the same on every machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        self.words.to_bytes(&mut out);
        self.roles.to_bytes(&mut out);
        self.thresholds.to_bytes(&mut out);
        out.extend(self.weights.iter().map(|weight| *weight as u8));
        out
    }

    pub(crate) fn known(&self, word: &Word) -> Known {
        Known(self.words.get(word.key))
    }

    pub(crate) fn roles(&self, word: &Word) -> Roles {
        Roles(self.roles.get(word.key))
    }

    /// The sum that the features come to.
    pub(crate) fn score(&self, features: &Features) -> i32 {
        let weight = |id: &u32| self.weights.get(*id as usize).copied().map_or(0, i32::from);
        self.thresholds.bias + features.ids().iter().map(weight).sum::<i32>()
    }
}

impl Thresholds {
    const COUNT: usize = 7;

    fn to_bytes(self, out: &mut Vec<u8>) {
        let values: [i32; Self::COUNT] = [
            self.bias,
            self.accept,
            self.strong,
            self.support,
            self.again,
            self.accept_lower,
            self.alone,
        ];
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn from_bytes(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_at_checked(4 * Self::COUNT)?;
        let (words, _) = head.as_chunks::<4>();
        let mut values = words.iter().map(|word| i32::from_le_bytes(*word));
        let mut next = || values.next().unwrap_or_default();
        let read = Self {
            bias: next(),
            accept: next(),
            strong: next(),
            support: next(),
            again: next(),
            accept_lower: next(),
            alone: next(),
        };
        Some((read, rest))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("thresholds", &self.thresholds)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for BadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a model of names of this version")
    }
}

impl std::error::Error for BadModel {}
