//! Gates: what a pack has to reach, from a TOML file.

use serde::Deserialize;
use velum_detectors::Detector;
use velum_detectors::eval::{Findings, Labels, SetTable, Table};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    gate: Vec<Gate>,
}

/// One line that has to hold. Bounds that are not given are not checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gate {
    /// What it is about, for people.
    name: String,
    /// Sets that count, `*` at the end stands for the rest of a name; all if it is empty.
    #[serde(default)]
    sets: Vec<String>,
    /// Types that count; all if it is empty.
    #[serde(default)]
    types: Vec<String>,
    /// Labels with this tag only.
    tag: Option<String>,
    /// Least share of labelled letters and digits that are hidden.
    recall: Option<f64>,
    /// Least share of spans that are hidden whole.
    span_recall: Option<f64>,
    /// Least share of findings that lie on PHI.
    precision: Option<f64>,
    /// Least share of findings that lie on PHI of their own type.
    precision_typed: Option<f64>,
    /// Largest share of other letters and digits that are hidden.
    over_masking: Option<f64>,
    /// Most findings that touch no label, for 1,000 words.
    spurious_per_1000_words: Option<f64>,
    /// Largest share of documents without PHI of which something is hidden.
    plain_touched: Option<f64>,
}

/// How a bound came out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) gate: String,
    pub(super) measure: &'static str,
    pub(super) wanted: f64,
    /// `wanted` is the least, not the most.
    is_least: bool,
    /// `None` if there was nothing to measure it with.
    pub(super) reached: Option<f64>,
    /// Whether it holds; a bound without data does not fail.
    pub(super) holds: bool,
}

impl Outcome {
    /// Becomes the worse of both, which are of the same bound.
    pub(super) fn or_worse(&mut self, other: Self) {
        let is_worse = match (self.reached, other.reached) {
            (Some(own), Some(other)) if self.is_least => other < own,
            (Some(own), Some(other)) => other > own,
            (own, _) => own.is_none(),
        };
        if is_worse {
            *self = other;
        }
    }
}

/// Reads a file of gates.
///
/// # Errors
/// A line for the user.
pub(super) fn read(text: &str) -> Result<Vec<Gate>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    for gate in &file.gate {
        for name in &gate.types {
            if Detector::from_name(&name.to_ascii_lowercase()).is_none() {
                return Err(format!("gate {:?}: no type is called {name:?}", gate.name));
            }
        }
        if gate.bounds().next().is_none() {
            return Err(format!("gate {:?} bounds nothing", gate.name));
        }
    }
    Ok(file.gate)
}

impl Gate {
    /// What came of each of its bounds.
    pub(super) fn check(&self, table: &Table) -> Vec<Outcome> {
        let mut slice = SetTable::default();
        for (_, set) in table.sets().filter(|(name, _)| self.counts(name)) {
            slice.merge(set);
        }
        let outcome = |(measure, wanted, is_least): (&'static str, f64, bool)| {
            let reached = self.measure(measure, &slice);
            let holds = reached.is_none_or(|reached| match is_least {
                true => reached >= wanted,
                false => reached <= wanted,
            });
            Outcome {
                gate: self.name.clone(),
                measure,
                wanted,
                is_least,
                reached,
                holds,
            }
        };
        self.bounds().map(outcome).collect()
    }

    /// The bounds that are given: measure, value, and whether it is the least or the most.
    fn bounds(&self) -> impl Iterator<Item = (&'static str, f64, bool)> {
        let all = [
            ("recall", self.recall, true),
            ("span recall", self.span_recall, true),
            ("precision", self.precision, true),
            ("typed precision", self.precision_typed, true),
            ("over-masking", self.over_masking, false),
            (
                "spurious per 1,000 words",
                self.spurious_per_1000_words,
                false,
            ),
            ("documents touched", self.plain_touched, false),
        ];
        all.into_iter()
            .filter_map(|(name, bound, is_least)| Some((name, bound?, is_least)))
    }

    fn measure(&self, measure: &str, slice: &SetTable) -> Option<f64> {
        let (mut labels, mut findings) = (Labels::default(), Findings::default());
        for (_, row) in slice
            .rows()
            .filter(|(detector, _)| self.is_about(*detector))
        {
            labels.merge(match &self.tag {
                Some(tag) => row.tags.get(tag).copied().unwrap_or_default(),
                None => row.labels,
            });
            findings.merge(row.findings);
        }
        match measure {
            "recall" => labels.recall(),
            "span recall" => labels.span_recall(),
            "precision" => findings.precision(),
            "typed precision" => findings.precision_typed(),
            "over-masking" => slice.burden.over_masking(),
            "spurious per 1,000 words" => slice.burden.spurious_per_1000_words(),
            _ => slice.burden.plain_touched(),
        }
    }

    fn counts(&self, set: &str) -> bool {
        let is = |pattern: &String| match pattern.strip_suffix('*') {
            Some(begin) => set.starts_with(begin),
            None => set == pattern,
        };
        self.sets.is_empty() || self.sets.iter().any(is)
    }

    fn is_about(&self, detector: Detector) -> bool {
        self.types.is_empty()
            || self
                .types
                .iter()
                .any(|name| name.eq_ignore_ascii_case(detector.name()))
    }
}

#[cfg(test)]
mod tests {
    use velum_detectors::corpus::Document;
    use velum_detectors::{Detectors, eval};

    use super::*;

    #[test]
    fn bounds_hold_or_fail_or_have_no_data() {
        let line = r#"{"set":"notes-1","text":"SSN 531-77-0294 and MRN of X","spans":[
            {"start":4,"end":15,"type":"SSN"},{"start":27,"end":28,"type":"NAME","tag":"t"}]}"#;
        let document = Document::from_json(line).expect("a labelled text");
        let table = eval::evaluate([&document], &Detectors::full());
        let gates = read(
            r#"
            [[gate]]
            name = "numbers"
            sets = ["notes*"]
            types = ["SSN"]
            recall = 1.0
            over_masking = 0.0
            [[gate]]
            name = "names"
            tag = "t"
            recall = 0.5
            [[gate]]
            name = "elsewhere"
            sets = ["hl7"]
            recall = 0.5
            "#,
        )
        .expect("they are gates");
        let outcomes: Vec<_> = gates.iter().flat_map(|gate| gate.check(&table)).collect();
        let holds: Vec<_> = outcomes.iter().map(|o| (o.reached, o.holds)).collect();
        assert_eq!(
            holds,
            [
                (Some(1.0), true),
                (Some(0.0), true),
                (Some(0.0), false),
                (None, true),
            ]
        );
    }

    #[test]
    fn the_worse_of_two_outcomes_counts() {
        let outcome = |is_least, reached: Option<f64>| Outcome {
            gate: "g".to_owned(),
            measure: "recall",
            wanted: 0.5,
            is_least,
            reached,
            holds: reached.is_none_or(|reached| (reached >= 0.5) == is_least),
        };
        let worse = |is_least, one, other| {
            let mut one = outcome(is_least, one);
            one.or_worse(outcome(is_least, other));
            (one.reached, one.holds)
        };
        assert_eq!(worse(true, Some(0.9), Some(0.4)), (Some(0.4), false));
        assert_eq!(worse(true, Some(0.4), Some(0.9)), (Some(0.4), false));
        assert_eq!(worse(false, Some(0.4), Some(0.9)), (Some(0.9), false));
        assert_eq!(worse(true, None, Some(0.9)), (Some(0.9), true));
        assert_eq!(worse(true, Some(0.9), None), (Some(0.9), true));
    }

    #[test]
    fn gates_that_bound_nothing_or_no_type_are_refused() {
        assert!(read("[[gate]]\nname = \"x\"\n").is_err());
        assert!(read("[[gate]]\nname = \"x\"\ntypes = [\"SHOE\"]\nrecall = 1.0\n").is_err());
        assert!(read("[[gate]]\nname = \"x\"\nrecal = 1.0\n").is_err());
    }
}
