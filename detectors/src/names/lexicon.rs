//! The dictionary: what is known of a word, as a table of fingerprints.
//!
//! A bucket is 32 bytes: eight entries of a fingerprint and what is known, 16 bits each. A full
//! bucket runs over into the next. A word that is in no list has the fingerprint of one that is
//! with a probability of about 1 in 10,000.

/// What is known of a word; zero is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known(pub(crate) u16);

impl Known {
    pub(crate) const FIRST: u16 = 1;
    pub(crate) const LAST: u16 = 1 << 1;
    pub(crate) const WORD: u16 = 1 << 2;
    pub(crate) const CLINICAL: u16 = 1 << 3;
    pub(crate) const DRUG: u16 = 1 << 4;
    pub(crate) const EPONYM: u16 = 1 << 5;
    pub(crate) const PLACE: u16 = 1 << 6;
    pub(crate) const ORG: u16 = 1 << 7;
    /// Both: a country or a people, of a list that was written by hand.
    pub(crate) const TOLD: u16 = Self::PLACE | Self::ORG;
    const FIRST_SHIFT: u32 = 8;
    const LAST_SHIFT: u32 = 11;
    const WORD_SHIFT: u32 = 14;

    pub(crate) const fn has(self, class: u16) -> bool {
        self.0 & class != 0
    }

    /// The class bits alone.
    pub(crate) const fn classes(self) -> u16 {
        self.0 & 0xff
    }

    /// 0 to 7, the commonest.
    pub(crate) const fn first_frequency(self) -> u16 {
        (self.0 >> Self::FIRST_SHIFT) & 7
    }

    /// 0 to 7, the commonest.
    pub(crate) const fn last_frequency(self) -> u16 {
        (self.0 >> Self::LAST_SHIFT) & 7
    }

    /// 0 to 3, the commonest.
    pub(crate) const fn word_frequency(self) -> u16 {
        self.0 >> Self::WORD_SHIFT
    }

    /// Whether a person may be called so.
    pub(crate) const fn is_name(self) -> bool {
        self.has(Self::FIRST | Self::LAST)
    }

    /// Both, with the higher of the frequencies.
    pub(crate) fn join(self, other: Self) -> Self {
        let classes = self.classes() | other.classes();
        let first = self.first_frequency().max(other.first_frequency());
        let last = self.last_frequency().max(other.last_frequency());
        let word = self.word_frequency().max(other.word_frequency());
        Self(
            classes
                | first << Self::FIRST_SHIFT
                | last << Self::LAST_SHIFT
                | word << Self::WORD_SHIFT,
        )
    }

    /// One class with its frequency; classes without one have 0.
    pub(crate) const fn new(class: u16, frequency: u16) -> Self {
        let shift = match class {
            Self::FIRST => Self::FIRST_SHIFT,
            Self::LAST => Self::LAST_SHIFT,
            Self::WORD => Self::WORD_SHIFT,
            _ => return Self(class),
        };
        Self(class | frequency << shift)
    }

    /// The same without being a name.
    pub(crate) const fn without_name(self) -> Self {
        Self(self.0 & !(Self::FIRST | Self::LAST) & !(0x3f << Self::FIRST_SHIFT))
    }
}

const SLOTS: usize = 8;
/// Buckets that are looked at before a word counts as unknown.
pub(crate) const OVERRUN: usize = 8;

/// A table from keys of words to 16 bits each.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Table {
    buckets: Vec<Bucket>,
}

/// Never in two lines of the cache.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(align(32))]
struct Bucket([u32; SLOTS]);

impl Bucket {
    /// What is known under the fingerprint, in the first slot that has it.
    #[inline]
    fn get(&self, fingerprint: u32) -> Option<u16> {
        // All slots at once: which one it is cannot be foreseen.
        let mut hits = 0u32;
        for (place, slot) in self.0.iter().enumerate() {
            hits |= u32::from(slot >> 16 == fingerprint && *slot != 0) << place;
        }
        let slot = self.0.get(hits.trailing_zeros() as usize);
        slot.map(|slot| *slot as u16)
    }

    /// No entry of this bucket runs over.
    #[inline]
    fn has_room(&self) -> bool {
        self.0[SLOTS - 1] == 0
    }
}

impl Table {
    /// A table of these entries, of that many buckets; a value of 0 is left out.
    ///
    /// # Errors
    /// The key that found no place: the table has to be larger.
    pub(crate) fn build(entries: &[(u64, u16)], buckets: usize) -> Result<Self, u64> {
        let mut table = Self {
            buckets: vec![Bucket::default(); buckets],
        };
        for (key, value) in entries.iter().filter(|(_, value)| *value != 0) {
            if !table.insert(*key, *value) {
                return Err(*key);
            }
        }
        Ok(table)
    }

    fn insert(&mut self, key: u64, value: u16) -> bool {
        let (first, entry) = self.place(key);
        for bucket in self.buckets.iter_mut().skip(first).take(OVERRUN) {
            for slot in &mut bucket.0 {
                if *slot == 0 {
                    *slot = entry << 16 | u32::from(value);
                    return true;
                }
            }
        }
        false
    }

    /// First bucket and fingerprint.
    fn place(&self, key: u64) -> (usize, u32) {
        // The last buckets take what runs over, and no word of their own.
        let firsts = (self.buckets.len() + 1).saturating_sub(OVERRUN) as u64;
        let first = ((key >> 32) * firsts) >> 32;
        (first as usize, (key & 0xffff) as u32)
    }

    /// What is known under the key; 0 for nothing.
    pub(crate) fn get(&self, key: u64) -> u16 {
        let (first, fingerprint) = self.place(key);
        for bucket in self.buckets.iter().skip(first).take(OVERRUN) {
            match bucket.get(fingerprint) {
                Some(value) => return value,
                None if bucket.has_room() => return 0,
                None => {}
            }
        }
        0
    }

    pub(crate) fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend((self.buckets.len() as u32).to_le_bytes());
        for slot in self.buckets.iter().flat_map(|bucket| bucket.0) {
            out.extend(slot.to_le_bytes());
        }
    }

    /// Reads what [`Table::to_bytes`] wrote, and what is behind it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let len = count.checked_mul(4 * SLOTS)?;
        if rest.len() < len || count < OVERRUN {
            return None;
        }
        let (slots, rest) = rest.split_at(len);
        let bucket = |bytes: &[u8]| {
            let mut bucket = Bucket::default();
            let (words, _) = bytes.as_chunks::<4>();
            for (slot, word) in bucket.0.iter_mut().zip(words) {
                *slot = u32::from_le_bytes(*word);
            }
            bucket
        };
        let buckets = slots.chunks_exact(4 * SLOTS).map(bucket).collect();
        Some((Self { buckets }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_and_frequencies_are_kept_apart() {
        let may = Known::new(Known::FIRST, 5)
            .join(Known::new(Known::LAST, 2))
            .join(Known::new(Known::WORD, 3));
        assert_eq!(
            (
                may.first_frequency(),
                may.last_frequency(),
                may.word_frequency()
            ),
            (5, 2, 3)
        );
        assert!(may.is_name());
        assert_eq!(may.without_name(), Known::new(Known::WORD, 3));
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found(keys in prop::collection::btree_set(any::<u64>(), 0..400)) {
            let entries: Vec<(u64, u16)> =
                keys.iter().map(|key| (*key, (*key >> 7) as u16 | 1)).collect();
            let table = Table::build(&entries, 256).expect("room enough");
            let mut bytes = Vec::new();
            table.to_bytes(&mut bytes);
            bytes.push(7);
            let (read, rest) = Table::from_bytes(&bytes).expect("as it was written");
            prop_assert!(read == table);
            prop_assert_eq!(rest, &[7]);
            let fingerprints: std::collections::HashSet<u64> =
                keys.iter().map(|key| key & 0xffff).collect();
            if fingerprints.len() == keys.len() {
                for (key, value) in entries {
                    prop_assert_eq!(table.get(key), value);
                }
            }
        }
    }
}
