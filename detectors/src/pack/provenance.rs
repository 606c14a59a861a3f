//! Where a pack comes from: text that a person can read with any tool.

use super::BadPack;

/// Longest value of a line.
const VALUE_BYTES: usize = 4096;

/// What it takes to make a pack again. One `key: value` a line; keys that this program does not
/// know stay where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    lines: Vec<(String, String)>,
}

impl Provenance {
    /// The program that made the pack, with its version.
    pub const TOOL: &'static str = "tool";
    /// SHA-256 of the corpus, in hex.
    pub const CORPUS: &'static str = "corpus-sha256";
    /// Seed of the training.
    pub const SEED: &'static str = "seed";
    /// When it was made, RFC 3339, as the caller says.
    pub const DATE: &'static str = "date";

    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line, or replaces the one of that key. Line breaks and what is longer than 4 KiB
    /// of the value, and what is not `a-z`, `0-9` or `-` in the key, are dropped.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let key: String = key.chars().filter(|c| is_key(*c)).collect();
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        let value = value[..value.floor_char_boundary(VALUE_BYTES)]
            .trim()
            .to_owned();
        match self.lines.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => *old = value,
            None if key.is_empty() => {}
            None => self.lines.push((key, value)),
        }
        self
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        let mut lines = self.lines();
        lines.find_map(|(other, value)| (other == key).then_some(value))
    }

    /// All lines, in order.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let lines = self.lines.iter();
        lines.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(super) fn read(text: &[u8]) -> Result<Self, BadPack> {
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        let mut provenance = Self::new();
        for line in text.lines() {
            let (key, value) = line.split_once(": ").ok_or_else(malformed)?;
            provenance = provenance.with(key, value);
        }
        // A text that is read and written again stays the same.
        match provenance.write() == text {
            true => Ok(provenance),
            false => Err(malformed()),
        }
    }

    pub(super) fn write(&self) -> String {
        self.lines()
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect()
    }
}

fn is_key(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn malformed() -> BadPack {
    BadPack::Malformed("its provenance is not lines of `key: value`")
}
