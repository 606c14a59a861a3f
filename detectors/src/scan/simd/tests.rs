use proptest::prelude::*;

use super::*;
use crate::scan::bits::planes::ByteSet;

/// Everything that a unit can do, on two lines.
struct Everything<'a> {
    group: &'a Group,
    text: &'a [u8; LINE_BYTES],
    a: Line,
    b: Line,
    by: u32,
}

impl Job for Everything<'_> {
    type Output = Vec<Line>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Vec<Line> {
        let (a, b) = (isa.load(&self.a), isa.load(&self.b));
        let (blocks, _) = self.text.as_chunks::<WORD_BYTES>();
        let blocks: [&[u8; WORD_BYTES]; LINE_WORDS] = std::array::from_fn(|at| &blocks[at]);
        let mut planes = [Line::ZERO; GROUP_PLANES];
        isa.classify(
            self.group,
            blocks,
            &Line([u64::MAX; LINE_WORDS]),
            &mut planes,
        );
        let mut parts = [Line::ZERO; GROUP_PLANES];
        isa.classify(self.group, blocks, &self.a, &mut parts);
        let values = [
            isa.zero(),
            isa.then(a, self.b.0[3]),
            isa.after(self.b.0[3], a),
            isa.and(a, b),
            isa.and_not(a, b),
            isa.or(a, b),
            isa.xor(a, b),
            isa.not(a),
            isa.ahead(a, b, self.by),
            isa.behind(a, b, self.by),
        ];
        let mut out = planes.to_vec();
        for value in values {
            let mut line = Line::ZERO;
            isa.store(value, &mut line);
            out.push(line);
        }
        out.extend(parts);
        out.push(Line([u64::from(isa.nonzero(a)); LINE_WORDS]));
        out.push(Line(isa.classify_block(self.group, blocks[5])));
        let mut block = [0; WORD_BYTES];
        block.copy_from_slice(&self.text[..WORD_BYTES]);
        isa.blend(&mut block, self.a.0[0], b'*');
        let (words, _) = block.as_chunks::<8>();
        out.push(Line(std::array::from_fn(|at| {
            u64::from_le_bytes(words[at])
        })));
        out
    }
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        any::<[u64; LINE_WORDS]>().prop_map(Line),
        Just(Line::ZERO),
        (0..LINE_WORDS, 0..64u32).prop_map(|(word, bit)| {
            let mut line = Line::ZERO;
            line.0[word] = 1 << bit;
            line
        }),
    ]
}

fn set() -> impl Strategy<Value = ByteSet> {
    prop::collection::vec((any::<u8>(), any::<u8>()), 0..4).prop_map(|ranges| {
        let ranges = ranges.into_iter();
        ranges.fold(ByteSet::default(), |set, (a, b)| {
            set.or(ByteSet::range(a.min(b), a.max(b)))
        })
    })
}

fn bit(line: &Line, at: usize) -> bool {
    line.0[at / 64] >> (at % 64) & 1 == 1
}

proptest! {
    #[test]
    fn all_units_do_the_same_and_it_is_right(
        sets in prop::collection::vec(set(), 0..=GROUP_PLANES),
        text in prop::collection::vec(any::<u8>(), LINE_BYTES),
        a in line(),
        b in line(),
        by in 1..64u32,
    ) {
        let group = Group::new(&sets);
        let text: &[u8; LINE_BYTES] = text.first_chunk().expect("a line");
        let of = |kernel: Kernel| kernel.run(Everything { group: &group, text, a, b, by });
        let expected = of(Kernel::portable());
        for kernel in Kernel::all() {
            prop_assert_eq!(&of(kernel), &expected, "{}", kernel.name());
        }
        for (plane, set) in expected.iter().zip(&sets) {
            for (at, byte) in text.iter().enumerate() {
                prop_assert_eq!(bit(plane, at), set.contains(*byte));
            }
        }
        let (then, after) = (&expected[GROUP_PLANES + 1], &expected[GROUP_PLANES + 2]);
        let (ahead, behind) = (&expected[GROUP_PLANES + 8], &expected[GROUP_PLANES + 9]);
        for word in 0..LINE_WORDS {
            let (low, high) = (by, 64 - by);
            prop_assert_eq!(ahead.0[word], (a.0[word] >> low) | (b.0[word] << high));
            prop_assert_eq!(behind.0[word], (b.0[word] << low) | (a.0[word] >> high));
            prop_assert_eq!(then.0[word], *a.0.get(word + 1).unwrap_or(&b.0[3]));
            prop_assert_eq!(after.0[word], if word == 0 { b.0[3] } else { a.0[word - 1] });
        }
    }
}

#[test]
fn the_fastest_unit_comes_first_and_the_portable_one_is_always_there() {
    let names: Vec<_> = Kernel::all().map(Kernel::name).collect();
    assert_eq!(Kernel::best().name(), names[0]);
    assert_eq!(names.last(), Some(&"portable"));
}
