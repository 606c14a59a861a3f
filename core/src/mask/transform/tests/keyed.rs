//! Transforms by key: what is equal stays equal, and what has a form keeps it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::mask::transform::{
    Absent, Alphabet, CheckDigit, DateShift, Fingerprint, Format, MasterKey, Normal, Purpose,
    Subject, TokenForm, TokenVault, TransformKey,
};

fn key(identity: &str) -> TransformKey {
    let purpose = Purpose {
        resource: "ehr",
        identity: Some(identity),
        transform: "any",
        value_type: "mrn",
    };
    MasterKey::new(&[9; 32]).unwrap().derive(&purpose)
}

fn hmac(normal: Normal, identity: &str) -> Transform {
    let style = TokenForm {
        prefix: "mrn_".into(),
        characters: 16,
        normal,
    };
    Transform::Hmac(style, key(identity))
}

fn ff1(alphabet: Alphabet, check: CheckDigit, identity: &str) -> Transform {
    Transform::Ff1(Format {
        alphabet,
        check,
        key: key(identity),
    })
}

fn shift(days_most: u16, absent: Absent) -> Transform {
    Transform::DateShift(DateShift {
        days_most,
        subject: "patient_id".into(),
        absent,
        key: key("agent"),
    })
}

fn of_subject(subject: &[u8]) -> Around<'_> {
    Around {
        subject: Subject::Known(subject),
        ..Around::default()
    }
}

/// Text of a column of text.
#[track_caller]
fn text(transform: &Transform, width: Width, value: &str) -> String {
    let around = Around {
        width,
        ..Around::default()
    };
    both(transform, around, Scalar::Text, value).expect("a text is redacted, not NULL")
}

#[test]
fn tokens_have_a_prefix_and_fit_their_column() {
    let transform = hmac(Normal::default(), "agent");
    let whole = text(&transform, Width::Any, "A123");
    assert_eq!(whole.len(), 20);
    let body = whole.strip_prefix("mrn_").unwrap();
    assert!(
        body.bytes()
            .all(|byte| b"abcdefghijklmnopqrstuvwxyz234567".contains(&byte))
    );
    assert_eq!(text(&transform, Width::UpTo(20), "A123"), whole);
    assert_eq!(text(&transform, Width::UpTo(15), "A123"), whole[..15]);
    assert_eq!(text(&transform, Width::UpTo(12), "A123"), body[..12]);
    assert_eq!(
        text(&transform, Width::Padded(24), "A123"),
        format!("{whole}    ")
    );
    // Less than 50 bits tell too few values apart.
    assert_eq!(text(&transform, Width::UpTo(9), "A123"), "XXXX");
    assert_eq!(text(&transform, Width::Any, "  "), "XX");
}

#[test]
fn tokens_are_equal_for_values_that_count_as_equal() {
    let plain = hmac(Normal::default(), "agent");
    assert_eq!(
        text(&plain, Width::Any, " A-1"),
        text(&plain, Width::Any, "A-1  ")
    );
    assert_ne!(
        text(&plain, Width::Any, "a-1"),
        text(&plain, Width::Any, "A-1")
    );
    let folded = Normal {
        folds_case: true,
        digits_only: false,
    };
    let folded = hmac(folded, "agent");
    assert_eq!(
        text(&folded, Width::Any, "\u{c4}b"),
        text(&folded, Width::Any, "\u{e4}B")
    );
    let digits = Normal {
        folds_case: false,
        digits_only: true,
    };
    let digits = hmac(digits, "agent");
    assert_eq!(
        text(&digits, Width::Any, "531-77-0294"),
        text(&digits, Width::Any, "531770294")
    );
    assert_eq!(text(&digits, Width::Any, "none"), "XXXX");
}

#[test]
fn tokens_of_other_types_are_values_of_them() {
    let transform = hmac(Normal::default(), "agent");
    let uuid = "4c5e1f5e-8d3b-4b1a-9d3c-0123456789ab";
    let token = both(&transform, Around::default(), Scalar::Uuid, uuid).unwrap();
    assert_eq!(token.as_bytes()[14], b'8');
    assert!(b"89ab".contains(&token.as_bytes()[19]));
    let number = both(&transform, Around::default(), Scalar::Int8, "42").unwrap();
    assert!(number.parse::<i64>().unwrap() > 0);
    for (scalar, value, hidden) in [
        (Scalar::Int4, "42", Some("00")),
        (Scalar::Numeric, "42", Some("00")),
        (Scalar::Date, "2024-03-01", None),
    ] {
        let got = both(&transform, Around::default(), scalar, value);
        assert_eq!(got.as_deref(), hidden);
    }
}

#[test]
fn widths_in_rows_are_those_of_the_values() {
    let mut catalog = Catalog::default();
    let attributes = vec![25, 1043];
    let kind = crate::catalog::TypeKind::Composite { attributes };
    catalog.types.insert(20_000, ("row".to_owned(), kind));
    let strategy = crate::mask::Strategy::Transform(hmac(Normal::default(), "agent").into());
    let mut out = Vec::new();
    let shape = Shape::Composite { type_oid: 20_000 };
    let value = b"(A1,A1)";
    let outcome = Whole::new(&catalog, &strategy).mask(shape, Encoding::Text, value, 0, &mut out);
    assert_eq!(outcome, Outcome::Masked);
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("(mrn_") && out.ends_with(",XX)"), "{out}");
}

#[test]
fn encrypted_values_keep_their_form() {
    let digits = ff1(Alphabet::Digits, CheckDigit::None, "agent");
    let ssn = text(&digits, Width::UpTo(11), "531-77-0294");
    assert_eq!(ssn.len(), 11);
    assert_ne!(ssn, "531-77-0294");
    for (byte, like) in ssn.bytes().zip(*b"531-77-0294") {
        assert_eq!(byte.is_ascii_digit(), like.is_ascii_digit());
    }
    // Too few values, or characters that would stay in clear.
    for hidden in ["53177", "A53177029", "5317702\u{664}", ""] {
        let masked = text(&digits, Width::Any, hidden);
        assert!(masked.bytes().all(|byte| byte == b'X'), "{hidden} {masked}");
    }
    let mixed = ff1(Alphabet::Alphanumeric, CheckDigit::None, "agent");
    let mrn = text(&mixed, Width::Any, "MRn-00123/x9");
    let kinds = |text: &str| -> String {
        let kind = |character: char| match character {
            '0'..='9' => '9',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            other => other,
        };
        text.chars().map(kind).collect()
    };
    assert_eq!(kinds(&mrn), kinds("MRn-00123/x9"));
    assert_ne!(mrn, "MRn-00123/x9");
    assert_eq!(text(&mixed, Width::Any, "AB12"), "XXXX");
}

#[test]
fn check_digits_stay_valid() {
    let luhn_sum = |digits: &str| -> u32 {
        let digits = digits.bytes().filter(u8::is_ascii_digit).rev();
        let doubled = |(index, byte): (usize, u8)| {
            let digit = u32::from(byte - b'0') * if index % 2 == 1 { 2 } else { 1 };
            digit / 10 + digit % 10
        };
        digits.enumerate().map(doubled).sum()
    };
    let card = ff1(Alphabet::Digits, CheckDigit::Luhn, "agent");
    for number in ["4111 1111 1111 1111", "378282246310005"] {
        let got = text(&card, Width::Any, number);
        assert_eq!(luhn_sum(&got) % 10, 0, "{got}");
        assert_ne!(got, number);
    }
    let npi = ff1(Alphabet::Digits, CheckDigit::Npi, "agent");
    let got = text(&npi, Width::Any, "1234567893");
    assert!(got.starts_with('1') && got != "1234567893");
    assert_eq!(luhn_sum(&format!("80840{got}")) % 10, 0, "{got}");
    assert_eq!(text(&npi, Width::Any, "9234567893"), "XXXXXXXXXX");
    let number = both(&npi, Around::default(), Scalar::Int8, "1234567893");
    assert_eq!(number.as_deref(), Some(&*got));
}

#[test]
fn encrypted_numbers_fit_their_type() {
    let transform = ff1(Alphabet::Digits, CheckDigit::None, "agent");
    for (scalar, value) in [
        (Scalar::Int4, "2147483647"),
        (Scalar::Int4, "1000000000"),
        (Scalar::Int8, "9223372036854775807"),
        (Scalar::Numeric, "531770294"),
    ] {
        let got = both(&transform, Around::default(), scalar, value).unwrap();
        assert_eq!(got.len(), value.len());
        assert!(got != value && !got.starts_with('0'), "{got}");
    }
    for (scalar, value) in [
        (Scalar::Int2, "32767"),
        (Scalar::Int4, "999999"),
        (Scalar::Int4, "-1234567"),
        (Scalar::Numeric, "1234567.5"),
    ] {
        let got = both(&transform, Around::default(), scalar, value).unwrap();
        assert!(got.bytes().all(|byte| byte == b'0'), "{got}");
    }
}

/// Draws tokens by counting, for as many values as it has room for.
struct Counter(Mutex<HashMap<Fingerprint, u8>>, usize);

impl TokenVault for Counter {
    fn token(&self, fingerprint: &Fingerprint) -> Option<[u8; 32]> {
        let mut known = self.0.lock().unwrap();
        let next = known.len() as u8 + 1;
        if let Some(number) = known.get(fingerprint) {
            return Some([*number; 32]);
        }
        (known.len() < self.1).then(|| {
            known.insert(*fingerprint, next);
            [next; 32]
        })
    }
}

#[test]
fn random_tokens_come_from_the_vault_or_not_at_all() {
    let style = TokenForm {
        prefix: "".into(),
        characters: 12,
        normal: Normal::default(),
    };
    let vault: Arc<dyn TokenVault> = Arc::new(Counter(Mutex::default(), 2));
    let transform = Transform::Random(style, key("agent"), vault);
    let one = text(&transform, Width::Any, "A1");
    assert_ne!(one, text(&transform, Width::Any, "B2"));
    assert_eq!(one, text(&transform, Width::Any, " A1"));
    assert_eq!(
        text(&transform, Width::Any, "C3"),
        "XX",
        "there is no more room"
    );
}

#[test]
fn shifts_hold_for_every_type_of_date() {
    let transform = shift(365, Absent::Mask);
    let day = |scalar, value| both(&transform, of_subject(b"17"), scalar, value).unwrap();
    let date = day(Scalar::Date, "2024-03-15");
    assert_ne!(date, "2024-03-15");
    assert_eq!(day(Scalar::Text, "2024-03-15"), date);
    assert_eq!(
        day(Scalar::Timestamp, "2024-03-15 08:15:30.25"),
        format!("{date} 08:15:30.25")
    );
    let zoned = day(Scalar::Timestamptz, "2024-03-15 08:15:30-05");
    assert_eq!(zoned, format!("{date} 08:15:30-05"));
    assert_eq!(
        day(Scalar::Text, "2024-03-15T08:15:30Z"),
        format!("{date}T08:15:30Z")
    );
    assert_eq!(day(Scalar::Date, "infinity"), "infinity");
    assert!(day(Scalar::Date, "0044-03-15 BC").ends_with(" BC"));
    assert_eq!(day(Scalar::Text, "15 March 2024"), "XXXXXXXXXXXXX");
    assert_eq!(
        both(&transform, of_subject(b"17"), Scalar::Int4, "20240315").as_deref(),
        Some("00000000")
    );
    // A subject of char(n) is the same as one of text.
    assert_eq!(
        both(&transform, of_subject(b"17  "), Scalar::Date, "2024-03-15"),
        Some(date)
    );
}

#[test]
fn shifts_end_where_the_type_ends() {
    let transform = shift(365, Absent::Mask);
    for (scalar, value) in [
        (Scalar::Date, "5874897-12-31"),
        (Scalar::Date, "4714-11-24 BC"),
        (Scalar::Timestamp, "294276-12-29 08:00:00"),
        (Scalar::Timestamp, "4714-11-24 08:00:00 BC"),
    ] {
        for subject in 0..8_u8 {
            let got = both(&transform, of_subject(&[subject]), scalar, value).unwrap();
            assert!(got.len() <= value.len(), "{got}");
        }
    }
}

#[test]
fn without_a_subject_dates_are_masked_or_shifted_alike() {
    let with = |subject| Around {
        subject,
        ..Around::default()
    };
    let masks = shift(365, Absent::Mask);
    let alike = shift(365, Absent::ShiftByKey);
    let day =
        |transform: &Transform, subject| both(transform, with(subject), Scalar::Date, "2024-03-15");
    assert_eq!(day(&masks, Subject::Absent), None);
    assert_eq!(day(&masks, Subject::Unknown), None);
    assert_eq!(day(&alike, Subject::Unknown), None);
    assert!(day(&alike, Subject::Absent).is_some_and(|date| date != "2024-03-15"));
}

proptest! {
    #[test]
    fn tokens_are_equal_if_the_values_are(one in "[a-c ]{1,3}", other in "[a-c ]{1,3}") {
        prop_assume!(!one.trim().is_empty() && !other.trim().is_empty());
        let agent = hmac(Normal::default(), "agent");
        let clerk = hmac(Normal::default(), "clerk");
        let token = text(&agent, Width::Any, &one);
        prop_assert_eq!(token == text(&agent, Width::Any, &other), one.trim() == other.trim());
        prop_assert_ne!(token, text(&clerk, Width::Any, &other));
    }

    #[test]
    fn no_text_becomes_longer_than_its_column(
        value in "[a-z0-9 -]{0,20}", room in 0_usize..30, pads in any::<bool>(),
    ) {
        let room = room.max(value.len());
        let width = if pads { Width::Padded(room) } else { Width::UpTo(room) };
        for transform in [
            hmac(Normal::default(), "agent"),
            ff1(Alphabet::Alphanumeric, CheckDigit::None, "agent"),
            Transform::Zip3,
            Transform::Age90,
            shift(30, Absent::ShiftByKey),
        ] {
            prop_assert!(text(&transform, width, &value).len() <= room);
        }
    }

    #[test]
    fn encryption_is_a_permutation(
        one in 0_u32..1_000_000_000, other in 0_u32..1_000_000_000,
    ) {
        let digits = |identity, value: u32| {
            let transform = ff1(Alphabet::Digits, CheckDigit::None, identity);
            text(&transform, Width::Any, &format!("{value:09}"))
        };
        prop_assert_eq!(digits("agent", one) == digits("agent", other), one == other);
    }

    #[test]
    fn the_days_between_two_dates_of_a_subject_stay(
        one in -200_000_i64..200_000, other in -200_000_i64..200_000, subject in any::<[u8; 4]>(),
        most in 1_u16..3_650,
    ) {
        let transform = shift(most, Absent::Mask);
        let shape = Shape::Scalar(Scalar::Date);
        let shifted = |days: i64| {
            let value = (days as i32).to_be_bytes();
            let around = of_subject(&subject);
            let out = transformed(&transform, around, shape, Encoding::Binary, &value).unwrap();
            i64::from(i32::from_be_bytes(out.try_into().unwrap()))
        };
        prop_assert_eq!(shifted(one) - shifted(other), one - other);
        prop_assert_ne!(shifted(one), one);
        prop_assert!((shifted(one) - one).unsigned_abs() <= u64::from(most));
    }
}
