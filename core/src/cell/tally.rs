//! Masked cells, counted by who masked them and where.

use std::rc::Rc;

use super::ColumnPlan;
use crate::inspect::DetectorId;
use crate::policy::RuleId;

/// Who masked something: the key under which records count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Masker {
    /// A rule of the policy.
    Rule(RuleId),
    /// A content detector.
    Detector(DetectorId),
    /// The gateway's own default (a value that could not be judged).
    Default,
}

/// A column as records name it; never by what the client calls it.
#[derive(Clone, Debug, Default)]
pub struct Spot {
    stored: Option<Rc<str>>,
    place: u16,
}

impl Spot {
    /// A column of the catalog, by its full name there; or none, by its place in the output from 1.
    pub(crate) fn new(stored: Option<String>, place: u16) -> Self {
        Self {
            stored: stored.map(Rc::from),
            place,
        }
    }

    /// The same at another place.
    pub(crate) fn at(&self, place: u16) -> Self {
        Self {
            stored: self.stored.clone(),
            place,
        }
    }

    /// The name in records; empty for what stands in no column.
    pub fn name(&self) -> String {
        match (&self.stored, self.place) {
            (Some(name), _) => name.to_string(),
            (None, 0) => String::new(),
            (None, place) => format!("#{place}"),
        }
    }
}

impl PartialEq for Spot {
    fn eq(&self, other: &Self) -> bool {
        match (&self.stored, &other.stored) {
            (Some(one), Some(other)) => Rc::ptr_eq(one, other) || one == other,
            (None, None) => self.place == other.place,
            _ => false,
        }
    }
}

impl Eq for Spot {}

/// Masked cells of one kind in one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Who masked them.
    pub masker: Masker,
    /// Where.
    pub spot: Spot,
    /// What they are, if the detectors say so.
    pub kind: Option<DetectorId>,
    /// How many.
    pub cells: u64,
}

/// Masked cells by masker, column and type.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Vec<Count>,
    /// Where the next cell is looked for first: rows repeat their columns.
    next: usize,
}

impl Tally {
    /// Counts one masked cell, which stands in no column if there is none.
    pub fn add(&mut self, masker: Masker, column: Option<&ColumnPlan>) {
        let is_it = |count: &Count| {
            count.masker == masker
                && match column {
                    Some(column) => count.spot == column.spot,
                    None => count.spot == Spot::default(),
                }
        };
        let next = self.counts.get(self.next).is_some_and(is_it);
        let at = match next {
            true => self.next,
            false => {
                let found = self.counts.iter().position(is_it);
                found.unwrap_or_else(|| self.begin(masker, column))
            }
        };
        if let Some(count) = self.counts.get_mut(at) {
            count.cells += 1;
        }
        self.next = if at + 1 < self.counts.len() {
            at + 1
        } else {
            0
        };
    }

    fn begin(&mut self, masker: Masker, column: Option<&ColumnPlan>) -> usize {
        let known = column.and_then(|column| column.kind);
        self.counts.push(Count {
            masker,
            spot: column.map(|column| column.spot.clone()).unwrap_or_default(),
            kind: match masker {
                Masker::Detector(detector) => Some(detector),
                Masker::Rule(_) | Masker::Default => known,
            },
            cells: 0,
        });
        self.counts.len() - 1
    }

    /// The counts by column, in order of first appearance.
    pub fn counts(&self) -> &[Count] {
        &self.counts
    }

    /// The counts by masker alone, in order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (Masker, u64)> {
        let mut sums: Vec<(Masker, u64)> = Vec::new();
        for count in &self.counts {
            match sums.iter_mut().find(|(known, _)| *known == count.masker) {
                Some((_, sum)) => *sum += count.cells,
                None => sums.push((count.masker, count.cells)),
            }
        }
        sums.into_iter()
    }

    /// Sum of all counts.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|count| count.cells).sum()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.clear();
        self.next = 0;
    }
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.counts == other.counts
    }
}

impl Eq for Tally {}
