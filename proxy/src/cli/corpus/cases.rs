//! Cases and patterns in TOML.

use std::path::Path;

use serde::Deserialize;
use velum_detectors::Detector;
use velum_detectors::corpus::{Column, Document, Label};
use velum_detectors::site::SitePattern;

use super::stem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Case>,
    #[serde(default)]
    pattern: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// With marks around each span: `«NAME:Jane Doe»`, or `«Jane Doe»` in a file that is named
    /// after the type.
    text: String,
    /// Name of the column that the text is a cell of.
    column: Option<String>,
    /// The set that the text belongs to; else it is named after the file's folder or the file.
    set: Option<String>,
    /// A finer kind of all its spans.
    #[serde(default)]
    tag: String,
    /// For the tests of the engine: the case is not put behind other text.
    #[serde(default, rename = "whole")]
    _whole: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    pattern: String,
}

/// Reads a file.
pub(super) fn read(
    text: &str,
    below: &Path,
    documents: &mut Vec<Document>,
    patterns: &mut Vec<SitePattern>,
) -> Result<(), String> {
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let stem = stem(below);
    let folder = below
        .parent()
        .map(super::stem)
        .filter(|name| !name.is_empty());
    let usual_set = folder.unwrap_or_else(|| stem.clone());
    let usual_type = Detector::from_name(&stem);
    for (number, case) in file.case.into_iter().enumerate() {
        let id = format!("{}:{}", below.display(), number + 1);
        let (text, labels) = unmark(&case.text, usual_type, &case.tag)
            .map_err(|error| format!("case {}: {error}", number + 1))?;
        documents.push(Document {
            id,
            set: case.set.unwrap_or_else(|| usual_set.clone()),
            text,
            column: case.column.map(|name| Column {
                name,
                ..Column::default()
            }),
            labels,
        });
    }
    for pattern in file.pattern {
        let detector =
            Detector::from_name(&pattern.kind.to_ascii_lowercase()).ok_or_else(|| {
                format!(
                    "pattern {:?}: no type is called {:?}",
                    pattern.name, pattern.kind
                )
            })?;
        patterns.push(SitePattern {
            name: pattern.name,
            detector,
            pattern: pattern.pattern,
        });
    }
    Ok(())
}

/// The text without its marks, and what they say.
fn unmark(
    marked: &str,
    usual: Option<Detector>,
    tag: &str,
) -> Result<(String, Vec<Label>), String> {
    let mut text = String::with_capacity(marked.len());
    let mut labels = Vec::new();
    let mut rest = marked;
    while let Some((before, after)) = rest.split_once('«') {
        let (inside, behind) = after.split_once('»').ok_or("a « that no » closes")?;
        if inside.contains('«') || before.contains('»') {
            return Err("marks do not match".to_owned());
        }
        let named = inside.split_once(':').and_then(|(name, span)| {
            let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            is_name.then(|| (Detector::from_name(&name.to_ascii_lowercase()), span))
        });
        let (detector, span) = match named {
            Some((Some(detector), span)) => (detector, span),
            _ => (
                usual.ok_or("a span without its type, such as «NAME:Jane Doe»")?,
                inside,
            ),
        };
        text.push_str(before);
        let start = text.len();
        text.push_str(span);
        if start == text.len() {
            return Err("an empty span".to_owned());
        }
        labels.push(Label {
            start,
            end: text.len(),
            detector,
            tag: tag.to_owned(),
        });
        rest = behind;
    }
    if rest.contains('»') {
        return Err("a » that no « opens".to_owned());
    }
    text.push_str(rest);
    Ok((text, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_name_types_and_are_taken_out() {
        let (text, labels) = unmark(
            "by «NAME:Zoë D» at «10:30», «MRN:7»",
            Some(Detector::Other),
            "t",
        )
        .expect("it is marked well");
        assert_eq!(text, "by Zoë D at 10:30, 7");
        let spans: Vec<_> = labels
            .iter()
            .map(|l| (&text[l.start..l.end], l.detector))
            .collect();
        assert_eq!(
            spans,
            [
                ("Zoë D", Detector::Name),
                ("10:30", Detector::Other),
                ("7", Detector::Mrn),
            ]
        );
        for bad in ["«x»", "«NAME:x", "x»", "«NAME:»", "«NAME:«x»"] {
            assert!(unmark(bad, None, "").is_err(), "{bad}");
        }
    }
}
