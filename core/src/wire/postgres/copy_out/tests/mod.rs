//! COPY rows of every format, in and out.

#![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod rows;
mod stream;
mod whole;

use super::*;
use crate::catalog::Catalog;
use crate::cell::{ColumnFacts, Scratch, Tally};
use crate::inspect::{DetectorId, Finding, Surroundings};
use crate::limits;
use crate::policy::{Glob, Messages, Policy, Rule, Selector, Strategy as Mask};
use crate::wire::postgres::frame;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Finds `###-##-####`.
struct Ssn;

impl Inspect for Ssn {
    fn inspect(&self, text: &[u8], _: Surroundings<'_>, out: &mut Vec<Finding>) {
        let shape = |window: &[u8]| {
            window.iter().enumerate().all(|(at, byte)| match at {
                3 | 6 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            })
        };
        let found = text
            .windows(11)
            .enumerate()
            .filter(|(_, window)| shape(window));
        out.extend(found.map(|(start, _)| Finding {
            start,
            end: start + 11,
            detector: DetectorId(0),
        }));
    }

    fn horizon_bytes(&self) -> usize {
        11
    }

    fn detector_name(&self, _: DetectorId) -> &str {
        "ssn"
    }
}

const TEXT: u32 = 25;
const INT4: u32 = 23;

fn policy() -> Policy {
    let rule = |name: &str, strategy| Rule {
        name: name.to_owned(),
        selector: Selector::ColumnName(Glob::new(name).unwrap()),
        strategy,
    };
    let rules = vec![
        rule("redacted", Mask::Redact),
        rule("constant", Mask::Constant("a\t,\"\\\n'b".into())),
        rule("nulled", Mask::Null),
    ];
    Policy::new(
        "test".into(),
        rules,
        Some(Mask::Redact),
        Messages::Strict,
        [0; 32],
    )
}

/// Plans of columns by name and type; every other name is only scanned.
fn plans(columns: &[(&str, u32)]) -> Vec<ColumnPlan> {
    let (policy, catalog) = (policy(), Catalog::default());
    let facts = |&(name, type_oid): &(&str, u32)| ColumnFacts {
        name: name.as_bytes().into(),
        table_oid: 0,
        attnum: 0,
        type_oid,
    };
    columns
        .iter()
        .map(|column| policy.plan(&catalog, &facts(column)))
        .collect()
}

const COLUMNS: [(&str, u32); 4] = [
    ("redacted", TEXT),
    ("constant", TEXT),
    ("nulled", TEXT),
    ("scanned", TEXT),
];

struct Run {
    copy: CopyOut,
    tally: Tally,
}

impl Run {
    fn new(options: Option<CopyOptions>, binary: bool, columns: &[(&str, u32)]) -> Self {
        let copy = CopyOut::new(options, binary, plans(columns));
        Self {
            copy,
            tally: Tally::default(),
        }
    }

    /// Rows and body of the frame that comes out, with its length checked.
    fn frame(&mut self, body: &[u8]) -> Result<(u64, Vec<u8>), Fault> {
        let (policy, catalog) = (policy(), Catalog::default());
        let mut scratch = Scratch::default();
        let mut judge = Judge {
            policy: &policy,
            catalog: &catalog,
            inspector: &Ssn,
            known: &[],
            key: None,
            row: Default::default(),
            tally: &mut self.tally,
            scratch: &mut scratch,
        };
        let mut window = Window::default();
        let mut input = Vec::new();
        frame::write(&mut input, b'd', |out| out.extend_from_slice(body));
        window.extend(&input);
        window.extend(b"next");
        let rows = self.copy.frame(&mut judge, &mut window, input.len());
        let output: Vec<u8> = window.released().slices().flatten().copied().collect();
        match rows {
            Err(fault) => {
                assert!(output.is_empty(), "a refused frame leaves nothing behind");
                Err(fault)
            }
            Ok(rows) => {
                assert_eq!(window.unjudged(), b"next");
                let header = frame::header(&output, Peer::Server).unwrap().unwrap();
                assert_eq!((header.tag, header.frame_bytes), (b'd', output.len()));
                Ok((rows, output[HEADER_BYTES..].to_vec()))
            }
        }
    }

    fn output(&mut self, body: &[u8]) -> Vec<u8> {
        self.frame(body).unwrap().1
    }

    fn violation(&mut self, body: &[u8]) -> Violation {
        match self.frame(body) {
            Err(Fault::Violation(violation)) => violation,
            other => panic!("{other:?}"),
        }
    }

    /// The same frame in parts: received in chunks of these sizes, in turn.
    fn stream(&mut self, body: &[u8], chunks: &[usize]) -> Result<(u64, Vec<u8>), Fault> {
        let (policy, catalog) = (policy(), Catalog::default());
        let mut scratch = Scratch::default();
        let mut judge = Judge {
            policy: &policy,
            catalog: &catalog,
            inspector: &Ssn,
            known: &[],
            key: None,
            row: Default::default(),
            tally: &mut self.tally,
            scratch: &mut scratch,
        };
        let (mut window, mut output) = (Window::default(), Vec::new());
        self.copy.stream_begin(body.len());
        let mut at = 0;
        for chunk in chunks.iter().cycle() {
            let end = (at + chunk).min(body.len());
            window.extend(&body[at..end]);
            at = end;
            // It may be fed early: then it asks for more again.
            let step = self.copy.stream_feed(&mut judge, &mut window)?;
            output.extend(window.released().slices().flatten());
            window.consume(window.released_bytes());
            window.compact();
            match step {
                StreamStep::Done { rows } => {
                    assert_eq!((at, window.unjudged().len()), (body.len(), 0));
                    return Ok((rows, output));
                }
                StreamStep::NeedBytes(bytes) => {
                    assert!(bytes > window.unjudged().len());
                    assert!(bytes <= limits::WINDOW_BULK_BYTES);
                    assert!(at < body.len(), "waits for bytes that never come");
                }
            }
        }
        unreachable!("chunks are cycled")
    }
}

fn csv() -> CopyOptions {
    CopyOptions::new(CopyFormat::Csv)
}

fn text() -> CopyOptions {
    CopyOptions::new(CopyFormat::Text)
}
