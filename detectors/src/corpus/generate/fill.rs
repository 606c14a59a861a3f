//! Fills the gaps of a frame and labels what it put there.

use std::collections::BTreeMap;

use super::frames::{self, BadFrame, Frame, Piece};
use super::numbers;
use super::people::{People, Person};
use super::random::Random;
use super::vocabulary::Vocabulary;
use crate::catalog::Detector;
use crate::corpus::{Column, Document, Label};

/// Fillings inside fillings.
const DEPTH: usize = 4;
/// Of 100 notes, those that are written in capitals, and in small letters.
const CAPITALS: u64 = 6;
const SMALL: u64 = 6;
/// The same of other texts with the option `any_case`, for each.
const ANY_CASE: u64 = 15;

/// Fillings that are PHI.
const LABELLED: &[(&str, Detector)] = &[("org", Detector::Org), ("city", Detector::Address)];

/// What gaps are filled from.
#[derive(Clone, Copy)]
pub(super) struct Stock<'f, 't> {
    pub(super) people: &'f People,
    pub(super) vocabulary: &'f Vocabulary,
    pub(super) fills: &'f BTreeMap<&'t str, Vec<&'t str>>,
}

pub(super) struct Fill<'f, 't> {
    frame: &'f Frame<'t>,
    stock: Stock<'f, 't>,
    random: &'f mut Random,
    /// Persons of this document by the letter of their gaps.
    cast: BTreeMap<&'t str, Person>,
    text: String,
    labels: Vec<Label>,
}

impl<'f, 't> Fill<'f, 't> {
    pub(super) fn new(frame: &'f Frame<'t>, stock: Stock<'f, 't>, random: &'f mut Random) -> Self {
        Self {
            frame,
            stock,
            random,
            cast: BTreeMap::new(),
            text: String::new(),
            labels: Vec::new(),
        }
    }

    pub(super) fn document(&mut self) -> Result<Document, BadFrame> {
        self.add(self.frame.text, 0)?;
        self.change_case();
        let mut text = std::mem::take(&mut self.text);
        if text.is_empty() {
            text.push(' ');
        }
        Ok(Document {
            id: String::new(),
            set: self.frame.set.to_owned(),
            text,
            column: self.frame.option("column").map(column),
            labels: std::mem::take(&mut self.labels),
        })
    }

    fn add(&mut self, text: &'t str, depth: usize) -> Result<(), BadFrame> {
        let random = &mut *self.random;
        let mut choose = |count: usize| random.below(count as u64) as usize;
        for piece in frames::pieces(text, &mut choose)? {
            match piece {
                Piece::Text(text) => self.text.push_str(text),
                Piece::Gap(gap) => self.gap(gap, depth)?,
            }
        }
        Ok(())
    }

    fn gap(&mut self, gap: &'t str, depth: usize) -> Result<(), BadFrame> {
        if let Some((who, form)) = gap.split_once('.') {
            return self.person(who, form);
        }
        if let Some(value) = numbers::value(gap, self.random) {
            let tag = if gap.ends_with("_odd") {
                "obfuscated"
            } else {
                ""
            };
            for (text, detector) in value {
                self.put(&text, detector, tag);
            }
            return Ok(());
        }
        let unnamed = match gap {
            "Common" => Some(self.stock.people.common_word(self.random)),
            "common" => Some(self.stock.people.common_word(self.random).to_lowercase()),
            "Surname" => Some(self.stock.people.person(Some("plain"), self.random).last),
            "Coined" => Some(self.stock.people.coin(self.random)),
            _ => self.stock.vocabulary.filling(gap, self.random),
        };
        if let Some(word) = unnamed {
            self.put(&word, None, "");
            return Ok(());
        }
        let filling = self
            .stock
            .fills
            .get(gap)
            .and_then(|lines| self.random.pick(lines))
            .copied();
        let Some(filling) = filling.filter(|_| depth < DEPTH) else {
            return Err(frames::bad(gap, "nothing fills this gap"));
        };
        let start = self.text.len();
        self.add(filling, depth + 1)?;
        if let Some((_, detector)) = LABELLED.iter().find(|(name, _)| *name == gap) {
            self.labels.push(Label {
                start,
                end: self.text.len(),
                detector: *detector,
                tag: String::new(),
            });
        }
        Ok(())
    }

    fn person(&mut self, who: &'t str, form: &str) -> Result<(), BadFrame> {
        if !self.cast.contains_key(who) {
            let style = self.frame.option("style");
            self.cast
                .insert(who, self.stock.people.person(style, self.random));
        }
        let Some(person) = self.cast.get(who).cloned() else {
            return Ok(());
        };
        let Person {
            first,
            last,
            middle,
            style,
        } = person;
        let initial = |name: &str| name.chars().next().unwrap_or('X');
        let (lower, upper) = (str::to_lowercase, str::to_uppercase);
        let text = match form {
            "full" => format!("{first} {last}"),
            "fml" => format!("{first} {middle}. {last}"),
            "first" => first,
            "last" => last,
            "lf" => format!("{last}, {first}"),
            "lfm" => format!("{last}, {first} {middle}"),
            "fl" => format!("{}. {last}", initial(&first)),
            "lfi" => format!("{last}, {}.", initial(&first)),
            "fil" => format!("{}. {middle}. {last}", initial(&first)),
            "firstl" => format!("{first} {}.", initial(&last)),
            "full_jr" => format!("{first} {last} Jr."),
            "nick" => format!(
                "{first} \"{}\" {last}",
                self.stock.people.person(Some("plain"), self.random).first
            ),
            "initials" => format!("{}{}{}", initial(&first), middle, initial(&last)),
            "FULL" => upper(&format!("{first} {last}")),
            "FIRST" => upper(&first),
            "LAST" => upper(&last),
            "LF" => upper(&format!("{last}, {first}")),
            "LFM" => upper(&format!("{last},{first} {middle}")),
            "LASTfirst" => format!("{}, {first}", upper(&last)),
            "low" => lower(&format!("{first} {last}")),
            "lowfirst" => lower(&first),
            "lowlast" => lower(&last),
            "hl7" => {
                for (index, part) in [upper(&last), upper(&first), middle.to_string()]
                    .iter()
                    .enumerate()
                {
                    if index > 0 {
                        self.text.push('^');
                    }
                    self.put(part, Some(Detector::Name), style);
                }
                return Ok(());
            }
            _ => return Err(frames::bad(form, "no form of a name")),
        };
        self.put(&text, Some(Detector::Name), style);
        Ok(())
    }

    /// Changes the case of all letters, beyond ASCII too, and moves the labels with them.
    fn map_case<I: ExactSizeIterator<Item = char>>(&mut self, case: fn(char) -> I) {
        let mut places = vec![0; self.text.len() + 1];
        let mut text = String::with_capacity(self.text.len());
        for (at, letter) in self.text.char_indices() {
            places[at] = text.len();
            text.push(in_case(letter, case));
        }
        places[self.text.len()] = text.len();
        for label in &mut self.labels {
            (label.start, label.end) = (places[label.start], places[label.end]);
        }
        self.text = text;
    }

    fn put(&mut self, text: &str, detector: Option<Detector>, tag: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        if let Some(detector) = detector {
            self.labels.push(Label {
                start,
                end: self.text.len(),
                detector,
                tag: tag.to_owned(),
            });
        }
    }

    /// Some notes are written in capitals or in small letters throughout.
    fn change_case(&mut self) {
        let drawn = self.random.below(100);
        let note = self.frame.set == "notes" && !self.frame.has("as_is");
        let (capitals, small) = match self.frame.has("any_case") {
            true => (ANY_CASE, ANY_CASE),
            false if note => (CAPITALS, SMALL),
            false => (0, 0),
        };
        let tag = if self.frame.has("caps") || drawn < capitals {
            self.map_case(char::to_uppercase);
            "caps"
        } else if self.frame.has("lower") || drawn >= 100 - small {
            self.map_case(char::to_lowercase);
            "lower"
        } else {
            return;
        };
        for label in &mut self.labels {
            if label.detector == Detector::Name {
                tag.clone_into(&mut label.tag);
            }
        }
    }
}

/// Writes each letter in its other case; a letter whose other case is not a single one stays.
fn in_case<I: ExactSizeIterator<Item = char>>(letter: char, case: fn(char) -> I) -> char {
    let mut other = case(letter);
    match (other.len(), other.next()) {
        (1, Some(other)) => other,
        _ => letter,
    }
}

/// `table.name:type`.
fn column(text: &str) -> Column {
    let (place, type_name) = text.split_once(':').unwrap_or((text, "text"));
    let (table, name) = place.split_once('.').unwrap_or(("", place));
    Column {
        table: table.to_owned(),
        name: name.to_owned(),
        type_name: type_name.to_owned(),
    }
}
