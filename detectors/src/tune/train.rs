//! Weights: logistic regression over hashed features, rounded to a byte each.

use super::{Options, Progress};
use crate::catalog::Detector;
use crate::corpus::Document;
use crate::corpus::generate::Random;
use crate::names::{FEATURES, Features, Known, Model, candidates};

/// A word and whether it is a name.
struct Example {
    features: Features,
    name: bool,
    weight: f32,
}

/// Share of the words that are taken for unknown, of 100: names and others that no list has are
/// what a new hospital brings.
const UNKNOWN_NAMES: u64 = 12;
const UNKNOWN_OTHERS: u64 = 2;
/// A name that stays open costs as much as so many words that are hidden for nothing.
const LEAK_COST: f32 = 2.0;
/// Part of a facility's or a place's name: hiding it as a person's is half a mistake.
const OTHER_PHI_COST: f32 = 0.3;
/// Weights are kept in 1 / SCALE.
const SCALE: f32 = 24.0;
const RATE: f32 = 0.15;
/// Pull of the weights to zero, for each time that they are used.
const DECAY: f32 = 2e-6;
/// Share of the features of an example that are left out, of 100.
const DROPPED: u64 = 20;

/// Trains the weights of `model` on the documents.
pub(super) fn weights(
    model: &mut Model,
    documents: &[Document],
    options: Options,
    progress: &mut dyn FnMut(Progress),
) {
    let mut random = Random::new(options.seed);
    let mut examples = examples(model, documents, &mut random);
    progress(Progress::Examples(examples.len()));
    let mut learner = Learner {
        weights: vec![0.0; FEATURES],
        squares: vec![1e-3; FEATURES],
        bias: 0.0,
    };
    for epoch in 1..=options.epochs {
        random.shuffle(&mut examples);
        for example in &examples {
            learner.learn(example, &mut random);
        }
        progress(Progress::Epoch(epoch));
    }
    let whole = |weight: f32| (weight * SCALE).round();
    model.weights = learner
        .weights
        .iter()
        .map(|weight| whole(*weight).clamp(-127.0, 127.0) as i8)
        .collect();
    model.thresholds.bias = whole(learner.bias) as i32;
}

fn examples(model: &Model, documents: &[Document], random: &mut Random) -> Vec<Example> {
    let mut examples = Vec::new();
    for document in documents {
        candidates(document.text.as_bytes(), model, |candidate| {
            let (start, end) = candidate.range();
            let label = document
                .labels
                .iter()
                .find(|label| label.start < end && start < label.end);
            let name = label.is_some_and(|label| label.detector == Detector::Name);
            let unknown = if name { UNKNOWN_NAMES } else { UNKNOWN_OTHERS };
            let features = if random.below(100) < unknown {
                candidate.features_as(Known::default())
            } else {
                candidate.features()
            };
            let weight = match label {
                _ if name => LEAK_COST,
                Some(_) => OTHER_PHI_COST,
                None => 1.0,
            };
            examples.push(Example {
                features,
                name,
                weight,
            });
        });
    }
    examples
}

struct Learner {
    weights: Vec<f32>,
    /// Sums of the squares of what each weight was moved by (AdaGrad).
    squares: Vec<f32>,
    bias: f32,
}

impl Learner {
    fn learn(&mut self, example: &Example, random: &mut Random) {
        let dropped = random.draw();
        let kept =
            |index: usize| (dropped.rotate_left(index as u32 * 7) & 0xff) * 100 >= DROPPED * 256;
        let ids = example.features.ids();
        let mut sum = self.bias;
        for (_, id) in ids.iter().enumerate().filter(|(index, _)| kept(*index)) {
            sum += self.weights[*id as usize];
        }
        let chance = 1.0 / (1.0 + exp(-sum));
        let target = if example.name { 1.0 } else { 0.0 };
        let step = (chance - target) * example.weight;
        if step.abs() < 1e-3 {
            return;
        }
        for (_, id) in ids.iter().enumerate().filter(|(index, _)| kept(*index)) {
            let id = *id as usize;
            let slope = step + DECAY * self.weights[id];
            self.squares[id] += slope * slope;
            self.weights[id] -= RATE * slope / self.squares[id].sqrt();
        }
        self.bias -= 0.002 * step;
    }
}

/// The exponential function, by multiplications alone: the same on every machine.
fn exp(x: f32) -> f32 {
    const HALVINGS: i32 = 10;
    let mut power = 1.0 + x.clamp(-16.0, 16.0) / (1 << HALVINGS) as f32;
    for _ in 0..HALVINGS {
        power *= power;
    }
    power
}
