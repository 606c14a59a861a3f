//! Any bytes for any type: nothing panics, lengths are what verdicts say, and what claims to
//! be masked holds nothing of what was there.

use proptest::prelude::*;
use proptest::strategy::Strategy as Generate;

use super::*;
use crate::inspect::Nothing;
use crate::policy::Strategy;

const TYPES: [u32; 52] = [
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
    114,
    142,
    600,
    650,
    700,
    701,
    774,
    790,
    829,
    869,
    1007,
    1009,
    1020,
    1042,
    1043,
    1082,
    1083,
    1114,
    1182,
    1184,
    1186,
    1231,
    1266,
    1560,
    1562,
    1700,
    2249,
    2278,
    2287,
    2950,
    3802,
    3807,
    3904,
    3906,
    4451,
    DOMAIN_OVER_DATE,
    ROW_OF_INT_AND_TEXT,
    ARRAY_OF_ROWS,
    ENUM,
    UNKNOWN,
];

fn strategies() -> impl Generate<Value = Strategy> {
    prop_oneof![
        Just(Strategy::Redact),
        (0..4_usize, 0..4_usize).prop_map(|(keep_first, keep_last)| Strategy::Partial {
            keep_first,
            keep_last
        }),
        "[0-9a-z.:-]{0,8}".prop_map(|text| Strategy::Constant(text.into_bytes())),
        Just(Strategy::Null),
    ]
}

/// Bytes that come near to values: text of literals, words of binary headers.
fn values() -> impl Generate<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "[{}(),\"\\\\0-9a-z :.+-]{0,60}".prop_map(String::into_bytes),
        prop::collection::vec(0_u32..30, 0..12)
            .prop_map(|words| words.into_iter().flat_map(u32::to_be_bytes).collect()),
    ]
}

fn encodings() -> impl Generate<Value = Encoding> {
    prop_oneof![Just(Encoding::Text), Just(Encoding::Binary)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn masking_never_panics_and_shows_nothing(
        type_oid in prop::sample::select(&TYPES[..]), encoding in encodings(),
        strategy in strategies(), value in values(),
    ) {
        let redacts = strategy == Strategy::Redact;
        let outcome = mask(strategy, type_oid, encoding, &value);
        prop_assert_eq!(outcome.tally.total(), 1);
        if outcome.verdict == Verdict::InPlace {
            prop_assert_eq!(outcome.value.as_ref().map(Vec::len), Some(value.len()));
        }
        // Redacting twice is redacting once.
        if redacts && let Some(once) = outcome.value {
            let twice = mask(Strategy::Redact, type_oid, encoding, &once);
            prop_assert_eq!(twice.value, Some(once));
        }
    }

    #[test]
    fn scanning_never_panics_and_leaves_nothing_to_find(
        type_oid in prop::sample::select(&TYPES[..]), encoding in encodings(), value in values(),
        number in prop::option::of(any::<bool>()), at in 0..80_usize,
    ) {
        let mut value = value;
        if let Some(dashed) = number {
            let at = at.min(value.len());
            let number: &[u8] = if dashed { b"531-77-0294" } else { b"531770294" };
            value.splice(at..at, number.iter().copied());
        }
        let outcome = scan(Strategy::Redact, type_oid, encoding, &value);
        prop_assert_eq!(outcome.tally.total(), u64::from(outcome.verdict != Verdict::Unchanged));
        if let Some(once) = outcome.value {
            let again = scan(Strategy::Redact, type_oid, encoding, &once);
            let shown = String::from_utf8_lossy(&once);
            prop_assert_eq!(again.verdict, Verdict::Unchanged, "{:?}", shown);
        }
    }

    #[test]
    fn nothing_found_is_nothing_changed(
        type_oid in prop::sample::select(&TYPES[..]), encoding in encodings(), value in values(),
    ) {
        let catalog = catalog();
        let policy = Policy::exempt();
        let plan = policy.plan(&catalog, &facts("ssn", type_oid));
        let (mut tally, mut scratch) = (Tally::default(), Scratch::default());
        let mut judge = Judge {
            policy: &policy,
            catalog: &catalog,
            inspector: &Nothing,
            known: &[],
key: None,
row: Default::default(),
            tally: &mut tally,
            scratch: &mut scratch,
        };
        let mut bytes = value.clone();
        prop_assert_eq!(judge.cell(&plan, encoding, &mut bytes), Verdict::Unchanged);
        prop_assert_eq!(bytes, value);
    }
}
