//! A small generator of pseudo-random numbers: the same seed gives the same clinic everywhere.

/// SplitMix64 (Steele, Lea and Flood 2014): one add and three xor-shift-multiplies a number.
pub(super) struct Random(u64);

impl Random {
    /// A stream of its own for every row, so that rows can be made in any order, by any thread.
    pub(super) fn for_row(seed: u64, table: u64, row: u64) -> Self {
        let mut random = Self(seed ^ table.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        random.0 = random.next() ^ row.wrapping_mul(0xA076_1D64_78BD_642F);
        random.next();
        random
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end - 1`; 0 if `end` is 0. The bias is below 2⁻³² for ends below 2³².
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low + 1).unwrap_or(1);
        low + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True `percent` times out of a hundred.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `items`.
    ///
    /// # Panics
    /// If there are none; the lists are part of the program.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let count = u64::try_from(items.len()).unwrap_or(0);
        let place = usize::try_from(self.below(count)).unwrap_or(0);
        items[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_sequence() {
        let mut random = Random(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn stays_below_its_end_and_reaches_all_of_it() {
        let mut random = Random::for_row(7, 1, 2);
        let mut seen = [false; 10];
        for _ in 0..1_000 {
            seen[usize::try_from(random.below(10)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 10]);
        assert_eq!(random.below(0), 0);
        assert!((-3..=3).contains(&random.between(-3, 3)));
    }
}
