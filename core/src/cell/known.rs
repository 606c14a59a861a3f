//! The values of one row that tell about its others, kept while those are judged: identifying
//! values, and the key of an (entity, attribute, value) row.

use std::ops::Range;

use super::{ColumnPlan, Encoding, Whose};
use crate::inspect::{DetectorId, Inspect, KnownValue, Outline};
use crate::limits::KNOWN_VALUE_BYTES;
use crate::mask::decode;
use crate::mask::types::{Scalar, Shape};

/// Values of a row that are remembered; those of further columns are not.
const VALUES: usize = 16;

/// Copies of a row's identifying values in text form: the row itself is masked in place.
#[derive(Default)]
pub(crate) struct KnownRow {
    bytes: Vec<u8>,
    values: Vec<(DetectorId, Outline, Range<usize>)>,
    key: Option<Range<usize>>,
    /// With their numbers; see [`Whose`].
    subjects: Vec<(usize, Range<usize>)>,
    counted: Counted,
}

/// Texts of values that say whose rows went by, until somebody counts them.
#[derive(Default)]
struct Counted {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Rows that have one, and whether the row at hand does.
    rows: u64,
    has_one: bool,
}

/// Place for what [`KnownRow::values`] lends, made when there is something to lend.
pub(crate) type Slots<'a> = Option<[KnownValue<'a>; VALUES]>;

const EMPTY: KnownValue<'_> = KnownValue {
    detector: DetectorId(0),
    text: &[],
    outline: Outline::ANY,
};

impl KnownRow {
    /// True if the values of one of the columns tell about those in another.
    pub(crate) fn joins(columns: &[ColumnPlan]) -> bool {
        use super::Decision::Scan;
        let asks = |plan: &ColumnPlan| plan.decision == Scan || plan.whose != Whose::Unknown;
        let tell = columns.iter().any(ColumnPlan::is_noted) && columns.iter().any(asks);
        tell || columns.iter().any(|plan| plan.is_counted)
    }

    /// Begins a row. What is to be counted of the last one stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.values.clear();
        self.key = None;
        self.subjects.clear();
        self.counted.has_one = false;
    }

    /// Remembers the value of a cell if its column tells about others.
    pub(crate) fn note(
        &mut self,
        inspector: &impl Inspect,
        column: &ColumnPlan,
        encoding: Encoding,
        value: &[u8],
    ) {
        if !column.is_noted() || value.len() > KNOWN_VALUE_BYTES {
            return;
        }
        let start = self.bytes.len();
        let written = match (encoding, column.shape) {
            (Encoding::Binary, Some(Shape::Scalar(scalar))) if scalar != Scalar::Text => {
                decode::text(scalar, value, &mut self.bytes) == Ok(true)
            }
            _ => false,
        };
        if !written {
            self.bytes.truncate(start);
            self.bytes.extend_from_slice(value);
        }
        let range = start..self.bytes.len();
        if column.is_key {
            self.key = Some(range.clone());
        }
        if let Some(number) = column.subject {
            self.subjects.push((number, range.clone()));
        }
        if column.is_counted {
            let text = self.bytes.get(range.clone()).unwrap_or_default();
            self.counted.bytes.extend_from_slice(text);
            self.counted.ends.push(self.counted.bytes.len());
            self.counted.rows += u64::from(!self.counted.has_one);
            self.counted.has_one = true;
        }
        if let Some(detector) = column.known
            && self.values.len() < VALUES
        {
            let text = self.bytes.get(range.clone()).unwrap_or_default();
            let outline = inspector.outline(detector, text);
            self.values.push((detector, outline, range));
        }
    }

    /// Hands over the values to be counted, in order, until `count` fails; forgets them all. Gives
    /// the number of rows that had one.
    pub(crate) fn count<E>(
        &mut self,
        mut count: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let Counted {
            bytes, ends, rows, ..
        } = &mut self.counted;
        let mut at = 0;
        let counted = ends.iter().try_for_each(|&end| {
            let text = bytes.get(at..end).unwrap_or_default();
            at = end;
            count(text)
        });
        bytes.clear();
        ends.clear();
        let rows = std::mem::take(rows);
        counted.map(|()| rows)
    }

    /// The row's key.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.key.clone().and_then(|range| self.bytes.get(range))
    }

    /// The value that was noted under this number; `None` if it is NULL or too long.
    pub(crate) fn subject(&self, number: usize) -> Option<&[u8]> {
        let (_, range) = self.subjects.iter().find(|(noted, _)| *noted == number)?;
        self.bytes.get(range.clone())
    }

    /// The values, in `slots`.
    pub(crate) fn values<'s, 'a>(&'a self, slots: &'s mut Slots<'a>) -> &'s [KnownValue<'a>] {
        if self.values.is_empty() {
            return &[];
        }
        let slots = slots.insert([EMPTY; VALUES]);
        for (slot, (detector, outline, range)) in slots.iter_mut().zip(&self.values) {
            *slot = KnownValue {
                detector: *detector,
                text: self.bytes.get(range.clone()).unwrap_or_default(),
                outline: *outline,
            };
        }
        slots.get(..self.values.len()).unwrap_or_default()
    }
}
