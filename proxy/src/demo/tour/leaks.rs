//! Looks for what must not have passed.

use std::collections::{BTreeMap, HashSet};

use aho_corasick::AhoCorasick;
use anyhow::Result;

use crate::demo::ehr::Patient;

/// All identifiers of the first patients are looked for, in text and in the binary forms.
const WHOLE_PATIENTS: u64 = 1_000;

/// Knows what to look for.
pub(super) struct Leaks {
    automaton: AhoCorasick,
    /// What each pattern is, and of whom: never the value itself.
    names: Vec<String>,
    /// Of every patient, as nine digits.
    social_security_numbers: HashSet<u64>,
}

impl Leaks {
    /// For a clinic of `patients` that `seed` names.
    pub(super) fn new(seed: u64, patients: u64) -> Result<Self> {
        let (mut patterns, mut names) = (Vec::new(), Vec::new());
        for id in 1..=patients.min(WHOLE_PATIENTS) {
            let patient = Patient::new(seed, id);
            let mut add = |name: &str, bytes: Vec<u8>| {
                names.push(format!("{name} of patient {id}"));
                patterns.push(bytes);
            };
            for (name, value) in patient.identifiers() {
                add(
                    &format!("{name} in hexadecimal"),
                    hex(value.as_bytes()).into_bytes(),
                );
                add(name, value.into_bytes());
            }
            add("ssn as int8", patient.ssn_number.to_be_bytes().to_vec());
            add("uuid in binary", unhex(&patient.uuid));
        }
        let mut builder = AhoCorasick::builder();
        let automaton = builder.ascii_case_insensitive(true).build(patterns)?;
        let all = (1..=patients)
            .map(|id| Patient::new(seed, id).ssn_number)
            .collect();
        Ok(Self {
            automaton,
            names,
            social_security_numbers: all,
        })
    }

    /// What of it is in `bytes`, each with the number of times.
    pub(super) fn find(&self, bytes: &[u8]) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let name = self
                .names
                .get(hit.pattern().as_usize())
                .cloned()
                .unwrap_or_default();
            *found.entry(name).or_default() += 1;
        }
        for window in bytes.windows(11) {
            if dashed(window).is_some_and(|ssn| self.social_security_numbers.contains(&ssn)) {
                *found.entry("an SSN of the clinic".to_owned()).or_default() += 1;
            }
        }
        found
    }
}

/// The number in `123-45-6789`.
fn dashed(window: &[u8]) -> Option<u64> {
    let mut number = 0;
    for (place, byte) in window.iter().enumerate() {
        match (place, byte) {
            (3 | 6, b'-') => {}
            (3 | 6, _) => return None,
            (_, b'0'..=b'9') => number = number * 10 + u64::from(byte - b'0'),
            _ => return None,
        }
    }
    Some(number)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter_map(|byte| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_form_and_names_no_value() {
        let leaks = Leaks::new(42, 100).unwrap();
        let (one, far) = (Patient::new(42, 3), Patient::new(42, 99));
        let number = i64::try_from(one.ssn_number).unwrap().to_be_bytes();
        for bytes in [
            format!("xx{}yy", one.ssn()).into_bytes(),
            format!("\\x{}", hex(one.email.as_bytes())).into_bytes(),
            number.to_vec(),
            unhex(&one.uuid),
            format!("SSN {}.", far.ssn()).into_bytes(),
            format!("Dear {},", one.family).into_bytes(),
        ] {
            let found = leaks.find(&bytes);
            assert!(!found.is_empty(), "{bytes:?}");
            for name in found.keys() {
                assert!(!name.contains(one.family) && !name.contains(&one.ssn()));
            }
        }
    }

    #[test]
    fn masked_text_is_clean() {
        let leaks = Leaks::new(42, 100).unwrap();
        let text = b"1 XXX-XX-XXXX Xxxxxxx 000-00-0000 2000-01-01 \0\0\0\0\0\0\0\0 123-45-678";
        assert_eq!(leaks.find(text), BTreeMap::new());
    }
}
