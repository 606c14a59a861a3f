//! A site's own identifiers: patterns that a hospital writes for its record numbers, badges,
//! wristbands and the like.

use std::cell::RefCell;
use std::fmt;

use regex_automata::util::syntax;
use serde::{Deserialize, Serialize};
use velum_core::inspect::{DetectorId, Finding};

use crate::catalog::{Detector, Set};
use crate::scan::patterns::{Match, Patterns, Scratch};

/// Name of the section of a pack that holds site patterns.
pub const SECTION: &str = "patterns";
/// Longest text that a site pattern may match.
pub const SITE_MATCH_BYTES: usize = 256;

/// A pattern and what it finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePattern {
    /// Says what it is, such as `Mercy West record number`.
    pub name: String,
    /// The type of its findings.
    pub detector: Detector,
    /// A regular expression over bytes, see [`Patterns`]. Its matches count where no letter or
    /// digit touches them.
    pub pattern: String,
}

/// A pattern that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSitePattern {
    /// The pattern's name; empty if the whole list is no list.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Compiled site patterns.
pub(crate) struct Site {
    patterns: Patterns,
    detectors: Vec<Detector>,
}

/// A pattern as it stands in a pack.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    pattern: String,
}

/// The patterns as the section `patterns` of a pack.
///
/// # Errors
/// The first that would be refused when the pack is read.
pub fn to_section(patterns: &[SitePattern]) -> Result<Vec<u8>, BadSitePattern> {
    Site::compile(patterns)?;
    let stored = patterns.iter().map(|pattern| Stored {
        name: pattern.name.clone(),
        kind: pattern.detector.name().to_owned(),
        pattern: pattern.pattern.clone(),
    });
    let stored: Vec<Stored> = stored.collect();
    serde_json::to_vec(&stored).map_err(|error| list(error.to_string()))
}

/// Reads the section `patterns` of a pack.
///
/// # Errors
/// What is no list of patterns.
pub fn from_section(section: &[u8]) -> Result<Vec<SitePattern>, BadSitePattern> {
    let stored: Vec<Stored> =
        serde_json::from_slice(section).map_err(|error| list(error.to_string()))?;
    let patterns = stored
        .into_iter()
        .map(|stored| match Detector::from_name(&stored.kind) {
            Some(detector) => Ok(SitePattern {
                name: stored.name,
                detector,
                pattern: stored.pattern,
            }),
            None => Err(BadSitePattern {
                name: stored.name,
                reason: format!("no detector is called {:?}", stored.kind),
            }),
        });
    patterns.collect()
}

impl Site {
    pub(crate) fn compile(patterns: &[SitePattern]) -> Result<Self, BadSitePattern> {
        for pattern in patterns {
            let refused = |reason: String| BadSitePattern {
                name: pattern.name.clone(),
                reason,
            };
            let config = syntax::Config::new().unicode(false).utf8(false);
            let hir = syntax::parse_with(&pattern.pattern, &config)
                .map_err(|error| refused(error.to_string()))?;
            let longest = hir.properties().maximum_len();
            if longest.is_none_or(|bytes| bytes > SITE_MATCH_BYTES) {
                let reason = format!("it may match more than {SITE_MATCH_BYTES} bytes");
                return Err(refused(reason));
            }
        }
        let sources: Vec<&str> = patterns.iter().map(|pattern| &*pattern.pattern).collect();
        let compiled = Patterns::compile(&sources).map_err(|error| BadSitePattern {
            name: patterns
                .get(error.pattern)
                .map_or_else(String::new, |p| p.name.clone()),
            reason: error.reason.to_string(),
        })?;
        Ok(Self {
            patterns: compiled,
            detectors: patterns.iter().map(|pattern| pattern.detector).collect(),
        })
    }

    /// How far a finding may depend on its neighbourhood: a longer match of the same pattern
    /// swallows it, and a letter or digit beside it speaks against it.
    pub(crate) const REACH_BYTES: usize = 2 * SITE_MATCH_BYTES;

    /// Appends the findings of enabled types, in no order.
    pub(crate) fn find(&self, enabled: Set, text: &[u8], out: &mut Vec<Finding>) {
        thread_local! {
            static WORK: RefCell<(Scratch, Vec<Match>)> = RefCell::default();
        }
        WORK.with_borrow_mut(|(scratch, found)| {
            found.clear();
            self.patterns.find(scratch, text, found);
            for found in found.iter().filter(|found| stands_alone(text, found)) {
                let detector = self.detectors.get(found.pattern as usize).copied();
                if let Some(detector) = detector.filter(|it| enabled.contains(*it)) {
                    out.push(Finding {
                        start: before_character(text, found.start),
                        end: behind_character(text, found.end),
                        detector: DetectorId(detector as u16),
                    });
                }
            }
        });
    }
}

fn stands_alone(text: &[u8], found: &Match) -> bool {
    let is_word = |at: Option<usize>| {
        let byte = at.and_then(|at| text.get(at));
        byte.is_some_and(u8::is_ascii_alphanumeric)
    };
    let starts_in_word = is_word(found.start.checked_sub(1)) && is_word(Some(found.start));
    let ends_in_word = is_word(Some(found.end)) && is_word(found.end.checked_sub(1));
    !starts_in_word && !ends_in_word
}

/// The begin of the UTF-8 character that holds `at`.
fn before_character(text: &[u8], at: usize) -> usize {
    let inside = (0..3).take_while(|back| is_continuation(text, at.wrapping_sub(*back)));
    at.saturating_sub(inside.count())
}

/// The end of the UTF-8 character before `at`, if `at` splits it.
fn behind_character(text: &[u8], at: usize) -> usize {
    at + (at..at + 3)
        .take_while(|at| is_continuation(text, *at))
        .count()
}

fn is_continuation(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80)
}

fn list(reason: String) -> BadSitePattern {
    BadSitePattern {
        name: String::new(),
        reason,
    }
}

/// The patterns are a site's own business.
impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} site patterns", self.detectors.len())
    }
}

impl fmt::Display for BadSitePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.is_empty() {
            true => write!(f, "site patterns: {}", self.reason),
            false => write!(f, "site pattern {:?}: {}", self.name, self.reason),
        }
    }
}

impl std::error::Error for BadSitePattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(detector: Detector, pattern: &str) -> SitePattern {
        SitePattern {
            name: "p".to_owned(),
            detector,
            pattern: pattern.to_owned(),
        }
    }

    fn found(text: &str) -> Vec<(usize, usize, u16)> {
        let site = Site::compile(&[
            pattern(Detector::Mrn, r"MW-?\d{6,8}"),
            pattern(Detector::Device, r"#[0-9a-f]{4}"),
            pattern(Detector::Other, r"z."),
        ]);
        let mut out = Vec::new();
        site.expect("they are bounded")
            .find(Set::ALL, text.as_bytes(), &mut out);
        out.iter().map(|f| (f.start, f.end, f.detector.0)).collect()
    }

    #[test]
    fn matches_count_where_they_stand_alone() {
        assert_eq!(found("MW-123456, MW1234567."), [(0, 9, 1), (11, 20, 1)]);
        assert_eq!(found("xMW123456 MW123456789 MW12345"), []);
        assert_eq!(found("a#12ef #12eff"), [(1, 6, 20)]);
        assert_eq!(found("zé"), [(0, 3, 21)]);
    }

    #[test]
    fn what_has_no_bound_is_refused_by_name() {
        for bad in [r"\d+", r"[a-z]{300}", "(", ""] {
            let error = Site::compile(&[pattern(Detector::Mrn, bad)]).expect_err("it is refused");
            assert_eq!(error.name, "p", "{bad}: {error}");
        }
    }

    #[test]
    fn sections_are_read_back() {
        let patterns = [
            pattern(Detector::Mrn, r"MW\d{7}"),
            pattern(Detector::Account, r"A-\d{4}"),
        ];
        let section = to_section(&patterns).expect("they are bounded");
        assert_eq!(from_section(&section).as_deref(), Ok(&patterns[..]));
        assert!(from_section(b"[{\"name\":\"x\",\"type\":\"shoe\",\"pattern\":\"a\"}]").is_err());
        assert!(from_section(b"{}").is_err());
    }
}
