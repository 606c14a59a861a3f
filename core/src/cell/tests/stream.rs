//! Values that are judged in blocks.

use super::*;
use crate::cell::{Masker, StreamedCell};
use crate::limits::{ROW_WHOLE_BYTES, STREAM_BLOCK_BYTES};

use Encoding::{Binary, Text};

/// Streams a value the way a session does; `open_ended`: without saying how long it is.
fn stream(
    policy: &Policy,
    type_oid: u32,
    encoding: Encoding,
    value: &[u8],
    open_ended: bool,
) -> Option<(Vec<u8>, Tally)> {
    let catalog = catalog();
    let plan = policy.plan(&catalog, &facts("c", type_oid));
    let (mut tally, mut scratch) = (keeping(), Scratch::default());
    let mut judge = Judge {
        policy,
        catalog: &catalog,
        inspector: &Numbers,
        known: &[],
        key: None,
        row: Default::default(),
        tally: &mut tally,
        scratch: &mut scratch,
    };
    let length = if open_ended { usize::MAX } else { value.len() };
    let mut cell = StreamedCell::begin(policy, &plan, encoding, length).ok()?;
    let mut bytes = value.to_vec();
    let mut done = 0;
    if open_ended && value.len() < cell.wants() {
        cell.ends_in(value.len());
    }
    while !cell.is_done() {
        let wants = cell.wants();
        assert!(wants < ROW_WHOLE_BYTES);
        let judged = cell
            .feed(&mut judge, &plan, &mut bytes[done..done + wants])
            .unwrap();
        assert!(judged > 0);
        done += judged;
        let left = value.len() - done;
        if open_ended && !cell.is_done() && left < cell.wants() {
            cell.ends_in(left);
        }
    }
    assert_eq!(done, value.len());
    Some((bytes, tally))
}

/// Streaming gives what judging the whole gives.
fn check(policy: &Policy, type_oid: u32, encoding: Encoding, value: &[u8]) -> Vec<u8> {
    let plan = policy.plan(&catalog(), &facts("c", type_oid));
    let mut whole = judge(policy, &plan, encoding, value);
    let kept_whole = kept(&mut whole.tally);
    let mut last = Vec::new();
    for open_ended in [false, true] {
        let (streamed, mut tally) = stream(policy, type_oid, encoding, value, open_ended).unwrap();
        assert!(
            whole.value.as_ref() == Some(&streamed),
            "type {type_oid} differs"
        );
        assert_eq!(tally.total(), whole.tally.total());
        assert_eq!(kept(&mut tally), kept_whole, "other values are kept");
        last = streamed;
    }
    last
}

/// A long text with an SSN at every one of some offsets.
fn text_with_ssns(length: usize, offsets: &[usize]) -> Vec<u8> {
    let mut text: Vec<u8> = b"lorem ipsum "
        .iter()
        .copied()
        .cycle()
        .take(length)
        .collect();
    for &offset in offsets {
        text.splice(offset..offset + 13, *b" 531-77-0294 ");
    }
    text
}

fn near_block_ends() -> Vec<usize> {
    let mut offsets = Vec::new();
    let lag = 26;
    let mut end = STREAM_BLOCK_BYTES;
    for step in 0..4 {
        offsets.push(end - lag - 20 + step * 6);
        offsets.push(end - 8 + step);
        end += STREAM_BLOCK_BYTES;
    }
    offsets
}

#[test]
fn findings_near_block_ends_are_masked() {
    let policy = policy(&[], Some(Strategy::Redact));
    for shift in 0..40 {
        let offsets: Vec<usize> = near_block_ends().iter().map(|at| at - shift).collect();
        let text = text_with_ssns(5 * STREAM_BLOCK_BYTES + 17, &offsets);
        let masked = check(&policy, 25, Text, &text);
        assert!(
            !masked.windows(4).any(|part| part == b"0294"),
            "shift {shift}"
        );
        assert!(masked.starts_with(b"lorem"));
    }
}

#[test]
fn every_kind_of_text_streams() {
    let policy = policy(&[("ssn", Strategy::Redact)], Some(Strategy::Redact));
    let text = text_with_ssns(200_001, &near_block_ends()[..4]);
    for type_oid in [25, 1043, 142, 17] {
        check(&policy, type_oid, Binary, &text);
    }
    let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    let masked = check(&policy, 17, Text, format!("\\x{hex}").as_bytes());
    assert!(!masked.windows(8).any(|part| part == b"30323934"));
}

#[test]
fn json_streams_with_keys_and_findings() {
    let policy = policy(&[("ssn", Strategy::Redact)], Some(Strategy::Redact));
    let mut json = String::from("[");
    let mut index = 0_u64;
    while json.len() < 300_000 {
        json.push_str(&format!(
            r#"{{"n":{index},"\u0073sn":"{index:09}","note":"\u00e9 531-77-{:04}","v":[{}]}},"#,
            index % 10_000,
            531_770_000 + index,
        ));
        index += 1;
    }
    json.push_str("null]");
    let masked = check(&policy, 114, Text, json.as_bytes());
    let parsed: serde_json::Value = serde_json::from_slice(&masked).unwrap();
    for row in parsed.as_array().unwrap() {
        if let Some(row) = row.as_object() {
            assert_eq!(row["ssn"], "XXXXXXXXX");
            assert_eq!(row["note"], "\u{e9} XXX-XX-XXXX");
            assert_eq!(row["v"][0], 0);
        }
    }
    check(&policy, 25, Text, json.as_bytes());
    let jsonb = [b"\x01", json.as_bytes()].concat();
    check(&policy, 3802, Binary, &jsonb);
    let keys_only = super::policy(&[("ssn", Strategy::Redact)], None);
    check(&keys_only, 3802, Binary, &jsonb);
}

#[test]
fn masked_columns_are_overwritten_with_valid_values() {
    for length in [200_000, 200_001, STREAM_BLOCK_BYTES, 2 * STREAM_BLOCK_BYTES] {
        let policy = policy(&[("c", Strategy::Redact)], None);
        let value = vec![b'7'; length];
        for open_ended in [false, true] {
            let fill = |type_oid, encoding| {
                let (bytes, tally) =
                    stream(&policy, type_oid, encoding, &value, open_ended).unwrap();
                assert_eq!(bytes.len(), length);
                assert_eq!(tally.total(), 1);
                assert!(!bytes.contains(&b'7'));
                bytes
            };
            assert!(fill(25, Text).iter().all(|&byte| byte == b'X'));
            assert!(fill(17, Binary).iter().all(|&byte| byte == b'X'));
            assert!(fill(1700, Text).iter().all(|&byte| byte == b'0'));
            let json: String = serde_json::from_slice(&fill(114, Text)).unwrap();
            assert_eq!(json.len(), length - 2);
            let jsonb = fill(3802, Binary);
            assert_eq!(jsonb[0], 1);
            serde_json::from_slice::<String>(&jsonb[1..]).unwrap();
            let array = fill(1009, Text);
            assert_eq!((array[0], array[length - 1]), (b'{', b'}'));
            let bytea = fill(17, Text);
            if bytea.starts_with(b"\\x") {
                assert!(length % 2 == 0 && bytea[2..].chunks(2).all(|pair| pair == b"58"));
            } else {
                assert!(bytea.iter().all(|&byte| byte == b'X'));
            }
        }
    }
}

#[test]
fn malformed_values_are_overwritten() {
    let policy = policy(&[], Some(Strategy::Redact));
    for (type_oid, encoding, value) in [
        (3802, Binary, vec![b'5'; 150_000]),
        (17, Text, vec![b'5'; 150_000]),
        (17, Text, [&b"\\x"[..], &vec![b'z'; 150_000]].concat()),
    ] {
        let (masked, tally) = stream(&policy, type_oid, encoding, &value, false).unwrap();
        assert!(!masked.contains(&b'5') && !masked.contains(&b'z'));
        assert_eq!(tally.iter().collect::<Vec<_>>(), [(Masker::Default, 1)]);
    }
}

#[test]
fn values_with_parts_stream_as_text_or_are_refused() {
    let content = policy(&[], Some(Strategy::Redact));
    let rows = "{1,531770294,22}".to_owned() + &" ".repeat(150_000);
    let (masked, _) = stream(&content, 1007, Text, rows.as_bytes(), false).unwrap();
    assert!(masked.starts_with(b"{1,111111111,22}"));
    assert!(stream(&content, 1007, Binary, rows.as_bytes(), false).is_none());
    assert!(stream(&content, UNKNOWN, Binary, rows.as_bytes(), false).is_none());
    let keys = policy(&[("ssn", Strategy::Redact)], Some(Strategy::Redact));
    assert!(stream(&keys, 1009, Text, rows.as_bytes(), false).is_none());
    let ruled = policy(&[("c", Strategy::Redact)], None);
    for (type_oid, encoding) in [(1007, Binary), (UNKNOWN, Text), (2249, Text), (23, Binary)] {
        assert!(stream(&ruled, type_oid, encoding, rows.as_bytes(), false).is_none());
    }
}

/// A small value of a large row under a rule.
fn small(strategy: Strategy, type_oid: u32, encoding: Encoding, value: &[u8]) -> Option<Vec<u8>> {
    let policy = policy(&[("c", strategy)], None);
    let (bytes, tally) = stream(&policy, type_oid, encoding, value, false)?;
    assert_eq!((bytes.len(), tally.total()), (value.len(), 1));
    Some(bytes)
}

#[test]
fn small_values_of_large_rows_keep_their_length() {
    let constant = || Strategy::Constant(b"1".to_vec());
    let partial = Strategy::Partial {
        keep_first: 0,
        keep_last: 4,
    };
    let number = 531_770_294_i32.to_be_bytes();
    let numeric = [0, 2, 0, 1, 0, 0, 0, 2, 0, 12, 0x13, 0x88];
    let zeros = [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    for (strategy, type_oid, encoding, value, masked) in [
        (partial, 25, Text, &b"531-77-0294"[..], &b"XXXXXXX0294"[..]),
        (constant(), 25, Text, b"531-77-0294", b"XXXXXXXXXXX"),
        (constant(), 23, Binary, &number, &[0; 4]),
        (Strategy::Null, 23, Binary, &number, &[0; 4]),
        (Strategy::Null, 23, Text, b"531", b"000"),
        (Strategy::Null, 114, Text, b"7", b"0"),
        (Strategy::Null, 16, Text, b"t", b"f"),
        (Strategy::Redact, 1700, Binary, &numeric, &zeros),
        (Strategy::Redact, 869, Text, b"10.1.2.3/24", b"11.1.1.1/11"),
        (Strategy::Redact, 869, Text, b"fe80::1", b"1111::1"),
        (Strategy::Redact, 1082, Text, b"1957-03-14", b"2000-01-01"),
        (Strategy::Redact, 1082, Text, b"12957-03-14", b"11111-11-11"),
        (Strategy::Null, 1186, Text, b"1 day", b"0 day"),
        (Strategy::Redact, 1009, Text, b"{a,b}", b"{X,X}"),
        (Strategy::Null, 17, Binary, b"a", b"X"),
    ] {
        let got = small(strategy, type_oid, encoding, value);
        assert_eq!(got.as_deref(), Some(masked), "type {type_oid}, {value:?}");
    }
}

#[test]
fn uniform_values_of_large_rows_are_refused_whatever_their_length() {
    for bytes in [1, 11, STREAM_BLOCK_BYTES + 1, usize::MAX] {
        let policy = policy(&[("c", Strategy::Uniform)], None);
        let plan = policy.plan(&catalog(), &facts("c", 25));
        assert!(StreamedCell::begin(&policy, &plan, Text, bytes).is_err());
        assert!(StreamedCell::may_need_whole(&policy, &plan, Text));
    }
}

#[test]
fn small_values_of_large_rows_are_refused_if_they_must_change_length() {
    for (type_oid, encoding) in [(UNKNOWN, Text), (ENUM, Binary), (3904, Binary), (600, Text)] {
        let policy = policy(&[("c", Strategy::Redact)], None);
        let catalog = catalog();
        let plan = policy.plan(&catalog, &facts("c", type_oid));
        let mut cell = StreamedCell::begin(&policy, &plan, encoding, 20).unwrap();
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
        assert!(
            cell.feed(&mut judge, &plan, &mut [b'5'; 20]).is_err(),
            "type {type_oid}"
        );
    }
}

#[test]
fn small_values_of_large_rows_are_scanned_like_others() {
    for content in [
        Strategy::Redact,
        Strategy::Constant(b"[id]".to_vec()),
        Strategy::Null,
    ] {
        let policy = policy(&[], Some(content));
        for (type_oid, encoding, value, masked) in [
            (25, Text, &b"a 531-77-0294"[..], &b"a XXX-XX-XXXX"[..]),
            (20, Binary, &531_770_294_i64.to_be_bytes(), &[0; 8]),
            (
                114,
                Text,
                b"{\"a\":\"531-77-0294\"}",
                b"{\"a\":\"XXX-XX-XXXX\"}",
            ),
            (UNKNOWN, Text, b"a 531-77-0294", b"a 111-11-1111"),
            (25, Text, b"nothing", b"nothing"),
        ] {
            let (bytes, tally) = stream(&policy, type_oid, encoding, value, false).unwrap();
            assert_eq!(bytes, masked, "type {type_oid}");
            assert_eq!(tally.total(), u64::from(bytes != value));
        }
    }
}

#[test]
fn values_that_pass_are_untouched() {
    let policy = Policy::exempt();
    let value = text_with_ssns(200_000, &[100]);
    let (passed, tally) = stream(&policy, 25, Text, &value, false).unwrap();
    assert!(passed == value && tally == Tally::default());
}
