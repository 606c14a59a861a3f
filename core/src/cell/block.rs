//! Scanning one block of a streamed value.
//!
//! ```text
//!   before (copy)   block: held back ── and new ──────────────────┐
//! ├─ 2 horizons ──┼──────── judged now ─────────┼─ 2 horizons ────┤
//!                                               ^cut: what follows comes again
//! ```
//!
//! By [`Inspect`]'s contract whatever covers a byte lies within two horizons of it. A byte is
//! judged when so much is known to both of its sides; hence the result is that of inspecting
//! the whole value at once.

use super::scan::Grammar;
use super::stream::Judged;
use super::{ColumnPlan, Judge, Masker, Scratch};
use crate::inspect::{Finding, Inspect, Surroundings};
use crate::limits::FINDING_SPAN_BYTES;
use crate::mask::json::KeyMasker;
use crate::mask::span::Covered;
use crate::mask::{bytea, span};
use crate::policy::Policy;

/// What of a value is behind: enough to inspect what follows.
#[derive(Default)]
struct Past {
    /// The last bytes, unmasked.
    before: Vec<u8>,
    /// All of them.
    seen_bytes: usize,
}

impl Past {
    /// Inspects `before` and what `append` adds to it; findings go to the scratch. Returns how
    /// many bytes at the end cannot be judged yet.
    fn inspect<I: Inspect>(
        &self,
        judge: &mut Judge<'_, I>,
        column: &ColumnPlan,
        is_last: bool,
        append: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let text = &mut judge.scratch.text;
        text.clear();
        text.extend_from_slice(&self.before);
        append(text);
        judge.scratch.findings.clear();
        if judge.policy.content.is_none() {
            return 0;
        }
        let around = Surroundings {
            column: Some(column.hint()),
            key: None,
            known: &[],
            at_start: self.seen_bytes == self.before.len(),
            at_end: is_last,
        };
        judge
            .inspector
            .inspect(text, around, &mut judge.scratch.findings);
        if is_last { 0 } else { lag_bytes(judge) }
    }

    /// The next `judged` bytes of the inspected text are behind, too.
    fn advance<I: Inspect>(&mut self, judge: &Judge<'_, I>, judged: usize) {
        let end = self.before.len() + judged;
        let start = end.saturating_sub(lag_bytes(judge));
        let tail = judge.scratch.text.get(start..end).unwrap_or_default();
        self.before.clear();
        self.before.extend_from_slice(tail);
        self.seen_bytes += judged;
    }

    /// The findings that touch the next `judged` bytes, with offsets from the first of them.
    /// Those that begin there are kept, each once and whole.
    fn shift<I: Inspect>(&self, judge: &mut Judge<'_, I>, column: &ColumnPlan, judged: usize) {
        let offset = self.before.len();
        let Scratch { findings, text, .. } = &mut *judge.scratch;
        let begins = |finding: &&Finding| (offset..offset + judged).contains(&finding.start);
        for finding in findings.iter().filter(begins) {
            let found = text.get(finding.start..finding.end);
            judge.tally.found(column, found.unwrap_or_default());
        }
        findings.retain(|f| f.end > offset && f.start < offset + judged);
        for finding in findings {
            finding.start = finding.start.saturating_sub(offset);
            finding.end = (finding.end - offset).min(judged);
        }
    }
}

fn lag_bytes<I: Inspect>(judge: &Judge<'_, I>) -> usize {
    2 * judge.inspector.horizon_bytes().min(FINDING_SPAN_BYTES)
}

/// Are JSON keys heeded?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    No,
    /// If the first byte that is no blank opens an object or array.
    IfJson,
    Yes,
}

/// A value that is inspected as it stands.
pub(super) struct BlockScan {
    grammar: Grammar,
    /// Bytes before the text: jsonb's version.
    head_bytes: usize,
    keys: Keys,
    machine: KeyMasker,
    /// A value under a key was masked.
    has_hit: bool,
    past: Past,
}

impl BlockScan {
    pub(super) fn new(grammar: Grammar, head_bytes: usize, has_keys: bool) -> Self {
        let keys = match grammar {
            Grammar::Json if has_keys => Keys::Yes,
            Grammar::Free if has_keys => Keys::IfJson,
            _ => Keys::No,
        };
        let machine = KeyMasker::default();
        Self {
            grammar,
            head_bytes,
            keys,
            machine,
            has_hit: false,
            past: Past::default(),
        }
    }

    pub(super) fn feed<I: Inspect>(
        &mut self,
        judge: &mut Judge<'_, I>,
        column: &ColumnPlan,
        bytes: &mut [u8],
        is_last: bool,
    ) -> Judged {
        let head = std::mem::take(&mut self.head_bytes);
        let Some((version, text)) = bytes.split_at_mut_checked(head) else {
            return Judged::Malformed;
        };
        if version.iter().any(|&byte| byte != 1) {
            return Judged::Malformed;
        }
        let lag = self
            .past
            .inspect(judge, column, is_last, |all| all.extend_from_slice(text));
        let cut = text.len().saturating_sub(lag);
        let text = text.get_mut(..cut).unwrap_or_default();
        self.past.shift(judge, column, cut);
        let findings = &judge.scratch.findings;
        let found = findings
            .first()
            .map(|finding| Masker::Detector(finding.detector));
        let hit = self.mask(judge.policy, text, findings);
        if hit.is_some() && !std::mem::replace(&mut self.has_hit, true) {
            judge.tally.missed(Some(column));
        }
        self.past.advance(judge, cut);
        Judged::Bytes(head + cut, hit.or(found))
    }

    /// Masks in place; returns who masked a value because of its key.
    fn mask(&mut self, policy: &Policy, text: &mut [u8], findings: &[Finding]) -> Option<Masker> {
        if self.keys == Keys::IfJson
            && let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace())
        {
            self.keys = if matches!(first, b'{' | b'[') {
                Keys::Yes
            } else {
                Keys::No
            };
        }
        let is_json = self.grammar == Grammar::Json;
        if is_json || self.keys == Keys::Yes {
            let covered = Covered::new(if is_json { findings } else { &[] });
            self.machine.run(policy.json_keys(), text, covered);
        }
        match self.grammar {
            Grammar::Json => {}
            Grammar::Free | Grammar::Bytes => span::redact(text, findings),
            Grammar::Xml => span::redact_xml(text, findings),
            Grammar::Parts => span::redact_parts(text, findings),
        }
        self.machine.hit()
    }
}

/// bytea's text.
#[derive(Default)]
pub(super) struct Hex {
    past: Past,
    head_seen: bool,
}

impl Hex {
    pub(super) fn feed<I: Inspect>(
        &mut self,
        judge: &mut Judge<'_, I>,
        column: &ColumnPlan,
        bytes: &mut [u8],
        is_last: bool,
    ) -> Judged {
        let head = if std::mem::replace(&mut self.head_seen, true) {
            0
        } else {
            2
        };
        let digits = match bytes.split_at_mut_checked(head) {
            Some((prefix, digits)) if prefix.is_empty() || prefix == b"\\x" => digits,
            // The escape format, which nobody sets for values of this size.
            _ => return Judged::Malformed,
        };
        let pairs = digits.len() / 2;
        let whole = digits.get(..pairs * 2).unwrap_or_default();
        let mut decoded = Ok(());
        let lag = self.past.inspect(judge, column, is_last, |all| {
            decoded = bytea::decode_hex(whole, all);
        });
        if decoded.is_err() || (is_last && !digits.len().is_multiple_of(2)) {
            return Judged::Malformed;
        }
        let cut = pairs.saturating_sub(lag);
        self.past.shift(judge, column, cut);
        let findings = &judge.scratch.findings;
        let found = findings
            .first()
            .map(|finding| Masker::Detector(finding.detector));
        let plain = judge
            .scratch
            .text
            .get(self.past.before.len()..)
            .unwrap_or_default();
        let mut covered = Covered::new(findings);
        for (index, (pair, &byte)) in digits.chunks_exact_mut(2).zip(plain).enumerate().take(cut) {
            if covered.contains(index) && span::is_masked(byte) {
                pair.copy_from_slice(&bytea::MASK_HEX);
            }
        }
        self.past.advance(judge, cut);
        Judged::Bytes(head + cut * 2, found)
    }
}
