//! Masked cells, counted by who masked them and where.

use std::fmt;
use std::rc::Rc;

use super::{ColumnPlan, Encoding};
use crate::audit::receipt::values::{Kept, ValueStream};
use crate::inspect::DetectorId;
use crate::limits::RECEIPT_COLUMNS;
use crate::mask::decode;
use crate::mask::types::{Scalar, Shape};
use crate::policy::RuleId;

/// Columns whose numbers are remembered.
const COLUMNS: usize = 2 * RECEIPT_COLUMNS;

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
#[derive(Default)]
pub struct Tally {
    counts: Vec<Count>,
    /// Where the next cell is looked for first: rows repeat their columns.
    next: usize,
    marks: Option<Box<Marks>>,
}

/// The values of masked cells, as keyed hashes.
struct Marks {
    kept: Kept,
    /// Numbers of the columns there.
    columns: Vec<(Spot, Option<usize>)>,
    /// As in [`Tally`].
    next: usize,
    text: Vec<u8>,
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
        if column.is_none() {
            self.missed(None);
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

    // -- the values, for a receipt -----------------------------------------------------------

    /// Values are kept from now on.
    pub(crate) fn keep(&mut self, kept: Kept) {
        self.marks = Some(Box::new(Marks {
            kept,
            columns: Vec::new(),
            next: 0,
            text: Vec::new(),
        }));
    }

    /// The values that were kept.
    pub(crate) fn take_kept(&mut self) -> Option<Kept> {
        self.marks.take().map(|marks| marks.kept)
    }

    /// A cell is about to be masked whole: keeps its value, in text where its type has one.
    pub(super) fn value(&mut self, column: &ColumnPlan, encoding: Encoding, value: &[u8]) {
        let Some(marks) = &mut self.marks else { return };
        let Some(number) = marks.number(column) else {
            return marks.kept.miss(None);
        };
        if let (Encoding::Binary, Some(Shape::Scalar(scalar))) = (encoding, column.shape)
            && scalar != Scalar::Text
        {
            marks.text.clear();
            if decode::text(scalar, value, &mut marks.text) == Ok(true) {
                return marks.kept.add(number, &marks.text);
            }
        }
        marks.kept.add(number, value);
    }

    /// A part of a cell's text is about to be masked: keeps it.
    pub(super) fn found(&mut self, column: &ColumnPlan, text: &[u8]) {
        let Some(marks) = &mut self.marks else { return };
        match marks.number(column) {
            Some(number) => marks.kept.add(number, text),
            None => marks.kept.miss(None),
        }
    }

    /// A cell is about to be masked whose value cannot be kept.
    pub(super) fn missed(&mut self, column: Option<&ColumnPlan>) {
        if let Some(marks) = &mut self.marks {
            let number = column.and_then(|column| marks.number(column));
            marks.kept.miss(number);
        }
    }

    /// Begins to keep a value that comes in parts.
    pub(super) fn start(&mut self, column: &ColumnPlan) -> Option<ValueStream> {
        let marks = self.marks.as_mut()?;
        let number = marks.number(column);
        let stream = number.and_then(|number| marks.kept.start(number));
        if stream.is_none() {
            marks.kept.miss(None);
        }
        stream
    }

    /// Keeps a value that has come in parts.
    pub(super) fn finish(&mut self, column: &ColumnPlan, stream: ValueStream) {
        if let Some(marks) = &mut self.marks
            && let Some(number) = marks.number(column)
        {
            marks.kept.finish(number, stream);
        }
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

impl Marks {
    /// The number of a column; `None` if there are too many.
    fn number(&mut self, column: &ColumnPlan) -> Option<usize> {
        let is_it = |(spot, _): &(Spot, Option<usize>)| *spot == column.spot;
        let at = match self.columns.get(self.next).is_some_and(is_it) {
            true => self.next,
            false => {
                let found = self.columns.iter().position(is_it);
                found.unwrap_or_else(|| {
                    let number = self.kept.column(&column.spot.name());
                    if self.columns.len() < COLUMNS {
                        self.columns.push((column.spot.clone(), number));
                    }
                    self.columns.len() - 1
                })
            }
        };
        self.next = if at + 1 < self.columns.len() {
            at + 1
        } else {
            0
        };
        self.columns
            .get(at)
            .filter(|it| is_it(it))
            .and_then(|(_, number)| *number)
    }
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.counts == other.counts
    }
}

impl Eq for Tally {}

/// Without the values.
impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tally").field(&self.counts).finish()
    }
}
