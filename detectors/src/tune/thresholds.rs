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

/// What a letter costs that is hidden for nothing, in a text with PHI and in one without.
const BESIDE_COST: usize = 2;
const PLAIN_COST: usize = 60;

/// Chooses the thresholds of `model` on the documents.
pub(super) fn choose(model: &mut Model, documents: &[Document], options: Options) {
    let mut thresholds = Thresholds {
        bias: model.thresholds.bias,
        accept: 0,
        strong: 20,
        support: 15,
        again: -40,
        accept_lower: 20,
        alone: 0,
    };
    let mut best = usize::MAX;
    // One threshold at a time, three times over: they hardly depend on each other.
    for _ in 0..3 {
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
    raise_alone(model, documents);
}

/// Asks as much of a name that stands alone as hardly leaves more names open: texts without any are
/// more than the tune part has.
fn raise_alone(model: &mut Model, documents: &[Document]) {
    /// Letters and digits of names that may be left open for it, of 1,000,000.
    const LEAK_PER_MILLION: usize = 2_500;
    const MOST: i32 = 120;
    let open = measure(model, documents);
    let allowed = open.leaked + open.letters * LEAK_PER_MILLION / 1_000_000;
    while model.thresholds.alone < MOST {
        model.thresholds.alone += 5;
        if measure(model, documents).leaked > allowed {
            model.thresholds.alone -= 5;
            return;
        }
    }
}

type Threshold = fn(&mut Thresholds) -> &mut i32;

/// What is tried for each. The ends are as far as the tune part, which is small, is believed.
const GRID: &[(Threshold, (i32, i32))] = &[
    (|t| &mut t.accept, (-10, 40)),
    (|t| &mut t.accept_lower, (-40, 80)),
    (|t| &mut t.support, (0, 50)),
    (|t| &mut t.strong, (0, 60)),
    (|t| &mut t.again, (-60, 20)),
    (|t| &mut t.alone, (0, 140)),
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
            BESIDE_COST
        };
        outcome.hidden += plain * beside.count();
    }
    outcome
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}
