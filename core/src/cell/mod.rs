//! One cell of a result: what is known of its column, and how its value is judged.
//!
//! Rows, COPY rows and streamed values all come through here, so that a value is masked the
//! same way whatever frame it travels in.
//!
//! * [`ColumnPlan`]: what was decided about a column, once per result header.
//! * [`Judge`]: carries it out on a value that is whole in memory.
//! * [`StreamedCell`]: the same for a value that is too large for that.

mod block;
mod fill;
mod judge;
mod known;
mod plan;
mod row;
mod scan;
mod stream;
#[cfg(test)]
mod tests;
mod watch;

pub use judge::{Judge, Scratch, Verdict};
pub(crate) use known::KnownRow;
pub(crate) use plan::{Base, Evidence};
pub use plan::{ColumnPlan, Decision};
pub use row::Row;
pub(crate) use row::Whose;
pub use stream::StreamedCell;
pub(crate) use watch::SharedWatch;

use crate::inspect::DetectorId;
use crate::policy::RuleId;

/// How a value is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The type's text form.
    Text,
    /// The type's binary form (`typsend`).
    Binary,
}

/// What RowDescription (or the gateway's own description of a COPY) says of an output column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Name of the output column; an alias if the statement gave one.
    pub name: Box<[u8]>,
    /// `pg_class.oid` of the base table; 0 if the column is computed.
    pub table_oid: u32,
    /// `pg_attribute.attnum` of the base column; 0 if the column is computed.
    pub attnum: i16,
    /// `pg_type.oid`; for a domain the type below it.
    pub type_oid: u32,
}

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

/// Masked cells by masker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<(Masker, u64)>,
}

impl Tally {
    /// Counts one masked cell.
    pub fn add(&mut self, masker: Masker) {
        match self.counts.iter_mut().find(|(known, _)| *known == masker) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((masker, 1)),
        }
    }

    /// The counts, in order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (Masker, u64)> + '_ {
        self.counts.iter().copied()
    }

    /// Sum of all counts.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.clear();
    }
}
