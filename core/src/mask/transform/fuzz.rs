//! The body of the fuzz target.

use super::super::types::{Shape, shape};
use super::super::{Outcome, Strategy, Whole};
use super::{
    Absent, Alphabet, Around, CheckDigit, DateShift, Format, MasterKey, Normal, Purpose, Subject,
    TokenForm, Transform, Width,
};
use crate::catalog::Catalog;
use crate::cell::Encoding;

/// Transforms any bytes as a value of any built-in type: the first five choose transform,
/// encoding and surroundings, width and type. There is always an answer, the same each time, and
/// a text is no longer than its column.
///
/// # Panics
/// If one of these does not hold.
pub fn fuzz_transform(bytes: &[u8]) {
    let Some((&[choice, around, width, high, low], value)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let encoding = match around & 1 {
        0 => Encoding::Text,
        _ => Encoding::Binary,
    };
    let place = Around {
        today: (around & 2 > 0).then_some(9_826),
        width: match around >> 2 & 3 {
            0 => Width::Any,
            1 => Width::UpTo(usize::from(width)),
            2 => Width::Padded(usize::from(width)),
            _ => Width::OfValue,
        },
        subject: match around >> 4 & 3 {
            0 => Subject::Unknown,
            1 => Subject::Absent,
            _ => Subject::Known(b"17"),
        },
    };
    let catalog = Catalog::default();
    let shape = shape(&catalog, u32::from(u16::from_be_bytes([high, low])));
    let Some(transform) = transform(choice) else {
        return;
    };
    let strategy = Strategy::Transform(transform.into());
    let run = || {
        let mut out = Vec::new();
        let whole = Whole::new(&catalog, &strategy).at(place);
        let outcome = whole.mask(shape, encoding, value, 0, &mut out);
        (outcome, out)
    };
    let (outcome, out) = run();
    assert_ne!(outcome, Outcome::Kept);
    assert!((outcome, out.clone()) == run());
    let is_text = shape == Shape::Scalar(super::Scalar::Text);
    if is_text && let Some(limit) = place.width.limit(value) {
        // What does not fit is redacted byte by byte.
        assert!(out.len() <= value.len() || Width::characters(&out) <= limit);
    }
}

fn transform(choice: u8) -> Option<Transform> {
    let purpose = Purpose {
        resource: "r",
        identity: None,
        transform: "t",
        value_type: "v",
    };
    let key = MasterKey::new(&[1; 32]).ok()?.derive(&purpose);
    let token = || TokenForm {
        prefix: "t_".into(),
        characters: choice % 64,
        normal: Normal {
            folds_case: choice & 16 > 0,
            digits_only: choice & 32 > 0,
        },
    };
    Some(match choice % 9 {
        0 => Transform::Year,
        1 => Transform::Zip3,
        2 => Transform::Age90,
        3 => Transform::EmailDomain,
        4 => Transform::LastFour,
        5 => Transform::Bucket(u32::from(choice) + 2),
        6 => Transform::Ff1(Format {
            alphabet: match choice & 16 {
                0 => Alphabet::Digits,
                _ => Alphabet::Alphanumeric,
            },
            check: match choice >> 5 {
                0 => CheckDigit::Luhn,
                1 => CheckDigit::Npi,
                _ => CheckDigit::None,
            },
            key,
        }),
        7 => Transform::Hmac(token(), key),
        _ => Transform::DateShift(DateShift {
            days_most: u16::from(choice) + 1,
            subject: "id".into(),
            absent: Absent::ShiftByKey,
            key,
        }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fuzz_transform;

    const TYPES: [u16; 20] = [
        16, 17, 20, 21, 23, 25, 26, 114, 700, 869, 1007, 1009, 1042, 1043, 1082, 1114, 1184, 1700,
        2950, 3802,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn there_is_always_an_answer(
            head in any::<[u8; 3]>(), type_oid in prop::sample::select(&TYPES[..]),
            value in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "[0-9]{1,12}".prop_map(String::into_bytes),
                "[0-9]{4}-[0-1][0-9]-[0-3][0-9]( [0-2][0-9]:00:00(\\+0[0-9])?)?( BC)?"
                    .prop_map(String::into_bytes),
                "[{}(),a-zA-Z0-9@. -]{0,30}".prop_map(String::into_bytes),
            ],
        ) {
            let mut bytes = head.to_vec();
            bytes.extend_from_slice(&type_oid.to_be_bytes());
            bytes.extend_from_slice(&value);
            fuzz_transform(&bytes);
        }
    }
}
