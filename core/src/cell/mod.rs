//! One cell of a result: what is known of its column, and how its value is judged.
//!
//! Rows, COPY rows and streamed values all come through here, so that a value is masked the
//! same way whatever frame it travels in.
//!
//! * [`ColumnPlan`]: what was decided about a column, once per result header.
//! * [`Judge`]: carries it out on a value that is whole in memory.
//! * [`StreamedCell`]: the same for a value that is too large for that.
//! * [`Tally`]: counts what was masked.

mod block;
mod fill;
mod judge;
mod known;
mod plan;
mod row;
mod scan;
mod stream;
mod tally;
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
pub use tally::{Count, Masker, Spot, Tally};
pub(crate) use watch::SharedWatch;

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
