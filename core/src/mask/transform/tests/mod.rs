//! Transforms of values in either encoding.

mod generalise;
mod keyed;

use super::value::Form;
use super::{Around, Transform, Width};
use crate::catalog::Catalog;
use crate::cell::Encoding;
use crate::mask::temporal::{parse_date, parse_timestamp};
use crate::mask::types::{Scalar, Shape};
use crate::mask::{Outcome, Strategy, Whole, constant};

pub(super) const TODAY: &str = "2026-11-26";

pub(super) fn around() -> Around<'static> {
    Around {
        today: Some(i64::from(parse_date(TODAY.as_bytes()).unwrap())),
        ..Around::default()
    }
}

/// What becomes of a value; `None`: NULL.
pub(super) fn transformed(
    transform: &Transform,
    around: Around<'_>,
    shape: Shape,
    encoding: Encoding,
    value: &[u8],
) -> Option<Vec<u8>> {
    let strategy = Strategy::Transform(transform.clone().into());
    let catalog = Catalog::default();
    let mut out = Vec::new();
    let outcome = Whole::new(&catalog, &strategy)
        .at(around)
        .mask(shape, encoding, value, 0, &mut out);
    match outcome {
        Outcome::Masked => Some(out),
        Outcome::Null => None,
        Outcome::Kept => panic!("nothing was masked"),
    }
}

/// The same value in binary form.
pub(super) fn binary(scalar: Scalar, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    match (scalar, text) {
        (Scalar::Date, "infinity") => return i32::MAX.to_be_bytes().to_vec(),
        (Scalar::Timestamp | Scalar::Timestamptz, "infinity") => {
            return i64::MAX.to_be_bytes().to_vec();
        }
        _ => {}
    }
    let form = Form {
        scalar,
        encoding: Encoding::Text,
    };
    if let Ok(super::value::Moment::At {
        days,
        micros,
        offset_seconds,
        ..
    }) = form.moment(text.as_bytes())
    {
        match scalar {
            Scalar::Date => return (days as i32).to_be_bytes().to_vec(),
            _ => {
                let micros = days * 86_400_000_000 + micros - offset_seconds * 1_000_000;
                return micros.to_be_bytes().to_vec();
            }
        }
    }
    constant::write(scalar, Encoding::Binary, text.as_bytes(), &mut out).unwrap();
    out
}

/// Transforms a value in both encodings, which must agree, and returns its text.
#[track_caller]
pub(super) fn both(
    transform: &Transform,
    around: Around<'_>,
    scalar: Scalar,
    value: &str,
) -> Option<String> {
    let shape = Shape::Scalar(scalar);
    let text = transformed(transform, around, shape, Encoding::Text, value.as_bytes());
    let of_binary = transformed(
        transform,
        around,
        shape,
        Encoding::Binary,
        &binary(scalar, value),
    );
    let text = text.map(|text| String::from_utf8(text).unwrap());
    // Text that is redacted keeps its length, and is zero in both.
    let is_zero = |text: &String| {
        scalar != Scalar::Text && !text.is_empty() && text.bytes().all(|byte| byte == b'0')
    };
    let as_binary = text.as_ref().map(|text| match is_zero(text) {
        true => binary(scalar, "0"),
        false => binary(scalar, text),
    });
    assert_eq!(of_binary, as_binary, "{value}");
    text
}

#[test]
fn moments_are_read_in_iso_style() {
    let form = Form {
        scalar: Scalar::Timestamptz,
        encoding: Encoding::Text,
    };
    let day = |text: &str| form.moment(text.as_bytes()).ok()?.utc_day();
    let utc = |text: &str| Some(parse_timestamp(text.as_bytes()).unwrap() / 86_400_000_000);
    assert_eq!(day("2024-03-01 08:15:30.25+00"), utc("2024-03-01"));
    assert_eq!(day("2024-03-01 23:15:30-05"), utc("2024-03-02"));
    assert_eq!(day("2024-03-01T00:15:30+05:30"), utc("2024-02-29"));
    assert_eq!(day("2024-03-01T00:15:30Z"), utc("2024-03-01"));
    for wrong in [
        "",
        "2024-02-30",
        "2024-03-01 25:00:00",
        "2024-03-01 08:15:30 CET",
        "03/01/2024",
        "2024-03-01-04",
        "2024-00-01",
    ] {
        assert_eq!(day(wrong), None, "{wrong}");
    }
}

#[test]
fn widths_come_from_modifiers() {
    for (type_oid, modifier, width) in [
        (25, -1, Width::Any),
        (19, -1, Width::UpTo(63)),
        (1043, -1, Width::Any),
        (1043, 14, Width::UpTo(10)),
        (1015, 14, Width::UpTo(10)),
        (1042, 9, Width::Padded(5)),
        (1700, 655_366, Width::Any),
    ] {
        assert_eq!(Width::of(type_oid, modifier), width);
    }
}
