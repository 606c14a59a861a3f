//! HL7 version 2 segments: fields by position, not by shape.
//!
//! ```text
//! PID|1||00123456^^^GEN^MR||DOE^JANE^Q||19850131|F|||12 OAK ST^^SPRINGFIELD^IL^62704||…
//! ```
//!
//! With the usual separators a segment is found at the `|` behind its name, in any text. Other
//! separators are read from the message's header, if the text is a message from its start.

use super::{Detector, Set};
use crate::scan::Scan;
use crate::text::{char_end, ends_escape};
use crate::validate::checksum;

mod segments;

use segments::SEGMENTS;

/// Bytes of a segment that are read; fields behind them are judged as text.
pub(crate) const REACH_BYTES: usize = 2048;

/// Detectors that have fields here.
pub(crate) const DETECTORS: Set = Set::of(&[
    Detector::Mrn,
    Detector::Name,
    Detector::Date,
    Detector::Address,
    Detector::Zip,
    Detector::Phone,
    Detector::Email,
    Detector::Account,
    Detector::Ssn,
    Detector::HealthPlan,
    Detector::License,
    Detector::Npi,
    Detector::Org,
    Detector::Other,
]);

/// Data types, as far as they tell the identifying components from the others (HL7 2.5.1
/// chapter 2A).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    /// Every component is this.
    All(Detector),
    /// The first component is this (CX, XON, DLN): the others name the authority and the kind.
    First(Detector),
    /// A person's name (XPN): family, given, middle, suffix.
    Person,
    /// A person with an identifier before the name (XCN).
    Staff,
    /// An address (XAD).
    Address,
    /// Numbers and e-mail addresses (XTN).
    Contact,
    /// A quantity and its time (TQ): the fourth and fifth components are dates.
    Dates,
    /// What the second field names (OBX-2).
    Varies,
}

/// What separates the parts of a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Separators {
    field: u8,
    component: u8,
    repetition: u8,
    subcomponent: u8,
}

impl Separators {
    const USUAL: Self = Self {
        field: b'|',
        component: b'^',
        repetition: b'~',
        subcomponent: b'&',
    };
}

/// Judges the `|` at `at` as the one behind a segment's name.
pub(crate) fn bar(scan: &mut Scan<'_>, at: usize) {
    let Some(start) = at.checked_sub(3) else {
        return;
    };
    if begins_segment(scan, start) {
        segment(scan, start, Separators::USUAL);
    }
}

/// Reads a message whose header, at `from`, declares separators of its own.
pub(crate) fn message(scan: &mut Scan<'_>, from: usize) {
    let from = from + usize::from(scan.byte(from) == Some(0x0b));
    let [
        b'M',
        b'S',
        b'H',
        field,
        component,
        repetition,
        _,
        subcomponent,
        ..,
    ] = scan.slice(from, scan.text.len())
    else {
        return;
    };
    let separators = Separators {
        field: *field,
        component: *component,
        repetition: *repetition,
        subcomponent: *subcomponent,
    };
    let marks = [field, component, repetition, subcomponent];
    let punctuation = marks.iter().all(|byte| byte.is_ascii_punctuation());
    if separators == Separators::USUAL || !punctuation {
        return;
    }
    let mut start = from;
    while start < scan.text.len() {
        segment(scan, start, separators);
        let rest = scan.slice(start, scan.text.len());
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
            return;
        };
        start += end + 1;
    }
}

/// Reports the identifying fields of the segment that begins at `start`.
fn segment(scan: &mut Scan<'_>, start: usize, separators: Separators) {
    let at = start + 3;
    let name = scan.slice(start, at);
    let Some((_, fields)) = SEGMENTS.iter().find(|(segment, _)| *segment == name) else {
        return;
    };
    // MSH-1 is the separator itself.
    let first = if name == b"MSH" { 2 } else { 1 };
    let end = segment_end(scan.text, at);
    let mut from = at + 1;
    let mut value_type: &[u8] = b"";
    for (index, field) in scan
        .slice(from, end)
        .split(|byte| *byte == separators.field)
        .enumerate()
    {
        let number = index + first;
        if number == 2 {
            value_type = field;
        }
        if let Some((_, kind)) = fields.iter().find(|(place, _)| *place == number) {
            let kind = match kind {
                Type::Varies => type_of(value_type),
                kind => Some(*kind),
            };
            if let Some(kind) = kind {
                report_field(scan, from, field, kind, separators);
            }
        }
        from += field.len() + 1;
    }
}

/// The data type of an observation's value (HL7 table 0125), if it identifies.
fn type_of(name: &[u8]) -> Option<Type> {
    Some(match name {
        b"DT" | b"TS" | b"DTM" => Type::First(Detector::Date),
        b"PN" | b"XPN" => Type::Person,
        b"XCN" | b"CNN" | b"CN" => Type::Staff,
        b"AD" | b"XAD" => Type::Address,
        b"TN" | b"XTN" => Type::Contact,
        b"CX" | b"CK" => Type::First(Detector::Mrn),
        b"XON" => Type::First(Detector::Org),
        _ => return None,
    })
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

fn report_field(
    scan: &mut Scan<'_>,
    from: usize,
    field: &[u8],
    kind: Type,
    separators: Separators,
) {
    let is_joint = |byte: u8| {
        byte == separators.component
            || byte == separators.repetition
            || byte == separators.subcomponent
    };
    let mut start = from;
    let mut component = 0;
    for part in field.split(|byte| is_joint(*byte)) {
        let end = start + part.len();
        // An empty pair of quotes is HL7's "delete this value".
        if part != b"\"\""
            && let Some(detector) = detector_of(kind, component, part)
        {
            scan.report(detector, start, end);
        }
        match scan.byte(end) {
            Some(byte) if byte == separators.repetition => component = 0,
            Some(byte) if byte == separators.component => component += 1,
            _ => {}
        }
        start = end + 1;
    }
}

/// What a component, counted from 0, is.
fn detector_of(kind: Type, component: usize, text: &[u8]) -> Option<Detector> {
    match (kind, component) {
        (Type::All(detector), _) | (Type::First(detector), 0) => Some(detector),
        (Type::Dates, 3 | 4) => Some(Detector::Date),
        (Type::Person, 0..=3) | (Type::Staff, 1..=3) => Some(Detector::Name),
        (Type::Staff, 0) if checksum::npi(text) => Some(Detector::Npi),
        // Before names were split from numbers, senders wrote them here.
        (Type::Staff, 0) if text.iter().any(u8::is_ascii_digit) => Some(Detector::Other),
        (Type::Staff, 0) => Some(Detector::Name),
        (Type::Address, 0..=3 | 7 | 8) => Some(Detector::Address),
        (Type::Address, 4) => Some(Detector::Zip),
        (Type::Contact, _) if text.contains(&b'@') => Some(Detector::Email),
        (Type::Contact, _) if text.iter().any(u8::is_ascii_digit) => Some(Detector::Phone),
        _ => None,
    }
}
