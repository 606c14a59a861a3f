//! Cells that hold a value from its end to its beginning: `4920-77-135`.

use velum_core::inspect::Surroundings;

use crate::catalog::{Detector, Set};
use crate::context::Cues;
use crate::plan::Stops;
use crate::scan::{self, Scan};

/// Longest cell that is read backwards.
const CELL_BYTES: usize = 64;

/// Detectors whose values have a shape that nothing else has, read from either side.
const READ: [Detector; 3] = [Detector::Ssn, Detector::Phone, Detector::Date];

/// Reads a short cell backwards. Only digits with separators count: bare ones read as well
/// from either side.
pub(super) fn find(scan: &mut Scan<'_>) {
    let text = scan.text;
    let whole = scan.around.at_start && scan.around.at_end;
    let digits = text.first().is_some_and(u8::is_ascii_digit)
        && text
            .last()
            .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'(');
    if !whole || text.len() > CELL_BYTES || !digits {
        return;
    }
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b' ' | b'(' | b')');
    if !text.iter().all(is_part) {
        return;
    }
    let separated = text.iter().filter(|byte| !byte.is_ascii_digit()).count() >= 2;
    if !separated || scan.column().has(Cues::QUANTITY) {
        return;
    }
    let mut reversed = [0; CELL_BYTES];
    for (to, from) in reversed.iter_mut().zip(text.iter().rev()) {
        *to = *from;
    }
    let bytes = reversed.get(..text.len()).unwrap_or_default();
    let mut enabled = Set::EMPTY;
    for detector in READ {
        if scan.wants(detector) {
            enabled.insert(detector);
        }
    }
    let first = scan.found().len();
    let around = Surroundings {
        known: &[],
        ..scan.around
    };
    scan::walk(
        &mut Scan::new(bytes, around, enabled, scan.found_mut()),
        Stops::of_view(enabled),
    );
    let out = scan.found_mut();
    let mut kept = first;
    for index in first..out.len() {
        let Some(mut finding) = out.get(index).copied() else {
            break;
        };
        let all = finding.end - finding.start == bytes.len();
        (finding.start, finding.end) = (0, bytes.len());
        if let (true, Some(slot)) = (all, out.get_mut(kept)) {
            *slot = finding;
            kept += 1;
        }
    }
    out.truncate(kept);
}
