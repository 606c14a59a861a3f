//! The scan as it is written down, byte by byte: what the bitmaps are held against.

use memchr::memmem;
use proptest::prelude::*;
use velum_core::inspect::{ColumnHint, Finding, Surroundings};

use super::simd::Kernel;
use super::*;
use crate::plan::settle;

/// The same as [`super::run`], without bitmaps at the top: what is decoded or folded goes on with
/// them.
fn run_slowly(scan: &mut Scan<'_>, stops: Stops) {
    let mut view = view::serves(scan.enabled()).then(View::default);
    if view.is_some() {
        view::reversed(scan);
        let mut view = view.take().unwrap_or_default();
        view.slowly(scan);
        view.end(scan);
    }
    if stops.words {
        keywords(scan);
    }
    for at in 0..scan.text.len() {
        let is = |at: usize| scan.byte(at).is_some_and(|byte| byte.is_ascii_digit());
        let inside = at.checked_sub(1).is_some_and(is);
        match scan.byte(at) {
            Some(byte) if byte.is_ascii_digit() => {
                let number = (stops.numbers && !inside).then(|| number_at(scan, at));
                if let Some(number) = number.flatten() {
                    automaton::shapes_slowly(scan, &number);
                    catalog::number_slowly(scan, &number);
                }
            }
            _ => visit(scan, stops, at),
        }
    }
    structure::find(scan, true);
    join::find(scan);
}

/// The leftmost keyword, then the next one behind it.
fn keywords(scan: &mut Scan<'_>) {
    let mut from = 0;
    while let Some(rest) = scan.text.get(from..) {
        let places = catalog::KEYWORDS.iter().enumerate();
        let places = places.filter_map(|(index, (word, _))| {
            let at = memmem::find(rest, word.as_bytes())?;
            Some((at, index))
        });
        let Some((at, index)) = places.min() else {
            return;
        };
        let (word, judge) = catalog::KEYWORDS[index];
        judge(scan, from + at);
        from += at + word.len();
    }
}

fn found(
    text: &[u8],
    around: Surroundings<'_>,
    enabled: Set,
    kernel: Option<Kernel>,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut scan = Scan::new(text, around, enabled, &mut out);
    let stops = Stops::of(enabled);
    match kernel {
        Some(kernel) => {
            scan.kernel = kernel;
            run(&mut scan, stops);
        }
        None => run_slowly(&mut scan, stops),
    }
    settle(&mut out, 0);
    out
}

/// Identifiers, keywords, parts of them, and what is spelled otherwise.
const PIECES: &[&str] = &[
    "531-77-0294",
    "SSN: ",
    "MRN: 0012345",
    "(415) 555-2671",
    "+44 20 7946 0958",
    "01/31/1985",
    "January 31, 1985",
    "jane.doe@example.org",
    "https://",
    "://",
    "192.168.4.20",
    "2001:db8::8a2e",
    ":",
    "AB1234563",
    "62704-1234",
    "12 Oak Street",
    ", Springfield, IL",
    "P.O. Box 12",
    "Patient: Jane Doe",
    "\n",
    "\\n",
    "\\u0035",
    "PID|1||123^^^H^MR||DOE^JANE",
    "|",
    "\r",
    "\"",
    "\u{e9}",
    " ",
    "on 3/4",
    "in March",
    "May",
    "the 4th of March",
    "92 y/o",
    "ninety-one year old",
    "one hundred years old",
    "hundred",
    "NINETY",
    "Ninety yo",
    " dot ",
    " dot dot ",
    "[dot]",
    "(dot)",
    " DOT ",
    " at ",
    "org",
    "www.",
    "wwww.x.org/a",
    "www.www.a",
    "Fax ",
    "00:1a:2b:3c:4d:5e",
    "00-1A-2B-3C-4D-5E",
    "K1A 0B6",
    "550e8400-e29b-41d4-a716-446655440000",
    "=",
    "\u{ff15}\u{ff13}\u{ff11}",
    "\u{200b}",
    "%2D",
    "&#45;",
    "NTMxLTc3LTAyOTQ=",
    "3533312d37372d30323934",
    "abcdefgh-ijk",
    "U1NOIDUzMS03Ny0wMjk0",
    "mrn,dob\n1,2\n",
    "-",
    "_",
    "+",
    "{\"family\":\"Doe\",",
    "key: ",
    "name\t",
];

/// Texts of the corpus: notes, labelled identifiers, look-alikes.
const CORPUS: [&str; 14] = [
    include_str!("../../../corpus/frames/test/notes.txt"),
    include_str!("../../../corpus/frames/test/rest.txt"),
    include_str!("../../../corpus/negative/clinical.toml"),
    include_str!("../../../corpus/negative/technical.toml"),
    include_str!("../../../corpus/phi/account.toml"),
    include_str!("../../../corpus/phi/address.toml"),
    include_str!("../../../corpus/phi/age.toml"),
    include_str!("../../../corpus/phi/date.toml"),
    include_str!("../../../corpus/phi/device.toml"),
    include_str!("../../../corpus/phi/name.toml"),
    include_str!("../../../corpus/phi/phone.toml"),
    include_str!("../../../corpus/phi/ssn.toml"),
    include_str!("../../../corpus/phi/vin.toml"),
    include_str!("../../../corpus/phi/zip.toml"),
];

/// The corpus in parts of some lines each.
fn documents() -> Vec<Vec<u8>> {
    const PART_BYTES: usize = 400;
    let parts = CORPUS
        .iter()
        .flat_map(|text| text.as_bytes().chunks(PART_BYTES));
    parts.map(<[u8]>::to_vec).collect()
}

fn text(documents: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        10 => prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => "[a-zA-Z0-9 ]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    let pieces = prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat());
    // A part of a document with something in its midst.
    let part = (
        prop::sample::select(documents),
        any::<[prop::sample::Index; 3]>(),
        pieces.clone(),
    );
    let part = part.prop_map(|(document, cuts, pieces)| {
        let mut cuts = cuts.map(|cut| cut.index(document.len() + 1));
        cuts.sort_unstable();
        let [from, middle, to] = cuts;
        let pieces = pieces.get(..pieces.len().min(40)).unwrap_or_default();
        [&document[from..middle], pieces, &document[middle..to]].concat()
    });
    prop_oneof![pieces, part]
}

/// Name of the column, and whether the text begins and ends where its value does.
fn around() -> impl Strategy<Value = (Option<&'static str>, bool, bool)> {
    let columns = ["note", "ssn", "created_at", "order_id", "mrn"].map(Some);
    let columns = [&columns[..], &[None; 5]].concat();
    (prop::sample::select(columns), any::<bool>(), any::<bool>())
}

#[test]
fn the_bitmaps_pass_over_nothing() {
    let strategy = (text(documents()), around(), any::<u32>());
    let config = ProptestConfig {
        cases: 4_000,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&strategy, |(text, around, choice)| {
        let (column, at_start, at_end) = around;
        let around = Surroundings {
            column: column.map(|name| ColumnHint::named(name.as_bytes())),
            at_start,
            at_end,
            ..Surroundings::WHOLE
        };
        let mut some = Set::EMPTY;
        for detector in Detector::ALL {
            if choice >> (detector as u16) & 1 == 1 {
                some.insert(detector);
            }
        }
        for enabled in [Set::ALL, some] {
            let expected = found(&text, around, enabled, None);
            for kernel in Kernel::all() {
                let found = found(&text, around, enabled, Some(kernel));
                prop_assert_eq!(
                    &found,
                    &expected,
                    "{}: {:?}",
                    kernel.name(),
                    text.escape_ascii()
                );
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
