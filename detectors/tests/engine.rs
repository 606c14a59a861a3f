//! What the engine promises whatever the text: `Inspect`'s contract.

use proptest::prelude::*;
use velum_core::inspect::{ColumnHint, Finding, Inspect, Surroundings};
use velum_core::limits::FINDING_SPAN_BYTES;
use velum_detectors::{Detector, Detectors};

fn inspect(detectors: &Detectors, text: &[u8]) -> Vec<Finding> {
    let mut out = Vec::new();
    detectors.inspect(text, Surroundings::WHOLE, &mut out);
    out
}

/// Identifiers, parts of them, and what stands around them.
const PIECES: &[&str] = &[
    "531-77-0294",
    "531 77 0294",
    "531.77.0294",
    "531770294",
    "SSN: ",
    "MRN-",
    "MRN: 0012345",
    "(415) 555-2671",
    "415-555-2671",
    "+44 20 7946 0958",
    "Phone: ",
    "ext. 12",
    "DOB: ",
    "01/31/1985",
    "January 31, 1985",
    "jane.doe@example.org",
    "@",
    ".",
    "a@b.co",
    "https://",
    "ftp://host/p?q=1",
    "://",
    "192.168.4.20",
    "2001:db8::8a2e:370:7334",
    "::",
    ":",
    "4111-1111-1111-1111",
    "4111111111111111",
    "NPI 1234567893",
    "AB1234563",
    "Acct # 44556677",
    "1EG4-TE5-MK73",
    "Member ID: XYZ1234567",
    "VIN 1HGCM82633A004352",
    "62704-1234",
    "IL 62704",
    "12 Oak Street",
    ", Springfield, ",
    "P.O. Box 12",
    "Patient: Jane Doe",
    "Pt: ",
    "\n",
    "\\n",
    "\\u00e9",
    "PID|1||123^^^H^MR||DOE^JANE||19850131|F",
    "|",
    "\r",
    "\"",
    "é",
    "€",
    " ",
    "-",
    "1.2.840.10008.5.1.4",
    "on 3/4",
    "3/4-3/9",
    "the 4th of March",
    "March ",
    "May",
    "2024-11-24T04:45:12.123Z",
    "20240301081500-0500",
    "92 y/o",
    "ninety-one year old",
    "hundred",
    "Fax ",
    "(01)00844588003288(17)141120",
    "00:1a:2b:3c:4d:5e",
    "AC-DE-48-00-11-22",
    "S/N 12345AB",
    "Lic # A-55321",
    "plate: ABC 1234",
    "DE02 1203 0000 0000 2020 51",
    "jane dot doe at example dot org",
    "Springfield, IL",
    ", New York",
    "K1A 0B6",
    "550e8400-e29b-41d4-a716-446655440000",
    "=",
    "'",
    "(",
    ")",
    "x",
    "0",
    "５３１－７７－０２９４",
    "\u{200b}",
    "–",
    "\\u002d",
    "%2D",
    "&#45;",
    "NTMxLTc3LTAyOTQ=",
    "3533312d37372d30323934",
    "{\"family\":\"Doe\",",
    "{\"key\":\"ssn\",\"value\":\"",
    "MSH#$!\\&#",
    "mrn,dob\n1,2\n",
];

/// One of the pieces, or anything.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let seeds = prop::sample::select(PIECES).prop_map(|seed| seed.as_bytes().to_vec());
    prop_oneof![
        8 => seeds,
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => "[0-9]{1,12}".prop_map(String::into_bytes),
        1 => "[A-Za-z ]{1,12}".prop_map(String::into_bytes),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

fn utf8_text() -> impl Strategy<Value = String> {
    text().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check_bounds(&inspect(&Detectors::standard(), &bytes), bytes.len())?;
    }

    #[test]
    fn findings_are_sorted_bounded_and_deterministic(text in text()) {
        let detectors = Detectors::standard();
        let found = inspect(&detectors, &text);
        check_bounds(&found, text.len())?;
        prop_assert_eq!(&found, &inspect(&detectors, &text));
        prop_assert!(found.is_sorted_by_key(|finding| finding.start));
        prop_assert!(detectors.horizon_bytes() <= FINDING_SPAN_BYTES);
    }

    #[test]
    fn findings_keep_to_the_borders_of_characters(text in utf8_text()) {
        for finding in inspect(&Detectors::standard(), text.as_bytes()) {
            prop_assert!(text.is_char_boundary(finding.start), "{finding:?} in {text:?}");
            prop_assert!(text.is_char_boundary(finding.end), "{finding:?} in {text:?}");
        }
    }

    /// Each detector finds alone what it finds among all others.
    #[test]
    fn no_detector_hides_another(text in text()) {
        let mut union = Vec::new();
        for name in Detectors::names() {
            let alone = Detectors::select(&[name]).expect("a name of the catalog");
            alone.inspect(&text, Surroundings::WHOLE, &mut union);
        }
        let key = |finding: &Finding| (finding.start, finding.end, finding.detector);
        union.sort_by_key(key);
        prop_assert_eq!(union, inspect(&Detectors::standard(), &text));
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// With names in running text the contract is the same.
    #[test]
    fn names_in_running_text_keep_the_contract(
        text in utf8_text(), cut in any::<prop::sample::Index>(),
    ) {
        let detectors = Detectors::full();
        let found = inspect(&detectors, text.as_bytes());
        check_bounds(&found, text.len())?;
        prop_assert!(found.is_sorted_by_key(|finding| finding.start));
        for finding in found {
            prop_assert!(text.is_char_boundary(finding.start), "{finding:?} in {text:?}");
            prop_assert!(text.is_char_boundary(finding.end), "{finding:?} in {text:?}");
        }
        // Any bytes, too: a character that is cut in two.
        let bytes = &text.as_bytes()[..cut.index(text.len() + 1)];
        check_bounds(&inspect(&detectors, bytes), bytes.len())?;
    }
}

proptest! {
    // These texts are long.
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// What lies further from a finding than the horizon does not decide about it.
    #[test]
    fn findings_depend_on_nothing_beyond_the_horizon(
        head in text(), middle in text(), tail in text(), filler in piece(),
    ) {
        let detectors = Detectors::standard();
        let horizon = detectors.horizon_bytes();
        let filler = filler.repeat(1 + horizon / filler.len().max(1));
        let text = [head.as_slice(), &filler, &middle, &filler, &tail].concat();
        // Of a text that is whole there may be findings that depend on all of it.
        let part = Surroundings { at_end: false, ..Surroundings::WHOLE };
        let mut found = Vec::new();
        detectors.inspect(&text, part, &mut found);
        for finding in found {
            let from = finding.start.saturating_sub(horizon);
            let to = text.len().min(finding.end + horizon);
            let around = Surroundings {
                at_start: from == 0,
                ..part
            };
            let mut cut = Vec::new();
            detectors.inspect(&text[from..to], around, &mut cut);
            let moved = Finding { start: finding.start - from, end: finding.end - from, ..finding };
            prop_assert!(cut.contains(&moved), "{finding:?} is lost when the text is cut");
        }
    }
}

fn check_bounds(found: &[Finding], len: usize) -> Result<(), TestCaseError> {
    for finding in found {
        prop_assert!(finding.start < finding.end && finding.end <= len);
        prop_assert!(finding.end - finding.start <= Detectors::standard().horizon_bytes());
        prop_assert!(usize::from(finding.detector.0) < Detector::ALL.len());
    }
    Ok(())
}

#[test]
fn the_vector_of_the_caller_is_appended_to() {
    let mut out = Vec::new();
    let detectors = Detectors::standard();
    detectors.inspect(b"531-77-0294", Surroundings::WHOLE, &mut out);
    detectors.inspect(b"a@example.org", Surroundings::WHOLE, &mut out);
    let names: Vec<_> = out
        .iter()
        .map(|found| detectors.detector_name(found.detector))
        .collect();
    assert_eq!(names, ["ssn", "email"]);
}

#[test]
fn an_unknown_detector_is_refused_and_the_known_ones_are_named() {
    let error = Detectors::select(&["ssn", "SSN"]).expect_err("names are exact");
    assert_eq!(error.name, "SSN");
    assert!(error.to_string().contains("credit_card"));
}

#[test]
fn an_empty_choice_finds_nothing() {
    let none = Detectors::select::<&str>(&[]).expect("nothing is a choice");
    assert!(inspect(&none, b"531-77-0294 a@example.org").is_empty());
}

/// `SELECT ssn AS order_id` hides nothing; a computed number may be a sum.
#[test]
fn an_alias_speaks_against_no_text() {
    for (type_name, found) in [(&b"text"[..], 1), (b"", 1), (b"int8", 0)] {
        let mut out = Vec::new();
        let column = ColumnHint {
            type_name,
            is_alias: true,
            ..ColumnHint::named(b"order_id")
        };
        let around = Surroundings {
            column: Some(column),
            ..Surroundings::WHOLE
        };
        Detectors::standard().inspect(b"531770294", around, &mut out);
        assert_eq!(out.len(), found, "a sum may have nine digits");
    }
}

/// A cell of a column whose name is evidence, for and against.
#[test]
fn the_column_decides_about_bare_numbers() {
    let detectors = Detectors::standard();
    let in_column = |column: &str, text: &str, at_end: bool| {
        let mut out = Vec::new();
        let around = Surroundings {
            at_end,
            ..Surroundings::in_column(column.as_bytes())
        };
        detectors.inspect(text.as_bytes(), around, &mut out);
        let names = out
            .iter()
            .map(|found| detectors.detector_name(found.detector).to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(in_column("v", "531770294", true), ["ssn"]);
    assert_eq!(in_column("order_id", "531770294", true), [""; 0]);
    assert_eq!(
        in_column("max", "531770294", true),
        ["ssn"],
        "max(ssn) hides nothing"
    );
    assert_eq!(in_column("?column?", "531770294", true), ["ssn"]);
    assert_eq!(in_column("total_cents", "531770294", true), [""; 0]);
    assert_eq!(in_column("ssn_id", "000770294", true), ["ssn"]);
    assert_eq!(
        in_column("v", "531770294", false),
        [""; 0],
        "not a whole cell"
    );
    assert_eq!(in_column("mrn", "00123456", true), ["mrn"]);
    assert_eq!(in_column("patient_id", "00123456", true), [""; 0]);
    assert_eq!(in_column("provider_npi", "1234567893", true), ["npi"]);
    assert_eq!(in_column("npi", "1234567890", true), [""; 0]);
    assert_eq!(in_column("birth_date", "1985-01-31", true), ["date"]);
    assert_eq!(in_column("admitted", "1985-01-31", true), ["date"]);
    assert_eq!(in_column("created_at", "1985-01-31", true), [""; 0]);
    assert_eq!(in_column("home_phone", "4155552671", true), ["phone"]);
    assert_eq!(in_column("zip", "62704", true), ["zip"]);
    assert_eq!(in_column("acct_no", "0012345678", true), ["account"]);
}
