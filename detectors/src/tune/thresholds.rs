//! Thresholds: the leak target first, then precision.

use velum_core::inspect::Finding;

use super::Options;
use crate::catalog::{Detector, Set};
use crate::corpus::Document;
use crate::names::{self, Model, Thresholds};
use crate::scan::Scan;

/// What thresholds do to a corpus.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    /// Letters and digits of names, and those of them that stay open.
    letters: usize,
    leaked: usize,
    /// Letters and digits that are hidden beside all labels.
    hidden: usize,
}

/// Hiding something in a text without PHI counts as much as so many elsewhere.
const PLAIN_COST: usize = 8;

/// Chooses the thresholds of `model` on the documents.
pub(super) fn choose(model: &mut Model, documents: &[Document], options: Options) {
    let mut thresholds = Thresholds {
        bias: model.thresholds.bias,
        accept: 0,
        strong: 20,
        support: 15,
        again: -40,
        accept_lower: 20,
    };
    let mut best = usize::MAX;
    // One threshold at a time, twice over: they hardly depend on each other.
    for _ in 0..2 {
        for (which, values) in GRID {
            for value in (values.0..=values.1).step_by(5) {
                let mut tried = thresholds;
                *which(&mut tried) = value;
                model.thresholds = tried;
                let cost = cost(measure(model, documents), options);
                if cost < best {
                    best = cost;
                    thresholds = tried;
                }
            }
        }
    }
    model.thresholds = thresholds;
}

type Threshold = fn(&mut Thresholds) -> &mut i32;

/// What is tried for each.
const GRID: &[(Threshold, (i32, i32))] = &[
    (|t| &mut t.accept, (-60, 40)),
    (|t| &mut t.accept_lower, (-60, 80)),
    (|t| &mut t.support, (0, 50)),
    (|t| &mut t.strong, (0, 60)),
    (|t| &mut t.again, (-60, 20)),
];

/// A letter that leaks beyond the target costs more than any that is hidden for nothing.
fn cost(outcome: Outcome, options: Options) -> usize {
    let allowed = outcome.letters * options.leak_per_million / 1_000_000;
    let beyond = outcome.leaked.saturating_sub(allowed);
    beyond * 2 + outcome.leaked + outcome.hidden
}

fn measure(model: &Model, documents: &[Document]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut findings: Vec<Finding> = Vec::new();
    let mut hidden: Vec<bool> = Vec::new();
    for document in documents {
        findings.clear();
        let text = document.text.as_bytes();
        let whole = velum_core::inspect::Surroundings::WHOLE;
        let enabled = Set::of(&[Detector::Name]);
        names::find(&mut Scan::new(text, whole, enabled, &mut findings), model);
        hidden.clear();
        hidden.resize(text.len(), false);
        for finding in &findings {
            hidden[finding.start..finding.end].fill(true);
        }
        let mut labelled = 0;
        for label in &document.labels {
            for at in label.start.max(labelled)..label.end {
                let open = !hidden[at];
                if label.detector == Detector::Name && is_sign(text[at]) {
                    outcome.letters += 1;
                    outcome.leaked += usize::from(open);
                }
                hidden[at] = false;
            }
            labelled = labelled.max(label.end);
        }
        let beside = hidden
            .iter()
            .zip(text)
            .filter(|(hidden, byte)| **hidden && is_sign(**byte));
        let plain = if document.labels.is_empty() {
            PLAIN_COST
        } else {
            1
        };
        outcome.hidden += plain * beside.count();
    }
    outcome
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}
