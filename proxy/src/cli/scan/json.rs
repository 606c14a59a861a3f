//! JSON lines: a labelled text's shape in, spans or the redacted line out.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use velum_core::inspect::{Finding, Inspect, Prior, Surroundings};
use velum_core::mask::redact;
use velum_detectors::corpus::Column;
use velum_detectors::eval;

use super::position::Position;
use super::scanner::{Piece, Problem, Scanner, detector};

/// One line of input. Members of other names are of no interest.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    id: Option<&'l RawValue>,
    #[serde(borrow)]
    text: &'l RawValue,
    #[serde(borrow)]
    column: Option<&'l RawValue>,
}

#[derive(Default, Deserialize)]
struct Hint {
    table: Option<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    type_name: Option<String>,
}

/// One line of output.
#[derive(Serialize)]
struct Spans<'l> {
    id: Option<&'l RawValue>,
    spans: Vec<Span>,
}

#[derive(Serialize)]
struct Span {
    start: usize,
    end: usize,
    #[serde(rename = "type")]
    kind: String,
    score: f64,
}

/// What stands for a line that cannot be read. It has no `spans`: it was not found to be clean.
#[derive(Serialize)]
struct Unread<'l> {
    id: Option<&'l RawValue>,
    error: &'l str,
}

/// A mistake and its column, counted from 1.
struct Mistake {
    column: usize,
    what: String,
}

impl Scanner {
    /// A batch of lines. Each gives one line of output; blank ones are passed over.
    pub(super) fn json_lines(&self, batch: &[u8]) -> Piece {
        let mut piece = Piece {
            bytes: batch.len() as u64,
            ..Piece::default()
        };
        let mut findings = Vec::new();
        for (number, line) in batch.split_inclusive(|byte| *byte == b'\n').enumerate() {
            piece.end.line += u64::from(line.ends_with(b"\n"));
            if line.trim_ascii().is_empty() {
                if self.wants_masked {
                    piece.out.extend_from_slice(line);
                }
                continue;
            }
            if let Err(mistake) = self.json_line(line, &mut findings, &mut piece) {
                self.unread(line, &mistake, &mut findings, &mut piece);
                piece.problems.push(Problem {
                    position: Position {
                        line: number as u64,
                        column: mistake.column.saturating_sub(1) as u64,
                    },
                    what: mistake.what,
                });
            }
        }
        piece
    }

    fn json_line(
        &self,
        line: &[u8],
        findings: &mut Vec<Finding>,
        piece: &mut Piece,
    ) -> Result<(), Mistake> {
        let line = std::str::from_utf8(line).map_err(|error| Mistake {
            column: error.valid_up_to() + 1,
            what: "not UTF-8".to_owned(),
        })?;
        let read: Line<'_> = serde_json::from_str(line).map_err(|error| mistake(0, &error))?;
        let text = string(line, read.text)?;
        let column = read.column.map_or(Ok(None), |raw| hint(line, raw))?;
        let around = Surroundings {
            column: column.as_ref().map(eval::hint),
            ..Surroundings::WHOLE
        };
        self.inspect(text.as_bytes(), around, findings);
        findings
            .iter()
            .for_each(|finding| piece.counts.add(finding));
        if self.wants_spans {
            let spans = Spans {
                id: read.id,
                spans: self.spans(&text, around, findings),
            };
            write_line(&spans, &mut piece.out);
        }
        if self.wants_masked {
            let start = offset(line, read.text);
            let raw = read.text.get();
            piece.out.extend_from_slice(&line.as_bytes()[..start]);
            mask_string(raw, findings, &mut piece.out);
            piece
                .out
                .extend_from_slice(&line.as_bytes()[start + raw.len()..]);
        }
        Ok(())
    }

    fn spans(&self, text: &str, around: Surroundings<'_>, findings: &[Finding]) -> Vec<Span> {
        let points = Points::of(text);
        let is_whole = around
            .column
            .is_some_and(|column| matches!(self.engine.prior(column), Prior::Whole(_)));
        let score = |finding: &Finding| match is_whole {
            true => 1.0,
            false => self.engine.confidence(text.as_bytes(), around, finding),
        };
        let span = |finding: &Finding| Span {
            start: points.at(finding.start),
            end: points.at(finding.end),
            kind: detector(finding).name().to_ascii_uppercase(),
            score: (f64::from(score(finding).clamp(0.0, 1.0)) * 1000.0).round() / 1000.0,
        };
        findings.iter().map(span).collect()
    }

    /// The output for a line that is no JSON document: it is redacted as the text that it is.
    fn unread(
        &self,
        line: &[u8],
        mistake: &Mistake,
        findings: &mut Vec<Finding>,
        piece: &mut Piece,
    ) {
        self.inspect(line, Surroundings::WHOLE, findings);
        findings
            .iter()
            .for_each(|finding| piece.counts.add(finding));
        if self.wants_spans {
            let error = format!("column {}: {}", mistake.column, mistake.what);
            let unread = Unread {
                id: None,
                error: &error,
            };
            write_line(&unread, &mut piece.out);
        }
        if self.wants_masked {
            let mut line = line.to_vec();
            redact(&mut line, findings);
            piece.out.append(&mut line);
        }
    }
}

fn write_line(value: &impl Serialize, out: &mut Vec<u8>) {
    // Neither the values nor memory can refuse.
    let _written = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}

/// Where a part of the line stands in it.
fn offset(line: &str, part: &RawValue) -> usize {
    part.get().as_ptr().addr() - line.as_ptr().addr()
}

fn string<'l>(line: &str, raw: &'l RawValue) -> Result<Cow<'l, str>, Mistake> {
    let inner = raw
        .get()
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner.filter(|inner| !inner.contains('\\')) {
        Some(inner) => Ok(Cow::Borrowed(inner)),
        None => serde_json::from_str(raw.get())
            .map(Cow::Owned)
            .map_err(|error| mistake(offset(line, raw), &error)),
    }
}

fn hint(line: &str, raw: &RawValue) -> Result<Option<Column>, Mistake> {
    let hint: Option<Hint> =
        serde_json::from_str(raw.get()).map_err(|error| mistake(offset(line, raw), &error))?;
    Ok(hint.map(|hint| Column {
        table: hint.table.unwrap_or_default(),
        name: hint.name.unwrap_or_default(),
        type_name: hint.type_name.unwrap_or_default(),
    }))
}

/// What the parser says, without the place in its own words and without the value that it met.
fn mistake(offset: usize, error: &serde_json::Error) -> Mistake {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let what = match error.classify() {
        serde_json::error::Category::Eof => "the line ends too early".to_owned(),
        serde_json::error::Category::Data if said.starts_with("invalid type") => {
            let wanted = said.rsplit(", expected ").next().unwrap_or_default();
            format!("expected {wanted}")
        }
        _ => said.to_owned(),
    };
    Mistake {
        column: offset + error.column().max(1),
        what,
    }
}

/// Appends the raw JSON string with its findings masked. Each character that is masked gives as
/// many `X` as it took; punctuation and escapes that stand for it stay.
fn mask_string(raw: &str, findings: &[Finding], out: &mut Vec<u8>) {
    let mut rest = findings;
    let mut until = 0;
    let mut decoded = 0;
    for_each_character(raw, |part, character| {
        while let Some((first, others)) = rest.split_first()
            && first.start <= decoded
        {
            until = until.max(first.end);
            rest = others;
        }
        let width = character.map_or(0, char::len_utf8);
        let is_masked = character.is_some_and(|c| c.is_ascii_alphanumeric() || !c.is_ascii());
        match decoded < until && is_masked {
            true => out.resize(out.len() + part.len(), b'X'),
            false => out.extend_from_slice(part.as_bytes()),
        }
        decoded += width;
    });
}

/// Calls `each` with the parts of a valid raw JSON string and the characters that they stand
/// for; the quotes around it stand for none.
fn for_each_character<'r>(raw: &'r str, mut each: impl FnMut(&'r str, Option<char>)) {
    let hex = |at: usize| {
        let digits = raw.get(at + 2..at + 6)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut at = 0;
    while let Some(first) = raw.get(at..).and_then(|rest| rest.chars().next()) {
        let is_quote = at == 0 || at + 1 == raw.len();
        let (length, character) = match (first, raw.as_bytes().get(at + 1)) {
            ('"', _) if is_quote => (1, None),
            ('\\', Some(b'u')) => match hex(at).unwrap_or_default() {
                high @ 0xd800..0xdc00 => {
                    let units = [high, hex(at + 6).unwrap_or_default()];
                    (12, char::decode_utf16(units).next().and_then(Result::ok))
                }
                unit => (6, char::from_u32(u32::from(unit))),
            },
            // All of them stand for punctuation or a control character.
            ('\\', Some(_)) => (2, Some('\\')),
            _ => (first.len_utf8(), Some(first)),
        };
        each(raw.get(at..at + length).unwrap_or_default(), character);
        at += length;
    }
}

/// Code points before a byte, by blocks of the text.
struct Points<'t> {
    text: &'t [u8],
    before_block: Vec<usize>,
}

const BLOCK_BYTES: usize = 64;

impl<'t> Points<'t> {
    fn of(text: &'t str) -> Self {
        let text = text.as_bytes();
        let mut before = 0;
        let blocks = text.chunks(BLOCK_BYTES).map(|block| {
            let here = before;
            before += starts(block);
            here
        });
        let before_block = blocks.collect();
        Self { text, before_block }
    }

    fn at(&self, byte: usize) -> usize {
        let block = byte / BLOCK_BYTES;
        match self.before_block.get(block) {
            Some(before) => before + starts(&self.text[block * BLOCK_BYTES..byte]),
            // The end of a text that fills its last block.
            None => starts(self.text),
        }
    }
}

/// Characters that start in `bytes`.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use velum_core::inspect::DetectorId;

    use super::*;

    fn masked(raw: &str, start: usize, end: usize) -> String {
        let finding = Finding {
            start,
            end,
            detector: DetectorId(0),
        };
        let mut out = Vec::new();
        mask_string(raw, &[finding], &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn masks_know_what_escapes_stand_for() {
        assert_eq!(masked(r#""a\n1\u0041\"é""#, 1, 8), r#""a\nXXXXXXX\"XX""#);
        assert_eq!(masked(r#""\ud83d\ude00x""#, 4, 5), r#""\ud83d\ude00X""#);
        assert_eq!(masked(r#""\ud83d\ude00x""#, 0, 4), r#""XXXXXXXXXXXXx""#);
    }

    proptest! {
        #[test]
        fn a_masked_string_is_a_string_of_the_same_length(
            text in any::<String>(), from in 0usize..40, length in 0usize..40,
        ) {
            let raw = serde_json::to_string(&text).expect("a string");
            let start = text.floor_char_boundary(from);
            let end = text.floor_char_boundary(from + length).max(start);
            let masked = masked(&raw, start, end);
            prop_assert_eq!(masked.len(), raw.len());
            let read: String = serde_json::from_str(&masked).expect("a string");
            prop_assert!(read.starts_with(&text[..start]) && read.ends_with(&text[end..]));
        }

        #[test]
        fn points_are_counted(text in "[a-zé€😀]{0,200}") {
            let points = Points::of(&text);
            for (point, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(points.at(byte), point);
            }
            prop_assert_eq!(points.at(text.len()), text.chars().count());
        }
    }
}
