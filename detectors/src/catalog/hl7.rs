//! HL7 version 2 segments that identify a person: fields by position, not by shape.
//!
//! ```text
//! PID|1||00123456^^^GEN^MR||DOE^JANE^Q||19850131|F|||12 OAK ST^^SPRINGFIELD^IL^62704||…
//! ```

use super::{Detector, Set};
use crate::scan::Scan;
use crate::text::{char_end, ends_escape};

/// Bytes of a segment that are read; fields behind them are judged as text.
pub(crate) const REACH_BYTES: usize = 2048;

/// Detectors that have fields here.
pub(crate) const DETECTORS: Set = Set::of(&[
    Detector::Mrn,
    Detector::Name,
    Detector::Date,
    Detector::Address,
    Detector::Phone,
    Detector::Account,
    Detector::Ssn,
    Detector::HealthPlan,
]);

/// How much of a field identifies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The first component of every repetition: the others name the authority and the kind.
    First,
    /// Every component.
    All,
    /// Components with a digit.
    Digits,
}

type Field = (usize, Detector, Part);

/// HL7 2.5.1 sections 3.4.2 (PID), 3.4.5 (NK1), 6.5.5 (GT1), 6.5.6 (IN1).
const SEGMENTS: &[(&[u8; 3], &[Field])] = &[
    (
        b"PID",
        &[
            (2, Detector::Mrn, Part::First),
            (3, Detector::Mrn, Part::First),
            (4, Detector::Mrn, Part::First),
            (5, Detector::Name, Part::All),
            (6, Detector::Name, Part::All),
            (7, Detector::Date, Part::All),
            (9, Detector::Name, Part::All),
            (11, Detector::Address, Part::All),
            (13, Detector::Phone, Part::Digits),
            (14, Detector::Phone, Part::Digits),
            (18, Detector::Account, Part::First),
            (19, Detector::Ssn, Part::All),
        ],
    ),
    (
        b"NK1",
        &[
            (2, Detector::Name, Part::All),
            (4, Detector::Address, Part::All),
            (5, Detector::Phone, Part::Digits),
            (6, Detector::Phone, Part::Digits),
        ],
    ),
    (
        b"GT1",
        &[
            (3, Detector::Name, Part::All),
            (5, Detector::Address, Part::All),
            (6, Detector::Phone, Part::Digits),
            (7, Detector::Phone, Part::Digits),
            (8, Detector::Date, Part::All),
            (12, Detector::Ssn, Part::All),
        ],
    ),
    (
        b"IN1",
        &[
            (16, Detector::Name, Part::All),
            (18, Detector::Date, Part::All),
            (19, Detector::Address, Part::All),
            (36, Detector::HealthPlan, Part::All),
            (49, Detector::HealthPlan, Part::First),
        ],
    ),
];

/// Judges the `|` at `at` as the one behind a segment's name.
pub(crate) fn bar(scan: &mut Scan<'_>, at: usize) {
    let Some(start) = at.checked_sub(3) else {
        return;
    };
    let name = scan.slice(start, at);
    let Some((_, fields)) = SEGMENTS.iter().find(|(segment, _)| *segment == name) else {
        return;
    };
    if !begins_segment(scan, start) {
        return;
    }
    let end = segment_end(scan.text, at);
    let mut from = at + 1;
    for (index, field) in scan
        .slice(from, end)
        .split(|byte| *byte == b'|')
        .enumerate()
    {
        if let Some((_, detector, part)) = fields.iter().find(|(place, ..)| *place == index + 1) {
            report_field(scan, from, field, *detector, *part);
        }
        from += field.len() + 1;
    }
}

/// A segment begins where a line or a value does. The same bytes end one, so that a flood of
/// segments costs one walk over each byte.
fn begins_segment(scan: &Scan<'_>, start: usize) -> bool {
    match scan.byte_before(start, 1) {
        None => true,
        Some(byte) => ends_segment(byte) || ends_escape(scan.text, start),
    }
}

fn ends_segment(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b'"' | 0x0b | 0x1c)
}

/// One past the segment: a line's end, as a byte or as an escape.
fn segment_end(text: &[u8], from: usize) -> usize {
    let limit = text.len().min(from + REACH_BYTES);
    let mut at = from;
    while at < limit {
        let escape = matches!(text.get(at..), Some([b'\\', b'r' | b'n' | b'u', ..]));
        if escape || text.get(at).is_some_and(|byte| ends_segment(*byte)) {
            return at;
        }
        at += 1;
    }
    char_end(text, limit)
}

fn report_field(scan: &mut Scan<'_>, from: usize, field: &[u8], detector: Detector, part: Part) {
    let mut start = from;
    let mut first = true;
    for component in field.split(|byte| matches!(byte, b'^' | b'~' | b'&')) {
        let end = start + component.len();
        let wanted = match part {
            Part::First => first,
            Part::All => true,
            Part::Digits => component.iter().any(u8::is_ascii_digit),
        };
        // An empty pair of quotes is HL7's "delete this value".
        if wanted && component != b"\"\"" {
            scan.report(detector, start, end);
        }
        first = scan.byte(end) == Some(b'~');
        start = end + 1;
    }
}
