//! Values without a rule, under content detection.

use super::*;
use crate::cell::{Decision, Masker};
use crate::mask::Transform;

use Encoding::{Binary, Text};

const SSN_BYTES: &[u8] = b"531-77-0294";

/// The value after a redacting scan; asserts that it was counted once, or not at all.
fn scanned(type_oid: u32, encoding: Encoding, value: &[u8]) -> Option<Vec<u8>> {
    let outcome = scan(Strategy::Redact, type_oid, encoding, value);
    let counted = outcome.tally.total();
    assert_eq!(
        counted,
        u64::from(outcome.verdict != Verdict::Unchanged),
        "{value:?}"
    );
    outcome.value
}

#[test]
fn text_keeps_all_but_the_findings() {
    let text = "Pat. 531-77-0294, caf\u{e9} 987-65-4321.";
    let masked = "Pat. XXX-XX-XXXX, caf\u{e9} XXX-XX-XXXX.";
    for encoding in [Text, Binary] {
        for type_oid in [25, 1042, 1043, 19, 705] {
            let outcome = scan(Strategy::Redact, type_oid, encoding, text.as_bytes());
            assert_eq!(outcome.text(), Some(masked));
            assert_eq!(outcome.verdict, Verdict::InPlace);
            assert_eq!(
                outcome.tally.iter().collect::<Vec<_>>(),
                [(Masker::Detector(SSN), 1)]
            );
        }
    }
}

#[test]
fn what_holds_nothing_is_unchanged() {
    for (type_oid, encoding, value) in [
        (25, Text, &b"nothing here"[..]),
        (23, Text, b"12345678"),
        (23, Binary, &[0, 0, 0, 1]),
        (16, Binary, &[1]),
        (17, Text, b"\\x00ff"),
        (17, Text, b"\\377abc"),
        (1009, Text, b"{a,\"b c\",NULL}"),
        (2249, Text, b"(1,\"a \"\"b\"\"\",)"),
        (3904, Text, b"[1,10)"),
        (
            3904,
            Binary,
            &[2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 10],
        ),
        (UNKNOWN, Binary, b"\x00\xff"),
        (2278, Text, b""),
        (1700, Binary, &[0, 0, 0, 0, 0xc0, 0, 0, 0]),
    ] {
        let outcome = scan(Strategy::Redact, type_oid, encoding, value);
        assert_eq!(
            outcome.verdict,
            Verdict::Unchanged,
            "type {type_oid}, {value:?}"
        );
        assert_eq!(outcome.tally, Tally::default());
    }
}

#[test]
fn numbers_are_seen_in_either_encoding() {
    let float = 531_770_294_f64.to_be_bytes();
    // 5 | 3177 | 0294
    let numeric = [0, 3, 0, 2, 0, 0, 0, 0, 0, 5, 0x0c, 0x69, 0x01, 0x26];
    for (type_oid, encoding, value, masked) in [
        (20, Text, &b"531770294"[..], &b"000000000"[..]),
        (20, Binary, &531_770_294_i64.to_be_bytes(), &[0; 8]),
        (23, Binary, &531_770_294_i32.to_be_bytes(), &[0; 4]),
        (26, Binary, &531_770_294_i32.to_be_bytes(), &[0; 4]),
        (701, Text, b"531770294", b"000000000"),
        (701, Binary, &float, &[0; 8]),
        (1700, Text, b"531770294", b"000000000"),
        (1700, Binary, &numeric, &[0; 8]),
    ] {
        let got = scanned(type_oid, encoding, value);
        assert_eq!(
            got.as_deref(),
            Some(masked),
            "type {type_oid} in {encoding:?}"
        );
    }
}

#[test]
fn bytes_are_seen_through_their_hex_digits() {
    let hex = |text: &str| {
        let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("\\x{digits}").into_bytes()
    };
    assert_eq!(
        scanned(17, Text, &hex("id 531-77-0294")),
        Some(hex("id XXX-XX-XXXX"))
    );
    assert_eq!(
        scanned(17, Binary, b"id 531-77-0294").unwrap(),
        b"id XXX-XX-XXXX"
    );
    // The escape format becomes hex, which every driver reads.
    assert_eq!(
        scanned(17, Text, b"\\\\ 531-77-0294"),
        Some(hex("\\ XXX-XX-XXXX"))
    );
    assert_eq!(scanned(17, Text, b"\\9"), None);
}

#[test]
fn parts_are_seen_one_by_one() {
    for (type_oid, value, masked) in [
        (1009, "{ok,531-77-0294}", "{ok,XXX-XX-XXXX}"),
        (
            1009,
            "{\"a \\\"b\\\" 531-77-0294\",x}",
            "{\"a \\\"b\\\" XXX-XX-XXXX\",x}",
        ),
        (1007, "{1,531770294}", "{1,000000000}"),
        (
            2249,
            "(1,\"531-77-0294, \"\"a\"\"\")",
            "(1,\"XXX-XX-XXXX, \"\"a\"\"\")",
        ),
        (ROW_OF_INT_AND_TEXT, "(531770294,b)", "(000000000,b)"),
        (3904, "[1,531770294)", "empty"),
        (4451, "{[1,531770294)}", "{}"),
        (22, "1 531770294", "1 000000000"),
    ] {
        let got = scanned(type_oid, Text, value.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), masked);
    }
    let number = 531_770_294_i32.to_be_bytes();
    let value = binary_array(23, &[Some(&[0, 0, 0, 1]), Some(&number), None]);
    let masked = binary_array(23, &[Some(&[0, 0, 0, 1]), Some(&[0; 4]), None]);
    assert_eq!(scanned(1007, Binary, &value), Some(masked));
    let value = binary_row(&[(25, Some(b"a 531-77-0294")), (23, Some(&number))]);
    let masked = binary_row(&[(25, Some(b"a XXX-XX-XXXX")), (23, Some(&[0; 4]))]);
    assert_eq!(scanned(2249, Binary, &value), Some(masked));
    let range = [&[2, 0, 0, 0, 4][..], &number, &[0, 0, 0, 4], &number].concat();
    assert_eq!(scanned(3904, Binary, &range).unwrap(), [1]);
    let multi = [&[0, 0, 0, 1, 0, 0, 0, 17][..], &range].concat();
    assert_eq!(scanned(4451, Binary, &multi).unwrap(), [0; 4]);
    for (type_oid, value, masked) in [
        (3904, "[1,531770294)", "empty"),
        (4451, "{[1,2),[531770294,)}", "{}"),
        (3904, "[1,2)", "[1,2)"),
        (4451, "{[1,2),[3,4)}", "{[1,2),[3,4)}"),
    ] {
        let got = scanned(type_oid, Text, value.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), masked);
    }
}

#[test]
fn values_that_cannot_be_masked_become_null() {
    assert_eq!(scanned(UNKNOWN, Text, SSN_BYTES), None);
    assert_eq!(scanned(UNKNOWN, Binary, SSN_BYTES), None);
    assert_eq!(scanned(ENUM, Text, SSN_BYTES), None);
    assert_eq!(scanned(3614, Text, b"'531-77-0294':1"), None);
    assert_eq!(scanned(ARRAY_OF_ENUM, Text, b"{531-77-0294}"), None);
}

#[test]
fn malformed_values_do_not_pass() {
    for (type_oid, encoding, value) in [
        (23, Binary, &b"531"[..]),
        (20, Binary, b"531-77-0294"),
        (1082, Binary, b""),
        (1700, Binary, b"531-77-0294"),
        (869, Binary, b"531-77-0294"),
        (3802, Binary, b"\x07{}"),
        (1009, Binary, b"plain"),
        (1009, Text, b"plain"),
        (2249, Text, b"plain"),
        (3904, Binary, b"\xff"),
        (17, Text, b"\\x5"),
    ] {
        let outcome = scan(Strategy::Redact, type_oid, encoding, value);
        assert_eq!(outcome.verdict, Verdict::Null, "type {type_oid}, {value:?}");
        assert_eq!(
            outcome.tally.iter().collect::<Vec<_>>(),
            [(Masker::Default, 1)]
        );
    }
}

#[test]
fn content_has_its_strategies() {
    let text = b"a 531-77-0294 b";
    let constant = Strategy::Constant(b"[id]".to_vec());
    let partial = Strategy::Partial {
        keep_first: 0,
        keep_last: 4,
    };
    assert_eq!(
        scan(constant.clone(), 25, Text, text).text(),
        Some("a [id] b")
    );
    assert_eq!(
        scan(constant.clone(), 25, Text, text).verdict,
        Verdict::Replaced
    );
    assert_eq!(
        scan(partial.clone(), 25, Text, text).text(),
        Some("a XXX-XX-0294 b")
    );
    assert_eq!(scan(Strategy::Null, 25, Text, text).value, None);
    assert_eq!(
        scan(constant, 1009, Text, b"{x,531-77-0294}").text(),
        Some("{x,[id]}")
    );
    assert_eq!(
        scan(Strategy::Null, 1009, Text, b"{x,531-77-0294}").text(),
        Some("{x,NULL}")
    );
    assert_eq!(
        scan(partial, 23, Text, b"531770294").text(),
        Some("000000294")
    );
}

#[test]
fn xml_stays_well_formed() {
    let policy = policy(&[], Some(Strategy::Redact));
    let plan = policy.plan(&catalog(), &facts("c", 142));
    let outcome = judge(&policy, &plan, Text, b"<a b=\"531-77-0294\">&lt;</a>");
    assert_eq!(outcome.text(), Some("<a b=\"XXX-XX-XXXX\">&lt;</a>"));
}

#[test]
fn free_text_is_redacted_in_place() {
    let catalog = catalog();
    let policy = policy(&[], Some(Strategy::Null));
    let (mut tally, mut scratch) = (Tally::default(), Scratch::default());
    let mut judge = Judge {
        policy: &policy,
        catalog: &catalog,
        inspector: &Numbers,
        known: &[],
        key: None,
        row: Default::default(),
        tally: &mut tally,
        scratch: &mut scratch,
    };
    let mut text = *b"Key (ssn)=(531-77-0294) exists";
    assert!(judge.text(&mut text, None));
    assert_eq!(&text, b"Key (ssn)=(XXX-XX-XXXX) exists");
    assert!(!judge.text(&mut text, None));
    let exempt = Policy::exempt();
    let mut judge = Judge {
        policy: &exempt,
        ..judge
    };
    assert!(!judge.text(&mut SSN_BYTES.to_vec(), None));
    assert_eq!(tally.total(), 1);
}

#[test]
fn truth_values_pass_but_nothing_in_their_disguise() {
    let policy = policy(&[], Some(Strategy::Redact));
    assert_eq!(
        policy.plan(&catalog(), &facts("c", 16)).decision,
        Decision::Pass
    );
    let value = binary_array(16, &[Some(b"\x01"), Some(b"\x07"), Some(b"531-77-0294")]);
    let masked = binary_array(16, &[Some(b"\x01"), None, None]);
    assert_eq!(scanned(1000, Binary, &value), Some(masked));
    assert_eq!(scanned(1000, Text, b"{t,531-77-0294}").unwrap(), b"{t,f}");
}

/// Scans a value of a column in which the policy keeps the last four of what is dashed.
fn scan_keeping(may_transform: bool, type_oid: u32, value: &[u8]) -> Outcome {
    let transforms = vec![(SSN, Transform::LastFour.into())];
    let policy = policy(&[], Some(Strategy::Redact)).with_transforms(transforms);
    let mut plan = policy.plan(&catalog(), &facts("c", type_oid));
    plan.may_transform = may_transform;
    judge(&policy, &plan, Text, value)
}

#[test]
fn what_a_detector_finds_is_transformed_in_stored_columns_alone() {
    let text = b"ssn 531-77-0294, other 531770294";
    let kept = scan_keeping(true, 25, text);
    assert_eq!(kept.text(), Some("ssn XXX-XX-0294, other XXXXXXXXX"));
    assert_eq!(kept.verdict, Verdict::InPlace);
    let computed = scan_keeping(false, 25, text);
    assert_eq!(computed.text(), Some("ssn XXX-XX-XXXX, other XXXXXXXXX"));
    // In JSON, and in what is masked whole for two kinds of findings, nothing is kept.
    let json = scan_keeping(true, 114, br#"{"a": "531-77-0294"}"#);
    assert_eq!(json.text(), Some(r#"{"a": "XXX-XX-XXXX"}"#));
}
