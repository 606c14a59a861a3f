//! 512-bit vectors: one register a line.
//!
//! Text becomes bitmaps in five instructions for 64 bytes: a table lookup for the class codes,
//! then an 8 by 8 bit transpose of each eight bytes and a shuffle of the results, so that a
//! register holds all eight bitmaps of the block; eight such registers are transposed by words.

use std::arch::x86_64::*;

use super::{GROUP_PLANES, Group, Isa, Job, LINE_WORDS, Line, WORD_BYTES};

/// Proof that the processor has F, BW, VL, VBMI, VBMI2 and GFNI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("bmi2");
        has.then_some(Self(()))
    }

    /// Runs the job in a function that has the features.
    pub(super) fn enter<J: Job>(self, job: J) -> J::Output {
        // SAFETY: a value of this type exists only where `detect` saw every feature that
        // `featured` is compiled for.
        unsafe { featured(self, job) }
    }
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2,lzcnt,popcnt"
)]
fn featured<J: Job>(isa: Avx512, job: J) -> J::Output {
    job.run(isa)
}

/// Order of bytes that turns eight transposed groups of eight into eight bitmaps: byte `8k + j`
/// comes from byte `8j + k`.
const GATHER: [u8; 64] = {
    let mut order = [0; 64];
    let mut at = 0;
    while at < 64 {
        order[at] = ((at % 8) * 8 + at / 8) as u8;
        at += 1;
    }
    order
};

/// Reverses the bytes of each word, as a shuffle within 16 bytes: the bit transpose counts its
/// rows from the last byte.
const REVERSE: [u8; 64] = {
    let mut order = [0; 64];
    let mut at = 0;
    while at < 64 {
        order[at] = (at / 8 % 2 * 8 + 7 - at % 8) as u8;
        at += 1;
    }
    order
};

#[inline(always)]
fn bytes(_proof: Avx512, bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the token proves AVX-512 F; the array has the 64 bytes that are read, and the load
    // needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// What turns text into class codes, and codes into bitmaps.
struct Tables {
    /// Codes of bytes below 0x80.
    ascii: (__m512i, __m512i),
    /// Codes of the others; one for all of them if they are even.
    high: (__m512i, __m512i),
    even_high: bool,
    reverse: __m512i,
    gather: __m512i,
}

impl Tables {
    #[inline(always)]
    fn of(isa: Avx512, group: &Group) -> Self {
        let [low0, low1, high0, high1] = &group.codes;
        Self {
            ascii: (bytes(isa, low0), bytes(isa, low1)),
            high: (bytes(isa, high0), bytes(isa, high1)),
            even_high: group.even_high,
            reverse: bytes(isa, &REVERSE),
            gather: bytes(isa, &GATHER),
        }
    }

    /// The eight bitmaps of a block, one a word.
    #[inline(always)]
    fn bitmaps(&self, isa: Avx512, block: &[u8; WORD_BYTES]) -> __m512i {
        let text = bytes(isa, block);
        // SAFETY: the token proves AVX-512 F, BW, VBMI and GFNI, all that is used.
        unsafe {
            let high = _mm512_movepi8_mask(text);
            let ascii = _mm512_permutex2var_epi8(self.ascii.0, text, self.ascii.1);
            let codes = if self.even_high {
                _mm512_mask_mov_epi8(ascii, high, self.high.0)
            } else {
                let upper = _mm512_permutex2var_epi8(self.high.0, text, self.high.1);
                _mm512_mask_mov_epi8(ascii, high, upper)
            };
            let codes = _mm512_shuffle_epi8(codes, self.reverse);
            let rows = _mm512_set1_epi64(0x8040_2010_0804_0201_u64 as i64);
            let turned = _mm512_gf2p8affine_epi64_epi8::<0>(rows, codes);
            _mm512_permutexvar_epi8(self.gather, turned)
        }
    }
}

/// Transposes eight registers of eight words each.
#[inline(always)]
fn transpose(_proof: Avx512, rows: [__m512i; 8]) -> [__m512i; 8] {
    // SAFETY: the token proves AVX-512 F, the only feature of these register operations.
    unsafe {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        let a0 = _mm512_unpacklo_epi64(r0, r1);
        let a1 = _mm512_unpackhi_epi64(r0, r1);
        let a2 = _mm512_unpacklo_epi64(r2, r3);
        let a3 = _mm512_unpackhi_epi64(r2, r3);
        let a4 = _mm512_unpacklo_epi64(r4, r5);
        let a5 = _mm512_unpackhi_epi64(r4, r5);
        let a6 = _mm512_unpacklo_epi64(r6, r7);
        let a7 = _mm512_unpackhi_epi64(r6, r7);
        // 128-bit parts: even ones of two registers, then odd ones.
        let b0 = _mm512_shuffle_i64x2::<0x88>(a0, a2);
        let b1 = _mm512_shuffle_i64x2::<0x88>(a1, a3);
        let b2 = _mm512_shuffle_i64x2::<0xdd>(a0, a2);
        let b3 = _mm512_shuffle_i64x2::<0xdd>(a1, a3);
        let b4 = _mm512_shuffle_i64x2::<0x88>(a4, a6);
        let b5 = _mm512_shuffle_i64x2::<0x88>(a5, a7);
        let b6 = _mm512_shuffle_i64x2::<0xdd>(a4, a6);
        let b7 = _mm512_shuffle_i64x2::<0xdd>(a5, a7);
        [
            _mm512_shuffle_i64x2::<0x88>(b0, b4),
            _mm512_shuffle_i64x2::<0x88>(b1, b5),
            _mm512_shuffle_i64x2::<0x88>(b2, b6),
            _mm512_shuffle_i64x2::<0x88>(b3, b7),
            _mm512_shuffle_i64x2::<0xdd>(b0, b4),
            _mm512_shuffle_i64x2::<0xdd>(b1, b5),
            _mm512_shuffle_i64x2::<0xdd>(b2, b6),
            _mm512_shuffle_i64x2::<0xdd>(b3, b7),
        ]
    }
}

impl Isa for Avx512 {
    type V = __m512i;

    #[inline(always)]
    fn zero(self) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn load(self, line: &Line) -> __m512i {
        // SAFETY: the token proves AVX-512 F; a line is 64 bytes and aligned to as many.
        unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, value: __m512i, line: &mut Line) {
        // SAFETY: the token proves AVX-512 F; a line is 64 bytes and aligned to as many.
        unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), value) }
    }

    #[inline(always)]
    fn then(self, line: __m512i, word: u64) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_alignr_epi64::<1>(_mm512_set1_epi64(word as i64), line) }
    }

    #[inline(always)]
    fn after(self, word: u64, line: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_alignr_epi64::<7>(line, _mm512_set1_epi64(word as i64)) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn and_not(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_andnot_si512(b, a) }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn not(self, a: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_ternarylogic_epi64::<0x55>(a, a, a) }
    }

    #[inline(always)]
    fn ahead(self, line: __m512i, next: __m512i, by: u32) -> __m512i {
        // SAFETY: the token proves AVX-512 F and VBMI2.
        unsafe { _mm512_shrdv_epi64(line, next, _mm512_set1_epi64(i64::from(by))) }
    }

    #[inline(always)]
    fn behind(self, prev: __m512i, line: __m512i, by: u32) -> __m512i {
        // SAFETY: the token proves AVX-512 F and VBMI2.
        unsafe { _mm512_shldv_epi64(line, prev, _mm512_set1_epi64(i64::from(by))) }
    }

    #[inline(always)]
    fn nonzero(self, a: __m512i) -> u8 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_test_epi64_mask(a, a) }
    }

    #[inline(always)]
    fn classify(
        self,
        group: &Group,
        blocks: [&[u8; WORD_BYTES]; LINE_WORDS],
        content: &Line,
        out: &mut [Line; GROUP_PLANES],
    ) {
        let tables = Tables::of(self, group);
        let content = self.load(content);
        let mut rows = [content; LINE_WORDS];
        for (row, block) in rows.iter_mut().zip(blocks) {
            *row = tables.bitmaps(self, block);
        }
        for (to, plane) in out.iter_mut().zip(transpose(self, rows)) {
            self.store(self.and(plane, content), to);
        }
    }

    #[inline(always)]
    fn classify_block(self, group: &Group, block: &[u8; WORD_BYTES]) -> [u64; GROUP_PLANES] {
        let mut line = Line::ZERO;
        self.store(Tables::of(self, group).bitmaps(self, block), &mut line);
        line.0
    }

    #[inline(always)]
    fn blend(self, text: &mut [u8; WORD_BYTES], bits: u64, fill: u8) {
        // SAFETY: the token proves AVX-512 BW; the array has the 64 bytes that may be written,
        // and the store needs no alignment.
        unsafe {
            let fill = _mm512_set1_epi8(fill as i8);
            _mm512_mask_storeu_epi8(text.as_mut_ptr().cast(), bits, fill);
        }
    }
}
