//! How good an engine is: what it leaves open of labelled PHI, and what it hides beside it.
//!
//! ```text
//! Document ──engine──▶ findings ──judge──▶ Verdict ──add──▶ Table: set ▸ type ▸ tag
//! ```
//!
//! Only letters and digits count: a mask that leaves a dash of a number open leaks nothing. They
//! count as hidden whatever the type of the finding that covers them.
//!
//! * Mask recall: the share of labelled letters and digits that are hidden. A span is found when
//!   all of its are.
//! * Precision of a type: the share of its findings that lie, for the most part, on labels of
//!   whatever type; typed precision asks for labels of the same type.
//! * Leaked: labelled letters and digits that stay open. Over-masked: others that are hidden.
//! * Spurious: a finding that touches no label; quoted for 1,000 words.
//!
//! Tables add up, so documents can be judged anywhere and in any order.

mod context;
mod ranges;
mod table;
mod verdict;

use velum_core::inspect::{ColumnHint, DetectorId, Finding, Inspect, Prior, Surroundings};

use crate::corpus::{Column, Document};

pub use context::{Excerpt, excerpt};
pub use table::{Burden, Findings, Labels, SetTable, Table, TypeRow};
pub use verdict::{Leak, Spurious, Verdict, judge};

/// Runs `engine` over all documents.
pub fn evaluate<'d, D>(documents: D, engine: &dyn Inspect) -> Table
where
    D: IntoIterator<Item = &'d Document>,
{
    let mut table = Table::default();
    let mut findings = Vec::new();
    for document in documents {
        findings.clear();
        inspect(document, engine, &mut findings);
        table.add(document, &judge(document, &findings));
    }
    table
}

/// Appends what a gateway with `engine` would hide in the document.
pub fn inspect(document: &Document, engine: &dyn Inspect, out: &mut Vec<Finding>) {
    inspect_text(
        document.text.as_bytes(),
        document.column.as_ref(),
        engine,
        out,
    );
}

/// Appends what a gateway with `engine` would hide in a whole text, in its column if it is a cell.
pub fn inspect_text(
    text: &[u8],
    column: Option<&Column>,
    engine: &dyn Inspect,
    out: &mut Vec<Finding>,
) {
    let around = Surroundings {
        column: column.map(hint),
        ..Surroundings::WHOLE
    };
    inspect_around(text, around, engine, out);
}

/// Appends what a gateway with `engine` would hide in a text with these surroundings: the column
/// decides first, as it does when a result header arrives.
pub fn inspect_around(
    text: &[u8],
    around: Surroundings<'_>,
    engine: &dyn Inspect,
    out: &mut Vec<Finding>,
) {
    match around
        .column
        .map_or(Prior::Scan, |column| engine.prior(column))
    {
        Prior::Skip => {}
        Prior::Whole(detector) => out.extend(whole(text, detector)),
        Prior::Scan => engine.inspect(text, around, out),
    }
}

/// A column as engines are told of it.
pub fn hint(column: &Column) -> ColumnHint<'_> {
    ColumnHint {
        table: Some(column.table.as_bytes()).filter(|table| !table.is_empty()),
        name: column.name.as_bytes(),
        type_name: column.type_name.as_bytes(),
        is_alias: false,
    }
}

fn whole(text: &[u8], detector: DetectorId) -> Option<Finding> {
    (!text.is_empty()).then_some(Finding {
        start: 0,
        end: text.len(),
        detector,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Detector, Detectors};

    fn documents(lines: &[&str]) -> Vec<Document> {
        let read = |line: &&str| Document::from_json(line).expect("a labelled text");
        lines.iter().map(read).collect()
    }

    #[test]
    fn the_engine_is_measured_by_set_type_and_tag() {
        let documents = documents(&[
            r#"{"id":"a","set":"notes","text":"SSN 531-77-0294, call Zed Doe","spans":[
                {"start":4,"end":15,"type":"SSN","tag":"dashed"},
                {"start":22,"end":29,"type":"NAME"}]}"#,
            r#"{"id":"b","set":"plain","text":"reach the desk at a@example.org now"}"#,
        ]);
        let engine = Detectors::select(&["ssn", "email"]).expect("names of the catalog");
        let table = evaluate(&documents, &engine);

        let notes = table.set("notes").expect("a set");
        let ssn = notes.row(Detector::Ssn);
        assert_eq!((ssn.labels.spans, ssn.labels.spans_found), (1, 1));
        assert_eq!(ssn.labels.recall(), Some(1.0));
        assert_eq!(ssn.findings.precision_typed(), Some(1.0));
        assert_eq!(ssn.tags["dashed"].characters, 9);
        assert_eq!(notes.row(Detector::Name).labels.characters_leaked(), 6);
        assert_eq!(notes.burden.over_masked, 0);

        let plain = &table.set("plain").expect("a set").burden;
        assert_eq!((plain.over_masked, plain.spurious), (11, 1));
        assert_eq!(
            (plain.plain_documents, plain.plain_documents_touched),
            (1, 1)
        );
        assert_eq!(table.total().burden.documents, 2);
    }

    /// An engine whose columns decide, and that sees a finding in every text.
    struct Columns;

    impl Inspect for Columns {
        fn inspect(&self, _: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>) {
            assert!(around.at_start && around.at_end);
            out.extend(whole(b"x", DetectorId(3)));
        }

        fn horizon_bytes(&self) -> usize {
            8
        }

        fn prior(&self, column: ColumnHint<'_>) -> Prior {
            match column.name {
                b"ssn" => Prior::Whole(DetectorId(0)),
                b"lab" => Prior::Skip,
                _ => Prior::Scan,
            }
        }

        fn detector_name(&self, _: DetectorId) -> &str {
            "test"
        }
    }

    #[test]
    fn the_column_decides_before_the_text_does() {
        let found = |name: &str, text: &str| {
            let column = Column {
                name: name.to_owned(),
                ..Column::default()
            };
            let mut out = Vec::new();
            inspect_text(text.as_bytes(), Some(&column), &Columns, &mut out);
            out.iter()
                .map(|f| (f.start, f.end, f.detector.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(found("ssn", "abc"), [(0, 3, 0)]);
        assert_eq!(found("ssn", ""), []);
        assert_eq!(found("lab", "abc"), []);
        assert_eq!(found("note", "abc"), [(0, 1, 3)]);
    }
}
