//! ZIP codes, ages, years, numbers, e-mail addresses and last digits.

use proptest::prelude::*;

use super::*;
use crate::mask::is_restricted_zip;

/// Text of a column of text.
#[track_caller]
fn text(transform: &Transform, value: &str) -> String {
    let text = both(transform, around(), Scalar::Text, value);
    text.expect("a text is redacted, not NULL")
}

#[test]
fn zip_codes_keep_three_digits_where_enough_people_live() {
    for (value, kept) in [
        ("02139", "021"),
        ("02139-4307", "021"),
        ("021394307", "021"),
        (" 60601 ", "606"),
        ("606", "606"),
        ("03601", "000"),
        ("893011234", "000"),
        ("0213", "XXXX"),
        ("2139A", "XXXXX"),
        ("K1A 0B6", "XXXXXXX"),
        ("", ""),
    ] {
        assert_eq!(text(&Transform::Zip3, value), kept, "{value}");
    }
    for (scalar, value, kept) in [
        (Scalar::Int4, "2139", "21"),
        (Scalar::Int4, "60601", "606"),
        (Scalar::Int4, "21394307", "21"),
        (Scalar::Int8, "3601", "0"),
        (Scalar::Numeric, "60601", "606"),
        (Scalar::Int4, "-5", "00"),
        (Scalar::Numeric, "60601.5", "0000000"),
    ] {
        let got = both(&Transform::Zip3, around(), scalar, value);
        assert_eq!(got.as_deref(), Some(kept), "{value}");
    }
    assert!(is_restricted_zip(b"036") && is_restricted_zip(b"893"));
    assert!(!is_restricted_zip(b"627") && !is_restricted_zip(b"0360"));
}

#[test]
fn char_columns_are_padded() {
    let around = Around {
        width: Width::Padded(5),
        ..around()
    };
    let shape = Shape::Scalar(Scalar::Text);
    let got = transformed(&Transform::Zip3, around, shape, Encoding::Text, b"60601");
    assert_eq!(got.as_deref(), Some(&b"606  "[..]));
}

#[test]
fn ages_above_89_are_one() {
    for (value, shown) in [
        ("89", "89"),
        ("90", "90"),
        ("107", "90"),
        ("93 years", "90 years"),
        ("Age 93", "Age 90"),
        ("45 y.o.", "45 y.o."),
        ("93 Jane Doe", "XXXXXXXXXXX"),
        ("93.5", "XXXX"),
        ("1933", "XXXX"),
        ("-93", "XXX"),
        ("ninety", "XXXXXX"),
    ] {
        assert_eq!(text(&Transform::Age90, value), shown, "{value}");
    }
    for (scalar, value, shown) in [
        (Scalar::Int2, "89", "89"),
        (Scalar::Int2, "104", "90"),
        (Scalar::Int8, "90", "90"),
        (Scalar::Numeric, "91", "90"),
        (Scalar::Int4, "-1", "-1"),
        (Scalar::Date, "1936-11-27", "1936-11-27"),
        (
            Scalar::Timestamp,
            "1990-01-02 03:04:05",
            "1990-01-02 03:04:05",
        ),
    ] {
        let got = both(&Transform::Age90, around(), scalar, value);
        assert_eq!(got.as_deref(), Some(shown), "{value}");
    }
    // Who was born today 90 years ago is 90.
    assert_eq!(
        both(&Transform::Age90, around(), Scalar::Date, "1936-11-26"),
        None
    );
}

#[test]
fn years_are_kept_and_nothing_else_of_a_date() {
    for (scalar, value, kept) in [
        (Scalar::Date, "2024-03-15", Some("2024-01-01")),
        (
            Scalar::Timestamp,
            "2024-03-15 08:15:30.25",
            Some("2024-01-01 00:00:00"),
        ),
        // Where the session's zone says another year than UTC, both encodings say UTC's.
        (
            Scalar::Timestamptz,
            "2023-12-31 23:00:00-05",
            Some("2024-01-01 00:00:00+00"),
        ),
        (Scalar::Date, "1936-11-26", None),
        (Scalar::Date, "1936-11-27", Some("1936-01-01")),
        (Scalar::Date, "0044-03-15 BC", None),
        (Scalar::Date, "infinity", Some("infinity")),
        (Scalar::Timestamptz, "infinity", Some("infinity")),
        (Scalar::Date, "12024-03-15", Some("12024-01-01")),
    ] {
        let got = both(&Transform::Year, around(), scalar, value);
        assert_eq!(got.as_deref(), kept, "{value}");
    }
    for (value, kept) in [
        ("2024-03-15", "2024"),
        ("2024-03-15T08:15:30Z", "2024"),
        ("03/15/2024", "2024"),
        ("March 15th, 2024", "2024"),
        ("15 Sep 2024 08:15", "2024"),
        ("1957", "1957"),
        ("1936", "XXXX"),
        ("11/27/1936", "XXXXXXXXXX"),
        ("1930-01-01", "XXXXXXXXXX"),
        ("20240315", "XXXXXXXX"),
        ("Jane 2024", "XXXXXXXXX"),
        ("2024 or 2025", "XXXXXXXXXXXX"),
        ("infinity", "XXXXXXXX"),
    ] {
        assert_eq!(text(&Transform::Year, value), kept, "{value}");
    }
}

#[test]
fn without_todays_date_no_year_is_shown() {
    let nobody_said = Around::default();
    assert_eq!(
        both(&Transform::Year, nobody_said, Scalar::Date, "2024-03-15"),
        None
    );
    assert_eq!(
        both(&Transform::Age90, nobody_said, Scalar::Date, "2024-03-15"),
        None
    );
    let text = both(&Transform::Year, nobody_said, Scalar::Text, "2024-03-15");
    assert_eq!(text.as_deref(), Some("XXXXXXXXXX"));
}

#[test]
fn other_styles_of_dates_are_null() {
    let shape = Shape::Scalar(Scalar::Date);
    for value in [&b"15.03.2024"[..], b"03/15/2024", b"x", b""] {
        let got = transformed(&Transform::Year, around(), shape, Encoding::Text, value);
        assert_eq!(got, None);
    }
    let short = transformed(&Transform::Year, around(), shape, Encoding::Binary, &[0; 3]);
    assert_eq!(short, None);
}

#[test]
fn addresses_keep_their_domain_and_numbers_their_end() {
    for (value, kept) in [
        ("jane.doe@example.org", "XXXXXXXX@example.org"),
        ("a@b@example.org", "XXXXXXXXXXXXXXX"),
        ("jane@localhost", "XXXXXXXXXXXXXX"),
        ("jane@example.org, joe", "XXXXXXXXXXXXXXXXXXXXX"),
        ("@example.org", "XXXXXXXXXXXX"),
    ] {
        assert_eq!(text(&Transform::EmailDomain, value), kept, "{value}");
    }
    for (value, kept) in [
        ("531-77-0294", "XXX-XX-0294"),
        ("4111 1111 1111 1234", "XXXX XXXX XXXX 1234"),
        ("12345678", "XXXXXXXX"),
        ("J\u{fc}rgen 0294", "XXXXXXXXXXXX"),
    ] {
        assert_eq!(text(&Transform::LastFour, value), kept, "{value}");
    }
    let number = both(&Transform::LastFour, around(), Scalar::Int8, "531770294");
    assert_eq!(number.as_deref(), Some("294"));
}

#[test]
fn buckets_round_down() {
    for (scalar, value, kept) in [
        (Scalar::Int4, "47", "40"),
        (Scalar::Int4, "-3", "-10"),
        (Scalar::Numeric, "1234", "1230"),
        (Scalar::Text, "47", "40"),
        (Scalar::Text, "47 kg", "XXXXX"),
        (Scalar::Int2, "-32768", "000000"),
        (Scalar::Int8, "-9223372036854775808", "00000000000000000000"),
    ] {
        let got = both(&Transform::Bucket(10), around(), scalar, value);
        assert_eq!(got.as_deref(), Some(kept), "{value}");
    }
}

#[test]
fn findings_in_running_text_keep_their_length() {
    let found = |transform: Transform, text: &str| {
        let mut out = Vec::new();
        let kept = transform.in_text(around().today, text.as_bytes(), &mut out);
        kept.ok().map(|()| String::from_utf8(out).unwrap())
    };
    for (transform, text, kept) in [
        (Transform::Zip3, "02139-4307", Some("021XX-XXXX")),
        (Transform::Zip3, "03601", Some("000XX")),
        (Transform::Zip3, "K1A 0B6", None),
        (Transform::Year, "03/15/2024", Some("XX/XX/2024")),
        (
            Transform::Year,
            "March 15th, 2024",
            Some("XXXXX XXXX, 2024"),
        ),
        (Transform::Year, "2024-03-15", Some("2024-XX-XX")),
        (Transform::Year, "03/15/1930", None),
        (Transform::Year, "March 15th", None),
        (Transform::Age90, "93", Some("90")),
        (Transform::Age90, "aged 107", Some("aged 90+")),
        (Transform::Age90, "ninety-three", None),
        (
            Transform::EmailDomain,
            "jane@example.org",
            Some("XXXX@example.org"),
        ),
        (Transform::LastFour, "531-77-0294", Some("XXX-XX-0294")),
        (Transform::Bucket(10), "47", None),
    ] {
        let name = transform.name();
        assert_eq!(found(transform, text).as_deref(), kept, "{name} {text}");
    }
}

#[test]
fn arrays_are_transformed_element_by_element() {
    let ints = Shape::Array { element: 23 };
    let got = transformed(
        &Transform::Age90,
        around(),
        ints,
        Encoding::Text,
        b"{45,NULL,93}",
    );
    assert_eq!(got.as_deref(), Some(&b"{45,NULL,90}"[..]));
    let dates = Shape::Array { element: 1082 };
    let value = b"{2024-03-15,1930-01-01}";
    let got = transformed(&Transform::Year, around(), dates, Encoding::Text, value);
    assert_eq!(got.as_deref(), Some(&b"{2024-01-01,NULL}"[..]));
    let range = Shape::Range { subtype: 1082 };
    let got = transformed(
        &Transform::Year,
        around(),
        range,
        Encoding::Text,
        b"[2024-03-15,)",
    );
    assert_eq!(got.as_deref(), Some(&b"empty"[..]));
}

proptest! {
    #[test]
    fn the_year_of_any_day_is_its_year_in_both_encodings(days in -40_000_i64..40_000) {
        let mut date = Vec::new();
        crate::mask::transform::value::write_iso(days, b"", &mut date);
        let date = String::from_utf8(date).unwrap();
        let got = both(&Transform::Year, around(), Scalar::Date, &date);
        let today = around().today.unwrap();
        match date[..4].parse::<i64>().unwrap() {
            // Older than 90 whatever the day.
            ..1936 => prop_assert_eq!(got, None),
            1936 if date.as_str() <= "1936-11-26" => prop_assert_eq!(got, None),
            year => prop_assert_eq!(got, Some(format!("{year}-01-01")), "{}", today),
        }
    }

    #[test]
    fn zip_codes_agree_as_numbers_and_as_texts(zip in 0_u32..100_000) {
        let as_text = text(&Transform::Zip3, &format!("{zip:05}"));
        let as_number = both(&Transform::Zip3, around(), Scalar::Int4, &zip.to_string());
        let number: u32 = as_text.parse().unwrap();
        prop_assert_eq!(as_number, Some(number.to_string()));
    }
}
