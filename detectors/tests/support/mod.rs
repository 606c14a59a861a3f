//! Texts with marks around the spans that have to be covered.

use velum_core::inspect::{Inspect, Surroundings};
use velum_detectors::Detectors;

/// A text without its marks, and where they were.
pub(crate) fn unmark(marked: &str) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut spans = Vec::new();
    let mut open = None;
    for character in marked.chars() {
        match character {
            '«' => open = Some(text.len()),
            '»' => spans.push((open.take().expect("a mark is open"), text.len())),
            other => text.push(other),
        }
    }
    (text, spans)
}

/// Whether each byte of the text is covered by a finding.
pub(crate) fn covered(detectors: &Detectors, text: &[u8], around: Surroundings<'_>) -> Vec<bool> {
    let mut out = Vec::new();
    detectors.inspect(text, around, &mut out);
    let mut covered = vec![false; text.len()];
    for finding in out {
        covered[finding.start..finding.end].fill(true);
    }
    covered
}

/// Checks that exactly the marked letters and digits are covered.
pub(crate) fn check(detectors: &Detectors, marked: &str, around: Surroundings<'_>) {
    let (text, spans) = unmark(marked);
    let covered = covered(detectors, text.as_bytes(), around);
    let shown: String = text
        .char_indices()
        .map(|(at, character)| if covered[at] { '█' } else { character })
        .collect();
    for (at, character) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        let expected = spans
            .iter()
            .any(|(start, end)| (*start..*end).contains(&at));
        assert_eq!(
            covered[at], expected,
            "{character:?} at {at}\n{text}\n{shown}"
        );
    }
}
