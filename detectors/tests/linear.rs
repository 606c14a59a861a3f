//! Hostile texts cost what their length costs: twice the text is twice the work.
//!
//! The deadline is about a hundred times what an unoptimised build needs. A walk that starts over
//! at every candidate needs a thousand times as long.

use std::time::{Duration, Instant};

use velum_core::inspect::{Inspect, Surroundings};
use velum_detectors::Detectors;

const TEXT_BYTES: usize = 256 * 1024;
const DEADLINE: Duration = Duration::from_secs(5);

/// What hostile texts repeat.
const UNITS: &[&str] = &[
    "http://",
    "www.",
    "=www.",
    "a@",
    "a@b.",
    "@",
    ":",
    "a:",
    "::",
    "1:",
    "1 ",
    "1 A ",
    "1-",
    "1.",
    "+1(",
    "(1)",
    "\nPID|",
    "PID|",
    "|",
    "Name:",
    "name=",
    "name: A ",
    "given\":[\"A\",\"",
    "SSN ",
    "SSN 1 ",
    "12 Oak ",
    "4111 ",
    "ext1",
    "\\u0001",
    "\\n1",
    "é@",
    "xX-1",
    "www.a@1.2://PID|",
    "3/4-",
    "March ",
    "May 4, ",
    "1 May ",
    "ninet",
    "hundred ",
    " dot ",
    "a at b dot com ",
    "A, IL",
    ", ",
    "(01)00844588003288",
    "00:1a:",
    "AC-0",
    "DE02",
    "AA11 ",
    "plate A 1",
    "５",
    "5\u{200b}",
    "\u{200b}",
    "%31",
    "\\u0031",
    "&#49;",
    "AAAAAAAAAAAA",
    "4d4d4d4d",
    "Aa0+Aa0/ ",
    "{\"a\":",
    "{\"name\":\"A\",",
    "[",
    "\"",
    "mrn,dob\n",
    "\n\"",
    "a:b\n",
    "MSH#^~\\&#\r",
    "\rPID#",
];

#[test]
fn floods_are_linear() {
    let detectors = Detectors::standard();
    for unit in UNITS {
        let text = unit.repeat(TEXT_BYTES / unit.len());
        let mut out = Vec::new();
        let started = Instant::now();
        detectors.inspect(text.as_bytes(), Surroundings::WHOLE, &mut out);
        assert!(
            started.elapsed() < DEADLINE,
            "{unit:?} takes {:?}",
            started.elapsed()
        );
        let covered: usize = out.iter().map(|finding| finding.end - finding.start).sum();
        assert!(
            covered <= 8 * text.len(),
            "{unit:?} is reported {covered} bytes over"
        );
    }
}
