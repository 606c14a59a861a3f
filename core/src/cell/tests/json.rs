//! Values under ruled JSON keys, and findings inside JSON.

use proptest::prelude::*;
use proptest::strategy::Strategy as Generate;

use super::*;
use crate::cell::Masker;
use crate::mask::json::KeyMasker;
use crate::mask::span::Covered;
use crate::policy::{RuleId, Strategy};

use Encoding::{Binary, Text};

fn keys() -> Policy {
    policy(
        &[("ssn", Strategy::Redact), ("*secret*", Strategy::Null)],
        None,
    )
}

/// The JSON text after judgement in a column without a rule.
fn masked(json: &str) -> String {
    let policy = keys();
    let plan = policy.plan(&catalog(), &facts("c", 114));
    let outcome = judge(&policy, &plan, Text, json.as_bytes());
    assert_eq!(
        outcome.value.as_ref().map(Vec::len),
        Some(json.len()),
        "length of {json}"
    );
    outcome.text().unwrap().to_owned()
}

#[test]
fn values_under_keys_are_masked_and_stay_json() {
    for (json, expected) in [
        (r#"{"ssn":"531770294x"}"#, r#"{"ssn":"XXXXXXXXXX"}"#),
        (r#"{ "SSN" : "a" , "b":"c"}"#, r#"{ "SSN" : "X" , "b":"c"}"#),
        (r#"{"ssn":531770294,"n":2}"#, r#"{"ssn":0        ,"n":2}"#),
        (r#"{"ssn":-1.5e+3}"#, r#"{"ssn":0      }"#),
        (r#"{"ssn":true,"x":false}"#, r#"{"ssn":null,"x":false}"#),
        (r#"{"ssn":false}"#, r#"{"ssn":null }"#),
        (r#"{"ssn":null}"#, r#"{"ssn":null}"#),
        (r#"{"ssn":"a\"b\\","n":"x"}"#, r#"{"ssn":"XXXXXX","n":"x"}"#),
        (r#"{"ssn":"\u00e9"}"#, r#"{"ssn":"XXXXXX"}"#),
        (
            r#"{"ssn":["a",{"k":"v","n":1}],"z":"q"}"#,
            r#"{"ssn":["X",{"k":"X","n":0}],"z":"q"}"#,
        ),
        (
            r#"{"a":{"ssn":{"b":{}}},"c":"d"}"#,
            r#"{"a":{"ssn":{"b":{}}},"c":"d"}"#,
        ),
        (
            r#"[{"ssn":"1"},{"x":"ssn"}]"#,
            r#"[{"ssn":"X"},{"x":"ssn"}]"#,
        ),
        (r#"{"\u0073sn":"a"}"#, r#"{"\u0073sn":"X"}"#),
        (
            r#"{"my secret \uD83D\uDE00":"a"}"#,
            r#"{"my secret \uD83D\uDE00":"X"}"#,
        ),
        (
            r#"{"secret":{"ssn":1},"b":["ssn",2]}"#,
            r#"{"secret":{"ssn":0},"b":["ssn",2]}"#,
        ),
        (r#"{"ssn":"","b":""}"#, r#"{"ssn":"","b":""}"#),
        (r#"{"a":"ssn","b":"c"}"#, r#"{"a":"ssn","b":"c"}"#),
        (r#"{"ssn":[1,2],"b":3}"#, r#"{"ssn":[0,0],"b":3}"#),
    ] {
        assert_eq!(masked(json), expected);
        serde_json::from_str::<serde_json::Value>(expected).unwrap();
    }
}

#[test]
fn jsonb_keeps_its_version_byte() {
    let policy = keys();
    let plan = policy.plan(&catalog(), &facts("c", 3802));
    let outcome = judge(&policy, &plan, Binary, b"\x01{\"ssn\": \"531770294x\"}");
    assert_eq!(outcome.value.unwrap(), b"\x01{\"ssn\": \"XXXXXXXXXX\"}");
    assert_eq!(outcome.verdict, Verdict::InPlace);
    assert_eq!(
        outcome.tally.iter().collect::<Vec<_>>(),
        [(Masker::Rule(RuleId(0)), 1)]
    );
    let outcome = judge(&policy, &plan, Binary, b"\x01{\"my_secret\": 1}");
    assert_eq!(
        outcome.tally.iter().collect::<Vec<_>>(),
        [(Masker::Rule(RuleId(1)), 1)]
    );
    let outcome = judge(&policy, &plan, Binary, b"\x01{\"a\": 1}");
    assert_eq!(outcome.verdict, Verdict::Unchanged);
}

#[test]
fn text_that_is_json_is_heeded_too() {
    let policy = keys();
    for type_oid in [25, 1043, UNKNOWN] {
        let plan = policy.plan(&catalog(), &facts("c", type_oid));
        let outcome = judge(&policy, &plan, Text, b" {\"ssn\":\"1\"}");
        if type_oid == UNKNOWN {
            assert_eq!(outcome.verdict, Verdict::Null);
        } else {
            assert_eq!(outcome.text(), Some(" {\"ssn\":\"X\"}"));
        }
        let outcome = judge(&policy, &plan, Text, b"[see note] \"ssn\" is short for it");
        assert_eq!(outcome.verdict, Verdict::Unchanged);
    }
    let plan = policy.plan(&catalog(), &facts("c", 199));
    let outcome = judge(&policy, &plan, Text, br#"{"{\"ssn\":\"1\"}",NULL}"#);
    assert_eq!(outcome.text(), Some(r#"{"{\"ssn\":\"X\"}",NULL}"#));
}

#[test]
fn keys_too_long_do_not_match_and_do_no_harm() {
    let long = "secret".repeat(22);
    let json = format!(r#"{{"{long}":"a","ssn":"b"}}"#);
    assert_eq!(masked(&json), json.replace("\"b\"", "\"X\""));
    let fits = "secret".repeat(21);
    let json = format!(r#"{{"{fits}":"a"}}"#);
    assert_eq!(masked(&json), json.replace("\"a\"", "\"X\""));
}

#[test]
fn below_the_depth_bound_everything_is_masked() {
    let depth = crate::limits::NESTING_DEPTH;
    let nested = |levels: usize, leaf: &str| {
        format!(
            "{}{leaf}{},\"ok\"]",
            "[".repeat(levels + 1),
            "]".repeat(levels)
        )
    };
    let leaf = r#"{"a":"b"}"#;
    assert_eq!(masked(&nested(depth - 2, leaf)), nested(depth - 2, leaf));
    assert_eq!(
        masked(&nested(depth - 1, leaf)),
        nested(depth - 1, r#"{"X":"X"}"#)
    );
    assert_eq!(masked(&nested(500, "1")), nested(500, "0"));
}

#[test]
fn findings_leave_json_valid() {
    let policy = policy(&[], Some(Strategy::Constant(b"\"]".to_vec())));
    let plan = policy.plan(&catalog(), &facts("c", 114));
    for (json, expected) in [
        (
            r#"{"a":"531-77-0294","b":1}"#,
            r#"{"a":"XXX-XX-XXXX","b":1}"#,
        ),
        (r#"{"531-77-0294":1}"#, r#"{"XXX-XX-XXXX":1}"#),
        ("[531770294,2]", "[0        ,2]"),
        ("-531770294", "-0        "),
        ("531770294.5", "0          "),
        ("0.531770294", "0.000000000"),
        (
            "[1,\"\\u00e9 531-77-0294\\n\"]",
            "[1,\"\\u00e9 XXX-XX-XXXX\\n\"]",
        ),
    ] {
        let outcome = judge(&policy, &plan, Text, json.as_bytes());
        assert_eq!(outcome.text(), Some(expected));
        serde_json::from_str::<serde_json::Value>(expected).unwrap();
    }
}

/// Steps through `text`; `found` says which bytes a detector covers.
fn run(policy: &Policy, text: &[u8], found: &[bool]) -> Vec<u8> {
    let mut machine = KeyMasker::default();
    let step = |(&byte, &found)| {
        machine
            .step_found(policy.json_keys(), byte, found)
            .unwrap_or(byte)
    };
    text.iter().zip(found).map(step).collect()
}

fn any_json() -> impl Generate<Value = serde_json::Value> {
    let key = prop_oneof![
        Just("ssn".to_owned()),
        Just("a secret".to_owned()),
        "\\PC{0,6}"
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// No string or number that a ruled key governs has kept a character.
fn check_masked(value: &serde_json::Value, ruled: bool) {
    match value {
        serde_json::Value::String(text) if ruled => assert!(text.bytes().all(|b| b == b'X')),
        serde_json::Value::Number(number) if ruled => assert_eq!(number.as_f64(), Some(0.0)),
        serde_json::Value::Bool(_) => assert!(!ruled),
        serde_json::Value::Array(parts) => parts.iter().for_each(|part| check_masked(part, ruled)),
        serde_json::Value::Object(pairs) => {
            for (key, part) in pairs {
                let key = key.to_ascii_lowercase();
                check_masked(part, ruled || key == "ssn" || key.contains("secret"));
            }
        }
        _ => {}
    }
}

/// Spells every character of every string as `\u` escapes.
fn escape_all(json: &str) -> String {
    let mut out = String::new();
    let mut in_string = false;
    let mut characters = json.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_string = !in_string;
                out.push('"');
            }
            '\\' => {
                out.push('\\');
                out.extend(characters.next());
            }
            _ if in_string => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(character),
        }
    }
    out
}

proptest! {
    #[test]
    fn json_stays_json_and_is_masked(
        value in any_json(), escaped in any::<bool>(), pretty in any::<bool>(),
    ) {
        let mut json = value.to_string();
        if pretty {
            json = serde_json::to_string_pretty(&value).unwrap();
        }
        if escaped {
            json = escape_all(&json);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        }
        let out = masked(&json);
        let after: serde_json::Value = serde_json::from_str(&out)
            .map_err(|error| TestCaseError::fail(format!("{error}: {out}")))?;
        check_masked(&after, false);
    }

    #[test]
    fn findings_anywhere_leave_json_valid(
        value in any_json(), escaped in any::<bool>(),
        seed in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let mut json = value.to_string();
        if escaped {
            json = escape_all(&json);
        }
        let found: Vec<bool> = seed.iter().copied().cycle().take(json.len()).collect();
        for policy in [keys(), policy(&[], Some(Strategy::Redact))] {
            // These findings split characters, which true ones never do.
            let out = run(&policy, json.as_bytes(), &found);
            let out = String::from_utf8_lossy(&out);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{}", out);
        }
    }

    #[test]
    fn stretches_are_masked_like_single_bytes(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            any_json().prop_map(|value| value.to_string().into_bytes()),
            "[{}\\[\\]\":,\\\\sn0-9tu -]{0,80}".prop_map(String::into_bytes),
        ],
        splits in prop::collection::vec(0..300_usize, 0..6),
        spans in prop::collection::vec((0..300_usize, 1..20_usize), 0..3),
    ) {
        let mut findings: Vec<Finding> = spans
            .iter()
            .map(|&(start, length)| Finding { start, end: start + length, detector: SSN })
            .collect();
        findings.sort_by_key(|finding| finding.start);
        let covers = |at: usize| findings.iter().any(|f| (f.start..f.end).contains(&at));
        let found: Vec<bool> = (0..bytes.len()).map(covers).collect();
        let policy = keys();
        let wanted = run(&policy, &bytes, &found);

        let mut whole = bytes.clone();
        let mut machine = KeyMasker::default();
        machine.run(policy.json_keys(), &mut whole, Covered::new(&findings));
        prop_assert_eq!(&whole, &wanted);

        let mut splits: Vec<usize> = splits.iter().map(|&at| at.min(bytes.len())).collect();
        splits.extend([0, bytes.len()]);
        splits.sort_unstable();
        let mut parts = bytes.clone();
        let mut machine = KeyMasker::default();
        for pair in splits.windows(2) {
            let (start, end) = (pair[0], pair[1]);
            let mut shifted: Vec<Finding> = findings
                .iter()
                .filter(|f| f.end > start)
                .map(|f| Finding { start: f.start.saturating_sub(start), end: f.end - start, ..*f })
                .collect();
            shifted.sort_by_key(|finding| finding.start);
            machine.run(policy.json_keys(), &mut parts[start..end], Covered::new(&shifted));
        }
        prop_assert_eq!(&parts, &wanted);
    }

    #[test]
    fn without_keys_and_findings_nothing_changes(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let policy = policy(&[], Some(Strategy::Redact));
        prop_assert_eq!(run(&policy, &bytes, &vec![false; bytes.len()]), bytes);
    }
}
