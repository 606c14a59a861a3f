//! Short cells of letters alone: nothing but the name of a month, an age in words or an address in
//! words can stand in them, and those begin like few other words.

use velum_core::inspect::Surroundings;

/// Longest text that is looked at so.
const CELL_BYTES: usize = 48;
/// Letters and hyphens in a row that may be a code, see `view`.
const CODE_BYTES: usize = 12;

/// How the catalog's keywords begin, the blank or bracket before some of them left out; and HL7's
/// `MSH`, behind which any sign is a separator.
const BEGINNINGS: [&[u8; 2]; 18] = [
    b"Ja", b"Fe", b"Ma", b"Ap", b"Ju", b"Au", b"Se", b"Oc", b"No", b"De", b"ni", b"Ni", b"NI",
    b"hu", b"do", b"DO", b"ww", b"MS",
];

/// Whether the scan of the whole cell finds nothing. False where only the scan tells.
pub(crate) fn is_plain(text: &[u8], around: &Surroundings<'_>) -> bool {
    if text.len() > CELL_BYTES || around.key.is_some() || !around.known.is_empty() {
        return false;
    }
    let mut word = 0;
    let mut begins = 0;
    for byte in text {
        let kind = KINDS[usize::from(*byte)];
        // What of the letter before is the first of a beginning with this one.
        if kind.is_other || begins & kind.seconds != 0 {
            return false;
        }
        begins = kind.firsts;
        word = if kind.is_joint { 0 } else { word + 1 };
        if word == CODE_BYTES {
            return false;
        }
    }
    true
}

#[derive(Clone, Copy)]
struct Kind {
    /// No letter, and no sign that ends a word and says nothing.
    is_other: bool,
    is_joint: bool,
    /// One bit a beginning with this letter as the first, and as the second.
    firsts: u32,
    seconds: u32,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind {
        is_other: true,
        is_joint: false,
        firsts: 0,
        seconds: 0,
    }; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        kinds[byte].is_joint = matches!(one, b' ' | b'.' | b'\'');
        kinds[byte].is_other =
            !(one.is_ascii_alphabetic() || matches!(one, b' ' | b'.' | b'\'' | b'-'));
        byte += 1;
    }
    let mut at = 0;
    while at < BEGINNINGS.len() {
        let [first, second] = *BEGINNINGS[at];
        kinds[first as usize].firsts |= 1 << at;
        kinds[second as usize].seconds |= 1 << at;
        at += 1;
    }
    kinds
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{KEYWORDS, Set};
    use crate::plan::Stops;
    use crate::scan::{self, Scan};
    use proptest::prelude::*;
    use velum_core::inspect::{ColumnHint, Finding};

    fn scanned(text: &[u8], column: &[u8]) -> Vec<Finding> {
        let around = Surroundings {
            column: Some(ColumnHint::named(column)),
            ..Surroundings::WHOLE
        };
        let mut out = Vec::new();
        let mut scan = Scan::new(text, around, Set::ALL, &mut out);
        scan::run(&mut scan, Stops::of(Set::ALL));
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        /// What is plain holds nothing, whatever its column is called.
        #[test]
        fn nothing_is_found_in_what_is_plain(
            text in "([a-zA-Z]{1,4}|[ .'-]|May|in|dot|www|ninet|hundred|MSH|Dr|St|Box|com|th\
                |[A-Z][a-z]{2,9}){0,9}",
            column in "(ssn|note|name|patient|address|age|dob|created_at){1}",
        ) {
            if is_plain(text.as_bytes(), &Surroundings::WHOLE) {
                prop_assert_eq!(scanned(text.as_bytes(), column.as_bytes()), []);
            }
        }
    }

    #[test]
    fn no_keyword_is_plain() {
        for (word, _) in KEYWORDS {
            let letters = word.trim_matches(['(', ')', '[', ']', ' ']);
            assert!(
                !is_plain(letters.as_bytes(), &Surroundings::WHOLE),
                "{word}"
            );
        }
        assert!(is_plain(b"stable since", &Surroundings::WHOLE));
    }
}
