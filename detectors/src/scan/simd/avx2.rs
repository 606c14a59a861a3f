//! 256-bit vectors: two registers a line.
//!
//! A byte's class code comes from one table of sixteen for each high half-byte: shuffles look the
//! low half up in all of them, and blends by the bits of the high half choose.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers have a constant length and are unrolled"
)]

use std::arch::x86_64::*;

use super::{GROUP_PLANES, Group, Isa, Job, LINE_WORDS, Line, WORD_BYTES};

/// Proof that the processor has AVX2 and BMI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        has.then_some(Self(()))
    }

    /// Runs the job in a function that has the features.
    pub(super) fn enter<J: Job>(self, job: J) -> J::Output {
        // SAFETY: a value of this type exists only where `detect` saw every feature that
        // `featured` is compiled for.
        unsafe { featured(self, job) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn featured<J: Job>(isa: Avx2, job: J) -> J::Output {
    job.run(isa)
}

/// A line: its first four words and its last four.
#[derive(Clone, Copy)]
pub(super) struct Pair(__m256i, __m256i);

/// The same 16 bytes in both halves.
#[inline(always)]
fn table(_proof: Avx2, table: &[u8; 16]) -> __m256i {
    // SAFETY: the token proves AVX2; the array has the 16 bytes that are read, and the load
    // needs no alignment.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// The class codes of 32 bytes.
#[inline(always)]
fn codes(proof: Avx2, group: &Group, bytes: &[u8; 32]) -> __m256i {
    let (low, high) = &group.sixteens;
    // SAFETY: the token proves AVX2; the array has the 32 bytes that are read, and the load needs
    // no alignment.
    unsafe {
        let text = _mm256_loadu_si256(bytes.as_ptr().cast());
        let ascii = half(proof, low, text);
        if group.even_high {
            let high = _mm256_set1_epi8(high[0][0] as i8);
            _mm256_blendv_epi8(ascii, high, text)
        } else {
            let flipped = _mm256_xor_si256(text, _mm256_set1_epi8(0x80_u8 as i8));
            _mm256_or_si256(ascii, half(proof, high, flipped))
        }
    }
}

/// The codes of bytes below 0x80, and 0 for the others: a shuffle looks at the low half of such a
/// byte alone, and the bits of the high half choose among the eight results.
#[inline(always)]
fn half(proof: Avx2, tables: &[[u8; 16]; 8], text: __m256i) -> __m256i {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
    // SAFETY: the token proves AVX2.
    unsafe {
        // Bits 4 to 6 of each byte as its highest one, which is what a blend looks at.
        let bit6 = _mm256_add_epi8(text, text);
        let bit5 = _mm256_slli_epi16::<2>(text);
        let bit4 = _mm256_slli_epi16::<3>(text);
        let look = |sixteen| _mm256_shuffle_epi8(table(proof, sixteen), text);
        let a = _mm256_blendv_epi8(look(t0), look(t1), bit4);
        let b = _mm256_blendv_epi8(look(t2), look(t3), bit4);
        let c = _mm256_blendv_epi8(look(t4), look(t5), bit4);
        let d = _mm256_blendv_epi8(look(t6), look(t7), bit4);
        let low = _mm256_blendv_epi8(a, b, bit5);
        let high = _mm256_blendv_epi8(c, d, bit5);
        _mm256_blendv_epi8(low, high, bit6)
    }
}

/// Words 1 to 3 of `a` and word 0 of `b`.
#[inline(always)]
fn following(_proof: Avx2, a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: the token proves AVX2.
    unsafe { _mm256_alignr_epi8::<8>(_mm256_permute2x128_si256::<0x21>(a, b), a) }
}

/// Word 3 of `a` and words 0 to 2 of `b`.
#[inline(always)]
fn preceding(_proof: Avx2, a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: the token proves AVX2.
    unsafe { _mm256_alignr_epi8::<8>(b, _mm256_permute2x128_si256::<0x21>(a, b)) }
}

impl Isa for Avx2 {
    type V = Pair;

    #[inline(always)]
    fn zero(self) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe { Pair(_mm256_setzero_si256(), _mm256_setzero_si256()) }
    }

    #[inline(always)]
    fn load(self, line: &Line) -> Pair {
        let (low, high) = line.0.split_at(4);
        // SAFETY: the token proves AVX2; each half of a line is 32 bytes, and the loads need no
        // alignment.
        unsafe {
            Pair(
                _mm256_loadu_si256(low.as_ptr().cast()),
                _mm256_loadu_si256(high.as_ptr().cast()),
            )
        }
    }

    #[inline(always)]
    fn store(self, value: Pair, line: &mut Line) {
        let (low, high) = line.0.split_at_mut(4);
        // SAFETY: the token proves AVX2; each half of a line is 32 bytes, and the stores need no
        // alignment.
        unsafe {
            _mm256_storeu_si256(low.as_mut_ptr().cast(), value.0);
            _mm256_storeu_si256(high.as_mut_ptr().cast(), value.1);
        }
    }

    #[inline(always)]
    fn then(self, line: Pair, word: u64) -> Pair {
        // SAFETY: the token proves AVX2.
        let word = unsafe { _mm256_set1_epi64x(word as i64) };
        Pair(
            following(self, line.0, line.1),
            following(self, line.1, word),
        )
    }

    #[inline(always)]
    fn after(self, word: u64, line: Pair) -> Pair {
        // SAFETY: the token proves AVX2.
        let word = unsafe { _mm256_set1_epi64x(word as i64) };
        Pair(
            preceding(self, word, line.0),
            preceding(self, line.0, line.1),
        )
    }

    #[inline(always)]
    fn and(self, a: Pair, b: Pair) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe { Pair(_mm256_and_si256(a.0, b.0), _mm256_and_si256(a.1, b.1)) }
    }

    #[inline(always)]
    fn and_not(self, a: Pair, b: Pair) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe { Pair(_mm256_andnot_si256(b.0, a.0), _mm256_andnot_si256(b.1, a.1)) }
    }

    #[inline(always)]
    fn or(self, a: Pair, b: Pair) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe { Pair(_mm256_or_si256(a.0, b.0), _mm256_or_si256(a.1, b.1)) }
    }

    #[inline(always)]
    fn xor(self, a: Pair, b: Pair) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe { Pair(_mm256_xor_si256(a.0, b.0), _mm256_xor_si256(a.1, b.1)) }
    }

    #[inline(always)]
    fn not(self, a: Pair) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe {
            let ones = _mm256_set1_epi64x(-1);
            Pair(_mm256_xor_si256(a.0, ones), _mm256_xor_si256(a.1, ones))
        }
    }

    #[inline(always)]
    fn ahead(self, line: Pair, next: Pair, by: u32) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe {
            let rest = _mm_cvtsi64_si128(i64::from(64 - by));
            let by = _mm_cvtsi64_si128(i64::from(by));
            Pair(
                _mm256_or_si256(_mm256_srl_epi64(line.0, by), _mm256_sll_epi64(next.0, rest)),
                _mm256_or_si256(_mm256_srl_epi64(line.1, by), _mm256_sll_epi64(next.1, rest)),
            )
        }
    }

    #[inline(always)]
    fn behind(self, prev: Pair, line: Pair, by: u32) -> Pair {
        // SAFETY: the token proves AVX2.
        unsafe {
            let rest = _mm_cvtsi64_si128(i64::from(64 - by));
            let by = _mm_cvtsi64_si128(i64::from(by));
            Pair(
                _mm256_or_si256(_mm256_sll_epi64(line.0, by), _mm256_srl_epi64(prev.0, rest)),
                _mm256_or_si256(_mm256_sll_epi64(line.1, by), _mm256_srl_epi64(prev.1, rest)),
            )
        }
    }

    #[inline(always)]
    fn nonzero(self, a: Pair) -> u8 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let zero = _mm256_setzero_si256();
            let low = _mm256_castsi256_pd(_mm256_cmpeq_epi64(a.0, zero));
            let high = _mm256_castsi256_pd(_mm256_cmpeq_epi64(a.1, zero));
            !((_mm256_movemask_pd(low) | (_mm256_movemask_pd(high) << 4)) as u8)
        }
    }

    #[inline(always)]
    fn classify(
        self,
        group: &Group,
        blocks: [&[u8; WORD_BYTES]; LINE_WORDS],
        content: &Line,
        out: &mut [Line; GROUP_PLANES],
    ) {
        for at in 0..LINE_WORDS {
            if content.0[at] == 0 {
                out.iter_mut().for_each(|plane| plane.0[at] = 0);
                continue;
            }
            let planes = self.classify_block(group, blocks[at]);
            for plane in 0..GROUP_PLANES {
                out[plane].0[at] = planes[plane] & content.0[at];
            }
        }
    }

    #[inline(always)]
    fn classify_block(self, group: &Group, block: &[u8; WORD_BYTES]) -> [u64; GROUP_PLANES] {
        let (parts, _) = block.as_chunks::<32>();
        let mut low = codes(self, group, &parts[0]);
        let mut high = codes(self, group, &parts[1]);
        let mut planes = [0; GROUP_PLANES];
        // The highest bit of each byte is taken, and the next one moves up.
        for plane in (0..GROUP_PLANES).rev() {
            // SAFETY: the token proves AVX2.
            unsafe {
                let bits = _mm256_movemask_epi8(low) as u32;
                let more = _mm256_movemask_epi8(high) as u32;
                planes[plane] = u64::from(bits) | u64::from(more) << 32;
                low = _mm256_add_epi8(low, low);
                high = _mm256_add_epi8(high, high);
            }
        }
        planes
    }

    #[inline(always)]
    fn blend(self, text: &mut [u8; WORD_BYTES], bits: u64, fill: u8) {
        let (parts, _) = text.as_chunks_mut::<32>();
        for (part, bytes) in parts.iter_mut().enumerate() {
            let bits = (bits >> (32 * part)) as u32;
            // SAFETY: the token proves AVX2; the array has the 32 bytes that are read and
            // written, and neither needs an alignment.
            unsafe {
                let spread = _mm256_shuffle_epi8(
                    _mm256_set1_epi32(bits as i32),
                    _mm256_set_epi64x(
                        0x0303_0303_0303_0303,
                        0x0202_0202_0202_0202,
                        0x0101_0101_0101_0101,
                        0,
                    ),
                );
                let own = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
                let mask = _mm256_cmpeq_epi8(_mm256_and_si256(spread, own), own);
                let text = _mm256_loadu_si256(bytes.as_ptr().cast());
                let fill = _mm256_set1_epi8(fill as i8);
                let mixed = _mm256_blendv_epi8(text, fill, mask);
                _mm256_storeu_si256(bytes.as_mut_ptr().cast(), mixed);
            }
        }
    }
}
