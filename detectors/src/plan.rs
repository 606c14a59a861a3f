//! What a choice of detectors means for the scan: which bytes are worth a stop, and how far a
//! finding may reach.

use std::sync::Arc;

use velum_core::inspect::{ColumnHint, Finding, Prior, Surroundings};
use velum_core::limits::FINDING_SPAN_BYTES;

use crate::catalog::{Detector, Set, hl7, url};
use crate::columns;
use crate::names::{self, Model};
use crate::plain;
use crate::scan::{self, Scan};
use crate::site::Site;

/// Context that a finding outside HL7 and URLs can depend on: an address with its city before
/// it, the label of a number, the longest e-mail address.
const NEAR_REACH_BYTES: usize = 512;

const _: () = assert!(hl7::REACH_BYTES + NEAR_REACH_BYTES <= FINDING_SPAN_BYTES);
const _: () = assert!(names::REACH_BYTES <= NEAR_REACH_BYTES + hl7::REACH_BYTES);
const _: () = assert!(Site::REACH_BYTES <= NEAR_REACH_BYTES);
const _: () = assert!(url::SPAN_BYTES + NEAR_REACH_BYTES <= FINDING_SPAN_BYTES);

/// A compiled choice of detectors.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) enabled: Set,
    stops: Stops,
    pub(crate) names: Option<Arc<Model>>,
}

/// Byte classes at which the scan stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stops {
    /// Starts of digit runs.
    pub(crate) numbers: bool,
    /// `@`.
    pub(crate) at_signs: bool,
    /// `:` and `=`.
    pub(crate) labels: bool,
    /// `|`.
    pub(crate) bars: bool,
    /// `catalog::KEYWORDS`.
    pub(crate) words: bool,
    /// `,` before a state.
    pub(crate) commas: bool,
}

impl Stops {
    /// The stops of a folded window: no structure, no names.
    pub(crate) fn of_view(enabled: Set) -> Self {
        Self {
            bars: false,
            ..Self::of(enabled)
        }
    }

    pub(crate) fn of(enabled: Set) -> Self {
        let colons = [
            Detector::Name,
            Detector::Ip,
            Detector::Url,
            Detector::Device,
        ];
        let words = [
            Detector::Date,
            Detector::Age,
            Detector::Email,
            Detector::Url,
        ];
        // A name is also what heads a record number.
        let numbers = Set::ALL.without(&[Detector::Email, Detector::Url]);
        Self {
            numbers: enabled.meets(numbers),
            at_signs: enabled.contains(Detector::Email),
            labels: colons.iter().any(|detector| enabled.contains(*detector)),
            bars: enabled.meets(hl7::DETECTORS),
            words: words.iter().any(|detector| enabled.contains(*detector)),
            commas: enabled.contains(Detector::Address),
        }
    }
}

impl Plan {
    pub(crate) fn new(enabled: Set, names: Option<Arc<Model>>) -> Self {
        scan::warm_up();
        columns::warm_up();
        Self {
            enabled,
            stops: Stops::of(enabled),
            names,
        }
    }

    pub(crate) fn inspect(&self, text: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>) {
        let first = out.len();
        let plain = plain::is_plain(text, &around);
        if plain && self.names.is_none() {
            return;
        }
        let mut scan = Scan::new(text, around, self.enabled, out);
        if !plain {
            scan::run(&mut scan, self.stops);
        }
        if let Some(model) = &self.names {
            names::find(&mut scan, model);
        }
        settle(out, first);
    }

    pub(crate) fn enabled(&self) -> Set {
        self.enabled
    }

    pub(crate) fn prior(&self, column: ColumnHint<'_>) -> Prior {
        columns::prior(column, self.enabled)
    }

    pub(crate) fn horizon_bytes(&self) -> usize {
        let far = if self.enabled.meets(hl7::DETECTORS) {
            hl7::REACH_BYTES
        } else {
            0
        };
        let url = if self.enabled.contains(Detector::Url) {
            url::SPAN_BYTES
        } else {
            0
        };
        NEAR_REACH_BYTES + far.max(url)
    }
}

/// Sorts the findings from `first` on and drops exact repetitions, without allocating.
pub(crate) fn settle(out: &mut Vec<Finding>, first: usize) {
    let Some(fresh) = out.get_mut(first..) else {
        return;
    };
    let key = |finding: &Finding| (finding.start, finding.end, finding.detector);
    if !fresh.is_sorted_by(|a, b| key(a) < key(b)) {
        fresh.sort_unstable_by_key(key);
        let mut kept = first;
        for next in first..out.len() {
            if next == first || out[next] != out[kept - 1] {
                out[kept] = out[next];
                kept += 1;
            }
        }
        out.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use velum_core::inspect::DetectorId;

    #[test]
    fn a_choice_stops_only_where_it_must() {
        let mut email = Set::EMPTY;
        email.insert(Detector::Email);
        let stops = Stops::of(email);
        assert_eq!(
            stops,
            Stops {
                numbers: false,
                at_signs: true,
                labels: false,
                bars: true,
                words: true,
                commas: false
            }
        );
        let mut name = Set::EMPTY;
        name.insert(Detector::Name);
        assert!(Stops::of(name).numbers);
        let all = Stops::of(Set::ALL);
        assert_eq!(
            all,
            Stops {
                numbers: true,
                at_signs: true,
                labels: true,
                bars: true,
                words: true,
                commas: true
            }
        );
    }

    #[test]
    fn findings_are_sorted_and_unique_and_older_ones_stay() {
        let at = |start, end| Finding {
            start,
            end,
            detector: DetectorId(0),
        };
        let mut out = vec![at(9, 10), at(5, 7), at(1, 2), at(5, 7)];
        settle(&mut out, 1);
        assert_eq!(out, vec![at(9, 10), at(1, 2), at(5, 7)]);
    }
}
