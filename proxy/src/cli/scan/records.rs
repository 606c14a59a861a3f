//! Records and cells of CSV (RFC 4180), as ranges of the bytes that they are in.

use std::borrow::Cow;
use std::ops::Range;

/// Walks over the bytes of a CSV file and says where cells end.
#[derive(Clone)]
pub(super) struct Machine {
    delimiter: u8,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote inside of a quoted cell: its end, or the first of two.
    QuoteSeen,
}

/// What a byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Part of a cell.
    Inside,
    /// The delimiter behind a cell.
    EndsCell,
    /// The line feed behind a record.
    EndsRecord,
}

/// A cell of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its content without the quotes around it; quotes inside are still doubled.
    pub(super) range: Range<usize>,
    /// Two quotes in it stand for one.
    pub(super) is_quoted: bool,
    /// It begins with a quote that nothing closes.
    pub(super) is_open: bool,
}

impl Step {
    pub(super) fn ends_record(self) -> bool {
        self == Self::EndsRecord
    }
}

impl Machine {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::CellStart,
        }
    }

    pub(super) fn step(&mut self, byte: u8) -> Step {
        let is_outside = self.state != State::Quoted;
        if is_outside && byte == self.delimiter {
            self.state = State::CellStart;
            return Step::EndsCell;
        }
        if is_outside && byte == b'\n' {
            self.state = State::CellStart;
            return Step::EndsRecord;
        }
        self.state = match (self.state, byte) {
            (State::CellStart | State::QuoteSeen, b'"') => State::Quoted,
            (State::Quoted, b'"') => State::QuoteSeen,
            (State::Quoted, _) => State::Quoted,
            // The carriage return of the line's end.
            (State::QuoteSeen, b'\r') => State::QuoteSeen,
            _ => State::Plain,
        };
        Step::Inside
    }
}

/// Calls `record` with the cells of each record of `bytes`.
pub(super) fn for_each(bytes: &[u8], delimiter: u8, mut record: impl FnMut(&[Cell])) {
    let mut machine = Machine::new(delimiter);
    let mut cells = Vec::new();
    let (mut record_start, mut cell_start) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        let state = machine.state;
        let step = machine.step(*byte);
        if step == Step::Inside {
            continue;
        }
        cells.push(cell(bytes, cell_start..at, state, step.ends_record()));
        cell_start = at + 1;
        if step.ends_record() {
            record(&cells);
            cells.clear();
            record_start = at + 1;
        }
    }
    if record_start < bytes.len() {
        cells.push(cell(bytes, cell_start..bytes.len(), machine.state, true));
        record(&cells);
    }
}

/// The cell of those bytes, behind which the machine was in `state`.
fn cell(bytes: &[u8], mut range: Range<usize>, state: State, is_last: bool) -> Cell {
    let is_quoted = state == State::QuoteSeen;
    let is_open = state == State::Quoted;
    if is_quoted || is_last && !is_open {
        let returns = bytes[range.clone()]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\r');
        let returns = returns.count();
        range.end -= if is_quoted { returns } else { returns.min(1) };
    }
    if is_quoted {
        range = range.start + 1..range.end - 1;
    }
    Cell {
        range,
        is_quoted,
        is_open,
    }
}

impl Cell {
    /// The value that the cell of `bytes` stands for.
    pub(super) fn value<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let content = &bytes[self.range.clone()];
        match self.is_quoted && memchr::memchr(b'"', content).is_some() {
            true => Cow::Owned(self.places(bytes).map(|place| bytes[place]).collect()),
            false => Cow::Borrowed(content),
        }
    }

    /// Where each byte of the value stands.
    pub(super) fn places<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = usize> + use<'b> {
        let (mut at, end, is_quoted) = (self.range.start, self.range.end, self.is_quoted);
        std::iter::from_fn(move || {
            let place = (at < end).then_some(at)?;
            let is_double = is_quoted && bytes[at..end].starts_with(b"\"\"");
            at += 1 + usize::from(is_double);
            Some(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<Vec<String>> {
        let bytes = text.as_bytes();
        let mut records = Vec::new();
        for_each(bytes, b',', |cells| {
            let value = |cell: &Cell| String::from_utf8_lossy(&cell.value(bytes)).into_owned();
            records.push(cells.iter().map(value).collect());
        });
        records
    }

    #[test]
    fn cells_are_what_rfc_4180_says() {
        assert_eq!(values("a,b\r\n1,\n"), [["a", "b"], ["1", ""]]);
        assert_eq!(values("\"a,\"\"x\"\"\nb\",c\r\n"), [["a,\"x\"\nb", "c"]]);
        assert_eq!(values("\"a\"\r\n\"\"\r\n\r\n"), [["a"], [""], [""]]);
        assert_eq!(values("x \"y\",z"), [["x \"y\"", "z"]]);
        assert_eq!(values(""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn nothing_of_a_bad_cell_is_lost() {
        assert_eq!(values("\"a\" b,c"), [["\"a\" b", "c"]]);
        assert_eq!(values("\"a,b\nc"), [["\"a,b\nc"]]);
        let mut open = Vec::new();
        for_each(b"x,\"a\n", b',', |cells| {
            open.extend(cells.iter().map(|cell| cell.is_open));
        });
        assert_eq!(open, [false, true]);
    }

    #[test]
    fn values_know_where_they_stand() {
        let text = b"1,\"a\"\"b\"";
        for_each(text, b',', |cells| {
            let places: Vec<_> = cells[1].places(text).collect();
            assert_eq!(places, [3, 4, 6]);
        });
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a-z,\"\r\n é]{0,6}", 2..4), 0..5),
        ) {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(",");
            let text: String = rows.iter().map(|row| line(row) + "\r\n").collect();
            prop_assert_eq!(values(&text), rows);
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for_each(&bytes, b'"', |cells| {
                for cell in cells {
                    assert!(cell.value(&bytes).len() <= bytes.len());
                }
            });
        }
    }
}
