//! One document: its labels against the findings of an engine.

use std::ops::Range;

use velum_core::inspect::Finding;

use super::ranges::{letters, letters_within, union, within};
use crate::catalog::Detector;
use crate::corpus::Document;

/// What is wrong with the findings in one document. Holds places, no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Labels with a letter or digit that stays open.
    pub leaks: Vec<Leak>,
    /// Findings that touch no label.
    pub spurious: Vec<Spurious>,
    /// For each label, in order: its letters and digits, and how many of them are hidden.
    pub labels: Vec<(usize, usize)>,
    /// One entry for each finding, findings of one type that touch taken together.
    pub findings: Vec<Judged>,
    /// Letters and digits outside of all labels.
    pub plain_characters: usize,
    /// Those of them that are hidden.
    pub over_masked: usize,
}

/// A label that is not hidden whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Place of the label in the document's list.
    pub label: usize,
    /// Letters and digits of it that stay open.
    pub characters: usize,
}

/// A finding that touches no label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spurious {
    /// Its bytes.
    pub span: Range<usize>,
    /// Who found it; the first in the catalog's order, if several did.
    pub detector: Detector,
}

/// A finding and what it lies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Who found it.
    pub detector: Detector,
    /// At least half of its letters and digits are labelled.
    pub is_right: bool,
    /// At least half of them are labelled as its own type.
    pub is_typed: bool,
}

/// Compares the findings of an engine with the labels. Findings of detectors that are not in the
/// catalog count as [`Detector::Other`].
pub fn judge(document: &Document, findings: &[Finding]) -> Verdict {
    let text = &*document.text;
    let labelled = union(
        document
            .labels
            .iter()
            .map(|label| label.start..label.end)
            .collect(),
    );
    let hidden = union(findings.iter().map(span).collect());

    let count = |label: &crate::corpus::Label| {
        let range = label.start..label.end;
        let all = letters(text, range.clone());
        (all, letters_within(text, range, &hidden))
    };
    let labels: Vec<(usize, usize)> = document.labels.iter().map(count).collect();
    let leaks = labels
        .iter()
        .enumerate()
        .filter(|(_, (all, found))| found < all);
    let leaks = leaks.map(|(label, (all, found))| Leak {
        label,
        characters: all - found,
    });

    let sum = |set: &[Range<usize>]| set.iter().map(|r| letters(text, r.clone())).sum::<usize>();
    let plain_characters = letters(text, 0..text.len()) - sum(&labelled);
    let right = hidden
        .iter()
        .map(|r| letters_within(text, r.clone(), &labelled));
    let over_masked = sum(&hidden) - right.sum::<usize>();

    Verdict {
        leaks: leaks.collect(),
        spurious: spurious(&hidden, &labelled, findings),
        findings: judged(document, &labelled, findings),
        labels,
        plain_characters,
        over_masked,
    }
}

fn spurious(
    hidden: &[Range<usize>],
    labelled: &[Range<usize>],
    findings: &[Finding],
) -> Vec<Spurious> {
    let lonely = hidden
        .iter()
        .filter(|range| within((*range).clone(), labelled).next().is_none());
    let name = |range: &Range<usize>| {
        let inside = findings
            .iter()
            .filter(|f| f.start >= range.start && f.end <= range.end);
        inside
            .map(detector)
            .min_by_key(|d| *d as u16)
            .unwrap_or(Detector::Other)
    };
    lonely
        .map(|range| Spurious {
            span: range.clone(),
            detector: name(range),
        })
        .collect()
}

fn judged(document: &Document, labelled: &[Range<usize>], findings: &[Finding]) -> Vec<Judged> {
    let text = &*document.text;
    let mut judged = Vec::new();
    for kind in Detector::ALL {
        let own = findings.iter().filter(|finding| detector(finding) == kind);
        let own = union(own.map(span).collect());
        if own.is_empty() {
            continue;
        }
        let same = document
            .labels
            .iter()
            .filter(|label| label.detector == kind);
        let same = union(same.map(|label| label.start..label.end).collect());
        judged.extend(own.into_iter().map(|range| {
            let all = letters(text, range.clone());
            let most = |set| all > 0 && 2 * letters_within(text, range.clone(), set) >= all;
            Judged {
                detector: kind,
                is_right: most(labelled),
                is_typed: most(&same),
            }
        }));
    }
    judged
}

fn span(finding: &Finding) -> Range<usize> {
    finding.start..finding.end
}

fn detector(finding: &Finding) -> Detector {
    let place = usize::from(finding.detector.0);
    Detector::ALL.get(place).copied().unwrap_or(Detector::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use velum_core::inspect::DetectorId;

    fn verdict(line: &str, found: &[(usize, usize, Detector)]) -> Verdict {
        let document = Document::from_json(line).expect("a labelled text");
        let finding = |(start, end, kind): &(usize, usize, Detector)| Finding {
            start: *start,
            end: *end,
            detector: DetectorId(*kind as u16),
        };
        judge(&document, &found.iter().map(finding).collect::<Vec<_>>())
    }

    const LINE: &str = r#"{"text":"Dr. Jane Doe, ext 12-34","spans":[
        {"start":4,"end":12,"type":"NAME"},{"start":18,"end":23,"type":"PHONE"}]}"#;

    #[test]
    fn letters_count_and_joints_do_not() {
        let all = verdict(
            LINE,
            &[
                (4, 8, Detector::Name),
                (9, 12, Detector::Org),
                (18, 20, Detector::Phone),
                (21, 23, Detector::Phone),
            ],
        );
        assert_eq!(all.labels, [(7, 7), (4, 4)]);
        assert_eq!(
            (all.leaks.len(), all.over_masked, all.plain_characters),
            (0, 0, 5)
        );
        let org = all.findings.iter().find(|f| f.detector == Detector::Org);
        assert_eq!(org.map(|f| (f.is_right, f.is_typed)), Some((true, false)));
    }

    #[test]
    fn what_stays_open_leaks() {
        let some = verdict(LINE, &[(0, 8, Detector::Name)]);
        assert_eq!(
            some.leaks,
            [
                Leak {
                    label: 0,
                    characters: 3
                },
                Leak {
                    label: 1,
                    characters: 4
                },
            ]
        );
        assert_eq!(some.over_masked, 2, "Dr");
        assert_eq!(some.spurious, [], "it touches a label");
        assert_eq!(some.findings.len(), 1);
        assert!(some.findings[0].is_typed);
    }

    #[test]
    fn a_finding_on_plain_text_is_spurious_once() {
        let some = verdict(LINE, &[(14, 17, Detector::Name), (14, 17, Detector::Mrn)]);
        assert_eq!(
            some.spurious,
            [Spurious {
                span: 14..17,
                detector: Detector::Mrn
            }]
        );
        assert_eq!(some.findings.len(), 2);
        assert!(some.findings.iter().all(|f| !f.is_right));
        assert_eq!(some.over_masked, 3);
    }
}
