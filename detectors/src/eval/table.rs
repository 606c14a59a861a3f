//! Counts that add up, and the ratios that are quoted from them.

use std::collections::BTreeMap;

use super::verdict::Verdict;
use crate::catalog::Detector;
use crate::corpus::Document;

/// What an engine did with a number of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    sets: BTreeMap<String, SetTable>,
}

/// What it did with the documents of one set, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetTable {
    /// What the documents cost beside their PHI.
    pub burden: Burden,
    rows: Vec<TypeRow>,
}

/// One type of identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeRow {
    /// Its labels.
    pub labels: Labels,
    /// Its labels by tag; those without a tag are not among them.
    pub tags: BTreeMap<String, Labels>,
    /// The findings of its detector.
    pub findings: Findings,
}

/// Labelled spans, and what was hidden of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Labelled spans.
    pub spans: usize,
    /// Those that are hidden whole.
    pub spans_found: usize,
    /// Letters and digits of all spans.
    pub characters: usize,
    /// Those of them that are hidden.
    pub characters_hidden: usize,
}

/// Findings of one detector; those that touch count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// All of them.
    pub all: usize,
    /// Those that lie on labels of whatever type.
    pub right: usize,
    /// Those that lie on labels of the same type.
    pub typed: usize,
}

/// What documents cost, whatever the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burden {
    /// Documents.
    pub documents: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Their words: runs of letters and digits.
    pub words: usize,
    /// Letters and digits outside of all labels.
    pub plain_characters: usize,
    /// Those of them that are hidden.
    pub over_masked: usize,
    /// Findings that touch no label.
    pub spurious: usize,
    /// Documents without a label.
    pub plain_documents: usize,
    /// Those of them of which something is hidden.
    pub plain_documents_touched: usize,
}

impl Table {
    /// Counts one document.
    pub fn add(&mut self, document: &Document, verdict: &Verdict) {
        match self.sets.get_mut(&document.set) {
            Some(set) => set.add(document, verdict),
            None => {
                let mut set = SetTable::default();
                set.add(document, verdict);
                self.sets.insert(document.set.clone(), set);
            }
        }
    }

    /// Counts all documents of another table.
    pub fn merge(&mut self, other: &Self) {
        for (name, set) in &other.sets {
            self.sets.entry(name.clone()).or_default().merge(set);
        }
    }

    /// The sets by name, in order.
    pub fn sets(&self) -> impl Iterator<Item = (&str, &SetTable)> {
        self.sets.iter().map(|(name, set)| (name.as_str(), set))
    }

    /// The set of that name.
    pub fn set(&self, name: &str) -> Option<&SetTable> {
        self.sets.get(name)
    }

    /// All sets together.
    pub fn total(&self) -> SetTable {
        let mut total = SetTable::default();
        for set in self.sets.values() {
            total.merge(set);
        }
        total
    }
}

impl SetTable {
    /// Types with a label or a finding, in the catalog's order.
    pub fn rows(&self) -> impl Iterator<Item = (Detector, &TypeRow)> {
        let all = Detector::ALL.into_iter().zip(&self.rows);
        all.filter(|(_, row)| row.labels.spans > 0 || row.findings.all > 0)
    }

    /// One type.
    pub fn row(&self, detector: Detector) -> &TypeRow {
        &self.rows[detector as usize]
    }

    /// All types together; without tags, which belong to types.
    pub fn all_types(&self) -> TypeRow {
        let mut all = TypeRow::default();
        for row in &self.rows {
            all.labels.merge(row.labels);
            all.findings.merge(row.findings);
        }
        all
    }

    fn add(&mut self, document: &Document, verdict: &Verdict) {
        for (label, (characters, hidden)) in document.labels.iter().zip(&verdict.labels) {
            let counts = Labels {
                spans: 1,
                spans_found: usize::from(characters == hidden),
                characters: *characters,
                characters_hidden: *hidden,
            };
            let row = &mut self.rows[label.detector as usize];
            row.labels.merge(counts);
            if !label.tag.is_empty() {
                row.tags.entry(label.tag.clone()).or_default().merge(counts);
            }
        }
        for finding in &verdict.findings {
            self.rows[finding.detector as usize]
                .findings
                .merge(Findings {
                    all: 1,
                    right: usize::from(finding.is_right),
                    typed: usize::from(finding.is_typed),
                });
        }
        let is_plain = document.labels.is_empty();
        self.burden.merge(Burden {
            documents: 1,
            bytes: document.text.len(),
            words: words(&document.text),
            plain_characters: verdict.plain_characters,
            over_masked: verdict.over_masked,
            spurious: verdict.spurious.len(),
            plain_documents: usize::from(is_plain),
            plain_documents_touched: usize::from(is_plain && verdict.over_masked > 0),
        });
    }

    /// Counts all documents of another.
    pub fn merge(&mut self, other: &Self) {
        self.burden.merge(other.burden);
        for (row, more) in self.rows.iter_mut().zip(&other.rows) {
            row.labels.merge(more.labels);
            row.findings.merge(more.findings);
            for (tag, labels) in &more.tags {
                row.tags.entry(tag.clone()).or_default().merge(*labels);
            }
        }
    }
}

impl Default for SetTable {
    fn default() -> Self {
        Self {
            burden: Burden::default(),
            rows: vec![TypeRow::default(); Detector::ALL.len()],
        }
    }
}

impl Labels {
    /// Mask recall, 0 to 1: the share of characters that are hidden. `None` without characters.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.characters_hidden, self.characters)
    }

    /// The share of spans that are hidden whole. `None` without spans.
    pub fn span_recall(&self) -> Option<f64> {
        ratio(self.spans_found, self.spans)
    }

    /// Letters and digits that stay open.
    pub fn characters_leaked(&self) -> usize {
        self.characters - self.characters_hidden
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        self.spans_found += other.spans_found;
        self.characters += other.characters;
        self.characters_hidden += other.characters_hidden;
    }
}

impl Findings {
    /// The share that lies on labels of whatever type, 0 to 1. `None` without findings.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.right, self.all)
    }

    /// The share that lies on labels of the same type, 0 to 1. `None` without findings.
    pub fn precision_typed(&self) -> Option<f64> {
        ratio(self.typed, self.all)
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: Self) {
        self.all += other.all;
        self.right += other.right;
        self.typed += other.typed;
    }
}

impl Burden {
    /// The share of letters and digits beside PHI that are hidden, 0 to 1.
    pub fn over_masking(&self) -> Option<f64> {
        ratio(self.over_masked, self.plain_characters)
    }

    /// Findings that touch no label, for 1,000 words.
    pub fn spurious_per_1000_words(&self) -> Option<f64> {
        ratio(1000 * self.spurious, self.words)
    }

    /// The share of documents without PHI of which something is hidden.
    pub fn plain_touched(&self) -> Option<f64> {
        ratio(self.plain_documents_touched, self.plain_documents)
    }

    fn merge(&mut self, other: Self) {
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.words += other.words;
        self.plain_characters += other.plain_characters;
        self.over_masked += other.over_masked;
        self.spurious += other.spurious;
        self.plain_documents += other.plain_documents;
        self.plain_documents_touched += other.plain_documents_touched;
    }
}

fn words(text: &str) -> usize {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).count()
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::judge;

    const LINE: &str =
        r#"{"set":"S","text":"Jane was in","spans":[{"start":0,"end":4,"type":"NAME","tag":"t"}]}"#;

    #[test]
    fn tables_add_up() {
        let document = Document::from_json(LINE).expect("a labelled text");
        let mut once = Table::default();
        once.add(&document, &judge(&document, &[]));
        let mut twice = once.clone();
        twice.merge(&once);
        let mut added = once.clone();
        added.add(&document, &judge(&document, &[]));
        assert_eq!(twice, added);
        let total = twice.total();
        assert_eq!(total.burden.words, 6);
        assert_eq!(total.row(Detector::Name).tags["t"].characters_leaked(), 8);
        assert_eq!(total.all_types().labels.recall(), Some(0.0));
        assert_eq!(total.row(Detector::Ssn).labels.recall(), None);
        assert_eq!(total.rows().count(), 1);
    }
}
