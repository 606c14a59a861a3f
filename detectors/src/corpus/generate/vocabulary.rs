//! Words that are no PHI, straight from the lists: they fill gaps such as `{Word}`.

use std::collections::BTreeMap;

use super::random::Random;
use super::{Part, part_of};
use crate::tune::{BadLists, Lists};

/// Fillings by gap; a gap with a capital has its words capitalised.
pub(super) struct Vocabulary {
    words: BTreeMap<&'static str, Vec<String>>,
}

/// Gap, list, and the head that a section of it has to have.
const SOURCES: &[(&str, &str, Option<&str>)] = &[
    ("word", "words/english.txt", Some("3")),
    ("rare", "words/english.txt", Some("2")),
    ("drugword", "words/drugs.txt", None),
    ("clinical", "words/icd10cm.txt", None),
    ("abbreviation", "words/clinical.txt", None),
    ("eponym", "words/eponyms.txt", None),
    ("head", "words/roles.txt", Some("head")),
    ("proper", "words/orgs.txt", None),
    ("country", "words/places.txt", Some("country")),
    ("title", "text/icd10cm.txt", None),
];

impl Vocabulary {
    pub(super) fn of(lists: &Lists<'_>, part: Part) -> Result<Self, BadLists> {
        let mut words: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (gap, file, head) in SOURCES {
            let filling = words.entry(gap).or_default();
            for section in lists.sections(file)? {
                if head.is_some_and(|head| section.head.first() != Some(&head)) {
                    continue;
                }
                let whole = matches!(*gap, "title" | "country");
                // These are closed classes: every part has all of them.
                let shared = matches!(*gap, "head" | "proper" | "country");
                for line in section.lines {
                    let parts = line.split(if whole { '\n' } else { ' ' });
                    let ours =
                        parts.filter(|word| word.len() > 1 && (shared || part_of(word) == part));
                    filling.extend(ours.map(str::to_owned));
                }
            }
        }
        Ok(Self { words })
    }

    /// A filling for the gap, if it is one of this file's.
    pub(super) fn filling(&self, gap: &str, random: &mut Random) -> Option<String> {
        let small = gap.to_ascii_lowercase();
        let word = random.pick(self.words.get(small.as_str())?)?;
        let mut letters = word.chars();
        let first = letters.next()?;
        Some(if small == gap {
            word.clone()
        } else {
            first.to_uppercase().chain(letters).collect()
        })
    }
}
