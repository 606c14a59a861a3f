//! What a session has masked, summed up at its end, and a commitment to the values.
//!
//! ```text
//!  session secret ─ HMAC (column) ─┬─▶ column key ─ HMAC (value) ─▶ mark, 16 bytes
//!                                  └─▶ blinding key ─ HMAC (mark, part) ─▶ salts
//!  marks, sorted ─▶ leaves ─▶ RFC 6962 root ─▶ the record, with a hash of the column key
//! ```
//!
//! Nobody who has the record alone can try values out: marks are keyed, and they are not in it. Who
//! has the session's secret can show of one value whether it is among those of a column, by one
//! leaf, or by the two between which it would stand. To read that takes the key of that column of
//! that session, which opens nothing else.
//!
//! * [`values`]: marks, gathered while values are masked.
//! * [`leaf`]: what a leaf is, so that of a neighbour no more is shown than its place takes.
//! * [`claim`]: proofs of presence and absence; [`file`]: a receipt with its proofs, on its own.

pub mod claim;
pub mod file;
pub mod leaf;
#[cfg(test)]
mod tests;
pub mod values;

use std::collections::BTreeMap;

use super::masking::OTHERS;
use crate::limits::RECEIPT_COLUMNS;

/// A commitment to the values of one column that were masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// Hash of the column's key, see [`values::key_hash`].
    pub key: [u8; 32],
    /// Different values.
    pub values: u64,
    /// Root of the tree of their leaves.
    pub root: [u8; 32],
}

/// What a session had of one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptColumn {
    /// As in [`super::masking::MaskedCells`].
    pub column: String,
    /// Rows that had it and were judged, NULLs included.
    pub rows: u64,
    /// Masked cells by type, sorted; the type is empty where nobody knows it.
    pub masked: Vec<(String, u64)>,
    /// Masked cells whose values are not in the commitment.
    pub missed: u64,
    /// `None`: no values were kept.
    pub commitment: Option<Commitment>,
}

/// Where the leaves are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// Name of the file.
    pub file: String,
    /// SHA-256 of the file, which is sealed.
    pub sha256: [u8; 32],
}

/// The record at a session's end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// SHA-256 of each policy that was in force.
    pub policies: Vec<[u8; 32]>,
    /// What looked at content, see `Detectors::digest`.
    pub detectors: [u8; 32],
    /// Statements begun.
    pub statements: u64,
    /// Rows released.
    pub rows: u64,
    /// Bytes released.
    pub bytes: u64,
    /// Some columns are counted under [`OTHERS`].
    pub is_cut: bool,
    /// By name.
    pub columns: Vec<ReceiptColumn>,
    /// `None`: there are none, or they could not be written.
    pub leaves: Option<Leaves>,
}

impl Receipt {
    /// What it says of a column.
    pub fn column(&self, name: &str) -> Option<&ReceiptColumn> {
        self.columns.iter().find(|column| column.column == name)
    }
}

/// Counts of a session so far.
#[derive(Default)]
pub struct Counts {
    columns: BTreeMap<String, ReceiptColumn>,
    is_cut: bool,
}

impl Counts {
    /// Rows that have the column.
    pub fn rows(&mut self, column: &str, rows: u64) {
        self.column(column).rows += rows;
    }

    /// Masked cells.
    pub fn masked(&mut self, column: &str, kind: &str, cells: u64) {
        let masked = &mut self.column(column).masked;
        match masked.binary_search_by(|(known, _)| known.as_str().cmp(kind)) {
            Ok(at) => {
                if let Some((_, count)) = masked.get_mut(at) {
                    *count += cells;
                }
            }
            Err(at) => masked.insert(at, (kind.to_owned(), cells)),
        }
    }

    /// Masked cells whose values are in no commitment.
    pub fn missed(&mut self, column: &str, cells: u64) {
        self.column(column).missed += cells;
    }

    fn column(&mut self, name: &str) -> &mut ReceiptColumn {
        let has_room = self.columns.len() < RECEIPT_COLUMNS || self.columns.contains_key(name);
        self.is_cut |= !has_room;
        let name = if has_room { name } else { OTHERS };
        // Looked up first: a name is copied once.
        if !self.columns.contains_key(name) {
            let column = ReceiptColumn {
                column: name.to_owned(),
                ..ReceiptColumn::default()
            };
            self.columns.insert(name.to_owned(), column);
        }
        self.columns.entry(name.to_owned()).or_default()
    }

    /// All of them by name, and whether some are counted together.
    pub fn finish(self) -> (Vec<ReceiptColumn>, bool) {
        (self.columns.into_values().collect(), self.is_cut)
    }
}

/// A receipt whose values are not committed to yet: that takes more time than a data thread has.
pub struct Draft {
    /// All but commitments and leaves.
    pub receipt: Receipt,
    /// The marks.
    pub values: values::Kept,
}
