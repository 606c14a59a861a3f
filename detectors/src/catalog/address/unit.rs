//! Parts of a house: `, Apt. 4B`, ` #12`, ` Bldg 5 Unit C`, `, 3rd Floor`.

use super::words::{self, Case};
use crate::lookup::WordSet;
use crate::scan::Scan;
use crate::text::{behind_escape, ends_word, run_end, run_start, starts_word};

/// Units of one address.
const UNITS_IN_A_ROW: usize = 3;
const VALUE_BYTES: usize = 8;

/// Parts of a house that have a number or a letter (USPS Publication 28, appendix C2).
static UNITS: WordSet = WordSet::of(&[
    b"apt",
    b"apartment",
    b"suite",
    b"ste",
    b"unit",
    b"fl",
    b"floor",
    b"flr",
    b"rm",
    b"room",
    b"bldg",
    b"building",
    b"lot",
    b"#",
    b"no",
    b"spc",
    b"space",
    b"trlr",
    b"trailer",
    b"slip",
    b"dept",
    b"department",
    b"ph",
    b"penthouse",
    b"hngr",
    b"hangar",
    b"pier",
    b"stop",
    b"tower",
    b"box",
    b"unt",
    b"apmt",
]);
/// Those that have none.
static ALONE: WordSet = WordSet::of(&[
    b"bsmt",
    b"basement",
    b"frnt",
    b"rear",
    b"lowr",
    b"uppr",
    b"upstairs",
    b"downstairs",
    b"penthouse",
]);

/// One past the units behind a street; `end` if there are none.
pub(super) fn end(scan: &Scan<'_>, end: usize) -> usize {
    let mut at = end;
    for _ in 0..UNITS_IN_A_ROW {
        match one(scan, at) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

fn one(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let at = separated(scan, end)?;
    if scan.byte(at) == Some(b'#') {
        return value_end(scan, at + 1);
    }
    let word = words::word_at(scan, at)?;
    if word.case == Case::Ordinal {
        let floor = words::next(scan, word.end)?;
        return floor.is(&[b"floor", b"fl", b"flr"]).then_some(floor.end);
    }
    if UNITS.has(word.text)
        && let Some(end) = value_end(scan, word.dotted)
    {
        return Some(end);
    }
    (word.is_capital() && word.is_in(&ALONE)).then_some(word.end)
}

/// Where the unit's word begins: behind a comma, a blank, or on the next line.
fn separated(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let dot = end + usize::from(scan.byte(end) == Some(b'.'));
    let comma = run_end(scan.text, dot, 3, |byte| matches!(byte, b' ' | b','));
    let at = super::city::behind_line(scan, comma);
    (at > dot).then_some(at)
}

/// One past the number or the letter of a unit whose word ends at `at`.
fn value_end(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let value = run_end(scan.text, at, 3, |byte| matches!(byte, b' ' | b'#'));
    let last = run_end(scan.text, value, VALUE_BYTES, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'-'
    });
    let text = scan.slice(value, last);
    let numbered = text.iter().any(u8::is_ascii_digit);
    let lettered = text.len() == 1 && value > at;
    (ends_word(scan.text, last) && (numbered || lettered)).then_some(last)
}

/// The first byte of a unit before the house's number: `Apt 4B, 12 Oak Street`.
pub(super) fn start(scan: &Scan<'_>, house: usize) -> usize {
    let comma = run_start(scan.text, house, 2, |byte| matches!(byte, b' ' | b','));
    let value = run_start(scan.text, comma, VALUE_BYTES, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'-'
    });
    let text = scan.slice(value, comma);
    let numbered = text.iter().any(u8::is_ascii_digit) || text.len() == 1;
    if comma == house || !scan.slice(comma, house).contains(&b',') || !numbered {
        return house;
    }
    let blank = run_start(scan.text, value, 2, |byte| {
        matches!(byte, b' ' | b'.' | b'#')
    });
    let word = run_start(scan.text, blank, words::WORD_BYTES, |byte| {
        byte.is_ascii_alphabetic()
    });
    let word = behind_escape(scan.text, word, blank);
    let named = blank < value && UNITS.has(scan.slice(word, blank));
    // Behind a comma it is the unit of the address before.
    let listed = matches!(scan.byte_before(word, 2), Some(b',' | b'.'));
    let own = !(listed && scan.byte_before(word, 1) == Some(b' '));
    if named && own && starts_word(scan.text, word) {
        word
    } else {
        house
    }
}
