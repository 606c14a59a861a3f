//! Any bytes as content: findings lie in the text, are short enough, and are sorted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::inspect::{Inspect, Surroundings};
use velum_detectors::Detectors;

thread_local! {
    static ENGINE: Detectors = Detectors::standard();
}

fuzz_target!(|text: &[u8]| {
    ENGINE.with(|engine| {
        let mut findings = Vec::new();
        engine.inspect(text, Surroundings::WHOLE, &mut findings);
        let mut before = 0;
        for finding in findings {
            assert!(finding.start < finding.end && finding.end <= text.len());
            assert!(finding.end - finding.start <= engine.horizon_bytes());
            assert!(before <= finding.start, "findings are sorted");
            before = finding.start;
        }
    });
});
