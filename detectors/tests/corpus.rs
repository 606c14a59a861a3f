//! Every labelled text of `corpus/`, behind and before other text of many lengths.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use velum_core::inspect::{Inspect, Surroundings};
use velum_detectors::Detectors;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// See `corpus/phi/README.md`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    text: String,
    column: Option<String>,
    #[serde(default)]
    whole: bool,
}

/// A case without its marks.
struct Labelled {
    text: String,
    spans: Vec<(usize, usize)>,
}

/// One block of the scan and some more: every alignment, with borders of blocks in each place.
const SHIFTS: std::ops::Range<usize> = 0..131;
const FILLER: &str = "lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod \
tempor incididunt ut labore et dolore magna aliqua, ut enim ad minim veniam, quis nostrud. ";

#[test]
fn labelled_spans_are_found_exactly() {
    let mut failures = Vec::new();
    for (file, cases) in files("phi") {
        let name = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a detector's name");
        let detectors = Detectors::select(&[name]).expect("files are named after detectors");
        for case in &cases {
            failures.extend(check(&detectors, name, case));
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn look_alikes_are_left_alone() {
    let detectors = Detectors::standard();
    let failures: Vec<String> = files("negative")
        .iter()
        .flat_map(|(file, cases)| {
            let name = file
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            let detectors = &detectors;
            cases
                .iter()
                .filter_map(move |case| check(detectors, &name, case))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} cases fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// A detector without a labelled text would be a promise that nothing holds.
#[test]
fn every_detector_has_its_file() {
    let mut known: Vec<&str> = Detectors::names().collect();
    known.sort_unstable();
    let files = files("phi");
    let found: Vec<_> = files
        .iter()
        .filter_map(|(file, _)| file.file_stem())
        .collect();
    assert_eq!(found, known);
}

/// The failure of a case, if there is one.
fn check(detectors: &Detectors, name: &str, case: &Case) -> Option<String> {
    let labelled = unmark(&case.text);
    if case.whole {
        return differs(detectors, name, case, &labelled, "", "");
    }
    let shifted = SHIFTS.flat_map(|shift| {
        let words = &FILLER[..shift.saturating_sub(1)];
        let line = if shift == 0 {
            String::new()
        } else {
            format!("{words}\n")
        };
        let escaped = format!("{{\"note\":\"{words}\\n");
        [line, escaped]
    });
    for prefix in shifted {
        for suffix in ["", "\n", "\\n", "\nlorem ipsum dolor"] {
            // A value that is whole by accident has evidence of its own.
            let suffix = if prefix.is_empty() && suffix.is_empty() {
                "\nlorem ipsum"
            } else {
                suffix
            };
            if let Some(failure) = differs(detectors, name, case, &labelled, &prefix, suffix) {
                return Some(failure);
            }
        }
    }
    None
}

fn differs(
    detectors: &Detectors,
    name: &str,
    case: &Case,
    labelled: &Labelled,
    prefix: &str,
    suffix: &str,
) -> Option<String> {
    let text = format!("{prefix}{}{suffix}", labelled.text);
    let around = match &case.column {
        Some(name) => Surroundings::in_column(name.as_bytes()),
        None => Surroundings::WHOLE,
    };
    let mut out = Vec::new();
    detectors.inspect(text.as_bytes(), around, &mut out);
    let found: Vec<(usize, usize)> = out.iter().map(|f| (f.start, f.end)).collect();
    let expected: Vec<(usize, usize)> = labelled
        .spans
        .iter()
        .map(|(start, end)| (start + prefix.len(), end + prefix.len()))
        .collect();
    // Overlapping findings of one detector count as what they cover together.
    if merged(&found) == expected {
        return None;
    }
    let shown: Vec<&str> = found
        .iter()
        .map(|(s, e)| text.get(*s..*e).unwrap_or("?"))
        .collect();
    Some(format!(
        "{name}: {:?}\n    found {shown:?} in {text:?}",
        case.text
    ))
}

fn merged(spans: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (start, end) in spans {
        match merged.last_mut() {
            Some(last) if *start < last.1 => last.1 = last.1.max(*end),
            _ => merged.push((*start, *end)),
        }
    }
    merged
}

fn unmark(marked: &str) -> Labelled {
    let mut labelled = Labelled {
        text: String::new(),
        spans: Vec::new(),
    };
    let mut open = None;
    for character in marked.chars() {
        match character {
            '«' => open = Some(labelled.text.len()),
            '»' => {
                let start = open.take().expect("a mark closes only what is open");
                labelled.spans.push((start, labelled.text.len()));
            }
            other => labelled.text.push(other),
        }
    }
    assert!(open.is_none(), "an open mark in {marked:?}");
    labelled
}

/// The TOML files of a folder of the corpus, by name.
fn files(folder: &str) -> Vec<(PathBuf, Vec<Case>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the corpus is part of the repository")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a readable file");
        let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        (path, file.case)
    };
    paths.into_iter().map(read).collect()
}
