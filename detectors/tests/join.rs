//! Values of the row are found again in its texts, however they are written.

mod support;

use proptest::prelude::*;
use support::{check, covered};
use velum_core::inspect::{DetectorId, Inspect, KnownValue, Outline, Surroundings};
use velum_detectors::{Detector, Detectors};

fn known(detector: Detector, text: &str) -> KnownValue<'_> {
    let (detector, text) = (DetectorId(detector as u16), text.as_bytes());
    KnownValue {
        detector,
        text,
        outline: Detectors::standard().outline(detector, text),
    }
}

fn row() -> Vec<KnownValue<'static>> {
    vec![
        known(Detector::Name, "Xochitl Quell-Ødegård"),
        known(Detector::Name, "Will"),
        known(Detector::Mrn, "MRN-00483921"),
        known(Detector::Phone, "(415) 555-2671"),
        known(Detector::Ssn, "531-77-0294"),
        known(Detector::Date, "1985-01-31"),
        known(Detector::Address, "12 Oak Street"),
        known(Detector::Email, "xq@example.org"),
    ]
}

fn joined(marked: &str) {
    let row = row();
    let around = Surroundings {
        known: &row,
        ..Surroundings::WHOLE
    };
    check(&Detectors::standard(), marked, around);
}

#[test]
fn names_in_any_order() {
    joined("spoke with «xochitl», then «QUELL-ØDEGÅRD» came; «quell-odegard»'s son");
    joined("«Ødegård», «X». agreed; «X». «Quell» did not; seen by «Will» today, he will return");
    joined("xochitls, quellen and willing are other words");
}

#[test]
fn numbers_in_any_punctuation() {
    joined("record «483921», record «00483921», rec «0000483921», nr «483-921»");
    joined("his «4155552671» or «415.555.2671»; «531770294», «531 77 0294»; x4839210, 1483921");
}

#[test]
fn dates_in_all_renderings() {
    joined("birth «31.1.85», «1/31/1985», «850131», «013185», «31 Jan», «Jan 31»");
    joined("in 1985; 31 beds; section 1.31");
}

#[test]
fn phrases() {
    joined("home is «12 oak street» or «12, OAK, Street»; oak street");
    joined("wrote xq at home, then «XQ@example.org»");
}

/// Only what is asked for, and only in texts that are whole.
#[test]
fn other_texts_and_choices() {
    let row = row();
    let part = Surroundings {
        known: &row,
        at_end: false,
        ..Surroundings::WHOLE
    };
    check(&Detectors::standard(), "spoke with xochitl", part);
    let phones = Detectors::select(&["phone"]).expect("a name of the catalog");
    let whole = Surroundings {
        known: &row,
        ..Surroundings::WHOLE
    };
    check(&phones, "xochitl has «4155552671»", whole);
}

proptest! {
    #[test]
    fn any_row_and_any_text(
        values in prop::collection::vec(".{0,40}", 0..12),
        kinds in prop::collection::vec(0..22u16, 12),
        text in ".{0,200}",
    ) {
        let row: Vec<KnownValue<'_>> = values
            .iter()
            .zip(kinds)
            .map(|(value, kind)| KnownValue {
                detector: DetectorId(kind),
                text: value.as_bytes(),
                outline: Outline::ANY,
            })
            .collect();
        let around = Surroundings { known: &row, ..Surroundings::WHOLE };
        let covered = covered(&Detectors::standard(), text.as_bytes(), around);
        for (at, pair) in covered.windows(2).enumerate() {
            prop_assert!(pair[0] == pair[1] || text.is_char_boundary(at + 1));
        }
    }

    /// What a value's outline rules out would not have been found.
    #[test]
    fn outlines_hide_nothing(
        pieces in prop::collection::vec(
            (prop::sample::select(PIECES), prop::sample::select(JOINTS), any::<bool>()),
            0..12,
        ),
    ) {
        let mut text = String::new();
        for (piece, joint, upper) in pieces {
            text += &if upper { piece.to_uppercase() } else { piece.to_owned() };
            text += joint;
        }
        let engine = Detectors::standard();
        let found = |row: &[KnownValue<'_>]| {
            let around = Surroundings { known: row, ..Surroundings::WHOLE };
            covered(&engine, text.as_bytes(), around)
        };
        let row = row();
        let any: Vec<_> = row
            .iter()
            .map(|known| KnownValue { outline: Outline::ANY, ..*known })
            .collect();
        prop_assert_eq!(found(&row), found(&any), "{}", text);
    }
}

/// What the row's values are made of, and what only looks like it.
const PIECES: &[&str] = &[
    "xochitl",
    "quell",
    "Ødegård",
    "odegard",
    "øDEGARD",
    "will",
    "X",
    "mrn",
    "00483921",
    "483921",
    "4839",
    "21",
    "415",
    "5552671",
    "531",
    "77",
    "0294",
    "1985",
    "85",
    "01",
    "1",
    "31",
    "jan",
    "12",
    "oak",
    "street",
    "xq",
    "example",
    "org",
    "ｘochitl",
    "\u{200b}",
];
const JOINTS: &[&str] = &[" ", "-", "", ".", "/", "\\n", ", ", "@", "\t"];
