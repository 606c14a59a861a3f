//! From word lists to the dictionary of a model.

use std::collections::BTreeMap;
use std::fmt;

use crate::catalog::Detector;
use crate::corpus::Document;
use crate::names::{FEATURES, Known, Model, OVERRUN, Roles, Table, Thresholds, key_of, words_of};

/// The lists of `corpus/lists`, by path below it, and what is in them.
pub struct Lists<'t> {
    files: BTreeMap<&'t str, &'t str>,
}

/// A list that is missing or is not as `corpus/README.md` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLists {
    /// Path below `corpus/lists`.
    pub file: String,
    /// What is wrong.
    pub mistake: &'static str,
}

impl<'t> Lists<'t> {
    /// Lists by their paths, such as `names/us_last.txt`.
    pub fn new(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        Self {
            files: files.into_iter().collect(),
        }
    }

    /// The sections of a list, each with the words of its head and its lines.
    pub(crate) fn sections(&self, file: &str) -> Result<Vec<Section<'t>>, BadLists> {
        let text = self.files.get(file).ok_or(BadLists {
            file: file.to_owned(),
            mistake: "it is missing",
        })?;
        let mut sections = vec![Section::default()];
        for line in text.lines() {
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            match line.strip_prefix("= ") {
                Some(head) => sections.push(Section {
                    head: head.split(' ').collect(),
                    lines: Vec::new(),
                }),
                None => sections
                    .last_mut()
                    .into_iter()
                    .for_each(|s| s.lines.push(line)),
            }
        }
        sections.retain(|section| !section.lines.is_empty());
        Ok(sections)
    }
}

/// Lines under one head, `= first latin`; those before any head have an empty one.
#[derive(Default)]
pub(crate) struct Section<'t> {
    pub(crate) head: Vec<&'t str>,
    pub(crate) lines: Vec<&'t str>,
}

/// Dictionary words with their spelling.
pub(super) type Entries = BTreeMap<u64, Known>;

/// All lists as one dictionary.
pub(super) fn entries(lists: &Lists<'_>) -> Result<Entries, BadLists> {
    let mut entries = Entries::new();
    let mut add = |word: &str, known: Known| {
        let entry = entries.entry(key_of(word)).or_default();
        *entry = entry.join(known);
    };
    for (file, class) in [
        ("names/us_last.txt", Known::LAST),
        ("names/us_first.txt", Known::FIRST),
        ("words/english.txt", Known::WORD),
    ] {
        for section in lists.sections(file)? {
            let frequency = section.head.first().and_then(|head| head.parse().ok());
            let frequency: u16 = frequency.filter(|f| *f <= 7).ok_or(BadLists {
                file: file.to_owned(),
                mistake: "a section's head is no class of frequency",
            })?;
            for word in section.lines {
                add(word, Known::new(class, frequency));
            }
        }
    }
    for section in lists.sections("names/world.txt")? {
        let class = match section.head.get(1) {
            Some(&"first") => Known::FIRST,
            _ => Known::LAST,
        };
        for name in section.lines {
            for word in parts(name).filter(|word| word.chars().count() > 1) {
                add(word, Known::new(class, 2));
            }
        }
    }
    for (file, class) in [
        ("words/orgs.txt", Known::ORG),
        ("words/icd10cm.txt", Known::CLINICAL),
        ("words/clinical.txt", Known::CLINICAL),
        ("words/drugs.txt", Known::DRUG),
        ("words/eponyms.txt", Known::EPONYM),
        ("words/places.txt", Known::PLACE),
        ("words/proper.txt", Known::ORG),
    ] {
        for section in lists.sections(file)? {
            // Countries, states and peoples; a city may have any name.
            let told = file == "words/orgs.txt" || section.head == ["country"];
            let class = if told { Known::TOLD } else { class };
            for word in section.lines.iter().flat_map(|line| parts(line)) {
                let entry = entries.entry(key_of(word)).or_default();
                // A city stays one, whatever else is written with a capital.
                let city = class == Known::ORG && entry.has(Known::PLACE);
                if word.chars().count() > 1 && !city {
                    *entry = entry.join(Known::new(class, 0));
                }
            }
        }
    }
    // What is no name whatever the lists say.
    for section in lists.sections(NEVER)? {
        for word in section.lines.iter().flat_map(|line| line.split(' ')) {
            let entry = entries.entry(key_of(word)).or_default();
            *entry = entry.without_name().join(Known::new(Known::WORD, 3));
        }
    }
    Ok(entries)
}

/// The list of words that are hardly ever names, though lists of names have them.
pub(crate) const NEVER: &str = "words/never.txt";

fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '-', '\u{2010}', '/'])
        .filter(|part| !part.is_empty())
}

/// Takes names out of the dictionary that are common words and hardly ever names: by the lists'
/// own frequencies, and by what the words are in the corpus.
pub(super) fn prune(mut entries: Entries, documents: &[Document]) -> Entries {
    /// Times that a word has to be seen before the corpus decides.
    const SEEN: u32 = 25;
    let mut seen: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
    for document in documents {
        let names = document
            .labels
            .iter()
            .filter(|l| l.detector == Detector::Name);
        let names: Vec<_> = names.map(|label| (label.start, label.end)).collect();
        for word in words_of(document.text.as_bytes()) {
            let name = names
                .iter()
                .any(|(start, end)| *start <= word.1 && word.1 < *end);
            let counts = seen.entry(word.0).or_default();
            if name {
                counts.0 += 1;
            } else {
                counts.1 += 1;
            }
        }
    }
    for (key, known) in &mut entries {
        let frequency = known.first_frequency().max(known.last_frequency());
        let word = known.word_frequency();
        let rare = match word {
            3 => frequency <= 2 && !known.has(Known::EPONYM),
            2 => frequency <= 1,
            1 => known.first_frequency() <= 1 && known.last_frequency() == 0,
            _ => false,
        };
        let told = known.classes() & Known::TOLD == Known::TOLD && known.first_frequency() <= 3;
        let clinical = known.has(Known::CLINICAL) && frequency <= 2 && !known.has(Known::EPONYM);
        let (name, other) = seen.get(key).copied().unwrap_or_default();
        let never = frequency <= 2 && other >= SEEN && name == 0;
        if rare || clinical || never || told {
            *known = known.without_name();
        }
    }
    entries.retain(|_, known| known.0 != 0);
    entries
}

/// A model with the dictionary, and weights of nothing.
pub(super) fn model(entries: &Entries, lists: &Lists<'_>) -> Result<Model, BadLists> {
    let file = "words/roles.txt";
    let mut roles: BTreeMap<u64, u16> = BTreeMap::new();
    for section in lists.sections(file)? {
        let name = section.head.first().copied().unwrap_or_default();
        let role = Roles::ALL.iter().find(|(known, _)| *known == name);
        let (_, role) = role.ok_or(BadLists {
            file: file.to_owned(),
            mistake: "a section's head is no role",
        })?;
        for word in section.lines.iter().flat_map(|line| line.split(' ')) {
            *roles.entry(key_of(word)).or_default() |= role.0;
        }
    }
    let words: Vec<_> = entries.iter().map(|(key, known)| (*key, known.0)).collect();
    let roles: Vec<_> = roles.into_iter().collect();
    Ok(Model {
        words: table(&words),
        roles: table(&roles),
        thresholds: Thresholds::default(),
        weights: vec![0; FEATURES],
    })
}

/// A table that is just large enough for the entries.
fn table(entries: &[(u64, u16)]) -> Table {
    let mut buckets = OVERRUN + entries.len() / 7;
    loop {
        match Table::build(entries, buckets) {
            Ok(table) => return table,
            Err(_) => buckets += 1 + buckets / 32,
        }
    }
}

impl fmt::Display for BadLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.mistake)
    }
}

impl std::error::Error for BadLists {}
