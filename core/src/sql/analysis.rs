//! What was read of statement texts, kept by text.
#![deny(clippy::indexing_slicing)]

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use velum_parser::{Lexing, ParseError};

use super::effects::{self, Class, Effects, NotUnderstood, PathChange};
use super::lineage::cells::Level;
use super::lineage::{self, Cells, Lineage, Outputs, SearchPath, Unresolved};
use crate::catalog::Catalog;
use crate::limits;
use crate::policy::Policy;
use crate::policy::guard::Judged;

/// Why nothing is known of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has no tree.
    NoTree(ParseError),
    /// The tree is not understood.
    NotUnderstood,
    /// How the server reads it depends on a setting of the session.
    Ambiguous,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::NoTree(error) => error.fmt(f),
            Unread::NotUnderstood => f.write_str("the statement holds what is not understood"),
            Unread::Ambiguous => f.write_str("the text reads differently under other settings"),
        }
    }
}

impl std::error::Error for Unread {}

/// One statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// What it does and touches.
    pub effects: Effects,
    /// What flows into its output.
    pub lineage: Lineage,
    /// By which its names were looked up.
    pub path: SearchPath,
    /// What becomes of the search path when it has run.
    pub path_change: PathChange,
}

/// Reads the statements of a text, whatever the session's settings are: a text that means another
/// thing where `standard_conforming_strings` is off, or may mean one in an encoding in which a
/// byte of a character looks like a backslash, is not read. `backslash_quote` decides only
/// whether a text is an error, and all other bytes of ASCII are themselves in every encoding.
///
/// # Errors
/// See [`Unread`]: then nothing is known of any of them.
pub fn read(text: &[u8], catalog: &Catalog, path: &SearchPath) -> Result<Vec<Analysis>, Unread> {
    let lexing = Lexing::default();
    let statements = read_under(text, lexing, catalog, path)?;
    if !text.contains(&b'\\') {
        return Ok(statements);
    }
    let hides = |pair: &[u8]| matches!(pair, [byte, b'\\'] if !byte.is_ascii());
    let old = Lexing {
        standard_conforming_strings: false,
        ..lexing
    };
    let is_same = || {
        let text = with_readable_bytes(text);
        let other = read_under(&text, old, catalog, path);
        other.is_ok_and(|other| placeless(other) == placeless(statements.clone()))
    };
    match !text.windows(2).any(hides) && is_same() {
        true => Ok(statements),
        false => Err(Unread::Ambiguous),
    }
}

/// What was read, wherever in the text it stands.
fn placeless(mut statements: Vec<Analysis>) -> Vec<Analysis> {
    for Analysis { lineage, .. } in &mut statements {
        lineage.stars.iter_mut().for_each(|star| star.start = 0);
        let cells = lineage.cells.iter_mut().flat_map(|it| &mut it.list);
        cells.for_each(|cell| cell.start = 0);
    }
    statements
}

/// The text with another first byte in literals of `bytea` (`'\x89504e47'`), where the old lexer
/// takes it for an escape that no text may hold. The server refuses the zero, and in UTF-8 the
/// others as well; elsewhere they are one character. Where literals end is the same either way,
/// and what an analysis keeps of their values, it compares.
fn with_readable_bytes(text: &[u8]) -> Cow<'_, [u8]> {
    let is_literal = |part: &[u8]| {
        let digits = part.strip_prefix(b"'\\x").unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    if !text.windows(5).any(is_literal) {
        return Cow::Borrowed(text);
    }
    let mut readable = Vec::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some((literal, after)) = rest.split_first_chunk::<5>()
            && is_literal(literal)
        {
            let [_, _, _, high, low] = *literal;
            readable.extend_from_slice(b"'\\x");
            match (high, low) {
                (b'0', b'0') => readable.extend_from_slice(b"01"),
                // A character of two bytes instead of half of one.
                (b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', _) => {
                    readable.extend_from_slice(b"c2\\xa0");
                }
                _ => readable.extend_from_slice(&[high, low]),
            }
            rest = after;
            continue;
        }
        readable.push(*first);
        rest = after;
    }
    Cow::Owned(readable)
}

fn read_under(
    text: &[u8],
    lexing: Lexing,
    catalog: &Catalog,
    path: &SearchPath,
) -> Result<Vec<Analysis>, Unread> {
    let read = velum_parser::read(text, lexing, &limits::TREE, |statements| {
        let mut path = path.clone();
        let each = statements.iter().map(|statement| {
            let effects = effects::effects(statement)?;
            let own = match effects.class {
                // It is looked up anew each time that it runs.
                Class::Prepare => SearchPath::Unknown,
                _ => path.clone(),
            };
            let lineage = lineage::lineage(statement, catalog, &own);
            let path_change = effects.path_change(&lineage, catalog, &own);
            path = after(&path, &path_change);
            Ok(Analysis {
                effects,
                lineage,
                path: own,
                path_change,
            })
        });
        each.collect::<Result<Vec<_>, NotUnderstood>>()
    });
    match read {
        Ok(Ok(statements)) => Ok(statements),
        Ok(Err(NotUnderstood)) => Err(Unread::NotUnderstood),
        Err(error) => Err(Unread::NoTree(error)),
    }
}

/// The path for the next statement of a text, which runs only if all before it have. Where it was
/// not known at first, neither is whether there are temporary tables.
fn after(path: &SearchPath, change: &PathChange) -> SearchPath {
    match (path, change) {
        (path, PathChange::None) => path.clone(),
        (SearchPath::Known(_), PathChange::To(path)) => path.clone(),
        _ => SearchPath::Unknown,
    }
}

/// What is known of a text.
pub type Known = Result<Rc<[Analysis]>, Unread>;

/// [`Analyses`] that the sessions of one thread share, all of the same database.
#[derive(Clone)]
pub struct SharedAnalyses(Rc<RefCell<Analyses>>);

impl SharedAnalyses {
    /// See [`Analyses::new`].
    pub fn new(capacity_bytes: usize) -> Self {
        Self(Rc::new(RefCell::new(Analyses::new(capacity_bytes))))
    }

    /// See [`Analyses::judge`].
    pub fn judge(
        &self,
        text: &[u8],
        catalog: &Catalog,
        path: &SearchPath,
        policy: &Policy,
    ) -> Result<Judged, Unread> {
        self.0.borrow_mut().judge(text, catalog, path, policy)
    }

    /// See [`Analyses::get`].
    pub fn get(&self, text: &[u8], catalog: &Catalog, path: &SearchPath) -> Known {
        self.0.borrow_mut().get(text, catalog, path)
    }
}

/// Analyses by text, for one catalog at a time. Holds a bounded number of texts of a bounded
/// size; the older half goes when it is full.
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
    path: SearchPath,
    known: Known,
    verdicts: Verdicts,
}

impl Entry {
    fn parts(&self) -> (Known, Verdicts) {
        (self.known.clone(), Rc::clone(&self.verdicts))
    }
}

/// What policies say of a text where no transaction is in the way, by the policies' hashes.
type Verdicts = Rc<RefCell<Vec<([u8; 32], Judged)>>>;

/// Policies whose verdict on one text is kept.
const VERDICTS: usize = 8;

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

    /// What is known of `text`; read anew unless it was read before for the same path and the same
    /// catalog.
    pub fn get(&mut self, text: &[u8], catalog: &Catalog, path: &SearchPath) -> Known {
        self.find(text, catalog, path).0
    }

    /// What the policy, which its hash tells from others, says of `text`; decided once for a text
    /// and a catalog.
    ///
    /// # Errors
    /// A text that cannot be read.
    pub fn judge(
        &mut self,
        text: &[u8],
        catalog: &Catalog,
        path: &SearchPath,
        policy: &Policy,
    ) -> Result<Judged, Unread> {
        let (known, verdicts) = self.find(text, catalog, path);
        let known = known?;
        let mut verdicts = verdicts.borrow_mut();
        let mut before = verdicts.iter();
        if let Some((_, judged)) = before.find(|(hash, _)| *hash == policy.sha256) {
            return Ok(judged.clone());
        }
        let judged = policy.admit(catalog, &known, false);
        if verdicts.len() >= VERDICTS {
            verdicts.clear();
        }
        verdicts.push((policy.sha256, judged.clone()));
        Ok(judged)
    }

    fn find(&mut self, text: &[u8], catalog: &Catalog, path: &SearchPath) -> (Known, Verdicts) {
        if self.epoch != catalog.epoch {
            self.young.clear();
            self.old.clear();
            self.young_bytes = 0;
            self.epoch = catalog.epoch;
        }
        let key = self.hasher.hash_one((text, path));
        let is_same = |entry: &Entry| *entry.text == *text && entry.path == *path;
        if let Some(entry) = self.young.get(&key).filter(|entry| is_same(entry)) {
            return entry.parts();
        }
        let entry = match self.old.remove(&key).filter(|entry| is_same(entry)) {
            Some(entry) => entry,
            None => Entry {
                text: text.into(),
                path: path.clone(),
                known: read(text, catalog, path).map(Into::into),
                verdicts: Rc::default(),
            },
        };
        let parts = entry.parts();
        self.keep(key, entry);
        parts
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
        .map(|analysis| {
            let uses = analysis.lineage.uses.as_deref().unwrap_or_default();
            let uses = uses.iter().map(|it| flow_bytes(&it.flow)).sum::<usize>();
            outputs_bytes(&analysis.lineage.outputs) + uses + cells_bytes(&analysis.lineage.cells)
        })
        .sum();
    OVERHEAD_BYTES + 4 * entry.text.len() + flows
}

pub(super) fn outputs_bytes(outputs: &Result<Outputs, Unresolved>) -> usize {
    let flows = match outputs {
        Ok(Outputs::Each(flows)) => flows.as_slice(),
        Ok(Outputs::Any(flow)) => std::slice::from_ref(flow),
        Ok(Outputs::None) | Err(_) => &[],
    };
    flows.iter().map(flow_bytes).sum()
}

/// Aggregates of one query share what is known of it.
fn cells_bytes(cells: &Result<Cells, Unresolved>) -> usize {
    const COLUMN_BYTES: usize = 96;
    let mut seen: Vec<*const Level> = Vec::new();
    let mut bytes = 0;
    for cell in cells.iter().flat_map(|it| &it.list) {
        bytes += size_of_val(cell) + flow_bytes(&cell.flow);
        let level = Rc::as_ptr(&cell.level);
        if !seen.contains(&level) {
            seen.push(level);
            let columns = cell.level.sources.iter().map(|it| 2 + it.stored.len());
            bytes += COLUMN_BYTES * columns.sum::<usize>();
        }
    }
    bytes
}

fn flow_bytes(flow: &lineage::Flow) -> usize {
    const PART_BYTES: usize = 32;
    size_of::<lineage::Flow>() + PART_BYTES * flow.weight()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY_BYTES: usize = 64 * 1024;

    fn get(analyses: &mut Analyses, text: &str) -> Known {
        let catalog = Catalog::default();
        analyses.get(text.as_bytes(), &catalog, &SearchPath::Unknown)
    }

    fn is_kept(analyses: &mut Analyses, text: &str) -> bool {
        let (Ok(one), Ok(other)) = (get(analyses, text), get(analyses, text)) else {
            return false;
        };
        Rc::ptr_eq(&one, &other)
    }

    #[test]
    fn a_text_is_read_once_for_a_path_and_a_catalog() {
        let mut analyses = Analyses::new(CAPACITY_BYTES);
        let mut catalog = Catalog::default();
        let text = b"select a from t";
        let path = SearchPath::known(["a"]);
        let first = analyses.get(text, &catalog, &path);
        let again = analyses.get(text, &catalog, &path);
        assert!(Rc::ptr_eq(&first.unwrap(), &again.unwrap()));
        let _ = analyses.get(text, &catalog, &SearchPath::Unknown);
        assert_eq!(analyses.len(), 2);
        catalog.epoch = 7;
        let _ = analyses.get(text, &catalog, &path);
        assert_eq!(analyses.len(), 1);
    }

    #[test]
    fn a_text_that_settings_give_another_meaning_is_not_read() {
        let known = |text: &str| {
            let catalog = Catalog::default();
            read(text.as_bytes(), &catalog, &SearchPath::Unknown).map(|_| ())
        };
        for text in [
            r"select '\', a || ' from t --' from t",
            r"select '\' || b, 'c' from t; select ' || d'",
            "select E'\u{e4}\\n' from t",
            r"select '\xff\', a || ' from t --' from t",
            r"select a -> '\x89' from t",
            r"select a -> '\x66ace' from t",
        ] {
            assert_eq!(known(text), Err(Unread::Ambiguous), "{text}");
        }
        for text in [
            r"select regexp_replace(a, '\d+\s*', '') from t",
            r"select E'\n' || a from t",
            r"select '\x00'::bytea, a from t",
            r"insert into t values ('\x89504e470d0a', '\xFFd8', '\x', '\x27')",
            "select 'caf\u{e9}', a from t",
        ] {
            assert_eq!(known(text), Ok(()), "{text}");
        }
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
    }
}
