//! Classes of bytes, and the tables that turn text into one bitmap a class.

use crate::scan::simd::GROUP_PLANES;

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(crate) fn range(first: u8, last: u8) -> Self {
        let mut set = Self::default();
        for byte in first..=last {
            set.insert(byte);
        }
        set
    }

    pub(crate) fn one(byte: u8) -> Self {
        Self::range(byte, byte)
    }

    pub(crate) fn digits() -> Self {
        Self::range(b'0', b'9')
    }

    /// `[0-9A-Za-z_]`, what `\w` and `\b` mean by a word. No byte from 0x80 belongs to it.
    pub(crate) fn words() -> Self {
        let letters = Self::range(b'A', b'Z').or(Self::range(b'a', b'z'));
        letters.or(Self::digits()).or(Self::one(b'_'))
    }

    pub(crate) fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        let word = self.0.get(usize::from(byte >> 6)).copied();
        word.unwrap_or(0) >> (byte & 63) & 1 == 1
    }

    pub(crate) fn or(self, other: Self) -> Self {
        let mut all = self;
        for (to, from) in all.0.iter_mut().zip(other.0) {
            *to |= from;
        }
        all
    }

    /// The bytes of this set that are not in the other.
    pub(crate) fn without(self, other: Self) -> Self {
        let mut rest = self;
        for (to, from) in rest.0.iter_mut().zip(other.0) {
            *to &= !from;
        }
        rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of bytes in the set.
    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        !self.without(*other).eq(self)
    }

    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.without(*other).is_empty()
    }

    pub(crate) fn bytes(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |byte| self.contains(*byte))
    }
}

/// Tables for eight classes, in the form that each unit wants.
#[derive(Clone)]
pub(crate) struct Group {
    /// For each byte the classes that it belongs to, one a bit.
    pub(crate) codes: [[u8; 64]; 4],
    /// Whether all bytes from 0x80 have the same code.
    pub(crate) even_high: bool,
    /// The same codes, bit n in byte n of a word.
    pub(crate) spread: [u64; 256],
    /// The same codes, by high half-byte: 0 to 7, then 8 to 15.
    pub(crate) sixteens: ([[u8; 16]; 8], [[u8; 16]; 8]),
}

impl Group {
    /// The tables of at most eight classes; missing ones are empty.
    pub(crate) fn new(sets: &[ByteSet]) -> Self {
        let mut group = Self {
            codes: [[0; 64]; 4],
            even_high: true,
            spread: [0; 256],
            sixteens: ([[0; 16]; 8], [[0; 16]; 8]),
        };
        for (plane, set) in sets.iter().take(GROUP_PLANES).enumerate() {
            for byte in set.bytes() {
                group.codes[usize::from(byte >> 6)][usize::from(byte & 63)] |= 1 << plane;
                group.spread[usize::from(byte)] |= 1 << (8 * plane);
                let (low, high) = (usize::from(byte & 15), usize::from(byte >> 4));
                let (ascii, beyond) = &mut group.sixteens;
                let table = if high < 8 { ascii } else { beyond };
                table[high & 7][low] |= 1 << plane;
            }
        }
        let high = group.codes[2][0];
        group.even_high = group.codes[2..].iter().flatten().all(|code| *code == high);
        group
    }
}
