//! Values of ruled columns: type by type, checked with the decoders of a real driver.

use postgres_protocol::types as sql;

use super::*;
use crate::cell::Masker;
use crate::policy::RuleId;

use Encoding::{Binary, Text};

fn redacted(type_oid: u32, encoding: Encoding, value: &[u8]) -> Option<Vec<u8>> {
    let outcome = mask(Strategy::Redact, type_oid, encoding, value);
    assert_eq!(
        outcome.tally.iter().collect::<Vec<_>>(),
        [(Masker::Rule(RuleId(0)), 1)]
    );
    outcome.value
}

fn binary(type_oid: u32, value: &[u8]) -> Vec<u8> {
    redacted(type_oid, Binary, value).unwrap()
}

fn partial(keep_first: usize, keep_last: usize) -> Strategy {
    Strategy::Partial {
        keep_first,
        keep_last,
    }
}

fn constant(text: &str) -> Strategy {
    Strategy::Constant(text.as_bytes().to_vec())
}

/// Type, value, and what takes its place.
type Row = (u32, &'static str, &'static str);

const SCALARS: &[Row] = &[
    (16, "t", "f"),
    (17, "\\x0aff", "\\x5858"),
    (17, "a\\\\b", "XXXX"),
    (18, "m", "X"),
    (18, "\\344", "X"),
    (19, "name", "XXXX"),
    (20, "531770294", "000000000"),
    (20, "-5", "00"),
    (25, "", ""),
    (25, "Jürgen", "XXXXXXX"),
    (26, "12345", "00000"),
    (114, "{\"a\": 1}", "\"XXXXXX\""),
    (114, "7", "0"),
    (3802, "[]", "\"\""),
    (142, "<a>b</a>", "XXXXXXXX"),
    (700, "-1.5e-07", "00000000"),
    (701, "NaN", "000"),
    (790, "-$1,234.56", "-$0,000.00"),
    (869, "10.1.2.3", "0.0.0.0"),
    (869, "10.1.2.3/24", "0.0.0.0/24"),
    (869, "2001:db8::1", "::"),
    (650, "2001:db8::/32", "::/32"),
    (829, "08:00:2b:01:02:03", "00:00:00:00:00:00"),
    (1042, "ab  ", "XXXX"),
    (1043, "531-77-0294", "XXXXXXXXXXX"),
    (1082, "1957-03-14", "2000-01-01"),
    (1083, "23:59:59.5", "00:00:00.0"),
    (1114, "1957-03-14 08:00:00.123", "2000-01-01 00:00:00.000"),
    (1184, "1957-03-14 08:00:00-05", "2000-01-01 00:00:00+00"),
    (1186, "1 year -2 days +03:00:00", "0 year -0 days +00:00:00"),
    (1266, "12:00:00-05:30", "00:00:00+00:00"),
    (1560, "1011", "0000"),
    (1700, "-12345.67", "000000000"),
    (2205, "public.patients", "XXXXXXXXXXXXXXX"),
    (
        2950,
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "00000000-0000-0000-0000-000000000000",
    ),
    (3904, "[1,10)", "empty"),
    (4451, "{[1,10),[20,30)}", "{}"),
];

const PARTS: &[Row] = &[
    (22, "1 22 333", "0 00 000"),
    (1007, "{1,22,NULL,-3}", "{0,00,NULL,00}"),
    (1007, "[0:1]={1,2}", "[0:1]={0,0}"),
    (1007, "{{1,2},{3,4}}", "{{0,0},{0,0}}"),
    (
        1009,
        "{a,\"b c\",NULL,\"NULL\",\"x\\\"y\",\"\"}",
        "{X,XXX,NULL,XXXX,XXX,\"\"}",
    ),
    (1009, "{}", "{}"),
    (1182, "{1957-03-14}", "{2000-01-01}"),
    (1041, "{10.0.0.1,::1}", "{0.0.0.0,::}"),
    (199, "{\"{\\\"a\\\": 1}\"}", "{\"\\\"XXXXXX\\\"\"}"),
    (2249, "(1,\"a \"\"b\"\"\",)", "(X,XXXXX,)"),
    (DOMAIN_OVER_DATE, "1957-03-14", "2000-01-01"),
    (
        ROW_OF_INT_AND_TEXT,
        "(42,\"O'Brien, Ann\")",
        "(00,XXXXXXXXXXXX)",
    ),
    (ROW_OF_INT_AND_TEXT, "(,\"\")", "(,\"\")"),
    (
        ARRAY_OF_ROWS,
        "{\"(42,\\\"O Brien\\\")\",\"(7,x)\"}",
        "{\"(00,XXXXXXX)\",\"(0,X)\"}",
    ),
];

#[test]
fn text_forms() {
    for &(type_oid, value, masked) in SCALARS.iter().chain(PARTS) {
        let got = redacted(type_oid, Text, value.as_bytes());
        let got = got
            .as_deref()
            .map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(got.as_deref(), Some(masked), "type {type_oid}, {value}");
    }
}

#[test]
fn what_has_no_masked_form_becomes_null() {
    for (type_oid, value) in [
        (600, "(1,2)"),
        (1017, "{\"(1,2)\"}"),
        (1020, "{(1,1),(0,0);(2,2),(1,1)}"),
        (3614, "'fat':1"),
        (1082, "infinity"),
        (1082, "0044-03-15 BC"),
        (2950, "not-a-uuid"),
        (829, "patient"),
        (869, "10.0.0.1/99"),
        (869, "patient"),
        (17, "\\x0"),
        (17, "\\xzz"),
        (114, ""),
        (1007, "{1,2"),
        (1007, "{1}{531}"),
        (1007, "1,2"),
        (1007, "{\"1}"),
        (2249, "1,2"),
        (ROW_OF_INT_AND_TEXT, "(1)"),
        (ROW_OF_INT_AND_TEXT, "(1,2,3)"),
        (ROW_OF_INT_AND_TEXT, "()"),
        (ENUM, "female"),
        (ARRAY_OF_ENUM, "{female,male}"),
        (UNKNOWN, "531-77-0294"),
    ] {
        assert_eq!(
            redacted(type_oid, Text, value.as_bytes()),
            None,
            "type {type_oid}, {value}"
        );
    }
    for (type_oid, value) in [
        (23, &b"531"[..]),
        (16, b""),
        (1700, b"531"),
        (869, b"\x02\x20\x00\x04531"),
        (1560, b"\x00\x00\x00\x09\xff"),
        (3802, b"\x02{}"),
        (3802, b""),
        (2950, b"531-77-0294"),
        (1007, b"\x00"),
        (1007, &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 23]),
        (2249, b"\x00\x00\x00\x01"),
        (2249, b"\xff\xff\xff\xff"),
        (ENUM, b"female"),
        (UNKNOWN, b"531-77-0294"),
    ] {
        assert_eq!(
            redacted(type_oid, Binary, value),
            None,
            "type {type_oid}, {value:?}"
        );
    }
}

#[test]
fn binary_forms_of_fixed_width_decode() {
    assert!(!sql::bool_from_sql(&binary(16, &[1])).unwrap());
    assert_eq!(sql::char_from_sql(&binary(18, b"m")).unwrap(), b'X' as i8);
    assert_eq!(sql::int2_from_sql(&binary(21, &[1, 2])).unwrap(), 0);
    assert_eq!(sql::int4_from_sql(&binary(23, &[1; 4])).unwrap(), 0);
    assert_eq!(sql::int8_from_sql(&binary(20, &[1; 8])).unwrap(), 0);
    assert_eq!(sql::oid_from_sql(&binary(26, &[1; 4])).unwrap(), 0);
    assert_eq!(sql::float4_from_sql(&binary(700, &[1; 4])).unwrap(), 0.0);
    assert_eq!(sql::float8_from_sql(&binary(701, &[1; 8])).unwrap(), 0.0);
    assert_eq!(sql::int8_from_sql(&binary(790, &[1; 8])).unwrap(), 0);
    // 0 is 2000-01-01 (00:00).
    assert_eq!(sql::date_from_sql(&binary(1082, &[1; 4])).unwrap(), 0);
    assert_eq!(
        sql::date_from_sql(&binary(DOMAIN_OVER_DATE, &[1; 4])).unwrap(),
        0
    );
    assert_eq!(sql::time_from_sql(&binary(1083, &[1; 8])).unwrap(), 0);
    assert_eq!(sql::timestamp_from_sql(&binary(1114, &[1; 8])).unwrap(), 0);
    assert_eq!(sql::timestamp_from_sql(&binary(1184, &[1; 8])).unwrap(), 0);
    assert_eq!(binary(1186, &[1; 16]), [0; 16]);
    assert_eq!(binary(1266, &[1; 12]), [0; 12]);
    assert_eq!(
        sql::uuid_from_sql(&binary(2950, &[1; 16])).unwrap(),
        [0; 16]
    );
    assert_eq!(
        sql::macaddr_from_sql(&binary(829, &[1; 6])).unwrap(),
        [0; 6]
    );
    assert_eq!(binary(774, &[1; 8]), [0; 8]);
}

#[test]
fn binary_forms_of_variable_width_decode() {
    assert_eq!(
        sql::text_from_sql(&binary(25, "J\u{fc}n".as_bytes())).unwrap(),
        "XXXX"
    );
    assert_eq!(sql::bytea_from_sql(&binary(17, b"\0\xff")), b"XX");
    assert_eq!(binary(114, b"{\"a\": 1}"), b"\"XXXXXX\"");
    assert_eq!(binary(3802, b"\x01{\"a\": 1}"), b"\x01\"XXXXXX\"");
    // 12.5: digits 12 and 5000, weight 0, positive, scale 1
    let numeric = [0, 2, 0, 0, 0, 0, 0, 1, 0, 12, 0x13, 0x88];
    assert_eq!(binary(1700, &numeric), [0; 8]);
    let v4 = sql::inet_from_sql(&binary(869, b"\x02\x18\x00\x04\x0a\x01\x02\x03")).unwrap();
    assert_eq!(
        (v4.addr().to_string().as_str(), v4.netmask()),
        ("0.0.0.0", 24)
    );
    let v6 = [&b"\x03\x80\x00\x10"[..], &[7; 16]].concat();
    assert_eq!(
        sql::inet_from_sql(&binary(869, &v6))
            .unwrap()
            .addr()
            .to_string(),
        "::"
    );
    let bits = binary(1562, b"\x00\x00\x00\x0a\xff\xc0");
    let bits = sql::varbit_from_sql(&bits).unwrap();
    assert_eq!((bits.len(), bits.bytes()), (10, &[0, 0][..]));
    assert!(matches!(
        sql::range_from_sql(&binary(3904, &[1])).unwrap(),
        sql::Range::Empty
    ));
    assert_eq!(binary(4451, &[0, 0, 0, 1]), [0; 4]);
}

#[test]
fn binary_arrays_and_rows_decode() {
    let value = binary_array(25, &[Some(b"531"), None, Some(b"")]);
    let masked = binary(1009, &value);
    assert_eq!(masked, binary_array(25, &[Some(b"XXX"), None, Some(b"")]));
    let array = sql::array_from_sql(&masked).unwrap();
    assert!(array.has_nulls() && array.element_type() == 25);
    // An element that has no masked form becomes NULL, and the flag says that there is one.
    let masked = binary(1182, &binary_array(1082, &[Some(&[1; 4]), Some(b"?")]));
    assert_eq!(masked, binary_array(1082, &[Some(&[0; 4]), None]));
    let numeric = [0, 1, 0, 0, 0, 0, 0, 0, 0, 12];
    let masked = binary(1231, &binary_array(1700, &[Some(&numeric)]));
    assert_eq!(masked, binary_array(1700, &[Some(&[0; 8])]));
    let row = binary_row(&[(23, Some(&[0, 0, 0, 9])), (25, Some(b"Ann")), (1082, None)]);
    let masked = binary_row(&[(23, Some(&[0; 4])), (25, Some(b"XXX")), (1082, None)]);
    assert_eq!(binary(2249, &row), masked);
    let rows = binary_array(ROW_OF_INT_AND_TEXT, &[Some(&row)]);
    assert_eq!(
        binary(ARRAY_OF_ROWS, &rows),
        binary_array(ROW_OF_INT_AND_TEXT, &[Some(&masked)])
    );
}

#[test]
fn partial_keeps_the_ends() {
    for (type_oid, encoding, value, masked) in [
        (25, Text, &b"531-77-0294"[..], &b"XXXXXXX0294"[..]),
        (25, Binary, b"531-77-0294", b"XXXXXXX0294"),
        (25, Text, b"0294", b"XXXX"),
        (25, Text, b"029", b"XXX"),
        (23, Text, b"531770294", b"000000294"),
        (
            23,
            Binary,
            &531_770_294_i32.to_be_bytes(),
            &294_i32.to_be_bytes(),
        ),
        (
            23,
            Binary,
            &(-531_770_294_i32).to_be_bytes(),
            &294_i32.to_be_bytes(),
        ),
        (1700, Text, b"531770294", b"000000000"),
        (1082, Text, b"1957-03-14", b"2000-01-01"),
    ] {
        let got = mask(partial(0, 4), type_oid, encoding, value);
        assert_eq!(
            got.value.as_deref(),
            Some(masked),
            "type {type_oid}, {value:?}"
        );
    }
    let got = mask(partial(1, 1), 25, Text, "\u{e4}bc\u{fc}".as_bytes());
    assert_eq!(got.text(), Some("\u{e4}XX\u{fc}"));
    let got = mask(partial(usize::MAX, usize::MAX), 25, Text, b"abc");
    assert_eq!(got.text(), Some("XXX"));
}

#[test]
fn constants_are_converted_or_null() {
    for (text, type_oid, encoding, masked) in [
        ("***", 25, Text, Some(&b"***"[..])),
        ("***", 25, Binary, Some(b"***")),
        ("***", 23, Text, None),
        ("***", 23, Binary, None),
        ("7", 23, Text, Some(b"7")),
        ("7", 23, Binary, Some(&[0, 0, 0, 7])),
        ("+7", 23, Text, None),
        ("70000", 21, Binary, None),
        ("1.5", 701, Binary, Some(&[0x3f, 0xf8, 0, 0, 0, 0, 0, 0])),
        ("inf", 701, Text, None),
        (
            "-12.5",
            1700,
            Binary,
            Some(&[0, 2, 0, 0, 0x40, 0, 0, 1, 0, 12, 0x13, 0x88]),
        ),
        (
            "0.0001",
            1700,
            Binary,
            Some(&[0, 1, 0xff, 0xff, 0, 0, 0, 4, 0, 1]),
        ),
        ("10000", 1700, Binary, Some(&[0, 1, 0, 1, 0, 0, 0, 0, 0, 1])),
        ("0", 1700, Binary, Some(&[0; 8])),
        ("1.5.", 1700, Text, None),
        ("1900-01-01", 1082, Text, Some(b"1900-01-01")),
        ("2000-01-02", 1082, Binary, Some(&[0, 0, 0, 1])),
        ("soon", 1082, Text, None),
        (
            "2000-01-01 00:00:01",
            1114,
            Binary,
            Some(&1_000_000_i64.to_be_bytes()),
        ),
        ("true", 16, Text, Some(b"t")),
        ("true", 16, Binary, Some(&[1])),
        ("ab", 17, Text, Some(b"\\x6162")),
        ("ab", 17, Binary, Some(b"ab")),
        ("a\"b", 114, Text, Some(b"\"a\\\"b\"")),
        ("ab", 3802, Binary, Some(b"\x01\"ab\"")),
        ("192.0.2.1", 869, Text, Some(b"192.0.2.1")),
        ("192.0.2.1", 869, Binary, Some(&[2, 32, 0, 4, 192, 0, 2, 1])),
        (
            "00000000-0000-0000-0000-000000000001",
            2950,
            Text,
            Some(b"00000000-0000-0000-0000-000000000001"),
        ),
        ("x y", ENUM, Text, None),
    ] {
        let got = mask(constant(text), type_oid, encoding, b"1");
        assert_eq!(
            got.value.as_deref(),
            masked,
            "{text} as {type_oid} in {encoding:?}"
        );
    }
    let got = mask(constant("a \"b\""), 1009, Text, b"{x,NULL}");
    assert_eq!(got.text(), Some("{\"a \\\"b\\\"\",NULL}"));
}

#[test]
fn null_is_null() {
    for type_oid in [16, 23, 25, 114, 1009, UNKNOWN] {
        assert_eq!(
            mask(Strategy::Null, type_oid, Text, b"x").verdict,
            Verdict::Null
        );
    }
}

#[test]
fn uniform_values_tell_nothing_of_what_they_stand_for() {
    let zeros = [0_u8; 8];
    type Case<'a> = (u32, Encoding, [&'a [u8]; 2], Option<&'a [u8]>);
    let cases: [Case<'_>; 17] = [
        (25, Text, [b"x", b"531-77-0294"], Some(b"XXXX")),
        (1043, Binary, [b"x", b"531-77-0294"], Some(b"XXXX")),
        (114, Text, [b"1", b"{\"ssn\": 1}"], Some(b"\"XXXX\"")),
        (
            3802,
            Binary,
            [b"\x011", b"\x01[1, 2]"],
            Some(b"\x01\"XXXX\""),
        ),
        (17, Text, [b"\\x00", b"\\x616263"], Some(b"\\x58585858")),
        (16, Text, [b"t", b"f"], Some(b"f")),
        (20, Text, [b"7", b"531770294"], Some(b"0")),
        (20, Binary, [&[1; 8], &[2; 8]], Some(&zeros)),
        (1700, Text, [b"7", b"53177.0294"], Some(b"0")),
        (
            1082,
            Text,
            [b"1957-03-14", b"infinity"],
            Some(b"2000-01-01"),
        ),
        (1114, Binary, [&[1; 8], &[2; 8]], Some(&zeros)),
        (2950, Binary, [&[1; 16], &[2; 16]], Some(&[0; 16])),
        (790, Text, [b"$7", b"$531,770,294.00"], None),
        (1009, Text, [b"{x}", b"{x,y,z}"], None),
        (ROW_OF_INT_AND_TEXT, Text, [b"(1,x)", b"(2,abc)"], None),
        (ENUM, Text, [b"a", b"bb"], None),
        (UNKNOWN, Binary, [b"a", b"bb"], None),
    ];
    for (type_oid, encoding, values, masked) in cases {
        for value in values {
            let got = mask(Strategy::Uniform, type_oid, encoding, value);
            assert_eq!(
                got.value.as_deref(),
                masked,
                "type {type_oid} in {encoding:?}"
            );
        }
    }
}

#[test]
fn columns_of_which_nothing_is_known_are_masked_by_default() {
    let policy = policy(&[], Some(Strategy::Redact));
    for (type_oid, masked) in [(25, Some("XXX")), (23, Some("000")), (UNKNOWN, None)] {
        let plan = ColumnPlan::whole_by_default(*b"c", type_oid);
        let outcome = judge(&policy, &plan, Text, b"531");
        assert_eq!(outcome.text(), masked);
        assert_eq!(
            outcome.tally.iter().collect::<Vec<_>>(),
            [(Masker::Default, 1)]
        );
    }
    // Not built in, but known to the catalog when the value comes.
    let plan = ColumnPlan::whole_by_default(*b"c", DOMAIN_OVER_DATE);
    assert_eq!(
        judge(&policy, &plan, Text, b"1957-03-14").text(),
        Some("2000-01-01")
    );
}

#[test]
fn nesting_has_a_bound() {
    let mut value = Vec::from(*b"x");
    for _ in 0..200 {
        value = binary_row(&[(2249, Some(&value))]);
    }
    // The deepest levels become NULL; none of it is left, and no stack overflows.
    let masked = redacted(2249, Binary, &value).unwrap();
    assert!(masked.ends_with(&(-1_i32).to_be_bytes()));
    assert!(masked.len() < value.len());
}
