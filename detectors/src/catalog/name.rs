//! Names of persons behind a label: `Patient: Jane Q. Doe`, `"last_name":"doe"`.
//!
//! Names in running text need a dictionary and a score; they are not found here.

use super::Detector;
use crate::lookup::{self, WordSet};
use crate::scan::Scan;
use crate::text::{behind_escape, char_end, ends_escape, run_end, run_start, starts_word};

/// Longest label, its blanks included.
const LABEL_BYTES: usize = 40;
/// Blanks, quotes and parentheses between a label's sign and its value.
const GAP_BYTES: usize = 6;
/// Names of a list.
const NAMES: usize = 4;
const WORDS: usize = 5;
const WORD_BYTES: usize = 32;

/// How sure the label makes that a person's name follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// `First name`: any word is a name.
    Sure,
    /// `Patient`: two capitalised words, or one that is all of the value.
    Likely,
}

/// Judges the `:` or `=` at `at` as the end of a label.
pub(crate) fn label_end(scan: &mut Scan<'_>, at: usize) {
    if !scan.wants(Detector::Name) {
        return;
    }
    let Some(strength) = label_before(scan, at) else {
        return;
    };
    let from = run_end(scan.text, at + 1, GAP_BYTES, |byte| {
        matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'(' | b'*' | b'[')
    });
    let mut next = Some(from);
    for _ in 0..NAMES {
        let Some(from) = next else { return };
        let Some(end) = value_end(scan, from, strength) else {
            return;
        };
        scan.report(Detector::Name, from, end);
        next = next_of_list(scan, end);
    }
}

/// The next string of a JSON list: `"given":["Peter","James"]`. A string before a colon is the
/// next key.
fn next_of_list(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let rest = scan.slice(end, scan.text.len()).strip_prefix(b"\",")?;
    let rest = rest
        .strip_prefix(b" ")
        .unwrap_or(rest)
        .strip_prefix(b"\"")?;
    let from = scan.text.len() - rest.len();
    let close = run_end(scan.text, from, LABEL_BYTES, |byte| byte != b'"');
    (scan.byte(close + 1) != Some(b':')).then_some(from)
}

fn label_before(scan: &Scan<'_>, at: usize) -> Option<Strength> {
    let end = run_start(scan.text, at, 4, |byte| {
        matches!(byte, b' ' | b'"' | b'\'' | b')' | b'*')
    });
    let start = run_start(scan.text, end, LABEL_BYTES, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'_' | b'-' | b'\'')
    });
    if start == end {
        return None;
    }
    let start = behind_escape(scan.text, start, end);
    let mut folded = [0; LABEL_BYTES];
    let label = fold(scan.slice(start, end), &mut folded);
    // `Name:` alone is a person's only at the start of a line; as a key it names all sorts.
    let alone = label == b"name" && scan.byte(end) == Some(b':') && start_of_line(scan, start);
    // HL7 FHIR's HumanName.
    let key = scan.byte(end) == Some(b'"');
    match label {
        b"family" | b"given" if key => Some(Strength::Sure),
        _ if alone => Some(Strength::Likely),
        _ if label.ends_with(b"name") && SURE.iter().any(|word| label.ends_with(word)) => {
            Some(Strength::Sure)
        }
        _ if LIKELY
            .iter()
            .any(|word| ends_in_word(scan, start, end, word)) =>
        {
            Some(Strength::Likely)
        }
        _ => None,
    }
}

/// Letters of labels, lower case and without joints; all end with `name`.
const SURE: &[&[u8]] = &[
    b"firstname",
    b"lastname",
    b"givenname",
    b"familyname",
    b"surname",
    b"maidenname",
    b"middlename",
    b"fullname",
    b"patientname",
    b"ptname",
    b"membername",
    b"subscribername",
    b"guarantorname",
    b"insuredname",
    b"mothersname",
    b"fathersname",
    b"spousename",
    b"contactname",
    b"legalname",
    b"preferredname",
    b"childsname",
    b"childname",
];

const LIKELY: &[&str] = &[
    "patient",
    "pt",
    "guarantor",
    "subscriber",
    "spouse",
    "nok",
    "next of kin",
    "emergency contact",
    "mother",
    "father",
    "guardian",
    "caregiver",
    "daughter",
    "son",
    "wife",
    "husband",
    "insured",
    "decedent",
    "name of patient",
    "patient (last, first",
];

/// First words of a value that are no names.
const NOT_NAMES: &[&str] = &[
    "unknown", "none", "not", "no", "yes", "male", "female", "denies", "reports", "states", "is",
    "was", "the", "null", "true", "false", "alert", "seen", "unable", "declined", "refused",
    "deceased", "alive", "healthy", "with", "status", "id", "mrn", "dob", "see", "per", "this",
    "self", "same", "n",
];

/// Words that stand where a name could, and say that there is none, or whose it is.
static PLACEHOLDERS: WordSet = WordSet::of(&[
    b"a",
    b"above",
    b"adult",
    b"and",
    b"anonymous",
    b"applicable",
    b"as",
    b"at",
    b"available",
    b"below",
    b"blank",
    b"brother",
    b"caregiver",
    b"chart",
    b"child",
    b"confidential",
    b"daughter",
    b"deceased",
    b"declined",
    b"dependent",
    b"disabled",
    b"employed",
    b"father",
    b"file",
    b"for",
    b"friend",
    b"given",
    b"guardian",
    b"homemaker",
    b"husband",
    b"identified",
    b"in",
    b"is",
    b"known",
    b"legal",
    b"listed",
    b"minor",
    b"mother",
    b"n",
    b"na",
    b"neighbor",
    b"never",
    b"nil",
    b"no",
    b"nobody",
    b"none",
    b"not",
    b"null",
    b"obtained",
    b"of",
    b"on",
    b"one",
    b"other",
    b"parent",
    b"parents",
    b"patient",
    b"pay",
    b"pending",
    b"private",
    b"provided",
    b"pt",
    b"record",
    b"recorded",
    b"redacted",
    b"refused",
    b"reported",
    b"retired",
    b"same",
    b"see",
    b"self",
    b"sister",
    b"son",
    b"spouse",
    b"stated",
    b"student",
    b"subscriber",
    b"tbd",
    b"the",
    b"this",
    b"time",
    b"unable",
    b"unavailable",
    b"unemployed",
    b"unidentified",
    b"unk",
    b"unknown",
    b"unnamed",
    b"unspecified",
    b"verified",
    b"wife",
    b"withheld",
    b"yes",
]);

/// Whether a value says that there is no name: `Unknown`, `None listed`, `Self`, `N/A`.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let words = value.split(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80);
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    words.peek().is_some() && words.all(|word| PLACEHOLDERS.has(word))
}

/// The label's letters in lower case.
fn fold<'b>(label: &[u8], buffer: &'b mut [u8; LABEL_BYTES]) -> &'b [u8] {
    let mut len = 0;
    for (to, byte) in buffer
        .iter_mut()
        .zip(label.iter().filter(|byte| byte.is_ascii_alphabetic()))
    {
        *to = byte.to_ascii_lowercase();
        len += 1;
    }
    &buffer[..len]
}

fn ends_in_word(scan: &Scan<'_>, start: usize, end: usize, word: &str) -> bool {
    let Some(from) = end.checked_sub(word.len()).filter(|from| *from >= start) else {
        return false;
    };
    let label = scan.slice(from, end);
    // Most labels end with another letter.
    let last = |text: &[u8]| text.last().map(u8::to_ascii_lowercase);
    last(label) == last(word.as_bytes())
        && label.eq_ignore_ascii_case(word.as_bytes())
        && (from == start || starts_word(scan.text, from))
}

fn start_of_line(scan: &Scan<'_>, start: usize) -> bool {
    match scan.byte_before(start, 1) {
        None => scan.around.at_start,
        Some(byte) => matches!(byte, b'\n' | b'\r' | b'\t') || ends_escape(scan.text, start),
    }
}

/// One past the name that begins at `from`.
fn value_end(scan: &Scan<'_>, from: usize, strength: Strength) -> Option<usize> {
    let mut end = from;
    let mut next = from;
    let mut words = 0;
    while words < WORDS {
        let word_end = word_end(scan.text, next);
        let word = scan.slice(next, word_end);
        if !is_name_word(word, strength, words) {
            break;
        }
        words += 1;
        end = word_end;
        // An initial keeps its dot; a comma stands in `Doe, Jane`.
        let dot = usize::from(scan.byte(end) == Some(b'.') && word.len() <= 3);
        end += dot;
        let comma = usize::from(words == 1 && scan.byte(end) == Some(b','));
        let blank = usize::from(scan.byte(end + comma) == Some(b' '));
        if comma + blank == 0 {
            break;
        }
        next = end + comma + blank;
    }
    let ends_value = !scan
        .byte(end)
        .is_some_and(|byte| byte == b' ' || byte.is_ascii_digit())
        || scan.slice(end, end + 2) == b"  ";
    let enough = match strength {
        Strength::Sure => words >= 1,
        Strength::Likely => words >= 2 || (words == 1 && ends_value),
    };
    let end = char_end(scan.text, end);
    (enough && !is_placeholder(scan.slice(from, end))).then_some(end)
}

fn word_end(text: &[u8], from: usize) -> usize {
    let end = run_end(text, from, WORD_BYTES, |byte| {
        byte.is_ascii_alphabetic() || byte >= 0x80 || matches!(byte, b'\'' | b'-')
    });
    let joint = |byte| matches!(byte, b'\'' | b'-');
    run_start(text, end, end - from, joint)
}

fn is_name_word(word: &[u8], strength: Strength, before: usize) -> bool {
    static NAMELESS: WordSet = {
        const WORDS: [&[u8]; NOT_NAMES.len()] = lookup::bytes(NOT_NAMES);
        WordSet::of(&WORDS)
    };
    let Some(first) = word.first() else {
        return false;
    };
    let capital = first.is_ascii_uppercase() || *first >= 0x80;
    if before == 0 && NAMELESS.has(word) {
        return false;
    }
    // Behind a sure label the first word may be in lower case, the others follow its lead.
    capital || (strength == Strength::Sure && before == 0) || is_particle(word)
}

/// `van`, `de la`: lower-case words inside a name.
fn is_particle(word: &[u8]) -> bool {
    const PARTICLES: [&[u8]; 12] = [
        b"van", b"von", b"de", b"der", b"den", b"la", b"le", b"del", b"da", b"di", b"bin", b"al",
    ];
    PARTICLES.contains(&word)
}
