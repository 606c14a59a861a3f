//! The number of a house, and whether it is one.

use crate::scan::{Number, Scan};
use crate::text::{ends_escape, run_end, run_start};

pub(super) const NUMBER_DIGITS: usize = 6;
/// Bytes before a number in which the word has to stand that makes it a house's.
const CUE_BYTES: usize = 28;

/// One past the house's number (`12`, `12B`, `12-14`, `12 1/2`), if a blank follows.
pub(super) fn end(scan: &Scan<'_>, number: &Number) -> Option<usize> {
    let mut end = number.end;
    if scan.digit_then(end, b'-') {
        end = run_end(scan.text, end + 1, NUMBER_DIGITS, |byte| {
            byte.is_ascii_digit()
        });
    } else if scan.byte(end) == Some(b'-')
        && scan
            .byte(end + 1)
            .is_some_and(|byte| byte.is_ascii_uppercase())
        && scan.byte(end + 2) == Some(b' ')
    {
        end += 2;
    } else if scan
        .byte(end)
        .is_some_and(|byte| byte.is_ascii_alphabetic())
    {
        end += 1;
    }
    if scan.slice(end, end + 4) == b" 1/2" {
        end += 4;
    }
    let joined = match scan.byte_before(number.start, 1) {
        Some(b'.' | b'/' | b'$' | b'%' | b'^') => true,
        // `10:30`
        Some(b':' | b',') => scan
            .byte_before(number.start, 2)
            .is_some_and(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    let padded = scan.byte(number.start) == Some(b'0');
    (!joined && !padded && scan.byte(end) == Some(b' ')).then_some(end)
}

/// Whether the number may be a time of day: `1430`.
pub(super) fn is_time(scan: &Scan<'_>, number: &Number) -> bool {
    match scan.slice(number.start, number.end) {
        [a, b, c, d] => {
            let two = |a: &u8, b: &u8| (a - b'0') * 10 + (b - b'0');
            two(a, b) < 24 && two(c, d) < 60
        }
        _ => false,
    }
}

/// Whether the words before `at` say that an address follows: `lives at `, `Address: `.
pub(super) fn is_announced(scan: &Scan<'_>, at: usize) -> bool {
    const CUES: &[&[u8]] = &[
        b"address",
        b"addr",
        b"residence",
        b"resident at",
        b"lives at",
        b"living at",
        b"lived at",
        b"live at",
        b"resides at",
        b"residing at",
        b"resided at",
        b"reside at",
        b"located at",
        b"home at",
        b"house at",
        b"stays at",
        b"staying at",
        b"stay at",
        b"moved to",
        b"mail to",
        b"residence at",
        b"address is",
        b"address of",
        b"apartment at",
        b"property at",
        b"mailing",
        b"domicile",
        b"delivered to",
        b"ship to",
        b"bill to",
        b"domiciled at",
    ];
    let window = scan.slice(at.saturating_sub(CUE_BYTES), at);
    let joint = |byte: u8| matches!(byte, b' ' | b':' | b'-' | b'=' | b'"' | b'#' | b'\t' | b'(');
    let end = run_start(window, window.len(), 4, joint);
    let said = window.get(..end).unwrap_or_default();
    if end == window.len() || !said.last().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let last = said.last().map(u8::to_ascii_lowercase);
    let mut cues = CUES.iter().filter(|cue| cue.last().copied() == last);
    cues.any(|cue| {
        let (before, tail) = said.split_at(said.len().saturating_sub(cue.len()));
        let begins = !before.last().is_some_and(u8::is_ascii_alphanumeric)
            || ends_escape(before, before.len());
        tail.eq_ignore_ascii_case(cue) && begins
    })
}
