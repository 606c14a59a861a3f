//! What is written in other characters, escaped or encoded is found where it stands.

mod support;

use proptest::prelude::*;
use support::{check, covered};
use velum_core::inspect::{Inspect, Surroundings};
use velum_detectors::Detectors;

fn whole(marked: &str) {
    check(&Detectors::standard(), marked, Surroundings::WHOLE);
}

#[test]
fn other_digits_dashes_and_blanks() {
    whole("his number «５３１－７７－０２９４» is on file");
    whole("seen; «٥٣١-٧٧-٠٢٩٤» and «𝟓𝟑𝟏-𝟕𝟕-𝟎𝟐𝟗𝟒»");
    whole(
        "call «（４１５） ５５５－２６７１» or «415\u{2011}555\u{2011}2671» or «415\u{a0}555\u{a0}2671»",
    );
    whole("«5\u{200b}3\u{200b}1-7\u{200b}7-02\u{200b}94», «531\u{ad}-77-0294», «531−77−0294»");
    whole("on «３／１４／２０２４», «2024‑03‑14», «14．03．2024»");
    whole("ＳＳＮ　«５３１７７０２９４» ok");
    whole("ＭＲＮ：«００１２３４５６»");
    whole("«jane＠example．org» wrote");
    whole("a – b, 10⁹/L, • first • second, 5\u{a0}mg, 98.6\u{a0}°F, naïve café");
}

/// A name is one however its letters are written.
#[test]
fn names_in_other_letters() {
    let full = |marked: &str| check(&Detectors::full(), marked, Surroundings::WHOLE);
    full("He was seen by Dr. «Smith» today.");
    full("He was seen by Dr. «Ｓｍｉｔｈ» today.");
    full("He was seen by Dr. «𝐒𝐦𝐢𝐭𝐡» today.");
    full("He was seen by Dr. «S\u{200b}mi\u{200b}th» today.");
    full("He was seen by Dr. «Smi\u{ad}th» today.");
    full("He was seen by Dr. «García» today.");
    full("He was seen by Dr. «Garci\u{301}a» today.");
    full("HE WAS SEEN BY DR. «GARCÍA» TODAY.");
}

#[test]
fn escapes() {
    whole(r#"{"note":"SSN «531\u002d77\u002d0294» ok"}"#);
    whole(r#"{"date":"«01\/31\/1985»"}"#);
    whole("q=«531%2D77%2D0294»&x=1");
    whole("to «jane%40example.org»");
    whole("<p>«531&#45;77&#x2D;0294»</p>");
    whole("OBX|1|TX|||phone «415\\X2D\\555\\X2D\\2671»");
}

#[test]
fn encodings() {
    whole("token «NTMxLTc3LTAyOTQ=» end");
    whole("token «3533312d37372d30323934» end");
    whole(r"\x«3533312d37372d30323934»");
    whole("«TlRNeExUYzNMVEF5T1RRPQ==» is base64 of base64");
    whole("hash e3b0c44298fc1c149afbf4c8996fb924, id QmFzZTY0IGlzIGZ1bg==, administration");
    whole("«4920-77-135»");
    whole("«1762-555-514»");
    whole("«13-10-5891»");
    whole("lot 4920-77-135");
}

/// Long runs are decoded window by window and covered from end to end.
#[test]
fn a_long_run_is_covered_whole() {
    let mut text = "nothing to see here, ".repeat(200);
    text.insert_str(3_000, " 531-77-0294 ");
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let detectors = Detectors::standard();
    let covered = covered(&detectors, hex.as_bytes(), Surroundings::WHOLE);
    assert!(covered.iter().all(|covered| *covered));
}

/// A value, and how it can be written.
fn spelled() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec!["531-77-0294", "(415) 555-2671", "2024-03-14"]);
    let style = prop::collection::vec(0..5usize, 16);
    (value, style).prop_map(|(value, styles)| {
        let mut out = String::new();
        for (character, style) in value.chars().zip(styles) {
            match (style, character) {
                (0, '0'..='9') => {
                    let code = 0xff10 + u32::from(character) - u32::from('0');
                    out.extend(char::from_u32(code));
                }
                (1, '-') => out.push('\u{2013}'),
                (1, ' ') => out.push('\u{a0}'),
                (2, _) => {
                    out.push(character);
                    out.push('\u{200b}');
                }
                (3, '-') => out.push_str("\\u002d"),
                (_, other) => out.push(other),
            }
        }
        out.trim_end_matches('\u{200b}').to_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// However it is spelled, wherever it stands: covered, on borders of characters.
    #[test]
    fn spellings_are_covered(
        value in spelled(), before in "[a-z é]{0,1500}", after in "[a-z é]{0,200}",
    ) {
        let text = format!("{before} {value} {after}");
        let mut out = Vec::new();
        Detectors::standard().inspect(text.as_bytes(), Surroundings::WHOLE, &mut out);
        for finding in &out {
            prop_assert!(text.is_char_boundary(finding.start));
            prop_assert!(text.is_char_boundary(finding.end));
        }
        let start = before.len() + 1;
        for (at, _) in value.char_indices().filter(|(_, c)| c.is_numeric()) {
            let at = start + at;
            prop_assert!(
                out.iter().any(|f| f.start <= at && at < f.end), "{value:?} at {at}: {out:?}"
            );
        }
    }
}
