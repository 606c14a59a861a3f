//! CSV: the header's names are evidence, and so is what identifies the person of a record.

use std::borrow::Cow;

use velum_core::inspect::{
    ColumnHint, DetectorId, Finding, Inspect, KnownValue, Outline, Prior, Surroundings,
};
use velum_core::limits::KNOWN_VALUE_BYTES;

use super::batches::BATCH_BYTES;
use super::position::{Position, advance};
use super::records::{Cell, for_each};
use super::scanner::{Piece, Problem, Scanner};

/// Records at the begin of a file that an engine learns its columns from, unless they are longer
/// than [`SAMPLE_BYTES`] together.
const SAMPLE_RECORDS: usize = 1024;
/// Less than any first batch but a last one has: what is in it depends on the file alone.
const SAMPLE_BYTES: usize = BATCH_BYTES / 2;

/// The columns of a file, as its header names them and its first records show them.
#[derive(Clone, Default)]
pub(super) struct Header {
    columns: Vec<Column>,
}

#[derive(Clone)]
struct Column {
    name: Vec<u8>,
    prior: Prior,
}

impl Header {
    /// Reads the record that names the columns.
    pub(super) fn read(record: &[u8], delimiter: u8, engine: &impl Inspect) -> Self {
        let mut columns = Vec::new();
        for_each(record, delimiter, |cells| {
            columns.extend(cells.iter().map(|cell| {
                let name = cell.value(record).trim_ascii().to_vec();
                let prior = engine.prior(ColumnHint::named(&name));
                Column { name, prior }
            }));
        });
        Self { columns }
    }

    /// Raises columns that hold nothing but one kind of identifier in the first records of a
    /// file; for all records, so that none depends on those before it.
    pub(super) fn learn(&mut self, records: &[u8], delimiter: u8, engine: &impl Inspect) {
        let mut watches: Vec<_> = self
            .columns
            .iter()
            .map(|column| match column.prior {
                Prior::Scan => engine.watch(ColumnHint::named(&column.name)),
                Prior::Skip | Prior::Whole(_) => None,
            })
            .collect();
        let mut findings = Vec::new();
        let mut seen = 0;
        for_each(records, delimiter, |cells| {
            seen += 1;
            let end = cells.last().map_or(0, |cell| cell.range.end);
            if seen > SAMPLE_RECORDS || end > SAMPLE_BYTES {
                return;
            }
            for ((cell, watch), column) in cells.iter().zip(&mut watches).zip(&self.columns) {
                let value = cell.value(records);
                if let Some(watch) = watch.as_mut().filter(|_| !value.is_empty()) {
                    let around = Surroundings::in_column(&column.name);
                    findings.clear();
                    engine.inspect(&value, around, &mut findings);
                    watch.see(&value, &findings);
                }
            }
        });
        for (column, watch) in self.columns.iter_mut().zip(watches) {
            if let Some(detector) = watch.and_then(|watch| watch.settled()) {
                column.prior = Prior::Whole(detector);
            }
        }
    }

    /// The column of a cell. One that nothing closes has swallowed others: it has none.
    fn of(&self, place: usize, cell: &Cell) -> Option<&Column> {
        self.columns.get(place).filter(|_| !cell.is_open)
    }
}

impl Scanner {
    /// A batch of records below `header`.
    pub(super) fn records(&self, batch: &[u8], delimiter: u8, header: &Header) -> Piece {
        let mut piece = Piece {
            bytes: batch.len() as u64,
            ..Piece::default()
        };
        // Places in the batch, of all findings.
        let mut hidden = Vec::new();
        let mut walk = Walk::default();
        for_each(batch, delimiter, |cells| {
            let values: Vec<_> = cells.iter().map(|cell| cell.value(batch)).collect();
            let known = known(header, cells, &values);
            for (place, (cell, value)) in cells.iter().zip(&values).enumerate() {
                self.cell(
                    batch,
                    cell,
                    value,
                    header.of(place, cell),
                    &known,
                    &mut Output {
                        piece: &mut piece,
                        hidden: &mut hidden,
                        walk: &mut walk,
                    },
                );
            }
        });
        piece.end = walk.to(batch, batch.len());
        if self.wants_masked {
            piece.out = batch.to_vec();
            for place in hidden {
                let byte = Finding {
                    start: place,
                    end: place + 1,
                    detector: DetectorId(0),
                };
                velum_core::mask::redact(&mut piece.out, &[byte]);
            }
        }
        piece
    }

    fn cell(
        &self,
        batch: &[u8],
        cell: &Cell,
        value: &[u8],
        column: Option<&Column>,
        known: &[KnownValue<'_>],
        output: &mut Output<'_>,
    ) {
        if cell.is_open {
            output.piece.problems.push(Problem {
                position: output.walk.to(batch, cell.range.start),
                what: "a quoted cell is not closed".to_owned(),
            });
        }
        let mut findings = Vec::new();
        let around = Surroundings {
            column: column.map(|column| ColumnHint::named(&column.name)),
            known,
            ..Surroundings::WHOLE
        };
        match column.map_or(Prior::Scan, |column| column.prior) {
            Prior::Skip => {}
            Prior::Whole(detector) => findings.extend((!value.is_empty()).then_some(Finding {
                start: 0,
                end: value.len(),
                detector,
            })),
            Prior::Scan => self.engine.inspect(value, around, &mut findings),
        }
        if findings.is_empty() {
            return;
        }
        let places: Vec<usize> = cell.places(batch).collect();
        for finding in &findings {
            output.piece.counts.add(finding);
            if let Some(start) = places.get(finding.start) {
                let position = output.walk.to(batch, *start);
                let name = column.map(|column| column.name.as_slice());
                self.list(output.piece, position, finding, value, name);
            }
            if self.wants_masked {
                output.hidden.extend(&places[finding.start..finding.end]);
            }
        }
    }
}

/// Where the findings of a batch go.
struct Output<'o> {
    piece: &'o mut Piece,
    hidden: &'o mut Vec<usize>,
    walk: &'o mut Walk,
}

/// Lines and columns of places that mostly rise.
#[derive(Default)]
struct Walk {
    at: usize,
    position: Position,
}

impl Walk {
    fn to(&mut self, bytes: &[u8], place: usize) -> Position {
        if place < self.at {
            *self = Self::default();
        }
        advance(&mut self.position, &bytes[self.at..place]);
        self.at = place;
        self.position
    }
}

/// What the identifying columns of a record hold.
fn known<'v>(header: &Header, cells: &[Cell], values: &'v [Cow<'_, [u8]>]) -> Vec<KnownValue<'v>> {
    let named = cells.iter().zip(values).enumerate();
    let whole = named.filter_map(
        |(place, (cell, value))| match header.of(place, cell)?.prior {
            Prior::Whole(detector) if (1..=KNOWN_VALUE_BYTES).contains(&value.len()) => {
                Some(KnownValue {
                    detector,
                    text: value,
                    outline: Outline::ANY,
                })
            }
            _ => None,
        },
    );
    whole.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use velum_detectors::Detectors;

    fn scanner() -> Scanner {
        Scanner {
            engine: Detectors::standard(),
            wants_hits: true,
            wants_masked: true,
            wants_spans: false,
            is_clear: true,
        }
    }

    #[test]
    fn cells_are_found_and_masked_where_they_stand() {
        let scanner = scanner();
        let header = Header::read(b"id,ssn,note\r\n", b',', &scanner.engine);
        let batch = b"1,531-77-0294,ok\r\n2,,\"say \"\"hi\"\",\nmail a@example.org\"\r\n";
        let piece = scanner.records(batch, b',', &header);
        let hits: Vec<_> = piece
            .hits
            .iter()
            .map(|hit| {
                let column = hit.column.as_deref().unwrap_or_default();
                (
                    hit.position.line,
                    hit.position.column,
                    hit.text.as_str(),
                    column,
                )
            })
            .collect();
        assert_eq!(
            hits,
            [
                (0, 2, "531-77-0294", "ssn"),
                (2, 5, "a@example.org", "note")
            ]
        );
        assert_eq!(
            String::from_utf8_lossy(&piece.out),
            "1,XXX-XX-XXXX,ok\r\n2,,\"say \"\"hi\"\",\nmail X@XXXXXXX.XXX\"\r\n"
        );
        assert_eq!(piece.end, Position { line: 3, column: 0 });
        assert!(piece.problems.is_empty());
    }

    #[test]
    fn a_column_is_known_by_its_first_records() {
        let scanner = scanner();
        let mut header = Header::read(b"id,v\n", b',', &scanner.engine);
        let rows: String = (0..200)
            .map(|n| format!("{n},{}\n", 531_770_294 + 7_919 * n))
            .collect();
        let odd = b"7,call me later\n";
        let found = |header: &Header| scanner.records(odd, b',', header).counts.total();
        assert_eq!(found(&header), 0);
        header.learn(rows.as_bytes(), b',', &scanner.engine);
        assert_eq!(
            found(&header),
            1,
            "it is a value of a column of such numbers"
        );
    }

    #[test]
    fn an_open_quote_hides_nothing_from_the_scan() {
        let scanner = scanner();
        let header = Header::read(b"total_cents,n\n", b',', &scanner.engine);
        let piece = scanner.records(b"1,2\n\"3,4\n5,531-77-0294\n", b',', &header);
        assert_eq!(piece.counts.total(), 1);
        assert_eq!(piece.problems.len(), 1);
        assert_eq!(piece.problems[0].position.line, 1);
    }
}
