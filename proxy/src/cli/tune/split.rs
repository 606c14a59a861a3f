//! Which texts are learnt from, and which are kept to measure with.

use velum_detectors::corpus::Document;

use super::super::corpus::{Part, Sample};

/// The texts by their parts.
#[derive(Default)]
pub(super) struct Split<'c> {
    pub(super) train: Vec<&'c Document>,
    pub(super) tune: Vec<&'c Document>,
    pub(super) test: Vec<&'c Document>,
    /// Nothing was learnt from the texts of `test`. If there are too few to keep some aside, all
    /// of them are used for everything.
    pub(super) is_held_out: bool,
}

/// With fewer texts no part would be worth its name.
const TEXTS: usize = 10;

impl<'c> Split<'c> {
    /// A text goes where its path says, or by its content and the seed: six of ten to train, two
    /// to tune, two to test.
    pub(super) fn new(samples: &'c [Sample], seed: u64) -> Self {
        let mut split = Self {
            is_held_out: true,
            ..Self::default()
        };
        for sample in samples {
            let document = &sample.document;
            let part = sample
                .part
                .unwrap_or_else(|| match hash(document, seed) % 10 {
                    0..6 => Part::Train,
                    6..8 => Part::Tune,
                    _ => Part::Test,
                });
            match part {
                Part::Train => split.train.push(document),
                Part::Tune => split.tune.push(document),
                Part::Test => split.test.push(document),
            }
        }
        let is_named = samples.iter().any(|sample| sample.part == Some(Part::Test));
        if split.test.is_empty() || samples.len() < TEXTS && !is_named {
            let all: Vec<_> = samples.iter().map(|sample| &sample.document).collect();
            split = Self {
                train: all.clone(),
                tune: all.clone(),
                test: all,
                is_held_out: false,
            };
        }
        split
    }
}

/// FNV-1a over the text, so that a text that stands twice is in one part.
fn hash(document: &Document, seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = document.text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Its low bits alone know little of the first bytes.
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: usize, part: Option<Part>) -> Vec<Sample> {
        let line = |n: usize| format!("{{\"text\":\"visit {n}\"}}");
        let read = |n| Document::from_json(&line(n)).expect("a labelled text");
        (0..count)
            .map(|n| Sample {
                document: read(n),
                part,
            })
            .collect()
    }

    #[test]
    fn texts_are_split_by_their_seed() {
        let samples = samples(1000, None);
        let split = Split::new(&samples, 1);
        assert!(split.is_held_out);
        assert_eq!(
            split.train.len() + split.tune.len() + split.test.len(),
            1000
        );
        assert!(
            (500..700).contains(&split.train.len()),
            "{}",
            split.train.len()
        );
        assert!(
            (140..260).contains(&split.test.len()),
            "{}",
            split.test.len()
        );
        let texts = |split: &Split<'_>| {
            split
                .test
                .iter()
                .map(|document| document.text.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&split), texts(&Split::new(&samples, 1)));
        assert_ne!(texts(&split), texts(&Split::new(&samples, 2)));
    }

    #[test]
    fn paths_decide_and_few_texts_are_not_split() {
        let named = samples(3, Some(Part::Test));
        let split = Split::new(&named, 1);
        assert_eq!(
            (split.test.len(), split.train.len(), split.is_held_out),
            (3, 0, true)
        );
        let few = samples(5, None);
        let split = Split::new(&few, 1);
        assert_eq!(
            (split.test.len(), split.train.len(), split.is_held_out),
            (5, 5, false)
        );
    }
}
