//! What the sampled values of a column say, as numbers: no value stays here.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use velum_core::inspect::{ColumnHint, Finding, Inspect, Prior, Surroundings, Watch};
use velum_detectors::{Detector, Detectors};

use super::class::Class;

const DETECTORS: usize = Detector::ALL.len();
/// A value of more words than this, or of more bytes, is a text.
const TEXT_WORDS: usize = 7;
const TEXT_BYTES: usize = 80;

/// Counts over the values of a column.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) rows: u32,
    /// That are neither NULL nor empty; elements count each.
    pub(super) values: u32,
    /// Values in which anything was found.
    pub(super) hit: u32,
    /// Values that are texts.
    pub(super) texts: u32,
    /// Values that are JSON objects or arrays.
    pub(super) documents: u32,
    covered: [u32; DETECTORS],
    /// Covered, and nothing but digits: other numbers look alike.
    bare: [u32; DETECTORS],
    holding: [u32; DETECTORS],
    successors: u32,
    last: Option<u64>,
    different: HashSet<u64>,
    hasher: RandomState,
    watch: Option<Box<dyn Watch>>,
    findings: Vec<Finding>,
}

impl Tally {
    pub(super) fn new(engine: &Detectors, hint: ColumnHint<'_>) -> Self {
        let scans = engine.prior(hint) == Prior::Scan;
        Self {
            watch: scans.then(|| engine.watch(hint)).flatten(),
            ..Self::default()
        }
    }

    /// Takes note of a value.
    pub(super) fn see(&mut self, engine: &Detectors, hint: ColumnHint<'_>, value: &[u8]) {
        let value = value.trim_ascii();
        if value.is_empty() {
            return;
        }
        self.values += 1;
        self.different.insert(self.hasher.hash_one(value));
        let number = std::str::from_utf8(value)
            .ok()
            .and_then(|it| it.parse().ok());
        let follows = self
            .last
            .zip(number)
            .is_some_and(|(last, it)| it == last + 1);
        self.successors += u32::from(follows);
        self.last = number.filter(|number| *number < u64::MAX);
        let words = value.split(|byte| byte.is_ascii_whitespace()).count();
        self.texts += u32::from(words > TEXT_WORDS || value.len() > TEXT_BYTES);
        self.documents += u32::from(matches!(value, [b'{', .., b'}'] | [b'[', .., b']']));
        let around = Surroundings {
            column: Some(hint),
            ..Surroundings::WHOLE
        };
        self.findings.clear();
        engine.inspect(value, around, &mut self.findings);
        self.count(value);
        if let Some(watch) = &mut self.watch {
            watch.see(value, &self.findings);
        }
    }

    fn count(&mut self, value: &[u8]) {
        let is_bare = value.iter().all(u8::is_ascii_digit);
        self.hit += u32::from(!self.findings.is_empty());
        let (mut held, mut covers) = ([false; DETECTORS], [false; DETECTORS]);
        for finding in &self.findings {
            let id = usize::from(finding.detector.0);
            if let (Some(held), Some(covers)) = (held.get_mut(id), covers.get_mut(id)) {
                *held = true;
                *covers |= (finding.end - finding.start) * 5 >= value.len() * 4;
            }
        }
        for id in 0..DETECTORS {
            self.holding[id] += u32::from(held[id]);
            self.covered[id] += u32::from(covers[id]);
            self.bare[id] += u32::from(covers[id] && is_bare);
        }
    }

    /// Joins what a partition's values say.
    pub(super) fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.values += other.values;
        self.hit += other.hit;
        self.texts += other.texts;
        self.documents += other.documents;
        self.successors += other.successors;
        self.different.extend(other.different);
        for id in 0..DETECTORS {
            self.covered[id] += other.covered[id];
            self.bare[id] += other.bare[id];
            self.holding[id] += other.holding[id];
        }
        if self.settled().is_none() {
            self.watch = other.watch;
        }
    }

    /// Values that are such an identifier and nothing else, or one that looks the same.
    pub(super) fn fits(&self, class: Class) -> u32 {
        let akin = Detector::ALL
            .into_iter()
            .filter(|it| class.is_akin(Class::of(*it)));
        akin.map(|it| self.covered[it as usize]).max().unwrap_or(0)
    }

    /// What most values are, and how many; the more telling of two that count the same.
    pub(super) fn best(&self) -> Option<(Detector, u32)> {
        let most = |it: &Detector| {
            let id = *it as usize;
            (
                self.covered[id],
                Class::of(*it).has_form(),
                self.covered[id] - self.bare[id],
            )
        };
        let best = Detector::ALL.into_iter().max_by_key(most)?;
        let count = self.covered[best as usize];
        (count > 0).then_some((best, count))
    }

    /// Of those, how many are nothing but digits.
    pub(super) fn bare(&self, detector: Detector) -> u32 {
        self.bare[detector as usize]
    }

    /// What is found in values, with the number of them, most frequent first.
    pub(super) fn held(&self) -> Vec<(Detector, u32)> {
        let all = Detector::ALL.into_iter();
        let mut held: Vec<_> = all.map(|it| (it, self.holding[it as usize])).collect();
        held.retain(|(_, count)| *count > 0);
        held.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        held
    }

    /// Does each number follow the one before it, as a counter's do?
    pub(super) fn is_counted_up(&self) -> bool {
        self.successors * 2 >= self.values
    }

    /// How many different values there were.
    pub(super) fn different(&self) -> usize {
        self.different.len()
    }

    /// What an engine made of the column while it saw the values.
    pub(super) fn settled(&self) -> Option<Detector> {
        let id = self.watch.as_ref()?.settled()?;
        Detector::ALL.get(usize::from(id.0)).copied()
    }
}
