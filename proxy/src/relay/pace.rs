//! How much of a bulk result is judged in one turn.
//!
//! All sessions of a data thread wait while one of them judges. A masked column costs 0.1 ms for a
//! full buffer, a scan of its texts milliseconds: the slower it goes, the less is received at once.

use std::num::NonZeroUsize;
use std::time::Duration;

use velum_core::limits::WINDOW_BULK_BYTES;

/// What others of the thread may have to wait for one turn.
const TURN: Duration = Duration::from_micros(200);
/// Fewer bytes are not worth reading the clock.
pub(super) const WORTH_TIMING_BYTES: usize = 16 * 1024;
/// Below this a receive and a send cost more than they save others.
const LEAST_BYTES: usize = 16 * 1024;

/// How much the next receive may bring, if judging `bytes` took so long; `None`: all there is.
pub(super) fn receive_most(bytes: usize, took: Duration) -> Option<NonZeroUsize> {
    let turns = took.as_secs_f64() / TURN.as_secs_f64();
    let most = ((bytes as f64 / turns) as usize).max(LEAST_BYTES);
    NonZeroUsize::new(most).filter(|most| most.get() < WINDOW_BULK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slow_comes_in_smaller_parts() {
        let most = |bytes, micros| {
            receive_most(bytes, Duration::from_micros(micros)).map(NonZeroUsize::get)
        };
        assert_eq!(most(256 * 1024, 200), None);
        assert_eq!(most(64 * 1024, 0), None);
        assert_eq!(most(64 * 1024, 100), Some(128 * 1024), "at the same pace");
        assert_eq!(most(256 * 1024, 400), Some(128 * 1024));
        assert_eq!(most(256 * 1024, 1_000_000), Some(LEAST_BYTES));
        assert_eq!(
            most(0, 1_000),
            Some(LEAST_BYTES),
            "a frame that is not whole"
        );
    }
}
