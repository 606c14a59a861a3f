//! Time as an argument: core never reads a clock.

/// Nanoseconds since the Unix epoch, as the caller's wall clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole microseconds from `earlier` to `self`; 0 if the clock stepped back.
    pub fn micros_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }
}
