//! Texts with a structure of their own: where a value stands says what it is.
//!
//! ```text
//! {"resourceType":"Patient","name":[{"family":"…"}]}   json: keys and their parents
//! MSH#^~\&#…                                           hl7: other separators than usual
//! mrn,last_name,dob⏎00123456,…                         delimited: a header, then columns
//! MRN: A-1⏎Last name = …                               pairs: a key a line
//! ```
//!
//! Only texts that are whole are read so; a part of one has labels to go by.

use crate::catalog::{Detector, hl7};
use crate::scan::Scan;

mod delimited;
mod display;
mod json;
mod pairs;

/// Finds what the structure of a whole text gives away. `marks`: the text holds a sign that ends
/// a key, a quote, a tab or a line's end; tables and keys have one.
pub(crate) fn find(scan: &mut Scan<'_>, marks: bool) {
    if !(scan.around.at_start && scan.around.at_end) {
        return;
    }
    if let Some(key) = scan.around.key {
        pairs::value_of(scan, key);
    }
    let blanks = scan
        .text
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    match scan.byte(blanks) {
        Some(b'{' | b'[') => json::find(scan, blanks),
        Some(b'M' | b'F' | b'B' | 0x0b) => {
            hl7::message(scan, blanks);
            if marks {
                text(scan);
            }
        }
        Some(_) if marks => text(scan),
        _ => {}
    }
}

fn text(scan: &mut Scan<'_>) {
    if !delimited::find(scan) {
        pairs::find(scan);
    }
}

/// Reports a value that is PHI whole, however long it is.
fn report_whole(scan: &mut Scan<'_>, detector: Detector, start: usize, end: usize) {
    /// Longest piece: findings keep to the engine's horizon.
    const PIECE_BYTES: usize = 1024;
    let mut from = start;
    while from < end {
        let to = crate::text::char_end(scan.text, end.min(from + PIECE_BYTES));
        let to = if to > from {
            to
        } else {
            end.min(from + PIECE_BYTES)
        };
        scan.report(detector, from, to);
        from = to;
    }
}
