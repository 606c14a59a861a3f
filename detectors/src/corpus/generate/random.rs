//! A small generator of numbers that look drawn: SplitMix64. Its state is the caller's.

/// Numbers from a seed, the same on every machine.
pub struct Random {
    state: u64,
}

impl Random {
    /// Numbers that this seed leads to.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `first` to `last`.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// Whether something that happens `percent` of 100 times does.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them; `None` of none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    /// Digits, the first of them not 0.
    pub fn digits(&mut self, count: usize) -> String {
        let mut out = String::with_capacity(count);
        for place in 0..count {
            let digit = if place == 0 {
                self.between(1, 9)
            } else {
                self.below(10)
            };
            out.push(char::from(b'0' + digit as u8));
        }
        out
    }

    /// Brings them into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_within_bounds() {
        let mut one = Random::new(7);
        let mut other = Random::new(7);
        for bound in 1..200 {
            let number = one.below(bound);
            assert_eq!(number, other.below(bound));
            assert!(number < bound);
        }
        assert_eq!(one.digits(6).len(), 6);
        assert_eq!(one.pick::<u8>(&[]), None);
    }
}
