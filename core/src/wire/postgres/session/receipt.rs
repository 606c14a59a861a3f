//! The receipt: what the whole session has masked.

use crate::audit::masking::OTHERS;
use crate::audit::receipt::values::Kept;
use crate::audit::receipt::{Counts, Draft, Receipt};
use crate::audit::record::Body;
use crate::cell::{ColumnPlan, Count, Spot};
use crate::inspect::{DetectorId, Inspect};
use crate::limits::RECEIPT_COLUMNS;
use crate::time::Timestamp;

use super::rulebook::Rulebook;
use super::{ReceiptSetup, Session};

/// Policies that a receipt names.
const POLICIES: usize = 64;

/// What was shown and masked of one column.
struct Sum {
    spot: Spot,
    rows: u64,
    masked: Vec<(Option<DetectorId>, u64)>,
}

/// Sums of a session so far.
pub(super) struct Sums {
    detectors: [u8; 32],
    policies: Vec<[u8; 32]>,
    columns: Vec<Sum>,
    /// Where the next column is looked for first: statements repeat theirs.
    next: usize,
    is_cut: bool,
    /// Columns of the result at hand that are judged, and the session's rows before it.
    showing: Vec<Spot>,
    rows_before: u64,
}

impl Sums {
    /// This policy is in force.
    pub(super) fn policy(&mut self, sha256: [u8; 32]) {
        if !self.policies.contains(&sha256) && self.policies.len() < POLICIES {
            self.policies.push(sha256);
        }
    }

    /// Rows of these columns come, after so many of the session.
    pub(super) fn begin_result(&mut self, plans: &[ColumnPlan], rows: u64) {
        self.end_result(rows);
        let judged = plans.iter().filter(|plan| !plan.is_pass());
        self.showing.extend(judged.map(|plan| plan.spot.clone()));
    }

    /// The session has had so many rows when a result ends.
    pub(super) fn end_result(&mut self, rows: u64) {
        let new = rows.saturating_sub(self.rows_before);
        self.rows_before = rows;
        let mut showing = std::mem::take(&mut self.showing);
        for spot in showing.drain(..) {
            self.column(&spot).rows += new;
        }
        self.showing = showing;
    }

    /// Cells were masked.
    pub(super) fn masked(&mut self, count: &Count) {
        let masked = &mut self.column(&count.spot).masked;
        match masked.iter_mut().find(|(kind, _)| *kind == count.kind) {
            Some((_, cells)) => *cells += count.cells,
            None => masked.push((count.kind, count.cells)),
        }
    }

    fn column(&mut self, spot: &Spot) -> &mut Sum {
        let is_it = |sum: &Sum| sum.spot == *spot;
        let at = match self.columns.get(self.next).is_some_and(is_it) {
            true => self.next,
            false => {
                let found = self.columns.iter().position(is_it);
                found.unwrap_or_else(|| self.begin(spot))
            }
        };
        self.next = if at + 1 < self.columns.len() {
            at + 1
        } else {
            0
        };
        &mut self.columns[at]
    }

    /// The place of a new column, or of what has no place of its own.
    fn begin(&mut self, spot: &Spot) -> usize {
        let others = Spot::new(Some(OTHERS.to_owned()), 0);
        let has_room = self.columns.len() < RECEIPT_COLUMNS;
        self.is_cut |= !has_room;
        let spot = if has_room { spot } else { &others };
        if let Some(at) = self.columns.iter().position(|sum| sum.spot == *spot) {
            return at;
        }
        self.columns.push(Sum {
            spot: spot.clone(),
            rows: 0,
            masked: Vec::new(),
        });
        self.columns.len() - 1
    }
}

impl<I: Inspect> Rulebook<I> {
    /// The same, summing up what it masks.
    pub(super) fn with_receipt(mut self, setup: Option<ReceiptSetup>) -> Self {
        self.sums = setup.map(|setup| {
            if let Some(secret) = setup.secret {
                self.tally.keep(Kept::new(secret, setup.values_most));
            }
            let mut sums = Sums {
                detectors: setup.detectors,
                policies: Vec::new(),
                columns: Vec::new(),
                next: 0,
                is_cut: false,
                showing: Vec::new(),
                rows_before: 0,
            };
            sums.policy(self.policy().sha256);
            sums
        });
        self
    }

    /// The sums as a receipt says them, but for the journal's, and the values.
    fn finish_sums(&mut self) -> Option<(Receipt, Option<Kept>)> {
        let sums = self.sums.take()?;
        let kept = self.tally.take_kept();
        let mut counts = Counts::default();
        for sum in &sums.columns {
            let name = sum.spot.name();
            counts.rows(&name, sum.rows);
            for (kind, cells) in &sum.masked {
                let kind = kind.map(|kind| self.inspector().detector_name(kind));
                counts.masked(&name, kind.unwrap_or_default(), *cells);
            }
        }
        for (name, cells) in kept.iter().flat_map(Kept::missed) {
            if cells > 0 {
                counts.missed(name, cells);
            }
        }
        let (columns, is_cut) = counts.finish();
        let receipt = Receipt {
            policies: sums.policies,
            detectors: sums.detectors,
            is_cut: is_cut || sums.is_cut,
            columns,
            ..Receipt::default()
        };
        Some((receipt, kept))
    }
}

impl<I: Inspect> Session<I> {
    /// Writes the receipt, or hands out what is left to do for it.
    pub(super) fn sum_up(&mut self, now: Timestamp) -> Option<Box<Draft>> {
        let (mut receipt, kept) = self.rules.finish_sums()?;
        [receipt.statements, receipt.rows, receipt.bytes] = self.journal.totals();
        match kept.filter(|kept| !kept.is_empty()) {
            Some(values) => Some(Box::new(Draft { receipt, values })),
            None => {
                self.journal.push(now, Body::Receipt(receipt));
                None
            }
        }
    }
}
