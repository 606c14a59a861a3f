//! The vector unit behind one small trait: the same generic code is compiled for AVX-512, for
//! AVX2 and for plain words.
//!
//! A *line* is eight words, a word one bit for each of 64 bytes of text. Every unit works on whole
//! lines, so that all of them see the same geometry and can be held against each other bit by bit.
//!
//! The only unsafe code of the crate. It rests on one fact: a token such as [`avx2::Avx2`] can be
//! made only where the processor has been seen to have the features, so whoever holds a token
//! may run the instructions.

use std::sync::OnceLock;

use super::bits::planes::Group;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

/// Bytes of text that one line stands for.
pub(crate) const LINE_BYTES: usize = 512;
/// Bytes of text that one word of a line stands for.
pub(crate) const WORD_BYTES: usize = 64;
/// Words of a line.
pub(crate) const LINE_WORDS: usize = LINE_BYTES / WORD_BYTES;
/// Bitmaps that one table lookup gives.
pub(crate) const GROUP_PLANES: usize = 8;

/// Eight words; bit 0 of a word is its first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Line(pub(crate) [u64; LINE_WORDS]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; LINE_WORDS]);
}

/// A vector unit: a token that its instructions may run, and the operations on lines.
///
/// Every method is inlined into a function that has the unit's features, see [`Kernel::run`].
pub(crate) trait Isa: Copy {
    /// A line in registers.
    type V: Copy;

    fn zero(self) -> Self::V;
    fn load(self, line: &Line) -> Self::V;
    fn store(self, value: Self::V, line: &mut Line);
    /// Words 1 to 7 of the line, then `word`.
    fn then(self, line: Self::V, word: u64) -> Self::V;
    /// `word`, then words 0 to 6 of the line.
    fn after(self, word: u64, line: Self::V) -> Self::V;
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a & !b`.
    fn and_not(self, a: Self::V, b: Self::V) -> Self::V;
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    fn not(self, a: Self::V) -> Self::V;
    /// Each word moved down by `by` bits, with the low bits of the same word of `next` behind.
    /// `by` is 1 to 63.
    fn ahead(self, line: Self::V, next: Self::V, by: u32) -> Self::V;
    /// Each word moved up by `by` bits, with the high bits of the same word of `prev` before.
    /// `by` is 1 to 63.
    fn behind(self, prev: Self::V, line: Self::V, by: u32) -> Self::V;
    /// One bit for each word that is not 0.
    fn nonzero(self, a: Self::V) -> u8;
    /// The bitmaps of the group's classes for eight blocks, one a word, where `content` is set.
    fn classify(
        self,
        group: &Group,
        blocks: [&[u8; WORD_BYTES]; LINE_WORDS],
        content: &Line,
        out: &mut [Line; GROUP_PLANES],
    );
    /// The same for one block.
    fn classify_block(self, group: &Group, block: &[u8; WORD_BYTES]) -> [u64; GROUP_PLANES];
    /// Replaces each byte whose bit is set.
    fn blend(self, text: &mut [u8; WORD_BYTES], bits: u64, fill: u8);
}

/// Work that is compiled once for each unit. `run` has to be `#[inline(always)]`, and so has
/// everything that it calls for each line.
pub(crate) trait Job {
    type Output;
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// A vector unit that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Unit);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    Portable(portable::Portable),
}

impl Kernel {
    /// The fastest unit of this processor; asked once in a process.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().next().unwrap_or(Self::portable()))
    }

    /// Words of 64 bits: runs everywhere, and is what the others are held against.
    pub fn portable() -> Self {
        Self(Unit::Portable(portable::Portable))
    }

    /// All units of this processor, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let vector = [
            avx512::Avx512::detect().map(Unit::Avx512),
            avx2::Avx2::detect().map(Unit::Avx2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let vector: [Option<Unit>; 0] = [];
        let vector = vector.into_iter().flatten().map(Self);
        vector.chain([Self::portable()])
    }

    /// A stable lower-case name, for records and logs.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(_) => "avx2",
            Unit::Portable(_) => "portable",
        }
    }

    /// Runs the job with this unit's instructions.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(isa) => isa.enter(job),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(isa) => isa.enter(job),
            Unit::Portable(isa) => job.run(isa),
        }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self::best()
    }
}

#[cfg(test)]
mod tests;
