//! Street addresses: a house's number, some words and a street's suffix; highways, rural routes and
//! post-office boxes; a city with its state.
//!
//! ```text
//! Apt 2, 1200 N. Mill Creek Rd NE, Bldg 5, Springfield, IL 62704-1234
//! └unit┘ └─┬┘ └──────street──────┘ └unit─┘ └───city, state, ZIP─────┘
//!        house
//! ```
//!
//! A suffix that is a street's and nothing else makes an address of itself; of the others the rest
//! of the address has to be there, or the words that announce one (`lives at`).

use super::Detector;
use crate::context::{self, Cues, WINDOW_BYTES};
use crate::scan::{Number, Scan};
use crate::text::ends_escape;

mod city;
mod house;
mod route;
mod street;
mod suffix;
mod unit;
mod words;

pub(crate) use city::{before_zip, comma};

/// Judges the number as that of a house, a route, or a box.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    if !scan.wants(Detector::Address) || number.len() > house::NUMBER_DIGITS {
        return;
    }
    if let Some(from) = house::end(scan, number)
        && let Some(end) = street::end(scan, number, from)
    {
        let start = unit::start(scan, number.start);
        scan.report(Detector::Address, start, address_end(scan, end));
    }
    if let Some((start, end)) = route::rural(scan, number) {
        scan.report(Detector::Address, start, address_end(scan, end));
    }
    if !may_be_boxed(scan, number) {
        return;
    }
    let label = number.label(scan);
    let lettered = scan
        .byte(number.end)
        .is_some_and(|byte| byte.is_ascii_uppercase());
    let end = number.end + usize::from(lettered);
    if label.cues.has(Cues::PO_BOX) && scan.is_word(number.start, end) {
        scan.report(Detector::Address, label.start, address_end(scan, end));
    }
}

/// Whether the label of a box can stand before the number: every spelling of one has an x, a `POB`
/// or a drawer.
pub(crate) fn may_be_boxed(scan: &Scan<'_>, number: &Number) -> bool {
    if context::follows_number(scan.text, number.start) {
        return false;
    }
    let before = scan.slice(number.start.saturating_sub(WINDOW_BYTES), number.start);
    memchr::memrchr2(b'x', b'X', before).is_some() || ends_in_drawer(before)
}

/// `POB 12`, `P.O. Drawer 12`.
fn ends_in_drawer(before: &[u8]) -> bool {
    let blanks = before.iter().rev();
    let blanks = blanks.take_while(|byte| matches!(byte, b' ' | b'#' | b'.'));
    let said = before
        .get(..before.len() - blanks.count())
        .unwrap_or_default();
    let tails: [&[u8]; 3] = [b"pob", b"o.b", b"drawer"];
    tails.iter().any(|tail| {
        let from = said.len().saturating_sub(tail.len());
        let end = said.get(from..).unwrap_or_default();
        end.eq_ignore_ascii_case(tail)
    })
}

/// One past the units, the city and its state behind a street or a box that ends at `end`.
fn address_end(scan: &Scan<'_>, end: usize) -> usize {
    let end = unit::end(scan, end);
    city::behind(scan, end).map_or(end, |place| place.end)
}

/// Whether nothing that a word could belong to follows: the end, a sign, a line, a unit, digits.
fn closes(scan: &Scan<'_>, end: usize) -> bool {
    let dot = end + usize::from(scan.byte(end) == Some(b'.'));
    match scan.byte(dot) {
        None | Some(b',' | b';' | b')' | b'\n' | b'\r' | b'"' | b'|' | b'<' | b'\t' | b'^') => true,
        Some(b'\\') => ends_escape(scan.text, dot + 2),
        Some(b' ') => {
            let next = scan.byte(dot + 1);
            dot > end || next == Some(b' ') || unit::end(scan, end) > end
        }
        _ => dot > end,
    }
}
