//! The pattern engine against the union of all overlapping matches: no byte more, no byte less,
//! on every vector unit, at every cut.

mod generate;
mod reference;

use std::ops::Range;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use generate::{cuts, expression, text};
use proptest::prelude::*;
use reference::{Reference, masked};
use velum_detectors::{Carry, Kernel, Match, Patterns, Plan, Refusal, Rows, Scratch};

/// Shapes of identifiers, as policies write them.
const IDENTIFIERS: &[&str] = &[
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\b\d{9}\b",
    r"(?i)\bMRN[:# ]{0,8}\d{6,10}\b",
    r"(?:\(\d{3}\) ?|\b\d{3}[-. ])\d{3}[-. ]\d{4}\b",
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,10}",
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4})\b",
    r"\b\d{5}-\d{4}\b",
    r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
    r"\bhttps?://[!-~]{1,2000}",
    r"\b\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b",
    r"\b[12]\d{9}\b",
    r"\b[A-Z][A-Z9]\d{7}\b",
];

static IDENTIFIED: LazyLock<Reference> =
    LazyLock::new(|| Reference::new(IDENTIFIERS).expect("expressions"));
static COMPILED: LazyLock<Vec<Patterns>> = LazyLock::new(|| {
    let all = Kernel::all().map(|kernel| Patterns::compile_for(IDENTIFIERS, kernel));
    all.map(|set| set.expect("bounded")).collect()
});

fn find(patterns: &Patterns, text: &[u8]) -> Vec<Match> {
    let mut out = Vec::new();
    patterns.find(&mut Scratch::default(), text, &mut out);
    out
}

/// The matches when the text arrives in pieces of these sizes, over and over.
fn find_cut(patterns: &Patterns, text: &[u8], cuts: &[usize]) -> Result<Vec<Match>, String> {
    let mut out = Vec::new();
    let mut carry = Carry::default();
    let mut at = 0;
    let mut sizes = cuts.iter().cycle();
    let mut empty = 0;
    while at < text.len() {
        let size = *sizes.next().expect("a cycle of sizes");
        empty = if size == 0 { empty + 1 } else { 0 };
        let size = if empty > cuts.len() { 7 } else { size };
        let end = text.len().min(at + size);
        let before = carry.released();
        patterns.find_in(&mut carry, &text[at..end], false, &mut out);
        at = end;
        if carry.released() < before || carry.received() != at {
            return Err("released bytes are taken back".into());
        }
        if out.iter().any(|found| found.start >= carry.released()) {
            return Err("a match is reported before it may be released".into());
        }
        if at - carry.released() > patterns.hold_back_bytes() + size {
            return Err(format!("{} bytes are held back", at - carry.released()));
        }
    }
    patterns.find_in(&mut carry, b"", true, &mut out);
    Ok(out)
}

/// Every way to run the patterns gives what the reference gives.
fn check(
    sets: &[Patterns],
    reference: &Reference,
    text: &[u8],
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    let expected = reference.find(text);
    for patterns in sets {
        let name = patterns.kernel().name();
        let found = find(patterns, text);
        prop_assert_eq!(&found, &expected, "{}", name);
        let cut = find_cut(patterns, text, cuts).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&cut, &expected, "{} cut at {:?}", name, cuts);
        let mut hidden = text.to_vec();
        let count = patterns.mask(&mut Scratch::default(), &mut hidden, 0);
        let wanted = masked(text, &expected, 0);
        prop_assert_eq!(&hidden, &wanted, "{} masked", name);
        let mut covered = vec![0; text.len()];
        covered = masked(&covered, &expected, 1);
        let covered = covered.iter().filter(|byte| **byte == 1).count();
        prop_assert_eq!(count, covered);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_patterns_find_what_the_reference_finds(
        sources in prop::collection::vec(expression(), 1..5),
        text in prop_oneof![2 => text(60), 1 => text(6)],
        cuts in cuts(),
    ) {
        // Each pattern that is refused is left out: the others are still a set.
        let sources: Vec<&str> = sources
            .iter()
            .map(String::as_str)
            .filter(|source| Patterns::compile(&[source]).is_ok())
            .filter(|source| Reference::new(&[source]).is_some())
            .collect();
        let reference = Reference::new(&sources).expect("expressions");
        let sets = Kernel::all().map(|kernel| Patterns::compile_for(&sources, kernel));
        let sets = sets.collect::<Result<Vec<_>, _>>().expect("each of them is accepted");
        check(&sets, &reference, &text, &cuts)?;
    }

    #[test]
    fn identifiers_in_fields(pieces in prop::collection::vec((text(12), 0..4usize), 0..20)) {
        let mut text = Vec::new();
        let mut fields: Vec<Range<usize>> = Vec::new();
        let mut whole: Vec<Range<usize>> = Vec::new();
        let mut rows = Vec::new();
        for (bytes, kind) in &pieces {
            // A header that looks like a part of the value: its last byte may be a letter.
            text.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            let field = text.len()..text.len() + bytes.len();
            text.extend_from_slice(bytes);
            match kind {
                0 => rows.push((field, Plan::Skip)),
                1 => {
                    whole.push(field.clone());
                    rows.push((field, Plan::MaskWhole));
                }
                _ => {
                    fields.push(field.clone());
                    rows.push((field, Plan::Scan));
                }
            }
        }
        let mut borders = Rows::default();
        borders.reset(text.len());
        for (field, plan) in rows {
            borders.add(field.start, field.end, plan);
        }
        let expected = IDENTIFIED.find_fields(&text, &fields);
        for kernel in Kernel::all() {
            let patterns = COMPILED.iter().find(|set| set.kernel() == kernel).expect("all units");
            let mut found = Vec::new();
            let mut scratch = Scratch::default();
            patterns.find_rows(&mut scratch, &text, &borders, &mut found);
            prop_assert_eq!(&found, &expected, "{}", kernel.name());
            let mut hidden = text.clone();
            patterns.mask_rows(&mut scratch, &mut hidden, &borders, b'*');
            let mut wanted = masked(&text, &expected, b'*');
            for field in &whole {
                wanted[field.clone()].fill(b'*');
            }
            prop_assert_eq!(&hidden, &wanted, "{}", kernel.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Texts of several tiles.
    #[test]
    fn identifiers_in_long_texts(text in text(900), cuts in cuts()) {
        check(&COMPILED, &IDENTIFIED, &text, &cuts)?;
    }
}

#[test]
fn every_cut_of_a_text() {
    let text = b"x 123-45-6789 (415) 555-2671 MRN: 12345678, a.b@c.d.org http://x/y 10.1.2.3 \
        4111-1111-1111-1111 1/2/1985 62704-1234 AB1234563 1234567893 end";
    let expected = IDENTIFIED.find(text);
    assert_eq!(expected.len(), 11);
    for patterns in COMPILED.iter() {
        for first in 0..=text.len() {
            for second in [0, 1, 7, 64, text.len()] {
                let found = find_cut(patterns, text, &[first, second]).expect("a stream");
                assert_eq!(
                    found,
                    expected,
                    "{} {first} {second}",
                    patterns.kernel().name()
                );
            }
        }
    }
}

#[test]
fn the_choice_of_the_engine() {
    for (source, walks) in [
        (IDENTIFIERS[0], 0),
        (IDENTIFIERS[3], 0),
        (IDENTIFIERS[4], 1),
        (IDENTIFIERS[7], 1),
        (IDENTIFIERS[8], 1),
        (IDENTIFIERS[9], 0),
        (r"\d{1,60}", 0),
        (r"\d{1,64}", 1),
        (r"a|b@[a-z]{1,99}", 1),
    ] {
        let patterns = Patterns::compile(&[source]).expect("bounded");
        assert_eq!(patterns.walks(), walks, "{source}");
    }
}

#[test]
fn what_has_no_bound_is_refused_with_the_reason() {
    let long = format!("a{{1,{}}}", velum_detectors::patterns::MATCH_BYTES + 1);
    let wordy = "(?:a|b)".repeat(1000);
    let large = "[ab]{0,40}[bc]{0,40}[ca]{0,40}".replace("40", "300") + "@x";
    for (source, reason) in [
        (r"\d+", Refusal::Unbounded),
        (r"https?://\S*", Refusal::Unbounded),
        ("a*", Refusal::Empty),
        ("", Refusal::Empty),
        (r"\b", Refusal::Empty),
        (long.as_str(), Refusal::Long),
        (wordy.as_str(), Refusal::Source),
        ("[a-z]{1,200}[a-z]{1,200}", Refusal::Costly),
        (large.as_str(), Refusal::Large),
    ] {
        let error = Patterns::compile(&["ok", source]).err().expect(source);
        assert_eq!((error.pattern, &error.reason), (1, &reason), "{source}");
        assert!(error.to_string().starts_with("pattern 1: "));
    }
    let error = Patterns::compile(&["("]).err().expect("no expression");
    assert!(matches!(error.reason, Refusal::Syntax(_)), "{error}");
    let error = Patterns::compile(&["a"; 1025]).err().expect("too many");
    assert_eq!(error.reason, Refusal::Many);
    assert!(
        Patterns::compile(&[r"\pL"]).is_err(),
        "Unicode classes are not known"
    );
}

#[test]
fn no_pattern_is_a_set_that_finds_nothing() {
    let none = Patterns::compile::<&str>(&[]).expect("nothing is a choice");
    assert!(none.is_empty() && find(&none, b"123-45-6789").is_empty());
}

#[test]
fn a_match_goes_up_to_the_last_byte_of_every_length() {
    let patterns = Patterns::compile(&[r"\b\d{3}-\d{2}-\d{4}\b"]).expect("bounded");
    // The first lines, and the borders of tiles.
    for before in (0..1300).chain(8_100..8_300).chain(16_300..16_500) {
        let text = [vec![b'.'; before], b"123-45-6789".to_vec()].concat();
        let whole = Match {
            start: before,
            end: text.len(),
            pattern: 0,
        };
        assert_eq!(find(&patterns, &text), [whole], "{before}");
    }
}

/// More bitmaps than a word has bits, and texts of several tiles.
#[test]
fn hundreds_of_patterns_at_once() {
    const PATTERNS: u32 = 300;
    let sources: Vec<String> = (0..PATTERNS)
        .map(|n| format!("k{n:03}|k{n:03}x@"))
        .collect();
    let one = |n: u32| format!("k{n:03}{}, ", if n.is_multiple_of(7) { "x@" } else { "" });
    let text = (0..PATTERNS).map(one).collect::<String>().repeat(8);
    let reference = Reference::new(&sources).expect("expressions");
    let sets = Kernel::all().map(|kernel| Patterns::compile_for(&sources, kernel));
    let sets = sets.collect::<Result<Vec<_>, _>>().expect("bounded");
    let expected = reference.find(text.as_bytes());
    assert_eq!(expected.len(), 8 * PATTERNS as usize);
    check(&sets, &reference, text.as_bytes(), &[700, 3]).expect("the same");
}

/// Floods cost what their length costs, see the bound of `WALK_BYTES`.
#[test]
fn floods_are_linear() {
    const TEXT_BYTES: usize = 256 * 1024;
    const DEADLINE: Duration = Duration::from_secs(5);
    let mut sources = IDENTIFIERS.to_vec();
    sources.push(r"[a-z]{1,60}#[a-z]{1,60}");
    let patterns = Patterns::compile(&sources).expect("bounded");
    for unit in [
        "http://",
        "@",
        "a@",
        "a@a.",
        "a@b.co",
        "a@b.co ",
        "1",
        "1-",
        "123-45-6789",
        "mrn",
        "MRN1234567",
        "#",
        "a#",
        ".",
        "1.1.1.1.",
        "4111 ",
        "https://a",
        "x",
    ] {
        let text = unit.repeat(TEXT_BYTES / unit.len());
        let started = Instant::now();
        let found = find(&patterns, text.as_bytes());
        let whole = started.elapsed();
        let cut = find_cut(&patterns, text.as_bytes(), &[1000]).expect("a stream");
        assert_eq!(found, cut, "{unit:?}");
        assert!(started.elapsed() < DEADLINE, "{unit:?} takes {whole:?}");
    }
}
