//! What was read of statement texts, kept by text.
#![deny(clippy::indexing_slicing)]

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use velum_parser::{Lexing, ParseError};

use super::effects::{self, Effects, NotUnderstood};
use super::lineage::{self, Outputs, SearchPath, Unresolved};
use crate::catalog::Catalog;
use crate::limits;

/// Why nothing is known of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has no tree.
    NoTree(ParseError),
    /// The tree is not understood.
    NotUnderstood,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::NoTree(error) => error.fmt(f),
            Unread::NotUnderstood => f.write_str("the statement holds what is not understood"),
        }
    }
}

impl std::error::Error for Unread {}

/// One statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// What it does and touches.
    pub effects: Effects,
    /// What flows into its output, if that is known.
    pub outputs: Result<Outputs, Unresolved>,
}

/// Reads the statements of a text.
///
/// # Errors
/// See [`Unread`]: then nothing is known of any of them.
pub fn read(
    text: &[u8],
    lexing: Lexing,
    catalog: &Catalog,
    path: &SearchPath,
) -> Result<Vec<Analysis>, Unread> {
    let read = velum_parser::read(text, lexing, &limits::TREE, |statements| {
        let each = statements.iter().map(|statement| {
            let effects = effects::effects(statement)?;
            let outputs = lineage::outputs(statement.node, catalog, path);
            Ok(Analysis { effects, outputs })
        });
        each.collect::<Result<Vec<_>, NotUnderstood>>()
    });
    match read {
        Ok(Ok(statements)) => Ok(statements),
        Ok(Err(NotUnderstood)) => Err(Unread::NotUnderstood),
        Err(error) => Err(Unread::NoTree(error)),
    }
}

/// What is known of a text.
pub type Known = Result<Rc<[Analysis]>, Unread>;

/// Analyses by text, for one catalog at a time and the settings that they were made under. Holds
/// a bounded number of texts of a bounded size; the older half goes when it is full.
pub struct Analyses {
    hasher: RandomState,
    /// Of the catalog; another one makes everything stale.
    epoch: u64,
    young: HashMap<u64, Entry>,
    old: HashMap<u64, Entry>,
    young_bytes: usize,
    capacity_bytes: usize,
}

struct Entry {
    text: Box<[u8]>,
    lexing: Lexing,
    path: SearchPath,
    known: Known,
}

impl Analyses {
    /// Keeps texts of up to `capacity_bytes` bytes in all, what was read of them not counted.
    pub fn new(capacity_bytes: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            epoch: 0,
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            capacity_bytes,
        }
    }

    /// What is known of `text`; read anew unless it was read before under the same settings and
    /// the same catalog.
    pub fn get(
        &mut self,
        text: &[u8],
        lexing: Lexing,
        catalog: &Catalog,
        path: &SearchPath,
    ) -> Known {
        if self.epoch != catalog.epoch {
            self.young.clear();
            self.old.clear();
            self.young_bytes = 0;
            self.epoch = catalog.epoch;
        }
        let key = self.hasher.hash_one((text, lexing, path));
        let is_same =
            |entry: &Entry| *entry.text == *text && entry.lexing == lexing && entry.path == *path;
        if let Some(entry) = self.young.get(&key).filter(|entry| is_same(entry)) {
            return entry.known.clone();
        }
        let entry = match self.old.remove(&key).filter(|entry| is_same(entry)) {
            Some(entry) => entry,
            None => Entry {
                text: text.into(),
                lexing,
                path: path.clone(),
                known: read(text, lexing, catalog, path).map(Into::into),
            },
        };
        let known = entry.known.clone();
        self.keep(key, entry);
        known
    }

    fn keep(&mut self, key: u64, entry: Entry) {
        let bytes = entry_bytes(&entry);
        if bytes > self.capacity_bytes / 2 {
            return;
        }
        if self.young_bytes + bytes > self.capacity_bytes / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        if let Some(replaced) = self.young.insert(key, entry) {
            self.young_bytes = self.young_bytes.saturating_sub(entry_bytes(&replaced));
        }
    }

    /// How many texts are kept.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// True if no text is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rough size in memory.
fn entry_bytes(entry: &Entry) -> usize {
    const OVERHEAD_BYTES: usize = 512;
    // Every name that the effects hold stands in the text.
    let known = entry.known.as_deref().unwrap_or_default();
    let flows: usize = known
        .iter()
        .map(|analysis| outputs_bytes(&analysis.outputs))
        .sum();
    OVERHEAD_BYTES + 4 * entry.text.len() + flows
}

fn outputs_bytes(outputs: &Result<Outputs, Unresolved>) -> usize {
    const PART_BYTES: usize = 32;
    let flows = match outputs {
        Ok(Outputs::Each(flows)) => flows.as_slice(),
        Ok(Outputs::Any(flow)) => std::slice::from_ref(flow),
        Ok(Outputs::None) | Err(_) => &[],
    };
    flows
        .iter()
        .map(|flow| size_of::<lineage::Flow>() + PART_BYTES * flow.weight())
        .sum()
}

/// Body of the fuzz target: any text is read or refused, within the limits.
#[cfg(any(test, fuzzing))]
pub fn fuzz_read(text: &[u8]) {
    let catalog = Catalog::default();
    for path in [
        SearchPath::Unknown,
        SearchPath::Known(vec!["public".to_owned()]),
    ] {
        let Ok(statements) = read(text, Lexing::default(), &catalog, &path) else {
            continue;
        };
        for statement in statements {
            let names = statement.effects.columns.len() + statement.effects.relations.len();
            assert!(names <= 8 * limits::TREE.nodes);
            assert!(outputs_bytes(&statement.outputs) <= 1 << 26);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY_BYTES: usize = 64 * 1024;

    fn get(analyses: &mut Analyses, text: &str) -> Known {
        let catalog = Catalog::default();
        analyses.get(
            text.as_bytes(),
            Lexing::default(),
            &catalog,
            &SearchPath::Unknown,
        )
    }

    fn is_kept(analyses: &mut Analyses, text: &str) -> bool {
        let (Ok(one), Ok(other)) = (get(analyses, text), get(analyses, text)) else {
            return false;
        };
        Rc::ptr_eq(&one, &other)
    }

    #[test]
    fn a_text_is_read_once_under_the_same_settings() {
        let mut analyses = Analyses::new(CAPACITY_BYTES);
        let mut catalog = Catalog::default();
        let text = b"select 'a\\' from t";
        let lexing = Lexing::default();
        let old = Lexing {
            standard_conforming_strings: false,
            ..lexing
        };
        let path = SearchPath::Known(vec!["a".to_owned()]);
        let first = analyses.get(text, lexing, &catalog, &path);
        let again = analyses.get(text, lexing, &catalog, &path);
        assert!(Rc::ptr_eq(&first.unwrap(), &again.unwrap()));
        for (lexing, path) in [(old, path.clone()), (lexing, SearchPath::Unknown)] {
            let _ = analyses.get(text, lexing, &catalog, &path);
        }
        assert_eq!(analyses.len(), 3);
        catalog.epoch = 7;
        let _ = analyses.get(text, lexing, &catalog, &path);
        assert_eq!(analyses.len(), 1);
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_used_stays() {
        let mut analyses = Analyses::new(CAPACITY_BYTES);
        for number in 0..1_000 {
            assert!(is_kept(&mut analyses, "select used from often"));
            assert!(is_kept(&mut analyses, &format!("select {number}")));
            let held = analyses.young.values().chain(analyses.old.values());
            assert!(held.map(entry_bytes).sum::<usize>() <= CAPACITY_BYTES);
        }
        assert!(analyses.len() > 10);
        // What is too large for all of it is read and not kept.
        let large = format!("select '{}'", "x".repeat(20_000));
        assert!(get(&mut analyses, &large).is_ok() && !is_kept(&mut analyses, &large));
        assert!(!analyses.is_empty());
    }

    #[test]
    fn a_text_that_cannot_be_read_is_an_error_without_words() {
        let mut analyses = Analyses::new(CAPACITY_BYTES);
        let error = get(&mut analyses, "select 078-05-1120 from from").unwrap_err();
        assert!(!error.to_string().contains("078"), "{error}");
        for text in [
            "",
            "select",
            "select 1; select a from b",
            "\0",
            "create table t (a int)",
        ] {
            fuzz_read(text.as_bytes());
        }
    }
}
