//! What the workers do: from a part of an input to a [`Piece`] of the output.

use std::borrow::Cow;

use velum_core::inspect::{Finding, Surroundings};
use velum_core::mask::redact;
use velum_detectors::{Detector, Detectors, eval};

use super::position::{Position, advance};
use super::windows::Window;

/// Most characters of a finding that are shown.
const SHOWN_CHARACTERS: usize = 80;

/// What is looked for, and what is wanted of it. Shared by all workers.
pub(super) struct Scanner {
    pub(super) engine: Detectors,
    /// Findings are listed.
    pub(super) wants_hits: bool,
    /// The redacted input is written.
    pub(super) wants_masked: bool,
    /// Spans of JSON lines are written.
    pub(super) wants_spans: bool,
    /// Findings are listed as they are.
    pub(super) is_clear: bool,
}

/// What came of a part of an input.
#[derive(Default)]
pub(super) struct Piece {
    /// Bytes of the part.
    pub(super) bytes: u64,
    /// Findings by detector.
    pub(super) counts: Counts,
    /// Findings to list.
    pub(super) hits: Vec<Hit>,
    /// Bytes for standard output.
    pub(super) out: Vec<u8>,
    /// Bytes of the next part that findings of this one reach into.
    pub(super) spill: usize,
    /// Where the next part begins, seen from the begin of this one.
    pub(super) end: Position,
    /// What could not be read.
    pub(super) problems: Vec<Problem>,
}

/// Findings by detector.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts(pub(super) [u64; Detector::ALL.len()]);

/// A finding to list.
pub(super) struct Hit {
    /// Seen from the begin of the part.
    pub(super) position: Position,
    pub(super) detector: Detector,
    /// Masked, unless clear text was asked for.
    pub(super) text: String,
    /// Name of the column, if it has one.
    pub(super) column: Option<Box<str>>,
}

/// A line or record that is not what it should be.
pub(super) struct Problem {
    /// Seen from the begin of the part.
    pub(super) position: Position,
    pub(super) what: String,
}

impl Scanner {
    /// Findings in a text, by start; those of `around`'s column decide first.
    pub(super) fn inspect(&self, text: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>) {
        out.clear();
        eval::inspect_around(text, around, &self.engine, out);
    }

    /// A window of a text.
    pub(super) fn text(&self, window: Window) -> Piece {
        let Window { mut text, own } = window;
        let mut findings = Vec::new();
        self.inspect(&text, Surroundings::WHOLE, &mut findings);
        let mut piece = Piece {
            bytes: own.len() as u64,
            ..Piece::default()
        };
        let (mut at, mut position) = (own.start, Position::default());
        for finding in findings
            .iter()
            .filter(|finding| own.contains(&finding.start))
        {
            piece.counts.add(finding);
            piece.spill = piece.spill.max(finding.end.saturating_sub(own.end));
            advance(&mut position, &text[at..finding.start]);
            at = finding.start;
            self.list(&mut piece, position, finding, &text, None);
        }
        advance(&mut position, &text[at..own.end]);
        piece.end = position;
        if self.wants_masked {
            redact(&mut text, &findings);
            text.truncate(own.end);
            text.drain(..own.start);
            piece.out = text;
        }
        piece
    }

    /// Adds a finding to the list, if one is wanted.
    pub(super) fn list(
        &self,
        piece: &mut Piece,
        position: Position,
        finding: &Finding,
        text: &[u8],
        column: Option<&[u8]>,
    ) {
        if self.wants_hits {
            piece.hits.push(Hit {
                position,
                detector: detector(finding),
                text: self.shown(&text[finding.start..finding.end]),
                column: column.map(|name| String::from_utf8_lossy(name).into()),
            });
        }
    }

    /// A finding as it is listed: masked, on one line, and not endless.
    fn shown(&self, found: &[u8]) -> String {
        let mut found = Cow::Borrowed(found);
        if !self.is_clear {
            let all = Finding {
                start: 0,
                end: found.len(),
                detector: velum_core::inspect::DetectorId(0),
            };
            redact(found.to_mut(), &[all]);
        }
        let text = String::from_utf8_lossy(&found);
        let mut shown: String = text
            .chars()
            .take(SHOWN_CHARACTERS)
            .flat_map(printable)
            .collect();
        if text.chars().nth(SHOWN_CHARACTERS).is_some() {
            shown.push('…');
        }
        shown
    }
}

/// A terminal must not obey what a file says.
fn printable(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) = match c.is_control() {
        true => (None, Some(c.escape_debug())),
        false => (Some(c), None),
    };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

/// The detector of a finding.
pub(super) fn detector(finding: &Finding) -> Detector {
    let place = usize::from(finding.detector.0);
    Detector::ALL.get(place).copied().unwrap_or(Detector::Other)
}

impl Counts {
    pub(super) fn add(&mut self, finding: &Finding) {
        self.0[detector(finding) as usize] += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Detectors that found something, in the catalog's order.
    pub(super) fn found(&self) -> impl Iterator<Item = (Detector, u64)> {
        Detector::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0)
    }
}
