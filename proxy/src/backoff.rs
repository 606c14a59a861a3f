//! How long to wait before the next attempt: twice as long each time, and never quite the same, so
//! that those who failed together do not come back together.

use std::time::Duration;

/// The wait after `failures` in a row: between half of `least * 2^(failures - 1)` and all of it,
/// and never more than `most`.
pub(crate) fn wait(failures: u32, least: Duration, most: Duration) -> Duration {
    let doubled = least.saturating_mul(1u32 << failures.saturating_sub(1).min(20));
    let whole = doubled.min(most);
    let mut chance = [0; 2];
    // Without chance it is the longest wait.
    let share = match getrandom::fill(&mut chance) {
        Ok(()) => f64::from(u16::from_be_bytes(chance)) / f64::from(u16::MAX),
        Err(_) => 1.0,
    };
    whole.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_bound() {
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(60));
        for (failures, whole) in [(0, 1), (1, 1), (2, 2), (5, 16), (7, 60), (u32::MAX, 60)] {
            for _ in 0..20 {
                let wait = wait(failures, least, most);
                let whole = Duration::from_secs(whole);
                assert!(wait <= whole && wait >= whole / 2, "{failures}: {wait:?}");
            }
        }
    }
}
