//! What was masked of a statement's results, by column, and which columns under rules they show.
//!
//! Columns are named as the catalog has them (`schema.table.column`), or by their place in the
//! output (`#3`): what a statement calls a column is the client's word and in no record.

use crate::limits::{RECORD_COLUMNS, RECORD_OUTPUTS};
use crate::sql::quoted;

/// Where cells are counted that have no place of their own any more: see [`Masking::is_cut`].
pub const OTHERS: &str = "others";

/// What became of the columns under rules on their way into an output column, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It says how many values there are.
    Counted,
    /// It shows the value itself.
    Itself,
    /// It is computed from them.
    Derived,
    /// Nobody knows what else flows in.
    Unknown,
}

impl How {
    /// In the order of their codes.
    pub(crate) const ALL: [Self; 4] = [Self::Counted, Self::Itself, Self::Derived, Self::Unknown];

    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Counted => "counted",
            How::Itself => "itself",
            How::Derived => "derived",
            How::Unknown => "unknown",
        }
    }
}

/// Masked cells of one column, of one type, by one rule or detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedCells {
    /// The column; empty for what stands in none, such as the text of an error.
    pub column: String,
    /// What its values are, such as `ssn`, as the detectors say; empty: nobody knows.
    pub kind: String,
    /// Who masked them, as in the counts by rule or detector.
    pub masker: String,
    /// How many.
    pub cells: u64,
}

/// An output column into which columns under rules flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledOutput {
    /// Its place, from 1.
    pub output: u32,
    /// What became of them on the way.
    pub how: How,
    /// Their names in the catalog, sorted; at most [`crate::limits::RECORD_SOURCES`].
    pub columns: Vec<String>,
}

/// Part of an OUTCOME, if something was masked or shown of a column under a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masking {
    /// Something is left out: outputs, columns of an output, or columns of cells, which are counted
    /// under [`OTHERS`] then.
    pub is_cut: bool,
    /// By column, type and masker.
    pub cells: Vec<MaskedCells>,
    /// By output; of several results of one statement, all.
    pub outputs: Vec<RuledOutput>,
}

impl Masking {
    /// True if it says nothing.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.outputs.is_empty()
    }

    /// Counts cells; those of one column, type and masker are one entry.
    pub fn count(&mut self, cells: MaskedCells) {
        let is_same = |known: &&mut MaskedCells| {
            known.column == cells.column && known.kind == cells.kind && known.masker == cells.masker
        };
        if let Some(known) = self.cells.iter_mut().find(is_same) {
            known.cells += cells.cells;
        } else if self.cells.len() < RECORD_COLUMNS || cells.column == OTHERS {
            self.cells.push(cells);
        } else {
            self.is_cut = true;
            self.count(MaskedCells {
                column: OTHERS.to_owned(),
                ..cells
            });
        }
    }

    /// Notes an output. The same again is one.
    pub fn show(&mut self, output: RuledOutput) {
        if self.outputs.contains(&output) {
            return;
        }
        match self.outputs.len() < RECORD_OUTPUTS {
            true => self.outputs.push(output),
            false => self.is_cut = true,
        }
    }
}

/// A column by its names, each quoted where SQL would have it quoted.
pub fn column_name(names: [&str; 3]) -> String {
    let begins = |c: char| c.is_ascii_lowercase() || c == '_';
    let goes_on = |c: char| begins(c) || c.is_ascii_digit() || c == '$';
    let part = |name: &str| match name.starts_with(begins) && name.chars().all(goes_on) {
        true => name.to_owned(),
        false => quoted(name),
    };
    names.map(part).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(column: &str, cells: u64) -> MaskedCells {
        MaskedCells {
            column: column.to_owned(),
            kind: "ssn".to_owned(),
            masker: "rule:ssn".to_owned(),
            cells,
        }
    }

    #[test]
    fn what_has_no_room_is_counted_all_the_same() {
        let mut masking = Masking::default();
        for round in 1..=2 {
            for column in 0..RECORD_COLUMNS + 3 {
                masking.count(cells(&format!("#{column}"), round));
            }
        }
        assert!(masking.is_cut);
        assert_eq!(masking.cells.len(), RECORD_COLUMNS + 1);
        let sum: u64 = masking.cells.iter().map(|it| it.cells).sum();
        assert_eq!(sum, 3 * (RECORD_COLUMNS as u64 + 3));
        assert_eq!(masking.cells.last(), Some(&cells(OTHERS, 9)));
    }

    #[test]
    fn outputs_are_noted_once_and_up_to_a_bound() {
        let mut masking = Masking::default();
        let output = |place| RuledOutput {
            output: place,
            how: How::Itself,
            columns: vec!["public.patient.ssn".to_owned()],
        };
        for place in [1, 2, 1] {
            masking.show(output(place));
        }
        assert_eq!((masking.outputs.len(), masking.is_cut), (2, false));
        for place in 0..100 {
            masking.show(output(place));
        }
        assert_eq!(masking.outputs.len(), RECORD_OUTPUTS);
        assert!(masking.is_cut);
    }

    #[test]
    fn names_are_quoted_where_they_have_to_be() {
        assert_eq!(
            column_name(["public", "patient", "ssn"]),
            "public.patient.ssn"
        );
        assert_eq!(
            column_name(["a.b", "C", "x\"y"]),
            "\"a.b\".\"C\".\"x\"\"y\""
        );
        assert_eq!(column_name(["", "1a", "é"]), "\"\".\"1a\".\"é\"");
    }
}
