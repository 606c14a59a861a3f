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

/// Chooses the thresholds of `model` on the documents.
pub(super) fn choose(model: &mut Model, documents: &[Document], options: Options) {
    let bias = model.thresholds.bias;
    let mut best: Option<(usize, Thresholds)> = None;
    for support in [0, 15, 30] {
        for accept in (-40..=30).step_by(10) {
            for again in [-60, -30, 0] {
                model.thresholds = Thresholds {
                    bias,
                    accept,
                    strong: accept.max(0) + 20,
                    support,
                    again: again + accept,
                    accept_lower: accept + 20,
                };
                let outcome = measure(model, documents);
                let cost = cost(outcome, options);
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, model.thresholds));
                }
            }
        }
    }
    if let Some((_, thresholds)) = best {
        model.thresholds = thresholds;
    }
}

/// A letter that leaks beyond the target costs more than any that is hidden for nothing.
fn cost(outcome: Outcome, options: Options) -> usize {
    let allowed = outcome.letters * options.leak_per_million / 1_000_000;
    let beyond = outcome.leaked.saturating_sub(allowed);
    beyond * 20 + outcome.leaked * 2 + outcome.hidden
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
        outcome.hidden += beside.count();
    }
    outcome
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}
