//! Any text as JSON, HL7, a table, pairs, in other characters or encoded, with any row around it:
//! findings lie in the text, on borders of characters, and a watched column is only ever raised.
//!
//! ```text
//! kind, key length, known length, key…, known value…, text…
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::inspect::{
    ColumnHint, DetectorId, Inspect, KnownValue, Prior, Surroundings, Watch,
};
use velum_detectors::{ColumnWatch, Detector, Detectors};

thread_local! {
    static ENGINE: Detectors = Detectors::standard();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[kind, key_len, known_len], rest)) = bytes.split_first_chunk::<3>() else {
        return;
    };
    let (key, rest) = rest.split_at(rest.len().min(usize::from(key_len % 32)));
    let (known, text) = rest.split_at(rest.len().min(usize::from(known_len % 64)));
    let detector = DetectorId(u16::from(kind) % Detector::ALL.len() as u16);
    let known = [KnownValue {
        detector,
        text: known,
        outline: ENGINE.with(|engine| engine.outline(detector, known)),
    }];
    let around = Surroundings {
        column: Some(ColumnHint::named(key)),
        key: (kind & 0x80 > 0).then_some(key),
        known: &known,
        ..Surroundings::WHOLE
    };
    ENGINE.with(|engine| {
        let mut findings = Vec::new();
        engine.inspect(text, around, &mut findings);
        let utf8 = std::str::from_utf8(text).ok();
        let border = |at| utf8.is_none_or(|text| text.is_char_boundary(at));
        let mut before = 0;
        for finding in &findings {
            assert!(finding.start < finding.end && finding.end <= text.len());
            assert!(finding.end - finding.start <= engine.horizon_bytes());
            assert!(
                border(finding.start) && border(finding.end),
                "a character is split"
            );
            assert!(before <= finding.start, "findings are sorted");
            before = finding.start;
        }
        let column = ColumnHint::named(key);
        let mut watch = ColumnWatch::new(column, engine.prior(column));
        let mut raised = watch.prior();
        for value in text.split(|byte| *byte == b'\n') {
            watch.see(value, &[]);
            assert!(
                raised == Prior::Scan || raised == watch.prior(),
                "a column was lowered"
            );
            raised = watch.prior();
        }
    });
});
