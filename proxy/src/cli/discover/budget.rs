//! How much may be looked at, and for how long.

use std::time::{Duration, Instant};

/// A statement that takes longer is given up, and its table named.
const STATEMENT_MS: u64 = 10_000;

/// What is left of what may be looked at.
pub(super) struct Budget {
    rows: u64,
    /// From one table.
    pub(super) table_rows: u64,
    until: Instant,
}

impl Budget {
    pub(super) fn new(rows: u64, table_rows: u64, time: Duration) -> Self {
        Self {
            rows,
            table_rows,
            until: Instant::now() + time,
        }
    }

    /// Rows that the next part of a table may give.
    pub(super) fn rows(&self, parts: u64) -> u64 {
        self.table_rows.div_ceil(parts.max(1)).min(self.rows)
    }

    /// Takes note of rows that were read.
    pub(super) fn spend(&mut self, rows: u64) {
        self.rows = self.rows.saturating_sub(rows);
    }

    /// How long the next statement may take; `None`: no time is left.
    pub(super) fn statement_ms(&self) -> Option<u64> {
        let left = self.until.saturating_duration_since(Instant::now());
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        (left_ms > 0).then_some(left_ms.min(STATEMENT_MS))
    }

    /// Which of the two is used up.
    pub(super) fn spent(&self) -> Option<&'static str> {
        match (self.rows, self.statement_ms()) {
            (0, _) => Some("the budget of rows is used up"),
            (_, None) => Some("the budget of time is used up"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_time_run_out() {
        let mut budget = Budget::new(10, 8, Duration::from_secs(60));
        assert_eq!((budget.rows(1), budget.rows(4)), (8, 2));
        budget.spend(7);
        assert_eq!(budget.rows(1), 3);
        assert!(budget.statement_ms().is_some_and(|ms| ms == STATEMENT_MS));
        budget.spend(7);
        assert!(budget.spent().is_some_and(|why| why.contains("rows")));
        let late = Budget::new(10, 8, Duration::ZERO);
        assert!(late.spent().is_some_and(|why| why.contains("time")));
    }
}
