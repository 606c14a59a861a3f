//! Labelled texts: what an engine is tuned on and measured with.
//!
//! One JSON document a line:
//!
//! ```json
//! {"id":"n1","set":"notes","text":"Pt Jane Doe, seen 3/4","spans":[
//!   {"start":3,"end":11,"type":"NAME","tag":"plain"},{"start":18,"end":21,"type":"DATE"}],
//!  "column":{"table":"visits","name":"note_text","type":"text"}}
//! ```
//!
//! Offsets count Unicode code points, as in what `velum scan --format jsonl` prints, so that its
//! output can be corrected by hand and read back as labels.

pub mod generate;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::Detector;

/// One labelled text. It may be a real one, so it cannot be printed.
pub struct Document {
    /// Names the text in reports.
    pub id: String,
    /// The set it belongs to, such as `notes`, `hl7`, `cells` or `negative`; may be empty.
    pub set: String,
    /// The text.
    pub text: String,
    /// The column that it is a cell of, if it is one.
    pub column: Option<Column>,
    /// All PHI of the text, sorted by start.
    pub labels: Vec<Label>,
}

/// A column, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its table's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub table: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its SQL type in lower case.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub type_name: String,
}

/// One labelled span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// First byte.
    pub start: usize,
    /// One past the last byte; `start < end`, both on borders of characters.
    pub end: usize,
    /// What it is.
    pub detector: Detector,
    /// A finer kind that reports break down by, such as `particle` or `obfuscated`; may be empty.
    pub tag: String,
}

/// Why a line is no labelled text. Says nothing about the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadDocument {
    /// It is not the JSON document that is described above; with the column of the line.
    Json(usize),
    /// A type that is not one of the catalog's, such as `SSN`.
    UnknownType(String),
    /// This span, counted from 0, is empty or reaches beyond the text.
    BadSpan(usize),
}

impl Document {
    /// Reads one line.
    ///
    /// # Errors
    /// The first mistake.
    pub fn from_json(line: &str) -> Result<Self, BadDocument> {
        let raw: Raw =
            serde_json::from_str(line).map_err(|error| BadDocument::Json(error.column()))?;
        let borders = Borders::of(&raw.text);
        let mut labels = Vec::with_capacity(raw.spans.len());
        for (index, span) in raw.spans.into_iter().enumerate() {
            let detector = Detector::from_name(&span.kind.to_ascii_lowercase())
                .ok_or(BadDocument::UnknownType(span.kind))?;
            let bytes = borders.byte(span.start).zip(borders.byte(span.end));
            let (start, end) = bytes
                .filter(|(start, end)| start < end)
                .ok_or(BadDocument::BadSpan(index))?;
            labels.push(Label {
                start,
                end,
                detector,
                tag: span.tag,
            });
        }
        labels.sort_by_key(|label| (label.start, label.end));
        Ok(Self {
            id: raw.id,
            set: raw.set,
            text: raw.text,
            column: raw.column,
            labels,
        })
    }

    /// The line that [`Document::from_json`] reads, without its end.
    pub fn to_json(&self) -> String {
        let borders = Borders::of(&self.text);
        let spans = self.labels.iter().map(|label| RawSpan {
            start: borders.point(label.start),
            end: borders.point(label.end),
            kind: label.detector.name().to_ascii_uppercase(),
            tag: label.tag.clone(),
        });
        let raw = Raw {
            id: self.id.clone(),
            set: self.set.clone(),
            text: self.text.clone(),
            column: self.column.clone(),
            spans: spans.collect(),
        };
        serde_json::to_string(&raw).unwrap_or_default()
    }
}

/// Where the characters of a text begin, and where it ends.
struct Borders {
    starts: Vec<usize>,
}

impl Borders {
    fn of(text: &str) -> Self {
        let starts = text.char_indices().map(|(at, _)| at);
        Self {
            starts: starts.chain([text.len()]).collect(),
        }
    }

    fn byte(&self, point: usize) -> Option<usize> {
        self.starts.get(point).copied()
    }

    fn point(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start < byte)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    set: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column: Option<Column>,
    #[serde(default)]
    spans: Vec<RawSpan>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawSpan {
    start: usize,
    end: usize,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    tag: String,
}

impl fmt::Display for BadDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(column) => write!(f, "not a labelled text (column {column})"),
            Self::UnknownType(name) => write!(f, "no detector is called {name:?}"),
            Self::BadSpan(index) => write!(f, "span {index} is empty or reaches beyond the text"),
        }
    }
}

impl std::error::Error for BadDocument {}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"1","text":"né Doe","spans":[{"start":3,"end":6,"type":"NAME"}]}"#;

    #[test]
    fn offsets_count_code_points() {
        let document = Document::from_json(LINE).expect("a labelled text");
        let label = &document.labels[0];
        assert_eq!((label.start, label.end), (4, 7));
        assert_eq!(label.detector, Detector::Name);
        assert_eq!(document.to_json(), LINE);
    }

    #[test]
    fn mistakes_are_named() {
        let bad = |line: &str| Document::from_json(line).err();
        assert!(matches!(bad("{"), Some(BadDocument::Json(_))));
        assert_eq!(
            bad(&LINE.replace("NAME", "NOM")),
            Some(BadDocument::UnknownType("NOM".to_owned()))
        );
        assert_eq!(bad(&LINE.replace("6", "7")), Some(BadDocument::BadSpan(0)));
        assert_eq!(bad(&LINE.replace("6", "3")), Some(BadDocument::BadSpan(0)));
    }
}
